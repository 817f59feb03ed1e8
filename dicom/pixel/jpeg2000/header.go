package jpeg2000

import (
	"bytes"
	"encoding/binary"

	"github.com/cineloop/cineloop/internal/fault"
)

// Header is what the main header of a codestream says of the image.
type Header struct {
	Rows, Columns, Components int
	Precision                 int  // of the deepest component, in bits
	Signed                    bool // the first component's
	Subsampled                bool // a component has fewer samples than the image pixels
	HighThroughput            bool // ISO/IEC 15444-15
	ColourTransform           bool // a transform of components, which decoding undoes
	Irreversible              bool // the 9/7 wavelet, which loses something always
	JP2                       bool // it was wrapped in a JP2 file
}

// SampleBytes is the width of a decoded sample: 1, 2 or 4.
func (h Header) SampleBytes() int {
	switch {
	case h.Precision <= 8:
		return 1
	case h.Precision <= 16:
		return 2
	}
	return 4
}

const (
	markerSOC = 0xFF4F
	markerCAP = 0xFF50
	markerSIZ = 0xFF51
	markerCOD = 0xFF52
	markerSOT = 0xFF90
)

// Is reports whether src begins as a codestream or a JP2 file does.
func Is(src []byte) bool {
	return bytes.HasPrefix(src, []byte{0xFF, 0x4F, 0xFF, 0x51}) || bytes.HasPrefix(src, signature)
}

// signature is the first box of a JP2 file.
var signature = []byte{0, 0, 0, 12, 'j', 'P', ' ', ' ', '\r', '\n', 0x87, '\n'}

// codestream is src without the boxes of a JP2 file, whose palettes and colour spaces DICOM leaves to its own attributes.
func codestream(src []byte) (stream []byte, jp2 bool, err error) {
	if !bytes.HasPrefix(src, signature) {
		return src, false, nil
	}
	for b := src; len(b) >= 8; {
		head, size := uint64(8), uint64(binary.BigEndian.Uint32(b))
		switch {
		case size == 1 && len(b) >= 16:
			head, size = 16, binary.BigEndian.Uint64(b[8:])
		case size == 0: // to the end
			size = uint64(len(b))
		}
		if size < head || size > uint64(len(b)) {
			if string(b[4:8]) == "jp2c" && size > head { // cut short: the decoder says where
				return b[head:], true, nil
			}
			break
		}
		if string(b[4:8]) == "jp2c" {
			return b[head:size], true, nil
		}
		b = b[size:]
	}
	return nil, true, fault.New(fault.Input, "a JP2 file without a codestream")
}

// DecodeHeader reads the main header of src.
func DecodeHeader(src []byte) (Header, error) {
	stream, jp2, err := codestream(src)
	if err != nil {
		return Header{}, err
	}
	h, err := decodeSIZ(stream)
	h.JP2 = jp2
	return h, err
}

func decodeSIZ(b []byte) (h Header, err error) {
	bad := func(what string) (Header, error) { return Header{}, fault.New(fault.Input, "JPEG 2000: %s", what) }
	if len(b) < 42 || binary.BigEndian.Uint16(b) != markerSOC || binary.BigEndian.Uint16(b[2:]) != markerSIZ {
		return bad("no codestream")
	}
	size := int(binary.BigEndian.Uint16(b[4:]))
	at := func(i int) int64 { return int64(binary.BigEndian.Uint32(b[8+4*i:])) }
	n := int(binary.BigEndian.Uint16(b[40:]))
	switch {
	case n < 1 || size != 38+3*n || len(b) < 4+size:
		return bad("the image size marker is malformed")
	case at(0) <= at(2) || at(1) <= at(3) || at(4) == 0 || at(5) == 0:
		return bad("an image without pixels")
	}
	// The reference grid's bounds, less the offset; in 64 bits.
	width, height := at(0)-at(2), at(1)-at(3)
	if width > 1<<31-1 || height > 1<<31-1 {
		return bad("an impossible size")
	}
	h = Header{Rows: int(height), Columns: int(width), Components: n}
	for c := range n {
		s := b[42+3*c:]
		h.Precision = max(h.Precision, int(s[0]&0x7F)+1)
		h.Subsampled = h.Subsampled || s[1] != 1 || s[2] != 1
	}
	h.Signed = b[42]&0x80 != 0
	for b = b[4+size:]; len(b) >= 4; {
		m, length := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if m == markerSOT || m>>8 != 0xFF || length < 2 || len(b) < 2+length {
			break
		}
		switch {
		case m == markerCAP && length >= 6: // Pcap: bit 15 from the top is part 15
			h.HighThroughput = binary.BigEndian.Uint32(b[4:])&(1<<(32-15)) != 0
		case m == markerCOD && length >= 12: // A.6.1
			h.ColourTransform = b[8] != 0
			h.Irreversible = b[13] == 0
		}
		b = b[2+length:]
	}
	return h, nil
}
