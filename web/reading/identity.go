package reading

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/cineloop/cineloop/annotate/trail"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/web/reading/oidc"
)

// Logging in with the hospital's identity provider. The browser leaves at /login/oidc with a short-lived cookie of its own, SameSite=Lax: it comes
// back from another site, and the session's cookie, which is Strict, does not travel then. For the same reason the answer to its return is a page
// that goes on by itself, and no redirect.

// errNotHere answers whom the issuer knows and this project does not. It says nothing of the project.
var errNotHere = fault.New(fault.Usage, "you are known to your organisation, but have no access here: ask whoever sent you")

// errOther answers a proof that is of another member than the session's.
var errOther = fault.New(fault.Usage, "this is another account than the one you work with here")

// sentences are what people are told; the log has the reason.
var sentences = map[oidc.Reason]string{
	oidc.Unavailable: "your organisation's log-in can't be reached now: try again later",
	oidc.State:       "this log-in was not begun in this browser, took too long, or is over: begin again",
	oidc.Nonce:       "this log-in was not begun in this browser, took too long, or is over: begin again",
	oidc.Code:        "this log-in was not begun in this browser, took too long, or is over: begin again",
	oidc.Declined:    "you were not logged in",
	oidc.Expired:     "the clocks of your organisation's log-in and of this server differ: tell whoever runs it",
	oidc.Clock:       "the clocks of your organisation's log-in and of this server differ: tell whoever runs it",
	oidc.Claim:       "your organisation's log-in does not say who you are: tell whoever runs it",
	oidc.NotFresh:    "your organisation's log-in did not ask who you are: tell whoever runs it",
}

func sentence(err error) error {
	why := oidc.ReasonOf(err)
	if why == "" {
		return err
	}
	text := sentences[why]
	if text == "" {
		text = "the answer of your organisation's log-in can't be trusted: tell whoever runs it"
	}
	code := fault.Usage
	if why == oidc.Unavailable {
		code = fault.Missing
	}
	return fault.New(code, "%s", text)
}

