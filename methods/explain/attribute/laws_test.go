package attribute

import (
	"fmt"
	"math"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// dense is a linear layer of these weights.
func dense(e *torch.Engine, out, in int64, w, b []float64) *nn.Linear {
	return &nn.Linear{Weight: nn.Param{T: e.FromFloat64s(w, out, in)}, Bias: nn.Param{T: e.FromFloat64s(b, out)}}
}

// oneLayer is a linear network of one output: score = w·x + b.
func oneLayer(e *torch.Engine, w []float64, b float64) Net {
	c := nn.Sequential(dense(e, 1, int64(len(w)), w, []float64{b}))
	return Net{E: e, Forward: c.Forward}
}

// Every law on one layer z = 3·2 − 1·4 + 2·(−1) + 1·0.5 (+ bias), worked out on paper. The relevance handed down starts at 1.
func TestLawsOnOneLayer(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		x := e.FromFloat64s([]float64{2, 4, -1, 0.5}, 1, 4)
		w := []float64{3, -1, 2, 1}
		// Contributions 6, −4, −2, 0.5: sum 0.5; positive ones 6.5, negative ones −6.
		for _, c := range []struct {
			name string
			law  Law
			bias float64
			want []float64
		}{
			{"ε without ε", Epsilon(1e-12), 0, []float64{12, -8, -4, 1}},
			{"ε of 0.5", Epsilon(0.5), 0, []float64{6, -4, -2, 0.5}},
			{"ε with a bias of 1.5", Epsilon(1e-12), 1.5, []float64{3, -2, -1, 0.25}},
			{"z⁺", ZPlus, 0, []float64{6 / 6.5, 0, 0, 0.5 / 6.5}},
			{"z⁺ with a bias of 1.5", ZPlus, 1.5, []float64{6. / 8, 0, 0, 0.5 / 8}},
			{"α2β1", AlphaBeta(2, 1), 0, []float64{12 / 6.5, -4. / 6, -2. / 6, 1 / 6.5}},
			{"α1β0", AlphaBeta(1, 0), 0, []float64{6 / 6.5, 0, 0, 0.5 / 6.5}},
			{"γ of 0", Gamma(0), 0, []float64{6 / (0.5 + 1e-6), -4 / (0.5 + 1e-6), -2 / (0.5 + 1e-6), 0.5 / (0.5 + 1e-6)}}, // its ε is 1e-6
			// Positive outputs: contributions of positive x·w⁺ and negative x·w⁻ count twice: 12, −4, −2, 1 → 7.
			{"γ of 1", Gamma(1), 0, []float64{12. / 7, -4. / 7, -2. / 7, 1. / 7}},
			{"simple γ of 1", GammaSimple(1), 0, []float64{12. / 5, -4. / 5, -4. / 5, 1. / 5}},
			{"simple z⁺", ZPlusSimple, 0, []float64{6 / 4.5, 0, -2 / 4.5, 0.5 / 4.5}},
			{"flat", Flat, 0, []float64{0.25, 0.25, 0.25, 0.25}},
			// Box of −2…5: x·w − (−2)·w⁺ − 5·w⁻: 6+6, −4+5, −2+4, 0.5+2 of 0.5+12+5 = 17.5.
			{"box", Box(-2, 5), 0, []float64{12 / 17.5, 1 / 17.5, 2 / 17.5, 2.5 / 17.5}},
		} {
			r, err := oneLayer(e, w, c.bias).LRP(x, Target{0}, Composite{Dense: c.law}, false)
			if err != nil {
				t.Fatal(err)
			}
			near(t, c.name, r.Relevance, c.want...)
			sum := 0.0
			for _, v := range c.want {
				sum += v
			}
			if math.Abs(r.Lost[0]-(1-sum)) > 1e-5 {
				t.Errorf("%s: lost %g, want %g", c.name, r.Lost[0], 1-sum)
			}
		}
		// From the score, relevance is scaled by it.
		r, err := oneLayer(e, w, 0).LRP(x, Target{0}, Composite{Dense: Epsilon(1e-12)}, true)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "from the score", r.Relevance, 6, -4, -2, 0.5)
	})
}

