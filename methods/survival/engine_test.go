package survival_test

import (
	"context"

	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/methods/survival/graph"
	"github.com/cineloop/cineloop/torch"
)

// The golden losses are checked as slices and through autograd.
func init() {
	survival.AttachForTest = func(ctx context.Context, output []float64, shape []int64, fn func([]float64) survival.Loss) (value float64, grad []float64, err error) {
		err = torch.Run(ctx, torch.Config{Device: "cpu", Threads: 1}, func(e *torch.Engine) error {
			x := e.FromFloat64s(output, shape...).SetRequiresGrad(true)
			loss, _ := graph.Attach(x, fn)
			e.Backward(loss)
			value, grad = loss.Item(), x.Grad().Float64s()
			return nil
		})
		return value, grad, err
	}
}
