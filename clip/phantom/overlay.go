package phantom

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// painter draws what a scanner adds to the tissue picture. The still parts are drawn once and copied into every frame.
type painter struct {
	h, w    int
	s       *scan
	still   *image.RGBA // opaque where drawn
	covered []int32     // pixels of still that are drawn
	trace   []int       // row of the ECG trace by column of ecgBox
	ecgBox  image.Rectangle
	marks   []int // ECG column of each frame
	colour  *colourBox
}

var (
	textColour = color.RGBA{225, 228, 232, 255}
	dimColour  = color.RGBA{150, 156, 165, 255}
	ecgColour  = color.RGBA{90, 220, 110, 255}
	logoTints  = [2]color.RGBA{{235, 190, 70, 255}, {110, 170, 235, 255}}
)

func newPainter(r *rand.Rand, p *Patient, q *acquisition, s *scan, times []float64, beats *rhythm, truth *Truth) *painter {
	a := &painter{h: s.h, w: s.w, s: s, still: image.NewRGBA(image.Rect(0, 0, s.w, s.h))}
	a.ticks(q.depth)
	a.ecg(times, beats)
	a.marker(p.bits[Marker], truth)
	corner := a.text(r, p, q, truth)
	if p.bits[Logo] {
		a.logo(p, corner, truth)
	}
	if u := r.Float64(); u < 0.10 && (q.view == A4C || q.view == A3C || q.view == PLAX || q.view == A2C) {
		a.colour = newColourBox(r.Uint64(), p, q, s, truth)
	}
	for i := range a.h * a.w {
		if a.still.Pix[4*i+3] != 0 {
			a.covered = append(a.covered, int32(i))
		}
	}
	return a
}

func (a *painter) set(x, y int, c color.RGBA) {
	if x >= 0 && y >= 0 && x < a.w && y < a.h {
		a.still.SetRGBA(x, y, c)
	}
}

// ticks draws the depth scale: a dot every centimetre, a longer one every five, right of the sector.
func (a *painter) ticks(depth float64) {
	x := min(a.w-2, int(a.s.x0+depth*a.s.halfSin/a.s.mm)+max(2, a.w/60))
	for cm := 0; float64(cm)*10 <= depth; cm++ {
		y := int(math.Round(a.s.y0 + float64(cm)*10/a.s.mm))
		n := max(1, a.w/160)
		if cm%5 == 0 {
			n *= 3
		}
		for i := range n {
			a.set(x-i, y, textColour)
		}
	}
}

// ecg lays the trace along the bottom edge.
func (a *painter) ecg(times []float64, beats *rhythm) {
	height := max(7, a.h/11)
	a.ecgBox = image.Rect(a.w/20, a.h-height-1, a.w-a.w/20, a.h-1)
	n := a.ecgBox.Dx()
	span := times[len(times)-1]
	a.trace = make([]int, n)
	previous := -1
	for i := range n {
		// Between two columns the trace reaches the highest point: the R wave is narrower than a column of a small picture.
		top, bottom := math.Inf(-1), math.Inf(1)
		for k := range 6 {
			v := beats.ecg(span * (float64(i) + float64(k)/6) / float64(n))
			top, bottom = math.Max(top, v), math.Min(bottom, v)
		}
		v := top
		if -bottom > top {
			v = bottom
		}
		y := a.ecgBox.Max.Y - 1 - int(math.Round((v+0.25)/1.3*float64(height-2)))
		y = min(max(y, a.ecgBox.Min.Y), a.ecgBox.Max.Y-1)
		if previous < 0 {
			previous = y
		}
		for row := min(previous, y); row <= max(previous, y); row++ {
			a.set(a.ecgBox.Min.X+i, row, ecgColour)
		}
		a.trace[i], previous = y, y
	}
	for _, t := range times {
		a.marks = append(a.marks, min(n-1, int(t/span*float64(n))))
	}
}

// marker draws the probe's orientation mark beside the sector's tip. Its side is a confounder.
func (a *painter) marker(left bool, truth *Truth) {
	size := max(3, a.h/36)
	gap := max(5, a.w/16)
	cx := int(a.s.x0) + gap
	if left {
		cx = int(a.s.x0) - gap
	}
	cy := int(a.s.y0) + size
	for y := range size {
		for x := -y / 2; x <= y/2; x++ {
			a.set(cx+x, cy-y, ecgColour)
			truth.mark(cx+x, cy-y, a.h, a.w)
		}
	}
}

// logo draws the institution's mark, a ring with a bar, in a corner.
func (a *painter) logo(p *Patient, corner int, truth *Truth) {
	radius := float64(max(4, a.h/22))
	cx, cy := radius*1.3+1, radius*1.3+1
	if corner&1 == 1 {
		cx = float64(a.w) - cx - 1
	}
	if corner >= 2 {
		cy = float64(a.ecgBox.Min.Y) - cy - 1
	}
	tint := logoTints[p.Site&1]
	for y := range a.h {
		for x := range a.w {
			dx, dy := float64(x)-cx, float64(y)-cy
			d := math.Hypot(dx, dy)
			if d < radius && d > 0.62*radius || math.Abs(dx) < 0.16*radius && math.Abs(dy) < radius {
				a.set(x, y, tint)
				truth.mark(x, y, a.h, a.w)
			}
		}
	}
}

// mark records a pixel that a confounder drew.
func (t *Truth) mark(x, y, h, w int) {
	if x >= 0 && y >= 0 && x < w && y < h {
		t.Shortcut[y*w+x] = 1
	}
}

// frame composes frame t: tissue, colour flow, still overlay, and the running mark on the ECG.
func (a *painter) frame(dst, grey []uint8, t int, m moment, g *figure, shift vec3) {
	for i, v := range grey {
		dst[3*i], dst[3*i+1], dst[3*i+2] = v, v, v
	}
	if a.colour != nil {
		a.colour.paint(dst, t, m, g, shift)
	}
	for _, i := range a.covered {
		copy(dst[3*i:3*i+3], a.still.Pix[4*i:4*i+3])
	}
	x := a.ecgBox.Min.X + a.marks[t]
	for dy := -1; dy <= 1; dy++ {
		y := min(max(a.trace[a.marks[t]]+dy, 0), a.h-1)
		copy(dst[3*(y*a.w+x):], []uint8{255, 80, 80})
	}
}

// box is the smallest rectangle round the sector: x0, y0, x1, y1, inclusive.
func (s *scan) box() [4]int {
	b := [4]int{s.w, s.h, 0, 0}
	for _, p := range s.pixels {
		x, y := int(p)%s.w, int(p)/s.w
		b = [4]int{min(b[0], x), min(b[1], y), max(b[2], x), max(b[3], y)}
	}
	return b
}
