package torch

var (
	opConv1d        = intern("aten::conv1d")
	opConv2d        = intern("aten::conv2d")
	opConv3d        = intern("aten::conv3d")
	opConvT2d       = intern("aten::conv_transpose2d.input")
	opConvT3d       = intern("aten::conv_transpose3d.input")
	opBatchNorm     = intern("aten::batch_norm")
	opInstanceNorm  = intern("aten::instance_norm")
	opGroupNorm     = intern("aten::group_norm")
	opLayerNorm     = intern("aten::layer_norm")
	opLinear        = intern("aten::linear")
	opEmbedding     = intern("aten::embedding")
	opMaxPool2d     = intern("aten::max_pool2d")
	opMaxPool3d     = intern("aten::max_pool3d")
	opAvgPool2d     = intern("aten::avg_pool2d")
	opAvgPool3d     = intern("aten::avg_pool3d")
	opAdaptiveAvg2d = intern("aten::adaptive_avg_pool2d")
	opAdaptiveAvg3d = intern("aten::adaptive_avg_pool3d")
	opAdaptiveMax2d = intern("aten::adaptive_max_pool2d")
	opAdaptiveMax3d = intern("aten::adaptive_max_pool3d")
	opRelu          = intern("aten::relu")
	opReluIn        = intern("aten::relu_")
	opLeakyRelu     = intern("aten::leaky_relu")
	opElu           = intern("aten::elu")
	opGelu          = intern("aten::gelu")
	opSilu          = intern("aten::silu")
	opHardswish     = intern("aten::hardswish")
	opSoftplus      = intern("aten::softplus")
	opSigmoid       = intern("aten::sigmoid")
	opSoftmax       = intern("aten::softmax.int")
	opLogSoftmax    = intern("aten::log_softmax.int")
	opNearest2d     = intern("aten::upsample_nearest2d.vec")
	opNearest3d     = intern("aten::upsample_nearest3d.vec")
	opBilinear      = intern("aten::upsample_bilinear2d.vec")
	opBicubic       = intern("aten::upsample_bicubic2d.vec")
	opTrilinear     = intern("aten::upsample_trilinear3d.vec")
	opGridSampler   = intern("aten::grid_sampler")
	opAffineGrid    = intern("aten::affine_grid_generator")
)

// Conv1d convolves x [N, C, L] with w [O, C/groups, K]; b [O] may be nil.
func Conv1d(x, w, b *Tensor, stride, pad, dilation []int64, groups int64) *Tensor {
	return opConv1d.one(x.e, x, w, b, stride, pad, dilation, groups)
}

// Conv2d convolves x [N, C, H, W] with w [O, C/groups, KH, KW]; b [O] may be nil.
func Conv2d(x, w, b *Tensor, stride, pad, dilation []int64, groups int64) *Tensor {
	return opConv2d.one(x.e, x, w, b, stride, pad, dilation, groups)
}

// Conv3d convolves x [N, C, T, H, W] with w [O, C/groups, KT, KH, KW]; b [O] may be nil.
func Conv3d(x, w, b *Tensor, stride, pad, dilation []int64, groups int64) *Tensor {
	return opConv3d.one(x.e, x, w, b, stride, pad, dilation, groups)
}

// ConvTranspose2d is the transposed convolution of x [N, C, H, W] with w [C, O/groups, KH, KW].
func ConvTranspose2d(x, w, b *Tensor, stride, pad, outputPad []int64, groups int64, dilation []int64) *Tensor {
	return opConvT2d.one(x.e, x, w, b, stride, pad, outputPad, groups, dilation)
}

// ConvTranspose3d is the transposed convolution of x [N, C, T, H, W] with w [C, O/groups, KT, KH, KW].
func ConvTranspose3d(x, w, b *Tensor, stride, pad, outputPad []int64, groups int64, dilation []int64) *Tensor {
	return opConvT3d.one(x.e, x, w, b, stride, pad, outputPad, groups, dilation)
}

// BatchNorm normalises x [N, C, …] by channel: with the batch's statistics when training, updating the running ones by momentum,
// else with the running ones. Weight, bias and, when training, the running statistics may be nil.
func BatchNorm(x, weight, bias, runningMean, runningVar *Tensor, training bool, momentum, eps float64) *Tensor {
	return opBatchNorm.one(x.e, x, weight, bias, runningMean, runningVar, training, momentum, eps, true)
}

// InstanceNorm normalises each channel of each item of x [N, C, …]. Weight and bias may be nil.
func InstanceNorm(x, weight, bias *Tensor, eps float64) *Tensor {
	return opInstanceNorm.one(x.e, x, weight, bias, nil, nil, true, 0.1, eps, true)
}

// GroupNorm normalises x [N, C, …] by groups of channels. Weight and bias may be nil.
func GroupNorm(x *Tensor, groups int64, weight, bias *Tensor, eps float64) *Tensor {
	return opGroupNorm.one(x.e, x, groups, weight, bias, eps, true)
}

// LayerNorm normalises over the last dimensions, whose extents are shape. Weight and bias may be nil.
func LayerNorm(x *Tensor, shape []int64, weight, bias *Tensor, eps float64) *Tensor {
	return opLayerNorm.one(x.e, x, shape, weight, bias, eps, true)
}

// Linear is x [N, …, I] times w [O, I] transposed, plus b [O], which may be nil.
func Linear(x, w, b *Tensor) *Tensor { return opLinear.one(x.e, x, w, b) }

// Embedding is the rows of w [V, D] that int64 indices name.
func Embedding(w, indices *Tensor) *Tensor { return opEmbedding.one(w.e, w, indices) }

