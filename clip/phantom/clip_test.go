package phantom

import (
	"bytes"
	"math"
	"math/cmplx"
	"sync"
	"testing"

	"github.com/cineloop/cineloop/clip"
)

// maskVolume measures a mask's left ventricle in one view as a reader would: long axis from the middle of the base to the apex
// (here the column of the probe's axis, on which standard views put it), 20 discs, their diameters from pixel counts.
func maskDiameters(mask []uint8, s *scan) (diameters [discs]float64, length float64) {
	top, bottom := math.Inf(1), math.Inf(-1)
	x := int(math.Round(s.x0))
	for y := range s.h {
		if mask[y*s.w+x] == MaskLV {
			top, bottom = math.Min(top, float64(y)), math.Max(bottom, float64(y)+1)
		}
	}
	length = bottom - top
	for y := range s.h {
		disc := int((float64(y) + 0.5 - top) / length * discs)
		if disc < 0 || disc >= discs {
			continue
		}
		for x := range s.w {
			if mask[y*s.w+x] == MaskLV {
				diameters[disc] += discs / length
			}
		}
	}
	for i := range diameters {
		diameters[i] *= s.mm
	}
	return diameters, length * s.mm
}

// EF by biplane discs from the masks of the four- and two-chamber views is within 1 point of the label, with and without defects.
func TestEFFromMasks(t *testing.T) {
	c := mustNew(t, Config{Seed: 21, Preset: Uniform})
	defects := 0
	for i := range 16 {
		p := c.Patient(i)
		if p.heart.k != nil {
			defects++
		}
		volume := func(e float64) float64 {
			var d [2][discs]float64
			var length float64
			for n, v := range []View{A4C, A2C} {
				q := standard(&p.heart, v)
				q.depth = p.heart.zb0 + 40
				b := newBeamformer()
				b.aim(&q)
				g := p.heart.figure(moment{e: e})
				b.place(&g, vec3{})
				b.sortCells()
				s := newScan(300, 300, q.depth, q.half, false)
				mask := make([]uint8, 300*300)
				s.labels(mask, b)
				d[n], length = maskDiameters(mask, s)
			}
			var sum float64
			for k := range discs {
				sum += d[0][k] * d[1][k]
			}
			return math.Pi / 4 * sum * length / discs / 1000
		}
		edv, esv := volume(0), volume(1)
		near(t, "EF from masks", 100*(edv-esv)/edv, p.EF, 1)
		near(t, "EDV from masks over label", edv/p.EDV, 1, 0.04)
	}
	if defects < 2 {
		t.Errorf("only %d hearts with defects were measured", defects)
	}
}

// The mean brightness of a place that the wall enters and leaves beats with the heart.
func TestBrightnessBeatsWithTheHeart(t *testing.T) {
	c := mustNew(t, Config{Seed: 22, Frames: -1, Tissue: true, Masks: true})
	tested := 0
	for i := 0; tested < 4; i++ {
		p := c.Patient(i)
		if p.EF < 45 || p.AF {
			continue
		}
		tested++
		pictures, truth := c.Clip(i, A4C)
		first := truth.Masks[truth.ED[0]*112*112 : (truth.ED[0]+1)*112*112]
		series := make([]float64, pictures.T)
		for f := range series {
			for px, m := range first {
				if m == MaskLV {
					series[f] += float64(pictures.Frame(f)[px])
				}
			}
		}
		mean, _ := meanSD(series)
		best, at := 0.0, 0.0
		for bpm := 35.0; bpm < 260; bpm += 0.5 {
			var z complex128
			for f, v := range series {
				w := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(f)+0.5)/float64(len(series)))
				z += complex(w*(v-mean), 0) * cmplx.Exp(complex(0, -2*math.Pi*bpm/60*pictures.TimesMS[f]/1000))
			}
			if a := cmplx.Abs(z); a > best {
				best, at = a, bpm
			}
		}
		// A clip of two to four beats resolves a fifth of the rate.
		near(t, "dominant frequency over heart rate", at/truth.HR, 1, 0.2)
	}
}

// leftVentricleArea counts the cavity's pixels in a frame.
func leftVentricleArea(truth *Truth, frame, h, w int) float64 {
	var n float64
	for _, m := range truth.Masks[frame*h*w : (frame+1)*h*w] {
		if m == MaskLV {
			n++
		}
	}
	return n
}

