package jpegls

import "math/bits"

// reader reads the bits of a scan: after a byte FF, one bit is stuffed (A.1).
type reader struct {
	src   []byte
	pos   int
	acc   uint64 // bits at the top
	n     int
	ff    bool // the byte before was FF
	spent int  // bits past the end
}

// fill makes at least 48 bits available, zeros after the end.
func (r *reader) fill() {
	for r.n <= 48 {
		if r.pos >= len(r.src) {
			r.n += 8
			r.spent += 8
			continue
		}
		b := r.src[r.pos]
		switch {
		case r.ff:
			r.acc |= uint64(b) << (57 - r.n)
			r.n += 7
		case b == 0xFF && (r.pos+1 == len(r.src) || r.src[r.pos+1] >= 0x80): // a marker: the scan ends before it
			r.n += 8
			r.spent += 8
			continue
		default:
			r.acc |= uint64(b) << (56 - r.n)
			r.n += 8
		}
		r.ff = b == 0xFF
		r.pos++
	}
}

// exhausted reports whether more bits were used than there are.
func (r *reader) exhausted() bool { return r.spent > r.n }

func (r *reader) bit() bool {
	if r.n < 1 {
		r.fill()
	}
	b := r.acc>>63 != 0
	r.acc <<= 1
	r.n--
	return b
}

// bits are the next n bits, n ≤ 32.
func (r *reader) bits(n int32) int32 {
	if int32(r.n) < n {
		r.fill()
	}
	v := int32(r.acc >> 1 >> (63 - n))
	r.acc <<= uint(n)
	r.n -= int(n)
	return v
}

// golomb decodes a value by the limited-length Golomb code (A.5.3): limit is LIMIT minus what a run has used.
func (r *reader) golomb(k, limit, qbpp int32) (int32, error) {
	if r.n < 48 {
		r.fill()
	}
	zeros := int32(0)
	for r.acc == 0 || bits.LeadingZeros64(r.acc) >= r.n {
		zeros += int32(r.n)
		if zeros > limit || r.exhausted() {
			return 0, errCorrupt
		}
		r.acc, r.n = 0, 0
		r.fill()
	}
	z := bits.LeadingZeros64(r.acc)
	zeros += int32(z)
	r.acc <<= uint(z + 1)
	r.n -= z + 1
	switch {
	case zeros < limit-qbpp-1:
		return zeros<<k | r.bits(k), nil
	case zeros == limit-qbpp-1:
		return r.bits(qbpp) + 1, nil
	}
	return 0, errCorrupt
}

// writer is the inverse of reader.
type writer struct {
	out []byte
	acc uint32 // bits at the bottom
	n   int    // of the byte being filled
	cap int    // bits that it takes: 7 after FF
}

func (w *writer) put(v uint32, n int) {
	for n > 0 {
		take := min(w.cap-w.n, n)
		w.acc = w.acc<<take | v>>(n-take)&(1<<take-1)
		w.n += take
		n -= take
		if w.n == w.cap {
			w.flushByte()
		}
	}
}

func (w *writer) flushByte() {
	b := byte(w.acc)
	w.out = append(w.out, b)
	w.acc, w.n, w.cap = 0, 0, 8
	if b == 0xFF {
		w.cap = 7
	}
}

// close pads the last byte with zeros. A final FF gets the stuffed bit's byte.
func (w *writer) close() {
	if w.n > 0 {
		w.put(0, w.cap-w.n)
	}
	if w.cap == 7 {
		w.out = append(w.out, 0)
		w.cap = 8
	}
}

func (w *writer) golomb(v, k, limit, qbpp int32) {
	zeros := v >> k
	if zeros < limit-qbpp-1 {
		w.zeros(int(zeros))
		w.put(1, 1)
		if k > 0 {
			w.put(uint32(v)&(1<<k-1), int(k))
		}
		return
	}
	w.zeros(int(limit - qbpp - 1))
	w.put(1, 1)
	w.put(uint32(v-1)&(1<<qbpp-1), int(qbpp))
}

func (w *writer) zeros(n int) {
	for n > 24 {
		w.put(0, 24)
		n -= 24
	}
	w.put(0, n)
}
