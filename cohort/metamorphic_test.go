package cohort

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// randomCohort has patients of very different sizes, rare classes, missing truth, and groups that share patients.
func randomCohort(rng *rand.Rand) *Cohort {
	c := &Cohort{Columns: []string{"group"}}
	c.Spec.Table = "random.csv"
	c.Spec.Targets = []TargetSpec{{Name: "k", Kind: Class, Classes: []string{"a", "b", "c"}}, {Name: "v", Kind: Regression}}
	patients := 3 + rng.IntN(40)
	for p := range patients {
		items := 1 + rng.IntN(3)
		if rng.IntN(8) == 0 {
			items += rng.IntN(30)
		}
		for i := range items {
			k, v := float64(rng.IntN(3)), rng.NormFloat64()
			if rng.IntN(10) == 0 {
				k, v = math.NaN(), math.NaN()
			}
			group := fmt.Sprint("g", rng.IntN(max(1, patients/2)))
			if rng.IntN(3) > 0 {
				group = fmt.Sprint("g", p/2)
			}
			if rng.IntN(15) == 0 {
				group = ""
			}
			id := fmt.Sprintf("%d-%d", p, i)
			c.Rows = append(c.Rows, Row{ID: id, Patient: fmt.Sprint("p", p), Path: "/" + id, Line: len(c.Rows) + 2, Columns: []string{group},
				Truth: map[string][]float64{"k": {k}, "v": {v}}})
		}
	}
	return c
}

// What holds for every division, on 300 random cohorts: parts are disjoint and whole, folds test every row once, neither patients nor
// groups cross, the order of rows does not matter, and an unrelated column changes nothing.
func TestSplitInvariants(t *testing.T) {
	rng := stats.Seed(11).Stream("invariants")
	tried := map[string]int{}
	for n := range 300 {
		c := randomCohort(rng)
		spec := SplitSpec{By: []string{ByItem, ByPatient, ByGroup}[n%3], Stratify: []string{"", "k", "v"}[rng.IntN(3)]}
		if spec.By == ByGroup {
			spec.Column = "group"
		}
		if n%2 == 0 {
			spec.Folds = 2 + rng.IntN(4)
		} else if n%4 == 1 {
			spec.Fractions = []float64{0.5, 0.25, 0.25}
		}
		seed := stats.Seed(rng.Uint64())
		s, err := c.Split(spec, seed)
		if err != nil {
			// Groups that share patients may tie everything together: then there is nothing to divide.
			if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "folds need as many") && !strings.Contains(err.Error(), "no row is left for training") {
				t.Fatalf("%+v: %v", spec, err)
			}
			continue
		}
		tried[spec.By]++
		checkFolds(t, c, s, len(c.Rows))
		for f, fold := range s.Folds {
			if spec.By != ByItem {
				if k, _, _ := c.crossing(fold, func(r Row) []string { return []string{r.Patient} }); k != 0 {
					t.Fatalf("%+v fold %d: %d patients cross", spec, f, k)
				}
			}
			if spec.By == ByGroup {
				known := func(r Row) string {
					if r.Columns[0] == "" {
						return "row " + r.ID
					}
					return r.Columns[0]
				}
				if k, _, _ := c.crossing(fold, func(r Row) []string { return []string{known(r)} }); k != 0 {
					t.Fatalf("%+v fold %d: %d groups cross", spec, f, k)
				}
			}
		}
		turned := *c
		turned.Rows = slices.Clone(c.Rows)
		rng.Shuffle(len(turned.Rows), func(i, j int) { turned.Rows[i], turned.Rows[j] = turned.Rows[j], turned.Rows[i] })
		again, err := turned.Split(spec, seed)
		if err != nil || again.Digest != s.Digest {
			t.Fatalf("%+v depends on the order of rows: %v", spec, err)
		}
		wider := *c
		wider.Columns = []string{"group", "note"}
		wider.Rows = slices.Clone(c.Rows)
		for i := range wider.Rows {
			wider.Rows[i].Columns = append(slices.Clone(wider.Rows[i].Columns), fmt.Sprint(rng.IntN(9)))
		}
		if again, err = wider.Split(spec, seed); err != nil || again.Digest != s.Digest {
			t.Fatalf("%+v depends on a column that it does not name: %v", spec, err)
		}
	}
	for by, n := range tried {
		if n < 50 {
			t.Errorf("only %d divisions by %s", n, by)
		}
	}
}

