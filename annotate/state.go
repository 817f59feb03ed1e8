package annotate

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/stats"
)

// state is what the log comes to. It is changed by apply alone, which depends on nothing but the events.
type state struct {
	name  string
	seed  stats.Seed
	phase Phase

	protocols   []*protocol.Protocol // by revision, from 1
	published   []PublishedProtocol  // as they were written
	members     map[string]*Member
	cases       map[string]*Case
	caseOrder   []string
	assignments map[string]*Assignment
	tasks       map[string][]*Assignment // by reader, in order
	readings    map[string]*Reading
	order       []string              // of readings, as they were opened
	answers     map[string]string     // reading of each answer
	versions    map[string]int        // of each answer, also of removed ones
	machine     map[string][]*Reading // by case: the models' locked readings, so that nobody has to look through others' for them
	truths      []Truth
	pool        []*Assignment              // for whoever is free, in their order
	known       map[string]map[string]bool // by member: cases that they know of, beside their own

	taken   map[string]Event   // by actor and op
	streams map[string][]Event // what each member has been given to see, numbered from 1
}

// Truth is a signed ground truth, as the log names it.
type Truth struct {
	Version   int       `json:"version"`
	Digest    string    `json:"digest"` // SHA-256 of its manifest
	PublicKey string    `json:"ed25519_public_key"`
	Signature string    `json:"signature"`
	Signed    time.Time `json:"-"`
}

func newState() *state {
	return &state{phase: Setup, members: map[string]*Member{}, cases: map[string]*Case{}, assignments: map[string]*Assignment{}, tasks: map[string][]*Assignment{},
		readings: map[string]*Reading{}, machine: map[string][]*Reading{}, answers: map[string]string{}, versions: map[string]int{}, known: map[string]map[string]bool{}, taken: map[string]Event{}, streams: map[string][]Event{}}
}

// What events hold.
type (
	created struct {
		Name string `json:"name"`
		Seed uint64 `json:"seed"`
	}
	phased struct {
		Phase Phase `json:"phase"`
	}
	published struct {
		Revision int    `json:"revision,omitempty"`
		Digest   string `json:"sha256,omitempty"`
		YAML     string `json:"yaml"`
	}
	assigned struct {
		Revision    int           `json:"revision"`
		Assignments []*Assignment `json:"assignments"`
	}
	opened struct {
		Assignment string    `json:"assignment"`
		Revision   int       `json:"revision"`
		Revealed   []string  `json:"revealed,omitempty"`
		Prefilled  []*Answer `json:"prefilled,omitempty"`
	}
	answered struct {
		Reading string  `json:"reading"`
		Answer  *Answer `json:"answer"`
	}
	ofReading struct {
		Reading string   `json:"reading"`
		Seconds float64  `json:"seconds,omitempty"`
		With    []string `json:"with,omitempty"`
		Text    string   `json:"text,omitempty"`
		Image   int      `json:"image,omitempty"`
		Frame   int      `json:"frame,omitempty"`
		Reply   string   `json:"reply,omitempty"` // to another comment
		Shown   []Shown  `json:"shown,omitempty"`
		Method  string   `json:"method,omitempty"`
		Reason  string   `json:"rationale,omitempty"`
	}
	decided struct {
		Case        string    `json:"case"`
		Method      string    `json:"method"`
		Rationale   string    `json:"rationale"`
		DerivedFrom []string  `json:"derived_from"`
		Answers     []*Answer `json:"answers"`
	}
	unblinding struct {
		Member string `json:"member"`
		Reason string `json:"reason"`
	}
)

