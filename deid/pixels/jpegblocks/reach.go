package jpegblocks

import (
	"image"

	"github.com/cineloop/cineloop/deid/pixels/mask"
)

// Reach marks the pixels that Blank may change in the decoded image: the blocks that go and, where a component has half the samples, the
// pixel beside them, because decoders interpolate between neighbouring samples of colour. All other pixels decode to the same values
// before and after.
func Reach(src []byte, m *mask.Mask) (*mask.Mask, error) {
	e := &editor{src: src, m: m}
	for pos := 2; pos+4 <= len(src); {
		if src[pos] != 0xFF || src[pos+1] == 0xFF {
			pos++
			continue
		}
		marker, n := src[pos+1], int(src[pos+2])<<8|int(src[pos+3])
		if marker == 0 || marker == 1 || marker >= 0xD0 && marker <= 0xD8 {
			pos += 2
			continue
		}
		if n < 2 || pos+2+n > len(src) {
			break
		}
		if marker == 0xC0 || marker == 0xC1 {
			if err := e.frame(src[pos+4 : pos+2+n]); err != nil {
				return nil, err
			}
			return e.reach(), nil
		}
		pos += 2 + n
	}
	return nil, bad("no sequential frame header")
}

func (e *editor) reach() *mask.Mask {
	out := mask.New(e.w, e.h)
	for _, c := range e.comps {
		beside := image.Pt(0, 0)
		if c.unitW == 16 {
			beside.X = 1
		}
		if c.unitH == 16 {
			beside.Y = 1
		}
		for by := range c.bh {
			for bx := range c.bw {
				r := image.Rect(bx*c.unitW, by*c.unitH, (bx+1)*c.unitW, (by+1)*c.unitH)
				if e.m.Goes(r) {
					out.Fill(image.Rectangle{r.Min.Sub(beside), r.Max.Add(beside)}, mask.Hard)
				}
			}
		}
	}
	return out
}
