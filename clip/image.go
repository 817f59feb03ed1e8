package clip

import (
	"bytes"
	"image"
	"image/color"
	"image/png"

	"github.com/cineloop/cineloop/internal/fault"
)

// openImage reads one PNG or JPEG as a clip of one frame.
func openImage(file string, cfg *readConfig) (*Clip, error) {
	b, err := cfg.readAll(file)
	if err != nil {
		return nil, err
	}
	c, err := decodeImage(b, cfg)
	if err != nil {
		return nil, err
	}
	c.Source.Digest = digestOf(b)
	return c, nil
}

const imageHint = "open it in an image viewer; if that fails too, export it again"

// decodeImage decodes a PNG or JPEG of 8 or 16 bits to a clip [1, H, W, C] with C 1 or 3. Alpha is dropped. Colour images whose
// samples are all grey become one channel; a palette gives its indices under [AsMask] and its colours otherwise.
func decodeImage(b []byte, cfg *readConfig) (*Clip, error) {
	conf, format, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, inputf("image header: %w", err).WithHint(imageHint)
	}
	dt := Uint8
	switch conf.ColorModel {
	case color.Gray16Model, color.RGBA64Model, color.NRGBA64Model:
		dt = Uint16
	}
	if err := cfg.checkSize(dt, 1, conf.Height, conf.Width, 3); err != nil {
		return nil, err
	}
	// No picture packs more than 1032 bytes of eight pixels (deflate) into a byte, so a small file with a huge header is damaged.
	if int64(conf.Width)*int64(conf.Height) > 8192*int64(len(b)) {
		return nil, inputf("the header says %d×%d pixels but the file has %d bytes", conf.Width, conf.Height, len(b)).WithHint(imageHint)
	}
	var c *Clip
	if format == formatJPEG {
		c, err = jpegClip(b, cfg)
	} else {
		c, err = pngClip(b, cfg.mask)
	}
	if err != nil {
		if fault.CodeOf(err) == fault.Internal {
			err = inputf("%s: %w", format, err).WithHint(imageHint)
		}
		return nil, err
	}
	c.Source.Format = format
	return c, nil
}

func jpegClip(b []byte, cfg *readConfig) (*Clip, error) {
	p, err := decodeJPEG(b, nil, cfg)
	if err != nil {
		return nil, err
	}
	if p.neutral() {
		c := New(Uint8, 1, p.rows, p.columns, 1)
		p.luma(c.Data)
		return c, nil
	}
	c := New(Uint8, 1, p.rows, p.columns, 3)
	c.Photometric = RGB
	p.rgb(c.Data)
	return c, nil
}

func copyPlane(dst, src []byte, stride, w, h int) {
	for y := range h {
		copy(dst[y*w:(y+1)*w], src[y*stride:])
	}
}

func pngClip(b []byte, mask bool) (*Clip, error) {
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	r := img.Bounds()
	w, h := r.Dx(), r.Dy()
	switch m := img.(type) {
	case *image.Gray:
		c := New(Uint8, 1, h, w, 1)
		copyPlane(c.Data, m.Pix, m.Stride, w, h)
		return c, nil
	case *image.Gray16:
		c := New(Uint16, 1, h, w, 1)
		s := Samples[uint16](c)
		for y := range h {
			row := m.Pix[y*m.Stride:]
			for x := range w {
				s[y*w+x] = uint16(row[2*x])<<8 | uint16(row[2*x+1])
			}
		}
		return c, nil
	case *image.Paletted:
		if mask {
			c := New(Uint8, 1, h, w, 1)
			copyPlane(c.Data, m.Pix, m.Stride, w, h)
			return c, nil
		}
		c := New(Uint8, 1, h, w, 3)
		for y := range h {
			for x, i := range m.Pix[y*m.Stride : y*m.Stride+w] {
				p := color.NRGBAModel.Convert(m.Palette[min(int(i), len(m.Palette)-1)]).(color.NRGBA)
				copy(c.Data[(y*w+x)*3:], []byte{p.R, p.G, p.B})
			}
		}
		return withoutColour(c), nil
	case *image.NRGBA:
		return withoutColour(dropAlpha8(m.Pix, m.Stride, w, h)), nil
	case *image.RGBA: // image/png uses it for opaque colour
		return withoutColour(dropAlpha8(m.Pix, m.Stride, w, h)), nil
	case *image.NRGBA64:
		return withoutColour(dropAlpha16(m.Pix, m.Stride, w, h)), nil
	case *image.RGBA64:
		return withoutColour(dropAlpha16(m.Pix, m.Stride, w, h)), nil
	}
	return nil, inputf("PNG with pixel type %T is not supported", img)
}

func dropAlpha8(pix []byte, stride, w, h int) *Clip {
	c := New(Uint8, 1, h, w, 3)
	for y := range h {
		row, out := pix[y*stride:], c.Data[y*w*3:(y+1)*w*3]
		for x := range w {
			out[3*x], out[3*x+1], out[3*x+2] = row[4*x], row[4*x+1], row[4*x+2]
		}
	}
	return c
}

func dropAlpha16(pix []byte, stride, w, h int) *Clip {
	c := New(Uint16, 1, h, w, 3)
	s := Samples[uint16](c)
	for y := range h {
		row, out := pix[y*stride:], s[y*w*3:(y+1)*w*3]
		for x := range w {
			for k := range 3 {
				out[3*x+k] = uint16(row[8*x+2*k])<<8 | uint16(row[8*x+2*k+1])
			}
		}
	}
	return c
}

// withoutColour makes one channel of a 3-channel clip whose channels are equal everywhere, and marks the others RGB.
func withoutColour(c *Clip) *Clip {
	var out *Clip
	if c.DType == Uint16 {
		out = oneChannel[uint16](c)
	} else {
		out = oneChannel[uint8](c)
	}
	if out == nil {
		c.Photometric = RGB
		return c
	}
	out.Source = c.Source
	out.TimesMS = c.TimesMS
	out.Source.Notes = append(out.Source.Notes, "stored as colour without any; read as grey")
	return out
}

func oneChannel[T Number](c *Clip) *Clip {
	s := Samples[T](c)
	for i := 0; i < len(s); i += 3 {
		if s[i] != s[i+1] || s[i] != s[i+2] {
			return nil
		}
	}
	out := New(c.DType, c.T, c.H, c.W, 1)
	d := Samples[T](out)
	for i := range d {
		d[i] = s[3*i]
	}
	return out
}
