package agree

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
)

// unit is what an item was asked of.
type unit struct {
	Case, Patient string
	Image, Frame  int
}

// grid are the answers to one item in one arm.
type grid struct {
	item    *protocol.Item
	arm     string
	people  []string // masks
	models  []string
	units   []unit
	answers map[unit]map[string]*annotate.Answer // by reader
	reading map[unit]map[string]string
}

// gather collects the answers to an item. session 0 takes the only reading of a reader, or the first of its arm.
func gather(r *annotate.Records, it *protocol.Item, arm string, session int) *grid {
	g := &grid{item: it, arm: arm, answers: map[unit]map[string]*annotate.Answer{}, reading: map[unit]map[string]string{}}
	patient := map[string]string{}
	for _, c := range r.Cases {
		patient[c.ID] = c.Patient
	}
	seen := map[[2]string]bool{} // reader and case: repeats are for themselves
	for _, x := range r.Readings {
		if x.Arm != arm && !(x.AI && x.Arm == protocol.Unaided && arm == protocol.Aided) || x.Reader == "" || session > 0 && x.Session != session && !x.AI {
			continue
		}
		key := [2]string{x.Reader, x.Case}
		if seen[key] {
			continue
		}
		seen[key] = true
		for _, a := range x.Answers {
			if a.Item != it.Name {
				continue
			}
			u := unit{x.Case, patient[x.Case], a.Image, 0}
			if it.Kind == protocol.Mask || it.Scope == protocol.OneFrame {
				u.Frame = a.Frame
			}
			if g.answers[u] == nil {
				g.answers[u], g.reading[u] = map[string]*annotate.Answer{}, map[string]string{}
				g.units = append(g.units, u)
			}
			g.answers[u][x.Reader], g.reading[u][x.Reader] = a, x.ID
			if list := &g.people; !slices.Contains(*list, x.Reader) {
				if x.AI {
					list = &g.models
				}
				if !slices.Contains(*list, x.Reader) {
					*list = append(*list, x.Reader)
				}
			}
		}
	}
	slices.Sort(g.people)
	slices.Sort(g.models)
	slices.SortFunc(g.units, compareUnits)
	return g
}

func compareUnits(a, b unit) int {
	return cmp.Or(strings.Compare(a.Case, b.Case), a.Image-b.Image, a.Frame-b.Frame)
}

// category of an answer among the item's options or the preferences; −1 for none.
func category(it *protocol.Item, a *annotate.Answer) int {
	if a == nil || len(a.Choice) == 0 {
		return -1
	}
	if it.Kind == protocol.Prefer {
		return slices.Index(protocol.Preferences, a.Choice[0])
	}
	return it.Option(a.Choice[0])
}

func categories(it *protocol.Item) int {
	if it.Kind == protocol.Prefer {
		return len(protocol.Preferences)
	}
	return len(it.Options)
}

// value of an answer in the item's unit; NaN for none.
func value(it *protocol.Item, a *annotate.Answer) float64 {
	if a == nil || a.Value == nil || it.Unit != "" && a.Unit != it.Unit {
		return math.NaN()
	}
	return *a.Value
}

// number of a categorical or numeric answer; NaN for none.
func number(it *protocol.Item, a *annotate.Answer) float64 {
	switch it.Kind {
	case protocol.Choice, protocol.Ordinal, protocol.Prefer:
		if c := category(it, a); c >= 0 {
			return float64(c)
		}
		return math.NaN()
	}
	return value(it, a)
}

// table is the people's numbers, [unit][reader]; of the option with the name, where one is given, 1 or 0.
func (g *grid) table(readers []string, option string) [][]float64 {
	out := make([][]float64, len(g.units))
	for i, u := range g.units {
		out[i] = make([]float64, len(readers))
		for j, name := range readers {
			a := g.answers[u][name]
			switch {
			case option == "":
				out[i][j] = number(g.item, a)
			case a == nil || a.CannotAssess != "":
				out[i][j] = math.NaN()
			case slices.Contains(a.Choice, option):
				out[i][j] = 1
			}
		}
	}
	return out
}

// patient of a unit; a case without one stands for itself.
func (u unit) patient() string {
	if u.Patient == "" {
		return u.Case
	}
	return u.Patient
}

func (g *grid) patients() []string {
	out := make([]string, len(g.units))
	for i, u := range g.units {
		out[i] = u.patient()
	}
	return out
}
