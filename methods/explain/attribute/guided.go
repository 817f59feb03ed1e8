package attribute

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// GuidedBackprop is the gradient in which every ReLU passes only positive gradients back, and only where it was active (Springenberg et
// al., "Striving for simplicity", ICLR workshop 2015). Activations other than ReLU are treated as the gradient treats them.
func (n Net) GuidedBackprop(x *torch.Tensor, target Target) *torch.Tensor {
	return n.back(clamped{guided: true}, x, target, nil)
}

// Deconvolution is the gradient in which every ReLU passes positive gradients back wherever they go (Zeiler and Fergus, ECCV 2014).
func (n Net) Deconvolution(x *torch.Tensor, target Target) *torch.Tensor {
	return n.back(clamped{}, x, target, nil)
}

// clamped changes the way back through ReLUs.
type clamped struct{ guided bool }

func (c clamped) Layer(m nn.Module, plain func(*torch.Tensor) *torch.Tensor, x *torch.Tensor) *torch.Tensor {
	y := plain(x)
	if _, relu := m.(nn.ReLU); !relu || !y.RequiresGrad() {
		return y
	}
	if !c.guided {
		y = through(x, y)
	}
	// What comes back is clamped at a tensor of its own: the sum of all uses of y.
	return y.ClampGrad()
}

func (clamped) Sum(a, b *torch.Tensor) *torch.Tensor { return a.Add(b) }
