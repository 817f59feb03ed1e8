package evaluate

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDescribe: counts, tables and curves account for every judged row.
func TestDescribe(t *testing.T) {
	r := mustEvaluate(t, study(160, 8), Options{Seed: 1})
	for name, tr := range r.Targets {
		var n int
		if c := tr.Confusion; c != nil {
			for i, row := range c.Counts {
				var members int
				for _, k := range row {
					members += k
				}
				n += members
				if tr.Counts[c.Classes[i]] != members {
					t.Errorf("%s: %d rows of %s, table has %d", name, tr.Counts[c.Classes[i]], c.Classes[i], members)
				}
			}
			if n != tr.N {
				t.Errorf("%s: the table holds %d of %d rows", name, n, tr.N)
			}
		}
		if c := tr.Curves; c != nil {
			var sum float64
			for _, b := range c.Reliability {
				sum += b.N
			}
			if sum != float64(tr.N) {
				t.Errorf("%s: bins hold %v of %d rows", name, sum, tr.N)
			}
			near(t, name+" ECE of the drawn bins", ECE(c.Reliability), float64(tr.Metrics["ece"].Value), 1e-12)
		}
	}
	event, ef := r.Targets["event"], r.Targets["ef"]
	c := event.Confusion.Counts
	near(t, "sensitivity of the table", float64(c[1][1])/float64(c[1][0]+c[1][1]), float64(event.Metrics["sensitivity"].Value), 1e-12)
	near(t, "predictive value of the table", float64(c[1][1])/float64(c[0][1]+c[1][1]), float64(event.Metrics["ppv"].Value), 1e-12)
	near(t, "bias of the agreement", float64(ef.Agreement.Bias), float64(ef.Metrics["bias"].Value), 1e-12)
	near(t, "limits about the bias", float64(ef.Agreement.Upper+ef.Agreement.Lower)/2, float64(ef.Agreement.Bias), 1e-9)
	// RMSE² = bias² + variance about it.
	n := float64(ef.N)
	near(t, "RMSE", math.Pow(float64(ef.Metrics["rmse"].Value), 2), math.Pow(float64(ef.Agreement.Bias), 2)+math.Pow(float64(ef.Agreement.SD), 2)*(n-1)/n, 1e-9)
	if ef.Truth.Min > ef.Truth.Mean || ef.Truth.Mean > ef.Truth.Max || ef.Truth.SD < 8 || ef.Truth.SD > 12 {
		t.Errorf("truth %+v, drawn with SD 10", ef.Truth)
	}
}

// TestUnits: EF in per cent or as a fraction is the same study.
func TestUnits(t *testing.T) {
	p, q := study(80, 9), study(80, 9)
	for i := range q.Item {
		q.Truth["ef"][i] = []float64{q.Truth["ef"][i][0] / 100}
		q.Score["ef"][i] = []float64{q.Score["ef"][i][0] / 100}
	}
	a, b := mustEvaluate(t, p, Options{Seed: 1}).Targets["ef"], mustEvaluate(t, q, Options{Seed: 1}).Targets["ef"]
	for name, m := range a.Metrics {
		scale := 1.0
		if name == "mae" || name == "rmse" || name == "bias" {
			scale = 100
		}
		near(t, name, scale*float64(b.Metrics[name].Value), float64(m.Value), 1e-9)
		near(t, name+" low", scale*float64(b.Metrics[name].Low), float64(m.Low), 1e-9)
	}
}

// TestSubgroups: groups share out the rows, and a group is judged as if it were alone.
func TestSubgroups(t *testing.T) {
	p := study(200, 10)
	r := mustEvaluate(t, p, Options{Seed: 4, MinGroup: 1})
	for name, tr := range r.Targets {
		for column, groups := range tr.Subgroups {
			var n int
			for _, g := range groups {
				n += g.N
			}
			if n != tr.N {
				t.Errorf("%s by %s: %d of %d rows", name, column, n, tr.N)
			}
		}
	}
	var women []int
	for i, v := range p.Groups[0].Values {
		if v == "F" || p.Split[i] != "test" {
			women = append(women, i)
		}
	}
	alone := mustEvaluate(t, p.Select(women), Options{Seed: 4})
	for target, tr := range r.Targets {
		g := tr.Subgroups["sex"]["F"]
		if len(g.Metrics) != len(auditMetrics[tr.Kind]) {
			t.Errorf("%s: %d metrics", target, len(g.Metrics))
		}
		for name, m := range g.Metrics {
			near(t, target+" "+name+" of women", float64(m.Value), float64(alone.Targets[target].Metrics[name].Value), 1e-12)
		}
	}
	event := alone.Targets["event"]
	near(t, "prevalence", float64(*r.Targets["event"].Subgroups["sex"]["F"].Prevalence), float64(event.Counts["1"])/float64(event.N), 1e-12)
	near(t, "mean EF", float64(*r.Targets["ef"].Subgroups["sex"]["F"].Mean), float64(alone.Targets["ef"].Truth.Mean), 1e-9)
}

// TestCentre works baselines by hand, missing rows left out.
func TestCentre(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		t     Target
		truth [][]float64
		want  []float64
	}{
		{Target{Kind: Regression}, rows(10, nan, 20), []float64{15}},
		{Target{Kind: Binary}, rows(1, 0, 0, nan, 0), []float64{.25}},
		{Target{Kind: Class, Classes: []string{"a", "b", "c"}}, rows(0, 2, 2, nan, 2), []float64{.25, 0, .75}},
		{Target{Kind: MultiLabel, Classes: []string{"a", "b"}}, [][]float64{{1, 0}, {1, 1}, {1, nan}}, []float64{1, .5}},
		{Target{Kind: Binary}, rows(nan), nil},
	} {
		if d := cmp.Diff(c.want, centre(c.t, c.truth)); d != "" {
			t.Errorf("%s: %s", c.t.Kind, d)
		}
	}
	if otherFolds(Target{Kind: Regression}, []int{0, 0}, rows(1, 2)) != nil || otherFolds(Target{Kind: Regression}, []int{0, -1}, rows(1, 2)) != nil {
		t.Error("folds were made up")
	}
	if d := cmp.Diff(map[int][]float64{0: {5}, 1: {2}}, otherFolds(Target{Kind: Regression}, []int{0, 1, 0}, rows(1, 5, 3))); d != "" {
		t.Error(d)
	}
}

// TestOwnBaseline: without training rows the baseline learns from the judged rows, and says so.
func TestOwnBaseline(t *testing.T) {
	p := study(40, 11)
	r := mustEvaluate(t, p.Select(p.InSplit("test")), Options{Seed: 1})
	ef := r.Targets["ef"]
	if ef.Baseline.From != "test" || ef.Baseline.Method != "mean" {
		t.Errorf("baseline %+v", ef.Baseline)
	}
	near(t, "R² of the mean", float64(*ef.Metrics["r2"].Baseline), 0, 1e-9)
	if op := r.Targets["event"].Operating; op.ChosenOn != "test" || len(r.Targets["event"].Notes) == 0 {
		t.Errorf("a threshold that was chosen on the judged rows is not said: %+v", op)
	}
	if _, has := r.Targets["event"].Metrics["specificity_achieved"]; has {
		t.Error("a specificity was achieved without a threshold from elsewhere")
	}
}
