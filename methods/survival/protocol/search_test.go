package protocol

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/methods/survival/tabular"
	"github.com/cineloop/cineloop/stats"
)

// Every drawn configuration lies in the published space, says what it is by model, fold seed and number alone, and is one that a fit takes.
func TestDrawsLieInTheSpace(t *testing.T) {
	for _, row := range FixedRows() {
		if row.Classic != "" {
			continue
		}
		s := row.Settings
		for k := 1; k < 60; k++ {
			c := draw(s, k, 7)
			if c.Model != s.Model || !slices.Contains([]int{1, 2, 4}, len(c.Hidden)) || !slices.Contains([]int{64, 128, 256, 512, 1024}, c.Batch) ||
				!slices.Contains([]float64{.4, .2, .1, .05, .02, .01, 0}, c.Decay) || c.Dropout < 0 || c.Dropout >= .7 {
				t.Fatalf("%s: configuration %d is %+v", row.Name, k, c)
			}
			for _, h := range c.Hidden {
				if h != c.Hidden[0] || !slices.Contains([]int{32, 64, 128, 256}, h) {
					t.Fatalf("%s: layers %v", row.Name, c.Hidden)
				}
			}
			switch s.Model {
			case tabular.CoxTime, tabular.CoxCC:
				if !slices.Contains([]float64{.1, .01, .001, 0}, c.Shrink) {
					t.Fatalf("%s: shrinkage %g", row.Name, c.Shrink)
				}
			case tabular.DeepHit:
				if c.Equidistant || !slices.Contains([]int{20, 50, 100}, c.Cuts) {
					t.Fatalf("%s: %d durations", row.Name, c.Cuts)
				}
			default:
				if c.Cuts != s.Cuts || c.Equidistant != s.Equidistant || c.Shrink != s.Shrink {
					t.Fatalf("%s: the row's own choice of times is changed: %+v", row.Name, c)
				}
			}
		}
		if a, b := draw(s, 3, 7), draw(s, 3, 8); a.Dropout == b.Dropout {
			t.Errorf("%s: two folds draw the same", row.Name)
		}
	}
}

// The fixed settings are those of the published notebooks, row by row.
func TestFixedRows(t *testing.T) {
	rows := FixedRows()
	names := map[string]bool{}
	for _, r := range rows {
		if names[r.Name] {
			t.Errorf("%s is there twice", r.Name)
		}
		names[r.Name] = true
		if r.Classic == "" && (r.Settings.Dropout != .1 || r.Settings.Hidden != nil || r.Settings.Rate != 0 || r.Settings.Batch != 0) {
			t.Errorf("%s: %+v", r.Name, r.Settings)
		}
		if r.Settings.Equidistant && r.Settings.Cuts != 10 {
			t.Errorf("%s: %d even times", r.Name, r.Settings.Cuts)
		}
	}
	for _, d := range Datasets() {
		for name := range anchors {
			if !names[name] {
				t.Errorf("the anchor %s has no row", name)
			}
			if a := AnchorOf(d, name); a != nil && !(a.CTD > .3 && a.CTD < .9 && a.IBS > .05 && a.IBS < .25 && a.IBLL < 0 && a.IBLL > -.7) {
				t.Errorf("%s on %s: %+v", name, d, a)
			}
		}
		if AnchorOf(d, "ClassicalCox") == nil {
			t.Errorf("no anchor for Cox on %s", d)
		}
		if OneHot(d) != (d == "support") {
			t.Errorf("one-hot on %s", d)
		}
	}
	if AnchorOf("metabric", "RandomSurvivalForest") != nil || AnchorOf("elsewhere", "CoxPH") != nil || AnchorOf("flchain", "DeepHit (20 quantile cuts)") != nil {
		t.Error("anchors that nobody measured")
	}
}

// The journal of a longer search begins with a shorter one's, and a trial belongs to its data set, model, fold, number and seed.
func TestJournal(t *testing.T) {
	v := .25
	base := Trial{Dataset: "d", Model: "m", Fold: 2, Index: 3, Seed: 4, Score: &v}
	var j Journal
	j.Add(base)
	if got, ok := j.find(Trial{Dataset: "d", Model: "m", Fold: 2, Index: 3, Seed: 4}); !ok || *got.Score != v {
		t.Errorf("found %+v, %v", got, ok)
	}
	for name, change := range map[string]func(*Trial){
		"data set": func(t *Trial) { t.Dataset = "e" }, "model": func(t *Trial) { t.Model = "n" }, "fold": func(t *Trial) { t.Fold++ },
		"number": func(t *Trial) { t.Index++ }, "seed": func(t *Trial) { t.Seed++ },
	} {
		other := base
		change(&other)
		if _, ok := j.find(other); ok {
			t.Errorf("a trial of another %s is taken for this one", name)
		}
	}
	var none *Journal
	if _, ok := none.find(base); ok || none.record(base) != nil {
		t.Error("no journal remembers")
	}
}

// A search whose every configuration fails says why the first did; one that only a few fail goes on.
func TestSearchOfNothing(t *testing.T) {
	in := toy()
	for i := range in.Table.Labels.Event {
		in.Table.Labels.Event[i] = 0
	}
	_, err := Run(t.Context(), []*Input{in}, Options{Rows: []Row{{Name: "net", Settings: tabular.Settings{Model: tabular.CoxPH, Hidden: []int{4}}}}, Search: 3, Workers: 1})
	if fault.CodeOf(err) == fault.Missing {
		t.Skip("no engine here")
	}
	if fault.CodeOf(err) != fault.Input {
		t.Errorf("without an event: %v", err)
	}
}

