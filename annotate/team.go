package annotate

import (
	"slices"
	"time"

	"github.com/cineloop/cineloop/annotate/policy"
)

// SharedReading is a reading that somebody shared with a member.
type SharedReading struct {
	ID     string    `json:"id"` // also of its pictures
	Reader string    `json:"reader"`
	Locked bool      `json:"locked"`
	Opened time.Time `json:"opened"`
}

// near says that a member is its reader, or was given it to share.
func (r *Reading) near(who string) bool { return r.Reader == who || slices.Contains(r.SharedWith, who) }

// Shared are the readings that were shared with a member and that they may see now, newest first.
func (p *Project) Shared(who string) ([]SharedReading, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	out := []SharedReading{}
	for _, id := range p.state.order {
		r := p.state.readings[id]
		if slices.Contains(r.SharedWith, who) && policy.Decide(m.Roles, policy.ViewReading, p.state.readingFacts(m, r, p.now())).Allowed {
			out = append(out, SharedReading{r.ID, r.Reader, r.Locked(), r.Opened})
		}
	}
	slices.Reverse(out)
	return out, nil
}

// Attends says whether a member may know who is in a reading, and be known to them: nil, or ErrUnknown as if it were not there.
func (p *Project) Attends(who, reading string) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	_, err := p.attended(who, reading)
	return err
}

// Draws says whether a member may change a reading at this moment, so that what they draw is shown to others; refused as an op would be. frames
// are those of its pictures.
func (p *Project) Draws(who, reading string) (frames []int, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	r, err := p.editable(who, reading)
	if err != nil {
		return nil, err
	}
	for _, pic := range p.state.cases[r.Case].Images {
		frames = append(frames, pic.Frames)
	}
	return frames, nil
}

// attended is a reading that the member may attend. Callers hold mu.
func (p *Project) attended(who, id string) (*Reading, error) {
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	r := p.state.readings[id]
	if r == nil || !policy.Decide(m.Roles, policy.Attend, p.state.readingFacts(m, r, p.now())).Allowed {
		return nil, ErrUnknown
	}
	return r, nil
}

// sharedPictures says whether the pictures of a reading are shown to somebody because it was shared with them.
func (s *state) sharedPictures(m *Member, r *Reading, now time.Time) bool {
	return slices.Contains(r.SharedWith, m.Name) && policy.Decide(m.Roles, policy.ViewCase, s.readingFacts(m, r, now)).Allowed
}
