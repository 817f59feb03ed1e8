package nn

import "github.com/cineloop/cineloop/torch"

// ReLU is max(x, 0), in place unless activations are captured.
type ReLU struct{}

// Visit implements [Module].
func (ReLU) Visit(string, func(string, *Param)) {}

// Forward implements [Module].
func (ReLU) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	if p.capturing() {
		return p.Apply(ReLU{}, (*torch.Tensor).Relu, x)
	}
	return x.Relu_()
}

// Cost implements [Module]. The output shares the memory of the input.
func (ReLU) Cost(in []int64) ([]int64, Cost) { return in, Cost{} }

// Func is a function of one value that has no parameters.
type Func func(*torch.Tensor) *torch.Tensor

// Activations by name.
var (
	GELU    Func = (*torch.Tensor).Gelu    // x·Φ(x) (Hendrycks and Gimpel 2016)
	SiLU    Func = (*torch.Tensor).Silu    // x·σ(x) (Elfwing et al. 2018)
	Sigmoid Func = (*torch.Tensor).Sigmoid // 1/(1+e⁻ˣ)
)

// Visit implements [Module].
func (Func) Visit(string, func(string, *Param)) {}

// Forward implements [Module].
func (f Func) Forward(p *Pass, x *torch.Tensor) *torch.Tensor { return p.Apply(f, f, x) }

// Cost implements [Module].
func (Func) Cost(in []int64) ([]int64, Cost) { return in, Cost{Activations: numel(in)} }

// SqueezeExcite scales channels by what a small network makes of their means (Hu et al., "Squeeze-and-excitation networks", CVPR
// 2018): x · σ(fc2(act(fc1(mean x)))), with 1×1 convolutions named fc1 and fc2 as torchvision's unless Names says otherwise.
type SqueezeExcite struct {
	FC1, FC2 *Conv
	Act      Func
	Names    [2]string
}

// NewSqueezeExcite returns one for n channels with mid in the middle, in dims (2 or 3) dimensions.
func NewSqueezeExcite(n, mid int64, dims int, act Func) *SqueezeExcite {
	one, zero := make([]int64, dims), make([]int64, dims)
	for i := range one {
		one[i] = 1
	}
	return &SqueezeExcite{FC1: NewConv(n, mid, one, one, zero).WithBias(nil), FC2: NewConv(mid, n, one, one, zero).WithBias(nil), Act: act, Names: [2]string{"fc1", "fc2"}}
}

// Visit implements [Module].
func (s *SqueezeExcite) Visit(prefix string, v func(string, *Param)) {
	s.FC1.Visit(prefix+s.Names[0]+".", v)
	s.FC2.Visit(prefix+s.Names[1]+".", v)
}

// Forward implements [Module].
func (s *SqueezeExcite) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	var m *torch.Tensor
	if len(s.FC1.Stride) == 2 {
		m = torch.AdaptiveAvgPool2d(x, 1, 1)
	} else {
		m = torch.AdaptiveAvgPool3d(x, 1, 1, 1)
	}
	return s.FC2.Forward(p, s.Act(s.FC1.Forward(p, m))).Sigmoid().Mul(x)
}

// Cost implements [Module].
func (s *SqueezeExcite) Cost(in []int64) ([]int64, Cost) {
	squeezed := []int64{in[0], in[1]}
	for range s.FC1.Stride {
		squeezed = append(squeezed, 1)
	}
	mid, a := s.FC1.Cost(squeezed)
	_, b := s.FC2.Cost(mid)
	c := a.Plus(b)
	c.Activations += numel(in)
	return in, c
}
