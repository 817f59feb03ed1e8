package explain

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
)

// RegionCurve is what hiding a region does to the score of an input as more of it is hidden, and what hiding as much elsewhere does.
type RegionCurve struct {
	Area      float64   // of the region, as a share of the input's positions
	Hidden    []float64 // score with k/steps of the region hidden, k = 0 … steps
	Elsewhere []float64 // the same, mean over other places of the region's shape
}

// HideByParts hides more and more of a region, in steps, from its inside to its edge in every frame alike, and the same shape at random
// other places: moved in rows and columns, so that the frames and the area are the region's own. Places with little of the region itself and
// as much of the tissue as it has are preferred, because hiding what is black says nothing.
func HideByParts(ctx context.Context, in Input, region Region, steps, places int, fill Fill, rng *rand.Rand, score ScoreFunc) (RegionCurve, error) {
	n := in.T * in.H * in.W
	out := RegionCurve{Area: float64(len(region.At)) / float64(max(1, n))}
	if err := in.check(); err != nil {
		return out, err
	}
	if len(region.At) == 0 || steps < 1 || places < 1 {
		return out, fmt.Errorf("explain: region %q of %d positions hidden in %d steps and at %d places", region.Name, len(region.At), steps, places)
	}
	own := parts(in, region.At, steps)
	all := partsOf(own)
	for _, at := range elsewhere(in, region.At, places, rng) {
		all = append(all, partsOf(at.move(in, own))...)
	}
	if err := ctx.Err(); err != nil {
		return out, err
	}
	falls, whole, err := Ablate(in, all, fill, nil, score)
	if err != nil {
		return out, err
	}
	out.Hidden, out.Elsewhere = []float64{whole}, []float64{whole}
	for k := range steps {
		sum := 0.0
		for p := range places {
			sum += falls[(p+1)*steps+k]
		}
		out.Hidden = append(out.Hidden, whole-falls[k])
		out.Elsewhere = append(out.Elsewhere, whole-sum/float64(places))
	}
	return out, nil
}

// HideInTime is the fall of the score when a region is hidden during one of windows equal parts of the frames alone: when it matters.
func HideInTime(in Input, region Region, windows int, fill Fill, score ScoreFunc) (fall []float64, err error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if windows < 1 || windows > in.T {
		return nil, fmt.Errorf("explain: region %q hidden in %d parts of %d frames", region.Name, windows, in.T)
	}
	regions := make([]Region, windows)
	for _, p := range region.At {
		k := p / (in.H * in.W) * windows / in.T
		regions[min(k, windows-1)].At = append(regions[min(k, windows-1)].At, p)
	}
	fall, _, err = Ablate(in, regions, fill, nil, score)
	return fall, err
}

// Elsewhere are regions of the same shape at other places of the frame, as [HideByParts] chooses them.
func Elsewhere(in Input, region Region, places int, rng *rand.Rand) []Region {
	var out []Region
	for _, s := range elsewhere(in, region.At, places, rng) {
		out = append(out, Region{"elsewhere", s.move(in, [][]int{region.At})[0]})
	}
	return out
}

// parts are the first k/steps of a region's positions, k = 1 … steps, in every frame alike, deepest first.
func parts(in Input, at []int, steps int) [][]int {
	plane := in.H * in.W
	frames := map[int][]int{}
	for _, p := range at {
		frames[p/plane] = append(frames[p/plane], p%plane)
	}
	out := make([][]int, steps)
	for t := range in.T {
		order := slices.Clone(frames[t])
		d := depths(order, in.H, in.W)
		slices.SortFunc(order, func(a, b int) int { return cmp.Or(-cmp.Compare(d[a], d[b]), cmp.Compare(a, b)) })
		for k := range out {
			for _, p := range order[:(len(order)*(k+1)+steps/2)/steps] {
				out[k] = append(out[k], t*plane+p)
			}
		}
	}
	return out
}

// depths are how many steps along rows and columns each position of a frame's region is from the nearest position outside; where there is
// none outside, 0.
func depths(at []int, h, w int) map[int]int {
	d := make(map[int]int, len(at))
	for _, p := range at {
		d[p] = 0
	}
	outside := make([]bool, h*w)
	for i := range outside {
		_, in := d[i]
		outside[i] = !in
	}
	left := at
	for ring := 1; len(left) > 0; ring++ {
		var edge, rest []int
		for _, p := range left {
			if touches(p, h, w, outside) {
				edge = append(edge, p)
			} else {
				rest = append(rest, p)
			}
		}
		if len(edge) == 0 {
			break
		}
		for _, p := range edge {
			d[p], outside[p] = ring, true
		}
		left = rest
	}
	return d
}

func touches(p, h, w int, outside []bool) bool {
	y, x := p/w, p%w
	return y > 0 && outside[p-w] || y+1 < h && outside[p+w] || x > 0 && outside[p-1] || x+1 < w && outside[p+1]
}

func partsOf(at [][]int) []Region {
	out := make([]Region, len(at))
	for i, a := range at {
		out[i] = Region{At: a}
	}
	return out
}

// shift moves positions cyclically by rows and columns.
type shift struct{ dy, dx int }

func (s shift) of(in Input, p int) int {
	return (p/(in.H*in.W)*in.H+(p/in.W%in.H+s.dy)%in.H)*in.W + (p%in.W+s.dx)%in.W
}

func (s shift) move(in Input, at [][]int) [][]int {
	out := make([][]int, len(at))
	for i, a := range at {
		for _, p := range a {
			out[i] = append(out[i], s.of(in, p))
		}
	}
	return out
}

// elsewhere draws places: each the first of up to 20 random ones that shares at most a quarter of the region and has at least three quarters
// of the tissue that the region has, else the best of them.
func elsewhere(in Input, at []int, places int, rng *rand.Rand) []shift {
	const tries = 20
	region := make([]bool, in.T*in.H*in.W)
	for _, p := range at {
		region[p] = true
	}
	tissue := in.sector()
	plane := in.H * in.W
	seen := func(s shift) (shared, inside float64) {
		for _, p := range at {
			q := s.of(in, p)
			if region[q] {
				shared += 1 / float64(len(at))
			}
			if tissue[q%plane] {
				inside += 1 / float64(len(at))
			}
		}
		return shared, inside
	}
	_, own := seen(shift{})
	var out []shift
	for range places {
		var best shift
		worst := 0.0
		for try := range tries {
			s := shift{rng.IntN(in.H), rng.IntN(in.W)}
			shared, inside := seen(s)
			short := max(0, shared-0.25) + max(0, 0.75*own-inside)
			if try == 0 || short < worst {
				best, worst = s, short
			}
			if short == 0 {
				break
			}
		}
		out = append(out, best)
	}
	return out
}
