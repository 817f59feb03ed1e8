package agree

import (
	"fmt"
	"math"

	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/stats"
)

// Comparison is of two ways of reading by one figure.
type Comparison struct {
	Figure      string          `json:"figure"`
	A           string          `json:"a"`
	B           string          `json:"b"`
	ValueA      evaluate.Number `json:"value_a"`
	ValueB      evaluate.Number `json:"value_b"`
	Difference  Measure         `json:"difference"` // a − b
	SE          evaluate.Number `json:"se"`
	DF          evaluate.Number `json:"df"` // null: infinite, a normal approximation
	P           evaluate.Number `json:"p"`
	Readers     string          `json:"readers"` // random: for readers like these; fixed: for these alone; one: for this one
	NonInferior *NonInferior    `json:"non_inferior,omitempty"`
	Verdict     string          `json:"verdict"`
}

// NonInferior says whether a is worse than b by less than a margin.
type NonInferior struct {
	Margin     float64         `json:"margin"`
	Confidence float64         `json:"confidence"` // one-sided, of Bound
	Bound      evaluate.Number `json:"bound"`      // the difference is at least this
	P          evaluate.Number `json:"p"`
	Shown      bool            `json:"shown"`
}

// figures that reading is judged by.
var figures = []string{"auc", "sensitivity", "specificity"}

// way is one reader in one arm. Scores are NaN for cases that were not read or could not be assessed.
type way struct {
	name, arm string
	ai        bool
	score     []float64
	call      []float64 // 1 positive
}

func (w way) values(figure string) []float64 {
	if figure == "auc" {
		return w.score
	}
	return w.call
}

const panelName = "mean of people"

// analyses are the two that a comparison of readers has: for readers like these, and for these.
var analyses = []struct {
	sampling stats.Sampling
	readers  string
	least    int // readers
}{{stats.RandomReadersRandomCases, "random", 2}, {stats.FixedReadersRandomCases, "fixed", 1}}

// compare sets each model against the people together and one by one, and the people aided against unaided.
func (h *HeadToHead) compare(ways []way, sample stats.CaseSample, o Options) {
	pick := func(arm string, ai bool) (out []way) {
		for _, w := range ways {
			if w.arm == arm && w.ai == ai {
				out = append(out, w)
			}
		}
		return out
	}
	people, aided := pick(protocol.Unaided, false), pick(protocol.Aided, false)
	left := map[string]bool{}
	for _, name := range figures {
		f := stats.Figure{Kind: name, Threshold: 0.5}
		for _, m := range pick(protocol.Unaided, true) {
			h.againstAI(m, people, sample, f, o, left)
		}
		h.withAI(people, aided, sample, f, o, left)
	}
	for _, w := range ways {
		if left[w.name] {
			h.Notes = append(h.Notes, w.name+" read cases of one kind only, or too few in both arms, and is left out of comparisons")
			left[w.name] = false
		}
	}
	if n := len(people); n > 0 && n < 3 && len(h.AgainstAI)+len(h.WithAI) > 0 {
		h.Notes = append(h.Notes, plural(n, "reader does", "readers do")+" not speak for others: look at the analysis for fixed readers")
	}
	if len(h.EachAgainstAI) > 2*len(figures) {
		h.Notes = append(h.Notes, "P of single readers are not corrected for how many there are")
	}
}

func (h *HeadToHead) againstAI(m way, people []way, sample stats.CaseSample, f stats.Figure, o Options, left map[string]bool) {
	var panel [][]float64
	for _, w := range people {
		panel = append(panel, w.values(f.Kind))
	}
	for _, a := range analyses {
		if len(panel) < a.least {
			continue
		}
		c, dropped := sample.CompareWithPanel(m.values(f.Kind), panel, f, a.sampling, o.Level)
		for _, j := range dropped {
			left[people[j].name] = true
		}
		if len(dropped) < len(panel) && len(panel)-len(dropped) >= a.least {
			h.AgainstAI = append(h.AgainstAI, comparison(f.Kind, m.name, panelName, c.AI, c.Panel, c.Difference, c.SE, c.DF, c.P, c.CI, h.Cases, a.readers, o))
		}
	}
	for j, w := range people {
		c, dropped := sample.CompareWithPanel(m.values(f.Kind), panel[j:j+1], f, stats.FixedReadersRandomCases, o.Level)
		if dropped != nil {
			continue
		}
		c.CI.Method = "delong" // of proportions it comes to Wald's of paired ones
		if f.Kind != "auc" {
			c.CI.Method = "wald, paired"
		}
		h.EachAgainstAI = append(h.EachAgainstAI, comparison(f.Kind, m.name, w.name, c.AI, c.Panel, c.Difference, c.SE, c.DF, c.P, c.CI, common(m.score, w.score), "one", o))
	}
}

