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

// plain is a fitting of forty training and twelve test rows: x tells the label, and group B has fewer of them.
func plain(t *testing.T) *fitting {
	t.Helper()
	csv := "x,y,g\n"
	var y, group []int
	for i := range 52 {
		g, l := i%2, 0
		if i%4 < 2-g || i%8 == 5 {
			l = 1
		}
		csv += []string{"0", "1"}[l^btoi(i%13 == 0)] + "," + []string{"0", "1"}[l] + "," + []string{"A", "B"}[g] + "\n"
		y, group = append(y, l), append(group, g)
	}
	rows := make([]int, 52)
	for i := range rows {
		rows[i] = i
	}
	d, err := linear.Encode(decode(t, csv), linear.Encoding{Numbers: []string{"x"}, Categories: []string{"g"}}, rows[:40])
	if err != nil || d.Width != 3 {
		t.Fatalf("%d features, %v", d.Width, err)
	}
	f := &fitting{y: y[:40], group: group[:40], testGroup: group[40:], k: 2}
	f.train, f.test = d.Pick(rows[:40]), d.Pick(rows[40:])
	if f.base, err = linear.Fit(t.Context(), f.train, f.y, nil, linear.Options{}); err != nil {
		t.Fatal(err)
	}
	return f
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Every method answers every test row with a probability, deterministic ones with 0 or 1, and leaves the unmitigated fit as it was.
func TestMethodsAnswer(t *testing.T) {
	randomised := map[string]bool{"expgrad_dp": true, "expgrad_eo": true, "threshold_dp": true, "threshold_eo": true}
	for _, m := range Methods() {
		f := plain(t)
		before := slices.Clone(f.base.Weight)
		p, err := m.run(t.Context(), f)
		if err != nil || len(p) != 12 {
			t.Errorf("%s: %d answers, %v", m.Name, len(p), err)
			continue
		}
		for i, v := range p {
			if !(v >= -1e-12 && v <= 1+1e-12) || !randomised[m.Name] && v != 0 && v != 1 {
				t.Errorf("%s: row %d is a yes with probability %v", m.Name, i, v)
			}
		}
		if !slices.Equal(before, f.base.Weight) {
			t.Errorf("%s changes the unmitigated fit", m.Name)
		}
		if again, err := m.run(t.Context(), plain(t)); err != nil || !slices.Equal(again, p) {
			t.Errorf("%s: not the same twice, %v", m.Name, err)
		}
	}
}

// Parity by exponentiated gradient comes out on the training rows within what it promises.
func TestReductionKeepsParityOnTraining(t *testing.T) {
	f := plain(t)
	if _, err := Methods()[2].run(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if !f.trainChecked || f.trainWorst > 2*(0.01+f.gap)+1e-9 || f.calls == 0 {
		t.Errorf("largest moment %v, gap %v, %d fits", f.trainWorst, f.gap, f.calls)
	}
}

// judge's interval holds its value, and groups are those of the names.
func TestJudgeByHand(t *testing.T) {
	var r Result
	y, prob, group := []int{1, 1, 0, 0, 1, 0}, []float64{1, 0, 1, 0, 1, 0}, []int{0, 0, 0, 0, 1, 1}
	if err := r.judge(t.Context(), y, prob, group, []string{"A", "B"}, Options{Resamples: 200, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	if g := r.Groups[0]; g.Name != "A" || g.N != 4 || g.Prevalence != 0.5 || g.Selection != 0.5 || g.TPR != 0.5 || g.FPR != 0.5 || g.Error != 0.5 {
		t.Errorf("%+v", g)
	}
	if g := r.Groups[1]; g.Name != "B" || g.N != 2 || g.Error != 0 || g.TPR != 1 {
		t.Errorf("%+v", g)
	}
	if r.Error.Low > r.Error.Value || r.Error.High < r.Error.Value || r.EOGap.Value != 0.5 {
		t.Errorf("%+v", r)
	}
}
