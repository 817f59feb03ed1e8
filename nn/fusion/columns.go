package fusion

import (
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// columns turns a table into numbers that a network can take: the values with 0 where they are unknown, whether they are known, and an
// embedding a category, the unknown one with its own.
type columns struct {
	spec  Spec
	embed []*nn.Param // [levels+1, width]
}

// embeddingWidth is half the number of levels, at least 2, at most 16 (Kvamme et al. 2019 take half).
func embeddingWidth(levels int64) int64 { return min(16, max(2, (levels+1)/2)) }

func newColumns(s Spec) *columns {
	c := &columns{spec: s}
	for _, n := range s.Levels {
		c.embed = append(c.embed, &nn.Param{Shape: []int64{n + 1, embeddingWidth(n)}, Init: nn.Normal(0.1)})
	}
	return c
}

// width is how many numbers a row becomes.
func (c *columns) width() int64 {
	n := 2 * c.spec.Numbers
	for _, e := range c.embed {
		n += e.Shape[1]
	}
	return n
}

// Visit implements nn.Module's.
func (c *columns) Visit(prefix string, v func(string, *nn.Param)) {
	for i, e := range c.embed {
		v(prefix+"embed."+strconv.Itoa(i), e)
	}
}

// read is the pass's table for n rows, with what training leaves out taken out: keep [N, 1] is 0 for rows without a table; nil: all have it.
func (c *columns) read(p *nn.Pass, n int64, keep *torch.Tensor) (values, known *torch.Tensor, levels []*torch.Tensor) {
	t := p.Table
	if t == nil {
		t = &nn.Table{}
	}
	if c.spec.Numbers > 0 {
		if values, known = t.Numbers, t.Known; values == nil {
			values = p.E.Zeros(torch.Float32, n, c.spec.Numbers)
			known = p.E.Zeros(torch.Float32, n, c.spec.Numbers)
		}
		if keep != nil {
			known = known.Mul(keep)
		}
		if r := c.spec.ColumnDrop; p.Train && r > 0 {
			known = known.Mul(p.E.Rand(torch.Float32, n, c.spec.Numbers).LtScalar(1 - r).To(torch.Float32))
		}
		values = values.Mul(known)
	}
	for i := range c.embed {
		l := p.E.Zeros(torch.Int64, n)
		if t.Levels != nil {
			l = t.Levels.Select(1, int64(i))
		}
		if keep != nil {
			l = l.Mul(keep.Reshape(n).To(torch.Int64))
		}
		if r := c.spec.ColumnDrop; p.Train && r > 0 {
			l = l.Mul(p.E.Rand(torch.Float32, n).LtScalar(1 - r).To(torch.Int64))
		}
		levels = append(levels, l)
	}
	return values, known, levels
}

// flat lays a row out: [N, width].
func (c *columns) flat(p *nn.Pass, n int64, keep *torch.Tensor) *torch.Tensor {
	values, known, levels := c.read(p, n, keep)
	var parts []*torch.Tensor
	if values != nil {
		parts = append(parts, values, known)
	}
	for i, l := range levels {
		parts = append(parts, torch.Embedding(c.embed[i].T, l))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return torch.Cat(parts, 1)
}

// planeScale is how large a standard deviation of a column is in its channel. A channel that is the same everywhere adds up over all taps of the
// first kernel, where the speckle of a picture cancels: at full size the table rules the first normalisation's variance, and the picture
// is not learnt.
const planeScale = 0.1

// Planes are the table as constant channels of a clip of the given shape [N, C, T, H, W]: values, whether they are known, and one channel a
// level, all scaled by a tenth.
func Planes(p *nn.Pass, s Spec, shape []int64) *torch.Tensor {
	n := shape[0]
	c := &columns{spec: s, embed: make([]*nn.Param, len(s.Levels))}
	values, known, levels := c.read(p, n, rowsWithTable(p, s, n))
	var parts []*torch.Tensor
	if values != nil {
		parts = append(parts, values, known)
	}
	for i, l := range levels {
		for k := range s.Levels[i] {
			parts = append(parts, l.EqScalar(float64(k+1)).To(torch.Float32).Unsqueeze(1))
		}
	}
	flat := parts[0]
	if len(parts) > 1 {
		flat = torch.Cat(parts, 1)
	}
	return flat.MulScalar(planeScale).Reshape(n, -1, 1, 1, 1).Expand(n, -1, shape[2], shape[3], shape[4])
}

// rowsWithTable draws which rows keep their table in training; nil: all.
func rowsWithTable(p *nn.Pass, s Spec, n int64) *torch.Tensor {
	if !p.Train || s.TableDrop == 0 {
		return nil
	}
	return p.E.Rand(torch.Float32, n, 1).LtScalar(1 - s.TableDrop).To(torch.Float32)
}
