package cohort

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// made is a cohort in memory: patients with 1 to 4 items each, in groups of three patients, every fifth patient positive.
func made(patients int) *Cohort {
	c := &Cohort{Columns: []string{"hospital", "part"}}
	c.Spec.Table = "made.csv"
	c.Spec.Targets = []TargetSpec{{Name: "y", Kind: Binary}, {Name: "v", Kind: Regression}}
	for p := range patients {
		for i := range 1 + p%4 {
			y := 0.0
			if p%5 == 0 {
				y = 1
			}
			part := []string{"Train", "train", "VAL", "test"}[p%4]
			c.Rows = append(c.Rows, Row{
				ID: fmt.Sprintf("p%03d-%d", p, i), Patient: fmt.Sprintf("p%03d", p), Path: fmt.Sprintf("/d/%d/%d", p, i), Line: len(c.Rows) + 2,
				Columns: []string{fmt.Sprint("h", p/3), part}, Truth: map[string][]float64{"y": {y}, "v": {float64(p)}},
			})
		}
	}
	return c
}

func mustSplit(t *testing.T, c *Cohort, spec SplitSpec, seed stats.Seed) *Split {
	t.Helper()
	s, err := c.Split(spec, seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkFolds: parts are disjoint and ascending; in cross-validation the tests are a partition of rows.
func checkFolds(t *testing.T, c *Cohort, s *Split, total int) {
	t.Helper()
	tested := map[int]int{}
	for f, fold := range s.Folds {
		seen := map[int]bool{}
		n := 0
		for _, p := range [][]int{fold.Train, fold.Val, fold.Test} {
			if !slices.IsSorted(p) {
				t.Errorf("fold %d: rows not ascending", f)
			}
			for _, r := range p {
				if seen[r] {
					t.Errorf("fold %d: row %d in two parts", f, r)
				}
				seen[r] = true
				n++
			}
		}
		if n != total {
			t.Errorf("fold %d has %d rows, want %d", f, n, total)
		}
		for _, r := range fold.Test {
			tested[r]++
		}
	}
	if len(s.Folds) > 1 {
		if len(tested) != total {
			t.Errorf("%d of %d rows are tested", len(tested), total)
		}
		for r, n := range tested {
			if n != 1 {
				t.Errorf("row %d is tested %d times", r, n)
			}
		}
	}
}

func TestSplitByPatient(t *testing.T) {
	c := made(100)
	s := mustSplit(t, c, SplitSpec{By: "patient", Stratify: "y", Fractions: []float64{0.6, 0.2, 0.2}}, 1)
	checkFolds(t, c, s, len(c.Rows))
	if n, _, _ := c.crossing(s.Folds[0], func(r Row) []string { return []string{r.Patient} }); n != 0 {
		t.Errorf("%d patients cross", n)
	}
	if len(s.Warnings) != 0 || len(s.Digest) != 64 || s.Name != "patient" {
		t.Errorf("%+v", s)
	}
	// 250 rows, 50 of them positive: shares within one patient (4 rows) of 60/20/20 in both strata.
	for i, p := range [][]int{s.Folds[0].Train, s.Folds[0].Val, s.Folds[0].Test} {
		share := []float64{0.6, 0.2, 0.2}[i]
		positive := 0.0
		for _, r := range p {
			positive += c.Rows[r].Truth["y"][0]
		}
		if math.Abs(float64(len(p))-share*250) > 4 || math.Abs(positive-share*50) > 4 {
			t.Errorf("part %d: %d rows, %g positive", i, len(p), positive)
		}
	}
}

func TestSplitStratifiesQuintiles(t *testing.T) {
	c := made(100)
	c.Rows[0].Truth["v"][0] = math.NaN()
	s := mustSplit(t, c, SplitSpec{By: "patient", Stratify: "v", Folds: 5}, 3)
	checkFolds(t, c, s, len(c.Rows))
	for f, fold := range s.Folds {
		sum, n := 0.0, 0.0
		for _, r := range fold.Test {
			if v := c.Rows[r].Truth["v"][0]; !math.IsNaN(v) {
				sum += v
				n++
			}
		}
		// The mean of v over rows is 50.3; a fold of 50 random rows would stray by 4, quintiles hold it nearer.
		if math.Abs(sum/n-50.3) > 3 {
			t.Errorf("fold %d has mean %.1f", f, sum/n)
		}
	}
}

func TestSplitIsSeededAndKnowsNoRowOrder(t *testing.T) {
	c := made(60)
	spec := SplitSpec{By: "patient", Stratify: "y"}
	one := mustSplit(t, c, spec, 7)
	if again := mustSplit(t, c, spec, 7); again.Digest != one.Digest {
		t.Error("the same seed gave another split")
	}
	if other := mustSplit(t, c, spec, 8); other.Digest == one.Digest {
		t.Error("another seed gave the same split")
	}
	own := stats.Seed(7)
	if s := mustSplit(t, c, SplitSpec{By: "patient", Stratify: "y", Seed: &own}, 8); s.Digest != one.Digest {
		t.Error("the split's own seed is not used")
	}
	for _, spec := range []SplitSpec{spec, {By: "item"}, {By: "group", Column: "hospital", Folds: 4}, {By: "column", Column: "part", Folds: 3, Stratify: "v"}} {
		turned := made(60)
		slices.Reverse(turned.Rows)
		turned.Rows[0], turned.Rows[30] = turned.Rows[30], turned.Rows[0]
		if mustSplit(t, turned, spec, 7).Digest != mustSplit(t, c, spec, 7).Digest {
			t.Errorf("%+v depends on the order of the rows", spec)
		}
	}
}

func TestSplitByItemWarns(t *testing.T) {
	c := made(40)
	s := mustSplit(t, c, SplitSpec{By: "item"}, 1)
	checkFolds(t, c, s, len(c.Rows))
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "leak: ") || !strings.Contains(s.Warnings[0], "patients are in more than one") {
		t.Errorf("warnings %v", s.Warnings)
	}
	if s = mustSplit(t, c, SplitSpec{By: "item", Folds: 4}, 1); len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "leak: in the first fold, ") {
		t.Errorf("warnings of folds %v", s.Warnings)
	}
}

