package stats

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"
)

// agreementFile is testdata/agreement.json, made by bench/peers/agreement.py.
type agreementFile struct {
	Kappa []struct {
		A, B      []int
		K, Weight int
		Kappa, SE float64
	}
	Alpha []struct {
		Units                             [][]*float64
		Nominal, Ordinal, Interval, Ratio float64
	}
	MRMC []struct {
		Kind                      string
		Truth                     []int
		Score                     [][][]float64
		Value                     [][]float64
		Var, Cov1, Cov2, Cov3     float64
		MST, MSTR, F, DF, P       float64
		Difference, SE, Low, High float64
		FixedP                    float64 `json:"fixed_p"`
		CasesFixedP               float64 `json:"cases_fixed_p"`
		Panel                     struct{ Difference, SE, DF, P float64 }
		Noninferior               struct{ Bound, P float64 }
	}
	Staple []struct {
		Votes     [][]int
		K         int
		Posterior [][]float64
		Confusion [][][]float64
	}
	ICC []struct {
		X                                 [][]float64
		Agreement, Consistency, Low, High float64
	}
	Limits []struct {
		N         int
		Near, Far float64
	}
}

func agreementGolden(t *testing.T) (f agreementFile) {
	t.Helper()
	b, err := os.ReadFile("testdata/agreement.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Kappa)*len(f.Alpha)*len(f.MRMC)*len(f.Staple)*len(f.ICC)*len(f.Limits) == 0 {
		t.Fatal("a family of golden values is empty")
	}
	return f
}

func TestKappaWithError(t *testing.T) {
	for _, c := range agreementGolden(t).Kappa {
		got := KappaWithError(c.A, c.B, c.K, KappaWeight(c.Weight))
		near(t, "kappa", got.Value, c.Kappa, 1e-12)
		near(t, "its error", got.SE, c.SE, 1e-6) // the reference differentiates numerically
		if v := got.Interval(.95); !(v.Low < got.Value && got.Value < v.High) {
			t.Errorf("interval %v", v)
		}
	}
	// By hand: 2×2 table 20, 5, 10, 15: observed 0.7, expected 0.5·0.6 + 0.5·0.4 = 0.5, kappa 0.4.
	var a, b []int
	for cell, n := range []int{20, 5, 10, 15} {
		for range n {
			a, b = append(a, cell/2), append(b, cell%2)
		}
	}
	got := KappaWithError(a, b, 2, Unweighted)
	near(t, "kappa by hand", got.Value, .4, 1e-12)
	near(t, "observed", got.Observed, .7, 1e-12)
	near(t, "expected", got.Expected, .5, 1e-12)
	if all := KappaWithError([]int{0, 1, 0}, []int{0, 1, 0}, 2, Unweighted); all.Value != 1 || all.Interval(.95).Defined() {
		t.Errorf("perfect agreement: %+v, an interval that says nothing", all)
	}
	for _, k := range []Kappa{KappaWithError(nil, nil, 3, Linear), KappaWithError([]int{0}, []int{0}, 1, Quadratic)} {
		if !math.IsNaN(k.Value) || k.Interval(.95).Defined() {
			t.Errorf("nothing to compare: %+v", k)
		}
	}
}

