package clip

import "math"

// tvl1 solves one level of [OpticalFlow]. Its buffers are used again for every level and warp.
type tvl1 struct {
	w, h               int
	gx, gy             []float32 // gradient of b
	wx, wy, grad, rho  []float32 // warped gradient, its square, the constant part of the residual
	p11, p12, p21, p22 []float32 // dual variables of u and v
	nextU, nextV       []float32
}

// refine improves a flow on one level, in place (algorithm 1 of the IPOL paper).
func (f *tvl1) refine(a, b, u, v []float32) {
	n := f.w * f.h
	for _, buf := range []*[]float32{&f.gx, &f.gy, &f.wx, &f.wy, &f.grad, &f.rho, &f.p11, &f.p12, &f.p21, &f.p22, &f.nextU, &f.nextV} {
		*buf = grow(*buf, n)
	}
	for _, p := range [][]float32{f.p11, f.p12, f.p21, f.p22} {
		clear(p[:n])
	}
	f.gradient(b)
	for range flowWarps {
		f.warp(a, b, u, v)
		for range flowMost {
			if f.iterate(u, v) < flowEpsilon*flowEpsilon {
				break
			}
		}
	}
}

// gradient takes central differences of a picture, zero across its borders.
func (f *tvl1) gradient(b []float32) {
	for y := range f.h {
		up, down := max(y-1, 0)*f.w, min(y+1, f.h-1)*f.w
		for x := range f.w {
			i := y*f.w + x
			f.gx[i] = (b[y*f.w+min(x+1, f.w-1)] - b[y*f.w+max(x-1, 0)]) / 2
			f.gy[i] = (b[down+x] - b[up+x]) / 2
		}
	}
}

// warp takes b and its gradient to where the flow says, and linearises the residual there: rho + ∇b·u.
func (f *tvl1) warp(a, b, u, v []float32) {
	for y := range f.h {
		for x := range f.w {
			i := y*f.w + x
			px, py := float32(x)+u[i], float32(y)+v[i]
			gx, gy := bilinear(f.gx, f.w, f.h, px, py), bilinear(f.gy, f.w, f.h, px, py)
			f.wx[i], f.wy[i] = gx, gy
			f.grad[i] = gx*gx + gy*gy
			f.rho[i] = bilinear(b, f.w, f.h, px, py) - gx*u[i] - gy*v[i] - a[i]
		}
	}
}

// iterate makes one step of thresholding and of the dual, and gives the mean squared change of the flow.
func (f *tvl1) iterate(u, v []float32) float64 {
	const lt = flowLambda * flowTheta
	const taut = flowTau / flowTheta
	w, h := f.w, f.h
	var change float64
	for y := range h {
		for x := range w {
			i := y*w + x
			gx, gy, grad := f.wx[i], f.wy[i], f.grad[i]
			rho := f.rho[i] + gx*u[i] + gy*v[i]
			var d1, d2 float32
			switch {
			case rho < -lt*grad:
				d1, d2 = lt*gx, lt*gy
			case rho > lt*grad:
				d1, d2 = -lt*gx, -lt*gy
			case grad > 1e-10:
				d1, d2 = -rho*gx/grad, -rho*gy/grad
			}
			div1, div2 := f.p11[i]+f.p12[i], f.p21[i]+f.p22[i]
			if x > 0 {
				div1, div2 = div1-f.p11[i-1], div2-f.p21[i-1]
			}
			if y > 0 {
				div1, div2 = div1-f.p12[i-w], div2-f.p22[i-w]
			}
			nu, nv := u[i]+d1+flowTheta*div1, v[i]+d2+flowTheta*div2
			e1, e2 := float64(nu-u[i]), float64(nv-v[i])
			change += e1*e1 + e2*e2
			f.nextU[i], f.nextV[i] = nu, nv
		}
	}
	copy(u, f.nextU[:w*h])
	copy(v, f.nextV[:w*h])
	for y := range h {
		for x := range w {
			i := y*w + x
			var ux, uy, vx, vy float32
			if x+1 < w {
				ux, vx = u[i+1]-u[i], v[i+1]-v[i]
			}
			if y+1 < h {
				uy, vy = u[i+w]-u[i], v[i+w]-v[i]
			}
			s1 := 1 + taut*float32(math.Sqrt(float64(ux*ux+uy*uy)))
			s2 := 1 + taut*float32(math.Sqrt(float64(vx*vx+vy*vy)))
			f.p11[i], f.p12[i] = (f.p11[i]+taut*ux)/s1, (f.p12[i]+taut*uy)/s1
			f.p21[i], f.p22[i] = (f.p21[i]+taut*vx)/s2, (f.p22[i]+taut*vy)/s2
		}
	}
	return change / float64(w*h)
}
