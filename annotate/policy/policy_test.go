package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
)

// TestTable are cases worked out from the study's point of view, not from the table.
func TestTable(t *testing.T) {
	for _, c := range []struct {
		what   string
		role   Role
		action Action
		facts  Facts
		want   bool
		masked bool
	}{
		{"a reader sees a case whose turn has come", Reader, ViewCase, Assigned | Ready | Reading | MustRead, true, false},
		{"and not one that waits for its washout", Reader, ViewCase, Assigned | Reading, false, false},
		{"and not one of others", Reader, ViewCase, Ready | Reading, false, false},
		{"and none when reading is over", Reader, ViewCase, Assigned | Ready | Closed, false, false},
		{"a reader changes their draft", Reader, EditReading, Own | Draft | Reading | MustRead, true, false},
		{"and not once it is locked", Reader, EditReading, Own | Locked | Reading, false, false},
		{"and not once reading is over", Reader, EditReading, Own | Draft | Closed, false, false},
		{"a reader does not see another's reading", Reader, ViewReading, Locked | Reading, false, false},
		{"nor another's draft", Reader, ViewReading, Draft | Reading | Assigned, false, false},
		{"nor AI before their lock", Reader, ViewReading, FromAI | Locked | Revealed | MustRead | Reading, false, false},
		{"nor AI that nobody revealed", Reader, ViewReading, FromAI | Locked | Reading, false, false},
		{"but AI that was revealed after it, masked", Reader, ViewReading, FromAI | Locked | Revealed | Reading, true, true},
		{"a shared draft", Reader, ViewReading, Shared | Draft | Reading, true, false},
		{"but not of a case that they have to read themselves", Reader, ViewReading, Shared | Draft | Reading | MustRead, false, false},
		{"a reader does not see how far others are", Reader, ViewProgress, Reading, false, false},
		{"a reader does not see agreement, ever", Reader, ViewAgreement, Closed, false, false},
		{"a coordinator does not see readings while there is reading", Coordinator, ViewReading, Locked | Reading, false, false},
		{"but afterwards, masked", Coordinator, ViewReading, Locked | Deciding, true, true},
		{"not if they have to read the case", Coordinator, ViewReading, Locked | Deciding | MustRead, false, false},
		{"no drafts at all", Coordinator, ViewReading, Draft | Closed, false, false},
		{"progress by mask", Coordinator, ViewProgress, Reading, true, true},
		{"names only when unblinded", Coordinator, ViewNames, Closed, false, false},
		{"then yes", Coordinator, ViewNames, Closed | Unmasked, true, false},
		{"not before reading is over", Coordinator, ViewNames, Reading | Unmasked, false, false},
		{"an administrator sees no reading", Admin, ViewReading, Locked | Closed, false, false},
		{"and adds members", Admin, ManageMembers, 0, true, false},
		{"an adjudicator sees what they decide between, masked", Adjudicator, ViewReading, Source | Locked | Deciding, true, true},
		{"no drafts among them", Adjudicator, ViewReading, Source | Draft | Deciding, false, false},
		{"and nothing else", Adjudicator, ViewReading, Locked | Deciding, false, false},
		{"an auditor reads the log of a closed study", Auditor, ViewLog, Closed, true, false},
		{"not of one under way", Auditor, ViewLog, Reading, false, false},
		{"a colleague looks at the pictures of a shared draft", Reader, ViewCase, Shared | Draft | Reading, true, false},
		{"not of a case that they have to read themselves", Reader, ViewCase, Shared | Draft | Reading | MustRead, false, false},
		{"who shares a draft sees who is in it, while they read", Reader, Attend, Own | Draft | Reading | MustRead, true, false},
		{"whom it is shared with does too", Reader, Attend, Shared | Draft | Reading, true, false},
		{"but not with that case still to read", Reader, Attend, Shared | Draft | Reading | MustRead, false, false},
		{"nor anybody else", Reader, Attend, Draft | Reading | Assigned | Revealed, false, false},
		{"nor when reading is over", Reader, Attend, Shared | Locked | Closed, false, false},
		{"a coordinator does not attend", Coordinator, Attend, ^(FromAI | MustRead), false, false},
		{"comments of a shared draft", Reader, ViewComments, Shared | Draft | Reading, true, false},
		{"not before one's own reading", Reader, ViewComments, Shared | Draft | Reading | MustRead, false, false},
		{"what a team says is nothing for those who decide", Adjudicator, ViewComments, Source | Locked | Deciding, false, false},
		{"a reader takes the next case while there is reading", Reader, TakeCase, Reading, true, false},
		{"and not after it", Reader, TakeCase, Deciding, false, false},
		{"nobody else takes cases", Coordinator, TakeCase, ^Facts(0), false, false},
		{"who asked and looked is audited while it happens, readers masked", Auditor, ViewAccess, Reading, true, true},
		{"not by who has cases to read", Auditor, ViewAccess, Reading | MustRead, false, false},
		{"with names when the study is closed", Auditor, ViewAccess, Closed, true, false},
		{"a coordinator does not see who looked at what", Coordinator, ViewAccess, Closed, false, false},
		{"nor does a reader", Reader, ViewAccess, Closed | Own, false, false},
		{"a model reads", Service, EditReading, Own | Draft | Reading | FromAI, true, false},
		{"and sees nobody else's", Service, ViewReading, Locked | Closed | Shared | Revealed, false, false},
		{"somebody without a role", "", ViewCase, ^Facts(0), false, false},
		{"a role that there is not", "owner", ManageMembers, ^Facts(0), false, false},
		{"an action that there is not", Admin, "delete", ^Facts(0), false, false},
	} {
		d := Decide([]Role{c.role}, c.action, c.facts)
		if d.Allowed != c.want || d.Masked != c.masked {
			t.Errorf("%s: %s may %s (%s): %+v", c.what, c.role, c.action, c.facts, d)
		}
	}
	if Decide(nil, ManageMembers, ^Facts(0)).Allowed {
		t.Error("nobody may do something")
	}
}

