package clip

import (
	"math"
	"math/rand/v2"

	"github.com/cineloop/cineloop/internal/fault"
)

// The transforms here return new clips and keep the sample type; what is computed between samples is computed in float32 and, for
// integers, rounded. Times, spacing and affine of the result describe its own samples.

// Crop cuts box out of c. Parts of the box outside c are filled with pad (converted to the sample type), and frames before or after
// a cine continue its times at the mean interval. It panics when the box is empty.
func Crop(c *Clip, box Box, pad float64) *Clip {
	out := New(c.DType, box.T1-box.T0, box.Y1-box.Y0, box.X1-box.X0, c.C)
	fillClip(out, pad)
	n := c.C * c.DType.Size()
	x0, x1 := max(box.X0, 0), min(box.X1, c.W)
	for t := max(box.T0, 0); t < min(box.T1, c.T); t++ {
		src, dst := c.Frame(t), out.Frame(t-box.T0)
		for y := max(box.Y0, 0); y < min(box.Y1, c.H) && x0 < x1; y++ {
			copy(dst[((y-box.Y0)*out.W+x0-box.X0)*n:], src[(y*c.W+x0)*n:(y*c.W+x1)*n])
		}
	}
	describe(out, c, indexMap{{1, 0, 0, float64(box.X0)}, {0, 1, 0, float64(box.Y0)}, {0, 0, 1, float64(box.T0)}})
	if c.TimesMS != nil {
		out.TimesMS = make([]float64, out.T)
		for i := range out.TimesMS {
			out.TimesMS[i] = timeAt(c.TimesMS, float64(box.T0+i)) - timeAt(c.TimesMS, float64(box.T0))
		}
	}
	return out
}

// CropCentre cuts or pads to t×h×w about the middle; 0 keeps a side as it is.
func CropCentre(c *Clip, t, h, w int, pad float64) *Clip {
	span := func(want, own int) (int, int) {
		if want <= 0 {
			want = own
		}
		lo := int(math.Floor(float64(own-want) / 2))
		return lo, lo + want
	}
	var b Box
	b.T0, b.T1 = span(t, c.T)
	b.Y0, b.Y1 = span(h, c.H)
	b.X0, b.X1 = span(w, c.W)
	return Crop(c, b, pad)
}

// timeAt is the time of a frame position, linear between frames and beyond the ends at the mean interval.
func timeAt(times []float64, p float64) float64 {
	last := float64(len(times) - 1)
	step := 0.0
	if len(times) > 1 {
		step = meanInterval(times)
	}
	switch {
	case p <= 0:
		return times[0] + p*step
	case p >= last:
		return times[len(times)-1] + (p-last)*step
	}
	k := int(p)
	return times[k] + (times[k+1]-times[k])*(p-float64(k))
}

// Axis names one of a clip's three axes.
type Axis int

// The axes of a clip.
const (
	Frames Axis = iota
	Rows
	Columns
)

// Flip reverses an axis.
func Flip(c *Clip, axis Axis) *Clip {
	out := New(c.DType, c.T, c.H, c.W, c.C)
	n := c.C * c.DType.Size()
	m := indexMap{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}
	last := [3]int{c.T, c.H, c.W}[axis] - 1
	row := 2 - int(axis) // of the index map, whose order is column, row, frame
	m[row][row], m[row][3] = -1, float64(last)
	for t := range c.T {
		src, dst := c.Frame(t), out.Frame(t)
		if axis == Frames {
			dst = out.Frame(last - t)
		}
		switch axis {
		case Frames:
			copy(dst, src)
		case Rows:
			for y := range c.H {
				copy(dst[(last-y)*c.W*n:(last-y+1)*c.W*n], src[y*c.W*n:])
			}
		case Columns:
			for i := 0; i < len(src); i += c.W * n {
				for x := range c.W {
					copy(dst[i+(last-x)*n:i+(last-x+1)*n], src[i+x*n:])
				}
			}
		}
	}
	describe(out, c, m)
	if c.TimesMS != nil {
		out.TimesMS = make([]float64, c.T)
		for i := range out.TimesMS {
			out.TimesMS[i] = c.TimesMS[i]
			if axis == Frames {
				out.TimesMS[i] = c.TimesMS[last] - c.TimesMS[last-i]
			}
		}
	}
	return out
}

