package uncertainty

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// TestSetScoresByHand: p = (.5, .3, .2).
func TestSetScoresByHand(t *testing.T) {
	p := []float64{0.5, 0.3, 0.2}
	for _, c := range []struct {
		name  string
		score SetScore
		want  []float64
	}{
		{"LAC", LAC, []float64{0.5, 0.7, 0.8}},
		{"APS", APS, []float64{0.5, 0.8, 1}},
		{"RAPS, 0.1 from the second rank", RAPS(0.1, 1), []float64{0.5, 0.9, 1.2}},
		{"RAPS, 0.1 from the third rank", RAPS(0.1, 2), []float64{0.5, 0.8, 1.1}},
	} {
		for k, want := range c.want {
			near(t, c.name, c.score(p, k), want, 1e-12)
		}
	}
	// The order of classes is the probabilities', not theirs.
	near(t, "APS of the last", APS([]float64{0.2, 0.3, 0.5}, 0), 1, 1e-12)
	near(t, "APS of the first", APS([]float64{0.2, 0.3, 0.5}, 2), 0.5, 1e-12)
}

// TestRanksByHand: of n scores the ⌈(n+1)(1−α)⌉-th.
func TestRanksByHand(t *testing.T) {
	scores := []float64{0.9, 0.1, 0.5, 0.3, 0.7} // sorted .1 .3 .5 .7 .9
	for alpha, want := range map[float64]float64{
		0.5: 0.5,         // 6 · 0.5 = 3
		0.4: 0.7,         // 3.6 → 4
		0.2: 0.9,         // 4.8 → 5
		0.1: math.Inf(1), // 5.4 → 6 of 5
		0.9: 0.1,         // 0.6 → 1
	} {
		if got := Calibrate(scores, alpha).Quantile; got != want {
			t.Errorf("at %v: %v, want %v", alpha, got, want)
		}
	}
	if c := Calibrate(nil, 0.1); !math.IsInf(c.Quantile, 1) || c.N != 0 {
		t.Errorf("nothing to learn from: %+v", c)
	}
}

// TestWeightedByHand: weights 1, 1, 2 and own 1 sum to 5; shares add up to 0.2, 0.4, 0.8.
func TestWeightedByHand(t *testing.T) {
	scores, weight := []float64{3, 1, 2}, []float64{2, 1, 1} // in order 1, 2, 3: weights 1, 1, 2
	for alpha, want := range map[float64]float64{0.8: 1, 0.6: 2, 0.2: 3, 0.1: math.Inf(1)} {
		if got := CalibrateWeighted(scores, weight, 1, alpha).Quantile; got != want {
			t.Errorf("at %v: %v, want %v", alpha, got, want)
		}
	}
	// An item with a weight of its own beyond all others is covered by everything only.
	if got := CalibrateWeighted(scores, weight, 100, 0.1).Quantile; !math.IsInf(got, 1) {
		t.Errorf("a stranger's threshold is %v", got)
	}
}

func TestMondrianByHand(t *testing.T) {
	m := CalibrateMondrian([]float64{1, 10, 2, 20, 3, 30}, []int{0, 1, 0, 1, 0, 1}, 0.25) // ⌈4 · 0.75⌉ = 3rd of each three
	if m.Of(0).Quantile != 3 || m.Of(1).Quantile != 30 || !math.IsInf(m.Of(7).Quantile, 1) {
		t.Errorf("%+v, unknown %v", m.Groups, m.Of(7).Quantile)
	}
}

func TestIntervalEnds(t *testing.T) {
	c := Conformal{Quantile: 2}
	if l, h := c.Around(10, 3); l != 4 || h != 16 {
		t.Errorf("around: %v to %v", l, h)
	}
	if l, h := c.Widen(1, 5); l != -1 || h != 7 {
		t.Errorf("widened: %v to %v", l, h)
	}
	c.Quantile = -1 // intervals that were too wide are narrowed
	if l, h := c.Widen(1, 5); l != 2 || h != 4 {
		t.Errorf("narrowed: %v to %v", l, h)
	}
	// The truth's distance outside, negative inside.
	near(t, "below", CQRScore(0, 1, 5), 1, 0)
	near(t, "above", CQRScore(7, 1, 5), 2, 0)
	near(t, "inside", CQRScore(2, 1, 5), -1, 0)
	near(t, "residual", Residual(4, 10, 3), 2, 0)
}

