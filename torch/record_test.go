package torch_test

import (
	"slices"
	"testing"

	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

// TestRecord: every way of calling an operator is seen, in order, with what went in and came out; what the listener calls is not.
func TestRecord(t *testing.T) {
	torchtest.Run(t, 1, func(e *torch.Engine) {
		x := e.FromFloat32([]float32{1, -2, 3, 4}, 2, 2)
		var ops []string
		var first torch.Recorded
		e.Record(func(r torch.Recorded) {
			if len(ops) == 0 {
				first = r
				if got := r.Out[0].(*torch.Tensor).MulScalar(2).Float32s(); got[1] != -4 {
					t.Errorf("inside: %v", got)
				}
			}
			ops = append(ops, r.Op)
		}, func() {
			y := x.MulScalar(1)
			y.Relu_()
			parts := y.Unbind(0)
			if _, err := e.Call("aten::add.Tensor", parts[0], parts[1], 1); err != nil {
				t.Error(err)
			}
		})
		x.MulScalar(3)
		if want := []string{"aten::mul.Scalar", "aten::relu_", "aten::unbind.int", "aten::add.Tensor"}; !slices.Equal(ops, want) {
			t.Errorf("saw %v, want %v", ops, want)
		}
		if first.Args[0].(*torch.Tensor) != x {
			t.Error("an argument is not the tensor that was given")
		}
	})
}
