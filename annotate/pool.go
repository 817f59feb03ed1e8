package annotate

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/internal/fault"
)

// In a study with a pool a case is for whoever is free: there are as many assignments without a reader as the design wants readings of it, and a reader
// takes one after the other. Two never get the same one, because ops are taken in one order; and nobody gets a case twice, or one of which
// they have seen somebody else's reading.

// took is an assignment of the pool that somebody took, or that was put back.
type took struct {
	Assignment string `json:"assignment"`
	Reader     string `json:"reader,omitempty"` // whom it was taken from
}

// take gives a reader the next case. Code conflict where they have one that is not done: cases are not hoarded, and nobody chooses among them;
// notfound where none is left for them.
func (d *decision) takeNext() (any, error) {
	if err := d.may(policy.TakeCase); err != nil {
		return nil, err
	}
	for _, a := range d.s.tasks[d.m.Name] {
		if _, done := d.s.locked(a.ID); a.pooled && !done {
			return nil, fault.New(fault.Conflict, "finish the case that you have first")
		}
	}
	next := d.s.next(d.m, d.e.At)
	if next == nil {
		return nil, fault.New(fault.NotFound, "there is no case left for you")
	}
	d.e.Object = next.ID
	return took{Assignment: next.ID}, nil
}

// next is the case that a reader would get; nil if there is none.
func (s *state) next(m *Member, now time.Time) (best *Assignment) {
	for _, a := range s.pool {
		if a.Reader != "" || s.knows(m.Name, a.Case) || best != nil && !a.before(best) {
			continue
		}
		if ok, _ := s.ready(a, now); ok {
			best = a
		}
	}
	return best
}

// before says that an assignment of the pool is taken before another one.
func (a *Assignment) before(b *Assignment) bool {
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	return a.place < b.place
}

// knows says that somebody has read a case, or is to, had it and gave it back, or was shown another's reading of it.
func (s *state) knows(name, id string) bool {
	return s.known[name][id] || slices.ContainsFunc(s.tasks[name], func(a *Assignment) bool { return a.Case == id })
}

func (s *state) learn(name, id string) {
	if s.known[name] == nil {
		s.known[name] = map[string]bool{}
	}
	s.known[name][id] = true
}

// enough says whether there are readers left for a case's open assignments in the pool, once these people know of it.
func (s *state) enough(id string, except []string) bool {
	open, free := 0, 0
	for _, a := range s.pool {
		if a.Case == id && a.Reader == "" {
			open++
		}
	}
	for _, m := range s.members {
		if !m.AI() && slices.Contains(m.Roles, policy.Reader) && !s.knows(m.Name, id) && !slices.Contains(except, m.Name) {
			free++
		}
	}
	return open == 0 || free >= open
}

func (s *state) take(who string, d took) {
	a := s.assignments[d.Assignment]
	a.Reader, a.Order = who, len(s.tasks[who])+1
	s.tasks[who] = append(s.tasks[who], a)
	s.learn(who, a.Case)
}

// putBack puts a case that nobody has begun back into the pool: for the coordinator, when somebody is away. Its reader does not get it again, and can't do
// it themselves: else cases could be chosen.
func (d *decision) putBack() (any, error) {
	var v struct {
		Reader string `json:"reader"` // mask
		Case   string `json:"case"`
	}
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	if err := d.may(policy.ManageStudy); err != nil {
		return nil, err
	}
	for _, a := range d.s.pool {
		if a.Reader == "" || a.Case != v.Case || d.s.members[a.Reader].Mask != v.Reader {
			continue
		}
		if a.reading != "" {
			return nil, fault.New(fault.Conflict, "the reading has begun")
		}
		return took{a.ID, a.Reader}, nil
	}
	return nil, fault.New(fault.Input, "the reader has no such case of the pool")
}

func (s *state) putBack(d took) {
	a := s.assignments[d.Assignment]
	s.tasks[d.Reader] = slices.DeleteFunc(s.tasks[d.Reader], func(o *Assignment) bool { return o == a })
	a.Reader, a.Order = "", a.place
}

// publishPool tells who took a case their task, or that it is gone, and those who may know of progress that somebody did.
func (s *state) publishPool(e Event, give func(*Member, string, any)) {
	var d took
	if json.Unmarshal(e.Data, &d) != nil {
		return
	}
	reader := e.Actor
	if e.Kind == PutBack {
		reader = d.Reader
	}
	for _, m := range s.members {
		switch {
		case m.Name == reader && e.Kind == CaseTaken:
			give(m, e.Actor, []Task{s.task(s.assignments[d.Assignment], e.At)})
		case m.Name == reader:
			give(m, "", map[string]string{"assignment": d.Assignment})
		case policy.Decide(m.Roles, policy.ViewProgress, s.phaseFacts(m)).Allowed:
			out := Event{Seq: e.Seq, At: e.At, Kind: e.Kind}
			out.Data, _ = json.Marshal(map[string]string{"reader": s.members[reader].Mask})
			s.streams[m.Name] = append(s.streams[m.Name], out)
		}
	}
}

// PoolView is the pool as somebody may know it.
type PoolView struct {
	// For a reader.
	Left    bool `json:"left"`    // there is a case that they would get
	Holding bool `json:"holding"` // they have one that is not done
	// For those who may know of progress; nil for others.
	Counts *PoolCounts `json:"counts,omitempty"`
}

// PoolCounts are readings of the pool.
type PoolCounts struct {
	Open  int `json:"open"`  // nobody has taken them
	Taken int `json:"taken"` // and not locked
	Done  int `json:"done"`
}

// Pool is what somebody may know of it. Where a study has none, or nothing of it is theirs to know, nothing is left.
func (p *Project) Pool(who string) (*PoolView, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	s := p.state
	takes, counts := policy.Decide(m.Roles, policy.TakeCase, s.phaseFacts(m)).Allowed, policy.Decide(m.Roles, policy.ViewProgress, s.phaseFacts(m)).Allowed
	out := &PoolView{}
	if takes {
		out.Left = s.next(m, p.now()) != nil
	}
	for _, a := range s.pool {
		_, done := s.locked(a.ID)
		if takes && a.Reader == who && !done {
			out.Holding = true
		}
		if !counts {
			continue
		}
		if out.Counts == nil {
			out.Counts = &PoolCounts{}
		}
		switch {
		case a.Reader == "":
			out.Counts.Open++
		case done:
			out.Counts.Done++
		default:
			out.Counts.Taken++
		}
	}
	return out, nil
}

// slots are the assignments of a pool: of each case in an order by chance as many as it is to have readings, without a reader.
func (l *layouter) slots(cases []string, n int, arm string) {
	place := 0
	for _, c := range l.shuffled(cases, "pool", "") {
		for range n {
			place++
			l.out = append(l.out, &Assignment{ID: newID(), Case: c, Arm: arm, Session: 1, Order: place})
		}
	}
}
