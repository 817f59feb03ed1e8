package survival

import "math"

// RankMatrix has 1 at [i][j] where i is seen to have an event before j's time, or at it with j censored (pycox's pair_rank_mat).
func RankMatrix(index, event []int) [][]float64 {
	out := make([][]float64, len(index))
	for i := range index {
		out[i] = make([]float64, len(index))
		for j := range index {
			if precedes(index, event, i, j) {
				out[i][j] = 1
			}
		}
	}
	return out
}

func precedes(index, event []int, i, j int) bool {
	return event[i] != 0 && (index[i] < index[j] || index[i] == index[j] && event[j] == 0)
}

// DeepHit is the loss's parts.
type DeepHit struct {
	Loss
	NLL, Rank float64
}

// DeepHitLoss is alpha × likelihood + (1 − alpha) × ranking loss of one risk (Lee et al. 2018): phi [N, K], the mass is
// softmax([phi, 0]). The ranking part is the mean over all pairs of exp(−(F_i(t_i) − F_j(t_i))/sigma) where i precedes j.
func DeepHitLoss(phi []float64, index, event []int, alpha, sigma float64) DeepHit {
	n := len(index)
	k := width(phi, n)
	nll := PMFLoss(phi, index, event)
	mass := make([]float64, n*(k+1))
	for i := range n {
		softmaxPadded(phi[i*k:(i+1)*k], mass[i*(k+1):(i+1)*(k+1)])
	}
	byMass := make([]float64, n*(k+1)) // ∂rank/∂mass
	rank := rankLoss(mass, k+1, 0, k+1, index, event, 0, sigma, 1/(float64(n)*float64(n)), byMass)
	out := DeepHit{Loss: nll, NLL: nll.Value, Rank: rank}
	out.Value = alpha*nll.Value + (1-alpha)*rank
	for i := range out.Grad {
		out.Grad[i] *= alpha
	}
	softmaxBackward(mass, byMass, n, k, 1-alpha, out.Grad)
	return out
}

// rankLoss sums exp(−(F_i(t_i) − F_j(t_i))/sigma) × scale over ordered pairs; cause 0 takes every event, else those of that cause. F is
// the cumulative mass of columns [first, first+cols) of each row of mass, whose rows are stride long. ∂/∂mass is added to grad.
//
// Everybody whose event lies in one column is compared with the same people, and the exponential of a difference is a product: one sum
// a column, N × K exponentials, serves all N × N pairs. Sums are kept relative to their largest term, so that no sigma overflows a pair
// that would not overflow by itself.
func rankLoss(mass []float64, stride, first, cols int, index, event []int, cause int, sigma, scale float64, grad []float64) float64 {
	n := len(index)
	counted := func(i int) bool { return event[i] != 0 && (cause == 0 || event[i] == cause) }
	members := make([][]int, cols) // with a counted event in each column
	for i, at := range index {
		if counted(i) {
			members[at] = append(members[at], i)
		}
	}
	cdf := make([]float64, n)      // up to the column at hand
	relative := make([]float64, n) // exp((F_j − top)/sigma) of those compared with, else 0
	byCDF := make([]float64, n*cols)
	total := 0.0
	for at, group := range members {
		for i := range n {
			cdf[i] += mass[i*stride+first+at]
		}
		if len(group) == 0 {
			continue
		}
		top := math.Inf(-1)
		later := func(j int) bool { return index[j] > at || index[j] == at && event[j] == 0 }
		for j, f := range cdf {
			if later(j) {
				top = math.Max(top, f)
			}
		}
		if math.IsInf(top, -1) {
			continue // nobody is left
		}
		sum := 0.0
		for j, f := range cdf {
			relative[j] = 0
			if later(j) {
				relative[j] = math.Exp((f - top) / sigma)
				sum += relative[j]
			}
		}
		own := 0.0
		for _, i := range group {
			v := scale * math.Exp((top-cdf[i])/sigma)
			own += v
			byCDF[i*cols+at] -= v * sum / sigma
		}
		total += own * sum
		for j, r := range relative {
			byCDF[j*cols+at] += own * r / sigma
		}
	}
	for i := range n {
		sum := 0.0
		for j := cols - 1; j >= 0; j-- {
			sum += byCDF[i*cols+j]
			grad[i*stride+first+j] += sum
		}
	}
	return total
}

// softmaxBackward adds scale × ∂/∂phi to grad [N, K], from mass = softmax([phi, 0]) [N, K+1] and ∂/∂mass.
func softmaxBackward(mass, byMass []float64, n, k int, scale float64, grad []float64) {
	for i := range n {
		m, g := mass[i*(k+1):(i+1)*(k+1)], byMass[i*(k+1):(i+1)*(k+1)]
		dot := 0.0
		for j := range m {
			dot += m[j] * g[j]
		}
		for j := range k {
			grad[i*k+j] += scale * m[j] * (g[j] - dot)
		}
	}
}

// DeepHitCompetingLoss is DeepHit's loss for several risks: phi [N, R, K]; the mass is the softmax over all risks and times and one
// value beyond them. event codes causes 1..R.
func DeepHitCompetingLoss(phi []float64, risks int, index, event []int, alpha, sigma float64) DeepHit {
	n := len(index)
	all := width(phi, n)
	out := DeepHit{Loss: noLoss(len(phi))}
	if n == 0 || risks <= 0 {
		return out
	}
	k := all / risks
	mass := make([]float64, n*(all+1))
	byMass := make([]float64, n*(all+1))
	nf := float64(n)
	for i, at := range index {
		m, g := mass[i*(all+1):(i+1)*(all+1)], byMass[i*(all+1):(i+1)*(all+1)]
		softmaxPadded(phi[i*all:(i+1)*all], m)
		if c := event[i]; c != 0 {
			out.Events++
			p := m[(c-1)*k+at]
			out.NLL -= math.Log(p+epsilon) / nf
			g[(c-1)*k+at] -= alpha / (p + epsilon) / nf
			continue
		}
		seen := 0.0
		for r := range risks {
			for j := 0; j <= at; j++ {
				seen += m[r*k+j]
			}
		}
		left := math.Max(1-seen, 0)
		out.NLL -= math.Log(left+epsilon) / nf
		if left > 0 {
			for r := range risks {
				for j := 0; j <= at; j++ {
					g[r*k+j] += alpha / (left + epsilon) / nf
				}
			}
		}
	}
	byRank := make([]float64, len(mass))
	for r := range risks {
		out.Rank += rankLoss(mass, all+1, r*k, k, index, event, r+1, sigma, 1/(nf*nf), byRank)
	}
	for i := range byMass {
		byMass[i] += (1 - alpha) * byRank[i]
	}
	softmaxBackward(mass, byMass, n, all, 1, out.Grad)
	out.Value = alpha*out.NLL + (1-alpha)*out.Rank
	return out
}
