package run

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// TestPredictFiles: pictures without a table get the scores that the run itself gives them; each fold answers for itself.
func TestPredictFiles(t *testing.T) {
	root := toyCohort(t, toyRows(20))
	targets := "[{name: grade, kind: class, classes: [none, mild, severe]}, {name: bright, kind: binary, column: bright}, {name: level, kind: regression, unit: a}]"
	r, _, err := do(t, Options{Recipe: toyRecipe(t, root, targets, "splits:\n  - {name: held-out, by: column, column: part}\n")})
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.predictions(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, item := range p.Item {
		files = append(files, filepath.Join(root, item))
	}
	got, err := PredictFiles(t.Context(), string(r.Dir), append(files, filepath.Join(root, "absent.npy")), t.Output(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Members) != 1 || len(got.Left) != 1 || got.Members[0].Len() != p.Len() {
		t.Fatalf("%d networks, %d left, %d of %d rows", len(got.Members), len(got.Left), got.Members[0].Len(), p.Len())
	}
	if len(got.Learnt) != 4 || got.Untold { // of the files asked about those of the validation part chose the model
		t.Errorf("learnt from %v", got.Learnt)
	}
	row := map[string]int{}
	for i, item := range got.Members[0].Item {
		row[filepath.Base(item)] = i
	}
	for _, target := range p.Targets {
		for i, item := range p.Item {
			k, ok := row[item]
			if !ok {
				t.Fatalf("nothing of %s", item)
			}
			for j, want := range p.Score[target.Name][i] {
				if v := got.Members[0].Score[target.Name][k][j]; !(math.Abs(v-want) < 1e-5) {
					t.Errorf("%s of %s: %v, the run has %v", target.Name, item, v, want)
				}
			}
		}
	}
	if _, err := PredictFiles(t.Context(), t.TempDir(), files, t.Output(), nil); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no run: %v", err)
	}
}
