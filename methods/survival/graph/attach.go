package graph

import (
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/torch"
)

// Attach makes a loss part of output's graph: fn gets output's elements in row-major order on the host and returns value and
// gradient; the result is a scalar whose value is the loss and whose backward pass hands fn's gradient to output. The losses of package
// survival need sorting and risk sets, which are quicker on the host than as operators, and outputs are a few numbers a person. The
// graph is of first order: the gradient itself cannot be differentiated again.
func Attach(output *torch.Tensor, fn func(output []float64) survival.Loss) (*torch.Tensor, survival.Loss) {
	e := output.Engine()
	values := output.Float64s()
	loss := fn(values)
	shape := output.Shape()
	s := e.Scope()
	defer s.Close()
	grad := e.FromFloat64s(loss.Grad, shape...).To(output.DType())
	inner := output.Mul(grad).Sum()
	// inner carries the gradient; the constant moves its value to the loss.
	out := inner.AddScalar(loss.Value - inner.Item())
	s.Keep(out)
	return out, loss
}