// TestFleissKappa has two published tables: that of 30 patients, 6 psychiatrists and 5 diagnoses (Fleiss 1971, table 1: shares .144, .144,
// .167, .306, .239, observed .5556, expected .2201, kappa .430), and the one that textbooks use (14 readers, kappa .210).
func TestFleissKappa(t *testing.T) {
	psychiatric := [][]float64{
		{0, 0, 0, 6, 0}, {0, 3, 0, 0, 3}, {0, 1, 4, 0, 1}, {0, 0, 0, 0, 6}, {0, 3, 0, 3, 0}, {2, 0, 4, 0, 0}, {0, 0, 4, 0, 2}, {2, 0, 3, 1, 0},
		{2, 0, 0, 4, 0}, {0, 0, 0, 0, 6}, {1, 0, 0, 5, 0}, {1, 1, 0, 4, 0}, {0, 3, 3, 0, 0}, {1, 0, 0, 5, 0}, {0, 2, 0, 3, 1}, {0, 0, 5, 0, 1},
		{3, 0, 0, 1, 2}, {5, 1, 0, 0, 0}, {0, 2, 0, 4, 0}, {1, 0, 2, 0, 3}, {0, 0, 0, 0, 6}, {0, 1, 0, 5, 0}, {0, 2, 0, 1, 3}, {2, 0, 0, 4, 0},
		{1, 0, 0, 4, 1}, {0, 5, 0, 1, 0}, {4, 0, 0, 0, 2}, {0, 2, 0, 4, 0}, {1, 0, 5, 0, 0}, {0, 0, 0, 0, 6}}
	k := FleissKappa(psychiatric)
	near(t, "observed", k.Observed, .5556, 5e-5)
	near(t, "expected", k.Expected, .2201, 2e-4) // Fleiss squares shares rounded to three digits
	near(t, "kappa", k.Value, .430, 5e-4)
	if v := k.Interval(.95); !(v.Low > .25 && v.High < .61 && v.Low < .43) {
		t.Errorf("interval %v", v)
	}
	textbook := [][]float64{{0, 0, 0, 0, 14}, {0, 2, 6, 4, 2}, {0, 0, 3, 5, 6}, {0, 3, 9, 2, 0}, {2, 2, 8, 1, 1}, {7, 7, 0, 0, 0}, {3, 2, 6, 3, 0}, {2, 5, 3, 2, 2}, {6, 5, 2, 1, 0}, {0, 2, 2, 3, 7}}
	near(t, "textbook", FleissKappa(textbook).Value, .210, 5e-4)

	// The linearised error is near the jackknife's, which shares nothing with it.
	var leave []float64
	for i := range psychiatric {
		rest := append(append([][]float64{}, psychiatric[:i]...), psychiatric[i+1:]...)
		leave = append(leave, FleissKappa(rest).Value)
	}
	m, ss, n := mean(leave), 0.0, float64(len(leave))
	for _, v := range leave {
		ss += (v - m) * (v - m)
	}
	if jack := math.Sqrt(ss * (n - 1) / n); math.Abs(k.SE/jack-1) > .03 {
		t.Errorf("error %v, jackknife %v", k.SE, jack)
	}
	// A thing that one reader saw, or none, adds no pair; a kappa without pairs or without a second category is undefined.
	if got := FleissKappa([][]float64{{2, 0}, {0, 2}, {0, 1}, {0, 0}}); got.N != 2 || got.Observed != 1 {
		t.Errorf("missing ratings: %+v", got)
	}
	for _, c := range [][][]float64{nil, {{1, 0}}, {{3, 0}, {2, 0}}} {
		if got := FleissKappa(c); !math.IsNaN(got.Value) {
			t.Errorf("%v: %+v", c, got)
		}
	}
}

