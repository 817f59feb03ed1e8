package annotate

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/annotate/measure"
)

// TestMaskRunsAgreedWithTheBrowser: the runs that the browser's tests read and write are this package's.
func TestMaskRunsAgreedWithTheBrowser(t *testing.T) {
	data, err := os.ReadFile("../web/src/core/tools/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Fills []struct {
			Kind          measure.Kind
			Points        []measure.Point
			Rows, Columns int
			Runs          []int
		}
	}
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Fills) < 5 {
		t.Fatalf("%d masks", len(g.Fills))
	}
	for _, f := range g.Fills {
		pixels := measure.Shape{Kind: f.Kind, Points: f.Points}.Fill(f.Rows, f.Columns)
		m := EncodeMask(pixels, f.Rows, f.Columns)
		if !slices.Equal(m.Runs, f.Runs) {
			t.Errorf("%s: %v, the file says %v", f.Kind, m.Runs, f.Runs)
		}
		if err := m.check(); err != nil || !slices.Equal(m.Pixels(), pixels) {
			t.Errorf("%s: %v", f.Kind, err)
		}
	}
}
