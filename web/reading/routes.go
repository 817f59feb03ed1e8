package reading

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/trail"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/web/reading/oidc"
)

// route is one way in.
type route struct {
	Method, Path string
	Asks         []policy.Action // of the policy, through the project; none: that one is a member
	ByKind       bool            // which of them is asked follows from the op; see opAsks
	Open         bool            // without a session
	Passive      bool            // is no use of the session: it does not keep it
	Page         bool            // whoever has no session is sent to log in
	Logged       bool            // as a query in the access log; pictures and ops have entries of their own
	MaxBody      int64
	Does         string // for people

	handle func(w http.ResponseWriter, r *http.Request, v *visitor) error
}

const (
	maxLogin   = 4 << 10
	maxMeasure = 1 << 20
	maxOp      = 6 << 20 // an event has to fit into an entry of the log
)

// routes are everything there is.
func (s *Server) routes() []route {
	return []route{
		{Method: "POST", Path: "/api/session", Open: true, MaxBody: maxLogin, handle: s.postSession, Does: "log in: `{name, password}`; 204 and the cookie"},
		{Method: "GET", Path: "/api/session", handle: s.getSession, Does: "how long the session's last proof holds, and how a new one is given"},
		{Method: "POST", Path: "/api/session/step-up", MaxBody: maxLogin, handle: s.postStepUp, Does: "`{password}` once more, before unblinding, exporting or signing; 204"},
		{Method: "DELETE", Path: "/api/session", handle: s.deleteSession, Does: "log out; 204"},
		{Method: "GET", Path: "/api/me", Logged: true, handle: s.getMe, Does: "name, roles, and whether one is a model"},
		{Method: "GET", Path: "/api/protocol", Logged: true, handle: s.getProtocol, Does: "what is asked"},
		{Method: "GET", Path: "/api/worklist", Asks: []policy.Action{policy.OwnProgress}, Logged: true, handle: s.getWorklist, Does: "one's own assignments in their order"},
		{Method: "GET", Path: "/api/progress", Asks: []policy.Action{policy.ViewProgress}, Logged: true, handle: s.getProgress, Does: "how far each masked reader is"},
		{Method: "GET", Path: "/api/pool", Asks: []policy.Action{policy.TakeCase, policy.ViewProgress}, Logged: true, handle: s.getPool, Does: "whether there is a case left to take, and for those who may know of progress how many"},
		{Method: "GET", Path: "/api/cases/{id}", Asks: []policy.Action{policy.ViewCase}, Logged: true, handle: s.getCase, Does: "pictures of an assignment: size, depth, windows, times, marks, places in the patient"},
		{Method: "GET", Path: "/api/cases/{id}/images/{image}/frames/{frame}", Asks: []policy.Action{policy.ViewCase}, handle: s.getFrame, Does: "the pixels of a frame"},
		{Method: "POST", Path: "/api/cases/{id}/measure", Asks: []policy.Action{policy.ViewCase}, MaxBody: maxMeasure, Logged: true, handle: s.postMeasure, Does: "`{shapes}` to numbers, without writing"},
		{Method: "GET", Path: "/api/readings/{id}", Asks: []policy.Action{policy.ViewReading}, Logged: true, handle: s.getReading, Does: "a reading as one may see it"},
		{Method: "GET", Path: "/api/readings/{id}/comments", Asks: []policy.Action{policy.ViewComments, policy.Comment}, Logged: true, handle: s.getComments, Does: "what was said of a reading, as one may see it"},
		{Method: "GET", Path: "/api/shared", Asks: []policy.Action{policy.ViewReading}, Logged: true, handle: s.getShared, Does: "readings that others shared with one"},
		{Method: "POST", Path: "/api/live", Asks: []policy.Action{policy.Attend, policy.EditReading}, Passive: true, MaxBody: 2 * maxLive, handle: s.postLive, Does: "where one is, what one draws and paints, without a socket"},
		{Method: "POST", Path: "/api/ops", Asks: opActions, ByKind: true, MaxBody: maxOp, handle: s.postOp, Does: "an op; its receipt"},
		{Method: "GET", Path: "/api/events", Asks: []policy.Action{policy.ViewReading, policy.ViewProgress}, Logged: true, handle: s.getEvents, Does: "one's stream, and over a WebSocket ops too"},

		{Method: "GET", Path: "/api/study", Asks: []policy.Action{policy.ViewProgress}, Logged: true, handle: s.getStudy, Does: "the study for those who lay it out or watch over it: readers by mask, cases by number"},
		{Method: "GET", Path: "/api/study/protocol", Asks: []policy.Action{policy.ManageStudy, policy.ViewAgreement}, Logged: true, handle: s.getProtocols, Does: "all revisions as they were published"},
		{Method: "POST", Path: "/api/study/protocol/check", Asks: []policy.Action{policy.ManageStudy}, MaxBody: maxMeasure, Logged: true, handle: s.postProtocolCheck, Does: "`{yaml}` to its faults by line, without publishing"},
		{Method: "POST", Path: "/api/study/preview", Asks: []policy.Action{policy.ManageStudy}, MaxBody: maxMeasure, Logged: true, handle: s.postPreview, Does: "what an op would come to: assign, phase.set, protocol.publish"},
		{Method: "POST", Path: "/api/study/members", Asks: []policy.Action{policy.ManageMembers}, MaxBody: maxLogin, Logged: true, handle: s.postMember, Does: "add a member, `{name, roles, model, password}`; a password that was made up, once"},
		{Method: "POST", Path: "/api/study/passwords", Asks: []policy.Action{policy.ManageMembers}, MaxBody: maxLogin, Logged: true, handle: s.postPassword, Does: "a new password of a member, `{name}`, told once"},
		{Method: "GET", Path: "/api/study/sources", Asks: []policy.Action{policy.ManageStudy}, Logged: true, handle: s.getSources, Does: "names of the folders that cases may come from"},
		{Method: "POST", Path: "/api/study/sources/search", Asks: []policy.Action{policy.ManageStudy}, MaxBody: maxLogin, Logged: true, handle: s.postSearch, Does: "studies in a source, `{source, modality, min_frames}`"},
		{Method: "POST", Path: "/api/study/cases", Asks: []policy.Action{policy.ManageStudy}, MaxBody: maxMeasure, Logged: true, handle: s.postCases, Does: "make studies of a source cases, `{source, studies}`"},
		{Method: "GET", Path: "/api/agreement", Asks: []policy.Action{policy.ViewAgreement}, Logged: true, handle: s.getAgreement, Does: "what `cineloop agreement --json` prints"},
		{Method: "GET", Path: "/api/agreement/charts", Asks: []policy.Action{policy.ViewAgreement}, Logged: true, handle: s.getCharts, Does: "which charts there are"},
		{Method: "GET", Path: "/api/agreement/chart", Asks: []policy.Action{policy.ViewAgreement}, Logged: true, handle: s.getChart, Does: "a chart as SVG: `kind=pair&item=&arm=&a=&b=` or `kind=roc&item=`, `theme=dark`"},
		{Method: "POST", Path: "/api/agreement/queue", Asks: []policy.Action{policy.ViewAgreement}, MaxBody: maxMeasure, Logged: true, handle: s.postQueue, Does: "what readers disagree on, `{limits}` other than the protocol's"},
		{Method: "POST", Path: "/api/adjudication", Asks: []policy.Action{policy.Dispatch}, MaxBody: maxMeasure, Logged: true, handle: s.postAdjudication, Does: "send disagreements to adjudicators by mask, or settle them by a rule"},
		{Method: "POST", Path: "/api/export", Asks: []policy.Action{policy.Export}, MaxBody: maxLogin, handle: s.postExport, Does: "`{formats}` to one zip with its manifest"},
		{Method: "POST", Path: "/api/exports", Asks: []policy.Action{policy.Export}, MaxBody: maxLogin, handle: s.postExportJob, Does: "begin an export, `{formats}`; 202 and its id"},
		{Method: "GET", Path: "/api/exports/{id}", handle: s.getExportJob, Does: "how far one's own export is"},
		{Method: "GET", Path: "/api/exports/{id}/zip", handle: s.getExportZip, Does: "its zip, once"},
		{Method: "DELETE", Path: "/api/exports/{id}", handle: s.deleteExportJob, Does: "give it up; 204"},
		{Method: "GET", Path: "/api/audit", Asks: []policy.Action{policy.ViewAccess}, Logged: true, handle: s.getAudit, Does: "the access log, newest first, `event`, `who`, `before`, `limit`; how both chains stand"},

		{Method: "GET", Path: "/login", Open: true, handle: s.pageLogin, Does: "page: log in"},
		{Method: "POST", Path: "/login", Open: true, MaxBody: maxLogin, handle: s.formLogin, Does: "form: log in"},
		{Method: "GET", Path: "/login/oidc", Open: true, handle: s.beginOIDC, Does: "to the organisation's log-in; with `?step-up` for a fresh proof"},
		{Method: "GET", Path: oidc.CallbackPath, Open: true, handle: s.endOIDC, Does: "back from there"},
		{Method: "POST", Path: "/logout", Page: true, handle: s.formLogout, Does: "form: log out"},
		{Method: "GET", Path: "/{$}", Page: true, handle: pageApp, Does: "page: worklist"},
		{Method: "GET", Path: "/cases/{id}", Page: true, handle: pageApp, Does: "page: read a case"},
		{Method: "GET", Path: "/study", Page: true, handle: pageApp, Does: "page: the study, for those who run it"},
		{Method: "GET", Path: "/study/{part}", Page: true, handle: pageApp, Does: "page: a part of it"},
		{Method: "GET", Path: "/decide/{id}", Page: true, handle: pageApp, Does: "page: decide between readings"},
		{Method: "GET", Path: "/assets/{file}", Open: true, handle: asset, Does: "a file of the app"},
	}
}

