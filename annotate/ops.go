package annotate

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// handler is how an op becomes an event: prepare runs without a lock, decide with it. decide may set the event's object and version, and
// returns its data.
type handler struct {
	prepare func(ctx context.Context, p *Project, who string, op Op) (any, error)
	decide  func(d *decision) (any, error)
}

type decision struct {
	p     *Project
	s     *state
	m     *Member
	op    Op
	e     *Event
	extra any
}

var handlers map[Kind]handler

func init() { // after the functions that look things up in it
	handlers = map[Kind]handler{
		MemberAdded:   {decide: (*decision).addMember},
		PhaseSet:      {decide: (*decision).setPhase},
		ProtocolSet:   {decide: (*decision).publish},
		CaseAdded:     {prepare: describeCase, decide: (*decision).addCase},
		Assigned:      {decide: (*decision).assign},
		ReadingOpened: {decide: (*decision).open},
		AnswerPut:     {prepare: completeAnswer, decide: (*decision).put},
		AnswerRemoved: {decide: (*decision).remove},
		TimeSpent:     {decide: (*decision).spend},
		ReadingLocked: {decide: (*decision).lock},
		ReadingShared: {decide: (*decision).share},
		Commented:     {decide: (*decision).comment},
		Sent:          {decide: (*decision).send},
		Decided:       {decide: (*decision).result},
		TruthSigned:   {decide: (*decision).sign},
		Unblinded:     {decide: (*decision).unblind},
		Exported:      {decide: (*decision).export},
	}
}

// parse reads an op's data strictly.
func (d *decision) parse(v any) error { return parseData(d.op, v) }

