package evaluate

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
	"github.com/google/go-cmp/cmp"
)

// TestTwoClasses: a class target of two classes is a binary target under another name.
func TestTwoClasses(t *testing.T) {
	r := stats.Seed(1).Stream("two")
	var truth, score, pair [][]float64
	for range 120 {
		p := math.Round(r.Float64()*50) / 50
		if p == 0.5 { // where the two kinds break the tie differently
			p = 0.52
		}
		truth = append(truth, []float64{indicator(r.Float64() < p)})
		score, pair = append(score, []float64{p}), append(pair, []float64{1 - p, p})
	}
	bin, cls := Target{Name: "x", Kind: Binary}, Target{Name: "x", Kind: Class, Classes: []string{"no", "yes"}}
	get := func(name string, target Target, s [][]float64) float64 {
		v, _, err := Metric(name, target, truth, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, name := range []string{"auroc", "accuracy", "balanced_accuracy", "log_loss"} {
		near(t, name, get(name, cls, pair), get(name, bin, score), 1e-9)
	}
	near(t, "weighted AUROC", get("auroc_weighted", cls, pair), get("auroc", bin, score), 1e-12)
	near(t, "Brier, both classes", get("brier", cls, pair), 2*get("brier", bin, score), 1e-9)
}

// TestClassTable works calls and counts by hand: equal probabilities call the first class.
func TestClassTable(t *testing.T) {
	m := newMulti(rows(0, 1, 2, 2), [][]float64{{.4, .4, .2}, {.1, .8, .1}, {.3, .3, .4}, {.5, .2, .3}}, 3)
	if d := cmp.Diff([]int{0, 1, 2, 0}, m.call); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]float64{1, 0, 0, 0, 1, 0, 1, 0, 1}, m.table(nil)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]float64{0, 0, 0, 0, 2, 0, 3, 0, 0}, m.table([]float64{0, 2, 0, 3})); d != "" {
		t.Error(d)
	}
	near(t, "accuracy", tableAccuracy(m.table(nil), 3), 3.0/4, 0)
	near(t, "balanced accuracy", tableBalanced(m.table(nil), 3), (1+1+.5)/3, 1e-12)
	near(t, "F1", tableF1(m.table(nil), 3), (2.0/3+1+2.0/3)/3, 1e-12)
	prob, right := m.top()
	if d := cmp.Diff([]float64{.4, .8, .4, .5}, prob); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]bool{true, true, true, false}, right); d != "" {
		t.Error(d)
	}
	called := m.called(0)
	if d := cmp.Diff([]float64{1, 0, 0, 1}, called.p); d != "" {
		t.Error(d)
	}
	near(t, "sensitivity of class 0", called.at(nil, .5).sensitivity(), 1, 0)
	near(t, "predictive value of class 0", called.at(nil, .5).ppv(), .5, 0)
}

// TestAbsentClass: a class that does not occur is left out of means, and said.
func TestAbsentClass(t *testing.T) {
	p := study(80, 3)
	for i, row := range p.Truth["view"] {
		if row[0] == 2 {
			p.Truth["view"][i] = []float64{0}
		}
	}
	r := mustEvaluate(t, p, Options{Seed: 1}).Targets["view"]
	if len(r.Notes) != 1 || r.Counts["PLAX"] != 0 {
		t.Fatalf("notes %v, counts %v", r.Notes, r.Counts)
	}
	want := float64(r.PerClass["A4C"].Metrics["auroc"].Value+r.PerClass["A2C"].Metrics["auroc"].Value) / 2
	near(t, "macro AUROC", float64(r.Metrics["auroc"].Value), want, 1e-12)
	if m := r.PerClass["PLAX"].Metrics["auroc"]; m.Value.Defined() || m.Reason == "" {
		t.Errorf("AUROC of a class that does not occur: %+v", m)
	}
}

// TestLabelsAreBinary: each label of a multilabel target is judged as a binary target is.
func TestLabelsAreBinary(t *testing.T) {
	p := study(120, 5)
	target := Target{Name: "AS", Kind: Binary}
	p.Targets = append(p.Targets, target)
	for i := range p.Item {
		p.Truth["AS"] = append(p.Truth["AS"], p.Truth["finding"][i][:1])
		p.Score["AS"] = append(p.Score["AS"], p.Score["finding"][i][:1])
	}
	r := mustEvaluate(t, p, Options{Seed: 2})
	label, alone := r.Targets["finding"].PerClass["AS"].Metrics, r.Targets["AS"].Metrics
	for _, name := range []string{"auroc", "auprc", "sensitivity", "specificity", "ppv", "f1", "brier", "auroc_delong"} {
		near(t, name, float64(label[name].Value), float64(alone[name].Value), 1e-12)
	}
	near(t, "DeLong low", float64(label["auroc_delong"].Low), float64(alone["auroc_delong"].Low), 1e-12)
}
