package video

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// trained is what one training pass leaves: scores, gradients and statistics by name.
func trained(e *torch.Engine, n *Net, x *torch.Tensor, recompute bool, within func(func())) map[string][]float32 {
	s := e.Scope()
	defer s.Close()
	e.ManualSeed(5)
	p := &nn.Pass{E: e, Train: true}
	if recompute {
		p.Recompute()
	}
	var y *torch.Tensor
	within(func() { y = n.Forward(p, x) })
	p.Backward(y.To(torch.Float32).Square().Sum(), within)
	out := map[string][]float32{"scores": y.Float32s()}
	n.Visit("", func(name string, q *nn.Param) {
		switch {
		case q.Int:
			out[name] = []float32{float32(q.T.Item())}
		case q.Buffer:
			out[name] = q.T.Float32s()
		default:
			if g := q.T.Grad(); g != nil {
				out[name] = g.Float32s()
			}
			q.T.SetGrad(nil)
		}
	})
	return out
}

func plainly(run func()) { run() }

// TestRecomputedGradients: a pass that keeps only the inputs of its segments gives the scores, gradients and running statistics of one that
// keeps all, with dropout and with branches left out at random; statistics are learnt once; nothing is left behind.
func TestRecomputedGradients(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, a := range Architectures() {
			if testing.Short() && a.Family != "residual" {
				continue
			}
			in := atLeast(a, 2, 1, 4, 24, 24)
			build := func() *Net {
				n := build(t, Spec{Name: a.Name, Width: 4, Channels: 1, Dropout: 0.3, Heads: []Head{{"y", 2}}})
				nn.Materialise(e, n, 1)
				return n
			}
			x := e.Randn(torch.Float32, in...)
			one, other := build(), build()
			want := trained(e, one, x, false, plainly)
			before := e.LiveHandles()
			got := trained(e, other, x, true, plainly)
			if left := e.LiveHandles() - before; left != 0 {
				t.Errorf("%s: %d handles are left", a.Name, left)
			}
			compareTrained(t, a.Name, got, want)
			nn.Free(one)
			nn.Free(other)
		}
	})
}

func compareTrained(t *testing.T, name string, got, want map[string][]float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", name, len(got), len(want))
	}
	worst, at := 0.0, ""
	for key, w := range want {
		g := got[key]
		if slices.Equal(g, w) {
			continue
		}
		var diff, size float64
		for i := range w {
			if len(g) != len(w) {
				t.Fatalf("%s: %s has %d values, want %d", name, key, len(g), len(w))
			}
			diff, size = math.Max(diff, math.Abs(float64(g[i]-w[i]))), math.Max(size, math.Abs(float64(w[i])))
		}
		if r := diff / math.Max(size, 1e-4); r > worst || r != r {
			worst, at = r, key
		}
	}
	if !(worst <= 1e-4) {
		t.Errorf("%s: %s differs by a share of %.2g", name, at, worst)
	}
}

// TestRecomputedInBfloat16: the second run is in the first one's types.
func TestRecomputedInBfloat16(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, name := range []string{"r3d_18", "resnet18_mean"} {
			x := e.Randn(torch.Float32, 2, 1, 4, 24, 24)
			half := func(run func()) { e.Autocast(torch.BFloat16, run) }
			var all [2]map[string][]float32
			for i := range all {
				n := build(t, Spec{Name: name, Width: 16, Channels: 1, Heads: []Head{{"y", 2}}})
				nn.Materialise(e, n, 1)
				all[i] = trained(e, n, x, i == 1, half)
				nn.Free(n)
			}
			compareTrained(t, name, all[1], all[0])
		}
	})
}

// TestRecomputedMemory: what a pass over the network of the papers' size keeps, by the counts. Shallow networks gain
// least: of r3d_18 the first block is three eighths of everything.
func TestRecomputedMemory(t *testing.T) {
	for _, name := range []string{"r3d_18", "r2plus1d_18", "mvit_v2_s", "videomae_vit_b", "i3d", "s3d", "csn_r50"} {
		a, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		c := nn.Count(build(t, Spec{Name: name, Heads: []Head{{"y", 1}}}), 8, 3, a.Input[0], a.Input[1], a.Input[2])
		t.Logf("%-16s keeps %6.0f MiB of %6.0f", name, float64(4*c.Recomputed())/(1<<20), float64(4*c.Activations)/(1<<20))
		if 10*c.Recomputed() >= 7*c.Activations {
			t.Errorf("%s: recomputing keeps %d of %d values", name, c.Recomputed(), c.Activations)
		}
	}
}