// apply makes the event part of the state. It is called for events of the log only, which were decided before they were written.
func (s *state) apply(e Event) error {
	var err error
	parse := func(v any) bool {
		if e := json.Unmarshal(e.Data, v); e != nil {
			err = fmt.Errorf("%s: %w", "an event's data", e)
		}
		return err == nil
	}
	switch e.Kind {
	case ProjectCreated:
		var d created
		if parse(&d) {
			s.name, s.seed = d.Name, stats.Seed(d.Seed)
		}
	case PhaseSet:
		var d phased
		if parse(&d) {
			s.phase = d.Phase
		}
	case MemberAdded:
		m := new(Member)
		if parse(m) {
			s.members[m.Name] = m
		}
	case ProtocolSet:
		var d published
		if parse(&d) {
			var p *protocol.Protocol
			if p, err = protocol.Read("protocol", []byte(d.YAML)); err == nil {
				s.protocols = append(s.protocols, p)
				s.published = append(s.published, PublishedProtocol{d.Revision, d.Digest, e.At, d.YAML})
			}
		}
	case CaseAdded:
		c := new(Case)
		if parse(c) {
			s.cases[c.ID] = c
			s.caseOrder = append(s.caseOrder, c.ID)
		}
	case Assigned, Sent:
		var d assigned
		if parse(&d) {
			for _, a := range d.Assignments {
				s.assignments[a.ID] = a
				if a.Reader == "" {
					a.pooled, a.place = true, a.Order
					s.pool = append(s.pool, a)
					continue
				}
				s.tasks[a.Reader] = append(s.tasks[a.Reader], a)
			}
		}
	case ReadingOpened:
		var d opened
		if parse(&d) {
			a := s.assignments[d.Assignment]
			r := &Reading{ID: e.Object, Assignment: a.ID, Reader: a.Reader, Case: a.Case, Arm: a.Arm, Session: a.Session, Revision: d.Revision, Opened: e.At, Revealed: d.Revealed}
			if a.Arm == protocol.Deciding {
				r.DerivedFrom = a.Sources
			}
			a.reading = r.ID
			s.readings[r.ID] = r
			s.prefill(r, d.Prefilled)
			s.order = append(s.order, r.ID)
		}
	case AnswerPut:
		var d answered
		if parse(&d) {
			d.Answer.ID, d.Answer.Version = e.Object, e.Version
			s.put(s.readings[d.Reading], d.Answer)
			s.answers[e.Object], s.versions[e.Object] = d.Reading, e.Version
		}
	case AnswerRemoved:
		var d ofReading
		if parse(&d) {
			r := s.readings[d.Reading]
			r.Answers = slices.DeleteFunc(r.Answers, func(a *Answer) bool { return a.ID == e.Object })
			s.versions[e.Object] = e.Version
		}
	case TimeSpent, ReadingLocked, ReadingShared, Commented:
		var d ofReading
		if parse(&d) {
			r := s.readings[d.Reading]
			switch e.Kind {
			case TimeSpent:
				r.spend(e.Actor, d)
			case ReadingLocked:
				r.LockedAt, r.Method, r.Rationale = e.At, d.Method, d.Reason
				if by := s.members[r.Reader]; by != nil && by.AI() && r.Arm != protocol.Deciding {
					s.machine[r.Case] = append(s.machine[r.Case], r)
				}
			case ReadingShared:
				r.SharedWith = d.With
				for _, who := range d.With {
					s.learn(who, r.Case)
				}
			case Commented:
				r.comments = append(r.comments, newComment(e, d, r))
			}
		}
	case Decided:
		var d decided
		if parse(&d) {
			r := &Reading{ID: e.Object, Case: d.Case, Arm: protocol.Deciding, Revision: len(s.protocols), Opened: e.At, LockedAt: e.At,
				Answers: d.Answers, DerivedFrom: d.DerivedFrom, Method: d.Method, Rationale: d.Rationale}
			s.readings[r.ID] = r
			s.order = append(s.order, r.ID)
		}
	case TruthSigned:
		var d Truth
		if parse(&d) {
			d.Signed = e.At
			s.truths = append(s.truths, d)
		}
	case Unblinded:
		var d unblinding
		if parse(&d) {
			s.members[d.Member].unblinded = true
		}
	case CaseTaken, PutBack:
		var d took
		if parse(&d) && e.Kind == CaseTaken {
			s.take(e.Actor, d)
		} else if err == nil {
			s.putBack(d)
		}
	case DueSet:
		var d dueSet
		if parse(&d) {
			s.due(d)
		}
	case Ordered:
		var d ordered
		if parse(&d) {
			s.reorder(d)
		}
	case Exported:
	default:
		err = fmt.Errorf("an event of a kind that this program does not know, %q", string(e.Kind))
	}
	if err != nil {
		return err
	}
	if e.Op != "" {
		s.taken[e.Actor+"\x00"+e.Op] = e
	}
	s.publish(e)
	return nil
}

// put adds an answer or replaces the one with its name.
func (s *state) put(r *Reading, a *Answer) {
	for i, old := range r.Answers {
		if old.ID == a.ID {
			r.Answers[i] = a
			return
		}
	}
	r.Answers = append(r.Answers, a)
}

// current is the newest protocol; nil before the first.
func (s *state) current() *protocol.Protocol {
	if len(s.protocols) == 0 {
		return nil
	}
	return s.protocols[len(s.protocols)-1]
}

// rules are those that a reading follows.
func (s *state) rules(r *Reading) *protocol.Protocol { return s.protocols[r.Revision-1] }

func (s *state) locked(assignment string) (*Reading, bool) {
	a := s.assignments[assignment]
	if a == nil || a.reading == "" {
		return nil, false
	}
	r := s.readings[a.reading]
	return r, r.Locked()
}

