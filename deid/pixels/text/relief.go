package text

// Relief is what stands out of its surroundings, light or dark, on an even ground: the difference to the mean of 25 × 25 pixels, three times
// as large. White letters on a bright lung look in it as they do on black.
func Relief(p Picture, dark bool) Picture {
	const radius, gain, ground = 12, 3, 30
	w, h := p.W, p.H
	sums := make([]uint32, (w+1)*(h+1))
	for y := range h {
		var row uint32
		for x, v := range p.Value[y*w : (y+1)*w] {
			row += uint32(v)
			sums[(y+1)*(w+1)+x+1] = sums[y*(w+1)+x+1] + row
		}
	}
	out := make([]uint8, w*h)
	for y := range h {
		y0, y1 := max(0, y-radius), min(h, y+radius+1)
		for x := range w {
			x0, x1 := max(0, x-radius), min(w, x+radius+1)
			mean := int(sums[y1*(w+1)+x1]-sums[y0*(w+1)+x1]-sums[y1*(w+1)+x0]+sums[y0*(w+1)+x0]) / ((y1 - y0) * (x1 - x0))
			d := int(p.Value[y*w+x]) - mean
			if dark {
				d = -d
			}
			out[y*w+x] = uint8(min(255, max(0, ground+gain*d)))
		}
	}
	return Picture{W: w, H: h, Value: out}
}

// reliefPeak is how sure writing in relief has to be: it makes texture stand out as well.
const reliefPeak = 6

// DetectRelief is the writing of little contrast that full size finds in relief.
func DetectRelief(p Picture) []Box {
	var out []Box
	for _, dark := range []bool{false, true} {
		q := Relief(p, dark)
		s := &Scan{of: q}
		s.add(q, 100)
		for _, b := range s.Boxes() {
			if b.Peak > reliefPeak && b.Dx() > b.Dy() {
				out = append(out, b)
			}
		}
	}
	return out
}
