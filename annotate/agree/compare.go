package agree

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/stats"
)

// HeadToHead is one question whose truth is known: how well each reader answers it, AI against the people, and the people with AI against
// without. Readers may have read different cases: each figure is of the cases that the reader read, each comparison of those read in both ways.
type HeadToHead struct {
	Item          string       `json:"item"`
	Truth         string       `json:"truth"` // where it comes from
	Cases         int          `json:"cases"` // with a truth, that somebody read
	ByAll         int          `json:"cases_by_all"`
	Positives     int          `json:"positives"`
	Patients      int          `json:"patients"`
	LeftOut       int          `json:"left_out"`      // cases with a truth that nobody read or could assess
	CannotAssess  int          `json:"cannot_assess"` // answers, which are left out
	Readers       []Performer  `json:"readers"`
	Mean          []ROCPoint   `json:"roc_of_people,omitempty"` // unaided: mean sensitivity of the readers at each specificity
	AgainstAI     []Comparison `json:"ai_against_people,omitempty"`
	EachAgainstAI []Comparison `json:"ai_against_each,omitempty"`
	WithAI        []Comparison `json:"aided_against_unaided,omitempty"`
	EachWithAI    []Comparison `json:"each_aided_against_unaided,omitempty"`
	Notes         []string     `json:"notes,omitempty"`
}

// ROCPoint is a place on a ROC curve.
type ROCPoint struct {
	False float64 `json:"x"` // 1 − specificity
	True  float64 `json:"y"` // sensitivity
}

// Performer is one reader in one arm.
type Performer struct {
	Reader   string     `json:"reader"`
	AI       bool       `json:"ai"`
	Arm      string     `json:"arm"`
	Cases    int        `json:"cases"`
	Measures []Measure  `json:"measures"`
	ROC      []ROCPoint `json:"roc,omitempty"`
}

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
		h, err := judge(ctx, r, it, truth, o)
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

func judge(ctx context.Context, r *annotate.Records, it *protocol.Item, truth map[string]bool, o Options) (*HeadToHead, error) {
	h := &HeadToHead{Item: it.Name}
	var cases []unit
	for _, c := range r.Cases {
		if _, known := truth[c.ID]; known {
			cases = append(cases, unit{Case: c.ID, Patient: c.Patient})
		}
	}
	all := h.ways(r, it, cases)
	// Cases that nobody read are not the study's.
	var keep []int
	for i := range cases {
		read := 0
		for _, w := range all {
			if !math.IsNaN(w.score[i]) {
				read++
			}
		}
		if read > 0 {
			keep = append(keep, i)
		}
		if read == len(all) && read > 0 {
			h.ByAll++
		}
	}
	h.LeftOut = len(cases) - len(keep)
	sample := stats.CaseSample{}
	for _, i := range keep {
		y := truth[cases[i].Case]
		sample.Positive, sample.Patient = append(sample.Positive, y), append(sample.Patient, cases[i].patient())
		if y {
			h.Positives++
		}
	}
	for k := range all {
		all[k].score, all[k].call = at(all[k].score, keep), at(all[k].call, keep)
	}
	h.Cases, h.Patients = len(keep), distinct(sample.Patient)
	h.describe()
	if h.Positives == 0 || h.Positives == h.Cases {
		h.Notes = append(h.Notes, "the cases are all of one kind: nothing can be told apart")
		return h, nil
	}
	var people []way
	for _, w := range all {
		p, err := w.performance(ctx, sample, o)
		if err != nil {
			return nil, err
		}
		h.Readers = append(h.Readers, p)
		if !w.ai && w.arm == protocol.Unaided {
			people = append(people, w)
		}
	}
	h.Mean = meanROC(people, sample.Positive)
	h.compare(all, sample, o)
	return h, nil
}

// ways are the readers in each arm, with what they said of the cases.
func (h *HeadToHead) ways(r *annotate.Records, it *protocol.Item, cases []unit) (out []way) {
	for _, arm := range []string{protocol.Unaided, protocol.Aided} {
		g := gather(r, it, arm, 0)
		names := g.people
		if arm == protocol.Unaided {
			names = slices.Concat(g.people, g.models)
		}
		for i, name := range names {
			w := way{name: name, arm: arm, ai: i >= len(g.people)}
			for _, u := range cases {
				a := g.answers[u][name]
				if a != nil && a.CannotAssess != "" {
					h.CannotAssess++
				}
				v, call := math.NaN(), math.NaN()
				if c := category(it, a); c >= 0 {
					v, call = score(it, a), 0
					if slices.Contains(it.Positive, it.Options[c].Name) {
						call = 1
					}
				}
				w.score, w.call = append(w.score, v), append(w.call, call)
			}
			out = append(out, w)
		}
	}
	return out
}

