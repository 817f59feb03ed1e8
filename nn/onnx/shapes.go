package onnx

import (
	"slices"
	"strings"
)

// shapes are the operators that move values without changing them.
var shapes = map[string]converter{
	"view": reshaped, "reshape": reshaped, "flatten.using_ints": reshaped, "squeeze.dim": reshaped, "unsqueeze": reshaped,
	"contiguous": same, "clone": same, "detach": same, "alias": same, "_to_copy": cast,
	"permute": func(g *graph, c *call) []string {
		x := c.value(0)
		return one(g.node("Transpose", []string{g.in(x)}, nil, named{"perm", c.axes(1, x)}))
	},
	"transpose.int": func(g *graph, c *call) []string {
		x := c.value(0)
		perm := make([]int64, len(x.shape))
		for i := range perm {
			perm[i] = int64(i)
		}
		a, b := c.axis(1, x), c.axis(2, x)
		perm[a], perm[b] = b, a
		return one(g.node("Transpose", []string{g.in(x)}, nil, named{"perm", perm}))
	},
	"t": func(g *graph, c *call) []string {
		return one(g.node("Transpose", []string{g.in(c.value(0))}, nil, named{"perm", []int64{1, 0}}))
	},
	"expand": func(g *graph, c *call) []string {
		return one(g.node("Expand", []string{g.in(c.value(0)), g.dims(c.a.out[0].shape, c.b.out[0].shape)}, nil))
	},
	"cat": func(g *graph, c *call) []string {
		list := c.list(0)
		return one(g.node("Concat", g.all(list), nil, named{"axis", c.axis(1, list[0])}))
	},
	"stack": func(g *graph, c *call) []string {
		axis := c.int(1, 0)
		if axis < 0 {
			axis += int64(len(c.a.out[0].shape))
		}
		var parts []string
		for _, v := range c.list(0) {
			parts = append(parts, g.node("Unsqueeze", []string{g.in(v), g.ints(axis)}, nil))
		}
		return one(g.node("Concat", parts, nil, named{"axis", axis}))
	},
	"narrow": func(g *graph, c *call) []string {
		x := c.value(0)
		d, start := c.axis(1, x), c.int(2, 0)
		g.fixed(x, d)
		return one(g.slice(g.in(x), d, start, start+c.int(3, 0), 1))
	},
	"slice.Tensor": func(g *graph, c *call) []string {
		x := c.value(0)
		d := c.axis(1, x)
		g.fixed(x, d)
		return one(g.slice(g.in(x), d, c.int(2, 0), c.int(3, farAway), c.int(4, 1)))
	},
	"select.int": func(g *graph, c *call) []string {
		x := c.value(0)
		d := c.axis(1, x)
		g.fixed(x, d)
		return one(g.pick(g.in(x), d, c.int(2, 0)))
	},
	"unbind.int": func(g *graph, c *call) (out []string) {
		x := c.value(0)
		d := c.axis(1, x)
		for i := range c.a.out {
			out = append(out, g.pick(g.in(x), d, int64(i)))
		}
		return out
	},
	"split.Tensor": split, "split_with_sizes": split, "chunk": split,
	"flip": func(g *graph, c *call) []string {
		x := c.value(0)
		name := g.in(x)
		for _, d := range c.axes(1, x) {
			name = g.slice(name, d, -1, -farAway, -1)
		}
		return one(name)
	},
	"roll": func(g *graph, c *call) []string {
		x := c.value(0)
		name := g.in(x)
		shifts := c.ints(1)
		for i, d := range c.axes(2, x) {
			g.fixed(x, d)
			n := x.shape[d]
			at := ((-shifts[i])%n + n) % n // what comes first
			if at != 0 {
				name = g.node("Concat", []string{g.slice(name, d, at, n, 1), g.slice(name, d, 0, at, 1)}, nil, named{"axis", d})
			}
		}
		return one(name)
	},
	"pad":                    pad,
	"upsample_nearest2d.vec": resize("nearest"), "upsample_nearest3d.vec": resize("nearest"), "upsample_bilinear2d.vec": resize("linear"), "upsample_trilinear3d.vec": resize("linear"),
	"upsample_bicubic2d.vec": resize("cubic"),
	"zeros_like":             func(g *graph, c *call) []string { return one(g.filled(c.value(0), 0)) },
	"ones_like":              func(g *graph, c *call) []string { return one(g.filled(c.value(0), 1)) },
}

// reshaped are operators whose result has the same values in another shape.
func reshaped(g *graph, c *call) []string {
	return one(g.reshape(g.in(c.value(0)), c.a.out[0].shape, c.b.out[0].shape))
}

// same are operators that change nothing here.
func same(g *graph, c *call) []string { return one(g.in(c.value(0))) }

func cast(g *graph, c *call) []string {
	if c.absent(1) || c.a.out[0].dtype == c.value(0).dtype {
		return same(g, c)
	}
	to := dtypeOf(c, 1)
	if to == 0 {
		panic(refuse("type %v", c.a.out[0].dtype))
	}
	return one(g.node("Cast", []string{g.in(c.value(0))}, nil, named{"to", to}))
}

