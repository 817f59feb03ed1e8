package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/google/go-cmp/cmp"
)

// TestROCTable reads sensitivities off a curve by hand, without looking beyond the wanted specificity.
func TestROCTable(t *testing.T) {
	c := rocChart("r", "event", []named{
		{"A", []evaluate.Point{{X: 0, Y: 0}, {X: 0, Y: .4}, {X: .1, Y: .6}, {X: .2, Y: .9}, {X: 1, Y: 1}}},
		{"B", []evaluate.Point{{X: 0, Y: 0}, {X: .5, Y: .5}, {X: 1, Y: 1}}}})
	want := [][]string{{"0.95", "0.40", "0.00"}, {"0.90", "0.60", "0.00"}, {"0.80", "0.90", "0.00"}, {"0.50", "0.90", "0.50"}}
	if d := cmp.Diff(want, c.Table.Rows); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]legend{{"s1", "A"}, {"s2", "B"}, {"muted dashed", "guessing"}}, c.Legend); d != "" {
		t.Error(d)
	}
}

func TestPRTable(t *testing.T) {
	c := prChart("p", "event", []named{{"A", []evaluate.Point{{X: .2, Y: 1}, {X: .5, Y: .6}, {X: .8, Y: .7}, {X: 1, Y: .3}}}}, .3)
	want := [][]string{{"0.25", "0.70"}, {"0.50", "0.70"}, {"0.75", "0.70"}, {"0.90", "0.30"}}
	if d := cmp.Diff(want, c.Table.Rows); d != "" {
		t.Error(d)
	}
	if none := prChart("p", "view", nil, math.NaN()); len(none.Legend) != 0 || strings.Contains(string(none.SVG), "dashed") {
		t.Error("a prevalence is drawn that does not exist")
	}
}

// TestReliabilityTable: empty bins are left out, intervals are Wilson's.
func TestReliabilityTable(t *testing.T) {
	c := reliabilityChart("c", "event", "event", []evaluate.Bin{{N: 4, Confidence: .1, Frequency: 0}, {}, {N: 1, Confidence: .8, Frequency: 1}})
	// Wilson: 0 of 4 is 0 to z²/(4 + z²) = 0.490; 1 of 1 is 1/(1 + z²) = 0.207 to 1.
	want := [][]string{{"0.00–0.33", "4", "0.10", "0.00", "0.00 to 0.49"}, {"0.67–1.00", "1", "0.80", "1.00", "0.21 to 1.00"}}
	if d := cmp.Diff(want, c.Table.Rows); d != "" {
		t.Error(d)
	}
	if n := strings.Count(string(c.SVG), "<circle"); n != 2 {
		t.Errorf("%d dots", n)
	}
	reliabilityChart("c", "event", "event", nil)
}

// TestScatter: many rows are thinned evenly over the range, and it is said.
func TestScatter(t *testing.T) {
	var truth, score []float64
	for i := range 4000 {
		truth, score = append(truth, float64((i*7)%4000)), append(score, float64(i))
	}
	c := scatterChart("s", "ef", "%", truth, score)
	if n := strings.Count(string(c.SVG), "<circle"); n != scatterLimit || c.Note != "1500 of 4000 rows are drawn. " {
		t.Errorf("%d dots, note %q", n, c.Note)
	}
	points, _ := scatterRows(truth, score)
	if points[0].X != 0 || points[len(points)-1].X != 3999 {
		t.Errorf("the range is cut to %v–%v", points[0].X, points[len(points)-1].X)
	}
	if c := scatterChart("s", "ef", "%", truth[:10], score[:10]); c.Note != "" {
		t.Errorf("note %q", c.Note)
	}
}

func TestFifths(t *testing.T) {
	got := fifths([]float64{5, 1, 4, 2, 3, 6, 7, 8, 10, 9}, []float64{50, 10, 40, 20, 30, 60, 70, 80, 100, 90})
	if len(got) != 5 || got[0] != (fifth{low: 1, high: 2, x: 1.5, y: 15, n: 2}) || got[4] != (fifth{low: 9, high: 10, x: 9.5, y: 95, n: 2}) {
		t.Errorf("%+v", got)
	}
	if got := fifths([]float64{1, 2}, []float64{1, 2}); len(got) != 2 {
		t.Errorf("two rows make %d groups", len(got))
	}
}

