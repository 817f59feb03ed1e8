package explain

import "fmt"

// Region is a named set of positions in [T, H, W], flat, such as a structure that a mask outlines.
type Region struct {
	Name string
	At   []int
}

// RegionOf are the positions where mask [T, H, W] holds value.
func RegionOf(name string, mask []int, value int) Region {
	r := Region{Name: name}
	for i, v := range mask {
		if v == value {
			r.At = append(r.At, i)
		}
	}
	return r
}

// Disc is a region drawn as a disc in every frame.
func Disc(name string, in Input, y, x, radius float64) Region {
	r := Region{Name: name}
	for i := range in.T * in.H * in.W {
		dy, dx := float64(i/in.W%in.H)-y, float64(i%in.W)-x
		if dy*dy+dx*dx <= radius*radius {
			r.At = append(r.At, i)
		}
	}
	return r
}

// hide writes in with a region replaced into dst. filled is what fillOf gave, nil for in-fill.
func hide(dst []float32, in Input, at []int, filled []float32) {
	n := in.T * in.H * in.W
	if filled == nil {
		inFill(dst, in, at)
		return
	}
	for _, p := range at {
		for c := range in.C {
			dst[c*n+p] = filled[c*n+p]
		}
	}
}

// inFill grows the surroundings into the region: in each frame, unknown positions next to known ones become the mean of those, ring by
// ring. A frame that is hidden whole becomes its channel's mean over the frame.
func inFill(dst []float32, in Input, at []int) {
	plane := in.H * in.W
	frames := map[int][]int{}
	for _, p := range at {
		frames[p/plane] = append(frames[p/plane], p%plane)
	}
	for t, hidden := range frames {
		if len(hidden) >= plane {
			for c := range in.C {
				f := dst[(c*in.T+t)*plane : (c*in.T+t+1)*plane]
				m := float32(mean(widen(f)))
				for i := range f {
					f[i] = m
				}
			}
			continue
		}
		unknown := make([]bool, plane)
		for _, p := range hidden {
			unknown[p] = true
		}
		for left := hidden; len(left) > 0; {
			var ring, rest []int
			for _, p := range left {
				if len(known(p, in.H, in.W, unknown)) > 0 {
					ring = append(ring, p)
				} else {
					rest = append(rest, p)
				}
			}
			for c := range in.C {
				f := dst[(c*in.T+t)*plane : (c*in.T+t+1)*plane]
				for _, p := range ring {
					near := known(p, in.H, in.W, unknown)
					sum := float32(0)
					for _, q := range near {
						sum += f[q]
					}
					f[p] = sum / float32(len(near))
				}
			}
			for _, p := range ring {
				unknown[p] = false
			}
			left = rest
		}
	}
}

// known are the neighbours of p, in rows and columns, that are not unknown.
func known(p, h, w int, unknown []bool) []int {
	var near []int
	y, x := p/w, p%w
	for _, d := range [4][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
		if a, b := y+d[0], x+d[1]; a >= 0 && a < h && b >= 0 && b < w && !unknown[a*w+b] {
			near = append(near, a*w+b)
		}
	}
	return near
}

// filling is fillOf, or nil for in-fill.
func filling(in Input, fill Fill, value *float32) ([]float32, error) {
	if fill == FillIn && value == nil {
		return nil, nil
	}
	if value != nil {
		fill = FillZero
	}
	filled, err := fillOf(in, fill)
	if value != nil {
		for i := range filled {
			filled[i] = *value
		}
	}
	return filled, err
}

// Ablate is the fall of the score when each region alone is hidden, and the score of the whole. value, where not nil, is what hidden
// values become instead of fill.
func Ablate(in Input, regions []Region, fill Fill, value *float32, score ScoreFunc) (fall []float64, whole float64, err error) {
	return hideInTurn(in, regions, fill, value, score, false)
}

// Serial is the score after regions 0…k are hidden together, for each k (serial occlusion), and the score of the whole.
func Serial(in Input, regions []Region, fill Fill, value *float32, score ScoreFunc) (after []float64, whole float64, err error) {
	after, whole, err = hideInTurn(in, regions, fill, value, score, true)
	for i := range after {
		after[i] = whole - after[i]
	}
	return after, whole, err
}

func hideInTurn(in Input, regions []Region, fill Fill, value *float32, score ScoreFunc, together bool) (fall []float64, whole float64, err error) {
	if err := in.check(); err != nil {
		return nil, 0, err
	}
	filled, err := filling(in, fill, value)
	if err != nil {
		return nil, 0, err
	}
	for _, r := range regions {
		for _, p := range r.At {
			if p < 0 || p >= in.T*in.H*in.W {
				return nil, 0, fmt.Errorf("explain: region %q has position %d of %d", r.Name, p, in.T*in.H*in.W)
			}
		}
	}
	var hidden []int
	scores, err := inBatches(len(in.X), 1+len(regions), func(i int, dst []float32) {
		copy(dst, in.X)
		if i == 0 {
			return
		}
		at := regions[i-1].At
		if together {
			hidden = append(hidden, at...)
			at = hidden
		}
		hide(dst, in, at, filled)
	}, score)
	if err != nil {
		return nil, 0, fmt.Errorf("explain: scores without regions: %w", err)
	}
	for _, s := range scores[1:] {
		fall = append(fall, scores[0]-s)
	}
	return fall, scores[0], nil
}

// perBatch is how many disturbed inputs are scored at a time.
const perBatch = 16

// inBatches scores n inputs of size values, which make writes in their order.
func inBatches(size, n int, write func(i int, dst []float32), score ScoreFunc) ([]float64, error) {
	var out []float64
	batch := make([]float32, min(perBatch, n)*size)
	for len(out) < n {
		k := min(perBatch, n-len(out))
		for i := range k {
			write(len(out)+i, batch[i*size:(i+1)*size])
		}
		s, err := score(batch[:k*size], k)
		if err != nil {
			return nil, err
		}
		if len(s) != k {
			return nil, fmt.Errorf("explain: %d scores of %d inputs", len(s), k)
		}
		out = append(out, s...)
	}
	return out, nil
}

// Hidden is an input with a region hidden.
func Hidden(in Input, region Region, fill Fill) (Input, error) {
	if err := in.check(); err != nil {
		return in, err
	}
	filled, err := filling(in, fill, nil)
	if err != nil {
		return in, err
	}
	out := in
	out.X = append([]float32(nil), in.X...)
	hide(out.X, in, region.At, filled)
	return out, nil
}
