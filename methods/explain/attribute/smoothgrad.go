package attribute

import "github.com/cineloop/cineloop/torch"

// Smoothed are the moments of gradients at noisy copies of the input.
type Smoothed struct {
	Mean     *torch.Tensor // SmoothGrad (Smilkov et al. 2017)
	Square   *torch.Tensor // SmoothGrad²: mean of squares (Hooker et al., NeurIPS 2019)
	Variance *torch.Tensor // VarGrad: population variance (Adebayo et al., ICLR workshop 2018)
}

// SmoothGrad averages gradients over k copies of x with noise(i), of x's shape, added.
func (n Net) SmoothGrad(x *torch.Tensor, target Target, k int, noise func(i int) *torch.Tensor) Smoothed {
	out := n.E.Scoped(func() []*torch.Tensor {
		sum, square := x.ZerosLike(), x.ZerosLike()
		for i := range k {
			s := n.E.Scope()
			g := n.Gradient(x.Add(noise(i)), target)
			sum.Add_(g, 1)
			square.Add_(g.Square(), 1)
			s.Close()
		}
		mean, sq := sum.DivScalar(float64(k)), square.DivScalar(float64(k))
		return []*torch.Tensor{mean, sq, sq.Sub(mean.Square())}
	})
	return Smoothed{out[0], out[1], out[2]}
}

// Noise is the noise of SmoothGrad's paper: normal, its deviation the share spread of each row's range (0.1 to 0.2 look best there).
func (n Net) Noise(x *torch.Tensor, spread float64) func(int) *torch.Tensor {
	flat := x.Flatten(1, -1)
	lo, hi := amin(flat), amin(flat.Neg()).Neg()
	sd := perRow(hi.Sub(lo).MulScalar(spread), x)
	return func(int) *torch.Tensor { return x.RandnLike().Mul(sd) }
}
