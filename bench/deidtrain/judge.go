package main

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"os"
	"sort"
	"time"

	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/deid/pixels/text"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/stats"
)

// judgeText plants strings in fonts that were not learnt into pictures that were not, and counts which the detector covers by more than 80 % of
// their box, which it touches, and what it marks besides; then what it marks in the same pictures without strings.
func judgeText(seed stats.Seed, n int, sheet string) error {
	pool, err := loadPictures(seed)
	if err != nil {
		return err
	}
	fonts := plant.System("/usr/share/fonts", heldFonts...)
	type tally struct{ all, covered, touched int }
	by := map[string]*tally{}
	count := func(key string, share float64) {
		t := by[key]
		if t == nil {
			t = &tally{}
			by[key] = t
		}
		t.all++
		if share > 0.8 {
			t.covered++
		}
		if share > 0.05 {
			t.touched++
		}
	}
	var extra, area, pixels float64
	var took time.Duration
	var shown []*image.RGBA
	for i := range n {
		q := pool.held[i%len(pool.held)]
		r := seed.Stream("judge", i)
		pix := append([]uint8(nil), q.pix...)
		light := meanOf(pix) > 120
		var strings []plant.String
		for range 4 {
			st := plant.AnyStyle(r, fonts, 8, 40, light)
			st.Size = min(st.Size, float64(q.h)/6)
			words := plant.Words(r)
			g, err := plant.Glyphs(words, st)
			if err != nil || g.Rect.Dx() > q.w-4 || g.Rect.Dy() > q.h-4 || st.Size < 7 {
				continue
			}
			x, y := 2+r.IntN(q.w-g.Rect.Dx()-3), 2+r.IntN(q.h-g.Rect.Dy()-3)
			box := image.Rect(x, y, x+g.Rect.Dx(), y+g.Rect.Dy())
			clash := false
			for _, s := range strings {
				clash = clash || box.Inset(-6).Overlaps(s.Box)
			}
			if clash {
				continue
			}
			if s, err := plant.Burn(pix, q.h, q.w, words, x, y, st); err == nil {
				strings = append(strings, s)
			}
		}
		start := time.Now()
		boxes := detect(text.FromRGB(pix, q.w, q.h))
		took += time.Since(start)
		m := mask.New(q.w, q.h)
		for _, b := range boxes {
			for _, p := range b.Parts {
				m.Fill(p, mask.Hard)
			}
		}
		near := mask.New(q.w, q.h)
		for _, s := range strings {
			c := plant.Contrast(s, pix, q.w)
			hit := 0
			for y := s.Box.Min.Y; y < s.Box.Max.Y; y++ {
				for x := s.Box.Min.X; x < s.Box.Max.X; x++ {
					if m.Pix[y*q.w+x] != 0 {
						hit++
					}
				}
			}
			near.Fill(s.Box.Inset(-4-s.Box.Dy()/3), mask.Hard)
			if c < 14 {
				continue // not legible to anyone
			}
			share := float64(hit) / float64(s.Box.Dx()*s.Box.Dy())
			count("all", share)
			count(fmt.Sprintf("height %2d+", []int{0, 8, 12, 18, 26}[sort.SearchInts([]int{8, 12, 18, 26}, s.Box.Dy()+1)]), share)
			count(fmt.Sprintf("contrast %3d+", []int{14, 40, 80, 140}[sort.SearchInts([]int{40, 80, 140}, int(c)+1)]), share)
			if share < 0.8 && len(shown) < 40 {
				shown = append(shown, cutout(pix, m, q, s.Box))
			}
		}
		for k, v := range m.Pix {
			if v != 0 && near.Pix[k] == 0 {
				extra++
			}
		}
		pixels += float64(q.w * q.h)
	}
	var clean float64
	for i, q := range pool.held {
		m := mask.New(q.w, q.h)
		for _, b := range detect(text.FromRGB(q.pix, q.w, q.h)) {
			for _, p := range b.Parts {
				m.Fill(p.Intersect(q.free), mask.Hard)
			}
			if len(shown) < 60 && b.Overlaps(q.free) {
				shown = append(shown, cutout(q.pix, m, q, b.Rectangle))
				fmt.Printf("text-free picture %d of %d × %d: %v peak %.1f cells %d scale %d\n", i, q.w, q.h, b.Rectangle, b.Peak, b.Cells, b.Scale)
			}
		}
		clean += float64(m.Count())
		area += float64(q.free.Dx() * q.free.Dy())
	}
	keys := make([]string, 0, len(by))
	for k := range by {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		t := by[k]
		fmt.Printf("%-14s %4d strings  covered > 80 %%: %5.1f %%  touched: %5.1f %%\n", k, t.all, 100*float64(t.covered)/float64(t.all), 100*float64(t.touched)/float64(t.all))
	}
	fmt.Printf("away from strings %.3f %% of the area is marked; in text-free pictures %.4f %%; %.0f ms a megapixel\n", 100*extra/pixels, 100*clean/area, took.Seconds()*1e3/(pixels/1e6))
	if sheet == "" {
		return nil
	}
	img := image.NewRGBA(image.Rect(0, 0, 6*200, (len(shown)+5)/6*100))
	for i, s := range shown {
		draw.Draw(img, image.Rect(i%6*200, i/6*100, i%6*200+196, i/6*100+96), s, image.Point{}, draw.Src)
	}
	return atomicfile.Write(sheet, func(w io.Writer) error { return png.Encode(w, img) })
}

// cutout shows the place of a string, marked pixels in red.
func cutout(pix []uint8, m *mask.Mask, q picture, box image.Rectangle) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, 196, 96))
	x0, y0 := box.Min.X-20, box.Min.Y-30
	for y := range 96 {
		for x := range 196 {
			px, py := x0+x, y0+y
			if px < 0 || py < 0 || px >= q.w || py >= q.h {
				continue
			}
			p := pix[3*(py*q.w+px):]
			c := color.RGBA{p[0], p[1], p[2], 255}
			if m.Pix[py*q.w+px] != 0 {
				c.R = 128 + c.R/2
			}
			out.Set(x, y, c)
		}
	}
	return out
}

func detect(p text.Picture) []text.Box {
	out := text.Detect(p)
	if os.Getenv("RELIEF") != "" {
		out = append(out, text.DetectRelief(p)...)
	}
	return out
}