// TestBlandAltmanChart: the band spans the limits; with one row there are no limits and no band.
func TestBlandAltmanChart(t *testing.T) {
	c := blandAltmanChart("b", "ef", "%", []float64{50, 60}, []float64{55, 55}, &evaluate.Agreement{Bias: 0, SD: 7.07, Lower: -13.9, Upper: 13.9, Trend: -2})
	if !strings.Contains(string(c.SVG), `class="band s1"`) || c.Table.Rows[1][1] != "−13.9" {
		t.Errorf("%v", c.Table.Rows)
	}
	nan := evaluate.Number(math.NaN())
	one := blandAltmanChart("b", "ef", "%", []float64{50}, []float64{55}, &evaluate.Agreement{Bias: 5, SD: nan, Lower: nan, Upper: nan, Trend: nan})
	if strings.Contains(string(one.SVG), "band") || strings.Contains(string(one.SVG), "NaN") || one.Table.Rows[1][1] != "–" {
		t.Errorf("%v", one.Table.Rows)
	}
}

// TestLearning: curves of one chart share it and its table, epochs that one of them lacks are dashes, and the kept epoch is marked.
func TestLearning(t *testing.T) {
	charts := learningCharts("l", []Curve{
		{Chart: "loss", Name: "train", Epochs: []float64{1, 2, 3}, Values: []float64{.9, .5, .4}, Best: 2},
		{Chart: "loss", Name: "val", Epochs: []float64{2, 3}, Values: []float64{.6, .7}, Best: 2},
		{Chart: "MAE", Name: "val", Epochs: []float64{2}, Values: []float64{6}},
		{Chart: "empty", Name: "val"},
	})
	if len(charts) != 3 {
		t.Fatalf("%d charts", len(charts))
	}
	want := [][]string{{"1", "0.90", "–"}, {"2", "0.50", "0.60"}, {"3", "0.40", "0.70"}}
	if d := cmp.Diff(want, charts[0].Table.Rows); d != "" {
		t.Error(d)
	}
	if !slices.Contains(charts[0].Legend, legend{"muted dashed", "kept"}) || slices.Contains(charts[1].Legend, legend{"muted dashed", "kept"}) {
		t.Error("the kept epoch is not marked where there is one")
	}
	if !strings.Contains(string(charts[1].SVG), "<circle") {
		t.Error("a single epoch is invisible")
	}
	long := Curve{Chart: "loss", Name: "train"}
	for e := range 500 {
		long.Epochs, long.Values = append(long.Epochs, float64(e+1)), append(long.Values, 1/float64(e+1))
	}
	if rows := learningCharts("l", []Curve{long})[0].Table.Rows; len(rows) != 30 || rows[0][0] != "1" || rows[29][0] != "500" {
		t.Errorf("%d rows", len(rows))
	}
}

// TestJudged checks the small print of each kind.
func TestJudged(t *testing.T) {
	for _, c := range []struct {
		t    evaluate.TargetReport
		want string
	}{
		{evaluate.TargetReport{Kind: evaluate.Binary, N: 200, Patients: 100, Counts: map[string]int{"0": 150, "1": 50}, MissingTruth: 3,
			Baseline:  &evaluate.Baseline{Method: "prevalence", From: "train", Values: []float64{.3}},
			Operating: &evaluate.Operating{Threshold: .5, Specificity: .9, SpecificityThreshold: .62, ChosenOn: "val"}},
			"Judged on 200 rows of 100 patients, 50 rows with the outcome (25 %); 3 more have no known truth. Guessing means the same answer for everyone: " +
				"how common each class is among the train rows. A probability of 0.50 or more is called yes; for a specificity of 0.90 it is 0.62, chosen on the val rows."},
		{evaluate.TargetReport{Kind: evaluate.Regression, Unit: "%", N: 10, Patients: 10, Truth: &evaluate.Summary{Min: 20, Max: 75},
			Baseline: &evaluate.Baseline{Method: "mean", From: "other folds", Values: []float64{55}}},
			"Judged on 10 rows of 10 patients; true values 20.0 to 75.0 %. Guessing means the same answer for everyone: the mean of the other folds."},
		{evaluate.TargetReport{Kind: evaluate.Class}, "Judged on 0 rows of 0 patients."},
	} {
		if got := strings.ReplaceAll(judged(&c.t), "\u00a0", " "); got != c.want {
			t.Errorf("%s\nwant\n%s", got, c.want)
		}
	}
}

