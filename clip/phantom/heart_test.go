package phantom

import (
	"math"
	"testing"
)

// The truncated ellipsoid's volume, by hand: π a² c (0.78 − 0.78³/3 + 2/3) = π·24²·50·1.28848 = 116.6 mL for a = 24, c = 50.
func TestCutVolume(t *testing.T) {
	near(t, "volume", math.Pi*24*24*50*cutVolume/1000, 116.58, 0.02)
	var sum float64 // the same by summing slices
	const n = 100000
	for i := range n {
		u := -1 + (1+cut)*(float64(i)+0.5)/n
		sum += (1 - u*u) * (1 + cut) / n
	}
	near(t, "integral", cutVolume, sum, 1e-6)
}

func TestHeartFollowsItsVolume(t *testing.T) {
	h := normalHeart()
	near(t, "diameter/length", 2*h.a0/(h.c0*(1+cut)), 0.55, 1e-9)
	for _, e := range []float64{0, 0.3, 0.7, 1} {
		s := h.at(e)
		near(t, "volume by discs, mL", h.biplane(&s), 130*(1-0.6*e), 0.3)
		near(t, "wall volume", shellVolume(s.a, s.c, s.w)/h.wallVol, 1, 1e-6)
	}
	ed, es := h.at(0), h.at(1)
	if es.w < ed.w*1.2 {
		t.Errorf("the wall thickens from %.1f to %.1f mm only", ed.w, es.w)
	}
	// The apex stands still at Z = 0 and the base comes down by about 1.5 cm.
	if excursion := (ed.zc + ed.zb) - (es.zc + es.zb); excursion < 9 || excursion > 20 {
		t.Errorf("mitral plane excursion %.1f mm", excursion)
	}
	if g := h.strain(&es); g > -14 || g < -26 {
		t.Errorf("longitudinal strain %.1f %% of a normal heart", g)
	}
	if still := h.strain(&ed); still != 0 {
		t.Errorf("strain %g at end-diastole", still)
	}
}

// The label is measured, so a defect lowers it although the parameter is the same.
func TestDefectsChangeMeasuredEF(t *testing.T) {
	ef := func(h heart) float64 {
		ed, es := h.at(0), h.at(1)
		return 100 * (1 - h.biplane(&es)/h.biplane(&ed))
	}
	healthy := ef(normalHeart())
	near(t, "healthy", healthy, 60, 0.2)
	hypo := ef(normalHeart([2]int{8, 2}, [2]int{2, 2}))
	akinetic := ef(normalHeart([2]int{8, 3}, [2]int{2, 3}))
	dyskinetic := ef(normalHeart([2]int{8, 4}, [2]int{2, 4}))
	if !(healthy > hypo+1 && hypo > akinetic+1 && akinetic > dyskinetic+0.5) {
		t.Errorf("EF %.1f, hypokinetic %.1f, akinetic %.1f, dyskinetic %.1f", healthy, hypo, akinetic, dyskinetic)
	}
}

func TestAkineticSegmentKeepsItsRadius(t *testing.T) {
	// All of the septal side akinetic; the lateral side normal.
	h := normalHeart([2]int{1, 3}, [2]int{2, 3}, [2]int{3, 3}, [2]int{7, 3}, [2]int{8, 3}, [2]int{9, 3})
	es := h.at(1)
	level := 0.6
	septum, _ := h.axes(&es, 180, level)
	lateral, _ := h.axes(&es, 0, level)
	near(t, "septum, share of motion left", (h.a0-septum)/(h.a0-es.a), 0, 0.06)
	near(t, "lateral wall", (h.a0-lateral)/(h.a0-es.a), 1, 0.1)

	dys := normalHeart([2]int{6, 4}, [2]int{7, 4}, [2]int{8, 4}, [2]int{9, 4}, [2]int{10, 4}, [2]int{11, 4}, [2]int{0, 4}, [2]int{1, 4}, [2]int{2, 4}, [2]int{3, 4}, [2]int{4, 4}, [2]int{5, 4})
	es = dys.at(1)
	a, _ := dys.axes(&es, 90, 0.65)
	near(t, "dyskinetic radius over that at end-diastole", a/dys.a0, 1.10, 0.01)
}

func TestContractionTable(t *testing.T) {
	if newContraction([17]int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, -0.4) != nil {
		t.Error("a normal heart has a table")
	}
	s := [17]int{1, 1, 1, 1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1}
	c := newContraction(s, -0.4)
	if v := c.at(180, 0.5); v > 0.35 {
		t.Errorf("centre of the akinetic segment moves by %.2f of normal", v)
	}
	near(t, "opposite wall", float64(c.at(0, 0.5)), 1, 0.02)
	near(t, "negative angles wrap", float64(c.at(-180, 0.5)-c.at(180, 0.5)), 0, 1e-6)
	near(t, "359.99° meets 0°", float64(c.at(359.99, 0.5)-c.at(0, 0.5)), 0, 1e-3)
}

// Material coordinates: at end-diastole everything is where it is, and later each piece of wall knows where it was.
func TestMaterialCoordinates(t *testing.T) {
	h := normalHeart([2]int{8, 3})
	rest := h.figure(moment{})
	var f [fieldN]float32
	for _, p := range [][3]float32{{10, 5, 60}, {27, 0, 50}, {-20, 18, 40}, {3, 2, 4}, {50, 20, 70}, {5, -5, 110}} {
		x, y, z := rest.eval(p[0], p[1], p[2], &f)
		if d := math.Hypot(math.Hypot(float64(x-p[0]), float64(y-p[1])), float64(z-p[2])); d > 1e-3 {
			t.Errorf("%v moves by %g mm at end-diastole", p, d)
		}
	}
	// A point half-way through the lateral wall at end-systole was half-way through it at end-diastole, in the same direction.
	es := h.figure(moment{e: 1})
	x, y, z := es.eval(float32(es.a+es.w/2)*0.9, 0.4, es.zc+5, &f)
	s := f[fWall]
	rest.eval(x, y, z, &f)
	near(t, "transmural coordinate", float64(f[fWall]), float64(s), 2e-3)
	near(t, "direction", math.Atan2(float64(y), float64(x)), math.Atan2(0.4, float64(es.a+es.w/2)*0.9), 1e-5)
	if z < es.zc+5+5 {
		t.Errorf("the wall at %.1f mm came from %.1f: the base has not descended", es.zc+5, z)
	}
}

// Displacements must not jump where one formula takes over from another: endocardium, epicardium, mitral plane.
func TestMotionIsContinuous(t *testing.T) {
	h := normalHeart([2]int{13, 4}, [2]int{8, 3})
	g := h.figure(moment{e: 0.8})
	var f [fieldN]float32
	for _, line := range [][2][3]float64{{{0.1, 0.2, 45}, {70, 10, 45}}, {{-12, 3, 20}, {-14, 3, 140}}, {{2, -30, 5}, {2, 2, 150}}} {
		var previous [3]float32
		const n = 4000
		for i := 0; i <= n; i++ {
			u := float64(i) / n
			var p [3]float32
			for k := range p {
				p[k] = float32(line[0][k] + u*(line[1][k]-line[0][k]))
			}
			x, y, z := g.eval(p[0], p[1], p[2], &f)
			now := [3]float32{x - p[0], y - p[1], z - p[2]}
			if i > 0 {
				for k := range now {
					if d := now[k] - previous[k]; d > 0.3 || d < -0.3 {
						t.Fatalf("displacement jumps by %.2f mm at %v", d, p)
					}
				}
			}
			previous = now
		}
	}
}
