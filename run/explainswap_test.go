package run

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
)

// A score that reads the brightness of the corner where the probe marker stands: the swap of the marker moves it, that of the gain does not turn
// it one way, and no heart plays a part.
func TestSwapFindsTheConfounderThatIsRead(t *testing.T) {
	dir := t.TempDir()
	cfg := phantom.Config{Seed: 3, Patients: 14, Frames: 8, Height: 48, Width: 48}
	if err := phantom.Write(context.Background(), dir, cfg, nil); err != nil {
		t.Fatal(err)
	}
	study, err := phantom.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	plan := &learn.Plan{Seed: 1, Input: clip.InputSpec{Frames: 2, Height: 48, Width: 48, Channels: 1, Normalise: "unit"}}
	r := &Run{Plan: plan, Cohort: &cohort.Cohort{}}
	for i := range 14 {
		name := study.FileName(study.Patient(i), phantom.A4C)
		r.Cohort.Rows = append(r.Cohort.Rows, cohort.Row{ID: name, Path: filepath.Join(dir, "dicom", name+".dcm"), Patient: fmt.Sprint(i)})
	}
	s, err := newSwapper(r, []string{"marker", "marker", "framerate"})
	if err != nil || len(s.looks) != 2 {
		t.Fatalf("%v, %v", s, err)
	}
	half := func(x []float32, _ int) ([]float64, error) { // the marker is drawn in one half of the upper rows or the other
		var left, right float64
		for i := range 48 * 6 {
			if i%48 < 24 {
				left += float64(x[i])
			} else {
				right += float64(x[i])
			}
		}
		return []float64{0.5 + (right-left)/10}, nil
	}
	for i := range r.Cohort.Rows {
		if err := s.add(t.Context(), example{row: i}, half); err != nil {
			t.Fatal(err)
		}
	}
	out, err := s.finish(t.Context(), evaluate.Binary)
	if err != nil || len(out) != 2 {
		t.Fatal(err)
	}
	if m := out[0]; !m.Uses || m.Turned == nil || !strings.Contains(m.Words, "the score depends on it") {
		t.Errorf("marker: %s", m.Words)
	}
	if f := out[1]; f.Uses {
		t.Errorf("frame rate: %s", f.Words)
	}
	if err := s.add(t.Context(), example{row: 0}, func([]float32, int) ([]float64, error) { return nil, fault.New(fault.Internal, "x") }); err == nil {
		t.Error("a score that fails")
	}
	r.Cohort.Rows[0].Path = filepath.Join(dir, "dicom", "else.dcm")
	if err := s.add(t.Context(), example{row: 0}, half); fault.CodeOf(err) != fault.Input {
		t.Errorf("a file of another study: %v", err)
	}
	r.Cohort.Rows[0].Path = filepath.Join(t.TempDir(), "a", "b.dcm")
	if err := s.add(t.Context(), example{row: 0}, half); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no simulated study: %v", err)
	}
	if _, err := newSwapper(r, []string{"bmi"}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("body mass: %v", err)
	}
	if all, err := newSwapper(r, []string{"all"}); err != nil || len(all.looks) != len(phantom.Looks) {
		t.Errorf("all: %v", err)
	}
}
