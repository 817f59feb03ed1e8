package reading

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
)

// TestAudit: an auditor sees readers by mask, pages and filters; a changed entry shows.
func TestAudit(t *testing.T) {
	s := serveIt(t, newStudy(t, "panel", loop), Options{})
	ann := s.as("ann")
	for range 5 {
		ann.get("/api/worklist")
	}
	ann.get("/api/audit")
	otto := s.as("otto")
	var page auditPage
	r := otto.get("/api/audit?limit=3")
	r.into(t, &page)
	mask := s.maskOf("ann")
	if !page.Masked || strings.Contains(r.body, `"ann"`) || len(page.Entries) != 3 || page.Next == 0 || page.Access.Broken != "" || page.Access.Entries != int64(page.Matches) {
		t.Errorf("%s", r.body)
	}
	otto.get("/api/audit?who="+mask+"&event=query&limit=4").into(t, &page)
	if page.Matches != 6 || len(page.Entries) != 4 || page.Entries[0].Seq < page.Entries[1].Seq {
		t.Errorf("%+v", page)
	}
	seen, next := page.Entries[3].Seq, page.Next
	page = auditPage{}
	otto.get(fmt.Sprintf("/api/audit?who=%s&event=query&limit=4&before=%d", mask, next)).into(t, &page)
	if len(page.Entries) != 2 || page.Entries[0].Seq >= seen || page.Next != 0 {
		t.Errorf("%+v", page)
	}
	otto.get("/api/audit?event=refused").into(t, &page)
	if page.Matches != 1 || page.Entries[0].Who != mask || page.Entries[0].Route != "GET /api/audit" {
		t.Errorf("%+v", page)
	}
	for _, q := range []string{"limit=0", "limit=x", "limit=100000", "before=-1", "before=x"} {
		if r := otto.get("/api/audit?" + q); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d", q, r.status)
		}
	}
	s.as("eve").get("/api/audit?who=ann").into(t, &page)
	if page.Masked || page.Matches == 0 {
		t.Errorf("an administrator: %+v", page)
	}
	s.phase(annotate.Closed)
	otto.get("/api/audit?who=ann").into(t, &page)
	if page.Masked || page.Matches == 0 {
		t.Errorf("an auditor of a closed study: %+v", page)
	}
	// Somebody changes an entry on the disk.
	path := filepath.Join(s.Dir(), AccessFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte("/api/worklist"), []byte("/api/WORKLIST"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	otto.get("/api/audit").into(t, &page)
	if !strings.Contains(page.Access.Broken, "entry ") {
		t.Errorf("%+v", page.Access)
	}
}
