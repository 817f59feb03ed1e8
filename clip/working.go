package clip

import (
	"math/rand/v2"

	"github.com/cineloop/cineloop/internal/fault"
)

// MovesSamples says whether aug changes, at random, where a clip is sampled, mirroring aside. Such augmentation needs the stored clip; any
// other can start from the working clip.
func MovesSamples(aug AugmentSpec) bool {
	scaled := len(aug.Scale) == 2 && (aug.Scale[0] != 1 || aug.Scale[1] != 1)
	return aug.RotateDeg != 0 || scaled || aug.Translate != 0 || aug.Permute || aug.TemporalJitter
}

// Working samples what in asks for without anything random: the frames of all of in's evaluation clips, one after another, at H×W, as grey
// where the network takes one channel. Values are in stored units and rounded to the stored type (bytes stay bytes), so that a working
// clip is as small as it can be: 16 × 112 × 112 grey bytes are 196 KiB, whatever the source's size. [PrepareWorking] goes on from it.
//
// It is an error of code usage if aug [MovesSamples], or if in leaves its shape open.
func Working(c *Clip, in InputSpec, aug AugmentSpec) (*Clip, error) {
	if err := checkFlow(in, aug); err != nil {
		return nil, err
	}
	if in.Flow {
		w, err := Working(c, in.picture(), aug)
		if err != nil {
			return nil, err
		}
		return withFlow(w, max(1, in.EvalClips)), nil
	}
	switch {
	case MovesSamples(aug):
		return nil, fault.New(fault.Usage, "input.working: the augmentation moves samples at random, which needs the stored clip").
			WithHint("take input.working out, or rotate_deg, scale, translate, permute and temporal_jitter")
	case in.Frames <= 0 || in.Height <= 0 || in.Width <= 0 || in.Channels <= 0 || in.EvalClips < 0:
		return nil, fault.New(fault.Usage, "input.working needs frames, height, width, channels and a number of eval_clips")
	}
	shape := InputShape(c, in)
	channels := c.C
	if c.C >= 3 && shape[0] == 1 {
		channels = 1
	}
	if channels > shape[0] || channels != 1 && channels != shape[0] {
		return nil, fault.New(fault.Input, "preparing a clip: it has %d channels, the network takes %d", c.C, shape[0])
	}
	box, err := region(c, in)
	if err != nil {
		return nil, err
	}
	k := max(1, in.EvalClips)
	one := shape[1] * shape[2] * shape[3]
	out := New(c.DType, k*shape[1], shape[2], shape[3], channels)
	out.Photometric, out.Source = c.Photometric, c.Source
	s := samplers.Get().(*sampler)
	defer samplers.Put(s)
	s.planar, s.inter = grow(s.planar, channels*one), grow(s.inter, channels*one)
	planar, inter := s.planar[:channels*one], s.inter[:channels*one]
	part := *out
	part.T = shape[1]
	n := len(out.Data) / k
	for i := range k {
		g := drawGeometry(c, box, in, shape, nil, AugmentSpec{}, i)
		sampleClip(s, c, g, [4]int{channels, shape[1], shape[2], shape[3]}, planar)
		fillOutside(planar, c)
		part.Data = out.Data[i*n : (i+1)*n]
		if channels == 1 {
			storeRounded(&part, planar)
			continue
		}
		interleave(inter, planar, channels)
		storeRounded(&part, inter)
	}
	return out, nil
}

// PrepareWorking is [Prepare] from the [Working] clip of in: mirroring, window, normalisation, intensity augmentation, channels. Its random
// choices are drawn in the order in which Prepare draws them.
func PrepareWorking(w *Clip, in InputSpec, dst []float32, rng *rand.Rand, aug AugmentSpec, evalClip int) error {
	if in.Flow {
		return prepareFlow(w, in, dst, rng, aug, evalClip)
	}
	k := max(1, in.EvalClips)
	if w.T != k*in.Frames || w.H != in.Height || w.W != in.Width {
		return fault.New(fault.Usage, "a working clip of %d×%d×%d for an input of %d times %d×%d×%d", w.T, w.H, w.W, k, in.Frames, in.Height, in.Width)
	}
	if evalClip < 0 || evalClip >= k {
		return fault.New(fault.Usage, "evaluation clip %d of %d", evalClip, k)
	}
	n := len(w.Data) / k
	one := *w
	one.T, one.Data, one.TimesMS = in.Frames, w.Data[evalClip*n:(evalClip+1)*n], nil
	return fillWorking(&one, in, dst, rng, aug, drawFlips(rng, aug))
}