// TestControlRiskByHand: nine items lose 1 at threshold 0, a third of them at 1, none at 2: (Σ + 1)/10 is 1, 0.4, 0.1.
func TestControlRiskByHand(t *testing.T) {
	var loss [][]float64
	for i := range 9 {
		row := []float64{1, 0, 0}
		if i%3 == 0 {
			row[1] = 1
		}
		loss = append(loss, row)
	}
	for alpha, want := range map[float64]float64{0.4: 1, 0.39: 2, 0.1: 2, 1: 0} {
		if got, ok := ControlRisk([]float64{0, 1, 2}, loss, 1, alpha); !ok || got != want {
			t.Errorf("at %v: %v (%v), want %v", alpha, got, ok, want)
		}
	}
	if _, ok := ControlRisk([]float64{0, 1, 2}, loss, 1, 0.05); ok {
		t.Error("nine items cannot promise 0.05")
	}
}

// TestCommitteeByHand: two members certain of different classes.
func TestCommitteeByHand(t *testing.T) {
	c := Decide([][]float64{{1, 0}, {0, 1}})
	near(t, "all uncertainty", c.Predictive, math.Ln2, 1e-12)
	near(t, "of the data", c.Expected, 0, 1e-12)
	near(t, "of the model", c.MutualInformation, math.Ln2, 1e-12)
	near(t, "variation ratio", c.VariationRatio, 0.5, 1e-12)
	near(t, "deviation", c.Std[0], 0.5, 1e-12)
	// Both undecided: all of it is the data's.
	c = Decide([][]float64{{0.5, 0.5}, {0.5, 0.5}})
	near(t, "of the data", c.Expected, math.Ln2, 1e-12)
	near(t, "of the model", c.MutualInformation, 0, 1e-12)
	near(t, "pairwise", c.PairwiseKL, 0, 1e-12)
	// (.75, .25) against (.25, .75): both ways ½ log 3.
	near(t, "pairwise", Decide([][]float64{{0.75, 0.25}, {0.25, 0.75}}).PairwiseKL, math.Log(3)/2, 1e-12)
}

func TestMixtureByHand(t *testing.T) {
	m := Mix([]float64{1, 3}, []float64{1, 2}) // variances 1 and 4
	near(t, "mean", m.Mean, 2, 0)
	near(t, "aleatoric", m.Aleatoric, 2.5, 1e-12)
	near(t, "epistemic", m.Epistemic, 1, 1e-12)
	near(t, "variance", m.Variance, 3.5, 1e-12)
	near(t, "NLL at the mean", GaussianNLL(2, 2, 1), 0.5*math.Log(2*math.Pi), 1e-12)
	// The CRPS of a normal at its mean is σ(2φ(0) − 1/√π).
	near(t, "CRPS", GaussianCRPS(0, 0, 3), 3*(2/math.Sqrt(2*math.Pi)-1/math.Sqrt(math.Pi)), 1e-12)
	// Far away it is the absolute error, less σ/√π.
	near(t, "CRPS far away", GaussianCRPS(100, 0, 1), 100-1/math.Sqrt(math.Pi), 1e-9)
}

// TestDirichletByHand: evidence (8, 0), so alpha (9, 1) and S = 10.
func TestDirichletByHand(t *testing.T) {
	d := SummariseDirichlet([]float64{9, 1})
	near(t, "vacuity", d.Vacuity, 0.2, 1e-12)
	near(t, "belief", d.Belief[0], 0.8, 1e-12)
	near(t, "disbelief", d.Belief[1], 0, 1e-12)
	near(t, "probability", d.Prob[0], 0.9, 1e-12)
	near(t, "variance", d.Variance[0], 0.09/11, 1e-12)
	near(t, "masses", d.Belief[0]+d.Belief[1]+d.Vacuity, 1, 1e-12)
	near(t, "vacuity of evidence", Vacuity([]float64{8, 0}), 0.2, 1e-12)
	// Beta(1, 1): E[−p log p] twice is ½, since ∫ −p log p = ¼.
	u := SummariseDirichlet([]float64{1, 1})
	near(t, "expected entropy", u.ExpectedEntropy, 0.5, 1e-9)
	near(t, "of the model", u.MutualInformation, math.Ln2-0.5, 1e-9)
	near(t, "differential entropy", u.DifferentialEntropy, 0, 1e-9)
}

