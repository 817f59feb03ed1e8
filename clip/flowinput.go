package clip

import (
	"math/rand/v2"

	"github.com/cineloop/cineloop/internal/fault"
)

// Optical flow as part of a network's input (Simonyan and Zisserman, "Two-stream convolutional networks for action recognition in videos",
// NeurIPS 2014): two channels after the picture's, the displacement along columns and along rows of every pixel until the next frame that the
// network sees, in pixels of its own grid. It is computed once, for the working clip, and kept with it in the clip's own type: in steps of
// an eighth of a pixel, up to 16 pixels for bytes. The last frame has the flow of the one before.

// FlowChannels is how many channels input.flow adds.
const FlowChannels = 2

// flowSteps is how many stored units a pixel of displacement has.
const flowSteps = 8

// Planes is the number of channels that a network gets: the picture's, and those of the flow.
func (in InputSpec) Planes() int {
	if in.Flow {
		return in.Channels + FlowChannels
	}
	return in.Channels
}

// picture is the spec of the picture alone.
func (in InputSpec) picture() InputSpec {
	in.Flow = false
	return in
}

// checkFlow says what flow cannot go with.
func checkFlow(in InputSpec, aug AugmentSpec) error {
	switch {
	case !in.Flow:
		return nil
	case !in.Working:
		return fault.New(fault.Usage, "input.flow is computed once, for the clip that the cache keeps").WithHint("set input.working: true")
	case aug.FlipT:
		return fault.New(fault.Usage, "input.flow: backwards in time everything flows elsewhere").WithHint("take augment.flip_t out")
	}
	return nil
}

// flowZero is the stored value of no displacement.
func flowZero(dt DType) float32 {
	if dt == Uint8 || dt == Uint16 {
		return 128
	}
	return 0
}

// withFlow adds the flow between the frames of each of k clips that follow one another in w.
func withFlow(w *Clip, k int) *Clip {
	out := New(w.DType, w.T, w.H, w.W, w.C+FlowChannels)
	out.Photometric, out.Source = w.Photometric, w.Source
	plane, frames, size := w.H*w.W, w.T/k, w.DType.Size()
	grey := make([][]float32, w.T)
	s := new(sampler)
	for t := range w.T {
		planar := make([]float32, w.C*plane)
		unpackAny(s, planar, w.frameClip(t), [3]bool{})
		grey[t] = planar[:plane]
		if w.C >= 3 {
			grey[t] = make([]float32, plane)
			for i := range plane {
				grey[t][i] = 0.299*planar[i] + 0.587*planar[plane+i] + 0.114*planar[2*plane+i]
			}
		}
	}
	both := New(w.DType, 1, w.H, w.W, FlowChannels)
	inter := make([]float32, FlowChannels*plane)
	for t := range w.T {
		if t%frames < frames-1 {
			u, v := OpticalFlow(grey[t], grey[t+1], w.W, w.H)
			zero := flowZero(w.DType)
			for i := range plane {
				inter[2*i], inter[2*i+1] = zero+flowSteps*u[i], zero+flowSteps*v[i]
			}
			storeRounded(both, inter)
		} else if frames == 1 {
			for i := range inter {
				inter[i] = flowZero(w.DType)
			}
			storeRounded(both, inter)
		}
		picture, dst := w.Frame(t), out.Frame(t)
		for i := range plane {
			at := i * (w.C + FlowChannels) * size
			copy(dst[at:], picture[i*w.C*size:(i+1)*w.C*size])
			copy(dst[at+w.C*size:], both.Data[i*FlowChannels*size:(i+1)*FlowChannels*size])
		}
	}
	return out
}

// frameClip is frame t as a clip of its own, sharing the bytes.
func (c *Clip) frameClip(t int) *Clip {
	one := *c
	one.T, one.Data, one.TimesMS, one.Affine = 1, c.Frame(t), nil, nil
	return &one
}

// prepareFlow is [PrepareWorking] of a working clip with flow. The picture is prepared as without; the flow is mirrored with it, and is
// neither normalised nor changed at random.
func prepareFlow(w *Clip, in InputSpec, dst []float32, rng *rand.Rand, aug AugmentSpec, evalClip int) error {
	k := max(1, in.EvalClips)
	if err := checkFlow(in, aug); err != nil {
		return err
	}
	if w.C <= FlowChannels || w.T != k*in.Frames || w.H != in.Height || w.W != in.Width || evalClip < 0 || evalClip >= k {
		return fault.New(fault.Usage, "a working clip of %d×%d×%d with %d channels for clip %d of %d times %d×%d×%d with flow", w.T, w.H, w.W, w.C, evalClip, k, in.Frames, in.Height, in.Width)
	}
	size, channels, plane := w.DType.Size(), w.C-FlowChannels, in.Height*in.Width
	part := func(first, n int) *Clip {
		p := New(w.DType, in.Frames, w.H, w.W, n)
		p.Photometric = w.Photometric
		src := w.Data[evalClip*in.Frames*w.FrameBytes():]
		for i := range in.Frames * plane {
			copy(p.Data[i*n*size:(i+1)*n*size], src[(i*w.C+first)*size:])
		}
		return p
	}
	pictures := in.Channels * in.Frames * plane
	if len(dst) != pictures+FlowChannels*in.Frames*plane {
		return fault.New(fault.Usage, "preparing a clip: %d places for an input of %d × %d × %d × %d", len(dst), in.Planes(), in.Frames, in.Height, in.Width)
	}
	one := in.picture()
	one.EvalClips = 1
	flip := drawFlips(rng, aug)
	if err := fillWorking(part(0, channels), one, dst[:pictures], rng, aug, flip); err != nil {
		return err
	}
	s := new(sampler)
	flow := dst[pictures:]
	unpackAny(s, flow, part(channels, FlowChannels), flip)
	zero := flowZero(w.DType)
	for ch, mirrored := range []bool{flip[2], flip[1]} {
		f := flow[ch*in.Frames*plane:][:in.Frames*plane]
		for i := range f {
			f[i] = (f[i] - zero) / flowSteps
			if mirrored {
				f[i] = -f[i]
			}
		}
	}
	return nil
}
