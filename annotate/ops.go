package annotate

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"regexp"

	"github.com/cineloop/cineloop/annotate/policy"
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
		CaseTaken:     {decide: (*decision).takeNext},
		PutBack:       {decide: (*decision).putBack},
		DueSet:        {decide: (*decision).setDue},
		Ordered:       {decide: (*decision).setOrder},
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
	r, there := d.s.lookUp(id)
	f := d.s.readingFacts(d.m, r, d.e.At)
	if !there {
		return nil, ErrUnknown
	}
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
