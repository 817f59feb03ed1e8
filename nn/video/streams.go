package video

import (
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// The streams of a network whose input's last two channels are optical flow. With none named one network sees all channels.
const (
	StreamsBoth = "rgb+flow" // a network for the picture and one for the flow (Simonyan and Zisserman, NeurIPS 2014, section 2)
	StreamsFlow = "flow"     // the flow alone
)

// streamed builds a trunk for the streams of a spec. The two streams' features stand side by side, so that a linear head on them is the sum of a
// head on each: the late fusion of the paper, its averaging learnt with the rest. The picture's stream keeps the network's own names, so that
// weights load as they are; the flow's have "flow." before them.
func streamed(streams string, build func(Spec) body) (func(Spec) body, error) {
	switch streams {
	case "":
		return build, nil
	case StreamsFlow:
		return func(s Spec) body {
			picture := s.Channels - flowChannels
			s.Channels = flowChannels
			b := build(s)
			b.trunk = flowOnly{b.trunk, picture}
			return b
		}, nil
	case StreamsBoth:
		return func(s Spec) body {
			s.Channels -= flowChannels
			b := build(s)
			t := &twoStreams{picture: b.trunk, channels: s.Channels}
			s.Channels = flowChannels
			f := build(s)
			t.flow = f.trunk
			b.trunk, b.features = t, b.features+f.features
			return b
		}, nil
	}
	return nil, fault.New(fault.Usage, "no streams %q", streams).WithHint("%q, %q or none", StreamsBoth, StreamsFlow)
}

const flowChannels = 2

// flowOnly gives a trunk the flow's channels of its input.
type flowOnly struct {
	nn.Module
	picture int64 // channels before them
}

// Forward implements [nn.Module].
func (f flowOnly) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	return f.Module.Forward(p, x.Narrow(1, f.picture, flowChannels))
}

// Cost implements [nn.Module].
func (f flowOnly) Cost(in []int64) ([]int64, nn.Cost) {
	return f.Module.Cost(withChannels(in, flowChannels))
}

// twoStreams is a trunk for the picture beside one for the flow: [N, features of both].
type twoStreams struct {
	picture, flow nn.Module
	channels      int64 // of the picture
}

// Visit implements [nn.Module].
func (t *twoStreams) Visit(prefix string, v func(string, *nn.Param)) {
	t.picture.Visit(prefix, v)
	t.flow.Visit(prefix+"flow.", v)
}

// Forward implements [nn.Module].
func (t *twoStreams) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	a := t.picture.Forward(p, x.Narrow(1, 0, t.channels))
	b := p.Run("flow", t.flow, x.Narrow(1, t.channels, flowChannels))
	return torch.Cat([]*torch.Tensor{a, b}, 1)
}

// Cost implements [nn.Module].
func (t *twoStreams) Cost(in []int64) ([]int64, nn.Cost) {
	a, c := t.picture.Cost(withChannels(in, t.channels))
	b, d := t.flow.Cost(withChannels(in, flowChannels))
	return []int64{in[0], a[1] + b[1]}, c.Plus(d)
}

func withChannels(in []int64, n int64) []int64 {
	out := append([]int64{}, in...)
	out[1] = n
	return out
}
