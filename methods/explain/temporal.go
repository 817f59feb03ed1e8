package explain

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// FrameImportance is the fall of the score when each frame is replaced by the mean frame of the clip, and the score of the whole.
func FrameImportance(in Input, score ScoreFunc) (fall []float64, whole float64, err error) {
	if err := in.check(); err != nil {
		return nil, 0, err
	}
	plane := in.H * in.W
	average := make([]float64, in.C*plane)
	for c := range in.C {
		for t := range in.T {
			for i, v := range in.X[(c*in.T+t)*plane : (c*in.T+t+1)*plane] {
				average[c*plane+i] += float64(v) / float64(in.T)
			}
		}
	}
	base, err := score(in.X, 1)
	if err != nil {
		return nil, 0, err
	}
	x := make([]float32, len(in.X))
	for t := range in.T {
		copy(x, in.X)
		for c := range in.C {
			for i := range plane {
				x[(c*in.T+t)*plane+i] = float32(average[c*plane+i])
			}
		}
		s, err := score(x, 1)
		if err != nil {
			return nil, 0, err
		}
		fall = append(fall, base[0]-s[0])
	}
	return fall, base[0], nil
}

// Phase is the part of a heart beat that a frame shows.
type Phase string

// Phases: from end-diastole to end-systole the ventricle contracts.
const (
	Systole  Phase = "systole"
	Diastole Phase = "diastole"
)

// Phases says what each of n frames shows, from the frames of the end-diastoles and end-systoles that are known, in any order: systole from an
// end-diastole on, diastole from an end-systole on, and before the first of them the other phase. It is an error where one of both is missing,
// lies outside the clip, or falls on the other.
func Phases(n int, ed, es []int) ([]Phase, error) {
	if n == 0 || len(ed) == 0 || len(es) == 0 {
		return nil, fmt.Errorf("explain: phases of %d frames from %d end-diastoles and %d end-systoles", n, len(ed), len(es))
	}
	begins := map[int]Phase{}
	for p, at := range map[Phase][]int{Systole: ed, Diastole: es} {
		for _, t := range at {
			if old, twice := begins[t]; t < 0 || t >= n || twice && old != p {
				return nil, fmt.Errorf("explain: phases of %d frames from end-diastoles at %v and end-systoles at %v", n, ed, es)
			}
			begins[t] = p
		}
	}
	now := Systole
	if slices.Min(ed) < slices.Min(es) {
		now = Diastole
	}
	out := make([]Phase, n)
	for t := range out {
		if p, begin := begins[t]; begin {
			now = p
		}
		out[t] = now
	}
	return out, nil
}

// MeanOfPhases is the mean of a value of each frame over the frames of each phase. A phase without frames has no entry.
func MeanOfPhases(value []float64, phases []Phase) map[Phase]float64 {
	sum, count := map[Phase]float64{}, map[Phase]float64{}
	for t, p := range phases {
		sum[p] += value[t]
		count[p]++
	}
	for p := range sum {
		sum[p] /= count[p]
	}
	return sum
}

// PhaseImportance is the mean fall over the frames of systole (ED ≤ frame < ES, across the clip's end where ES < ED) and of the others. A
// phase without frames has no entry.
func PhaseImportance(fall []float64, ed, es int) (map[Phase]float64, error) {
	phases, err := Phases(len(fall), []int{ed}, []int{es})
	if err != nil {
		return nil, err
	}
	return MeanOfPhases(fall, phases), nil
}

// TimeControls are the scores of one clip with its time disturbed.
type TimeControls struct {
	Whole    float64 `json:"whole"`
	Reversed float64 `json:"reversed"`
	Shuffled float64 `json:"shuffled"` // mean over orders
	Frozen   float64 `json:"frozen"`   // mean over clips that repeat one frame: the single-frame control
	Dropped  float64 `json:"dropped"`  // every second frame repeats the one before
}

// DisturbTime scores a clip reversed, in orders random orders, frozen at frames places, and with every second frame dropped.
func DisturbTime(in Input, orders, frames int, rng *rand.Rand, score ScoreFunc) (TimeControls, error) {
	var out TimeControls
	if err := in.check(); err != nil {
		return out, err
	}
	if orders < 1 || frames < 1 {
		return out, fmt.Errorf("explain: time disturbed by %d orders and %d frozen frames", orders, frames)
	}
	x := make([]float32, len(in.X))
	with := func(from func(t int) int) (float64, error) {
		plane := in.H * in.W
		for c := range in.C {
			for t := range in.T {
				f := from(t)
				copy(x[(c*in.T+t)*plane:(c*in.T+t+1)*plane], in.X[(c*in.T+f)*plane:(c*in.T+f+1)*plane])
			}
		}
		s, err := score(x, 1)
		if err != nil {
			return 0, fmt.Errorf("explain: time disturbed: %w", err)
		}
		return s[0], nil
	}
	var err error
	do := func(into *float64, share float64, from func(int) int) {
		if err != nil {
			return
		}
		var s float64
		s, err = with(from)
		*into += s * share
	}
	do(&out.Whole, 1, func(t int) int { return t })
	do(&out.Reversed, 1, func(t int) int { return in.T - 1 - t })
	do(&out.Dropped, 1, func(t int) int { return t - t%2 })
	for range orders {
		p := rng.Perm(in.T)
		do(&out.Shuffled, 1/float64(orders), func(t int) int { return p[t] })
	}
	for k := range frames {
		f := min(in.T-1, (2*k+1)*in.T/(2*frames))
		do(&out.Frozen, 1/float64(frames), func(int) int { return f })
	}
	return out, err
}
