package explain

import (
	"context"
	"fmt"
	"math"

	"github.com/cineloop/cineloop/stats"
)

// Fill is what a masked region is replaced by.
type Fill string

// Fills. Mean is each channel's mean over the input; Blur a box blur in plane so coarse (a quarter of the side) that detail is gone
// but brightness stays; Zero is 0 in the network's normalised units.
const (
	FillMean Fill = "mean"
	FillBlur Fill = "blur"
	FillZero Fill = "zero"
	// FillNoise draws each value from a normal distribution with its channel's mean and deviation over the input, by a fixed stream.
	FillNoise Fill = "noise"
	// FillIn grows the surroundings of a region into it; only region tests, which know the region, can do that.
	FillIn Fill = "in-fill"
)

// OcclusionOptions sizes the sliding window. Zero values: a quarter of the frames, an eighth of the sides, windows side by side
// without overlap, mean fill, 16 inputs a batch.
type OcclusionOptions struct {
	Window [3]int // frames, rows, columns
	Stride [3]int
	Fill   Fill
	// Value, where not nil, is what every masked value becomes, instead of Fill.
	Value *float32
	// Clip lets the last windows stick out of the input and cuts them, as captum does, instead of moving them inside.
	Clip  bool
	Batch int
}

func (o OcclusionOptions) filled(in Input) OcclusionOptions {
	size := [3]int{in.T, in.H, in.W}
	part := [3]int{4, 8, 8}
	for i := range 3 {
		if o.Window[i] <= 0 {
			o.Window[i] = max(1, size[i]/part[i])
		}
		o.Window[i] = min(o.Window[i], size[i])
		if o.Stride[i] <= 0 {
			o.Stride[i] = o.Window[i]
		}
	}
	if o.Fill == "" {
		o.Fill = FillMean
	}
	if o.Batch <= 0 {
		o.Batch = 16
	}
	return o
}

// Grid is the resolution [t, h, w] at which occlusion of an input works: its windows along each axis.
func (o OcclusionOptions) Grid(in Input) [3]int {
	o = o.filled(in)
	size := [3]int{in.T, in.H, in.W}
	var g [3]int
	for i, n := range size {
		g[i] = len(starts(n, o.Window[i], o.Stride[i]))
	}
	return g
}

// Occlusion masks a window at every stride and maps the fall of the score, averaged over the windows that cover a position (Zeiler
// and Fergus, ECCV 2014, through time as well). Positive values: the score falls when this is hidden. It also returns the score of the
// whole input.
func Occlusion(ctx context.Context, in Input, opt OcclusionOptions, score ScoreFunc) (*Map, float64, error) {
	if err := in.check(); err != nil {
		return nil, 0, err
	}
	opt = opt.filled(in)
	filled, err := fillOf(in, opt.Fill)
	if err != nil {
		return nil, 0, err
	}
	if opt.Value != nil {
		for i := range filled {
			filled[i] = *opt.Value
		}
	}
	base, err := score(in.X, 1)
	if err != nil {
		return nil, 0, fmt.Errorf("explain: score of the whole input: %w", err)
	}
	var windows []box
	at := starts
	if opt.Clip {
		at = clipped
	}
	for _, t := range at(in.T, opt.Window[0], opt.Stride[0]) {
		for _, y := range at(in.H, opt.Window[1], opt.Stride[1]) {
			for _, x := range at(in.W, opt.Window[2], opt.Stride[2]) {
				windows = append(windows, box{t, y, x, min(t+opt.Window[0], in.T), min(y+opt.Window[1], in.H), min(x+opt.Window[2], in.W)})
			}
		}
	}
	sum := make([]float64, in.T*in.H*in.W)
	count := make([]float64, len(sum))
	size := len(in.X)
	batch := make([]float32, min(opt.Batch, len(windows))*size)
	for first := 0; first < len(windows); first += opt.Batch {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		part := windows[first:min(first+opt.Batch, len(windows))]
		for i, b := range part {
			x := batch[i*size : (i+1)*size]
			copy(x, in.X)
			b.each(in, func(pos int) {
				for c := range in.C {
					x[c*in.T*in.H*in.W+pos] = filled[c*in.T*in.H*in.W+pos]
				}
			})
		}
		scores, err := score(batch[:len(part)*size], len(part))
		if err != nil {
			return nil, 0, fmt.Errorf("explain: scores of masked inputs: %w", err)
		}
		for i, b := range part {
			fall := base[0] - scores[i]
			b.each(in, func(pos int) { sum[pos] += fall; count[pos]++ })
		}
	}
	m := NewMap(in.T, in.H, in.W)
	for i := range sum {
		m.Values[i] = float32(sum[i] / count[i])
	}
	return m, base[0], nil
}

