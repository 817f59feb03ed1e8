package jpeg

import (
	"bytes"
	"errors"
	"fmt"
)

// Header is what a JPEG stream says about its image.
type Header struct {
	Rows, Columns, Components int
	Precision                 int  // bits of a sample
	Lossless, Progressive     bool // neither: sequential DCT
	Predictor                 int  // of the first lossless scan, 1 to 7
	Subsampled                bool // some component has fewer samples than another
	Adobe                     int  // transform flag of an Adobe marker: 0 RGB, 1 YCbCr, 2 YCCK; -1 without marker
	JFIF                      bool
	ComponentIDs              [4]byte
	Truncated                 bool // the data ended before the image did: the rest is grey
}

var (
	errShort     = errors.New("jpeg: the stream ends too early")
	errHuffman   = errors.New("jpeg: bad Huffman code")
	errNoImage   = errors.New("jpeg: no image")
	errTooLarge  = errors.New("jpeg: the image is larger than the limit, or than its bytes could hold")
	errDimension = errors.New("jpeg: not the expected dimensions")
)

const maxComponents = 4

type component struct {
	id           byte
	h, v         int // sampling factors
	tq           int // quantisation table
	width        int // samples in a row, without padding
	height       int
	stride       int // samples in a row of plane: whole blocks of whole MCUs
	rows         int
	bw, bh       int     // blocks in a row and in a column of plane
	plane        []byte  // 8-bit samples
	wide         []int16 // samples of more bits
	coeffs       []int16 // progressive: all coefficients, 64 a block, natural order
	td, ta       int     // Huffman tables in the current scan
	pred         int32
	skipAtOutput bool // not asked for
	scanned      bool // some scan had it
}

type decoder struct {
	Header
	opt       Options
	src       []byte
	pos       int
	comps     [maxComponents]component
	hmax      int
	vmax      int
	mcuw      int // MCUs in a row
	mcuh      int
	quant     [4][64]uint16 // natural order
	dc, ac    [4]*huffman
	restart   int // MCUs between restart markers; 0 for none
	bits      bitReader
	ecs       []byte // entropy-coded segment without stuffing
	segments  []int  // where in ecs each restart interval ends
	frame     bool
	eobrun    int
	endedAt   int        // the row of MCUs that is being decoded
	cache     []*huffman // tables of earlier images: frames of a loop mostly share them
	scans     int
	sof       byte
	workspace [64]int32
	out       []byte
}

// zigzag is the natural index of the k-th coefficient.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// next is the next marker and its segment; segments without parameters are empty.
func (d *decoder) next() (marker byte, seg []byte, err error) {
	for {
		// Anything before the next marker is passed over, as all decoders do: real files have stray bytes between segments.
		for d.pos+1 < len(d.src) && !(d.src[d.pos] == 0xFF && d.src[d.pos+1] != 0x00 && d.src[d.pos+1] != 0xFF) {
			d.pos++
		}
		if d.pos+1 >= len(d.src) {
			return 0, nil, errShort
		}
		marker = d.src[d.pos+1]
		d.pos += 2
		if marker >= 0xD0 && marker <= 0xD7 || marker == 0x01 {
			continue // a restart marker outside of a scan, TEM
		}
		if marker == 0xD8 || marker == 0xD9 {
			return marker, nil, nil
		}
		if d.pos+2 > len(d.src) {
			return 0, nil, errShort
		}
		n := int(d.src[d.pos])<<8 | int(d.src[d.pos+1])
		if n < 2 || d.pos+n > len(d.src) {
			return 0, nil, errShort
		}
		seg = d.src[d.pos+2 : d.pos+n]
		d.pos += n
		return marker, seg, nil
	}
}

// tables handles the segments that may stand anywhere before a scan. It reports whether marker is one.
func (d *decoder) tables(marker byte, seg []byte) (bool, error) {
	switch {
	case marker == 0xC4:
		return true, d.defineHuffman(seg)
	case marker == 0xDB:
		return true, d.defineQuant(seg)
	case marker == 0xDD:
		if len(seg) < 2 {
			return true, errShort
		}
		d.restart = int(seg[0])<<8 | int(seg[1])
		return true, nil
	case marker == 0xEE:
		if len(seg) >= 12 && string(seg[:5]) == "Adobe" {
			d.Adobe = int(seg[11])
		}
		return true, nil
	case marker == 0xE0:
		d.JFIF = d.JFIF || len(seg) >= 5 && string(seg[:4]) == "JFIF"
		return true, nil
	case marker >= 0xE1 && marker <= 0xEF, marker == 0xFE, marker == 0xD8:
		return true, nil
	}
	return false, nil
}