// opActions are what ops ask of the policy.
var opActions = []policy.Action{policy.ManageMembers, policy.ManageStudy, policy.OpenReading, policy.TakeCase, policy.EditReading, policy.LockReading, policy.ShareReading, policy.Comment,
	policy.Dispatch, policy.Unblind}

// kinds that a browser may ask for. Cases name files of this machine, and truths and exports are made by whoever holds the folder: these are
// not among them.
var kinds = map[annotate.Kind]bool{annotate.PhaseSet: true, annotate.MemberAdded: true, annotate.ProtocolSet: true, annotate.Assigned: true, annotate.ReadingOpened: true,
	annotate.AnswerPut: true, annotate.AnswerRemoved: true, annotate.TimeSpent: true, annotate.ReadingLocked: true, annotate.ReadingShared: true, annotate.Commented: true,
	annotate.Sent: true, annotate.Unblinded: true, annotate.CaseTaken: true, annotate.PutBack: true, annotate.DueSet: true}

// perform takes an op of a visitor, wherever it came from. The access log says that it was asked for before it is done.
func (s *Server) perform(ctx context.Context, v *visitor, op annotate.Op) (receipt, error) {
	if !kinds[op.Kind] {
		return receipt{}, annotate.ErrDenied
	}
	if len(op.ID) > 128 {
		return receipt{}, fault.New(fault.Usage, "an op's name has at most 128 bytes")
	}
	if opNeedsProof(op.Kind) {
		if err := s.needProof(v); err != nil {
			return receipt{}, err
		}
	}
	if err := v.session.ops.Wait(ctx); err != nil {
		return receipt{}, fault.New(fault.Interrupted, "the op was given up")
	}
	if err := s.log.add(entry{Event: trail.EventOf(op.Kind), Who: v.who, Session: v.session.tag, Kind: string(op.Kind), Object: op.Object}); err != nil {
		return receipt{}, err
	}
	e, err := s.project.Do(ctx, v.who, op)
	if err != nil {
		return receipt{}, err
	}
	if err := s.revealed(v, e); err != nil {
		return receipt{}, err
	}
	return receipt{Op: op.ID, Kind: e.Kind, Object: e.Object, Version: e.Version, Data: e.Data}, nil
}