// box is a window, upper bounds exclusive.
type box struct{ t0, y0, x0, t1, y1, x1 int }

// each calls f with the flat position in [T, H, W] of every place in the window.
func (b box) each(in Input, f func(pos int)) {
	for t := b.t0; t < b.t1; t++ {
		for y := b.y0; y < b.y1; y++ {
			row := (t*in.H + y) * in.W
			for x := b.x0; x < b.x1; x++ {
				f(row + x)
			}
		}
	}
}

// starts are the first indices of windows that together cover 0..n-1; the last one is moved to end at n.
func starts(n, window, stride int) []int {
	var s []int
	for i := 0; ; i += stride {
		if i+window >= n {
			return append(s, n-window)
		}
		s = append(s, i)
	}
}

// clipped are the first indices of windows, a stride apart, until one reaches the end.
func clipped(n, window, stride int) []int {
	s := []int{0}
	for i := stride; i-stride+window < n; i += stride {
		s = append(s, i)
	}
	return s
}

// fillOf is what in looks like where it is masked, same shape as in.X.
func fillOf(in Input, fill Fill) ([]float32, error) {
	out := make([]float32, len(in.X))
	n := in.T * in.H * in.W
	switch fill {
	case FillZero:
	case FillMean:
		for c := range in.C {
			sum := 0.0
			for _, v := range in.X[c*n : (c+1)*n] {
				sum += float64(v)
			}
			for i := c * n; i < (c+1)*n; i++ {
				out[i] = float32(sum / float64(n))
			}
		}
	case FillNoise:
		rng := stats.Seed(uint64(n)).Stream("explain fill")
		for c := range in.C {
			var sum, square float64
			for _, v := range in.X[c*n : (c+1)*n] {
				sum += float64(v)
				square += float64(v) * float64(v)
			}
			mean := sum / float64(n)
			sd := math.Sqrt(max(0, square/float64(n)-mean*mean))
			for i := c * n; i < (c+1)*n; i++ {
				out[i] = float32(mean + sd*rng.NormFloat64())
			}
		}
	case FillBlur:
		for p := 0; p < in.C*in.T; p++ {
			plane := in.H * in.W
			boxBlur(in.X[p*plane:(p+1)*plane], out[p*plane:(p+1)*plane], in.H, in.W, max(1, in.H/8), max(1, in.W/8))
		}
	default:
		return nil, fmt.Errorf("explain: unknown fill %q: mean, blur, noise or zero", fill)
	}
	return out, nil
}

// boxBlur averages over rows y±ry and columns x±rx that exist, by a summed-area table.
func boxBlur(src, dst []float32, h, w, ry, rx int) {
	table := make([]float64, (h+1)*(w+1))
	for y := range h {
		row := 0.0
		for x := range w {
			row += float64(src[y*w+x])
			table[(y+1)*(w+1)+x+1] = table[y*(w+1)+x+1] + row
		}
	}
	for y := range h {
		y0, y1 := max(0, y-ry), min(h, y+ry+1)
		for x := range w {
			x0, x1 := max(0, x-rx), min(w, x+rx+1)
			s := table[y1*(w+1)+x1] - table[y0*(w+1)+x1] - table[y1*(w+1)+x0] + table[y0*(w+1)+x0]
			dst[y*w+x] = float32(s / float64((y1-y0)*(x1-x0)))
		}
	}
}
