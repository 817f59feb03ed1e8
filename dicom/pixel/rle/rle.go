// Package rle decodes and encodes DICOM's RLE (PS3.5 annex G): byte planes, most significant first, each packed by the PackBits scheme.
package rle

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const headerSize = 64

var errShort = errors.New("rle: a segment ends before its plane is full")

// Decode unpacks one frame of pixels pixels, each of samples samples of width bytes, into interleaved little-endian samples. The result
// uses dst's memory if it is large enough.
func Decode(src, dst []byte, pixels, samples, width int) ([]byte, error) {
	planes := samples * width
	size := pixels * planes
	if len(src) < headerSize {
		return nil, errors.New("rle: no header")
	}
	n := int(binary.LittleEndian.Uint32(src))
	if n != planes || n > 15 {
		return nil, fmt.Errorf("rle: %d segments for %d samples of %d bytes", uint32(n), samples, width)
	}
	// Two bytes make at most 128: no memory for frames that the bytes can't fill.
	if int64(size) > 64*int64(len(src)) {
		return nil, errShort
	}
	if cap(dst) < size {
		dst = make([]byte, size)
	}
	dst = dst[:size]
	for seg := range n {
		from := int64(binary.LittleEndian.Uint32(src[4+4*seg:]))
		to := int64(len(src))
		if seg+1 < n {
			to = int64(binary.LittleEndian.Uint32(src[8+4*seg:]))
		}
		if from < headerSize || from > to || to > int64(len(src)) {
			return nil, fmt.Errorf("rle: segment %d is outside of the frame", seg)
		}
		sample, byteOf := seg/width, width-1-seg%width
		if err := unpack(src[from:to], dst[sample*width+byteOf:], planes, pixels); err != nil {
			return nil, fmt.Errorf("segment %d: %w", seg, err)
		}
	}
	return dst, nil
}

// unpack fills every step-th byte of dst, n of them.
func unpack(src, dst []byte, step, n int) error {
	at := 0
	end := (n-1)*step + 1
	for at < end {
		if len(src) < 2 {
			return errShort
		}
		c := int8(src[0])
		switch {
		case c >= 0:
			count := min(int(c)+1, (end-at+step-1)/step)
			if len(src) < 1+count {
				return errShort
			}
			if step == 1 {
				copy(dst[at:], src[1:1+count])
				at += count
			} else {
				for _, v := range src[1 : 1+count] {
					dst[at] = v
					at += step
				}
			}
			src = src[min(len(src), 2+int(c)):]
		case c != -128:
			count := min(1-int(c), (end-at+step-1)/step)
			v := src[1]
			if step == 1 {
				run := dst[at : at+count]
				for i := range run {
					run[i] = v
				}
				at += count
			} else {
				for range count {
					dst[at] = v
					at += step
				}
			}
			src = src[2:]
		default:
			src = src[1:]
		}
	}
	return nil
}

// Encode packs one frame of interleaved little-endian samples; columns is the number of pixels of a row, which runs do not cross
// (PS3.5 section G.3.1).
func Encode(src []byte, columns, samples, width int) ([]byte, error) {
	planes := samples * width
	if planes == 0 || planes > 15 || columns <= 0 || len(src)%(planes*columns) != 0 {
		return nil, fmt.Errorf("rle: %d bytes are not rows of %d pixels of %d×%d bytes", len(src), columns, samples, width)
	}
	out := make([]byte, headerSize, headerSize+len(src)/2)
	binary.LittleEndian.PutUint32(out, uint32(planes))
	row := make([]byte, columns)
	for seg := range planes {
		binary.LittleEndian.PutUint32(out[4+4*seg:], uint32(len(out)))
		sample, byteOf := seg/width, width-1-seg%width
		for at := sample*width + byteOf; at < len(src); {
			for i := range row {
				row[i] = src[at]
				at += planes
			}
			out = pack(out, row)
		}
		if len(out)&1 == 1 {
			out = append(out, 0)
		}
	}
	return out, nil
}

// pack appends one row: runs of three or more (two at the beginning of a stretch) as runs, all else as it is.
func pack(out, row []byte) []byte {
	for len(row) > 0 {
		run := 1
		for run < len(row) && run < 128 && row[run] == row[0] {
			run++
		}
		if run > 1 {
			out = append(out, byte(1-run), row[0])
			row = row[run:]
			continue
		}
		n := 1
		for n < len(row) && n < 128 && !(n+2 < len(row) && row[n] == row[n+1] && row[n] == row[n+2]) {
			n++
		}
		out = append(append(out, byte(n-1)), row[:n]...)
		row = row[n:]
	}
	return out
}
