package torch

var (
	opCrossEntropy = intern("aten::cross_entropy_loss")
	opNLL          = intern("aten::nll_loss")
	opBCELogits    = intern("aten::binary_cross_entropy_with_logits")
	opBCE          = intern("aten::binary_cross_entropy")
	opMSE          = intern("aten::mse_loss")
	opL1           = intern("aten::l1_loss")
	opHuber        = intern("aten::huber_loss")
	opSmoothL1     = intern("aten::smooth_l1_loss")
	opKLDiv        = intern("aten::kl_div")
	opCosine       = intern("aten::cosine_similarity")
)

// CrossEntropyLoss compares logits [N, C, …] with int64 classes [N, …] or class probabilities [N, C, …]. Weight [C] may be nil;
// classes equal to ignoreIndex (torch's default is -100) do not count.
func CrossEntropyLoss(logits, target, weight *Tensor, r Reduction, ignoreIndex int64, labelSmoothing float64) *Tensor {
	return opCrossEntropy.one(logits.e, logits, target, weight, r, ignoreIndex, labelSmoothing)
}

// NLLLoss is CrossEntropyLoss for log-probabilities.
func NLLLoss(logProbs, target, weight *Tensor, r Reduction, ignoreIndex int64) *Tensor {
	return opNLL.one(logProbs.e, logProbs, target, weight, r, ignoreIndex)
}

// BinaryCrossEntropyWithLogits compares logits with targets in [0, 1] of the same shape. Weight and positive weight may be nil.
func BinaryCrossEntropyWithLogits(logits, target, weight, posWeight *Tensor, r Reduction) *Tensor {
	return opBCELogits.one(logits.e, logits, target, weight, posWeight, r)
}

// BinaryCrossEntropy compares probabilities with targets in [0, 1] of the same shape. Weight may be nil.
func BinaryCrossEntropy(probs, target, weight *Tensor, r Reduction) *Tensor {
	return opBCE.one(probs.e, probs, target, weight, r)
}

// MSELoss is the squared difference.
func MSELoss(x, target *Tensor, r Reduction) *Tensor { return opMSE.one(x.e, x, target, r) }

// L1Loss is the absolute difference.
func L1Loss(x, target *Tensor, r Reduction) *Tensor { return opL1.one(x.e, x, target, r) }

// HuberLoss is half the squared difference below delta, and linear above.
func HuberLoss(x, target *Tensor, r Reduction, delta float64) *Tensor {
	return opHuber.one(x.e, x, target, r, delta)
}

// SmoothL1Loss is HuberLoss divided by beta.
func SmoothL1Loss(x, target *Tensor, r Reduction, beta float64) *Tensor {
	return opSmoothL1.one(x.e, x, target, r, beta)
}

// KLDiv is target × (log target - x) for log-probabilities x.
func KLDiv(x, target *Tensor, r Reduction, logTarget bool) *Tensor {
	return opKLDiv.one(x.e, x, target, r, logTarget)
}

// CosineSimilarity is the cosine of the angle between x and y along dim.
func CosineSimilarity(x, y *Tensor, dim int64, eps float64) *Tensor {
	return opCosine.one(x.e, x, y, dim, eps)
}