// One frame says clearly less about EF than the beat: the R² of the best line on one frame's area (in mm²) is less than half of
// that of the areas' change between end-diastole and end-systole.
func TestEFNeedsTime(t *testing.T) {
	c := mustNew(t, Config{Seed: 23, Tissue: true, Masks: true, Height: 96, Width: 96, Frames: 16})
	var ef, one, change []float64
	for i := range 40 {
		_, truth := c.Clip(i, A4C)
		if len(truth.ED) == 0 || len(truth.ES) == 0 {
			t.Fatal("no end-diastole or end-systole")
		}
		ed, es := leftVentricleArea(truth, truth.ED[0], 96, 96), leftVentricleArea(truth, truth.ES[0], 96, 96)
		ef = append(ef, truth.Patient.EF)
		one = append(one, leftVentricleArea(truth, 7, 96, 96)*truth.PixelMM*truth.PixelMM)
		change = append(change, 1-es/ed)
	}
	single, beat := correlation(one, ef), correlation(change, ef)
	if beat < 0.85 {
		t.Errorf("EF and the area's change correlate %.2f", beat)
	}
	if single*single > beat*beat/2 {
		t.Errorf("one frame explains R² %.2f of EF, the beat %.2f", single*single, beat*beat)
	}
}

// picture is a clip's mean frame in 12×12 blocks with its SD over time: what a simple classifier sees.
func picture(c *clip.Clip) []float64 {
	const n = 12
	v := make([]float64, 2*n*n)
	for y := range n {
		for x := range n {
			var perFrame []float64
			for f := range c.T {
				var s float64
				for dy := range c.H / n {
					for dx := range c.W / n {
						s += float64(c.Frame(f)[(y*(c.H/n)+dy)*c.W+x*(c.W/n)+dx])
					}
				}
				perFrame = append(perFrame, s)
			}
			v[y*n+x], v[n*n+y*n+x] = meanSD(perFrame)
		}
	}
	return v
}

// centroidAccuracy is the ten-fold accuracy of the nearest class mean after standardising features.
func centroidAccuracy(features [][]float64, class []int) float64 {
	dims := len(features[0])
	for d := range dims {
		column := make([]float64, len(features))
		for i := range features {
			column[i] = features[i][d]
		}
		mean, sd := meanSD(column)
		for i := range features {
			features[i][d] = (features[i][d] - mean) / (sd + 1e-9)
		}
	}
	hits := 0
	for fold := range 10 {
		sums, counts := map[int][]float64{}, map[int]float64{}
		for i, f := range features {
			if i%10 == fold {
				continue
			}
			if sums[class[i]] == nil {
				sums[class[i]] = make([]float64, dims)
			}
			counts[class[i]]++
			for d, x := range f {
				sums[class[i]][d] += x
			}
		}
		for i := fold; i < len(features); i += 10 {
			best, at := math.Inf(1), -1
			for k, sum := range sums {
				var dist float64
				for d, x := range features[i] {
					e := x - sum[d]/counts[k]
					dist += e * e
				}
				if dist < best {
					best, at = dist, k
				}
			}
			if at == class[i] {
				hits++
			}
		}
	}
	return float64(hits) / float64(len(class))
}

// At rho = 0 tissue pixels do not tell the site. The same classifier finds the sector's width, and at rho = 1 the test site's
// left–right convention, so it is not blind.
func TestSiteIsNotInTheTissue(t *testing.T) {
	const n = 120
	cfg := Config{Seed: 24, Tissue: true, Height: 48, Width: 48, Frames: 8}
	run := func(cfg Config, classes ...func(*Patient) int) (accuracy []float64) {
		c := mustNew(t, cfg)
		var features [][]float64
		found := make([][]int, len(classes))
		for i := range n {
			pictures, truth := c.Clip(i, A4C)
			features = append(features, picture(pictures))
			for k, class := range classes {
				found[k] = append(found[k], class(truth.Patient))
			}
		}
		for k := range classes {
			accuracy = append(accuracy, centroidAccuracy(features, found[k]))
		}
		return accuracy
	}
	is := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	a := run(cfg, func(p *Patient) int { return p.Site }, func(p *Patient) int { return is(p.bits[Sector]) })
	// Chance is 1/4; four standard errors at n = 120 are 0.16.
	if a[0] > 0.41 {
		t.Errorf("the site is found with accuracy %.2f at rho 0", a[0])
	}
	if a[1] < 0.8 {
		t.Errorf("the sector's side is found with accuracy %.2f only: the classifier is blind", a[1])
	}
	cfg.Rho = 1
	if a := run(cfg, func(p *Patient) int { return is(p.Site == TestSite) }); a[0] < 0.9 {
		t.Errorf("the test site is found with accuracy %.2f at rho 1", a[0])
	}
}

