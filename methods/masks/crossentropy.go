package masks

import "github.com/cineloop/cineloop/torch"

// CrossEntropy is the mean of −log p of the true class over the positions that are known (Ronneberger et al., "U-Net", MICCAI 2015, eq. 1,
// without the weight map).
func CrossEntropy(logits *torch.Tensor, t Truth) *torch.Tensor {
	sum := torch.CrossEntropyLoss(logits, t.Class, nil, torch.ReduceSum, unknown, 0)
	return sum.Div(t.Known.Sum().ClampMin(1))
}

// unknown is the class of positions that are not known, as cross_entropy_loss wants it.
const unknown = -1
