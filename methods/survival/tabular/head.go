package tabular

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/methods/survival"
)

// head is a model's loss and its way from outputs to curves.
type head struct {
	out        int // outputs of the network
	outputBias bool
	// loss of the given people's outputs [B, out].
	loss func(output []float64, people []int) survival.Loss
	// curves of outputs [N, out].
	curves func(output []float64) survival.Curves
}

// newHead prepares the labels for a model that is trained on everybody in turn; cuts are those of the training set.
func newHead(s Settings, l survival.Labels, cuts survival.Cuts) head {
	pick := func(x []int, people []int) []int {
		out := make([]int, len(people))
		for k, i := range people {
			out[k] = x[i]
		}
		return out
	}
	discrete := func(loss func(phi []float64, index, event []int) survival.Loss, mass func([]float64, int) []float64) head {
		index, event := cuts.Discrete(l)
		return head{out: len(cuts), outputBias: true,
			loss: func(o []float64, people []int) survival.Loss {
				return loss(o, pick(index, people), pick(event, people))
			},
			curves: func(o []float64) survival.Curves {
				return survival.Interpolate(mass(o, len(cuts)), cuts, s.Sub, survival.ConstantDensity)
			}}
	}
	// spans is discrete for labels with interval censoring or late entry.
	spans := func(loss func(phi []float64, s survival.Spans) survival.Loss, mass func([]float64, int) []float64) head {
		h := discrete(nil, mass)
		h.loss = func(o []float64, people []int) survival.Loss { return loss(o, cuts.Spans(l.Select(people))) }
		return h
	}
	whole := l.Entry == nil && l.Upper == nil
	fromMass := func(mass func([]float64, int) []float64) func([]float64, int) []float64 {
		return func(o []float64, k int) []float64 { return survival.PMFSurvival(mass(o, k), k) }
	}
	switch {
	case whole:
	case s.Model == LogisticHazard:
		return spans(survival.LogisticHazardSpanLoss, survival.LogisticHazardSurvival)
	case s.Model == PMF:
		return spans(survival.PMFSpanLoss, fromMass(survival.PMF))
	case s.Model == MTLR:
		return spans(survival.MTLRSpanLoss, fromMass(survival.MTLRPMF))
	case s.Model == PCHazard:
		return head{out: len(cuts) - 1, outputBias: true,
			loss: func(o []float64, people []int) survival.Loss {
				return survival.PCHazardSpanLoss(o, cuts, l.Select(people))
			},
			curves: func(o []float64) survival.Curves { return survival.PCHazardCurves(o, cuts, s.Sub) }}
	}
	switch s.Model {
	case LogisticHazard:
		return discrete(survival.LogisticHazardLoss, survival.LogisticHazardSurvival)
	case PMF:
		return discrete(survival.PMFLoss, fromMass(survival.PMF))
	case MTLR:
		return discrete(survival.MTLRLoss, fromMass(survival.MTLRPMF))
	case DeepHit:
		return discrete(func(o []float64, index, event []int) survival.Loss {
			return survival.DeepHitLoss(o, index, event, s.Alpha, s.Sigma).Loss
		}, fromMass(survival.PMF))
	case BCESurv:
		return discrete(survival.BCESurvLoss, func(o []float64, k int) []float64 {
			p := survival.BCESurvival(o)
			for lo := 0; lo < len(p); lo += k { // a survival curve does not rise
				for j := lo + 1; j < lo+k; j++ {
					p[j] = math.Min(p[j], p[j-1])
				}
			}
			return p
		})
	case PCHazard:
		index, event, fraction := cuts.Piecewise(l)
		return head{out: len(cuts) - 1, outputBias: true,
			loss: func(o []float64, people []int) survival.Loss {
				part := make([]float64, len(people))
				for k, i := range people {
					part[k] = fraction[i]
				}
				return survival.PCHazardLoss(o, pick(index, people), pick(event, people), part)
			},
			curves: func(o []float64) survival.Curves { return survival.PCHazardCurves(o, cuts, s.Sub) }}
	case Weibull, LogNormal:
		family := survival.Weibull
		if s.Model == LogNormal {
			family = survival.LogNormal
		}
		scale := medianTime(l)
		grid := gridOf(l.Time)
		if l.Upper != nil { // ends of intervals repeat: between a few of them everybody would look alike
			grid = survival.Grid(0, slices.Max(seen(l).Time), 400)
		}
		return head{out: 2, outputBias: true,
			loss: func(o []float64, people []int) survival.Loss {
				return survival.AFTLoss(o, scaled(l.Select(people), scale), family)
			},
			curves: func(o []float64) survival.Curves {
				return survival.AFTCurves(o, grid, scale, family)
			}}
	default: // CoxPH
		return head{out: 1,
			loss: func(o []float64, people []int) survival.Loss {
				return survival.CoxLoss(o, l.Select(people), survival.Efron, nil)
			}}
	}
}

// gridOf is 0 and up to 200 quantiles of the times.
func gridOf(times []float64) []float64 {
	sorted := slices.Sorted(slices.Values(times))
	grid := []float64{0}
	for i := 1; i <= 200; i++ {
		grid = append(grid, sorted[(len(sorted)-1)*i/200])
	}
	return slices.Compact(grid)
}

func medianTime(l survival.Labels) float64 {
	t := slices.Sorted(slices.Values(l.Time))
	return math.Max(t[len(t)/2], 1e-9)
}

func scaled(l survival.Labels, by float64) survival.Labels {
	for i := range l.Time {
		l.Time[i] /= by
	}
	for i := range l.Upper {
		l.Upper[i] /= by
	}
	for i := range l.Entry {
		l.Entry[i] /= by
	}
	return l
}
