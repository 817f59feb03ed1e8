package stats

import (
	"context"
	"math"
	"testing"
)

// TestPublishedMRMC has Van Dyke's study (MRI of aortic dissection, 5 readers, 2 modalities, 114 patients) as the packages RJafroc and MRMCaov
// publish it: figures and jackknife covariances in, test out.
func TestPublishedMRMC(t *testing.T) {
	value := [][]float64{{.91964573, .85877617, .90386473, .97310789, .82979066}, {.94782609, .90531401, .92173913, .99935588, .92995169}}
	within := []float64{.00048396180, .00020418785}
	own := []float64{.00101410277, .00059047376}
	cov := func(i, j, k, l int) float64 {
		switch {
		case i == k && j == l:
			return own[i]
		case j == l:
			return .00034661371
		case i == k:
			return within[i]
		}
		return .00023902837
	}
	m := compare(value, cov, RandomReadersRandomCases, .95)
	d := m.Differences[0]
	for _, v := range []struct {
		name                 string
		got, want, tolerance float64
	}{
		{"Var", m.Var, .00080228827, 1e-10}, {"Cov2", m.Cov2, .00034407483, 1e-10}, {"MS(T)", m.MST, .00479617053, 1e-9}, {"MS(TR)", m.MSTR, .00055103062, 1e-10},
		{"F", m.F, 4.4563187, 1e-5}, {"df", m.DF2, 15.259675, 1e-4}, {"P", m.P, .051665686, 1e-6}, {"P of the pair", d.P, .051665686, 1e-6},
		{"difference", d.Difference, .043800322, 1e-8}, {"its error", d.SE, .020748618, 1e-7}, {"low", d.CI.Low, -.00035885444, 1e-6}, {"high", d.CI.High, .087959499, 1e-6},
		{"first modality, low", m.MeanCI[0].Low, .82522360, 1e-6}, {"high", m.MeanCI[0].High, .96885048, 1e-6},
		{"second modality, low", m.MeanCI[1].Low, .89413783, 1e-6}, {"high", m.MeanCI[1].High, .98753689, 1e-6},
	} {
		if math.Abs(v.got-v.want) > v.tolerance {
			t.Errorf("%s: %v, published %v", v.name, v.got, v.want)
		}
	}
}

func TestMRMCAgainstLoops(t *testing.T) {
	for _, c := range agreementGolden(t).MRMC {
		y := make([]bool, len(c.Truth))
		for i, v := range c.Truth {
			y[i] = v == 1
		}
		f := Figure{Kind: c.Kind, Threshold: .5}
		m := CompareModalities(c.Score, y, f, RandomReadersRandomCases, .95)
		for i := range c.Value {
			for j := range c.Value[i] {
				near(t, "figure", m.Value[i][j], c.Value[i][j], 1e-12)
			}
		}
		last := m.Differences[0] // second modality minus first
		panel := CompareWithPanel(c.Score[0][0], c.Score[0][1:], y, f, RandomReadersRandomCases, .95)
		ni := NonInferior(last.Difference, last.SE, last.DF, .05, .05)
		for _, v := range []struct {
			name      string
			got, want float64
		}{
			{"Var", m.Var, c.Var}, {"Cov1", m.Cov1, c.Cov1}, {"Cov2", m.Cov2, c.Cov2}, {"Cov3", m.Cov3, c.Cov3}, {"MST", m.MST, c.MST}, {"MSTR", m.MSTR, c.MSTR},
			{"F", m.F, c.F}, {"df", m.DF2, c.DF}, {"P", m.P, c.P}, {"difference", last.Difference, c.Difference}, {"error", last.SE, c.SE},
			{"low", last.CI.Low, c.Low}, {"high", last.CI.High, c.High},
			{"fixed readers", CompareModalities(c.Score, y, f, FixedReadersRandomCases, .95).P, c.FixedP},
			{"fixed cases", CompareModalities(c.Score, y, f, RandomReadersFixedCases, .95).P, c.CasesFixedP},
			{"panel", panel.Difference, c.Panel.Difference}, {"panel error", panel.SE, c.Panel.SE}, {"panel df", panel.DF, c.Panel.DF}, {"panel P", panel.P, c.Panel.P},
			{"bound", ni.Bound, c.Noninferior.Bound}, {"non-inferiority P", ni.P, c.Noninferior.P},
		} {
			near(t, c.Kind+" "+v.name, v.got, v.want, 1e-7)
		}
		if ni.Shown != (ni.P < .05) {
			t.Errorf("bound and P disagree: %+v", ni)
		}
	}
}

