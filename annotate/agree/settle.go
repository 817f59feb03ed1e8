package agree

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// Result is what the readings of a case come to by a rule. It becomes a reading of the project (an op of kind adjudication.result).
type Result struct {
	Case        string             `json:"case"`
	Method      string             `json:"method"`
	Rationale   string             `json:"rationale"`
	DerivedFrom []string           `json:"derived_from"`
	Answers     []*annotate.Answer `json:"answers"`

	Soft map[string][]float64 `json:"-"` // of labels: how probable each category is, by item
}

// Settle applies a rule to the people's readings of every case: majority (a tie settles nothing), mean or median of numbers, staple for
// labels and masks. Items that the rule does not fit are left alone; so is a unit with fewer than two answers. With panel it is the adjudicators'
// decisions, not the readers', that the majority is taken of. Code usage for a rule that is a person.
func Settle(ctx context.Context, r *annotate.Records, method string) ([]Result, error) {
	if !slices.Contains([]string{"majority", "mean", "median", "staple", "panel"}, method) {
		return nil, fault.New(fault.Usage, "%q settles nothing by itself; the rules are majority, mean, median, staple, panel", method)
	}
	arm := r.Protocol.Design.First()
	if method == "panel" {
		arm = protocol.Deciding
	}
	byCase := map[string]*Result{}
	for i := range r.Protocol.Items {
		it := &r.Protocol.Items[i]
		g := gather(r, it, arm, 0)
		settled, soft, err := g.settle(ctx, method)
		if err != nil {
			return nil, err
		}
		for _, u := range g.units {
			a := settled[u]
			if a == nil {
				continue
			}
			res := byCase[u.Case]
			if res == nil {
				res = &Result{Case: u.Case, Method: method, Soft: map[string][]float64{}}
				byCase[u.Case] = res
			}
			res.Answers = append(res.Answers, a)
			if u.Image == 0 {
				res.Soft[it.Name] = soft[u]
			}
			for _, name := range g.people {
				if id := g.reading[u][name]; id != "" && !slices.Contains(res.DerivedFrom, id) {
					res.DerivedFrom = append(res.DerivedFrom, id)
				}
			}
		}
	}
	var out []Result
	for _, c := range r.Cases {
		if res := byCase[c.ID]; res != nil {
			slices.Sort(res.DerivedFrom)
			res.Rationale = fmt.Sprintf("%s of %d readings", method, len(res.DerivedFrom))
			out = append(out, *res)
		}
	}
	return out, nil
}

func (g *grid) settle(ctx context.Context, method string) (map[unit]*annotate.Answer, map[unit][]float64, error) {
	labels := g.item.Kind == protocol.Choice || g.item.Kind == protocol.Ordinal
	switch {
	case labels && (method == "majority" || method == "panel"):
		a, soft := g.majority()
		return a, soft, nil
	case labels && method == "staple":
		return g.stapleLabels(ctx)
	case g.item.Kind == protocol.Mask && (method == "staple" || method == "majority"):
		a, err := g.joinMasks(ctx, method)
		return a, nil, err
	case method == "mean" || method == "median" || method == "panel":
		return g.middle(method), nil, nil
	}
	return nil, nil, nil
}

func (u unit) answer(item string) *annotate.Answer {
	return &annotate.Answer{Item: item, Image: u.Image, Frame: u.Frame}
}

func (g *grid) majority() (map[unit]*annotate.Answer, map[unit][]float64) {
	out, soft := map[unit]*annotate.Answer{}, map[unit][]float64{}
	for _, u := range g.units {
		votes, n := make([]float64, categories(g.item)), 0.0
		for _, name := range g.people {
			if c := category(g.item, g.answers[u][name]); c >= 0 {
				votes[c]++
				n++
			}
		}
		if n < 2 {
			continue
		}
		best := slices.Index(votes, slices.Max(votes))
		for c := range votes {
			votes[c] /= n
		}
		soft[u] = votes
		if votes[best] <= 0.5 { // a tie, or no more than half
			continue
		}
		out[u] = u.answer(g.item.Name)
		out[u].Choice = []string{g.item.Options[best].Name}
	}
	return out, soft
}

func (g *grid) stapleLabels(ctx context.Context) (map[unit]*annotate.Answer, map[unit][]float64, error) {
	votes := make([][]int, len(g.people))
	var units []unit
	for _, u := range g.units {
		n := 0
		for _, name := range g.people {
			if category(g.item, g.answers[u][name]) >= 0 {
				n++
			}
		}
		if n >= 2 {
			units = append(units, u)
		}
	}
	for j, name := range g.people {
		for _, u := range units {
			votes[j] = append(votes[j], category(g.item, g.answers[u][name]))
		}
	}
	out, soft := map[unit]*annotate.Answer{}, map[unit][]float64{}
	if len(units) == 0 {
		return out, soft, nil
	}
	k := categories(g.item)
	s, err := stats.EstimateTruth(ctx, votes, k, stats.StapleOptions{})
	if err != nil {
		return nil, nil, err
	}
	for i, c := range s.Category() {
		u := units[i]
		out[u] = u.answer(g.item.Name)
		out[u].Choice = []string{g.item.Options[c].Name}
		soft[u] = s.Posterior[i*k : (i+1)*k]
	}
	return out, soft, nil
}

