package clip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cineloop/cineloop/dicom/pixel/jpeg"
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
	head, err := jpeg.DecodeHeader(a.frames[first])
	if err != nil {
		return nil, inputf("AVI: frame %d: %w", first, err).WithHint(aviHint)
	}
	if a.height >= 2*head.Rows-1 && head.Rows > 1 {
		return nil, inputf("AVI: interlaced motion JPEG (two fields of %d rows a frame)", head.Rows).
			WithHint("deinterlace it first, for example: ffmpeg -i IN.avi -vf yadif -c:v mjpeg -q:v 2 OUT.avi")
	}
	if int64(head.Rows)*int64(head.Columns) > 8192*int64(len(a.frames[first])) {
		return nil, inputf("AVI: frame %d says %d×%d pixels in %d bytes", first, head.Columns, head.Rows, len(a.frames[first])).WithHint(aviHint)
	}
	frames := a.frames[first:]
	n := len(frames)
	if err := cfg.checkSize(Uint8, n, head.Rows, head.Columns, 3); err != nil {
		return nil, err
	}
	// All frames are read as luma until one has colour; then all are read again in colour. Most clips of the field have none.
	c, coloured, err := decodeAll(frames, first, head, false, cfg)
	if err == nil && coloured && !cfg.grey {
		c, _, err = decodeAll(frames, first, head, true, cfg)
	}
	if err != nil {
		return nil, err
	}
	notes := a.notes
	repeated := 0
	for i := 1; i < n; i++ {
		if len(frames[i]) == 0 {
			copy(c.Frame(i), c.Frame(i-1))
			repeated++
		}
	}
	if repeated > 0 {
		notes = append(notes, fmt.Sprintf("%d dropped frames repeat the one before", repeated))
	}
	if first > 0 {
		notes = append(notes, fmt.Sprintf("the first %d frames are empty and were left out", first))
	}
	c.Source.Notes = notes
	if a.frameMS > 0 {
		c.TimesMS = evenTimes(n, a.frameMS)
	}
	return c, nil
}

var errColour = errors.New("the clip has colour")

// decodeAll decodes the frames as luma (then it stops at the first that has colour, and says so) or as RGB.
func decodeAll(frames [][]byte, first int, head jpeg.Header, rgb bool, cfg *readConfig) (c *Clip, coloured bool, err error) {
	channels := 1
	if rgb {
		channels = 3
	}
	c = New(Uint8, len(frames), head.Rows, head.Columns, channels)
	if rgb {
		c.Photometric = RGB
	}
	g, ctx := errgroup.WithContext(cfg.ctx)
	g.SetLimit(cfg.workers)
	var scratch sync.Pool
	for i, frame := range frames {
		if len(frame) == 0 {
			continue
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			buf, _ := scratch.Get().(*[]byte)
			if buf == nil {
				buf = new([]byte)
			}
			p, err := decodeJPEG(frame, *buf, cfg)
			if err == nil && (p.rows != head.Rows || p.columns != head.Columns) {
				err = fmt.Errorf("it is %d×%d, the first one %d×%d", p.columns, p.rows, head.Columns, head.Rows)
			}
			if err != nil {
				return inputf("AVI: frame %d of %d: %w", first+i, first+len(frames), err).WithHint(aviHint)
			}
			if !rgb && !cfg.grey && !p.neutral() {
				return errColour
			}
			if rgb {
				p.rgb(c.Frame(i))
			} else {
				p.luma(c.Frame(i))
			}
			*buf = p.samples
			scratch.Put(buf)
			return nil
		})
	}
	err = g.Wait()
	if err == errColour {
		return nil, true, nil
	}
	if cause := cfg.ctx.Err(); cause != nil {
		err = cause
	}
	return c, false, err
}

// evenTimes is n frame times, every step ms.
func evenTimes(n int, step float64) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = float64(i) * step
	}
	return t
}

// picture is a decoded JPEG: samples interleaved by pixel, 1 or 3 a pixel, in YCbCr unless isRGB.
type picture struct {
	rows, columns, channels int
	isRGB                   bool
	samples                 []byte
}

// decodeJPEG decodes 8-bit grey, YCbCr and RGB JPEG (bit for bit as libjpeg does), using buf's memory if it is large enough.
func decodeJPEG(b, buf []byte, cfg *readConfig) (picture, error) {
	if len(b) < 4 || b[0] != 0xff || b[1] != 0xd8 {
		return picture{}, errors.New("not a JPEG")
	}
	h, samples, err := jpeg.Decode(withHuffmanTables(b), buf, jpeg.Options{MaxBytes: cfg.maxBytes, GreyOnly: cfg.grey})
	if err != nil {
		return picture{}, err
	}
	p := picture{rows: h.Rows, columns: h.Columns, samples: samples}
	p.channels = len(samples) / (h.Rows * h.Columns)
	switch {
	case h.Precision != 8:
		return p, fmt.Errorf("JPEG of %d bits", h.Precision)
	case p.channels != 1 && p.channels != 3:
		return p, fmt.Errorf("JPEG of %d components", p.channels)
	case h.Truncated:
		return p, errors.New("the JPEG ends before its picture does")
	}
	p.isRGB = h.Components == 3 && (h.Adobe == 0 || h.Adobe < 0 && !h.JFIF && !h.Subsampled && string(h.ComponentIDs[:3]) == "RGB")
	if p.isRGB && p.channels == 1 { // one component of RGB is no luma
		ungrey := *cfg
		ungrey.grey = false
		return decodeJPEG(b, samples, &ungrey)
	}
	return p, nil
}

// neutral reports whether the picture has no colour but coding noise.
func (p picture) neutral() bool {
	if p.channels == 1 {
		return true
	}
	for i := 0; i+2 < len(p.samples); i += 3 {
		a, b, c := int(p.samples[i]), int(p.samples[i+1]), int(p.samples[i+2])
		if p.isRGB {
			if max(a, b, c)-min(a, b, c) > 2*neutralChroma {
				return false
			}
		} else if uint(b-128+neutralChroma) > 2*neutralChroma || uint(c-128+neutralChroma) > 2*neutralChroma {
			return false
		}
	}
	return true
}

// luma writes one grey sample a pixel.
func (p picture) luma(dst []byte) {
	switch {
	case p.channels == 1:
		copy(dst, p.samples)
	case p.isRGB:
		lumaBytes(dst, p.samples, 3)
	default:
		for i := range dst {
			dst[i] = p.samples[3*i]
		}
	}
}

// rgb writes three samples a pixel. It converts p's own samples in place.
func (p picture) rgb(dst []byte) {
	switch {
	case p.channels == 1:
		for i, v := range p.samples {
			dst[3*i], dst[3*i+1], dst[3*i+2] = v, v, v
		}
	case p.isRGB:
		copy(dst, p.samples)
	default:
		jpeg.ToRGB(p.samples)
		copy(dst, p.samples)
	}
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
