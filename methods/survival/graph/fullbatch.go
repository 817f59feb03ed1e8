package graph

import (
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/torch"
)

// FullBatch makes the gradient of a loss over all people although the network sees them in batches (gradient caching, Gao et al. 2021):
// every batch runs forward without a graph, the loss gives its gradient by all outputs, and every batch runs again with a graph that
// takes its part of it. Gradients accumulate in the parameters as one pass over everybody would leave them, up to rounding; memory is that
// of one batch. forward gets row numbers and returns their outputs, one number a row; random numbers (dropout) are replayed, so that both
// passes see the same network. Networks whose statistics move while training (batch normalisation) take a second step of them.
func FullBatch(e *torch.Engine, batches [][]int, people int, forward func(rows []int) *torch.Tensor, loss func(output []float64) survival.Loss) survival.Loss {
	output := make([]float64, people)
	states := make([][]byte, len(batches))
	e.NoGrad(func() {
		for b, rows := range batches {
			states[b] = e.RNGState()
			s := e.Scope()
			for k, v := range forward(rows).Float64s() {
				output[rows[k]] = v
			}
			s.Close()
		}
	})
	after := e.RNGState()
	l := loss(output)
	if l.Events == 0 {
		return l
	}
	for b, rows := range batches {
		e.SetRNGState(states[b])
		s := e.Scope()
		y := forward(rows)
		part := make([]float64, len(rows))
		for k, i := range rows {
			part[k] = l.Grad[i]
		}
		g := e.FromFloat64s(part, int64(len(part))).To(y.DType()).View(y.Shape()...)
		e.BackwardWith([]*torch.Tensor{y}, torch.GradOptions{GradOutputs: []*torch.Tensor{g}})
		s.Close()
	}
	e.SetRNGState(after)
	return l
}
