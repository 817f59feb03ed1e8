package masks

import "github.com/cineloop/cineloop/torch"

// CrossEntropy is the mean of −log p of the true class over the positions that are known (Ronneberger et al., "U-Net", MICCAI 2015, eq. 1,
// without the weight map).
func CrossEntropy(logits *torch.Tensor, t Truth) *torch.Tensor {
	nll := logits.LogSoftmax(1).Mul(t.Hot).Sum().Neg()
	return nll.Div(t.Known.Sum().ClampMin(1))
}
