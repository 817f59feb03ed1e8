package run

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/uncertainty"
)

// grouped has 60 validation rows of as many people with scores 1 to 60, of which the upper half are men; every tenth is of a rare site; a
// test row each of F and M; and a class that the ward gives away.
func grouped(u learn.UncertaintySpec) (d *doubter, scores []float64, label []int) {
	c := &cohort.Cohort{Groups: []string{"sex", "site", "ward"}}
	d = &doubter{u: &u, split: &cohort.Split{Folds: make([]cohort.Fold, 1)}, out: &Doubts{}, r: &Run{Cohort: c}}
	add := func(part, patient, sex, site, ward string, y float64) {
		d.items = append(d.items, doubted{row: len(c.Rows), part: part})
		c.Rows = append(c.Rows, cohort.Row{Patient: patient, Groups: []string{sex, site, ward}, Truth: map[string][]float64{"t": {y}}})
	}
	for i := range 60 {
		sex, site := "F", "common"
		if i >= 30 {
			sex = "M"
		}
		if i%10 == 0 {
			site = "rare"
		}
		y := float64(i % 2)
		add(partVal, fmt.Sprint("p", i), sex, site, fmt.Sprint("w", i%2), y)
		scores, label = append(scores, float64(i+1)), append(label, int(y))
	}
	add(partTest, "q", "F", "common", "w0", 0)
	add(partTest, "q", "M", "rare", "w0", 0)
	return d, scores, label
}

func TestThresholdsOfARecipe(t *testing.T) {
	// ⌈61·0.9⌉ = 55 of all; ⌈31·0.9⌉ = 28 of women; the 28th man is the 58th; of the 54 of
	// the common site the ⌈55·0.9⌉ = 50th, which is 56. Wards have thirty rows each, odd scores to 59 and even ones to 60: 55 and 56.
	const common = 56.0
	for _, c := range []struct {
		mondrian    string
		woman, man  float64
		said, never string
	}{
		{"", common, 58, "site = rare by itself", ""},
		{"sex", 28, 58, "", "rare"},
		{learn.MondrianNone, 55, 55, "", "by itself"},
	} {
		d, scores, _ := grouped(learn.UncertaintySpec{Mondrian: c.mondrian})
		of := d.thresholds(0, "t", scores, nil)
		woman, man := of(d.items[60]).Quantile, of(d.items[61]).Quantile
		if woman != c.woman || man != c.man {
			t.Errorf("mondrian %q: %v and %v, want %v and %v", c.mondrian, woman, man, c.woman, c.man)
		}
		notes := strings.Join(d.out.Notes, "\n")
		if !strings.Contains(notes, c.said) || c.never != "" && strings.Contains(notes, c.never) {
			t.Errorf("mondrian %q: %q", c.mondrian, notes)
		}
	}
}

// A subgroup that gives the class away has no threshold; it is said once, however many folds ask.
func TestThresholdsDoNotPeek(t *testing.T) {
	d, scores, label := grouped(learn.UncertaintySpec{})
	of := d.thresholds(0, "t", scores, label)
	d.thresholds(0, "t", scores, label)
	if n := strings.Count(strings.Join(d.out.Notes, "\n"), "subgroup ward gives the answer away"); n != 1 {
		t.Errorf("said %d times: %q", n, d.out.Notes)
	}
	if of(d.items[60]).Quantile != 56 || of(d.items[61]).Quantile != 58 {
		t.Errorf("%v and %v", of(d.items[60]), of(d.items[61]))
	}
}

// Four rows of each of fifteen people: with a miscoverage of 0.05 fifteen people promise nothing, however many rows they have.
func TestThresholdsCountPeople(t *testing.T) {
	d, scores, _ := grouped(learn.UncertaintySpec{Mondrian: learn.MondrianNone, Alpha: 0.05})
	if q := d.thresholds(0, "t", scores, nil)(d.items[60]).Quantile; q != 58 {
		t.Errorf("sixty people: %v, want the ⌈61·0.95⌉ = 58th", q)
	}
	for i := range 60 {
		d.r.Cohort.Rows[i].Patient = fmt.Sprint("p", i/4)
	}
	if q := d.thresholds(0, "t", scores, nil)(d.items[60]).Quantile; !math.IsInf(q, 1) {
		t.Errorf("fifteen people: %v", q)
	}
	// Rows without a truth teach nothing.
	d, scores, _ = grouped(learn.UncertaintySpec{Mondrian: learn.MondrianNone})
	for i := range 30 {
		d.r.Cohort.Rows[i].Truth["t"] = nil
	}
	if q := d.thresholds(0, "t", scores[30:], nil)(d.items[60]).Quantile; q != 58 {
		t.Errorf("the thirty men alone: %v", q)
	}
}

// strange sets scores of mahalanobis and texture: validation rows 0 to 59 of both, and two test rows.
func strange(u learn.UncertaintySpec, names []string, test [2][]float64) *doubter {
	d, _, _ := grouped(u)
	d.out.OODScores = names
	for i := range 60 {
		s := make([]float64, len(names))
		for k := range s {
			s[k] = float64((i*(7*k+1) + k) % 60) // other orders of the same numbers
		}
		d.items[i].scores = s
	}
	d.items[60].scores, d.items[61].scores = test[0], test[1]
	d.strangeness()
	return d
}

