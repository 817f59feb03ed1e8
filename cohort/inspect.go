package cohort

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/clip"
)

// Facts is what one look at an item's pixels says: its form, how it may be recognised again, and what may be wrong with it.
type Facts struct {
	Row        int               `json:"-"`
	Line       int               `json:"line"`
	ID         string            `json:"id"`
	Unreadable string            `json:"unreadable,omitempty"` // why; nothing else is known then
	Frames     int               `json:"frames"`
	Height     int               `json:"height"`
	Width      int               `json:"width"`
	Channels   int               `json:"channels"`
	DType      string            `json:"dtype"`
	RateHz     float64           `json:"frame_rate_hz,omitempty"` // 0: unknown
	SpacingMM  [3]float64        `json:"spacing_mm,omitzero"`     // slice, row, column; 0: unknown
	Tags       map[string]string `json:"tags,omitempty"`          // scan-level facts of the header, free of identity
	Stack      *clip.Stack       `json:"stack,omitempty"`         // how its slices lie; nil: no slices with positions
	TiltDeg    float64           `json:"tilt_deg,omitempty"`      // between the slices' normal and the line of their positions

	Mean       float64    `json:"mean"`      // of the stored values, as a share of the clip's own range 0 to 1
	SD         float64    `json:"sd"`        // the same
	Blank      float64    `json:"blank"`     // share of frames of one value
	Frozen     float64    `json:"frozen"`    // share of frames equal to the one before
	Saturated  float64    `json:"saturated"` // share of samples at the type's largest value
	Sharpness  float64    `json:"sharpness"` // mean absolute Laplacian over the SD: low is blurred
	Irregular  float64    `json:"irregular"` // largest gap between frame times over their median, less 1
	hash       [3]uint64  // of the first, the middle and the last frame
	hashUsable bool       // not of a picture that is nearly flat
	thumb      [3][]uint8 // the same frames, thumbSide a side, 0 to 255 over each one's range
	sketch     *sketch    // nil: a picture without contrast, or smaller than a thumbnail
}

// InspectOptions bounds the work; the zero value uses all cores.
type InspectOptions struct {
	Workers  int
	Progress func(done int) // called as items are finished, from one goroutine at a time
}

// Inspect decodes every item once and looks at it; of studies every clip, in the order of rows and slots. What cannot be read says why.
func (c *Cohort) Inspect(ctx context.Context, opt InspectOptions) ([]Facts, error) {
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	files := c.files()
	out := make([]Facts, len(files))
	done := make(chan int, len(files))
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		n := 0
		for range done {
			if n++; opt.Progress != nil {
				opt.Progress(n)
			}
		}
	}()
	parallel(opt.Workers, len(files), func(i int) {
		if ctx.Err() == nil {
			out[i] = inspect(ctx, files[i])
		}
		done <- i
	})
	close(done)
	<-finished
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("inspecting the cohort: %w", err)
	}
	return out, nil
}

func inspect(ctx context.Context, r file) (f Facts) {
	f = Facts{Row: r.row, Line: r.Line, ID: r.ID}
	defer func() {
		if v := recover(); v != nil {
			f.Unreadable = fmt.Sprintf("the decoder failed: %v", v)
		}
	}()
	cl, err := clipReader.open(ctx, source{path: r.Path})
	if err != nil {
		f.Unreadable = WithoutPath(err, r.Path)
		return f
	}
	f.Frames, f.Height, f.Width, f.Channels, f.DType = cl.T, cl.H, cl.W, cl.C, cl.DType.String()
	f.RateHz, f.SpacingMM, f.Tags = cl.FrameRate(), [3]float64{cl.Spacing.Slice, cl.Spacing.Row, cl.Spacing.Column}, cl.Source.Tags
	f.Stack, f.TiltDeg = cl.Source.Stack, cl.TiltDeg()
	if f.Stack != nil {
		f.TiltDeg = f.Stack.TiltDeg // also where uneven slices have no affine
	}
	f.Irregular = irregular(cl.TimesMS)
	samplesOf(cl).measure(&f)
	return f
}

