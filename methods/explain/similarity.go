package explain

import (
	"fmt"
	"math"

	"github.com/cineloop/cineloop/stats"
)

// Plane is a picture [H, W] of float64.
type Plane struct {
	H, W   int
	Values []float64
}

// Abs is |p| scaled to 0…1 by its smallest and largest value.
func (p Plane) Abs() Plane { return Plane{p.H, p.W, magnitudes(p.Values)}.Unit() }

// Unit is p scaled to 0…1 by its smallest and largest value; a constant plane becomes zero.
func (p Plane) Unit() Plane {
	out := Plane{p.H, p.W, make([]float64, len(p.Values))}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range p.Values {
		lo, hi = min(lo, v), max(hi, v)
	}
	for i, v := range p.Values {
		if hi > lo {
			out.Values[i] = (v - lo) / (hi - lo)
		}
	}
	return out
}

// Planes are the frames of a map.
func (m *Map) Planes() []Plane {
	out := make([]Plane, m.T)
	n := m.H * m.W
	for t := range out {
		out[t] = Plane{m.H, m.W, widen(m.Values[t*n : (t+1)*n])}
	}
	return out
}

// SSIMWindow is the window of [SSIM]: Side×Side with equal weights, or Gaussian with deviation Sigma out to 3.5 deviations.
type SSIMWindow struct {
	Side  int
	Sigma float64
}

