package uncertainty

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/stats"
)

// Conformal is a threshold from held-out calibration items: a new item's score is at or below Quantile with probability at least
// 1 − Alpha, if items are exchangeable (Vovk et al. 2005; Papadopoulos et al. 2002).
type Conformal struct {
	Alpha    float64
	Quantile float64 // +Inf where N is too small for Alpha: then everything is covered
	N        int
}

// Calibrate takes the ceil((n+1)(1−alpha))-th smallest score.
func Calibrate(scores []float64, alpha float64) Conformal {
	n := len(scores)
	c := Conformal{Alpha: alpha, N: n, Quantile: math.Inf(1)}
	rank := int(math.Ceil(float64(n+1) * (1 - alpha)))
	if rank < 1 {
		rank = 1
	}
	if rank <= n {
		c.Quantile = slices.Sorted(slices.Values(scores))[rank-1]
	}
	return c
}

// CalibrateWeighted is [Calibrate] under covariate shift (Tibshirani et al. 2019): weight are likelihood ratios of new to calibration
// items, own that of the item to be judged.
func CalibrateWeighted(scores, weight []float64, own, alpha float64) Conformal {
	c := Conformal{Alpha: alpha, N: len(scores), Quantile: math.Inf(1)}
	total := own
	for _, w := range weight {
		total += w
	}
	sum := 0.0
	for _, i := range stats.Order(scores) {
		sum += weight[i]
		if sum/total >= 1-alpha {
			c.Quantile = scores[i]
			break
		}
	}
	return c
}

// SetScore is how unlike a class is what an item shows; smaller is more alike.
type SetScore func(probs []float64, class int) float64

// LAC is 1 − p (least ambiguous sets, Sadinle, Lei and Wasserman 2019).
func LAC(probs []float64, class int) float64 { return 1 - probs[class] }

// APS is the probability of the classes down to and including this one, without randomisation (Romano, Sesia and Candès 2020).
func APS(probs []float64, class int) float64 { return RAPS(0, 0)(probs, class) }

// RAPS is [APS] plus lambda for each rank beyond kReg (Angelopoulos et al. 2021).
func RAPS(lambda float64, kReg int) SetScore {
	return func(probs []float64, class int) float64 {
		sum, rank := 0.0, 0
		for _, k := range descending(probs) {
			sum += probs[k]
			rank++
			if k == class {
				break
			}
		}
		return sum + lambda*math.Max(float64(rank-kReg), 0)
	}
}

// descending is the order of falling values, equal ones by index.
func descending(x []float64) []int {
	negative := make([]float64, len(x))
	for i, v := range x {
		negative[i] = -v
	}
	return stats.Order(negative)
}

// CalibrateSets takes the scores of calibration items' true classes.
func CalibrateSets(probs [][]float64, label []int, score SetScore, alpha float64) Conformal {
	s := make([]float64, len(probs))
	for i, p := range probs {
		s[i] = score(p, label[i])
	}
	return Calibrate(s, alpha)
}

// Set says for each class whether it is in the item's set. It may be empty; see [NotEmpty].
func (c Conformal) Set(probs []float64, score SetScore) []bool {
	in := make([]bool, len(probs))
	for k := range probs {
		in[k] = score(probs, k) <= c.Quantile
	}
	return in
}

// NotEmpty adds the most probable class to a set: validity stays, tightness is given up.
func NotEmpty(set []bool, probs []float64) []bool {
	out := slices.Clone(set)
	out[argmax(probs)] = true
	return out
}

// Mondrian is a threshold for each group, each with the promised coverage (Vovk, Lindsay, Nouretdinov and Gammerman 2003). A group with
// no calibration items covers everything.
type Mondrian struct {
	Alpha  float64
	Groups map[int]Conformal
}

// CalibrateMondrian calibrates each group by itself.
func CalibrateMondrian(scores []float64, group []int, alpha float64) Mondrian {
	m := Mondrian{Alpha: alpha, Groups: map[int]Conformal{}}
	by := map[int][]float64{}
	for i, g := range group {
		by[g] = append(by[g], scores[i])
	}
	for g, s := range by {
		m.Groups[g] = Calibrate(s, alpha)
	}
	return m
}

// Of is a group's threshold.
func (m Mondrian) Of(group int) Conformal {
	if c, ok := m.Groups[group]; ok {
		return c
	}
	return Conformal{Alpha: m.Alpha, Quantile: math.Inf(1)}
}

// Residual is |y − mean|; with a scale, in units of it (Lei et al. 2018).
func Residual(y, mean, scale float64) float64 { return math.Abs(y-mean) / scale }

// CQRScore is how far y lies outside [low, high], negative inside (Romano, Patterson and Candès 2019).
func CQRScore(y, low, high float64) float64 { return math.Max(low-y, y-high) }

// Around is the interval mean ± Quantile × scale.
func (c Conformal) Around(mean, scale float64) (low, high float64) {
	return mean - c.Quantile*scale, mean + c.Quantile*scale
}

// Widen moves both ends outward by Quantile, for [CQRScore].
func (c Conformal) Widen(low, high float64) (float64, float64) {
	return low - c.Quantile, high + c.Quantile
}

// ControlRisk finds the smallest threshold whose expected loss stays at or below alpha (conformal risk control, Angelopoulos et al.
// 2024): loss[i][t] of calibration item i at thresholds[t], falling in t and at most most. ok is false where no threshold does.
func ControlRisk(thresholds []float64, loss [][]float64, most, alpha float64) (threshold float64, ok bool) {
	n := float64(len(loss))
	for t, v := range thresholds {
		sum := 0.0
		for _, l := range loss {
			sum += l[t]
		}
		if (sum+most)/(n+1) <= alpha {
			return v, true
		}
	}
	return math.NaN(), false
}

// SurvivalLowerBound calibrates lower bounds of survival times (Candès, Lei and Ren 2023, for a fixed cutoff): among calibration people
// whose censoring time is at least cutoff, scores are predicted bound less min(time, cutoff), weighted by 1/P(censoring time ≥ cutoff).
// A new bound is the prediction less the quantile, never above cutoff.
func SurvivalLowerBound(predicted, time, censoring, keptProb []float64, cutoff, alpha float64) Conformal {
	var scores, weight []float64
	for i, c := range censoring {
		if c < cutoff || keptProb[i] <= 0 {
			continue
		}
		scores = append(scores, math.Min(predicted[i], cutoff)-math.Min(time[i], cutoff))
		weight = append(weight, 1/keptProb[i])
	}
	own := 1.0
	if len(weight) > 0 {
		own = slices.Max(weight)
	}
	return CalibrateWeighted(scores, weight, own, alpha)
}
