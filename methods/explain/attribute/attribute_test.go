package attribute

import (
	"context"
	"math"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

func engine(t *testing.T, fn func(e *torch.Engine)) {
	t.Helper()
	err := torch.Run(context.Background(), torch.Config{Threads: 1, Seed: 1}, func(e *torch.Engine) error { return e.Try(func() { fn(e) }) })
	torchtest.Check(t, err)
}

func near(t *testing.T, what string, got *torch.Tensor, want ...float64) {
	t.Helper()
	g := floats(got)
	if len(g) != len(want) {
		t.Fatalf("%s has %d values, want %d", what, len(g), len(want))
	}
	for i := range g {
		if math.Abs(g[i]-want[i]) > 1e-5 {
			t.Errorf("%s = %v, want %v", what, g, want)
			return
		}
	}
}

// hand is score = 2·relu(x₀ − x₁) − relu(x₁ + x₂ − 1): a network small enough for paper.
func hand(e *torch.Engine) Net {
	lin := func(w []float64, b []float64, out, in int64) *nn.Linear {
		return &nn.Linear{Weight: nn.Param{T: e.FromFloat64s(w, out, in)}, Bias: nn.Param{T: e.FromFloat64s(b, out)}}
	}
	c := nn.Sequential(lin([]float64{1, -1, 0, 0, 1, 1}, []float64{0, -1}, 2, 3), nn.ReLU{}, lin([]float64{2, -1}, []float64{0}, 1, 2))
	return Net{E: e, Forward: c.Forward}
}

func TestByHand(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		n, target := hand(e), Target{0}
		x := e.FromFloat64s([]float64{3, 1, 2}, 1, 3) // hidden 2 and 2, score 2
		zero := x.ZerosLike()
		near(t, "gradient", n.Gradient(x, target), 2, -3, -1)
		near(t, "input × gradient", n.InputXGradient(x, target), 6, -3, -2)
		// Only the first unit has a positive gradient: guided 2·(1, −1, 0).
		near(t, "guided backpropagation", n.GuidedBackprop(x, target), 2, -2, 0)
		near(t, "deconvolution", n.Deconvolution(x, target), 2, -2, 0)
		// The second unit wakes at 1/3 of the way from zero: gradient −1 for 2/3 of it.
		ig := n.IntegratedGradients(x, zero, target, 3000, Middle)
		near(t, "integrated gradients", ig.Relevance, 6, -2-2./3, -4./3)
		if math.Abs(ig.Delta[0]) > 1e-2 {
			t.Errorf("completeness error %v", ig.Delta)
		}
		// DeepLIFT: unit 2 goes from relu(−1) = 0 to 2 while its input goes from −1 to 2: multiplier 2/3.
		dl, err := n.DeepLIFT(x, zero, target)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "DeepLIFT", dl.Relevance, 6, -2-2./3, -4./3)
		if math.Abs(dl.Delta[0]) > 1e-12 {
			t.Errorf("DeepLIFT's completeness error %v", dl.Delta)
		}
		// ε-law without ε: unit 1 has relevance 4 = 2·2, inputs (3, −1)/2 of it; unit 2 has −2, inputs (1, 2)/2 of it, bias the rest.
		r, err := n.LRP(x, target, Composite{Dense: Epsilon(1e-12)}, true)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "LRP ε", r.Relevance, 6, -2-1, -2)
		if math.Abs(r.Lost[0]-0.5) > 1e-9 { // 1 of 2 arrives
			t.Errorf("lost %v of the relevance", r.Lost)
		}
		if _, err := n.Rollout(x); fault.CodeOf(err) != fault.Usage {
			t.Errorf("rollout of a network without attention: %v", err)
		}
		if _, err := n.GradCAM(x, target, "nowhere"); fault.CodeOf(err) != fault.Usage {
			t.Errorf("Grad-CAM of no layer: %v", err)
		}
		sg := n.SmoothGrad(x, target, 2, func(i int) *torch.Tensor { return zero.AddScalar(float64(i) * -1.5) })
		// At x − 1.5 the second unit sleeps: gradients (2, −3, −1) and (2, −2, 0).
		near(t, "SmoothGrad", sg.Mean, 2, -2.5, -0.5)
		near(t, "VarGrad", sg.Variance, 0, 0.25, 0.25)
		eg := n.ExpectedGradients(x, zero, target, 3000, func(i int) float64 { return (float64(i) + 0.5) / 3000 })
		near(t, "expected gradients of one reference", eg.Relevance, 6, -2-2./3, -4./3)
		if e.LiveHandles() > 60 {
			t.Errorf("%d tensors left", e.LiveHandles())
		}
	})
}

