package masks

import "github.com/cineloop/cineloop/torch"

// Truth is the true classes of a batch, prepared once for all losses.
type Truth struct {
	Class *torch.Tensor // int64 [N, …]; negative: unknown
	Hot   *torch.Tensor // float32 [N, Classes, …], all zero where unknown
	Known *torch.Tensor // float32 [N, 1, …]
}

// NewTruth prepares the classes of a batch.
func NewTruth(class *torch.Tensor, classes int64) Truth {
	dims := []int64{0, int64(class.Dim())}
	for d := int64(1); d < int64(class.Dim()); d++ {
		dims = append(dims, d)
	}
	known := class.GeScalar(0).To(torch.Float32).Unsqueeze(1)
	hot := class.Clamp(0, float64(classes-1)).OneHot(classes).Permute(dims...).To(torch.Float32).Mul(known)
	return Truth{Class: class, Hot: hot, Known: known}
}

// positions are the axes after the first two.
func positions(x *torch.Tensor) []int64 {
	var out []int64
	for d := int64(2); d < int64(x.Dim()); d++ {
		out = append(out, d)
	}
	return out
}
