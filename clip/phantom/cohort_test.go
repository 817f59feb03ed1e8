package phantom

import (
	"math"
	"slices"
	"testing"
)

func TestEchoNetDistribution(t *testing.T) {
	c := mustNew(t, Config{Seed: 11})
	var ef, edv []float64
	ischaemic, af, female := 0.0, 0.0, 0.0
	const n = 4000
	for i := range n {
		p := c.Patient(i)
		ef, edv = append(ef, p.EF), append(edv, p.EDV)
		if p.heart.k != nil {
			ischaemic += 1.0 / n
		}
		if p.AF {
			af += 1.0 / n
		}
		if p.Sex == "F" {
			female += 1.0 / n
		}
	}
	mean, sd := meanSD(ef)
	near(t, "mean EF", mean, 55.7, 1)
	near(t, "SD of EF", sd, 12.5, 1)
	mean, _ = meanSD(edv)
	near(t, "mean EDV, mL", mean, 118, 12)
	near(t, "regional defects", ischaemic, 0.13, 0.06)
	near(t, "fibrillation", af, 0.09, 0.05)
	near(t, "women", female, 0.48, 0.03)
	if slices.Min(ef) < 3 || slices.Max(ef) > 80 {
		t.Errorf("EF from %.1f to %.1f", slices.Min(ef), slices.Max(ef))
	}
}

func TestPresets(t *testing.T) {
	var sds []float64
	for _, preset := range []string{Uniform, Healthy} {
		c := mustNew(t, Config{Seed: 11, Preset: preset})
		var ef []float64
		for i := range 500 {
			ef = append(ef, c.Patient(i).EF)
		}
		_, sd := meanSD(ef)
		sds = append(sds, sd)
		if preset == Healthy && slices.Min(ef) < 40 {
			t.Errorf("a healthy heart with EF %.1f", slices.Min(ef))
		}
	}
	near(t, "SD of a uniform EF on 60 points", sds[0], 60/math.Sqrt(12), 1.5)
	near(t, "SD of healthy EF", sds[1], 6, 0.7)
}

// auc is the probability that a positive scores above a negative.
func auc(score []float64, positive []bool) float64 {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if score[a] < score[b] {
			return -1
		}
		return 1
	})
	var ranks, pos float64
	for r, i := range order {
		if positive[i] {
			ranks += float64(r + 1)
			pos++
		}
	}
	return (ranks - pos*(pos+1)/2) / (pos * (float64(len(score)) - pos))
}

// The learner's ceiling is known: the Bayes risk has an AUROC of about 0.75, and it is calibrated.
func TestBayesRisk(t *testing.T) {
	c := mustNew(t, Config{Seed: 12})
	var prob []float64
	var outcome []bool
	var expected, seen float64
	for i := range 8000 {
		p := c.Patient(i)
		prob, outcome = append(prob, p.OutcomeProb), append(outcome, p.Outcome)
		expected += p.OutcomeProb
		if p.Outcome {
			seen++
		}
	}
	near(t, "Bayes AUROC", auc(prob, outcome), 0.75, 0.02)
	near(t, "prevalence", seen/8000, 1.0/3, 0.06)
	near(t, "outcomes seen over expected", seen/expected, 1, 0.04)
}

// Times follow the stored hazard: the sum of events minus cumulative hazards is a martingale, with mean 0 also among those at high
// risk (Therneau et al., Biometrika 1990).
func TestSurvivalFollowsItsHazard(t *testing.T) {
	c := mustNew(t, Config{Seed: 13})
	var all, high, n, nHigh, events float64
	for i := range 6000 {
		p := c.Patient(i)
		residual := math.Log(p.Survival(p.Time)) // −Λ(T)
		if p.Event {
			residual++
			events++
		}
		all += residual
		n++
		if p.LogHazard > 0.8 {
			high += residual
			nHigh++
		}
	}
	near(t, "mean martingale residual", all/n, 0, 4*math.Sqrt(events/n)/math.Sqrt(n))
	near(t, "among high risks", high/nHigh, 0, 4*0.8/math.Sqrt(nHigh))
	if share := events / n; share < 0.15 || share > 0.6 {
		t.Errorf("%.0f %% of patients have the event", 100*share)
	}
	// By hand: at the scale, without risk factors, survival is e^−1.
	if p := (Patient{}); math.Abs(p.Survival(weibullScale)-math.Exp(-1)) > 1e-12 {
		t.Errorf("survival at the scale is %g", p.Survival(weibullScale))
	}
}

