package attribute

import (
	"fmt"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
)

// layer is a captured layer's output and the score's gradient by it, [N, C, …] both.
func (n Net) layer(x *torch.Tensor, target Target, name string) (act, grad *torch.Tensor, err error) {
	p := n.pass(nil)
	p.Capture(name)
	defer p.Release()
	out := n.E.Scoped(func() []*torch.Tensor {
		leaf := x.Detach().Clone().SetRequiresGrad(true)
		score := n.Score(p, leaf, target).Sum()
		at := p.Captured(name)
		if at == nil {
			return nil
		}
		g := n.E.Grad([]*torch.Tensor{score}, []*torch.Tensor{at}, torch.GradOptions{})[0]
		a := at.Detach()
		if n.Volume != nil {
			a, g = n.Volume(a, x.Size(0)), n.Volume(g, x.Size(0))
		}
		return []*torch.Tensor{a.Clone(), g}
	})
	if out == nil {
		return nil, nil, fault.New(fault.Usage, "the network has no layer %q", name)
	}
	if d := out[0].Dim(); d != 4 && d != 5 {
		return nil, nil, fault.New(fault.Usage, "layer %q has no positions: its output is %v", name, out[0].Shape())
	}
	return out[0], out[1], nil
}

// positions are the dimensions behind N and C.
func positions(t *torch.Tensor) []int64 {
	var d []int64
	for i := 2; i < t.Dim(); i++ {
		d = append(d, int64(i))
	}
	return d
}

// keep puts dimensions of one value behind [N, C].
func keep(t *torch.Tensor, dims int) *torch.Tensor {
	shape := t.Shape()
	for range dims {
		shape = append(shape, 1)
	}
	return t.Reshape(shape...)
}

// GradCAM is the sum of a layer's channels, each weighted with its mean gradient (Selvaraju et al., "Grad-CAM", ICCV 2017, equations 1 and
// 2; time is averaged over like the other positions), [N, 1, …] at the layer's resolution and signed: the paper takes its positive part.
func (n Net) GradCAM(x *torch.Tensor, target Target, layer string) (*torch.Tensor, error) {
	act, grad, err := n.layer(x, target, layer)
	if err != nil {
		return nil, err
	}
	w := keep(grad.Mean(positions(grad)...), grad.Dim()-2)
	return sumChannels(act.Mul(w)), nil
}

func sumChannels(t *torch.Tensor) *torch.Tensor { return t.Sum(1).Unsqueeze(1) }

// GradCAMPlusPlus weights each position's positive gradient by α (Chattopadhay et al., "Grad-CAM++", WACV 2018, equations 5 and 19, for the
// exponential of the score). It is the positive part, as there.
func (n Net) GradCAMPlusPlus(x *torch.Tensor, target Target, layer string) (*torch.Tensor, error) {
	act, grad, err := n.layer(x, target, layer)
	if err != nil {
		return nil, err
	}
	g2 := grad.Square()
	cubes := keep(act.Sum(positions(act)...), act.Dim()-2).Mul(g2.Mul(grad))
	below := g2.MulScalar(2).Add(cubes)
	below = torch.Where(below.EqScalar(0), below.OnesLike(), below)
	w := g2.Div(below).Mul(grad.Relu()).Sum(positions(grad)...)
	return sumChannels(act.Mul(keep(w, act.Dim()-2))).Relu(), nil
}

// Upsample interpolates a map [N, 1, …] to the positions of an input's shape: linearly with aligned centres, or to the nearest.
func Upsample(m *torch.Tensor, shape []int64, nearest bool) *torch.Tensor {
	switch {
	case nearest:
		return torch.Interpolate(m, shape[2:], "nearest", false)
	case len(shape) == 5:
		return torch.Interpolate(m, shape[2:], "trilinear", false)
	}
	return torch.Interpolate(m, shape[2:], "bilinear", false)
}

// GuidedGradCAM is guided backpropagation times the positive part of Grad-CAM (Selvaraju et al., section 3.2), interpolated to the nearest.
func (n Net) GuidedGradCAM(x *torch.Tensor, target Target, layer string) (*torch.Tensor, error) {
	cam, err := n.GradCAM(x, target, layer)
	if err != nil {
		return nil, err
	}
	return n.GuidedBackprop(x, target).Mul(Upsample(cam.Relu(), x.Shape(), true)), nil
}

// ScoreCAM weights a layer's channels by what the score keeps when the input is seen through each of them, scaled to 0…1 (Wang et al.,
// "Score-CAM", CVPR workshops 2020): a softmax of the rises over the score of a zero input. It needs one forward pass a channel, chunk at
// a time, and no gradient. One input.
func (n Net) ScoreCAM(x *torch.Tensor, target Target, layer string, chunk int) (*torch.Tensor, error) {
	if x.Size(0) != 1 {
		return nil, fmt.Errorf("explain: Score-CAM takes one input at a time, not %d", x.Size(0))
	}
	act, _, err := n.layer(x, target, layer)
	if err != nil {
		return nil, err
	}
	base := floats(n.plain(x.ZerosLike(), target))[0]
	channels := act.Size(1)
	var rise []float64
	for lo := int64(0); lo < channels; lo += int64(max(1, chunk)) {
		s := n.E.Scope()
		k := min(int64(max(1, chunk)), channels-lo)
		mask := Upsample(act.Narrow(1, lo, k).Transpose(0, 1).Contiguous(torch.Contiguous), x.Shape(), false)
		mask = unit(mask)
		same := make(Target, k)
		for i := range same {
			same[i] = target[0]
		}
		for _, f := range floats(n.plain(mask.Mul(x), same)) {
			rise = append(rise, f-base)
		}
		s.Close()
	}
	w := n.E.FromFloat64s(rise, 1, channels).Softmax(1).To(act.DType())
	return sumChannels(act.Mul(keep(w, act.Dim()-2))).Relu(), nil
}

// unit scales each row of t to 0…1; constant rows become 0.
func unit(t *torch.Tensor) *torch.Tensor {
	flat := t.Flatten(1, -1)
	lo := perRow(amin(flat), t)
	span := perRow(amin(flat.Neg()).Neg(), t).Sub(lo)
	span = torch.Where(span.EqScalar(0), span.OnesLike(), span)
	return t.Sub(lo).Div(span)
}

// amin is the smallest value of each row.
func amin(flat *torch.Tensor) *torch.Tensor {
	out, err := flat.Engine().Call("aten::amin", flat, []int64{1}, false)
	if err != nil {
		panic(err)
	}
	return out[0].(*torch.Tensor)
}
