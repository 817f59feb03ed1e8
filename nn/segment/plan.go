package segment

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
)

// Request is what a U-Net is planned from.
type Request struct {
	Name      string     // unet or resenc_unet
	Channels  int64      // of the input
	Classes   int64      // with the background
	Size      [3]int     // median [D, H, W] of the cases at Spacing; D = 1 plans in two dimensions
	Spacing   [3]float64 // mm of the resampled cases; 0: unknown, taken as equal
	Cases     int        // for training: a batch holds at most 5 % of all their voxels
	Features  int64      // of the first stage; 0: 32
	Patch     [3]int     // zero: chosen
	Batch     int        // 0: chosen
	MemoryMiB float64    // of activations in a training step; 0: 6144
	Recompute bool       // the training recomputes the network's segments
}

// Planned is a network with what it is trained on.
type Planned struct {
	Spec  Spec
	Patch [3]int // a multiple of the spec's divisor along every axis
	Batch int
	MiB   float64 // activations of a training step, float32
}

// nnU-Net's constants (Isensee et al. 2021, supplementary note 2, and its ExperimentPlanner).
const (
	leastEdge   = 4   // positions an axis keeps at the bottleneck
	mostFeature = 320 // channels of a stage in three dimensions; 512 in two
	leastBatch  = 2
	batchShare  = 0.05 // of all training voxels, at most, in one batch
)

// PlanUNet chooses patch, strides, kernels, stages and batch by nnU-Net's published rules. The patch begins with the aspect of the median
// case (a cube of 256³ mm-equivalents, cut to the median size), and is shrunk along the axis that is longest in comparison with the
// median until a training step of two patches fits the budget; what is left of the budget goes into the batch. An axis is halved while
// it keeps at least 4 positions and its spacing is less than twice the finest one; its kernel is 1 until its spacing is within a
// factor of two of the finest, else 3. Channels double from Features to 320 (512 in two dimensions).
//
// Errors: usage (no such network, sizes that are not positive), resource (not even the smallest patch fits).
func PlanUNet(r Request) (*Planned, error) {
	if r.Name != "unet" && r.Name != "resenc_unet" {
		return nil, fault.New(fault.Usage, "planning: %q is no U-Net", r.Name).WithHint("unet or resenc_unet")
	}
	if slices.Min(r.Size[:]) < 1 || r.Channels < 1 || r.Classes < 2 {
		return nil, fault.New(fault.Usage, "planning: sizes %v, %d channels and %d classes: they must be positive, and 2 classes with the background", r.Size, r.Channels, r.Classes)
	}
	r = r.filled()
	patch := r.Patch
	chosen := patch == [3]int{}
	if chosen {
		patch = r.firstPatch()
	}
	for {
		p, err := r.at(patch)
		if err != nil {
			return nil, err
		}
		if !chosen || p.MiB*leastBatch <= r.MemoryMiB {
			return r.batch(p), nil
		}
		axis, worst := -1, 0.0
		divisor := p.divisor()
		for i := range 3 {
			if ratio := float64(p.Patch[i]) / float64(r.Size[i]); p.Patch[i]-divisor[i] >= 2*leastEdge && ratio > worst {
				axis, worst = i, ratio
			}
		}
		if axis < 0 {
			return nil, fault.New(fault.Resource, "planning: not even a patch of %v fits %.0f MiB", p.Patch, r.MemoryMiB).WithHint("lower the features, or raise the budget")
		}
		patch = p.Patch
		patch[axis] -= divisor[axis]
	}
}

func (r Request) filled() Request {
	if r.Features == 0 {
		r.Features = 32
	}
	if r.MemoryMiB == 0 {
		r.MemoryMiB = 6144
	}
	for i := range r.Spacing {
		if r.Spacing[i] <= 0 || slices.Min(r.Spacing[:]) <= 0 {
			r.Spacing = [3]float64{1, 1, 1}
		}
	}
	return r
}

