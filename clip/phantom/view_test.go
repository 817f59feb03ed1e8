package phantom

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestDirections(t *testing.T) {
	// Round the long axis: anterolateral on +X, anterior at 60°, septum on −X.
	for _, c := range []struct {
		deg  float64
		want vec3
	}{{0, vec3{1, 0, 0}}, {90, vec3{0, 1, 0}}, {180, vec3{-1, 0, 0}}, {60, vec3{0.5, math.Sqrt(3) / 2, 0}}} {
		d := direction(c.deg).add(c.want.mul(-1))
		near(t, "direction", math.Sqrt(d.dot(d)), 0, 1e-12)
	}
	z := vec3{1, 0, 0}.cross(vec3{0, 1, 0})
	if z != (vec3{0, 0, 1}) {
		t.Errorf("x × y = %v", z)
	}
}

// Acquisitions stay in the ranges that are promised, with a right-handed orthonormal frame and the probe outside the heart.
func TestAcquisitions(t *testing.T) {
	c := mustNew(t, Config{Seed: 51})
	var f [fieldN]float32
	for i := range 60 {
		p := c.Patient(i)
		rest := p.heart.figure(moment{})
		for _, v := range Views {
			q := p.acquire(c.cfg.Seed.Stream("test", i, string(v)), &c.cfg, v)
			if q.Foreshorten < 0 || q.Foreshorten > 20 || q.depth < 120 || q.depth > 200 || q.half < 30*math.Pi/180 || q.half > 45*math.Pi/180 || q.drift < 2 || q.drift > 6 || q.flip {
				t.Errorf("%s: %+v", v, q)
			}
			pl := q.plane
			for _, e := range []vec3{pl.right, pl.down, pl.out} {
				near(t, "length", e.dot(e), 1, 1e-9)
			}
			near(t, "right·down", pl.right.dot(pl.down), 0, 1e-9)
			d := pl.right.cross(pl.down).add(pl.out.mul(-1))
			near(t, "right × down − out", d.dot(d), 0, 1e-12)
			rest.eval(float32(pl.probe.x), float32(pl.probe.y), float32(pl.probe.z), &f)
			if kind := classify(&f); kind != background {
				t.Errorf("%s of patient %d: the probe is in tissue %d", v, i, kind)
			}
			// Apical planes pass the long axis at the angle that is reported.
			if rotation, long := rotation[v]; long && v != PLAX {
				near(t, "angle to the long axis", math.Asin(math.Abs(pl.out.z))*180/math.Pi, q.Foreshorten, 1e-6)
				off := math.Atan2(pl.right.y, pl.right.x)*180/math.Pi - rotation
				if math.Abs(off) > 12.5 {
					t.Errorf("%s is rotated by %.1f°", v, off)
				}
			}
		}
	}
}

func TestBreathing(t *testing.T) {
	q := acquisition{plane: plane{right: vec3{1, 0, 0}, down: vec3{0, 0, 1}}, drift: 5}
	lo, hi := math.Inf(1), math.Inf(-1)
	for s := 0.0; s < 4; s += 0.01 { // a breath of 0.25 Hz
		z := q.shift(s).z
		lo, hi = math.Min(lo, z), math.Max(hi, z)
	}
	near(t, "travel along the beam", hi-lo, 0.85*5, 0.01)
	near(t, "period", q.shift(4).z, q.shift(0).z, 1e-9)
}

// A place in the plane is drawn where the scan's table looks it up.
func TestScanGeometry(t *testing.T) {
	const h, w = 200, 240
	for _, flip := range []bool{false, true} {
		s := newScan(h, w, 160, 40*math.Pi/180, flip)
		for n, p := range s.pixels {
			if n%37 != 0 {
				continue
			}
			beam := float64(s.at[n]/polarDepths) + float64(s.fb[n])
			depth := float64(s.at[n]%polarDepths) + float64(s.fd[n])
			r, a := depth*160/(polarDepths-1), 40*math.Pi/180*(2*beam/(polarBeams-1)-1)
			x, y := s.pixel(r*math.Sin(a), r*math.Cos(a))
			near(t, "column", x, float64(int(p)%w), 0.01)
			near(t, "row", y, float64(int(p)/w), 0.01)
		}
		box := s.box()
		if box[0] < 0 || box[1] < 0 || box[2] >= w || box[3] >= h || box[3]-box[1] < h*6/10 {
			t.Errorf("sector %v", box)
		}
	}
}

