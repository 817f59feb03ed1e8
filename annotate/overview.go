package annotate

import (
	"cmp"
	"slices"
	"time"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
)

// Overview is a study as those see it who lay it out or watch over it: readers by their masks, cases by numbers, nothing that was found.
type Overview struct {
	Name     string          `json:"name"`
	Phase    Phase           `json:"phase"`
	Protocol *ProtocolBrief  `json:"protocol,omitempty"`
	May      []policy.Action `json:"may"`     // what the viewer may do in the project as it stands
	Readers  []ReaderRow     `json:"readers"` // by mask
	Members  []MemberRow     `json:"members,omitempty"`
	Cases    []CaseRow       `json:"cases,omitempty"` // for those who lay the study out, or look at results
	Cells    []Cell          `json:"cells,omitempty"`
	Pool     int             `json:"pool,omitempty"` // readings that wait for whoever is free
	Truths   []Truth         `json:"truths"`
}

// ProtocolBrief is what a protocol comes to in a line.
type ProtocolBrief struct {
	Revision int                 `json:"revision"`
	Title    string              `json:"title"`
	Design   protocol.DesignKind `json:"design"`
	Method   string              `json:"adjudication"`
	Items    []ItemBrief         `json:"items"`
}

// ItemBrief is a question.
type ItemBrief struct {
	Name     string            `json:"name"`
	Label    string            `json:"label"`
	Kind     protocol.ItemKind `json:"kind"`
	Required bool              `json:"required"`
	Metric   string            `json:"metric,omitempty"` // of disagreement
	Limit    float64           `json:"limit,omitempty"`
}

// ReaderRow is somebody who reads or decides. Whether it is a model is told with the name only.
type ReaderRow struct {
	Progress
	Name    string `json:"name,omitempty"`
	AI      bool   `json:"ai,omitempty"`
	Decides bool   `json:"decides,omitempty"` // may be sent disagreements
}

// MemberRow is a member, for those who add them.
type MemberRow struct {
	Name      string        `json:"name"`
	Mask      string        `json:"reader"`
	Roles     []policy.Role `json:"roles"`
	Model     string        `json:"model,omitempty"`
	Unblinded bool          `json:"unblinded,omitempty"`
}

// CaseRow is a case under a number that says nothing but when it was added.
type CaseRow struct {
	ID      string `json:"id"`
	Number  int    `json:"number"`
	Patient int    `json:"patient"` // cases of one patient have the same number; pseudonyms stay here
	Images  int    `json:"images"`
	Frames  int    `json:"frames"`
	Hidden  bool   `json:"hidden,omitempty"` // the viewer has to read it: who else does, and how far they are, is not shown
}

// Cell is one assignment in the matrix of readers and cases.
type Cell struct {
	Reader  int    `json:"reader"` // index into Readers
	Case    int    `json:"case"`   // index into Cases
	Arm     string `json:"arm"`
	Session int    `json:"session"`
	State   string `json:"state"` // waiting, ready, draft, locked
	Due     string `json:"due,omitempty"`
	Late    bool   `json:"late,omitempty"`
}

