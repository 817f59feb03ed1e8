package sector

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/dicom/pixel"
)

// dice is the agreement of what Find keeps with the truth.
func dice(s *Sector, truth []bool, w int) float64 {
	both, sum := 0, 0
	for k, in := range truth {
		got := s.Inside(k%w, k/w)
		if got {
			sum++
		}
		if in {
			sum++
		}
		if got && in {
			both++
		}
	}
	return 2 * float64(both) / float64(sum)
}

// clipOf is what Find sees of a phantom.
func clipOf(g plant.Ground, single bool) Clip {
	n := g.W * g.H
	c := Clip{W: g.W, H: g.H, Still: make([]uint8, n)}
	if single {
		for k := range n {
			c.Still[k] = g.Frames[0][3*k]
		}
		return c
	}
	c.Change = make([]uint8, n)
	for k := range n {
		sum, lo, hi := 0, uint8(255), uint8(0)
		for _, f := range g.Frames {
			sum += int(f[3*k])
			lo, hi = min(lo, f[3*k]), max(hi, f[3*k])
		}
		c.Still[k], c.Change[k] = uint8(sum/len(g.Frames)), hi-lo
	}
	return c
}

func TestPhantomSectors(t *testing.T) {
	for i := range 5 {
		g, truth, err := plant.Phantom(77, i, 200)
		if err != nil {
			t.Fatal(err)
		}
		for _, single := range []bool{false, true} {
			s := Find(clipOf(g, single))
			d := dice(&s, truth, g.W)
			lost := 0
			for k, in := range truth {
				if in && !s.Inside(k%g.W, k/g.W) {
					lost++
				}
			}
			t.Logf("clip %d, single %v: Dice %.4f, %d of the sector's pixels lost, doubt %q, %s", i, single, d, lost, s.Doubt, s.Describe())
			if d < 0.95 || len(s.Fields) != 1 || lost > g.W*g.H/200 {
				t.Errorf("clip %d, single %v: Dice %.3f, %d fields, %d pixels lost", i, single, d, len(s.Fields), lost)
			}
		}
	}
}

func TestNoSector(t *testing.T) {
	s := Find(Clip{W: 200, H: 150, Still: make([]uint8, 200*150)})
	if s.Found() || s.Doubt == "" || s.Inside(100, 75) {
		t.Errorf("a sector on black: %+v", s.Fields)
	}
}

// linear is a rectangle of noise with regions in the header.
func linear() Clip {
	const w, h = 320, 240
	r := rand.New(rand.NewPCG(1, 1))
	c := Clip{W: w, H: h, Still: make([]uint8, w*h)}
	for y := 30; y < 200; y++ {
		for x := 60; x < 260; x++ {
			c.Still[y*w+x] = uint8(30 + 50*r.Float64() + 60*math.Abs(math.Sin(float64(y)/20)))
		}
	}
	return c
}

func TestRectangleAndRegions(t *testing.T) {
	c := linear()
	s := Find(c)
	if len(s.Fields) != 1 || s.Fields[0].Fan || !s.Fields[0].Fitted || !s.Inside(160, 100) || s.Inside(20, 100) || s.Inside(160, 225) {
		t.Fatalf("%s, %q", s.Describe(), s.Doubt)
	}
	// A region that agrees cuts the field; one that does not is said and not used.
	c.Regions = []pixel.Region{{MinX: 50, MinY: 20, MaxX: 250, MaxY: 210, SpatialFormat: 1}, {MinX: 0, MinY: 0, MaxX: 319, MaxY: 239, SpatialFormat: 5}}
	s = Find(c)
	if s.Doubt != "" || s.Inside(258, 100) || !s.Inside(240, 100) {
		t.Errorf("%q", s.Doubt)
	}
	c.Regions = []pixel.Region{{MinX: 0, MinY: 0, MaxX: 80, MaxY: 60, SpatialFormat: 1}}
	s = Find(c)
	if s.Doubt == "" || !s.Inside(160, 100) {
		t.Errorf("a header that contradicts the pixels was believed: %q", s.Doubt)
	}
}

