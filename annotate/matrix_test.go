package annotate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// matrix is who may do what, phase by phase, as it comes out of the project: yes, no (not allowed), or hid (as if there were nothing). It is written
// down by hand from what a study needs, and is another way to say what the policy's table says.
const matrix = `
op                    ann  bob  dora cora eve  otto net
setup
 member.add           no   no   no   no   yes  no   no
 protocol.publish     no   no   no   yes  yes  no   no
 case.add             no   no   no   yes  yes  no   no
 open own             no   hid  hid  hid  hid  hid  hid
 export               no   no   no   no   no   no   no
reading
 member.add           no   no   no   no   yes  no   no
 case.add             no   no   no   yes  yes  no   no
 open own             yes  hid  hid  hid  hid  hid  hid
 see ann's draft      yes  hid  hid  hid  hid  hid  hid
 answer ann's draft   yes  hid  hid  hid  hid  hid  hid
 comment ann's draft  yes  hid  hid  hid  hid  hid  hid
 lock ann's draft     yes  hid  hid  hid  hid  hid  hid
 see ann's lock       yes  hid  hid  hid  hid  hid  hid
 send                 no   no   no   yes  yes  no   no
 export               no   no   no   no   no   no   no
 truth                no   no   no   no   no   no   no
 agreement            no   no   no   no   no   no   no
 progress             no   no   no   yes  yes  yes  no
 names                no   no   no   no   yes  no   no
adjudication
 see ann's lock       yes  hid  hid  yes  yes  hid  hid
 open own             no   hid  hid  hid  hid  hid  hid
 export               no   no   no   yes  yes  no   no
 agreement            no   no   no   yes  yes  no   no
 names                no   no   no   no   yes  no   no
closed
 member.add           no   no   no   no   yes  no   no
 case.add             no   no   no   no   no   no   no
 see ann's lock       yes  hid  hid  yes  yes  hid  hid
 send                 no   no   no   no   no   no   no
 agreement            no   no   no   yes  yes  no   no
`

// TestMatrix does every op as everybody; after one that changed the project the next is tried in a new one.
func TestMatrix(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(matrix), "\n")
	who := strings.Fields(lines[0])[1:]
	phase := Phase("")
	var s *study
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line, " ") {
			phase, s = Phase(line), nil
			continue
		}
		op, cells := strings.TrimSpace(line[:22]), strings.Fields(line[22:])
		if len(cells) != len(who) {
			t.Fatalf("%q has %d cells", line, len(cells))
		}
		for i, name := range who {
			if s == nil {
				s = newStudyIn(t, "panel", 3, phase)
			}
			err := tryIn(s, op, name)
			if got := verdict(t, err); got != cells[i] {
				t.Errorf("%s, %s: %s gets %q, want %q", phase, op, name, got, cells[i])
			}
			if err == nil && !strings.HasPrefix(op, "see") {
				s = nil
			}
		}
	}
}

// verdict is the answer to who asks. What the op itself finds wrong, after it was allowed, is a yes.
func verdict(t *testing.T, err error) string {
	switch {
	case errors.Is(err, ErrUnknown):
		return "hid"
	case errors.Is(err, ErrDenied):
		return "no"
	case err == nil, slices.Contains([]fault.Code{fault.Input, fault.Conflict, fault.NotFound}, fault.CodeOf(err)):
		return "yes"
	}
	t.Fatalf("an answer that is none of the three: %v", err)
	return ""
}

// tryIn does op as somebody.
func tryIn(s *study, op, who string) error {
	mine, draft, locked := s.tasks("ann"), s.marked[0], s.marked[1]
	do := func(kind Kind, object string, data any) error {
		_, err := s.try(who, kind, object, 0, data)
		return err
	}
	switch op {
	case "member.add":
		return do(MemberAdded, "", m{"name": "new", "roles": []string{"reader"}})
	case "protocol.publish":
		return do(ProtocolSet, "", m{"yaml": strings.Replace(fmt.Sprintf(rules, "panel"), "revision: 1", "revision: 2", 1)})
	case "case.add":
		return do(CaseAdded, "", m{"patient": "p", "files": []string{"absent.dcm"}})
	case "open own":
		return do(ReadingOpened, mine[2].Assignment, nil)
	case "see ann's draft":
		_, err := s.Reading(who, draft)
		return err
	case "see ann's lock":
		_, err := s.Reading(who, locked)
		return err
	case "answer ann's draft":
		return do(AnswerPut, "", m{"reading": draft, "answer": m{"item": "note", "text": "x"}})
	case "comment ann's draft":
		return do(Commented, "", m{"reading": draft, "text": "x"})
	case "lock ann's draft":
		return do(ReadingLocked, draft, nil)
	case "send":
		return do(Sent, "", m{"cases": []any{}})
	case "export":
		return do(Exported, "", m{"formats": []string{"csv"}, "sha256": ""})
	case "truth":
		return do(TruthSigned, "", m{"version": 9})
	case "agreement":
		_, err := s.RecordsFor(who)
		return err
	case "progress":
		_, err := s.Progress(who)
		return err
	case "names":
		_, err := s.Names(who)
		return err
	}
	s.t.Fatalf("nothing is done for %q", op)
	return nil
}
