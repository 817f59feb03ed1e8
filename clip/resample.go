package clip

import (
	"maps"
	"math"
	"math/rand/v2"

	"github.com/cineloop/cineloop/internal/fault"
)

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

// Augment applies the geometric part of aug, then its intensity part, at random from rng, in float32. Sizes stay. What is turned or zoomed
// has no spacing or place of its own any more.
func Augment(c *Clip, aug AugmentSpec, rng *rand.Rand) (*Clip, error) {
	in := InputSpec{Frames: c.T, Height: c.H, Width: c.W, Channels: c.C, Normalise: "none"}
	planar := make([]float32, c.T*c.H*c.W*c.C)
	if err := Prepare(c, in, planar, rng, aug, 0); err != nil {
		return nil, err
	}
	out := New(Float32, c.T, c.H, c.W, c.C)
	interleave(Samples[float32](out), planar, c.C)
	out.Photometric, out.Source, out.TimesMS = c.Photometric, c.Source, c.TimesMS
	if out.Photometric == Inverse {
		out.Photometric = Grey
	}
	if aug.RotateDeg == 0 && len(aug.Scale) == 0 && !aug.Permute {
		out.Spacing = c.Spacing
	}
	if aug.TemporalJitter {
		out.TimesMS = nil
	}
	out.Source.Tags = withoutRange(c.Source.Tags)
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

// Window maps stored values to 0..1, linear over width about centre and clamped outside it, in Float32. MONOCHROME1 is turned, so that
// larger is brighter.
func Window(c *Clip, centre, width float64) (*Clip, error) {
	return mapped(c, InputSpec{Window: []float64{centre, width}, Normalise: "unit"})
}

// Normalise maps stored values as [InputSpec].Normalise says (unit, case, percentile, imagenet, kinetics, fixed or none), in Float32. mean and
// std are for fixed. The statistics of case and percentile are those of the whole clip.
func Normalise(c *Clip, how string, mean, std []float64) (*Clip, error) {
	return mapped(c, InputSpec{Normalise: how, Mean: mean, Std: std})
}

func mapped(c *Clip, in InputSpec) (*Clip, error) {
	planar := make([]float32, c.T*c.H*c.W*c.C)
	if err := Prepare(c, in, planar, nil, AugmentSpec{}, 0); err != nil {
		return nil, err
	}
	out := New(Float32, c.T, c.H, c.W, c.C)
	interleave(Samples[float32](out), planar, c.C)
	out.Photometric, out.Source, out.TimesMS, out.Spacing, out.Affine = c.Photometric, c.Source, c.TimesMS, c.Spacing, c.Affine
	if out.Photometric == Inverse || out.Photometric == CT {
		out.Photometric = Grey
	}
	out.Source.Tags = withoutRange(c.Source.Tags)
	return out, nil
}

// withoutRange drops the facts about stored values, which no longer hold.
func withoutRange(tags map[string]string) map[string]string {
	out := maps.Clone(tags)
	for _, k := range []string{"BitsStored", "WindowCenter", "WindowWidth"} {
		delete(out, k)
	}
	return out
}
