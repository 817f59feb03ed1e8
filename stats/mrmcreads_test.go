package stats

import (
	"fmt"
	"math"
	"testing"
)

// TestCaseSampleWhole: with every case read by all and one case a patient it is the analysis that is held against published numbers.
func TestCaseSampleWhole(t *testing.T) {
	for _, c := range agreementGolden(t).MRMC {
		y := make([]bool, len(c.Truth))
		for i, v := range c.Truth {
			y[i] = v == 1
		}
		f, sample := Figure{Kind: c.Kind, Threshold: .5}, CaseSample{Positive: y}
		for _, s := range []Sampling{RandomReadersRandomCases, FixedReadersRandomCases, RandomReadersFixedCases} {
			want := CompareModalities(c.Score, y, f, s, .95)
			got, dropped := sample.CompareModalities(c.Score, f, s, .95)
			if dropped != nil {
				t.Fatalf("dropped %v", dropped)
			}
			for _, v := range [][2]float64{{got.P, want.P}, {got.Var, want.Var}, {got.Cov1, want.Cov1}, {got.Cov2, want.Cov2}, {got.Cov3, want.Cov3},
				{got.Differences[0].SE, want.Differences[0].SE}, {got.Differences[0].CI.Low, want.Differences[0].CI.Low}, {got.MeanCI[0].High, want.MeanCI[0].High}} {
				near(t, c.Kind, v[0], v[1], 1e-10)
			}
			a := CompareWithPanel(c.Score[0][0], c.Score[0][1:], y, f, s, .95)
			b, _ := sample.CompareWithPanel(c.Score[0][0], c.Score[0][1:], f, s, .95)
			for _, v := range [][2]float64{{a.AI, b.AI}, {a.Panel, b.Panel}, {a.Difference, b.Difference}, {a.SE, b.SE}, {a.P, b.P}, {a.CI.Low, b.CI.Low}} {
				near(t, c.Kind+", panel", v[1], v[0], 1e-10)
			}
		}
		// One reader, fixed: DeLong's test of two curves.
		if c.Kind == "auc" {
			d := DeLongPaired(c.Score[0][0], c.Score[0][1], y)
			p, _ := sample.CompareWithPanel(c.Score[0][0], c.Score[0][1:2], f, FixedReadersRandomCases, .95)
			near(t, "DeLong", p.SE, d.SE, 1e-12)
			near(t, "DeLong's P", p.P, d.P, 1e-12)
		}
	}
}

// clusteredStudy is of patients with one to three cases each, correlated; readers read a share of the patients each.
func clusteredStudy(seed Seed, patients, readers int, share float64) (CaseSample, [][]float64) {
	rng := seed.Stream("clustered study")
	var c CaseSample
	var signal []float64
	for p := range patients {
		own := rng.NormFloat64()
		for range 1 + rng.IntN(3) {
			y := rng.IntN(2) == 0
			v := .8*own + .6*rng.NormFloat64()
			if y {
				v += 1.2
			}
			c.Positive, c.Patient, signal = append(c.Positive, y), append(c.Patient, fmt.Sprintf("p%03d", p)), append(signal, v)
		}
	}
	score := make([][]float64, readers)
	for j := range score {
		mine := map[string]bool{}
		for i := range signal {
			p := c.Patient[i]
			if _, known := mine[p]; !known {
				mine[p] = rng.Float64() < share
			}
			v := math.NaN()
			if mine[p] {
				v = signal[i] + .7*rng.NormFloat64()
			}
			score[j] = append(score[j], v)
		}
	}
	return c, score
}

