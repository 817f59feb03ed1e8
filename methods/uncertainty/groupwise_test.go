package uncertainty

import (
	"math"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

func TestCalibrateByPatientByHand(t *testing.T) {
	// Three people: a has scores 1, 2, 9; b 3; c 4, 5. Each weighs 1/4: a's items 1/12, b's 1/4, c's 1/8.
	scores := []float64{9, 3, 1, 5, 2, 4}
	who := []string{"a", "b", "a", "c", "a", "c"}
	for _, c := range []struct{ alpha, want float64 }{
		{0.84, 2},              // 1: 0.083, 2: 0.167
		{0.60, 3},              // 3: 0.417
		{0.50, 4},              // 4: 0.542
		{1. / 3, 5},            // 5: 0.667, exactly
		{0.25, 9},              // 9: 0.75, exactly
		{0.2499, math.Inf(1)},  // three people promise no more than 3/4
		{0.1, math.Inf(1)},     // nor six items 6/7
		{1 - 1./12 + 1e-15, 1}, // the first
		{1 - 1./12 - 1e-6, 2},  // just not the first
		{1./3 + 1./8, 4},       // 4: 0.542 is 1 − alpha exactly
		{1./3 + 1./8 - .01, 5}, // a little more
	} {
		if got := CalibrateByPatient(scores, who, c.alpha); got.Quantile != c.want || got.N != 6 {
			t.Errorf("alpha %.4f: %v, want %v", c.alpha, got.Quantile, c.want)
		}
	}
	for _, alpha := range []float64{.05, .1, .25, .5} {
		if a, b := CalibrateByPatient(scores, []string{"a", "b", "c", "d", "e", "f"}, alpha), Calibrate(scores, alpha); a != b {
			t.Errorf("one item each: %v and %v", a, b)
		}
		if a, b := CalibrateByPatient(scores, nil, alpha), Calibrate(scores, alpha); a != b {
			t.Errorf("nobody named: %v and %v", a, b)
		}
	}
}

// Nine people with five nearly equal items each, alpha 0.25. Counted as 45 items the threshold is the 35th, that is the seventh person
// of nine: new people are covered 7 times of 10. Counted as people it is the eighth: 8 of 10, the least that is not below the promise.
func TestPeopleAreNotItems(t *testing.T) {
	rng := stats.Seed(91).Stream("people")
	const rounds = 3000
	var items, people int
	for range rounds {
		var scores []float64
		var who []string
		for p := range 9 {
			own := rng.NormFloat64()
			for range 5 {
				scores, who = append(scores, own+1e-3*rng.NormFloat64()), append(who, string(rune('a'+p)))
			}
		}
		v := rng.NormFloat64() + 1e-3*rng.NormFloat64()
		if v <= Calibrate(scores, .25).Quantile {
			items++
		}
		if v <= CalibrateByPatient(scores, who, .25).Quantile {
			people++
		}
	}
	covers(t, "people", people, rounds, .8, .8)
	covers(t, "items", items, rounds, .7, .7)
}

func TestGroupwiseByHand(t *testing.T) {
	scores := []float64{1, 2, 3, 4, 10, 20, 30, 40}
	groups := map[string][]string{
		"sex": {"F", "F", "F", "F", "M", "M", "M", "M"},
		"age": {"old", "young", "old", "young", "old", "young", "old", ""},
	}
	// alpha 0.25: four items promise 4/5 with the largest. F: 4, M: 40, old (1, 3, 10, 30): 30, young (2, 4, 20): 20.
	g := CalibrateGroupwise(scores, nil, groups, .25, 3)
	of := func(sex, age string) float64 {
		return g.For(func(name string) string { return map[string]string{"sex": sex, "age": age}[name] }).Quantile
	}
	for _, c := range []struct {
		sex, age string
		want     float64
	}{{"F", "old", 30}, {"F", "young", 20}, {"M", "old", 40}, {"F", "", 4}, {"F", "unheard of", 4}, {"", "", 30}, {"X", "", 30}} {
		if got := of(c.sex, c.age); got != c.want {
			t.Errorf("%s %s: %v, want %v", c.sex, c.age, got, c.want)
		}
	}
	if _, ok := g.Of["age"][""]; ok {
		t.Error("not knowing is no group")
	}
	// Fewer than least items: the threshold of all, the seventh of eight.
	if g = CalibrateGroupwise(scores, nil, groups, .25, 5); of("F", "old") != 30 {
		t.Errorf("%v", of("F", "old"))
	}
	// alpha 0.1: no group can promise it, nor can eight items.
	if g = CalibrateGroupwise(scores, nil, groups, .1, 3); !math.IsInf(of("F", "old"), 1) {
		t.Errorf("%v", of("F", "old"))
	}
}

// Two ways to be grouped, one of which matters: with the largest threshold every group of both is covered; with one for all the
// wider half is not.
func TestGroupwiseCoversOverlappingGroups(t *testing.T) {
	rng := stats.Seed(92).Stream("overlap")
	values := func() (sex, age string, score float64) {
		sex, age = []string{"F", "M"}[rng.IntN(2)], []string{"old", "young"}[rng.IntN(2)]
		score = math.Abs(rng.NormFloat64())
		if sex == "F" && age == "old" {
			score *= 4
		}
		return
	}
	const rounds = 1500
	common, each, of := map[string]int{}, map[string]int{}, map[string]int{}
	for range rounds {
		var scores []float64
		groups := map[string][]string{}
		for range 80 {
			s, a, v := values()
			scores = append(scores, v)
			groups["sex"], groups["age"] = append(groups["sex"], s), append(groups["age"], a)
		}
		g := CalibrateGroupwise(scores, nil, groups, .2, 10)
		s, a, v := values()
		for _, name := range []string{s, a} {
			of[name]++
			if v <= g.All.Quantile {
				common[name]++
			}
			if v <= g.For(func(n string) string { return map[string]string{"sex": s, "age": a}[n] }).Quantile {
				each[name]++
			}
		}
	}
	for _, name := range []string{"F", "M", "old", "young"} {
		covers(t, name, each[name], of[name], .8, 1)
	}
	if b := stats.ClopperPearson(common["F"], of["F"], .999); b.High >= .8 {
		t.Errorf("one threshold covers %d of %d women: the example shows nothing", common["F"], of["F"])
	}
}

func TestTellsTruth(t *testing.T) {
	for _, c := range []struct {
		values []string
		label  []int
		want   bool
	}{
		{[]string{"x", "y", "x", "z"}, []int{0, 1, 0, 1}, true},
		{[]string{"x", "y", "x", "y"}, []int{0, 1, 1, 1}, false},
		{[]string{"x", "y"}, []int{2, 2}, false}, // one label only: nothing to tell
		{nil, nil, false},
	} {
		if got := TellsTruth(c.values, c.label); got != c.want {
			t.Errorf("%v %v: %v", c.values, c.label, got)
		}
	}
}

func TestPromiseInWords(t *testing.T) {
	lines := []lineOf{
		{"all", .9, .88, .92, false, false, false},
		{"sex = F", .836, .770, .890, false, false, true}, {"sex = M", .94, .91, .97, false, false, true},
		{"sex = F", .91, .86, .95, true, false, true}, {"sex = M", .93, .89, .96, true, false, true},
		{"sex = F", .92, .87, .96, false, true, true}, {"sex = M", .93, .89, .96, false, true, true},
	}
	got := promiseNote(lines, .1)
	want := "Coverage by subgroup, 90 % promised. One threshold for all: 1 of 2 subgroups fall short of it by more than chance: sex = F (0.836, 0.770 to 0.890). " +
		"The subgroup's own threshold: no subgroup of 2 falls short of it. The largest threshold of each item's subgroups: no subgroup of 2 falls short of it."
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if promiseNote(lines[:1], .1) != "" {
		t.Error("without subgroups there is nothing to say")
	}
	if Verdict(.86, .95, .9) != "kept" || Verdict(.77, .89, .9) != "missed" || Verdict(.91, .97, .9) != "more" {
		t.Error("verdicts")
	}
}

// judgedGroups has two sexes, of which one is twice as spread, and a column that is the class itself.
func judgedGroups() Items {
	rng := stats.Seed(93).Stream("judged")
	it := Items{Classes: []string{"a", "b"}, Groups: map[string][]string{"sex": nil, "class": nil}}
	for i := range 1600 {
		sex := i % 2
		y := rng.IntN(2)
		z := []float64{0, float64(2*y-1)*1.5 + rng.NormFloat64()*float64(1+2*sex)}
		it.Probs, it.Label = append(it.Probs, Softmax(z, 1)), append(it.Label, y)
		it.Groups["sex"] = append(it.Groups["sex"], []string{"F", "M"}[sex])
		it.Groups["class"] = append(it.Groups["class"], []string{"a", "b"}[y])
	}
	return it
}

func TestJudgeSaysWhereThePromiseIsMissed(t *testing.T) {
	j, err := Judge(judgedGroups(), JudgeOptions{Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(append(j.Notes, j.Promise), "\n")
	if !strings.Contains(notes, "class gives the answer away") || !strings.Contains(notes, "One threshold for all: 1 of 4 subgroups fall short of it by more than chance: sex = M") ||
		!strings.Contains(notes, "largest threshold of each item's subgroups: no subgroup") {
		t.Error(notes)
	}
	for _, c := range j.Sets {
		if v := Verdict(c.Low, c.High, .9); v == "missed" && (c.Own || c.Every) {
			t.Errorf("%s: %+v", v, c)
		}
	}
	var it Numbers
	rng := stats.Seed(94).Stream("numbers")
	it.Groups = map[string][]string{"sex": nil}
	for i := range 1000 {
		it.Truth = append(it.Truth, rng.NormFloat64()*float64(1+2*(i%2)))
		it.Value = append(it.Value, 0)
		it.Groups["sex"] = append(it.Groups["sex"], []string{"F", "M"}[i%2])
	}
	n, err := JudgeNumbers(it, JudgeOptions{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if s := n.Promise; !strings.Contains(s, "One threshold for all: 1 of 2 subgroups fall short of it by more than chance: sex = M") || !strings.Contains(s, "own threshold: no subgroup") {
		t.Error(s)
	}
}
