package audit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/stats"
)

// withValidation writes n rows a part; group B's sick have scores lower by shift.
func withValidation(t *testing.T, n int, shift float64, seed stats.Seed) *Table {
	rng := seed.Stream("repair")
	var b strings.Builder
	b.WriteString("item,split,sex,ill_true,ill_prob\n")
	for i := range 2 * n {
		y, sex := rng.IntN(2), []string{"A", "B"}[rng.IntN(2)]
		z := 1.5*float64(2*y-1) + rng.NormFloat64()
		if sex == "B" && y == 1 {
			z -= shift
		}
		fmt.Fprintf(&b, "i%d,%s,%s,%d,%.5f\n", i, []string{"test", "val"}[i/n], sex, y, 1/(1+math.Exp(-z)))
	}
	return read(t, b.String(), ReadOptions{Groups: []string{"sex"}})
}

// Thresholds of their own, chosen on validation rows, close a gap on the judged rows that one threshold leaves; the table says before and after,
// and chooses nothing from the rows that judge.
func TestGroupThresholdsCloseTheGap(t *testing.T) {
	table := withValidation(t, 1500, 1.5, 1)
	ill := audited(t, table, Options{Seed: 1}).Targets["ill"]
	if len(ill.Thresholds) != 2 {
		t.Fatalf("%d rules", len(ill.Thresholds))
	}
	for _, m := range ill.Thresholds {
		if m.ChosenOn != "val" || m.Attribute != "sex" {
			t.Errorf("%+v", m)
		}
		if m.Constraint == "eo" && (m.Before["gap"].Value < 0.2 || m.After["gap"].Value > 0.1) {
			t.Errorf("odds gap %v before, %v after", m.Before["gap"], m.After["gap"])
		}
	}
	// The judged rows' truths turned over: what is chosen must not notice, so that each row is answered as before.
	turned := withValidation(t, 1500, 1.5, 1)
	for i, part := range turned.Split {
		if part == "test" {
			turned.Truth["ill"][i] = []float64{1 - turned.Truth["ill"][i][0]}
		}
	}
	again := audited(t, turned, Options{Seed: 1}).Targets["ill"]
	for k, m := range again.Thresholds {
		if m.Constraint == "dp" { // a gap of shares called positive knows no truth
			near(t, "parity gap after", m.After["gap"].Value, float64(ill.Thresholds[k].After["gap"].Value))
		}
	}
}

// Nothing is tried where it cannot be: no validation rows, a group too small in one of the parts, a group that one part lacks, one label only.
func TestRepairsThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(table *Table){
		"no validation rows": func(table *Table) {
			for i := range table.Split {
				table.Split[i] = "test"
			}
		},
		"a group too small": func(table *Table) {
			kept := 0
			for i, s := range table.Groups[0].Values {
				if table.Split[i] == "val" && s == "B" {
					if kept++; kept > 10 {
						table.Groups[0].Values[i] = "A"
					}
				}
			}
		},
		"a group that validation lacks": func(table *Table) {
			for i := range table.Split {
				if table.Split[i] == "val" {
					table.Groups[0].Values[i] = "A"
				}
			}
		},
		"one label in a group": func(table *Table) {
			for i := range table.Split {
				if table.Split[i] == "val" && table.Groups[0].Values[i] == "B" {
					table.Truth["ill"][i] = []float64{1}
				}
			}
		},
	} {
		table := withValidation(t, 200, 0.5, 2)
		change(table)
		ill := audited(t, table, Options{Split: "test", Cross: 1}).Targets["ill"]
		if len(ill.Thresholds)+len(ill.Calibrated) != 0 {
			t.Errorf("%s: %+v %+v", name, ill.Thresholds, ill.Calibrated)
		}
	}
}

// A calibration of its own does not touch the order within a group, nor who is nearly right already.
func TestCalibrationLeavesOrder(t *testing.T) {
	table := withValidation(t, 1000, 0, 3)
	c := audited(t, table, Options{Seed: 2, Cross: 1}).Targets["ill"].Calibrated
	if len(c) != 1 || len(c[0].Harm) != 0 {
		t.Fatalf("%+v", c)
	}
	if change := float64(c[0].After["brier"].Value - c[0].Before["brier"].Value); change > 0.01 {
		t.Errorf("calibrating what is calibrated costs %v of Brier score", change)
	}
}

