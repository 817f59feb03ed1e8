package learn

import (
	"math"

	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/methods/masks"
	"github.com/cineloop/cineloop/torch"
)

// boundaryWeight is the share of the boundary loss beside the regional one: Kervadec et al. begin at 0.01 and let it grow; this stays.
const boundaryWeight = 0.05

// maskLoss is the loss of a batch: over the maps from fine to coarse with weights 1, ½, ¼, … that sum to 1 (deep supervision as in
// nnU-Net), truth being sampled down to each by nearest neighbour. label is [N, …] as the maps are, [volume.Unknown] where not known.
func maskLoss(e *torch.Engine, kind string, maps []*torch.Tensor, label []uint8) *torch.Tensor {
	shape := maps[0].Shape()
	classes := shape[1]
	known := make([]float32, len(label))
	for i, l := range label {
		known[i] = float32(l)
		if l == volume.Unknown {
			known[i] = -1
		}
	}
	full := e.FromFloat32(known, append([]int64{shape[0], 1}, shape[2:]...)...)
	var total *torch.Tensor
	norm := 2 - math.Pow(0.5, float64(len(maps)-1))
	for i, m := range maps {
		at := full
		if size := m.Shape()[2:]; i > 0 {
			at = torch.Interpolate(full, size, "nearest", false)
		}
		t := masks.NewTruth(at.Squeeze(1).To(torch.Int64), classes)
		var l *torch.Tensor
		switch kind {
		case "ce":
			l = masks.CrossEntropy(m, t)
		case "dice_focal":
			l = masks.Dice(m, t, true).Add(masks.Focal(m, t, 2))
		default:
			l = masks.Dice(m, t, true).Add(masks.CrossEntropy(m, t))
		}
		if kind == "dice_ce_boundary" && i == 0 {
			l = l.Add(masks.Boundary(m, t, signedDistances(e, label, shape)).MulScalar(boundaryWeight))
		}
		l = l.MulScalar(math.Pow(0.5, float64(i)) / norm)
		if total == nil {
			total = l
		} else {
			total = total.Add(l)
		}
	}
	return total
}

// signedDistances is [N, Classes, …] of a batch, in voxels.
func signedDistances(e *torch.Engine, label []uint8, shape []int64) *torch.Tensor {
	size := [3]int{1, int(shape[len(shape)-2]), int(shape[len(shape)-1])}
	if len(shape) == 5 {
		size[0] = int(shape[2])
	}
	n := size[0] * size[1] * size[2]
	var out []float32
	for i := 0; i < len(label); i += n {
		for c := range shape[1] {
			out = append(out, volume.SignedDistances(label[i:i+n], uint8(c), size, [3]float64{1, 1, 1})...)
		}
	}
	return e.FromFloat32(out, shape...)
}
