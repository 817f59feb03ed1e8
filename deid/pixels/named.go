package pixels

import (
	"image"
	"math"
	"slices"
	"unicode"

	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/deid/pixels/text"
)

const (
	namedTokens = 24   // words that are tried
	namedBoxes  = 8    // faint places that are tried on a picture
	namedAlike  = 0.42 // correlation of a place with a rendered word from which it is that word
	namedWork   = 40e6 // products that are spent on a picture, a matter of 0.1 s
	namedHeight = 5    // pixels of ink: in lower ones no letter can be told from another, and a few hundred grey values correlate with anything
)

// Named is those of the faint boxes that correlate with one of the patient's own words as the program's fonts render it: writing too weak for the
// detector alone.
func Named(p text.Picture, faint []text.Box, tokens []string) []image.Rectangle {
	if len(tokens) == 0 || len(faint) == 0 {
		return nil
	}
	slices.SortStableFunc(faint, func(a, b text.Box) int {
		switch {
		case a.Peak > b.Peak:
			return -1
		case a.Peak < b.Peak:
			return 1
		}
		return 0
	})
	fonts := plant.Builtin()
	fonts = []plant.Font{fonts[0], fonts[2], fonts[5]}
	var out []image.Rectangle
	work := int(namedWork)
	for _, b := range faint[:min(len(faint), namedBoxes)] {
		r := b.Intersect(image.Rect(0, 0, p.W, p.H))
		if r.Dy() < 7 || r.Dx() < 12 || r.Dx()*r.Dy() > 40000 {
			continue
		}
		if isNamed(p, r, fonts, tokens, &work) {
			out = append(out, r)
		}
	}
	return out
}

func isNamed(p text.Picture, r image.Rectangle, fonts []plant.Font, tokens []string, work *int) bool {
	n := 0
	for _, token := range tokens {
		if !wordy(token) {
			continue
		}
		if n++; n > namedTokens {
			break
		}
		for _, f := range fonts {
			const trial = 20
			ref, err := plant.Glyphs(token, plant.Style{Font: f, Size: trial})
			if err != nil {
				continue
			}
			for _, share := range []float64{0.72, 0.78, 0.84, 0.9, 0.96} { // of the place's width: margins are not known
				g, err := plant.Glyphs(token, plant.Style{Font: f, Size: trial * share * float64(r.Dx()) / float64(ref.Rect.Dx())})
				if err != nil || g.Rect.Dx() > r.Dx() || g.Rect.Dy() > r.Dy() || 3*g.Rect.Dy() < r.Dy() || g.Rect.Dy() < namedHeight {
					continue
				}
				if *work -= g.Rect.Dx() * g.Rect.Dy() * (r.Dx() - g.Rect.Dx() + 1) * (r.Dy() - g.Rect.Dy() + 1); *work < 0 {
					return false
				}
				if correlate(p, r, g) >= namedAlike {
					return true
				}
			}
		}
	}
	return false
}

// wordy reports whether a token has three letters or digits: commas and carets alone are like any row of dots.
func wordy(token string) bool {
	n := 0
	for _, r := range token {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n >= 3
}

// correlate is the largest, over every place of r, of the smaller of two absolute normalised correlations of a glyph with the picture: the plain one,
// and the one with the mean of each row taken off both. A word is a bar of ink to the first, and the edge of an organ or of a colour bar is one
// as well; the second sees only what changes along the row, as letters do and bars don't.
func correlate(p text.Picture, r image.Rectangle, g *image.Alpha) float64 {
	w, h := g.Rect.Dx(), g.Rect.Dy()
	n := float64(w * h)
	var gs, gg, rowgg float64
	rows := make([]float64, h) // sums of the ink
	for y := range h {
		for _, v := range g.Pix[y*g.Stride : y*g.Stride+w] {
			rows[y] += float64(v)
			gg += float64(v) * float64(v)
		}
		gs += rows[y]
		rowgg -= rows[y] * rows[y] / float64(w)
	}
	gvar, rowgvar := gg-gs*gs/n, gg+rowgg
	best := 0.0
	for y0 := r.Min.Y; y0+h <= r.Max.Y; y0++ {
		for x0 := r.Min.X; x0+w <= r.Max.X; x0++ {
			var s, ss, sg, rowss, rowsg float64
			for y := range h {
				row := p.Value[(y0+y)*p.W+x0 : (y0+y)*p.W+x0+w]
				ink := g.Pix[y*g.Stride : y*g.Stride+w]
				sum := 0.0
				for x, v := range row {
					f := float64(v)
					sum += f
					ss += f * f
					sg += f * float64(ink[x])
				}
				s += sum
				rowss += sum * sum / float64(w)
				rowsg += sum * rows[y] / float64(w)
			}
			v, rowv := ss-s*s/n, ss-rowss
			if v < n || rowv < n/4 || gvar <= 0 || rowgvar <= 0 { // a flat place is like nothing
				continue
			}
			best = max(best, min(math.Abs(sg-s*gs/n)/math.Sqrt(v*gvar), math.Abs(sg-rowsg)/math.Sqrt(rowv*rowgvar)))
		}
	}
	return best
}
