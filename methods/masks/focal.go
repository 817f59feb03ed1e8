package masks

import "github.com/cineloop/cineloop/torch"

// Focal is the mean of −(1−p)^gamma·log p of the true class over the positions that are known (Lin et al., "Focal loss for dense object
// detection", ICCV 2017, eq. 4). gamma 0 is [CrossEntropy]; the paper's choice is 2.
func Focal(logits *torch.Tensor, t Truth, gamma float64) *torch.Tensor {
	logp := logits.LogSoftmax(1).Mul(t.Hot).SumKeep(1)
	// The gradient of (1−p)^gamma is not finite at p = 1 for gamma < 1: a little distance from it costs nothing.
	weight := logp.Exp().Rsub(1).ClampMin(1e-7).PowScalar(gamma)
	return weight.Mul(logp).Mul(t.Known).Sum().Neg().Div(t.Known.Sum().ClampMin(1))
}
