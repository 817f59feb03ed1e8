package explain

import (
	"fmt"
	"math"
)

// Map is relevance of an input's positions [T, H, W], W fastest. Larger is more relevant; a signed map has negative values where
// the evidence speaks against the score.
type Map struct {
	T, H, W int
	Values  []float32
}

// NewMap is a zero map.
func NewMap(t, h, w int) *Map { return &Map{t, h, w, make([]float32, t*h*w)} }

// Input is one network input [C, T, H, W], float32, W fastest.
type Input struct {
	C, T, H, W int
	X          []float32
}

func (in Input) check() error {
	if in.C <= 0 || in.T <= 0 || in.H <= 0 || in.W <= 0 || len(in.X) != in.C*in.T*in.H*in.W {
		return fmt.Errorf("explain: %d values for an input of shape [%d %d %d %d]", len(in.X), in.C, in.T, in.H, in.W)
	}
	return nil
}

// ScoreFunc scores n inputs that lie one after the other in x, each [C, T, H, W]: one score each, the model's output for the target
// under explanation (a logit, probability or value in its unit). x belongs to the caller and may be reused after the call.
type ScoreFunc func(x []float32, n int) ([]float64, error)

// Normalised is m scaled to 0..1 by its largest absolute value, for display; an all-zero map stays zero.
func (m *Map) Normalised() *Map {
	out := NewMap(m.T, m.H, m.W)
	var peak float32
	for _, v := range m.Values {
		peak = max(peak, float32(math.Abs(float64(v))))
	}
	if peak == 0 {
		return out
	}
	for i, v := range m.Values {
		out.Values[i] = max(0, v/peak)
	}
	return out
}

// Abs is the map of absolute values: what matters in either direction, for scores without a good side such as a volume.
func (m *Map) Abs() *Map {
	out := NewMap(m.T, m.H, m.W)
	for i, v := range m.Values {
		out.Values[i] = float32(math.Abs(float64(v)))
	}
	return out
}

// OverTime is the mean relevance of each frame, length T: which moments mattered.
func (m *Map) OverTime() []float64 {
	out := make([]float64, m.T)
	n := m.H * m.W
	for t := range out {
		sum := 0.0
		for _, v := range m.Values[t*n : (t+1)*n] {
			sum += float64(v)
		}
		out[t] = sum / float64(n)
	}
	return out
}

// Resize interpolates m linearly along each axis to [t, h, w], sample centres aligned as torch's interpolate with
// align_corners=false does.
func (m *Map) Resize(t, h, w int) *Map {
	if m.T == t && m.H == h && m.W == w {
		return &Map{t, h, w, append([]float32(nil), m.Values...)}
	}
	it, ih, iw := linear(m.T, t), linear(m.H, h), linear(m.W, w)
	out := NewMap(t, h, w)
	at := func(a, b, c int) float64 { return float64(m.Values[(a*m.H+b)*m.W+c]) }
	for a, p := range it {
		for b, q := range ih {
			for c, r := range iw {
				row := func(ti, hi int) float64 { return at(ti, hi, r.lo)*(1-r.f) + at(ti, hi, r.hi)*r.f }
				plane := func(ti int) float64 { return row(ti, q.lo)*(1-q.f) + row(ti, q.hi)*q.f }
				out.Values[(a*h+b)*w+c] = float32(plane(p.lo)*(1-p.f) + plane(p.hi)*p.f)
			}
		}
	}
	return out
}

type tap struct {
	lo, hi int
	f      float64
}

func linear(from, to int) []tap {
	taps := make([]tap, to)
	for i := range taps {
		x := (float64(i)+0.5)*float64(from)/float64(to) - 0.5
		x = min(max(x, 0), float64(from-1))
		lo := int(x)
		taps[i] = tap{lo, min(lo+1, from-1), x - float64(lo)}
	}
	return taps
}
