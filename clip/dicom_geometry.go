package clip

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// place is where and when a frame was taken (PS3.3 C.7.6.2).
type place struct {
	known       bool
	orientation [6]float64 // direction cosines of a row (column index grows) and of a column
	position    [3]float64 // of the first sample, mm, LPS
	spacing     [2]float64 // row, column; 0 unknown
	time        float64    // orders frames at one place: trigger or delay time, ms; NaN unknown
	number      int        // Instance Number, or the frame's index
}

// placeOf reads the plane attributes of a data set with the given sub data sets (for functional groups) or itself.
func placeOf(position, orientation, measures *dicom.DataSet) place {
	p := place{time: math.NaN()}
	o, x := orientation.Floats(tag.ImageOrientationPatient), position.Floats(tag.ImagePositionPatient)
	if len(o) == 6 && len(x) == 3 {
		copy(p.orientation[:], o)
		copy(p.position[:], x)
		n := p.normal()
		p.known = math.Abs(dot(n, n)-1) < 0.01 // the cosines are orthogonal unit vectors
	}
	if s := measures.Floats(tag.PixelSpacing); positivePair(s) {
		p.spacing = [2]float64{s[0], s[1]}
	}
	return p
}

// framePlaces is the place of each frame of one file.
func framePlaces(ds *dicom.DataSet, frames int) []place {
	out := make([]place, frames)
	none := dicom.NewDataSet()
	group := func(f int, t tag.Tag) *dicom.DataSet {
		if g := functionalGroup(ds, f, t); g != nil {
			return g
		}
		if frames == 1 {
			return ds
		}
		return none
	}
	for f := range out {
		out[f] = placeOf(group(f, tag.PlanePositionSequence), group(f, tag.PlaneOrientationSequence), group(f, tag.PixelMeasuresSequence))
		out[f].number = f
		if g := functionalGroup(ds, f, tag.CardiacSynchronizationSequence); g != nil {
			if v, ok := g.Float(tag.NominalCardiacTriggerDelayTime); ok {
				out[f].time = v
			}
		}
	}
	return out
}

func (p place) normal() [3]float64 {
	a, b := p.orientation[:3], p.orientation[3:]
	return [3]float64{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// seriesGeometry is what the places of ordered frames say of the clip.
type seriesGeometry struct {
	first    place
	step     [3]float64 // from a frame to the next, mm
	spacing  float64    // between frames; 0: they are moments, or unevenly spaced
	times    []float64
	notes    []string
	oriented bool
	stack    *Stack // nil: not slices
}

// arrange orders frames by their place along the common normal, then by time. Frames all at one place are moments (a cine); when
// several moments repeat at each of several places, phase chooses one of them. Without known places the order is by number.
func arrange(places []place, phase int) ([]int, seriesGeometry, error) {
	order := make([]int, len(places))
	for i := range order {
		order[i] = i
	}
	var g seriesGeometry
	located := 0
	for _, p := range places {
		if p.known {
			located++
		}
	}
	if located < len(places) {
		if located > 0 {
			g.notes = append(g.notes, fmt.Sprintf("%d of %d frames have no place in the patient; ordered by number", len(places)-located, len(places)))
		}
		if phase >= 0 {
			return nil, g, inputf("the frames have no places in the patient, so there are no phases to choose from")
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(places[a].number, places[b].number) })
		g.first = places[order[0]]
		return order, g, nil
	}
	normal := places[0].normal()
	at := make([]float64, len(places))
	for i, p := range places {
		for k := range p.orientation {
			if math.Abs(p.orientation[k]-places[0].orientation[k]) > 0.01 {
				return nil, g, inputf("the frames have different orientations").
					WithHint("radial or localiser images are not one stack: put the frames of each orientation in a folder of their own")
			}
		}
		at[i] = dot(p.position, normal)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		pa, pb := places[a], places[b]
		if d := at[a] - at[b]; math.Abs(d) > 0.01 {
			return cmp.Compare(d, 0)
		}
		if pa.time == pa.time && pb.time == pb.time && pa.time != pb.time {
			return cmp.Compare(pa.time, pb.time)
		}
		return cmp.Compare(pa.number, pb.number)
	})
	// Runs of one place.
	var runs [][]int
	for i, f := range order {
		if i == 0 || at[f]-at[order[i-1]] > 0.01 {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], f)
	}
	moments := len(runs[0])
	for _, r := range runs {
		if len(r) != moments {
			return nil, g, inputf("%d places have between %d and %d images each", len(runs), shortest(runs), longest(runs)).
				WithHint("images are missing or sent twice: fetch the series again")
		}
	}
	if moments > 1 && len(runs) > 1 {
		if phase < 0 {
			return nil, g, fault.New(fault.Usage, "%d moments at each of %d places", moments, len(runs)).
				WithHint("choose one with #[0] to #[%d] (of a folder: FOLDER#SERIES-UID[0])", moments-1)
		}
		if phase >= moments {
			return nil, g, fault.New(fault.NotFound, "phase %d of %d", phase, moments)
		}
		order = order[:0]
		for _, r := range runs {
			order = append(order, r[phase])
		}
	} else if phase >= 0 {
		return nil, g, inputf("there is one image at each place, so no phase to choose")
	}
	g.first, g.oriented = places[order[0]], true
	if len(runs) > 1 {
		g.measure(places, at, order)
	} else if len(order) > 1 {
		g.times = triggerTimes(places, order)
	}
	return order, g, nil
}

