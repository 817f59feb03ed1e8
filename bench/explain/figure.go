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
	"strings"

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

// figure is a table of pictures: a row a method, and for every column a pair of maps, with numbers behind them.
type figure struct {
	title   string
	numbers [2]string // heads of the numbers
	columns []column
	rows    []figureRow
}

// column is a pair of pictures with what stands over each, in at most two lines; the second may be missing.
type column struct {
	names    [2]string
	pictures [2]*explain.Map
}

type figureRow struct {
	name    string
	maps    [][2]*explain.Map // of each column
	numbers []string          // at most three
}

// draw writes the figure as a PNG.
func (f figure) draw(path string) error {
	face, err := typeface()
	if err != nil {
		return err
	}
	end := nameWidth + len(f.columns)*(2*cell+3*gap)
	img := image.NewRGBA(image.Rect(0, 0, end+numberWidth, headHeight+(len(f.rows)+1)*(cell+gap)+gap))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	write := func(x, y int, s string) {
		(&font.Drawer{Dst: img, Src: image.Black, Face: face, Dot: fixed.P(x, y)}).DrawString(s)
	}
	at := func(k, side int) int { return nameWidth + k*(2*cell+3*gap) + side*(cell+gap) }
	write(gap, 20, f.title)
	write(end+gap, 20, f.numbers[0])
	write(end+gap, 44, f.numbers[1])
	for k, c := range f.columns {
		for s := range 2 {
			for line, text := range strings.Split(c.names[s], "\n") {
				write(at(k, s), 28+16*line, text)
			}
			if c.pictures[s] != nil {
				paint(img, at(k, s), headHeight, c.pictures[s], false)
			}
		}
	}
	write(gap, headHeight+cell/2, "picture")
	for i, r := range f.rows {
		y := headHeight + (i+1)*(cell+gap)
		write(gap, y+cell/2, r.name)
		signed := false
		for _, p := range r.maps {
			for _, m := range p {
				signed = signed || slices.Min(m.Values) < 0
			}
		}
		for k, p := range r.maps {
			paint(img, at(k, 0), y, p[0], signed)
			paint(img, at(k, 1), y, p[1], signed)
		}
		for k, n := range r.numbers {
			write(end+gap+[3]int{0, 92, 190}[k], y+cell/2, n)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, b.Bytes())
}

// labelFigure is the figure of networks with true and with random labels.
func labelFigure(d images, rows []labelled) figure {
	f := figure{title: "two networks", numbers: [2]string{"true against random, mean of all", "rank |map|    rank signed    SSIM |map|"}}
	for k := range rows[0].shown {
		f.columns = append(f.columns, column{names: [2]string{"true\nlabels", "random\nlabels"}, pictures: [2]*explain.Map{d.picture(k)}})
	}
	for _, r := range rows {
		f.rows = append(f.rows, figureRow{r.Method, r.shown, []string{fmt.Sprintf("%+.2f", r.Abs), fmt.Sprintf("%+.2f", r.Signed), fmt.Sprintf("%+.2f", r.SSIM)}})
	}
	return f
}

// picture is the i-th picture as a map.
func (m images) picture(i int) *explain.Map {
	return &explain.Map{T: 1, H: m.side(), W: m.side(), Values: m.part(i, i+1).pixels}
}

// typeface is the Go font at 14 pixels.
func typeface() (font.Face, error) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: 14, DPI: 72, Hinting: font.HintingFull})
}

// paint draws a map into a cell: black to white where it has no sign, else blue through white to red, scaled by its 99th percentile.
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
			v := float64(m.Values[(r*m.H/cell)*m.W+c*m.W/cell])
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
