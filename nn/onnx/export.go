package onnx

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// Spec is what is exported.
type Spec struct {
	Name     string
	Producer string // version of the program
	Module   nn.Module
	Input    []int64 // shape of one item
	Run      func(p *nn.Pass, x *torch.Tensor) []*torch.Tensor
	Outputs  []string          // names of what Run gives
	Metadata map[string]string // of the model, in the order of its keys
}

// InputName is the name of the model's input, [batch, …Spec.Input], float32.
const InputName = "input"

// mostBytes bounds a model: protobuf messages end at 2 GiB.
const mostBytes = math.MaxInt32

// Export is the model's file. The module's parameters are on e.
//
// Errors: usage (an operator or a use of one that has no counterpart, a model of 2 GiB or more), internal (libtorch's).
func Export(e *torch.Engine, s Spec) ([]byte, error) {
	two, err := run(e, s, 2, true)
	if err != nil {
		return nil, err
	}
	three, err := run(e, s, 3, false)
	if err != nil {
		return nil, err
	}
	if len(two.steps) != len(three.steps) || len(two.out) != len(s.Outputs) {
		return nil, refuse("the network does other things for other batch sizes")
	}
	g := &graph{names: map[*value]string{two.input: InputName}, pair: map[*value]*value{two.input: three.input}}
	for i := range two.steps {
		if err := g.step(&two.steps[i], &three.steps[i]); err != nil {
			return nil, err
		}
	}
	var outputs []message
	for i, o := range two.out {
		g.pair[o] = three.out[i]
		if !o.data {
			return nil, refuse("output %s does not depend on the input", s.Outputs[i])
		}
		g.node("Identity", []string{g.in(o)}, []string{s.Outputs[i]})
		outputs = append(outputs, valueProto(s.Outputs[i], o.shape[1:]))
	}
	return g.model(s, outputs)
}

func refuse(format string, args ...any) error {
	return fault.New(fault.Usage, "ONNX: "+format, args...)
}

// graph is a GraphProto being written.
type graph struct {
	names  map[*value]string // of what was computed
	pair   map[*value]*value // the same in the pass of three items
	nodes  []message
	consts []message
	known  map[string]bool // names of constants
	n      int
	batch  string // the batch's size as a tensor of one int64; empty: not needed yet
}

// fresh is a new name.
func (g *graph) fresh(what string) string {
	g.n++
	return what + "_" + strconv.Itoa(g.n)
}

// node adds a node of one result with a new name where out is nil, and gives the first result's name.
func (g *graph) node(op string, in, out []string, attrs ...named) string {
	name := g.fresh(op)
	if out == nil {
		out = []string{name}
	}
	g.nodes = append(g.nodes, nodeProto(op, name, in, out, attrs...))
	return out[0]
}

// constant adds an initializer. An empty name is made up.
func (g *graph) constant(name string, kind int64, shape []int64, data []byte) string {
	if name == "" {
		name = g.fresh("const")
	}
	if g.known == nil {
		g.known = map[string]bool{}
	}
	if !g.known[name] {
		g.known[name] = true
		g.consts = append(g.consts, tensorProto(name, kind, shape, data))
	}
	return name
}

func (g *graph) ints(v ...int64) string {
	return g.constant("", typeInt64, []int64{int64(len(v))}, int64Data(v))
}

func (g *graph) scalar(v float64) string {
	return g.constant("", typeFloat, nil, floats(float32(v)))
}

// in is the name of a value as a node's input.
func (g *graph) in(v *value) string {
	if v == nil {
		return ""
	}
	if name, ok := g.names[v]; ok {
		return name
	}
	if v.data {
		panic("onnx: a value that nothing computed")
	}
	a, b := v, g.pair[v]
	kind := dataType(a.dtype)
	if kind == 0 || a.array == nil {
		panic(refuse("a constant of type %v", a.dtype))
	}
	name := ""
	if b == nil || slices.Equal(a.shape, b.shape) {
		name = g.constant(v.name, kind, a.shape, a.array.Data)
	} else {
		name = g.spread(a, b)
	}
	g.names[v] = name
	return name
}

