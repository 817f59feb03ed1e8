package reading

import (
	"net/http"
	"slices"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/trail"
	"github.com/cineloop/cineloop/internal/fault"
)

// Some actions need a fresh proof of who asks: the password once more, or the identity provider's word that it has just asked for it. Which
// these are is annotate/policy's to say (policy.Fresh). A route needs nothing of its own: where the actions in its Asks need a proof, guard
// demands it before the handler runs. Ops are looked up by kind, below. A handler that finds out later what it is asked for calls needProof.
//
// Without a proof the answer is 403 with the code step_up: the browser asks for the password, sends it to POST /api/session/step-up (or goes to
// /login/oidc?step-up) and tries again.

// errStepUp is told with the code codeStepUp.
var errStepUp = fault.New(fault.Usage, "this needs your password once more")

const codeStepUp = "step_up"

// opAsks is what each kind of op asks of the policy. A kind that is not here needs a fresh proof.
var opAsks = map[annotate.Kind]policy.Action{
	annotate.MemberAdded: policy.ManageMembers, annotate.PhaseSet: policy.ManageStudy, annotate.ProtocolSet: policy.ManageStudy, annotate.CaseAdded: policy.ManageStudy,
	annotate.Assigned: policy.ManageStudy, annotate.ReadingOpened: policy.OpenReading, annotate.AnswerPut: policy.EditReading, annotate.AnswerRemoved: policy.EditReading,
	annotate.TimeSpent: policy.EditReading, annotate.ReadingLocked: policy.LockReading, annotate.ReadingShared: policy.ShareReading, annotate.Commented: policy.Comment,
	annotate.Sent: policy.Dispatch, annotate.Decided: policy.Dispatch, annotate.TruthSigned: policy.SignTruth, annotate.Unblinded: policy.Unblind, annotate.Exported: policy.Export,
	annotate.CaseTaken: policy.TakeCase, annotate.PutBack: policy.ManageStudy, annotate.DueSet: policy.ManageStudy,
}

// opNeedsProof says whether an op of this kind needs a fresh proof.
func opNeedsProof(kind annotate.Kind) bool {
	a, known := opAsks[kind]
	return !known || policy.Fresh(a)
}

// needsProof says whether the route needs one before its handler is asked.
func (rt route) needsProof() bool {
	if rt.ByKind {
		return false
	}
	return slices.ContainsFunc(rt.Asks, policy.Fresh)
}

// event is what the access log says of a request before its handler runs; "": the handler says it.
func (rt route) event() string {
	if !rt.ByKind {
		for a, event := range map[policy.Action]string{policy.Export: trail.Export, policy.SignTruth: trail.Sign, policy.Unblind: trail.Unblind} {
			if slices.Contains(rt.Asks, a) {
				return event
			}
		}
	}
	if rt.Logged {
		return trail.Query
	}
	return ""
}

// needProof is nil where the visitor has proved who they are within Options.Fresh.
func (s *Server) needProof(v *visitor) error {
	if v.session == nil || s.sessions.fresh(v.session) <= 0 {
		return errStepUp
	}
	return nil
}

// fresh is for how long the session's last proof still holds. Logging in is none: the proof belongs to what it is given for.
func (s *sessions) fresh(v *session) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.proved.IsZero() {
		return 0
	}
	return max(0, s.opts.Fresh-s.now().Sub(v.proved))
}

// prove notes a proof; false where the session has ended meanwhile.
func (s *sessions) prove(v *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[v.key] != v || !s.holds(v.key, v) {
		return false
	}
	v.proved = s.now()
	return true
}

func (s *Server) postStepUp(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var in struct{ Password string }
	if err := read(r, &in); err != nil {
		return err
	}
	back, err := s.attempt(r, v.who)
	if err != nil {
		return err
	}
	if !s.users.Check(v.who, in.Password) {
		_ = s.log.add(entry{Event: trail.StepUpRefused, Who: v.who, Session: v.session.tag, From: remote(r)})
		return errStepUpWrong
	}
	back()
	if err := s.stepUp(v.session); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// errStepUpWrong asks again: the session goes on.
var errStepUpWrong = fault.New(fault.Usage, "the password is wrong")

// stepUp notes a proof once the log has it.
func (s *Server) stepUp(v *session) error {
	if !s.sessions.alive(v) {
		return errNobody
	}
	if err := s.log.durable(entry{Event: trail.StepUp, Who: v.who, Session: v.tag}); err != nil {
		return err
	}
	if !s.sessions.prove(v) {
		return errNobody
	}
	return nil
}

// sessionView is what a browser may know of its session.
type sessionView struct {
	Name   string   `json:"name"`
	Fresh  int      `json:"fresh_seconds"` // for which the last proof still holds
	Proofs []string `json:"proofs"`        // by which a new one can be given: password, oidc
	Idle   int      `json:"idle_seconds"`  // without use, after which the session ends
}

func (s *Server) getSession(w http.ResponseWriter, _ *http.Request, v *visitor) error {
	out := sessionView{Name: v.who, Fresh: int(s.sessions.fresh(v.session) / time.Second), Proofs: []string{}, Idle: int(s.opts.Idle / time.Second)}
	if _, ok := s.users.Stamp(v.who); ok {
		out.Proofs = append(out.Proofs, "password")
	}
	if s.issuer != nil && v.session.by == "oidc" {
		out.Proofs = append(out.Proofs, "oidc")
	}
	return tell(w, out, nil)
}
