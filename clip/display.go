package clip

import (
	"image/color"
	"math"
	"strconv"
	"strings"
)

// display turns frames into 8-bit pictures of one size.
type display struct {
	c       *Clip
	opt     PreviewOptions
	w, h    int
	planes  int // 1 grey, 3 colour
	m       matrix
	flipX   bool
	flipY   bool
	buf     [3][]float32
	heat    []float32
	scale   float32
	shift   float32
	sampler sampler
}

func newDisplay(c *Clip, opt PreviewOptions) *display {
	d := &display{c: c, opt: opt, planes: 1}
	if c.C >= 3 && !opt.Grey {
		d.planes = 3
	}
	// Pixels are shown square: rows and columns of unequal spacing are stretched.
	w, h := float64(c.W), float64(c.H)
	if sp := c.Spacing; sp.Row > 0 && sp.Column > 0 {
		h *= min(max(sp.Row/sp.Column, 0.1), 10)
	}
	k := min(float64(opt.MaxSide)/max(w, h), 8)
	if opt.MaxSide >= int(max(w, h)) && opt.MaxSide < 2*int(max(w, h)) {
		k = 1
	}
	d.w, d.h = max(1, int(math.Round(w*k))), max(1, int(math.Round(h*k)))
	sx, sy := float64(c.W)/float64(d.w), float64(c.H)/float64(d.h)
	d.m = matrix{sx, 0, sx/2 - 0.5, 0, sy, sy/2 - 0.5}
	d.flipX, d.flipY = mirrored(c.Affine)
	if d.flipX {
		d.m[0], d.m[2] = -sx, float64(c.W)-sx/2-0.5
	}
	if d.flipY {
		d.m[4], d.m[5] = -sy, float64(c.H)-sy/2-0.5
	}
	for ch := range d.planes {
		d.buf[ch] = make([]float32, d.w*d.h)
	}
	lo, hi := displayRange(c, opt.Window)
	d.scale = float32(255 / (hi - lo))
	d.shift = float32(-lo) * d.scale
	if c.Photometric == Inverse {
		d.scale, d.shift = -d.scale, 255-d.shift
	}
	return d
}

// mirrored says whether a stack is shown mirrored, so that anterior or superior is up and the patient's left (for sagittal planes:
// posterior) is on the right, as radiologists read.
func mirrored(a *Affine) (x, y bool) {
	if a == nil {
		return false, false
	}
	axis := func(col int) (axis int, sign float64) {
		for i := range 3 {
			if math.Abs(a[i][col]) > math.Abs(a[axis][col]) {
				axis = i
			}
		}
		return axis, a[axis][col]
	}
	_, sx := axis(0)
	ay, sy := axis(1)
	// In LPS, columns should run towards left (+x) or posterior (+y), rows towards posterior (+y) or inferior (-z).
	return sx < 0, (sy < 0) != (ay == 2)
}

// displayRange is the stored values shown as black and white.
func displayRange(c *Clip, window []float64) (lo, hi float64) {
	if len(window) == 2 {
		return window[0] - window[1]/2, window[0] + window[1]/2
	}
	if lo, hi, ok := taggedWindow(c); ok {
		return lo, hi
	}
	if c.DType == Uint8 && c.Photometric != Mask {
		return 0, 255
	}
	x := sampledValues(c, 1<<16)
	if len(x) == 0 {
		return 0, 1
	}
	lo, hi = float64(quantile(x, 0.005)), float64(quantile(x, 0.995))
	if c.Photometric == Mask || !(hi > lo) {
		lo, hi = float64(quantile(x, 0)), float64(quantile(x, 1))
	}
	if !(hi > lo) {
		hi = lo + 1
	}
	return lo, hi
}

