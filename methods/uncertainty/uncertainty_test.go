package uncertainty

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(1, math.Abs(want))) {
		t.Errorf("%s = %.12g, want %.12g", what, got, want)
	}
}

func differences(t *testing.T, name string, x []float64, fn func([]float64) (float64, []float64)) {
	t.Helper()
	_, grad := fn(x)
	const h = 1e-6
	for i := range x {
		up, down := slices.Clone(x), slices.Clone(x)
		up[i], down[i] = up[i]+h, down[i]-h
		a, _ := fn(up)
		b, _ := fn(down)
		if want := (a - b) / (2 * h); math.Abs(grad[i]-want) > 1e-6*math.Max(1, math.Abs(want)) {
			t.Errorf("%s: gradient %d is %.9g, differences say %.9g", name, i, grad[i], want)
		}
	}
}

func TestGradients(t *testing.T) {
	rng := stats.Seed(1).Stream("x")
	x := make([]float64, 24)
	for i := range x {
		x[i] = 1.5*rng.NormFloat64() + 0.01
	}
	y := []float64{0.3, -1, 2, 0.5, 1.1, -0.2}
	differences(t, "NIG", x, func(x []float64) (float64, []float64) { return EvidentialRegressionLoss(x, y, 0.1) })
	differences(t, "Gaussian", x[:12], func(x []float64) (float64, []float64) { return HeteroscedasticLoss(x, y, 0) })
	differences(t, "pinball", x[:12], func(x []float64) (float64, []float64) { return QuantileLoss(x, y, []float64{.1, .9}) })
	for _, e := range []Evidence{Exp, Softplus} {
		for _, term := range []DataTerm{SquaredError, MarginalLikelihood, CrossEntropy} {
			differences(t, "evidential", x, func(x []float64) (float64, []float64) {
				r := EvidentialLoss(x, []int{0, 1, 2, 3, 0, 1}, 4, Evidential{Evidence: e, Term: term, Annealing: 10})
				return r.Value, r.Grad
			})
		}
	}
}

func TestKLWeight(t *testing.T) {
	for _, c := range []struct {
		o     Evidential
		epoch float64
		want  float64
	}{{Evidential{}, 0, 1}, {Evidential{Annealing: 10}, 3, .3}, {Evidential{Annealing: 10}, 30, 1}, {Evidential{Annealing: 10, Weight: .1}, 5, .05}, {Evidential{Weight: -1}, 5, 0}} {
		near(t, "weight", c.o.klWeight(c.epoch), c.want, 1e-15)
	}
}

// A Dirichlet without evidence knows nothing: vacuity 1, and the mutual information is all there can be beside the data's.
func TestNoEvidence(t *testing.T) {
	d := SummariseDirichlet([]float64{1, 1, 1, 1})
	near(t, "vacuity", d.Vacuity, 1, 0)
	near(t, "entropy", d.EntropyOfMean, math.Log(4), 1e-14)
	near(t, "vacuity from evidence", Vacuity([]float64{0, 0, 4, 0}), .5, 0)
}

