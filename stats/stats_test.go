package stats

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/google/go-cmp/cmp"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > tol*math.Max(1, math.Abs(want)) {
		t.Errorf("%s = %.14g, want %.14g", what, got, want)
	}
}

// scipyFile is testdata/scipy.json, made by bench/peers/evaluate.py.
type scipyFile struct {
	Ranks []struct {
		X, Y, Midranks    []float64
		Spearman, Pearson float64
	}
	MannWhitney []struct {
		X, Y  []float64
		U, P  float64
		Exact bool
	} `json:"mann_whitney"`
	Proportions []struct {
		K, N          int
		Level         float64
		Wilson, Exact [2]float64
	}
	DeLong []struct {
		Y    []int
		A, B []float64
		Area [2]float64
		Cov  [2][2]float64
		P    float64
	}
	Kappa []struct {
		A, B                    []int
		K                       int
		None, Linear, Quadratic float64
	}
	BCa []struct {
		X               []float64
		BCa, Percentile [2]float64
	}
}

func golden(t *testing.T) (f scipyFile) {
	t.Helper()
	b, err := os.ReadFile("testdata/scipy.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Ranks)*len(f.MannWhitney)*len(f.Proportions)*len(f.DeLong)*len(f.Kappa)*len(f.BCa) == 0 {
		t.Fatal("a family of golden values is empty")
	}
	return f
}

func TestAgainstSciPy(t *testing.T) {
	f := golden(t)
	for _, c := range f.Ranks {
		if d := cmp.Diff(c.Midranks, Midranks(c.X)); d != "" {
			t.Errorf("midranks: %s", d)
		}
		near(t, "Spearman", Spearman(c.X, c.Y), c.Spearman, 1e-12)
		near(t, "Pearson", Pearson(c.X, c.Y), c.Pearson, 1e-12)
	}
	for _, c := range f.MannWhitney {
		got := MannWhitney(c.X, c.Y)
		near(t, "U", got.U, c.U, 0)
		near(t, "Mann–Whitney P", got.P, c.P, 1e-12)
		if got.Exact != c.Exact {
			t.Errorf("%d and %d values: exact %v", len(c.X), len(c.Y), got.Exact)
		}
	}
	for _, c := range f.Proportions {
		w, e := Wilson(float64(c.K), float64(c.N), c.Level), ClopperPearson(c.K, c.N, c.Level)
		near(t, "Wilson low", w.Low, c.Wilson[0], 1e-12)
		near(t, "Wilson high", w.High, c.Wilson[1], 1e-12)
		near(t, "Clopper–Pearson low", e.Low, c.Exact[0], 1e-9)
		near(t, "Clopper–Pearson high", e.High, c.Exact[1], 1e-9)
	}
	for _, c := range f.DeLong {
		y := make([]bool, len(c.Y))
		for i, v := range c.Y {
			y[i] = v == 1
		}
		p := DeLongPaired(c.A, c.B, y)
		near(t, "area A", p.A.Area, c.Area[0], 1e-12)
		near(t, "area B", p.B.Area, c.Area[1], 1e-12)
		near(t, "variance A", p.A.Variance, c.Cov[0][0], 1e-12)
		near(t, "variance B", p.B.Variance, c.Cov[1][1], 1e-12)
		near(t, "covariance", p.Covariance, c.Cov[0][1], 1e-12)
		near(t, "DeLong P", p.P, c.P, 1e-10)
		near(t, "clusters of one", DeLongClustered(c.A, y, alone(len(y))).Variance, c.Cov[0][0], 1e-12)
	}
	for _, c := range f.Kappa {
		near(t, "kappa", CohenKappa(c.A, c.B, c.K, Unweighted), c.None, 1e-12)
		near(t, "linear kappa", CohenKappa(c.A, c.B, c.K, Linear), c.Linear, 1e-12)
		near(t, "quadratic kappa", CohenKappa(c.A, c.B, c.K, Quadratic), c.Quadratic, 1e-12)
	}
}

