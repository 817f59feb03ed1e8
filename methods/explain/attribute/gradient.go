package attribute

import "github.com/cineloop/cineloop/torch"

// Gradient is the score's gradient by the input (Simonyan et al., "Deep inside convolutional networks", ICLR workshop 2014), signed.
func (n Net) Gradient(x *torch.Tensor, target Target) *torch.Tensor {
	return n.back(nil, x, target, nil)
}

// InputXGradient is the input times its gradient (Shrikumar et al. 2016): for a network of ReLUs without biases, what each position
// gives to the score.
func (n Net) InputXGradient(x *torch.Tensor, target Target) *torch.Tensor {
	return n.Gradient(x, target).Mul(x)
}
