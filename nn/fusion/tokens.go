package fusion

import (
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// pieces is how many tokens the picture's features become.
const pieces = 4

// tokens makes one token a column and pieces tokens of the picture, lets them attend to each other, and takes the mean of the picture's.
// A number is x·w + b with its own w and b; one that is unknown, and each category, has a code of its own.
type tokens struct {
	unforwarded
	cut     *nn.Linear // the picture's features to pieces codes
	weight  *nn.Param  // [Numbers, H]
	bias    *nn.Param
	unknown *nn.Param
	levels  []*nn.Param // [levels+1, H]
	blocks  nn.Chain
	norm    *nn.LayerNorm
	h       int64
}

// headWidth is that of an attention head.
const headWidth = 8

func newTokens(s Spec, image int64) *tokens {
	h := max(headWidth, s.Hidden/headWidth*headWidth)
	t := &tokens{cut: linear(image, pieces*h), norm: nn.NewLayerNorm(h, 1e-6), h: h}
	if s.Numbers > 0 {
		t.weight = &nn.Param{Shape: []int64{s.Numbers, h}, Init: nn.Normal(0.3)}
		t.bias = &nn.Param{Shape: []int64{s.Numbers, h}, Init: nn.Normal(0.3)}
		t.unknown = &nn.Param{Shape: []int64{s.Numbers, h}, Init: nn.Normal(0.3)}
	}
	for _, n := range s.Levels {
		t.levels = append(t.levels, &nn.Param{Shape: []int64{n + 1, h}, Init: nn.Normal(0.3)})
	}
	for i := range 2 {
		t.blocks = append(t.blocks, nn.Named{Name: strconv.Itoa(i), Module: nn.NewEncoderBlock(h, h/headWidth, 2*h, nn.TimmBlock)})
	}
	return t
}

func (t *tokens) features() int64 { return t.h }

// Visit implements nn.Module's.
func (t *tokens) Visit(prefix string, v func(string, *nn.Param)) {
	t.cut.Visit(prefix+"pieces.", v)
	if t.weight != nil {
		v(prefix+"number.weight", t.weight)
		v(prefix+"number.bias", t.bias)
		v(prefix+"number.unknown", t.unknown)
	}
	for i, l := range t.levels {
		v(prefix+"level."+strconv.Itoa(i), l)
	}
	t.blocks.Visit(prefix+"blocks.", v)
	t.norm.Visit(prefix+"norm.", v)
}

func (t *tokens) join(p *nn.Pass, f *Fusion, image, keep *torch.Tensor) *torch.Tensor {
	n := image.Size(0)
	values, known, levels := f.table.read(p, n, keep)
	all := []*torch.Tensor{t.cut.Forward(p, image).Reshape(n, pieces, t.h)}
	if values != nil {
		k := known.Unsqueeze(2)
		told := values.Unsqueeze(2).Mul(t.weight.T).Add(t.bias.T)
		all = append(all, told.Mul(k).Add(t.unknown.T.Mul(k.Neg().AddScalar(1))))
	}
	for i, l := range levels {
		all = append(all, torch.Embedding(t.levels[i].T, l).Unsqueeze(1))
	}
	x := p.Run("blocks", t.blocks, torch.Cat(all, 1))
	return t.norm.Forward(p, x.Narrow(1, 0, pieces).Mean(1))
}
