package trail

import (
	"time"

	"github.com/cineloop/cineloop/annotate"
)

// Entry is a line of access.log or commands.log.
type Entry struct {
	At      time.Time `json:"at"`
	Event   string    `json:"event"`
	Who     string    `json:"who,omitempty"`     // member
	By      string    `json:"by,omitempty"`      // how one logged in: password, oidc
	From    string    `json:"from,omitempty"`    // address, of a login
	Account string    `json:"account,omitempty"` // of the operating system, at a command line
	Session string    `json:"session,omitempty"`
	Route   string    `json:"route,omitempty"`
	Command string    `json:"command,omitempty"`
	Kind    string    `json:"kind,omitempty"` // of an op, which events.log has where it was done
	Object  string    `json:"object,omitempty"`
	Image   int       `json:"image,omitempty"`
	Code    string    `json:"code,omitempty"` // why it was refused
}

// The events.
const (
	Start         = "start" // the server
	Stop          = "stop"
	Login         = "login"
	LoginRefused  = "login refused"
	Logout        = "logout"
	StepUp        = "step-up" // a fresh proof of who asks
	StepUpRefused = "step-up refused"
	Query         = "query"
	View          = "view" // the first look at a picture in a session
	Annotate      = "annotate"
	Reveal        = "reveal" // others' readings were shown with one's own
	Unblind       = "unblind"
	Export        = "export"
	Sign          = "sign"
	Config        = "config" // members, protocol, cases, assignments, phase, passwords
	Audit         = "audit"  // the trail itself was read
	Refused       = "refused"
)

// Events are all of them, in the order in which they are shown.
var Events = []string{Start, Stop, Login, LoginRefused, Logout, StepUp, StepUpRefused, Query, View, Annotate, Reveal, Unblind, Export, Sign, Config, Audit, Refused}

var events = map[annotate.Kind]string{annotate.ProjectCreated: Config, annotate.PhaseSet: Config, annotate.MemberAdded: Config, annotate.ProtocolSet: Config, annotate.CaseAdded: Config,
	annotate.Assigned: Config, annotate.Sent: Config, annotate.PutBack: Config, annotate.DueSet: Config, annotate.Ordered: Config, annotate.TruthSigned: Sign, annotate.Unblinded: Unblind, annotate.Exported: Export}

// EventOf is the event that an op is.
func EventOf(kind annotate.Kind) string {
	if e, ok := events[kind]; ok {
		return e
	}
	return Annotate
}
