package strip

import (
	"encoding/binary"
)

// JPEG2000 is a JPEG 2000 or HTJ2K code stream (ITU-T T.800 annex A) without comments, up to its end marker. A JP2 file around it is taken off.
// Comments in tile-part headers, whose lengths are indexed elsewhere, are overwritten with zeros.
func JPEG2000(b []byte) ([]byte, error) {
	if len(b) >= 12 && string(b[4:8]) == "jP  " {
		var err error
		if b, err = jp2(b); err != nil {
			return nil, err
		}
	}
	if len(b) < 4 || b[0] != 0xFF || b[1] != 0x4F {
		return nil, errStream
	}
	out := append(make([]byte, 0, len(b)), 0xFF, 0x4F)
	pos := 2
	for { // main header
		m, n, err := segment(b, pos)
		if err != nil {
			return nil, err
		}
		if m == 0x90 {
			break
		}
		if m != 0x64 {
			out = append(out, b[pos:pos+2+n]...)
		}
		pos += 2 + n
	}
	for { // tile-parts
		if pos+2 <= len(b) && b[pos] == 0xFF && b[pos+1] == 0xD9 {
			return append(out, 0xFF, 0xD9), nil
		}
		m, n, err := segment(b, pos)
		if err != nil || m != 0x90 || n != 10 {
			return nil, errStream
		}
		size := int(binary.BigEndian.Uint32(b[pos+6:]))
		end := pos + size
		if size == 0 { // up to the end of the stream
			end = len(b)
			for end > pos+12 && !(b[end-2] == 0xFF && b[end-1] == 0xD9) {
				end--
			}
			end -= 2
		}
		if end > len(b) || end < pos+14 {
			return nil, errStream
		}
		start := len(out)
		out = append(out, b[pos:end]...)
		for at := pos + 12; ; {
			if at+2 <= end && b[at] == 0xFF && b[at+1] == 0x93 {
				break
			}
			m, n, err := segment(b[:end], at)
			if err != nil {
				return nil, err
			}
			if m == 0x64 {
				clear(out[start+at-pos+4 : start+at-pos+2+n])
			}
			at += 2 + n
		}
		pos = end
	}
}

// segment is the marker at pos and its length, two bytes for the length itself included.
func segment(b []byte, pos int) (marker byte, n int, err error) {
	if pos+4 > len(b) || b[pos] != 0xFF {
		return 0, 0, errStream
	}
	n = int(binary.BigEndian.Uint16(b[pos+2:]))
	if n < 2 || pos+2+n > len(b) {
		return 0, 0, errStream
	}
	return b[pos+1], n, nil
}

// jp2 is the code stream in a JP2 file. A palette or a component mapping would be lost, so files with one are refused.
func jp2(b []byte) ([]byte, error) {
	var stream []byte
	err := boxes(b, func(kind string, body []byte) error {
		switch kind {
		case "jp2h":
			return boxes(body, func(kind string, _ []byte) error {
				if kind == "pclr" || kind == "cmap" {
					return errStream
				}
				return nil
			})
		case "jp2c":
			if stream == nil {
				stream = body
			}
		}
		return nil
	})
	if err == nil && stream == nil {
		err = errStream
	}
	return stream, err
}

// boxes calls f for each box of an ISO base media file. What is no box ends the walk in silence: it is not kept.
func boxes(b []byte, f func(kind string, body []byte) error) error {
	for len(b) >= 8 {
		n, head := int64(binary.BigEndian.Uint32(b)), int64(8)
		switch {
		case n == 1 && len(b) >= 16:
			n, head = int64(binary.BigEndian.Uint64(b[8:])), 16
		case n == 0:
			n = int64(len(b))
		}
		if n < head || n > int64(len(b)) {
			return nil
		}
		if err := f(string(b[4:8]), b[head:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// JPEGXL is a JPEG XL code stream without the container's metadata. A reconstruction box can hold the comments of the JPEG file that
// it came from in compressed form: it is taken out, and rebuilt is false where that happened.
func JPEGXL(b []byte) (out []byte, rebuilt bool, err error) {
	if len(b) >= 2 && b[0] == 0xFF && b[1] == 0x0A {
		// A bare code stream has no end that can be found without decoding; but what follows it and reads as text is no part of it.
		if spoken(b) {
			return nil, false, errStream
		}
		return b, true, nil
	}
	if len(b) < 12 || string(b[4:8]) != "JXL " {
		return nil, false, errStream
	}
	rebuilt = true
	err = boxes(b, func(kind string, body []byte) error {
		switch kind {
		case "jxlc":
			out = append(out, body...)
		case "jxlp":
			if len(body) < 4 {
				return errStream
			}
			out = append(out, body[4:]...)
		case "jbrd":
			rebuilt = false
		}
		return nil
	})
	if err == nil && (len(out) < 2 || out[0] != 0xFF || out[1] != 0x0A || spoken(out)) {
		err = errStream
	}
	return out, rebuilt, err
}

// spoken reports whether the last bytes but padding are eight letters, digits or blanks in a row, which coded data are once in 100,000 frames.
func spoken(b []byte) bool {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	if len(b) < 10 {
		return false
	}
	for _, c := range b[len(b)-8:] {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == ' ' || c == '^' || c == '.' || c == ',' || c == '-') {
			return false
		}
	}
	return true
}
