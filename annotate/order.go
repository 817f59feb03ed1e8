package annotate

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// Turn is where an assignment that nobody has opened stands in its reader's order.
type Turn struct {
	Assignment string  `json:"assignment"`
	Priority   float64 `json:"priority"` // higher ones first
	Random     bool    `json:"random"`   // its place comes from chance: such cases stand for all
}

// ordered is an order that a coordinator has set, and what by.
type ordered struct {
	By     string  `json:"by"`               // entropy, variance, …
	Source string  `json:"source,omitempty"` // SHA-256 of the scores
	Share  float64 `json:"random_share"`     // of cases whose place comes from chance
	Seed   uint64  `json:"seed"`
	Places []Turn  `json:"places"`
}

func (d *decision) setOrder() (any, error) {
	var v ordered
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	if err := d.may(policy.ManageStudy); err != nil {
		return nil, err
	}
	if p := d.s.current(); p == nil || p.Design.Order != protocol.ByPriority {
		return nil, fault.New(fault.Conflict, "the protocol keeps the order that chance gave").WithHint("design.order: priority lets it be changed, in independent and assisted designs")
	}
	if v.By == "" || len(v.Places) == 0 || !(v.Share >= 0 && v.Share <= 1) {
		return nil, fault.New(fault.Input, "an order says what it goes by, the share of chance, and places")
	}
	seen := map[string]bool{}
	for _, x := range v.Places {
		a := d.s.assignments[x.Assignment]
		switch {
		case a == nil || a.Arm == protocol.Deciding || seen[x.Assignment] || math.IsNaN(x.Priority) || math.IsInf(x.Priority, 0):
			return nil, fault.New(fault.Input, "a place is of an assignment of a reader, once, with a number")
		case a.reading != "":
			return nil, fault.New(fault.Conflict, "a reading was opened meanwhile: what is open keeps its place").WithHint("make the order anew")
		}
		seen[x.Assignment] = true
	}
	return v, nil
}

func (s *state) reorder(d ordered) {
	for _, x := range d.Places {
		if a := s.assignments[x.Assignment]; a != nil {
			a.Priority, a.byChance = x.Priority, x.Random
		}
	}
}

// byPriority puts tasks in the order in which they are to be read, and numbers them by it. Where no place was ever set it changes nothing. How
// sure a model was is not in it, only what comes before what.
func (s *state) byPriority(list []Task) {
	priority := func(t Task) float64 { return s.assignments[t.Assignment].Priority }
	if !slices.ContainsFunc(list, func(t Task) bool { return priority(t) != 0 }) {
		return
	}
	slices.SortStableFunc(list, func(a, b Task) int {
		switch x, y := priority(a), priority(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return a.Order - b.Order
	})
	for i := range list {
		list[i].Order = i + 1
	}
}

// publishOrder tells coordinators the new order, and readers whose tasks it moves that there is one.
func (s *state) publishOrder(e Event, give func(*Member, string, any)) {
	var d ordered
	if json.Unmarshal(e.Data, &d) != nil {
		return
	}
	moved := map[string]bool{}
	for _, x := range d.Places {
		if a := s.assignments[x.Assignment]; a != nil {
			moved[a.Reader] = true
		}
	}
	for _, m := range s.members {
		switch {
		case policy.Decide(m.Roles, policy.ManageStudy, s.phaseFacts(m)).Allowed && len(s.tasks[m.Name]) == 0:
			give(m, e.Actor, e.Data)
		case moved[m.Name]:
			give(m, "", nil)
		}
	}
}

// Unopened is an assignment that nobody has opened, for whoever lays the study out.
type Unopened struct {
	Assignment string
	Reader     string // mask; "" in a pool
	Case       string
	Files      []string
	Priority   float64
}

// Unopened are the readers' assignments that are still to be opened, in the order in which they were made. ErrDenied for those who do not manage the study.
func (p *Project) Unopened(who string) ([]Unopened, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	if !policy.Decide(m.Roles, policy.ManageStudy, p.state.phaseFacts(m)).Allowed {
		return nil, ErrDenied
	}
	var names []string
	for name := range p.state.tasks {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []Unopened
	add := func(mask string, a *Assignment) {
		u := Unopened{Assignment: a.ID, Reader: mask, Case: a.Case, Priority: a.Priority}
		for _, pic := range p.state.cases[a.Case].Images {
			u.Files = append(u.Files, pic.File)
		}
		out = append(out, u)
	}
	for _, name := range names {
		by := p.state.members[name]
		if by.AI() {
			continue
		}
		for _, a := range p.state.tasks[name] {
			if a.reading != "" || a.Arm == protocol.Deciding {
				continue
			}
			add(by.Mask, a)
		}
	}
	for _, a := range p.state.pool {
		if a.Reader == "" {
			add("", a)
		}
	}
	return out, nil
}