// beginOIDC sends the browser to the issuer: to log in, or with ?step-up to prove once more who it is.
func (s *Server) beginOIDC(w http.ResponseWriter, r *http.Request, _ *visitor) error {
	if s.issuer == nil {
		return s.pageError(w, r, errNoIssuer)
	}
	p := &pending{next: localPath(r.URL.Query().Get("next"))}
	if r.URL.Query().Has("step-up") {
		v, ok := s.sessions.find(r, false)
		if !ok {
			http.Redirect(w, r, oidc.LoginPath, http.StatusSeeOther)
			return nil
		}
		p.session = v
	}
	if _, ok := s.attempts.take(byBeginning, origin(r.RemoteAddr), s.now()); !ok {
		return s.pageError(w, r, errOften)
	}
	var to string
	var err error
	if p.attempt, to, err = s.issuer.Begin(r.Context(), p.session != nil); err != nil {
		s.tellOperator(r.Context(), err)
		return s.pageError(w, r, sentence(err))
	}
	s.pending.put(w, p, s.now())
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// endOIDC takes what the browser brings back.
func (s *Server) endOIDC(w http.ResponseWriter, r *http.Request, _ *visitor) error {
	if s.issuer == nil {
		return s.pageError(w, r, errNoIssuer)
	}
	back, ok := s.attempts.take(byAddress, origin(r.RemoteAddr), s.now())
	if !ok {
		return s.pageError(w, r, errOften)
	}
	p := s.pending.take(w, r, s.now())
	err := s.finishOIDC(w, r, p)
	if err != nil {
		return s.pageError(w, r, err)
	}
	back()
	// Not a redirect: the browser would take it for the other site's, and leave the session's cookie out.
	if p.session == nil || p.next != "" {
		w.Header().Set("Refresh", "0;url="+cmp.Or(p.next, "/"))
	}
	return show(w, http.StatusOK, "entered.html", map[string]any{"Next": cmp.Or(p.next, "/"), "StepUp": p.session != nil})
}

func (s *Server) finishOIDC(w http.ResponseWriter, r *http.Request, p *pending) error {
	refused, who, tag := trail.LoginRefused, "", ""
	var attempt *oidc.Attempt
	if p != nil {
		attempt = p.attempt
		if p.session != nil {
			refused, who, tag = trail.StepUpRefused, p.session.who, p.session.tag
		}
	}
	id, err := s.issuer.Finish(r.Context(), attempt, r.URL.Query())
	if err != nil {
		s.tellOperator(r.Context(), err)
		_ = s.log.add(entry{Event: refused, Who: who, Session: tag, By: "oidc", From: remote(r), Code: string(oidc.ReasonOf(err))})
		return sentence(err)
	}
	name, still := s.memberOf(id.Claim)
	switch {
	case !still(): // what the issuer calls them stays out of the log: they are nobody here
		_ = s.log.add(entry{Event: refused, Who: who, Session: tag, By: "oidc", From: remote(r), Code: "no member"})
		return errNotHere
	case p.session == nil:
		return s.enter(w, r, name, "oidc", still)
	case name != p.session.who:
		_ = s.log.add(entry{Event: refused, Who: who, Session: tag, By: "oidc", From: remote(r), Code: "other member"})
		return errOther
	}
	return s.stepUp(p.session)
}

// memberOf is the member that the issuer's claim stands for. still says whether it does: asked of the file each time, so that whoever is taken out of
// it, or out of the project, is out.
func (s *Server) memberOf(claim string) (name string, still func() bool) {
	name, _ = s.issuer.Member(claim)
	return name, func() bool {
		c, err := oidc.Read(s.project.Dir())
		if err != nil || !c.Same(s.issuer.Config) {
			return false
		}
		now, ok := c.Member(claim)
		m, err := s.project.Me(name)
		return ok && now == name && err == nil && !m.AI() // models have passwords
	}
}

// tellOperator writes why a login with the issuer came to nothing where whoever runs the server looks.
func (s *Server) tellOperator(ctx context.Context, err error) {
	if s.opts.Log != nil {
		s.opts.Log.WarnContext(ctx, "log-in with the issuer", "reason", string(oidc.ReasonOf(err)), "error", err.Error())
	}
}

var errNoIssuer = fault.New(fault.NotFound, "there is no such way to log in here")

// pageError shows an error on the page where one logs in.
func (s *Server) pageError(w http.ResponseWriter, r *http.Request, err error) error {
	v := refuse(err)
	if v.Code == string(fault.Missing) || err == errNotHere || err == errOther {
		v.Message = err.Error()
	}
	if err == errNotHere || err == errOther {
		v.Status = http.StatusForbidden
	}
	if v.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "60")
	}
	return show(w, v.Status, "login.html", s.loginView(v.Message))
}

// loginView is what the page offers.
type loginView struct {
	Message, Issuer string
	Password        bool
}

func (s *Server) loginView(message string) loginView {
	v := loginView{Message: message, Password: true}
	if s.issuer != nil {
		v.Issuer, v.Password = s.issuer.Label, s.users.Any()
	}
	return v
}

// localPath is a path of this server to go on to, or "": never another site's.
func localPath(p string) string {
	if len(p) > 512 || !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsFunc(p, func(c rune) bool { return c <= ' ' || c == '\\' || c == ';' || c >= 0x7f }) {
		return ""
	}
	return p
}

// loggedOutOIDC shows that the session here is over, and goes on to end the one at the issuer; false where there is none.
func (s *Server) loggedOutOIDC(w http.ResponseWriter, r *http.Request, v *visitor) bool {
	if s.issuer == nil || v.session.by != "oidc" {
		return false
	}
	to := s.issuer.Logout(r.Context())
	if to == "" {
		return false
	}
	w.Header().Set("Refresh", "0;url="+to) // a redirect of a form would need its target in the page's policy
	_ = show(w, http.StatusOK, "loggedout.html", to)
	return true
}

const pendingFor = 10 * time.Minute