// samples are a clip's, of whatever type.
type samples interface {
	measure(f *Facts)
	grid(t int) []float64 // the means of frame t's first channel over a thumbnail
}

type samplesIn[T clip.Number] struct {
	*clip.Clip
	s       []T
	largest float64 // of the type; infinite where it has no such value
}

func samplesOf(c *clip.Clip) samples {
	switch c.DType {
	case clip.Uint8:
		return samplesIn[uint8]{c, clip.Samples[uint8](c), math.MaxUint8}
	case clip.Int8:
		return samplesIn[int8]{c, clip.Samples[int8](c), math.MaxInt8}
	case clip.Uint16:
		return samplesIn[uint16]{c, clip.Samples[uint16](c), math.MaxUint16}
	case clip.Int16:
		return samplesIn[int16]{c, clip.Samples[int16](c), math.MaxInt16}
	case clip.Int32:
		return samplesIn[int32]{c, clip.Samples[int32](c), math.MaxInt32}
	case clip.Float32:
		return samplesIn[float32]{c, clip.Samples[float32](c), math.Inf(1)}
	default:
		return samplesIn[float64]{c, clip.Samples[float64](c), math.Inf(1)}
	}
}

func (c samplesIn[T]) frame(t int) []T {
	n := c.H * c.W * c.C
	return c.s[t*n : (t+1)*n]
}

func (c samplesIn[T]) grid(t int) []float64 {
	return boxes(c.frame(t), c.H, c.W, c.C, thumbSide, thumbSide)
}

// measure fills what is read off the samples.
func (c samplesIn[T]) measure(f *Facts) {
	lo, hi := math.Inf(1), math.Inf(-1)
	var sum, square float64
	saturated := 0
	for _, v := range c.s {
		x := float64(v)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			continue
		}
		lo, hi = math.Min(lo, x), math.Max(hi, x)
		sum += x
		square += x * x
		if x == c.largest {
			saturated++
		}
	}
	n := float64(len(c.s))
	f.Saturated = float64(saturated) / n
	mean := sum / n
	sd := math.Sqrt(math.Max(0, square/n-mean*mean))
	if hi > lo {
		f.Mean, f.SD = (mean-lo)/(hi-lo), sd/(hi-lo)
	}
	blank, frozen := 0, 0
	var laplace float64
	looked := 0
	for t := range c.T {
		px := c.frame(t)
		if t > 0 && equal(px, c.frame(t-1)) {
			frozen++
		}
		if flat(px) {
			blank++
		}
		if t%max(1, c.T/8) == 0 && c.H > 2 && c.W > 2 { // sharpness of eight frames
			laplace += laplacian(px, c.H, c.W, c.C)
			looked++
		}
	}
	f.Blank, f.Frozen = float64(blank)/float64(c.T), float64(frozen)/float64(c.T)
	if looked > 0 && sd > 0 {
		f.Sharpness = laplace / float64(looked) / sd
	}
	for i, t := range [3]int{0, c.T / 2, c.T - 1} {
		f.hash[i] = differenceHash(c.frame(t), c.H, c.W, c.C)
		f.thumb[i] = thumbnail(c.grid(t))
	}
	if min(c.H, c.W) >= thumbSide {
		f.sketch = sketchOf(c, c.T)
	}
	f.hashUsable = f.Blank < 0.5 && bits.OnesCount64(f.hash[1]) > 8 && bits.OnesCount64(f.hash[1]) < 56
}

func equal[T clip.Number](a, b []T) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func flat[T clip.Number](px []T) bool {
	for _, v := range px[1:] {
		if v != px[0] {
			return false
		}
	}
	return true
}

