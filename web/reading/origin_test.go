package reading

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
)

// TestOrigin: a question about who made what is shown is a choice to a browser, is not asked of an unaided reading, and its answer is taken as it was
// offered; the aided reading begins with the model's answer, which says that it is one.
func TestOrigin(t *testing.T) {
	yaml := strings.Replace(fmt.Sprintf(rules, "sequential, ai: net"), "{name: severity,", "{name: severity, prefill: true,", 1) + "  - {name: whose, kind: origin, required: true}\n"
	st := newStudyWith(t, yaml, nil, loop)
	s := serveIt(t, st, Options{})
	for _, task := range st.tasks("net") {
		st.read("net", task, "severe")
	}
	b := s.as("ann")
	var p protocolView
	b.get("/api/protocol").into(t, &p)
	i := slices.IndexFunc(p.Items, func(it itemView) bool { return it.Name == "whose" })
	if i < 0 || p.Items[i].Kind != "choice" || fmt.Sprint(p.Items[i].Options) != fmt.Sprint([]optionView{{Name: "ai"}, {Name: "human"}, {Name: "unknown"}}) {
		t.Fatalf("%+v", p.Items)
	}
	list := st.tasks("ann")
	if slices.Contains(list[0].Items, "whose") || len(list[0].Items) == 0 || list[1].Items != nil {
		t.Errorf("asked unaided %v, aided %v", list[0].Items, list[1].Items)
	}
	st.read("ann", list[0], "mild")
	e := st.do("ann", annotate.ReadingOpened, list[1].Assignment, 0, nil)
	r := b.get("/api/readings/" + e.Object)
	var v annotate.ReadingView
	r.into(t, &v)
	if r.status != http.StatusOK || len(v.Answers) != 1 || v.Answers[0].Choice[0] != "severe" || v.Answers[0].DerivedFrom == "" || strings.Contains(r.body, "net") {
		t.Errorf("%s", r.body)
	}
	put := func(choice string) reply {
		return b.send("POST", "/api/ops", m{"kind": "answer.put", "data": m{"reading": e.Object, "answer": m{"item": "whose", "choice": []string{choice}}}})
	}
	if r := put("a"); r.status == http.StatusOK {
		t.Error("a side was taken for an answer where nothing has sides")
	}
	if r := put("human"); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := b.send("POST", "/api/ops", m{"kind": "reading.lock", "object": e.Object}); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
}
