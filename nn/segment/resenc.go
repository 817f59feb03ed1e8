package segment

import (
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// resEnc is nnU-Net's ResidualEncoderUNet: residual blocks on the way down, one convolution a stage on the way up.
var resEnc = Architecture{
	Name: "resenc_unet", Title: "nnU-Net revisited: a call for rigorous validation in 3D medical image segmentation",
	Where:   "Isensee et al., MICCAI 2024 (ResEnc presets); blocks of He et al., CVPR 2016",
	Example: exampleResEnc(), Input: []int64{1, 128, 128, 128},
	build: func(s Spec) (body, error) {
		if err := checkStages(s); err != nil {
			return nil, err
		}
		dims := s.Dims()
		one := slices.Repeat([]int64{1}, dims)
		u := &unet{spec: s, stem: stack(1, s.Channels, s.Features[0], s.Kernels[0], one)}
		in := s.Features[0]
		for i, f := range s.Features {
			var blocks nn.Chain
			stride := s.Strides[i]
			for j := range s.Blocks[i] {
				blocks = append(blocks, nn.Named{Name: "blocks." + strconv.FormatInt(j, 10), Module: newResBlock(in, f, s.Kernels[i], stride)})
				in, stride = f, one
			}
			u.encoder = append(u.encoder, blocks)
		}
		u.decode(1)
		return u, nil
	},
}

// exampleResEnc is the ResEnc-M preset for a patch of 128³.
func exampleResEnc() Spec {
	s := exampleUNet("resenc_unet", 1)
	s.Blocks = slices.Clone(resEncBlocks[:len(s.Features)])
	return s
}

// resEncBlocks are the presets' residual blocks by stage.
var resEncBlocks = []int64{1, 3, 4, 6, 6, 6, 6, 6, 6, 6}

// resBlock is leaky(norm(conv(leaky(norm(conv x)))) + skip(x)); where it strides the skip averages, where channels change it maps them
// (the "ResNet-D" shortcut of He et al., "Bag of tricks", CVPR 2019).
type resBlock struct {
	conv1, conv2 *convBlock
	pool         *nn.Pool   // nil: no stride
	proj         *convBlock // nil: as many channels out as in
}

func newResBlock(in, out int64, kernel, stride []int64) *resBlock {
	one := slices.Repeat([]int64{1}, len(kernel))
	b := &resBlock{conv1: newConvBlock(in, out, kernel, stride, true, false), conv2: newConvBlock(out, out, kernel, one, true, true)}
	if slices.Max(stride) > 1 {
		b.pool = &nn.Pool{Kernel: stride, Stride: stride, Pad: make([]int64, len(kernel)), Mean: true}
	}
	if in != out {
		b.proj = newConvBlock(in, out, one, one, false, true)
	}
	return b
}

// skipName is the projection's name: torch.nn.Sequential counts the pooling before it.
func (b *resBlock) skipName() string {
	if b.pool != nil {
		return "skip.1"
	}
	return "skip.0"
}

func (b *resBlock) Visit(prefix string, v func(string, *nn.Param)) {
	b.conv1.Visit(prefix+"conv1.", v)
	b.conv2.Visit(prefix+"conv2.", v)
	if b.proj != nil {
		b.proj.Visit(prefix+b.skipName()+".", v)
	}
}

func (b *resBlock) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	return p.Segment(func(x *torch.Tensor) *torch.Tensor { return b.forward(p, x) }, x)
}

func (b *resBlock) forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	y := p.Run("conv2", b.conv2, p.Run("conv1", b.conv1, x))
	if b.pool != nil {
		x = b.pool.Forward(p, x)
	}
	if b.proj != nil {
		x = p.Run(b.skipName(), b.proj, x)
	}
	return leakyReLU(y.Add(x))
}

func (b *resBlock) Cost(in []int64) ([]int64, nn.Cost) {
	first := in
	mid, sum := b.conv1.Cost(in)
	out, c := b.conv2.Cost(mid)
	sum = sum.Plus(c)
	if b.pool != nil {
		in, c = b.pool.Cost(in)
		sum = sum.Plus(c)
	}
	if b.proj != nil {
		_, c = b.proj.Cost(in)
		sum = sum.Plus(c)
	}
	sum.Activations += 2 * product(out)
	return out, sum.Segment(first)
}