// Stratified folds of single rows are as even as can be: class counts of two folds differ by one at most.
func TestSplitStrataAreEvenForSingleRows(t *testing.T) {
	rng := stats.Seed(3).Stream("even")
	for range 20 {
		c := randomCohort(rng)
		k := 2 + rng.IntN(3)
		s, err := c.Split(SplitSpec{By: ByItem, Stratify: "k", Folds: k}, stats.Seed(rng.Uint64()))
		if err != nil {
			t.Fatal(err)
		}
		low, high := map[string]int{}, map[string]int{}
		for f, fold := range s.Folds {
			count := map[string]int{}
			for _, r := range fold.Test {
				count[fmt.Sprint(c.Rows[r].Truth["k"])]++
			}
			for _, class := range []string{"[0]", "[1]", "[2]", "[NaN]"} {
				if f == 0 {
					low[class], high[class] = count[class], count[class]
				}
				low[class], high[class] = min(low[class], count[class]), max(high[class], count[class])
			}
		}
		for class := range low {
			if high[class]-low[class] > 1 {
				t.Errorf("class %s: between %d and %d rows a fold", class, low[class], high[class])
			}
		}
	}
}

// Rows keep their truths when the table's rows and columns change places, and whatever separates its fields.
func TestLoadKnowsNoOrder(t *testing.T) {
	lines := []string{"f,p,y,v", "a,P1,1,0.5", "b,P1,0,", "c,P2,1,-3", "d,P3,0,1e3"}
	files := map[string]string{"a": "x", "b": "x", "c": "x", "d": "x"}
	load := func(table string) map[string]Row {
		t.Helper()
		files["t.csv"] = table
		c := mustLoad(t, Spec{Root: folder(t, files), Table: "t.csv", File: "{f}", Patient: "p",
			Targets: []TargetSpec{{Name: "y", Kind: Binary}, {Name: "v", Kind: Regression}, {Name: "group", Kind: Class, Column: "p"}}})
		out := map[string]Row{}
		for _, r := range c.Rows {
			out[r.ID] = r
		}
		return out
	}
	plain := load(strings.Join(lines, "\n") + "\n")
	same := cmp.Options{cmpopts.EquateNaNs(), cmpopts.IgnoreFields(Row{}, "Line", "Columns", "Path")}
	turned := []string{lines[0], lines[4], lines[2], lines[1], lines[3]}
	for what, table := range map[string]string{
		"rows":       strings.Join(turned, "\n"),
		"semicolons": strings.ReplaceAll(strings.Join(lines, "\r\n"), ",", ";"),
		"tabs":       strings.ReplaceAll(strings.Join(lines, "\n"), ",", "\t"),
		"columns":    "v,y,p,f\n0.5,1,P1,a\n,0,P1,b\n-3,1,P2,c\n1e3,0,P3,d\n",
		"quotes":     "f,p,\"y\",v\n\"a\",P1,\"1\",0.5\nb,\"P1\",0,\"\"\nc,P2,1,-3\nd,P3,0,1e3\n",
	} {
		if d := cmp.Diff(plain, load(table), same); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
}

// An epoch's rows, sorted, are the same for every seed; its order is not. Balanced or not, augmented items differ from epoch to epoch.
func TestEpochsDrawTheSameRows(t *testing.T) {
	c := clips(24)
	rows := func(seed stats.Seed, n int) ([]int, []float32) {
		l := newTestLoader(t, c, &double{}, LoaderConfig{BatchSize: 4, Train: true, Seed: seed})
		var draws []float32
		got := epoch(t, l, n, 0)
		for _, b := range got {
			for k := range b.Rows {
				draws = append(draws, b.X[4*k+2])
			}
		}
		return rowsOf(got), draws
	}
	first, augment := rows(1, 0)
	for seed := range stats.Seed(5) {
		for n := range 3 {
			order, draws := rows(seed, n)
			if seed == 1 && n == 0 {
				continue
			}
			if slices.Equal(order, first) || slices.Equal(draws, augment) {
				t.Errorf("seed %d, epoch %d is seed 1, epoch 0", seed, n)
			}
			slices.Sort(order)
			if !slices.Equal(order, c.All()) {
				t.Errorf("seed %d, epoch %d drew %v", seed, n, order)
			}
		}
	}
}