func parseData(op Op, v any) error {
	if len(op.Data) == 0 {
		return fault.New(fault.Usage, "%s without data", op.Kind)
	}
	dec := json.NewDecoder(bytes.NewReader(op.Data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fault.New(fault.Usage, "%s: its data do not fit: %w", op.Kind, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fault.New(fault.Usage, "%s: more than one value", op.Kind)
	}
	return nil
}

// may asks the policy about the project.
func (d *decision) may(a policy.Action) error {
	if !policy.Decide(d.m.Roles, a, d.s.phaseFacts(d.m)).Allowed {
		return ErrDenied
	}
	return nil
}

// reading finds a reading that the member may do a to. What they may not see is not there.
func (d *decision) reading(id string, a policy.Action) (*Reading, error) {
	r := d.s.readings[id]
	if r == nil {
		return nil, ErrUnknown
	}
	f := d.s.readingFacts(d.m, r, d.e.At)
	if policy.Decide(d.m.Roles, a, f).Allowed {
		return r, nil
	}
	if !policy.Decide(d.m.Roles, policy.ViewReading, f).Allowed {
		return nil, ErrUnknown
	}
	if r.Locked() {
		return nil, fault.New(fault.Conflict, "the reading is locked")
	}
	return nil, ErrDenied
}

var (
	memberForm = regexp.MustCompile(`^[\pL\pN][\pL\pN._@-]{0,63}$`)
	idForm     = regexp.MustCompile(`^[0-9a-f]{32}$`)
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

func (d *decision) open() (any, error) {
	a := d.s.assignments[d.op.Object]
	if a == nil || a.Reader != d.m.Name {
		return nil, ErrUnknown
	}
	if !policy.Decide(d.m.Roles, policy.OpenReading, d.s.taskFacts(d.m, a, d.e.At)).Allowed {
		if ok, why := d.s.ready(a, d.e.At); !ok {
			return nil, fault.New(fault.Conflict, "not yet: %s", why)
		}
		return nil, ErrDenied
	}
	if a.reading != "" {
		return nil, fault.New(fault.Conflict, "the reading is open already")
	}
	v := opened{Assignment: a.ID, Revision: len(d.s.protocols)}
	switch a.Arm {
	case protocol.Aided:
		v.Revealed = []string{d.s.ofAI(a.Case).ID}
	case protocol.Preferring:
		v.Revealed = a.Sources
	}
	d.e.Object = newID()
	return v, nil
}

// completed is an answer with its numbers, and what they were computed for.
type completed struct {
	v        answered
	revision int
}

// completeAnswer checks an answer and computes its numbers.
func completeAnswer(ctx context.Context, p *Project, who string, op Op) (any, error) {
	var v answered
	if err := parseData(op, &v); err != nil {
		return nil, err
	}
	if v.Answer == nil {
		return nil, fault.New(fault.Usage, "%s without an answer", op.Kind)
	}
	p.mu.RLock()
	m := p.state.members[who]
	r := p.state.readings[v.Reading]
	if m == nil || r == nil || !policy.Decide(m.Roles, policy.EditReading, p.state.readingFacts(m, r, p.now())).Allowed {
		p.mu.RUnlock()
		return nil, nil // decide says so, in one place
	}
	it, c, rev := p.state.rules(r).Item(v.Answer.Item), p.state.cases[r.Case], r.Revision
	a := p.state.assignments[r.Assignment]
	p.mu.RUnlock()
	if it == nil || a != nil && len(a.Items) > 0 && !slices.Contains(a.Items, it.Name) {
		return nil, fault.New(fault.Input, "the reading does not ask for this item")
	}
	if err := v.Answer.complete(it, c, p.pictures.calibration); err != nil {
		return nil, err
	}
	return &completed{v, rev}, ctx.Err()
}

func (d *decision) put() (any, error) {
	var v answered
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	r, err := d.reading(v.Reading, policy.EditReading)
	if err != nil {
		return nil, err
	}
	c, ok := d.extra.(*completed)
	if !ok || c.revision != r.Revision {
		return nil, fault.New(fault.Conflict, "the reading has changed: try again")
	}
	if d.op.Object != "" && !idForm.MatchString(d.op.Object) {
		return nil, fault.New(fault.Usage, "an answer's name is 32 hexadecimal digits")
	}
	if err := d.base(v.Reading); err != nil {
		return nil, err
	}
	for _, other := range r.Answers {
		if other.ID != d.e.Object && other.at() == c.v.Answer.at() {
			return nil, fault.New(fault.Conflict, "there is an answer to this already").WithHint("change that one")
		}
	}
	c.v.Answer.ID, c.v.Answer.Version = "", 0 // the event has them
	return c.v, nil
}

// base checks that the op builds on the newest version of its answer, and numbers the new one.
func (d *decision) base(reading string) error {
	id := d.op.Object
	if id == "" {
		if d.op.Base != 0 {
			return fault.New(fault.Usage, "a new answer builds on nothing")
		}
		id = newID()
	}
	owner, known := d.s.answers[id]
	if known && owner != reading {
		return ErrUnknown
	}
	if now := d.s.versions[id]; d.op.Base != now {
		return fault.New(fault.Conflict, "the answer is at version %d, this builds on %d", now, d.op.Base).WithHint("take the newer one over and try again")
	}
	d.e.Object, d.e.Version = id, d.op.Base+1
	return nil
}

func (d *decision) remove() (any, error) {
	var v ofReading
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	r, err := d.reading(v.Reading, policy.EditReading)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(r.Answers, func(a *Answer) bool { return a.ID == d.op.Object }) {
		return nil, ErrUnknown
	}
	if err := d.base(v.Reading); err != nil {
		return nil, err
	}
	return ofReading{Reading: r.ID}, nil
}

func (d *decision) spend() (any, error) {
	var v ofReading
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	r, err := d.reading(v.Reading, policy.EditReading)
	if err != nil {
		return nil, err
	}
	// Never more than has passed: a browser's clock is a claim.
	left := d.e.At.Sub(r.Opened).Seconds() - r.Seconds
	if !(v.Seconds > 0) || v.Seconds > left+1 {
		return nil, fault.New(fault.Input, "more time than has passed since the reading was opened")
	}
	return ofReading{Reading: r.ID, Seconds: v.Seconds}, nil
}

func (d *decision) lock() (any, error) {
	var v ofReading
	if len(d.op.Data) > 0 {
		if err := d.parse(&v); err != nil {
			return nil, err
		}
	}
	r, err := d.reading(d.op.Object, policy.LockReading)
	if err != nil {
		return nil, err
	}
	if missing := d.missing(r); len(missing) > 0 {
		return nil, fault.New(fault.Input, "still to be answered: %s", strings.Join(missing, ", "))
	}
	out := ofReading{Reading: r.ID}
	if r.Arm == protocol.Deciding {
		if strings.TrimSpace(v.Reason) == "" {
			return nil, fault.New(fault.Input, "a decision has a reason")
		}
		out.Method, out.Reason = d.s.rules(r).Adjudication.Method, v.Reason
		if !slices.Contains([]string{"third", "panel"}, out.Method) {
			out.Method = "third"
		}
	}
	return out, nil
}

// missing are the required items without an answer. Masks, measurements and frames have to be there once, labels of images for every image.
func (d *decision) missing(r *Reading) (out []string) {
	a := d.s.assignments[r.Assignment]
	for _, it := range d.s.rules(r).Items {
		if !it.Required || len(a.Items) > 0 && !slices.Contains(a.Items, it.Name) {
			continue
		}
		images := map[int]bool{}
		for _, x := range r.Answers {
			if x.Item == it.Name {
				images[x.Image] = true
			}
		}
		label := it.Kind == protocol.Choice || it.Kind == protocol.Multi || it.Kind == protocol.Ordinal
		if len(images) == 0 || it.Scope == protocol.Image && label && len(images) < len(d.s.cases[r.Case].Images) {
			out = append(out, it.Label)
		}
	}
	return out
}

func (d *decision) share() (any, error) {
	var v ofReading
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	r, err := d.reading(v.Reading, policy.ShareReading)
	if err != nil {
		return nil, err
	}
	for _, name := range v.With {
		m := d.s.members[name]
		if m == nil || m.AI() || name == d.m.Name || d.s.mustRead(m, r.Case, d.e.At) {
			return nil, fault.New(fault.Input, "it can't be shared with everybody named: they have to read the case themselves, or are no readers here")
		}
	}
	slices.Sort(v.With)
	return ofReading{Reading: r.ID, With: slices.Compact(v.With)}, nil
}

func (d *decision) comment() (any, error) {
	var v ofReading
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	r, err := d.reading(v.Reading, policy.Comment)
	if err != nil {
		return nil, err
	}
	c := d.s.cases[r.Case]
	if v.Text == "" || len(v.Text) > 10_000 || v.Image < 0 || v.Image > len(c.Images) || v.Frame < 0 || v.Image > 0 && v.Frame >= c.Images[v.Image-1].Frames {
		return nil, fault.New(fault.Input, "a comment has a text, and a place in the case or none")
	}
	return ofReading{Reading: r.ID, Text: v.Text, Image: v.Image, Frame: v.Frame}, nil
}

// sending is what a disagreement is sent with.
type sending struct {
	Case        string   `json:"case"`
	Items       []string `json:"items"`
	Adjudicator []string `json:"adjudicators"`
	Reason      string   `json:"reason"`
	Due         string   `json:"due,omitempty"`
}

func (d *decision) send() (any, error) {
	var v struct {
		Cases []sending `json:"cases"`
	}
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	if err := d.may(policy.Dispatch); err != nil {
		return nil, err
	}
	out := assigned{Revision: len(d.s.protocols)}
	for _, c := range v.Cases {
		list, err := d.toAdjudicators(c)
		if err != nil {
			return nil, err
		}
		out.Assignments = append(out.Assignments, list...)
	}
	if len(out.Assignments) == 0 {
		return nil, fault.New(fault.Input, "nothing was sent")
	}
	return out, nil
}

func (d *decision) toAdjudicators(v sending) (out []*Assignment, err error) {
	p := d.s.current()
	if p == nil || d.s.cases[v.Case] == nil || v.Reason == "" || len(v.Adjudicator) == 0 {
		return nil, fault.New(fault.Input, "what is sent to adjudication has a case, a reason and somebody who decides")
	}
	for _, name := range v.Items {
		if p.Item(name) == nil {
			return nil, fault.New(fault.Input, "there is no item of that name")
		}
	}
	var sources []string
	for _, id := range d.s.order {
		r := d.s.readings[id]
		by := d.s.members[r.Reader]
		if r.Case != v.Case || !r.Locked() || by == nil || r.Arm == protocol.Deciding || r.Arm == protocol.Preferring || r.Session > 1 && r.Arm == protocol.Unaided && p.Design.Repeat > 0 {
			continue
		}
		if by.AI() && !p.Adjudication.SeeAI || !by.AI() && !p.Adjudication.SeeReads {
			continue
		}
		sources = append(sources, id)
	}
	for _, name := range v.Adjudicator {
		m := d.s.members[name]
		if m == nil || !slices.Contains(m.Roles, policy.Adjudicator) || d.s.hasRead(name, v.Case) {
			return nil, fault.New(fault.Input, "a decision is made by an adjudicator who has not read the case")
		}
		for _, a := range d.s.tasks[name] {
			if a.Case == v.Case && a.Arm == protocol.Deciding {
				if _, done := d.s.locked(a.ID); !done {
					return nil, fault.New(fault.Conflict, "the case is with this adjudicator already")
				}
			}
		}
		mine := slices.Clone(sources)
		d.s.seed.Stream("sources", name, v.Case).Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		out = append(out, &Assignment{ID: newID(), Reader: name, Case: v.Case, Arm: protocol.Deciding, Session: 1, Order: len(d.s.tasks[name]) + 1,
			Sources: mine, Items: v.Items, Reason: v.Reason, Due: v.Due})
	}
	return out, nil
}

// hasRead says that somebody has read the case, or is to.
func (s *state) hasRead(name, id string) bool {
	return slices.ContainsFunc(s.tasks[name], func(a *Assignment) bool { return a.Case == id && a.Arm != protocol.Deciding })
}

func (d *decision) result() (any, error) {
	var v decided
	if err := d.parse(&v); err != nil {
		return nil, err
	}
	if err := d.may(policy.Dispatch); err != nil {
		return nil, err
	}
	if d.s.cases[v.Case] == nil || len(v.DerivedFrom) == 0 || v.Rationale == "" || len(v.Answers) == 0 || !slices.Contains(protocol.Methods, v.Method) {
		return nil, fault.New(fault.Input, "a result has a case, a method, a reason, answers, and the readings that it comes from")
	}
	for _, id := range v.DerivedFrom {
		if r := d.s.readings[id]; r == nil || r.Case != v.Case || !r.Locked() {
			return nil, fault.New(fault.Input, "a result comes from locked readings of its case")
		}
	}
	for _, a := range v.Answers {
		if d.s.current().Item(a.Item) == nil {
			return nil, fault.New(fault.Input, "there is no item of that name")
		}
	}
	d.e.Object = newID()
	return v, nil
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