// ready says whether what must come before an assignment is done, and if not, what.
func (s *state) ready(a *Assignment, now time.Time) (bool, string) {
	if a.After != "" {
		r, done := s.locked(a.After)
		if !done {
			return false, "another reading comes first"
		}
		if now.Before(r.LockedAt.AddDate(0, 0, a.Days)) {
			return false, "it may be read from " + r.LockedAt.AddDate(0, 0, a.Days).UTC().Format(time.DateOnly)
		}
	}
	if a.Arm == protocol.Aided && s.ofAI(a.Case) == nil {
		return false, "the model has not read the case"
	}
	return true, ""
}

// ofAI is the locked reading of a case by the member whose readings the protocol shows; nil if there is none yet.
func (s *state) ofAI(id string) *Reading {
	p := s.current()
	if p == nil || p.Design.AI == "" {
		return nil
	}
	for _, r := range s.machine[id] {
		if r.Reader == p.Design.AI {
			return r
		}
	}
	return nil
}

// lookUp is a reading; and where there is none, one of nobody that the same questions are asked of, so that it takes as long to say that there is
// nothing as that it may not be seen.
func (s *state) lookUp(id string) (r *Reading, there bool) {
	if r := s.readings[id]; r != nil {
		return r, true
	}
	nobody := &Reading{Revision: len(s.protocols), LockedAt: time.Unix(1, 0)}
	if n := len(s.caseOrder); n > 0 {
		h := fnv.New32a()
		h.Write([]byte(id))
		nobody.Case = s.caseOrder[int(h.Sum32()%uint32(n))]
	}
	return nobody, false
}

// mustRead says that the member has a reading of the case before them that nothing may colour: one unaided that is under way or could be opened.
func (s *state) mustRead(m *Member, id string, now time.Time) bool {
	for _, a := range s.tasks[m.Name] {
		if a.Case != id || a.Arm != protocol.Unaided {
			continue
		}
		if _, done := s.locked(a.ID); done {
			continue
		}
		if ok, _ := s.ready(a, now); ok || a.reading != "" {
			return true
		}
	}
	return false
}

// resting says that a reader's own locked reading is kept from them, because they read the case once more and should not remember: in crossed
// designs and for repeats.
func (s *state) resting(r *Reading) bool {
	if !r.Locked() || r.Arm == protocol.Deciding || s.rules(r).Design.Kind == protocol.Sequential {
		return false
	}
	for _, a := range s.tasks[r.Reader] {
		if _, done := s.locked(a.ID); a.Case == r.Case && a.Arm != protocol.Deciding && !done {
			return true
		}
	}
	return false
}

// phaseFacts are those of the project.
func (s *state) phaseFacts(m *Member) (f policy.Facts) {
	switch s.phase {
	case InReading:
		f = policy.Reading
	case Adjudicating:
		f = policy.Deciding
	case Closed:
		f = policy.Closed
	}
	if m.unblinded {
		f |= policy.Unmasked
	}
	return f
}

// readingFacts are those of a reading, seen by a member.
func (s *state) readingFacts(m *Member, r *Reading, now time.Time) policy.Facts {
	f := s.phaseFacts(m)
	if r.Reader == m.Name && !s.resting(r) {
		f |= policy.Own
	}
	if slices.Contains(r.SharedWith, m.Name) {
		f |= policy.Shared
	}
	if r.Locked() {
		f |= policy.Locked
	} else {
		f |= policy.Draft
	}
	if by := s.members[r.Reader]; by != nil && by.AI() {
		f |= policy.FromAI
	}
	if s.mustRead(m, r.Case, now) {
		f |= policy.MustRead
	}
	for _, a := range s.tasks[m.Name] {
		if a.Case != r.Case {
			continue
		}
		f |= policy.Assigned
		if a.reading == "" {
			continue
		}
		own := s.readings[a.reading]
		if slices.Contains(own.Revealed, r.ID) && (!own.Locked() || !s.resting(own)) {
			f |= policy.Revealed
		}
		if a.Arm == protocol.Deciding && slices.Contains(a.Sources, r.ID) {
			f |= policy.Source
		}
	}
	return f
}

// taskFacts are those of an assignment.
func (s *state) taskFacts(m *Member, a *Assignment, now time.Time) policy.Facts {
	f := s.phaseFacts(m)
	if a.Reader == m.Name {
		f |= policy.Own | policy.Assigned
	}
	if ok, _ := s.ready(a, now); ok {
		f |= policy.Ready
	}
	if s.mustRead(m, a.Case, now) {
		f |= policy.MustRead
	}
	return f
}