// firstPatch has the inverse proportions of the spacing, the volume of a cube of 256 (a square of 2048), and no side above the median.
func (r Request) firstPatch() [3]int {
	side, n := 256.0, 3.0
	if r.Size[0] == 1 {
		side, n = 2048, 2
	}
	volume, inverse := math.Pow(side, n), 1.0
	for i := range 3 {
		if i > 0 || n == 3 {
			inverse /= r.Spacing[i]
		}
	}
	scale := math.Pow(volume/inverse, 1/n)
	patch := [3]int{1, 1, 1}
	for i := range 3 {
		if i > 0 || n == 3 {
			patch[i] = max(1, min(r.Size[i], int(math.Round(scale/r.Spacing[i]))))
		}
	}
	return patch
}

// at is the network for a patch, which is rounded up to what its strides divide.
func (r Request) at(patch [3]int) (*Planned, error) {
	flat := patch[0] == 1
	size, spacing := patch, r.Spacing
	first := 0
	if flat {
		first = 1
	}
	s := Spec{Name: r.Name, Channels: r.Channels, Classes: r.Classes, Deep: true}
	most := int64(mostFeature)
	if flat {
		most = 512
	}
	stride := [3]int64{1, 1, 1}
	kernel := [3]int64{1, 1, 1}
	for stage := 0; ; stage++ {
		finest := slices.Min(spacing[first:])
		for i := first; i < 3; i++ {
			if spacing[i] < 2*finest { // once an axis is as fine as the others its kernels stay 3
				kernel[i] = 3
			}
		}
		blocks := int64(2)
		if r.Name == "resenc_unet" {
			blocks = resEncBlocks[min(stage, len(resEncBlocks)-1)]
		}
		s.Features = append(s.Features, min(r.Features<<stage, most))
		s.Blocks = append(s.Blocks, blocks)
		s.Strides = append(s.Strides, slices.Clone(stride[first:]))
		s.Kernels = append(s.Kernels, slices.Clone(kernel[first:]))
		stride = [3]int64{1, 1, 1}
		halved := false
		for i := first; i < 3; i++ {
			if size[i] >= 2*leastEdge && spacing[i] < 2*finest {
				stride[i], halved = 2, true
				size[i], spacing[i] = (size[i]+1)/2, 2*spacing[i]
			}
		}
		if !halved {
			break
		}
	}
	if len(s.Features) < 2 {
		return nil, fault.New(fault.Usage, "planning: a patch of %v is too small to pool", patch).WithHint("cases need at least %d positions along an axis", 2*leastEdge)
	}
	p := &Planned{Spec: s, Patch: patch}
	for i, d := range p.divisor() {
		p.Patch[i] = (p.Patch[i] + d - 1) / d * d
	}
	net, err := New(s)
	if err != nil {
		return nil, err
	}
	in := []int64{1, r.Channels}
	for i := first; i < 3; i++ {
		in = append(in, int64(p.Patch[i]))
	}
	c := nn.Count(net, in...)
	kept := c.Activations
	if r.Recompute {
		kept = c.Recomputed()
	}
	p.MiB = 4 * float64(kept) / (1 << 20)
	return p, nil
}

// divisor is the spec's, along all three axes.
func (p *Planned) divisor() [3]int {
	out := [3]int{1, 1, 1}
	d := p.Spec.Divisor()
	for i, v := range d {
		out[3-len(d)+i] = int(v)
	}
	return out
}

// batch fills the budget with patches: at least two, at most 5 % of the training voxels.
func (r Request) batch(p *Planned) *Planned {
	if p.Batch = r.Batch; p.Batch > 0 {
		p.MiB *= float64(p.Batch)
		return p
	}
	voxels := func(s [3]int) float64 { return float64(s[0]) * float64(s[1]) * float64(s[2]) }
	p.Batch = int(r.MemoryMiB / p.MiB)
	if r.Cases > 0 {
		p.Batch = min(p.Batch, int(math.Round(batchShare*float64(r.Cases)*voxels(r.Size)/voxels(p.Patch))))
	}
	p.Batch = max(leastBatch, p.Batch)
	p.MiB *= float64(p.Batch)
	return p
}
