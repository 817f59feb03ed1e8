package video

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/fusion"
	"github.com/cineloop/cineloop/nn/views"
	"github.com/cineloop/cineloop/torch"
)

// Spec sizes a network.
type Spec struct {
	Name       string   // one of [Names]
	Width      int64    // channels of the first stage; the others have 2, 4 and 8 times as many; 0: 64, as torchvision
	Channels   int64    // of the input; 0: 3
	StemStride [3]int64 // [T, H, W] of the first convolution; zero: torchvision's [1, 2, 2]
	Size       [3]int64 `json:",omitzero"` // [T, H, W] that tables of positions are made for; zero: the published network's. Others are interpolated
	Dropout    float64  // before the heads
	Streams    string   `json:",omitempty"` // [StreamsBoth], [StreamsFlow]: what Channels' last two, optical flow, are for; empty: channels as others
	Heads      []Head   // at least one

	Fusion *fusion.Spec `json:",omitempty"` // joins a table's columns with the picture; nil: the picture alone
	Views  *views.Spec  `json:",omitempty"` // joins the clips of a study; nil: one clip a study
}

// Head is a linear layer on the features.
type Head struct {
	Name  string // the target's name
	Width int64  // scores
}

// Net is a network for clips.
type Net struct {
	Spec Spec
	body
	dropout nn.Dropout
	heads   []nn.Named
	join    *views.Join    // of a study's clips; nil: one clip a study
	fuse    *fusion.Fusion // nil: the heads see the picture's features
}

// New builds the network of a spec. Its parameters have no tensors until [nn.Materialise].
func New(s Spec) (*Net, error) {
	if s.Width == 0 {
		s.Width = 64
	}
	if s.Channels == 0 {
		s.Channels = 3
	}
	if s.StemStride == [3]int64{} {
		s.StemStride = [3]int64{1, 2, 2}
	}
	arch, build, err := find(s.Name)
	switch {
	case err != nil:
		return nil, err
	case s.Width < 1 || s.Channels < 1 || slices.Min(s.StemStride[:]) < 1 || slices.Min(s.Size[:]) < 0:
		return nil, fault.New(fault.Usage, "%s: width %d, channels %d, stem stride %v and size %v must be positive", s.Name, s.Width, s.Channels, s.StemStride, s.Size)
	case !(s.Dropout >= 0 && s.Dropout < 1):
		return nil, fault.New(fault.Usage, "%s: dropout %v is not in [0, 1)", s.Name, s.Dropout)
	case len(s.Heads) == 0:
		return nil, fault.New(fault.Usage, "%s: no head", s.Name)
	}
	if s.Streams != "" && (s.Channels <= flowChannels || s.Fusion != nil && s.Fusion.Kind == fusion.Early) {
		return nil, fault.New(fault.Usage, "%s: streams need channels of a picture before the flow's two, and no planes of a table after them", s.Name)
	}
	if build, err = streamed(s.Streams, build); err != nil {
		return nil, err
	}
	for i, n := range arch.Input {
		if s.Size[i] == 0 {
			s.Size[i] = n
		}
	}
	n := &Net{Spec: s, dropout: nn.Dropout{Rate: s.Dropout}}
	if err := n.build(build); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, h := range s.Heads {
		name := n.head
		if len(s.Heads) > 1 {
			name += "." + strings.ReplaceAll(h.Name, ".", "_")
		}
		if h.Width < 1 || h.Name == "" || seen[name] {
			return nil, fault.New(fault.Usage, "%s: head %q with %d scores: each head needs its own name and at least one score", s.Name, h.Name, h.Width)
		}
		seen[name] = true
		n.heads = append(n.heads, nn.Named{Name: name, Module: n.newHead(h.Width)})
	}
	return n, nil
}

// build makes the trunk and what joins it with a table.
func (n *Net) build(build func(Spec) body) error {
	s := n.Spec
	if s.Fusion == nil {
		n.body = build(s)
		return n.joinViews(build)
	}
	f := *s.Fusion
	if err := f.Check(); err != nil {
		return err
	}
	s.Channels += f.Channels()
	n.body = build(s)
	n.Spec.Fusion = &f
	err := n.joinViews(build)
	if err != nil || f.Kind == fusion.Early {
		return err
	}
	if n.fuse, err = fusion.New(f, n.features); err != nil {
		return err
	}
	if f.Kind == fusion.Table {
		n.trunk, n.last = noTrunk{}, ""
		err = n.joinNothing()
	}
	return err
}

// newHead is a linear layer on what the heads see.
func (n *Net) newHead(width int64) nn.Module {
	switch {
	case n.fuse == nil:
		return nn.NewLinear(n.features, width, n.weight, n.bias)
	case n.fuse.Spec.Kind == fusion.Late:
		return fusion.NewLateHead(n.fuse, width, n.weight, n.bias)
	}
	return nn.NewLinear(n.Features(), width, n.weight, n.bias)
}

// noTrunk stands for a picture that is not looked at: its features are one zero a row.
type noTrunk struct{}

// Visit implements [nn.Module].
func (noTrunk) Visit(string, func(string, *nn.Param)) {}

