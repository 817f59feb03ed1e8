package annotate

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/internal/fault"
)

// Comment is what somebody says of a reading, of a frame of it, or to another comment.
type Comment struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Author string    `json:"author"`
	Text   string    `json:"text"`
	Image  int       `json:"image,omitempty"` // from 1; 0: of the whole exam
	Frame  int       `json:"frame,omitempty"` // from 0
	Reply  string    `json:"reply,omitempty"` // id of the comment that it answers

	team bool // by its reader or somebody it was shared with; others, as adjudicators, write for themselves
}

const (
	maxComment  = 10_000 // bytes
	maxComments = 1_000  // of a reading
)

// commentID names comments, also those of logs in which they had no name yet.
func commentID(e Event) string {
	if e.Object != "" {
		return e.Object
	}
	return fmt.Sprintf("%032x", e.Seq)
}

func (d *decision) comment() (any, error) {
	v, r, err := d.ofReading(policy.Comment)
	if err != nil {
		return nil, err
	}
	c := d.s.cases[r.Case]
	if v.Text == "" || len(v.Text) > maxComment || !utf8.ValidString(v.Text) || v.Image < 0 || v.Image > len(c.Images) || v.Frame < 0 || v.Image == 0 && v.Frame > 0 ||
		v.Image > 0 && v.Frame >= c.Images[v.Image-1].Frames {
		return nil, fault.New(fault.Input, "a comment has a text, and a place in the case or none")
	}
	if len(r.comments) >= maxComments {
		return nil, fault.New(fault.Conflict, "a reading has %d comments at most", maxComments)
	}
	if v.Reply != "" && !slices.ContainsFunc(d.s.commentsFor(d.m, r, d.e.At), func(o Comment) bool { return o.ID == v.Reply }) {
		return nil, ErrUnknown
	}
	d.e.Object = newID()
	return ofReading{Reading: r.ID, Text: v.Text, Image: v.Image, Frame: v.Frame, Reply: v.Reply}, nil
}

// Comments of a reading in the order in which they were written, as far as somebody may see them: those of its team for the team, and one's own.
// ErrUnknown where they may see none because they may not see the reading.
func (p *Project) Comments(who, reading string) ([]Comment, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	r := p.state.readings[reading]
	if r == nil {
		return nil, ErrUnknown
	}
	f := p.state.readingFacts(m, r, p.now())
	if !policy.Decide(m.Roles, policy.ViewComments, f).Allowed && !policy.Decide(m.Roles, policy.Comment, f).Allowed {
		return nil, ErrUnknown
	}
	return p.state.commentsFor(m, r, p.now()), nil
}

// commentsFor asks the policy: of a team's comments; what somebody wrote who is not of the team is shown to them alone, because in an adjudication
// it would tell that there is one, and who decides.
func (s *state) commentsFor(m *Member, r *Reading, now time.Time) []Comment {
	out := []Comment{}
	f := s.readingFacts(m, r, now)
	team := r.near(m.Name) && policy.Decide(m.Roles, policy.ViewComments, f).Allowed
	own := policy.Decide(m.Roles, policy.Comment, f).Allowed
	for _, c := range r.comments {
		if c.team && team || own && c.Author == m.Name {
			out = append(out, *c)
		}
	}
	return out
}

func newComment(e Event, d ofReading, r *Reading) *Comment {
	return &Comment{ID: commentID(e), At: e.At, Author: e.Actor, Text: d.Text, Image: d.Image, Frame: d.Frame, Reply: d.Reply, team: r.near(e.Actor)}
}