// TestHeadlines checks the sentence of each kind, and that guessing is weighed in words.
func TestHeadlines(t *testing.T) {
	base, zero := evaluate.Number(9.8), evaluate.Number(0.4)
	mae := measureOf(5.1, 4.4, 5.9)
	mae.Baseline, mae.Gain = &base, &evaluate.Gain{Value: 4.7, Low: 3, High: 6}
	acc := measureOf(0.72, 0.65, 0.79)
	acc.Baseline, acc.Gain = &zero, &evaluate.Gain{Value: .3, Low: -.1, High: .4}
	bad := measureOf(math.NaN(), math.NaN(), math.NaN())
	bad.Reason = "undefined: it needs rows of both classes"
	for _, c := range []struct {
		kind evaluate.Kind
		m    evaluate.Measure
		want string
	}{
		{evaluate.Regression, mae, "The typical error is 5.1 % (95 % interval 4.4 to 5.9); saying the mean for everyone gives 9.8 %: better than guessing."},
		{evaluate.Class, acc, "Right in 72 % (95 % interval 65 to 79 %) of rows; always naming the commonest class is right in 40 %: not clearly better than guessing."},
		{evaluate.Binary, measureOf(.84, .78, .89), "AUROC is 0.84 (95 % interval 0.78 to 0.89); guessing gives 0.50."},
		{evaluate.MultiLabel, measureOf(.84, .78, .89), "Mean AUROC over 2 labels is 0.84 (95 % interval 0.78 to 0.89); guessing gives 0.50."},
		{evaluate.Binary, bad, "Could not be judged: AUROC is undefined: it needs rows of both classes."},
	} {
		tr := &evaluate.TargetReport{Kind: c.kind, Unit: "%", N: 9, Classes: []string{"a", "b"}, Metrics: map[string]evaluate.Measure{headMetric(c.kind): c.m}}
		if got := strings.ReplaceAll(headline(tr), "\u00a0", " "); got != c.want {
			t.Errorf("%s\nwant\n%s", got, c.want)
		}
	}
}

// TestTargetOrder: derived quantities first, then as in the tables, then by name.
func TestTargetOrder(t *testing.T) {
	x := func() *evaluate.TargetReport { return &evaluate.TargetReport{} }
	v := Variant{Report: &evaluate.Report{Targets: map[string]*evaluate.TargetReport{"b": x(), "a": x(), "z": x(), "y": x()}, Derived: map[string]*evaluate.TargetReport{"ef": x()}},
		Tables: []*evaluate.Predictions{{Targets: []evaluate.Target{{Name: "z"}, {Name: "b"}, {Name: "gone"}}}}}
	names, of := targetsOf(v)
	if d := cmp.Diff([]string{"ef", "z", "b", "a", "y"}, names); d != "" {
		t.Error(d)
	}
	for _, n := range names {
		if of[n] == nil {
			t.Errorf("no report of %s", n)
		}
	}
}

// TestConfusionShade: shades follow shares of the true class; a class without rows has none.
func TestConfusionShade(t *testing.T) {
	c := confusionOf(&evaluate.Confusion{Classes: []string{"a", "b"}, Counts: [][]int{{9, 3}, {0, 0}}})
	var got []string
	for _, row := range c.Rows {
		for _, x := range row.Cells {
			got = append(got, fmt.Sprintf("%s %s %d", x.N, x.Share, x.Shade))
		}
	}
	if d := cmp.Diff([]string{"9 75 % 8", "3 25 % 3", "0 – 0", "0 – 0"}, got); d != "" {
		t.Error(d)
	}
}
