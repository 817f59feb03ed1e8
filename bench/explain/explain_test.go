package main

import (
	"context"
	"image/color"
	"math"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

func TestJudge(t *testing.T) {
	stages := func(v ...float64) (out []likeness) {
		for _, x := range v {
			out = append(out, likeness{Abs: x})
		}
		return out
	}
	for _, c := range []struct {
		name             string
		gradient, guided []float64
		kept             bool
	}{
		{"the paper's", []float64{.601, .396, .106, .082}, []float64{.888, .773, .628, .444}, true},
		{"the last stage is not asked", []float64{.1, .1, .1, .1}, []float64{.5, .5, .5, .1}, true},
		{"too near at the second", []float64{.1, .4, .1, .1}, []float64{.5, .6, .5, .1}, false},
		{"the gradient stays", []float64{.1, .1, .1, .25}, []float64{.5, .5, .5, .9}, false},
	} {
		got := cascading{Rows: []row{{"gradient", stages(c.gradient...)}, {"guided backprop", stages(c.guided...)}}}
		if got.judge(); got.Kept != c.kept {
			t.Errorf("%s: kept %v", c.name, got.Kept)
		}
	}
	none := cascading{}
	if none.judge(); none.Kept {
		t.Error("an empty table keeps the ordering")
	}
}

func TestCompare(t *testing.T) {
	a, flat := explain.NewMap(1, side, side), explain.NewMap(1, side, side)
	for i := range a.Values {
		a.Values[i] = float32(i - 300)
	}
	l, err := compare([]*explain.Map{a, a}, []*explain.Map{a, flat})
	if err != nil || l.Abs != 1 || l.Signed != 1 || l.SSIM < 0.999 || l.Blank != 1 {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestShade(t *testing.T) {
	if shade(1, false) != (color.RGBA{255, 255, 255, 255}) || shade(0, true) != (color.RGBA{255, 255, 255, 255}) ||
		shade(-1, true) != (color.RGBA{0, 0, 255, 255}) || shade(1, true) != (color.RGBA{255, 0, 0, 255}) {
		t.Error("colours")
	}
}

// A tiny network learns by heart, is randomised layer by layer, and every method draws it.
func TestAllMethodsOnATinyNetwork(t *testing.T) {
	d := images{label: make([]int64, 100)}
	rng := stats.Seed(1).Stream("x")
	for i := range d.label {
		d.label[i] = int64(i % 2)
		for p := range pixels {
			v := float32(rng.Float64() * 0.3)
			if p/side < side/2 == (i%2 == 0) {
				v += 0.5
			}
			d.pixels = append(d.pixels, v)
		}
	}
	err := torch.Run(context.Background(), torch.Config{Threads: 1, Seed: 1}, func(e *torch.Engine) error {
		var err error
		tryErr := e.Try(func() {
			net, control := newNet(e, 2, 1), newNet(e, 2, 2)
			defer nn.Free(net)
			defer nn.Free(control)
			if _, right := train(e, net, d, 40, 1e-3, 0.95, 1, func(string) {}); right < 0.95 {
				t.Errorf("%.2f learnt", right)
			}
			few := d.first(4)
			var rows []labelled
			if rows, err = compareNets(e, net, net, few, 2, func(string) {}); err != nil {
				return
			}
			for _, r := range rows {
				if r.Blank < 4 && (r.Abs < 0.999 || r.SSIM < 0.999) {
					t.Errorf("%s: a network is not like itself: %+v", r.Method, r.likeness)
				}
			}
			if err = labelFigure(few, rows).draw(filepath.Join(t.TempDir(), "x.png")); err != nil {
				return
			}
			var c cascading
			if c, err = cascade(e, net, control, few, func(string) {}); err != nil {
				return
			}
			if len(c.Rows) != 7 || len(c.Rows[0].Stages) != 4 || len(c.Margin) != 4 {
				t.Errorf("%d methods, %v", len(c.Rows), c.Margin)
			}
		})
		if err == nil {
			err = tryErr
		}
		return err
	})
	if fault.CodeOf(err) == fault.Missing {
		t.Skip("no engine here")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestPairedShares(t *testing.T) {
	// Differences 1, 0, 0, -1, 1: mean 0.2.
	below, lo, hi := pairedShares([]bool{true, true, false, false, true}, []bool{false, true, false, true, false})
	if math.Abs(below-0.2) > 1e-12 || !(lo < 0.2 && hi > 0.2) || math.Abs(lo+hi-0.4) > 1e-12 {
		t.Errorf("%g, %g to %g", below, lo, hi)
	}
}

func TestJudgeViews(t *testing.T) {
	m := func(v ...float32) *explain.Map { return &explain.Map{T: 1, H: 1, W: 4, Values: v} }
	maps := []*explain.Map{m(1, 2, 3, 4), m(1, -2, 3, 4), m(4, 3, 2, 1), m(1, 2, 3, 4), m(2, 1, 3, 4)}
	called := []int64{0, 0, 0, 1, 0}
	right := []bool{true, true, false, true, false}
	row, nearest := judgeViews(maps, called, right, []string{"a", "b", "c", "d", "a"})
	// The first two are each other's nearest (the sign does not count), the third runs against them, the fourth is alone of its name, and the
	// fifth may not be compared with its own patient's first.
	if row.Right != 1 || nearest[0].at != 1 || nearest[1].at != 0 || nearest[3].at != -1 || nearest[4].at != 1 || math.Abs(nearest[4].rank-0.8) > 1e-12 {
		t.Errorf("%+v, %+v", row, nearest)
	}
	if math.Abs(row.Wrong-(-1+0.8)/2) > 1e-12 || row.Tells == nil || *row.Tells != 1 {
		t.Errorf("%+v", row)
	}
	if p := showPairs(nearest, right, 4); len(p) != 1 && p[0] != [2]int{4, 1} {
		t.Errorf("%v", p)
	}
}

// The parts that train more than one network, each as small as can be.
func TestSmallRuns(t *testing.T) {
	d := images{}
	rng := stats.Seed(2).Stream("x")
	for i := range 100 {
		d.label = append(d.label, int64(i%2))
		for p := range pixels {
			v := float32(rng.Float64() * 0.3)
			if p/side < side/2 == (i%2 == 0) {
				v += 0.5
			}
			d.pixels = append(d.pixels, v)
		}
	}
	for _, form := range []string{ownOrder, noise} {
		x, err := emptied(d, form, 1)
		if err != nil || len(x.pixels) != len(d.pixels) || x.pixels[0] == d.pixels[0] && x.pixels[1] == d.pixels[1] {
			t.Errorf("%s: %v", form, err)
		}
	}
	err := torch.Run(context.Background(), torch.Config{Threads: 1, Seed: 1}, func(e *torch.Engine) (err error) {
		tryErr := e.Try(func() {
			net := newNet(e, 2, 1)
			defer nn.Free(net)
			train(e, net, d, 5, 1e-3, 2, 1, func(string) {})
			var r roar
			if r, err = retrain(e, net, 2, d, d, 2, []float64{0, 0.5}, 1, func(string) {}); err != nil {
				return
			}
			if len(r.Rows) != len(removed) || r.Rows[3].Accuracy[0] != r.Whole {
				t.Errorf("removing nothing changes something: %+v", r)
			}
			var v views
			if v, err = nameViews(e, t.TempDir(), 8, 2, 1, 1, func(string) {}); err != nil {
				return
			}
			if v.Frames != 14 || v.Wrong > 0 && len(v.Rows) != len(viewMethods) {
				t.Errorf("%+v", v)
			}
		})
		if err == nil {
			err = tryErr
		}
		return err
	})
	if fault.CodeOf(err) == fault.Missing {
		t.Skip("no engine here")
	}
	if err != nil {
		t.Fatal(err)
	}
}
