package agree

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/stats"
)

// HeadToHead is one question whose truth is known: how well each reader answers it, AI against the people, and the people with AI against
// without.
type HeadToHead struct {
	Item      string       `json:"item"`
	Truth     string       `json:"truth"` // where it comes from
	Cases     int          `json:"cases"` // that all of them read, with a truth
	Positives int          `json:"positives"`
	LeftOut   int          `json:"left_out"` // cases with a truth that somebody did not read or could not assess
	Readers   []Performer  `json:"readers"`
	AgainstAI []Comparison `json:"ai_against_people,omitempty"`
	WithAI    []Comparison `json:"aided_against_unaided,omitempty"`
	Notes     []string     `json:"notes,omitempty"`
}

// Performer is one reader in one arm.
type Performer struct {
	Reader   string    `json:"reader"`
	AI       bool      `json:"ai"`
	Arm      string    `json:"arm"`
	Measures []Measure `json:"measures"`
	// Curve is the ROC curve, 1 − specificity and sensitivity; it is drawn, and told by its area.
	Curve [][2]float64 `json:"-"`
}

// Comparison is of two ways of reading by one figure.
type Comparison struct {
	Figure      string          `json:"figure"`
	A           string          `json:"a"`
	B           string          `json:"b"`
	ValueA      evaluate.Number `json:"value_a"`
	ValueB      evaluate.Number `json:"value_b"`
	Difference  Measure         `json:"difference"` // a − b
	P           evaluate.Number `json:"p"`
	Readers     string          `json:"readers"` // random, or fixed where there are fewer than three
	NonInferior *NonInferior    `json:"non_inferior,omitempty"`
}

// NonInferior says whether a is worse than b by less than a margin.
type NonInferior struct {
	Margin float64         `json:"margin"`
	Bound  evaluate.Number `json:"bound"` // the difference is at least this, one-sided
	P      evaluate.Number `json:"p"`
	Shown  bool            `json:"shown"`
}

// figures that reading is judged by.
var figures = []string{"auc", "sensitivity", "specificity"}

