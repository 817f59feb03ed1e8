package protocol

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/methods/survival/tabular"
	"github.com/cineloop/cineloop/stats"
)

// shared is a data set with its folds, or the test is skipped.
func shared(t testing.TB, name string) *Input {
	t.Helper()
	open := func(elem ...string) *os.File {
		f, err := os.Open(testdata.Shared(t, elem...))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	table, err := ReadTable(name, open("data", "survival", name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	folds, err := ReadFolds(name, open("data", "survival", "folds", name+".csv"), len(table.X))
	if err != nil {
		t.Fatal(err)
	}
	return &Input{table, folds}
}

// The linear model needs no engine and reproduces the anchor on all four data sets.
func TestClassicalCoxOnTheFolds(t *testing.T) {
	if testing.Short() {
		t.Skip("scores 20 test folds")
	}
	for _, name := range Datasets() {
		r, err := Run(t.Context(), []*Input{shared(t, name)}, Options{Rows: FixedRows()[:1]})
		if err != nil {
			t.Fatal(err)
		}
		m, a := r[0].Mean, r[0].Anchor
		t.Logf("%s: C-td %.3f (%.3f), IBS %.3f (%.3f), IBLL %.3f (%.3f)", name, m.CTD, a.CTD, m.IBS, a.IBS, m.IBLL, a.IBLL)
		if d := m.CTD - a.CTD; d < -0.01 || d > 0.01 {
			t.Errorf("%s: C-td %.4f, the anchor %.3f", name, m.CTD, a.CTD)
		}
		if d := m.IBS - a.IBS; d < -0.005 || d > 0.005 {
			t.Errorf("%s: IBS %.4f, the anchor %.3f", name, m.IBS, a.IBS)
		}
	}
}

func TestReadTableRefuses(t *testing.T) {
	for name, c := range map[string]struct{ csv, says string }{
		"nothing":       {"", "no rows"},
		"header only":   {"x0,duration,event\n", "no rows"},
		"no label":      {"x0,event\n1,1\n", "duration"},
		"no covariates": {"duration,event\n1,1\n", "no covariates"},
		"text":          {"x0,duration,event\nold,1,1\n", "row 1, column x0"},
		"missing":       {"x0,duration,event\n,1,1\n", "not a number"},
		"infinite":      {"x0,duration,event\nInf,1,1\n", "not a number"},
		"negative":      {"x0,duration,event\n1,-2,1\n", "negative"},
		"half event":    {"x0,duration,event\n1,2,0.5\n", "the event is 0.5"},
		"ragged":        {"x0,duration,event\n1,2\n", "line 2"},
	} {
		if _, err := ReadTable("t.csv", strings.NewReader(c.csv)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q in it", name, err, c.says)
		}
	}
}

func TestReadFoldsRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		csv  string
		rows int
	}{
		"other length": {"f0\ntr\nva\n", 3}, "unknown word": {"f0\ntr\nva\nxx\n", 3}, "no test": {"f0\ntr\nva\ntr\n", 3}, "empty": {"", 0},
	} {
		if _, err := ReadFolds("f.csv", strings.NewReader(c.csv), c.rows); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	f, err := ReadFolds("f.csv", strings.NewReader("f0,f1\ntr,te\nva,tr\nte,va\n"), 3)
	if err != nil || len(f) != 2 || f[1].Test[0] != 0 || f[0].Val[0] != 1 {
		t.Errorf("folds %v, %v", f, err)
	}
}

func TestDesign(t *testing.T) {
	table := &Table{Columns: []string{"age", "sex", "group", "constant"}, X: [][]float64{{1, 0, 1, 5}, {3, 1, 2, 5}, {100, 0, 3, 5}}}
	got := NewDesign(table, []int{0, 1}, true, false)
	rows := got.Rows(table, []int{0, 1, 2})
	// age has three distinct values in this toy and is one-hot, as group is; the third row's levels are not among the training rows'.
	if len(rows[0]) != 2+1+2+1 || rows[1][1] != 1 || rows[2][0] != 0 || rows[2][1] != 0 {
		t.Errorf("one-hot rows %v", rows)
	}
	rows = NewDesign(table, []int{0, 1}, false, false).Rows(table, []int{0, 1, 2})
	if rows[0][0] != -1 || rows[1][0] != 1 || rows[2][0] != 98 || rows[1][1] != 1 {
		t.Errorf("standardised rows %v: the third must not touch mean and deviation", rows)
	}
}

func FuzzReadTable(f *testing.F) {
	f.Add("x0,duration,event\n1,2,1\n")
	f.Add("duration,event,a\n1e309,0,\"\n")
	f.Fuzz(func(t *testing.T, s string) {
		table, err := ReadTable("t", strings.NewReader(s))
		if err == nil && table.Labels.Check() != nil {
			t.Error("a table with wrong labels was read without an error")
		}
	})
}

// A search keeps the first configuration's settings and draws others that are valid and reproducible.
func TestDraw(t *testing.T) {
	s := tabular.Settings{Model: tabular.DeepHit, Dropout: 0.1}
	if got := draw(s, 0, 1); got.Dropout != 0.1 || got.Hidden != nil {
		t.Errorf("the 0-th is %+v", got)
	}
	seen := map[float64]bool{}
	for k := 1; k < 30; k++ {
		a, b := draw(s, k, 1), draw(s, k, 1)
		if a.Dropout != b.Dropout || a.Dropout > 0.7 || len(a.Hidden) == 0 || a.Alpha < 0 || a.Alpha > 1 || a.Sigma <= 0 || a.Cuts < 20 {
			t.Errorf("configuration %d is %+v", k, a)
		}
		seen[a.Dropout] = true
	}
	if len(seen) < 25 {
		t.Errorf("%d distinct draws of 29", len(seen))
	}
}

// toy is 90 people in three folds whose hazard is exp(x).
func toy() *Input {
	rng := stats.Seed(1).Stream("toy")
	in := &Input{Table: &Table{Name: "toy", Columns: []string{"x"}}, Folds: make([]Fold, 3)}
	for i := range 90 {
		x := rng.NormFloat64()
		in.Table.X = append(in.Table.X, []float64{x})
		in.Table.Labels.Time = append(in.Table.Labels.Time, rng.ExpFloat64()*math.Exp(-x))
		in.Table.Labels.Event = append(in.Table.Labels.Event, min(i%5, 1))
		for f := range in.Folds {
			switch (i + f) % 3 {
			case 0:
				in.Folds[f].Test = append(in.Folds[f].Test, i)
			case 1:
				in.Folds[f].Val = append(in.Folds[f].Val, i)
			default:
				in.Folds[f].Train = append(in.Folds[f].Train, i)
			}
		}
	}
	return in
}

func TestRunClassics(t *testing.T) {
	rows := []Row{{Name: "cox", Classic: "cox"}, {Name: "forest", Classic: "forest"}}
	var calls int
	one, err := Run(t.Context(), []*Input{toy()}, Options{Rows: rows, Workers: 1, Seed: 1, Done: func(_, all int, _ string) {
		calls++
		if all != 6 {
			t.Errorf("%d jobs, want 6", all)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	three, err := Run(t.Context(), []*Input{toy()}, Options{Rows: rows, Workers: 3, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if calls != 6 || len(one) != 2 || one[0].Anchor != nil {
		t.Errorf("%d calls, results %+v", calls, one)
	}
	for i := range one {
		if one[i].Mean.CTD < 0.6 || one[i].Mean.CTD != three[i].Mean.CTD || one[i].Mean.IBS != three[i].Mean.IBS {
			t.Errorf("%s: %+v with one worker, %+v with three", one[i].Model, one[i].Mean, three[i].Mean)
		}
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, []*Input{toy()}, Options{Rows: []Row{{Name: "forest", Classic: "forest"}}}); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("cancelled: %v", err)
	}
	bad := toy()
	for i := range bad.Table.Labels.Event {
		bad.Table.Labels.Event[i] = 0
	}
	_, err := Run(t.Context(), []*Input{bad}, Options{Rows: []Row{{Name: "cox", Classic: "cox"}}})
	if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "cox on toy, fold") {
		t.Errorf("no events: %v", err)
	}
}

func TestMeasuredJSON(t *testing.T) {
	b, err := json.Marshal(Measured{CTD: math.NaN(), IBS: 0.2, Epochs: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"c_td":null`, `"ibs":0.2`, `"epochs":3`, `"seconds":0`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s has no %s", b, want)
		}
	}
}

// A search that was interrupted goes on from its journal: known trials are not fitted again, and the result is that of one run.
func TestSearchGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("trains small networks")
	}
	in := toy()
	rows := []Row{{Name: "net", Settings: tabular.Settings{Model: tabular.CoxPH, Hidden: []int{4}, Epochs: 3}}}
	run := func(n int, j *Journal) []Result {
		r, err := Run(t.Context(), []*Input{in}, Options{Rows: rows, Search: n, Journal: j, Workers: 1, Seed: 3})
		if fault.CodeOf(err) == fault.Missing {
			t.Skip("no engine here")
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var trials []Trial
	whole := run(4, &Journal{Write: func(tr Trial) error { trials = append(trials, tr); return nil }})
	if len(trials) != 4*len(in.Folds) || trials[0].Dataset != "toy" || trials[0].Fold != 1 || trials[1].Index != 1 {
		t.Fatalf("%d trials, the first %+v", len(trials), trials[0])
	}
	var fresh int
	half := &Journal{Write: func(Trial) error { fresh++; return nil }}
	for _, tr := range trials[:7] {
		b, err := json.Marshal(tr) // as a file keeps it
		if err != nil {
			t.Fatal(err)
		}
		var back Trial
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		half.Add(back)
	}
	again := run(4, half)
	if fresh != len(trials)-7 {
		t.Errorf("%d trials were new, want %d", fresh, len(trials)-7)
	}
	for f := range whole[0].Folds {
		if a, b := whole[0].Folds[f], again[0].Folds[f]; a.CTD != b.CTD || a.IBS != b.IBS {
			t.Errorf("fold %d: C-td %g and %g", f+1, a.CTD, b.CTD)
		}
	}
	fresh = 0
	failing := &Journal{Write: func(Trial) error { return fault.New(fault.Resource, "full") }}
	if _, err := Run(t.Context(), []*Input{in}, Options{Rows: rows, Search: 2, Journal: failing, Workers: 1}); fault.CodeOf(err) != fault.Resource {
		t.Errorf("a journal that cannot be written: %v", err)
	}
}
