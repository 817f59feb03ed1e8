package main

import (
	"image"
	"image/color"
	"image/png"
	"io"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/stats"
)

// show writes 48 samples with their targets in red, to look at before anything is trained.
func (t *task) show(path string, seed stats.Seed) error {
	const columns, n = 8, 48
	h, w := 2*t.h, 2*t.w
	if t.channels < 8 {
		h, w = t.h, t.w
	}
	img := image.NewRGBA(image.Rect(0, 0, columns*w, n/columns*h))
	for i := range n {
		s := t.draw(seed, i, i%4 == 3)
		for y := range h {
			for x := range w {
				at := y*w + x
				if t.channels >= 8 {
					at = (2*(y&1)+x&1)*t.h*t.w + y/2*t.w + x/2
				}
				v := uint8(255 * s.in[at])
				c := color.RGBA{v, v, v, 255}
				if k := y*t.oh/h*t.ow + x*t.ow/w; s.target[k] > 0.5 && s.weight[k] > 0.9 {
					c.R = 128 + v/2
				}
				img.Set(i%columns*w+x, i/columns*h+y, c)
			}
		}
	}
	return atomicfile.Write(path, func(w io.Writer) error { return png.Encode(w, img) })
}
