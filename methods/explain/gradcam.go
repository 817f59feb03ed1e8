package explain

import "fmt"

// GradCAM is gradient-weighted class activation mapping in space and time (Selvaraju et al., ICCV 2017, equations 1–2, with the
// average taken over frames as well): each channel's weight is its mean gradient, the map is the positive part of the weighted sum
// of activations.
//
// act and grad are a layer's output and the score's gradient for it, both [K, T, H, W]. With signed the negative part is kept.
// The map has the layer's resolution; see [Map.Resize].
func GradCAM(act, grad []float32, k, t, h, w int, signed bool) (*Map, error) {
	n := t * h * w
	if k <= 0 || n <= 0 || len(act) != k*n || len(grad) != k*n {
		return nil, fmt.Errorf("explain: Grad-CAM of %d activations and %d gradients for shape [%d %d %d %d]", len(act), len(grad), k, t, h, w)
	}
	sum := make([]float64, n)
	for c := range k {
		weight := 0.0
		for _, g := range grad[c*n : (c+1)*n] {
			weight += float64(g)
		}
		weight /= float64(n)
		for i, a := range act[c*n : (c+1)*n] {
			sum[i] += weight * float64(a)
		}
	}
	m := NewMap(t, h, w)
	for i, v := range sum {
		if v > 0 || signed {
			m.Values[i] = float32(v)
		}
	}
	return m, nil
}
