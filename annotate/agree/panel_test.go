package agree

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/stats"
)

// panelStudy has three readers and a model; reader j reads case i where reads says so.
func panelStudy(t *testing.T, cases int, patient func(i int) string, reads func(j, i int) bool) (*book, Truth) {
	t.Helper()
	b, truth := newBook(t, cases, "R1", "R2", "R3", "ai"), Truth{}
	rng, options := stats.Seed(5).Stream("panel"), []string{"none", "mild", "severe"}
	for i := range cases {
		b.Cases[i].Patient = patient(i)
		sick := i%2 == 0
		truth[b.Cases[i].ID] = map[string]string{"severity": map[bool]string{true: "severe", false: "none"}[sick]}
		grade := func() string {
			v := rng.IntN(3)
			if rng.IntN(3) > 0 {
				v = map[bool]int{true: 2, false: 0}[sick]
			}
			return options[v]
		}
		for j, name := range []string{"R1", "R2", "R3"} {
			if reads(j, i) {
				b.choose(name, i, protocol.Unaided, grade())
			}
		}
		b.choose("ai", i, protocol.Unaided, grade())
	}
	return b, truth
}

// TestSplitPlot: three readers who read a third of the cases each were left without a comparison when it had to be of the cases of all. The
// numbers are those of package stats, which are held against resampling of patients there; here it is what goes into them.
func TestSplitPlot(t *testing.T) {
	b, truth := panelStudy(t, 60, func(i int) string { return fmt.Sprint("p", i/2) }, func(j, i int) bool { return (i/2)%3 == j })
	h := report(t, b, Options{Truth: truth, Margin: .3}).HeadToHead[0]
	if h.Cases != 60 || h.ByAll != 0 || h.Patients != 30 || h.LeftOut != 0 {
		t.Errorf("%+v", h)
	}
	notes := strings.Join(h.Notes, "; ")
	for _, want := range []string{"0 of 60 cases were judged by all", "some patients have several cases, which are not taken as independent"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q does not say %q", notes, want)
		}
	}
	// By hand: each reader's sensitivity and the model's on the same cases.
	var mine, machine float64
	for j, name := range []string{"R1", "R2", "R3"} {
		var hit, aihit, n float64
		for i := range 60 {
			if (i/2)%3 != j || i%2 != 0 {
				continue
			}
			n++
			for _, x := range b.Readings {
				if x.Case != b.Cases[i].ID || x.Answers[0].Choice[0] != "severe" {
					continue
				}
				switch x.Reader {
				case name:
					hit++
				case "ai":
					aihit++
				}
			}
		}
		mine, machine = mine+hit/n/3, machine+aihit/n/3
	}
	found := 0
	for _, c := range h.AgainstAI {
		if c.Figure == "sensitivity" {
			found++
			near(t, "model, on the readers' cases", float64(c.ValueA), machine, 1e-12)
			near(t, "people", float64(c.ValueB), mine, 1e-12)
			if c.NonInferior == nil || c.Verdict == "" || !c.Difference.Low.Defined() {
				t.Errorf("%+v", c)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d analyses of sensitivity: %+v", found, h.AgainstAI)
	}
	for _, p := range h.Readers {
		if want := map[bool]int{true: 60, false: 20}[p.AI]; p.Cases != want || p.Measures[1].N != want/2 {
			t.Errorf("%+v", p)
		}
	}
	// A reader who read healthy cases only takes part in specificity alone, and is named where not.
	b, truth = panelStudy(t, 40, func(i int) string { return "" }, func(j, i int) bool { return j > 0 || i%2 == 1 })
	h = report(t, b, Options{Truth: truth}).HeadToHead[0]
	if !strings.Contains(strings.Join(h.Notes, "; "), "R1 read cases of one kind only") || h.Readers[0].Measures[0].Note == "" || h.Readers[0].ROC != nil {
		t.Errorf("%+v", h)
	}
	for _, c := range h.EachAgainstAI {
		if c.B == "R1" && c.Figure != "specificity" {
			t.Errorf("%+v", c)
		}
	}
}

// TestEachIsDeLong: a single reader against the model is DeLong's test of two curves, where patients have one case.
func TestEachIsDeLong(t *testing.T) {
	b, truth := panelStudy(t, 40, func(i int) string { return fmt.Sprint(i) }, func(j, i int) bool { return true })
	h := report(t, b, Options{Truth: truth}).HeadToHead[0]
	it := b.Protocol.Item("severity")
	scores := map[string][]float64{}
	y := make([]bool, 40)
	for _, x := range b.Readings {
		i := slices.IndexFunc(b.Cases, func(c *annotate.Case) bool { return c.ID == x.Case })
		if scores[x.Reader] == nil {
			scores[x.Reader] = make([]float64, 40)
		}
		scores[x.Reader][i], y[i] = score(it, x.Answers[0]), i%2 == 0
	}
	n := 0
	for _, c := range h.EachAgainstAI {
		if c.Figure != "auc" {
			continue
		}
		n++
		d := stats.DeLongPaired(scores["ai"], scores[c.B], y)
		near(t, "difference", float64(c.Difference.Value), d.Difference, 1e-12)
		near(t, "P", float64(c.P), d.P, 1e-12)
		near(t, "low", float64(c.Difference.Low), d.Interval(.95).Low, 1e-12)
	}
	if n != 3 {
		t.Errorf("%d readers", n)
	}
	// The mean curve's area is the mean of the areas.
	var area, mean float64
	for k := 1; k < len(h.Mean); k++ {
		area += (h.Mean[k].False - h.Mean[k-1].False) * (h.Mean[k].True + h.Mean[k-1].True) / 2
	}
	for _, p := range h.Readers {
		if !p.AI {
			mean += float64(p.Measures[0].Value) / 3
		}
	}
	near(t, "area under the mean curve", area, mean, 1e-9)
}

// TestHardCasesLeftOut: answers that a case cannot be assessed are counted, and the report says what they do.
func TestHardCasesLeftOut(t *testing.T) {
	b, truth := panelStudy(t, 20, func(i int) string { return "" }, func(j, i int) bool { return j < 2 })
	for i := range 3 {
		for k := range b.Readings {
			if b.Readings[k].Reader == "R1" && b.Readings[k].Case == b.Cases[i].ID {
				b.Readings[k].Answers = []*annotate.Answer{{Item: "severity", CannotAssess: "poor"}}
			}
		}
	}
	h := report(t, b, Options{Truth: truth}).HeadToHead[0]
	if h.CannotAssess != 3 || h.ByAll != 17 || h.Readers[0].Cases != 17 || h.Readers[1].Cases != 20 {
		t.Errorf("%+v", h)
	}
	for _, want := range []string{"3 answers left out", "2 readers do not speak for others"} {
		if !strings.Contains(strings.Join(h.Notes, "; "), want) {
			t.Errorf("no %q in %q", want, h.Notes)
		}
	}
}

func TestVerdicts(t *testing.T) {
	of := func(low, high, margin float64) string {
		c := Comparison{A: "ai", B: "them", Difference: Measure{Value: evaluate.Number((low + high) / 2), Low: evaluate.Number(low), High: evaluate.Number(high)}}
		if margin > 0 {
			c.NonInferior = &NonInferior{Margin: margin, Confidence: .975, Bound: evaluate.Number(low), Shown: low > -margin}
		}
		return c.verdict()
	}
	for _, c := range []struct {
		low, high, margin float64
		want              string
	}{
		{.02, .1, .05, "ai is higher than them (0.020 to 0.100)."},
		{-.03, .1, .05, "ai is not worse than them by 0.05 or more: with 97.5 % confidence the difference is at least −0.030."},
		{-.04, -.01, .05, "ai is not worse than them by 0.05 or more, though it is lower: with 97.5 % confidence the difference is at least −0.040."},
		{-.2, -.06, .05, "ai is worse than them by more than 0.05 (−0.200 to −0.060)."},
		{-.2, .1, .05, "Not shown that ai is not worse than them by 0.05: the difference could be −0.200."},
		{-.2, -.1, 0, "ai is lower than them (−0.200 to −0.100)."},
		{-.2, .1, 0, "No difference is shown, and none is ruled out between −0.200 and 0.100."},
		{math.NaN(), math.NaN(), 0, "Nothing can be said: the readings leave no spread to judge by."},
	} {
		if got := of(c.low, c.high, c.margin); got != c.want {
			t.Errorf("%v to %v, margin %v: %s", c.low, c.high, c.margin, got)
		}
	}
}