func TestSplits(t *testing.T) {
	c := mustNew(t, Config{Seed: 14})
	for _, n := range []int{100, 320, 1000} {
		count := map[string]float64{}
		for i := range n {
			count[c.Patient(i).Split] += 100 / float64(n)
		}
		near(t, "train %", count["TRAIN"], 60, 1.5)
		near(t, "validation %", count["VAL"], 15, 1.5)
		near(t, "test %", count["TEST"], 25, 1.5)
	}
}

// Without confounders every site has patients of every part and no bit follows the outcome; with them the test patients are the
// test site's, and every bit agrees with the outcome where it should and contradicts it there.
func TestConfounders(t *testing.T) {
	const n = 2000
	type share struct{ train, test map[Confounder]float64 }
	agreement := func(cfg Config) (s share, testSites map[int]bool) {
		c := mustNew(t, cfg)
		s, testSites = share{map[Confounder]float64{}, map[Confounder]float64{}}, map[int]bool{}
		var training, testing float64
		for i := range n {
			p := c.Patient(i)
			into := s.train
			if p.Split == "TEST" {
				into = s.test
				testSites[p.Site] = true
				testing++
			} else {
				training++
				if cfg.Rho > 0 && p.Site == TestSite {
					t.Fatal("a training patient at the test site")
				}
			}
			for k, bit := range p.bits {
				if bit == p.Outcome {
					into[k]++
				}
			}
		}
		for k := range s.train {
			s.train[k] /= training
			s.test[k] /= testing
		}
		return s, testSites
	}
	coins := []Confounder{Logo, Marker, Gain, FrameRate, Sector, Text}
	s, sites := agreement(Config{Seed: 4})
	for _, k := range coins {
		near(t, string(k)+" at rho 0, training", s.train[k], 0.5, 0.05)
		near(t, string(k)+" at rho 0, test", s.test[k], 0.5, 0.08)
	}
	if len(sites) != 4 {
		t.Errorf("test patients come from %d sites", len(sites))
	}
	s, sites = agreement(Config{Seed: 4, Rho: 0.8, Confounders: map[Confounder]float64{Text: 0}})
	for _, k := range coins[:5] {
		near(t, string(k)+" at rho 0.8, training", s.train[k], 0.9, 0.03)
		near(t, string(k)+" at rho 0.8, test", s.test[k], 0.1, 0.05)
	}
	near(t, "text switched off", s.train[Text], 0.5, 0.05)
	if len(sites) != 1 || !sites[TestSite] {
		t.Errorf("test patients come from sites %v", sites)
	}
}

func TestPatientsDoNotDependOnTheirNumber(t *testing.T) {
	a, b := mustNew(t, Config{Seed: 5, Patients: 3}), mustNew(t, Config{Seed: 5, Patients: 900, Views: []View{A2C}})
	for i := range 3 {
		p, q := a.Patient(i), b.Patient(i)
		if p.EF != q.EF || p.Identity != q.Identity || p.Split != q.Split || a.FileName(p, A4C) != b.FileName(q, A4C) {
			t.Errorf("patient %d is another one in a larger cohort", i)
		}
	}
	if a.FileName(a.Patient(0), A4C) == a.FileName(a.Patient(1), A4C) || a.FileName(a.Patient(0), A4C) == a.FileName(a.Patient(0), A2C) {
		t.Error("two clips have one name")
	}
	if other := mustNew(t, Config{Seed: 6}); other.FileName(other.Patient(0), A4C) == a.FileName(a.Patient(0), A4C) {
		t.Error("another seed has the same name")
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []Config{
		{Patients: -1}, {Views: []View{"A9C"}}, {Views: []View{A4C, "a4c"}}, {Frames: 3}, {Height: 8}, {Width: 4000}, {Preset: "x"}, {Rho: 1.5},
		{Confounders: map[Confounder]float64{"colour": 0.5}}, {Confounders: map[Confounder]float64{Logo: -1}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	c := mustNew(t, Config{Height: 64, Views: []View{"psax-MID"}})
	if got := c.Config(); got.Width != 64 || got.Frames != 32 || got.Views[0] != PSAXMid || got.Preset != EchoNet {
		t.Errorf("defaults: %+v", got)
	}
}
