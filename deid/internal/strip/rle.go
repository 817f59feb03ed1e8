package strip

import (
	"compress/flate"
	"encoding/binary"
	"io"
)

// RLE is an RLE frame (PS3.5 annex G) of segments that decode to n bytes each, with the bytes between and after them taken out.
func RLE(b []byte, segments, n int) ([]byte, error) {
	if len(b) < 64 || int(binary.LittleEndian.Uint32(b)) != segments || segments < 1 || segments > 15 {
		return nil, errStream
	}
	out := make([]byte, 64, len(b))
	binary.LittleEndian.PutUint32(out, uint32(segments))
	for i := range segments {
		from := int(binary.LittleEndian.Uint32(b[4+4*i:]))
		to := len(b)
		if i+1 < segments {
			to = int(binary.LittleEndian.Uint32(b[8+4*i:]))
		}
		if from < 64 || from > to || to > len(b) {
			return nil, errStream
		}
		used := packbits(b[from:to], n)
		if used < 0 {
			return nil, errStream
		}
		binary.LittleEndian.PutUint32(out[4+4*i:], uint32(len(out)))
		out = append(out, b[from:from+used]...)
		if len(out)%2 == 1 {
			out = append(out, 0)
		}
	}
	return out, nil
}

// packbits is how many bytes of b decode to n; -1 if they don't. A run that goes past n, as some encoders write, counts whole.
func packbits(b []byte, n int) int {
	pos := 0
	for n > 0 {
		if pos >= len(b) {
			return -1
		}
		switch c := b[pos]; {
		case c < 128:
			pos += 2 + int(c)
			n -= 1 + int(c)
		case c > 128:
			pos += 2
			n -= 257 - int(c)
		default:
			pos++
		}
	}
	if pos > len(b) {
		return -1
	}
	return pos
}

// Deflated is a deflate stream without what follows its end.
func Deflated(b []byte) ([]byte, error) {
	r := &counted{b: b}
	z := flate.NewReader(r)
	if _, err := io.Copy(io.Discard, io.LimitReader(z, 1<<32)); err != nil {
		return nil, errStream
	}
	return b[:r.n], nil
}

// counted reads byte by byte, so that flate takes no more than it needs.
type counted struct {
	b []byte
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n := copy(p[:min(1, len(p))], c.b[c.n:])
	c.n += n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (c *counted) ReadByte() (byte, error) {
	if c.n >= len(c.b) {
		return 0, io.EOF
	}
	c.n++
	return c.b[c.n-1], nil
}
