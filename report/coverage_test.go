package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/methods/uncertainty"
)

func TestCoverageForests(t *testing.T) {
	lines := []coveredLine{
		{"", "", false, 400, 0.9, 0.87, 0.93, "1.5 classes"}, {"", "", true, 400, 0.93, 0.9, 0.95, "1.7 classes"},
		{"sex", "F", false, 1200, 0.836, 0.77, 0.89, "1.4 classes"}, {"sex", "F", true, 1200, 0.92, 0.87, 0.95, "1.6 classes"},
		{"sex", "M", false, 200, 0.95, 0.91, 0.98, "1.5 classes"}, {"sex", "M", true, 200, 0.96, 0.92, 0.98, "1.8 classes"},
	}
	f := coverageForests("Sets", lines, 0.9)
	if len(f) != 2 || len(f[0].Rows) != 4 || len(f[1].Rows) != 4 {
		t.Fatalf("%+v", f)
	}
	all, head, f1 := f[0].Rows[0], f[0].Rows[1], f[0].Rows[2]
	if all.Name != "Everyone" || !all.Whole || head.Heading != "sex" || f1.Name != "F" || f1.N != "1200 items" || f1.Span != "0.770 to 0.890" || f1.More != "1.4 classes" {
		t.Errorf("%+v", f[0].Rows)
	}
	// The scale runs from 0.75 to 1 on both; the promise lies 0.15 of 0.25 along it, between margins of 4 %.
	if f1.Bar.Line != "59.2%" || f[1].Rows[2].Bar.Line != "59.2%" || f1.Bar.Left || f1.Bar.Right {
		t.Errorf("bar %+v", f1.Bar)
	}
	for _, x := range f {
		for _, r := range x.Rows {
			if want := r.Value == "0.836"; (r.Bad == "falls short") != want {
				t.Errorf("%s %s: %q", r.Name, r.Value, r.Bad)
			}
		}
		if len(x.Axis) > 4 {
			t.Errorf("%d ticks run into each other on a telephone", len(x.Axis))
		}
	}
	if coverageForests("Sets", lines[:1], 0.9) != nil {
		t.Error("nothing by subgroup to draw")
	}
	if one := coverageForests("Bounds", []coveredLine{lines[0], lines[2], lines[4]}, 0.9); len(one) != 1 {
		t.Errorf("%d drawings", len(one))
	}
}

func TestWhatClassesComeTo(t *testing.T) {
	judged := func(acc, conf, risk, half, low, high float64) *uncertainty.Judgement {
		j := &uncertainty.Judgement{N: 400, Alpha: 0.1, Sets: []uncertainty.Covered{{Coverage: (low + high) / 2, Low: low, High: high}}}
		j.Raw.Accuracy, j.Raw.Sharpness, j.Scaled.Sharpness = acc, conf, acc
		j.Selective = []uncertainty.SelectivePoint{{Coverage: 1, Risk: risk}, {Coverage: 0.5, Risk: half}}
		return j
	}
	for _, c := range []struct {
		j    *uncertainty.Judgement
		want []string
	}{
		{judged(0.7, 0.82, 0.3, 0.15, 0.86, 0.94), []string{"Too sure: a mean confidence of 0.82, and 0.70 are right", "Doubt finds errors: the error rate is 0.300 when everything is answered and 0.150 when the surest 50 %", "90 % promised: as promised"}},
		{judged(0.8, 0.7, 0.2, 0.25, 0.7, 0.85), []string{"Not sure enough", "Doubt does not find errors", "less than promised"}},
		{judged(1, 0.99, 0, 0, 0.95, 0.99), []string{"agree on average: 0.99 and 1.00", "Nothing is wrong", "more than promised"}},
		{judged(0.7, 0.74, 0.3, 0.1, 0.86, 0.94), []string{"agree on average"}}, // two standard errors are 0.046
	} {
		got := strings.Join(classesSummary(c.j), "\n")
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%q is not in\n%s", w, got)
			}
		}
	}
	j := &uncertainty.NumberJudgement{Alpha: 0.1, Promise: "by subgroup: so", Intervals: []uncertainty.IntervalLine{{Coverage: 0.9, Low: 0.87, High: 0.93, Width: 12.345}}}
	if got := numbersSummary(j); len(got) != 2 || !strings.Contains(got[0], "as promised. They are 12.3 wide") || got[1] != "by subgroup: so" {
		t.Errorf("%q", got)
	}
	if got := numbersSummary(&uncertainty.NumberJudgement{}); got != nil {
		t.Errorf("endless intervals: %q", got)
	}
}

func TestReadingsTable(t *testing.T) {
	nan := math.NaN()
	got := readingsTable([]uncertainty.Reading{
		{Target: "view", Reason: "probability 0.95 of the likeliest class is below 0.97", Class: "A4C", Low: nan, High: nan, Like: 2},
		{Target: "ef", Answer: "55 %", Low: 48, High: 62, Like: 3},
		{Target: "view", Answer: "A4C ", Class: "A4C", Set: []string{"A4C", "A2C"}, Low: nan, High: nan, Like: 12},
		{Target: "view", Reason: "unlike the training data", Class: "A2C", Low: nan, High: nan},
		{Target: "view", Answer: "A3C", Class: "A3C", Set: []string{"A3C"}, Low: nan, High: nan, Like: 1},
		{Target: "ef", Reason: "unlike the training data", Low: 10, High: 80, Like: 4},
	})
	want := [][]string{
		{"view", "A4C", "A2C", "12", ""},
		{"view", "A3C", "", "1", ""},
		{"view", "no answer", "", "2", "probability 0.95 of the likeliest class is below 0.97"},
		{"view", "no answer", "", "nothing", "unlike the training data"},
		{"ef", "55 %", "48 to 62", "3", ""},
		{"ef", "no answer", "10 to 80", "4", "unlike the training data"},
	}
	if len(got.Rows) != len(want) {
		t.Fatalf("%d rows", len(got.Rows))
	}
	for i := range want {
		if !slices.Equal(got.Rows[i], want[i]) {
			t.Errorf("row %d: %q, want %q", i, got.Rows[i], want[i])
		}
	}
	if readingsTable(nil) != nil {
		t.Error("no readings, no table")
	}
}