// Forward implements [nn.Module].
func (noTrunk) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	return p.E.Zeros(torch.Float32, x.Size(0), 1)
}

// Cost implements [nn.Module].
func (noTrunk) Cost(in []int64) ([]int64, nn.Cost) { return []int64{in[0], 1}, nn.Cost{} }

// Features is the length of the feature vector that the heads see.
func (n *Net) Features() int64 {
	if n.fuse != nil {
		return n.fuse.Features()
	}
	return n.features
}

// LastStage is the name of the module whose output has the last positions in space and time: where Grad-CAM looks. It is empty for
// networks whose output has none (transformers).
func (n *Net) LastStage() string { return n.last }

// Visit implements [nn.Module].
func (n *Net) Visit(prefix string, v func(string, *nn.Param)) {
	n.trunk.Visit(prefix, v)
	if n.join != nil {
		n.join.Visit(prefix+"views.", v)
	}
	if n.fuse != nil {
		n.fuse.Visit(prefix+"fusion.", v)
	}
	nn.Chain(n.heads).Visit(prefix, v)
}

// Heads computes the raw scores of each head, [N, Width] each in the spec's order: logits, or standardised values for regression.
// They are float32 also under autocast, which ends before the linear layers. The tensors belong to the innermost open scope.
func (n *Net) Heads(p *nn.Pass, x *torch.Tensor) []*torch.Tensor {
	out, _ := n.HeadsAndFeatures(p, x)
	return out
}

// HeadsAndFeatures is Heads with the features [N, Features] that the heads saw, dropout applied, in the trunk's own type under autocast.
func (n *Net) HeadsAndFeatures(p *nn.Pass, x *torch.Tensor) (heads []*torch.Tensor, features *torch.Tensor) {
	return n.headsOf(p, n.Embed(p, x))
}

// HeadsOf computes the heads' raw scores from features that [Net.Embed] made. Dropout lies in here: repeated passes with
// [nn.Pass.Drop] need the features once.
func (n *Net) HeadsOf(p *nn.Pass, features *torch.Tensor) []*torch.Tensor {
	out, _ := n.headsOf(p, features)
	return out
}

func (n *Net) headsOf(p *nn.Pass, features *torch.Tensor) ([]*torch.Tensor, *torch.Tensor) {
	f := n.dropout.Forward(p, features)
	out := make([]*torch.Tensor, len(n.heads))
	p.E.NoAutocast(func() {
		for i, h := range n.heads {
			out[i] = p.Run(h.Name, h.Module, f)
		}
	})
	return out, f
}

// Embed computes the features [N, Features] that the heads see. A table is taken from the pass; without one all its columns are unknown.
func (n *Net) Embed(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	if s := n.Spec.Fusion; s != nil && s.Kind == fusion.Early {
		x = torch.Cat([]*torch.Tensor{x, fusion.Planes(p, *s, x.Shape())}, 1)
	}
	return n.Join(p, n.Clips(p, x))
}

// Join computes what the heads see of a study from its clips' features, which [Net.Clips] made.
func (n *Net) Join(p *nn.Pass, f *torch.Tensor) *torch.Tensor {
	f = n.joined(p, f)
	if n.fuse == nil {
		return f
	}
	var out *torch.Tensor
	p.E.NoAutocast(func() { out = p.Run("fusion", n.fuse, f) })
	return out
}

// Volume lays the output of a captured module out as [N, C, T, H, W], for a run of n clips. Networks that see single frames put out
// [N·T, C, H, W].
func (n *Net) Volume(captured *torch.Tensor, clips int64) *torch.Tensor {
	s := captured.Shape()
	if len(s) != 4 {
		return captured
	}
	return captured.Reshape(clips, s[0]/clips, s[1], s[2], s[3]).Permute(0, 2, 1, 3, 4)
}

// Forward implements [nn.Module]: all heads' scores side by side, [N, sum of widths].
func (n *Net) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	out := n.Heads(p, x)
	if len(out) == 1 {
		return out[0]
	}
	return torch.Cat(out, 1)
}

// Cost implements [nn.Module].
func (n *Net) Cost(in []int64) ([]int64, nn.Cost) {
	if len(in) != 5 || in[1] != n.Spec.Channels {
		panic(fmt.Sprintf("video: cost of an input %v, want [N, %d, T, H, W]", in, n.Spec.Channels))
	}
	if s := n.Spec.Fusion; s != nil {
		in = slices.Clone(in)
		in[1] += s.Channels()
	}
	in = n.clipsOf(in)
	f, sum := n.trunk.Cost(in)
	if n.join != nil {
		g, c := n.join.Cost(f)
		f, sum = g, sum.Plus(c)
		in = []int64{g[0]}
	}
	if n.fuse != nil {
		g, c := n.fuse.Cost(f)
		f, sum = g, sum.Plus(c)
	}
	out := []int64{in[0], 0}
	for _, h := range n.heads {
		o, c := h.Module.Cost(f)
		out[1] += o[1]
		sum.Params += c.Params
		sum.MACs += c.MACs
		sum.Activations += c.Activations
	}
	return out, sum
}

// torchvision's heads of video networks start at N(0, 0.01²) with zero bias.
var videoHead nn.Init = nn.Normal(0.01)