// TestCaseSampleClusters: a reader's error is Obuchowski's, and that of a mean over readers of parts of the cases is near the one that
// resampling patients gives, which shares nothing with it.
func TestCaseSampleClusters(t *testing.T) {
	c, score := clusteredStudy(5, 90, 4, 1)
	for _, s := range score {
		v, se := c.One(s, Figure{Kind: "auc"})
		want := DeLongClustered(s, c.Positive, Clusters(c.Patient))
		near(t, "area", v, want.Area, 1e-12)
		near(t, "error", se*se, want.Variance, 1e-12)
	}
	if testing.Short() {
		return // what follows resamples patients
	}
	for _, share := range []float64{1, .5} {
		c, score := clusteredStudy(6, 120, 5, share)
		for _, kind := range []string{"auc", "sensitivity", "specificity"} {
			f := Figure{Kind: kind, Threshold: .6}
			got, dropped := c.CompareWithPanel(score[0], score[1:], f, FixedReadersRandomCases, .95)
			if dropped != nil {
				t.Fatal(dropped)
			}
			patient := c.patients()
			figure := func(weight []float64) float64 { // mean over readers of the difference, on cases drawn with their patients
				var sum, n float64
				for _, other := range score[1:] {
					var a, b []float64
					var y []bool
					for i, w := range weight {
						for range int(w) {
							if !math.IsNaN(other[i]) && !math.IsNaN(score[0][i]) {
								a, b, y = append(a, score[0][i]), append(b, other[i]), append(y, c.Positive[i])
							}
						}
					}
					sum, n = sum+f.placements(a, y).area-f.placements(b, y).area, n+1
				}
				return sum / n
			}
			d, err := Bootstrap{Resamples: 1500, Seed: 8}.Run(t.Context(), Clusters(c.Patient), len(patient), 1, func(w, out []float64) { out[0] = figure(w) })
			if err != nil {
				t.Fatal(err)
			}
			near(t, kind, got.Difference, d.Point[0], 1e-12)
			m, ss := mean(d.Resample[0]), 0.0
			for _, v := range d.Resample[0] {
				ss += (v - m) * (v - m) / 1499
			}
			if r := got.SE / math.Sqrt(ss); r < .9 || r > 1.1 {
				t.Errorf("share %v, %s: error %v, %v by resampling patients", share, kind, got.SE, math.Sqrt(ss))
			}
		}
	}
}

// TestSplitPlotSize: 300 studies without a difference in which readers read half of the patients each: about 5 % are significant (binomial,
// upper bound at P < 0.001), and most are not: the test is not empty.
func TestSplitPlotSize(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates studies")
	}
	rejected := 0
	for k := range 300 {
		c, first := clusteredStudy(Seed(100+k), 60, 5, .5)
		rng := Seed(k).Stream("second")
		second := make([][]float64, len(first))
		for j := range first {
			skill := .2 * rng.NormFloat64() // reader × modality
			for i, v := range first[j] {
				if c.Positive[i] {
					v += skill
				}
				second[j] = append(second[j], v+.5*rng.NormFloat64())
				first[j][i] += .5 * rng.NormFloat64()
			}
		}
		m, _ := c.CompareModalities([][][]float64{first, second}, Figure{Kind: "auc"}, RandomReadersRandomCases, .95)
		if m.P < .05 {
			rejected++
		}
	}
	if rejected > 28 || rejected < 2 {
		t.Errorf("%d of 300 studies without a difference are significant", rejected)
	}
}

func TestCaseSampleEdges(t *testing.T) {
	x := math.NaN()
	c := CaseSample{Positive: []bool{true, true, false, false}}
	// A reader without negatives is left out; two readers without a case in common have no covariance.
	p, dropped := c.CompareWithPanel([]float64{1, 2, 0, 1.5}, [][]float64{{1, 2, x, x}, {3, 1, 0, 2}}, Figure{Kind: "auc"}, FixedReadersRandomCases, .95)
	if len(dropped) != 1 || dropped[0] != 0 || p.AI != .75 || p.Panel != .75 || p.Difference != 0 {
		t.Errorf("%+v, dropped %v", p, dropped)
	}
	if p, dropped := c.CompareWithPanel([]float64{x, x, x, x}, [][]float64{{1, 2, 0, 1}}, Figure{Kind: "auc"}, FixedReadersRandomCases, .95); len(dropped) != 1 || !math.IsNaN(p.Difference) {
		t.Errorf("%+v", p)
	}
	if m, _ := c.CompareModalities(nil, Figure{Kind: "auc"}, FixedReadersRandomCases, .95); !math.IsNaN(m.P) {
		t.Errorf("%+v", m)
	}
	if m, dropped := c.CompareModalities([][][]float64{{{x, x, 1, 0}}, {{1, 1, x, x}}}, Figure{Kind: "auc"}, FixedReadersRandomCases, .95); len(dropped) != 1 || !math.IsNaN(m.P) {
		t.Errorf("%+v, dropped %v", m, dropped)
	}
	patient := c.patients()
	a, b := c.read([]float64{1, x, 0, x}, Figure{Kind: "auc"}, patient), c.read([]float64{x, 1, x, 0}, Figure{Kind: "auc"}, patient)
	if v := a.covariance(b); v != 0 {
		t.Errorf("no case in common, covariance %v", v)
	}
	if v, se := (CaseSample{Positive: []bool{true, false}}).One([]float64{1, 0}, Figure{Kind: "auc"}); v != 1 || !math.IsNaN(se) {
		t.Errorf("one case of each kind: %v ± %v", v, se)
	}
	if v, se := c.One([]float64{.9, .2, .1, x}, Figure{Kind: "specificity", Threshold: .5}); v != 1 || !math.IsNaN(se) {
		t.Errorf("%v ± %v", v, se)
	}
}
