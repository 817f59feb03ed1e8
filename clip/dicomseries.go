package clip

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

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

// openDICOMSeries reads the single frames of one series as one clip. files may hold several series; then series names the wanted one.
func openDICOMSeries(files []string, frag fragment, cfg *readConfig) (*Clip, error) {
	type header struct {
		path, series string
		frames       int
		place        place
	}
	headers := make([]header, len(files))
	var g errgroup.Group
	g.SetLimit(cfg.workers)
	for i, path := range files {
		g.Go(func() error {
			if err := cfg.ctx.Err(); err != nil {
				return err
			}
			f, err := dicom.Open(path, dicom.StopBefore(tag.PixelData))
			if err != nil {
				return fault.New(fault.CodeOf(dicomError(err)), "%s: %w", filepath.Base(path), dicomError(err))
			}
			defer f.Close()
			ds := f.DataSet
			frames, _ := ds.Int(tag.NumberOfFrames)
			p := framePlaces(ds, 1)[0]
			p.number, _ = ds.Int(tag.InstanceNumber)
			if t, ok := ds.Float(tag.TriggerTime); ok {
				p.time = t
			}
			headers[i] = header{path, strings.TrimSpace(ds.String(tag.SeriesInstanceUID)), max(frames, 1), p}
			if _, ok := ds.Int(tag.Rows); !ok {
				headers[i].frames = 0 // a report or another object without pixels
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	headers = slices.DeleteFunc(headers, func(h header) bool { return h.frames == 0 })
	bySeries := map[string][]header{}
	var names []string
	for _, h := range headers {
		if bySeries[h.series] == nil {
			names = append(names, h.series)
		}
		bySeries[h.series] = append(bySeries[h.series], h)
	}
	series := frag.member
	switch {
	case len(headers) == 0:
		return nil, inputf("none of the folder's DICOM files has pixels")
	case series == "" && len(names) == 1:
		series = names[0]
	case bySeries[series] == nil:
		slices.Sort(names)
		return nil, fault.New(fault.Usage, "the folder holds %d series", len(names)).WithHint("name one: FOLDER#%s", strings.Join(names[:min(len(names), 5)], " or FOLDER#"))
	}
	members := bySeries[series]
	if len(members) == 1 {
		return openDICOM(members[0].path, fragment{index: frag.index}, cfg)
	}
	places := make([]place, len(members))
	for i, m := range members {
		if m.frames > 1 {
			return nil, inputf("the series holds %d files, of which %s has %d frames", len(members), filepath.Base(m.path), m.frames).
				WithHint("open multi-frame files one by one")
		}
		places[i] = m.place
	}
	order, geo, err := arrange(places, frag.index)
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(order))
	for i, k := range order {
		paths[i] = members[k].path
	}
	c, err := joinInstances(paths, cfg)
	if err != nil {
		return nil, err
	}
	geo.apply(c)
	return c, nil
}

// joinInstances decodes single-frame files into one clip.
func joinInstances(paths []string, cfg *readConfig) (*Clip, error) {
	frames := make([]*Clip, len(paths))
	digests := make([]string, len(paths))
	one := *cfg
	one.workers = 1
	read := func(i int) error {
		wrap := func(err error) error {
			return fault.New(fault.CodeOf(err), "frame %d, %s: %w", i, filepath.Base(paths[i]), err)
		}
		d, err := openInstance(paths[i], &one)
		if err != nil {
			return wrap(err)
		}
		defer d.file.Close()
		if frames[i], err = d.decode([]int{0}, &one); err != nil {
			return wrap(err)
		}
		if frames[i].Spacing.Row == 0 {
			frames[i].Spacing.Row, frames[i].Spacing.Column = d.pixelSpacing(frames[i])
		}
		digests[i], err = digestFile(paths[i])
		return err
	}
	if err := read(0); err != nil {
		return nil, err
	}
	f := frames[0]
	if err := cfg.checkSize(f.DType, len(paths), f.H, f.W, f.C); err != nil {
		return nil, err
	}
	var g errgroup.Group
	g.SetLimit(cfg.workers)
	for i := 1; i < len(paths); i++ {
		g.Go(func() error {
			if err := cfg.ctx.Err(); err != nil {
				return err
			}
			return read(i)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	source := f.Source
	source.Instances, source.Tags = nil, commonTags(frames)
	source.Digest = digestOfDigests(digests)
	dt, channels := f.DType, f.C
	for i, c := range frames {
		if c.H != f.H || c.W != f.W {
			return nil, inputf("frame %d, %s, is %d×%d, the first one %d×%d", i, filepath.Base(paths[i]), c.W, c.H, f.W, f.H).
				WithHint("put images of one size in the folder")
		}
		if c.DType != dt {
			dt = widest(dt, c.DType)
		}
		channels = max(channels, c.C)
		source.Instances = append(source.Instances, c.Source.Instances...)
	}
	for i, c := range frames {
		if c.C < channels {
			c = threeChannels(c)
		}
		if c.DType != dt {
			c = converted(c, dt)
		}
		frames[i] = c
	}
	out := joinFrames(frames)
	out.Source, out.Photometric = source, frames[0].Photometric
	return out, nil
}

// commonTags keeps the facts that all frames share.
func commonTags(frames []*Clip) map[string]string {
	out := map[string]string{}
	for k, v := range frames[0].Source.Tags {
		same := k != tag.InstanceNumber.Keyword()
		for _, c := range frames {
			same = same && c.Source.Tags[k] == v
		}
		if same {
			out[k] = v
		}
	}
	return out
}

// widest is a type that holds the values of both.
func widest(a, b DType) DType {
	switch {
	case a == Float64 || b == Float64:
		return Float64
	case a == Float32 || b == Float32:
		return Float32
	}
	return Int32
}

// converted changes the sample type without scaling.
func converted(c *Clip, dt DType) *Clip {
	out := New(dt, c.T, c.H, c.W, c.C)
	x := make([]float32, c.T*c.H*c.W*c.C)
	scaleSamples(x, c, 1, 0)
	storeRounded(out, x)
	out.Photometric, out.Source, out.Spacing = c.Photometric, c.Source, c.Spacing
	return out
}
