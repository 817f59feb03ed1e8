package jpeg

import (
	"bytes"
	"encoding/binary"
	"errors"
)

const lookBits = 10

// huffman is a decoding table. Codes of up to lookBits bits are found in one step, and where the value's bits fit in too, with the value.
type huffman struct {
	look [1 << lookBits]uint16 // symbol<<8 | length of the code; 0 for longer codes
	fast [1 << lookBits]int32  // value<<16 | run<<8 | bits of code and value; 0 where they don't fit
	skip [1 << lookBits]uint16 // of AC codes: steps in zigzag order (64 at the end of the block)<<8 | bits of code and value; 0 for longer codes
	max  [18]int32             // largest code of each length, -1 for none
	off  [17]int32             // index in symbols minus the smallest code
	syms []byte

	counts [16]byte // as in the stream
	ac     bool
}

func newHuffman(counts, symbols []byte, ac bool) (*huffman, error) {
	h := &huffman{syms: append([]byte(nil), symbols...), counts: [16]byte(counts), ac: ac}
	code, k := int32(0), int32(0)
	for l := 1; l <= 16; l++ {
		n := int32(counts[l-1])
		h.off[l] = k - code
		h.max[l] = -1
		if n > 0 {
			if code+n > 1<<l {
				return nil, errors.New("jpeg: Huffman table with too many codes")
			}
			h.max[l] = code + n - 1
			if l <= lookBits {
				for i := range n {
					e := uint16(symbols[k+i])<<8 | uint16(l)
					first := (code + i) << (lookBits - l)
					for j := range int32(1) << (lookBits - l) {
						h.look[first+j] = e
					}
				}
			}
			code += n
			k += n
		}
		code <<= 1
	}
	h.max[17] = 1 << 30
	for i := range h.fast {
		e := h.look[i]
		if e == 0 {
			continue
		}
		length, sym := int32(e&0xFF), int32(e>>8)
		if ac {
			steps := sym>>4 + 1
			if sym&15 == 0 && sym != 0xF0 {
				steps = 64
			}
			h.skip[i] = uint16(steps<<8 | (length + sym&15))
		}
		size, run := sym, int32(0)
		if ac {
			size, run = sym&15, sym>>4
		}
		if size > 0 && size <= 15 && length+size <= lookBits {
			v := int32(i) >> (lookBits - length - size) & (1<<size - 1)
			if v < 1<<(size-1) {
				v += -1<<size + 1
			}
			h.fast[i] = v<<16 | run<<8 | (length + size)
		}
	}
	return h, nil
}

// bitReader reads an unstuffed segment that is followed by at least 16 bytes of padding.
type bitReader struct {
	buf []byte
	pos int
	end int // of the data, without the padding
	acc uint64
	n   int // bits in acc, at its top
}

func (b *bitReader) reset(buf []byte, from, to int) {
	*b = bitReader{buf: buf, pos: from, end: to}
}

// fill makes at least 32 bits available; zeros after the end.
func (b *bitReader) fill() {
	if b.n > 32 {
		return
	}
	if b.pos+4 <= b.end {
		b.acc |= uint64(binary.BigEndian.Uint32(b.buf[b.pos:])) << (32 - b.n)
		b.pos += 4
		b.n += 32
		return
	}
	for b.n <= 32 {
		var c uint64
		if b.pos < b.end {
			c = uint64(b.buf[b.pos])
		}
		b.pos++
		b.acc |= c << (56 - b.n)
		b.n += 8
	}
}

// overrun reports whether more bits were taken than there are.
func (b *bitReader) overrun() bool { return b.pos-b.n/8 > b.end }

func (b *bitReader) take(n int) { b.acc <<= n; b.n -= n }

// bits are the next n bits, n ≤ 16 and n bits being there.
func (b *bitReader) bits(n int) int32 {
	v := int32(b.acc >> 1 >> (63 - n))
	b.take(n)
	return v
}

// receive reads n bits as a signed difference (F.2.2.1: RECEIVE and EXTEND).
func (b *bitReader) receive(n int) int32 {
	if n == 0 {
		return 0
	}
	v := b.bits(n)
	// Without a branch: the first bit is random.
	return v + ((v>>(n-1))-1)&(-1<<n+1)
}

// symbol decodes one symbol; it needs 16 bits in the reader.
func (b *bitReader) symbol(h *huffman) (byte, error) {
	if e := h.look[b.acc>>(64-lookBits)]; e != 0 {
		b.take(int(e & 0xFF))
		return byte(e >> 8), nil
	}
	return b.slow(h)
}

func (b *bitReader) slow(h *huffman) (byte, error) {
	for l := lookBits + 1; l <= 16; l++ {
		code := int32(b.acc >> (64 - l))
		if code <= h.max[l] {
			b.take(l)
			return h.syms[code+h.off[l]], nil
		}
	}
	return 0, errHuffman
}

// unstuff copies the entropy-coded data at d.pos into d.ecs without stuffed zeros and restart markers, notes where the intervals end, and
// leaves d.pos at the marker that follows.
func (d *decoder) unstuff() {
	out := d.ecs[:0]
	d.segments = d.segments[:0]
	src := d.src
	pos := d.pos
	for {
		i := bytes.IndexByte(src[pos:], 0xFF)
		if i < 0 || pos+i+1 >= len(src) {
			if i < 0 {
				i = len(src) - pos
			}
			out = append(out, src[pos:pos+i]...)
			pos = len(src)
			break
		}
		out = append(out, src[pos:pos+i]...)
		pos += i
		switch m := src[pos+1]; {
		case m == 0:
			out = append(out, 0xFF)
			pos += 2
			continue
		case m == 0xFF: // fill byte
			pos++
			continue
		case m >= 0xD0 && m <= 0xD7:
			d.segments = append(d.segments, len(out))
			pos += 2
			continue
		}
		break
	}
	d.pos = pos
	d.segments = append(d.segments, len(out))
	d.ecs = append(out, make([]byte, 16)...)
}

// interval points the bit reader at restart interval i. It reports whether the stream has it.
func (d *decoder) interval(i int) bool {
	if i >= len(d.segments) {
		d.bits.reset(d.ecs, len(d.ecs)-16, len(d.ecs)-16)
		return false
	}
	from := 0
	if i > 0 {
		from = d.segments[i-1]
	}
	d.bits.reset(d.ecs, from, d.segments[i])
	for c := range d.comps {
		d.comps[c].pred = 0
	}
	d.eobrun = 0
	return true
}
