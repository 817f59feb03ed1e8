package volume

import "math"

// Sample fills image [C, size] and label [size] (nil: none) from v through w: the image between voxels linearly, the label by the vote of
// the voxels around, each with its linear weight. Outside v the image is 0, which is its mean after normalisation, and the label [Unknown].
func (v *Volume) Sample(w Warp, image []float32, label []uint8) {
	if lo, ok := w.plain(); ok {
		v.copyBox(lo, w.Size, image, label)
		return
	}
	at := 0
	n := w.Size[0] * w.Size[1] * w.Size[2]
	for z := range w.Size[0] {
		for y := range w.Size[1] {
			for x := range w.Size[2] {
				p := w.position(z, y, x)
				t, ok := v.taps(p)
				if !ok {
					for c := range v.C {
						image[c*n+at] = 0
					}
					if label != nil {
						label[at] = Unknown
					}
					at++
					continue
				}
				for c := range v.C {
					image[c*n+at] = t.mean(v.Image[c*v.Voxels():])
				}
				if label != nil {
					label[at] = Unknown
					if v.Label != nil {
						label[at] = t.vote(v.Label)
					}
				}
				at++
			}
		}
	}
}

// position is where output voxel (z, y, x) lies in the stored volume.
func (w *Warp) position(z, y, x int) [3]float64 {
	u := [3]float64{float64(z) - float64(w.Size[0]-1)/2, float64(y) - float64(w.Size[1]-1)/2, float64(x) - float64(w.Size[2]-1)/2}
	var p [3]float64
	for i := range 3 {
		p[i] = w.Centre[i] + w.M[i][0]*u[0] + w.M[i][1]*u[1] + w.M[i][2]*u[2]
	}
	if w.grid[0] > 0 {
		grid := Volume{C: 1, D: w.grid[0], H: w.grid[1], W: w.grid[2]}
		scale := func(k, i int) float64 { // an axis of one voxel lies on the first control point
			if w.Size[i] == 1 {
				return 0
			}
			return float64(k) * float64(w.grid[i]-1) / float64(w.Size[i]-1)
		}
		t, _ := grid.taps([3]float64{scale(z, 0), scale(y, 1), scale(x, 2)})
		for i := range 3 {
			p[i] += float64(t.mean(w.push[i]))
		}
	}
	return p
}

// taps are the eight voxels around a position with their weights.
type taps struct {
	at     [8]int
	weight [8]float32
}

// taps is false where p is further than half a voxel outside; within that the border's own voxels are taken.
func (v *Volume) taps(p [3]float64) (t taps, ok bool) {
	size := [3]int{v.D, v.H, v.W}
	var lo, hi [3]int
	var f [3]float32
	for i := range 3 {
		if !(p[i] >= -0.5 && p[i] <= float64(size[i])-0.5) {
			return t, false
		}
		q := math.Min(math.Max(p[i], 0), float64(size[i]-1))
		lo[i] = int(q)
		hi[i] = min(lo[i]+1, size[i]-1)
		f[i] = float32(q - float64(lo[i]))
	}
	k := 0
	for dz := range 2 {
		z, wz := lo[0], 1-f[0]
		if dz == 1 {
			z, wz = hi[0], f[0]
		}
		for dy := range 2 {
			y, wy := lo[1], 1-f[1]
			if dy == 1 {
				y, wy = hi[1], f[1]
			}
			row := (z*v.H + y) * v.W
			t.at[k], t.weight[k] = row+lo[2], wz*wy*(1-f[2])
			t.at[k+1], t.weight[k+1] = row+hi[2], wz*wy*f[2]
			k += 2
		}
	}
	return t, true
}

func (t *taps) mean(x []float32) float32 {
	var sum float32
	for k, i := range t.at {
		sum += t.weight[k] * x[i]
	}
	return sum
}

// vote is the label with the largest sum of weights; the smaller one where two are equal.
func (t *taps) vote(label []uint8) uint8 {
	first := label[t.at[0]]
	same := true
	for _, i := range t.at[1:] {
		same = same && label[i] == first
	}
	if same {
		return first
	}
	best, most := first, float32(-1)
	for k, i := range t.at {
		var sum float32
		for j, o := range t.at {
			if label[o] == label[i] {
				sum += t.weight[j]
			}
		}
		if sum > most || sum == most && label[t.at[k]] < best {
			best, most = label[i], sum
		}
	}
	return best
}
