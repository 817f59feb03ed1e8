package uncertainty

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// random are n items of k classes with labels drawn from their own probabilities.
func random(n, k int, seed stats.Seed) (logits, probs [][]float64, label []int) {
	rng := seed.Stream("random", n, k)
	for range n {
		z := make([]float64, k)
		for j := range z {
			z[j] = 2 * rng.NormFloat64()
		}
		p := Softmax(z, 1)
		u, y := rng.Float64(), 0
		for ; y < k-1 && u > p[y]; y++ {
			u -= p[y]
		}
		logits, probs, label = append(logits, z), append(probs, p), append(label, y)
	}
	return logits, probs, label
}

// A smaller miscoverage never takes a class out of a set.
func TestSetsGrowWithThePromise(t *testing.T) {
	_, p, y := random(200, 5, 1)
	for name, s := range map[string]SetScore{"LAC": LAC, "APS": APS, "RAPS": RAPS(.1, 2)} {
		var before [][]bool
		for _, alpha := range []float64{.5, .3, .2, .1, .05, .01} {
			now := sets(CalibrateSets(p[:100], y[:100], s, alpha), p[100:], s)
			for i := range before {
				for k := range before[i] {
					if before[i][k] && !now[i][k] {
						t.Fatalf("%s: class %d left the set of item %d", name, k, i)
					}
				}
			}
			before = now
		}
	}
}

// Temperature changes no answer; the fitted one is never worse than 1 on its own data; scaling logits scales it.
func TestTemperatureProperties(t *testing.T) {
	z, p, y := random(300, 4, 2)
	T := FitTemperature(z, y)
	scaled := each(z, func(r []float64) []float64 { return Softmax(r, T) })
	if Accuracy(scaled, y) != Accuracy(p, y) || NLL(scaled, y) > NLL(p, y)+1e-12 {
		t.Errorf("temperature %g made things worse", T)
	}
	tripled := each(z, func(r []float64) []float64 {
		out := slices.Clone(r)
		for i := range out {
			out[i] *= 3
		}
		return out
	})
	near(t, "of tripled logits", FitTemperature(tripled, y), 3*T, 1e-6)
}

// Shifting all logits of an item changes no score of probabilities; energy moves by the shift.
func TestLogitShift(t *testing.T) {
	z := []float64{1, -2, .5}
	moved := []float64{4, 1, 3.5}
	near(t, "MSP", MaxSoftmax(moved), MaxSoftmax(z), 1e-14)
	near(t, "entropy", PredictiveEntropy(moved), PredictiveEntropy(z), 1e-14)
	near(t, "energy", Energy(moved, 1), Energy(z, 1)-3, 1e-14)
	near(t, "max logit", MaxLogit(moved), MaxLogit(z)-3, 1e-14)
	near(t, "huge logits", Softmax([]float64{1e4, 0}, 1)[0], 1, 0)
}

func TestIsotonicIsIdempotent(t *testing.T) {
	rng := stats.Seed(5).Stream("isotonic")
	var x, y []float64
	for range 80 {
		x = append(x, math.Round(20*rng.Float64())/20)
		y = append(y, float64(rng.IntN(2)))
	}
	f := FitIsotonic(x, y)
	fitted := make([]float64, len(x))
	mean := 0.0
	for i, v := range x {
		fitted[i] = f.At(v)
		mean += (fitted[i] - y[i]) / 80
	}
	near(t, "mean residual", mean, 0, 1e-12)
	again := FitIsotonic(x, fitted)
	for i, v := range x {
		near(t, "a second fit", again.At(v), fitted[i], 1e-12)
	}
	if !slices.IsSorted(f.Y) {
		t.Errorf("values fall: %v", f.Y)
	}
	if !math.IsNaN(FitIsotonic(nil, nil).At(1)) {
		t.Error("a fit of nothing has a value")
	}
}