// Permute makes axes[0] of c the frames of the result, axes[1] its rows and axes[2] its columns. A cine's time axis cannot become a
// spatial one: the error is of code input.
func Permute(c *Clip, axes [3]Axis) (*Clip, error) {
	seen := [3]bool{}
	for _, a := range axes {
		if a < 0 || a > 2 || seen[a] {
			return nil, fault.New(fault.Usage, "axes %v are not an order of frames, rows and columns", axes)
		}
		seen[a] = true
	}
	if c.TimesMS != nil && axes[0] != Frames {
		return nil, fault.New(fault.Input, "the frames of a cine are moments, not slices: they cannot become rows or columns")
	}
	dims := [3]int{c.T, c.H, c.W}
	steps := [3]int{c.H * c.W, c.W, 1}
	n := c.C * c.DType.Size()
	out := New(c.DType, dims[axes[0]], dims[axes[1]], dims[axes[2]], c.C)
	permuteBytes(out.Data, c.Data, []int{out.T, out.H, out.W},
		[]int{steps[axes[0]] * n, steps[axes[1]] * n, steps[axes[2]] * n}, n)
	var m indexMap
	for k, a := range axes {
		m[2-int(a)][2-k] = 1
	}
	describe(out, c, m)
	out.TimesMS = append([]float64(nil), c.TimesMS...)
	return out, nil
}

// SelectFrames takes frames in the given order. Where the order goes back in a cine (a loop), time goes on by the mean interval.
// A stack whose frames are not evenly spaced in the result loses its slice spacing and affine.
func SelectFrames(c *Clip, frames []int) (*Clip, error) {
	if len(frames) == 0 {
		return nil, fault.New(fault.Usage, "no frames are selected")
	}
	out := New(c.DType, len(frames), c.H, c.W, c.C)
	for i, f := range frames {
		if f < 0 || f >= c.T {
			return nil, fault.New(fault.Usage, "frame %d of a clip with %d", f, c.T)
		}
		copy(out.Frame(i), c.Frame(f))
	}
	step, even := 1, true
	if len(frames) > 1 {
		step = frames[1] - frames[0]
		for i := 2; i < len(frames); i++ {
			even = even && frames[i]-frames[i-1] == step
		}
	}
	describe(out, c, indexMap{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, float64(step), float64(frames[0])}})
	if !even || step == 0 {
		out.Affine, out.Spacing.Slice = nil, 0
	}
	if c.TimesMS != nil {
		out.TimesMS = make([]float64, len(frames))
		for i := 1; i < len(frames); i++ {
			d := c.TimesMS[frames[i]] - c.TimesMS[frames[i-1]]
			if d < 0 {
				d = meanInterval(c.TimesMS)
			}
			out.TimesMS[i] = out.TimesMS[i-1] + d
		}
	}
	return out, nil
}

// Resize resamples to t×h×w over the same extent; 0 keeps a side. In plane: bilinear, and the mean over the covered samples when
// shrinking. Along the frames: the same for stacks, the nearest frame for cines. Masks take the nearest sample.
func Resize(c *Clip, t, h, w int) *Clip {
	own := func(v, own int) int {
		if v <= 0 {
			return own
		}
		return v
	}
	t, h, w = own(t, c.T), own(h, c.H), own(w, c.W)
	sx, sy, st := float64(c.W)/float64(w), float64(c.H)/float64(h), float64(c.T)/float64(t)
	g := geometry{axes: [3]int{0, 1, 2}, m: matrix{sx, 0, sx/2 - 0.5, 0, sy, sy/2 - 0.5}}
	g.mixes = planFrames(c, 0, c.T, t, InputSpec{}, nil, false, 0, 1)
	return warp(c, g, h, w, st, st/2-0.5)
}

// ResampleSpacing resamples so that samples are s mm apart; 0 keeps an axis. The extent stays, to the nearest whole sample. An axis
// that is to change must have a known spacing.
func ResampleSpacing(c *Clip, s Spacing) (*Clip, error) {
	side := func(name string, n int, own, want float64) (int, error) {
		if want <= 0 || want == own {
			return n, nil
		}
		if own <= 0 {
			return 0, fault.New(fault.Input, "the %s spacing is not known", name).WithHint("leave it 0 in the wanted spacing")
		}
		return max(1, int(math.Round(float64(n)*own/want))), nil
	}
	t, err := side("slice", c.T, c.Spacing.Slice, s.Slice)
	if err != nil {
		return nil, err
	}
	h, err := side("row", c.H, c.Spacing.Row, s.Row)
	if err != nil {
		return nil, err
	}
	w, err := side("column", c.W, c.Spacing.Column, s.Column)
	if err != nil {
		return nil, err
	}
	return Resize(c, t, h, w), nil
}