// fillWorking makes the input of one working clip, mirrored as drawn.
func fillWorking(one *Clip, in InputSpec, dst []float32, rng *rand.Rand, aug AugmentSpec, flip [3]bool) error {
	shape := InputShape(one, in)
	if n := shape[0] * in.Frames * shape[2] * shape[3]; len(dst) != n {
		return fault.New(fault.Usage, "preparing a clip: %d places for an input of %d × %d × %d × %d", len(dst), shape[0], in.Frames, shape[2], shape[3])
	}
	if err := checkNormalise(in, shape[0]); err != nil {
		return err
	}
	s := samplers.Get().(*sampler)
	defer samplers.Put(s)
	if one.DType == Uint8 && in.Normalise != "case" && in.Normalise != "percentile" {
		mapBytes(s, dst, one, in, shape, flip)
		augmentIntensity(dst, rng, aug)
		return nil
	}
	unpackAny(s, dst[:min(one.C, shape[0])*shape[1]*shape[2]*shape[3]], one, flip)
	finishFilled(s, one, in, shape, dst, rng, aug)
	return nil
}

// drawFlips draws the mirrorings along frames, rows and columns.
func drawFlips(rng *rand.Rand, aug AugmentSpec) (flip [3]bool) {
	if rng == nil {
		return flip
	}
	for k, on := range []bool{aug.FlipT, aug.FlipUD, aug.FlipLR} {
		if on && happens(rng, aug) && rng.IntN(2) == 1 {
			flip[k] = true
		}
	}
	if len(aug.Scale) == 2 { // Prepare draws a zoom here, if only from 1 to 1
		if happens(rng, aug) {
			rng.Float64()
		}
	}
	return flip
}

// mapBytes writes the mirrored bytes of c [T, H, W, C] to dst [shape], normalised: a byte has 256 values, so window, range, mean and standard
// deviation are one table a channel, and the whole is one pass.
func mapBytes(s *sampler, dst []float32, c *Clip, in InputSpec, shape [4]int, flip [3]bool) {
	var ramp, table [256]float32
	for i := range ramp {
		ramp[i] = float32(i)
	}
	normaliseRange(s, ramp[:], c, in)
	for ch := range shape[0] {
		table = ramp
		switch in.Normalise {
		case "imagenet":
			standardise(table[:], len(table), imagenetMean[ch%3:], imagenetStd[ch%3:])
		case "kinetics":
			standardise(table[:], len(table), kineticsMean[ch%3:], kineticsStd[ch%3:])
		case "fixed":
			standardise(table[:], len(table), in.Mean[ch%len(in.Mean):], in.Std[ch%len(in.Std):])
		}
		from := min(ch, c.C-1)
		plane := dst[ch*c.T*c.H*c.W:][:c.T*c.H*c.W]
		eachRow(c, flip, func(at, begin int) {
			mapRow(plane[at:at+c.W], c.Data[begin*c.C+from:(begin+c.W-1)*c.C+from+1], c.C, flip[2], &table)
		})
	}
}

func mapRow(out []float32, in []byte, stride int, mirrored bool, table *[256]float32) {
	switch {
	case stride > 1:
		step, at := 1, 0
		if mirrored {
			step, at = -1, len(out)-1
		}
		for i := 0; i < len(in); i += stride {
			out[at] = table[in[i]]
			at += step
		}
	case mirrored:
		in = in[:len(out)]
		for i, v := range in {
			out[len(in)-1-i] = table[v]
		}
	default:
		in = in[:len(out)]
		for i, v := range in {
			out[i] = table[v]
		}
	}
}

// unpackAny writes the mirrored samples of c [T, H, W, C] to x [C, T, H, W].
func unpackAny(s *sampler, x []float32, c *Clip, flip [3]bool) {
	s.planar = grow(s.planar, len(x))
	flat := s.planar[:len(x)]
	switch c.DType {
	case Uint8:
		convertSamples(flat, Samples[uint8](c))
	case Int8:
		convertSamples(flat, Samples[int8](c))
	case Uint16:
		convertSamples(flat, Samples[uint16](c))
	case Int16:
		convertSamples(flat, Samples[int16](c))
	case Int32:
		convertSamples(flat, Samples[int32](c))
	case Float32:
		copy(flat, Samples[float32](c))
	case Float64:
		convertSamples(flat, Samples[float64](c))
	}
	eachRow(c, flip, func(at, from int) {
		for ch := range c.C {
			out := x[ch*c.T*c.H*c.W+at:][:c.W]
			for i := range out {
				to := i
				if flip[2] {
					to = c.W - 1 - i
				}
				out[to] = flat[(from+i)*c.C+ch]
			}
		}
	})
}

// eachRow gives, for every row of the mirrored clip, the position of its first sample there and in the clip as it is.
func eachRow(c *Clip, flip [3]bool, row func(at, from int)) {
	for t := range c.T {
		for y := range c.H {
			ft, fy := t, y
			if flip[0] {
				ft = c.T - 1 - t
			}
			if flip[1] {
				fy = c.H - 1 - y
			}
			row((t*c.H+y)*c.W, (ft*c.H+fy)*c.W)
		}
	}
}
