package survival

import "math"

// epsilon is added inside logarithms of probabilities by the losses of Kvamme and Borgan 2019; it is part of their definition.
const epsilon = 1e-7

// rows divides a flat [N, K] output by n labels.
func width(phi []float64, n int) int {
	if n == 0 {
		return 0
	}
	if len(phi)%n != 0 {
		panic("survival: the output's elements do not divide by the number of labels")
	}
	return len(phi) / n
}

// LogisticHazardLoss is the mean negative log likelihood of discrete hazards sigmoid(phi), phi [N, K] (Nnet-survival of Gensheimer and
// Narasimhan 2019; Brown et al. 1997). index is each person's interval, event whether it happened there.
func LogisticHazardLoss(phi []float64, index, event []int) Loss {
	n := len(index)
	k := width(phi, n)
	out := meanLoss(len(phi), n, float64(n))
	nf := float64(n)
	for i, at := range index {
		row, grad := phi[i*k:(i+1)*k], out.Grad[i*k:(i+1)*k]
		for j := 0; j <= at; j++ {
			v, slope := softplus(row[j])
			out.Each[i] += v
			grad[j] = slope / nf
		}
		if event[i] != 0 {
			out.Events++
			out.Each[i] -= row[at]
			grad[at] -= 1 / nf
		}
	}
	return out.mean()
}

// PMFLoss is the mean negative log likelihood of the probability mass softmax([phi, 0]), phi [N, K] (Kvamme and Borgan 2019, section
// 3.2; the likelihood part of DeepHit, Lee et al. 2018).
func PMFLoss(phi []float64, index, event []int) Loss {
	n := len(index)
	k := width(phi, n)
	out := meanLoss(len(phi), n, float64(n))
	for i := range index {
		out.Each[i] = pmfRow(phi[i*k:(i+1)*k], index[i], event[i] != 0, out.Grad[i*k:(i+1)*k], 1/float64(n))
		if event[i] != 0 {
			out.Events++
		}
	}
	return out.mean()
}

// pmfRow is one person's negative log likelihood; scale times its gradient is written over grad.
func pmfRow(row []float64, at int, event bool, grad []float64, scale float64) float64 {
	// In units of e^top, with the appended zero: total = Σ e^(v−top); beyond = Σ_{j>at}.
	top, best := 0.0, -1
	for j, v := range row {
		if v > top {
			top, best = v, j
		}
	}
	total := math.Exp(-top)
	beyond := total
	for j, v := range row {
		grad[j] = math.Exp(v - top)
		total += grad[j]
		if j > at {
			beyond += grad[j]
		}
	}
	// loss = −event·(phi_at − top) + log(total + ε) − (1 − event)·log(beyond + ε)
	loss := math.Log(total + epsilon)
	byEach, byBeyond := scale/(total+epsilon), 0.0
	if !event {
		byBeyond = scale / (beyond + epsilon)
	}
	for j := range grad {
		if j > at {
			grad[j] *= byEach - byBeyond
		} else {
			grad[j] *= byEach
		}
	}
	// ε makes the loss depend on top a little where a row's value is the maximum.
	slack := epsilon/(total+epsilon) - 1
	if event {
		loss -= row[at] - top
		grad[at] -= scale
		slack++
	} else {
		loss -= math.Log(beyond + epsilon)
		slack += beyond / (beyond + epsilon)
	}
	if best >= 0 {
		grad[best] += scale * slack
	}
	return loss
}

// MTLRLoss is [PMFLoss] of phi summed from the right: multi-task logistic regression (Yu et al. 2011; N-MTLR of Fotso 2018).
func MTLRLoss(phi []float64, index, event []int) Loss {
	n := len(index)
	k := width(phi, n)
	summed := reverseCumsum(phi, k)
	out := PMFLoss(summed, index, event)
	for i := range n { // the transposed map: a sum from the left
		for j := 1; j < k; j++ {
			out.Grad[i*k+j] += out.Grad[i*k+j-1]
		}
	}
	return out
}

// reverseCumsum is each row of phi [N, K] summed from its end.
func reverseCumsum(phi []float64, k int) []float64 {
	out := make([]float64, len(phi))
	copy(out, phi)
	if k == 0 {
		return out
	}
	for lo := 0; lo < len(out); lo += k {
		for j := k - 2; j >= 0; j-- {
			out[lo+j] += out[lo+j+1]
		}
	}
	return out
}

// BCESurvLoss is binary cross-entropy of survival sigmoid(phi) at each cut while it is known (Kvamme and Borgan 2019, "The Brier score
// under administrative censoring"): the mean over all N × K values, those after censoring counting zero.
func BCESurvLoss(phi []float64, index, event []int) Loss {
	n := len(index)
	k := width(phi, n)
	total := float64(len(phi))
	out := meanLoss(len(phi), len(phi), total)
	for i, at := range index {
		if event[i] != 0 {
			out.Events++
		}
		for j := range k {
			alive := j < at
			if !alive && event[i] == 0 {
				break // unknown from here on
			}
			v, slope := softplus(phi[i*k+j])
			if alive {
				v -= phi[i*k+j]
				slope--
			}
			out.Each[i*k+j] = v
			out.Grad[i*k+j] = slope / total
		}
	}
	return out.mean()
}

// PCHazardLoss is the mean negative log likelihood of a hazard softplus(phi) that is constant on each interval, in units of the
// interval's length (Kvamme and Borgan 2019, section 3.3). index is the interval, fraction how much of it passed. People with index
// below 0 (a time at the very start) are left out.
func PCHazardLoss(phi []float64, index, event []int, fraction []float64) Loss {
	n := len(index)
	k := width(phi, n)
	kept := 0.0
	for _, at := range index {
		if at >= 0 {
			kept++
		}
	}
	out := meanLoss(len(phi), 0, kept)
	if kept == 0 {
		return out
	}
	for i, at := range index {
		if at < 0 {
			continue
		}
		loss := 0.0
		row, grad := phi[i*k:(i+1)*k], out.Grad[i*k:(i+1)*k]
		for j := 0; j <= at; j++ {
			part := 1.0
			if j == at {
				part = fraction[i]
			}
			v, slope := softplus(row[j])
			loss += part * v
			grad[j] = part * slope / kept
		}
		if event[i] != 0 {
			out.Events++
			v, slope := softplus(row[at])
			if v > 1e-300 {
				loss -= math.Log(v)
				grad[at] -= slope / v / kept
			} else { // log softplus(x) → x far to the left
				loss -= row[at]
				grad[at] -= 1 / kept
			}
		}
		out.Each = append(out.Each, loss)
	}
	return out.mean()
}
