package nn

import "github.com/cineloop/cineloop/torch"

// Rule is another way through the layers of a network, for methods that change what flows back: it sees every convolution, linear
// layer, activation, normalisation of batches, pooling, attention softmax and residual sum. The values that it returns must be those of
// the layer itself, only the way back may differ. While a pass has a rule nothing is overwritten in place.
type Rule interface {
	// Layer computes a layer of one input. plain computes it as it is.
	Layer(m Module, plain func(*torch.Tensor) *torch.Tensor, x *torch.Tensor) *torch.Tensor
	// Sum adds the two branches of a residual block.
	Sum(a, b *torch.Tensor) *torch.Tensor
}

// Apply computes a layer, by the pass's rule where it has one.
func (p *Pass) Apply(m Module, plain func(*torch.Tensor) *torch.Tensor, x *torch.Tensor) *torch.Tensor {
	if p == nil || p.Rule == nil {
		return plain(x)
	}
	return p.Rule.Layer(m, plain, x)
}

// AttentionWeights is the softmax of attention scores [N, heads, L, M] as a [Rule] sees it.
type AttentionWeights struct{}

// Visit implements [Module].
func (AttentionWeights) Visit(string, func(string, *Param)) {}

// Forward implements [Module].
func (AttentionWeights) Forward(_ *Pass, x *torch.Tensor) *torch.Tensor { return x.Softmax(-1) }

// Cost implements [Module].
func (AttentionWeights) Cost(in []int64) ([]int64, Cost) { return in, Cost{Activations: numel(in)} }
