package pixels

import (
	"image"

	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/deid/pixels/text"
)

// pageShare is the share of a picture that writing covers from which it is a page about the patient and not a picture with writing on it.
const pageShare = 0.6

// turnedPeak is how sure writing that runs upwards has to be: streaks along the beam look like it.
const turnedPeak = 5

// text marks what the detector finds on every examined frame, on the mean and the minimum over time, and what stands still.
func (f *Finding) text(c *cine, tokens []string) {
	pictures := c.keys
	if c.wide != nil {
		pictures = append(pictures[:len(pictures):len(pictures)], *c.wide)
	}
	if c.frames >= 4 {
		pictures = append(pictures[:len(pictures):len(pictures)], text.FromGrey(c.mean, c.w, c.h), text.FromGrey(c.low, c.w, c.h))
	}
	for _, v := range c.parts {
		pictures = append(pictures[:len(pictures):len(pictures)], text.FromGrey(v, c.w, c.h))
	}
	var boxes []text.Box
	var named []image.Rectangle
	for i, p := range pictures {
		s := text.Look(p)
		boxes = append(boxes, s.Boxes()...)
		if i < 3 {
			named = append(named, Named(p, s.Faint(), tokens)...)
		}
		if i == len(c.keys)/2 { // the detector has learnt little writing that runs upwards
			for _, b := range text.Look(p.Turn()).Boxes() {
				if b.Scale == 100 && b.Peak > turnedPeak && b.Dx() > 3*b.Dy() {
					boxes = append(boxes, p.TurnBack(b))
				}
			}
		}
	}
	f.mark(boxes, "detector")
	if !ultrasound(c.im) && c.frames == 1 { // light ink on a bright lung: speckle would stand out as well
		var more []text.Box
		for _, b := range text.DetectRelief(c.keys[0]) {
			if f.hardShare(b.Rectangle) < 0.3 {
				more = append(more, b)
			}
		}
		f.mark(more, "detector, in relief")
	}
	for _, r := range named {
		f.add(r, "the patient's own words")
	}
	for _, r := range Still(c.low, c.high, c.w, c.h, c.frames) {
		f.add(r, "static")
	}
	hard := 0
	for _, v := range f.Mask.Pix {
		if v == mask.Hard {
			hard++
		}
	}
	if float64(hard) > pageShare*float64(len(f.Mask.Pix)) && !ultrasound(c.im) {
		f.Reason = "a page of text"
	}
}

// mark adds boxes to the mask and, joined where they overlap, to the regions.
func (f *Finding) mark(boxes []text.Box, why string) {
	var joined []image.Rectangle
	for _, b := range boxes {
		for _, p := range b.Parts {
			f.Mask.Fill(p, mask.Hard)
		}
		r := b.Rectangle
		for again := true; again; {
			again = false
			for i, o := range joined {
				if o.Overlaps(r) {
					r = r.Union(o)
					joined = append(joined[:i], joined[i+1:]...)
					again = true
					break
				}
			}
		}
		joined = append(joined, r)
	}
	for _, r := range joined {
		if r = r.Intersect(image.Rect(0, 0, f.Mask.W, f.Mask.H)); !r.Empty() && f.covered(r) {
			f.note(r, why)
		}
	}
}

// covered reports whether any of r is marked Hard: parts of a box may lie outside of the picture.
func (f *Finding) covered(r image.Rectangle) bool {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if f.Mask.Pix[y*f.Mask.W+x] == mask.Hard {
				return true
			}
		}
	}
	return false
}

// again looks once more at the middle frame as it will be: what stays readable beside a mask is masked too.
func (f *Finding) again(c *cine) {
	if f.Mask.Empty() {
		return
	}
	p := c.keys[len(c.keys)/2]
	q := text.Picture{W: p.W, H: p.H, Value: append([]uint8(nil), p.Value...)}
	if p.Sat != nil {
		q.Sat = append([]uint8(nil), p.Sat...)
	}
	for k, v := range f.Mask.Pix {
		if v != mask.Keep {
			q.Value[k] = 0
			if q.Sat != nil {
				q.Sat[k] = 0
			}
		}
	}
	var more []text.Box
	for _, b := range text.Detect(q) {
		if f.hardShare(b.Rectangle) < 0.5 { // not the edges of what was blanked
			more = append(more, b)
		}
	}
	f.mark(more, "detector, second look")
}

func (f *Finding) hardShare(r image.Rectangle) float64 {
	r = r.Intersect(image.Rect(0, 0, f.Mask.W, f.Mask.H))
	n := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if f.Mask.Pix[y*f.Mask.W+x] != mask.Keep {
				n++
			}
		}
	}
	return float64(n) / float64(max(1, r.Dx()*r.Dy()))
}