// laplacian is the mean absolute value of the 4-neighbour Laplacian of the first channel.
func laplacian[T clip.Number](px []T, h, w, c int) (mean float64) {
	at := func(y, x int) float64 { return float64(px[(y*w+x)*c]) }
	for y := 1; y < h-1; y++ {
		for x := 1; x < w-1; x++ {
			mean += math.Abs(4*at(y, x) - at(y-1, x) - at(y+1, x) - at(y, x-1) - at(y, x+1))
		}
	}
	return mean / float64((h-2)*(w-2))
}

// differenceHash is 64 comparisons of neighbouring means on a 9×8 grid of one frame's first channel: equal up to a few bits for the same
// picture scaled, recompressed or brightened (the dHash of Krawetz, 2013).
func differenceHash[T clip.Number](px []T, h, w, c int) (hash uint64) {
	grid := boxes(px, h, w, c, 8, 9)
	for y := range 8 {
		for x := range 8 {
			if grid[y*9+x] > grid[y*9+x+1] {
				hash |= 1 << (8*y + x)
			}
		}
	}
	return hash
}

// thumbSide is the side of the pictures that decide whether two items with like hashes are the same.
const thumbSide = 48

func thumbnail(grid []float64) []uint8 {
	lo, hi := slices.Min(grid), slices.Max(grid)
	out := make([]uint8, len(grid))
	for i, v := range grid {
		if hi > lo {
			out[i] = uint8(255 * (v - lo) / (hi - lo))
		}
	}
	return out
}

// boxes are the means of the first channel over a grid of rows × columns.
func boxes[T clip.Number](px []T, h, w, c, rows, columns int) []float64 {
	out := make([]float64, rows*columns)
	for gy := range rows {
		y0 := gy * h / rows
		y1 := max((gy+1)*h/rows, y0+1)
		for gx := range columns {
			x0 := gx * w / columns
			x1 := max((gx+1)*w/columns, x0+1)
			var sum float64
			for y := y0; y < y1; y++ {
				for x := x0; x < x1; x++ {
					sum += float64(px[(y*w+x)*c])
				}
			}
			if sum == sum { // NaN stays dark
				out[gy*columns+gx] = sum / float64((y1-y0)*(x1-x0))
			}
		}
	}
	return out
}

// irregular is the largest gap between times over their median, less 1; 0 for fewer than three times.
func irregular(times []float64) float64 {
	if len(times) < 3 {
		return 0
	}
	gaps := make([]float64, len(times)-1)
	for i := range gaps {
		gaps[i] = times[i+1] - times[i]
	}
	m, largest := median(gaps), 0.0
	for _, g := range gaps {
		largest = math.Max(largest, g)
	}
	if m <= 0 {
		return 0
	}
	return largest/m - 1
}

// columns are the facts as fields that a label might depend on: name to text, "" where unknown.
func (f Facts) columns() map[string]string {
	if f.Unreadable != "" {
		return nil
	}
	out := map[string]string{
		"(frame size)": strconv.Itoa(f.Height) + "×" + strconv.Itoa(f.Width), "(frames)": strconv.Itoa(f.Frames),
		"(channels)": strconv.Itoa(f.Channels), "(sample type)": f.DType, "(brightness)": strconv.FormatFloat(f.Mean, 'g', 6, 64),
		"(contrast)": strconv.FormatFloat(f.SD, 'g', 6, 64), "(sharpness)": strconv.FormatFloat(f.Sharpness, 'g', 6, 64),
	}
	if f.RateHz > 0 {
		out["(frame rate)"] = strconv.FormatFloat(math.Round(f.RateHz*10)/10, 'g', -1, 64)
	}
	if f.SpacingMM[1] > 0 {
		out["(pixel spacing)"] = strconv.FormatFloat(f.SpacingMM[1], 'g', 4, 64)
	}
	for k, v := range f.Tags {
		out["("+k+")"] = v
	}
	return out
}
