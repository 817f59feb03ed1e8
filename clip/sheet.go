package clip

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// SheetItem is one cell of a [ContactSheet].
type SheetItem struct {
	Clip    *Clip
	Caption string
	Frame   int // frame shown, counted from 1; 0: the most informative one
}

// SheetOptions says how a contact sheet is laid out.
type SheetOptions struct {
	Columns int    // default: the nearest to a square sheet
	Side    int    // pixels of a cell's picture; default 192
	Title   string // one line above the cells
}

// ContactSheet draws one frame of each clip in a grid, on black, with captions.
func ContactSheet(items []SheetItem, opt SheetOptions) (image.Image, error) {
	if len(items) == 0 {
		return nil, fault.New(fault.Input, "a contact sheet of no clips")
	}
	if opt.Side <= 0 {
		opt.Side = 192
	}
	if opt.Columns <= 0 {
		opt.Columns = int(math.Ceil(math.Sqrt(float64(len(items)))))
	}
	columns := min(opt.Columns, len(items))
	rows := (len(items) + columns - 1) / columns
	const gap = 4
	top := gap
	if opt.Title != "" {
		top += captionRow
	}
	cellH := opt.Side + captionRow + gap
	sheet := image.NewNRGBA(image.Rect(0, 0, gap+columns*(opt.Side+gap), top+rows*cellH))
	draw.Draw(sheet, sheet.Bounds(), image.Black, image.Point{}, draw.Src)
	if opt.Title != "" {
		drawText(sheet, gap, captionRow-3, sheet.Rect.Dx()-2*gap, opt.Title)
	}
	for i, it := range items {
		if it.Clip == nil {
			return nil, fault.New(fault.Usage, "a contact sheet with no clip in cell %d", i)
		}
		frame := it.Frame - 1
		if frame < 0 || frame >= it.Clip.T {
			frame = InformativeFrame(it.Clip)
		}
		x, y := gap+i%columns*(opt.Side+gap), top+i/columns*cellH
		cell := image.Rect(x, y, x+opt.Side, y+opt.Side)
		draw.Draw(sheet, cell, image.NewUniform(color.Gray{24}), image.Point{}, draw.Src)
		pic := FrameImage(it.Clip, frame, PreviewOptions{MaxSide: opt.Side})
		b := pic.Bounds()
		at := image.Pt(x+(opt.Side-b.Dx())/2, y+(opt.Side-b.Dy())/2)
		draw.Draw(sheet, b.Add(at), pic, image.Point{}, draw.Src)
		drawText(sheet, x, y+opt.Side+12, opt.Side, it.Caption)
	}
	return sheet, nil
}

// InformativeFrame is the frame whose samples vary most among the middle half of the clip's frames; the middle one when none stands out
// by more than 5 %. Titles, fades and the empty ends of a stack are so passed over.
func InformativeFrame(c *Clip) int {
	mid := c.T / 2
	best, bestSD := mid, frameSD(c, mid)*1.05
	for t := c.T / 4; t < c.T-c.T/4; t++ {
		if sd := frameSD(c, t); sd > bestSD {
			best, bestSD = t, sd
		}
	}
	return best
}

// frameSD is the standard deviation of about 4096 samples of a frame.
func frameSD(c *Clip, t int) float64 {
	one := &Clip{T: 1, H: c.H, W: c.W, C: c.C, DType: c.DType, Data: c.Frame(t)}
	x := sampledValues(one, 4096)
	if len(x) == 0 {
		return 0
	}
	_, sd := moments(x)
	return sd
}

// sampledValues is about n evenly spaced finite samples of c.
func sampledValues(c *Clip, n int) []float32 {
	switch c.DType {
	case Uint8:
		return everySo(Samples[uint8](c), n)
	case Int8:
		return everySo(Samples[int8](c), n)
	case Uint16:
		return everySo(Samples[uint16](c), n)
	case Int16:
		return everySo(Samples[int16](c), n)
	case Int32:
		return everySo(Samples[int32](c), n)
	case Float32:
		return everySo(Samples[float32](c), n)
	}
	return everySo(Samples[float64](c), n)
}

func everySo[T Number](s []T, n int) []float32 {
	step := max(1, len(s)/n) | 1 // odd, so that it walks over all columns
	x := make([]float32, 0, len(s)/step+1)
	for i := 0; i < len(s); i += step {
		if v := float32(s[i]); v-v == 0 {
			x = append(x, v)
		}
	}
	return x
}
