package explain

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// ShufflePixels deals out the positions of every frame of an input in one order, the same in all frames and channels: brightness stays,
// what is shown goes. Position i of the result is position order[i] of the input.
func ShufflePixels(in Input, rng *rand.Rand) (out Input, order []int, err error) {
	if err := in.check(); err != nil {
		return in, nil, err
	}
	plane := in.H * in.W
	order = rng.Perm(plane)
	out = in
	out.X = make([]float32, len(in.X))
	for f := range in.C * in.T {
		for i, from := range order {
			out.X[f*plane+i] = in.X[f*plane+from]
		}
	}
	return out, order, nil
}

// Unshuffled puts a map of shuffled pixels back into the places that they came from.
func (m *Map) Unshuffled(order []int) (*Map, error) {
	plane := m.H * m.W
	if len(order) != plane {
		return nil, fmt.Errorf("explain: an order of %d positions for frames of %d", len(order), plane)
	}
	out := NewMap(m.T, m.H, m.W)
	for t := range m.T {
		for i, to := range order {
			out.Values[t*plane+to] = m.Values[t*plane+i]
		}
	}
	return out, nil
}

// NoiseLike is an input of nothing: independent normal values with each channel's mean and deviation.
func NoiseLike(in Input, rng *rand.Rand) (Input, error) {
	if err := in.check(); err != nil {
		return in, err
	}
	out := in
	out.X = make([]float32, len(in.X))
	n := in.T * in.H * in.W
	for c := range in.C {
		x := widen(in.X[c*n : (c+1)*n])
		m, ss := mean(x), 0.0
		for _, v := range x {
			ss += (v - m) * (v - m)
		}
		sd := math.Sqrt(ss / float64(n))
		for i := range n {
			out.X[c*n+i] = float32(m + sd*rng.NormFloat64())
		}
	}
	return out, nil
}

// DataControl compares a map with those of data from which the picture has gone (the other half of the data randomisation of Adebayo et al.,
// "Sanity checks for saliency maps", NeurIPS 2018, whose first half is shuffled labels).
type DataControl struct {
	// Shuffled is the likeness to the map of shuffled pixels, put back in place: high where a map follows single pixels' values.
	Shuffled Similarity `json:"shuffled_pixels"`
	// Noise is the likeness to the map of noise: high where the map is the same whatever is shown.
	Noise Similarity `json:"noise"`
}

// ControlData draws the maps of shuffled pixels and of noise, and compares them with m.
func ControlData(in Input, m *Map, rng *rand.Rand, draw MapFunc) (DataControl, error) {
	var out DataControl
	shuffled, order, err := ShufflePixels(in, rng)
	if err != nil {
		return out, err
	}
	other, err := draw(shuffled)
	if err != nil {
		return out, err
	}
	if other, err = other.Unshuffled(order); err != nil {
		return out, err
	}
	if out.Shuffled, err = Compare(m, other); err != nil {
		return out, err
	}
	noise, err := NoiseLike(in, rng)
	if err != nil {
		return out, err
	}
	if other, err = draw(noise); err != nil {
		return out, err
	}
	out.Noise, err = Compare(m, other)
	return out, err
}

// Controlled takes a verdict back when a map of no picture is much the same. The limit is that of random weights.
func (v *Verdict) Controlled(c DataControl) {
	above := func(s Similarity) bool { return s.Spearman != nil && *s.Spearman > DefaultCriteria.Randomised }
	switch {
	case v.Finding != Supported:
	case above(c.Shuffled):
		v.Finding = PixelValues
		v.Words = fmt.Sprintf("Do not read this map: it follows the values of single pixels, whatever they show (rank correlation %.2f with the map of shuffled pixels, put back in place).", *c.Shuffled.Spearman)
	case above(c.Noise):
		v.Finding = Unstable
		v.Words = fmt.Sprintf("Do not read this map: noise in place of the picture has much the same (rank correlation %.2f).", *c.Noise.Spearman)
	}
}

// RemoveTop is an input with the share of positions that a map ranks highest replaced (Hooker et al., "A benchmark for interpretability
// methods in deep neural networks", NeurIPS 2019: remove and retrain); ties by position. value, where not nil, is what they become, a value a
// channel, instead of fill.
func RemoveTop(in Input, m *Map, share float64, fill Fill, value []float32) (Input, error) {
	if err := in.check(); err != nil {
		return in, err
	}
	n := in.T * in.H * in.W
	if len(m.Values) != n || !(share >= 0 && share <= 1) || value != nil && len(value) != in.C {
		return in, fmt.Errorf("explain: %g of %d positions are removed by a map of %d", share, n, len(m.Values))
	}
	out := in
	out.X = slices.Clone(in.X)
	k := int(share*float64(n) + 0.5)
	if k == 0 {
		return out, nil
	}
	at := ranked(m)[:k]
	if value == nil {
		filled, err := filling(in, fill, nil)
		if err == nil {
			hide(out.X, in, at, filled)
		}
		return out, err
	}
	for _, p := range at {
		for c := range in.C {
			out.X[c*n+p] = value[c]
		}
	}
	return out, nil
}