// Frontiers do not care for the order of rows in any file, nor for the order of models but for which is the first; a model beside itself changes
// nothing and harms nobody.
func TestFrontierMetamorphic(t *testing.T) {
	table := withValidation(t, 300, 1.2, 4)
	mixed := withValidation(t, 300, 1.2, 4)
	perm := stats.Seed(1).Stream("mix").Perm(mixed.Len())
	shuffled := *mixed
	p := *mixed.Predictions
	shuffled.Predictions = &p
	p.Item, p.Split, p.Patient, p.Fold = pick(p.Item, perm), pick(p.Split, perm), pick(p.Patient, perm), pick(p.Fold, perm)
	p.Groups = []evaluate.Group{{Name: "sex", Values: pick(mixed.Groups[0].Values, perm)}}
	p.Truth = map[string][][]float64{"ill": pick(mixed.Truth["ill"], perm)}
	p.Score = map[string][][]float64{"ill": pick(mixed.Score["ill"], perm)}
	f, err := Compare(t.Context(), []string{"a", "b"}, []*Table{table, &shuffled}, "sex", fairness.EqualisedOdds, Options{Resamples: 100, Permutations: 20})
	if err != nil {
		t.Fatal(err)
	}
	b := f.Models[1]
	for what, m := range map[string]*Measure{"AUROC": b.AUROCChange, "gap": b.GapChange, "share of the gap": b.GapReduction} {
		if m.Value != 0 || m.Low.Defined() && m.Low != 0 || m.High.Defined() && m.High != 0 { // no spread, no interval
			t.Errorf("a model beside itself, rows in another order: change of %s %v", what, *m)
		}
	}
	if len(b.Harm) != 0 || !b.Best || !f.Models[0].Best {
		t.Errorf("a model beside itself: %+v", f.Models)
	}
}

// Of three models, those that another beats in both are not best.
func TestBestOfAFrontier(t *testing.T) {
	good, fair, neither := model(t, 10, 40, 0), model(t, 20, 21, 0), model(t, 5, 32, 8)
	f, err := Compare(t.Context(), []string{"good", "fair", "neither"}, []*Table{good, fair, neither}, "sex", fairness.DemographicParity, Options{Resamples: 100})
	if err != nil {
		t.Fatal(err)
	}
	var best []string
	for _, m := range f.Models {
		if m.Best {
			best = append(best, m.Name)
		}
	}
	if !slices.Equal(best, []string{"good", "fair"}) {
		t.Errorf("best are %v: %+v", best, f.Models)
	}
}

// Kinds that have no loss of a row's own have no search; others' are worked by hand.
func TestLossesByHand(t *testing.T) {
	for _, c := range []struct {
		kind  evaluate.Kind
		truth []float64
		score []float64
		want  float64
	}{
		{evaluate.Binary, []float64{1}, []float64{0.7}, 0.09},
		{evaluate.MultiLabel, []float64{1, 0}, []float64{0.5, 0.1}, (0.25 + 0.01) / 2},
		{evaluate.Class, []float64{1}, []float64{0.2, 0.7, 0.1}, 0.04 + 0.09 + 0.01},
		{evaluate.Regression, []float64{50}, []float64{47}, 3},
	} {
		j := &judged{target: evaluate.Target{Kind: c.kind}, truth: [][]float64{c.truth}, score: [][]float64{c.score}}
		if loss, _ := j.losses(); len(loss) != 1 || math.Abs(loss[0]-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.kind, loss, c.want)
		}
	}
	none := &judged{target: evaluate.Target{Kind: evaluate.TimeToEvent}}
	out := &Target{}
	if err := none.search(t.Context(), out); err != nil || out.Search != nil {
		t.Errorf("times to an event are searched: %+v, %v", out.Search, err)
	}
}

// Words for people: lists, and names that have none.
func TestWords(t *testing.T) {
	for _, c := range []struct {
		of   []string
		want string
	}{{[]string{"a"}, "a"}, {[]string{"a", "b"}, "a and b"}, {[]string{"a", "b", "c"}, "a, b and c"}} {
		if got := list(c.of); got != c.want {
			t.Errorf("%q", got)
		}
	}
	if Words("tpr") != "sensitivity" || Words("hope") != "hope" {
		t.Error("a metric's name for people")
	}
	nan := evaluate.Number(math.NaN())
	for want, m := range map[string]Measure{"–": {Value: nan}, "0.500 (no interval)": {Value: 0.5, Low: nan}, "0.500 (0.400 to 0.600)": {Value: 0.5, Low: 0.4, High: 0.6}} {
		if m.String() != want {
			t.Errorf("%q, want %q", m.String(), want)
		}
	}
}