// Traces are kept where the header says that they are, and its tissue stands in for a sector that is not found, in doubt.
func TestRegionsOfTheHeader(t *testing.T) {
	c := linear()
	c.Regions = []pixel.Region{{MinX: 0, MinY: 205, MaxX: 319, MaxY: 235, SpatialFormat: 3}}
	s := Find(c)
	if !s.Inside(10, 220) || !s.Inside(160, 100) || s.Inside(10, 10) {
		t.Errorf("a spectrum: %q, %s", s.Doubt, s.Describe())
	}
	black := Clip{W: 200, H: 150, Still: make([]uint8, 200*150), Regions: []pixel.Region{{MinX: 20, MinY: 30, MaxX: 150, MaxY: 140, SpatialFormat: 1}}}
	s = Find(black)
	if !s.Found() || s.Doubt != "the scanning sector is the header's" || !s.Inside(20, 30) || s.Inside(19, 30) || s.Describe() == "" {
		t.Errorf("%q, %s", s.Doubt, s.Describe())
	}
	black.Regions[0] = pixel.Region{MaxX: 199, MaxY: 149, SpatialFormat: 1} // the whole screen is no region
	if s = Find(black); s.Found() {
		t.Errorf("%q, %s", s.Doubt, s.Describe())
	}
}

// A picture that moves as one is tissue however it looks.
func TestMovementCounts(t *testing.T) {
	const w, h = 160, 120
	c := Clip{W: w, H: h, Still: make([]uint8, w*h), Change: make([]uint8, w*h)}
	for y := 20; y < 100; y++ {
		for x := 30; x < 130; x++ {
			c.Still[y*w+x] = 3
			c.Change[y*w+x] = 40
		}
	}
	s := Find(c)
	if !s.Found() || !s.Inside(80, 60) || s.Inside(10, 10) {
		t.Errorf("%s, %q", s.Describe(), s.Doubt)
	}
}

func TestFit(t *testing.T) {
	for _, want := range []Shape{
		{Fan: true, X: 60, Y: 4, Left: 0.8, Right: 0.7, Near: 0, Far: 80},
		{Fan: true, X: 64, Y: -30, Left: 0.6, Right: 0.6, Near: 40, Far: 110},
		{X0: 20, Y0: 10, X1: 100, Y1: 70},
	} {
		on := make([]bool, GridH*GridW)
		for k := range on {
			on[k] = want.contains(float64(k%GridW)+0.5, float64(k/GridW)+0.5, 0)
		}
		got, score := fit(on)
		if score < 0.96 || got.Fan != want.Fan {
			t.Errorf("%+v: %+v agrees %.3f", want, got, score)
		}
	}
	if _, score := fit(make([]bool, GridH*GridW)); score != 0 {
		t.Error("a fit to nothing")
	}
}

func TestCells(t *testing.T) {
	on := make([]bool, GridH*GridW)
	for _, p := range []image.Point{{10, 10}, {11, 10}, {12, 10}, {10, 11}, {12, 11}, {10, 12}, {11, 12}, {12, 12}, {50, 50}} {
		on[p.Y*GridW+p.X] = true
	}
	g := components(on, 2)
	if len(g) != 1 || len(g[0]) != 8 {
		t.Fatalf("%d groups", len(g))
	}
	f := filled(g[0])
	if !f[11*GridW+11] || f[50*GridW+50] {
		t.Error("the hole was not filled, or more was")
	}
	big := grow(on, 1)
	if !big[9*GridW+9] || !big[51*GridW+51] || big[52*GridW+50] {
		t.Error("grown by another number of cells")
	}
	small := shrink(f, 1)
	if !small[11*GridW+11] || small[10*GridW+10] {
		t.Error("shrunk by another number of cells")
	}
}

func TestMeasure(t *testing.T) {
	const w, h = 256, 192 // cells of 2 × 2
	g := make([]uint8, w*h)
	g[0], g[1], g[w], g[w+1] = 100, 100, 200, 200
	p := Measure(g, h, w)
	if m := p.Row(0, 0)[0]; math.Abs(float64(m)-150.0/255) > 1e-6 {
		t.Errorf("mean %g", m*255)
	}
	if m := p.Row(1, 0)[0]; m != 200.0/255 {
		t.Errorf("largest %g", m*255)
	}
	if p.Row(0, 0)[1] != 0 || p.Row(1, 0)[1] == 0 {
		t.Error("the second cell's mean is its own, its largest value that of its surroundings")
	}
	if CellOf(192, 256) != 2 || CellOf(96, 300) != 300.0/128 {
		t.Error("cells of another size")
	}
}
