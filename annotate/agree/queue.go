package agree

import (
	"cmp"
	"math"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/evaluate"
)

// Disagreement is a unit on which two people differ by more than the protocol allows, or one could not assess what another did.
type Disagreement struct {
	Case    string          `json:"case"`
	Image   int             `json:"image,omitempty"`
	Frame   int             `json:"frame,omitempty"`
	Item    string          `json:"item"`
	Arm     string          `json:"arm"`
	Metric  string          `json:"metric"`
	Value   evaluate.Number `json:"value"` // of the two who differ most
	Limit   float64         `json:"limit"`
	Readers [2]string       `json:"readers"` // masks
	Decided bool            `json:"decided"` // there is a result
}

// Queue are the disagreements of a study, by item, the worst of each first; what is decided comes last.
func Queue(r *annotate.Records) []Disagreement {
	out := []Disagreement{}
	if r.Protocol == nil {
		return out
	}
	done := decisions(r)
	for i := range r.Protocol.Items {
		it := &r.Protocol.Items[i]
		if it.Disagreement.Metric == "" {
			continue
		}
		for _, arm := range arms(r) {
			g := gather(r, it, arm, 0)
			for _, u := range g.units {
				d, differ := g.worst(u)
				if !differ {
					continue
				}
				d.Decided = done[it.Name][u] != nil
				out = append(out, d)
			}
		}
	}
	rank := func(d Disagreement) float64 {
		v := float64(d.Value)
		if d.Metric == "dice" {
			v = -v
		}
		if math.IsNaN(v) { // somebody could not assess it
			return math.Inf(1)
		}
		return v
	}
	slices.SortStableFunc(out, func(a, b Disagreement) int {
		if a.Decided != b.Decided {
			if a.Decided {
				return 1
			}
			return -1
		}
		if c := cmp.Compare(a.Item, b.Item); c != 0 {
			return c
		}
		return cmp.Compare(rank(b), rank(a))
	})
	return out
}

// worst are the two people who differ most on a unit; false where nobody differs beyond the limit.
func (g *grid) worst(u unit) (Disagreement, bool) {
	m := g.item.Disagreement
	d := Disagreement{Case: u.Case, Image: u.Image, Frame: u.Frame, Item: g.item.Name, Arm: g.arm, Metric: m.Metric, Limit: m.Limit, Value: evaluate.Number(math.NaN())}
	if m.Metric == "" {
		return d, false
	}
	found := false
	for i, a := range g.people {
		for _, b := range g.people[:i] {
			x, y := g.answers[u][a], g.answers[u][b]
			if x == nil || y == nil {
				continue
			}
			if (x.CannotAssess == "") != (y.CannotAssess == "") {
				d.Value, d.Readers = evaluate.Number(math.NaN()), [2]string{b, a}
				return d, true
			}
			v := g.apart(x, y)
			beyond := v > m.Limit
			if m.Metric == "dice" {
				beyond = v < m.Limit
			}
			if math.IsNaN(v) || !beyond {
				continue
			}
			if old := float64(d.Value); !found || m.Metric == "dice" && v < old || m.Metric != "dice" && v > old {
				d.Value, d.Readers, found = evaluate.Number(v), [2]string{b, a}, true
			}
		}
	}
	return d, found
}

// apart is how far two answers are by the protocol's metric; NaN where that is not defined.
func (g *grid) apart(x, y *annotate.Answer) float64 {
	v, w := number(g.item, x), number(g.item, y)
	switch g.item.Disagreement.Metric {
	case "different":
		if g.item.Kind != protocol.Multi && (math.IsNaN(v) || math.IsNaN(w)) {
			return math.NaN()
		}
		if equalChoice(x, y) {
			return 0
		}
		return 1
	case "steps", "difference", "frames":
		return math.Abs(v - w)
	case "percent":
		if mean := (math.Abs(v) + math.Abs(w)) / 2; mean > 0 {
			return 100 * math.Abs(v-w) / mean
		}
		return 0
	}
	s, _, ok := compareMasks(x, y)
	switch {
	case !ok:
		return math.NaN()
	case g.item.Disagreement.Metric == "dice":
		return s.Dice
	case math.IsNaN(s.HD95) && s.True+s.Predicted > 0: // one of them is empty
		return math.Inf(1)
	}
	return s.HD95
}

func equalChoice(x, y *annotate.Answer) bool { return slices.Equal(x.Choice, y.Choice) }

// decisions are the results by item and unit: the newest counts.
func decisions(r *annotate.Records) map[string]map[unit]*annotate.Answer {
	out := map[string]map[unit]*annotate.Answer{}
	patient := map[string]string{}
	for _, c := range r.Cases {
		patient[c.ID] = c.Patient
	}
	for _, x := range r.Readings {
		if x.Arm != protocol.Deciding {
			continue
		}
		for _, a := range x.Answers {
			it := r.Protocol.Item(a.Item)
			if it == nil {
				continue
			}
			u := unit{x.Case, patient[x.Case], a.Image, 0}
			if it.Kind == protocol.Mask || it.Scope == protocol.OneFrame {
				u.Frame = a.Frame
			}
			if out[a.Item] == nil {
				out[a.Item] = map[unit]*annotate.Answer{}
			}
			out[a.Item][u] = a
		}
	}
	return out
}