// With ReLU evidence a class can die; that is found.
func TestDeadClasses(t *testing.T) {
	evidence := [][]float64{{3, 0, 0}, {2, 0, 1}, {0, 0, 2}, {5, 0, 0}}
	if got := DeadClasses(evidence, []int{0, 1, 2, 1}, 0); !slices.Equal(got, []int{1}) {
		t.Errorf("dead %v, want class 1", got)
	}
	if got := DeadClasses(nil, nil, 0); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

func TestConformalByHand(t *testing.T) {
	s := []float64{.1, .2, .3, .4, .5, .6, .7, .8, .9}
	near(t, "the 9th of 9", Calibrate(s, .1).Quantile, .9, 0)
	near(t, "the 5th", Calibrate(s, .5).Quantile, .5, 0)
	if c := Calibrate(s, .05); !math.IsInf(c.Quantile, 1) {
		t.Errorf("9 items cannot promise 95 %%: %g", c.Quantile)
	}
	if c := Calibrate(nil, .1); !math.IsInf(c.Quantile, 1) {
		t.Errorf("no items: %g", c.Quantile)
	}
	// Equal weights are no weights; a heavy new item covers everything.
	ones := slices.Repeat([]float64{1}, 9)
	near(t, "weighted", CalibrateWeighted(s, ones, 1, .1).Quantile, .9, 0)
	if c := CalibrateWeighted(s, ones, 100, .1); !math.IsInf(c.Quantile, 1) {
		t.Errorf("an item unlike all others: %g", c.Quantile)
	}
	p := []float64{.6, .3, .1}
	near(t, "APS", APS(p, 1), .9, 1e-15)
	near(t, "RAPS", RAPS(.1, 1)(p, 2), 1.2, 1e-15)
	set := Conformal{Quantile: .1}.Set(p, LAC)
	if slices.Contains(set, true) || !slices.Equal(NotEmpty(set, p), []bool{true, false, false}) {
		t.Errorf("set %v", set)
	}
	if c := CalibrateMondrian(s, slices.Repeat([]int{1}, 9), .1).Of(2); !math.IsInf(c.Quantile, 1) {
		t.Errorf("a group without items: %g", c.Quantile)
	}
	v, ok := ControlRisk([]float64{0, 1, 2}, [][]float64{{1, .2, 0}, {1, 0, 0}, {1, .2, 0}}, 1, .3)
	if !ok || v != 2 {
		t.Errorf("risk control %g %v: (0.4 + 1)/4 = 0.35 is above 0.3, (0 + 1)/4 is not", v, ok)
	}
}

// Coverage holds where it is promised: over many divisions of exchangeable items, also within groups and for survival times.
func TestCoverageHolds(t *testing.T) {
	rng := stats.Seed(3).Stream("coverage")
	const rounds = 300
	hit, own, total := 0.0, 0.0, 0.0
	below, judged := 0.0, 0.0
	for range rounds {
		var s, g0 []float64
		var group []int
		for i := range 60 {
			v := rng.NormFloat64() * float64(1+i%2)
			s, group = append(s, v), append(group, i%2)
			if i%2 == 1 {
				g0 = append(g0, v)
			}
		}
		all, m := Calibrate(s, .2), CalibrateMondrian(s, group, .2)
		for k := range 10 {
			v := rng.NormFloat64() * float64(1+k%2)
			total++
			if v <= all.Quantile {
				hit++
			}
			if v <= m.Of(k%2).Quantile {
				own++
			}
		}
		_ = g0
		// Survival: exponential times, bound predicted as a constant, censored at random.
		var pred, time, cens, kept []float64
		for range 80 {
			u, c := rng.ExpFloat64(), 4*rng.Float64()
			pred, time, cens, kept = append(pred, .5), append(time, math.Min(u, c)), append(cens, c), append(kept, .75)
		}
		q := SurvivalLowerBound(pred, time, cens, kept, 1, .2)
		for range 5 {
			judged++
			if rng.ExpFloat64() >= math.Min(.5-q.Quantile, 1) {
				below++
			}
		}
	}
	for name, c := range map[string]float64{"split": hit / total, "Mondrian": own / total, "survival": below / judged} {
		if c < .78 || c > .86 {
			t.Errorf("%s: coverage %.3f, promised 0.8", name, c)
		}
	}
}

func TestIsotonicAndPlatt(t *testing.T) {
	f := FitIsotonic([]float64{1, 2, 3, 3, 4}, []float64{0, 1, 0, 0, 1})
	near(t, "pooled", f.At(2), 1./3, 1e-15)
	near(t, "between", f.At(3.5), 2./3, 1e-15)
	near(t, "beyond", f.At(9), 1, 0)
	rng := stats.Seed(5).Stream("platt")
	var s []float64
	var y []bool
	for range 3000 {
		v := rng.NormFloat64()
		s = append(s, v)
		y = append(y, rng.Float64() < 1/(1+math.Exp(-(2*v-1))))
	}
	p := FitPlatt(s, y)
	if math.Abs(p.A-2) > .3 || math.Abs(p.B+1) > .2 {
		t.Errorf("Platt %+v, the truth is 2 and −1", p)
	}
	// The likelihood's equations hold: predictions are right on average, also weighted by the score (his targets are a little inside).
	var sum, weighted float64
	for i, v := range s {
		d := p.Prob(v)
		if y[i] {
			d--
		}
		sum += d / 3000
		weighted += d * v / 3000
	}
	near(t, "mean residual", sum, 0, 1e-3)
	near(t, "weighted residual", weighted, 0, 1e-3)
}

func TestVectorScalingBeatsTemperature(t *testing.T) {
	rng := stats.Seed(6).Stream("vector")
	var z [][]float64
	var y []int
	for range 2000 {
		r := []float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		truth := Softmax([]float64{2*r[0] + 1, .5 * r[1], r[2]}, 1)
		u, k := rng.Float64(), 0
		for u > truth[k] && k < 2 {
			u -= truth[k]
			k++
		}
		z, y = append(z, r), append(y, k)
	}
	nll := func(f func([]float64) []float64) float64 { return NLL(each(z, f), y) }
	T := FitTemperature(z, y)
	v := FitVectorScaling(z, y)
	if a, b := nll(v.Probs), nll(func(r []float64) []float64 { return Softmax(r, T) }); a > b-.02 {
		t.Errorf("NLL %.4f by vector, %.4f by temperature", a, b)
	}
	if math.Abs(v.W[0]-2) > .3 || math.Abs(v.W[1]-.5) > .2 {
		t.Errorf("weights %v", v.W)
	}
}

func TestReliabilityEdges(t *testing.T) {
	r := ReliabilityOf([]float64{0, .5, 1}, []bool{false, true, true}, 2, EqualWidth)
	if !slices.Equal(r.Counts, []int{2, 1}) {
		t.Errorf("0 and 0.5 belong to (0, 0.5]: %v", r.Counts)
	}
	for k := 1; k <= 15; k++ { // every edge is in the bin below it
		c := float64(k) / 15
		r := ReliabilityOf([]float64{c}, []bool{true}, 15, EqualWidth)
		if r.Counts[k-1] != 1 {
			t.Errorf("%d/15 is in %v", k, r.Counts)
		}
	}
	parts := DecomposeBrier([]float64{.25, .25, .25, .25, .75, .75, .75, .75}, []bool{true, false, false, false, true, true, true, false}, 2)
	near(t, "reliability", parts.Reliability, 0, 1e-15)
	near(t, "resolution", parts.Resolution, .0625, 1e-15)
	near(t, "Brier", parts.Reliability-parts.Resolution+parts.Uncertainty, .1875, 1e-15)
}

func TestSelectiveByHand(t *testing.T) {
	r := NewRiskCoverage([]float64{.9, .8, .7, .6}, []float64{0, 1, 0, 0})
	near(t, "AURC", r.AURC, (0+.5+1./3+.25)/4, 1e-15)
	near(t, "coverage at 0.3", r.CoverageAt(.3), 1, 0)
	near(t, "risk at half", r.RiskAt(.5), .5, 0)
	near(t, "AUROC", r.AUROC, 1./3, 1e-15)
	if r := NewRiskCoverage([]float64{.9, .8}, []float64{1.5, 2}); !math.IsNaN(r.AUROC) {
		t.Error("losses other than 0 and 1 have no AUROC")
	}
}

func TestRules(t *testing.T) {
	r := Rule{Confidence: .7, SetSize: 1, OOD: 5}
	for name, c := range map[string]struct {
		d    Doubt
		says string
	}{
		"sure":         {Doubt{[]float64{.1, .9}, 1, 2}, ""},
		"unsure":       {Doubt{[]float64{.4, .6}, 1, 2}, "below 0.70"},
		"two classes":  {Doubt{[]float64{.1, .9}, 2, 2}, "2 classes"},
		"no class":     {Doubt{[]float64{.1, .9}, 0, 2}, "no class"},
		"far out":      {Doubt{[]float64{.1, .9}, 1, 9}, "unlike"},
		"no OOD score": {Doubt{[]float64{.1, .9}, 1, math.NaN()}, ""},
	} {
		d := r.Decide(c.d)
		if d.Abstain != (c.says != "") || !strings.Contains(d.Reason, c.says) || d.Abstain != (d.Class < 0) {
			t.Errorf("%s: %+v", name, d)
		}
	}
	near(t, "cost", ByCost(10, 1).Confidence, .9, 1e-15)
	near(t, "coverage", ByCoverage([]float64{.1, .2, .3, .4}, .5).Confidence, .3, 0)
	conf, right := make([]float64, 200), make([]bool, 200)
	for i := range conf {
		conf[i], right[i] = float64(i)/200, i > 60
	}
	rule, ok := ByRisk(conf, right, .1, .95)
	if !ok || rule.Confidence > 61./200 || rule.Confidence < 40./200 {
		t.Errorf("risk rule %+v %v", rule, ok)
	}
	if _, ok := ByRisk(conf[:10], right[:10], .1, .95); ok {
		t.Error("ten wrong answers cannot promise a risk of 0.1")
	}
}

func TestSWAG(t *testing.T) {
	rng := stats.Seed(2).Stream("swag")
	s := SWAG{Rank: 10}
	for range 200 {
		a := rng.NormFloat64()
		s.Collect([]float64{1 + a, 2 - a, 5})
	}
	m := s.Mean()
	near(t, "mean", m[2], 5, 1e-12)
	var v, cov float64
	for range 4000 {
		w := s.Sample(rng, 1)
		v += (w[0] - m[0]) * (w[0] - m[0]) / 4000
		cov += (w[0] - m[0]) * (w[1] - m[1]) / 4000
	}
	if v < .5 || v > 1.8 || cov > -.15 {
		t.Errorf("variance %.2f (of about 1), covariance %.2f (below 0: deviations hold it)", v, cov)
	}
	if w := s.Sample(rng, 0); !slices.Equal(w, m) {
		t.Error("at scale 0 a draw is the mean")
	}
}

// Far from the data the last layer's weights are uncertain, and probabilities go towards even ones.
func TestLaplace(t *testing.T) {
	rng := stats.Seed(2).Stream("laplace")
	var f, p [][]float64
	for range 300 {
		x := rng.NormFloat64()
		f = append(f, []float64{x, 1})
		p = append(p, Softmax([]float64{2 * x, -2 * x}, 1))
	}
	l, err := FitLaplace(f, p, 1)
	if err != nil {
		t.Fatal(err)
	}
	close, far := l.Variance([]float64{.5, 1})[0], l.Variance([]float64{50, 1})[0]
	if !(far > 100*close) {
		t.Errorf("variance %g close, %g far", close, far)
	}
	z := []float64{4, -4}
	if a, b := l.Probs(z, []float64{.5, 1})[0], l.Probs(z, []float64{200, 1})[0]; !(a > b && b > .5) {
		t.Errorf("probability %g close, %g far", a, b)
	}
	if _, err := FitLaplace(f, p, 0); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no prior: %v", err)
	}
}

