package pixels

import (
	"image"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/deid/pixels/text"
)

const (
	namedTokens = 24   // words that are tried
	namedBoxes  = 8    // faint places that are tried on a picture
	namedAlike  = 0.42 // correlation of a place with a rendered word from which it is that word
	namedWork   = 40e6 // products that are spent on a picture, a matter of 0.1 s
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
		if utf8.RuneCountInString(token) < 3 {
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
				if err != nil || g.Rect.Dx() > r.Dx() || g.Rect.Dy() > r.Dy() || 3*g.Rect.Dy() < r.Dy() {
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

// correlate is the largest absolute normalised correlation of a glyph with the picture at any place of r.
func correlate(p text.Picture, r image.Rectangle, g *image.Alpha) float64 {
	w, h := g.Rect.Dx(), g.Rect.Dy()
	n := float64(w * h)
	var gs, gg float64
	for y := range h {
		for _, v := range g.Pix[y*g.Stride : y*g.Stride+w] {
			gs += float64(v)
			gg += float64(v) * float64(v)
		}
	}
	gvar := gg - gs*gs/n
	best := 0.0
	for y0 := r.Min.Y; y0+h <= r.Max.Y; y0++ {
		for x0 := r.Min.X; x0+w <= r.Max.X; x0++ {
			var s, ss, sg float64
			for y := range h {
				row := p.Value[(y0+y)*p.W+x0 : (y0+y)*p.W+x0+w]
				ink := g.Pix[y*g.Stride : y*g.Stride+w]
				for x, v := range row {
					f := float64(v)
					s += f
					ss += f * f
					sg += f * float64(ink[x])
				}
			}
			v := ss - s*s/n
			if v < n || gvar <= 0 { // a flat place is like nothing
				continue
			}
			best = max(best, math.Abs(sg-s*gs/n)/math.Sqrt(v*gvar))
		}
	}
	return best
}
