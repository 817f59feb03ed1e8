package clip

import (
	"math"
)

// OpticalFlow is the displacement of every pixel from picture a to picture b, both w×h grey values row by row: what is at (x, y) in a is at
// (x+u, y+v) in b, in pixels. It is TV-L1: the flow that minimises λ·|b(x+u) − a(x)| plus its total variation (Zach, Pock and Bischof, "A
// duality based approach for realtime TV-L1 optical flow", DAGM 2007), by the scheme and the constants of Sánchez, Meinhardt-Llopis and
// Facciolo, "TV-L1 optical flow estimation", Image Processing On Line 3, 2013: values scaled to 0..255 together, a pyramid of halves, five
// warps a level.
func OpticalFlow(a, b []float32, w, h int) (u, v []float32) {
	n := w * h
	f := &tvl1{w: w, h: h}
	u, v = make([]float32, n), make([]float32, n)
	low, high := float32(math.Inf(1)), float32(math.Inf(-1))
	for i := range n {
		low, high = min(low, a[i], b[i]), max(high, a[i], b[i])
	}
	if !(high > low) || w < 4 || h < 4 { // nothing moves that can be seen
		return u, v
	}
	scaled := func(x []float32) []float32 {
		out := make([]float32, n)
		for i, s := range x {
			out[i] = 255 * (s - low) / (high - low)
		}
		return blurred(out, w, h, flowPresmooth)
	}
	levels := []flowLevel{{scaled(a), scaled(b), w, h}}
	for top := levels[len(levels)-1]; min(top.w, top.h) >= 2*flowLeastSide; top = levels[len(levels)-1] {
		levels = append(levels, top.half())
	}
	for i := len(levels) - 1; i >= 0; i-- {
		l := levels[i]
		if i < len(levels)-1 {
			above := levels[i+1]
			u, v = enlarged(u, above.w, above.h, l.w, l.h), enlarged(v, above.w, above.h, l.w, l.h)
		} else {
			u, v = make([]float32, l.w*l.h), make([]float32, l.w*l.h)
		}
		f.w, f.h = l.w, l.h
		f.refine(l.a, l.b, u, v)
	}
	return u, v
}

// The paper's constants.
const (
	flowTau       = 0.25 // time step of the dual
	flowLambda    = 0.15 // weight of the data
	flowTheta     = 0.3  // tightness between the flow and its relaxed form
	flowEpsilon   = 0.01 // mean change, in pixels, at which iterations end
	flowWarps     = 5
	flowMost      = 100 // iterations a warp
	flowPresmooth = 0.8
	flowLeastSide = 8 // of the coarsest level
)

// flowLevel is the two pictures at one resolution.
type flowLevel struct {
	a, b []float32
	w, h int
}

// half is the level of half the resolution, blurred before so that nothing is aliased (section 3.2 of the IPOL paper).
func (l flowLevel) half() flowLevel {
	sigma := 0.6 * math.Sqrt(1/(0.5*0.5)-1)
	out := flowLevel{w: (l.w + 1) / 2, h: (l.h + 1) / 2}
	shrink := func(x []float32) []float32 {
		x = blurred(x, l.w, l.h, sigma)
		small := make([]float32, out.w*out.h)
		for y := range out.h {
			for i := range out.w {
				small[y*out.w+i] = x[2*y*l.w+2*i]
			}
		}
		return small
	}
	out.a, out.b = shrink(l.a), shrink(l.b)
	return out
}

// enlarged brings one component of a level's flow to the next finer level: twice the size, twice the pixels.
func enlarged(f []float32, w, h, toW, toH int) []float32 {
	out := make([]float32, toW*toH)
	for y := range toH {
		for x := range toW {
			out[y*toW+x] = 2 * bilinear(f, w, h, float32(x)/2, float32(y)/2)
		}
	}
	return out
}

// bilinear is the value at (x, y); outside the picture that of the nearest border.
func bilinear(f []float32, w, h int, x, y float32) float32 {
	x, y = max(0, min(x, float32(w-1))), max(0, min(y, float32(h-1)))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, w-1), min(y0+1, h-1)
	fx, fy := x-float32(x0), y-float32(y0)
	top := f[y0*w+x0]*(1-fx) + f[y0*w+x1]*fx
	return top*(1-fy) + (f[y1*w+x0]*(1-fx)+f[y1*w+x1]*fx)*fy
}

// blurred is a picture under a Gaussian of that SD, mirrored at its borders.
func blurred(f []float32, w, h int, sigma float64) []float32 {
	radius := int(math.Ceil(3 * sigma))
	kernel := make([]float32, radius+1)
	var sum float32
	for i := range kernel {
		kernel[i] = float32(math.Exp(-float64(i*i) / (2 * sigma * sigma)))
		sum += kernel[i]
		if i > 0 {
			sum += kernel[i]
		}
	}
	for i := range kernel {
		kernel[i] /= sum
	}
	pass := func(in []float32, n, step, lines, stride int) []float32 {
		out := make([]float32, len(in))
		for l := range lines {
			for i := range n {
				var s float32
				for k := -radius; k <= radius; k++ {
					j := i + k
					if j < 0 {
						j = -j
					}
					if j >= n {
						j = 2*n - 2 - j
					}
					s += kernel[max(k, -k)] * in[l*stride+max(0, min(j, n-1))*step]
				}
				out[l*stride+i*step] = s
			}
		}
		return out
	}
	return pass(pass(f, w, 1, h, w), h, w, w, 1)
}