// The first layer's own law, and laws of convolutions against those of dense layers.
func TestCompositesChoose(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		c := nn.Sequential(dense(e, 2, 2, []float64{1, 1, 1, -1}, []float64{0, 0}), nn.ReLU{}, dense(e, 1, 2, []float64{1, 1}, []float64{0}))
		n := Net{E: e, Forward: c.Forward}
		x := e.FromFloat64s([]float64{3, 1}, 1, 2) // hidden 4 and 2, score 6
		r, err := n.LRP(x, Target{0}, Composite{Dense: Epsilon(1e-12), First: Flat}, true)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "flat first layer", r.Relevance, 3, 3)
		if r, err = n.LRP(x, Target{0}, Composite{Dense: Epsilon(1e-12), First: Flat, FirstConv: true}, true); err != nil {
			t.Fatal(err)
		}
		near(t, "flat only where the first is a convolution", r.Relevance, 6, 0)
		conv := nn.NewConv(1, 1, []int64{1, 2}, []int64{1, 1}, []int64{0, 0})
		conv.Weight.T = e.FromFloat64s([]float64{2, 1}, 1, 1, 1, 2)
		conv.Bias = nil
		k := nn.Sequential(conv, flat{})
		n = Net{E: e, Forward: k.Forward}
		x = e.FromFloat64s([]float64{3, 1}, 1, 1, 1, 2) // 6 + 1
		if r, err = n.LRP(x, Target{0}, Composite{Conv: Epsilon(1e-12), Dense: Flat}, true); err != nil {
			t.Fatal(err)
		}
		near(t, "a convolution by its own law", r.Relevance, 6, 1)
		if r, err = n.LRP(x, Target{0}, Composite{Conv: Epsilon(1e-12), Dense: Epsilon(1), First: Flat, FirstConv: true}, true); err != nil {
			t.Fatal(err)
		}
		near(t, "flat first convolution", r.Relevance, 3.5, 3.5)
	})
}

// flat is [N, …] to [N, features].
type flat struct{}

func (flat) Visit(string, func(string, *nn.Param))             {}
func (flat) Forward(_ *nn.Pass, x *torch.Tensor) *torch.Tensor { return x.Flatten(1, -1) }
func (flat) Cost(in []int64) ([]int64, nn.Cost)                { return in, nn.Cost{} }

// A batch norm behind a convolution is merged: relevance is that of the convolution with the merged weights.
func TestBatchNormIsMerged(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		conv := nn.NewConv(2, 3, []int64{3, 3}, []int64{1, 1}, []int64{1, 1})
		conv.Weight.T, conv.Bias = e.Randn(torch.Float64, 3, 2, 3, 3), nil
		norm := nn.NewBatchNorm(3)
		norm.Weight.T, norm.Bias.T = e.FromFloat64s([]float64{0.5, 2, -1}, 3), e.FromFloat64s([]float64{0.1, -0.2, 0.3}, 3)
		norm.Mean.T, norm.Var.T = e.FromFloat64s([]float64{0.2, 0, -0.4}, 3), e.FromFloat64s([]float64{1, 4, 0.25}, 3)
		scale := norm.Weight.T.Div(norm.Var.T.AddScalar(norm.Eps).Sqrt())
		merged := nn.NewConv(2, 3, []int64{3, 3}, []int64{1, 1}, []int64{1, 1})
		merged.Weight.T = conv.Weight.T.Mul(scale.Reshape(3, 1, 1, 1))
		merged.Bias = &nn.Param{T: norm.Bias.T.Sub(norm.Mean.T.Mul(scale))}
		tail := dense(e, 2, 3*16, floats(e.Randn(torch.Float64, 96)), []float64{0.3, -0.1})
		x := e.Randn(torch.Float64, 2, 2, 4, 4)
		target := Target{1, 0}
		for _, law := range []Composite{EpsilonPlus(), EpsilonPlusFlat(), {Conv: AlphaBeta(2, 1), Dense: Epsilon(1e-6)}, {Conv: Gamma(0.25), Dense: Epsilon(1e-6)}} {
			var got [2]Relevances
			for i, net := range []nn.Module{nn.Sequential(conv, norm, nn.ReLU{}, flat{}, tail), nn.Sequential(merged, nn.ReLU{}, flat{}, tail)} {
				n := Net{E: e, Forward: net.Forward}
				var err error
				if got[i], err = n.LRP(x, target, law, false); err != nil {
					t.Fatal(err)
				}
			}
			a, b := floats(got[0].Relevance), floats(got[1].Relevance)
			for i := range a {
				if math.Abs(a[i]-b[i]) > 1e-9*math.Max(1, math.Abs(b[i])) {
					t.Fatalf("position %d: %g merged by the rule, %g by hand", i, a[i], b[i])
				}
			}
		}
	})
}

