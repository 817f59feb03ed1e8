package torch

import (
	"errors"
	"strings"
	"testing"
)

// Where there is no CUDA, everything about it refuses with a reason; where there is, TestCUDA runs.
func TestCUDARefusesWithoutCUDA(t *testing.T) {
	withEngine(t, func(e *Engine) {
		e.Synchronize(CPU)
		if e.Info().CUDADevices > 0 {
			t.Skip("this machine has a GPU")
		}
		for name, use := range map[string]func(){
			"synchronize": func() { e.Synchronize("cuda:0") },
			"stream":      func() { e.NewStream("cuda:0", false) },
			"memory":      func() { e.CUDAMemory("cuda:0") },
			"graph":       func() { e.CaptureGraph(&Stream{e, "cuda:0", 0}, func() { t.Error("captured") }) },
			"tensor":      func() { e.Ones(Float32, 1).To(Device("cuda:0")) },
		} {
			var te *Error
			if err := e.Try(use); !errors.As(err, &te) || !strings.Contains(strings.ToLower(err.Error()), "cuda") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestCUDA(t *testing.T) {
	withEngine(t, func(e *Engine) {
		if e.Info().CUDADevices == 0 {
			t.Skip("no GPU here")
		}
		x := e.Ones(Float32, 64, 64).To(Device("cuda:0"))
		s := e.NewStream("cuda:0", true)
		var y *Tensor
		s.With(func() { y = x.Matmul(x) })
		s.Synchronize()
		if y.Device() != "cuda:0" || y.Select(0, 0).Select(0, 0).Item() != 64 {
			t.Errorf("matmul on a stream: %v", y)
		}
		if m := e.CUDAMemory("cuda:0"); m.Allocated < 64*64*4 || m.PeakAllocated < m.Allocated {
			t.Errorf("memory %+v", m)
		}
		z := e.Zeros(Float32, 1).To(Device("cuda:0"))
		g := e.CaptureGraph(s, func() { z.AddScalar_(1) })
		for range 3 {
			g.Replay()
		}
		g.Free()
		if z.Item() != 3 {
			t.Errorf("three replays gave %g", z.Item())
		}
	})
}