func TestQuadrature(t *testing.T) {
	// Two points of Gauss and Legendre on [0, 1]: (1 ± 1/√3)/2, weights 1/2.
	at, w := GaussLegendre.points(2)
	if d := 1 / math.Sqrt(3); math.Abs(at[0]-(1-d)/2) > 1e-14 || math.Abs(at[1]-(1+d)/2) > 1e-14 || math.Abs(w[0]-0.5) > 1e-14 {
		t.Errorf("points %v, weights %v", at, w)
	}
	for k := 1; k < 60; k++ { // exact for polynomials of degree 2k − 1
		at, w := GaussLegendre.points(k)
		sum := 0.0
		for i := range at {
			sum += w[i] * math.Pow(at[i], float64(2*k-1))
		}
		if math.Abs(sum*float64(2*k)-1) > 1e-11 {
			t.Errorf("%d points: ∫x^%d = %v", k, 2*k-1, sum)
		}
	}
}

// A residual network with batch norms: relevance must arrive where laws keep it, and a merged batch norm must change no score.
func TestZoo(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		for _, name := range []string{"r3d_18", "r2plus1d_18", "mc3_18"} {
			net, err := video.New(video.Spec{Name: name, Width: 4, Channels: 1, Heads: []video.Head{{Name: "y", Width: 2}}})
			if err != nil {
				t.Fatal(err)
			}
			nn.Materialise(e, net, 3)
			n := Net{E: e, Forward: net.Forward, Volume: net.Volume}
			x := e.Randn(torch.Float32, 1, 1, 4, 32, 32)
			target := Target{1}
			want := floats(n.plain(x, target))[0]
			for _, rule := range []nn.Rule{&lrp{c: EpsilonPlus()}, clamped{guided: true}} {
				if got := n.Score(n.pass(rule), x, target).Item(); math.Abs(got-want) > 1e-5*math.Max(1, math.Abs(want)) {
					t.Errorf("%s: a rule changed the score from %v to %v", name, want, got)
				}
			}
			r, err := n.LRP(x, target, EpsilonPlusFlat(), false)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range floats(r.Relevance) {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%s: relevance %v", name, v)
				}
			}
			dl, err := n.DeepLIFT(x, x.ZerosLike(), target)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(dl.Delta[0]) > 1e-3 {
				t.Errorf("%s: DeepLIFT is off by %v", name, dl.Delta)
			}
			for _, m := range []func() (*torch.Tensor, error){
				func() (*torch.Tensor, error) { return n.GradCAM(x, target, net.LastStage()) },
				func() (*torch.Tensor, error) { return n.GradCAMPlusPlus(x, target, net.LastStage()) },
				func() (*torch.Tensor, error) { return n.ScoreCAM(x, target, net.LastStage(), 5) },
			} {
				if cam, err := m(); err != nil || cam.Dim() != 5 || cam.Size(1) != 1 {
					t.Errorf("%s: class activation map %v, %v", name, cam, err)
				}
			}
			nn.Free(net)
		}
	})
}

// One attention over three tokens with uniform weights: rollout is half identity, half 1/3.
func TestRollout(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		n := Net{E: e, Forward: func(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
			q := x.Reshape(1, 1, 3, 1)
			return nn.Attend(p, q.ZerosLike().Add(q.MulScalar(0)), q, q, nil, nn.Dropout{}).Reshape(1, 3)
		}}
		x := e.FromFloat64s([]float64{1, 2, 6}, 1, 3)
		r, err := n.Rollout(x)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "rollout", r.Select(1, 0).Contiguous(torch.Contiguous), 4./6, 1./6, 1./6)
		// The output is Σ A·v: its gradient by A's row is v, relevance A ⊙ v.
		a, err := n.AttentionRelevance(x, Target{0})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "attention relevance", a.Select(1, 0).Contiguous(torch.Contiguous), 1./3, 2./3, 2)
		m, err := TokenMap(r, 1, 1, 2)
		if err != nil || m.Size(-1) != 2 {
			t.Errorf("token map %v, %v", m, err)
		}
		if _, err := TokenMap(r, 1, 2, 3); err == nil {
			t.Error("three tokens became six positions")
		}
		if _, err := n.LRP(x, Target{0}, EpsilonPlus(), false); fault.CodeOf(err) != fault.Usage {
			t.Errorf("LRP of attention: %v", err)
		}
	})
}
