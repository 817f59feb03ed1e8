package cohort

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/testdata"
)

// doubtsOf are the rules that an item breaks.
func doubtsOf(v Verdict) string {
	var out []string
	for _, d := range v.Doubts {
		out = append(out, d.Rule)
	}
	return strings.Join(out, ", ")
}

// sameKind are n items of one kind.
func sameKind(n int, tags map[string]string) []Facts {
	out := make([]Facts, n)
	for i := range out {
		out[i] = Facts{ID: fmt.Sprint(i), Frames: 20, Height: 64, Width: 64, Channels: 1, Mean: 0.4, SD: 0.2, Sharpness: 1, SpacingMM: [3]float64{2, 0.7, 0.7}, Tags: tags}
	}
	return out
}

// TestKinds: of a hundred CTs of the chest, the MR, the head and the one of another name are found; those that say nothing are left alone; where
// there is no majority, or nobody says, there is no rule; what the recipe states comes before what the set is.
func TestKinds(t *testing.T) {
	facts := sameKind(100, map[string]string{"Modality": "CT", "BodyPartExamined": "CHEST"})
	facts[3].Tags = map[string]string{"Modality": "MR", "BodyPartExamined": "Chest"}
	facts[7].Tags = map[string]string{"Modality": "CT", "BodyPartExamined": "HEAD"}
	facts[9].Tags = nil
	for i, v := range Quality(facts, QualityLimits{}) {
		want := map[int]string{3: "wrong modality", 7: "wrong body part"}[i]
		if got := doubtsOf(v); got != want {
			t.Errorf("item %d: %q, want %q", i, got, want)
		}
	}
	v := Quality(facts, QualityLimits{Expect: &ExpectSpec{Modality: []string{"MR"}, BodyPart: []string{"chest", "HEAD"}}})
	if got := doubtsOf(v[3]) + "; " + doubtsOf(v[7]) + "; " + doubtsOf(v[9]); got != "; wrong modality; " {
		t.Errorf("against the recipe: %q", got)
	}
	if !strings.Contains(v[7].Doubts[0].Reason, "modality CT: the recipe expects MR") {
		t.Errorf("%+v", v[7].Doubts)
	}
	for i := range 30 {
		facts[i].Tags = map[string]string{"Modality": "MR"}
	}
	if got := doubtsOf(Quality(facts, QualityLimits{})[5]); got != "" {
		t.Errorf("without a majority: %q", got)
	}
	if got := doubtsOf(Quality(facts[95:], QualityLimits{})[0]); got != "" {
		t.Errorf("five items: %q", got)
	}
	few := sameKind(3, map[string]string{"Modality": "CT"})
	if got := doubtsOf(Quality(few, QualityLimits{Expect: &ExpectSpec{Modality: []string{"US"}}})[2]); got != "wrong modality" {
		t.Errorf("three items and a recipe: %q", got)
	}
}

// TestStackDoubts: gaps, uneven steps, tilt, and slices that lie further apart, or pixels of another shape, than in the rest.
func TestStackDoubts(t *testing.T) {
	facts := sameKind(60, map[string]string{"SliceThickness": "2"})
	whole := &clip.Stack{Slices: 20, StepMM: 2, GapMM: 2}
	for i := range facts {
		facts[i].Stack = whole
		facts[i].SpacingMM[0] *= 1 + 0.01*float64(i%5)
		facts[i].SpacingMM[1] *= 1 + 0.01*float64(i%3)
		facts[i].SpacingMM[2] = facts[i].SpacingMM[1] * (1 + 0.001*float64(i%4))
	}
	facts[5].Stack = &clip.Stack{Slices: 18, StepMM: 2, GapMM: 6, Missing: 2}
	facts[6].Stack = &clip.Stack{Slices: 20, StepMM: 2, GapMM: 3.1, Uneven: 2}
	facts[7].TiltDeg = 12
	facts[8].Tags = map[string]string{"SliceThickness": "0.5"}
	facts[9].SpacingMM[2] *= 1.5
	facts[10].SpacingMM[0], facts[10].Tags = 9, nil
	want := map[int]string{5: "missing slices", 6: "uneven slices", 7: "tilted gantry", 8: "unlike the others: distance between slices by their thickness",
		9: "unlike the others: pixel shape", 10: "unlike the others: slice spacing"}
	for i, v := range Quality(facts, QualityLimits{}) {
		if got := doubtsOf(v); got != want[i] {
			t.Errorf("item %d: %q, want %q", i, got, want[i])
		}
		if v.Reject {
			t.Errorf("item %d is rejected", i)
		}
	}
	if r := Quality(facts, QualityLimits{})[5].Doubts[0].Reason; r != "18 slices 2.00 mm apart have a gap of 6.00 mm: about 2 are missing" {
		t.Error(r)
	}
}

// TestWholeSetOnRealHeaders: real series of CT and MR, and a real CT in NIfTI, looked at as one cohort: the series with far slices is found by
// its positions, modality and body part by what the recipe says.
func TestWholeSetOnRealHeaders(t *testing.T) {
	real := testdata.Shared(t, "data/dicom/real/pydicom/test_files/dicomdirtests")
	nifti := testdata.Shared(t, "data/imaging/ct_example/example_ct_sm.nii.gz")
	dir := t.TempDir()
	link := func(from, name string) {
		if err := os.Symlink(from, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link(nifti, "ct.nii.gz")
	link(filepath.Join(real, "77654033", "CT2"), "far")
	link(filepath.Join(real, "98892003", "MR2", "4950"), "mr.dcm")
	table := "file,patient\nct.nii.gz,a\nfar,b\nmr.dcm,c\n"
	if err := os.WriteFile(filepath.Join(dir, "t.csv"), []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Load(context.Background(), Spec{Root: dir, Table: "t.csv", File: "{file}", Patient: "patient"})
	if err != nil {
		t.Fatal(err)
	}
	facts, err := c.Inspect(context.Background(), InspectOptions{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range Quality(facts, QualityLimits{Expect: &ExpectSpec{Modality: []string{"CT"}}}) {
		got[v.ID] = doubtsOf(v)
		t.Logf("%s: %q %v %+v tilt %.3f", v.ID, got[v.ID], v.Unreadable, v.Stack, v.TiltDeg)
	}
	if !strings.Contains(got["far"], "missing slices") || !strings.Contains(got["mr.dcm"], "wrong modality") || strings.Contains(got["ct.nii.gz"], "slices") || strings.Contains(got["ct.nii.gz"], "gantry") {
		t.Errorf("%v", got)
	}
}
