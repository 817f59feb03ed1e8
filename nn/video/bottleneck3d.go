package video

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// bottleneck3D is the residual block of the networks that PyTorchVideo publishes, with its names: conv_a is k×1×1, conv_b 1×3×3 or a
// depthwise 3×3×3, conv_c 1×1×1. Strides sit in conv_b.
type bottleneck3D struct {
	in, mid, out     int64
	strideT, strideS int64
	temporal         int64 // kernel of conv_a in time
	depthwise        bool  // conv_b is 3×3×3, channel by channel
	x3d              bool  // SiLU after conv_b, before it squeeze and excitation with excite channels where that is not 0
	excite           int64
}

func (b bottleneck3D) build() nn.Module {
	one, zero := []int64{1, 1, 1}, []int64{0, 0, 0}
	stride := []int64{b.strideT, b.strideS, b.strideS}
	conv := nn.NewConv(b.mid, b.mid, []int64{1, 3, 3}, stride, []int64{0, 1, 1})
	if b.depthwise {
		conv = nn.NewDepthwise(b.mid, []int64{3, 3, 3}, stride, one)
	}
	norm, act := nn.Module(nn.NewBatchNorm(b.mid)), nn.Module(nn.ReLU{})
	if b.x3d {
		act = nn.SiLU
		parts := []nn.Module{norm}
		if b.excite > 0 {
			se := nn.NewSqueezeExcite(b.mid, b.excite, 3, (*torch.Tensor).Relu)
			se.Names = [2]string{"block.0", "block.2"}
			parts = append(parts, se)
		}
		norm = nn.Sequential(parts...)
	}
	r := &nn.Residual{Flat: true, Main: nn.Chain{{Name: "branch2", Module: nn.Chain{
		{Name: "conv_a", Module: nn.NewConv(b.in, b.mid, []int64{b.temporal, 1, 1}, one, []int64{b.temporal / 2, 0, 0})},
		{Name: "norm_a", Module: nn.NewBatchNorm(b.mid)},
		{Name: "act_a", Module: nn.ReLU{}},
		{Name: "conv_b", Module: conv},
		{Name: "norm_b", Module: norm},
		{Name: "act_b", Module: act},
		{Name: "conv_c", Module: nn.NewConv(b.mid, b.out, one, one, zero)},
		{Name: "norm_c", Module: nn.NewBatchNorm(b.out)},
	}}}}
	if b.in != b.out || b.strideS > 1 || b.strideT > 1 {
		short := nn.Chain{{Name: "branch1_conv", Module: nn.NewConv(b.in, b.out, one, stride, zero)}}
		if b.in != b.out {
			short = append(short, nn.Named{Name: "branch1_norm", Module: nn.NewBatchNorm(b.out)})
		}
		r.Down = short
	}
	return r
}

// bottleneckStage is depth blocks; temporal has the kernels of conv_a in turn.
func bottleneckStage(first bottleneck3D, depth int, temporal ...int64) nn.Module {
	var blocks []nn.Module
	for i := range depth {
		b := first
		b.temporal = temporal[i%len(temporal)]
		if i > 0 {
			b.in, b.strideS, b.strideT = b.out, 1, 1
		}
		if b.x3d && i%2 == 1 {
			b.excite = 0
		}
		blocks = append(blocks, b.build())
	}
	return nn.Chain{{Name: "res_blocks", Module: nn.Sequential(blocks...)}}
}

// bottleneckStem is a convolution with batch norm and ReLU, then a max-pool of 1×3×3 at stride 1×2×2.
func bottleneckStem(in, out, temporal int64, stride [3]int64) nn.Module {
	return nn.Segmented{Module: nn.Chain{
		{Name: "conv", Module: nn.NewConv(in, out, []int64{temporal, 7, 7}, stride[:], []int64{temporal / 2, 3, 3})},
		{Name: "norm", Module: nn.NewBatchNorm(out)},
		{Name: "act", Module: nn.ReLU{}},
		{Name: "pool", Module: nn.Pool{Kernel: []int64{1, 3, 3}, Stride: []int64{1, 2, 2}, Pad: []int64{0, 1, 1}}},
	}}
}
