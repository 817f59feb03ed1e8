package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

func near(t *testing.T, what string, got evaluate.Number, want float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) <= 1e-9) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func read(t *testing.T, csv string, o ReadOptions) *Table {
	t.Helper()
	table, err := Read(strings.NewReader(csv), o)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func audited(t *testing.T, table *Table, o Options) *Report {
	t.Helper()
	if o.Resamples == 0 {
		o.Resamples, o.Permutations = 200, 40
	}
	r, err := Run(t.Context(), table, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// counts writes rows of one group: tp, fn, fp, tn of them, with scores .8 and .2.
func counts(b *strings.Builder, group string, tp, fn, fp, tn int) {
	for i, n := range []int{tp, fn, fp, tn} {
		truth, score := 1-i/2, []string{"0.8", "0.2"}[i%2]
		for range n {
			fmt.Fprintf(b, "%s,%d,%s\n", group, truth, score)
		}
	}
}

// F: 10 sick, 6 found; 10 healthy, 1 called sick. M: 10 sick, 9 found; 10 healthy, 3 called sick. X: three people.
func byHand(t *testing.T) *Table {
	var b strings.Builder
	b.WriteString("sex,ill_true,ill_prob\n")
	counts(&b, "F", 6, 4, 1, 9)
	counts(&b, "M", 9, 1, 3, 7)
	counts(&b, "X", 1, 1, 0, 1)
	return read(t, b.String(), ReadOptions{Groups: []string{"sex"}})
}

func TestRatesAndGapsByHand(t *testing.T) {
	r := audited(t, byHand(t), Options{MinGroup: 10})
	ill := r.Targets["ill"]
	f, m, x := ill.Groups["sex"]["F"], ill.Groups["sex"]["M"], ill.Groups["sex"]["X"]
	for name, want := range map[string][2]float64{
		"prevalence": {0.5, 0.5}, "selection_rate": {0.35, 0.6}, "tpr": {0.6, 0.9}, "fpr": {0.1, 0.3}, "ppv": {6.0 / 7, 0.75}, "accuracy": {0.75, 0.8},
		"auroc":        {0.6*0.9 + 0.5*(0.6*0.1+0.4*0.9), 0.9*0.7 + 0.5*(0.9*0.3+0.1*0.7)},
		"brier":        {(15*0.04 + 5*0.64) / 20, (16*0.04 + 4*0.64) / 20},
		"in_the_large": {0.35*0.8 + 0.65*0.2 - 0.5, 0.6*0.8 + 0.4*0.2 - 0.5},
	} {
		near(t, "F "+name, f.Metrics[name].Value, want[0])
		near(t, "M "+name, m.Metrics[name].Value, want[1])
	}
	w := stats.Wilson(6, 10, 0.95)
	if got := f.Metrics["tpr"]; got.Method != "wilson" || got.Low != evaluate.Number(w.Low) || got.High != evaluate.Number(w.High) {
		t.Errorf("interval %+v, want Wilson's %v", got, w)
	}
	if !x.CannotTell || x.Metrics != nil || !strings.Contains(x.Reason, "cannot tell: 3 patients, fewer than 10") {
		t.Errorf("three people are judged: %+v", x)
	}
	for name, want := range map[string]float64{"demographic_parity": 0.25, "equalised_odds": 0.3, "equal_opportunity": 0.3,
		"predictive_parity": 6.0/7 - 0.75, "calibration": 0.15, "auroc": 0.05, "worst_auroc": 0.75,
		"gini_auroc": 2 * 0.05 / (2 * 2 * (0.75 + 0.8))} {
		g := ill.Gaps["sex"][name]
		near(t, name, g.Value, want)
		if !(float64(g.Low) <= want+1e-9 && want <= float64(g.High)+0.2) {
			t.Errorf("%s: interval %v to %v", name, g.Low, g.High)
		}
	}
	if g := ill.Gaps["sex"]["equalised_odds"]; g.Least != "F" || g.Most != "M" || !g.ByChance.Defined() || float64(g.P) < 0.02 {
		t.Errorf("equalised odds %+v", g)
	}
	if u := ill.Underserved[0]; u.Group != "F" || u.Sick != 10 || u.Missed != 4 {
		t.Errorf("the worst missed group is %+v", u)
	}
	near(t, "share missed", ill.Underserved[0].Rate.Value, 0.4)
	near(t, "everybody's sensitivity", ill.Overall["tpr"].Value, 16.0/22)
}

func TestHolmByHand(t *testing.T) {
	c := []Comparison{{P: 0.04}, {P: 0.01}, {P: evaluate.Number(math.NaN())}, {P: 0.03}}
	holm(c)
	// Sorted .01 .03 .04 of three: .03, .06, .06 (made rising).
	near(t, "second", c[1].Adjusted, 0.03)
	near(t, "last", c[3].Adjusted, 0.06)
	near(t, "first", c[0].Adjusted, 0.06)
	if c[2].Adjusted.Defined() {
		t.Error("a comparison without p is corrected")
	}
}

// cohort makes n patients; in group B of site 2 the sick have worse scores by harm.
func cohort(n int, seed stats.Seed, harm float64) string {
	rng := seed.Stream("audit cohort")
	var b strings.Builder
	b.WriteString("patient,split,sex,site,age,ill_true,ill_prob,ef_true,ef_pred,abstain,image_quality\n")
	for i := range n {
		sex, site, split := "A", fmt.Sprint(1+rng.IntN(2)), "test"
		if rng.Float64() < 0.5 {
			sex = "B"
		}
		if i%3 == 0 {
			split = "val"
		}
		y := rng.IntN(2)
		z := 2*float64(y) - 1 + rng.NormFloat64()
		if sex == "B" && site == "2" {
			z -= harm * float64(2*y-1)
		}
		if i%17 == 0 {
			sex = ""
		}
		ef := 50 + 10*rng.NormFloat64()
		fmt.Fprintf(&b, "p%d,%s,%s,%s,%d,%d,%.4f,%.3f,%.3f,%d,%.3f\n", i, split, sex, site, 30+rng.IntN(50), y, 1/(1+math.Exp(-z)), ef, ef+3*rng.NormFloat64(), rng.IntN(2), rng.Float64())
	}
	return b.String()
}

func TestFindsPlantedHarm(t *testing.T) {
	table := read(t, cohort(900, 4, 1.6), ReadOptions{Groups: []string{"sex", "site", "age:50"}})
	r := audited(t, table, Options{Seed: 2})
	ill := r.Targets["ill"]
	if r.Split != "test" || r.Rows != 600 {
		t.Errorf("judged %d rows of split %q", r.Rows, r.Split)
	}
	s := ill.Search
	if s == nil || s.Confirmed == nil || s.Found != "sex = B, site = 2" || float64(s.Confirmed.P) > 0.01 {
		t.Fatalf("the search found %+v", s)
	}
	if g := ill.Gaps["sex × site"]["equalised_odds"]; float64(g.P) > 0.05 || g.Least != "B × 2" && g.Most != "B × 2" {
		t.Errorf("the crossing's gap %+v", g)
	}
	if u := ill.Underserved[0]; !strings.Contains(u.Group, "B") || !strings.Contains(u.Group, "2") {
		t.Errorf("most missed: %+v", u)
	}
	if ill.Groups["sex"][Unknown] == nil {
		t.Error("people without a sex are no group")
	}
	for _, name := range []string{Abstain, Quality} {
		if !ill.Groups["site"]["1"].Metrics[name].Low.Defined() {
			t.Errorf("%s is not in the audit", name)
		}
	}
	if len(ill.Thresholds) == 0 {
		t.Error("validation rows are there, and no thresholds are tried")
	}
	if ill.Groups["age"]["<50"] == nil || ill.Groups["age"][">=50"] == nil {
		t.Errorf("age bands %v", ill.Groups["age"])
	}
	ef := r.Targets["ef"]
	if ef.Threshold != nil || !ef.Gaps["sex"]["mae"].Value.Defined() || ef.Underserved != nil {
		t.Errorf("a regression's audit %+v", ef)
	}
	words := strings.Join(ill.Verdict, "\n")
	for _, want := range []string{"sex: not known for", "is served worse, and patients that the search did not see confirm it"} {
		if !strings.Contains(words, want) {
			t.Errorf("the verdict does not say %q:\n%s", want, words)
		}
	}
}

// Without harm the audit is silent: over ten cohorts a gap's p falls below 0.05 about one time in twenty, and nobody is called worse off.
func TestSilentWithoutHarm(t *testing.T) {
	alarms, gaps, worse, confirmed := 0, 0, 0, 0
	for seed := range stats.Seed(10) {
		table := read(t, cohort(300, seed, 0), ReadOptions{Groups: []string{"sex", "site"}})
		r := audited(t, table, Options{Seed: seed, Cross: 1, Resamples: 100, Permutations: 60})
		for _, a := range []string{"sex", "site"} {
			gaps++
			if float64(r.Targets["ill"].Gaps[a]["equalised_odds"].P) < 0.05 {
				alarms++
			}
		}
		for _, c := range r.Targets["ill"].Comparisons {
			if c.Worse {
				worse++
			}
		}
		if s := r.Targets["ill"].Search; s.Confirmed != nil && float64(s.Confirmed.P) < 0.05 {
			confirmed++
		}
	}
	if alarms > 4 || worse > 1 || confirmed > 2 {
		t.Errorf("%d of %d gaps alarm, %d groups are called worse off, %d searches confirm", alarms, gaps, worse, confirmed)
	}
}

func TestSameSeedSameReport(t *testing.T) {
	table := read(t, cohort(200, 1, 1), ReadOptions{Groups: []string{"sex", "site"}})
	var first string
	for range 2 {
		b, err := json.Marshal(audited(t, table, Options{Seed: 5}))
		if err != nil {
			t.Fatal(err)
		}
		if first != "" && first != string(b) {
			t.Error("the same seed gives another report")
		}
		first = string(b)
	}
	if strings.Contains(first, "NaN") {
		t.Error("not a number in JSON")
	}
}

// Several rows a patient: intervals are by patient, wider than rows would have them.
func TestPatientsAreTheUnit(t *testing.T) {
	var many strings.Builder
	many.WriteString("patient,sex,ill_true,ill_prob\n")
	rng := stats.Seed(3).Stream("unit")
	for p := range 60 {
		score := []string{"0.8", "0.2"}[rng.IntN(2)]
		for range 10 {
			fmt.Fprintf(&many, "p%d,%s,1,%s\n", p, []string{"F", "M"}[p%2], score)
		}
	}
	r := audited(t, read(t, many.String(), ReadOptions{Groups: []string{"sex"}}), Options{})
	m := r.Targets["ill"].Groups["sex"]["F"].Metrics["tpr"]
	w := stats.Wilson(float64(m.Value)*30, 30, 0.95)
	if width, patients := float64(m.High-m.Low), w.High-w.Low; width < 0.7*patients {
		t.Errorf("interval %v wide; 30 patients give %v", width, patients)
	}
}

// survival has a target with times; classes one with three classes; many one with labels.
func TestOtherKinds(t *testing.T) {
	rng := stats.Seed(7).Stream("kinds")
	var b strings.Builder
	b.WriteString("sex,death_time,death_event,death_surv@1,death_surv@2,death_surv@4,view_true,view_prob_A,view_prob_B,find_true_x,find_prob_x,find_true_y,find_prob_y\n")
	for i := range 120 {
		h := rng.Float64()
		time := -math.Log(1-rng.Float64()) / (0.1 + 0.5*h)
		s := func(t float64) float64 { return math.Exp(-(0.1 + 0.5*h) * t) }
		view := "A"
		if rng.Float64() < h {
			view = "B"
		}
		fmt.Fprintf(&b, "%s,%.4f,%d,%.4f,%.4f,%.4f,%s,%.4f,%.4f,%d,%.4f,%d,%.4f\n", []string{"F", "M"}[i%2], math.Min(time, 5), map[bool]int{true: 1}[time < 5],
			s(1), s(2), s(4), view, 1-h, h, rng.IntN(2), h, rng.IntN(2), 1-h)
	}
	r := audited(t, read(t, b.String(), ReadOptions{Groups: []string{"sex"}}), Options{Resamples: 40, Permutations: 20})
	for target, gap := range map[string]string{"death": "c_td", "view": "accuracy", "find": "auroc"} {
		x := r.Targets[target]
		if x == nil || x.Gaps["sex"][gap] == nil || !x.Gaps["sex"][gap].Low.Defined() || !x.Gaps["sex"][gap].P.Defined() {
			t.Errorf("%s: %+v", target, x)
		}
	}
}

func TestRepresentation(t *testing.T) {
	p, err := DecodePopulation(strings.NewReader("group,value,share\nsex,F,0.9\nsex,M,0.05\nsex,D,0.05\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := audited(t, byHand(t), Options{MinGroup: 10, Population: p})
	near(t, "share of F", r.Representation[0].Share.Value, 20.0/43)
	near(t, "ratio", *r.Representation[0].Ratio, 20.0/43/0.9)
	if r.Representation[0].Verdict != "fewer than in the population" || r.Representation[1].Verdict != "more than in the population" {
		t.Errorf("%+v", r.Representation)
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "sex = D is 5 % of the population and nobody in the data") {
		t.Errorf("notes %q", r.Notes)
	}
	for _, bad := range []string{"", "a,b,c\n", "group,value,share\nsex,F,2\n", "group,value,share\nsex,F,x\n", "group,value,share\nsex,F,0.9\nsex,M,0.2\n",
		"group,value,share\nsex,F,0.1\nsex,F,0.1\n", "group,value,share\nsex,F\n"} {
		if _, err := DecodePopulation(strings.NewReader(bad)); fault.CodeOf(err) != fault.Input {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestRunErrors(t *testing.T) {
	table := byHand(t)
	for name, o := range map[string]Options{"level": {Level: 2}, "threshold": {Threshold: 1}, "resamples": {Resamples: 3}, "cross": {Cross: 3}} {
		if _, err := Run(t.Context(), table, o); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Run(t.Context(), table, Options{Split: "nowhere"}); fault.CodeOf(err) != fault.Input {
		t.Errorf("no rows: %v", err)
	}
	none := read(t, "ill_true,ill_prob\n1,0.5\n", ReadOptions{})
	if _, err := Run(t.Context(), none, Options{}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no groups: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, table, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// One patient, nothing known: the audit says that it cannot tell, and is no error.
	one := read(t, "sex,ill_true,ill_prob\nF,1,0.5\n", ReadOptions{Groups: []string{"sex"}})
	r := audited(t, one, Options{})
	if v := r.Targets["ill"].Verdict; len(v) == 0 || !strings.Contains(v[0], "cannot tell") {
		t.Errorf("verdict %q", v)
	}
	blind := read(t, "sex,ill_true,ill_prob\nF,,0.5\n", ReadOptions{Groups: []string{"sex"}})
	if r := audited(t, blind, Options{}); len(r.Targets) != 0 || len(r.Notes) != 1 {
		t.Errorf("no truth: %+v", r)
	}
}
