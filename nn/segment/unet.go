package segment

import (
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// plainUNet is nnU-Net's PlainConvUNet in two or three dimensions: strided convolutions down, transposed ones up, instance norm and
// leaky ReLU.
var plainUNet = Architecture{
	Name: "unet", Title: "nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation",
	Where:   "Isensee et al., Nature Methods 2021, after Ronneberger et al., MICCAI 2015 and Çiçek et al., MICCAI 2016",
	Example: exampleUNet("unet", 2), Input: []int64{1, 128, 128, 128},
	build: func(s Spec) (body, error) {
		if err := checkStages(s); err != nil {
			return nil, err
		}
		u := &unet{spec: s}
		in := s.Channels
		for i, f := range s.Features {
			u.encoder = append(u.encoder, nn.Chain{{Name: "0", Module: nn.Segmented{Module: stack(s.Blocks[i], in, f, s.Kernels[i], s.Strides[i])}}})
			in = f
		}
		u.decode(2)
		return u, nil
	},
}

// exampleUNet is nnU-Net's network for a patch of 128³: six stages of 32 to 320 channels.
func exampleUNet(name string, blocks int64) Spec {
	s := Spec{Name: name, Channels: 1, Classes: 2, Features: []int64{32, 64, 128, 256, 320, 320}}
	for i := range s.Features {
		stride := []int64{2, 2, 2}
		if i == 0 {
			stride = []int64{1, 1, 1}
		}
		s.Blocks, s.Kernels, s.Strides = append(s.Blocks, blocks), append(s.Kernels, []int64{3, 3, 3}), append(s.Strides, stride)
	}
	return s
}

func checkStages(s Spec) error {
	n := len(s.Features)
	if n < 2 || len(s.Blocks) != n || len(s.Kernels) != n || len(s.Strides) != n {
		return fault.New(fault.Usage, "%s: %d stages of features, %d of blocks, %d of kernels and %d of strides: as many of each, and at least 2", s.Name, n, len(s.Blocks), len(s.Kernels), len(s.Strides))
	}
	dims := len(s.Strides[0])
	if dims != 2 && dims != 3 {
		return fault.New(fault.Usage, "%s: strides of %d axes: 2 or 3", s.Name, dims)
	}
	for i := range n {
		if s.Features[i] < 1 || s.Blocks[i] < 1 || len(s.Kernels[i]) != dims || len(s.Strides[i]) != dims || slices.Min(s.Strides[i]) < 1 ||
			slices.ContainsFunc(s.Kernels[i], func(k int64) bool { return k < 1 || k%2 == 0 }) {
			return fault.New(fault.Usage, "%s: stage %d: features and blocks must be positive, kernels odd, strides at least 1, and all of %d axes", s.Name, i, dims)
		}
	}
	if slices.Max(s.Strides[0]) != 1 {
		return fault.New(fault.Usage, "%s: the first stage strides by %v: it must keep the input's size", s.Name, s.Strides[0])
	}
	return nil
}

// unet is an encoder with a stage a resolution and a decoder that mirrors it.
type unet struct {
	spec    Spec
	stem    nn.Module // nil: none; "encoder.stem"
	encoder []nn.Module
	up      []*upConv
	decoder []nn.Chain
	heads   []*nn.Conv // a map from each decoder stage, coarse to fine
}

// decode makes the decoder with n convolutions a stage.
func (u *unet) decode(n int64) {
	s := u.spec
	dims := s.Dims()
	one, zero := slices.Repeat([]int64{1}, dims), make([]int64, dims)
	for i := len(s.Features) - 1; i > 0; i-- {
		below, skip := s.Features[i], s.Features[i-1]
		u.up = append(u.up, newUpConv(below, skip, s.Strides[i]))
		u.decoder = append(u.decoder, stack(n, 2*skip, skip, s.Kernels[i-1], one))
		u.heads = append(u.heads, nn.NewConv(skip, s.Classes, one, one, zero).WithInit(kaimingLeaky).WithBias(nil))
	}
}

// used says whether decoder stage i's map is computed at all; without deep supervision only the last one is, and it alone has weights.
func (u *unet) used(i int) bool { return u.spec.Deep || i == len(u.decoder)-1 }

// Visit implements [nn.Module].
func (u *unet) Visit(prefix string, v func(string, *nn.Param)) {
	if u.stem != nil {
		u.stem.Visit(prefix+"encoder.stem.", v)
	}
	for i, m := range u.encoder {
		m.Visit(prefix+"encoder.stages."+strconv.Itoa(i)+".", v)
	}
	for i, m := range u.decoder {
		m.Visit(prefix+"decoder.stages."+strconv.Itoa(i)+".", v)
	}
	for i, m := range u.up {
		m.Visit(prefix+"decoder.transpconvs."+strconv.Itoa(i)+".", v)
	}
	for i, m := range u.heads {
		if u.used(i) {
			m.Visit(prefix+"decoder.seg_layers."+strconv.Itoa(i)+".", v)
		}
	}
}

func (u *unet) maps(p *nn.Pass, x *torch.Tensor) []*torch.Tensor {
	if u.stem != nil {
		x = p.Run("encoder.stem", nn.Segmented{Module: u.stem}, x)
	}
	skips := make([]*torch.Tensor, len(u.encoder))
	for i, m := range u.encoder {
		x = p.Run("encoder.stages."+strconv.Itoa(i), m, x)
		skips[i] = x
	}
	var out []*torch.Tensor
	for i, m := range u.decoder {
		k := strconv.Itoa(i)
		x = torch.Cat([]*torch.Tensor{p.Run("decoder.transpconvs."+k, u.up[i], x), skips[len(skips)-2-i]}, 1)
		x = p.Run("decoder.stages."+k, nn.Segmented{Module: m}, x)
		if i == len(u.decoder)-1 || u.spec.Deep && p.Train {
			out = append(out, p.Run("decoder.seg_layers."+k, u.heads[i], x))
		}
	}
	slices.Reverse(out)
	return out
}

// Cost implements [nn.Module]: the map of full resolution; the maps of deep supervision are counted too.
func (u *unet) Cost(in []int64) ([]int64, nn.Cost) {
	var sum nn.Cost
	add := func(m nn.Module, in []int64) []int64 {
		out, c := m.Cost(in)
		sum = sum.Plus(c)
		return out
	}
	if u.stem != nil {
		in = add(nn.Segmented{Module: u.stem}, in)
	}
	var skips [][]int64
	for _, m := range u.encoder {
		in = add(m, in)
		skips = append(skips, in)
	}
	var out []int64
	for i, m := range u.decoder {
		in = add(upModule{u.up[i]}, in)
		in = slices.Clone(in)
		in[1] += skips[len(skips)-2-i][1]
		sum.Activations += product(in)
		in = add(nn.Segmented{Module: m}, in)
		if u.used(i) {
			out = add(u.heads[i], in)
		}
	}
	return out, sum
}

// upModule lets an upConv count as a module.
type upModule struct{ *upConv }