// TestEvidentialTermsByHand at alpha (2, 1), S = 3, class 0.
func TestEvidentialTermsByHand(t *testing.T) {
	for term, want := range map[DataTerm]float64{
		// (1 − 2/3)² + (1/3)² + 2·(2/9)/4
		SquaredError:       1.0/9 + 1.0/9 + 1.0/9,
		MarginalLikelihood: math.Log(1.5),
		CrossEntropy:       0.5, // ψ(3) − ψ(2)
	} {
		r := EvidentialLoss([]float64{1, 0}, []int{0}, 0, Evidential{Term: term, Evidence: ReLU, Annealing: 10})
		near(t, "loss", r.Value, want, 1e-9)
		near(t, "divergence of no wrong evidence", r.KL[0], 0, 1e-12)
	}
	// Wrong evidence 1 for one of two classes: KL(Beta(1, 2) ‖ uniform) = log 2 − ½.
	r := EvidentialLoss([]float64{0, 1}, []int{0}, 10, Evidential{Term: MarginalLikelihood, Evidence: ReLU, Annealing: 10})
	near(t, "divergence", r.KL[0], math.Ln2-0.5, 1e-9)
	near(t, "in full after ten epochs", r.Value, math.Log(3)+math.Ln2-0.5, 1e-9)
	if r := EvidentialLoss(nil, nil, 0, Evidential{}); r.Value != 0 || len(r.Each) != 0 {
		t.Errorf("an empty batch: %+v", r)
	}
}

func TestRegressionLossesByHand(t *testing.T) {
	// Heteroscedastic at mean 1, log variance 0, truth 3: ½ log 2π + 2; gradient (−2, ½(1 − 4)).
	v, g := HeteroscedasticLoss([]float64{1, 0}, []float64{3}, 0)
	near(t, "likelihood", v, 0.5*math.Log(2*math.Pi)+2, 1e-12)
	near(t, "by the mean", g[0], -2, 1e-12)
	near(t, "by the log variance", g[1], -1.5, 1e-12)
	// With beta ½ and variance 4 each item weighs 2.
	_, plain := HeteroscedasticLoss([]float64{1, math.Log(4)}, []float64{3}, 0)
	_, half := HeteroscedasticLoss([]float64{1, math.Log(4)}, []float64{3}, 0.5)
	near(t, "weighted", half[0], 2*plain[0], 1e-12)
	// Pinball: truth 2 above 0 at 0.9 costs 1.8; truth below costs a tenth.
	v, g = QuantileLoss([]float64{0}, []float64{2}, []float64{0.9})
	near(t, "above", v, 1.8, 1e-12)
	near(t, "its slope", g[0], -0.9, 1e-12)
	v, _ = QuantileLoss([]float64{4}, []float64{2}, []float64{0.9})
	near(t, "below", v, 0.2, 1e-12)
	n := NIG{Gamma: 1, Nu: 2, Alpha: 3, Beta: 4}
	near(t, "aleatoric", n.Aleatoric(), 2, 0)
	near(t, "epistemic", n.Epistemic(), 1, 0)
}

func TestScoresByHand(t *testing.T) {
	z := []float64{0, math.Log(3)} // probabilities ¼ and ¾
	near(t, "maximum softmax", MaxSoftmax(z), 0.25, 1e-12)
	near(t, "maximum logit", MaxLogit(z), -math.Log(3), 1e-12)
	near(t, "energy", Energy(z, 1), -math.Log(4), 1e-12)
	near(t, "entropy", PredictiveEntropy(z), 0.25*math.Log(4)+0.75*math.Log(4.0/3), 1e-12)
	near(t, "entropy of certainty", Entropy([]float64{1, 0}), 0, 0)
	// Softmax of huge logits stays finite.
	if p := Softmax([]float64{1e6, -1e6}, 1); p[0] != 1 || p[1] != 0 {
		t.Errorf("%v", p)
	}
	near(t, "temperature 2", Softmax([]float64{0, 2 * math.Log(3)}, 2)[1], 0.75, 1e-12)
}

