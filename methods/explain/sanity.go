package explain

import (
	"math"

	"github.com/cineloop/cineloop/stats"
)

// Edges is the edge strength of an input: the magnitude of Sobel gradients in plane, averaged over channels, after averaging down to
// the resolution [t, h, w] of the map it will be compared with and back. What an edge detector would highlight.
func Edges(in Input, t, h, w int) (*Map, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	m := NewMap(in.T, in.H, in.W)
	plane := in.H * in.W
	for c := range in.C {
		for f := range in.T {
			src := in.X[(c*in.T+f)*plane : (c*in.T+f+1)*plane]
			at := func(y, x int) float64 {
				return float64(src[min(max(y, 0), in.H-1)*in.W+min(max(x, 0), in.W-1)])
			}
			for y := range in.H {
				for x := range in.W {
					gx := at(y-1, x+1) + 2*at(y, x+1) + at(y+1, x+1) - at(y-1, x-1) - 2*at(y, x-1) - at(y+1, x-1)
					gy := at(y+1, x-1) + 2*at(y+1, x) + at(y+1, x+1) - at(y-1, x-1) - 2*at(y-1, x) - at(y-1, x+1)
					m.Values[f*plane+y*in.W+x] += float32(math.Hypot(gx, gy) / float64(in.C))
				}
			}
		}
	}
	return m.pool(t, h, w).Resize(in.T, in.H, in.W), nil
}

// pool averages m over the cells of a coarser grid.
func (m *Map) pool(t, h, w int) *Map {
	t, h, w = min(t, m.T), min(h, m.H), min(w, m.W)
	out := NewMap(t, h, w)
	count := make([]float32, len(out.Values))
	for a := range m.T {
		for b := range m.H {
			for c := range m.W {
				i := (a*t/m.T*h+b*h/m.H)*w + c*w/m.W
				out.Values[i] += m.Values[(a*m.H+b)*m.W+c]
				count[i]++
			}
		}
	}
	for i := range out.Values {
		out.Values[i] /= count[i]
	}
	return out
}

// RankCorrelation is Spearman's correlation of two maps of one shape, position by position; NaN when one of them is constant.
func RankCorrelation(a, b *Map) float64 {
	if a.T != b.T || a.H != b.H || a.W != b.W {
		return math.NaN()
	}
	return stats.Spearman(widen(a.Values), widen(b.Values))
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
