// Package strip takes out of compressed frames what is no image: comments, application segments, and bytes after the end. The decoded
// pixels stay the same, bit for bit.
package strip

import (
	"bytes"
	"encoding/binary"
	"errors"
)

var errStream = errors.New("the bit stream of a frame can't be followed")

// JPEG is a JPEG or JPEG-LS stream (ITU-T T.81, T.87) without comments and application segments, up to its end marker. Segments
// that say how colours are coded are kept in a fixed form: JFIF without thumbnail, Adobe's colour transform, HP's of JPEG-LS.
func JPEG(b []byte) ([]byte, error) {
	if len(b) < 4 || b[0] != 0xFF || b[1] != 0xD8 {
		return nil, errStream
	}
	out := make([]byte, 0, len(b))
	out = append(out, 0xFF, 0xD8)
	pos := 2
	for {
		if pos+2 > len(b) || b[pos] != 0xFF {
			return nil, errStream
		}
		for pos+1 < len(b) && b[pos+1] == 0xFF { // fill bytes
			pos++
		}
		if pos+2 > len(b) {
			return nil, errStream
		}
		m := b[pos+1]
		switch {
		case m == 0xD9:
			return append(out, 0xFF, 0xD9), nil
		case m == 0xD8 || m >= 0xD0 && m <= 0xD7 || m == 0x01: // without length; none belongs here
			pos += 2
			continue
		case m < 0xC0:
			return nil, errStream
		}
		if pos+4 > len(b) {
			return nil, errStream
		}
		n := int(binary.BigEndian.Uint16(b[pos+2:]))
		if n < 2 || pos+2+n > len(b) {
			return nil, errStream
		}
		seg := b[pos+4 : pos+2+n]
		switch {
		case m == 0xFE || m >= 0xE0 && m <= 0xEF:
			out = append(out, colour(m, seg)...)
		default:
			out = append(out, b[pos:pos+2+n]...)
		}
		pos += 2 + n
		if m != 0xDA {
			continue
		}
		end := entropy(b, pos)
		if end < 0 {
			return nil, errStream
		}
		out = append(out, b[pos:end]...)
		pos = end
	}
}

// entropy is where the coded data of a scan end: at a marker that is no restart. A stream that lacks its end marker gives -1.
func entropy(b []byte, pos int) int {
	for {
		i := bytes.IndexByte(b[pos:], 0xFF)
		if i < 0 || pos+i+1 >= len(b) {
			return -1
		}
		pos += i
		// 0xFF00 is data in JPEG; in JPEG-LS any byte below 0x80 after 0xFF is.
		if m := b[pos+1]; m >= 0x80 && m != 0xFF && (m < 0xD0 || m > 0xD7) {
			return pos
		}
		if b[pos+1] == 0xFF {
			pos++
		} else {
			pos += 2
		}
	}
}

// colour is what stays of an application segment.
func colour(m byte, seg []byte) []byte {
	switch {
	case m == 0xE0 && len(seg) >= 14 && string(seg[:5]) == "JFIF\x00":
		return []byte{0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0}
	case m == 0xEE && len(seg) >= 12 && string(seg[:5]) == "Adobe" && seg[11] <= 2:
		return []byte{0xFF, 0xEE, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, seg[11]}
	case m == 0xE8 && len(seg) == 5 && string(seg[:4]) == "mrfx" && seg[4] <= 5:
		return []byte{0xFF, 0xE8, 0, 7, 'm', 'r', 'f', 'x', seg[4]}
	}
	return nil
}
