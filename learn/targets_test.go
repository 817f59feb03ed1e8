package learn

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var nan = math.NaN()

func truthRows(name string, values ...[]float64) []cohort.Row {
	var rows []cohort.Row
	for _, v := range values {
		rows = append(rows, cohort.Row{Truth: map[string][]float64{name: v}})
	}
	return rows
}

func TestStandardisation(t *testing.T) {
	rows := truthRows("ef", []float64{40}, []float64{60}, []float64{nan}, []float64{1000})
	heads, err := newHeads([]cohort.TargetSpec{{Name: "ef", Kind: "regression"}}, rows, []int{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	h := heads[0]
	if h.Mean != 50 || h.SD != 10 {
		t.Fatalf("mean %v and SD %v of the training rows 40, 60: the last row is not one of them", h.Mean, h.SD)
	}
	value, present, n := h.truths(rows[:3])
	if d := cmp.Diff([]float32{-1, 1, 0}, value); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]float32{1, 1, 0}, present); d != "" || n != 2 {
		t.Errorf("present %v, %d", d, n)
	}
	if got := h.decode([]float64{1.5}); got[0] != 65 {
		t.Errorf("decoded %v, want 65", got)
	}
	if _, err := newHeads([]cohort.TargetSpec{{Name: "ef", Kind: "regression"}}, rows, []int{2}); err == nil {
		t.Error("a target without a single value was accepted")
	}
	constant := truthRows("x", []float64{7}, []float64{7})
	if heads, err = newHeads([]cohort.TargetSpec{{Name: "x", Kind: "regression"}}, constant, []int{0, 1}); err != nil || heads[0].SD != 1 {
		t.Errorf("constant target: %v %v", heads, err)
	}
}

func TestDecode(t *testing.T) {
	class := head{Target: evaluate.Target{Kind: evaluate.Class, Classes: []string{"a", "b", "c"}}}
	got := class.decode([]float64{1000, 1000 + math.Log(2), 1000 + math.Log(5)})
	if d := cmp.Diff([]float64{0.125, 0.25, 0.625}, got, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
	labels := head{Target: evaluate.Target{Kind: evaluate.MultiLabel, Classes: []string{"a", "b"}}}
	got = labels.decode([]float64{0, math.Log(3)})
	if d := cmp.Diff([]float64{0.5, 0.75}, got, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
	rows := truthRows("l", []float64{1, nan}, []float64{0, 1})
	labels.Name = "l"
	value, present, n := labels.truths(rows)
	if d := cmp.Diff([]float32{1, 0, 0, 1}, value) + cmp.Diff([]float32{1, 0, 1, 1}, present); d != "" || n != 3 {
		t.Errorf("%s %d", d, n)
	}
}

func TestMonitor(t *testing.T) {
	heads := []head{
		{Target: evaluate.Target{Name: "ef.core", Kind: evaluate.Regression}},
		{Target: evaluate.Target{Name: "low", Kind: evaluate.Binary}},
	}
	m, err := newMonitor("ef.core.mae", heads)
	if err != nil {
		t.Fatal(err)
	}
	if m.target != 0 || m.metric != "mae" || m.higher {
		t.Errorf("monitor %+v", m)
	}
	best := &Best{Value: 5, Loss: 1}
	if !m.better(4, 9, best) || m.better(6, 0, best) || m.better(nan, 0, nil) || !m.better(9, 9, nil) {
		t.Error("mae: lower is better")
	}
	if !m.better(5, 0.5, best) || m.better(5, 1, best) {
		t.Error("ties go to the lower loss")
	}
	if m, err = newMonitor("low.auroc", heads); err != nil || !m.higher || !m.better(0.8, 9, &Best{Value: 0.7}) {
		t.Errorf("auroc: %+v %v", m, err)
	}
	for _, name := range []string{"low.mae", "auroc", "nothing.mae", "ef.core.bias"} {
		if _, err := newMonitor(name, heads); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
	truth := map[string][][]float64{"ef.core": {{50}, {60}}, "low": {{1}, {1}}}
	score := map[string][][]float64{"ef.core": {{52}, {56}}, "low": {{0.9}, {0.2}}}
	m, _ = newMonitor("low.auroc", heads)
	values, why := m.measure(heads, truth, score)
	if values["ef.core.mae"] != 3 || values["low.accuracy"] != 0.5 {
		t.Errorf("values %v", values)
	}
	if _, ok := values["low.auroc"]; ok || why["low.auroc"] == "" || !math.IsNaN(m.value(values)) {
		t.Errorf("AUROC of one class: %v, %v", values, why)
	}
}
