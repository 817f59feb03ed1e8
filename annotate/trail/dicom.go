package trail

import (
	"cmp"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/dicom/audit"
	"github.com/cineloop/cineloop/internal/fault"
)

// MessageOptions of Messages.
type MessageOptions struct {
	Source string    // name of the system that reports, as its administrator calls it; members are NAME@Source
	Since  time.Time // what was before is left out
}

// item is something that happened, of whichever log.
type item struct {
	at    time.Time
	entry *Entry
	done  *done
}

// Messages gives the trail of the project in dir as audit messages in the order of time. What was done comes from events.log, whether in a browser or at a
// command line; who came, asked, looked and was refused from the other two. Time that readers spent (reading.time) is left out. Codes as of [Verify].
func Messages(dir string, o MessageOptions, give func(*audit.Message) error) error {
	var items []item
	f, err := learn(dir, func(e done) {
		if e.Kind != annotate.TimeSpent && !e.At.Before(o.Since) {
			items = append(items, item{at: e.At, done: &e})
		}
	})
	if err != nil {
		return err
	}
	from := map[string]string{} // addresses by session
	for _, name := range []string{AccessFile, CommandFile} {
		_, err := ledger.Read(filepath.Join(dir, name), func(seq int64, b []byte) error {
			e := new(Entry)
			if err := json.Unmarshal(b, e); err != nil {
				return fault.New(fault.Input, "%s: entry %d can't be read", name, seq)
			}
			if e.Event == Login {
				from[e.Session] = e.From
			}
			asked := e.Kind != "" || e.Route != "" && (e.Event == Export || e.Event == Sign || e.Event == Unblind)
			if asked && e.Event != Refused || e.At.Before(o.Since) { // events.log says whether it was done
				return nil
			}
			items = append(items, item{at: e.At, entry: e})
			return nil
		})
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			return err
		}
	}
	slices.SortStableFunc(items, func(a, b item) int { return a.at.Compare(b.at) })
	t := teller{f, o.Source, audit.Process{ID: "cineloop", Node: o.Source}, from}
	for _, it := range items {
		list := t.ofEntry(it.entry)
		if it.done != nil {
			list = t.ofEvent(*it.done)
		}
		for _, m := range list {
			if err := give(m); err != nil {
				return err
			}
		}
	}
	return nil
}

type teller struct {
	*facts
	source  string
	process audit.Process
	from    map[string]string
}

func (t *teller) user(name string) string { return cmp.Or(name, "unknown") + "@" + t.source }

// who is a member as a participant, with the address that their session was begun from.
func (t *teller) who(e Entry) audit.Participant {
	p := audit.Participant{UserID: t.user(cmp.Or(e.Who, e.Account)), Alternative: e.Account, Requestor: true}
	if at := cmp.Or(e.From, t.from[e.Session]); at != "" {
		p.Access, p.AccessKind = at, audit.ByAddress
	} else if e.Account != "" {
		p.Access, p.AccessKind = t.source, audit.ByName
	}
	return p
}

