package annotate

import (
	"slices"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// sending is what a disagreement is sent with.
type sending struct {
	Case        string   `json:"case"`
	Items       []string `json:"items"`
	Adjudicator []string `json:"adjudicators"`
	Reason      string   `json:"reason"`
	Due         string   `json:"due,omitempty"`
}

func (d *decision) send() (any, error) {
	var v struct {
		Cases []sending `json:"cases"`
	}
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	if err := d.may(policy.Dispatch); err != nil {
		return nil, err
	}
	out := assigned{Revision: len(d.s.protocols)}
	for _, c := range v.Cases {
		list, err := d.toAdjudicators(c)
		if err != nil {
			return nil, err
		}
		out.Assignments = append(out.Assignments, list...)
	}
	if len(out.Assignments) == 0 {
		return nil, fault.New(fault.Input, "nothing was sent")
	}
	return out, nil
}

func (d *decision) toAdjudicators(v sending) (out []*Assignment, err error) {
	p := d.s.current()
	if p == nil || d.s.cases[v.Case] == nil || v.Reason == "" || len(v.Adjudicator) == 0 {
		return nil, fault.New(fault.Input, "what is sent to adjudication has a case, a reason and somebody who decides")
	}
	for _, name := range v.Items {
		if p.Item(name) == nil {
			return nil, fault.New(fault.Input, "there is no item of that name")
		}
	}
	var sources []string
	for _, id := range d.s.order {
		r := d.s.readings[id]
		by := d.s.members[r.Reader]
		if r.Case != v.Case || !r.Locked() || by == nil || r.Arm == protocol.Deciding || r.Arm == protocol.Preferring || r.Session > 1 && r.Arm == protocol.Unaided && p.Design.Repeat > 0 {
			continue
		}
		if by.AI() && !p.Adjudication.SeeAI || !by.AI() && !p.Adjudication.SeeReads {
			continue
		}
		sources = append(sources, id)
	}
	for _, name := range v.Adjudicator {
		m := d.s.members[name]
		if m == nil || !slices.Contains(m.Roles, policy.Adjudicator) || d.s.hasRead(name, v.Case) {
			return nil, fault.New(fault.Input, "a decision is made by an adjudicator who has not read the case")
		}
		for _, a := range d.s.tasks[name] {
			if a.Case == v.Case && a.Arm == protocol.Deciding {
				if _, done := d.s.locked(a.ID); !done {
					return nil, fault.New(fault.Conflict, "the case is with this adjudicator already")
				}
			}
		}
		mine := slices.Clone(sources)
		d.s.seed.Stream("sources", name, v.Case).Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		out = append(out, &Assignment{ID: newID(), Reader: name, Case: v.Case, Arm: protocol.Deciding, Session: 1, Order: len(d.s.tasks[name]) + 1,
			Sources: mine, Items: v.Items, Reason: v.Reason, Due: v.Due})
	}
	return out, nil
}

// hasRead says that somebody has read the case, or is to.
func (s *state) hasRead(name, id string) bool {
	return slices.ContainsFunc(s.tasks[name], func(a *Assignment) bool { return a.Case == id && a.Arm != protocol.Deciding })
}

func (d *decision) result() (any, error) {
	var v decided
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	if err := d.may(policy.Dispatch); err != nil {
		return nil, err
	}
	if d.s.cases[v.Case] == nil || len(v.DerivedFrom) == 0 || v.Rationale == "" || len(v.Answers) == 0 || !slices.Contains(protocol.Methods, v.Method) {
		return nil, fault.New(fault.Input, "a result has a case, a method, a reason, answers, and the readings that it comes from")
	}
	for _, id := range v.DerivedFrom {
		if r := d.s.readings[id]; r == nil || r.Case != v.Case || !r.Locked() {
			return nil, fault.New(fault.Input, "a result comes from locked readings of its case")
		}
	}
	for _, a := range v.Answers {
		if d.s.current().Item(a.Item) == nil {
			return nil, fault.New(fault.Input, "there is no item of that name")
		}
	}
	d.e.Object = newID()
	return v, nil
}