// TestKrippendorffAlpha has the example of Krippendorff (2011, section C and D): four observers, twelve units, values missing.
func TestKrippendorffAlpha(t *testing.T) {
	x := math.NaN()
	observers := [][]float64{
		{1, 2, 3, 3, 2, 1, 4, 1, 2, x, x, x},
		{1, 2, 3, 3, 2, 2, 4, 1, 2, 5, x, 3},
		{x, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, x},
		{1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, x}}
	units := make([][]float64, 12)
	for u := range units {
		for _, o := range observers {
			units[u] = append(units[u], o[u])
		}
	}
	for m, want := range map[AlphaMetric]float64{Nominal: .743, Ordinal: .815, IntervalScale: .849, Ratio: .797} {
		near(t, "published", KrippendorffAlpha(units, m), want, 5e-4)
	}
	for _, c := range agreementGolden(t).Alpha {
		rows := make([][]float64, len(c.Units))
		for i, u := range c.Units {
			for _, v := range u {
				if v == nil {
					rows[i] = append(rows[i], math.NaN())
				} else {
					rows[i] = append(rows[i], *v)
				}
			}
		}
		for m, want := range map[AlphaMetric]float64{Nominal: c.Nominal, Ordinal: c.Ordinal, IntervalScale: c.Interval, Ratio: c.Ratio} {
			near(t, "by all pairs", KrippendorffAlpha(rows, m), want, 1e-12)
		}
		// Counting every unit twice is repeating the table.
		twice := make([]float64, len(rows))
		for i := range twice {
			twice[i] = 2
		}
		near(t, "weighted", weightedAlpha(rows, Ordinal, twice), KrippendorffAlpha(append(append([][]float64{}, rows...), rows...), Ordinal), 1e-12)
		a, v, err := AlphaInterval(t.Context(), rows, Nominal, Clusters(make([]string, len(rows))), Bootstrap{Resamples: 400, BCa: true, Seed: 1})
		if err != nil || a != c.Nominal && math.Abs(a-c.Nominal) > 1e-12 || !(v.Low < a && a < v.High) {
			t.Errorf("alpha %v in %v, %v", a, v, err)
		}
	}
	for _, u := range [][][]float64{nil, {{1, x}}, {{2, 2}, {2, 2}}} {
		if a := KrippendorffAlpha(u, Nominal); !math.IsNaN(a) {
			t.Errorf("%v: %v", u, a)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := AlphaInterval(gone, units, Nominal, Clusters(make([]string, 12)), Bootstrap{}); err == nil {
		t.Error("cancelled, and no error")
	}
}

// TestICC has Shrout and Fleiss's table 2: six targets, four judges; their table 4 gives .29 and .71 (.715 unrounded), .62 and .91 for means.
func TestICC(t *testing.T) {
	judges := [][]float64{{9, 2, 5, 8}, {6, 1, 3, 2}, {8, 4, 6, 8}, {7, 1, 2, 6}, {10, 5, 6, 9}, {6, 2, 4, 7}}
	c := ICCOf(judges, .95)
	for _, v := range []struct {
		name                 string
		got, want, tolerance float64
	}{
		{"between targets", c.Between, 11.24, .005}, {"between judges", c.Readers, 32.49, .005}, {"residual", c.Residual, 1.02, .005},
		{"ICC(2,1)", c.Agreement, .290, 5e-4}, {"ICC(3,1)", c.Consistency, .715, 5e-4}, {"ICC(2,4)", c.AgreementMean, .620, 5e-4}, {"ICC(3,4)", c.ConsistMean, .909, 5e-4},
		{"ICC(2,1) low", c.AgreementCI.Low, .019, 5e-4}, {"ICC(2,1) high", c.AgreementCI.High, .761, 5e-4},
		{"ICC(3,1) low", c.ConsistencyCI.Low, .342, 5e-4}, {"ICC(3,1) high", c.ConsistencyCI.High, .946, 5e-4},
		{"stepped up", OfMean(c.Agreement, 4), c.AgreementMean, 1e-12}, {"stepped up", OfMean(c.Consistency, 4), c.ConsistMean, 1e-12},
	} {
		if math.Abs(v.got-v.want) > v.tolerance {
			t.Errorf("%s: %v, published %v", v.name, v.got, v.want)
		}
	}
	for _, g := range agreementGolden(t).ICC {
		c := ICCOf(g.X, .95)
		near(t, "agreement", c.Agreement, g.Agreement, 1e-12)
		near(t, "consistency", c.Consistency, g.Consistency, 1e-12)
		near(t, "low", c.ConsistencyCI.Low, g.Low, 1e-9)
		near(t, "high", c.ConsistencyCI.High, g.High, 1e-9)
	}
	// A judge who is always 3 higher: consistent wholly, in agreement not; no residual, so no interval. A row with a gap is left out.
	shifted := ICCOf([][]float64{{1, 4}, {2, 5}, {3, 6}, {math.NaN(), 1}}, .95)
	if shifted.Consistency != 1 || !(shifted.Agreement < .5) || shifted.ConsistencyCI.Defined() || shifted.Dropped != 1 || shifted.N != 3 {
		t.Errorf("%+v", shifted)
	}
	for _, x := range [][][]float64{nil, {{1, 2}}, {{1}, {2}}, {{5, 5}, {5, 5}}} {
		if c := ICCOf(x, .95); !math.IsNaN(c.Agreement) || c.AgreementCI.Defined() {
			t.Errorf("%v: %+v", x, c)
		}
	}
}

// TestBlandAltmanPublished has the peak flows of Bland and Altman (Lancet 1986;1:307): 17 people, bias −2.1, SD 38.8; with 1.96 in place of
// their 2 the limits are −78.1 and 73.9.
func TestBlandAltmanPublished(t *testing.T) {
	wright := []float64{494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427}
	mini := []float64{512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451}
	g := BlandAltman(wright, mini, .95)
	for _, v := range []struct{ got, want, tolerance float64 }{{g.Bias, -2.1, .05}, {g.SD, 38.8, .05}, {g.BiasCI.Low, -22.0, .1}, {g.BiasCI.High, 17.8, .1}} {
		if math.Abs(v.got-v.want) > v.tolerance {
			t.Errorf("%v, published %v", v.got, v.want)
		}
	}
	for _, l := range agreementGolden(t).Limits {
		a := Agreement{N: l.N, Bias: 3, SD: 2}
		low, high := a.ExactLimits(.95)
		near(t, "upper limit, inner", high.Low, 3+2*l.Near, 1e-7)
		near(t, "upper limit, outer", high.High, 3+2*l.Far, 1e-7)
		near(t, "lower limit, outer", low.Low, 3-2*l.Far, 1e-7)
		near(t, "lower limit, inner", low.High, 3-2*l.Near, 1e-7)
	}
	low, high := g.ExactLimits(.95)
	if !(low.Low < g.LowerCI.Low && high.High > g.UpperCI.High) {
		t.Errorf("exact %v, %v; approximate %v, %v", low, high, g.LowerCI, g.UpperCI)
	}
	if a, _ := BlandAltman([]float64{1}, []float64{2}, .95).ExactLimits(.95); a.Defined() {
		t.Error("limits of one pair")
	}
}

// TestExactLimitsCover: of 2,000 samples of 8 normal differences, 95 % of the exact intervals hold the true upper limit (binomial, ± 4 SD).
func TestExactLimitsCover(t *testing.T) {
	rng, held := Seed(4).Stream("limits"), 0
	far := Agreement{N: 8, Bias: 0, SD: 1}
	_, unit := far.ExactLimits(.95)
	for range 2000 {
		a, b := make([]float64, 8), make([]float64, 8)
		for i := range a {
			a[i] = rng.NormFloat64()
		}
		g := BlandAltman(a, b, .95)
		if g.Bias+unit.Low*g.SD <= 1.959963984540054 && g.Bias+unit.High*g.SD >= 1.959963984540054 {
			held++
		}
	}
	if math.Abs(float64(held)/2000-.95) > .02 {
		t.Errorf("%d of 2000 hold the limit", held)
	}
}

// TestICCOneWay: Shrout and Fleiss's table 2 gives ICC(1,1) = .17, between −.13 and .72 (McGraw and Wong's programs). Uneven things by hand.
func TestICCOneWay(t *testing.T) {
	judges := [][]float64{{9, 2, 5, 8}, {6, 1, 3, 2}, {8, 4, 6, 8}, {7, 1, 2, 6}, {10, 5, 6, 9}, {6, 2, 4, 7}}
	c := ICCOneWay(judges, .95)
	for _, v := range []struct{ got, want float64 }{{c.Value, .166}, {c.Between, 11.24}, {c.Within, 6.26}, {c.CI.Low, -.133}, {c.CI.High, .723}} {
		if math.Abs(v.got-v.want) > .005 {
			t.Errorf("%v, published %v", v.got, v.want)
		}
	}
	// {1,3} and {5,5,8}, a lonely 100: means 2 and 6, grand 22/5; between 2·2.4² + 3·1.6² = 19.2, within (2 + 6)/3; k0 = 5 − 13/5 = 2.4.
	x := math.NaN()
	u := ICCOneWay([][]float64{{1, 3, x}, {5, 5, 8}, {100, x, x}}, .95)
	near(t, "between", u.Between, 19.2, 1e-12)
	near(t, "within", u.Within, 8.0/3, 1e-12)
	near(t, "uneven", u.Value, (19.2-8.0/3)/(19.2+1.4*8/3), 1e-12)
	if u.CI.Defined() || u.N != 2 || u.Values != 5 {
		t.Errorf("%+v", u)
	}
	v, ci, err := OneWayInterval(t.Context(), judges, Clusters(make([]string, 6)), Bootstrap{Resamples: 400})
	if err != nil || math.Abs(v-c.Value) > 1e-12 || !(ci.Low < v && v < ci.High) {
		t.Errorf("%v in %v, %v", v, ci, err)
	}
	for _, rows := range [][][]float64{nil, {{1, 2}}, {{1, x}, {2, x}}, {{4, 4}, {4, 4}}} {
		if c := ICCOneWay(rows, .95); !math.IsNaN(c.Value) {
			t.Errorf("%v: %+v", rows, c)
		}
	}
}

// TestICCWithoutFreedom: readers who agree less than by chance, so that the parts of the variance that McGraw and Wong's degrees of freedom are made
// of cancel: no interval, and no panic. Found by random studies.
func TestICCWithoutFreedom(t *testing.T) {
	rng := Seed(1).Stream("icc")
	studies := 20_000
	if testing.Short() {
		studies = 2000
	}
	for range studies {
		n, k := 2+rng.IntN(4), 2+rng.IntN(2)
		rows := make([][]float64, n)
		for i := range rows {
			for range k {
				rows[i] = append(rows[i], float64(rng.IntN(4)))
			}
		}
		c := ICCOf(rows, .95)
		if c.AgreementCI.Defined() && !(c.AgreementCI.Low <= c.AgreementCI.High) && c.Agreement > 0 {
			t.Fatalf("%v: %+v", rows, c)
		}
	}
}
