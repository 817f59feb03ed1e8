package torch

import (
	"math"
	"slices"
	"testing"
)

// Answers of the wrappers that the golden table does not cover, worked by hand.

func wantFloats(t *testing.T, what string, x *Tensor, want ...float32) {
	t.Helper()
	got := x.Float32s()
	if len(got) != len(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
		return
	}
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 1e-6*math.Max(1, math.Abs(float64(want[i]))) {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}

func wantShape(t *testing.T, what string, x *Tensor, want ...int64) {
	t.Helper()
	if got := x.Shape(); !slices.Equal(got, want) {
		t.Errorf("%s: shape %v, want %v", what, got, want)
	}
}

func TestCreation(t *testing.T) {
	withEngine(t, func(e *Engine) {
		wantFloats(t, "zeros", e.Zeros(Float32, 2), 0, 0)
		wantFloats(t, "ones", e.Ones(Int32, 2), 1, 1)
		wantFloats(t, "full", e.Full(Float64, -1.5, 2), -1.5, -1.5)
		wantFloats(t, "scalar", e.Scalar(Float32, 4), 4)
		wantShape(t, "scalar", e.Scalar(Float32, 4))
		wantFloats(t, "arange", e.Arange(Float32, 1, 2, 0.25), 1, 1.25, 1.5, 1.75)
		wantFloats(t, "arange down", e.Arange(Int64, 3, 0, -1), 3, 2, 1)
		wantFloats(t, "eye", e.Eye(Float32, 2), 1, 0, 0, 1)
		wantShape(t, "empty", e.Empty(Float32, 3, 0, 2), 3, 0, 2)
		x := e.FromFloat32([]float32{1, 2}, 2)
		wantFloats(t, "zeros like", x.ZerosLike(), 0, 0)
		wantFloats(t, "ones like", x.OnesLike(), 1, 1)
		wantShape(t, "empty like", x.EmptyLike(), 2)
		for d := range dtypes {
			if got := e.Zeros(d, 1).DType(); got != d {
				t.Errorf("zeros of %s are %s", d, got)
			}
		}
	})
}

func TestInPlace(t *testing.T) {
	withEngine(t, func(e *Engine) {
		start := []float32{1, -4, 9}
		other := func() *Tensor { return e.FromFloat32([]float32{2, 2, 3}, 3) }
		for name, c := range map[string]struct {
			fn   func(x *Tensor) *Tensor
			want []float32
		}{
			"add":        {func(x *Tensor) *Tensor { return x.Add_(other(), 0.5) }, []float32{2, -3, 10.5}},
			"add scalar": {func(x *Tensor) *Tensor { return x.AddScalar_(1) }, []float32{2, -3, 10}},
			"sub":        {func(x *Tensor) *Tensor { return x.Sub_(other()) }, []float32{-1, -6, 6}},
			"mul":        {func(x *Tensor) *Tensor { return x.Mul_(other()) }, []float32{2, -8, 27}},
			"mul scalar": {func(x *Tensor) *Tensor { return x.MulScalar_(-1) }, []float32{-1, 4, -9}},
			"div":        {func(x *Tensor) *Tensor { return x.Div_(other()) }, []float32{0.5, -2, 3}},
			"div scalar": {func(x *Tensor) *Tensor { return x.DivScalar_(2) }, []float32{0.5, -2, 4.5}},
			"lerp":       {func(x *Tensor) *Tensor { return x.Lerp_(other(), 0.5) }, []float32{1.5, -1, 6}},
			"clamp":      {func(x *Tensor) *Tensor { return x.Clamp_(-1, 5) }, []float32{1, -1, 5}},
			"relu":       {func(x *Tensor) *Tensor { return x.Relu_() }, []float32{1, 0, 9}},
			"fill":       {func(x *Tensor) *Tensor { return x.Fill_(7) }, []float32{7, 7, 7}},
			"zero":       {func(x *Tensor) *Tensor { return x.Zero_() }, []float32{0, 0, 0}},
			"copy":       {func(x *Tensor) *Tensor { return x.Copy_(other()) }, []float32{2, 2, 3}},
			"index put": {func(x *Tensor) *Tensor {
				return x.IndexPut_([]*Tensor{e.FromInt64s([]int64{0, 2}, 2)}, e.Full(Float32, 5, 2), false)
			}, []float32{5, -4, 5}},
			"index add": {func(x *Tensor) *Tensor {
				return x.IndexPut_([]*Tensor{e.FromInt64s([]int64{0, 0}, 2)}, e.Full(Float32, 5, 2), true)
			}, []float32{11, -4, 9}},
		} {
			x := e.FromFloat32(start, 3)
			live := e.LiveHandles()
			y := c.fn(x)
			if y != x {
				t.Errorf("%s returns another tensor", name)
			}
			wantFloats(t, name, x, c.want...)
			if extra := e.LiveHandles() - live; extra > 2 { // its operands, not a second handle of self
				t.Errorf("%s leaves %d handles", name, extra)
			}
		}
	})
}

func TestComparisons(t *testing.T) {
	withEngine(t, func(e *Engine) {
		x := e.FromFloat32([]float32{1, 2, 3}, 3)
		wantFloats(t, "eq", x.EqScalar(2), 0, 1, 0)
		wantFloats(t, "ne", x.NeScalar(2), 1, 0, 1)
		wantFloats(t, "lt", x.LtScalar(2), 1, 0, 0)
		wantFloats(t, "le", x.LeScalar(2), 1, 1, 0)
		wantFloats(t, "gt", x.GtScalar(2), 0, 0, 1)
		wantFloats(t, "ge", x.GeScalar(2), 0, 1, 1)
		wantFloats(t, "or", x.LtScalar(2).LogicalOr(x.GtScalar(2)), 1, 0, 1)
		if x.GtScalar(0).All().Item() != 1 || x.GtScalar(1).All().Item() != 0 || x.GtScalar(2).Any().Item() != 1 || x.GtScalar(3).Any().Item() != 0 {
			t.Error("all and any")
		}
		if d := x.GtScalar(0).DType(); d != Bool {
			t.Errorf("a comparison is %s", d)
		}
	})
}

func TestReductionsByHand(t *testing.T) {
	withEngine(t, func(e *Engine) {
		x := e.FromFloat32([]float32{3, 1, 2, 0, 5, 4}, 2, 3)
		wantFloats(t, "sum keep", x.SumKeep(1), 6, 9)
		wantShape(t, "sum keep", x.SumKeep(1), 2, 1)
		wantFloats(t, "amin", x.Amin(ints{1}, false), 1, 0)
		wantFloats(t, "argmin", x.Argmin(1, false), 1, 0)
		wantFloats(t, "argsort", x.Argsort(1, false), 1, 2, 0, 0, 2, 1)
		wantFloats(t, "min", x.Min(), 0)
		values, indices := x.MaxDim(0, false)
		wantFloats(t, "max values", values, 3, 5, 4)
		wantFloats(t, "max indices", indices, 0, 1, 1)
		wantFloats(t, "variance n-1", x.Var(ints{1}, 1, false), 1, 7)
		wantFloats(t, "variance n", x.Var(ints{1}, 0, false), 2.0/3, 14.0/3)
		wantFloats(t, "deviation", x.Std(ints{1}, 1, false), 1, float32(math.Sqrt(7)))
		wantFloats(t, "infinity norm", x.Norm(math.Inf(1)), 5)
		wantFloats(t, "bincount", e.FromInt64s([]int64{1, 1, 4}, 3).Bincount(6), 0, 2, 0, 0, 1, 0)
		wantFloats(t, "median", x.Median(), 2)
		wantFloats(t, "quantile", x.Quantile(0.5), 2.5)
	})
}

func TestShapesByHand(t *testing.T) {
	withEngine(t, func(e *Engine) {
		x := e.Arange(Float32, 0, 6, 1).View(1, 2, 3)
		wantShape(t, "squeeze", x.Squeeze(0), 2, 3)
		wantShape(t, "squeeze of more than one", x.Squeeze(1), 1, 2, 3)
		parts := x.SplitWithSizes(ints{1, 2}, 2)
		wantFloats(t, "split with sizes", parts[1], 1, 2, 4, 5)
		wantFloats(t, "slice with negative bounds", x.Slice(2, -2, math.MaxInt64, 1), 1, 2, 4, 5)
		wantFloats(t, "scatter", e.Zeros(Float32, 4).Scatter(0, e.FromInt64s([]int64{3, 1}, 2), e.FromFloat32([]float32{5, 6}, 2)), 0, 6, 0, 5)
		wantFloats(t, "index with a row of nil", x.Squeeze(0).Index(nil, e.FromInt64s([]int64{2}, 1)), 2, 5)
		wantFloats(t, "transposed", x.Squeeze(0).T(), 0, 3, 1, 4, 2, 5)
		wantFloats(t, "replicate", x.Pad(ints{1, 0}, "replicate", 0), 0, 0, 1, 2, 3, 3, 4, 5)
		wantShape(t, "adaptive max", AdaptiveMaxPool2d(e.Zeros(Float32, 1, 1, 6, 6), 2, 3), 1, 1, 2, 3)
	})
}

func TestMetamorphic(t *testing.T) {
	withEngine(t, func(e *Engine) {
		e.ManualSeed(9)
		near := func(what string, x, y *Tensor) {
			t.Helper()
			if d := x.Sub(y).Abs().Max().Item(); d > 1e-4 {
				t.Errorf("%s: differ by %g", what, d)
			}
		}
		x, y, w := e.Randn(Float32, 2, 3, 5, 8, 8), e.Randn(Float32, 2, 3, 5, 8, 8), e.Randn(Float32, 4, 3, 3, 3, 3)
		conv := func(x *Tensor) *Tensor { return Conv3d(x, w, nil, ints{1, 1, 1}, ints{0, 0, 0}, ints{1, 1, 1}, 1) }
		near("convolution is linear", conv(x.Add(y.MulScalar(2))), conv(x).Add(conv(y).MulScalar(2)))
		near("convolution moves with its input", conv(x.Narrow(4, 1, 7)), conv(x).Narrow(4, 1, 5))
		near("convolution in channels-last", conv(x.To(ChannelsLast3d)), conv(x))
		norm := func(x *Tensor) *Tensor { return BatchNorm(x, nil, nil, nil, nil, true, 0.1, 1e-5) }
		near("batch normalisation forgets shift and scale", norm(x.MulScalar(3).AddScalar(5)), norm(x))
		near("softmax forgets a shift", x.AddScalar(4).Softmax(1), x.Softmax(1))
		near("softmax sums to one", x.Softmax(1).Sum(1), e.Ones(Float32, 2, 5, 8, 8))
		near("log-softmax", x.LogSoftmax(1).Exp(), x.Softmax(1))
		near("split and cat", Cat(x.Split(2, 3), 3), x)
		near("unbind and stack", Stack(x.Unbind(2), 2), x)
		near("flip twice", x.Flip(2, 4).Flip(2, 4), x)
		near("permute and back", x.Permute(4, 0, 2, 1, 3).Permute(1, 3, 2, 4, 0), x)
		near("roll around", x.Roll(ints{8}, ints{3}), x)
		near("max pooling commutes with a rising function", MaxPool3d(x, ints{2, 2, 2}, ints{2, 2, 2}, ints{0, 0, 0}, ints{1, 1, 1}, false).Exp(),
			MaxPool3d(x.Exp(), ints{2, 2, 2}, ints{2, 2, 2}, ints{0, 0, 0}, ints{1, 1, 1}, false))
		near("average pooling is the mean", AdaptiveAvgPool3d(x, 1, 1, 1).Flatten(1, -1), x.Mean(2, 3, 4))
		near("interpolation to the same size", Interpolate(x, ints{5, 8, 8}, "trilinear", false), x)
		theta := e.FromFloat32([]float32{1, 0, 0, 0, 1, 0}, 1, 2, 3)
		image := e.Randn(Float32, 1, 2, 6, 6)
		near("the identity grid", GridSample(image, AffineGrid(theta, ints{1, 2, 6, 6}, false), 0, 0, false), image)
		near("linear is matmul", Linear(x.Flatten(1, -1), w.View(-1).Narrow(0, 0, 320).View(4, 80).Repeat(1, 12), nil),
			x.Flatten(1, -1).Matmul(w.View(-1).Narrow(0, 0, 320).View(4, 80).Repeat(1, 12).T()))
		logits, target := e.Randn(Float32, 6, 1), e.Rand(Float32, 6, 1)
		two := Cat([]*Tensor{logits.ZerosLike(), logits}, 1)
		near("binary and two-class cross entropy agree", BinaryCrossEntropyWithLogits(logits, target, nil, nil, ReduceMean),
			CrossEntropyLoss(two, Cat([]*Tensor{target.Rsub(1), target}, 1), nil, ReduceMean, -100, 0))
		near("huber with a large delta is half the squares", HuberLoss(logits, target, ReduceSum, 100), MSELoss(logits, target, ReduceSum).DivScalar(2))
	})
}

// Equal seeds and thread counts give equal bits, as the package promises.
func TestSameSeedSameBits(t *testing.T) {
	run := func() (bits []byte) {
		withEngine(t, func(e *Engine) {
			w := e.Randn(Float32, 4, 3, 3, 3, 3).SetRequiresGrad(true)
			x := Dropout(e.Randn(Float32, 2, 3, 6, 9, 9), 0.3, true)
			e.Backward(Conv3d(x, w, nil, ints{1, 1, 1}, ints{1, 1, 1}, ints{1, 1, 1}, 1).Square().Mean())
			bits = w.Grad().Array().Data
		})
		return bits
	}
	if first, second := run(), run(); !slices.Equal(first, second) {
		t.Error("two runs differ")
	}
}