func (d *decoder) defineQuant(seg []byte) error {
	for len(seg) > 0 {
		p, t := seg[0]>>4, seg[0]&15
		n := 64
		if p == 1 {
			n = 128
		}
		if p > 1 || t > 3 || len(seg) < 1+n {
			return errors.New("jpeg: bad quantisation table")
		}
		for k := range 64 {
			if p == 0 {
				d.quant[t][zigzag[k]] = uint16(seg[1+k])
			} else {
				d.quant[t][zigzag[k]] = uint16(seg[1+2*k])<<8 | uint16(seg[2+2*k])
			}
		}
		seg = seg[1+n:]
	}
	return nil
}

func (d *decoder) defineHuffman(seg []byte) error {
	for len(seg) > 0 {
		if len(seg) < 17 {
			return errShort
		}
		class, t := seg[0]>>4, seg[0]&15
		n := 0
		for _, c := range seg[1:17] {
			n += int(c)
		}
		if class > 1 || t > 3 || n > 256 || len(seg) < 17+n {
			return errors.New("jpeg: bad Huffman table")
		}
		h, err := d.huffman(seg[1:17], seg[17:17+n], class == 1)
		if err != nil {
			return err
		}
		if class == 0 {
			d.dc[t] = h
		} else {
			d.ac[t] = h
		}
		seg = seg[17+n:]
	}
	return nil
}

// huffman is the table for counts and symbols, taken from the cache if it has it.
func (d *decoder) huffman(counts, symbols []byte, ac bool) (*huffman, error) {
	for _, h := range d.cache {
		if h.ac == ac && string(h.counts[:]) == string(counts) && bytes.Equal(h.syms, symbols) {
			return h, nil
		}
	}
	h, err := newHuffman(counts, symbols, ac)
	if err != nil {
		return nil, err
	}
	if len(d.cache) == 8 {
		d.cache = append(d.cache[:0], d.cache[1:]...)
	}
	d.cache = append(d.cache, h)
	return h, nil
}

// startFrame reads SOF and lays out the components.
func (d *decoder) startFrame(marker byte, seg []byte) error {
	if d.frame {
		return errors.New("jpeg: a second frame header")
	}
	switch marker {
	case 0xC0, 0xC1:
	case 0xC2:
		d.Progressive = true
	case 0xC3:
		d.Lossless = true
	default:
		return fmt.Errorf("jpeg: process SOF%d is not used by DICOM", marker-0xC0)
	}
	if len(seg) < 6 {
		return errShort
	}
	d.frame, d.sof = true, marker
	d.Precision = int(seg[0])
	d.Rows = int(seg[1])<<8 | int(seg[2])
	d.Columns = int(seg[3])<<8 | int(seg[4])
	d.Components = int(seg[5])
	switch {
	case len(seg) < 6+3*d.Components || d.Components == 0 || d.Components > maxComponents:
		return fmt.Errorf("jpeg: %d components", d.Components)
	case d.Rows == 0 || d.Columns == 0:
		return errors.New("jpeg: an image without rows or columns")
	case d.Lossless && (d.Precision < 2 || d.Precision > 16), !d.Lossless && d.Precision != 8 && d.Precision != 12:
		return fmt.Errorf("jpeg: %d bits", d.Precision)
	}
	d.hmax, d.vmax = 1, 1
	for i := range d.Components {
		s := seg[6+3*i:]
		c := &d.comps[i]
		c.id, c.h, c.v, c.tq = s[0], int(s[1]>>4), int(s[1]&15), int(s[2])
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.tq > 3 {
			return errors.New("jpeg: bad sampling factors")
		}
		d.ComponentIDs[i] = c.id
		d.hmax, d.vmax = max(d.hmax, c.h), max(d.vmax, c.v)
	}
	for i := range d.Components {
		if d.comps[i].h != d.hmax || d.comps[i].v != d.vmax {
			d.Subsampled = true
		}
	}
	if d.Components == 1 { // one component is never interleaved: its factors mean nothing
		d.comps[0].h, d.comps[0].v, d.hmax, d.vmax = 1, 1, 1, 1
		d.Subsampled = false
	}
	return nil
}

// DecodeHeader reads the frame header only.
func DecodeHeader(src []byte) (Header, error) {
	d := decoder{src: src}
	d.Adobe = -1
	for {
		marker, seg, err := d.next()
		if err != nil {
			return d.Header, err
		}
		if marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC {
			err = d.startFrame(marker, seg)
			return d.Header, err
		}
		if marker == 0xC4 || marker == 0xDB {
			continue
		}
		if ok, err := d.tables(marker, seg); err != nil || !ok {
			if err == nil {
				err = errNoImage
			}
			return d.Header, err
		}
	}
}
