package torch

import (
	"context"
	"os"
	"testing"
)

func TestSmoke(t *testing.T) {
	err := Run(context.Background(), Config{Log: os.Stderr, Threads: 2}, func(e *Engine) error {
		i := e.Info()
		t.Log(i.Version, i.OneDNNText, i.BLAS, i.OpenBLAS, i.CPU, i.Threads, i.Build)
		ops := map[string]bool{}
		for _, s := range e.Operators() {
			for k := range s {
				if s[k] == '(' {
					ops[s[:k]] = true
					break
				}
			}
		}
		interned.Range(func(k, v any) bool {
			n := k.(string)
			if n[:6] == "aten::" && !ops[n] {
				t.Error("no", n)
			}
			return true
		})
		x := e.FromFloat32([]float32{1, 2, 3, 4}, 2, 2)
		w := e.Randn(Float32, 2, 2).SetRequiresGrad(true)
		e.Autocast(BFloat16, func() {
			y := Linear(x, w, nil)
			t.Log(y)
			e.Backward(y.To(Float32).Mean())
		})
		t.Log(w.Grad().Float32s(), e.LiveHandles())
		err := e.Try(func() { x.Matmul(e.Zeros(Float32, 3)) })
		t.Log(err)
		_, err = e.Call("aten::conv3d", x, 3)
		t.Log(err)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
