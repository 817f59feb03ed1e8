package audit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// line is a row of a table that tests can turn around.
type line struct {
	patient, sex, site string
	y                  int
	p                  float64
}

// lines are n patients, a row each; in group B the sick score lower.
func lines(n int, seed stats.Seed) []line {
	rng := seed.Stream("lines")
	var out []line
	for i := range n {
		l := line{patient: fmt.Sprintf("p%04d", i), sex: []string{"A", "B"}[rng.IntN(2)], site: []string{"east", "north", "west"}[rng.IntN(3)], y: rng.IntN(2)}
		z := float64(2*l.y-1) + rng.NormFloat64()
		if l.sex == "B" {
			z -= 0.8 * float64(l.y)
		}
		l.p = math.Round(1e4/(1+math.Exp(-z))) / 1e4
		out = append(out, l)
	}
	return out
}

func auditLines(t *testing.T, all []line, o Options) *Target {
	t.Helper()
	var b strings.Builder
	b.WriteString("patient,sex,site,ill_true,ill_prob\n")
	for _, l := range all {
		fmt.Fprintf(&b, "%s,%s,%s,%d,%.4f\n", l.patient, l.sex, l.site, l.y, l.p)
	}
	if o.Seed == 0 {
		o.Seed = 3
	}
	return audited(t, read(t, b.String(), ReadOptions{Groups: []string{"sex", "site"}}), o).Targets["ill"]
}

func changed(all []line, f func(i int, l line) line) []line {
	out := make([]line, len(all))
	for i, l := range all {
		out[i] = f(i, l)
	}
	return out
}

// sameMeasure compares values and, where asked, intervals, to the rounding of sums in another order.
func sameMeasure(t *testing.T, what string, a, b Measure, intervals bool) {
	t.Helper()
	near := func(x, y float64) bool { return math.Abs(x-y) < 1e-9 || math.IsNaN(x) && math.IsNaN(y) }
	if !near(float64(a.Value), float64(b.Value)) {
		t.Errorf("%s: %v and %v", what, a.Value, b.Value)
	}
	if intervals && (!near(float64(a.Low), float64(b.Low)) || !near(float64(a.High), float64(b.High)) || a.Method != b.Method) {
		t.Errorf("%s: %v and %v", what, a, b)
	}
}

// sameTarget compares two audits, group g of the first being rename(g) in the second.
func sameTarget(t *testing.T, what string, a, b *Target, rename func(string) string, intervals bool) {
	t.Helper()
	for name, m := range a.Overall {
		sameMeasure(t, what+", everybody, "+name, m, b.Overall[name], intervals)
	}
	for attr, groups := range a.Groups {
		for g, x := range groups {
			y := b.Groups[attr][rename(g)]
			if y == nil || x.CannotTell != y.CannotTell {
				t.Fatalf("%s: %s = %s is %+v and %+v", what, attr, g, x, y)
			}
			for name, m := range x.Metrics {
				sameMeasure(t, fmt.Sprintf("%s, %s = %s, %s", what, attr, g, name), m, y.Metrics[name], intervals)
			}
		}
		for name, x := range a.Gaps[attr] {
			y := b.Gaps[attr][name]
			sameMeasure(t, fmt.Sprintf("%s, gap %s by %s", what, name, attr), x.Measure, y.Measure, intervals)
			if x.Value > 1e-9 && (rename(x.Least) != y.Least || rename(x.Most) != y.Most) && x.Least != x.Most {
				t.Errorf("%s, gap %s by %s: between %s and %s, and between %s and %s", what, name, attr, x.Least, x.Most, y.Least, y.Most)
			}
		}
	}
}

func same(s string) string { return s }

// The order of rows says nothing: every number, interval and p-value is the same.
func TestOrderOfRowsIsNothing(t *testing.T) {
	all := lines(240, 1)
	mixed := slices.Clone(all)
	stats.Seed(9).Stream("mix").Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	a, b := auditLines(t, all, Options{}), auditLines(t, mixed, Options{})
	sameTarget(t, "rows in another order", a, b, same, true)
	for i, c := range a.Comparisons {
		if d := b.Comparisons[i]; c.Group != d.Group || c.Metric != d.Metric || math.Abs(float64(c.Adjusted-d.Adjusted)) > 1e-6 || c.Worse != d.Worse {
			t.Errorf("comparison %d: %+v and %+v", i, c, d)
		}
	}
	if a.Search.Found != b.Search.Found || a.Search.Verdict != b.Search.Verdict {
		t.Errorf("the search finds %q and %q", a.Search.Found, b.Search.Found)
	}
	if !slices.Equal(a.Verdict, b.Verdict) {
		t.Errorf("verdicts\n%q\n%q", a.Verdict, b.Verdict)
	}
}

