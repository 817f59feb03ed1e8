package annotate

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
)

// ReadingView is a reading as somebody is shown it. Of others' readings there is no name, no time and no case: these could tell who read.
type ReadingView struct {
	ID         string         `json:"id"`
	Assignment string         `json:"assignment,omitempty"` // one's own
	Reader     string         `json:"reader"`               // name of oneself or of who shared it; mask, or letter, of others
	Arm        string         `json:"arm,omitempty"`
	Session    int            `json:"session,omitempty"`
	Locked     bool           `json:"locked"`
	Seconds    float64        `json:"seconds,omitempty"`
	Answers    []*Answer      `json:"answers"`
	Beside     []*ReadingView `json:"beside,omitempty"` // what was revealed with it, or is to be decided between
	Reason     string         `json:"reason,omitempty"`
	Method     string         `json:"method,omitempty"`
	Rationale  string         `json:"rationale,omitempty"`
}

// Task is one of somebody's own assignments, as they see it.
type Task struct {
	Assignment string   `json:"assignment"`
	Order      int      `json:"order"`
	Arm        string   `json:"arm"`
	Session    int      `json:"session"`
	Reading    string   `json:"reading,omitempty"`
	State      string   `json:"state"`         // waiting, ready, draft, locked
	Why        string   `json:"why,omitempty"` // it waits
	Due        string   `json:"due,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	Items      []string `json:"items,omitempty"`
	Late       bool     `json:"late,omitempty"` // it was due before today

	Requirements []Requirement `json:"requirements,omitempty"` // in worklists
}

// Progress is how far a masked reader is.
type Progress struct {
	Reader   string  `json:"reader"`
	Assigned int     `json:"assigned"`
	Drafts   int     `json:"drafts"`
	Locked   int     `json:"locked"`
	Seconds  float64 `json:"seconds"`
	Due      string  `json:"due,omitempty"` // the next date of what is not locked
	Late     int     `json:"late"`          // past their dates

	Requirements []RequirementProgress `json:"requirements"` // required items alone
}

func (p *Project) view(who string) (*Member, error) {
	m := p.state.members[who]
	if m == nil {
		return nil, ErrUnknown
	}
	return m, nil
}

// Me is the member, as they may know themselves.
func (p *Project) Me(who string) (Member, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return Member{}, err
	}
	return Member{Name: m.Name, Roles: slices.Clone(m.Roles), Model: m.Model}, nil // not the mask: they could find themselves in results
}

// Protocol is the newest protocol; every member knows what is asked.
func (p *Project) Protocol(who string) (*protocol.Protocol, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if _, err := p.view(who); err != nil {
		return nil, err
	}
	if p.state.current() == nil {
		return nil, ErrUnknown
	}
	return p.state.current(), nil
}

// Worklist is somebody's own assignments in their order.
func (p *Project) Worklist(who string) ([]Task, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	out := []Task{}
	for _, a := range p.state.tasks[m.Name] {
		if !policy.Decide(m.Roles, policy.OwnProgress, p.state.taskFacts(m, a, p.now())).Allowed {
			continue
		}
		t := p.state.task(a, p.now())
		t.Requirements = p.state.requirements(a, p.state.readings[a.reading])
		out = append(out, t)
	}
	p.state.byPriority(out)
	return out, nil
}

func (s *state) task(a *Assignment, now time.Time) Task {
	t := Task{Assignment: a.ID, Order: a.Order, Arm: a.Arm, Session: a.Session, Reading: a.reading, Due: a.Due, Reason: a.Reason, Items: a.Items, State: "ready", Late: s.late(a, now)}
	if p := s.current(); p != nil && len(t.Items) == 0 {
		t.Items = p.AskedIn(a.Arm)
	}
	if _, done := s.locked(a.ID); done {
		t.State = "locked"
	} else if a.reading != "" {
		t.State = "draft"
	} else if ok, why := s.ready(a, now); !ok {
		t.State, t.Why = "waiting", why
	}
	return t
}

// Pictures are those of an assignment, if its turn has come, or of a reading that was shared. They are known by number: names and UIDs stay here.
func (p *Project) Pictures(who, id string) ([]Picture, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	if a := p.state.assignments[id]; a != nil && a.Reader == who && policy.Decide(m.Roles, policy.ViewCase, p.state.taskFacts(m, a, p.now())).Allowed {
		return slices.Clone(p.state.cases[a.Case].Images), nil
	}
	if r := p.state.readings[id]; r != nil && p.state.sharedPictures(m, r, p.now()) {
		return slices.Clone(p.state.cases[r.Case].Images), nil
	}
	return nil, ErrUnknown
}

// Reading is a reading as the member may see it; ErrUnknown where they may not.
func (p *Project) Reading(who, id string) (*ReadingView, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	r, there := p.state.lookUp(id)
	v := p.state.show(m, r, p.now(), "")
	if v == nil || !there {
		return nil, ErrUnknown
	}
	return v, nil
}

// show is a reading for a member; nil where the policy does not allow it. label stands in place of the mask.
func (s *state) show(m *Member, r *Reading, now time.Time, label string) *ReadingView {
	d := policy.Decide(m.Roles, policy.ViewReading, s.readingFacts(m, r, now))
	if !d.Allowed {
		return nil
	}
	v := &ReadingView{ID: r.ID, Locked: r.Locked(), Answers: slices.Clone(r.Answers), Method: r.Method, Rationale: r.Rationale, Reader: r.Reader}
	if v.Answers == nil {
		v.Answers = []*Answer{}
	}
	if d.Masked {
		v.Reader = "result"
		if by := s.members[r.Reader]; by != nil {
			v.Reader = by.Mask
		}
		if label != "" {
			v.Reader = label
		}
		v.Method, v.Rationale = r.Method, ""
		return v
	}
	v.Arm, v.Session = r.Arm, r.Session
	if r.Reader != m.Name {
		return v
	}
	v.Assignment, v.Seconds = r.Assignment, r.Seconds
	a := s.assignments[r.Assignment]
	beside, letter := r.Revealed, ""
	if r.Arm == protocol.Deciding {
		beside, v.Reason = a.Sources, a.Reason
	}
	for i, id := range beside {
		if r.Arm != protocol.Aided {
			letter = string(rune('A' + i%26)) // in this case only: a mask could be recognised in the next one
		}
		if o := s.show(m, s.readings[id], now, letter); o != nil {
			v.Beside = append(v.Beside, o)
		}
	}
	return v
}

// Progress of all readers by mask, for those who may know it.
func (p *Project) Progress(who string) ([]Progress, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	if !policy.Decide(m.Roles, policy.ViewProgress, p.state.phaseFacts(m)).Allowed {
		return nil, ErrDenied
	}
	out := []Progress{}
	for name := range p.state.tasks {
		out = append(out, p.state.progress(name, p.now()))
	}
	slices.SortFunc(out, func(a, b Progress) int {
		if a.Reader < b.Reader {
			return -1
		}
		return 1
	})
	return out, nil
}

// progress is how far somebody is.
func (s *state) progress(name string, now time.Time) Progress {
	row := Progress{Reader: s.members[name].Mask, Assigned: len(s.tasks[name]), Requirements: []RequirementProgress{}}
	for _, a := range s.tasks[name] {
		row.Requirements = count(row.Requirements, s.requirements(a, s.readings[a.reading]))
		if s.late(a, now) {
			row.Late++
		}
		r, done := s.locked(a.ID)
		if !done && a.Due != "" && (row.Due == "" || a.Due < row.Due) {
			row.Due = a.Due
		}
		switch {
		case done:
			row.Locked++
			row.Seconds += r.Seconds
		case r != nil:
			row.Drafts++
			row.Seconds += r.Seconds
		}
	}
	return row
}

// Events are what somebody has been given to see after number after, and the number of the last. With wait it returns when there is
// something, or when the context ends. Numbers are the member's own and have no gaps: they tell nothing of others.
func (p *Project) Events(ctx context.Context, who string, after int, wait bool) ([]Event, int, error) {
	for {
		p.mu.RLock()
		m, err := p.view(who)
		if err == nil && p.broken != nil && p.log == nil {
			wait = false
		} else if err == nil && p.broken != nil {
			err = p.broken
		}
		if err != nil {
			p.mu.RUnlock()
			return nil, after, err
		}
		all, wake := p.state.streams[m.Name], p.wake
		var durable int64 = 1 << 62
		if p.log != nil {
			durable = p.log.Head().Seq
		}
		var out []Event
		last := max(0, after)
		for i := last; i < len(all); i++ {
			if all[i].Seq > durable { // nobody is told what could still be lost
				break
			}
			e := all[i]
			e.Seq = int64(i) + 1
			out, last = append(out, e), i+1
		}
		p.mu.RUnlock()
		if len(out) > 0 || !wait {
			return out, last, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, last, nil
		}
	}
}

// LastEvent is the number of the last event that somebody has been given to see, 0 before the first.
func (p *Project) LastEvent(who string) (int, error) {
	_, last, err := p.Events(context.Background(), who, 0, false)
	return last, err
}

// publish gives the event, as far as each may see it, to the streams of members. It is part of apply: what somebody was shown is the same
// whenever the log is replayed.
func (s *state) publish(e Event) {
	give := func(m *Member, actor string, data any) {
		out := Event{Seq: e.Seq, At: e.At, Actor: actor, Kind: e.Kind, Object: e.Object, Version: e.Version}
		if actor == m.Name {
			out.Op = e.Op
		}
		if data != nil {
			out.Data, _ = json.Marshal(data)
		}
		s.streams[m.Name] = append(s.streams[m.Name], out)
	}
	switch e.Kind {
	case PhaseSet, ProtocolSet:
		for _, m := range s.members {
			give(m, "", e.Data)
		}
	case MemberAdded, Unblinded:
		for _, m := range s.members {
			if policy.Decide(m.Roles, policy.ManageMembers, s.phaseFacts(m)).Allowed {
				give(m, e.Actor, e.Data)
			}
		}
	case CaseAdded, TruthSigned, Exported:
		for _, m := range s.members {
			if policy.Decide(m.Roles, policy.ManageStudy, s.phaseFacts(m)).Allowed && (e.Kind != CaseAdded || !s.mustRead(m, e.Object, e.At)) {
				give(m, e.Actor, e.Data)
			}
		}
	case Assigned, Sent:
		s.publishTasks(e, give)
	case CaseTaken, PutBack:
		s.publishPool(e, give)
	case DueSet:
		s.publishDue(e, give)
	case Ordered:
		s.publishOrder(e, give)
	case Decided:
		r := s.readings[e.Object]
		for _, m := range s.members {
			if v := s.show(m, r, e.At, ""); v != nil {
				give(m, "", v)
			}
		}
	default:
		s.publishReading(e, give)
	}
}

// publishTasks gives each reader their own new tasks, without naming the cases.
func (s *state) publishTasks(e Event, give func(*Member, string, any)) {
	var d assigned
	if json.Unmarshal(e.Data, &d) != nil {
		return
	}
	mine := map[string][]Task{}
	for _, a := range d.Assignments {
		mine[a.Reader] = append(mine[a.Reader], s.task(s.assignments[a.ID], e.At))
	}
	delete(mine, "") // a pool is nobody's
	for name, tasks := range mine {
		give(s.members[name], "", tasks)
	}
}

// publishReading gives what happens in a reading to those who may see it, and its beginning and end to those who may know its progress.
func (s *state) publishReading(e Event, give func(*Member, string, any)) {
	id := e.Object
	if e.Kind != ReadingOpened && e.Kind != ReadingLocked {
		var d ofReading
		if json.Unmarshal(e.Data, &d) != nil {
			return
		}
		id = d.Reading
	}
	r := s.readings[id]
	if e.Kind == TimeSpent || e.Kind == Commented && !r.near(e.Actor) { // nobody else's to know; or what one notes while deciding
		give(s.members[e.Actor], e.Actor, e.Data)
		return
	}
	may := policy.ViewReading
	if e.Kind == Commented {
		may = policy.ViewComments
	}
	for _, m := range s.members {
		near := r.near(m.Name)
		if near && policy.Decide(m.Roles, may, s.readingFacts(m, r, e.At)).Allowed {
			actor := e.Actor
			switch e.Kind {
			case ReadingOpened, ReadingLocked, ReadingShared:
				give(m, actor, s.show(m, r, e.At, ""))
			default:
				give(m, actor, e.Data)
			}
			continue
		}
		if m.Name == r.Reader && e.Kind == ReadingLocked { // it rests until it is read once more
			give(m, e.Actor, map[string]any{"id": r.ID, "assignment": r.Assignment, "locked": true})
			continue
		}
		if e.Kind != ReadingOpened && e.Kind != ReadingLocked || !policy.Decide(m.Roles, policy.ViewProgress, s.phaseFacts(m)).Allowed {
			continue
		}
		// How far readers are: the reader's mask and nothing that says which case it was.
		out := Event{Seq: e.Seq, At: e.At, Kind: e.Kind}
		out.Data, _ = json.Marshal(map[string]string{"reader": s.members[r.Reader].Mask})
		s.streams[m.Name] = append(s.streams[m.Name], out)
	}
}

// Names of masked readers, for those who may know them.
func (p *Project) Names(who string) (map[string]string, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	if !policy.Decide(m.Roles, policy.ViewNames, p.state.phaseFacts(m)).Allowed {
		return nil, ErrDenied
	}
	out := map[string]string{}
	for _, o := range p.state.members {
		out[o.Mask] = o.Name
	}
	return out, nil
}
