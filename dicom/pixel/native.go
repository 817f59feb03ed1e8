package pixel

import (
	"io"

	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// cells is the number of stored sample cells of a frame: fewer than samples for uncompressed YBR_FULL_422 and YBR_PARTIAL_422, whose
// chroma is shared by two pixels.
func (im *Image) cells() int64 {
	n := int64(im.Rows) * int64(im.Columns)
	if im.Samples == 3 && im.is422() {
		return 2 * n
	}
	return n * int64(im.Samples)
}

func (im *Image) is422() bool {
	return (im.Photometric == "YBR_FULL_422" || im.Photometric == "YBR_PARTIAL_422") && im.BitsAllocated == 8 && im.Columns%2 == 0
}

// bytesOf is the size of n frames as stored, packed ones rounded up.
func (im *Image) bytesOf(n int64) int64 { return (n*im.cells()*int64(im.BitsAllocated) + 7) / 8 }

// storedFrame is the native bytes of frame i in little endian, still packed, planar or subsampled. Frames of single bits that
// begin inside a byte are shifted to begin at one.
func (im *Image) storedFrame(i int) ([]byte, error) {
	bits := im.cells() * int64(im.BitsAllocated)
	from, to := int64(i)*bits/8, (int64(i+1)*bits+7)/8
	if to > im.elem.Len() {
		return nil, fault.New(fault.Input, "frame %d: the pixel data end %d bytes before it does", i, to-im.elem.Len())
	}
	b, err := im.readLittle(from, to)
	if err != nil {
		return nil, err
	}
	if shift := uint(int64(i) * bits % 8); shift != 0 {
		for k := range b {
			v := uint16(b[k])
			if k+1 < len(b) {
				v |= uint16(b[k+1]) << 8
			}
			b[k] = byte(v >> shift)
		}
		b = b[:(bits+7)/8]
	}
	return b, nil
}

// readLittle reads bytes of the native pixel data as they would be in little endian.
func (im *Image) readLittle(from, to int64) ([]byte, error) { return im.readInto(nil, from, to) }

// readInto is readLittle into buf where that is large enough.
func (im *Image) readInto(buf []byte, from, to int64) ([]byte, error) {
	word := int64(1)
	if im.elem.BigEndian() || im.TransferSyntax == "1.2.840.113619.5.2" {
		word = int64(max(im.BitsAllocated/8, 1))
		if word == 1 && im.elem.VR == vr.OW { // bytes in words: the pairs are swapped
			word = 2
		}
	}
	first := from - from%word
	last := min(to+(word-to%word)%word, im.elem.Len())
	b := buf
	if int64(cap(b)) < last-first {
		b = make([]byte, last-first)
	}
	b = b[:last-first]
	if _, err := im.elem.Reader().ReadAt(b, first); err != nil && err != io.EOF {
		return nil, err
	}
	if word > 1 {
		for p := b; int64(len(p)) >= word; p = p[word:] {
			for i, j := int64(0), word-1; i < j; i, j = i+1, j-1 {
				p[i], p[j] = p[j], p[i]
			}
		}
	}
	return b[from-first : to-first], nil
}

// nativeFrame is frame i with one cell of whole bytes for each sample, interleaved.
func (im *Image) nativeFrame(i int) ([]byte, error) {
	b, err := im.storedFrame(i)
	if err != nil {
		return nil, err
	}
	return im.unpack(b), nil
}

// unpack brings a stored frame into the form that Frame promises.
func (im *Image) unpack(b []byte) []byte {
	switch {
	case im.BitsAllocated == 1:
		out := make([]byte, im.FrameBytes())
		for k := range out {
			out[k] = b[k>>3] >> (k & 7) & 1
		}
		b = out
	case im.BitsAllocated == 12:
		out := make([]byte, im.FrameBytes())
		for k := range len(out) / 2 {
			at := k * 3 / 2
			v := uint16(b[at])
			if at+1 < len(b) {
				v |= uint16(b[at+1]) << 8
			}
			if k&1 == 1 {
				v >>= 4
			}
			out[2*k], out[2*k+1] = byte(v), byte(v>>8)&15
		}
		b = out
	}
	switch {
	case im.Samples == 3 && im.is422():
		out := make([]byte, im.FrameBytes())
		for k := 0; k+3 < len(b); k += 4 { // Y1 Y2 Cb Cr
			o := out[k/2*3 : k/2*3+6 : k/2*3+6]
			o[0], o[1], o[2], o[3], o[4], o[5] = b[k], b[k+2], b[k+3], b[k+1], b[k+2], b[k+3]
		}
		return out
	case im.Planar && im.Samples > 1:
		return interleave(b, im.Samples, im.SampleBytes())
	}
	return b
}

// interleave turns planes into pixels.
func interleave(b []byte, samples, width int) []byte {
	out := make([]byte, len(b))
	plane := len(b) / samples
	for s := range samples {
		in := b[s*plane : (s+1)*plane]
		if width == 1 {
			for k, v := range in {
				out[k*samples+s] = v
			}
			continue
		}
		for k := 0; k+width <= len(in); k += width {
			copy(out[(k/width*samples+s)*width:], in[k:k+width])
		}
	}
	return out
}