// spread is a constant that is the same for every item of the batch: one item's, expanded.
func (g *graph) spread(a, b *value) string {
	dim := -1
	for i := range a.shape {
		if a.shape[i] != b.shape[i] {
			if dim >= 0 {
				panic(refuse("a constant whose shape depends twice on the batch"))
			}
			dim = i
		}
	}
	outer, inner := 1, a.dtype.Size()
	for i, d := range a.shape {
		if i < dim {
			outer *= int(d)
		} else if i > dim {
			inner *= int(d)
		}
	}
	n := int(a.shape[dim])
	var one []byte
	for o := range outer {
		first := a.array.Data[o*n*inner : o*n*inner+inner]
		for k := range n {
			if !slices.Equal(first, a.array.Data[(o*n+k)*inner:(o*n+k+1)*inner]) {
				panic(refuse("a constant that depends on the place in the batch"))
			}
		}
		one = append(one, first...)
	}
	shape := slices.Clone(a.shape)
	shape[dim] = 1
	return g.node("Expand", []string{g.constant("", dataType(a.dtype), shape, one), g.dims(a.shape, b.shape)}, nil)
}

// dims is a shape as a tensor of int64: numbers that differ between the passes of two and three items are multiples of the batch.
func (g *graph) dims(two, three []int64) string {
	if len(two) != len(three) {
		panic(refuse("shapes of other ranks for other batch sizes"))
	}
	if slices.Equal(two, three) {
		return g.ints(two...)
	}
	if g.batch == "" {
		shape := g.node("Shape", []string{InputName}, nil)
		g.batch = g.node("Slice", []string{shape, g.ints(0), g.ints(1)}, nil)
	}
	var parts []string
	for i := range two {
		if two[i] == three[i] {
			parts = append(parts, g.ints(two[i]))
			continue
		}
		k := three[i] - two[i]
		if two[i] != 2*k {
			panic(refuse("sizes of %d for two items and %d for three", two[i], three[i]))
		}
		if k == 1 {
			parts = append(parts, g.batch)
		} else {
			parts = append(parts, g.node("Mul", []string{g.batch, g.ints(k)}, nil))
		}
	}
	return g.node("Concat", parts, nil, named{"axis", int64(0)})
}

// model is the file.
func (g *graph) model(s Spec, outputs []message) ([]byte, error) {
	size := 0
	for _, c := range g.consts {
		size += len(c) + 16
	}
	if size >= mostBytes {
		return nil, refuse("the network's %d bytes are more than a model may have", size)
	}
	m := make(message, 0, 2*size+1<<20)
	m.int(1, irVersion)
	m.str(2, "cineloop")
	m.str(3, s.Producer)
	var graph message
	for _, n := range g.nodes {
		graph.bytes(1, n)
	}
	graph.str(2, s.Name)
	for _, c := range g.consts {
		graph.bytes(5, c)
	}
	graph.bytes(11, valueProto(InputName, s.Input))
	for _, o := range outputs {
		graph.bytes(12, o)
	}
	m.bytes(7, graph)
	var set message
	set.str(1, "")
	set.int(2, opset)
	m.bytes(8, set)
	for _, key := range sorted(s.Metadata) {
		var p message
		p.str(1, key)
		p.str(2, s.Metadata[key])
		m.bytes(14, p)
	}
	if len(m) >= mostBytes {
		return nil, refuse("the network's %d bytes are more than a model may have", len(m))
	}
	return m, nil
}

func sorted(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// step writes an operator's nodes. What has no counterpart is an error that says where it stands.
func (g *graph) step(a, b *step) (err error) {
	if a.op != b.op || len(a.args) != len(b.args) || len(a.out) != len(b.out) {
		return refuse("the network does other things for other batch sizes")
	}
	for i := range a.args {
		g.remember(a.args[i], b.args[i])
	}
	for i := range a.out {
		g.pair[a.out[i]] = b.out[i]
	}
	f, ok := operators[a.op]
	if !ok {
		return refuse("operator %s has no counterpart", a.op).(*fault.Error).WithHint("the plain bundle takes every network")
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *fault.Error:
			err = fmt.Errorf("%s: %w", a.op, p)
		default:
			panic(p)
		}
	}()
	names := f(g, &call{a, b})
	if len(names) != len(a.out) {
		return fault.New(fault.Internal, "ONNX: %s has %d results, %d were written", a.op, len(a.out), len(names))
	}
	for i, n := range names {
		g.names[a.out[i]] = n
	}
	return nil
}

// remember pairs the values of an argument.
func (g *graph) remember(a, b any) {
	switch a := a.(type) {
	case *value:
		if b, ok := b.(*value); ok {
			g.pair[a] = b
		}
	case []*value:
		if b, ok := b.([]*value); ok && len(a) == len(b) {
			for i := range a {
				g.pair[a[i]] = b[i]
			}
		}
	}
}
