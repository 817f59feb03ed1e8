package torch

import "math"

var (
	opMLPForward  = intern("cineloop::mlp_forward")
	opMLPBackward = intern("cineloop::mlp_backward")
	opMLPEval     = intern("cineloop::mlp_eval")
	opMLPAdam     = intern("cineloop::mlp_adam")
)

// MLP is a small perceptron on the CPU, in float32: Linear, ReLU, batch normalisation and dropout, repeated, and a last Linear. Each of
// its methods is one call of the bridge, on the caller's thread, outside autograd: in networks of a few thousand parameters the calls
// of single operators cost more than the arithmetic. For any other network there are modules (nn).
type MLP struct {
	// Widths are those of the input, the hidden layers and the output.
	Widths []int64
	// Theta holds the parameters in one vector: for each layer its weight [out, in] and bias [out], then γ and β [out] where Stats is
	// set and the layer is not the last. The last bias may be left out.
	Theta *Tensor
	// Stats are the running mean [out] and variance [out] of each hidden layer; nil without normalisation (momentum 0.1, ε 1e-5).
	Stats *Tensor
	// Work is any float32 vector; it grows to what the passes need, and carries a training pass to its backward pass: no other may come
	// between them.
	Work *Tensor
}

// Forward is a training pass over x [B, in]: batch statistics normalise, and move the running ones. Masks are the factors of dropout
// [B, out] of each hidden layer, nil for none. The outputs are written to out [B, out].
func (m MLP) Forward(x *Tensor, masks []*Tensor, out *Tensor) {
	opMLPForward.do(m.Theta.e, m.Widths, m.Theta, m.Stats, x, masks, m.Work, out)
}

// Backward writes the gradient by the parameters to grad, Theta's like, from that by the outputs, by [B, out]; it follows Forward with
// the same x and masks.
func (m MLP) Backward(x *Tensor, masks []*Tensor, by, grad *Tensor) {
	opMLPBackward.do(m.Theta.e, m.Widths, m.Theta, m.Stats, x, masks, m.Work, by, grad)
}

// Eval is a pass over x [N, in] with the running statistics and without dropout, into out [N, out]. With shift [hidden], x is the first
// Linear's output [N, hidden], and shift is added to it.
func (m MLP) Eval(x, shift, out *Tensor) {
	opMLPEval.do(m.Theta.e, m.Widths, m.Theta, m.Stats, x, shift, m.Work, out)
}

// Adam is a step of Adam (Kingma and Ba 2015; β 0.9 and 0.999, ε 1e-8) on one vector of parameters with its moments, with decoupled decay
// (Loshchilov and Hutter 2019). Steps are counted from 1.
func Adam(theta, grad, first, second *Tensor, step int, rate, decay float64) {
	bias1, bias2 := 1-math.Pow(0.9, float64(step)), 1-math.Pow(0.999, float64(step))
	opMLPAdam.do(theta.e, theta, grad, first, second, 1-rate*decay, rate/bias1, 1/math.Sqrt(bias2))
}
