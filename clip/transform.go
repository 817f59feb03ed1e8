package clip

import (
	"math"

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
		out := Samples[uint8](c)[:len(x)]
		for i, v := range x {
			out[i] = byte(min(max(float64(v)+0.5, 0), math.MaxUint8)) // truncated
		}
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
