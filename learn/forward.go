package learn

import (
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// input is a batch as a tensor on the engine's device. The batch is not released before what is computed from it has been read.
func input(e *torch.Engine, b *cohort.Batch) *torch.Tensor {
	var shape [5]int64
	for i, d := range b.Shape {
		shape[i] = int64(d)
	}
	x := e.ViewFloat32(b.X, shape[:]...)
	if e.Device() == torch.CPU {
		return x
	}
	return x.To(e.Device())
}

// forward runs a network on a batch; the scores [N, Width] of each head are float32.
func forward(e *torch.Engine, net *video.Net, p *nn.Pass, autocast string, x *torch.Tensor) []*torch.Tensor {
	outs, _ := forwardWithFeatures(e, net, p, autocast, x)
	return outs
}

// forwardWithFeatures is forward with the features that the heads saw, in whatever type they are.
func forwardWithFeatures(e *torch.Engine, net *video.Net, p *nn.Pass, autocast string, x *torch.Tensor) (outs []*torch.Tensor, features *torch.Tensor) {
	casting(e, autocast)(func() { outs, features = net.HeadsAndFeatures(p, x) })
	for i, o := range outs {
		if o.DType() != torch.Float32 {
			outs[i] = o.To(torch.Float32)
		}
	}
	return outs, features
}

// casting calls a function in the plan's arithmetic.
func casting(e *torch.Engine, autocast string) func(run func()) {
	switch autocast {
	case "bf16":
		return func(run func()) { e.Autocast(torch.BFloat16, run) }
	case "fp16":
		return func(run func()) { e.Autocast(torch.Float16, run) }
	}
	return func(run func()) { run() }
}