// ofEntry are the messages of a line of access.log or commands.log.
func (t *teller) ofEntry(e *Entry) []*audit.Message {
	if e == nil {
		return nil
	}
	message := func(id audit.Code, action, outcome string, types ...audit.Code) *audit.Message {
		return audit.New(id, action, e.At, outcome, t.who(*e), t.process, types...)
	}
	where := cmp.Or(e.Route, e.Command, "unknown")
	switch e.Event {
	case Start, Stop:
		kind := audit.ApplicationStart
		if e.Event == Stop {
			kind = audit.ApplicationStop
		}
		return []*audit.Message{message(audit.ApplicationActivity, audit.Execute, audit.Success, kind)}
	case Login, LoginRefused, Logout, StepUp, StepUpRefused:
		kind, outcome := audit.Login, audit.Success
		if e.Event == Logout {
			kind = audit.Logout
		}
		if e.Event == LoginRefused || e.Event == StepUpRefused {
			outcome = audit.MinorFailure
		}
		m := message(audit.UserAuthentication, audit.Execute, outcome, kind)
		m.Event.Description = strings.TrimSpace(e.By + " " + e.Code)
		if p := &m.Participants[0]; p.Access == "" {
			p.Access, p.AccessKind = "unknown", audit.ByName
		}
		return []*audit.Message{m}
	case View:
		if c := t.caseOf[e.Object]; c != "" {
			return []*audit.Message{message(audit.InstancesAccessed, audit.Read, audit.Success).About(t.about(c)...)}
		}
	case Query:
		q := audit.Asked(where, []byte(strings.TrimSpace(where+" "+e.Object)))
		return []*audit.Message{message(audit.Query, audit.Execute, audit.Success).About(q)}
	case Export:
		return []*audit.Message{message(audit.Export, audit.Read, audit.Success).To("urn:cineloop:export").About(t.everything()...)}
	case Audit:
		return []*audit.Message{message(audit.AuditLogUsed, audit.Read, audit.Success).About(audit.Resource("file:"+AccessFile, "Security Audit Log", ""))}
	case Config:
		m := message(audit.SecurityAlert, audit.Execute, audit.Success, audit.UserChanged).About(audit.Resource("urn:cineloop:"+where, "access of a member", "a password was set or taken away"))
		if e.Object != "" {
			m.About(audit.User(t.user(e.Object)))
		}
		return []*audit.Message{m}
	case Refused:
		return []*audit.Message{message(audit.SecurityAlert, audit.Execute, audit.MinorFailure, audit.RestrictedFunction).
			About(audit.Resource("urn:cineloop:"+cmp.Or(e.Kind, where), "refused", strings.TrimSpace("refused: "+e.Code)))}
	}
	return []*audit.Message{message(audit.SecurityAlert, audit.Execute, audit.Success, audit.RestrictedFunction).About(audit.Resource("urn:cineloop:"+where, e.Event, e.Event))}
}

// ofEvent are the messages of an event of the project.
func (t *teller) ofEvent(e done) []*audit.Message {
	who := t.who(Entry{Who: e.Actor})
	alert := func(kind audit.Code, name, words string) *audit.Message {
		return audit.New(audit.SecurityAlert, audit.Execute, e.At, audit.Success, who, t.process, kind).About(audit.Resource("urn:cineloop:"+string(e.Kind), name, words))
	}
	switch e.Kind {
	case annotate.MemberAdded:
		return []*audit.Message{alert(audit.RolesChanged, "members", "a member was added").About(audit.User(t.user(e.Name)))}
	case annotate.Unblinded:
		return []*audit.Message{alert(audit.RestrictedFunction, "names of readers", "a member was unblinded").About(audit.User(t.user(e.Member)))}
	case annotate.TruthSigned:
		return []*audit.Message{alert(audit.RestrictedFunction, "ground truth", "a ground truth was signed")}
	case annotate.PhaseSet:
		return []*audit.Message{alert(audit.SecurityConfiguration, "phase", "the study is in its phase "+e.Phase)}
	case annotate.Exported:
		to := "urn:cineloop:export:" + strings.Join(e.Formats, "+")
		return []*audit.Message{audit.New(audit.Export, audit.Read, e.At, audit.Success, who, t.process).To(to).About(t.everything()...)}
	case annotate.ReadingOpened:
		c := t.caseOf[e.Object]
		out := []*audit.Message{audit.New(audit.InstancesAccessed, audit.Create, e.At, audit.Success, who, t.process).About(t.about(c, e.Object)...)}
		if len(e.Revealed) > 0 {
			m := alert(audit.AttributesChanged, "readings of others", "others' readings were shown with the reader's own").About(t.about(c, e.Revealed...)...)
			out = append(out, m)
		}
		return out
	}
	if id := t.readingOf(e); id != "" && EventOf(e.Kind) == Annotate {
		action := audit.Update
		switch {
		case e.Kind == annotate.AnswerRemoved:
			action = audit.Delete
		case e.Kind == annotate.AnswerPut && e.Version == 1, e.Kind == annotate.Decided:
			action = audit.Create
		}
		return []*audit.Message{audit.New(audit.InstancesAccessed, action, e.At, audit.Success, who, t.process).About(t.about(t.caseOf[id], id)...)}
	}
	return []*audit.Message{alert(audit.SecurityConfiguration, "study", "the study was set up: "+string(e.Kind))}
}
