package annotate

import (
	"context"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

func (d *decision) open() (any, error) {
	a := d.s.assignments[d.op.Object]
	if a == nil || a.Reader != d.m.Name {
		return nil, ErrUnknown
	}
	if !policy.Decide(d.m.Roles, policy.OpenReading, d.s.taskFacts(d.m, a, d.e.At)).Allowed {
		if ok, why := d.s.ready(a, d.e.At); !ok {
			return nil, fault.New(fault.Conflict, "not yet: %s", why)
		}
		return nil, ErrDenied
	}
	if a.reading != "" {
		return nil, fault.New(fault.Conflict, "the reading is open already")
	}
	v := opened{Assignment: a.ID, Revision: len(d.s.protocols)}
	switch a.Arm {
	case protocol.Aided:
		ai := d.s.ofAI(a.Case)
		v.Revealed, v.Prefilled = []string{ai.ID}, copies(d.s.current(), ai)
	case protocol.Preferring:
		v.Revealed = a.Sources
	}
	d.e.Object = newID()
	return v, nil
}

// completed is an answer with its numbers, and what they were computed for.
type completed struct {
	v        answered
	revision int
}

// completeAnswer checks an answer and computes its numbers.
func completeAnswer(ctx context.Context, p *Project, who string, op Op) (any, error) {
	var v answered
	if err := parseData(op, &v); err != nil {
		return nil, err
	}
	if v.Answer == nil {
		return nil, fault.New(fault.Usage, "%s without an answer", op.Kind)
	}
	p.mu.RLock()
	m := p.state.members[who]
	r := p.state.readings[v.Reading]
	if m == nil || r == nil || !policy.Decide(m.Roles, policy.EditReading, p.state.readingFacts(m, r, p.now())).Allowed {
		p.mu.RUnlock()
		return nil, nil // decide says so, in one place
	}
	it, c, rev := p.state.rules(r).Item(v.Answer.Item), p.state.cases[r.Case], r.Revision
	a, arm, of := p.state.assignments[r.Assignment], r.Arm, r.Assignment
	p.mu.RUnlock()
	if it == nil || a != nil && len(a.Items) > 0 && !slices.Contains(a.Items, it.Name) || !it.Asked(arm) {
		return nil, fault.New(fault.Input, "the reading does not ask for this item")
	}
	if it.Kind == protocol.Origin && len(v.Answer.Choice) == 1 && !slices.Contains(protocol.Origins(arm), v.Answer.Choice[0]) {
		return nil, fault.New(fault.Input, "%s: the answers are %v", it.Name, protocol.Origins(arm))
	}
	if err := v.Answer.complete(it, c, p.pictures.of(of)); err != nil {
		return nil, err
	}
	return &completed{v, rev}, ctx.Err()
}

func (d *decision) put() (any, error) {
	var v answered
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	r, err := d.reading(v.Reading, policy.EditReading)
	if err != nil {
		return nil, err
	}
	c, ok := d.extra.(*completed)
	if !ok || c.revision != r.Revision {
		return nil, fault.New(fault.Conflict, "the reading has changed: try again")
	}
	if d.op.Object != "" && !idForm.MatchString(d.op.Object) {
		return nil, fault.New(fault.Usage, "an answer's name is 32 hexadecimal digits")
	}
	if err := d.base(v.Reading); err != nil {
		return nil, err
	}
	if err := d.leased(r, c.v.Answer); err != nil {
		return nil, err
	}
	for _, other := range r.Answers {
		if other.ID != d.e.Object && other.at() == c.v.Answer.at() {
			return nil, fault.New(fault.Conflict, "there is an answer to this already").WithHint("change that one")
		}
	}
	c.v.Answer.DerivedFrom = ""
	for _, old := range r.Answers {
		if old.ID == d.e.Object {
			c.v.Answer.DerivedFrom = old.DerivedFrom
		}
	}
	c.v.Answer.ID, c.v.Answer.Version = "", 0 // the event has them
	return c.v, nil
}

// base checks that the op builds on the newest version of its answer, and numbers the new one.
func (d *decision) base(reading string) error {
	id := d.op.Object
	if id == "" {
		if d.op.Base != 0 {
			return fault.New(fault.Usage, "a new answer builds on nothing")
		}
		id = newID()
	}
	owner, known := d.s.answers[id]
	if known && owner != reading {
		return ErrUnknown
	}
	if now := d.s.versions[id]; d.op.Base != now {
		return fault.New(fault.Conflict, "the answer is at version %d, this builds on %d", now, d.op.Base).WithHint("take the newer one over and try again")
	}
	d.e.Object, d.e.Version = id, d.op.Base+1
	return nil
}

// ofReading is what an op says of a reading, and the reading, where the member may do this with it.
func (d *decision) ofReading(may policy.Action) (v ofReading, r *Reading, err error) {
	if err = d.parse(&v); err != nil {
		return v, nil, err
	}
	r, err = d.reading(v.Reading, may)
	return v, r, err
}

func (d *decision) remove() (any, error) {
	v, r, err := d.ofReading(policy.EditReading)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(r.Answers, func(a *Answer) bool { return a.ID == d.op.Object })
	if i < 0 {
		return nil, ErrUnknown
	}
	if err := d.base(v.Reading); err != nil {
		return nil, err
	}
	if err := d.leased(r, r.Answers[i]); err != nil {
		return nil, err
	}
	return ofReading{Reading: r.ID}, nil
}

func (d *decision) lock() (any, error) {
	var v ofReading
	if len(d.op.Data) > 0 {
		if err := d.parse(&v); err != nil {
			return nil, err
		}
	}
	r, err := d.reading(d.op.Object, policy.LockReading)
	if err != nil {
		return nil, err
	}
	if missing := d.missing(r); len(missing) > 0 {
		return nil, fault.New(fault.Input, "still to be answered: %s", strings.Join(missing, ", "))
	}
	out := ofReading{Reading: r.ID}
	if r.Arm == protocol.Deciding {
		if strings.TrimSpace(v.Reason) == "" {
			return nil, fault.New(fault.Input, "a decision has a reason")
		}
		out.Method, out.Reason = d.s.rules(r).Adjudication.Method, v.Reason
		if !slices.Contains([]string{"third", "panel"}, out.Method) {
			out.Method = "third"
		}
	}
	return out, nil
}

func (d *decision) share() (any, error) {
	v, r, err := d.ofReading(policy.ShareReading)
	if err != nil {
		return nil, err
	}
	for _, name := range v.With {
		m := d.s.members[name]
		if m == nil || m.AI() || name == d.m.Name || d.s.mustRead(m, r.Case, d.e.At) {
			return nil, fault.New(fault.Input, "it can't be shared with everybody named: they have to read the case themselves, or are no readers here")
		}
	}
	if !d.s.enough(r.Case, v.With) {
		return nil, fault.New(fault.Input, "it can't be shared with everybody named: too few would be left to read the case themselves")
	}
	slices.Sort(v.With)
	return ofReading{Reading: r.ID, With: slices.Compact(v.With)}, nil
}
