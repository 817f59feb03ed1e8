package learn

import (
	"reflect"
	"slices"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn/fusion"
	"github.com/cineloop/cineloop/nn/video"
)

// streams is what the plan's network does with optical flow, in nn/video's word.
func (p *Plan) streams() (string, error) {
	s := slices.Sorted(slices.Values(p.Model.Streams))
	switch {
	case len(s) == 0, slices.Equal(s, []string{"rgb"}) && !p.Input.Flow:
		return "", nil
	case !slices.Equal(s, []string{"flow"}) && !slices.Equal(s, []string{"flow", "rgb"}):
		return "", fault.New(fault.Usage, "model.streams: %q", p.Model.Streams).WithHint("[rgb, flow] is a network for the picture and one for the flow, [flow] one for the flow alone")
	case !p.Input.Flow:
		return "", fault.New(fault.Usage, "model.streams: the input has no flow").WithHint("set input.flow: true")
	case p.Model.Fusion != nil && p.Model.Fusion.Kind == string(fusion.Early):
		return "", fault.New(fault.Usage, "model.streams: early fusion gives the table to one network").WithHint("join the table late, or in the middle")
	case len(s) == 1:
		return video.StreamsFlow, nil
	}
	return video.StreamsBoth, nil
}

// flow fills what a recipe with optical flow needs.
func (f *planner) flow() {
	in, a := &f.p.Input, &f.p.Augment
	if slices.Contains(f.p.Model.Streams, "flow") && !in.Flow {
		in.Flow = true
		f.because("input.flow = true: model.streams has one")
	}
	if in.Flow && !in.Working {
		in.Working = true
		f.because("input.working = true: flow is computed once, for the clip that the cache keeps")
	}
	if in.Flow && reflect.DeepEqual(*a, clip.AugmentSpec{}) {
		if !f.fp.Intensity.TwoValued {
			a.Brightness, a.Contrast = 0.1, 0.1
		} else {
			a.Scale = []float64{1, 1}
		}
		f.because("augment: changes of brightness alone: what moves samples at random would need the flow computed anew")
	}
}