// Detection depends on ranks only and turns round with the sign.
func TestDetectionProperties(t *testing.T) {
	rng := stats.Seed(6).Stream("detect")
	var in, out, in2, out2 []float64
	for range 50 {
		a, b := rng.NormFloat64(), rng.NormFloat64()+1
		in, out = append(in, a), append(out, b)
		in2, out2 = append(in2, math.Exp(a)), append(out2, math.Exp(b))
	}
	d, e := Detect(in, out), Detect(in2, out2)
	if d != e {
		t.Errorf("%+v after a monotone map %+v", d, e)
	}
	near(t, "the other sign", Detect(negative(in), negative(out)).AUROC, 1-d.AUROC, 1e-14)
	if p := Detect([]float64{1, 2}, []float64{3, 4}); p.AUROC != 1 || p.AUPROut != 1 || p.AUPRIn != 1 || p.FPR95 != 0 {
		t.Errorf("perfect: %+v", p)
	}
}

// The parts of a committee's entropy add up, and agreement has no model uncertainty.
func TestCommitteeProperties(t *testing.T) {
	_, p, _ := random(5, 3, 7)
	c := Decide(p)
	near(t, "parts", c.Expected+c.MutualInformation, c.Predictive, 1e-14)
	if c.MutualInformation < 0 || c.PairwiseKL < 0 {
		t.Errorf("%+v", c)
	}
	same := Decide([][]float64{p[0], p[0], p[0]})
	near(t, "mutual information of agreement", same.MutualInformation, 0, 1e-14)
	near(t, "its spread", same.Std[0], 0, 1e-14)
	near(t, "its votes", same.VariationRatio, 0, 1e-15)
	m := Mix([]float64{1, 3}, []float64{2, 2})
	near(t, "mixture", m.Variance, 5, 1e-15)
	near(t, "CRPS at the mean", GaussianCRPS(0, 0, 1), 2/math.Sqrt(2*math.Pi)-1/math.Sqrt(math.Pi), 1e-15)
}

// Evidence for the truth lowers each loss, evidence against it raises the divergence.
func TestEvidenceMovesTheLoss(t *testing.T) {
	for _, term := range []DataTerm{SquaredError, MarginalLikelihood, CrossEntropy} {
		for _, e := range []Evidence{ReLU, Exp, Softplus} {
			o := Evidential{Evidence: e, Term: term}
			weak := EvidentialLoss([]float64{.5, .1, .1}, []int{0}, 0, o)
			strong := EvidentialLoss([]float64{4, .1, .1}, []int{0}, 0, o)
			wrong := EvidentialLoss([]float64{.5, 4, .1}, []int{0}, 0, o)
			if !(strong.Value < weak.Value && wrong.Value > weak.Value && wrong.KL[0] > weak.KL[0] && strong.KL[0] == weak.KL[0]) {
				t.Errorf("term %d, evidence %d: weak %g, strong %g, wrong %g", term, e, weak.Value, strong.Value, wrong.Value)
			}
		}
	}
	if r := EvidentialLoss(nil, nil, 0, Evidential{}); r.Value != 0 {
		t.Errorf("of nothing: %+v", r)
	}
	// Clamped logits have no gradient, and ReLU's negative ones neither.
	if _, slope := Exp.Of(12); slope != 0 {
		t.Error("a clamped logit has a gradient")
	}
	if _, slope := ReLU.Of(-1); slope != 0 {
		t.Error("a dead logit has a gradient")
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(.2, .3, .5, 1)
	f.Fuzz(func(t *testing.T, a, b, c float64, y int) {
		it := Items{Classes: []string{"a", "b", "c"}}
		for i := range 12 {
			it.Probs = append(it.Probs, []float64{a, b, c})
			it.Label = append(it.Label, (y+i)%3)
		}
		j, err := Judge(it, JudgeOptions{})
		if err == nil && (math.IsNaN(j.Raw.Accuracy) || j.Sets[0].Coverage < 0 || j.Sets[0].Coverage > 1) {
			t.Errorf("%+v", j)
		}
	})
}
