package reading

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/cineloop/cineloop/annotate"
)

// TestSameWorkOfPictures: a reader's requests for a case's pictures open as many files whether or not somebody else has them open, and whether or
// not the reader had them under another assignment. One open file for everybody would tell by a faster first frame.
func TestSameWorkOfPictures(t *testing.T) {
	s := serveIt(t, newStudy(t, "independent, readers: 3, repeat: 100", loop, loop), Options{})
	look := func(who string, task annotate.Task) int64 {
		t.Helper()
		b, before := s.as(who), s.pictures.loads.Load()
		for range 2 {
			for _, path := range []string{"", "/images/1/frames/0", "/images/1/frames/3"} {
				if r := b.get(fmt.Sprintf("/api/cases/%s%s", task.Assignment, path)); r.status != http.StatusOK {
					t.Fatalf("%s: %d %s", path, r.status, r.body)
				}
			}
		}
		return s.pictures.loads.Load() - before
	}
	n := 0
	for _, who := range []string{"ann", "bob"} {
		for _, session := range []int{1, 2} {
			for _, task := range s.tasks(who) {
				if task.Session != session {
					continue
				}
				n++
				if opened := look(who, task); opened != 1 {
					t.Errorf("%s, session %d: %d files opened, want 1", who, session, opened)
				}
				if session == 1 {
					s.study.read(who, task, "mild")
				}
			}
		}
	}
	if n != 8 {
		t.Errorf("%d readings of two cases, twice by two", n)
	}
}
