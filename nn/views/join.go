package views

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// Join turns the features of the clips that are present, [M, D], into those of studies, [N, Features]. Without views in the pass every clip is
// a study of its own, in the first slot.
type Join struct {
	Spec Spec
	d    int64     // D
	code *nn.Param // [views, D]; nil: none
	how  joiner
}

// joiner is one kind's layers.
type joiner interface {
	Visit(prefix string, v func(string, *nn.Param))
	features() int64
	// join takes features [N, V, D], 0 where nothing is; weights [N, V] are what each clip counts.
	join(p *nn.Pass, x *torch.Tensor, m *mask) (y, weights *torch.Tensor)
	macs(n, v int64) int64
}

// New builds the join of features of length d.
func New(s Spec, d int64) (*Join, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	j := &Join{Spec: s, d: d}
	if s.coded() {
		j.code = &nn.Param{Shape: []int64{int64(len(s.Names)), d}, Init: nn.Normal(0.02)}
	}
	switch s.Kind {
	case Mean:
		j.how = &mean{d: d}
	case Late:
		j.how = &late{d: d, views: int64(len(s.Names)), slots: s.Slots}
	case Attention:
		j.how = newAttention(d, s.Hidden)
	case Gated:
		j.how = newGated(d, s.Hidden)
	case Transformer:
		j.how = newTransformer(d, s.Hidden)
	}
	return j, nil
}

// Features is the length of the output.
func (j *Join) Features() int64 { return j.how.features() }

// Visit implements [nn.Module].
func (j *Join) Visit(prefix string, v func(string, *nn.Param)) {
	if j.code != nil {
		v(prefix+"code", j.code)
	}
	j.how.Visit(prefix, v)
}

// Forward implements [nn.Module].
func (j *Join) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	v := seen(p, x)
	m := newMask(p, v)
	if x.DType() != torch.Float32 {
		x = x.To(torch.Float32)
	}
	if j.code != nil {
		var which []int64
		for _, place := range m.places {
			which = append(which, int64(j.Spec.Slots[int(place)%v.Slots]))
		}
		x = x.Add(torch.Embedding(j.code.T, m.ints(which)))
	}
	y, weights := j.how.join(p, m.spread(x), m)
	if v.Weigh {
		v.Weights = weights.Float32s()
	}
	return y
}

// seen are the pass's views; where it has none, every row is a study with a clip in the first slot.
func seen(p *nn.Pass, x *torch.Tensor) *nn.Views {
	if p.Views != nil {
		return p.Views
	}
	return nn.OneView(int(x.Size(0)), 1, 0)
}

// Cost implements [nn.Module]; in is [N·V, D].
func (j *Join) Cost(in []int64) ([]int64, nn.Cost) {
	var c nn.Cost
	j.Visit("", func(_ string, p *nn.Param) { c.Params += p.Numel() })
	v := int64(len(j.Spec.Slots))
	n := in[0] / v
	c.MACs = j.how.macs(n, v)
	c.Activations = 4 * n * v * j.d
	return []int64{n, j.Features()}, c
}

// mask is which slots of a batch are there, as tensors.
type mask struct {
	e      *torch.Engine
	n, v   int64
	places []int64
	there  *torch.Tensor // [N, V, 1], 1 where a clip is
}

func newMask(p *nn.Pass, v *nn.Views) *mask {
	m := &mask{e: p.E, n: v.Studies(), v: int64(v.Slots), places: v.Places()}
	one := make([]float32, len(v.Present))
	for _, i := range m.places {
		one[i] = 1
	}
	m.there = p.E.FromFloat32(one, m.n, m.v, 1)
	return m
}

func (m *mask) ints(v []int64) *torch.Tensor {
	return m.e.FromInt64s(v, int64(len(v)))
}

// spread lays packed rows [M, D] out as [N, V, D], with 0 where nothing is.
func (m *mask) spread(x *torch.Tensor) *torch.Tensor {
	d := x.Size(1)
	if int64(len(m.places)) == m.n*m.v {
		return x.Reshape(m.n, m.v, d)
	}
	// Every slot takes a row of x with a zero row behind it.
	take := make([]int64, m.n*m.v)
	for i := range take {
		take[i] = int64(len(m.places))
	}
	for at, place := range m.places {
		take[place] = int64(at)
	}
	zero := m.e.Zeros(x.DType(), 1, d)
	return torch.Cat([]*torch.Tensor{x, zero}, 0).IndexSelect(0, m.ints(take)).Reshape(m.n, m.v, d)
}

// share is 1 over the number of clips of a study where a clip is, [N, V, 1].
func (m *mask) share() *torch.Tensor {
	return m.there.Div(m.there.SumKeep(1).ClampMin(1))
}

// away is added to logits so that what is not there gets no weight: far below any logit, but finite, so that a study of nothing makes no NaN.
const away = -1e9

// softmax over slots of logits [N, V, K], 0 where nothing is.
func (m *mask) softmax(logits *torch.Tensor) *torch.Tensor {
	return logits.Add(m.there.SubScalar(1).MulScalar(-away)).Softmax(1).Mul(m.there)
}
