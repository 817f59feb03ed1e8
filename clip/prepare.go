package clip

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/cineloop/cineloop/internal/fault"
)

// InputShape is the [C, T, H, W] that [Prepare] fills for c: in's sizes, and c's own where in leaves them open.
func InputShape(c *Clip, in InputSpec) [4]int {
	or := func(v, own int) int {
		if v > 0 {
			return v
		}
		return own
	}
	return [4]int{or(in.Channels, c.C), or(in.Frames, c.T), or(in.Height, c.H), or(in.Width, c.W)}
}

var samplers = sync.Pool{New: func() any { return new(sampler) }}

// Prepare makes a network's input [C, T, H, W] in dst from a stored clip: frame selection, region crop, geometric augmentation and
// resampling in one affine pass a frame, window, normalisation, intensity augmentation, channel adaptation.
//
// rng nil means evaluation: nothing is random, aug gives only EvalScale, and evalClip (from 0) says which of [EvalClipCount] clips to
// take. Otherwise every random choice comes from rng, in an order that depends on the specs alone, and evalClip is ignored.
//
// Without SpacingMM the region (the whole clip, or the crop) is stretched to H×W; with it, and where c's spacing is known, output
// samples are that many mm apart and the region's middle is cut or padded. Samples outside the clip take the background: 0 for
// unsigned types, else the least sampled value. Rotation and zoom are about the region's middle and true in mm where spacing is
// known. It is safe for concurrent use and does not change c.
func Prepare(c *Clip, in InputSpec, dst []float32, rng *rand.Rand, aug AugmentSpec, evalClip int) error {
	if in.Flow {
		w, err := Working(c, in, aug)
		if err != nil {
			return err
		}
		return PrepareWorking(w, in, dst, rng, aug, evalClip)
	}
	shape := InputShape(c, in)
	if n := shape[0] * shape[1] * shape[2] * shape[3]; len(dst) != n {
		return fault.New(fault.Usage, "preparing a clip: %d places for an input of %d × %d × %d × %d", len(dst), shape[0], shape[1], shape[2], shape[3])
	}
	if c.C != shape[0] && c.C != 1 && !(c.C >= 3 && shape[0] == 1) {
		return fault.New(fault.Input, "preparing a clip: it has %d channels, the network takes %d", c.C, shape[0])
	}
	if aug.Permute && rng != nil && c.TimesMS != nil {
		return fault.New(fault.Usage, "preparing a clip: permute exchanges time with space in a cine").WithHint("take permute out of the augmentation")
	}
	if err := checkNormalise(in, shape[0]); err != nil {
		return err
	}
	if in.Working {
		w, err := Working(c, in, aug)
		if err != nil {
			return err
		}
		return PrepareWorking(w, in, dst, rng, aug, evalClip)
	}
	box, err := region(c, in)
	if err != nil {
		return err
	}
	s := samplers.Get().(*sampler)
	defer samplers.Put(s)
	g := drawGeometry(c, box, in, shape, rng, aug, evalClip)
	sampleClip(s, c, g, shape, dst)
	finishIntensity(s, c, in, shape, dst, rng, aug)
	return nil
}

// region is the part of the clip, in stored samples, that in.Crop selects. It may reach outside the clip.
func region(c *Clip, in InputSpec) (Box, error) {
	whole := Box{T1: c.T, Y1: c.H, X1: c.W}
	switch in.Crop {
	case "", "none":
		return whole, nil
	case "foreground":
		return Foreground(c), nil
	case "centre":
		size := in.CropSize
		box := whole
		switch len(size) {
		case 3:
			box.T0 = max(0, (c.T-size[0])/2)
			box.T1 = min(c.T, box.T0+size[0])
			size = size[1:]
		case 2:
		default:
			return box, fault.New(fault.Usage, "crop: centre needs crop_size [H, W] or [T, H, W], not %v", in.CropSize)
		}
		if size[0] <= 0 || size[1] <= 0 || box.T1 <= box.T0 {
			return box, fault.New(fault.Usage, "crop_size %v is not positive", in.CropSize)
		}
		box.Y0, box.X0 = (c.H-size[0])/2, (c.W-size[1])/2
		box.Y1, box.X1 = box.Y0+size[0], box.X0+size[1]
		return box, nil
	}
	return whole, fault.New(fault.Usage, "crop %q is unknown", in.Crop).WithHint("none, centre or foreground")
}

// geometry is one drawn way of sampling a clip: which stored axis each output axis runs along, which frames, and the in-plane map.
type geometry struct {
	axes  [3]int // stored axis (0 frames, 1 rows, 2 columns) of output frames, rows and columns
	mixes []frameMix
	m     matrix
}

