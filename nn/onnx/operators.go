package onnx

import (
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/torch"
)

// converter writes the nodes of an operator and gives the names of its results.
type converter func(g *graph, c *call) []string

// operators has every ATen operator that has a counterpart.
var operators map[string]converter

func init() {
	operators = map[string]converter{
		"conv1d": conv, "conv2d": conv, "conv3d": conv, "conv_transpose2d.input": transposed, "conv_transpose3d.input": transposed,
		"batch_norm": batchNorm, "instance_norm": instanceNorm, "layer_norm": layerNorm, "linear": linear,
		"leaky_relu": func(g *graph, c *call) []string {
			return one(g.node("LeakyRelu", []string{g.in(c.value(0))}, nil, named{"alpha", c.float(1, 0.01)}))
		},
		"elu": func(g *graph, c *call) []string {
			return one(g.node("Elu", []string{g.in(c.value(0))}, nil, named{"alpha", c.float(1, 1)}))
		},
		"gelu": gelu, "silu": silu,
		"softmax.int":     axisOp("Softmax"),
		"log_softmax.int": axisOp("LogSoftmax"),
		"add.Tensor":      arith("Add", 2), "add.Scalar": arith("Add", 2), "sub.Tensor": arith("Sub", 2), "sub.Scalar": arith("Sub", 2),
		"add_.Tensor": arith("Add", 2), "add_.Scalar": arith("Add", 2), "mul_.Tensor": arith("Mul", 9), "mul_.Scalar": arith("Mul", 9),
		"mul.Tensor": arith("Mul", 9), "mul.Scalar": arith("Mul", 9), "div.Tensor": arith("Div", 9), "div.Scalar": arith("Div", 9),
		"pow.Tensor_Scalar": arith("Pow", 9), "maximum": arith("Max", 9), "minimum": arith("Min", 9), "matmul": arith("MatMul", 9), "bmm": arith("MatMul", 9), "mm": arith("MatMul", 9),
		"rsub.Scalar": func(g *graph, c *call) []string {
			return one(g.node("Sub", []string{g.scalar(c.float(1, 0)), g.in(c.value(0))}, nil))
		},
		"einsum": func(g *graph, c *call) []string {
			return one(g.node("Einsum", g.all(c.list(1)), nil, named{"equation", strings.ReplaceAll(c.str(0), " ", "")}))
		},
		"clamp": func(g *graph, c *call) []string {
			return one(g.node("Clip", []string{g.in(c.value(0)), g.bound(c, 1), g.bound(c, 2)}, nil))
		},
		"clamp_min": func(g *graph, c *call) []string {
			return one(g.node("Clip", []string{g.in(c.value(0)), g.bound(c, 1)}, nil))
		},
		"square": func(g *graph, c *call) []string {
			x := g.in(c.value(0))
			return one(g.node("Mul", []string{x, x}, nil))
		},
		"rsqrt": func(g *graph, c *call) []string {
			return one(g.node("Reciprocal", []string{g.node("Sqrt", []string{g.in(c.value(0))}, nil)}, nil))
		},
		"max_pool2d": maxPool, "max_pool3d": maxPool, "avg_pool2d": avgPool, "avg_pool3d": avgPool,
		"adaptive_avg_pool2d": adaptive, "adaptive_avg_pool3d": adaptive,
		"mean.dim": reduce("ReduceMean"), "sum.dim_IntList": reduce("ReduceSum"), "amax": reduce("ReduceMax"), "amin": reduce("ReduceMin"),
		"lstm.input": recurrent, "gru.input": recurrent,
	}
	for torchName, name := range map[string]string{"relu": "Relu", "relu_": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "neg": "Neg", "abs": "Abs",
		"erf": "Erf", "floor": "Floor", "round": "Round", "sin": "Sin", "cos": "Cos", "reciprocal": "Reciprocal", "hardswish": "HardSwish", "softplus": "Softplus"} {
		operators[torchName] = func(g *graph, c *call) []string { return one(g.node(name, []string{g.in(c.value(0))}, nil)) }
	}
	for name, f := range shapes {
		operators[name] = f
	}
}

func one(name string) []string { return []string{name} }

