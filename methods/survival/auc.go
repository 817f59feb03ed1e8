package survival

import (
	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// DynamicAUC is a cumulative/dynamic area under the ROC curve over time.
type DynamicAUC struct {
	Times []float64
	AUC   []float64
	Mean  float64 // weighted by the test set's fall of survival
	Note  string
}

// CumulativeDynamicAUC says at each time how well risks tell those who had the event by then from those who have not (Uno et al. 2007;
// Hung and Chiang 2010): cases weighted by 1/G of their time, G from the training labels. risk is [person][time], or [person][1] for
// risks that do not change. With late entry only those who have entered count, and the weights are 1/W of [Watched]. Times out of reach
// are left out and Note says so.
func CumulativeDynamicAUC(risk [][]float64, l, train Labels, times []float64) (DynamicAUC, error) {
	if len(times) == 0 {
		return DynamicAUC{}, fault.New(fault.Usage, "the AUC needs times to be asked at")
	}
	if err := sameEntry("the AUC", l, train); err != nil {
		return DynamicAUC{}, err
	}
	g := Watched(train.Any())
	in, note := horizonsInReach(times, l, g)
	if len(in) == 0 {
		return DynamicAUC{}, outOfReach("the AUC", times[0], g)
	}
	out := DynamicAUC{Times: in, Note: note, Mean: math.NaN()}
	weight := make([]float64, l.Len())
	for i, t := range l.Time {
		if v := atEvent(g, train, t); l.Event[i] != 0 && v > 0 {
			weight[i] = 1 / v
		}
	}
	column := make([]float64, l.Len())
	caseWeight, controlWeight := make([]float64, l.Len()), make([]float64, l.Len())
	for k, t := range in {
		for i, row := range risk {
			column[i] = row[min(k, len(row)-1)]
			caseWeight[i], controlWeight[i] = 0, 0
			switch {
			case l.Time[i] > t && l.hasEntered(i, t):
				controlWeight[i] = 1
			case l.Time[i] > t: // not yet watched at t: that nothing happened by then was the price of coming
			case l.Event[i] != 0:
				caseWeight[i] = weight[i]
			}
		}
		out.AUC = append(out.AUC, weightedAUC(column, caseWeight, controlWeight))
	}
	km := KaplanMeier(l)
	before, sum, last := 1.0, 0.0, 1.0
	for k, t := range in {
		last = km.At(t)
		sum += out.AUC[k] * (before - last)
		before = last
	}
	if last < 1 {
		out.Mean = sum / (1 - last)
	}
	return out, nil
}

// weightedAUC is the weighted share of pairs (case, control) in which the case has the larger score, ties half.
func weightedAUC(score, caseWeight, controlWeight []float64) float64 {
	order := byTime(score)
	var below, cases, controls, sum float64
	for lo := 0; lo < len(order); {
		hi := lo
		var c, d float64
		for hi < len(order) && score[order[hi]] == score[order[lo]] {
			c += caseWeight[order[hi]]
			d += controlWeight[order[hi]]
			hi++
		}
		sum += c * (below + d/2)
		below += d
		cases += c
		controls += d
		lo = hi
	}
	if cases == 0 || controls == 0 {
		return math.NaN()
	}
	return sum / (cases * controls)
}