// TestNever goes through every role, pair of roles, action and combination of facts.
func TestNever(t *testing.T) {
	var sets [][]Role
	for i, a := range Roles {
		sets = append(sets, []Role{a})
		for _, b := range Roles[:i] {
			sets = append(sets, []Role{a, b})
		}
	}
	step := Facts(1)
	if testing.Short() {
		step = 3
	}
	for _, roles := range sets {
		is := func(r Role) bool { return roles[0] == r || len(roles) > 1 && roles[1] == r }
		for f := Facts(0); f < factEnd; f += step {
			for _, a := range Actions {
				d := Decide(roles, a, f)
				if !d.Allowed {
					continue
				}
				if d.Why == "" {
					t.Fatalf("%v may %s without a reason", roles, a)
				}
				never := ""
				switch {
				case (a == EditReading || a == LockReading || a == ShareReading) && f&Locked != 0:
					never = "a locked reading changes"
				case a == EditReading && f&(Own|Shared) == 0:
					never = "somebody else's reading changes"
				case a == ViewReading && f&MustRead != 0 && f&Own == 0:
					never = "somebody who has to read a case sees another reading of it"
				case a == ViewReading && f&FromAI != 0 && f&(Own|Locked) == 0:
					never = "a draft of AI is seen"
				case a == ViewReading && f&FromAI != 0 && f&(Own|Revealed|Source) == 0 && f&(Deciding|Closed) == 0:
					never = "AI is seen unrevealed while there is reading"
				case a == ViewReading && f&Draft != 0 && f&Locked == 0 && f&(Own|Shared) == 0:
					never = "a draft that was not shared is seen"
				case a == ViewReading && f&(Own|Shared) == 0 && !d.Masked:
					never = "another's reading is seen with a name"
				case (a == Attend || a == ViewComments) && f&(Own|Shared) == 0:
					never = "somebody else's team is overheard"
				case (a == Attend || a == ViewComments) && f&MustRead != 0 && f&(Own|Draft) != Own|Draft:
					never = "somebody who has to read a case overhears a team that reads it"
				case a == Attend && f&Reading == 0:
					never = "somebody is watched outside of the reading phase"
				case a == ViewAgreement && f&(Deciding|Closed) == 0:
					never = "agreement is known while there is reading"
				case a == Export && f&(Deciding|Closed) == 0:
					never = "results leave while there is reading"
				case a == ViewLog && f&Closed == 0:
					never = "the log is read while answers can still be steered"
				case a == ViewAccess && f&MustRead != 0 && f&Closed == 0:
					never = "somebody who has to read sees who else reads, and when"
				case a == ViewAccess && !is(Admin) && f&Closed == 0 && !d.Masked:
					never = "the access log names readers while they read"
				case a == ViewNames && !is(Admin) && f&Unmasked == 0:
					never = "names without unblinding"
				case a == ViewReading && len(roles) == 1 && (is(Admin) || is(Auditor)):
					never = "an administrator or auditor sees readings"
				case a == ViewCase && f&Closed != 0 && f&(Reading|Deciding) == 0 && !is(Coordinator):
					never = "pictures after the study is closed"
				}
				if never != "" {
					t.Fatalf("%s: %v may %s where %s, because %s", never, roles, a, f, d.Why)
				}
			}
		}
	}
}

// TestRules: each rule allows something, and names roles, actions and facts that exist.
func TestRules(t *testing.T) {
	for i, r := range Rules() {
		if !Decide([]Role{r.Role}, r.Action, r.Needs|r.Any).Allowed || r.Needs&r.Not != 0 || r.Why == "" {
			t.Errorf("rule %d, %s may %s: allows nothing", i, r.Role, r.Action)
		}
	}
	if len(factNames) != 14 || factEnd != 1<<14 || Facts(Own|Closed).String() != "own, closed" {
		t.Error("facts and their names")
	}
}

// TestPage: the page of the policy shows this table.
func TestPage(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(testdata.Root(t), "docs/reference/reading-policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), Markdown()) {
		t.Error("docs/reference/reading-policy.md does not show the table as it is; put this into it:\n" + Markdown())
	}
}
