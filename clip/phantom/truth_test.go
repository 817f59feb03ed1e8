package phantom

import (
	"slices"
	"strings"
	"testing"
)

// An expert outlines the first end-diastole that has an end-systole after it, and that one.
func TestTracedFrames(t *testing.T) {
	for _, c := range []struct {
		ed, es, want []int
	}{
		{[]int{4, 20}, []int{12, 28}, []int{4, 12}},
		{[]int{10}, []int{3, 18}, []int{10, 18}},
		{[]int{10}, []int{3}, []int{3, 10}},
		{[]int{0}, nil, []int{0}},
		{nil, []int{7}, []int{7}},
		{nil, nil, nil},
	} {
		truth := Truth{ED: c.ed, ES: c.es}
		var got []int
		for i := range 32 {
			if truth.traced(i) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("ED %v, ES %v: frames %v, want %v", c.ed, c.es, got, c.want)
		}
	}
}

// By hand: beats start at −0.5, 0.5 and 1.5 s; at 10 frames/s end-diastole is at frames 5 and 15. Beats of 1 s have a systole of
// 0.311 s, so end-systole is nearest to frames 8 and 18; the systole of the beat before the clip is over.
func TestMarkedFrames(t *testing.T) {
	h := normalHeart()
	p := &Patient{heart: h}
	q := rhythm{start: []float64{-0.5, 0.5, 1.5, 2.5}}
	var times []float64
	for i := range 20 {
		times = append(times, float64(i)/10)
	}
	truth := Truth{FPS: 10}
	truth.describe(p, times, &q)
	if !slices.Equal(truth.ED, []int{5, 15}) || !slices.Equal(truth.ES, []int{8, 18}) {
		t.Errorf("ED %v, ES %v", truth.ED, truth.ES)
	}
	near(t, "heart rate", truth.HR, 60, 1e-9)
	near(t, "phase of the first frame", truth.Phases[0], 0.5, 1e-9)
	near(t, "volume at end-diastole", truth.Volumes[5], 130, 0.3)
	near(t, "volume at end-systole", truth.Volumes[8], 52, 1)
}

// The row has a value for every column, and masks and shortcuts are only where they should be.
func TestRowsAndOptions(t *testing.T) {
	c := mustNew(t, Config{Seed: 61, Tissue: true, Frames: 8, Height: 40, Width: 40})
	p := c.Patient(0)
	pictures, truth := c.ClipOf(p, A2C)
	if len(c.cohortRow(p, A2C, truth)) != len(cohortColumns) {
		t.Error("the row does not fit the columns")
	}
	if truth.Masks != nil || truth.Boxes != nil || truth.Doppler != nil || pictures.C != 1 {
		t.Error("a tissue clip has masks, text or colour that nobody asked for")
	}
	if p.bits[Lead] = true; !strings.Contains(strings.Join(c.cohortRow(p, A2C, truth), ","), "lead") {
		t.Error("the shortcut is not listed")
	}
	if pictures.Source.Format != "phantom" || len(pictures.Source.Digest) != 64 || pictures.Source.Tags["ViewName"] != "A2C" {
		t.Errorf("source %+v", pictures.Source)
	}
}

// The device text is the text confounder's, in the picture and in the header.
func TestDeviceFollowsTheTextSide(t *testing.T) {
	c := mustNew(t, Config{Seed: 62, Rho: 1})
	for i := range 30 {
		p := c.Patient(i)
		if want := map[bool]string{false: "Sonara V7", true: "Echomax 300"}[p.bits[Text]]; p.Device != want {
			t.Errorf("device %s on side %t", p.Device, p.bits[Text])
		}
		if p.Split != "TEST" && p.bits[Text] != p.Outcome || p.Split == "TEST" && p.bits[Text] == p.Outcome {
			t.Errorf("patient %d: the side does not follow the outcome at rho 1", i)
		}
	}
}
