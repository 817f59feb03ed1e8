package nn

import "github.com/cineloop/cineloop/torch"

// synced is batch normalisation over the batches of all processes of a group together (SyncBatchNorm; Peng et al., "MegDet", CVPR 2018): the
// statistics of one process with the whole batch, not of as many small ones. sum adds a tensor over the group and is differentiated
// through. Mean first, then the squares about it, so that nothing is lost by subtracting large numbers.
func (b *BatchNorm) synced(p *Pass, x *torch.Tensor) *torch.Tensor {
	shape := x.Shape()
	c := shape[1]
	dims, wide := []int64{0}, []int64{1, c}
	n := shape[0]
	for d := 2; d < len(shape); d++ {
		dims, wide = append(dims, int64(d)), append(wide, 1)
		n *= shape[d]
	}
	in := x.DType()
	if in != torch.Float32 {
		x = x.To(torch.Float32)
	}
	count := p.E.FromFloat32([]float32{float32(n)}, 1)
	total := p.Sum(torch.Cat([]*torch.Tensor{x.Sum(dims...), count}, 0))
	all := total.Narrow(0, c, 1).Detach()
	mean := total.Narrow(0, 0, c).Div(all)
	d := x.Sub(mean.View(wide...))
	variance := p.Sum(d.Square().Sum(dims...)).Div(all)
	y := d.Mul(variance.AddScalar(b.Eps).Rsqrt().Mul(b.Weight.T).View(wide...)).Add(b.Bias.T.View(wide...))
	if p.recomputing() { // learnt in the first run
		return narrow(y, in)
	}
	p.E.NoGrad(func() {
		unbiased := variance.Mul(all.Div(all.SubScalar(1)))
		b.Mean.T.Lerp_(mean.Detach(), b.Momentum)
		b.Var.T.Lerp_(unbiased, b.Momentum)
	})
	return narrow(y, in)
}

// narrow is y in the type that a layer was given.
func narrow(y *torch.Tensor, in torch.DType) *torch.Tensor {
	if in != torch.Float32 {
		return y.To(in)
	}
	return y
}
