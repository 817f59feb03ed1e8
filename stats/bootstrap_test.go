package stats

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// meanOf is the weighted mean of x as a statistic.
func meanOf(x []float64) Statistics {
	return func(w, out []float64) {
		var sum, n float64
		for i, v := range x {
			sum += w[i] * v
			n += w[i]
		}
		out[0] = sum / n
	}
}

func alone(n int) [][]int {
	out := make([][]int, n)
	for i := range out {
		out[i] = []int{i}
	}
	return out
}

func run(t *testing.T, b Bootstrap, clusters [][]int, n, k int, stat Statistics) *Draws {
	t.Helper()
	d, err := b.Run(context.Background(), clusters, n, k, stat)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestBootstrapAgainstSciPy compares both kinds of interval of a skewed mean with scipy.stats.bootstrap at 200,000 resamples. The
// upper BCa end is a quantile at 0.993, whose Monte Carlo error at 100,000 is 0.005 by SciPy with four seeds.
func TestBootstrapAgainstSciPy(t *testing.T) {
	for _, c := range golden(t).BCa {
		for want, bca := range map[[2]float64]bool{c.BCa: true, c.Percentile: false} {
			d := run(t, Bootstrap{Resamples: 100_000, Seed: 1, BCa: bca}, alone(len(c.X)), len(c.X), 1, meanOf(c.X))
			v := d.Interval(0)
			if math.Abs(v.Low-want[0]) > 0.006 || math.Abs(v.High-want[1]) > 0.015 {
				t.Errorf("BCa %v: %v, SciPy has %v", bca, v, want)
			}
			if (v.Method == "bootstrap-bca") != bca {
				t.Errorf("method %q", v.Method)
			}
		}
	}
}

// TestBootstrapIsDeterministic: any number of workers gives the same draws; another seed or name gives others.
func TestBootstrapIsDeterministic(t *testing.T) {
	x := []float64{1, 4, 9, 16, 25, 36, 49}
	draws := func(b Bootstrap) []float64 {
		b.Resamples = 300
		return run(t, b, alone(len(x)), len(x), 1, meanOf(x)).Resample[0]
	}
	one := draws(Bootstrap{Seed: 5, Workers: 1})
	if d := cmp.Diff(one, draws(Bootstrap{Seed: 5, Workers: 7})); d != "" {
		t.Errorf("workers change the draws: %s", d)
	}
	if slices.Equal(one, draws(Bootstrap{Seed: 6})) || slices.Equal(one, draws(Bootstrap{Seed: 5, Name: "other"})) {
		t.Error("another seed or name gives the same draws")
	}
}

// TestBootstrapByCluster: rows of a patient are drawn together, and repeating them does not narrow the interval.
func TestBootstrapByCluster(t *testing.T) {
	keys := []string{"b", "a", "", "b", "a", ""}
	clusters := Clusters(keys)
	if d := cmp.Diff([][]int{{1, 4}, {0, 3}, {2}, {5}}, clusters); d != "" {
		t.Fatal(d)
	}
	run(t, Bootstrap{Resamples: 50}, clusters, len(keys), 1, func(w, out []float64) {
		var sum float64
		for _, v := range w {
			sum += v
		}
		if w[0] != w[3] || w[1] != w[4] || sum < 4 {
			t.Errorf("weights %v split a patient", w)
		}
		out[0] = sum
	})
	rng := Seed(3).Stream("x")
	x := make([]float64, 40)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	thrice := slices.Concat(x, x, x)
	patients := make([][]int, len(x))
	for i := range patients {
		patients[i] = []int{i, i + 40, i + 80}
	}
	width := func(v Interval) float64 { return v.High - v.Low }
	a := run(t, Bootstrap{Seed: 1}, alone(40), 40, 1, meanOf(x)).Interval(0)
	b := run(t, Bootstrap{Seed: 1}, patients, 120, 1, meanOf(thrice)).Interval(0)
	naive := run(t, Bootstrap{Seed: 1}, alone(120), 120, 1, meanOf(thrice)).Interval(0)
	if math.Abs(width(a)-width(b)) > 1e-9 || width(naive) > 0.7*width(a) {
		t.Errorf("widths: once %.3f, thrice by patient %.3f, thrice by row %.3f", width(a), width(b), width(naive))
	}
}

// TestBootstrapCoverage: of 95 % intervals of a mean of 30 exponential values, BCa ones cover the truth in 90 to 97 % of 300 samples.
func TestBootstrapCoverage(t *testing.T) {
	var hit int
	const samples = 300
	for s := range samples {
		rng := Seed(s).Stream("coverage")
		x := make([]float64, 30)
		for i := range x {
			x[i] = rng.ExpFloat64()
		}
		v := run(t, Bootstrap{Resamples: 400, Seed: Seed(s), BCa: true}, alone(30), 30, 1, meanOf(x)).Interval(0)
		if v.Low <= 1 && 1 <= v.High {
			hit++
		}
	}
	if share := float64(hit) / samples; share < 0.90 || share > 0.97 {
		t.Errorf("intervals cover the truth in %.3f of samples", share)
	}
}

func TestBootstrapUndefined(t *testing.T) {
	d := run(t, Bootstrap{Resamples: 100, Seed: 1, BCa: true}, alone(5), 5, 4, func(w, out []float64) {
		out[0] = 7          // the same always
		out[1] = math.NaN() // never defined
		out[2] = w[0]       // defined
		out[3] = 7 + w[0]
		if w[0] == 0 { // undefined on about a third of resamples
			out[3] = math.NaN()
		}
	})
	if d.Interval(0).Defined() || !d.Degenerate(0) {
		t.Error("a statistic without spread has an interval")
	}
	if d.Interval(1).Defined() || d.Degenerate(1) || d.Undefined(1) != 1 {
		t.Error("an undefined statistic has an interval")
	}
	if !d.Interval(2).Defined() || d.Undefined(2) != 0 {
		t.Error("a plain statistic has none")
	}
	if u := d.Undefined(3); u < 0.2 || u > 0.5 || !d.Interval(3).Defined() {
		t.Errorf("undefined on %.2f of resamples", u)
	}
	point, v := d.Difference(3, 2)
	if point != 7 || v.Defined() { // 7 + w − w on every resample where it is defined
		t.Errorf("paired difference %v %v", point, v)
	}
	none := run(t, Bootstrap{Resamples: 50}, nil, 0, 1, meanOf(nil))
	if none.Interval(0).Defined() {
		t.Error("no rows have an interval")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Bootstrap{}).Run(ctx, alone(5), 5, 1, meanOf(make([]float64, 5))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		p    float64
		want float64
	}{
		{[]float64{1, 2, 3, 4}, 0, 1}, {[]float64{1, 2, 3, 4}, 1, 4}, {[]float64{1, 2, 3, 4}, 0.5, 2.5}, {[]float64{1, 2, 3, 4}, 0.1, 1.3},
		{[]float64{5}, 0.3, 5}, {nil, 0.5, math.NaN()},
	} {
		near(t, "quantile", Quantile(c.x, c.p), c.want, 1e-12)
	}
}