// Scores by hand: the true order is C-td 1, nobody told apart is 0 and a half; certainty at the right times has Brier score 0.
func TestScoresByHand(t *testing.T) {
	l := survival.Labels{Time: []float64{1, 2, 3, 4}, Event: []int{1, 1, 1, 1}}
	certain := survival.Curves{Times: []float64{0, 1, 2, 3, 4}, Values: [][]float64{{1, 1, 1, 1}, {0, 1, 1, 1}, {0, 0, 1, 1}, {0, 0, 0, 1}, {0, 0, 0, 0}}}
	m, err := scores(certain, l)
	if err != nil || m.CTD != 1 || m.CTDAdjusted != 1 || m.IBS > 1e-12 || m.IBLL < -1e-6 {
		t.Errorf("the truth: %+v, %v", m, err)
	}
	alike := survival.Curves{Times: []float64{0}, Values: [][]float64{{.5, .5, .5, .5}}}
	m, err = scores(alike, l)
	if err != nil || m.CTD != 0 || m.CTDAdjusted != .5 || math.Abs(m.IBS-.25) > 1e-12 || math.Abs(m.IBLL+math.Ln2) > 1e-12 {
		t.Errorf("a coin: %+v, %v", m, err)
	}
}

// Means of folds: numbers are averaged, batches without events added up, and a fold without a score leaves the mean without one.
func TestMean(t *testing.T) {
	m := mean([]Measured{{CTD: .6, IBS: .2, Seconds: 1, Epochs: 3, Eventless: 2}, {CTD: .8, IBS: math.NaN(), Seconds: 3, Epochs: 4, Eventless: 1}})
	if math.Abs(m.CTD-.7) > 1e-15 || !math.IsNaN(m.IBS) || m.Seconds != 2 || m.Epochs != 4 || m.Eventless != 3 {
		t.Errorf("mean %+v", m)
	}
	b, err := json.Marshal(Result{Dataset: "d", Model: "m", Mean: m, Folds: []Measured{m}})
	if err != nil || !json.Valid(b) {
		t.Errorf("%s, %v", b, err)
	}
}

// A design is the training rows' alone: their order does not matter, other rows change nothing, and shifted or stretched columns are the
// same inputs.
func TestDesignIsOfTheTrainingRows(t *testing.T) {
	rng := stats.Seed(5).Stream("design")
	table := &Table{Columns: []string{"a", "b"}}
	for range 40 {
		table.X = append(table.X, []float64{rng.NormFloat64(), 3 * rng.Float64()})
		table.Labels.Time, table.Labels.Event = append(table.Labels.Time, rng.ExpFloat64()), append(table.Labels.Event, 1)
	}
	train := rng.Perm(40)[:25]
	want := NewDesign(table, train, false, false).Rows(table, train)
	order := slices.Clone(train)
	slices.Reverse(order)
	other := &Table{Columns: table.Columns}
	for i, x := range table.X {
		row := []float64{2*x[0] - 5, 100 * x[1]}
		if !slices.Contains(train, i) {
			row = []float64{1e6, -1e6}
		}
		other.X = append(other.X, row)
	}
	for name, got := range map[string][][]float64{
		"reversed":  NewDesign(table, order, false, false).Rows(table, train),
		"stretched": NewDesign(other, train, false, false).Rows(other, train),
	} {
		for k := range want {
			for j := range want[k] {
				if math.Abs(got[k][j]-want[k][j]) > 1e-12 {
					t.Fatalf("%s: row %d is %v, want %v", name, k, got[k], want[k])
				}
			}
		}
	}
	for j := range 2 {
		sum, squares := 0.0, 0.0
		for _, row := range want {
			sum += row[j]
			squares += row[j] * row[j]
		}
		if math.Abs(sum) > 1e-9 || math.Abs(squares-25) > 1e-9 {
			t.Errorf("column %d: sum %g, squares %g of 25", j, sum, squares)
		}
	}
	d := NewDesign(table, train, false, false).Data(table, train)
	if d.P != 2 || len(d.X) != 50 || d.X[3] != float32(want[1][1]) {
		t.Errorf("data %+v", d)
	}
}

// Whatever bytes a file of folds holds, it is divided rows or an error, and each row is in one part of each fold.
func FuzzReadFolds(f *testing.F) {
	f.Add("f0\ntr\nva\nte\n", 3)
	f.Add("f0,f1\ntr,te\nva,tr\nte,va\n", 3)
	f.Add("f0\n\"tr\nva\n", 1)
	f.Fuzz(func(t *testing.T, s string, rows int) {
		folds, err := ReadFolds("f", strings.NewReader(s), rows)
		if err != nil {
			if fault.CodeOf(err) != fault.Input {
				t.Errorf("%v is no Input error", err)
			}
			return
		}
		for _, d := range folds {
			all := slices.Concat(d.Train, d.Val, d.Test)
			slices.Sort(all)
			for i, v := range all {
				if v != i || len(all) != rows {
					t.Fatalf("%d rows are divided into %v", rows, d)
				}
			}
		}
	})
}