func shortest(runs [][]int) int {
	return len(slices.MinFunc(runs, func(a, b []int) int { return len(a) - len(b) }))
}
func longest(runs [][]int) int {
	return len(slices.MaxFunc(runs, func(a, b []int) int { return len(a) - len(b) }))
}

// measure finds the step between slices and says when they are uneven.
func (g *seriesGeometry) measure(places []place, at []float64, order []int) {
	n := len(order) - 1
	gaps := make([]float64, n)
	for i := range gaps {
		gaps[i] = at[order[i+1]] - at[order[i]]
	}
	last := places[order[n]].position
	for k := range g.step {
		g.step[k] = (last[k] - g.first.position[k]) / float64(n)
	}
	g.stack = stackOf(gaps, g.step, g.first.normal())
	lo, hi := slices.Min(gaps), slices.Max(gaps)
	if hi-lo > 0.05*hi {
		g.notes = append(g.notes, fmt.Sprintf("slices are unevenly spaced, %.2f to %.2f mm: some may be missing", lo, hi))
		g.oriented = false
		slices.Sort(gaps)
		g.spacing = gaps[n/2]
		return
	}
	g.spacing = math.Sqrt(dot(g.step, g.step))
}

// triggerTimes is the time of each frame since the first when all are known and grow.
func triggerTimes(places []place, order []int) []float64 {
	out := make([]float64, len(order))
	for i, f := range order {
		out[i] = places[f].time - places[order[0]].time
		if out[i] != out[i] || i > 0 && !(out[i] > out[i-1]) {
			return nil
		}
	}
	return out
}

// apply gives a clip its spacing, times and affine.
func (g *seriesGeometry) apply(c *Clip) {
	c.Source.Notes = append(c.Source.Notes, g.notes...)
	c.Source.Stack = g.stack
	c.Spacing.Row, c.Spacing.Column, c.Spacing.Slice = g.first.spacing[0], g.first.spacing[1], g.spacing
	if g.times != nil {
		c.TimesMS = g.times
	}
	if !g.oriented || g.first.spacing[0] <= 0 {
		return
	}
	step := g.step
	if g.spacing == 0 { // one place: the frame axis points along the normal
		step = g.first.normal()
	}
	var a Affine
	for i := range 3 {
		a[i] = [4]float64{g.first.orientation[i] * g.first.spacing[1], g.first.orientation[3+i] * g.first.spacing[0], step[i], g.first.position[i]}
	}
	c.Affine = &a
}
