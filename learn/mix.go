package learn

import (
	"math"
	"math/rand/v2"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/torch"
)

// mixing is how a batch's clips were mixed with each other: clip i is share of itself and the rest of clip partner[i], and so is its loss.
type mixing struct {
	partner []int
	share   float64
}

// drawMix draws what train.mixup and train.cutmix do to a batch; nil: nothing. With both, one of them, by a coin. A batch of one has nobody
// to mix with.
func drawMix(spec TrainSpec, n int, rng *rand.Rand) (m *mixing, cut bool) {
	if n < 2 || spec.Mixup <= 0 && spec.Cutmix <= 0 {
		return nil, false
	}
	cut = spec.Mixup <= 0 || spec.Cutmix > 0 && rng.IntN(2) == 1
	alpha := spec.Mixup
	if cut {
		alpha = spec.Cutmix
	}
	return &mixing{rng.Perm(n), beta(rng, alpha)}, cut
}

// beta draws from Beta(a, a) as the ratio of gamma variates (Marsaglia and Tsang, ACM TOMS 26, 2000, with their boost for a < 1).
func beta(rng *rand.Rand, a float64) float64 {
	x, y := gamma(rng, a), gamma(rng, a)
	if x+y == 0 { // both vanished: the distribution's mass is at its ends
		return float64(rng.IntN(2))
	}
	return x / (x + y)
}

func gamma(rng *rand.Rand, a float64) float64 {
	boost := 1.0
	if a < 1 {
		boost = math.Pow(rng.Float64(), 1/a)
		a++
	}
	d := a - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := math.Pow(1+c*x, 3)
		if v > 0 && math.Log(rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return boost * d * v
		}
	}
}

// box is a part of a clip: [from, to) frames, rows and columns.
type box struct{ from, to [3]int }

// cutBox is a box at a random place with about a share of a clip's volume: sides in proportion to the clip's in time and space, cut at
// its borders (Yun et al., "CutMix", ICCV 2019, with time as a third axis).
func cutBox(rng *rand.Rand, share float64, size [3]int) box {
	var b box
	side := math.Cbrt(share)
	for k, n := range size {
		half := side * float64(n) / 2
		middle := rng.Float64() * float64(n)
		b.from[k] = min(max(int(math.Round(middle-half)), 0), n)
		b.to[k] = min(max(int(math.Round(middle+half)), 0), n)
	}
	return b
}

// volume is the box's share of a clip.
func (b box) volume(size [3]int) float64 {
	v := 1.0
	for k, n := range size {
		v *= float64(b.to[k]-b.from[k]) / float64(n)
	}
	return v
}

// mix replaces x [N, C, T, H, W] by mixed clips. m.share becomes what really is left of each clip where a box was cut.
func mix(e *torch.Engine, x *torch.Tensor, m *mixing, cut bool, rng *rand.Rand) *torch.Tensor {
	index := make([]int64, len(m.partner))
	for i, p := range m.partner {
		index[i] = int64(p)
	}
	other := x.IndexSelect(0, e.FromInt64s(index, int64(len(index))).To(x.Device()))
	if !cut {
		return x.MulScalar(m.share).Add(other.MulScalar(1 - m.share)) // Zhang et al., "mixup", ICLR 2018
	}
	shape := x.Shape()
	size := [3]int{int(shape[2]), int(shape[3]), int(shape[4])}
	b := cutBox(rng, 1-m.share, size)
	m.share = 1 - b.volume(size)
	if m.share == 1 {
		return x
	}
	out := x.Clone()
	part := func(t *torch.Tensor) *torch.Tensor {
		for k := range 3 {
			t = t.Narrow(int64(k+2), int64(b.from[k]), int64(b.to[k]-b.from[k]))
		}
		return t
	}
	part(out).Copy_(part(other))
	return out
}

// mixedTotal is the loss of a mixed batch: of its clips' truths and of their partners', in their shares.
func (l *losses) mixedTotal(outs []*torch.Tensor, rows []cohort.Row, m *mixing) *torch.Tensor {
	own := l.total(outs, rows)
	if m == nil {
		return own
	}
	theirs := l.total(outs, pick(rows, m.partner))
	switch {
	case own == nil || theirs == nil: // the same rows in another order
		return nil
	default:
		return own.MulScalar(m.share).Add(theirs.MulScalar(1 - m.share))
	}
}

// mix mixes a batch as the plan says, drawing from (seed, epoch, batch).
func (t *trainer) mix(x *torch.Tensor, batch int) (*torch.Tensor, *mixing) {
	spec := t.plan.Train
	if spec.Mixup <= 0 && spec.Cutmix <= 0 {
		return x, nil
	}
	rng := t.plan.Seed.Stream("mix", t.state.Epoch, batch)
	m, cut := drawMix(spec, int(x.Shape()[0]), rng)
	if m == nil {
		return x, nil
	}
	return mix(t.e, x, m, cut, rng), m
}