func (w SSIMWindow) weights() []float64 {
	if w.Sigma == 0 {
		out := make([]float64, w.Side)
		for i := range out {
			out[i] = 1 / float64(w.Side)
		}
		return out
	}
	r := int(3.5*w.Sigma + 0.5)
	out := make([]float64, 2*r+1)
	sum := 0.0
	for i := range out {
		d := float64(i-r) / w.Sigma
		out[i] = math.Exp(-d * d / 2)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// SSIM is the mean structural similarity of two planes over the windows that lie inside (Wang et al., "Image quality assessment: from
// error visibility to structural similarity", IEEE TIP 2004), for values that span span; covariances are the sample's for equal weights and
// the weighted population's for Gaussian ones.
func SSIM(a, b Plane, window SSIMWindow, span float64) (float64, error) {
	w := window.weights()
	k := len(w)
	if a.H != b.H || a.W != b.W || a.H < k || a.W < k || k < 3 {
		return 0, fmt.Errorf("explain: structural similarity of planes [%d %d] and [%d %d] with a window of %d", a.H, a.W, b.H, b.W, k)
	}
	n := float64(k * k)
	sample := n / (n - 1)
	if window.Sigma > 0 {
		sample = 1
	}
	c1, c2 := 0.01*span*0.01*span, 0.03*span*0.03*span
	sum := 0.0
	for y := 0; y+k <= a.H; y++ {
		for x := 0; x+k <= a.W; x++ {
			var ma, mb, aa, bb, ab float64
			for i, wi := range w {
				row := (y+i)*a.W + x
				for j, wj := range w {
					p, q, f := a.Values[row+j], b.Values[row+j], wi*wj
					ma += f * p
					mb += f * q
					aa += f * p * p
					bb += f * q * q
					ab += f * p * q
				}
			}
			va, vb, cov := sample*(aa-ma*ma), sample*(bb-mb*mb), sample*(ab-ma*mb)
			sum += (2*ma*mb + c1) * (2*cov + c2) / ((ma*ma + mb*mb + c1) * (va + vb + c2))
		}
	}
	return sum / float64((a.H-k+1)*(a.W-k+1)), nil
}

// HOG is the histogram of oriented gradients (Dalal and Triggs, CVPR 2005) with 9 unsigned orientations, cells of 8×8 and blocks of 2×2
// cells normalised by L2-Hys, in scikit-image's order; nil for planes of fewer than 16×16.
func HOG(p Plane) []float64 {
	const cell, bins, eps = 8, 9, 1e-5
	rows, cols := p.H/cell, p.W/cell
	if rows < 2 || cols < 2 {
		return nil
	}
	hist := make([]float64, rows*cols*bins)
	for y := range rows * cell {
		for x := range cols * cell {
			var gy, gx float64
			if y > 0 && y < p.H-1 {
				gy = p.Values[(y+1)*p.W+x] - p.Values[(y-1)*p.W+x]
			}
			if x > 0 && x < p.W-1 {
				gx = p.Values[y*p.W+x+1] - p.Values[y*p.W+x-1]
			}
			angle := math.Mod(math.Atan2(gy, gx)*180/math.Pi, 180)
			if angle < 0 {
				angle += 180
			}
			if b := int(angle / (180 / bins)); b < bins {
				hist[(y/cell*cols+x/cell)*bins+b] += math.Hypot(gx, gy) / (cell * cell)
			}
		}
	}
	var out []float64
	for r := range rows - 1 {
		for c := range cols - 1 {
			var block []float64
			for i := range 2 {
				for j := range 2 {
					at := ((r+i)*cols + c + j) * bins
					block = append(block, hist[at:at+bins]...)
				}
			}
			norm(block, eps)
			for i := range block {
				block[i] = min(block[i], 0.2)
			}
			norm(block, eps)
			out = append(out, block...)
		}
	}
	return out
}

func norm(v []float64, eps float64) {
	sum := eps * eps
	for _, x := range v {
		sum += x * x
	}
	for i := range v {
		v[i] /= math.Sqrt(sum)
	}
}

// Similarity compares two maps of one shape. Signed compares values as they are; a method that multiplies by the input keeps its
// absolute map through any randomisation because the input dominates it, so the signed comparison stands beside it.
type Similarity struct {
	Spearman       *float64 `json:"spearman_abs"`
	SpearmanSigned *float64 `json:"spearman_signed"`
	SSIM           *float64 `json:"ssim_abs"`        // mean over frames; null for frames below 7×7
	HOG            *float64 `json:"pearson_hog_abs"` // mean over frames; null for frames below 16×16
	TopK           float64  `json:"top_overlap"`     // share of the highest tenth of |a| that is among that of |b|
	TopKNull       float64  `json:"top_overlap_95"`  // 95th percentile of that share for maps that have nothing in common
}

// Compare is the similarity of two maps by all measures (Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, section 4).
func Compare(a, b *Map) (Similarity, error) {
	if a.T != b.T || a.H != b.H || a.W != b.W {
		return Similarity{}, fmt.Errorf("explain: maps [%d %d %d] and [%d %d %d] are compared", a.T, a.H, a.W, b.T, b.H, b.W)
	}
	s := Similarity{Spearman: finite(RankCorrelation(a.Abs(), b.Abs())), SpearmanSigned: finite(RankCorrelation(a, b))}
	var ssim, hog float64
	pa, pb := a.Planes(), b.Planes()
	for t := range pa {
		x, y := pa[t].Abs(), pb[t].Abs()
		v, err := SSIM(x, y, SSIMWindow{Side: 7}, 1)
		if err != nil {
			v = math.NaN()
		}
		ssim += v / float64(a.T)
		h := math.NaN()
		if f := HOG(x); f != nil {
			h = stats.Pearson(f, HOG(y))
		}
		hog += h / float64(a.T)
	}
	s.SSIM, s.HOG = finite(ssim), finite(hog)
	s.TopK, s.TopKNull = topOverlap(a.Abs(), b.Abs(), 0.1)
	return s, nil
}

// topOverlap is the shared part of the largest k = fraction·n positions, and the 95th percentile of the share of two random choices: of a
// hypergeometric variable, by its normal approximation.
func topOverlap(a, b *Map, fraction float64) (share, null float64) {
	in := map[int]bool{}
	ta, tb := top(a, fraction), top(b, fraction)
	for _, p := range ta {
		in[p] = true
	}
	for _, p := range tb {
		if in[p] {
			share += 1 / float64(len(tb))
		}
	}
	n, k := float64(len(a.Values)), float64(len(ta))
	if n < 2 {
		return share, 1
	}
	mean := k * k / n
	sd := math.Sqrt(k * k / n * (1 - k/n) * (n - k) / (n - 1))
	return share, min(1, (mean+1.645*sd)/k)
}
