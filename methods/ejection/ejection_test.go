package ejection

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %v, want %v ± %v", what, got, want, tolerance)
	}
}

// ellipse is a mask of half axes a (along the direction angle) and b, mm, on pixels of the given size.
func ellipse(a, b, angle, row, column float64) Plane {
	p := Plane{H: int(140 / row), W: int(140 / column), RowMM: row, ColumnMM: column}
	p.In = make([]bool, p.H*p.W)
	for i := range p.In {
		x, y := float64(i%p.W)*column-70, float64(i/p.W)*row-70
		u, v := x*math.Cos(angle)+y*math.Sin(angle), -x*math.Sin(angle)+y*math.Cos(angle)
		p.In[i] = u*u/(a*a)+v*v/(b*b) <= 1
	}
	return p
}

// TestBar: a bar of 10×4 pixels of 2×1 mm, by hand. Its long axis lies along rows' direction: 10 rows × 2 mm = 20 mm; it is 4 mm wide.
func TestBar(t *testing.T) {
	p := Plane{H: 14, W: 9, RowMM: 2, ColumnMM: 1, In: make([]bool, 14*9)}
	for y := 2; y < 12; y++ {
		for x := 3; x < 7; x++ {
			p.In[y*p.W+x] = true
		}
	}
	near(t, "area", p.Area(), 80, 1e-12)
	near(t, "length", p.Length(), 20, 1e-9)
	for i, d := range p.Diameters(20) {
		near(t, "diameter", d, 4, 1e-9)
		_ = i
	}
	// A cylinder of 4 mm across and 20 mm long: π/4·16·20 = 251.3 mm³.
	near(t, "discs", Simpson(p), math.Pi/4*16*20/1000, 1e-9)
	// 8·80²/(3·π·20) = 271.6 mm³.
	near(t, "area–length", AreaLength(p), 8*6400/(3*math.Pi*20)/1000, 1e-9)
}

// TestEllipsoid: half axes 45, 25 and 20 mm hold 4/3·π·a·b·c = 94.2 mL; every method finds it to a hundredth, whichever way the
// pictures are turned and whatever their pixels.
func TestEllipsoid(t *testing.T) {
	for _, angle := range []float64{math.Pi / 2, 1.2, 0.3} {
		for _, mm := range [][2]float64{{0.5, 0.5}, {0.5, 0.8}} {
			a, b := ellipse(45, 25, angle, mm[0], mm[1]), ellipse(45, 20, angle, mm[0], mm[1])
			near(t, "length", a.Length(), 90, 0.9)
			near(t, "area–length", AreaLength(a), 4.0/3*math.Pi*45*25*25/1000, 1.3)
			near(t, "one plane", Simpson(a), 4.0/3*math.Pi*45*25*25/1000, 1.3)
			near(t, "two planes", Biplane(a, b), 4.0/3*math.Pi*45*25*20/1000, 1.0)
		}
	}
}

// TestCone has its wide end up or down: two planes must be laid the same way up.
func TestCone(t *testing.T) {
	cone := func(flip bool) Plane {
		p := Plane{H: 120, W: 120, RowMM: 0.5, ColumnMM: 0.5, In: make([]bool, 120*120)}
		for y := 10; y < 110; y++ {
			at := y
			if flip {
				at = 119 - y
			}
			for x := range p.W {
				p.In[y*p.W+x] = math.Abs(float64(x)-59.5) < float64(at-9)*0.2
			}
		}
		return p
	}
	up, down := cone(false), cone(true)
	// About π/3·10²·50 = 5.24 mL: whole pixels make every row a little wider than the cone.
	near(t, "cone, by its formula", Simpson(up), math.Pi/3*100*50/1000, 0.1)
	near(t, "upside down", Simpson(down), Simpson(up), 1e-9)
	if both := Biplane(up, down); both > 0.8*Simpson(up) {
		t.Errorf("opposite cones give %v mL, as if they were laid the same way up", both)
	}
}

