package survival

import "math"

// CoxTimeLoss is minus the mean log partial likelihood over events of a relative risk that changes with time (Kvamme, Borgan and Scheel
// 2019, equation 9, with everybody at risk in place of a sample, ties as Breslow's): g(x, t) is the line through a person's outputs at
// fixed times, output [N, K], and at says between which two of them a time lies: (1−w)·output[i] + w·output[i+1]. Without an event the
// loss is 0 and so is its gradient.
func CoxTimeLoss(l Labels, at func(time float64) (i int, w float64), output []float64) Loss {
	n := l.Len()
	out := noLoss(len(output))
	if n == 0 {
		return out
	}
	k := len(output) / n
	g := make([]float64, n)
	for c := range n {
		if l.Event[c] == 0 {
			continue
		}
		t := l.Time[c]
		i, w := at(t)
		value := func(row int) float64 {
			v := (1 - w) * output[row*k+i]
			if w > 0 {
				v += w * output[row*k+i+1]
			}
			return v
		}
		top := math.Inf(-1)
		for j := range n {
			if g[j] = math.Inf(-1); l.atRisk(j, t) {
				g[j] = value(j)
				top = math.Max(top, g[j])
			}
		}
		sum := 0.0
		for _, v := range g {
			sum += math.Exp(v - top)
		}
		out.Events++
		out.Value += top + math.Log(sum) - g[c]
		add := func(row int, by float64) {
			out.Grad[row*k+i] += by * (1 - w)
			if w > 0 {
				out.Grad[row*k+i+1] += by * w
			}
		}
		for j, v := range g {
			if p := math.Exp(v-top) / sum; p > 0 {
				add(j, p)
			}
		}
		add(c, -1)
	}
	return out.perEvent()
}

// atRisk says whether person j is under observation just before t, or at it.
func (l Labels) atRisk(j int, t float64) bool {
	return l.Time[j] >= t && (l.Entry == nil || l.Entry[j] < t)
}
