package plant

import (
	"fmt"

	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/stats"
)

// Phantom is echocardiogram i of a made-up cohort, of h rows: eight frames, without anything that a scanner writes, and the pixels of its sector:
// in each row those between the first and the last that are lit in any frame.
func Phantom(seed stats.Seed, i, h int) (Ground, []bool, error) {
	w := h * 4 / 3
	c, err := phantom.New(phantom.Config{Seed: seed, Patients: i + 1, Frames: 8, Height: h, Width: w, Tissue: true})
	if err != nil {
		return Ground{}, nil, err
	}
	view := phantom.Views[i%len(phantom.Views)]
	cl, _ := c.Clip(i, view)
	g := Ground{Name: fmt.Sprintf("phantom %d", h), W: w, H: h, Modality: "US"}
	inside := make([]bool, w*h)
	for t := range cl.T {
		src := cl.Frame(t)
		f := make([]uint8, 3*w*h)
		for k, v := range src {
			f[3*k], f[3*k+1], f[3*k+2] = v, v, v
			inside[k] = inside[k] || v > 0
		}
		g.Frames = append(g.Frames, f)
	}
	for y := range h {
		first, last := -1, -1
		for x := range w {
			if inside[y*w+x] {
				if first < 0 {
					first = x
				}
				last = x
			}
		}
		for x := first; x >= 0 && x <= last; x++ {
			inside[y*w+x] = true
		}
	}
	return g, inside, nil
}