func TestSplitByGroup(t *testing.T) {
	c := made(30)
	s := mustSplit(t, c, SplitSpec{By: "group", Column: "hospital", Folds: 5}, 1)
	checkFolds(t, c, s, len(c.Rows))
	for _, fold := range s.Folds {
		for _, key := range []func(Row) string{func(r Row) string { return r.Patient }, func(r Row) string { return r.Columns[0] }} {
			if n, _, _ := c.crossing(fold, func(r Row) []string { return []string{key(r)} }); n != 0 {
				t.Errorf("%d keys cross", n)
			}
		}
		if len(fold.Val) == 0 {
			t.Error("no validation rows")
		}
	}
	// A patient seen at two hospitals ties them together; one seen at none is alone.
	c.Rows[0].Patient, c.Rows[len(c.Rows)-1].Patient = "both", "both"
	c.Rows[5].Columns = []string{"", "train"}
	d := &divider{c: c, s: &Split{Spec: SplitSpec{By: "group", Column: "hospital"}}, label: make([]string, len(c.Rows))}
	us, err := d.units(c.All())
	if err != nil {
		t.Fatal(err)
	}
	if len(us) != 9 { // 10 hospitals, two of them tied
		t.Errorf("%d units, want 9", len(us))
	}
	mustSplit(t, c, SplitSpec{By: "group", Column: "hospital", Folds: 3}, 1)
}

func TestSplitByColumn(t *testing.T) {
	c := made(40)
	s := mustSplit(t, c, SplitSpec{By: "column", Column: "part"}, 1)
	checkFolds(t, c, s, len(c.Rows))
	for i, r := range c.Rows {
		part := map[string][]int{"train": s.Folds[0].Train, "val": s.Folds[0].Val, "test": s.Folds[0].Test}[strings.ToLower(r.Columns[1])]
		if !slices.Contains(part, i) {
			t.Errorf("row %d is not in %s", i, r.Columns[1])
		}
	}
	cv := mustSplit(t, c, SplitSpec{By: "column", Column: "part", Folds: 4}, 1)
	checkFolds(t, c, cv, len(c.Rows)-len(s.Folds[0].Test))
	if !slices.Equal(cv.Reserved, s.Folds[0].Test) {
		t.Errorf("%d rows are reserved, want the %d that the column calls test", len(cv.Reserved), len(s.Folds[0].Test))
	}
	for i := range c.Rows {
		if strings.EqualFold(c.Rows[i].Columns[1], "val") {
			c.Rows[i].Columns[1] = ""
		}
	}
	carved := mustSplit(t, c, SplitSpec{By: "column", Column: "part", Fractions: []float64{0.8, 0.2}}, 1)
	f := carved.Folds[0]
	if len(f.Val) != 6 || len(f.Train)+len(f.Val) != 30 || len(carved.Warnings) != 2 {
		t.Errorf("train %d val %d, want a fifth of 30 rows: %v", len(f.Train), len(f.Val), carved.Warnings)
	}
}