// Bilinear interpolation of a plane is exact: a picture that is linear in beam and depth comes out linear.
func TestScanConversion(t *testing.T) {
	s := newScan(100, 100, 150, 0.6, false)
	var grey [polarBeams][polarDepths]float32
	for b := range grey {
		for d := range grey[b] {
			grey[b][d] = float32(b) + float32(d)/2
		}
	}
	dst := make([]uint8, 100*100)
	s.convert(dst, &grey)
	for n, p := range s.pixels {
		want := float64(s.at[n]/polarDepths) + float64(s.fb[n]) + (float64(s.at[n]%polarDepths)+float64(s.fd[n]))/2
		near(t, "level", float64(dst[p]), want, 0.51)
	}
	drawn := map[int32]bool{}
	for _, p := range s.pixels {
		drawn[p] = true
	}
	for i, v := range dst {
		if v != 0 && !drawn[int32(i)] {
			t.Fatalf("pixel %d outside the sector is %d", i, v)
		}
	}
}

// With the flip the same heart is mirrored.
func TestFlip(t *testing.T) {
	c := mustNew(t, Config{Seed: 52, Tissue: true, Frames: 8, Height: 101, Width: 101})
	p := c.Patient(1)
	p.bits[Flip] = false
	a, _ := c.ClipOf(p, A4C)
	p.bits[Flip] = true
	b, _ := c.ClipOf(p, A4C)
	different := 0
	for y := range 101 {
		for x := range 101 {
			if d := int(a.Data[y*101+x]) - int(b.Data[y*101+100-x]); d > 1 || d < -1 {
				different++
			}
		}
	}
	if different > 0 {
		t.Errorf("%d pixels are not mirrored", different)
	}
}

// BMI changes depth only where it is asked to, and groups differ in BMI only then.
func TestBMIBias(t *testing.T) {
	slope := func(rho float64) (depth, group float64) {
		c := mustNew(t, Config{Seed: 53, Confounders: map[Confounder]float64{BMI: rho}})
		var bmi, depths []float64
		mean := map[string][]float64{}
		for i := range 400 {
			p := c.Patient(i)
			q := p.acquire(rand.New(rand.NewPCG(uint64(i), 1)), &c.cfg, PSAXMid)
			bmi, depths = append(bmi, p.BMI), append(depths, q.depth-p.heart.a0*2)
			mean[p.Group] = append(mean[p.Group], p.BMI)
		}
		a, _ := meanSD(mean["A"])
		b, _ := meanSD(mean["C"])
		return correlation(bmi, depths), b - a
	}
	depth, group := slope(0)
	near(t, "correlation of BMI and depth at rho 0", depth, 0, 0.15)
	near(t, "difference between groups at rho 0", group, 0, 1.6)
	depth, group = slope(1)
	if depth < 0.6 {
		t.Errorf("correlation of BMI and depth at rho 1 is %.2f", depth)
	}
	near(t, "difference between groups at rho 1", group, 4, 1.6)
}

// The frame rate's side decides the acquisition rate.
func TestFrameRateSides(t *testing.T) {
	c := mustNew(t, Config{Seed: 54, Frames: -1})
	for i := range 40 {
		p := c.Patient(i)
		_, fps, _ := c.timing(p, A4C)
		if p.bits[FrameRate] != (fps >= 55) {
			t.Errorf("%g frames/s on side %t", fps, p.bits[FrameRate])
		}
	}
}