func (h *HeadToHead) describe() {
	if h.LeftOut > 0 {
		h.Notes = append(h.Notes, plural(h.LeftOut, "case", "cases")+" with a truth left out: nobody read or could assess them")
	}
	if h.CannotAssess > 0 {
		h.Notes = append(h.Notes, plural(h.CannotAssess, "answer", "answers")+" left out: the case could not be assessed. Somebody who leaves the hard cases out looks better")
	}
	if h.ByAll < h.Cases {
		h.Notes = append(h.Notes, fmt.Sprintf("%d of %d cases were judged by all; each figure is of the cases that the reader judged, each comparison of those judged in both ways", h.ByAll, h.Cases))
	}
	if h.Patients < h.Cases {
		h.Notes = append(h.Notes, "some patients have several cases, which are not taken as independent")
	}
}

func at(x []float64, rows []int) []float64 {
	out := make([]float64, len(rows))
	for i, r := range rows {
		out[i] = x[r]
	}
	return out
}

// performance of a reader on the cases that they judged.
func (w way) performance(ctx context.Context, sample stats.CaseSample, o Options) (Performer, error) {
	p := Performer{Reader: w.name, AI: w.ai, Arm: w.arm}
	var rows []int
	for i, v := range w.score {
		if !math.IsNaN(v) {
			rows = append(rows, i)
		}
	}
	p.Cases = len(rows)
	var y []bool
	var patients []string
	for _, i := range rows {
		y, patients = append(y, sample.Positive[i]), append(patients, sample.Patient[i])
	}
	score := at(w.score, rows)
	auc := stats.DeLongClustered(score, y, stats.Clusters(patients))
	why := "no interval: too few cases of one kind"
	if math.IsNaN(auc.Area) {
		why = "not defined: the cases that were judged are of one kind"
	}
	p.Measures = append(p.Measures, measured("auc", auc.Area, auc.Interval(o.Level), len(rows)).because(why))
	for _, f := range []struct {
		name string
		of   bool
	}{{"sensitivity", true}, {"specificity", false}} {
		var hits []float64
		var of []string
		sum := 0.0
		for k, i := range rows {
			if y[k] == f.of {
				hit := 0.0
				if (w.call[i] == 1) == f.of {
					hit = 1
				}
				hits, of, sum = append(hits, hit), append(of, patients[k]), sum+hit
			}
		}
		n := float64(len(hits))
		ci := stats.Wilson(sum, n, o.Level)
		if clustered(of) {
			var err error
			if ci, err = o.resampled(ctx, "performance/"+f.name, of, func(weight []float64) float64 { return weighted(hits, weight) }); err != nil {
				return p, err
			}
		}
		why := fewOrAlike
		if n == 0 {
			why = "not defined: no such case was judged"
		}
		p.Measures = append(p.Measures, measured(f.name, sum/n, ci, len(hits)).because(why))
	}
	p.ROC = roc(score, y)
	return p, nil
}

// roc is the empirical curve of scores, from (0,0) to (1,1); nil where a kind of case is missing.
func roc(score []float64, positive []bool) []ROCPoint {
	var m, n float64
	for _, p := range positive {
		if p {
			m++
		} else {
			n++
		}
	}
	if m == 0 || n == 0 {
		return nil
	}
	order := stats.Order(score)
	slices.Reverse(order)
	out, yes, no := []ROCPoint{{}}, 0.0, 0.0
	for k, i := range order {
		if positive[i] {
			yes++
		} else {
			no++
		}
		if k+1 == len(order) || score[order[k+1]] != score[i] { // ties are one step
			out = append(out, ROCPoint{no / n, yes / m})
		}
	}
	return out
}

// meanROC is the mean of readers' sensitivities at each specificity, whose area is the mean of their areas.
func meanROC(people []way, positive []bool) []ROCPoint {
	var curves [][]ROCPoint
	var at []float64
	for _, w := range people {
		var s []float64
		var y []bool
		for i, v := range w.score {
			if !math.IsNaN(v) {
				s, y = append(s, v), append(y, positive[i])
			}
		}
		if c := roc(s, y); c != nil {
			curves = append(curves, c)
			for _, p := range c {
				at = append(at, p.False)
			}
		}
	}
	if len(curves) < 2 {
		return nil
	}
	slices.Sort(at)
	out := []ROCPoint{}
	for _, x := range slices.Compact(at) {
		var low, high float64 // a curve may rise at x
		for _, c := range curves {
			l, h := sensitivityAt(c, x)
			low, high = low+l/float64(len(curves)), high+h/float64(len(curves))
		}
		out = append(out, ROCPoint{x, low})
		if high > low {
			out = append(out, ROCPoint{x, high})
		}
	}
	return out
}

// sensitivityAt is the curve's height at x, from the left and from the right.
func sensitivityAt(c []ROCPoint, x float64) (low, high float64) {
	low = -1
	for i, p := range c {
		switch {
		case p.False == x:
			if low < 0 {
				low = p.True
			}
			high = p.True
		case p.False > x:
			if low < 0 {
				q := c[i-1]
				low = q.True + (p.True-q.True)*(x-q.False)/(p.False-q.False)
				high = low
			}
			return low, high
		}
	}
	return low, high
}
