package cohort

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/stats"
)

// cutOut is a part of a clip in time and space, mirrored or not.
func cutOut(c *clip.Clip, t0, t1, y0, y1, x0, x1 int, mirrored bool) *clip.Clip {
	d := clip.New(c.DType, t1-t0, y1-y0, x1-x0, 1)
	for t := range d.T {
		for y := range d.H {
			for x := range d.W {
				from := x0 + x
				if mirrored {
					from = x1 - 1 - x
				}
				d.Data[(t*d.H+y)*d.W+x] = c.Data[((t0+t)*c.H+y0+y)*c.W+from]
			}
		}
	}
	return d
}

// tissue is a clip of random texture, two cells of it a thumbnail's ten pixels, that drifts and breathes.
func tissue(seed stats.Seed, frames, side int) *clip.Clip {
	const cells = 16
	rng := seed.Stream("tissue")
	var grid [cells][cells]float64
	for y := range cells {
		for x := range cells {
			grid[y][x] = rng.Float64()
		}
	}
	c := clip.New(clip.Uint8, frames, side, side, 1)
	for t := range frames {
		phase := 2 * math.Pi * float64(t) / float64(frames)
		for i := range side * side {
			y := float64(i/side)/float64(side)*(cells-3) + 1 + 0.3*math.Sin(phase)
			x := float64(i%side)/float64(side)*(cells-3) + 1 + 0.3*math.Cos(phase)
			y0, x0 := int(y), int(x)
			fy, fx := y-float64(y0), x-float64(x0)
			v := (1-fy)*((1-fx)*grid[y0][x0]+fx*grid[y0][x0+1]) + fy*((1-fx)*grid[y0+1][x0]+fx*grid[y0+1][x0+1])
			c.Data[t*side*side+i] = byte(20 + 180*v)
		}
	}
	return c
}

// duplicatesOf looks at every item and compares them all.
func duplicatesOf(t *testing.T, c *Cohort) []Duplicate {
	t.Helper()
	facts, err := c.Inspect(context.Background(), InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := c.Duplicates(context.Background(), facts)
	if err != nil {
		t.Fatal(err)
	}
	return pairs
}

// TestDuplicatesAfterAligning: copies that were cropped, mirrored, cut in time or all of these are found, and only they.
func TestDuplicatesAfterAligning(t *testing.T) {
	const side, frames = 120, 12
	changes := map[string]func(c *clip.Clip) *clip.Clip{
		"mirrored":    func(c *clip.Clip) *clip.Clip { return cutOut(c, 0, frames, 0, side, 0, side, true) },
		"cropped":     func(c *clip.Clip) *clip.Clip { return cutOut(c, 0, frames, 8, side-8, 8, side-8, false) },
		"one side":    func(c *clip.Clip) *clip.Clip { return cutOut(c, 0, frames, 0, side, 14, side, false) },
		"first half":  func(c *clip.Clip) *clip.Clip { return cutOut(c, 0, frames/2, 0, side, 0, side, false) },
		"all of them": func(c *clip.Clip) *clip.Clip { return cutOut(c, 2, 10, 6, side-6, 6, side-6, true) },
		"darker": func(c *clip.Clip) *clip.Clip {
			return changed(cutOut(c, 0, frames, 8, side-8, 8, side-8, true), func(v float64, _ int) float64 { return 20 + 0.5*v })
		},
	}
	names := slices.Sorted(maps.Keys(changes))
	var clips []*clip.Clip
	for i, n := range names {
		c := tissue(stats.Seed(40+i), frames, side)
		clips = append(clips, c, changes[n](c))
	}
	for i := range 40 {
		clips = append(clips, tissue(stats.Seed(60+i), frames, side))
	}
	c := saved(t, clips, Spec{}, "", func(i int) string { return fmt.Sprintf("p%d", i) })
	pairs := duplicatesOf(t, c)
	want := map[[2]int]string{}
	for i, n := range names {
		want[[2]int{2 * i, 2*i + 1}] = n
	}
	for _, d := range pairs {
		if want[d.Rows] == "" {
			t.Errorf("different clips are called the same: %+v", d)
		}
		if d.Exact || !d.Patients {
			t.Errorf("%s: %+v", want[d.Rows], d)
		}
		delete(want, d.Rows)
	}
	for _, n := range want {
		t.Errorf("a copy, %s, is not found", n)
	}
}

// TestDuplicatesOfLungClips: one video of the public collection stands under a man of 35 and a woman of 79, cut out in two sizes. No other
// pair is named but the one whose own remarks say that it is the same video.
func TestDuplicatesOfLungClips(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: decodes 95 clips")
	}
	c, err := Load(context.Background(), Spec{Root: testdata.Shared(t, "data", "imaging", "lus"), Table: "index.csv", File: "clips/{clip}", Patient: "group"})
	if err != nil {
		t.Fatal(err)
	}
	pairs := duplicatesOf(t, c)
	got := map[[2]string]bool{}
	for _, d := range pairs {
		got[[2]string{c.Rows[d.Rows[0]].Patient, c.Rows[d.Rows[1]].Patient}] = d.Aligned
	}
	aligned, ok := got[[2]string{"s18_p175", "s18_p210"}]
	if !aligned || !ok || len(pairs) != 2 {
		t.Errorf("pairs: %v", got)
	}
}