// receipt is what becomes of an op that was taken.
type receipt struct {
	Op      string          `json:"op,omitempty"`
	Kind    annotate.Kind   `json:"kind"`
	Object  string          `json:"object,omitempty"`
	Version int             `json:"version,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"` // an answer with its numbers
}

func (s *Server) postSession(w http.ResponseWriter, r *http.Request, _ *visitor) error {
	var in struct{ Name, Password string }
	if err := read(r, &in); err != nil {
		return err
	}
	if err := s.login(w, r, in.Name, in.Password); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) deleteSession(w http.ResponseWriter, r *http.Request, v *visitor) error {
	if err := s.logout(w, r, v); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) getMe(w http.ResponseWriter, _ *http.Request, v *visitor) error {
	m, err := s.project.Me(v.who)
	return tell(w, map[string]any{"name": m.Name, "roles": m.Roles, "model": m.Model}, err)
}

func (s *Server) getWorklist(w http.ResponseWriter, _ *http.Request, v *visitor) error {
	list, err := s.project.Worklist(v.who)
	return tell(w, list, err)
}

func (s *Server) getProgress(w http.ResponseWriter, _ *http.Request, v *visitor) error {
	list, err := s.project.Progress(v.who)
	return tell(w, list, err)
}

func (s *Server) getReading(w http.ResponseWriter, r *http.Request, v *visitor) error {
	view, err := s.project.Reading(v.who, r.PathValue("id"))
	return tell(w, view, err)
}

func (s *Server) postMeasure(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var in struct {
		Shapes []annotate.Drawn `json:"shapes"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	results, err := s.project.Preview(v.who, r.PathValue("id"), in.Shapes)
	return tell(w, map[string]any{"results": results}, err)
}

func (s *Server) postOp(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var op annotate.Op
	if err := read(r, &op); err != nil {
		return err
	}
	out, err := s.perform(r.Context(), v, op)
	return tell(w, out, err)
}
