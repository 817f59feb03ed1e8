package pixels

import (
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/cineloop/cineloop/deid/pixels/sector"
	"github.com/cineloop/cineloop/deid/pixels/text"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/internal/fault"
)

// cine is what the stages share about one object: its frames were all seen once, few are kept.
type cine struct {
	im           *pixel.Image
	w, h, frames int
	low, high    []uint8 // smallest and largest value of each pixel over time
	mean         []uint8
	parts        [][]uint8      // the largest value of each pixel over parts of a longer loop: what lights up in any frame is in one of them
	keys         []text.Picture // frames that are examined, the first ones with their colours
	index        []int          // their numbers
	wide         *text.Picture  // of deep samples: the first frame over its whole range, where keys show the middle of it
	window       [2]float64     // of deep samples
}

const (
	everyFrame   = 12 // frames of a loop that are all examined; of longer ones, some
	mostParts    = 12
	shortestPart = 6 // frames
)

// block is the side of the squares in which strokes are counted.
const block = 16

// look decodes every frame.
func look(ctx context.Context, im *pixel.Image) (*cine, error) {
	if im.TransferSyntax.IsVideo() {
		return nil, fault.New(fault.Input, "video")
	}
	c := &cine{im: im, w: im.Columns, h: im.Rows, frames: im.Frames}
	if c.w > 16384 || c.h > 16384 {
		return nil, fault.New(fault.Resource, "a picture of %d × %d", c.w, c.h)
	}
	if err := c.deep(); err != nil {
		return nil, err
	}
	if c.frames == 1 {
		p, err := c.picture(0)
		if err != nil {
			return nil, err
		}
		c.keys, c.index, c.low, c.high, c.mean = []text.Picture{p}, []int{0}, p.Value, p.Value, p.Value
		return c, nil
	}
	n := c.w * c.h
	sum := make([]uint32, n)
	c.low, c.high, c.mean = slices.Repeat([]uint8{255}, n), make([]uint8, n), make([]uint8, n)
	strokes := make([][]uint8, c.frames)
	length := c.frames // of a part
	if c.frames > everyFrame {
		length = max(shortestPart, (c.frames+mostParts-1)/mostParts)
	}
	err := im.Each(ctx, 1, c.grey, func(i int, g []byte) error {
		if len(g) < n {
			return fault.New(fault.Input, "a frame of %d pixels of %d", len(g), n)
		}
		g = g[:n]
		low, high, sum := c.low[:n], c.high[:n], sum[:n]
		for k, v := range g {
			low[k] = min(low[k], v)
			high[k] = max(high[k], v)
			sum[k] += uint32(v)
		}
		if c.frames > everyFrame {
			if i%length == 0 {
				c.parts = append(c.parts, make([]uint8, n))
			}
			part := c.parts[len(c.parts)-1][:n]
			for k, v := range g {
				part[k] = max(part[k], v)
			}
		}
		strokes[i] = countStrokes(g, c.w, c.h)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for k, s := range sum {
		c.mean[k] = uint8(s / uint32(c.frames))
	}
	chosen := Surprises(strokes, (c.w+block-1)/block)
	if c.frames <= everyFrame {
		chosen = make([]int, c.frames)
		for i := range chosen {
			chosen[i] = i
		}
	}
	for _, i := range chosen {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := c.picture(i)
		if err != nil {
			return nil, err
		}
		c.keys, c.index = append(c.keys, p), append(c.index, i)
	}
	return c, nil
}

// deep sets the window of samples of more than eight bits by the first frame: from the half to the 99.9th percentile.
func (c *cine) deep() error {
	if c.im.IsColor() || c.im.SampleBytes() == 1 {
		return nil
	}
	b, err := c.im.Frame(0)
	if err != nil {
		return err
	}
	v := c.im.Stored(b)
	sorted := make([]float64, 0, len(v)/7+1)
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			continue
		}
		lo, hi = min(lo, x), max(hi, x)
		if i%7 == 0 {
			sorted = append(sorted, x)
		}
	}
	if len(sorted) == 0 {
		c.window = [2]float64{0, 1}
		return nil
	}
	slices.Sort(sorted)
	c.window = [2]float64{sorted[len(sorted)/200], sorted[len(sorted)*999/1000]}
	if c.window[1] <= c.window[0] {
		c.window = [2]float64{lo, hi}
	}
	if p := window(v, lo, hi); hi-lo > 1.15*(c.window[1]-c.window[0]) {
		w := text.FromGrey(p, c.w, c.h)
		c.wide = &w
	}
	return nil
}

func window(v []float64, lo, hi float64) []uint8 {
	out := make([]uint8, len(v))
	f := 255 / max(hi-lo, 1e-9)
	for i, x := range v {
		out[i] = uint8(min(255, max(0, (x-lo)*f)))
	}
	return out
}

// grey is frame i in eight bits.
func (c *cine) grey(i int) ([]byte, error) {
	im := c.im
	if im.IsColor() {
		return im.Grey8(i)
	}
	b, err := im.Frame(i)
	if err != nil {
		return nil, err
	}
	switch {
	case im.BitsAllocated == 1:
		for k := range b {
			b[k] *= 255
		}
		return b, nil
	case im.SampleBytes() == 1 && im.BitsStored == 8 && !im.Signed:
		return b, nil
	case im.SampleBytes() == 2 && !im.Signed && im.HighBit == im.BitsStored-1:
		out := make([]uint8, len(b)/2)
		mask := uint16(uint32(1)<<im.BitsStored - 1)
		f := 255 / max(c.window[1]-c.window[0], 1e-9)
		for k := range out {
			out[k] = uint8(min(255, max(0, (float64(binary.LittleEndian.Uint16(b[2*k:])&mask)-c.window[0])*f)))
		}
		return out, nil
	case im.SampleBytes() == 1:
		return window(im.Stored(b), 0, float64(int(1)<<im.BitsStored-1)), nil
	}
	return window(im.Stored(b), c.window[0], c.window[1]), nil
}

// picture is frame i as the detector sees it.
func (c *cine) picture(i int) (text.Picture, error) {
	if c.im.IsColor() && !c.im.TransferSyntax.IsVideo() && (c.im.Samples == 3 || c.im.Photometric == "PALETTE COLOR") {
		rgb, err := c.im.RGB(i)
		if err != nil {
			return text.Picture{}, err
		}
		return text.FromRGB(rgb, c.w, c.h), nil
	}
	g, err := c.grey(i)
	if err != nil {
		return text.Picture{}, err
	}
	return text.FromGrey(g, c.w, c.h), nil
}

// sector asks for the scanning sector.
func (c *cine) sector() sector.Sector {
	in := sector.Clip{W: c.w, H: c.h, Still: c.keys[0].Value, Regions: c.im.Regions()}
	if c.frames > 1 {
		in.Still = c.mean
		in.Change = make([]uint8, len(c.low))
		for k := range in.Change {
			in.Change[k] = c.high[k] - c.low[k]
		}
	}
	return sector.Find(in)
}
