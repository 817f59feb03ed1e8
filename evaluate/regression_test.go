package evaluate

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// TestRegressionByHand works four pairs with weights 1, 2, 0, 1: rows (50, 55), twice (60, 60), (40, 45).
func TestRegressionByHand(t *testing.T) {
	r := &regression{y: []float64{50, 60, 70, 40}, p: []float64{55, 60, 0, 45}}
	w := []float64{1, 2, 0, 1}
	near(t, "mae", r.mae()(w), 10.0/4, 1e-12)
	near(t, "rmse", r.rmse()(w), math.Sqrt(50.0/4), 1e-12)
	near(t, "bias", r.bias()(w), 10.0/4, 1e-12)
	// Mean 52.5; squares 6.25 + 2·56.25 + 156.25 = 275.
	near(t, "r2", r.r2()(w), 1-50.0/275, 1e-12)
	// Ranks of truth: 40 → 1, 50 → 2, the two 60 → 3.5; of predictions the same.
	near(t, "spearman", r.spearman()(w), 1, 1e-12)
}

func TestRegressionUndefined(t *testing.T) {
	r := &regression{y: []float64{0.1, 0.1, 0.1, 5}, p: []float64{1, 2, 3, 4}}
	w := []float64{1, 1, 1, 0} // what varies is not drawn
	for name, f := range map[string]compute{"r2": r.r2(), "pearson": r.pearson(), "spearman": r.spearman()} {
		if v := f(w); !math.IsNaN(v) {
			t.Errorf("%s of a constant truth is %v", name, v)
		}
		if v := f(nil); math.IsNaN(v) {
			t.Errorf("%s of values that vary is undefined", name)
		}
	}
	none := []float64{0, 0, 0, 0}
	for name, f := range map[string]compute{"mae": r.mae(), "rmse": r.rmse(), "bias": r.bias(), "r2": r.r2(), "pearson": r.pearson()} {
		if v := f(none); !math.IsNaN(v) {
			t.Errorf("%s of no rows is %v", name, v)
		}
	}
}

// TestWeightedMidranks: a row of weight k has the mean rank of its k copies.
func TestWeightedMidranks(t *testing.T) {
	r := stats.Seed(1).Stream("midranks")
	for range 30 {
		x, w := make([]float64, 12), make([]float64, 12)
		var copies []float64
		for i := range x {
			x[i], w[i] = float64(r.IntN(6)), float64(r.IntN(4))
			for range int(w[i]) {
				copies = append(copies, x[i])
			}
		}
		got, want := weightedMidranks(x, stats.Order(x), w), stats.Midranks(copies)
		k := 0
		for i := range x {
			if w[i] > 0 {
				near(t, "rank", got[i], want[k], 1e-12)
			}
			k += int(w[i])
		}
	}
}

// TestShiftAndScale: what a change of unit or origin does to each metric.
func TestShiftAndScale(t *testing.T) {
	r := stats.Seed(2).Stream("shift")
	y, p := make([]float64, 50), make([]float64, 50)
	for i := range y {
		y[i] = 50 + 10*r.NormFloat64()
		p[i] = y[i] + 5*r.NormFloat64()
	}
	moved := func(a, b float64) *regression {
		out := &regression{y: make([]float64, 50), p: make([]float64, 50)}
		for i := range y {
			out.y[i], out.p[i] = a*y[i]+b, a*p[i]+b
		}
		return out
	}
	base := moved(1, 0)
	for _, c := range [][2]float64{{1, 100}, {3, 0}, {-2, 7}} {
		m := moved(c[0], c[1])
		near(t, "mae", m.mae()(nil), math.Abs(c[0])*base.mae()(nil), 1e-9)
		near(t, "rmse", m.rmse()(nil), math.Abs(c[0])*base.rmse()(nil), 1e-9)
		near(t, "bias", m.bias()(nil), c[0]*base.bias()(nil), 1e-9)
		near(t, "r2", m.r2()(nil), base.r2()(nil), 1e-9)
		near(t, "pearson", m.pearson()(nil), base.pearson()(nil), 1e-9)
		near(t, "spearman", m.spearman()(nil), base.spearman()(nil), 1e-12)
	}
}

func TestNumberJSON(t *testing.T) {
	for v, want := range map[float64]string{0.5: "0.5", -3: "-3", math.Inf(1): "null", math.Inf(-1): "null", 1e-9: "1e-9"} {
		b, err := json.Marshal(Number(v))
		if err != nil || string(b) != want {
			t.Errorf("%v is written %s (%v), want %s", v, b, err, want)
		}
		var back Number
		if err := json.Unmarshal(b, &back); err != nil || back.Defined() != (want != "null") || back.Defined() && float64(back) != v {
			t.Errorf("%s is read %v (%v)", b, back, err)
		}
	}
	if b, err := json.Marshal(Number(math.NaN())); err != nil || string(b) != "null" {
		t.Errorf("NaN is written %s (%v)", b, err)
	}
	var n Number
	if json.Unmarshal([]byte(`"high"`), &n) == nil {
		t.Error("text was read as a number")
	}
	// A null inside a structure replaces what was there.
	m := Measure{Value: 3}
	if err := json.Unmarshal([]byte(`{"value": null}`), &m); err != nil || m.Value.Defined() {
		t.Errorf("null was read as %v (%v)", m.Value, err)
	}
}

// TestProtocol: the registry is whole: names are unique, every metric has a kind and a sentence on what it needs, and names of kinds
// do not leak into each other.
func TestProtocol(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range protocol {
		if seen[m.name] || m.needs == "" {
			t.Errorf("metric %q is there twice or does not say what it needs", m.name)
		}
		seen[m.name] = true
		if m.binary == nil && m.multi == nil && m.regression == nil && m.timed == nil {
			t.Errorf("no kind has %s", m.name)
		}
		if m.labels && m.binary == nil {
			t.Errorf("%s of labels has no binary form", m.name)
		}
	}
	for kind, want := range map[Kind]int{Binary: 17, Class: 11, MultiLabel: 11, Regression: 6, "survival": 0} {
		if got := MetricNames(kind); len(got) != want {
			t.Errorf("%s has %d metrics, want %d: %v", kind, len(got), want, got)
		}
	}
	if HigherIsBetter("no such metric") || HigherIsBetter("bias") || HigherIsBetter("mae") || !HigherIsBetter("auroc") {
		t.Error("directions")
	}
}
