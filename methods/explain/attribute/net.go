package attribute

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// Net is a network under explanation.
type Net struct {
	E       *torch.Engine
	Forward func(p *nn.Pass, x *torch.Tensor) *torch.Tensor // scores [N, K], in evaluation mode
	// Volume lays a captured layer's output out as [N, C, …] for n inputs; nil where it is that already.
	Volume func(captured *torch.Tensor, n int64) *torch.Tensor
}

// Target is the score of each row that is explained: its index among K.
type Target []int64

// Score is the targets' scores [N], part of the graph where one is recorded.
func (n Net) Score(p *nn.Pass, x *torch.Tensor, target Target) *torch.Tensor {
	index := n.E.FromInt64s(target, int64(len(target)), 1)
	return n.Forward(p, x).Gather(1, index).Squeeze(1)
}

func (n Net) pass(rule nn.Rule) *nn.Pass { return &nn.Pass{E: n.E, Rule: rule} }

// back is the gradient of the targets' scores, as a pass with that rule sees it, by x; weight [N] nil is ones.
func (n Net) back(rule nn.Rule, x *torch.Tensor, target Target, weight *torch.Tensor) *torch.Tensor {
	return n.E.Scoped(func() []*torch.Tensor {
		leaf := x.Detach().Clone().SetRequiresGrad(true)
		score := n.Score(n.pass(rule), leaf, target)
		o := torch.GradOptions{}
		if weight == nil {
			score = score.Sum()
		} else {
			o.GradOutputs = []*torch.Tensor{weight}
		}
		return n.E.Grad([]*torch.Tensor{score}, []*torch.Tensor{leaf}, o)
	})[0]
}

// plain computes scores without recording.
func (n Net) plain(x *torch.Tensor, target Target) (score *torch.Tensor) {
	return n.E.Scoped(func() (out []*torch.Tensor) {
		n.E.NoGrad(func() { out = []*torch.Tensor{n.Score(n.pass(nil), x, target)} })
		return out
	})[0]
}

// rowSum is the sum of each row of t [N, …]: [N].
func rowSum(t *torch.Tensor) *torch.Tensor { return t.Flatten(1, -1).Sum(1) }

// floats is t's values as float64.
func floats(t *torch.Tensor) []float64 { return t.To(torch.Float64).Float64s() }

// perRow reshapes t [N] so that it multiplies rows of like.
func perRow(t, like *torch.Tensor) *torch.Tensor {
	shape := []int64{t.Size(0)}
	for range like.Dim() - 1 {
		shape = append(shape, 1)
	}
	return t.Reshape(shape...)
}

// through keeps the values of y and lets gradients go to s instead: the way back of one function with the values of another.
func through(s, y *torch.Tensor) *torch.Tensor { return s.Sub(s.Detach()).Add(y.Detach()) }
