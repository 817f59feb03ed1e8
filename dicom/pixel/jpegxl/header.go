package jpegxl

import (
	"bytes"
	"encoding/binary"

	"github.com/cineloop/cineloop/internal/fault"
)

// Header is what the first bytes of an image say.
type Header struct {
	Rows, Columns int
	JPEG          bool // it is a recompressed JPEG that can be had back
}

var signature = []byte{0, 0, 0, 12, 'J', 'X', 'L', ' ', '\r', '\n', 0x87, '\n'}

// Is reports whether src begins as a codestream or a container of JPEG XL does.
func Is(src []byte) bool {
	return bytes.HasPrefix(src, []byte{0xFF, 0x0A}) || bytes.HasPrefix(src, signature)
}

// DecodeHeader reads the size of the image (ISO/IEC 18181-1 annex D.2) and, of a container (18181-2), whether it holds a JPEG.
func DecodeHeader(src []byte) (h Header, err error) {
	stream := src
	if bytes.HasPrefix(src, signature) {
		stream = nil
		for b := src; len(b) >= 8; {
			head, size := uint64(8), uint64(binary.BigEndian.Uint32(b))
			switch {
			case size == 1 && len(b) >= 16:
				head, size = 16, binary.BigEndian.Uint64(b[8:])
			case size == 0:
				size = uint64(len(b))
			}
			if size < head {
				return h, errMalformed
			}
			body := b[head:min(size, uint64(len(b)))]
			switch string(b[4:8]) {
			case "jbrd":
				h.JPEG = true
			case "jxlc":
				stream = body
			case "jxlp": // the first part; its number is in front
				if stream == nil && len(body) > 4 {
					stream = body[4:]
				}
			}
			if size >= uint64(len(b)) {
				break
			}
			b = b[size:]
		}
	}
	if !bytes.HasPrefix(stream, []byte{0xFF, 0x0A}) {
		return h, errMalformed
	}
	h.Rows, h.Columns, err = decodeSize(stream[2:])
	return h, err
}

var errMalformed = fault.New(fault.Input, "JPEG XL: no codestream")

// ratios of width to height, by their number in the size header.
var ratios = [8][2]int{{}, {1, 1}, {12, 10}, {4, 3}, {3, 2}, {16, 9}, {5, 4}, {2, 1}}

func decodeSize(b []byte) (rows, columns int, err error) {
	at := 0
	short := false
	bits := func(n int) (v int) { // the lowest bit first
		for i := range n {
			if at>>3 >= len(b) {
				short = true
				return 0
			}
			v |= int(b[at>>3]>>(at&7)&1) << i
			at++
		}
		return v
	}
	small := bits(1) == 1
	size := func() int {
		if small {
			return (bits(5) + 1) * 8
		}
		return bits([4]int{9, 13, 18, 30}[bits(2)]) + 1
	}
	rows = size()
	if r := bits(3); r != 0 {
		columns = rows * ratios[r][0] / ratios[r][1]
	} else {
		columns = size()
	}
	if short || columns < 1 {
		return 0, 0, errMalformed
	}
	return rows, columns, nil
}
