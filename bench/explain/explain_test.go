package main

import (
	"context"
	"image/color"
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
			if err = drawFigure(filepath.Join(t.TempDir(), "x.png"), few, rows); err != nil {
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