func (g *graph) slice(x string, axis, start, end, step int64) string {
	return g.node("Slice", []string{x, g.ints(start), g.ints(end), g.ints(axis), g.ints(step)}, nil)
}

// pick is x at one place of an axis, without the axis.
func (g *graph) pick(x string, axis, at int64) string {
	return g.node("Gather", []string{x, g.constant("", typeInt64, nil, int64Data([]int64{at}))}, nil, named{"axis", axis})
}

func split(g *graph, c *call) []string {
	x := c.value(0)
	at := 2
	d := c.axis(at, x)
	g.fixed(x, d)
	var sizes []int64
	var out []string
	for _, o := range c.a.out {
		sizes = append(sizes, o.shape[d])
		out = append(out, g.fresh("split"))
	}
	g.node("Split", []string{g.in(x), g.ints(sizes...)}, out, named{"axis", d})
	return out
}

// pad: torch gives pairs from the last axis on, ONNX all beginnings and then all ends.
func pad(g *graph, c *call) []string {
	x, pairs := c.value(0), c.ints(1)
	n := len(x.shape)
	pads := make([]int64, 2*n)
	for i := 0; 2*i+1 < len(pairs); i++ {
		pads[n-1-i], pads[2*n-1-i] = pairs[2*i], pairs[2*i+1]
	}
	mode := map[string]string{"constant": "constant", "reflect": "reflect", "replicate": "edge"}[c.str(2)]
	if mode == "" {
		panic(refuse("padding %s", c.str(2)))
	}
	in := []string{g.in(x), g.ints(pads...)}
	if mode == "constant" {
		in = append(in, g.scalar(c.float(3, 0)))
	}
	return one(g.node("Pad", in, nil, named{"mode", mode}))
}

// resize has the output's size in argument 1; of all but the nearest, argument 2 says whether corners are aligned.
func resize(mode string) converter {
	return func(g *graph, c *call) []string {
		x := c.value(0)
		where := "pytorch_half_pixel"
		attrs := []named{}
		switch {
		case mode == "nearest":
			where = "asymmetric"
			attrs = append(attrs, named{"nearest_mode", "floor"})
		case c.bool(2, false):
			where = "align_corners"
		}
		if mode == "cubic" {
			attrs = append(attrs, named{"cubic_coeff_a", -0.75})
		}
		attrs = append(attrs, named{"coordinate_transformation_mode", where}, named{"mode", mode})
		return one(g.node("Resize", []string{g.in(x), "", "", g.dims(c.a.out[0].shape, c.b.out[0].shape)}, nil, attrs...))
	}
}

// filled is a tensor of x's shape with one value everywhere.
func (g *graph) filled(x *value, v float32) string {
	return g.node("ConstantOfShape", []string{g.node("Shape", []string{g.in(x)}, nil)}, nil, named{"value", tensorProto("", typeFloat, []int64{1}, floats(v))})
}

// recurrent is an LSTM or GRU of one layer, batch first, from a state of zeros; only its sequence of outputs is used. Torch's gates are
// in, forget, cell, out and reset, update, new; ONNX's in, out, forget, cell and update, reset, hidden.
func recurrent(g *graph, c *call) []string {
	lstm := strings.HasPrefix(c.a.op, "lstm")
	x, params := c.value(0), c.list(2)
	if len(params) != 4 || c.int(4, 1) != 1 || c.bool(7, false) || !c.bool(8, true) {
		panic(refuse("more than one layer, or both directions"))
	}
	order, op, attrs := []int{1, 0, 2}, "GRU", []named{{"linear_before_reset", int64(1)}}
	if lstm {
		order, op, attrs = []int{0, 3, 1, 2}, "LSTM", nil
	}
	d := params[1].shape[1]
	gates := func(v *value, width int64) []byte {
		var out []byte
		size := int(4 * d * width)
		for _, k := range order {
			out = append(out, v.array.Data[k*size:(k+1)*size]...)
		}
		return out
	}
	n := int64(len(order)) * d
	w := g.constant("", typeFloat, []int64{1, n, params[0].shape[1]}, gates(params[0], params[0].shape[1]))
	r := g.constant("", typeFloat, []int64{1, n, d}, gates(params[1], d))
	b := g.constant("", typeFloat, []int64{1, 2 * n}, slices.Concat(gates(params[2], 1), gates(params[3], 1)))
	seq := g.node("Transpose", []string{g.in(x)}, nil, named{"perm", []int64{1, 0, 2}})
	y := g.node(op, []string{seq, w, r, b}, nil, append([]named{{"hidden_size", d}}, attrs...)...) // [T, 1, N, D]
	y = g.node("Squeeze", []string{y, g.ints(1)}, nil)
	y = g.node("Transpose", []string{y}, nil, named{"perm", []int64{1, 0, 2}})
	out := make([]string, len(c.a.out))
	out[0] = y
	for i := 1; i < len(out); i++ {
		out[i] = "" // the last states: nothing reads them
	}
	return out
}
