package clip

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// neutralChroma is how far (levels of 255) the colour differences of a video may stray from grey before it counts as coloured:
// encoders leave a few levels of noise in clips that have no colour.
const neutralChroma = 4

// decodeMotionJPEG decodes the frames of an AVI on cfg.workers goroutines. A clip without colour becomes one channel (its luma).
func decodeMotionJPEG(a *aviFile, cfg *readConfig) (*Clip, error) {
	first := -1
	for i, f := range a.frames {
		if len(f) > 0 {
			first = i
			break
		}
	}
	if first < 0 {
		return nil, inputf("AVI: all %d frames are empty", len(a.frames)).WithHint(aviHint)
	}
	conf, err := jpeg.DecodeConfig(bytes.NewReader(withHuffmanTables(a.frames[first])))
	if err != nil {
		return nil, inputf("AVI: frame %d: %w", first, err).WithHint(aviHint)
	}
	if a.height >= 2*conf.Height-1 && conf.Height > 1 {
		return nil, inputf("AVI: interlaced motion JPEG (two fields of %d rows a frame)", conf.Height).
			WithHint("deinterlace it first, for example: ffmpeg -i IN.avi -vf yadif -c:v mjpeg -q:v 2 OUT.avi")
	}
	n := len(a.frames) - first
	if err := cfg.checkSize(Uint8, n, conf.Height, conf.Width, 3); err != nil {
		return nil, err
	}
	grey := New(Uint8, n, conf.Height, conf.Width, 1)
	images := make([]*image.YCbCr, n) // kept only for frames with colour
	var coloured atomic.Bool
	decode := func(i int) error {
		img, err := decodeJPEG(a.frames[first+i])
		if err != nil {
			return inputf("AVI: frame %d of %d: %w", first+i, len(a.frames), err).WithHint(aviHint)
		}
		if img.Rect.Dx() != conf.Width || img.Rect.Dy() != conf.Height {
			return inputf("AVI: frame %d is %d×%d, the first one %d×%d", first+i, img.Rect.Dx(), img.Rect.Dy(), conf.Width, conf.Height).WithHint(aviHint)
		}
		copyPlane(grey.Frame(i), img.Y, img.YStride, conf.Width, conf.Height)
		if img.Cb != nil && !cfg.grey && !coloured.Load() && !neutral(img) {
			coloured.Store(true)
		}
		if !cfg.grey {
			images[i] = img
		}
		return nil
	}
	var g errgroup.Group
	g.SetLimit(cfg.workers)
	for i := range n {
		if len(a.frames[first+i]) == 0 {
			continue
		}
		g.Go(func() error {
			if err := cfg.ctx.Err(); err != nil {
				return err
			}
			return decode(i)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := grey
	if coloured.Load() {
		out = New(Uint8, n, conf.Height, conf.Width, 3)
		out.Photometric = RGB
		for i := range n {
			if images[i] == nil {
				continue
			}
			g.Go(func() error { ycbcrToRGB(out.Frame(i), images[i]); return nil })
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
	}
	notes := a.notes
	repeated := 0
	for i := 1; i < n; i++ {
		if len(a.frames[first+i]) == 0 {
			copy(out.Frame(i), out.Frame(i-1))
			repeated++
		}
	}
	if repeated > 0 {
		notes = append(notes, fmt.Sprintf("%d dropped frames repeat the one before", repeated))
	}
	if first > 0 {
		notes = append(notes, fmt.Sprintf("the first %d frames are empty and were left out", first))
	}
	out.Source.Notes = notes
	if a.frameMS > 0 {
		out.TimesMS = evenTimes(n, a.frameMS)
	}
	return out, nil
}

// evenTimes is n frame times, every step ms.
func evenTimes(n int, step float64) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = float64(i) * step
	}
	return t
}

// decodeJPEG decodes a grey or YCbCr JPEG; a grey one has nil chroma planes.
func decodeJPEG(b []byte) (*image.YCbCr, error) {
	img, err := jpeg.Decode(bytes.NewReader(withHuffmanTables(b)))
	if err != nil {
		return nil, err
	}
	switch m := img.(type) {
	case *image.YCbCr:
		return m, nil
	case *image.Gray:
		return &image.YCbCr{Y: m.Pix, YStride: m.Stride, Rect: m.Rect}, nil
	}
	return nil, fmt.Errorf("JPEG with colour model %T is not supported", img.ColorModel())
}

func copyPlane(dst, src []byte, stride, w, h int) {
	for y := range h {
		copy(dst[y*w:(y+1)*w], src[y*stride:])
	}
}

func neutral(m *image.YCbCr) bool {
	for _, plane := range [][]byte{m.Cb, m.Cr} {
		for _, v := range plane {
			if v < 128-neutralChroma || v > 128+neutralChroma {
				return false
			}
		}
	}
	return true
}

// ycbcrToRGB converts by the JFIF equations in 16.16 fixed point, as image/color does; chroma is taken from the nearest sample.
func ycbcrToRGB(dst []byte, m *image.YCbCr) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	if m.Cb == nil {
		for y := range h {
			row, out := m.Y[y*m.YStride:], dst[y*w*3:]
			for x := range w {
				out[3*x], out[3*x+1], out[3*x+2] = row[x], row[x], row[x]
			}
		}
		return
	}
	shift := uint(0) // chroma columns per luma column, as a shift; 3 stands for the general case
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		shift = 1
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		shift = 2
	}
	for y := range h {
		ci := m.COffset(m.Rect.Min.X, m.Rect.Min.Y+y)
		luma, cb, cr := m.Y[y*m.YStride:], m.Cb[ci:], m.Cr[ci:]
		out := dst[y*w*3 : (y+1)*w*3]
		for x := range w {
			yy := int32(luma[x]) * 0x10101
			b, r := int32(cb[x>>shift])-128, int32(cr[x>>shift])-128
			out[3*x] = clamp8(yy + 91881*r)
			out[3*x+1] = clamp8(yy - 22554*b - 46802*r)
			out[3*x+2] = clamp8(yy + 116130*b)
		}
	}
}

func clamp8(v int32) uint8 {
	if uint32(v)&0xff000000 == 0 {
		return uint8(v >> 16)
	}
	return uint8(^(v >> 31))
}

// withHuffmanTables inserts the standard tables (ITU-T T.81 annex K.3) into a JPEG that has none, as many capture cards leave
// them out of motion JPEG.
func withHuffmanTables(b []byte) []byte {
	if len(b) < 4 || b[0] != 0xff || b[1] != 0xd8 {
		return b
	}
	for off := 2; off+4 <= len(b) && b[off] == 0xff; {
		marker := b[off+1]
		if marker == 0xff {
			off++
			continue
		}
		if marker == 0xc4 {
			return b
		}
		if marker == 0xda {
			out := make([]byte, 0, len(b)+len(standardDHT))
			out = append(out, b[:off]...)
			out = append(out, standardDHT...)
			return append(out, b[off:]...)
		}
		off += 2 + int(binary.BigEndian.Uint16(b[off+2:]))
	}
	return b
}
