package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/nn/fusion"
)

// Every kind of nn/fusion is compared, each once with and once without parts dropped, and every recipe is one that the program takes.
func TestEveryKindIsCompared(t *testing.T) {
	have := map[string]int{}
	for _, a := range arms(true) {
		have[a.Kind]++
	}
	for _, k := range fusion.Kinds {
		if have[string(k)] != 2 {
			t.Errorf("%s is trained %d times", k, have[string(k)])
		}
	}
	if have[""] != 1 || len(have) != len(fusion.Kinds)+1 {
		t.Errorf("arms of %v", have)
	}
	for _, make := range []func(options) (*study, error){phantomStudy, lusStudy} {
		s, err := make(options{out: t.TempDir(), train: 10, val: 5, test: 5, seeds: 1, epochs: 1, lusEpochs: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range arms(s.drop) {
			p, err := learn.DecodePlan(a.Name, []byte(s.recipe(a, 1)))
			if err != nil {
				t.Errorf("%s, %s: %v", s.Name, a.Name, err)
				continue
			}
			if (p.Model.Fusion == nil) != (a.Kind == "") || (len(p.Data.Tabular) == 0) != (a.Kind == "") {
				t.Errorf("%s, %s: fusion %+v of columns %v", s.Name, a.Name, p.Model.Fusion, p.Data.Tabular)
			}
			if f := p.Model.Fusion; f != nil && (f.ImageDrop > 0) != (a.Drop && canDoWithoutPicture(a.Kind) && a.Kind != "table") {
				t.Errorf("%s, %s: pictures dropped %v", s.Name, a.Name, f.ImageDrop)
			}
		}
	}
}

// Pairs by hand: sick 0.9 and 0.5, healthy 0.5 and 0.1: three of four pairs in order, one tied: 3.5/4. With the tied healthy weighed double the
// pairs are six, of which 0.9 wins three and 0.5 one and two halves: 5/6. A row of weight 0 is no row.
func TestWeightedAUROCByHand(t *testing.T) {
	c := newCurve([]float64{0.9, 0.5, 0.5, 0.1})
	sick := []bool{true, true, false, false}
	for _, x := range []struct{ weight, want []float64 }{
		{[]float64{1, 1, 1, 1}, []float64{3.5 / 4}}, {[]float64{1, 1, 2, 1}, []float64{5.0 / 6}}, {[]float64{0, 1, 1, 1}, []float64{0.75}}, {[]float64{1, 1, 0, 1}, []float64{1}},
	} {
		if got := c.auroc(sick, x.weight); math.Abs(got-x.want[0]) > 1e-12 {
			t.Errorf("weights %v: %v, want %v", x.weight, got, x.want[0])
		}
	}
	if !math.IsNaN(c.auroc(sick, []float64{0, 0, 1, 1})) {
		t.Error("an AUROC without sick")
	}
	if got := c.brier(sick, []float64{1, 1, 1, 1}); math.Abs(got-(0.01+0.25+0.25+0.01)/4) > 1e-12 {
		t.Errorf("Brier %v", got)
	}
}

// What the truth allows: both know most; what a modality says is averaged over the other, so that its mean is the outcome's.
func TestOracles(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	efs, ages, sexes := []float64{30, 60, 30, 60}, []int{80, 80, 40, 40}, []string{"F", "M", "M", "F"}
	o := oracles(names, efs, ages, sexes)
	pic, tab, all := o["truth: of the picture"], o["truth: of the table"], o["truth: of both"]
	if pic["a"] != pic["c"] || pic["a"] <= pic["b"] || tab["a"] <= tab["d"] {
		t.Errorf("picture %v, table %v", pic, tab)
	}
	if want := sigmoid(-0.2 + 1.7*(45.0-30)/15 + 0.9*float64(80-62)/15); math.Abs(all["a"]-want) > 1e-12 {
		t.Errorf("both: %v, want %v", all["a"], want)
	}
	if want := (sigmoid(logit(30, 80, "F")) + sigmoid(logit(30, 80, "M")) + sigmoid(logit(30, 40, "M")) + sigmoid(logit(30, 40, "F"))) / 4; math.Abs(pic["a"]-want) > 1e-12 {
		t.Errorf("picture: %v, want %v", pic["a"], want)
	}
}

// made is a study of twelve judged and eight validation rows with three conditions, in which the table tells and the picture does not.
func made() (*study, *scored, *scored) {
	s := &study{Name: "made up", conditions: []condition{{Name: "all"}, {Name: "no table", noTable: true}, {Name: "no picture", noPicture: true}}}
	like := func() *scored {
		return &scored{Patient: map[string]string{}, Truth: map[string]float64{}, Part: map[string]string{}, Fold: map[string]int{}, Score: map[string]map[string]float64{"all": {}, "no table": {}}}
	}
	pic, tab := like(), like()
	tab.Score["no picture"] = map[string]float64{}
	for i := range 20 {
		id := string(rune('a' + i))
		for _, x := range []*scored{pic, tab} {
			x.Patient[id], x.Truth[id], x.Part[id] = id, float64(i%2), "test"
			if i >= 12 {
				x.Part[id] = "val"
			}
		}
		pic.Score["all"][id], pic.Score["no table"][id] = 0.4+0.2*float64(i/2%2), 0.4+0.2*float64(i/2%2)
		tab.Score["all"][id], tab.Score["no picture"][id], tab.Score["no table"][id] = 0.3+0.4*float64(i%2), 0.3+0.4*float64(i%2), 0.5
	}
	return s, pic, tab
}

// Joined after the fact: where one is missing the other answers; stacking learns on validation rows whom to believe.
func TestLateByHand(t *testing.T) {
	s, pic, tab := made()
	average, stacked, err := s.late(context.Background(), pic, tab)
	if err != nil {
		t.Fatal(err)
	}
	if got := average.Score["all"]["b"]; math.Abs(got-(0.4+0.7)/2) > 1e-12 {
		t.Errorf("mean %v", got)
	}
	for _, x := range []*scored{average, stacked} {
		if x.Score["no table"]["b"] != pic.Score["all"]["b"] || x.Score["no picture"]["b"] != tab.Score["all"]["b"] {
			t.Error("what is missing still answers")
		}
	}
	if st := stacked.Score["all"]; !(st["b"] > 0.5 && st["a"] < 0.5 && st["d"] > 0.5) {
		t.Errorf("stacking believes the picture: %v", st)
	}
}

func TestJudgeAndPage(t *testing.T) {
	s, pic, tab := made()
	average, _, err := s.late(context.Background(), pic, tab)
	if err != nil {
		t.Fatal(err)
	}
	o := options{resamples: 50}
	if err := s.judge(context.Background(), o, []string{picture, table, mean}, map[string][]*scored{picture: {pic}, table: {tab}, mean: {average, average}}); err != nil {
		t.Fatal(err)
	}
	if s.N != 12 || s.Events != 6 || len(s.Rows) != 8 { // the picture says nothing where it is missing
		t.Fatalf("%d rows, %d events, %+v", s.N, s.Events, s.Rows)
	}
	for _, r := range s.Rows[:3] {
		switch r.Name {
		case table:
			if r.AUROC.Value != 1 || r.Gain != nil {
				t.Errorf("the better single one %+v", r)
			}
		case picture:
			if r.AUROC.Value != 0.5 || r.Over != table || r.Gain.Value != -0.5 {
				t.Errorf("the other %+v", r)
			}
		default:
			if len(r.Seeds) != 2 || r.Gain.Value != 0 {
				t.Errorf("both %+v", r)
			}
		}
	}
	var text strings.Builder
	s.print(&text)
	path := filepath.Join(t.TempDir(), "page.html")
	if err := writePage(path, []*study{s}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"made up", "no picture", "over table alone", "−0.500"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if !strings.Contains(text.String(), "fusion made up, all: mean of both alone, AUROC | 1.000 | 1.000 (table alone) | +0.000 |") {
		t.Error(text.String())
	}
}

// A small table with and without its values: what is emptied is about a third of the columns that a network may use, and nothing else.
func TestSimulatedTables(t *testing.T) {
	s, err := phantomStudy(options{out: t.TempDir(), train: 12, val: 4, test: 8})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	cells := func(name string) [][]string {
		b, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var out [][]string
		for _, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
			out = append(out, strings.Split(l, ","))
		}
		return out
	}
	whole, holes := cells("index.csv"), cells("index_missing.csv")
	if len(whole) != 25 || len(holes) != 25 || len(s.truth) != 3 || len(s.truth["truth: of both"]) != 24 {
		t.Fatalf("%d and %d lines, oracles %v", len(whole), len(holes), s.truth)
	}
	empty := 0
	for i := range whole {
		for k := range whole[i] {
			switch {
			case holes[i][k] == whole[i][k]:
			case holes[i][k] == "" && k >= 5 && i > 0:
				empty++
			default:
				t.Errorf("line %d, column %d: %q is now %q", i+1, k, whole[i][k], holes[i][k])
			}
		}
	}
	if empty < 15 || empty > 45 {
		t.Errorf("%d of 96 values are missing", empty)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.prepare(ctx); err == nil {
		t.Error("a cancelled simulation goes on")
	} else if fault.CodeOf(err) == fault.Internal && err != context.Canceled {
		t.Logf("cancelled: %v", err)
	}
}
