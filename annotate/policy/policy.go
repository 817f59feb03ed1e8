package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what somebody is in a project.
type Role string

// The roles.
const (
	Admin       Role = "admin"       // members, unblinding
	Coordinator Role = "coordinator" // cases, protocol, assignments, progress, truth, export
	Reader      Role = "reader"
	Adjudicator Role = "adjudicator"
	Auditor     Role = "auditor" // the log
	Service     Role = "service" // a program whose readings are those of a model
)

// Roles are all of them.
var Roles = []Role{Admin, Coordinator, Reader, Adjudicator, Auditor, Service}

// Action is something to do.
type Action string

// The actions.
const (
	ManageMembers Action = "manage members"
	ManageStudy   Action = "manage study" // cases, protocol, assignments, phases
	ViewCase      Action = "view case"    // its pictures, under its code
	OpenReading   Action = "open reading"
	TakeCase      Action = "take case" // the next one of a pool
	ViewReading   Action = "view reading"
	EditReading   Action = "edit reading"
	LockReading   Action = "lock reading"
	ShareReading  Action = "share reading"
	Comment       Action = "comment"
	ViewComments  Action = "view comments"
	Attend        Action = "attend"        // know who is in a reading, what they draw at this moment, and what they paint
	ViewProgress  Action = "view progress" // how many are done, by masked reader
	OwnProgress   Action = "own progress"
	ViewAgreement Action = "view agreement" // numbers over all readings
	Dispatch      Action = "send to adjudication"
	SignTruth     Action = "sign truth"
	Export        Action = "export"
	ViewNames     Action = "view names" // who a masked reader is, and which one is AI
	Unblind       Action = "unblind"
	ViewLog       Action = "view log"
	ViewAccess    Action = "view access log" // who asked and looked, not what was found
)

// Actions are all of them.
var Actions = []Action{ManageMembers, ManageStudy, ViewCase, OpenReading, TakeCase, ViewReading, EditReading, LockReading, ShareReading, Comment, ViewComments, Attend, ViewProgress, OwnProgress,
	ViewAgreement, Dispatch, SignTruth, Export, ViewNames, Unblind, ViewLog, ViewAccess}

// Facts are what holds of the subject and the thing that is asked about; a set of bits.
type Facts uint16

// The facts.
const (
	Own      Facts = 1 << iota // the reading, or the assignment, is the subject's
	Shared                     // its reader shared it with the subject
	Draft                      // the reading is open for changes
	Locked                     // it is closed for ever
	FromAI                     // its reader is a model
	Revealed                   // the server showed it to the subject, and logged that
	Source                     // it is among those that the subject has to decide between
	Assigned                   // the case is assigned to the subject
	Ready                      // what had to come before this assignment is done: the lock, the washout
	MustRead                   // the subject has still to read this case, unaided
	Reading                    // the study is in its reading phase
	Deciding                   // … in adjudication
	Closed                     // … closed
	Unmasked                   // the subject was unblinded, and that is logged
	factEnd
)

var factNames = []string{"own", "shared", "draft", "locked", "from AI", "revealed", "source", "assigned", "ready", "must read", "reading phase", "adjudication phase", "closed", "unmasked"}

func (f Facts) String() string {
	var out []string
	for i, n := range factNames {
		if f&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return strings.Join(out, ", ")
}

// Rule lets a role do an action where all facts of Needs hold, one at least of Any (if it has any), and none of Not.
type Rule struct {
	Role   Role
	Action Action
	Needs  Facts
	Any    Facts
	Not    Facts
	Masked bool // readers are shown by their masks
	Why    string
}

var byAction = func() map[Action][]Rule {
	out := map[Action][]Rule{}
	for _, r := range table {
		out[r.Action] = append(out[r.Action], r)
	}
	return out
}()

func (r Rule) allows(roles []Role, f Facts) bool {
	return f&r.Needs == r.Needs && (r.Any == 0 || f&r.Any != 0) && f&r.Not == 0 && slices.Contains(roles, r.Role)
}

// Decision is the answer.
type Decision struct {
	Allowed bool
	Masked  bool   // names of readers must not be shown
	Why     string // the rule that allowed it
}

// Decide answers. Whatever no rule allows is denied. Where several rules allow, names are shown only if one of them shows them.
func Decide(roles []Role, a Action, f Facts) Decision {
	var d Decision
	for _, r := range byAction[a] {
		if !r.allows(roles, f) {
			continue
		}
		if !d.Allowed || d.Masked && !r.Masked {
			d = Decision{true, r.Masked, r.Why}
		}
	}
	return d
}

// Rules are a copy of the table.
func Rules() []Rule { return slices.Clone(table) }

// Markdown is the table for people.
func Markdown() string {
	var b strings.Builder
	fmt.Fprint(&b, "| role | may | where | but not where | readers | why |\n|---|---|---|---|---|---|\n")
	for _, r := range table {
		where := r.Needs.String()
		if r.Any != 0 {
			if where != "" {
				where += "; and "
			}
			where += strings.ReplaceAll(r.Any.String(), ", ", " or ")
		}
		mask := ""
		if r.Masked {
			mask = "masked"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.Role, r.Action, where, r.Not, mask, r.Why)
	}
	return b.String()
}
