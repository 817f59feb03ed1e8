package cohort

import (
	"context"
	"math"
	"slices"
	"sync"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/internal/fault"
)

// MaskCase is a row's image and mask as a network sees them, and the way back to the stored grid.
type MaskCase struct {
	*volume.Volume        // at the planned spacing, normalised
	Stored         [3]int // D, H, W of the file
	Box            [3]int // corner of the region that was cut out of it
	Region         [3]int // its size, before resampling
	StoredMM       [3]float64
	Affine         *clip.Affine // of the file
	places         [][]int32    // of each foreground class: positions, at most placesKept
}

// placesKept bounds the positions remembered of each class; more would only pick among neighbours.
const placesKept = 10000

// MaskCases reads rows for a mask target and keeps what fits. It is safe for concurrent use.
type MaskCases struct {
	c      *Cohort
	target TargetSpec
	input  clip.InputSpec
	bytes  int64

	mu    sync.Mutex
	held  int64
	cases map[int]*MaskCase
}

// NewMaskCases reads the rows of c for the named target: cropped and normalised as input says, at input.spacing_mm where it is set.
// Up to bytes of prepared cases stay in memory.
func NewMaskCases(c *Cohort, target string, input clip.InputSpec, bytes int64) (*MaskCases, error) {
	i := slices.IndexFunc(c.Spec.Targets, func(t TargetSpec) bool { return t.Kind == Mask && (target == "" || t.Name == target) })
	if i < 0 {
		return nil, fault.New(fault.Usage, "no mask target %q", target).WithHint("name one of kind mask under data.targets")
	}
	switch input.Normalise {
	case "", "case", "percentile", "none":
	default:
		return nil, fault.New(fault.Usage, "input.normalise: %s is not for masks", input.Normalise).WithHint("case, percentile or none, after input.window where that is set")
	}
	return &MaskCases{c: c, target: c.Spec.Targets[i], input: input, bytes: bytes, cases: map[int]*MaskCase{}}, nil
}

// Target is the mask target.
func (m *MaskCases) Target() TargetSpec { return m.target }

// Case is row i prepared. Without a mask its Label is nil.
func (m *MaskCases) Case(ctx context.Context, i int) (*MaskCase, error) {
	m.mu.Lock()
	c := m.cases[i]
	m.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := m.read(ctx, i)
	if err != nil {
		return nil, err
	}
	size := int64(4*len(c.Image) + len(c.Label))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held+size <= m.bytes && m.cases[i] == nil {
		m.cases[i], m.held = c, m.held+size
	}
	return c, nil
}

// Open is row i's image as stored and its mask, nil where it has none.
func (m *MaskCases) Open(ctx context.Context, i int) (image, mask *clip.Clip, err error) {
	row := m.c.Rows[i]
	opts := []clip.ReadOption{clip.WithContext(ctx), clip.Workers(1)}
	if m.input.Channels == 1 {
		opts = append(opts, clip.AsGrey())
	}
	if image, err = clip.Open(row.Path, opts...); err != nil {
		return nil, nil, err
	}
	if path := row.Masks[m.target.Name]; path != "" {
		if mask, err = clip.Open(path, clip.AsMask(), clip.WithContext(ctx), clip.Workers(1)); err != nil {
			return nil, nil, err
		}
	}
	return image, mask, nil
}

