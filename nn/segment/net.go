package segment

import (
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// Spec sizes a network. Kernels and Strides have a row a stage and a column an axis (D, H, W or H, W); the first stage's stride is all
// ones. U-Nets use all of it; DeepLabV3 uses Channels, Classes and Aux alone.
type Spec struct {
	Name     string    // one of [Names]
	Channels int64     // of the input
	Classes  int64     // with the background
	Features []int64   `json:",omitempty"` // channels of each stage
	Blocks   []int64   `json:",omitempty"` // convolutions (unet) or residual blocks (resenc_unet) of each encoder stage
	Kernels  [][]int64 `json:",omitempty"`
	Strides  [][]int64 `json:",omitempty"`
	Deep     bool      `json:",omitempty"` // deep supervision: coarser maps too, in training
	Aux      bool      `json:",omitempty"` // DeepLabV3's auxiliary classifier
}

// Dims is 2 or 3.
func (s Spec) Dims() int {
	if len(s.Strides) > 0 {
		return len(s.Strides[0])
	}
	return 2
}

// Divisor is what each side of an input must be a multiple of.
func (s Spec) Divisor() []int64 {
	d := slices.Repeat([]int64{1}, s.Dims())
	for _, stage := range s.Strides {
		for i, v := range stage {
			d[i] *= v
		}
	}
	return d
}

// body is a network's part that differs from one to the next.
type body interface {
	Visit(prefix string, v func(string, *nn.Param))
	maps(p *nn.Pass, x *torch.Tensor) []*torch.Tensor
	Cost(in []int64) ([]int64, nn.Cost)
}

// Net is a network that labels positions.
type Net struct {
	Spec Spec
	body
}

// New builds the network of a spec. Its parameters have no tensors until [nn.Materialise].
func New(s Spec) (*Net, error) {
	a, err := Find(s.Name)
	if err != nil {
		return nil, err
	}
	if s.Channels < 1 || s.Classes < 2 {
		return nil, fault.New(fault.Usage, "%s: %d channels and %d classes: at least 1, and 2 with the background", s.Name, s.Channels, s.Classes)
	}
	b, err := a.build(s)
	if err != nil {
		return nil, err
	}
	return &Net{s, b}, nil
}

// Maps computes the logits [N, Classes, …] of every position, float32 also under autocast. With deep supervision and in training the
// maps of the coarser decoder stages follow, from fine to coarse; DeepLabV3's auxiliary map follows likewise.
func (n *Net) Maps(p *nn.Pass, x *torch.Tensor) []*torch.Tensor {
	out := n.maps(p, x)
	for i, m := range out {
		if m.DType() != torch.Float32 {
			out[i] = m.To(torch.Float32)
		}
	}
	return out
}

// Forward implements [nn.Module]: the map of full resolution.
func (n *Net) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor { return n.Maps(p, x)[0] }

// Architecture is an entry of the registry.
type Architecture struct {
	Name    string
	Title   string  // of the paper
	Where   string  // it appeared
	Example Spec    // that Params and GMACs of listings are for
	Input   []int64 // C, D, H, W or C, H, W of the example

	build func(Spec) (body, error)
}

// Architectures lists the networks by name.
func Architectures() []Architecture {
	all := []Architecture{deepLab, resEnc, plainUNet}
	slices.SortFunc(all, func(a, b Architecture) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Names is the list of architectures.
func Names() []string {
	var out []string
	for _, a := range Architectures() {
		out = append(out, a.Name)
	}
	return out
}

// Find is the architecture of that name.
func Find(name string) (Architecture, error) {
	for _, a := range Architectures() {
		if a.Name == name {
			return a, nil
		}
	}
	return Architecture{}, fault.New(fault.Usage, "no network for masks is named %q", name).WithHint("there are %s", strings.Join(Names(), ", "))
}