// headToHead judges every item with positive options whose truth is known.
func headToHead(ctx context.Context, r *annotate.Records, o Options) (out []HeadToHead, err error) {
	for i := range r.Protocol.Items {
		it := &r.Protocol.Items[i]
		if len(it.Positive) == 0 || it.Scope != protocol.Exam {
			continue
		}
		truth, from := o.Truth.of(r, it)
		if len(truth) == 0 {
			continue
		}
		h, err := judge(r, it, truth, o)
		if err != nil {
			return nil, err
		}
		h.Truth = from
		out = append(out, *h)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// of is the truth of an item by case: true is positive.
func (t Truth) of(r *annotate.Records, it *protocol.Item) (map[string]bool, string) {
	out := map[string]bool{}
	if t != nil {
		for _, c := range r.Cases {
			if v, ok := t[c.ID][it.Name]; ok && it.Option(v) >= 0 {
				out[c.ID] = slices.Contains(it.Positive, v)
			}
		}
		return out, "given"
	}
	for u, a := range decisions(r)[it.Name] {
		if len(a.Choice) == 1 {
			out[u.Case] = slices.Contains(it.Positive, a.Choice[0])
		}
	}
	return out, "the study's adjudicated results"
}

// score of an answer, for ROC curves: the place of the option among the ordered ones, or yes and no; confidence, where it was asked, moves it
// within its option, up for positive ones and down for others.
func score(it *protocol.Item, a *annotate.Answer) float64 {
	c := category(it, a)
	if c < 0 {
		return math.NaN()
	}
	positive := slices.Contains(it.Positive, it.Options[c].Name)
	v := 0.0
	if it.Kind == protocol.Ordinal {
		v = float64(c)
	} else if positive {
		v = 1
	}
	if a.Confidence != nil {
		sure := 0.49 * float64(*a.Confidence) / 100
		if positive {
			return v + sure
		}
		return v - sure
	}
	return v
}

// way is one reader in one arm.
type way struct {
	name, arm string
	ai        bool
	score     []float64
	call      []float64 // 1 positive
}

func judge(r *annotate.Records, it *protocol.Item, truth map[string]bool, o Options) (*HeadToHead, error) {
	h := &HeadToHead{Item: it.Name}
	grids := map[string]*grid{}
	type who struct {
		name, arm string
		ai        bool
	}
	var all []who
	for _, arm := range []string{protocol.Unaided, protocol.Aided} {
		g := gather(r, it, arm, 0)
		grids[arm] = g
		for _, p := range g.people {
			all = append(all, who{p, arm, false})
		}
		if arm == protocol.Unaided {
			for _, m := range g.models {
				all = append(all, who{m, arm, true})
			}
		}
	}
	// Cases that each of them answered: comparisons are on the same ones.
	var cases []unit
	for _, c := range r.Cases {
		u := unit{Case: c.ID, Patient: c.Patient}
		if _, known := truth[c.ID]; !known {
			continue
		}
		whole := len(all) > 0
		for _, w := range all {
			if category(it, grids[w.arm].answers[u][w.name]) < 0 {
				whole = false
			}
		}
		if !whole {
			h.LeftOut++
			continue
		}
		cases = append(cases, u)
	}
	positive := make([]bool, len(cases))
	var patients []string
	for i, u := range cases {
		positive[i] = truth[u.Case]
		if positive[i] {
			h.Positives++
		}
		patients = append(patients, u.Patient)
	}
	h.Cases = len(cases)
	if h.LeftOut > 0 {
		h.Notes = append(h.Notes, fmt.Sprintf("%d cases with a truth are left out: somebody did not read them, or could not assess them", h.LeftOut))
	}
	if h.Positives == 0 || h.Positives == h.Cases {
		h.Notes = append(h.Notes, "the cases are all of one kind: nothing can be told apart")
		return h, nil
	}
	if distinct(patients) < len(patients) {
		h.Notes = append(h.Notes, "some patients have several cases, which are taken as independent")
	}
	var ways []way
	for _, w := range all {
		x := way{name: w.name, arm: w.arm, ai: w.ai}
		for _, u := range cases {
			a := grids[w.arm].answers[u][w.name]
			x.score = append(x.score, score(it, a))
			call := 0.0
			if slices.Contains(it.Positive, a.Choice[0]) {
				call = 1
			}
			x.call = append(x.call, call)
		}
		ways = append(ways, x)
		h.Readers = append(h.Readers, x.performance(positive, o))
	}
	h.compare(ways, positive, o)
	return h, nil
}

func (w way) performance(positive []bool, o Options) Performer {
	p := Performer{Reader: w.name, AI: w.ai, Arm: w.arm, Curve: roc(w.score, positive)}
	auc := stats.DeLong(w.score, positive)
	p.Measures = append(p.Measures, measured("auc", auc.Area, auc.Interval(o.Level), len(positive)))
	for _, f := range []struct {
		name string
		of   bool
	}{{"sensitivity", true}, {"specificity", false}} {
		var k, n float64
		for i, y := range positive {
			if y == f.of {
				n++
				if (w.call[i] == 1) == y {
					k++
				}
			}
		}
		p.Measures = append(p.Measures, measured(f.name, k/n, stats.Wilson(k, n, o.Level), int(n)))
	}
	return p
}

// compare sets each model against the people, and the people aided against unaided.
func (h *HeadToHead) compare(ways []way, positive []bool, o Options) {
	pick := func(arm string, ai bool) (out []way) {
		for _, w := range ways {
			if w.arm == arm && w.ai == ai {
				out = append(out, w)
			}
		}
		return out
	}
	people, aided := pick(protocol.Unaided, false), pick(protocol.Aided, false)
	sampling, readers := stats.RandomReadersRandomCases, "random"
	if len(people) < 3 {
		sampling, readers = stats.FixedReadersRandomCases, "fixed"
	}
	for _, f := range figures {
		figure := stats.Figure{Kind: f, Threshold: 0.5}
		values := func(w way) []float64 {
			if f == "auc" {
				return w.score
			}
			return w.call
		}
		if len(people) > 0 {
			for _, m := range pick(protocol.Unaided, true) {
				panel := make([][]float64, len(people))
				for j := range people {
					panel[j] = values(people[j])
				}
				c := stats.CompareWithPanel(values(m), panel, positive, figure, sampling, o.Level)
				h.AgainstAI = append(h.AgainstAI, comparison(f, m.name, "mean of people", c.AI, c.Panel, c.Difference, c.SE, c.DF, c.P, c.CI, len(positive), readers, o))
			}
		}
		both := slices.EqualFunc(people, aided, func(a, b way) bool { return a.name == b.name })
		if both && len(people) > 1 {
			score := make([][][]float64, 2)
			for j := range people {
				score[0] = append(score[0], values(people[j]))
				score[1] = append(score[1], values(aided[j]))
			}
			c := stats.CompareModalities(score, positive, figure, sampling, o.Level)
			d := c.Differences[0]
			h.WithAI = append(h.WithAI, comparison(f, protocol.Aided, protocol.Unaided, c.Mean[1], c.Mean[0], d.Difference, d.SE, d.DF, d.P, d.CI, len(positive), readers, o))
		}
	}
}

func comparison(figure, a, b string, va, vb, diff, se, df, p float64, ci stats.Interval, n int, readers string, o Options) Comparison {
	if math.Abs(diff) < 1e-12 { // rounding of equal means
		diff = 0
	}
	c := Comparison{Figure: figure, A: a, B: b, ValueA: evaluate.Number(va), ValueB: evaluate.Number(vb), Difference: measured("difference", diff, ci, n), P: evaluate.Number(p), Readers: readers}
	if !ci.Defined() {
		c.Difference.Note = "no interval: the readings leave no spread"
	}
	if o.Margin > 0 {
		if ni := stats.NonInferior(diff, se, df, o.Margin, (1-o.Level)/2); !math.IsNaN(ni.Bound) {
			c.NonInferior = &NonInferior{ni.Margin, evaluate.Number(ni.Bound), evaluate.Number(ni.P), ni.Shown}
		}
	}
	return c
}
