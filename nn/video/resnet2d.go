package video

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// resnet18Mean is a ResNet-18 on every frame, its features averaged over time: the baseline that asks whether a task needs motion
// (Tran et al., CVPR 2018, section 3.1 call the form f-R2D). The network is He et al., "Deep residual learning for image recognition",
// CVPR 2016, table 1, with torchvision's resnet18 names, so that ImageNet weights load as they are.
//
// The stem's stride in time takes every n-th frame. Where its stride in H and W is 1 the max-pool after it is left out too: small
// pictures keep their size up to the second stage.
func resnet18Mean(s Spec) (nn.Module, int64, nn.Init, nn.Init) {
	w := s.Width
	st := []int64{s.StemStride[1], s.StemStride[2]}
	frames := nn.Chain{
		{Name: "conv1", Module: nn.NewConv(s.Channels, w, []int64{7, 7}, st, []int64{3, 3})},
		{Name: "bn1", Module: nn.NewBatchNorm(w)},
		{Name: "relu", Module: nn.ReLU{}},
	}
	if st[0] > 1 || st[1] > 1 {
		frames = append(frames, nn.Named{Name: "maxpool", Module: nn.MaxPool2d{}})
	}
	in := w
	for i, name := range stageNames {
		out, stride := w<<i, int64(2)
		if i == 0 {
			stride = 1
		}
		frames = append(frames, nn.Named{Name: name, Module: nn.Sequential(block2D(in, out, stride), block2D(out, out, 1))})
		in = out
	}
	frames = append(frames, nn.Named{Name: "avgpool", Module: nn.GlobalAvgPool{}})
	head := nn.UniformFanIn(in)
	return &perFrame{frames: frames, step: s.StemStride[0]}, in, head, head
}

// perFrame runs a 2D network on every frame and averages its features: [N, C, T, H, W] to [N, features].
type perFrame struct {
	frames nn.Chain
	step   int64 // every n-th frame
}

// Visit implements [nn.Module].
func (f *perFrame) Visit(prefix string, v func(string, *nn.Param)) { f.frames.Visit(prefix, v) }

// Forward implements [nn.Module].
func (f *perFrame) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	s := x.Shape()
	if f.step > 1 {
		x = x.Slice(2, 0, s[2], f.step)
		s = x.Shape()
	}
	x = x.Permute(0, 2, 1, 3, 4).Reshape(s[0]*s[2], s[1], s[3], s[4])
	y := f.frames.Forward(p, x)
	return y.Reshape(s[0], s[2], y.Shape()[1]).Mean(1)
}

// Cost implements [nn.Module].
func (f *perFrame) Cost(in []int64) ([]int64, nn.Cost) {
	t := (in[2] + f.step - 1) / f.step
	out, c := f.frames.Cost([]int64{in[0] * t, in[1], in[3], in[4]})
	c.Activations += in[0] * t * in[1] * in[3] * in[4]
	return []int64{in[0], out[1]}, c
}

func block2D(in, out, stride int64) nn.Module {
	k, p, s := []int64{3, 3}, []int64{1, 1}, []int64{stride, stride}
	r := &nn.Residual{Main: nn.Chain{
		{Name: "conv1", Module: nn.NewConv(in, out, k, s, p)},
		{Name: "bn1", Module: nn.NewBatchNorm(out)},
		{Name: "relu", Module: nn.ReLU{}},
		{Name: "conv2", Module: nn.NewConv(out, out, k, []int64{1, 1}, p)},
		{Name: "bn2", Module: nn.NewBatchNorm(out)},
	}}
	if stride != 1 || in != out {
		r.Down = nn.Sequential(nn.NewConv(in, out, []int64{1, 1}, s, []int64{0, 0}), nn.NewBatchNorm(out))
	}
	return r
}
