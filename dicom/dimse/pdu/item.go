package pdu

import (
	"encoding/binary"

	"github.com/cineloop/cineloop/internal/fault"
)

// item is a variable item or a sub-item: type, a byte that is reserved but for one of them, a length of 16 bits.
type item struct {
	kind, second byte
	body         []byte
}

func eachItem(b []byte, do func(item) error) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return fault.New(fault.Input, "%d bytes after the last item", len(b))
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			return fault.New(fault.Input, "item %02XH should have %d bytes, and %d are left", b[0], n, len(b)-4)
		}
		if err := do(item{b[0], b[1], b[4 : 4+n]}); err != nil {
			return err
		}
		b = b[4+n:]
	}
	return nil
}

// writer appends items and remembers the first that does not fit.
type writer struct {
	b   []byte
	err error
}

func (w *writer) item(kind, second byte, body func()) {
	w.b = append(w.b, kind, second, 0, 0)
	w.sized(body)
}

// sized fills the length of 16 bits that was just written with that of body.
func (w *writer) sized(body func()) {
	at := len(w.b)
	body()
	n := len(w.b) - at
	if n > 0xFFFF && w.err == nil {
		w.err = fault.New(fault.Usage, "an item of %d bytes: it can have 65535", n)
	}
	binary.BigEndian.PutUint16(w.b[at-2:], uint16(n))
}

func (w *writer) string(s string) { w.b = append(w.b, s...) }

// counted writes a length of 16 bits and s.
func (w *writer) counted(s string) {
	w.b = append(w.b, 0, 0)
	w.sized(func() { w.string(s) })
}

// reader takes counted fields from a sub-item.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() int {
	if b := r.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) counted() []byte { return r.take(r.uint16()) }