// Without biases, zero padding or clamps every ε-law hands down all that it gets.
func TestRelevanceIsKept(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		w := func(n int) []float64 { return floats(e.Rand(torch.Float64, int64(n))) } // positive weights and inputs: nothing is divided by nearly 0
		c := nn.Sequential(dense(e, 6, 5, w(30), make([]float64, 6)), nn.ReLU{}, dense(e, 4, 6, w(24), make([]float64, 4)), nn.ReLU{}, dense(e, 2, 4, w(8), make([]float64, 2)))
		n := Net{E: e, Forward: c.Forward}
		x := e.Rand(torch.Float64, 3, 5)
		for name, law := range map[string]Law{"ε": Epsilon(1e-12), "z⁺": ZPlus, "α2β1": AlphaBeta(2, 1), "γ": Gamma(0.5), "simple γ": GammaSimple(0.5), "simple z⁺": ZPlusSimple, "flat": Flat} {
			r, err := n.LRP(x, Target{0, 1, 1}, Composite{Dense: law}, false)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range r.Lost {
				want := 0.0
				if name == "α2β1" { // nothing speaks against, so α = 2 of it arrives at every one of three layers
					want = 1 - 8
				}
				if math.Abs(v-want) > 1e-4 {
					t.Errorf("%s, row %d: lost %g, want %g", name, i, v, want)
				}
			}
		}
	})
}

// Linear networks have one answer: the weights. Every method of gradients gives it, whatever the input, the batch or the noise.
func TestLinearNetworks(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		w := []float64{1.5, -2, 0, 4}
		n := oneLayer(e, w, 0.7)
		for seed := range 5 {
			e.ManualSeed(stats.Seed(seed))
			x, base := e.Randn(torch.Float64, 2, 4), e.Randn(torch.Float64, 1, 4)
			target := Target{0, 0}
			times := func(by *torch.Tensor) []float64 { return floats(by.Mul(e.FromFloat64s(w, 1, 4))) }
			both := append(append([]float64{}, w...), w...)
			near(t, "gradient", n.Gradient(x, target), both...)
			near(t, "guided", n.GuidedBackprop(x, target), both...)
			near(t, "deconvolution", n.Deconvolution(x, target), both...)
			near(t, "input × gradient", n.InputXGradient(x, target), times(x)...)
			s := n.SmoothGrad(x, target, 3, n.Noise(x, 0.5))
			near(t, "SmoothGrad", s.Mean, both...)
			near(t, "VarGrad", s.Variance, make([]float64, 8)...)
			for _, q := range []Quadrature{Middle, GaussLegendre} {
				ig := n.IntegratedGradients(x, base.Expand(2, 4), target, 1, q) // one step is enough
				near(t, "integrated gradients", ig.Relevance, times(x.Sub(base))...)
				if math.Abs(ig.Delta[0])+math.Abs(ig.Delta[1]) > 1e-9 {
					t.Errorf("completeness error %v", ig.Delta)
				}
			}
			dl, err := n.DeepLIFT(x, base, target)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "DeepLIFT", dl.Relevance, times(x.Sub(base))...)
			refs := e.Randn(torch.Float64, 3, 4)
			mean := refs.Mean(0).Unsqueeze(0)
			shap, err := n.DeepLIFTSHAP(x, refs, target)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "DeepLIFT-SHAP", shap.Relevance, times(x.Sub(mean))...)
			eg := n.ExpectedGradients(x, refs, target, 3, func(int) float64 { return 0.3 })
			near(t, "expected gradients", eg.Relevance, times(x.Sub(mean))...)
		}
	})
}