// all are the names of values.
func (g *graph) all(vs []*value) (out []string) {
	for _, v := range vs {
		out = append(out, g.in(v))
	}
	return out
}

// bound is a limit of Clip; "" where there is none.
func (g *graph) bound(c *call, i int) string {
	if c.absent(i) {
		return ""
	}
	return g.scalar(c.float(i, 0))
}

// arith is an operator of two tensors, or a tensor and a number. Argument alpha of addition scales the second.
func arith(op string, alpha int) converter {
	return func(g *graph, c *call) []string {
		second := ""
		if v := c.value(1); v != nil {
			second = g.in(v)
		} else {
			second = g.scalar(c.float(1, 0))
		}
		if s := c.float(alpha, 1); s != 1 {
			second = g.node("Mul", []string{second, g.scalar(s)}, nil)
		}
		return one(g.node(op, []string{g.in(c.value(0)), second}, nil))
	}
}

func axisOp(op string) converter {
	return func(g *graph, c *call) []string {
		return one(g.node(op, []string{g.in(c.value(0))}, nil, named{"axis", c.axis(1, c.value(0))}))
	}
}

// inputs are names without the trailing ones that are absent.
func inputs(names ...string) []string {
	for len(names) > 0 && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	return names
}

func conv(g *graph, c *call) []string {
	return one(g.node("Conv", inputs(g.in(c.value(0)), g.in(c.value(1)), g.in(c.value(2))), nil, named{"dilations", c.ints(5)}, named{"group", c.int(6, 1)},
		named{"kernel_shape", c.value(1).shape[2:]}, named{"pads", both(c.ints(4))}, named{"strides", c.ints(3)}))
}

func transposed(g *graph, c *call) []string {
	return one(g.node("ConvTranspose", inputs(g.in(c.value(0)), g.in(c.value(1)), g.in(c.value(2))), nil, named{"dilations", c.ints(7)}, named{"group", c.int(6, 1)},
		named{"kernel_shape", c.value(1).shape[2:]}, named{"output_padding", c.ints(5)}, named{"pads", both(c.ints(4))}, named{"strides", c.ints(3)}))
}

// channel is a value a channel: v, or fill where it is nil.
func (g *graph) channel(v *value, n int64, fill float32) string {
	if v != nil {
		return g.in(v)
	}
	return g.constant("", typeFloat, []int64{n}, floats(slices.Repeat([]float32{fill}, int(n))...))
}

func batchNorm(g *graph, c *call) []string {
	x := c.value(0)
	if c.bool(5, false) || c.value(3) == nil {
		panic(refuse("statistics of the batch"))
	}
	n := x.shape[1]
	return one(g.node("BatchNormalization", []string{g.in(x), g.channel(c.value(1), n, 1), g.channel(c.value(2), n, 0), g.in(c.value(3)), g.in(c.value(4))}, nil,
		named{"epsilon", c.float(7, 1e-5)}))
}

func instanceNorm(g *graph, c *call) []string {
	x := c.value(0)
	n := x.shape[1]
	return one(g.node("InstanceNormalization", []string{g.in(x), g.channel(c.value(1), n, 1), g.channel(c.value(2), n, 0)}, nil, named{"epsilon", c.float(7, 1e-5)}))
}

func layerNorm(g *graph, c *call) []string {
	shape := c.ints(1)
	if len(shape) != 1 {
		panic(refuse("normalisation over several dimensions"))
	}
	return one(g.node("LayerNormalization", []string{g.in(c.value(0)), g.channel(c.value(2), shape[0], 1), g.channel(c.value(3), shape[0], 0)}, nil,
		named{"axis", int64(-1)}, named{"epsilon", c.float(4, 1e-5)}))
}

// linear is x·wᵀ + b.
func linear(g *graph, c *call) []string {
	x, w, b := c.value(0), c.value(1), c.value(2)
	if len(x.shape) == 2 {
		return one(g.node("Gemm", inputs(g.in(x), g.in(w), g.in(b)), nil, named{"transB", int64(1)}))
	}
	var wt string
	if w.data || w.array == nil {
		wt = g.node("Transpose", []string{g.in(w)}, nil, named{"perm", []int64{1, 0}})
	} else {
		name := ""
		if w.name != "" {
			name = w.name + ".T"
		}
		wt = g.constant(name, typeFloat, []int64{w.shape[1], w.shape[0]}, transposeData(w.array.Data, int(w.shape[0]), int(w.shape[1])))
	}
	y := g.node("MatMul", []string{g.in(x), wt}, nil)
	if b != nil {
		y = g.node("Add", []string{y, g.in(b)}, nil)
	}
	return one(y)
}