// TestSimpleShapesAreNoCopies: discs of all sizes and places are the same once aligned, and still nobody's copies.
func TestSimpleShapesAreNoCopies(t *testing.T) {
	rng := stats.Seed(8).Stream("discs")
	var clips []*clip.Clip
	for range 60 {
		c := clip.New(clip.Uint8, 3, 64, 64, 1)
		x0, y0, r := 24+16*rng.Float64(), 24+16*rng.Float64(), 12+8*rng.Float64()
		for i := range c.Data {
			x, y := float64(i%64)-x0, float64(i/64%64)-y0
			c.Data[i] = byte(40 + 20*rng.Float64())
			if math.Hypot(x, y) < r {
				c.Data[i] += 120
			}
		}
		clips = append(clips, c)
	}
	c := saved(t, clips, Spec{}, "", func(i int) string { return fmt.Sprintf("p%d", i) })
	pairs := duplicatesOf(t, c)
	for _, d := range pairs {
		if d.Aligned {
			t.Errorf("%+v", d)
		}
	}
}

// TestSketchHardCases: nothing that is flat, not a number or tiny has a sketch that is like anything.
func TestSketchHardCases(t *testing.T) {
	flat := clip.New(clip.Uint8, 3, 20, 20, 1)
	if sketchOf(samplesOf(flat), flat.T) != nil || len(details(samplesOf(flat), flat.T)) != 0 {
		t.Error("a flat picture has a sketch")
	}
	none := clip.New(clip.Float32, 2, 4, 4, 1)
	for i := range clip.Samples[float32](none) {
		clip.Samples[float32](none)[i] = float32(math.NaN())
	}
	if sketchOf(samplesOf(none), none.T) != nil {
		t.Error("a picture of NaN has a sketch")
	}
	dot := clip.New(clip.Uint8, 1, 1, 2, 1)
	dot.Data[1] = 9
	if s := sketchOf(samplesOf(dot), dot.T); s == nil {
		t.Error("two pixels have none")
	} else if like, mirrored := s.like(s); math.Abs(float64(like)-1) > 1e-5 || mirrored {
		t.Errorf("two pixels are like themselves by %v, %v", like, mirrored)
	}
}

// TestAlign: a placement is found again to about a pixel of the thumbnail (0.04 of the scale), and no overlap below the least is compared.
func TestAlign(t *testing.T) {
	c := scene(7, 1, 96)
	whole := detail(samplesOf(c).grid(0))
	part := cutOut(c, 0, 1, 6, 96, 0, 84, true)
	p, r := align(whole, detail(samplesOf(part).grid(0)), true)
	if !p.mirrored || r < 0.95 || math.Abs(p.sy-90.0/96) > 0.04 || math.Abs(p.sx-84.0/96) > 0.04 || math.Abs(p.dy-1.5) > 1 || math.Abs(p.dx+3) > 1 {
		t.Errorf("%+v at %.3f", p, r)
	}
	if got := correlate(whole, whole, placement{sy: 1, sx: 1, dx: 20}, thumbSide); got != -1 {
		t.Errorf("an overlap of 28 of 48 columns is compared: %v", got)
	}
	if got := correlate(whole, whole, placement{sy: 1, sx: 1}, thumbSide); math.Abs(got-1) > 1e-12 {
		t.Errorf("with itself: %v", got)
	}
}
