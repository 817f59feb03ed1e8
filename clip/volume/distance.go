package volume

import "math"

// Distances is the Euclidean distance of every position to the nearest one where in holds, 0 there; +Inf everywhere when it holds nowhere.
// spacing is mm along D, H, W (all 1 for voxels). Exact and in linear time: Felzenszwalb and Huttenlocher, "Distance transforms of sampled
// functions", Theory of Computing 2012.
func Distances(in []bool, size [3]int, spacing [3]float64) []float64 {
	d := make([]float64, len(in))
	for i, on := range in {
		if !on {
			d[i] = math.Inf(1)
		}
	}
	stride := [3]int{size[1] * size[2], size[2], 1}
	longest := max(size[0], size[1], size[2])
	e := envelope{f: make([]float64, longest), at: make([]int, longest), from: make([]float64, longest+1)}
	for axis := range 3 {
		n := size[axis]
		if n == 1 {
			continue
		}
		for start := range lines(size, axis) {
			for i := range n {
				e.f[i] = d[start+i*stride[axis]]
			}
			e.transform(n, spacing[axis], func(i int, v float64) { d[start+i*stride[axis]] = v })
		}
	}
	for i := range d {
		d[i] = math.Sqrt(d[i])
	}
	return d
}

// envelope is the lower envelope of parabolas along one line.
type envelope struct {
	f    []float64 // squared distances so far
	at   []int     // positions whose parabolas are on the envelope
	from []float64 // where each begins
}

// transform puts the squared distances of a line of n positions, step apart.
func (e *envelope) transform(n int, step float64, put func(int, float64)) {
	k := -1
	for q := range n {
		if math.IsInf(e.f[q], 1) {
			continue
		}
		x := float64(q) * step
		for k >= 0 {
			p := float64(e.at[k]) * step
			meet := ((e.f[q] + x*x) - (e.f[e.at[k]] + p*p)) / (2 * (x - p))
			if meet > e.from[k] {
				k++
				e.at[k], e.from[k] = q, meet
				break
			}
			k--
		}
		if k < 0 {
			k = 0
			e.at[0], e.from[0] = q, math.Inf(-1)
		}
	}
	if k < 0 {
		return
	}
	last := k
	k = 0
	for q := range n {
		x := float64(q) * step
		for k < last && e.from[k+1] < x {
			k++
		}
		d := x - float64(e.at[k])*step
		put(q, d*d+e.f[e.at[k]])
	}
}

// SignedDistances is the distance to a class's boundary at every position: outside positive, inside negative and at most 0, so that the
// voxels on either side of the border have +1 and 0 (Kervadec et al., MIDL 2019, section 2.2, as their published code has it). It is 0
// everywhere where the class, or anything else, is absent.
func SignedDistances(label []uint8, class uint8, size [3]int, spacing [3]float64) []float32 {
	in, out := make([]bool, len(label)), make([]bool, len(label))
	any, all := false, true
	for i, l := range label {
		in[i], out[i] = l == class, l != class
		any, all = any || in[i], all && in[i]
	}
	phi := make([]float32, len(label))
	if !any || all {
		return phi
	}
	outside, inside := Distances(in, size, spacing), Distances(out, size, spacing)
	least := math.Inf(1)
	for i := range 3 {
		if size[i] > 1 {
			least = math.Min(least, spacing[i])
		}
	}
	for i := range phi {
		if in[i] {
			phi[i] = float32(least - inside[i])
		} else {
			phi[i] = float32(outside[i])
		}
	}
	return phi
}
