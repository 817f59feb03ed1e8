package annotate

import (
	"slices"
	"time"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
)

// Records are a study's readings for analysis and export: readers by mask alone.
type Records struct {
	Name     string
	Phase    Phase
	Protocol *protocol.Protocol
	Readers  []ReaderRecord
	Cases    []*Case
	Readings []ReadingRecord // locked, in the order in which they were opened
	Drafts   int             // readings under way, which are not here
	Truths   []Truth
	Root     string // folder that names of pictures are relative to
}

// ReaderRecord is a reader.
type ReaderRecord struct {
	Mask string
	AI   bool
}

// ReadingRecord is a locked reading.
type ReadingRecord struct {
	ID          string
	Reader      string // mask; "" of a computed result
	AI          bool
	Case        string
	Arm         string
	Session     int
	Seconds     float64
	Screen      []Shown // what was on the screen, as the reader's browser says
	Locked      time.Time
	Answers     []*Answer
	Shown       []string  // readings that were shown with it, in the order shown
	Prefilled   []*Answer // what it began with
	DerivedFrom []string
	Method      string
	Rationale   string
}

// Records are those of the whole project, for whoever holds its folder. A server asks [Project.RecordsFor].
func (p *Project) Records() *Records {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.records()
}

func (p *Project) records() *Records {
	r := p.state.records()
	r.Root = p.pictures.root
	return r
}

// RecordsFor are the records for somebody who may see agreement. ErrDenied otherwise.
func (p *Project) RecordsFor(who string) (*Records, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	if !policy.Decide(m.Roles, policy.ViewAgreement, p.state.phaseFacts(m)).Allowed {
		return nil, ErrDenied
	}
	return p.records(), nil
}

func (s *state) records() *Records {
	r := &Records{Name: s.name, Phase: s.phase, Protocol: s.current(), Truths: slices.Clone(s.truths)}
	for _, m := range s.members {
		if len(s.tasks[m.Name]) > 0 {
			r.Readers = append(r.Readers, ReaderRecord{m.Mask, m.AI()})
		}
	}
	slices.SortFunc(r.Readers, func(a, b ReaderRecord) int {
		if a.Mask < b.Mask {
			return -1
		}
		return 1
	})
	for _, id := range s.caseOrder {
		r.Cases = append(r.Cases, s.cases[id])
	}
	for _, id := range s.order {
		x := s.readings[id]
		if !x.Locked() {
			r.Drafts++
			continue
		}
		rec := ReadingRecord{ID: x.ID, Case: x.Case, Arm: x.Arm, Session: x.Session, Seconds: x.Seconds, Screen: slices.Clone(x.Screen), Locked: x.LockedAt, Answers: slices.Clone(x.Answers),
			Shown: slices.Clone(x.Revealed), Prefilled: slices.Clone(x.Prefilled),
			DerivedFrom: slices.Clone(x.DerivedFrom), Method: x.Method, Rationale: x.Rationale}
		if m := s.members[x.Reader]; m != nil {
			rec.Reader, rec.AI = m.Mask, m.AI()
		}
		r.Readings = append(r.Readings, rec)
	}
	return r
}

// Case is the case with an id; nil if there is none.
func (r *Records) Case(id string) *Case {
	for _, c := range r.Cases {
		if c.ID == id {
			return c
		}
	}
	return nil
}
