package evaluate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// study simulates a table with every kind of target: a quarter of the patients train, a quarter validate, half are judged; two clips a
// patient.
func study(patients int, seed stats.Seed) *Predictions {
	r := seed.Stream("study")
	p := &Predictions{
		Targets: []Target{
			{Name: "event", Kind: Binary},
			{Name: "view", Kind: Class, Classes: []string{"A4C", "A2C", "PLAX"}},
			{Name: "finding", Kind: MultiLabel, Classes: []string{"AS", "MR"}},
			{Name: "ef", Kind: Regression, Unit: "%"},
		},
		Groups: []Group{{Name: "sex"}, {Name: "site"}},
		Truth:  map[string][][]float64{}, Score: map[string][][]float64{},
	}
	squash := func(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
	for i := range patients {
		risk, ef := r.NormFloat64(), 55+10*r.NormFloat64()
		event := indicator(r.Float64() < squash(risk))
		for k := range 2 {
			p.Item = append(p.Item, fmt.Sprintf("c%d-%d", i, k))
			p.Patient = append(p.Patient, fmt.Sprintf("p%d", i))
			p.Split = append(p.Split, []string{"train", "val", "test", "test"}[i%4])
			p.Fold = append(p.Fold, -1)
			p.Groups[0].Values = append(p.Groups[0].Values, []string{"F", "M", ""}[r.IntN(3)])
			p.Groups[1].Values = append(p.Groups[1].Values, []string{"big", "small"}[indicatorInt(i%16 == 3)])
			add := func(name string, truth, score []float64) {
				p.Truth[name], p.Score[name] = append(p.Truth[name], truth), append(p.Score[name], score)
			}
			add("event", []float64{event}, []float64{squash(risk + 0.3*r.NormFloat64())})
			view := r.IntN(3)
			z := []float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}
			z[view] += 1.5
			var sum float64
			for j := range z {
				z[j] = math.Exp(z[j])
				sum += z[j]
			}
			for j := range z {
				z[j] /= sum
			}
			add("view", []float64{float64(view)}, z)
			a, b := r.Float64(), r.Float64()
			add("finding", []float64{indicator(r.Float64() < a), indicator(r.Float64() < b)}, []float64{a, b})
			add("ef", []float64{ef}, []float64{ef + 4*r.NormFloat64()})
		}
	}
	return p
}

func indicatorInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func mustEvaluate(t *testing.T, p *Predictions, o Options) *Report {
	t.Helper()
	if o.Resamples == 0 {
		o.Resamples = 200
	}
	r, err := Evaluate(context.Background(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEvaluate checks that a whole report hangs together: every metric of every kind is there, values agree with Metric, intervals
// hold their value, baselines and gains have the right sign.
func TestEvaluate(t *testing.T) {
	p := study(240, 1)
	r := mustEvaluate(t, p, Options{Seed: 7})
	if r.Rows != 240 || r.Patients != 120 {
		t.Errorf("judged %d rows of %d patients, want 240 of 120", r.Rows, r.Patients)
	}
	q := p.Select(p.InSplit("test"))
	for _, target := range p.Targets {
		tr := r.Targets[target.Name]
		for _, name := range MetricNames(target.Kind) {
			m, ok := tr.Metrics[name]
			if !ok {
				t.Errorf("%s: no %s", target.Name, name)
				continue
			}
			if want, _, err := Metric(name, target, q.Truth[target.Name], q.Score[target.Name]); err == nil && !strings.HasSuffix(name, "at_specificity") {
				near(t, target.Name+" "+name, float64(m.Value), want, 1e-12)
			}
			if !(m.Low <= m.High) || m.Method == "" || m.Reason != "" {
				t.Errorf("%s %s: interval %v to %v by %q, reason %q", target.Name, name, m.Low, m.High, m.Method, m.Reason)
			}
			// BCa may leave the estimate of a biased metric (calibration errors) outside, nothing else.
			if !strings.HasPrefix(name, "ece") && (m.Value < m.Low || m.Value > m.High) {
				t.Errorf("%s %s: %v is outside its interval %v to %v", target.Name, name, m.Value, m.Low, m.High)
			}
			if m.Better == "higher" != HigherIsBetter(name) {
				t.Errorf("%s: better %q", name, m.Better)
			}
		}
	}
	mae := r.Targets["ef"].Metrics["mae"]
	if g := mae.Gain; g == nil || math.Abs(float64(g.Value-(*mae.Baseline-mae.Value))) > 1e-12 || g.Low <= 0 {
		t.Errorf("mae %v, baseline %v, gain %+v: want a clear gain", mae.Value, mae.Baseline, g)
	}
	if b := r.Targets["event"].Metrics["auroc"].Baseline; b == nil || *b != 0.5 {
		t.Errorf("a constant score has AUROC %v, want 0.5", b)
	}
	if op := r.Targets["event"].Operating; op.ChosenOn != "val" || !op.SpecificityThreshold.Defined() {
		t.Errorf("operating point %+v, want one chosen on val", op)
	}
	if r.Targets["ef"].Baseline.From != "train" {
		t.Error("the baseline must learn from training rows")
	}
	d := r.Targets["event"].Metrics["auroc_delong"]
	if d.Method != "delong-clustered" || d.Value != r.Targets["event"].Metrics["auroc"].Value {
		t.Errorf("DeLong of repeated patients: %+v", d)
	}
	sub := r.Targets["event"].Subgroups
	if s := sub["site"]["small"]; s == nil || s.TooFew || s.Patients != 15 || s.Metrics["auroc"].Method == "" {
		t.Errorf("site small: %+v", s)
	}
	if sub["sex"][Unknown] == nil {
		t.Error("rows without a value are not audited")
	}
	few := mustEvaluate(t, p, Options{Seed: 7, MinGroup: 16}).Targets["event"].Subgroups["site"]["small"]
	if !few.TooFew || few.Metrics != nil || !strings.Contains(few.Reason, "too few to tell") {
		t.Errorf("a group below the minimum: %+v", few)
	}
}

// TestReportJSON checks that metrics.json is stable bytes, independent of cores and of the order of rows, and reads back whole.
func TestReportJSON(t *testing.T) {
	p := study(80, 2)
	write := func(r *Report) string {
		var b bytes.Buffer
		if err := r.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	r := mustEvaluate(t, p, Options{Seed: 3})
	first := write(r)
	if write(mustEvaluate(t, p, Options{Seed: 3})) != first {
		t.Error("the same predictions and seed give other bytes")
	}
	back, err := ReadJSON(strings.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, back, cmp.Comparer(func(a, b Number) bool { return a == b || !a.Defined() && !b.Defined() })); d != "" {
		t.Error(d)
	}
	var free map[string]any
	if err := json.Unmarshal([]byte(first), &free); err != nil || strings.Contains(first, "NaN") {
		t.Errorf("not plain JSON: %v", err)
	}
	if _, err := ReadJSON(strings.NewReader(`{"version": 99}`)); err == nil {
		t.Error("a later version was read")
	}

	// Metamorphic: shuffled rows change nothing but the last bits of sums.
	order := stats.Seed(5).Stream("shuffle").Perm(p.Len())
	s := mustEvaluate(t, p.Select(order), Options{Seed: 3})
	for _, target := range p.Targets {
		for name, m := range r.Targets[target.Name].Metrics {
			if strings.HasPrefix(name, "ece_mass") {
				continue // ties are split in row order
			}
			n := s.Targets[target.Name].Metrics[name]
			near(t, "shuffled "+name, float64(n.Value), float64(m.Value), 1e-9)
			near(t, "shuffled "+name+" low", float64(n.Low), float64(m.Low), 1e-6)
			near(t, "shuffled "+name+" high", float64(n.High), float64(m.High), 1e-6)
		}
	}
}

// TestRepeatedRows: showing every clip of a patient twice must not narrow what is known of patients.
func TestRepeatedRows(t *testing.T) {
	p := study(80, 4)
	twice := p.Select(append(seq(p.Len()), seq(p.Len())...))
	a, b := mustEvaluate(t, p, Options{Seed: 3}), mustEvaluate(t, twice, Options{Seed: 3})
	for _, name := range []string{"auroc", "accuracy", "brier", "auroc_delong"} {
		x, y := a.Targets["event"].Metrics[name], b.Targets["event"].Metrics[name]
		near(t, name, float64(y.Value), float64(x.Value), 1e-9)
		near(t, name+" width", float64(y.High-y.Low), float64(x.High-x.Low), 1e-6)
	}
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// TestUndefined goes through data on which metrics say nothing: every null has a reason, and nothing is NaN in the file.
func TestUndefined(t *testing.T) {
	one := func(kind Kind, truth, score []float64) *Predictions {
		p := &Predictions{Targets: []Target{{Name: "x", Kind: kind}}, Truth: map[string][][]float64{"x": rows(truth...)}, Score: map[string][][]float64{"x": rows(score...)}}
		for i := range truth {
			p.Item, p.Patient = append(p.Item, fmt.Sprint(i)), append(p.Patient, fmt.Sprint(i))
			p.Split, p.Fold = append(p.Split, "test"), append(p.Fold, -1)
		}
		return p
	}
	nan := math.NaN()
	for why, c := range map[string]struct {
		p         *Predictions
		undefined []string
		defined   []string
	}{
		"one class":   {one(Binary, []float64{1, 1, 1}, []float64{.2, .7, .9}), []string{"auroc", "specificity", "calibration_slope", "auroc_delong"}, []string{"auprc", "sensitivity", "brier"}},
		"one row":     {one(Regression, []float64{50}, []float64{40}), []string{"r2", "pearson", "spearman"}, []string{"mae", "bias"}},
		"constant":    {one(Regression, []float64{50, 60, 70, 80}, []float64{40, 40, 40, 40}), []string{"pearson"}, []string{"r2", "mae"}},
		"no truth":    {one(Binary, []float64{nan, nan}, []float64{.5, .6}), []string{"auroc", "brier", "accuracy"}, nil},
		"no score":    {one(Binary, []float64{1, 0}, []float64{nan, nan}), []string{"auroc", "brier"}, nil},
		"never yes":   {one(Binary, []float64{1, 0, 1, 0}, []float64{.1, .2, .3, .4}), []string{"ppv"}, []string{"npv", "auroc", "f1"}},
		"separated":   {one(Binary, []float64{1, 1, 1, 0, 0, 0}, []float64{.9, .8, .7, .3, .2, .1}), []string{"calibration_slope"}, []string{"auroc", "accuracy"}},
		"all correct": {one(Regression, []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}), nil, []string{"r2", "mae", "pearson"}},
	} {
		r := mustEvaluate(t, c.p, Options{})
		m := r.Targets["x"].Metrics
		for _, name := range c.undefined {
			if m[name].Value.Defined() || m[name].Reason == "" {
				t.Errorf("%s: %s = %v (reason %q), want undefined with a reason", why, name, m[name].Value, m[name].Reason)
			}
		}
		for _, name := range c.defined {
			if !m[name].Value.Defined() {
				t.Errorf("%s: %s is undefined: %s", why, name, m[name].Reason)
			}
		}
		for name, v := range m {
			if (!v.Value.Defined() || !v.Low.Defined()) && v.Reason == "" {
				t.Errorf("%s: %s is null without a reason", why, name)
			}
		}
		var b bytes.Buffer
		if err := r.WriteJSON(&b); err != nil || strings.Contains(b.String(), "NaN") {
			t.Errorf("%s: %v", why, err)
		}
	}
	sep := mustEvaluate(t, one(Binary, []float64{1, 1, 1, 0, 0, 0}, []float64{.9, .8, .7, .3, .2, .1}), Options{}).Targets["x"].Metrics
	// Three independent pairs in perfect order: 0.025^(1/3). Six of six right: Wilson.
	near(t, "separated low", float64(sep["auroc"].Low), math.Cbrt(0.025), 1e-9)
	near(t, "all right low", float64(sep["accuracy"].Low), stats.Wilson(6, 6, .95).Low, 1e-12)
	if r := mustEvaluate(t, one(Binary, []float64{1, 0}, []float64{nan, nan}), Options{}).Targets["x"]; r.MissingScore != 2 || len(r.Notes) == 0 {
		t.Errorf("rows without score: %d, notes %v", r.MissingScore, r.Notes)
	}
}

func TestEvaluateRefuses(t *testing.T) {
	p := study(8, 1)
	for why, o := range map[string]Options{
		"no such split": {Split: "elsewhere"},
		"level":         {Level: 95},
		"threshold":     {Threshold: 2},
		"resamples":     {Resamples: 3},
		"derive kind":   {Derive: []Derivation{{Name: "ef2", Kind: "other", From: "ef"}}},
		"derive from":   {Derive: []Derivation{{Name: "ef2", Kind: EjectionFraction, From: "event"}}},
		"derive phases": {Derive: []Derivation{{Name: "ef2", Kind: EjectionFraction, From: "ef"}}},
		"derive name":   {Derive: []Derivation{{Kind: EjectionFraction, From: "ef", Phase: make([]string, p.Len())}}},
	} {
		if _, err := Evaluate(context.Background(), p, o); err == nil || fault.CodeOf(err) == "" {
			t.Errorf("%s: accepted", why)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Evaluate(ctx, p, Options{}); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("cancelled: %v", err)
	}
}

// TestDerive works an ejection fraction by hand and follows it through evaluation.
func TestDerive(t *testing.T) {
	nan := math.NaN()
	p := &Predictions{
		Targets: []Target{{Name: "area", Kind: Regression, Unit: "mm²"}},
		Item:    []string{"a", "b", "c", "d", "e", "f", "g", "h"},
		Patient: []string{"p1", "p1", "p1", "p1", "p2", "p2", "p3", "p3"},
		Split:   []string{"test", "test", "test", "test", "test", "test", "train", "train"},
		Fold:    []int{-1, -1, -1, -1, -1, -1, -1, -1},
		Groups:  []Group{{Name: "sex", Values: []string{"F", "F", "F", "F", "M", "M", "F", "M"}}},
		Truth:   map[string][][]float64{"area": rows(60, 40, 30, 10, 80, nan, 50, 25)},
		Score:   map[string][][]float64{"area": rows(50, 50, 25, 25, 100, 40, 10, 5)},
	}
	d := Derivation{Name: "ef", Kind: EjectionFraction, From: "area", Phase: []string{"ED", "ED", "ES", "ES", "ED", "ES", "ED", "ES"}}
	q, notes, err := Derive(p, d)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]float64{{60}, {nan}, {50}}
	if diff := cmp.Diff(want, q.Truth["ef"], cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("truth: %s", diff)
	}
	if diff := cmp.Diff([][]float64{{50}, {60}, {50}}, q.Score["ef"]); diff != "" {
		t.Errorf("score: %s", diff)
	}
	if !slices.Equal(q.Groups[0].Values, []string{"F", "M", ""}) || len(notes) != 1 || !strings.Contains(notes[0], "1 of 3") {
		t.Errorf("groups %v, notes %v", q.Groups[0].Values, notes)
	}
	r := mustEvaluate(t, p, Options{Derive: []Derivation{d}, MinGroup: 1})
	ef := r.Derived["ef"]
	if ef.N != 1 || ef.MissingTruth != 1 || ef.Metrics["mae"].Value != 10 || *ef.Metrics["mae"].Baseline != 10 || ef.Unit != "%" {
		t.Errorf("derived: %+v, mae %+v", ef, ef.Metrics["mae"])
	}
}

// TestBaselineFolds: in cross-validation the baseline of a row may not have seen its fold.
func TestBaselineFolds(t *testing.T) {
	p := study(40, 6)
	for i := range p.Split {
		p.Split[i], p.Fold[i] = "test", i/2%4
	}
	for i := range p.Fold { // fold 0 has a mean far from the rest
		if p.Fold[i] == 0 {
			p.Truth["ef"][i] = []float64{p.Truth["ef"][i][0] + 100}
		}
	}
	b := mustEvaluate(t, p, Options{}).Targets["ef"]
	if b.Baseline.From != "other folds" {
		t.Fatalf("baseline from %q", b.Baseline.From)
	}
	// By hand: each row against the mean of the other folds.
	var sum float64
	for i, f := range p.Fold {
		var mean, n float64
		for j, g := range p.Fold {
			if g != f {
				mean += p.Truth["ef"][j][0]
				n++
			}
		}
		sum += math.Abs(p.Truth["ef"][i][0]-mean/n) / float64(p.Len())
	}
	near(t, "baseline mae", float64(*b.Metrics["mae"].Baseline), sum, 1e-9)
}

// TestBaselineFoldsDoNotRank: guessing has AUROC 0.5 in cross-validation too, however unevenly classes are spread over folds.
func TestBaselineFoldsDoNotRank(t *testing.T) {
	p := &Predictions{Targets: []Target{{Name: "y", Kind: Binary}}, Truth: map[string][][]float64{}, Score: map[string][][]float64{}}
	for i := range 40 {
		fold := i / 20
		y := 0.0
		if i%20 < 4+12*fold { // 20 % positive in fold 0, 80 % in fold 1
			y = 1
		}
		p.Item, p.Patient = append(p.Item, strconv.Itoa(i)), append(p.Patient, strconv.Itoa(i))
		p.Split, p.Fold = append(p.Split, "test"), append(p.Fold, fold)
		p.Truth["y"], p.Score["y"] = append(p.Truth["y"], []float64{y}), append(p.Score["y"], []float64{0.4 + 0.01*float64(i%7)})
	}
	m := mustEvaluate(t, p, Options{}).Targets["y"].Metrics["auroc"]
	if m.Baseline == nil || *m.Baseline != 0.5 {
		t.Errorf("baseline AUROC %v, want 0.5", m.Baseline)
	}
}