// transposeData turns a matrix of four-byte values round.
func transposeData(data []byte, rows, cols int) []byte {
	out := make([]byte, len(data))
	for r := range rows {
		for c := range cols {
			copy(out[4*(c*rows+r):4*(c*rows+r)+4], data[4*(r*cols+c):])
		}
	}
	return out
}

// gelu is x·(1 + erf(x/√2))/2: ONNX has an operator of its own from opset 20 on.
func gelu(g *graph, c *call) []string {
	if !c.absent(1) && c.str(1) != "none" {
		panic(refuse("the approximation by tanh"))
	}
	x := g.in(c.value(0))
	e := g.node("Erf", []string{g.node("Mul", []string{x, g.scalar(math.Sqrt(0.5))}, nil)}, nil)
	half := g.node("Mul", []string{x, g.scalar(0.5)}, nil)
	return one(g.node("Mul", []string{half, g.node("Add", []string{e, g.scalar(1)}, nil)}, nil))
}

func silu(g *graph, c *call) []string {
	x := g.in(c.value(0))
	return one(g.node("Mul", []string{x, g.node("Sigmoid", []string{x}, nil)}, nil))
}

func maxPool(g *graph, c *call) []string {
	stride := c.ints(2)
	if len(stride) == 0 {
		stride = c.ints(1)
	}
	ceil := int64(0)
	if c.bool(5, false) {
		ceil = 1
	}
	return one(g.node("MaxPool", []string{g.in(c.value(0))}, nil, named{"ceil_mode", ceil}, named{"dilations", c.ints(4)}, named{"kernel_shape", c.ints(1)},
		named{"pads", both(c.ints(3))}, named{"strides", stride}))
}

func avgPool(g *graph, c *call) []string {
	if c.bool(4, false) || !c.bool(5, true) || !c.absent(6) {
		panic(refuse("means that do not count the border"))
	}
	return one(g.node("AveragePool", []string{g.in(c.value(0))}, nil, named{"count_include_pad", int64(1)}, named{"kernel_shape", c.ints(1)},
		named{"pads", both(c.ints(3))}, named{"strides", c.ints(2)}))
}

// adaptive is a mean over equal windows; of the whole where the output has one position.
func adaptive(g *graph, c *call) []string {
	x, size := c.value(0), c.ints(1)
	in := x.shape[len(x.shape)-len(size):]
	if !slices.ContainsFunc(size, func(n int64) bool { return n != 1 }) {
		return one(g.node("GlobalAveragePool", []string{g.in(x)}, nil))
	}
	kernel := make([]int64, len(size))
	for i := range size {
		if in[i]%size[i] != 0 {
			panic(refuse("a mean over %d positions in %d windows", in[i], size[i]))
		}
		kernel[i] = in[i] / size[i]
	}
	return one(g.node("AveragePool", []string{g.in(x)}, nil, named{"kernel_shape", kernel}, named{"strides", kernel}))
}

// reduce is over axes; opset 17 has those of sums as an input and those of others as an attribute.
func reduce(op string) converter {
	return func(g *graph, c *call) []string {
		x := c.value(0)
		axes := c.axes(1, x)
		keep := int64(0)
		if c.bool(2, false) {
			keep = 1
		}
		if op == "ReduceSum" {
			return one(g.node(op, []string{g.in(x), g.ints(axes...)}, nil, named{"keepdims", keep}))
		}
		return one(g.node(op, []string{g.in(x)}, nil, named{"axes", axes}, named{"keepdims", keep}))
	}
}

// dtypeOf is ONNX's number of argument i, a torch type.
func dtypeOf(c *call, i int) int64 {
	switch d := c.a.args[i].(type) {
	case torch.DType:
		return dataType(d)
	case int64:
		return dataType(torch.DType(d))
	}
	return 0
}
