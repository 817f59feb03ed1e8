package masks

import "github.com/cineloop/cineloop/torch"

// Truth is the true classes of a batch, prepared once for all losses.
type Truth struct {
	Class *torch.Tensor // int64 [N, …]; -1: unknown
	Hot   *torch.Tensor // float32 [N, Classes, …], all zero where unknown
	Known *torch.Tensor // float32 [N, 1, …]
}

// NewTruth prepares the classes of a batch.
func NewTruth(class *torch.Tensor, classes int64) Truth {
	hot := make([]*torch.Tensor, classes)
	for c := range hot {
		hot[c] = class.EqScalar(float64(c))
	}
	return Truth{Class: class, Hot: torch.Stack(hot, 1).To(torch.Float32), Known: class.GeScalar(0).To(torch.Float32).Unsqueeze(1)}
}

// positions are the axes after the first two.
func positions(x *torch.Tensor) []int64 {
	var out []int64
	for d := int64(2); d < int64(x.Dim()); d++ {
		out = append(out, d)
	}
	return out
}
