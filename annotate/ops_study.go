package annotate

import (
	"context"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

func (d *decision) addMember() (any, error) {
	var m Member
	if err := d.parse(&m); err != nil {
		return nil, err
	}
	if err := d.may(policy.ManageMembers); err != nil {
		return nil, err
	}
	switch {
	case !memberForm.MatchString(m.Name):
		return nil, fault.New(fault.Usage, "a member's name is of letters, digits and . _ @ -, at most 64")
	case d.s.members[m.Name] != nil:
		return nil, fault.New(fault.Conflict, "there is a member of that name")
	case len(m.Roles) == 0:
		return nil, fault.New(fault.Usage, "a member has one role at least: %v", policy.Roles)
	case m.AI() != slices.Contains(m.Roles, policy.Service) || m.AI() && len(m.Roles) > 1:
		return nil, fault.New(fault.Usage, "a model has its name and version, the role service, and no other")
	case len(m.Model) > 200:
		return nil, fault.New(fault.Usage, "the model's name is too long")
	}
	for _, r := range m.Roles {
		if !slices.Contains(policy.Roles, r) {
			return nil, fault.New(fault.Usage, "there is no role %q", string(r))
		}
	}
	m.Mask = newMask()
	for _, other := range d.s.members {
		if other.Mask == m.Mask { // one in four thousand million
			return nil, fault.New(fault.Internal, "a mask was drawn twice: try again")
		}
	}
	return m, nil
}

func (d *decision) setPhase() (any, error) {
	var v phased
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	phases := []Phase{Setup, InReading, Adjudicating, Closed}
	if err := d.may(policy.ManageStudy); err != nil {
		return nil, err
	}
	from, to := slices.Index(phases, d.s.phase), slices.Index(phases, v.Phase)
	switch {
	case to < 0:
		return nil, fault.New(fault.Usage, "the phases are %v", phases)
	case to < from || to == from:
		return nil, fault.New(fault.Conflict, "the study is in its phase %s, and phases do not come back", d.s.phase)
	case v.Phase != Closed && len(d.s.assignments) == 0:
		return nil, fault.New(fault.Conflict, "there is nothing to read: publish a protocol, add cases and readers, assign")
	}
	return v, nil
}

func (d *decision) publish() (any, error) {
	var v published
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	if err := d.may(policy.ManageStudy); err != nil {
		return nil, err
	}
	p, err := protocol.Read("protocol", []byte(v.YAML))
	if err != nil {
		return nil, err
	}
	if want := len(d.s.protocols) + 1; p.Revision != want {
		return nil, fault.New(fault.Conflict, "revision %d of the protocol is next, not %d", want, p.Revision)
	}
	return published{p.Revision, protocol.Digest([]byte(v.YAML)), v.YAML}, nil
}

// describeCase reads the pictures of a case.
func describeCase(ctx context.Context, p *Project, who string, op Op) (any, error) {
	var c struct {
		Patient string   `json:"patient"`
		Files   []string `json:"files"`
	}
	if err := parseData(op, &c); err != nil {
		return nil, err
	}
	p.mu.RLock()
	m := p.state.members[who]
	allowed := m != nil && policy.Decide(m.Roles, policy.ManageStudy, p.state.phaseFacts(m)).Allowed
	p.mu.RUnlock()
	if !allowed { // before anything is read for them
		return nil, ErrDenied
	}
	if len(c.Files) == 0 {
		return nil, fault.New(fault.Usage, "a case has pictures")
	}
	out := &Case{Patient: c.Patient}
	for _, f := range c.Files {
		pic, err := p.pictures.describe(ctx, f)
		if err != nil {
			return nil, err
		}
		out.Images = append(out.Images, pic)
	}
	return out, nil
}

func (d *decision) addCase() (any, error) {
	if err := d.may(policy.ManageStudy); err != nil {
		return nil, err
	}
	c := d.extra.(*Case)
	for _, other := range d.s.cases {
		if slices.EqualFunc(other.Images, c.Images, func(a, b Picture) bool { return a.Digest == b.Digest }) {
			return nil, fault.New(fault.Conflict, "these pictures are a case already")
		}
	}
	c.ID = newID()
	d.e.Object = c.ID
	return c, nil
}

func (d *decision) assign() (any, error) {
	if err := d.may(policy.ManageStudy); err != nil {
		return nil, err
	}
	p := d.s.current()
	if p == nil {
		return nil, fault.New(fault.Conflict, "there is no protocol yet")
	}
	for _, a := range d.s.assignments {
		if a.Arm != protocol.Deciding && (p.Design.Kind != protocol.Preference) == (a.Arm != protocol.Preferring) {
			return nil, fault.New(fault.Conflict, "the cases are assigned already")
		}
	}
	var readers []*Member
	for _, m := range d.s.members {
		readers = append(readers, m)
	}
	list, err := layout(p.Design, d.s.seed, readers, d.s.caseOrder, func(id string) (out []*Reading) {
		for _, rid := range d.s.order {
			if r := d.s.readings[rid]; r.Case == id && r.Locked() {
				out = append(out, r)
			}
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	return assigned{p.Revision, list}, nil
}

func (d *decision) sign() (any, error) {
	var v Truth
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	if err := d.may(policy.SignTruth); err != nil {
		return nil, err
	}
	if v.Version != len(d.s.truths)+1 || v.Digest == "" || v.Signature == "" {
		return nil, fault.New(fault.Conflict, "version %d of the truth is next, with digest and signature", len(d.s.truths)+1)
	}
	return v, nil
}

func (d *decision) unblind() (any, error) {
	var v unblinding
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	if err := d.may(policy.Unblind); err != nil {
		return nil, err
	}
	if d.s.members[v.Member] == nil || strings.TrimSpace(v.Reason) == "" {
		return nil, fault.New(fault.Input, "unblinding is of a member, with a reason")
	}
	return v, nil
}

func (d *decision) export() (any, error) {
	var v struct {
		Formats []string `json:"formats"`
		Digest  string   `json:"sha256"`
	}
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	return v, d.may(policy.Export)
}
