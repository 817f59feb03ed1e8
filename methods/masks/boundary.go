package masks

import "github.com/cineloop/cineloop/torch"

// Boundary is the mean of p·φ over positions and foreground classes, φ being the signed distance to the true class's boundary, negative
// inside (Kervadec et al., "Boundary loss for highly unbalanced segmentation", MIDL 2019, eq. 5). distance is [N, Classes, …], as
// [SignedDistances] gives it, in whatever unit; zero where a class is absent. It is added to a regional loss, never used alone.
func Boundary(logits *torch.Tensor, t Truth, distance *torch.Tensor) *torch.Tensor {
	classes := logits.Size(1)
	p := logits.Softmax(1).Mul(t.Known).Mul(distance).Slice(1, 1, classes, 1)
	return p.Sum().Div(t.Known.Sum().ClampMin(1).MulScalar(float64(classes - 1)))
}