// withAI compares the people who read in both arms, each on the cases read in both.
func (h *HeadToHead) withAI(people, aided []way, sample stats.CaseSample, f stats.Figure, o Options, left map[string]bool) {
	score := make([][][]float64, 2)
	var names []string
	for _, w := range people {
		for _, x := range aided {
			if w.name == x.name {
				score[0], score[1], names = append(score[0], w.values(f.Kind)), append(score[1], x.values(f.Kind)), append(names, w.name)
			}
		}
	}
	for _, a := range analyses {
		if len(names) < a.least {
			continue
		}
		c, dropped := sample.CompareModalities(score, f, a.sampling, o.Level)
		for _, j := range dropped {
			left[names[j]] = true
		}
		if len(names)-len(dropped) < a.least {
			continue
		}
		d := c.Differences[0]
		h.WithAI = append(h.WithAI, comparison(f.Kind, protocol.Aided, protocol.Unaided, c.Mean[1], c.Mean[0], d.Difference, d.SE, d.DF, d.P, d.CI, h.Cases, a.readers, o))
	}
	for j, name := range names {
		one := [][][]float64{{score[0][j]}, {score[1][j]}}
		c, dropped := sample.CompareModalities(one, f, stats.FixedReadersRandomCases, o.Level)
		if dropped != nil {
			continue
		}
		d := c.Differences[0]
		h.EachWithAI = append(h.EachWithAI, comparison(f.Kind, name+" aided", name+" unaided", c.Mean[1], c.Mean[0], d.Difference, d.SE, d.DF, d.P, d.CI, common(score[0][j], score[1][j]), "one", o))
	}
}

// common is how many cases both have a score of.
func common(a, b []float64) (n int) {
	for i := range a {
		if !math.IsNaN(a[i]) && !math.IsNaN(b[i]) {
			n++
		}
	}
	return n
}

func comparison(figure, a, b string, va, vb, diff, se, df, p float64, ci stats.Interval, n int, readers string, o Options) Comparison {
	if math.Abs(diff) < 1e-12 { // rounding of equal means
		diff = 0
	}
	c := Comparison{Figure: figure, A: a, B: b, ValueA: evaluate.Number(va), ValueB: evaluate.Number(vb), SE: evaluate.Number(se), DF: evaluate.Number(df), P: evaluate.Number(p), Readers: readers,
		Difference: measured("difference", diff, ci, n).because("no interval: the readings leave no spread")}
	if o.Margin > 0 {
		alpha := (1 - o.Level) / 2
		if ni := stats.NonInferior(diff, se, df, o.Margin, alpha); !math.IsNaN(ni.Bound) {
			c.NonInferior = &NonInferior{ni.Margin, 1 - alpha, evaluate.Number(ni.Bound), evaluate.Number(ni.P), ni.Shown}
		}
	}
	c.Verdict = c.verdict()
	return c
}

// verdict is what the interval allows one to say, in words.
func (c Comparison) verdict() string {
	low, high := float64(c.Difference.Low), float64(c.Difference.High)
	span := fmt.Sprintf("%s to %s", signed(low), signed(high))
	switch {
	case !c.Difference.Low.Defined():
		return "Nothing can be said: the readings leave no spread to judge by."
	case low > 0:
		return fmt.Sprintf("%s is higher than %s (%s).", c.A, c.B, span)
	case c.NonInferior != nil && c.NonInferior.Shown:
		word := ""
		if high < 0 {
			word = ", though it is lower"
		}
		return fmt.Sprintf("%s is not worse than %s by %g or more%s: with %g %% confidence the difference is at least %s.", c.A, c.B, c.NonInferior.Margin, word, round(100*c.NonInferior.Confidence),
			signed(float64(c.NonInferior.Bound)))
	case c.NonInferior != nil && high < -c.NonInferior.Margin:
		return fmt.Sprintf("%s is worse than %s by more than %g (%s).", c.A, c.B, c.NonInferior.Margin, span)
	case c.NonInferior != nil:
		return fmt.Sprintf("Not shown that %s is not worse than %s by %g: the difference could be %s.", c.A, c.B, c.NonInferior.Margin, signed(float64(c.NonInferior.Bound)))
	case high < 0:
		return fmt.Sprintf("%s is lower than %s (%s).", c.A, c.B, span)
	}
	return fmt.Sprintf("No difference is shown, and none is ruled out between %s.", fmt.Sprintf("%s and %s", signed(low), signed(high)))
}

func round(v float64) float64 { return math.Round(v*1e6) / 1e6 }

func signed(v float64) string {
	if v < 0 {
		return fmt.Sprintf("−%.3f", -v)
	}
	return fmt.Sprintf("%.3f", v)
}
