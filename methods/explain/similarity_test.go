package explain

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

func plane(h, w int, f func(y, x int) float64) Plane {
	p := Plane{h, w, make([]float64, h*w)}
	for i := range p.Values {
		p.Values[i] = f(i/w, i%w)
	}
	return p
}

func TestUnit(t *testing.T) {
	p := Plane{1, 3, []float64{-2, 0, 2}}
	if got := p.Unit().Values; !slices.Equal(got, []float64{0, 0.5, 1}) {
		t.Errorf("unit %v", got)
	}
	if got := p.Abs().Values; !slices.Equal(got, []float64{1, 0, 1}) {
		t.Errorf("abs %v", got)
	}
	if got := (Plane{1, 2, []float64{3, 3}}).Unit().Values; !slices.Equal(got, []float64{0, 0}) {
		t.Errorf("constant %v", got)
	}
}

func TestSSIMByHand(t *testing.T) {
	rng := stats.Seed(1).Stream("x")
	p := plane(12, 9, func(int, int) float64 { return rng.Float64() })
	for _, w := range []SSIMWindow{{Side: 7}, {Sigma: 1}} {
		if v, err := SSIM(p, p, w, 1); err != nil || math.Abs(v-1) > 1e-12 {
			t.Errorf("a plane and itself: %g, %v", v, err)
		}
	}
	// Constant planes a and b have no variance: (2ab + c₁)/(a² + b² + c₁) remains, c₁ = 1e-4.
	a, b := plane(7, 7, func(int, int) float64 { return 0.2 }), plane(7, 7, func(int, int) float64 { return 0.6 })
	want := (2*0.2*0.6 + 1e-4) / (0.04 + 0.36 + 1e-4)
	if v, err := SSIM(a, b, SSIMWindow{Side: 7}, 1); err != nil || math.Abs(v-want) > 1e-12 {
		t.Errorf("constants: %g, want %g, %v", v, want, err)
	}
	// A plane and its mirror in the middle value: covariance −variance and the same means.
	mirror := plane(12, 9, func(y, x int) float64 { return 1 - p.Values[y*9+x] })
	if v, err := SSIM(p, mirror, SSIMWindow{Side: 7}, 1); err != nil || v > -0.8 {
		t.Errorf("a plane and its mirror: %g, %v", v, err)
	}
	for _, bad := range []struct {
		a, b Plane
		w    SSIMWindow
	}{{p, a, SSIMWindow{Side: 7}}, {a, b, SSIMWindow{Side: 9}}, {a, b, SSIMWindow{Side: 2}}} {
		if _, err := SSIM(bad.a, bad.b, bad.w, 1); err == nil {
			t.Errorf("%d×%d with %+v passed", bad.a.H, bad.a.W, bad.w)
		}
	}
}

func TestHOGKnowsDirections(t *testing.T) {
	right := plane(16, 16, func(_, x int) float64 { return float64(x) })
	down := plane(16, 16, func(y, _ int) float64 { return float64(y) })
	strongest := func(h []float64) map[int]bool { // orientation bins with the most weight
		sum := make([]float64, 9)
		for i, v := range h {
			sum[i%9] += v
		}
		out := map[int]bool{}
		for b, v := range sum {
			out[b] = v == slices.Max(sum)
		}
		return out
	}
	hr, hd := HOG(right), HOG(down)
	if len(hr) != 36 || len(hd) != 36 { // one block of 2×2 cells of 9 bins
		t.Fatalf("%d and %d values", len(hr), len(hd))
	}
	if !strongest(hr)[0] || !strongest(hd)[4] { // 0° and 90° of 180° in bins of 20°
		t.Errorf("right %v, down %v", hr, hd)
	}
	// Brightness and contrast do not matter: blocks are normalised.
	brighter := plane(16, 16, func(_, x int) float64 { return 100 + 7*float64(x) })
	for i, v := range HOG(brighter) {
		if math.Abs(v-hr[i]) > 1e-6 {
			t.Fatalf("value %d changed from %g to %g", i, hr[i], v)
		}
	}
	if HOG(plane(15, 40, func(int, int) float64 { return 1 })) != nil {
		t.Error("a plane below 16 rows has a histogram")
	}
}

func TestCompareSignAndShape(t *testing.T) {
	rng := stats.Seed(2).Stream("x")
	a, b := NewMap(2, 16, 16), NewMap(2, 16, 16)
	for i := range a.Values {
		a.Values[i] = float32(rng.NormFloat64())
		b.Values[i] = -a.Values[i]
	}
	s, err := Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(*s.Spearman-1) > 1e-12 || math.Abs(*s.SpearmanSigned+1) > 1e-12 || math.Abs(*s.SSIM-1) > 1e-12 || math.Abs(*s.HOG-1) > 1e-9 || math.Abs(s.TopK-1) > 1e-9 {
		t.Errorf("a map and its opposite: %+v", s)
	}
	if _, err := Compare(a, NewMap(2, 16, 15)); err == nil {
		t.Error("other shapes passed")
	}
	small, err := Compare(&Map{1, 2, 2, []float32{1, 2, 3, 4}}, &Map{1, 2, 2, []float32{1, 3, 2, 4}})
	if err != nil || small.SSIM != nil || small.HOG != nil || math.Abs(*small.Spearman-0.8) > 1e-12 {
		t.Errorf("small maps: %+v, %v", small, err)
	}
	if flat, err := Compare(NewMap(1, 2, 2), NewMap(1, 2, 2)); err != nil || flat.Spearman != nil {
		t.Errorf("flat maps: %+v, %v", flat, err)
	}
}

// The null of the overlap: of 2,000 pairs of random maps about 5 % share more of their highest tenth than its 95th percentile.
func TestTopOverlapNull(t *testing.T) {
	rng := stats.Seed(3).Stream("x")
	above := 0
	const n = 2000
	for range n {
		a, b := NewMap(1, 10, 30), NewMap(1, 10, 30)
		for i := range a.Values {
			a.Values[i], b.Values[i] = rng.Float32(), rng.Float32()
		}
		if share, null := topOverlap(a, b, 0.1); share > null+1e-9 {
			above++
		}
	}
	if share := float64(above) / n; share < 0.015 || share > 0.075 { // discrete, so not 5 % exactly
		t.Errorf("%.3f of random pairs are above", share)
	}
}