// TestMahalanobisByHand: two classes at ±4 on the first axis, unit scatter within.
func TestMahalanobisByHand(t *testing.T) {
	var x [][]float64
	var y []int
	for c, centre := range []float64{-4, 4} {
		for _, d := range [][]float64{{1, 1}, {1, -1}, {-1, 1}, {-1, -1}} {
			x, y = append(x, []float64{centre + d[0], d[1]}), append(y, c)
		}
	}
	m, err := FitMahalanobis(x, y)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "at a class", m.Score([]float64{4, 0}), 0, 1e-12)
	near(t, "two off", m.Score([]float64{4, 2}), 4, 1e-9)
	near(t, "between", m.Score([]float64{0, 0}), 16, 1e-9)
	// Around all: variance 17 along the first axis, 1 along the second.
	near(t, "relative, between", m.Relative([]float64{0, 0}), 16, 1e-9)
	near(t, "relative, at a class", m.Relative([]float64{4, 0}), -16.0/17, 1e-9)
	// Equidistant from both: −log(2 e^{−8}).
	near(t, "density", m.Density([]float64{0, 0}), 8-math.Ln2, 1e-9)
	if _, err := FitMahalanobis(nil, nil); fault.CodeOf(err) != fault.Input {
		t.Errorf("no features: %v", err)
	}
}

func TestNeighboursByHand(t *testing.T) {
	n := NewKNN([][]float64{{1, 0}, {0, 5}, {-2, 0}}, 2) // at 0°, 90° and 180° of the unit circle
	near(t, "the second from 0°", n.Score([]float64{3, 0}), math.Sqrt2, 1e-12)
	near(t, "the second from 90°", n.Score([]float64{0, 1}), math.Sqrt2, 1e-12)
	if s := NewKNN([][]float64{{1, 0}}, 2).Score([]float64{1, 0}); !math.IsInf(s, 1) {
		t.Errorf("too few neighbours: %v", s)
	}
}

func TestDetectByHand(t *testing.T) {
	// Usual 1, 2, 3; strange 2, 4: pairs won 1½ + 3 of 6.
	d := Detect([]float64{1, 2, 3}, []float64{2, 4})
	near(t, "AUROC", d.AUROC, 4.5/6, 1e-12)
	// Both are found at 2, where usual 2 and 3 are called strange as well.
	near(t, "false alarms", d.FPR95, 2.0/3, 1e-12)
	// Precision 1 at the first; at 2, two of four: ½·1 + ½·½.
	near(t, "average precision", d.AUPROut, 0.75, 1e-12)
	if !math.IsNaN(Detect(nil, []float64{1}).AUROC) {
		t.Error("nothing usual to compare with")
	}
}

func TestCalibrationByHand(t *testing.T) {
	// Four at 0.9, two right; four at 0.6, all right: gaps 0.4 and 0.4.
	conf := []float64{0.9, 0.9, 0.9, 0.9, 0.6, 0.6, 0.6, 0.6}
	right := []bool{true, true, false, false, true, true, true, true}
	for _, how := range []Binning{EqualWidth, EqualMass} {
		bins := 10
		if how == EqualMass {
			bins = 2
		}
		r := ReliabilityOf(conf, right, bins, how)
		near(t, "ECE", r.ECE, 0.4, 1e-12)
		near(t, "largest gap", r.MCE, 0.4, 1e-12)
		near(t, "root mean square", r.RMSE, 0.4, 1e-12)
		// 0.16 less ½·(¼/3), and the second bin has no variance.
		near(t, "debiased", r.Debiased, math.Sqrt(0.16-0.25/6), 1e-12)
	}
	p := DecomposeBrier(conf, right, 10)
	near(t, "reliability", p.Reliability, 0.16, 1e-12)
	near(t, "resolution", p.Resolution, 0.0625, 1e-12)
	near(t, "uncertainty", p.Uncertainty, 0.1875, 1e-12)
	probs, label := [][]float64{{0.7, 0.3}, {0.4, 0.6}}, []int{0, 0}
	near(t, "Brier", Brier(probs, label), (0.09+0.09+0.36+0.36)/2, 1e-12)
	near(t, "NLL", NLL(probs, label), -(math.Log(0.7)+math.Log(0.4))/2, 1e-12)
	near(t, "accuracy", Accuracy(probs, label), 0.5, 0)
	near(t, "sharpness", Sharpness(probs), 0.65, 1e-12)
	// Class 0: 0.7 and 0.4, always; class 1 the reverse: gaps 0.3 and 0.6 in bins of their own.
	near(t, "classwise", ClasswiseECE(probs, label, 10, EqualWidth), 0.45, 1e-12)
	near(t, "adaptive", ClasswiseECE(probs, label, 2, EqualMass), 0.45, 1e-12)
}

