package rewrite

import (
	"encoding/binary"
	"math"

	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// cells describes samples as a codec hands them over.
type cells struct {
	width   int    // bytes of a sample
	samples int    // of a pixel
	planar  bool   // plane by plane
	shared  bool   // Y1 Y2 Cb Cr: chroma of two pixels (8-bit 4:2:2 in native form)
	blank   []byte // one pixel: samples × width bytes, little endian
	keep    uint64 // bits of a cell that stay where nothing is masked; all ones unless overlays of old are cleared
}

// apply blanks b, one frame of m.W × m.H pixels.
func (c cells) apply(b []byte, m *mask.Mask) error {
	per := c.samples
	if c.shared {
		per = 2
	}
	if len(b) < m.W*m.H*per*c.width {
		return fault.New(fault.Input, "a frame of %d bytes of %d", len(b), m.W*m.H*per*c.width)
	}
	if c.keep != math.MaxUint64 {
		c.clear(b)
	}
	switch {
	case c.shared:
		for i := 0; i+1 < len(m.Pix); i += 2 {
			p := b[2*i : 2*i+4 : 2*i+4]
			for k := range 2 {
				if m.Pix[i+k] != mask.Keep {
					p[k] = c.blank[0]
				}
			}
			if m.Pix[i] == mask.Hard || m.Pix[i+1] == mask.Hard || m.Pix[i] != mask.Keep && m.Pix[i+1] != mask.Keep {
				p[2], p[3] = c.blank[1], c.blank[2]
			}
		}
	case c.planar:
		plane := m.W * m.H * c.width
		for s := range c.samples {
			for i, v := range m.Pix {
				if v != mask.Keep {
					copy(b[s*plane+i*c.width:], c.blank[s*c.width:(s+1)*c.width])
				}
			}
		}
	default:
		n := c.samples * c.width
		for i, v := range m.Pix {
			if v != mask.Keep {
				copy(b[i*n:(i+1)*n], c.blank)
			}
		}
	}
	return nil
}

// clear removes the bits of other planes from every cell.
func (c cells) clear(b []byte) {
	switch c.width {
	case 1:
		for i := range b {
			b[i] &= byte(c.keep)
		}
	case 2:
		for i := 0; i+1 < len(b); i += 2 {
			binary.LittleEndian.PutUint16(b[i:], binary.LittleEndian.Uint16(b[i:])&uint16(c.keep))
		}
	case 4:
		for i := 0; i+3 < len(b); i += 4 {
			binary.LittleEndian.PutUint32(b[i:], binary.LittleEndian.Uint32(b[i:])&uint32(c.keep))
		}
	}
}

// blankPixel is the stored form of black: samples × width bytes.
func blankPixel(im *pixel.Image, photometric string, first func() ([]byte, error)) ([]byte, error) {
	w := im.SampleBytes()
	out := make([]byte, im.Samples*w)
	put := func(s int, v uint64) {
		for k := range w {
			out[s*w+k] = byte(v >> (8 * k))
		}
	}
	top := uint64(1)<<im.BitsStored - 1
	shift := im.HighBit + 1 - im.BitsStored
	switch photometric {
	case "RGB", "YBR_RCT", "YBR_ICT":
		return out, nil
	case "YBR_FULL", "YBR_FULL_422":
		for s := 1; s < im.Samples; s++ {
			put(s, uint64(1)<<(im.BitsStored-1)<<shift)
		}
		return out, nil
	case "YBR_PARTIAL_422", "YBR_PARTIAL_420":
		put(0, 16)
		for s := 1; s < im.Samples; s++ {
			put(s, 128)
		}
		return out, nil
	case "PALETTE COLOR":
		v, err := darkest(im)
		put(0, uint64(v)<<shift)
		return out, err
	case "MONOCHROME1", "MONOCHROME2", "":
	default:
		return nil, fault.New(fault.Input, "blanking pixels of %s", photometric)
	}
	if im.Samples != 1 {
		return nil, fault.New(fault.Input, "%d samples per pixel as %s", im.Samples, photometric)
	}
	white := photometric == "MONOCHROME1"
	if !im.Signed && !im.Float {
		v := uint64(0)
		if white {
			v = top
		}
		put(0, v<<shift)
		return out, nil
	}
	// Signed samples and floats have no natural black: that of the picture itself is what its first frame shows darkest.
	frame, err := first()
	if err != nil {
		return nil, err
	}
	best, at := math.Inf(1), -1
	for i, v := range im.Stored(frame) {
		if white {
			v = -v
		}
		if v < best {
			best, at = v, i
		}
	}
	if at < 0 {
		return nil, fault.New(fault.Input, "a picture without a darkest value")
	}
	copy(out, frame[at*w:(at+1)*w])
	return out, nil
}

// darkest is the palette index that looks darkest.
func darkest(im *pixel.Image) (int, error) {
	d := im.DataSet().Ints(tag.RedPaletteColorLookupTableDescriptor)
	if len(d) != 3 {
		return 0, fault.New(fault.Input, "no palette")
	}
	best, at := math.Inf(1), 0
	n := int(d[0])
	if n == 0 {
		n = 65536
	}
	var sum [65536]float64
	for c, t := range [3][2]tag.Tag{
		{tag.RedPaletteColorLookupTableData, tag.SegmentedRedPaletteColorLookupTableData},
		{tag.GreenPaletteColorLookupTableData, tag.SegmentedGreenPaletteColorLookupTableData},
		{tag.BluePaletteColorLookupTableData, tag.SegmentedBluePaletteColorLookupTableData},
	} {
		b := im.DataSet().Bytes(t[0])
		if b == nil {
			return 0, fault.New(fault.Input, "a palette in segments")
		}
		for i := range min(n, 65536) {
			switch {
			case len(b) >= 2*n:
				sum[i] += [3]float64{0.3, 0.59, 0.11}[c] * float64(binary.LittleEndian.Uint16(b[2*i:]))
			case i < len(b):
				sum[i] += [3]float64{0.3, 0.59, 0.11}[c] * float64(b[i])
			}
		}
	}
	for i := range min(n, 65536) {
		if sum[i] < best {
			best, at = sum[i], i
		}
	}
	return at + int(d[1]), nil
}
