package run

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/stats"
)

// A score that reads the frames of systole alone needs systole more; the events come from two columns, or from a simulated study's truth.
func TestPhasesOfACohort(t *testing.T) {
	root := t.TempDir()
	r := &Run{Plan: &learn.Plan{Seed: 1, Input: clip.InputSpec{Frames: 8, Height: 4, Width: 4, Channels: 1, Normalise: "none"}},
		Cohort: &cohort.Cohort{Columns: []string{"name", "ED", "ES"}}}
	for i := range 24 {
		cells := []string{fmt.Sprint(i), "0 8", "4"}
		if i == 5 {
			cells[2] = "NA"
		}
		r.Cohort.Rows = append(r.Cohort.Rows, cohort.Row{Patient: fmt.Sprint(i), Columns: cells, Path: filepath.Join(root, "dicom", fmt.Sprintf("%d.dcm", i))})
	}
	if err := os.Mkdir(filepath.Join(root, "truth"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 24 {
		if err := os.WriteFile(filepath.Join(root, "truth", fmt.Sprintf("%d.json", i)), []byte(`{"ed": [0, 8], "es": [4]}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	systole := map[int]bool{0: true, 1: true, 2: true, 3: true} // of 8 input frames, which are the clip's own
	score := func(x []float32, n int) ([]float64, error) {
		out := make([]float64, n)
		for i, v := range x {
			if systole[i%128/16] {
				out[i/128] += float64(v)
			}
		}
		return out, nil
	}
	for _, c := range []struct {
		text  string
		items int
		lacks int
	}{{"ED,ES", 23, 1}, {truthPhases, 24, 0}} {
		r.Cohort.Rows[0].Columns[1] = "0"
		p, err := newPhaser(r, c.text)
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Cohort.Rows {
			stored := clip.New(clip.Uint8, 10, 4, 4, 1) // 8 of its 10 frames are seen, all around the middle of each
			in := explain.Input{C: 1, T: 8, H: 4, W: 4, X: make([]float32, 128)}
			rng := stats.Seed(7).Stream("item", i)
			for k := range in.X {
				in.X[k] = float32(rng.NormFloat64())
			}
			if err := p.add(example{row: i}, stored, in, score); err != nil {
				t.Fatal(err)
			}
		}
		out, err := p.finish(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if out.Items != c.items || out.Lacks != c.lacks || out.Low == nil || *out.Low <= 0 || !strings.Contains(out.Words, "systole more") {
			t.Errorf("%s: %d items, %d without: %s", c.text, out.Items, out.Lacks, out.Words)
		}
	}
	for _, bad := range []string{"ED", "ED,XS", "a,b,c"} {
		if _, err := newPhaser(r, bad); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", bad, err)
		}
	}
	p, err := newPhaser(r, "")
	if err != nil || p != nil {
		t.Fatalf("nothing asked: %v, %v", p, err)
	}
	if err := p.add(example{}, nil, explain.Input{}, nil); err != nil {
		t.Error(err)
	}
	if out, err := p.finish(t.Context()); out != nil || err != nil {
		t.Errorf("%v, %v", out, err)
	}
	p, _ = newPhaser(r, truthPhases)
	if out, err := p.finish(t.Context()); err != nil || !strings.HasPrefix(out.Words, "No item") {
		t.Errorf("no items: %+v, %v", out, err)
	}
	r.Cohort.Rows[0].Path = filepath.Join(root, "x", "y", "z.dcm")
	if err := p.add(example{}, clip.New(clip.Uint8, 10, 4, 4, 1), explain.Input{}, score); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no simulated study: %v", err)
	}
}