// TestRulesByHand: what costs four times an abstention is answered from ¾ on.
func TestRulesByHand(t *testing.T) {
	near(t, "by cost", ByCost(4, 1).Confidence, 0.75, 1e-12)
	conf := []float64{0.9, 0.5, 0.7, 0.6}
	near(t, "half of them", ByCoverage(conf, 0.5).Confidence, 0.7, 0)
	near(t, "all of them", ByCoverage(conf, 1).Confidence, 0.5, 0)
	// Fifty right and one wrong, the least sure: up to fifty the bound 1 − 0.05^(1/50) is 0.058.
	var c []float64
	var right []bool
	for i := range 51 {
		c, right = append(c, 1-float64(i)/100), append(right, i < 50)
	}
	if rule, ok := ByRisk(c, right, 0.06, 0.95); !ok || math.Abs(rule.Confidence-0.51) > 1e-12 {
		t.Errorf("by risk: %+v, %v", rule, ok)
	}
	if _, ok := ByRisk(c, right, 0.01, 0.95); ok {
		t.Error("fifty items cannot promise 0.01")
	}
	r := Rule{Confidence: 0.6, SetSize: 1, OOD: 3}
	for want, d := range map[string]Doubt{
		"unlike the training data: score 4, limit 3":            {Probs: []float64{0.9, 0.1}, SetSize: 1, OOD: 4},
		"no class is plausible":                                 {Probs: []float64{0.9, 0.1}, OOD: math.NaN()},
		"2 classes are plausible, limit 1":                      {Probs: []float64{0.9, 0.1}, SetSize: 2},
		"probability 0.55 of the likeliest class is below 0.60": {Probs: []float64{0.45, 0.55}, SetSize: 1},
		"": {Probs: []float64{0.3, 0.7}, SetSize: 1},
	} {
		got := r.Decide(d)
		if got.Reason != want || got.Abstain != (want != "") || !got.Abstain && got.Class != 1 {
			t.Errorf("%+v: %+v, want %q", d, got, want)
		}
	}
}

func TestRiskCoverageByHand(t *testing.T) {
	// By falling confidence: right, wrong, right, wrong. Risks 0, ½, ⅓, ½.
	r := NewRiskCoverage([]float64{0.9, 0.8, 0.7, 0.6}, []float64{0, 1, 0, 1})
	if !slices.Equal(r.Risk, []float64{0, 0.5, 1.0 / 3, 0.5}) {
		t.Errorf("risks %v", r.Risk)
	}
	near(t, "AURC", r.AURC, (0.5+1.0/3+0.5)/4, 1e-12)
	// A perfect order has 0, 0, ⅓, ½.
	near(t, "excess", r.EAURC, 0.5/4, 1e-12)
	near(t, "AUROC", r.AUROC, 0.75, 1e-12)
	near(t, "coverage at 0.4", r.CoverageAt(0.4), 0.75, 0)
	near(t, "risk at 0.5", r.RiskAt(0.5), 0.5, 0)
	if !math.IsNaN(NewRiskCoverage([]float64{1, 2}, []float64{0, 0}).AUROC) {
		t.Error("no error: there is nothing to find")
	}
	// Losses other than 0 and 1.
	l := NewRiskCoverage([]float64{2, 1}, []float64{3, 5})
	near(t, "AURC of losses", l.AURC, 3.5, 1e-12)
	near(t, "perfect already", l.EAURC, 0, 1e-12)
}

// TestRecalibrationByHand: logits of twice the size that is right ask for a temperature of 2.
func TestRecalibrationByHand(t *testing.T) {
	var logits [][]float64
	var label []int
	for i := range 400 { // right three times of four at a stated 0.9
		y := 0
		if i%4 == 3 {
			y = 1
		}
		logits, label = append(logits, []float64{2 * math.Log(3), 0}), append(label, y)
	}
	near(t, "temperature", FitTemperature(logits, label), 2, 1e-3)
	v := FitVectorScaling(logits, label)
	near(t, "vector scaling", v.Probs(logits[0])[0], 0.75, 1e-3)
	f := FitIsotonic([]float64{1, 2, 3, 4}, []float64{0, 1, 0, 1})
	for x, want := range map[float64]float64{1: 0, 2: 0.5, 3: 0.5, 4: 1, 0: 0, 9: 1} {
		near(t, "isotonic", f.At(x), want, 1e-12)
	}
}
