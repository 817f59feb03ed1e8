package agree

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
)

// Final is what is taken to be so of one unit.
type Final struct {
	Case    string
	Patient string
	Image   int
	Frame   int
	Item    string
	Answer  *annotate.Answer // nil: undecided, or nobody could assess it
	Source  string           // adjudicated; agreed; majority, mean: people differ by less than the protocol's limit; one reading; undecided; cannot assess
	Soft    []float64        // of labels: share of readers for each category; nil otherwise
	N       int              // readers
	SD      float64          // of readers' numbers; NaN with fewer than two
}

// Finals are what is taken to be so: the adjudicated result where there is one, else what the people's unaided readings come to where they do
// not differ beyond the protocol's limit. Models do not count.
func Finals(ctx context.Context, r *annotate.Records) ([]Final, error) {
	var out []Final
	done := decisions(r)
	for i := range r.Protocol.Items {
		it := &r.Protocol.Items[i]
		if it.Kind == protocol.Text || it.Kind == protocol.Prefer || it.Kind == protocol.Origin {
			continue
		}
		g := gather(r, it, r.Protocol.Design.First(), 0)
		units := slices.Clone(g.units)
		for u := range done[it.Name] {
			if !slices.Contains(units, u) {
				units = append(units, u)
			}
		}
		slices.SortFunc(units, compareUnits)
		for _, u := range units {
			f, err := g.final(ctx, u, done[it.Name][u])
			if err != nil {
				return nil, err
			}
			if f.N > 0 || f.Answer != nil {
				out = append(out, f)
			}
		}
	}
	return out, nil
}

func (g *grid) final(ctx context.Context, u unit, decided *annotate.Answer) (Final, error) {
	f := Final{Case: u.Case, Patient: u.Patient, Image: u.Image, Frame: u.Frame, Item: g.item.Name, SD: math.NaN()}
	var all []*annotate.Answer
	refused := 0
	for _, name := range g.people {
		if a := g.answers[u][name]; a != nil {
			f.N++
			if a.CannotAssess != "" {
				refused++
				continue
			}
			all = append(all, a)
		}
	}
	f.soft(g, all)
	_, differ := g.worst(u)
	switch {
	case decided != nil:
		f.Answer, f.Source = decided, "adjudicated"
		if decided.CannotAssess != "" {
			f.Answer, f.Source = nil, "cannot assess"
		}
	case f.N > 0 && refused == f.N:
		f.Source = "cannot assess"
	case differ || refused > 0:
		f.Source = "undecided"
	case len(all) == 1:
		f.Answer, f.Source = all[0], "one reading"
	case len(all) > 1:
		return f, f.joined(ctx, g, u, all)
	}
	return f, nil
}

// soft fills the share of each category, or the spread of numbers.
func (f *Final) soft(g *grid, all []*annotate.Answer) {
	if g.item.Kind == protocol.Choice || g.item.Kind == protocol.Ordinal {
		f.Soft = make([]float64, categories(g.item))
		for _, a := range all {
			if c := category(g.item, a); c >= 0 {
				f.Soft[c] += 1 / float64(len(all))
			}
		}
		return
	}
	var sum, ss, n float64
	for _, a := range all {
		if v := value(g.item, a); !math.IsNaN(v) && g.item.Kind != protocol.Mask {
			sum, n = sum+v, n+1
		}
	}
	for _, a := range all {
		if v := value(g.item, a); n >= 2 && !math.IsNaN(v) {
			ss += (v - sum/n) * (v - sum/n)
		}
	}
	if n >= 2 {
		f.SD = math.Sqrt(ss / (n - 1))
	}
}

// joined is what several answers come to that do not differ beyond the limit.
func (f *Final) joined(ctx context.Context, g *grid, u unit, all []*annotate.Answer) error {
	f.Source = "undecided"
	switch g.item.Kind {
	case protocol.Choice, protocol.Ordinal, protocol.Multi:
		for _, a := range all {
			same := 0
			for _, b := range all {
				if equalChoice(a, b) {
					same++
				}
			}
			if 2*same > len(all) {
				f.Answer, f.Source = a, "majority"
				if same == len(all) {
					f.Source = "agreed"
				}
			}
		}
	case protocol.Mask:
		one := &grid{item: g.item, people: g.people, units: []unit{u}, answers: g.answers}
		m, err := one.joinMasks(ctx, "majority")
		if err != nil {
			return err
		}
		if a := m[u]; a != nil {
			f.Answer, f.Source = a, fmt.Sprintf("majority of %d masks", len(all))
		}
	default:
		one := &grid{item: g.item, people: g.people, units: []unit{u}, answers: g.answers}
		if a := one.middle("mean")[u]; a != nil {
			f.Answer, f.Source = a, "mean"
		}
	}
	return nil
}
