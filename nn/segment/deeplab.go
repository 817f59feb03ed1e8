package segment

import (
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// deepLab is DeepLabV3 over a ResNet-50 whose last two stages dilate instead of striding (output stride 8), with torchvision's names.
var deepLab = Architecture{
	Name: "deeplabv3_resnet50", Title: "Rethinking atrous convolution for semantic image segmentation",
	Where:   "Chen et al., arXiv:1706.05587 (2017), as torchvision's deeplabv3_resnet50",
	Example: Spec{Name: "deeplabv3_resnet50", Channels: 3, Classes: 21, Aux: true}, Input: []int64{3, 520, 520},
	build: func(s Spec) (body, error) { return newDeepLab(s), nil },
}

type deepLabV3 struct {
	spec       Spec
	backbone   nn.Chain // up to layer3 and layer4
	aspp       *aspp
	tail       nn.Chain // classifier.1 to classifier.4
	aux        nn.Chain
	layer3Last int // position in backbone after which the auxiliary classifier looks
}

func conv2d(in, out, k, stride, dilation int64) *nn.Conv {
	pad := dilation * (k - 1) / 2
	c := nn.NewConv(in, out, []int64{k, k}, []int64{stride, stride}, []int64{pad, pad})
	c.Dilation = []int64{dilation, dilation}
	return c
}

func newDeepLab(s Spec) *deepLabV3 {
	n := &deepLabV3{spec: s}
	n.backbone = nn.Chain{
		{Name: "conv1", Module: conv2d(s.Channels, 64, 7, 2, 1)}, {Name: "bn1", Module: nn.NewBatchNorm(64)},
		{Name: "relu", Module: nn.ReLU{}}, {Name: "maxpool", Module: nn.MaxPool2d()},
	}
	in, dilation := int64(64), int64(1)
	for i, depth := range []int{3, 4, 6, 3} {
		width, stride := int64(64)<<i, int64(2)
		before := dilation // the first block of a stage that dilates still has the dilation of the stage before
		switch {
		case i == 0:
			stride = 1
		case i >= 2:
			dilation *= stride
			stride = 1
		}
		var stage []nn.Module
		for j := range depth {
			d := dilation
			if j == 0 {
				d = before
			}
			main := nn.Chain{
				{Name: "conv1", Module: conv2d(in, width, 1, 1, 1)}, {Name: "bn1", Module: nn.NewBatchNorm(width)}, {Name: "relu", Module: nn.ReLU{}},
				{Name: "conv2", Module: conv2d(width, width, 3, stride, d)}, {Name: "bn2", Module: nn.NewBatchNorm(width)}, {Name: "relu", Module: nn.ReLU{}},
				{Name: "conv3", Module: conv2d(width, 4*width, 1, 1, 1)}, {Name: "bn3", Module: nn.NewBatchNorm(4 * width)},
			}
			var down nn.Module
			if j == 0 {
				down = nn.Sequential(conv2d(in, 4*width, 1, stride, 1), nn.NewBatchNorm(4*width))
			}
			stage = append(stage, &nn.Residual{Main: main, Down: down})
			in, stride = 4*width, 1
		}
		n.backbone = append(n.backbone, nn.Named{Name: "layer" + strconv.Itoa(i+1), Module: nn.Sequential(stage...)})
		if i == 2 {
			n.layer3Last = len(n.backbone) - 1
		}
	}
	n.aspp = newASPP(in, 256, []int64{12, 24, 36})
	n.tail = nn.Chain{
		{Name: "1", Module: conv2d(256, 256, 3, 1, 1)}, {Name: "2", Module: nn.NewBatchNorm(256)}, {Name: "3", Module: nn.ReLU{}},
		{Name: "4", Module: conv2d(256, s.Classes, 1, 1, 1).WithBias(nil)},
	}
	if s.Aux {
		n.aux = nn.Chain{
			{Name: "0", Module: conv2d(in/2, in/8, 3, 1, 1)}, {Name: "1", Module: nn.NewBatchNorm(in / 8)}, {Name: "2", Module: nn.ReLU{}},
			{Name: "3", Module: nn.Dropout{Rate: 0.1}}, {Name: "4", Module: conv2d(in/8, s.Classes, 1, 1, 1).WithBias(nil)},
		}
	}
	return n
}

// Visit implements [nn.Module].
func (n *deepLabV3) Visit(prefix string, v func(string, *nn.Param)) {
	n.backbone.Visit(prefix+"backbone.", v)
	n.aspp.Visit(prefix+"classifier.0.", v)
	n.tail.Visit(prefix+"classifier.", v)
	n.aux.Visit(prefix+"aux_classifier.", v)
}

func (n *deepLabV3) maps(p *nn.Pass, x *torch.Tensor) []*torch.Tensor {
	size := x.Shape()[2:]
	middle := p.Run("backbone", n.backbone[:n.layer3Last+1], x)
	deep := p.Run("backbone", n.backbone[n.layer3Last+1:], middle)
	y := p.Run("classifier", n.tail, p.Run("classifier.0", n.aspp, deep))
	out := []*torch.Tensor{torch.Interpolate(y, size, "bilinear", false)}
	if n.spec.Aux && p.Train {
		out = append(out, torch.Interpolate(p.Run("aux_classifier", n.aux, middle), size, "bilinear", false))
	}
	return out
}

// Cost implements [nn.Module]. The auxiliary classifier is counted where there is one.
func (n *deepLabV3) Cost(in []int64) ([]int64, nn.Cost) {
	middle, sum := n.backbone[:n.layer3Last+1].Cost(in)
	deep, c := n.backbone[n.layer3Last+1:].Cost(middle)
	sum = sum.Plus(c)
	y, c := n.aspp.Cost(deep)
	sum = sum.Plus(c)
	_, c = n.tail.Cost(y)
	sum = sum.Plus(c)
	out := append([]int64{in[0], n.spec.Classes}, in[2:]...)
	sum.Activations += product(out)
	if n.spec.Aux {
		_, c = n.aux.Cost(middle)
		sum = sum.Plus(c)
		sum.Activations += product(out)
	}
	return out, sum
}

// aspp is atrous spatial pyramid pooling (section 3.3): a 1×1 convolution, three dilated ones and the picture's mean, side by side.
type aspp struct {
	branches []nn.Chain
	project  nn.Chain
}

func newASPP(in, out int64, rates []int64) *aspp {
	branch := func(k, rate int64) nn.Chain {
		return nn.Sequential(conv2d(in, out, k, 1, rate), nn.NewBatchNorm(out), nn.ReLU{})
	}
	a := &aspp{branches: []nn.Chain{branch(1, 1)}}
	for _, r := range rates {
		a.branches = append(a.branches, branch(3, r))
	}
	pooled := nn.Chain{{Name: "1", Module: conv2d(in, out, 1, 1, 1)}, {Name: "2", Module: nn.NewBatchNorm(out)}, {Name: "3", Module: nn.ReLU{}}}
	a.branches = append(a.branches, pooled)
	a.project = nn.Sequential(conv2d(int64(len(a.branches))*out, out, 1, 1, 1), nn.NewBatchNorm(out), nn.ReLU{}, nn.Dropout{Rate: 0.5})
	return a
}

func (a *aspp) Visit(prefix string, v func(string, *nn.Param)) {
	for i, b := range a.branches {
		b.Visit(prefix+"convs."+strconv.Itoa(i)+".", v)
	}
	a.project.Visit(prefix+"project.", v)
}

func (a *aspp) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	var parts []*torch.Tensor
	for i, b := range a.branches {
		name, in := "convs."+strconv.Itoa(i), x
		if i == len(a.branches)-1 {
			in = torch.AdaptiveAvgPool2d(x, 1, 1)
		}
		y := p.Run(name, b, in)
		if in != x {
			y = torch.Interpolate(y, x.Shape()[2:], "bilinear", false)
		}
		parts = append(parts, y)
	}
	return p.Run("project", a.project, torch.Cat(parts, 1))
}

func (a *aspp) Cost(in []int64) ([]int64, nn.Cost) {
	var sum nn.Cost
	for i, b := range a.branches {
		at := in
		if i == len(a.branches)-1 {
			at = []int64{in[0], in[1], 1, 1}
		}
		_, c := b.Cost(at)
		sum = sum.Plus(c)
	}
	joined := slices.Clone(in)
	joined[1] = int64(len(a.branches)) * 256
	sum.Activations += product(joined)
	out, c := a.project.Cost(joined)
	return out, sum.Plus(c)
}
