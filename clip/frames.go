package clip

import (
	"math"
	"math/rand/v2"
	"sort"
)

// frameMix is what one output frame is made of: source frames and their weights, which add to 1. No frames: outside the stack.
type frameMix struct {
	frames  []int
	weights []float32
}

// jitterLow and jitterHigh bound the factor that temporal jitter applies to the frame step.
const jitterLow, jitterHigh = 0.8, 1.25

// EvalClipCount is how many evaluation clips [Prepare] can make of c: in.EvalClips, or, when that is negative, as many as cover every
// frame once (exhaustive sampling).
func EvalClipCount(c *Clip, in InputSpec) int {
	if in.EvalClips >= 0 {
		return max(1, in.EvalClips)
	}
	total, n := c.T, max(1, in.Frames)
	span := float64(n) * in.FrameStep
	if in.FrameMS > 0 && len(c.TimesMS) > 1 {
		span = float64(n) * in.FrameMS / meanInterval(c.TimesMS)
	}
	if span <= 0 {
		span = float64(n) // spread: interleaved clips of every ceil(total/n)-th frame
	}
	return max(1, int(math.Ceil(float64(total)/span-1e-9)))
}

func meanInterval(times []float64) float64 {
	if d := times[len(times)-1] - times[0]; d > 0 {
		return d / float64(len(times)-1)
	}
	return 1
}

// planFrames chooses the source frames of each of n output frames from frames [lo, hi) of c.
//
// With a frame step (or FrameMS and known times) it takes single frames at that step, starting in the middle, or for evaluation clip
// k of K at k/(K−1) of the room; a clip that is too short is played in a loop. Without a step the frames are spread over the whole
// clip: a cine gives the nearest frame of each of n equal parts, a stack is interpolated (or averaged when it shrinks).
func planFrames(c *Clip, lo, hi, n int, in InputSpec, rng *rand.Rand, jitter bool, evalClip, evalClips int) []frameMix {
	total := hi - lo
	jitter = jitter && rng != nil
	cine := c.TimesMS != nil
	switch {
	case in.FrameMS > 0 && len(c.TimesMS) > 1:
		return pickAtTimes(c.TimesMS[lo:hi], lo, n, in.FrameMS, rng, jitter, evalClip, evalClips)
	case in.FrameStep > 0:
		step := in.FrameStep
		if jitter {
			step *= jitterLow + (jitterHigh-jitterLow)*rng.Float64()
		}
		start := windowStart(float64(total), float64(n-1)*step+1, rng, jitter, evalClip, evalClips)
		mixes := make([]frameMix, n)
		for i := range mixes {
			f := int(math.Floor(start + float64(i)*step + 0.5))
			mixes[i] = single(lo + ((f%total)+total)%total)
		}
		return mixes
	case !cine && len(in.SpacingMM) == 3 && in.SpacingMM[0] > 0 && c.Spacing.Slice > 0:
		step := in.SpacingMM[0] / c.Spacing.Slice
		start := (float64(total)-float64(n)*step)/2 + step/2 - 0.5
		if jitter {
			start += (rng.Float64() - 0.5) * math.Abs(float64(total)-float64(n)*step)
		}
		return interpolated(lo, total, n, start, step, true)
	}
	step := float64(total) / float64(n)
	start := step/2 - 0.5
	if jitter {
		shrunk := step * (jitterLow + (1-jitterLow)*rng.Float64())
		start = shrunk/2 - 0.5 + rng.Float64()*(step-shrunk)*float64(n)
		step = shrunk
	} else if evalClips > 1 {
		start += ((float64(evalClip)+0.5)/float64(evalClips) - 0.5) * step
	}
	if cine {
		mixes := make([]frameMix, n)
		for i := range mixes {
			f := int(math.Floor(start + float64(i)*step + 0.5))
			mixes[i] = single(lo + min(max(f, 0), total-1))
		}
		return mixes
	}
	return interpolated(lo, total, n, start, step, false)
}

func single(f int) frameMix { return frameMix{frames: []int{f}, weights: []float32{1}} }