// TestSharedScoreAudit compares areas, DeLong variances and both proportion intervals with the shared golden vectors.
func TestSharedScoreAudit(t *testing.T) {
	b, err := os.ReadFile(testdata.Shared(t, "data/golden/fairness.json"))
	if err != nil {
		t.Fatal(err)
	}
	var raw struct{ Cases []json.RawMessage }
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	var n int
	for _, r := range raw.Cases {
		var c struct {
			Name   string
			Inputs struct {
				Y, Pred, Group []int
				Score          []float64
			}
			Expected struct {
				AUC    []float64
				DeLong []any        `json:"delong_var"` // "NaN" where undefined
				Wilson [][2]float64 `json:"wilson_selection"`
				Exact  [][2]float64 `json:"clopper_pearson_tpr"`
			}
			Tol float64
		}
		if json.Unmarshal(r, &c) != nil || len(c.Expected.DeLong) == 0 {
			continue
		}
		n++
		for g := range c.Expected.AUC {
			var score []float64
			var y []bool
			var picked, positives, found int
			for i, v := range c.Inputs.Group {
				if v != g {
					continue
				}
				score, y = append(score, c.Inputs.Score[i]), append(y, c.Inputs.Y[i] == 1)
				picked += c.Inputs.Pred[i]
				positives += c.Inputs.Y[i]
				found += c.Inputs.Y[i] * c.Inputs.Pred[i]
			}
			a := DeLong(score, y)
			want, ok := c.Expected.DeLong[g].(float64)
			if !ok {
				want = math.NaN()
			}
			near(t, c.Name+" AUC", a.Area, c.Expected.AUC[g], c.Tol)
			near(t, c.Name+" variance", a.Variance, want, c.Tol)
			w, e := Wilson(float64(picked), float64(len(y)), .95), ClopperPearson(found, positives, .95)
			near(t, c.Name+" Wilson", w.Low, c.Expected.Wilson[g][0], c.Tol)
			near(t, c.Name+" Wilson", w.High, c.Expected.Wilson[g][1], c.Tol)
			near(t, c.Name+" Clopper–Pearson", e.Low, c.Expected.Exact[g][0], c.Tol)
			near(t, c.Name+" Clopper–Pearson", e.High, c.Expected.Exact[g][1], c.Tol)
		}
	}
	if n == 0 {
		t.Error("no score audit in the file")
	}
}

// TestDeLongByHand works a small case: positives 3 and 1, negatives 2 and 0.
func TestDeLongByHand(t *testing.T) {
	y := []bool{true, true, false, false}
	a := DeLong([]float64{3, 1, 2, 0}, y)
	// Placements: positive 3 beats both (1), 1 beats one (½); negative 2 is beaten by one (½), 0 by both (1).
	near(t, "area", a.Area, 0.75, 0)
	near(t, "variance", a.Variance, 0.125/2+0.125/2, 1e-15)
	v := a.Interval(0.95)
	near(t, "low", v.Low, 0.75-1.959963984540054*0.5*math.Sqrt(0.5), 1e-9)
	near(t, "high, cut", v.High, 1, 0)

	// Obuchowski: pairs (3, 2) and (1, 0) are patients. V10 − area: .25, −.25; V01 − area: −.25, .25; so S11 takes all away.
	c := DeLongClustered([]float64{3, 1, 2, 0}, y, [][]int{{0, 2}, {1, 3}, nil})
	near(t, "clustered area", c.Area, 0.75, 0)
	near(t, "clustered variance", c.Variance, 0, 1e-15)
	// Patients (3, 0) and (1, 2): the deviations add.
	c = DeLongClustered([]float64{3, 1, 2, 0}, y, [][]int{{0, 3}, {1, 2}})
	near(t, "clustered variance", c.Variance, 2*(.125/4)*2+2*2*.125/4, 1e-15)

	same := DeLongPaired([]float64{3, 1, 2, 0}, []float64{3, 1, 2, 0}, y)
	if same.Difference != 0 || same.SE != 0 || !math.IsNaN(same.P) {
		t.Errorf("a score against itself: %+v", same)
	}
	d := DeLongPaired([]float64{3, 1, 2, 0}, []float64{0, 1, 2, 3}, y).Interval(.95)
	if !(d.Low < d.High) || d.Method != "delong-paired" {
		t.Errorf("paired interval %v", d)
	}
}

