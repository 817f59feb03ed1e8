package annotate

import (
	"cmp"
	"context"
	"slices"

	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// Outcome is what an op would come to.
type Outcome struct {
	Kind   Kind           `json:"kind"`
	Shares []Share        `json:"shares,omitempty"` // of assignments
	Phase  *PhaseOutcome  `json:"phase,omitempty"`
	Rules  *ProtocolBrief `json:"protocol,omitempty"`
}

// Share is how many cases a masked reader would get in an arm and a session.
type Share struct {
	Mask    string `json:"reader"` // "" is whoever is free: a pool
	Arm     string `json:"arm"`
	Session int    `json:"session"`
	Cases   int    `json:"cases"`
}

// PhaseOutcome says what a new phase ends and begins.
type PhaseOutcome struct {
	From    Phase `json:"from"`
	To      Phase `json:"to"`
	Drafts  int   `json:"drafts"`   // readings under way, which could not be changed any more
	NotRead int   `json:"not_read"` // assignments that nobody has begun
	Locked  int   `json:"locked"`
}

// Preview kinds: what lays a study out.
var foretold = []Kind{Assigned, Sent, PhaseSet, ProtocolSet}

// DryRun says what an op of a member would come to, or why it would be refused, and changes nothing. Code usage for kinds that have nothing to
// foretell; else as [Project.Do].
func (p *Project) DryRun(ctx context.Context, who string, op Op) (*Outcome, error) {
	if !slices.Contains(foretold, op.Kind) {
		return nil, fault.New(fault.Usage, "nothing can be foretold of this; of %v it can", foretold)
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	e := Event{At: p.now(), Actor: who, Kind: op.Kind, Object: op.Object}
	data, err := handlers[op.Kind].decide(&decision{p: p, s: p.state, m: m, op: op, e: &e})
	if err != nil {
		return nil, err
	}
	out := &Outcome{Kind: op.Kind}
	switch d := data.(type) {
	case assigned:
		out.Shares = p.state.shares(d.Assignments)
	case phased:
		out.Phase = p.state.ending(d.Phase)
	case published:
		r, err := protocol.Read("protocol", []byte(d.YAML))
		if err != nil {
			return nil, err
		}
		out.Rules = Brief(r)
	}
	return out, nil
}

func (s *state) shares(list []*Assignment) []Share {
	count := map[Share]int{}
	for _, a := range list {
		mask := "" // of a pool
		if m := s.members[a.Reader]; m != nil {
			mask = m.Mask
		}
		count[Share{Mask: mask, Arm: a.Arm, Session: a.Session}]++
	}
	out := make([]Share, 0, len(count))
	for k, n := range count {
		k.Cases = n
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b Share) int {
		return cmp.Or(cmp.Compare(a.Mask, b.Mask), cmp.Compare(a.Session, b.Session), cmp.Compare(b.Arm, a.Arm))
	})
	return out
}

func (s *state) ending(to Phase) *PhaseOutcome {
	out := &PhaseOutcome{From: s.phase, To: to}
	for _, a := range s.assignments {
		if to == Adjudicating && a.Arm == protocol.Deciding { // these go on
			continue
		}
		switch r, done := s.locked(a.ID); {
		case done:
			out.Locked++
		case r != nil:
			out.Drafts++
		default:
			out.NotRead++
		}
	}
	return out
}
