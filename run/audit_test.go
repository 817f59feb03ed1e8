package run

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// TestLeakStopsARun: a training picture that is also a test picture, under another patient, ends the run before anything is trained, and so
// does repeating it; a split by item shows it instead.
func TestLeakStopsARun(t *testing.T) {
	root := toyCohort(t, toyRows(30))
	same, err := os.ReadFile(filepath.Join(root, "c03.npy"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "c27.npy"), same, 0o644); err != nil {
		t.Fatal(err)
	}
	opt := Options{Recipe: toyRecipe(t, root, binary, "splits: [{name: given, by: column, column: part}]"), Out: filepath.Join(t.TempDir(), "run")}
	for range 2 {
		r, _, err := do(t, opt)
		if fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), "lines 5 and 29") {
			t.Fatalf("%v", err)
		}
		if r != nil || exists(Folder(opt.Out).Metrics()) || !exists(Folder(opt.Out).Check()) {
			t.Error("the run went on")
		}
	}
	for i := range 12 { // a dozen of the same: some are on both sides, whatever the division
		if err := os.WriteFile(filepath.Join(root, fmt.Sprintf("c%02d.npy", i)), same, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, _, err := do(t, Options{Recipe: toyRecipe(t, root, binary, "splits: [{name: any, by: item}]")})
	if err != nil {
		t.Fatalf("by item: %v", err)
	}
	if c := r.audited(); c == nil || len(c.Splits[0].Crossing) == 0 {
		t.Error("the leak is not shown")
	}
}

// TestShortcutsOnThePage: the column that gives the truth away stands in the report, and the check is made once.
func TestShortcutsOnThePage(t *testing.T) {
	root := toyCohort(t, toyRows(60))
	opt := Options{Recipe: toyRecipe(t, root, binary, "splits: [{name: given, by: column, column: part}]"), Out: filepath.Join(t.TempDir(), "run")}
	r, _, err := do(t, opt)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(r.Dir.Report())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"What predicts the truth without the picture", "level (strong)"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	before, err := os.Stat(r.Dir.Check())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := do(t, opt); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(r.Dir.Check()); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("checked again: %v", err)
	}
	c := &CohortCheck{}
	if err := readJSON(r.Dir.Check(), c); err != nil || len(c.Shortcuts) == 0 || c.Shortcuts[0].AUROC < 0.9 {
		t.Errorf("%+v, %v", c.Shortcuts, err)
	}
	r.Cohort.Digest = "of other data"
	if r.audited() != nil {
		t.Error("a check of other data was taken")
	}
}
