package run

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/methods/explain"
)

// TestOnePathOfTests: a run's own maps and those of other data carry the same tests, and every method of scores draws.
func TestOnePathOfTests(t *testing.T) {
	root := toyCohort(t, toyRows(24))
	recipe := toyRecipe(t, root, binary, "")
	r, _, err := do(t, Options{Recipe: recipe, Set: []string{"train.epochs=1", "explain.examples=1", "explain.methods=[gradcam,occlusion,rise]", "explain.occlude_pixels=4"}})
	if err != nil {
		t.Fatal(err)
	}
	own, err := r.explained()
	if err != nil {
		t.Fatal(err)
	}
	other, err := ExplainOn(t.Context(), string(r.Dir), ExplainOptions{ExternalOptions: ExternalOptions{Table: filepath.Join(root, "index.csv"), Log: t.Output()},
		Methods: []string{"gradcam", "occlusion", "rise"}, Examples: 1, Limit: 4, Fill: "mean"})
	if err != nil {
		t.Fatal(err)
	}
	fields := func(m TestedMap) (names []string) {
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]any{}
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
		return sortedKeys(all)
	}
	for _, x := range [][]TestedExample{own.Examples, other.Examples} {
		if len(x) == 0 {
			t.Fatal("no examples")
		}
		for _, e := range x {
			if len(e.Maps) != 3 || len(e.Frames) != 4 {
				t.Fatalf("%d maps, %d frames, skipped %v", len(e.Maps), len(e.Frames), e.Skipped)
			}
			for _, m := range e.Maps {
				if !slices.Equal(fields(m), fields(own.Examples[0].Maps[0])) || len(m.Independent) != randomisedParts || m.Verdict.Words == "" {
					t.Errorf("%s: %+v", m.Method, m)
				}
			}
		}
	}
	for _, e := range own.Examples {
		for _, m := range e.Maps {
			if _, err := os.Stat(filepath.Join(r.Dir.Explain(), m.Picture)); err != nil {
				t.Error(err)
			}
		}
	}
	page, err := r.examples()
	if err != nil || len(page) != 3*len(own.Examples) {
		t.Fatalf("%d examples on the page, %v", len(page), err)
	}
	for i, e := range page {
		if m := own.Examples[i/3].Maps[i%3]; e.Trusted != (m.Verdict.Finding == explain.Supported) || e.Verdict != m.Verdict.Words {
			t.Errorf("the page says %v, %q of %+v", e.Trusted, e.Verdict, m.Verdict)
		}
	}
}
