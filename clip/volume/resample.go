package volume

import "math"

// Resample lays v out at the wanted spacing, mm along D, H, W; 0 keeps an axis as it is, as does an unknown spacing. The result covers the
// same extent. Images are interpolated linearly, labels by vote.
func (v *Volume) Resample(spacing [3]float64) *Volume {
	size := v.Size()
	for i := range 3 {
		if spacing[i] > 0 && v.Spacing[i] > 0 {
			size[i] = max(1, int(math.Round(float64(size[i])*v.Spacing[i]/spacing[i])))
		}
	}
	return v.Resize(size)
}

// Resize lays v out on another grid of the same extent.
func (v *Volume) Resize(size [3]int) *Volume {
	if size == v.Size() {
		return v
	}
	out := &Volume{C: v.C, D: size[0], H: size[1], W: size[2], Image: make([]float32, v.C*size[0]*size[1]*size[2])}
	if v.Label != nil {
		out.Label = make([]uint8, out.Voxels())
	}
	w := Warp{Size: size}
	for i, own := range v.Size() {
		step := float64(own) / float64(size[i])
		w.M[i][i], w.Centre[i] = step, float64(own-1)/2
		out.Spacing[i] = v.Spacing[i] * step
	}
	v.Sample(w, out.Image, out.Label)
	return out
}
