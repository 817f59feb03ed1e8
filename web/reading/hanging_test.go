package reading

import (
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
)

// TestHangingIsTold: the browser gets the rules of layout with the protocol, with their defaults.
func TestHangingIsTold(t *testing.T) {
	st := newStudy(t, "panel", loop)
	st.do("cora", annotate.ProtocolSet, "", 0, m{"yaml": strings.Replace(strings.Replace(rules, "%s", "panel", 1), "revision: 1", "revision: 2", 1) +
		"hanging:\n  - {when: {kind: loop}, layout: 1x2, sync: phase}\n"})
	r := serveIt(t, st, Options{}).as("ann").get("/api/protocol")
	if want := `"hanging":[{"when":{"pictures":{},"kind":"loop","rows":{},"frames":{}},"layout":"1x2","sync":"phase","play":false}]`; !strings.Contains(r.body, want) {
		t.Errorf("%s", r.body)
	}
}