func drawGeometry(c *Clip, box Box, in InputSpec, shape [4]int, rng *rand.Rand, aug AugmentSpec, evalClip int) geometry {
	g := geometry{axes: [3]int{0, 1, 2}}
	lo := [3]int{box.T0, box.Y0, box.X0}
	hi := [3]int{box.T1, box.Y1, box.X1}
	mm := [3]float64{c.Spacing.Slice, c.Spacing.Row, c.Spacing.Column}
	var flip [3]bool
	if rng != nil {
		if aug.Permute && happens(rng, aug) {
			p := rng.Perm(3)
			copy(g.axes[:], p)
			bits := rng.IntN(8)
			for k := range flip {
				flip[k] = bits>>k&1 == 1
			}
		}
		for k, on := range []bool{aug.FlipT, aug.FlipUD, aug.FlipLR} {
			if on && happens(rng, aug) && rng.IntN(2) == 1 {
				flip[k] = !flip[k]
			}
		}
	}
	at, ay, ax := g.axes[0], g.axes[1], g.axes[2]
	// Frames: planFrames sees the clip through the exchanged axes.
	view := &Clip{T: hi[at], TimesMS: c.TimesMS, Spacing: Spacing{Slice: mm[at]}}
	g.mixes = planFrames(view, max(lo[at], 0), min(hi[at], [3]int{c.T, c.H, c.W}[at]), shape[1], in, rng, aug.TemporalJitter, evalClip, EvalClipCount(c, in))
	if flip[0] {
		for i, j := 0, len(g.mixes)-1; i < j; i, j = i+1, j-1 {
			g.mixes[i], g.mixes[j] = g.mixes[j], g.mixes[i]
		}
	}
	w, h := float64(hi[ax]-lo[ax]), float64(hi[ay]-lo[ay])
	stepX, stepY := w/float64(shape[3]), h/float64(shape[2])
	if len(in.SpacingMM) == 3 {
		if in.SpacingMM[2] > 0 && mm[ax] > 0 {
			stepX = in.SpacingMM[2] / mm[ax]
		}
		if in.SpacingMM[1] > 0 && mm[ay] > 0 {
			stepY = in.SpacingMM[1] / mm[ay]
		}
	}
	var angle, tx, ty float64
	zoom := 1.0
	if rng != nil {
		if aug.RotateDeg != 0 && happens(rng, aug) {
			angle = aug.RotateDeg * (2*rng.Float64() - 1) * math.Pi / 180
		}
		if len(aug.Scale) == 2 && happens(rng, aug) {
			zoom = aug.Scale[0] + (aug.Scale[1]-aug.Scale[0])*rng.Float64()
		}
		if aug.Translate != 0 && happens(rng, aug) {
			tx = aug.Translate * (2*rng.Float64() - 1)
			ty = aug.Translate * (2*rng.Float64() - 1)
		}
	}
	if !(zoom > 0) {
		zoom = 1
	}
	if flip[2] {
		stepX = -stepX
	}
	if flip[1] {
		stepY = -stepY
	}
	p := inPlane{angle: angle, zoom: zoom, aspect: aspectOf(mm[ay], mm[ax]), stepX: stepX, stepY: stepY,
		midX: float64(lo[ax]) + w/2 - 0.5 - tx*w, midY: float64(lo[ay]) + h/2 - 0.5 - ty*h}
	g.m = p.matrix(shape[2], shape[3])
	return g
}

// inPlane is a similarity between an output picture and stored samples.
type inPlane struct {
	angle, zoom  float64 // of what is shown: radians anticlockwise, magnification
	aspect       float64 // mm a stored row for each mm a stored column
	stepX, stepY float64 // stored samples an output sample, negative when mirrored
	midX, midY   float64 // stored place of the output's middle
}

// aspectOf is row over column spacing, 1 when either is unknown.
func aspectOf(row, column float64) float64 {
	if row > 0 && column > 0 {
		return row / column
	}
	return 1
}

// matrix composes the similarity for an output of h×w. The picture turns one way when the sampling grid turns the other; rows count
// downwards.
func (p inPlane) matrix(h, w int) matrix {
	var m matrix
	cos, sin := math.Cos(p.angle)/p.zoom, math.Sin(p.angle)/p.zoom
	m[0], m[1] = p.stepX*cos, -p.stepY*p.aspect*sin
	m[3], m[4] = p.stepX*sin/p.aspect, p.stepY*cos
	midU, midV := float64(w-1)/2, float64(h-1)/2
	m[2] = p.midX - m[0]*midU - m[1]*midV
	m[5] = p.midY - m[3]*midU - m[4]*midV
	return m
}

// happens is one toss with the spec's probability.
func happens(rng *rand.Rand, aug AugmentSpec) bool {
	return aug.Prob == 0 || rng.Float64() < aug.Prob
}

