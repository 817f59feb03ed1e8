package annotate

import (
	"slices"

	"github.com/cineloop/cineloop/annotate/protocol"
)

// copies are what an aided reading begins with: copies of the model's answers to the items that the protocol names for it. Each has a name of
// its own and says which answer it comes from. An item that the model could not assess begins empty.
func copies(p *protocol.Protocol, ai *Reading) (out []*Answer) {
	names := p.Prefilled()
	for _, a := range ai.Answers {
		if !slices.Contains(names, a.Item) || a.CannotAssess != "" {
			continue
		}
		c := *a
		c.ID, c.Version, c.DerivedFrom = newID(), 1, a.ID
		out = append(out, &c)
	}
	return out
}

// prefill makes the answers that a reading was opened with its own. What it began with stays as it was, whatever becomes of them.
func (s *state) prefill(r *Reading, list []*Answer) {
	for _, a := range list {
		c := *a
		r.Prefilled = append(r.Prefilled, a)
		r.Answers = append(r.Answers, &c)
		s.answers[a.ID], s.versions[a.ID] = r.ID, 1
	}
}
