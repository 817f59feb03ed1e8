package learn

import (
	"math"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
)

// Losses of train.class_loss.
const (
	lossFocal   = "focal"
	lossOrdinal = "ordinal"
)

// defaultGamma is the focal loss's exponent in its paper.
const defaultGamma = 2

func checkClassLoss(spec TrainSpec) error {
	switch spec.ClassLoss {
	case "", "cross_entropy", lossFocal, lossOrdinal:
	default:
		return fault.New(fault.Usage, "train.class_loss: no loss %q", spec.ClassLoss).WithHint("there are cross_entropy, focal and ordinal")
	}
	if spec.FocalGamma < 0 {
		return fault.New(fault.Usage, "train.focal_gamma %g: want 0 or more", spec.FocalGamma)
	}
	if spec.Mixup < 0 || spec.Cutmix < 0 {
		return fault.New(fault.Usage, "train.mixup and train.cutmix are the parameter of a beta distribution, above 0")
	}
	return nil
}

// weighClasses gives the class and binary heads weights in inverse proportion to how many training rows each class has, with mean 1 over
// the rows: rare classes count as much as common ones, and the loss keeps its size. A class without rows has weight 0.
func weighClasses(heads []head, rows []cohort.Row, train []int) {
	for i := range heads {
		h := &heads[i]
		if h.Kind != evaluate.Class && h.Kind != evaluate.Binary {
			continue
		}
		counts := make([]float64, max(2, h.Width()))
		known, classes := 0.0, 0.0
		for _, r := range train {
			if v := rows[r].Truth[h.Name][0]; !math.IsNaN(v) {
				if counts[int(v)] == 0 {
					classes++
				}
				counts[int(v)]++
				known++
			}
		}
		h.ClassWeights = make([]float64, len(counts))
		for k, n := range counts {
			if n > 0 {
				h.ClassWeights[k] = known / (classes * n)
			}
		}
	}
}

// special says whether head h's loss is one of this file.
func (l *losses) special(h head) bool {
	switch h.Kind {
	case evaluate.Class:
		return l.spec.ClassLoss == lossFocal || l.spec.ClassLoss == lossOrdinal || h.ClassWeights != nil
	case evaluate.Binary, evaluate.MultiLabel:
		return l.spec.ClassLoss == lossFocal || h.ClassWeights != nil
	}
	return false
}

func (l *losses) gamma() float64 {
	if l.spec.ClassLoss != lossFocal {
		return 0
	}
	if l.spec.FocalGamma > 0 {
		return l.spec.FocalGamma
	}
	return defaultGamma
}

// classSum is the loss of a class head [N, K]. The focal loss (Lin et al., ICCV 2017, eq. 5) is −(1 − p)^γ·log p of the true class. The ordinal
// loss is the squared earth mover's distance between the predicted and the true distribution over ordered classes (Hou, Yu and Samaras, 2016, eq.
// 3): a class beside the true one costs less than one far from it. Both weigh classes where the head has weights.
func (l *losses) classSum(h head, out *torch.Tensor, value, present []float32) *torch.Tensor {
	n, k := len(value), h.Width()
	truth, weight := make([]float32, n*k), make([]float32, n)
	s := float32(l.smoothing)
	for i, v := range value {
		if present[i] == 0 {
			continue
		}
		weight[i] = 1
		if h.ClassWeights != nil {
			weight[i] = float32(h.ClassWeights[int(v)])
		}
		for j := range k {
			truth[i*k+j] = s / float32(k)
		}
		truth[i*k+int(v)] += 1 - s
	}
	y, w := l.e.FromFloat32(truth, int64(n), int64(k)), l.e.FromFloat32(weight, int64(n), 1)
	if l.spec.ClassLoss == lossOrdinal {
		return out.Softmax(1).Cumsum(1).Sub(y.Cumsum(1)).Square().Mul(w).Sum()
	}
	logP := out.LogSoftmax(1)
	terms := y.Mul(logP)
	if g := l.gamma(); g > 0 {
		terms = terms.Mul(logP.Exp().MulScalar(-1).AddScalar(1).Clamp(0, 1).PowScalar(g))
	}
	return terms.Mul(w).Sum().MulScalar(-1)
}

// binarySum is the loss of a binary or multi-label head [N, K], each score on its own: the focal loss with γ, cross-entropy with γ = 0.
func (l *losses) binarySum(h head, out, truth, mask *torch.Tensor) *torch.Tensor {
	no := truth.MulScalar(-1).AddScalar(1)
	logYes, logNo := out.LogSigmoid(), out.MulScalar(-1).LogSigmoid()
	yes, not := truth.Mul(logYes), no.Mul(logNo)
	if g := l.gamma(); g > 0 {
		yes, not = yes.Mul(logNo.Exp().PowScalar(g)), not.Mul(logYes.Exp().PowScalar(g))
	}
	if len(h.ClassWeights) == 2 {
		yes, not = yes.MulScalar(h.ClassWeights[1]), not.MulScalar(h.ClassWeights[0])
	}
	return yes.Add(not).Mul(mask).Sum().MulScalar(-1)
}
