package run

import (
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
)

// TestUnlocated: what leaves the house says neither where data lie nor whom a recipe chose.
func TestUnlocated(t *testing.T) {
	for name, c := range map[string]struct{ in, want cohort.Spec }{
		"archive": {
			cohort.Spec{Archive: "/srv/a", Query: map[string]string{"PatientID": "007"}, Each: "series", Labels: &cohort.LabelsSpec{Table: "/x/l.csv", On: "PatientID"},
				Pinned: []cohort.Answer{{Instance: "1.2"}}, Root: "/x", Base: "/y", ID: "file", Patient: "patient", Site: "site",
				Where: map[string]string{"patient": "007", "accession": "9", "study": "1.2", "series": "1.3", "file": "1.4", "view": "A4C"}},
			cohort.Spec{Table: "archive.csv", File: "{file}", ID: "file", Patient: "patient", Site: "site", Where: map[string]string{"view": "A4C"}},
		},
		"table": {
			cohort.Spec{Root: "/x", Table: "/x/t.csv", File: "{name}", Patient: "pid", Where: map[string]string{"pid": "007", "study": "echo"}},
			cohort.Spec{Table: "t.csv", File: "{name}", Patient: "pid", Where: map[string]string{"study": "echo"}},
		},
		"views": {
			cohort.Spec{Table: "t.csv", Where: map[string]string{"exam": "1"}, Views: &cohort.ViewsSpec{Study: "exam"}},
			cohort.Spec{Table: "t.csv", Views: &cohort.ViewsSpec{Study: "exam"}},
		},
	} {
		if diff := cmp.Diff(c.want, unlocated(c.in)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestPin: the answer that a run was planned with comes from its folder, and is not guessed where it is lost or broken.
func TestPin(t *testing.T) {
	r := &Run{Dir: Folder(t.TempDir()), Plan: &learn.Plan{}, log: io.Discard}
	if err := r.pin(); err != nil || r.Plan.Data.Pinned != nil {
		t.Errorf("a run of a table: %v", err)
	}
	r.Plan.Data.Archive = "a"
	if err := r.pin(); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a lost answer: %v", err)
	}
	if err := os.WriteFile(r.Dir.Answer(), []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.pin(); fault.CodeOf(err) != fault.Input {
		t.Errorf("a broken answer: %v", err)
	}
	want := []cohort.Answer{{Instance: "1.2", Content: "ab"}, {Instance: "1.3", Content: "cd"}}
	if err := writeJSON(r.Dir.Answer(), want); err != nil {
		t.Fatal(err)
	}
	if err := r.pin(); err != nil || !cmp.Equal(want, r.Plan.Data.Pinned) {
		t.Errorf("%v, %v", r.Plan.Data.Pinned, err)
	}
}

// TestFollowVariable: a variable decides anew where the data lie; a place without one, or that leads nowhere, stays as planned.
func TestFollowVariable(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HERE", dir)
	t.Setenv("NOWHERE", dir+"/none")
	r := &Run{Plan: &learn.Plan{}}
	for recipe, want := range map[string]string{"${HERE}": dir, "${NOWHERE}": "/planned", dir: "/planned", "": "/planned"} {
		if got := r.followVariable(recipe, "/planned"); got != want {
			t.Errorf("%s: %s", recipe, got)
		}
	}
}
