package onnx

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/torch"
)

// call is an operator in both passes, with its arguments by position as the schema has them.
type call struct{ a, b *step }

func (c *call) value(i int) *value {
	if i >= len(c.a.args) {
		return nil
	}
	v, _ := c.a.args[i].(*value)
	return v
}

func (c *call) list(i int) []*value {
	v, _ := c.a.args[i].([]*value)
	return v
}

// absent says that an argument is left to its default, or none.
func (c *call) absent(i int) bool {
	return i >= len(c.a.args) || c.a.args[i] == nil || c.a.args[i] == torch.Default
}

// int is a number that does not depend on the batch.
func (c *call) int(i int, fallback int64) int64 {
	if c.absent(i) {
		return fallback
	}
	n := func(v any) int64 {
		switch v := v.(type) {
		case int64:
			return v
		case int:
			return int64(v)
		}
		panic(refuse("argument %d is a %T", i+1, v))
	}
	a, b := n(c.a.args[i]), n(c.b.args[i])
	if a != b {
		panic(refuse("argument %d depends on the batch", i+1))
	}
	return a
}

func (c *call) bool(i int, fallback bool) bool {
	if c.absent(i) {
		return fallback
	}
	b, ok := c.a.args[i].(bool)
	if !ok {
		panic(refuse("argument %d is a %T", i+1, c.a.args[i]))
	}
	return b
}

func (c *call) float(i int, fallback float64) float64 {
	if c.absent(i) {
		return fallback
	}
	switch v := c.a.args[i].(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	case int:
		return float64(v)
	}
	panic(refuse("argument %d is a %T", i+1, c.a.args[i]))
}

func (c *call) str(i int) string {
	s, ok := c.a.args[i].(string)
	if !ok {
		panic(refuse("argument %d is a %T", i+1, c.a.args[i]))
	}
	return s
}

// ints are numbers that do not depend on the batch.
func (c *call) ints(i int) []int64 {
	if c.absent(i) {
		return nil
	}
	a, ok := c.a.args[i].([]int64)
	b, _ := c.b.args[i].([]int64)
	if !ok || !slices.Equal(a, b) {
		panic(refuse("argument %d depends on the batch", i+1))
	}
	return a
}

// axis is argument i as a dimension of x, from the front.
func (c *call) axis(i int, x *value) int64 {
	d := c.int(i, 0)
	if d < 0 {
		d += int64(len(x.shape))
	}
	return d
}

// axes are those of argument i; all of x's where it is absent.
func (c *call) axes(i int, x *value) (out []int64) {
	list := c.ints(i)
	if len(list) == 0 {
		for d := range x.shape {
			out = append(out, int64(d))
		}
		return out
	}
	for _, d := range list {
		if d < 0 {
			d += int64(len(x.shape))
		}
		out = append(out, d)
	}
	return out
}

// fixed makes sure that dimension d of x does not depend on the batch.
func (g *graph) fixed(x *value, d int64) {
	if p := g.pair[x]; p != nil && p.shape[d] != x.shape[d] {
		panic(refuse("it cuts along the batch"))
	}
}

// reshape gives x the shape that the passes saw.
func (g *graph) reshape(x string, two, three []int64) string {
	differ := 0
	shape := slices.Clone(two)
	for i := range two {
		if i < len(three) && two[i] != three[i] {
			differ++
			shape[i] = -1
		}
	}
	if differ > 1 || len(two) != len(three) {
		return g.node("Reshape", []string{x, g.dims(two, three)}, nil)
	}
	return g.node("Reshape", []string{x, g.ints(shape...)}, nil)
}

// both is a list of ones twice over: ONNX pads the beginning and the end of each axis.
func both(pad []int64) []int64 { return slices.Concat(pad, pad) }

const farAway = math.MaxInt64 // the end of an axis, for Slice