// Same seed, same bytes: in any order, from any goroutine, with used and with new buffers.
func TestDeterminism(t *testing.T) {
	cfg := Config{Seed: 25, Masks: true, Frames: 8, Height: 64, Width: 64}
	type key struct {
		i int
		v View
	}
	keys := []key{{0, A4C}, {1, PLAX}, {2, PSAXMid}, {3, A2C}, {4, A3C}, {5, PSAXBase}}
	want := map[key][]byte{}
	a := mustNew(t, cfg)
	for _, k := range keys {
		c, truth := a.Clip(k.i, k.v)
		want[k] = append(append([]byte{}, c.Data...), truth.Masks...)
	}
	b := mustNew(t, cfg)
	var wg sync.WaitGroup
	for n := range keys {
		k := keys[len(keys)-1-n]
		wg.Go(func() {
			c, truth := b.Clip(k.i, k.v)
			if !bytes.Equal(append(append([]byte{}, c.Data...), truth.Masks...), want[k]) {
				t.Errorf("patient %d, %s: other bytes in another order", k.i, k.v)
			}
		})
	}
	wg.Wait()
	cfg.Seed++
	if c, _ := mustNew(t, cfg).Clip(0, A4C); bytes.Equal(c.Data, want[keys[0]][:len(c.Data)]) {
		t.Error("another seed gives the same pictures")
	}
}

// Every view is a valid clip that shows its chambers.
func TestViews(t *testing.T) {
	c := mustNew(t, Config{Seed: 26, Masks: true, Frames: 8})
	shows := map[View][]uint8{
		A4C: {MaskLV, MaskMyocardium, MaskLA, MaskRV, MaskRA}, A2C: {MaskLV, MaskMyocardium, MaskLA}, A3C: {MaskLV, MaskMyocardium, MaskLA, MaskAorta},
		PLAX: {MaskLV, MaskMyocardium, MaskLA, MaskRV, MaskAorta}, PSAXBase: {MaskLV, MaskMyocardium, MaskRV}, PSAXMid: {MaskLV, MaskMyocardium, MaskRV}, PSAXApex: {MaskLV, MaskMyocardium},
	}
	for _, v := range Views {
		for i := range 4 {
			pictures, truth := c.Clip(i, v)
			if err := pictures.Validate(); err != nil {
				t.Fatal(err)
			}
			if pictures.Spacing.Row <= 0 || pictures.C != 3 || len(truth.Volumes) != 8 {
				t.Errorf("%s: spacing %v, %d channels, %d volumes", v, pictures.Spacing, pictures.C, len(truth.Volumes))
			}
			var count [7]int
			for _, m := range truth.Masks {
				count[m]++
			}
			for _, class := range shows[v] {
				if count[class] < 8*20 {
					t.Errorf("%s of patient %d: class %d has %d pixels in 8 frames", v, i, class, count[class])
				}
			}
		}
	}
}

// The frames' volumes are between ESV and EDV, and smallest at the marked end-systoles.
func TestVolumesOfFrames(t *testing.T) {
	c := mustNew(t, Config{Seed: 27, Tissue: true, Frames: 48, Height: 32, Width: 32})
	for i := range 6 {
		p := c.Patient(i)
		_, truth := c.ClipOf(p, A4C)
		for f, v := range truth.Volumes {
			if v < p.ESV-0.01 || v > p.EDV+0.01 {
				t.Errorf("frame %d has %.1f mL, ESV %.1f, EDV %.1f", f, v, p.ESV, p.EDV)
			}
		}
		for _, es := range truth.ES {
			near(t, "volume at end-systole", truth.Volumes[es], p.ESV, 0.05*(p.EDV-p.ESV)+0.1)
		}
	}
}

// An outline's discs measure the same area as the mask that was drawn from the same plane.
func TestTracingsFitTheMasks(t *testing.T) {
	c := mustNew(t, Config{Seed: 28, Tissue: true, Masks: true, Height: 224, Width: 224, Frames: 16})
	all, close := 0, 0
	for i := range 8 {
		_, truth := c.Clip(i, A4C)
		if len(truth.Tracings) == 0 {
			t.Fatal("no tracing")
		}
		for _, tr := range truth.Tracings {
			axis := tr.Chords[0]
			length := math.Hypot(axis.X1-axis.X2, axis.Y1-axis.Y2)
			var area float64
			for _, ch := range tr.Chords[1:] {
				area += math.Hypot(ch.X1-ch.X2, ch.Y1-ch.Y2) * length / discs
			}
			ratio := area / leftVentricleArea(truth, tr.Frame, 224, 224)
			if ratio < 0.975 || ratio > 1.12 {
				t.Errorf("area of discs over area of mask: %.3f", ratio)
			}
			all++
			if ratio < 1.025 {
				close++
			}
		}
	}
	// The mask ends at the sector's edge, the outline goes on: a wide heart may lose some of its mask.
	if close*10 < all*7 {
		t.Errorf("%d of %d outlines have the mask's area", close, all)
	}
	if _, truth := c.Clip(0, PSAXMid); truth.Tracings != nil {
		t.Error("a short-axis view has a long axis")
	}
}