// windowStart places a window of span frames in total ones.
func windowStart(total, span float64, rng *rand.Rand, random bool, evalClip, evalClips int) float64 {
	room := total - span
	switch {
	case random && room > 0:
		return rng.Float64() * room
	case random:
		return math.Floor(rng.Float64() * total)
	case evalClips > 1 && room > 0:
		return room * float64(evalClip) / float64(evalClips-1)
	case evalClips > 1:
		return math.Floor(total * float64(evalClip) / float64(evalClips))
	}
	return math.Floor(max(room, 0) / 2)
}

// pickAtTimes takes the frames nearest in time to a grid of every ms milliseconds; the clip repeats after its last interval.
func pickAtTimes(times []float64, lo, n int, ms float64, rng *rand.Rand, jitter bool, evalClip, evalClips int) []frameMix {
	if jitter {
		ms *= jitterLow + (jitterHigh-jitterLow)*rng.Float64()
	}
	length := times[len(times)-1] - times[0] + meanInterval(times)
	start := windowStart(length, float64(n-1)*ms+meanInterval(times), rng, jitter, evalClip, evalClips)
	mixes := make([]frameMix, n)
	for i := range mixes {
		t := times[0] + math.Mod(start+float64(i)*ms, length)
		k := sort.SearchFloat64s(times, t)
		if k == len(times) || k > 0 && t-times[k-1] <= times[k]-t {
			k--
		}
		mixes[i] = single(lo + k)
	}
	return mixes
}

// interpolated mixes frames for output positions start+i·step: linear between neighbours, the mean over the step when that is more
// than one frame. Positions outside are clamped to the ends, or with pad left empty.
func interpolated(lo, total, n int, start, step float64, pad bool) []frameMix {
	mixes := make([]frameMix, n)
	for i := range mixes {
		p := start + float64(i)*step
		if pad && (p < -0.5-1e-9 || p > float64(total)-0.5+1e-9) {
			continue
		}
		mixes[i] = axisWeights(p, step, total)
		for k := range mixes[i].frames {
			mixes[i].frames[k] += lo
		}
	}
	return mixes
}

// axisWeights is the interpolation at position p (sample-centre units) of an axis of n samples, sampled every step.
func axisWeights(p, step float64, n int) frameMix {
	if step <= 1+1e-9 {
		p = min(max(p, 0), float64(n-1))
		k := min(int(p), n-1)
		f := float32(p - float64(k))
		if f < 1e-6 || k == n-1 {
			return single(k)
		}
		return frameMix{frames: []int{k, k + 1}, weights: []float32{1 - f, f}}
	}
	a, b := max(p-step/2, -0.5), min(p+step/2, float64(n)-0.5)
	if b-a < 1e-9 {
		return single(min(max(int(p+0.5), 0), n-1))
	}
	var m frameMix
	for k := max(int(math.Floor(a+0.5)), 0); k < n && float64(k)-0.5 < b; k++ {
		w := min(b, float64(k)+0.5) - max(a, float64(k)-0.5)
		if w > 1e-9 {
			m.frames = append(m.frames, k)
			m.weights = append(m.weights, float32(w/(b-a)))
		}
	}
	return m
}

// UniformFrames is the middle frame of each of n equal parts of total frames.
func UniformFrames(total, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = min(total-1, (2*i+1)*total/(2*n))
	}
	return out
}

// RandomFrames is n frames, step apart, from a random start; a clip that is too short is played in a loop.
func RandomFrames(total, n, step int, rng *rand.Rand) []int {
	start := 0
	if room := total - (n-1)*step; room > 0 {
		start = rng.IntN(room)
	} else {
		start = rng.IntN(total)
	}
	return loopFrames(total, n, step, start)
}

// ExhaustiveFrames is every window of n frames, step apart, at starts 0, stride, 2·stride… and the last possible one. A clip shorter
// than a window gives one window that is played in a loop.
func ExhaustiveFrames(total, n, step, stride int) [][]int {
	last := total - ((n-1)*step + 1)
	if last <= 0 {
		return [][]int{loopFrames(total, n, step, 0)}
	}
	var out [][]int
	for s := 0; s < last; s += max(1, stride) {
		out = append(out, loopFrames(total, n, step, s))
	}
	return append(out, loopFrames(total, n, step, last))
}

func loopFrames(total, n, step, start int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = (start + i*step) % total
	}
	return out
}