// TestMRMCSize: 300 studies of 4 readers without a difference: about 5 % are significant (binomial, upper bound at P < 0.001).
func TestMRMCSize(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates studies")
	}
	rng, rejected := Seed(3).Stream("mrmc"), 0
	y := make([]bool, 60)
	for i := range y {
		y[i] = i%2 == 0
	}
	for range 300 {
		score := make([][][]float64, 2)
		signal := make([]float64, len(y))
		for i := range signal {
			if signal[i] = rng.NormFloat64(); y[i] {
				signal[i]++
			}
		}
		for m := range score {
			for range 4 {
				x := make([]float64, len(y))
				skill := 1 + .3*rng.NormFloat64()
				for i := range x {
					x[i] = skill*signal[i] + rng.NormFloat64()
				}
				score[m] = append(score[m], x)
			}
		}
		if CompareModalities(score, y, Figure{Kind: "auc"}, RandomReadersRandomCases, .95).P < .05 {
			rejected++
		}
	}
	if rejected > 28 {
		t.Errorf("%d of 300 studies without a difference are significant", rejected)
	}
}

func TestMRMCEdges(t *testing.T) {
	y := []bool{true, false, true, false}
	same := [][][]float64{{{1, 0, 1, 0}, {1, 0, 1, 0}}, {{1, 0, 1, 0}, {1, 0, 1, 0}}}
	m := CompareModalities(same, y, Figure{Kind: "auc"}, RandomReadersRandomCases, .95)
	if m.Mean[0] != 1 || !math.IsNaN(m.P) || m.Differences[0].CI.Defined() {
		t.Errorf("perfect readers: %+v", m)
	}
	if m := CompareModalities(nil, nil, Figure{Kind: "auc"}, RandomReadersRandomCases, .95); !math.IsNaN(m.F) {
		t.Errorf("%+v", m)
	}
	if one := CompareModalities(same[:1], y, Figure{Kind: "auc"}, FixedReadersRandomCases, .95); one.Differences != nil || one.Mean[0] != 1 {
		t.Errorf("%+v", one)
	}
	if p := CompareWithPanel([]float64{1, 0, 1, 0}, nil, y, Figure{Kind: "auc"}, FixedReadersRandomCases, .95); !math.IsNaN(p.Difference) {
		t.Errorf("%+v", p)
	}
	if ni := NonInferior(.02, .03, math.Inf(1), .1, .025); !ni.Shown || math.Abs(ni.Bound-(.02-1.959963984540054*.03)) > 1e-12 {
		t.Errorf("%+v", ni)
	}
	if ni := NonInferior(.02, 0, 5, .1, .025); ni.Shown {
		t.Errorf("no spread shows nothing: %+v", ni)
	}
}

func TestStaple(t *testing.T) {
	for _, c := range agreementGolden(t).Staple {
		s, err := EstimateTruth(t.Context(), c.Votes, c.K, StapleOptions{Iterations: 3000, Tolerance: 1e-12})
		if err != nil || !s.Converged {
			t.Fatalf("%v after %d rounds", err, s.Iterations)
		}
		for i, p := range c.Posterior {
			for k, want := range p {
				near(t, "posterior", s.Posterior[i*c.K+k], want, 1e-6)
			}
		}
		for r := range c.Confusion {
			for a := range c.K {
				for b := range c.K {
					near(t, "rate", s.Confusion[r][a][b], c.Confusion[r][a][b], 1e-6)
				}
			}
		}
	}
	// Two readers who agree, and a third who says the opposite of half: the two are believed wholly.
	s, err := EstimateTruth(t.Context(), [][]int{{0, 0, 1, 1}, {0, 0, 1, 1}, {0, 1, 1, 0}}, 2, StapleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Category(); got[0] != 0 || got[1] != 0 || got[2] != 1 || got[3] != 1 {
		t.Errorf("truth %v", got)
	}
	near(t, "sensitivity", s.Sensitivity(2), .5, 1e-3)
	near(t, "specificity", s.Specificity(0), 1, 1e-3)
	// Nobody rated the second thing: it gets the prior.
	s, _ = EstimateTruth(t.Context(), [][]int{{1, NoVote, 0}, {1, NoVote, 1}}, 2, StapleOptions{})
	near(t, "prior", s.Posterior[3], .75, 1e-12)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := EstimateTruth(gone, [][]int{{1}}, 2, StapleOptions{}); err == nil {
		t.Error("cancelled, and no error")
	}
}