func TestWhatNotAnsweringLooksAt(t *testing.T) {
	d := strange(learn.UncertaintySpec{Abstain: &learn.AbstainSpec{OOD: 0.95}}, []string{"softmax", "mahalanobis", "texture"},
		[2][]float64{{99, 5, 5}, {0, 5, 99}})
	if d.out.OODRule != "mahalanobis or texture" {
		t.Errorf("looks at %s", d.out.OODRule)
	}
	if r := d.tooStrange(d.items[60]); r != "" {
		t.Errorf("softmax is not looked at: %q", r)
	}
	if r := d.tooStrange(d.items[61]); !strings.Contains(r, "stranger (texture) than 100 % of usual items, limit 95 %") {
		t.Errorf("%q", r)
	}
	// A list of scores: the first.
	d = strange(learn.UncertaintySpec{OOD: []string{"softmax", "texture"}, Abstain: &learn.AbstainSpec{OOD: 0.95}}, []string{"softmax", "texture"},
		[2][]float64{{99, 5}, {0, 99}})
	if d.out.OODRule != "softmax" || !strings.Contains(d.tooStrange(d.items[60]), "(softmax)") || d.tooStrange(d.items[61]) != "" {
		t.Errorf("%s: %q, %q", d.out.OODRule, d.tooStrange(d.items[60]), d.tooStrange(d.items[61]))
	}
	// No limit, no reason.
	d.u.Abstain = nil
	if d.tooStrange(d.items[60]) != "" {
		t.Error("nothing was asked for")
	}
}

func TestLeastProbability(t *testing.T) {
	probs, label := [][]float64{}, []int{}
	for i := range 100 { // confidences 0.505 to 1.0; the ten least sure are wrong
		p := 0.505 + 0.005*float64(i)
		probs = append(probs, []float64{1 - p, p})
		label = append(label, btoi(i >= 10))
	}
	for _, c := range []struct {
		a    learn.AbstainSpec
		want float64
	}{{learn.AbstainSpec{Wrong: 5}, 0.8}, {learn.AbstainSpec{Coverage: 0.5}, 0.755}} {
		r, note := leastProbability(&c.a, probs, label)
		if math.Abs(r.Confidence-c.want) > 1e-9 || note != "" {
			t.Errorf("%+v: %v %q, want %v", c.a, r.Confidence, note, c.want)
		}
	}
	// Ninety right of ninety, and up to ten wrong below: a limit of 5 % with 95 % certainty lets one in ninety-odd be wrong.
	r, _ := leastProbability(&learn.AbstainSpec{Risk: 0.05}, probs, label)
	answered, wrong := 0, 0
	for i, p := range probs {
		if slices.Max(p) >= r.Confidence {
			answered++
			wrong += 1 - label[i]
		}
	}
	if answered < 88 || wrong > 1 {
		t.Errorf("%d answered, %d of them wrong", answered, wrong)
	}
	if r, note := leastProbability(&learn.AbstainSpec{Risk: 1e-4}, probs, label); r.Confidence <= 1 || !strings.Contains(note, "nothing is answered") {
		t.Errorf("%v %q", r, note)
	}
	if r, _ := leastProbability(nil, probs, label); r != (uncertainty.Rule{}) {
		t.Errorf("no rule: %+v", r)
	}
	if r, _ := leastProbability(&learn.AbstainSpec{SetSize: 2, Wrong: 2}, probs, label); r.SetSize != 2 || r.Confidence != 0.5 {
		t.Errorf("%+v", r)
	}
}

func TestSetScores(t *testing.T) {
	p := []float64{0.6, 0.3, 0.1}
	for name, want := range map[string][3]float64{"": {0.4, 0.7, 0.9}, "lac": {0.4, 0.7, 0.9}, "aps": {0.6, 0.9, 1}, "raps": {0.6, 0.9, 1.01}} {
		s := setScore(&learn.UncertaintySpec{Conformal: name})
		for k, w := range want {
			if math.Abs(s(p, k)-w) > 1e-12 {
				t.Errorf("%q of class %d is %v, want %v", name, k, s(p, k), w)
			}
		}
	}
}

// Where everything is right nothing can be learnt, and two names of classes belong to a binary target.
func TestRecalibrateWithoutErrors(t *testing.T) {
	apply, name, temperature := recalibrate(&learn.UncertaintySpec{}, [][]float64{{0.9, 0.1}, {0.2, 0.8}}, []int{0, 1})
	if got := apply([]float64{0.7, 0.3}); got[0] != 0.7 || temperature != 1 || !strings.Contains(name, "no error") {
		t.Errorf("%v, %s, %v", got, name, temperature)
	}
	if n := classNames(evaluate.Target{Kind: evaluate.Binary}); !slices.Equal(n, []string{"no", "yes"}) {
		t.Errorf("%v", n)
	}
	if p := classProbs(evaluate.Target{Kind: evaluate.Binary}, []float64{0.25}); p[0] != 0.75 || p[1] != 0.25 {
		t.Errorf("%v", p)
	}
}

func TestPickedReadings(t *testing.T) {
	var all []uncertainty.Reading
	for i := range 10 {
		all = append(all, uncertainty.Reading{Target: "a", Split: partTest, Answer: "x", Like: i},
			uncertainty.Reading{Target: "a", Split: partTest, Reason: fmt.Sprintf("unlike the training data: %d", i)},
			uncertainty.Reading{Target: "a", Split: partVal, Answer: "y"}, uncertainty.Reading{Target: "b", Split: partTest, Answer: "z"})
	}
	count := map[string]int{}
	for _, r := range pickReadings(all) {
		if r.Split != partTest {
			t.Errorf("a row that teaches thresholds is no example: %+v", r)
		}
		count[r.Target+r.Answer]++
	}
	if count["ax"] != 3 || count["a"] != 3 || count["bz"] != 3 || len(count) != 3 {
		t.Errorf("%v", count)
	}
}