// ResampleTime gives a cine frames every ms milliseconds from its first to its last, each the mean of its two neighbours in time
// weighted by nearness (masks: the nearer one).
func ResampleTime(c *Clip, ms float64) (*Clip, error) {
	if len(c.TimesMS) == 0 || !(ms > 0) {
		return nil, fault.New(fault.Input, "resampling in time needs known frame times and a positive interval")
	}
	length := c.TimesMS[c.T-1] - c.TimesMS[0]
	n := int(math.Floor(length/ms+1e-9)) + 1
	if n > 1<<20 {
		return nil, fault.New(fault.Resource, "%d frames of %g ms", n, ms)
	}
	g := geometry{axes: [3]int{0, 1, 2}, m: matrix{1, 0, 0, 0, 1, 0}, mixes: make([]frameMix, n)}
	k := 0
	for i := range g.mixes {
		at := c.TimesMS[0] + float64(i)*ms
		for k+1 < c.T-1 && c.TimesMS[k+1] <= at {
			k++
		}
		f := 0.0
		if k+1 < c.T && c.TimesMS[k+1] > c.TimesMS[k] {
			f = min((at-c.TimesMS[k])/(c.TimesMS[k+1]-c.TimesMS[k]), 1)
		}
		switch {
		case f < 1e-9 || c.Photometric == Mask && f <= 0.5:
			g.mixes[i] = single(k)
		case f > 1-1e-9 || c.Photometric == Mask:
			g.mixes[i] = single(k + 1)
		default:
			g.mixes[i] = frameMix{frames: []int{k, k + 1}, weights: []float32{float32(1 - f), float32(f)}}
		}
	}
	out := warp(c, g, c.H, c.W, 1, 0)
	out.TimesMS = evenTimes(n, ms)
	out.Affine, out.Spacing.Slice = nil, 0
	return out, nil
}

// Rotate turns the picture anticlockwise by deg about its middle, true in mm where spacing is known. Samples from outside are the
// background (see [Prepare]).
func Rotate(c *Clip, deg float64) *Clip { return similarity(c, deg, 1, 0, 0) }

// Scale magnifies by factor about the middle, keeping the size in samples.
func Scale(c *Clip, factor float64) *Clip { return similarity(c, 0, factor, 0, 0) }

// Translate moves the picture right by dx and down by dy samples.
func Translate(c *Clip, dx, dy float64) *Clip { return similarity(c, 0, 1, dx, dy) }

func similarity(c *Clip, deg, zoom, dx, dy float64) *Clip {
	p := inPlane{angle: deg * math.Pi / 180, zoom: zoom, aspect: aspectOf(c.Spacing.Row, c.Spacing.Column),
		stepX: 1, stepY: 1, midX: float64(c.W-1)/2 - dx/zoom, midY: float64(c.H-1)/2 - dy/zoom}
	g := geometry{axes: [3]int{0, 1, 2}, m: p.matrix(c.H, c.W), mixes: make([]frameMix, c.T)}
	for t := range g.mixes {
		g.mixes[t] = single(t)
	}
	return warp(c, g, c.H, c.W, 1, 0)
}

// Augment applies the geometric part of aug, then its intensity part, at random from rng, in float32. Sizes stay.
func Augment(c *Clip, aug AugmentSpec, rng *rand.Rand) (*Clip, error) {
	out := New(Float32, c.T, c.H, c.W, c.C)
	in := InputSpec{Frames: c.T, Height: c.H, Width: c.W, Channels: c.C, Normalise: "none"}
	planar := make([]float32, c.T*c.H*c.W*c.C)
	if err := Prepare(c, in, planar, rng, aug, 0); err != nil {
		return nil, err
	}
	interleave(Samples[float32](out), planar, c.C)
	out.Photometric, out.Source, out.TimesMS = c.Photometric, c.Source, c.TimesMS
	if out.Photometric == Inverse {
		out.Photometric = Grey
	}
	out.Spacing = c.Spacing
	return out, nil
}