func (m *MaskCases) read(ctx context.Context, i int) (*MaskCase, error) {
	image, mask, err := m.Open(ctx, i)
	if err != nil {
		return nil, err
	}
	v, err := volume.FromClips(image, mask, m.target.Width())
	if err != nil {
		return nil, err
	}
	if c := m.input.Channels; c > 0 && v.C != c {
		return nil, fault.New(fault.Input, "the image has %d channels, the network takes %d", v.C, c)
	}
	c := &MaskCase{Stored: v.Size(), Region: v.Size(), StoredMM: v.Spacing, Affine: image.Affine}
	if m.input.Crop == "centre" {
		size := m.input.CropSize
		if len(size) == 2 {
			size = []int{v.D, size[0], size[1]}
		}
		if len(size) != 3 || slices.Min(size) < 1 {
			return nil, fault.New(fault.Usage, "crop: centre needs crop_size [H, W] or [T, H, W], not %v", m.input.CropSize)
		}
		c.Region = [3]int(size)
		for k := range 3 {
			c.Box[k] = int(math.Floor(float64(c.Stored[k]-c.Region[k]) / 2))
		}
		v = v.Crop(c.Box, c.Region)
	}
	if mm := m.input.SpacingMM; len(mm) == 3 {
		v = v.Resample([3]float64(mm))
	}
	normalise(v, m.input)
	c.Volume = v
	c.note(m.target.Width())
	return c, nil
}

// normalise maps each channel as input says: clamped to the window or to its 0.5–99.5 percentiles, then to zero mean and unit SD.
func normalise(v *volume.Volume, input clip.InputSpec) {
	if input.Normalise == "none" {
		return
	}
	n := v.Voxels()
	for c := range v.C {
		x := v.Image[c*n : (c+1)*n]
		lo, hi := float32(math.Inf(-1)), float32(math.Inf(1))
		switch {
		case len(input.Window) == 2:
			lo, hi = float32(input.Window[0]-input.Window[1]/2), float32(input.Window[0]+input.Window[1]/2)
		case input.Normalise == "percentile":
			sorted := slices.Clone(x)
			slices.Sort(sorted)
			at := func(q float64) float32 { return sorted[int(math.Round(q*float64(n-1)))] }
			lo, hi = at(0.005), at(0.995)
		}
		var mean, sd float64
		for i, a := range x {
			if a-a != 0 { // NaN or infinite
				a = max(lo, 0)
			}
			x[i] = min(max(a, lo), hi)
			mean += float64(x[i])
		}
		mean /= float64(n)
		for _, a := range x {
			sd += (float64(a) - mean) * (float64(a) - mean)
		}
		if sd = math.Sqrt(sd / float64(n)); sd < 1e-8 {
			sd = 1
		}
		for i := range x {
			x[i] = float32((float64(x[i]) - mean) / sd)
		}
	}
}

// note remembers where each foreground class is: evenly spaced among its positions.
func (c *MaskCase) note(classes int) {
	if c.Label == nil {
		return
	}
	all := make([][]int32, classes)
	for i, l := range c.Label {
		if l > 0 && int(l) < classes {
			all[l] = append(all[l], int32(i))
		}
	}
	for k, p := range all {
		if len(p) > placesKept {
			thin := make([]int32, placesKept)
			for i := range thin {
				thin[i] = p[i*len(p)/placesKept]
			}
			all[k] = thin
		}
	}
	c.places = all
}

// Back lays class probabilities [K, D, H, W] on the case's grid out on the stored one; what was cropped off is background.
func (c *MaskCase) Back(prob []float32) (label []uint8) {
	k := len(prob) / c.Voxels()
	p := (&volume.Volume{C: k, D: c.D, H: c.H, W: c.W, Image: prob}).Resize(c.Region)
	n := p.Voxels()
	label = make([]uint8, c.Stored[0]*c.Stored[1]*c.Stored[2])
	for z := range c.Region[0] {
		for y := range c.Region[1] {
			for x := range c.Region[2] {
				at := [3]int{z + c.Box[0], y + c.Box[1], x + c.Box[2]}
				if at[0] < 0 || at[1] < 0 || at[2] < 0 || at[0] >= c.Stored[0] || at[1] >= c.Stored[1] || at[2] >= c.Stored[2] {
					continue
				}
				i := (z*c.Region[1]+y)*c.Region[2] + x
				best := 0
				for j := 1; j < k; j++ {
					if p.Image[j*n+i] > p.Image[best*n+i] {
						best = j
					}
				}
				label[(at[0]*c.Stored[1]+at[1])*c.Stored[2]+at[2]] = uint8(best)
			}
		}
	}
	return label
}
