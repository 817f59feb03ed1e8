package annotate

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// dueOp says by when what is to be done: everything that is not locked and that the rest of it describes. What is left out describes all.
type dueOp struct {
	Due     string `json:"due"` // date, the last day; "" takes it away
	Reader  string `json:"reader,omitempty"`
	Case    string `json:"case,omitempty"`
	Arm     string `json:"arm,omitempty"`
	Session int    `json:"session,omitempty"`
}

// dueSet is what came of it.
type dueSet struct {
	Due         string   `json:"due"`
	Assignments []string `json:"assignments"`
}

func (d *decision) setDue() (any, error) {
	var v dueOp
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	if err := d.may(policy.ManageStudy); err != nil {
		return nil, err
	}
	if _, err := time.Parse(time.DateOnly, v.Due); err != nil && v.Due != "" {
		return nil, fault.New(fault.Input, "a date is of the form 2026-12-24")
	}
	if v.Arm != "" && !slices.Contains([]string{protocol.Unaided, protocol.Aided, protocol.Preferring, protocol.Deciding}, v.Arm) {
		return nil, fault.New(fault.Input, "there is no arm of that name")
	}
	out := dueSet{v.Due, []string{}}
	for id, a := range d.s.assignments {
		mask := ""
		if m := d.s.members[a.Reader]; m != nil {
			mask = m.Mask
			if m.AI() { // nobody waits at a model's desk
				continue
			}
		}
		if _, done := d.s.locked(id); done || v.Reader != "" && v.Reader != mask || v.Case != "" && v.Case != a.Case || v.Arm != "" && v.Arm != a.Arm || v.Session != 0 && v.Session != a.Session {
			continue
		}
		out.Assignments = append(out.Assignments, id)
	}
	if len(out.Assignments) == 0 {
		return nil, fault.New(fault.Input, "there is nothing to do that this describes")
	}
	slices.Sort(out.Assignments)
	return out, nil
}

func (s *state) due(d dueSet) {
	for _, id := range d.Assignments {
		if a := s.assignments[id]; a != nil {
			a.Due = d.Due
		}
	}
}

// publishDue tells each reader their own tasks that have another date, and whoever lays out the study that there is one.
func (s *state) publishDue(e Event, give func(*Member, string, any)) {
	var d dueSet
	if json.Unmarshal(e.Data, &d) != nil {
		return
	}
	mine := map[string][]Task{}
	for _, id := range d.Assignments {
		if a := s.assignments[id]; a.Reader != "" {
			mine[a.Reader] = append(mine[a.Reader], s.task(a, e.At))
		}
	}
	for _, m := range s.members {
		if tasks := mine[m.Name]; len(tasks) > 0 {
			give(m, "", tasks)
		} else if policy.Decide(m.Roles, policy.ManageStudy, s.phaseFacts(m)).Allowed {
			give(m, e.Actor, map[string]string{"due": d.Due})
		}
	}
}

// late says that an assignment should have been done before the day that it is, UTC.
func (s *state) late(a *Assignment, now time.Time) bool {
	_, done := s.locked(a.ID)
	return !done && a.Due != "" && a.Due < now.UTC().Format(time.DateOnly)
}
