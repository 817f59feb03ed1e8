package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// work answers each line "step" with "SECONDS CPU_SECONDS LOSS" and "rss" with the peak resident memory in KiB.
func work(precision string, threads int, in io.Reader, out io.Writer) error {
	return torch.Run(context.Background(), torch.Config{Device: "cpu", Threads: threads, Seed: 1, Log: os.Stderr}, func(e *torch.Engine) error {
		t, err := newTrainer(e, precision == "bf16")
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "ready", e.Info().Version)
		for lines := bufio.NewScanner(in); lines.Scan(); {
			if lines.Text() == "rss" {
				kib, err := peakKiB()
				if err != nil {
					return err
				}
				fmt.Fprintln(out, kib)
				continue
			}
			wall, cpu := time.Now(), cpuSeconds()
			loss := t.step()
			fmt.Fprintln(out, time.Since(wall).Seconds(), cpuSeconds()-cpu, loss)
		}
		return nil
	})
}

type trainer struct {
	e         *torch.Engine
	bf16      bool
	net       *video.Net
	x, target *torch.Tensor
	weights   []*torch.Tensor
	momentum  []*torch.Tensor
}

func newTrainer(e *torch.Engine, bf16 bool) (*trainer, error) {
	net, err := video.New(video.Spec{Name: "r3d_18", Heads: []video.Head{{Name: "class", Width: 400}}})
	if err != nil {
		return nil, err
	}
	nn.Materialise(e, net, 1)
	t := &trainer{e: e, bf16: bf16, net: net, x: e.Randn(torch.Float32, 2, 3, 16, 112, 112), target: e.FromInt64s([]int64{7, 300}, 2)}
	net.Visit("", func(_ string, p *nn.Param) {
		if !p.Buffer {
			t.weights = append(t.weights, p.T)
			t.momentum = append(t.momentum, p.T.Detach().ZerosLike())
		}
	})
	e.ReleaseMemory() // what making the weights left behind
	return t, nil
}

// step is what torch.optim.SGD with momentum 0.9 does around a forward and a backward pass, with gradients dropped afterwards.
func (t *trainer) step() float64 {
	s := t.e.Scope()
	defer s.Close()
	loss := t.forward()
	t.e.Backward(loss)
	t.e.NoGrad(func() {
		grads := make([]*torch.Tensor, len(t.weights))
		for i, w := range t.weights {
			grads[i] = w.Grad()
		}
		torch.ForeachMulScalar_(t.momentum, 0.9)
		torch.ForeachAdd_(t.momentum, grads, 1)
		torch.ForeachAdd_(t.weights, t.momentum, -1e-3)
	})
	for _, w := range t.weights {
		w.SetGrad(nil)
	}
	return loss.Item()
}

// forward frees the activations that backward does not need before it returns, as Python does.
func (t *trainer) forward() *torch.Tensor {
	return t.e.Scoped(func() []*torch.Tensor {
		var y *torch.Tensor
		run := func() { y = t.net.Heads(&nn.Pass{E: t.e, Train: true}, t.x)[0] }
		if t.bf16 {
			t.e.Autocast(torch.BFloat16, run)
		} else {
			run()
		}
		return []*torch.Tensor{torch.CrossEntropyLoss(y.To(torch.Float32), t.target, nil, torch.ReduceMean, -100, 0)}
	})[0]
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func peakKiB() (string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	if !found {
		return "", fmt.Errorf("no VmHWM in /proc/self/status")
	}
	return strings.Fields(rest)[0], nil
}
