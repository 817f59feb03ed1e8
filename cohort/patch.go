package cohort

import (
	"context"
	"math/rand/v2"

	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// Patches draws training patches from cases: a batch is a function of (seed, epoch, batch) alone, so that a resumed training sees what
// one that never stopped would have.
type Patches struct {
	Cases      *MaskCases
	Rows       []int  // to draw from
	Size       [3]int // D, H, W
	BatchSize  int
	Oversample float64 // share of a batch's patches, the last ones, whose middle lies on foreground; at least one when above 0
	Augment    volume.Augment
	Seed       stats.Seed
}

// PatchBatch is what a training step sees.
type PatchBatch struct {
	Image []float32 // [BatchSize, C, D, H, W]
	Label []uint8   // [BatchSize, D, H, W]; volume.Unknown outside the case
	Rows  []int     // of each patch
	C     int
	Bad   []Quarantine // rows that could not be read; others stand in for them
}

// Batch draws batch b of an epoch. Cases come in an order of their own in every pass over the rows, so that all are seen equally often.
func (p *Patches) Batch(ctx context.Context, epoch, b, perEpoch int) (*PatchBatch, error) {
	if len(p.Rows) == 0 {
		return nil, fault.New(fault.Input, "no row has a mask to learn from")
	}
	out := &PatchBatch{Rows: make([]int, p.BatchSize)}
	voxels := p.Size[0] * p.Size[1] * p.Size[2]
	for k := range p.BatchSize {
		n := (epoch*perEpoch+b)*p.BatchSize + k
		pass, place := n/len(p.Rows), n%len(p.Rows)
		order := p.Seed.Stream("patch order", pass).Perm(len(p.Rows))
		rng := p.Seed.Stream("patch", epoch, b, k)
		c, row, err := p.readable(ctx, out, p.Rows[order[place]], rng)
		if err != nil {
			return nil, err
		}
		if out.Image == nil {
			out.C = c.C
			out.Image, out.Label = make([]float32, p.BatchSize*c.C*voxels), make([]uint8, p.BatchSize*voxels)
		}
		if c.C != out.C {
			return nil, fault.New(fault.Input, "line %d: %d channels where other images have %d", p.Cases.c.Rows[row].Line, c.C, out.C).WithHint("set input.channels")
		}
		out.Rows[k] = row
		w := p.Augment.Draw(rng, p.Size, c.centre(rng, p.Size, p.forced(k)), c.Spacing)
		image := out.Image[k*c.C*voxels : (k+1)*c.C*voxels]
		c.Sample(w, image, out.Label[k*voxels:(k+1)*voxels])
		p.Augment.Change(rng, image, p.Size)
	}
	return out, nil
}

// forced says whether patch k of a batch has its middle on foreground.
func (p *Patches) forced(k int) bool {
	if p.Oversample <= 0 {
		return false
	}
	n := max(1, int(p.Oversample*float64(p.BatchSize)+0.5))
	return k >= p.BatchSize-n
}

// readable is row's case, or that of another row drawn at random where it cannot be read.
func (p *Patches) readable(ctx context.Context, out *PatchBatch, row int, rng *rand.Rand) (*MaskCase, int, error) {
	for range randomTries {
		c, err := p.Cases.Case(ctx, row)
		if err == nil && c.Label == nil {
			err = fault.New(fault.Input, "the row has no mask")
		}
		if err == nil {
			return c, row, nil
		}
		if fatal(ctx, err) {
			return nil, 0, err
		}
		r := p.Cases.c.Rows[row]
		out.Bad = append(out.Bad, Quarantine{r.Line, r.ID, WithoutPath(err, r.Path)})
		row = p.Rows[rng.IntN(len(p.Rows))]
	}
	return nil, 0, fault.New(fault.Input, "%d rows in turn could not be read; the last: %s", randomTries, out.Bad[len(out.Bad)-1].Reason)
}

// centre is a patch's middle: such that the patch lies within the case along axes where it fits, and in its middle along others. A forced one
// lies on a voxel of a class drawn from those that are there, as far as that rule allows.
func (c *MaskCase) centre(rng *rand.Rand, size [3]int, forced bool) [3]float64 {
	var lo [3]int
	own := c.Size()
	for i := range 3 {
		if slack := own[i] - size[i]; slack > 0 {
			lo[i] = rng.IntN(slack + 1)
		} else {
			lo[i] = -(-slack / 2)
		}
	}
	if forced {
		var there [][]int32
		for _, p := range c.places {
			if len(p) > 0 {
				there = append(there, p)
			}
		}
		if len(there) > 0 {
			p := there[rng.IntN(len(there))]
			i := int(p[rng.IntN(len(p))])
			at := [3]int{i / (c.H * c.W), i / c.W % c.H, i % c.W}
			for k := range 3 {
				if slack := own[k] - size[k]; slack > 0 {
					lo[k] = min(max(at[k]-size[k]/2, 0), slack)
				}
			}
		}
	}
	var out [3]float64
	for i := range 3 {
		out[i] = float64(lo[i]) + float64(size[i]-1)/2
	}
	return out
}
