package run

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/evaluate/audit"
	"github.com/cineloop/cineloop/internal/fault"
)

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTrustAndGroups: a run judges its groups, tests what the network goes by with each fold's own network, and joins it on a page; several runs
// go on one page; repeating keeps what is there.
func TestTrustAndGroups(t *testing.T) {
	root := toyCohort(t, toyRows(36))
	recipe := toyRecipe(t, root, binary, "splits: [{name: folds, by: patient, folds: 2, fractions: [1, 0, 0]}]")
	r, _, err := do(t, Options{Recipe: recipe, Set: []string{"explain.examples=1"}})
	if err != nil {
		t.Fatal(err)
	}
	var groups audit.Report
	if err := json.Unmarshal([]byte(text(t, r.Dir.Groups())), &groups); err != nil {
		t.Fatal(err)
	}
	site := groups.Targets["bright"].Groups["site"]
	if groups.Rows != 36 || groups.Patients != 18 || groups.MinGroup != 2 || len(site) != 3 || site["A"].CannotTell {
		t.Errorf("groups %+v, sites %v", groups, site)
	}
	if !strings.Contains(text(t, r.Dir.GroupsPage()), "Toy study: groups of people") {
		t.Error("no page of groups")
	}
	var x Tests
	if err := json.Unmarshal([]byte(text(t, r.Dir.tests())), &x); err != nil {
		t.Fatal(err)
	}
	if x.Items != 36 || x.Target != "bright" || x.Hunt == nil || x.Motion.Words == "" {
		t.Errorf("tests %+v", x)
	}
	page := text(t, r.Dir.TrustPage())
	for _, want := range []string{"Toy study: can it be trusted?", "Does it serve everyone alike?", "It always answers", "What this cannot tell", `href="report.html"`, `href="audit.html"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if v := groups.Targets["bright"].Verdict; len(v) == 0 || !strings.Contains(text(t, r.Dir.Report()), strings.SplitN(v[0], ":", 2)[0]+":") {
		t.Errorf("the report does not say what the audit found: %q", v)
	}
	before, err := os.Stat(r.Dir.tests())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Explain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(r.Dir.tests()); err != nil || after.ModTime() != before.ModTime() {
		t.Error("tests that are done are done again")
	}
	joined := filepath.Join(t.TempDir(), "trust.html")
	if err := Trust(t.Context(), []string{string(r.Dir), string(r.Dir)}, joined, nil); err != nil {
		t.Fatal(err)
	}
	if page := text(t, joined); strings.Count(page, `class="trust"`) != 2 || strings.Contains(page, `href="report.html"`) || !strings.Contains(page, "report.html") {
		t.Error("two runs are not on one page, or its links do not lead to them")
	}
	if err := Trust(t.Context(), []string{t.TempDir()}, joined, nil); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no run there: %v", err)
	}
}

// TestAbstentions reads who was not answered, of one target; items that have no reading are unknown.
func TestAbstentions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "uncertainty.csv")
	p := &evaluate.Predictions{Targets: []evaluate.Target{{Name: "ill"}}, Item: []string{"a", "b", "c"}}
	none, err := abstentions(path, p)
	if err != nil || len(none) != 0 {
		t.Errorf("no file: %v, %v", none, err)
	}
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("item,target,answer\na,ill,yes\nb,ill,\na,ef,\nc,ef,50\n")
	got, err := abstentions(path, p)
	if v := got[audit.Abstain]; err != nil || len(v) != 3 || v[0] != 0 || v[1] != 1 || v[2] == v[2] {
		t.Errorf("%v, %v", got, err)
	}
	p.Targets = append(p.Targets, evaluate.Target{Name: "ef"})
	if got, err := abstentions(path, p); err != nil || len(got) != 0 {
		t.Errorf("two targets: %v, %v", got, err)
	}
	p.Targets = p.Targets[:1]
	for name, s := range map[string]string{"other columns": "a,b\n1,2\n", "a short line": "item,target,answer\na,ill\n"} {
		write(s)
		if _, err := abstentions(path, p); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}