// sampleClip samples c through g into dst of the given [C, T, H, W], in stored units; samples outside are NaN.
func sampleClip(s *sampler, c *Clip, g geometry, shape [4]int, dst []float32) {
	switch c.DType {
	case Uint8:
		sampleAll[uint8](s, c, g, shape, dst)
	case Int8:
		sampleAll[int8](s, c, g, shape, dst)
	case Uint16:
		sampleAll[uint16](s, c, g, shape, dst)
	case Int16:
		sampleAll[int16](s, c, g, shape, dst)
	case Int32:
		sampleAll[int32](s, c, g, shape, dst)
	case Float32:
		sampleAll[float32](s, c, g, shape, dst)
	case Float64:
		sampleAll[float64](s, c, g, shape, dst)
	}
}

// sampleAll fills the leading channels of dst: one for grey clips, else one for each of the network's.
func sampleAll[T Number](s *sampler, c *Clip, g geometry, shape [4]int, dst []float32) {
	h, w := shape[2], shape[3]
	clear(dst)
	channels := min(c.C, shape[0])
	luma := c.C >= 3 && shape[0] == 1
	nearest := c.Photometric == Mask
	for ch := range channels {
		for t, mix := range g.mixes {
			out := dst[(ch*shape[1]+t)*h*w:][:h*w]
			if t > 0 && sameFrame(mix, g.mixes[t-1]) {
				copy(out, dst[(ch*shape[1]+t-1)*h*w:][:h*w])
				continue
			}
			if len(mix.frames) == 0 {
				for i := range out {
					out[i] = nan32
				}
			}
			for k, f := range mix.frames {
				if luma {
					sampleLuma[T](s, c, g, f, out, w, h, mix.weights[k], nearest)
					continue
				}
				addPlane(s, out, w, h, planeOf(c, Samples[T](c), g.axes, f, ch, c.C), g.m, mix.weights[k], nearest)
			}
		}
	}
}

// sameFrame says whether two output frames are one and the same stored frame, as where a short clip is spread over more frames than it has.
func sameFrame(a, b frameMix) bool {
	return len(a.frames) == 1 && len(b.frames) == 1 && a.frames[0] == b.frames[0] && a.weights[0] == b.weights[0]
}

// planeOf is plane f across axis axes[0] of samples [T, H, W, stride], channel ch.
func planeOf[T Number](c *Clip, data []T, axes [3]int, f, ch, stride int) plane[T] {
	steps := [3]int{c.H * c.W * stride, c.W * stride, stride}
	dims := [3]int{c.T, c.H, c.W}
	p := plane[T]{
		data: data, base: f*steps[axes[0]] + ch,
		width: dims[axes[2]], height: dims[axes[1]], strideX: steps[axes[2]], strideY: steps[axes[1]],
	}
	p.endX, p.endY = float64(p.width)-0.5, float64(p.height)-0.5
	if b, ok := any(data).([]uint8); ok && p.strideX == 1 {
		p.contiguous8, p.contiguousBy = b[p.base:], p.strideY
	}
	return p
}

// sampleLuma adds one colour plane as grey, Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded for bytes.
func sampleLuma[T Number](s *sampler, c *Clip, g geometry, f int, out []float32, w, h int, weight float32, nearest bool) {
	if g.axes == [3]int{0, 1, 2} {
		if data, ok := any(Samples[T](c)).([]uint8); ok {
			n := c.H * c.W
			s.luma8 = grow(s.luma8, n)
			lumaBytes(s.luma8, data[f*n*c.C:(f+1)*n*c.C], c.C)
			flat := &Clip{T: 1, H: c.H, W: c.W}
			addPlane(s, out, w, h, planeOf(flat, s.luma8, g.axes, 0, 0, 1), g.m, weight, nearest)
			return
		}
	}
	for ch, k := range [3]float32{0.299, 0.587, 0.114} {
		addPlane(s, out, w, h, planeOf(c, Samples[T](c), g.axes, f, ch, c.C), g.m, weight*k, nearest)
	}
}

func lumaBytes(dst, src []byte, stride int) {
	for i := range dst {
		p := src[i*stride : i*stride+3 : i*stride+3]
		dst[i] = byte((19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16)
	}
}

func checkNormalise(in InputSpec, channels int) error {
	if len(in.Window) != 0 && (len(in.Window) != 2 || !(in.Window[1] > 0)) {
		return fault.New(fault.Usage, "window %v: give [centre, width] with a positive width", in.Window)
	}
	switch in.Normalise {
	case "", "unit", "case", "percentile", "imagenet", "kinetics", "none":
		return nil
	case "fixed":
		for _, v := range [][]float64{in.Mean, in.Std} {
			if len(v) != 1 && len(v) != channels {
				return fault.New(fault.Usage, "normalise: fixed needs mean and std with 1 or %d values", channels)
			}
		}
		for _, v := range in.Std {
			if !(v > 0) {
				return fault.New(fault.Usage, "normalise: fixed with std %v", v)
			}
		}
		return nil
	}
	return fault.New(fault.Usage, "normalise %q is unknown", in.Normalise).
		WithHint("unit, case, percentile, imagenet, kinetics, fixed or none")
}