// Names of groups say nothing, whichever comes first in the alphabet.
func TestNamesOfGroupsAreNothing(t *testing.T) {
	rename := func(s string) string {
		return strings.NewReplacer("A", "zebra", "B", "aardvark", "east", "site 3", "west", "site 1", "north", "site 2").Replace(s)
	}
	all := lines(240, 2)
	a := auditLines(t, all, Options{})
	b := auditLines(t, changed(all, func(_ int, l line) line { l.sex, l.site = rename(l.sex), rename(l.site); return l }), Options{})
	sameTarget(t, "other names", a, b, rename, true)
	for attr := range a.Gaps {
		for name, g := range a.Gaps[attr] {
			if h := b.Gaps[attr][name]; g.P.Defined() && g.P != h.P {
				t.Errorf("gap %s by %s: p = %v and %v", name, attr, g.P, h.P)
			}
		}
	}
	if got, want := b.Underserved[0].Group, rename(a.Underserved[0].Group); got != want || b.Underserved[0].Missed != a.Underserved[0].Missed {
		t.Errorf("most missed are %s and %s", got, want)
	}
}

// Every row twice under the same patient: no metric changes, nobody is gained, and no interval may become narrower for it.
func TestTwiceTheSamePatientIsOnePatient(t *testing.T) {
	all := lines(200, 3)
	a, b := auditLines(t, all, Options{}), auditLines(t, append(slices.Clone(all), all...), Options{})
	sameTarget(t, "every row twice", a, b, same, false)
	if b.N != 2*a.N || b.Patients != a.Patients {
		t.Errorf("%d rows of %d patients", b.N, b.Patients)
	}
	for g, x := range a.Groups["sex"] {
		y := b.Groups["sex"][g]
		if x.Patients != y.Patients {
			t.Errorf("%s has %d and %d patients", g, x.Patients, y.Patients)
		}
		for _, name := range []string{"auroc", "tpr", "selection_rate", "brier"} {
			if before, now := float64(x.Metrics[name].High-x.Metrics[name].Low), float64(y.Metrics[name].High-y.Metrics[name].Low); now < 0.8*before {
				t.Errorf("%s of %s: interval %v wide, and %v when every row stands there twice", name, g, before, now)
			}
		}
	}
}

// Every patient twice under another name is more data of the same: metrics stay, bootstrap intervals shrink by about √2.
func TestTwiceAsManyPatients(t *testing.T) {
	all := lines(300, 4)
	more := append(slices.Clone(all), changed(all, func(_ int, l line) line { l.patient += "'"; return l })...)
	a, b := auditLines(t, all, Options{Resamples: 400, Permutations: 20}), auditLines(t, more, Options{Resamples: 400, Permutations: 20})
	sameTarget(t, "every patient twice", a, b, same, false)
	if r := float64(a.Overall["auroc"].High-a.Overall["auroc"].Low) / float64(b.Overall["auroc"].High-b.Overall["auroc"].Low); r < 1.2 || r > 1.7 {
		t.Errorf("the interval shrinks by %v", r)
	}
}

// Sick and healthy changed over, and probabilities with them: AUROC stays, sensitivity becomes specificity, calibration turns its sign.
func TestMirror(t *testing.T) {
	all := lines(200, 5)
	for i := range all {
		if all[i].p == 0.5 { // at the threshold itself the mirror is not exact
			all[i].p = 0.5001
		}
	}
	a := auditLines(t, all, Options{})
	b := auditLines(t, changed(all, func(_ int, l line) line { l.y, l.p = 1-l.y, 1-l.p; return l }), Options{})
	for _, g := range []string{"A", "B"} {
		x, y := a.Groups["sex"][g].Metrics, b.Groups["sex"][g].Metrics
		near(t, g+" AUROC", y["auroc"].Value, float64(x["auroc"].Value))
		near(t, g+" TPR", y["tpr"].Value, 1-float64(x["fpr"].Value))
		near(t, g+" calibration", y["in_the_large"].Value, -float64(x["in_the_large"].Value))
	}
	near(t, "equalised odds", b.Gaps["sex"]["equalised_odds"].Value, float64(a.Gaps["sex"]["equalised_odds"].Value))
}

// A rising map of scores that keeps who is a yes changes no rate and no order.
func TestOnlyOrderAndThresholdCount(t *testing.T) {
	all := lines(200, 6)
	a := auditLines(t, all, Options{})
	b := auditLines(t, changed(all, func(_ int, l line) line {
		if l.p >= 0.5 {
			l.p = 0.5 + (l.p-0.5)/2
		} else {
			l.p /= 2
		}
		return l
	}), Options{})
	for _, name := range []string{"auroc", "auprc", "tpr", "fpr", "ppv", "accuracy", "selection_rate"} {
		sameMeasure(t, name, a.Groups["sex"]["B"].Metrics[name], b.Groups["sex"]["B"].Metrics[name], name != "auroc" && name != "auprc")
	}
	if a.Groups["sex"]["B"].Metrics["brier"].Value == b.Groups["sex"]["B"].Metrics["brier"].Value {
		t.Error("the Brier score does not see that probabilities are half as sure")
	}
}

// Who is in another group does not touch a group: taking one site away leaves the others' values.
func TestGroupsStandAlone(t *testing.T) {
	all := lines(240, 7)
	a := auditLines(t, all, Options{})
	b := auditLines(t, slices.DeleteFunc(slices.Clone(all), func(l line) bool { return l.site == "west" }), Options{})
	for name, m := range a.Groups["site"]["east"].Metrics {
		sameMeasure(t, name+" of the east", m, b.Groups["site"]["east"].Metrics[name], false)
	}
	if b.Groups["site"]["west"] != nil {
		t.Error("a site that is gone is judged")
	}
}
