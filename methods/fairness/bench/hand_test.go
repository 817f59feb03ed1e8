package bench

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/fairness/linear"
)

func decode(t *testing.T, csv string) *linear.Table {
	t.Helper()
	table, err := linear.DecodeTable("t.csv", strings.NewReader(csv))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Error and gaps by hand: group 0 has labels 1 1 0 0 and answers 1 0 1 0 (error ½, selection ½, sensitivity ½, false positives ½); group 1 labels 1 0
// and answers 1 0 (no error, selection ½, 1, 0). Over six rows the error is 2/6; parity gap 0, odds gap ½.
func TestReachedByHand(t *testing.T) {
	y, prob, group := []int{1, 1, 0, 0, 1, 0}, []float64{1, 0, 1, 0, 1, 0}, []int{0, 0, 0, 0, 1, 1}
	if a := reached(y, prob, group, 2, nil); math.Abs(a.Error-1.0/3) > 1e-12 || a.DPGap != 0 || a.EOGap != 0.5 {
		t.Errorf("%+v", a)
	}
	// With the wrong rows weighed away nothing is left of error and odds gap.
	if a := reached(y, prob, group, 2, []float64{1, 0, 0, 1, 1, 1}); a.Error != 0 || a.EOGap != 0 {
		t.Errorf("%+v", a)
	}
	// A coin for everybody: error ½ in expectation, no gap.
	if a := reached(y, slices.Repeat([]float64{0.5}, 6), group, 2, nil); math.Abs(a.Error-0.5) > 1e-12 || a.DPGap > 1e-12 || a.EOGap > 1e-12 {
		t.Errorf("%+v", a)
	}
}

// Ties: the range over rules, and whether one of them is the anchor's. A single rule has no ties.
func TestTiesByHand(t *testing.T) {
	y, group := []int{1, 0, 1, 0}, []int{0, 0, 1, 1}
	var r Result
	if r.tie(y, [][]float64{{1, 0, 1, 0}}, group, 2); r.Ties != nil {
		t.Errorf("one rule ties with %+v", r.Ties)
	}
	r.tie(y, [][]float64{{1, 0, 1, 0}, {1, 1, 1, 0}}, group, 2)
	if x := r.Ties; x.Rules != 2 || x.Error != [2]float64{0, 0.25} || x.DPGap != [2]float64{0, 0.5} || x.EOGap != [2]float64{0, 1} {
		t.Errorf("%+v", r.Ties)
	}
	a := anchors[anchorKey{"adult", "threshold_dp", false}]
	r = Result{Method: "threshold_dp", Error: Measure{Value: a.Error}, DPGap: Measure{Value: a.DPGap}, EOGap: Measure{Value: a.EOGap + 0.007},
		Ties: &Ties{Rules: 2, each: []Anchor{{a.Error, a.DPGap, a.EOGap + 0.007}, {a.Error + 0.0049, a.DPGap, a.EOGap - 0.0049}}}}
	if r.compare("adult"); *r.Within || !*r.WithinTies {
		t.Errorf("within %v, of ties %v", *r.Within, *r.WithinTies)
	}
	// One rule near in error, another near in gaps: neither is the anchor's.
	r.Ties.each = []Anchor{{a.Error, a.DPGap, a.EOGap + 0.007}, {a.Error + 0.006, a.DPGap, a.EOGap}}
	if r.compare("adult"); *r.WithinTies {
		t.Error("two halves make no whole")
	}
	// Nothing to compare with.
	r = Result{Method: "threshold_dp"}
	if r.compare("law_school"); r.Within != nil || r.Anchor != nil {
		t.Errorf("%+v", r)
	}
}

// Every row is in one part, once; a quarter, rounded up, is the test; the same number of rows gives the same parts.
func TestDivide(t *testing.T) {
	for _, n := range []int{4, 40, 41, 1000} {
		train, test := divide(n)
		if len(test) != (n+3)/4 {
			t.Errorf("%d rows: %d for the test", n, len(test))
		}
		all := slices.Concat(train, test)
		slices.Sort(all)
		for i, v := range all {
			if i != v {
				t.Fatalf("%d rows: row %d is missing or twice", n, i)
			}
		}
		if again, _ := divide(n); !slices.Equal(train, again) {
			t.Error("another division")
		}
	}
}

// ProPublica's rows: charged within thirty days either way, outcome known, Black or white; a missing day is out.
func TestProPublicaByHand(t *testing.T) {
	table := decode(t, "days_b_screening_arrest,is_recid,race\n30,0,Caucasian\n-30,1,African-American\n31,0,Caucasian\n0,-1,Caucasian\n0,0,Hispanic\n,0,Caucasian\n")
	keep, err := propublica(table)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, true, false, false, false, false} {
		if keep(i) != want {
			t.Errorf("row %d: %v", i, keep(i))
		}
	}
	if _, err := propublica(decode(t, "race\nCaucasian\n")); fault.CodeOf(err) != fault.Input {
		t.Errorf("no such columns: %v", err)
	}
	for cell, want := range map[string]string{"1": "Male", "2": "Female", "3": "3", "": ""} {
		if got := sexOfACS(cell); got != want {
			t.Errorf("sex %q is %q", cell, got)
		}
	}
}

// Datasets that cannot be judged are refused: few rows, one group.
func TestPrepareRefuses(t *testing.T) {
	d := Dataset{Name: "toy", Label: "y", Sensitive: "g", Encoding: linear.Encoding{Numbers: []string{"x"}}}
	few, one := "y,g,x\n1,A,0\n0,B,1\n", "y,g,x\n"
	for range 50 {
		one += "1,A,0\n0,A,1\n"
	}
	for name, csv := range map[string]string{"two rows": few, "one group": one} {
		if _, err := d.prepare(decode(t, csv)); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The sensitive column is an input of one design and not of the other.
	both := "y,g,x\n"
	for range 25 {
		both += "1,A,0\n0,B,1\n"
	}
	in, err := d.prepare(decode(t, both))
	if err != nil || in.with.Width != in.without.Width+2 || !slices.Equal(in.groups, []string{"A", "B"}) {
		t.Errorf("%+v, %v", in, err)
	}
}

// Every method has a name of its own, and every anchor a method and a dataset.
func TestAnchorsHaveMethods(t *testing.T) {
	methods, datasets := map[string]bool{}, map[string]bool{}
	for _, m := range Methods() {
		if methods[m.Name] {
			t.Errorf("%s twice", m.Name)
		}
		methods[m.Name] = true
	}
	for _, d := range Datasets() {
		datasets[d.Name] = true
	}
	for k := range anchors {
		if !methods[k.method] || !datasets[k.dataset] {
			t.Errorf("an anchor of nothing: %+v", k)
		}
	}
}