// The rows of a batch do not see each other.
func TestRowsStandAlone(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		n := hand(e)
		x := e.FromFloat64s([]float64{3, 1, 2, 0.5, 4, -1, 2, 2, 2}, 3, 3)
		target := Target{0, 0, 0}
		draw := func(x *torch.Tensor, target Target) map[string]*torch.Tensor {
			out := map[string]*torch.Tensor{"gradient": n.Gradient(x, target), "guided": n.GuidedBackprop(x, target), "deconvolution": n.Deconvolution(x, target),
				"integrated": n.IntegratedGradients(x, x.ZerosLike(), target, 7, GaussLegendre).Relevance}
			l, err := n.LRP(x, target, Composite{Dense: Epsilon(1e-6)}, false)
			if err != nil {
				t.Fatal(err)
			}
			d, err := n.DeepLIFT(x, x.Narrow(0, 0, 1).ZerosLike(), target)
			if err != nil {
				t.Fatal(err)
			}
			out["LRP"], out["DeepLIFT"] = l.Relevance, d.Relevance
			return out
		}
		whole := draw(x, target)
		for i := range int64(3) {
			for name, got := range draw(x.Narrow(0, i, 1), Target{0}) {
				near(t, fmt.Sprintf("%s of row %d", name, i), got, floats(whole[name].Narrow(0, i, 1))...)
			}
		}
	})
}

// A maximum hands DeepLIFT's multipliers to both sides' winners: complete; captum's form is not where an activation stands before it.
func TestDeepLIFTThroughMaxima(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		pool := nn.Pool{Kernel: []int64{1, 2}, Stride: []int64{1, 2}, Pad: []int64{0, 0}}
		c := nn.Sequential(nn.ReLU{}, pool, flat{}, dense(e, 1, 2, []float64{1, -2}, []float64{0}))
		n := Net{E: e, Forward: c.Forward}
		x := e.FromFloat64s([]float64{1, 5, -2, 3}, 1, 1, 1, 4)    // maxima 5 and 3: score −1
		base := e.FromFloat64s([]float64{4, 0, 1, -7}, 1, 1, 1, 4) // maxima 4 and 1: score 2
		d, err := n.DeepLIFT(x, base, Target{0})
		if err != nil {
			t.Fatal(err)
		}
		if sum := rowSum(d.Relevance).Item(); math.Abs(sum+3) > 1e-9 || math.Abs(d.Delta[0]) > 1e-9 {
			t.Errorf("differences of −3 are explained by %g, error %g", sum, d.Delta[0])
		}
	})
}

func TestRefusals(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		n := hand(e)
		x := e.FromFloat64s([]float64{3, 1, 2}, 1, 3)
		if _, err := n.AttentionRelevance(x, Target{0}); fault.CodeOf(err) != fault.Usage {
			t.Errorf("attention relevance without attention: %v", err)
		}
		if _, err := n.ScoreCAM(e.Randn(torch.Float64, 2, 3), Target{0, 0}, "x", 4); err == nil {
			t.Error("Score-CAM of two inputs")
		}
		for name, f := range map[string]func() error{
			"Grad-CAM++":      func() error { _, err := n.GradCAMPlusPlus(x, Target{0}, "nowhere"); return err },
			"Score-CAM":       func() error { _, err := n.ScoreCAM(x, Target{0}, "nowhere", 4); return err },
			"guided Grad-CAM": func() error { _, err := n.GuidedGradCAM(x, Target{0}, "nowhere"); return err },
		} {
			if err := f(); fault.CodeOf(err) != fault.Usage {
				t.Errorf("%s of no layer: %v", name, err)
			}
		}
	})
}
