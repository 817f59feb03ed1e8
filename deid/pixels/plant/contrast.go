package plant

import "math"

// Contrast is how much a string stands out in an RGB picture of width w, of 255: the difference between its strokes and the pixels of its box
// without ink, in the channel where it is largest. Strokes are where the coverage is at least 60 % of the string's highest: thin fonts at
// small sizes cover no pixel wholly.
func Contrast(s String, pix []uint8, w int) float64 {
	top := uint8(0)
	for _, a := range s.Glyph {
		top = max(top, a)
	}
	var ink, ground [3]float64
	var ni, ng float64
	for i, a := range s.Glyph {
		x, y := s.Box.Min.X+i%s.Box.Dx(), s.Box.Min.Y+i/s.Box.Dx()
		p := pix[3*(y*w+x):]
		switch {
		case a > 0 && float64(a) >= 0.6*float64(top):
			ni++
			for c := range 3 {
				ink[c] += float64(p[c])
			}
		case a < 16:
			ng++
			for c := range 3 {
				ground[c] += float64(p[c])
			}
		}
	}
	if ni == 0 || ng == 0 {
		return 0
	}
	d := 0.0
	for c := range 3 {
		d = max(d, math.Abs(ink[c]/ni-ground[c]/ng))
	}
	return d
}