// joinMasks makes one mask of several of a frame: pixels that more than half have, or that STAPLE gives more than a half.
func (g *grid) joinMasks(ctx context.Context, method string) (map[unit]*annotate.Answer, error) {
	out := map[unit]*annotate.Answer{}
	for _, u := range g.units {
		var masks []*annotate.Mask
		var first *annotate.Answer
		for _, name := range g.people {
			a := g.answers[u][name]
			if a == nil || a.Mask == nil || len(masks) > 0 && (a.Mask.Rows != masks[0].Rows || a.Mask.Columns != masks[0].Columns) {
				continue
			}
			if first == nil {
				first = a
			}
			masks = append(masks, a.Mask)
		}
		if len(masks) < 2 {
			continue
		}
		in, err := joined(ctx, masks, method)
		if err != nil {
			return nil, err
		}
		a := u.answer(g.item.Name)
		a.Mask = annotate.EncodeMask(in, masks[0].Rows, masks[0].Columns)
		// One mask's scale is that of all: they are of one frame.
		if len(first.Results) > 0 {
			scale := first.Results[0]
			v := float64(a.Mask.Area()) * scale.X * scale.Y
			scale.Values = []measure.Value{{Name: "area", Number: v, Unit: first.Unit}}
			a.Value, a.Unit, a.Results = &v, first.Unit, []measure.Result{scale}
		}
		out[u] = a
	}
	return out, nil
}

func joined(ctx context.Context, masks []*annotate.Mask, method string) ([]bool, error) {
	votes := make([][]int, len(masks))
	for j, m := range masks {
		votes[j] = make([]int, 0, m.Rows*m.Columns)
		for _, in := range m.Pixels() {
			v := 0
			if in {
				v = 1
			}
			votes[j] = append(votes[j], v)
		}
	}
	out := make([]bool, len(votes[0]))
	if method == "majority" {
		for i := range out {
			n := 0
			for j := range votes {
				n += votes[j][i]
			}
			out[i] = 2*n > len(votes)
		}
		return out, nil
	}
	// Where all agree there is nothing to estimate, and a large background would make every reader's specificity 1 (Warfield et al. 2004,
	// section IV): the estimate is of the box round all masks with a margin of 5 pixels.
	box := boundingBox(masks, 5)
	part := make([][]int, len(votes))
	for j := range votes {
		for _, i := range box {
			part[j] = append(part[j], votes[j][i])
		}
	}
	if len(box) == 0 {
		return out, nil
	}
	s, err := stats.EstimateTruth(ctx, part, 2, stats.StapleOptions{})
	if err != nil {
		return nil, err
	}
	for k, i := range box {
		out[i] = s.Posterior[2*k+1] > 0.5
	}
	return out, nil
}

// boundingBox are the indices of the pixels in the box round all masks, with a margin.
func boundingBox(masks []*annotate.Mask, margin int) (out []int) {
	rows, columns := masks[0].Rows, masks[0].Columns
	x0, y0, x1, y1 := columns, rows, -1, -1
	for _, m := range masks {
		for i, in := range m.Pixels() {
			if in {
				x0, x1 = min(x0, i%columns), max(x1, i%columns)
				y0, y1 = min(y0, i/columns), max(y1, i/columns)
			}
		}
	}
	if x1 < 0 {
		return nil
	}
	for y := max(0, y0-margin); y <= min(rows-1, y1+margin); y++ {
		for x := max(0, x0-margin); x <= min(columns-1, x1+margin); x++ {
			out = append(out, y*columns+x)
		}
	}
	return out
}

// middle is the mean or the median of numbers.
func (g *grid) middle(method string) map[unit]*annotate.Answer {
	out := map[unit]*annotate.Answer{}
	switch g.item.Kind {
	case protocol.Number, protocol.Measurement, protocol.Ejection, protocol.Frame:
	default:
		return out
	}
	for _, u := range g.units {
		var values []float64
		for _, name := range g.people {
			if v := value(g.item, g.answers[u][name]); !math.IsNaN(v) {
				values = append(values, v)
			}
		}
		if len(values) < 2 {
			continue
		}
		slices.Sort(values)
		v := stats.Quantile(values, 0.5)
		if method == "mean" {
			v = 0
			for _, x := range values {
				v += x / float64(len(values))
			}
		}
		a := u.answer(g.item.Name)
		a.Value, a.Unit = &v, g.item.Unit
		out[u] = a
	}
	return out
}
