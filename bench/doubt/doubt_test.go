package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/stats"
)

func grey(t, h, w int) *clip.Clip {
	c := clip.New(clip.Uint8, t, h, w, 1)
	for i := range c.Data {
		c.Data[i] = byte(10 + i%200)
	}
	return c
}

func TestChanges(t *testing.T) {
	rng := stats.Seed(1).Stream("test")
	c := grey(8, 4, 4)
	cover(c, rng)
	if c.Data[0] != 0 || c.Data[1] != 0 || c.Data[2] == 0 || c.Data[5*16+4] != 0 {
		t.Error("the left half is to be blank")
	}
	c = grey(8, 4, 4)
	second := append([]byte{}, c.Data[16:32]...)
	freeze(c, rng)
	for f, want := range map[int][]byte{1: second, 2: second, 3: second, 4: make([]byte, 16), 7: make([]byte, 16)} {
		if string(c.Data[f*16:f*16+16]) != string(want) {
			t.Errorf("frame %d", f)
		}
	}
	c = grey(1, 4, 4)
	otherDevice(c, rng)
	if c.Data[0] != c.Data[1] || c.Data[0] != c.Data[5] || c.Data[0] == c.Data[2] {
		t.Error("speckle twice as coarse")
	}
	c = grey(8, 8, 8)
	before := append([]byte{}, c.Data...)
	addNoise(c, rng)
	changed := 0
	for i := range before {
		if before[i] != c.Data[i] {
			changed++
		}
	}
	if changed < len(before)/2 {
		t.Errorf("noise changed %d of %d", changed, len(before))
	}
}

func TestSimulatedTable(t *testing.T) {
	dir := t.TempDir()
	if err := simulate(dir, options{patients: 5}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "index.csv"))
	if err != nil {
		t.Fatal(err)
	}
	// 15 usual clips; two test patients with four changed clips and two unseen views each.
	text := string(b)
	if n := strings.Count(text, "\n") - 1; n != 15+2*6 {
		t.Errorf("%d rows:\n%s", n, text)
	}
	if strings.Count(text, ",train,in,") != 6 || strings.Count(text, ",val,in,") != 3 || strings.Count(text, ",test,in,") != 6 || strings.Count(text, "unseen view: PLAX") != 2 {
		t.Errorf("parts:\n%s", text)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.npy"))
	if len(files) != 27 {
		t.Errorf("%d clips: names collide", len(files))
	}
}

func TestDoubtPage(t *testing.T) {
	s := study{Name: "phantom", About: "made up", Scores: []string{"knn"}, In: 3, Lines: []kindLine{{Kind: "unseen", N: 2, AUROC: []float64{0.75}, FPR95: []float64{0.5}}},
		Best: "knn", Least: 0.75, Doubts: json.RawMessage(`{"split":"x","targets":{},"notes":["a note"]}`)}
	path := filepath.Join(t.TempDir(), "page.html")
	if err := writePage(path, []study{s}); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(path)
	for _, want := range []string{"unseen", "0.750", "a note"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	var text strings.Builder
	s.print(&text)
	if !strings.Contains(text.String(), "best score over all kinds: knn, at least 0.750") {
		t.Error(text.String())
	}
}

func TestRankedAsTheRuleDoes(t *testing.T) {
	names := []string{"softmax", "mahalanobis", "texture"}
	val := [][]float64{{9, 1, 4}, {9, 2, 3}, {9, 3, 2}, {9, 4, 1}}
	got := ranked(names, val, [][]float64{{0, 0, 0}, {99, 2.5, 2.5}, {0, 9, 0}, {0, 0, 9}})
	// Larger ranks of the four are 7/8, 5/8, 5/8, 7/8; the second item's are 1/2 twice, below all.
	for i, want := range []float64{0, 0, 1, 1} {
		if got[i] != want {
			t.Errorf("item %d: %v, want %v", i, got[i], want)
		}
	}
	if v := shareAbove([]float64{0.9, 0.95, 0.96, 1}, 0.95); v != 0.5 {
		t.Errorf("%v above", v)
	}
}

// Two sexes of which one is twice as spread: with one threshold it falls short in most divisions, with thresholds of subgroups in few.
func TestDivisions(t *testing.T) {
	h := &heldOut{groups: map[string][]string{}}
	rng := stats.Seed(7).Stream("divisions")
	for p := range 300 {
		for range 2 {
			sex := p % 2
			h.patient = append(h.patient, string(rune('a'+p%26))+string(rune('a'+p/26)))
			h.groups["sex"] = append(h.groups["sex"], []string{"F", "M"}[sex])
			h.numbers.Value, h.numbers.Std = append(h.numbers.Value, 0), append(h.numbers.Std, 1)
			h.numbers.Truth = append(h.numbers.Truth, rng.NormFloat64()*float64(1+sex))
		}
	}
	d, err := h.divide("made up", 20)
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]divisionLine{}
	for _, l := range d.Lines {
		of[l.Group+", "+l.Way] = l
	}
	if len(of) != 8 || of["sex = M, one for all"].Missed < 0.5 || of["sex = M, own"].Missed > 0.3 || of["sex = M, each group's"].Missed > 0.3 ||
		of["sex = M, each group's"].Coverage < 0.88 || of["sex = F, one for all"].Coverage < 0.95 {
		t.Errorf("%+v", of)
	}
	var text strings.Builder
	d.print(&text)
	if rows := d.rows(); len(rows) != 3 || rows[0][0] != "all" || rows[0][2] != "" || !strings.Contains(text.String(), "20 random divisions") {
		t.Errorf("%v\n%s", rows, text.String())
	}
}