func TestEdges(t *testing.T) {
	nan := math.NaN()
	if a := DeLong([]float64{1, 2}, []bool{true, true}); !math.IsNaN(a.Area) || a.Interval(.95).Defined() {
		t.Errorf("one class: %+v", a)
	}
	if a := DeLong([]float64{1, nan, 2}, []bool{true, true, false}); !math.IsNaN(a.Area) {
		t.Errorf("NaN score: %+v", a)
	}
	if a := DeLong(nil, nil); !math.IsNaN(a.Area) {
		t.Errorf("nothing: %+v", a)
	}
	sep := DeLong([]float64{5, 4, 3, 2, 1}, []bool{true, true, true, false, false})
	near(t, "separated: two independent pairs", sep.Interval(.95).Low, math.Sqrt(.025), 1e-12)
	near(t, "reversed", DeLong([]float64{1, 2, 3, 4}, []bool{true, true, false, false}).Interval(.95).High, 1-math.Sqrt(.025), 1e-12)
	if c := DeLongClustered([]float64{1, 2, 3}, []bool{true, false, false}, [][]int{{0, 1, 2}}); !math.IsNaN(c.Variance) {
		t.Error("one patient has a variance")
	}
	for _, v := range []Interval{Wilson(1, 0, .95), Wilson(3, 2, .95), ClopperPearson(0, 0, .95), ClopperPearson(-1, 2, .95), CorrelationInterval(.5, 3, .95)} {
		if v.Defined() || v.String() != "no interval" {
			t.Errorf("%v is defined", v)
		}
	}
	near(t, "correlation interval", CorrelationInterval(.5, 28, .95).Low, math.Tanh(math.Atanh(.5)-1.959963984540054/5), 1e-9)
	for what, v := range map[string]float64{
		"Pearson of constants": Pearson([]float64{1, 1}, []float64{1, 2}), "Pearson of a constant that no sum holds exactly": Pearson([]float64{.1, .1, .1}, []float64{1, 2, 3}), "Pearson of one": Pearson([]float64{1}, []float64{1}),
		"Spearman with NaN": Spearman([]float64{1, nan, 2}, []float64{1, 2, 3}), "kappa of nothing": CohenKappa(nil, nil, 2, Linear),
		"kappa of one category": CohenKappa([]int{1, 1}, []int{1, 1}, 2, Unweighted), "Mann–Whitney of nothing": MannWhitney(nil, []float64{1}).P,
	} {
		if !math.IsNaN(v) {
			t.Errorf("%s = %v, want NaN", what, v)
		}
	}
	if p := MannWhitney([]float64{1, 1}, []float64{1, 1}).P; p != 1 {
		t.Errorf("Mann–Whitney of equal values: P = %v", p)
	}
	if got := (Interval{Low: .1, High: .2, Level: .95, Method: "wilson"}).String(); got != "95 % interval 0.1 to 0.2 (wilson)" {
		t.Error(got)
	}
	defer func() {
		if recover() == nil {
			t.Error("slices of different lengths were accepted")
		}
	}()
	Pearson([]float64{1}, nil)
}

// TestBlandAltman works the example by hand: differences 1, −1, 3, 1.
func TestBlandAltman(t *testing.T) {
	g := BlandAltman([]float64{11, 19, 33, 41}, []float64{10, 20, 30, 40}, .95)
	sd := math.Sqrt(8.0 / 3)
	near(t, "bias", g.Bias, 1, 1e-15)
	near(t, "SD", g.SD, sd, 1e-12)
	near(t, "lower", g.Lower, 1-1.959963984540054*sd, 1e-12)
	near(t, "upper", g.Upper, 1+1.959963984540054*sd, 1e-12)
	const t3 = 3.182446305284263 // Student's t, 3 degrees of freedom, 97.5 %
	near(t, "bias interval", g.BiasCI.High, 1+t3*sd/2, 1e-9)
	near(t, "limit interval", g.LowerCI.Low, g.Lower-t3*sd*math.Sqrt(1.0/4+1.959963984540054*1.959963984540054/6), 1e-9)
	// Means 10.5, 19.5, 31.5, 40.5 around 25.5: Σ(m)(d) = −15·0 −6·−2 + 6·2 + 15·0 = 24, Σm² = 522.
	near(t, "trend", g.Trend, 24.0/522, 1e-12)
	if one := BlandAltman([]float64{2}, []float64{1}, .95); one.Bias != 1 || !math.IsNaN(one.SD) || one.BiasCI.Defined() || !math.IsNaN(one.Trend) {
		t.Errorf("one pair: %+v", one)
	}
}

func TestStreams(t *testing.T) {
	a, b := Seed(1).Stream("augment", 3, 4), Seed(1).Stream("augment", 3, 4)
	if a.Uint64() != b.Uint64() {
		t.Error("the same keys give other numbers")
	}
	seen := map[uint64]string{}
	for name, v := range map[string]uint64{
		"seed 1": Seed(1).Stream("x").Uint64(), "seed 2": Seed(2).Stream("x").Uint64(), "key y": Seed(1).Stream("y").Uint64(),
		"int 1": Seed(1).Stream("x", 1).Uint64(), "string 1": Seed(1).Stream("x", "1").Uint64(), "joined": Seed(1).Stream("x1").Uint64(),
	} {
		if other, again := seen[v]; again {
			t.Errorf("%s and %s share a stream", name, other)
		}
		seen[v] = name
	}
}

func BenchmarkDeLong100k(b *testing.B) {
	rng := Seed(1).Stream("bench")
	score, y := make([]float64, 100_000), make([]bool, 100_000)
	for i := range score {
		score[i], y[i] = rng.NormFloat64(), rng.IntN(2) == 1
	}
	for b.Loop() {
		DeLong(score, y)
	}
}
