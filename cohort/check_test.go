package cohort

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/stats"
)

// scene is a clip of moving blobs that depend on seed, [frames, side, side].
func scene(seed stats.Seed, frames, side int) *clip.Clip {
	rng := seed.Stream("scene")
	type blob struct{ x, y, r, v, a float64 }
	var blobs []blob
	for range 12 {
		blobs = append(blobs, blob{rng.Float64(), rng.Float64(), 0.05 + 0.15*rng.Float64(), rng.NormFloat64() * 0.1, 30 + 60*rng.Float64()})
	}
	c := clip.New(clip.Uint8, frames, side, side, 1)
	for t := range frames {
		for y := range side {
			for x := range side {
				v := 20.0
				for _, b := range blobs {
					dx, dy := float64(x)/float64(side)-b.x-b.v*float64(t)/float64(frames), float64(y)/float64(side)-b.y
					v += b.a * math.Exp(-(dx*dx+dy*dy)/(2*b.r*b.r))
				}
				c.Data[(t*side+y)*side+x] = byte(math.Min(200, v))
			}
		}
	}
	return c
}

// saved makes a cohort of the clips, one a patient unless patients says otherwise; columns are cells beside "file" and "patient".
func saved(t *testing.T, clips []*clip.Clip, spec Spec, header string, cells func(i int) string) *Cohort {
	t.Helper()
	dir := t.TempDir()
	table := "file,patient" + header + "\n"
	for i, c := range clips {
		name := fmt.Sprintf("c%03d.npy", i)
		if c == nil {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("\x93NUMPY\x01\x00no"), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if err := clip.Save(filepath.Join(dir, name), c); err != nil {
			t.Fatal(err)
		}
		table += name + "," + cells(i) + "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "t.csv"), []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	spec.Root, spec.Table, spec.File, spec.Patient = dir, "t.csv", "{file}", "patient"
	c, err := Load(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// changed is a copy whose samples went through f.
func changed(c *clip.Clip, f func(v float64, i int) float64) *clip.Clip {
	d := clip.New(c.DType, c.T, c.H, c.W, c.C)
	for i, v := range c.Data {
		d.Data[i] = byte(math.Max(0, math.Min(255, f(float64(v), i))))
	}
	return d
}

// halved is every second pixel of every second row.
func halved(c *clip.Clip) *clip.Clip {
	d := clip.New(c.DType, c.T, c.H/2, c.W/2, 1)
	for t := range c.T {
		for y := range d.H {
			for x := range d.W {
				d.Data[(t*d.H+y)*d.W+x] = c.Data[(t*c.H+2*y)*c.W+2*x]
			}
		}
	}
	return d
}

// TestDuplicates: the same picture is found whether copied, scaled, brightened or made noisy; other pictures are not taken for it, nor
// those of one patient.
func TestDuplicates(t *testing.T) {
	a := scene(1, 6, 96)
	rng := stats.Seed(5).Stream("noise")
	clips := []*clip.Clip{a, a, halved(a), changed(a, func(v float64, _ int) float64 { return 1.2*v + 10 }),
		changed(a, func(v float64, _ int) float64 { return v + 6*rng.NormFloat64() }), halved(scene(2, 6, 96)), scene(3, 6, 96), scene(4, 6, 96), nil}
	c := saved(t, clips, Spec{}, ",part", func(i int) string {
		if i > 4 {
			return fmt.Sprintf("p%d,val", i)
		}
		return fmt.Sprintf("p%d,%s", i, []string{"train", "test"}[i%2])
	})
	facts, err := c.Inspect(context.Background(), InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if facts[8].Unreadable == "" || strings.Contains(facts[8].Unreadable, c.Spec.Root) {
		t.Errorf("a broken file: %q", facts[8].Unreadable)
	}
	pairs, err := c.Duplicates(context.Background(), facts)
	if err != nil {
		t.Fatal(err)
	}
	got := map[[2]int]bool{}
	for _, d := range pairs {
		got[d.Rows] = true
		if d.Exact != (d.Rows == [2]int{0, 1}) || !d.Patients || d.Likeness < nearLikeness {
			t.Errorf("%+v", d)
		}
	}
	for i := range 5 {
		for j := i + 1; j < 5; j++ {
			if !got[[2]int{i, j}] {
				t.Errorf("clips %d and %d show the same", i, j)
			}
			delete(got, [2]int{i, j})
		}
	}
	if len(got) > 0 {
		t.Errorf("different clips are called the same: %v", got)
	}
	s, err := c.Split(SplitSpec{Name: "given", By: ByColumn, Column: "part"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range Crossing(pairs, s) {
		if d.Rows[0]%2 == d.Rows[1]%2 || d.Parts == "" {
			t.Errorf("no crossing: %+v", d)
		}
	}
	if n := len(Crossing(pairs, s)); n != 6 { // 2 odd times 3 even ones
		t.Errorf("%d crossing pairs, want 6", n)
	}
	one := saved(t, clips[2:5], Spec{}, "", func(int) string { return "the same" })
	facts, _ = one.Inspect(context.Background(), InspectOptions{})
	if pairs, _ := one.Duplicates(context.Background(), facts); len(pairs) != 0 {
		t.Errorf("clips of one patient: %+v", pairs)
	}
}

// TestQuality: each fault raises its own doubt and the sound clips none.
func TestQuality(t *testing.T) {
	var clips []*clip.Clip
	for i := range 24 {
		clips = append(clips, scene(stats.Seed(10+i), 20, 64))
	}
	black := clip.New(clip.Uint8, 20, 64, 64, 1)
	frozen := scene(99, 20, 64)
	for i := 1; i < 20; i++ {
		copy(frozen.Frame(i), frozen.Frame(0))
	}
	bright := changed(scene(98, 20, 64), func(v float64, i int) float64 {
		if i%64 < 20 {
			return 255
		}
		return v
	})
	tall := scene(97, 20, 64)
	wide := clip.New(clip.Uint8, 20, 640, 64, 1)
	for i := range wide.Data {
		wide.Data[i] = tall.Data[i%len(tall.Data)]
	}
	clips = append(clips, black, frozen, bright, wide, scene(96, 1, 64), nil)
	want := map[int]string{24: "blank", 25: "frozen", 26: "saturated", 27: "unlike the others: height", 28: "too few frames", 29: "unreadable"}
	c := saved(t, clips, Spec{}, "", func(i int) string { return fmt.Sprint("p", i) })
	facts, err := c.Inspect(context.Background(), InspectOptions{Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range Quality(facts, QualityLimits{Outlier: 12}) {
		var rules []string
		for _, d := range v.Doubts {
			rules = append(rules, d.Rule)
		}
		if rule := want[i]; rule != "" && !slices.Contains(rules, rule) || rule == "" && len(rules) > 0 {
			t.Errorf("clip %d: %v, want %q", i, v.Doubts, rule)
		}
		if v.Reject != (i == 24 || i == 29) {
			t.Errorf("clip %d: rejected %v", i, v.Reject)
		}
	}
	if irregular([]float64{0, 10, 20, 50, 60}) != 2 || irregular([]float64{0, 10}) != 0 {
		t.Error("a gap of 30 ms among 10 ms is 2 too long")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Inspect(ctx, InspectOptions{}); err == nil {
		t.Error("a cancelled look returned")
	}
}

// fieldCohort has rows whose label the site gives away with the given certainty; room and reading say nothing.
func fieldCohort(seed stats.Seed, n int, certainty float64) *Cohort {
	rng := seed.Stream("fields")
	c := &Cohort{Columns: []string{"ill", "site", "room", "reading", "key", "one"}, Spec: Spec{Targets: []TargetSpec{{Name: "ill", Kind: Binary, Column: "ill"}}}}
	for i := range n {
		ill := rng.IntN(2)
		site := rng.IntN(2)
		if rng.Float64() < certainty {
			site = ill
		}
		c.Rows = append(c.Rows, Row{ID: fmt.Sprint(i), Patient: fmt.Sprint(i / 2), Truth: map[string][]float64{"ill": {float64(ill)}}, Columns: []string{
			fmt.Sprint(ill), string(rune('A' + site)), fmt.Sprint(rng.IntN(4)), fmt.Sprint(rng.NormFloat64()), fmt.Sprint("k", i), "x"}})
	}
	return c
}

// TestShortcuts: a field that gives the label away is named first with its area; at certainty q the area of the site is (1 + q)/2.
func TestShortcuts(t *testing.T) {
	c := fieldCohort(1, 400, 0.6)
	found := c.Shortcuts(nil, 1)
	if len(found) != 3 { // site, room, reading; not the key, nor the field of one value
		t.Fatalf("%d fields: %+v", len(found), found)
	}
	top := found[0]
	if top.Field != "site" || !top.Predicts || !top.Strong || math.Abs(top.AUROC-0.8) > 0.05 || top.Low > 0.8 || top.High < 0.8 || top.Known != 400 {
		t.Errorf("%+v", top)
	}
	if len(top.PerValue) != 2 || math.Abs(top.PerValue[0].Positive+top.PerValue[1].Positive-1) > 0.1 {
		t.Errorf("shares %+v", top.PerValue)
	}
}

// TestShortcutsStaySilent: with nothing to find, at most 5 % of cohorts have a field that is said to predict.
func TestShortcutsStaySilent(t *testing.T) {
	alarms := 0
	for seed := range stats.Seed(60) {
		for _, s := range fieldCohort(100+seed, 60, 0).Shortcuts(nil, seed) {
			if s.Predicts {
				alarms++
				break
			}
		}
	}
	if alarms > 5 { // of 60 at 5 %: more than 5 has a chance of 8 %, and the seeds are fixed
		t.Errorf("%d false alarms in 60 cohorts", alarms)
	}
}

// TestLungShortcut: on the lung clips the source of the clip is named.
func TestLungShortcut(t *testing.T) {
	root := testdata.Shared(t, "data", "imaging", "lus")
	c, err := Load(context.Background(), Spec{Root: root, Table: "index.csv", File: "clips/{clip}", Patient: "group",
		Targets: []TargetSpec{{Name: "diseased", Kind: Binary, Column: "label", Positive: "covid|bacterial|viral"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Shortcuts(nil, 1) {
		if s.Field == "source_id" && s.Predicts && s.Strong {
			return
		}
	}
	t.Error("the source is not named")
}