// Overview is the study for those who may know its progress; ErrDenied for others. What else is in it depends on what else they may.
func (p *Project) Overview(who string) (*Overview, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	s, now := p.state, p.now()
	may := func(a policy.Action) bool { return policy.Decide(m.Roles, a, s.phaseFacts(m)).Allowed }
	if !may(policy.ViewProgress) {
		return nil, ErrDenied
	}
	out := &Overview{Name: s.name, Phase: s.phase, May: []policy.Action{}, Readers: []ReaderRow{}, Truths: slices.Clone(s.truths)}
	if out.Truths == nil {
		out.Truths = []Truth{}
	}
	for _, a := range policy.Actions {
		if may(a) {
			out.May = append(out.May, a)
		}
	}
	if r := s.current(); r != nil {
		out.Protocol = Brief(r)
	}
	for _, a := range s.pool {
		if a.Reader == "" {
			out.Pool++
		}
	}
	names, people := may(policy.ViewNames), may(policy.ManageMembers)
	var readers []*Member
	for _, o := range s.members {
		if people {
			row := MemberRow{Name: o.Name, Roles: slices.Clone(o.Roles), Model: o.Model, Unblinded: o.unblinded}
			if names {
				row.Mask = o.Mask
			}
			out.Members = append(out.Members, row)
		}
		if len(s.tasks[o.Name]) > 0 || slices.ContainsFunc(o.Roles, reads) {
			readers = append(readers, o)
		}
	}
	slices.SortFunc(out.Members, func(a, b MemberRow) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(readers, func(a, b *Member) int { return cmp.Compare(a.Mask, b.Mask) })
	for _, o := range readers {
		row := ReaderRow{Progress: s.progress(o.Name, now), Decides: slices.Contains(o.Roles, policy.Adjudicator)}
		if names {
			row.Name, row.AI = o.Name, o.AI()
		}
		out.Readers = append(out.Readers, row)
	}
	if may(policy.ManageStudy) || may(policy.ViewAgreement) {
		s.matrix(out, m, readers, now)
	}
	return out, nil
}

func reads(r policy.Role) bool {
	return r == policy.Reader || r == policy.Adjudicator || r == policy.Service
}

// Brief is the protocol in short.
func Brief(p *protocol.Protocol) *ProtocolBrief {
	b := &ProtocolBrief{Revision: p.Revision, Title: p.Title, Design: p.Design.Kind, Method: p.Adjudication.Method, Items: []ItemBrief{}}
	for _, it := range p.Items {
		b.Items = append(b.Items, ItemBrief{it.Name, it.Label, it.Kind, it.Required, it.Disagreement.Metric, it.Disagreement.Limit})
	}
	return b
}

// matrix adds the cases and who has them.
func (s *state) matrix(out *Overview, m *Member, readers []*Member, now time.Time) {
	index, patient := map[string]int{}, map[string]int{}
	for i, id := range s.caseOrder {
		c := s.cases[id]
		if patient[c.Patient] == 0 {
			patient[c.Patient] = len(patient) + 1
		}
		row := CaseRow{ID: id, Number: i + 1, Patient: patient[c.Patient], Images: len(c.Images), Hidden: s.mustRead(m, id, now)}
		for _, pic := range c.Images {
			row.Frames += pic.Frames
		}
		index[id] = i
		out.Cases = append(out.Cases, row)
	}
	for i, o := range readers {
		for _, a := range s.tasks[o.Name] {
			at := index[a.Case]
			if out.Cases[at].Hidden && o != m {
				continue
			}
			t := s.task(a, now)
			out.Cells = append(out.Cells, Cell{Reader: i, Case: at, Arm: a.Arm, Session: a.Session, State: t.State, Due: a.Due, Late: t.Late})
		}
	}
}

// PublishedProtocol is a revision as it was published.
type PublishedProtocol struct {
	Revision int       `json:"revision"`
	Digest   string    `json:"sha256"`
	At       time.Time `json:"at"`
	YAML     string    `json:"yaml"`
}

// Protocols are all revisions, for those who lay the study out or look at its results. ErrDenied for others: it says which options count as
// the disease, and which member is the AI.
func (p *Project) Protocols(who string) ([]PublishedProtocol, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	f := p.state.phaseFacts(m)
	if !policy.Decide(m.Roles, policy.ManageStudy, f).Allowed && !policy.Decide(m.Roles, policy.ViewAgreement, f).Allowed {
		return nil, ErrDenied
	}
	return slices.Clone(p.state.published), nil
}

// May asks the policy whether somebody may do something in the project as it stands: nil, ErrDenied, or ErrUnknown for who is no member.
func (p *Project) May(who string, a policy.Action) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return err
	}
	if !policy.Decide(m.Roles, a, p.state.phaseFacts(m)).Allowed {
		return ErrDenied
	}
	return nil
}

// Unmask is the member behind a mask, "" where there is none: for a server that is told masks. It must not be told on.
func (p *Project) Unmask(mask string) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, m := range p.state.members {
		if m.Mask == mask {
			return m.Name
		}
	}
	return ""
}

// Known are the SOP instance UIDs of all pictures in the project, for a server that looks for more. They must not be told on.
func (p *Project) Known() map[string]bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := map[string]bool{}
	for _, c := range p.state.cases {
		for _, pic := range c.Images {
			out[pic.SOP] = true
		}
	}
	return out
}
