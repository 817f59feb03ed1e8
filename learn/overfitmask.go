package learn

import (
	"context"
	"fmt"
	"slices"

	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// oneMaskBatch is a batch of patches that is learnt by heart: every class that is in it has a Dice coefficient of 0.95.
type oneMaskBatch struct {
	t      *maskTrainer
	batch  *cohort.PatchBatch
	counts []overlap // of each class, after the last forward
}

// overlap counts the voxels of a class over a batch, of those whose truth is known.
type overlap struct{ both, truth, answer, known int }

// firstBatch is the first batch of the first epoch that has something of a class.
func (t *maskTrainer) firstBatch(ctx context.Context) (*cohort.PatchBatch, error) {
	for b := range t.batches {
		batch, err := t.patches.Batch(ctx, 0, b, t.batches)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(batch.Label, func(l uint8) bool { return l != 0 && l != volume.Unknown }) {
			return batch, nil
		}
	}
	return nil, fault.New(fault.Input, "no patch of an epoch has a voxel of any class").WithHint("look at segment.oversample, and whether the mask files have the values of the table's classes")
}

func (f *oneMaskBatch) forward(step int) (*nn.Pass, *torch.Tensor) {
	pass, maps, loss := f.t.forward(f.batch, step)
	f.counts = overlaps(maps[0].Detach().To(torch.Float32).Float32s(), f.batch.Label, len(f.batch.Rows), int(f.t.unet.Spec.Classes))
	return pass, loss
}

func (f *oneMaskBatch) restart() error { return f.t.restart() }

// overlaps compares the likeliest class of every voxel, of maps [n, classes, …], with label [n, …].
func overlaps(maps []float32, label []uint8, n, classes int) []overlap {
	out := make([]overlap, classes)
	each := len(label) / n
	for i, l := range label {
		if l == volume.Unknown {
			continue
		}
		at := maps[i/each*classes*each+i%each:]
		best := 0
		for k := 1; k < classes; k++ {
			if at[k*each] > at[best*each] {
				best = k
			}
		}
		out[l].truth++
		out[best].answer++
		if best == int(l) {
			out[l].both++
		}
		for k := range out {
			out[k].known++
		}
	}
	return out
}

// targets are the classes that are in the batch. The best constant answer says the class everywhere.
func (f *oneMaskBatch) targets() []OverfitTarget {
	var out []OverfitTarget
	for k, o := range f.counts {
		if k == 0 || o.truth == 0 {
			continue
		}
		t := OverfitTarget{Name: f.t.state.Segment.Labels[k-1], Kind: string(cohort.Mask), Known: o.truth,
			Error: 1 - 2*float64(o.both)/float64(o.truth+o.answer), Constant: 1 - 2*float64(o.truth)/float64(o.truth+o.known)}
		t.Reached = t.Error <= byHeart
		out = append(out, t)
	}
	return out
}

// look says what can be seen in the batch and the network.
func (f *oneMaskBatch) look(c *OverfitCheck, l *learner) {
	b, n := f.batch, len(f.batch.Rows)
	if says := inputTrouble(b.Image, n); says != "" {
		c.add("input", says, tryInput)
	}
	id := func(i int) string { return f.t.opts.Cohort.Rows[b.Rows[i]].ID }
	part := len(b.Label) / n
	image := len(b.Image) / n
	for i := range n {
		for j := range i {
			if slices.Equal(b.Image[i*image:(i+1)*image], b.Image[j*image:(j+1)*image]) && !slices.Equal(b.Label[i*part:(i+1)*part], b.Label[j*part:(j+1)*part]) {
				c.add("labels", fmt.Sprintf("%q and %q have the same picture with another mask", id(j), id(i)), tryLabels)
			}
		}
	}
	for k, o := range f.counts {
		if k > 0 && o.truth == 0 {
			c.add("labels", fmt.Sprintf("%s is in no patch of the batch: nothing is learnt of it here", f.t.state.Segment.Labels[k-1]), "raise segment.oversample or train.batch_size to see it")
		}
	}
	if !c.Reached {
		l.lookAtGradients(c)
	}
}