// taggedWindow is the window that the DICOM header recommends.
func taggedWindow(c *Clip) (lo, hi float64, ok bool) {
	first := func(key string) (float64, error) {
		v, _, _ := strings.Cut(c.Source.Tags[key], `\`)
		return strconv.ParseFloat(v, 64)
	}
	centre, err1 := first("WindowCenter")
	width, err2 := first("WindowWidth")
	if c.C != 1 || err1 != nil || err2 != nil || !(width > 1) {
		return 0, 0, false
	}
	return centre - width/2, centre + width/2, true
}

// colour reports whether pictures need more than greys.
func (d *display) colour() bool { return d.planes == 3 || d.opt.Overlay != nil }

// render calls set for every pixel of frame t.
func (d *display) render(t int, set func(x, y int, r, g, b uint8)) {
	d.sample(t)
	if d.opt.Overlay != nil {
		d.sampleHeat(t)
	}
	for y := range d.h {
		for x := range d.w {
			i := y*d.w + x
			var v [3]float32
			for ch := range v {
				v[ch] = min(max(d.buf[min(ch, d.planes-1)][i]*d.scale+d.shift, 0), 255)
			}
			if d.heat != nil {
				hv := min(max(d.heat[i], 0), 1)
				// Opacity grows with the value, so that cold parts leave the image as it is.
				a := float32(d.opt.Alpha) * hv
				r, g, b := heatColour(hv)
				v[0] += (float32(r) - v[0]) * a
				v[1] += (float32(g) - v[1]) * a
				v[2] += (float32(b) - v[2]) * a
			}
			set(x, y, uint8(v[0]+0.5), uint8(v[1]+0.5), uint8(v[2]+0.5))
		}
	}
}

func (d *display) sample(t int) {
	g := geometry{axes: [3]int{0, 1, 2}, m: d.m, mixes: []frameMix{single(t)}}
	channels := d.planes
	if d.c.C < channels {
		channels = d.c.C
	}
	out := make([]float32, channels*d.w*d.h)
	sampleClip(&d.sampler, d.c, g, [4]int{channels, 1, d.h, d.w}, out)
	fillOutside(out, d.c)
	for ch := range channels {
		copy(d.buf[ch], out[ch*d.w*d.h:])
	}
}

// sampleHeat reads the overlay at the moment of frame t, linear in time and space.
func (d *display) sampleHeat(t int) {
	s := d.opt.OverlayShape
	d.heat = grow(d.heat, d.w*d.h)
	clear(d.heat)
	sx, sy := float64(s[2])/float64(d.w), float64(s[1])/float64(d.h)
	m := matrix{sx, 0, sx/2 - 0.5, 0, sy, sy/2 - 0.5}
	if d.flipX {
		m[0], m[2] = -sx, float64(s[2])-sx/2-0.5
	}
	if d.flipY {
		m[4], m[5] = -sy, float64(s[1])-sy/2-0.5
	}
	step := float64(s[0]) / float64(d.c.T)
	mix := axisWeights((float64(t)+0.5)*step-0.5, min(step, 1), s[0])
	view := &Clip{T: s[0], H: s[1], W: s[2]}
	for k, f := range mix.frames {
		addPlane(&d.sampler, d.heat, d.w, d.h, planeOf(view, d.opt.Overlay, [3]int{0, 1, 2}, f, 0, 1), m, mix.weights[k], false)
	}
}

// heatColour is a ramp from dark blue over red and orange to pale yellow, rising evenly in lightness (after matplotlib's inferno).
func heatColour(v float32) (r, g, b uint8) {
	p := v * float32(len(heatStops)-1)
	i := min(int(p), len(heatStops)-2)
	f := p - float32(i)
	lerp := func(a, b uint8) uint8 { return uint8(float32(a) + (float32(b)-float32(a))*f + 0.5) }
	a, c := heatStops[i], heatStops[i+1]
	return lerp(a[0], c[0]), lerp(a[1], c[1]), lerp(a[2], c[2])
}

var heatStops = [...][3]uint8{{0, 0, 4}, {40, 11, 84}, {101, 21, 110}, {159, 42, 99}, {212, 72, 66}, {245, 125, 21}, {250, 193, 39}, {252, 255, 164}}

// palette gives the fixed palette and the nearest entry of a colour: 256 greys, or 40 greys and a 6×6×6 cube.
func (d *display) palette() (color.Palette, func(r, g, b uint8) uint8) {
	pal := make(color.Palette, 0, 256)
	if !d.colour() {
		for i := range 256 {
			pal = append(pal, color.RGBA{uint8(i), uint8(i), uint8(i), 255})
		}
		return pal, func(r, _, _ uint8) uint8 { return r }
	}
	const greys = 40
	for i := range greys {
		v := uint8(i * 255 / (greys - 1))
		pal = append(pal, color.RGBA{v, v, v, 255})
	}
	for i := range 216 {
		pal = append(pal, color.RGBA{uint8(i / 36 * 51), uint8(i / 6 % 6 * 51), uint8(i % 6 * 51), 255})
	}
	return pal, func(r, g, b uint8) uint8 {
		hi, lo := max(r, g, b), min(r, g, b)
		if hi-lo < 18 {
			return uint8((int(r) + int(g) + int(b)) * (greys - 1) / (3 * 255))
		}
		q := func(v uint8) int { return (int(v) + 25) / 51 }
		return uint8(greys + q(r)*36 + q(g)*6 + q(b))
	}
}
