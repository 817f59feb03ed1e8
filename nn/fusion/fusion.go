package fusion

import (
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// Fusion joins features of pictures with the table of the pass: [N, D] to [N, Features].
type Fusion struct {
	Spec   Spec
	image  int64 // D
	table  *columns
	code   nn.Chain // of the table: [N, width] to [N, Hidden]
	absent *nn.Param
	join   joiner
}

// joiner is one kind's layers.
type joiner interface {
	nn.Module                                                            // Forward is never called
	features() int64                                                     // what comes out
	join(p *nn.Pass, f *Fusion, image, keep *torch.Tensor) *torch.Tensor // keep [N, 1]: which rows have their table; nil: all
}

// New builds the fusion of features of length image; Early has nothing to build and is refused: see [Planes].
func New(s Spec, image int64) (*Fusion, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	f := &Fusion{Spec: s, image: image, table: newColumns(s)}
	h, w := s.Hidden, f.table.width()
	f.code = nn.Chain{{Name: "0", Module: linear(w, h)}, {Name: "1", Module: nn.ReLU{}}, {Name: "2", Module: linear(h, h)}, {Name: "3", Module: nn.ReLU{}}}
	if s.ImageDrop > 0 {
		f.absent = &nn.Param{Shape: []int64{1, image}}
	}
	switch s.Kind {
	case Early:
		return nil, fault.New(fault.Internal, "fusion: early fusion has no layers of its own")
	case Table:
		f.join = &alone{h: h}
	case FiLM:
		f.join = &film{scale: still(h, image), shift: still(h, image), d: image}
	case Concat:
		f.join = &concat{layer: linear(image+h, h), h: h}
	case Gated:
		f.join = &gated{image: linear(image, h), table: linear(h, h), gate: linear(image+h, h), h: h}
	case Tensor:
		f.join = &lowRank{image: linear(image, rank*h), table: linear(h, rank*h), norm: nn.NewLayerNorm(h, 1e-5), h: h}
	case Attention:
		f.join = newTokens(s, image)
	case Autoencode:
		f.join = &autoencoder{encode: linear(image+h, h), decode: linear(h, image+w), h: h}
	case Late:
		f.join = &side{d: image + h + w}
	}
	return f, nil
}

// linear starts as torch's nn.Linear: uniform within 1/√in.
func linear(in, out int64) *nn.Linear {
	return nn.NewLinear(in, out, nn.UniformFanIn(in), nn.UniformFanIn(in))
}

// still starts at nothing, so that the picture's features begin unchanged.
func still(in, out int64) *nn.Linear { return nn.NewLinear(in, out, nn.Constant(0), nil) }

// Features is the length of the output.
func (f *Fusion) Features() int64 { return f.join.features() }

// Image is the length of the picture's features.
func (f *Fusion) Image() int64 { return f.image }

// Visit implements [nn.Module].
func (f *Fusion) Visit(prefix string, v func(string, *nn.Param)) {
	if _, own := f.join.(*tokens); !own { // it has its own code of the columns
		f.table.Visit(prefix+"table.", v)
		f.code.Visit(prefix+"table.", v)
	}
	if f.absent != nil {
		v(prefix+"absent", f.absent)
	}
	f.join.Visit(prefix, v)
}

// Forward implements [nn.Module]. image is [N, D]; of a table alone only its length is read.
func (f *Fusion) Forward(p *nn.Pass, image *torch.Tensor) *torch.Tensor {
	n := image.Size(0)
	if image.DType() != torch.Float32 {
		image = image.To(torch.Float32)
	}
	var keep *torch.Tensor
	if p.Train && f.Spec.TableDrop+f.Spec.ImageDrop > 0 { // one draw a row, so that never both are left out
		u := p.E.Rand(torch.Float32, n, 1)
		if f.Spec.TableDrop > 0 {
			keep = u.GeScalar(f.Spec.TableDrop).To(torch.Float32)
		}
		if f.Spec.ImageDrop > 0 {
			image = f.without(image, u.GeScalar(1-f.Spec.ImageDrop).To(torch.Float32))
		}
	}
	if p.Table != nil && p.Table.NoImage != nil && f.absent != nil {
		image = f.without(image, p.Table.NoImage)
	}
	return f.join.join(p, f, image, keep)
}

// without puts the learnt code of an absent picture where gone [N, 1] is 1.
func (f *Fusion) without(image, gone *torch.Tensor) *torch.Tensor {
	return image.Mul(gone.Neg().AddScalar(1)).Add(f.absent.T.Mul(gone))
}

// encoded is the table's code, [N, Hidden].
func (f *Fusion) encoded(p *nn.Pass, n int64, keep *torch.Tensor) *torch.Tensor {
	return p.Run("table", f.code, f.table.flat(p, n, keep))
}

// Cost implements [nn.Module].
func (f *Fusion) Cost(in []int64) ([]int64, nn.Cost) {
	var c nn.Cost
	f.Visit("", func(_ string, p *nn.Param) { c.Params += p.Numel() })
	c.MACs = in[0] * c.Params // every weight is used once a row, but for the few of embeddings
	return []int64{in[0], f.Features()}, c
}