func TestSplitFaults(t *testing.T) {
	leaky := made(8)
	leaky.Rows[1].Columns = []string{"h0", "test"} // patient p001, lines 3 and 4
	sameFile := made(8)
	sameFile.Rows[0].Path = sameFile.Rows[len(sameFile.Rows)-1].Path
	odd := made(8)
	odd.Rows[3].Columns = []string{"h0", "training set"}
	for _, f := range []struct {
		c    *Cohort
		spec SplitSpec
		code fault.Code
		want string
	}{
		{made(8), SplitSpec{By: "patients"}, fault.Usage, `by is "patients" (did you mean "patient"?)`},
		{made(8), SplitSpec{By: "column"}, fault.Usage, "column is not set"},
		{made(8), SplitSpec{By: "column", Column: "prat"}, fault.Usage, `made.csv has no column "prat" (did you mean "part"?)`},
		{made(8), SplitSpec{By: "patient", Fractions: []float64{0.5, 0.2}}, fault.Usage, "sum to 0.7"},
		{made(8), SplitSpec{By: "patient", Fractions: []float64{0, 1}}, fault.Usage, "some of it for training"},
		{made(8), SplitSpec{By: "patient", Fractions: []float64{1.5, -0.5}}, fault.Usage, "each 0 or more"},
		{made(8), SplitSpec{By: "patient", Fractions: []float64{.25, .25, .25, .25}}, fault.Usage, "train, val and test"},
		{made(8), SplitSpec{By: "patient", Folds: 1}, fault.Usage, "folds is 1"},
		{made(8), SplitSpec{By: "patient", Folds: 9}, fault.Input, "9 folds need as many patients; there are 8"},
		{made(8), SplitSpec{By: "patient", Stratify: "yy"}, fault.Usage, `no target is called "yy" (did you mean "y"?)`},
		{leaky, SplitSpec{Name: "official", By: "column", Column: "part"}, fault.Input, "split \"official\" leaks: 1 patients are in more than one of train, val and test, such as that of lines 3 and 4"},
		{sameFile, SplitSpec{By: "patient", Folds: 8}, fault.Input, "files are in more than one"},
		{odd, SplitSpec{By: "column", Column: "part"}, fault.Input, "line 5, column part: not train, val or test"},
	} {
		_, err := f.c.Split(f.spec, 1)
		if err == nil || !strings.Contains(err.Error(), f.want) || fault.CodeOf(err) != f.code {
			t.Errorf("%+v:\n got %v\nwant %s", f.spec, err, f.want)
		}
	}
}

func TestDealByHand(t *testing.T) {
	u := func(key string, strata map[string]float64) unit {
		u := unit{key: key, strata: strata}
		for _, n := range strata {
			for range int(n) {
				u.rows = append(u.rows, len(u.rows))
			}
		}
		return u
	}
	// Two big units and four small: halves of 6 rows each must split the big ones.
	var us []unit
	for i, n := range []float64{4, 4, 1, 1, 1, 1} {
		us = append(us, u(fmt.Sprint(i), map[string]float64{"": n}))
	}
	parts := deal(us, []float64{0.5, 0.5}, stats.Seed(1).Stream("t"))
	if len(parts[0]) != 6 || len(parts[1]) != 6 {
		t.Errorf("%d and %d rows", len(parts[0]), len(parts[1]))
	}
	// Shares of 1/4 and 3/4 of 8 rows are due 2 and 6. The first unit of 4 costs ((4−2)²−2²)/2 = 0 here and ((4−6)²−6²)/6 = −16/3
	// there, so it goes to the larger part; the second costs 0 here and ((8−6)²−(4−6)²)/6 = 0 there, and the first of equals wins. A
	// share of nothing gets nothing.
	parts = deal(us[:2], []float64{0.25, 0.75, 0}, stats.Seed(1).Stream("t"))
	if len(parts[0]) != 4 || len(parts[1]) != 4 || len(parts[2]) != 0 {
		t.Errorf("%v", parts)
	}
	if cost := misfit(us[0], map[string]float64{}, map[string]float64{"": 8}, 0.75); math.Abs(cost+16.0/3) > 1e-12 {
		t.Errorf("misfit %g, want −16/3", cost)
	}
}

func TestUnion(t *testing.T) {
	a, b := newUnion(), newUnion()
	pairs := [][2]string{{"x", "m"}, {"m", "a"}, {"q", "r"}, {"b", "x"}}
	for i := range pairs {
		a.join(pairs[i][0], pairs[i][1])
		b.join(pairs[len(pairs)-1-i][1], pairs[len(pairs)-1-i][0])
	}
	got := map[string]string{}
	for _, k := range []string{"x", "m", "a", "b", "q", "r", "z"} {
		got[k] = a.find(k)
		if b.find(k) != got[k] {
			t.Errorf("%s: %s or %s by the order of joining", k, got[k], b.find(k))
		}
	}
	if d := cmp.Diff(map[string]string{"x": "a", "m": "a", "a": "a", "b": "a", "q": "q", "r": "q", "z": "z"}, got); d != "" {
		t.Error(d)
	}
}