// interleave turns [C, n] into [n, C].
func interleave(dst, src []float32, channels int) {
	n := len(src) / channels
	for ch := range channels {
		for i, v := range src[ch*n : (ch+1)*n] {
			dst[i*channels+ch] = v
		}
	}
}

// warp samples c through g to h×w and describes the result; frame i of it lies at i·stepT + startT of c.
func warp(c *Clip, g geometry, h, w int, stepT, startT float64) *Clip {
	t := len(g.mixes)
	s := samplers.Get().(*sampler)
	defer samplers.Put(s)
	planar := make([]float32, c.C*t*h*w)
	sampleClip(s, c, g, [4]int{c.C, t, h, w}, planar)
	fillOutside(planar, c)
	inter := make([]float32, len(planar))
	interleave(inter, planar, c.C)
	out := New(c.DType, t, h, w, c.C)
	storeRounded(out, inter)
	describe(out, c, indexMap{
		{g.m[0], g.m[1], 0, g.m[2]},
		{g.m[3], g.m[4], 0, g.m[5]},
		{0, 0, stepT, startT},
	})
	if c.TimesMS != nil {
		out.TimesMS = make([]float64, t)
		first := 0.0
		for i, mix := range g.mixes {
			var at float64
			for k, f := range mix.frames {
				at += float64(mix.weights[k]) * c.TimesMS[f]
			}
			if i == 0 {
				first = at
			}
			out.TimesMS[i] = at - first
		}
	}
	return out
}

// indexMap gives, for an index (column, row, frame, 1) of a new clip, the index (column, row, frame) of the old one.
type indexMap [3][4]float64

// describe gives out what c says of itself, seen through m; times are the caller's business.
func describe(out, c *Clip, m indexMap) {
	out.Photometric, out.Source = c.Photometric, c.Source
	mm := [3]float64{c.Spacing.Column, c.Spacing.Row, c.Spacing.Slice}
	var spacing [3]float64
	for k := range 3 {
		for i := range 3 {
			if v := m[i][k]; v != 0 {
				if mm[i] <= 0 {
					spacing[k] = math.NaN()
				}
				spacing[k] += v * v * mm[i] * mm[i]
			}
		}
		if spacing[k] = math.Sqrt(spacing[k]); spacing[k] != spacing[k] {
			spacing[k] = 0
		}
	}
	out.Spacing = Spacing{Column: spacing[0], Row: spacing[1], Slice: spacing[2]}
	if c.Affine == nil {
		return
	}
	var a Affine
	for i := range 3 {
		for k := range 4 {
			for j := range 3 {
				a[i][k] += c.Affine[i][j] * m[j][k]
			}
		}
		a[i][3] += c.Affine[i][3]
	}
	out.Affine = &a
}

func fillClip(c *Clip, v float64) {
	if v == 0 {
		return
	}
	x := make([]float32, c.W*c.C)
	for i := range x {
		x[i] = float32(v)
	}
	row := &Clip{T: 1, H: 1, W: c.W, C: c.C, DType: c.DType, Data: c.Data[:c.W*c.C*c.DType.Size()]}
	storeRounded(row, x)
	for n := len(row.Data); n < len(c.Data); n *= 2 {
		copy(c.Data[n:], c.Data[:n])
	}
}

// storeRounded converts values to c's sample type: rounded half up and clamped for integers.
func storeRounded(c *Clip, x []float32) {
	switch c.DType {
	case Uint8:
		roundInto(Samples[uint8](c), x, 0, math.MaxUint8)
	case Int8:
		roundInto(Samples[int8](c), x, math.MinInt8, math.MaxInt8)
	case Uint16:
		roundInto(Samples[uint16](c), x, 0, math.MaxUint16)
	case Int16:
		roundInto(Samples[int16](c), x, math.MinInt16, math.MaxInt16)
	case Int32:
		roundInto(Samples[int32](c), x, math.MinInt32, math.MaxInt32)
	case Float32:
		copy(Samples[float32](c), x)
	case Float64:
		convertSamples(Samples[float64](c), x)
	}
}

func roundInto[T Number](dst []T, x []float32, lo, hi float64) {
	for i, v := range x {
		dst[i] = T(min(max(math.Floor(float64(v)+0.5), lo), hi))
	}
}
