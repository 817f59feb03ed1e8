package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"slices"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/stats"
)

const (
	cell, gap   = 3 * side, 6
	nameWidth   = 190
	numberWidth = 260
	headHeight  = 56
)

// drawFigure is the figure of networks with true and with random labels: a row a method, for every picture the maps of both side by side, and
// the mean similarity over all pictures behind them.
func drawFigure(path string, d images, rows []labelled) error {
	face, err := typeface()
	if err != nil {
		return err
	}
	shown := len(rows[0].shown)
	width := nameWidth + shown*(2*cell+3*gap) + numberWidth
	img := image.NewRGBA(image.Rect(0, 0, width, headHeight+(len(rows)+1)*(cell+gap)+gap))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	write := func(x, y int, s string) {
		(&font.Drawer{Dst: img, Src: image.Black, Face: face, Dot: fixed.P(x, y)}).DrawString(s)
	}
	at := func(k, side int) int { return nameWidth + k*(2*cell+3*gap) + side*(cell+gap) }
	end := nameWidth + shown*(2*cell+3*gap)
	write(gap, 20, "labels learnt from:")
	write(end+gap, 20, "true against random, mean of all")
	write(end+gap, 44, "rank |map|    rank signed    SSIM |map|")
	for k := range shown {
		write(at(k, 0)+24, 44, "true")
		write(at(k, 1)+16, 44, "random")
		m := explain.Map{T: 1, H: side, W: side, Values: d.pixels[k*pixels : (k+1)*pixels]}
		paint(img, at(k, 0), headHeight, &m, false)
	}
	write(gap, headHeight+cell/2, "picture")
	for i, r := range rows {
		y := headHeight + (i+1)*(cell+gap)
		write(gap, y+cell/2, r.Method)
		signed := false
		for _, p := range r.shown {
			for _, m := range p {
				for _, v := range m.Values {
					signed = signed || v < 0
				}
			}
		}
		for k, p := range r.shown {
			paint(img, at(k, 0), y, p[0], signed)
			paint(img, at(k, 1), y, p[1], signed)
		}
		write(end+gap, y+cell/2, fmt.Sprintf("%+.2f", r.Abs))
		write(end+gap+92, y+cell/2, fmt.Sprintf("%+.2f", r.Signed))
		write(end+gap+190, y+cell/2, fmt.Sprintf("%+.2f", r.SSIM))
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, b.Bytes())
}

// typeface is the Go font at 14 pixels.
func typeface() (font.Face, error) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: 14, DPI: 72, Hinting: font.HintingFull})
}

// paint draws a map three times enlarged: black to white where it has no sign, else blue through white to red, scaled by its 99th percentile.
func paint(img *image.RGBA, x, y int, m *explain.Map, signed bool) {
	var size []float64
	for _, v := range m.Values {
		size = append(size, math.Abs(float64(v)))
	}
	slices.Sort(size)
	peak := stats.Quantile(size, 0.99)
	if peak == 0 {
		peak = size[len(size)-1]
	}
	for r := range cell {
		for c := range cell {
			v := float64(m.Values[(r/3)*side+c/3])
			if peak > 0 {
				v = math.Max(-1, math.Min(1, v/peak))
			}
			img.SetRGBA(x+c, y+r, shade(v, signed))
		}
	}
}

func shade(v float64, signed bool) color.RGBA {
	if !signed {
		g := uint8(255 * math.Max(0, v))
		return color.RGBA{g, g, g, 255}
	}
	pale := uint8(255 * (1 - math.Abs(v)))
	if v < 0 {
		return color.RGBA{pale, pale, 255, 255}
	}
	return color.RGBA{255, pale, pale, 255}
}