// MaxPool2d takes the largest value in each window of x [N, C, H, W].
func MaxPool2d(x *Tensor, kernel, stride, pad, dilation []int64, ceil bool) *Tensor {
	return opMaxPool2d.one(x.e, x, kernel, stride, pad, dilation, ceil)
}

// MaxPool3d takes the largest value in each window of x [N, C, T, H, W].
func MaxPool3d(x *Tensor, kernel, stride, pad, dilation []int64, ceil bool) *Tensor {
	return opMaxPool3d.one(x.e, x, kernel, stride, pad, dilation, ceil)
}

// AvgPool2d takes the mean of each window of x [N, C, H, W], padding counted.
func AvgPool2d(x *Tensor, kernel, stride, pad []int64) *Tensor {
	return opAvgPool2d.one(x.e, x, kernel, stride, pad)
}

// AvgPool3d takes the mean of each window of x [N, C, T, H, W], padding counted.
func AvgPool3d(x *Tensor, kernel, stride, pad []int64) *Tensor {
	return opAvgPool3d.one(x.e, x, kernel, stride, pad)
}

// AdaptiveAvgPool2d averages x [N, C, H, W] down to size [H, W].
func AdaptiveAvgPool2d(x *Tensor, size ...int64) *Tensor { return opAdaptiveAvg2d.one(x.e, x, size) }

// AdaptiveAvgPool3d averages x [N, C, T, H, W] down to size [T, H, W].
func AdaptiveAvgPool3d(x *Tensor, size ...int64) *Tensor { return opAdaptiveAvg3d.one(x.e, x, size) }

// AdaptiveMaxPool2d takes maxima of x [N, C, H, W] down to size [H, W].
func AdaptiveMaxPool2d(x *Tensor, size ...int64) *Tensor {
	return opAdaptiveMax2d.tensors(x.e, x, size)[0]
}

// AdaptiveMaxPool3d takes maxima of x [N, C, T, H, W] down to size [T, H, W].
func AdaptiveMaxPool3d(x *Tensor, size ...int64) *Tensor {
	return opAdaptiveMax3d.tensors(x.e, x, size)[0]
}

// Relu is max(t, 0).
func (t *Tensor) Relu() *Tensor { return opRelu.one(t.e, t) }

// Relu_ sets t to max(t, 0) and returns t.
func (t *Tensor) Relu_() *Tensor { opReluIn.do(t.e, t); return t }

// LeakyRelu is t where positive, else slope × t.
func (t *Tensor) LeakyRelu(slope float64) *Tensor { return opLeakyRelu.one(t.e, t, slope) }

// Elu is t where positive, else alpha (e^t - 1).
func (t *Tensor) Elu(alpha float64) *Tensor { return opElu.one(t.e, t, alpha) }

// Gelu is t × Φ(t).
func (t *Tensor) Gelu() *Tensor { return opGelu.one(t.e, t) }

// Silu is t × sigmoid(t).
func (t *Tensor) Silu() *Tensor { return opSilu.one(t.e, t) }

// Hardswish is t × clamp(t + 3, 0, 6) / 6.
func (t *Tensor) Hardswish() *Tensor { return opHardswish.one(t.e, t) }

// Softplus is log(1 + e^t).
func (t *Tensor) Softplus() *Tensor { return opSoftplus.one(t.e, t) }

// Sigmoid is 1 / (1 + e^-t).
func (t *Tensor) Sigmoid() *Tensor { return opSigmoid.one(t.e, t) }

// Softmax is e^t normalised to sum 1 along dim.
func (t *Tensor) Softmax(dim int64) *Tensor { return opSoftmax.one(t.e, t, dim) }

// LogSoftmax is the logarithm of Softmax, exact for small values.
func (t *Tensor) LogSoftmax(dim int64) *Tensor { return opLogSoftmax.one(t.e, t, dim) }

// Interpolate resizes x [N, C, H, W] or [N, C, T, H, W] to size. Mode is nearest, bilinear, bicubic or trilinear; alignCorners is
// as in torch.nn.functional.interpolate and without meaning for nearest.
func Interpolate(x *Tensor, size []int64, mode string, alignCorners bool) *Tensor {
	switch {
	case mode == "nearest" && len(size) == 3:
		return opNearest3d.one(x.e, x, size, nil)
	case mode == "nearest":
		return opNearest2d.one(x.e, x, size, nil)
	case mode == "bilinear":
		return opBilinear.one(x.e, x, size, alignCorners, nil)
	case mode == "bicubic":
		return opBicubic.one(x.e, x, size, alignCorners, nil)
	case mode == "trilinear":
		return opTrilinear.one(x.e, x, size, alignCorners, nil)
	default:
		panic(&Error{Op: "interpolate", Args: x.String(), Message: "mode " + mode + ": want nearest, bilinear, bicubic or trilinear"})
	}
}

// GridSample samples x [N, C, …] at grid [N, …, dims] in [-1, 1]. Interpolation is 0 bilinear or trilinear, 1 nearest, 2 bicubic;
// padding 0 zeros, 1 border, 2 reflection.
func GridSample(x, grid *Tensor, interpolation, padding int64, alignCorners bool) *Tensor {
	return opGridSampler.one(x.e, x, grid, interpolation, padding, alignCorners)
}

// AffineGrid is the grid for GridSample of an affine map theta [N, dims, dims+1] onto an output of that shape.
func AffineGrid(theta *Tensor, shape []int64, alignCorners bool) *Tensor {
	return opAffineGrid.one(theta.e, theta, shape, alignCorners)
}
