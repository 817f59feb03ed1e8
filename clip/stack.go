package clip

import (
	"math"
	"slices"
)

// Stack says how the slices of a series lie, as their positions have it (PS3.3 C.7.6.2). It is provenance: of the series as it was read.
type Stack struct {
	Slices  int     `json:"slices"`
	StepMM  float64 `json:"step_mm"`           // median distance between neighbours, along their common normal
	GapMM   float64 `json:"gap_mm"`            // the largest
	Missing int     `json:"missing,omitempty"` // slices that would fill gaps of whole multiples of the step
	Uneven  int     `json:"uneven,omitempty"`  // other distances that differ from the step by more than 5 %
	TiltDeg float64 `json:"tilt_deg"`          // between the slices' normal and the line that their positions lie on: a tilted gantry
}

// stackOf measures the distances between neighbouring slices, and the direction in which they move on.
func stackOf(gaps []float64, step, normal [3]float64) *Stack {
	sorted := slices.Clone(gaps)
	slices.Sort(sorted)
	s := &Stack{Slices: len(gaps) + 1, StepMM: sorted[len(sorted)/2], GapMM: sorted[len(sorted)-1]}
	if len(gaps)%2 == 0 { // of two middle ones the smaller: a gap among few slices is not the rule
		s.StepMM = sorted[len(sorted)/2-1]
	}
	for _, g := range gaps {
		n := math.Round(g / s.StepMM)
		switch {
		case math.Abs(g-s.StepMM) <= 0.05*s.StepMM:
		case n >= 2 && math.Abs(g-n*s.StepMM) <= 0.05*s.StepMM*math.Sqrt(n): // positions are rounded, and their errors add up
			s.Missing += int(n) - 1
		default:
			s.Uneven++
		}
	}
	s.TiltDeg = tilt(step, normal)
	return s
}

// tilt is the angle between two lines, degrees.
func tilt(a, b [3]float64) float64 {
	size := math.Sqrt(dot(a, a) * dot(b, b))
	if size == 0 {
		return 0
	}
	return 180 / math.Pi * math.Acos(min(1, math.Abs(dot(a, b))/size))
}

// TiltDeg is the angle between the frames' normal and the direction from a frame to the next, degrees: 0 for a rectangular stack, and where
// the affine is unknown.
func (c *Clip) TiltDeg() float64 {
	if c.Affine == nil || c.T < 2 {
		return 0
	}
	column := func(k int) [3]float64 { return [3]float64{c.Affine[0][k], c.Affine[1][k], c.Affine[2][k]} }
	a, b := column(0), column(1)
	return tilt(column(2), [3]float64{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]})
}
