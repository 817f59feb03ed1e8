package reading

import "encoding/binary"

// bareJPEG is a baseline JPEG without application segments and comments, which can hold text, and without anything after its end. ok is
// false for what is not of that form and size, or would be shown in other colours than the header says: a browser takes three components for YCbCr.
// (ITU-T T.81, annex B.)
func bareJPEG(b []byte, photometric string, rows, columns int) (out []byte, ok bool) {
	components := map[string]int{"MONOCHROME1": 1, "MONOCHROME2": 1, "YBR_FULL": 3, "YBR_FULL_422": 3}[photometric]
	if components == 0 || len(b) < 4 || b[0] != 0xFF || b[1] != 0xD8 {
		return nil, false
	}
	out = append(make([]byte, 0, len(b)), 0xFF, 0xD8)
	framed := false
	for i := 2; ; {
		for i+1 < len(b) && b[i] == 0xFF && b[i+1] == 0xFF { // fill bytes
			i++
		}
		if i+2 > len(b) || b[i] != 0xFF {
			return nil, false
		}
		marker := b[i+1]
		if marker == 0xD9 {
			return append(out, 0xFF, 0xD9), framed
		}
		if i+4 > len(b) {
			return nil, false
		}
		n := int(binary.BigEndian.Uint16(b[i+2:]))
		if n < 2 || i+2+n > len(b) {
			return nil, false
		}
		segment := b[i : i+2+n]
		i += 2 + n
		switch {
		case marker == 0xEE && n >= 14 && string(segment[4:9]) == "Adobe":
			if components == 3 && segment[15] != 1 { // it says that it is not YCbCr
				return nil, false
			}
		case marker >= 0xE0 && marker <= 0xEF, marker == 0xFE: // application, comment
		case marker == 0xC0: // baseline
			if framed || n < 8+3*components || int(segment[9]) != components || segment[4] != 8 || n != 8+3*components ||
				int(binary.BigEndian.Uint16(segment[5:])) != rows || int(binary.BigEndian.Uint16(segment[7:])) != columns {
				return nil, false
			}
			if components == 3 && segment[10] == 'R' && segment[13] == 'G' && segment[16] == 'B' {
				return nil, false
			}
			framed = true
			out = append(out, segment...)
		case marker == 0xDB, marker == 0xC4, marker == 0xDD: // tables, restart interval
			out = append(out, segment...)
		case marker == 0xDA:
			if !framed {
				return nil, false
			}
			out = append(out, segment...)
			start := i
			for i+1 < len(b) && (b[i] != 0xFF || b[i+1] == 0 || b[i+1] >= 0xD0 && b[i+1] <= 0xD7) {
				i++
			}
			out = append(out, b[start:i]...)
		default:
			return nil, false
		}
	}
}
