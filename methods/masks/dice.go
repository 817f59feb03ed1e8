package masks

import "github.com/cineloop/cineloop/torch"

// Dice is one minus the soft Dice coefficient of the softmax, averaged over the foreground classes (Milletari et al., "V-Net", 3DV 2016,
// with the linear denominator of Drozdzal et al. 2016, as nnU-Net has it):
//
//	1 − (2·Σ p·g + 1) / (Σ p + Σ g + 1)
//
// The sums run over positions and, where batch is set, over the batch too (nnU-Net's batch Dice, steadier on small patches).
func Dice(logits *torch.Tensor, t Truth, batch bool) *torch.Tensor {
	p := logits.Softmax(1).Mul(t.Known)
	axes := positions(logits)
	if batch {
		axes = append([]int64{0}, axes...)
	}
	both, either := p.Mul(t.Hot).Sum(axes...), p.Add(t.Hot).Sum(axes...)
	ratio := both.MulScalar(2).AddScalar(1).Div(either.AddScalar(1))
	class := int64(ratio.Dim() - 1)
	return ratio.Slice(class, 1, logits.Size(1), 1).Mean().Rsub(1)
}