func TestUndefined(t *testing.T) {
	empty := Plane{In: make([]bool, 16), H: 4, W: 4, RowMM: 1, ColumnMM: 1}
	for _, v := range []float64{empty.Length(), Simpson(empty), AreaLength(empty), Fraction(0, 0), Fraction(-1, 2), Fraction(math.NaN(), 1)} {
		if !math.IsNaN(v) {
			t.Errorf("an empty mask or no volume gives %v", v)
		}
	}
	near(t, "stack", Stack([]float64{100, 200, 300}, 8), 4.8, 1e-12)
	near(t, "fraction", Fraction(120, 48), 60, 1e-12)
}

// wave is n beats of period frames: 100 at diastole, 40 at systole, raised cosine.
func wave(beats, period int, shift float64) []float64 {
	out := make([]float64, beats*period)
	for i := range out {
		out[i] = 70 + 30*math.Cos(2*math.Pi*(float64(i)/float64(period)-shift))
	}
	return out
}

func TestBeats(t *testing.T) {
	b := Beats(wave(3, 30, 0.1)) // tops at 3, 33, 63; bottoms at 18, 48, 78
	if len(b) != 3 {
		t.Fatalf("%d beats, want 3: %v", len(b), b)
	}
	for i, beat := range b {
		if d := beat.Diastole - (3 + 30*i); d < -1 || d > 1 {
			t.Errorf("beat %d: diastole at %d, want %d", i, beat.Diastole, 3+30*i)
		}
		if d := beat.Systole - (18 + 30*i); d < -1 || d > 1 {
			t.Errorf("beat %d: systole at %d, want %d", i, beat.Systole, 18+30*i)
		}
		near(t, "fraction", beat.Fraction, 60, 0.5)
	}
	f, n := MeanFraction(wave(3, 30, 0.1))
	near(t, "mean", f, 60, 0.5)
	if n != 3 {
		t.Errorf("%d beats in the mean", n)
	}
}

// TestBeatsOfUnequalDepth: a mean over beats, not the largest and smallest of the whole curve. 50 and 40 % by construction.
func TestBeatsOfUnequalDepth(t *testing.T) {
	v := wave(2, 40, 0.1)
	for i := range v {
		low := 50.0
		if i >= 44 {
			low = 60
		}
		v[i] = low + (v[i]-40)/60*(100-low)
	}
	f, n := MeanFraction(v)
	if n != 2 {
		t.Fatalf("%d beats", n)
	}
	near(t, "mean of 50 and 40", f, 45, 0.7)
}

func TestBeatsWithoutABeat(t *testing.T) {
	if b := Beats([]float64{5, 5, 5, 5}); b != nil {
		t.Errorf("a flat curve has beats %v", b)
	}
	if b := Beats(wave(1, 20, 0)[:11]); b != nil { // falls once and never rises
		t.Errorf("half a beat counts: %v", b)
	}
	f, n := MeanFraction(wave(1, 20, 0)[:11])
	near(t, "its largest and smallest stand in", f, 60, 3)
	if n != 0 {
		t.Errorf("%d beats", n)
	}
	for _, v := range [][]float64{nil, {math.NaN(), math.NaN()}} {
		if f, n := MeanFraction(v); !math.IsNaN(f) || n != 0 {
			t.Errorf("%v gives %v of %d beats", v, f, n)
		}
	}
}

// TestBeatsWithGapsAndNoise: missing frames, a filling wave in two parts and noise of 2 % make no beats of their own.
func TestBeatsWithGapsAndNoise(t *testing.T) {
	v := wave(4, 30, 0.1)
	for i := range v {
		v[i] += 2 * math.Sin(float64(i)*2.4)
		if phase := (i + 27) % 30; phase > 20 && phase < 25 {
			v[i] -= 8
		}
	}
	v[7], v[8], v[50], v[119] = math.NaN(), math.NaN(), math.NaN(), math.NaN()
	if b := Beats(v); len(b) != 4 {
		t.Errorf("%d beats, want 4: %v", len(b), b)
	}
}