func TestOutOfDistribution(t *testing.T) {
	rng := stats.Seed(8).Stream("ood")
	point := func(c, far float64) []float64 {
		return []float64{c + .3*rng.NormFloat64(), 1 + far + .3*rng.NormFloat64(), .1 * rng.NormFloat64()}
	}
	var f, z [][]float64
	var y []int
	for i := range 200 {
		c := float64(i%2)*4 - 2
		f, y = append(f, point(c, 0)), append(y, i%2)
		z = append(z, []float64{-c, c})
	}
	m, err := FitMahalanobis(f, y)
	if err != nil {
		t.Fatal(err)
	}
	knn := NewKNN(f, 5)
	vim, err := FitViM(f, z)
	if err != nil {
		t.Fatal(err)
	}
	var in, out [4][]float64
	for i := range 100 {
		a, b := point(float64(i%2)*4-2, 0), []float64{.3 * rng.NormFloat64(), -3, 2}
		for k, s := range []func([]float64) float64{m.Score, knn.Score, m.Density, func(x []float64) float64 { return vim.Score(x, []float64{2, -2}) }} {
			in[k], out[k] = append(in[k], s(a)), append(out[k], s(b))
		}
	}
	for k, name := range []string{"Mahalanobis", "kNN", "density", "ViM"} {
		if a := Detect(in[k], out[k]).AUROC; a < .97 {
			t.Errorf("%s: AUROC %.3f", name, a)
		}
	}
	like := 0.0
	for _, x := range f {
		like += float64(LikeThis(knn, x)) / float64(len(f))
	}
	if b := LikeThis(knn, []float64{0, -3, 2}); !(like > 5 && b == 0) {
		t.Errorf("%.1f like a training item, %d like an outlier", like, b)
	}
	if s := NewKNN(f[:2], 5).Score(f[0]); !math.IsInf(s, 1) {
		t.Errorf("5 of 2 neighbours: %g", s)
	}
	if d := Detect([]float64{1, 2}, nil); !math.IsNaN(d.AUROC) {
		t.Errorf("nothing to detect: %+v", d)
	}
	constant := [][]float64{{1, 1}, {1, 1}}
	if _, err := FitMahalanobis(constant, []int{0, 0}); err != nil && fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

func TestJudge(t *testing.T) {
	rng := stats.Seed(4).Stream("judge")
	it := Items{Classes: []string{"a", "b", "c"}, Groups: map[string][]string{"sex": nil}}
	for i := range 1200 {
		z := []float64{1.5 * rng.NormFloat64(), 1.5 * rng.NormFloat64(), 1.5 * rng.NormFloat64()}
		u, k := rng.Float64(), 0
		for p := Softmax(z, 1); u > p[k] && k < 2; k++ {
			u -= p[k]
		}
		it.Probs, it.Label = append(it.Probs, Softmax(z, .5)), append(it.Label, k) // twice too sure
		it.Patient = append(it.Patient, string(rune('a'+i%20))+string(rune('a'+i/20%20)))
		it.Groups["sex"] = append(it.Groups["sex"], []string{"F", "M"}[i%2])
		it.Out = append(it.Out, i%10 == 0)
	}
	j, err := Judge(it, JudgeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "temperature", j.Temperature, 2, .15)
	if !(j.Scaled.ECE < j.Raw.ECE/2) || j.Scaled.Accuracy != j.Raw.Accuracy {
		t.Errorf("raw %+v, scaled %+v", j.Raw, j.Scaled)
	}
	if c := j.Sets[0]; c.Coverage < .85 || c.Coverage > .95 || len(j.Sets) != 8 { // all, twice; each sex with the common, its own and the largest threshold
		t.Errorf("sets %+v", j.Sets)
	}
	if s := j.Selective; !(s[len(s)-1].Risk < s[0].Risk) {
		t.Errorf("risk does not fall with coverage: %+v", s)
	}
	if len(j.Detection) != 2 {
		t.Errorf("detection %+v", j.Detection)
	}
	for name, spoil := range map[string]func(*Items){
		"sum":    func(it *Items) { it.Probs = [][]float64{{.5, .6}}; it.Label = []int{0} },
		"class":  func(it *Items) { it.Probs = [][]float64{{.5, .5}}; it.Label = []int{2} },
		"nobody": func(it *Items) { it.Probs, it.Label = nil, nil },
		"one":    func(it *Items) { it.Probs = [][]float64{{.5, .5}}; it.Label = []int{1} },
	} {
		bad := Items{}
		spoil(&bad)
		if _, err := Judge(bad, JudgeOptions{}); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIntervalsByHand(t *testing.T) {
	v := JudgeIntervals([]float64{1, 5, 0}, []float64{0, 0, 1}, []float64{2, 4, 2}, .5)
	near(t, "coverage", v.Coverage, 1./3, 1e-15)
	near(t, "width", v.Width, 7./3, 1e-15)
	near(t, "score", v.Score, (2+4+4+1+4)/3., 1e-15)
	_, counts, miss := PIT([]float64{0, 100, -100, 0}, []float64{0, 0, 0, 0}, []float64{1, 1, 1, 1}, 4)
	if !slices.Equal(counts, []int{1, 0, 2, 1}) || miss == 0 {
		t.Errorf("PIT %v %g", counts, miss)
	}
	d := NIGOf([]float64{1, 0, 0, 0})
	if d.Gamma != 1 || !(d.Epistemic() > d.Aleatoric()) {
		t.Errorf("with little evidence the model's part is the larger: %+v", d)
	}
}

func TestPasses(t *testing.T) {
	c, err := Passes(2, func(k int) ([][]float64, error) { return [][]float64{{float64(k), 1 - float64(k)}}, nil })
	if err != nil || c[0].MutualInformation < .69 || c[0].Expected != 0 {
		t.Errorf("two sure members that disagree: %+v, %v", c, err)
	}
}
