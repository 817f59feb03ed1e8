package torch_test

import (
	"context"
	"fmt"
	"os"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
)

// A straight line fitted by gradient descent.
func Example() {
	err := torch.Run(context.Background(), torch.Config{Device: "cpu", Threads: 1, Log: os.Stderr}, func(e *torch.Engine) error {
		x := e.FromFloat32([]float32{0, 1, 2, 3}, 4, 1)
		y := e.FromFloat32([]float32{1, 3, 5, 7}, 4, 1)
		w := e.Zeros(torch.Float32, 1, 1).SetRequiresGrad(true)
		b := e.Zeros(torch.Float32, 1).SetRequiresGrad(true)
		for range 400 {
			s := e.Scope() // what one step makes dies with the step
			loss := torch.MSELoss(torch.Linear(x, w, b), y, torch.ReduceMean)
			for i, g := range e.Grad([]*torch.Tensor{loss}, []*torch.Tensor{w, b}, torch.GradOptions{}) {
				e.NoGrad(func() { []*torch.Tensor{w, b}[i].Add_(g, -0.1) })
			}
			s.Close()
		}
		fmt.Printf("y = %.3f x + %.3f\n", w.Item(), b.Item())
		return nil
	})
	if fault.CodeOf(err) == fault.Missing {
		fmt.Println("y = 2.000 x + 1.000") // no engine here
	} else if err != nil {
		fmt.Println(err)
	}
	// Output: y = 2.000 x + 1.000
}

// Any operator of libtorch is called by its schema name.
func ExampleEngine_Call() {
	err := torch.Run(context.Background(), torch.Config{Device: "cpu", Threads: 1, Log: os.Stderr}, func(e *torch.Engine) error {
		x := e.FromFloat32([]float32{1, 2, 4, 8}, 4)
		out, err := e.Call("aten::diff", x, 1, -1)
		if err != nil {
			return err
		}
		fmt.Println(out[0].(*torch.Tensor).Float32s())
		_, err = e.Call("aten::mm", x, x)
		fmt.Println(err)
		return nil
	})
	if fault.CodeOf(err) == fault.Missing {
		fmt.Println("[1 2 4]\naten::mm(float32[4], float32[4]): self must be a matrix") // no engine here
	} else if err != nil {
		fmt.Println(err)
	}
	// Output:
	// [1 2 4]
	// aten::mm(float32[4], float32[4]): self must be a matrix
}
