package dicom

import (
	"encoding/binary"
	"fmt"

	"github.com/cineloop/cineloop/internal/fault"
)

// Fragments are the items of an encapsulated pixel data element (PS3.5 annex A.4): the Basic Offset Table and the pieces of the
// bit stream. A frame may have several of them.
type Fragments struct {
	Offsets []uint32 // Basic Offset Table; empty if the file leaves it empty
	src     *source
	at      []int64 // where each fragment's bytes begin in src
	n       []int64 // and how many there are
	first   int64   // offset of the first fragment's item header: what Offsets count from
	set     [][]byte
}

// Len is the number of fragments.
func (f *Fragments) Len() int {
	if f.set != nil {
		return len(f.set)
	}
	return len(f.at)
}

// Size is the number of bytes of fragment i.
func (f *Fragments) Size(i int) int64 {
	if f.set != nil {
		return int64(len(f.set[i]))
	}
	return f.n[i]
}

// Start is where fragment i's item header is, counted from the first fragment's: what offset tables hold.
func (f *Fragments) Start(i int) int64 {
	if f.set != nil {
		var at int64
		for _, b := range f.set[:i] {
			at += 8 + int64(len(b)+len(b)&1)
		}
		return at
	}
	return f.at[i] - 8 - f.first
}

// Read is the bytes of fragment i.
func (f *Fragments) Read(i int) ([]byte, error) {
	if i < 0 || i >= f.Len() {
		return nil, fault.New(fault.Input, "fragment %d of %d", i, f.Len())
	}
	if f.set != nil {
		return f.set[i], nil
	}
	b, err := f.src.read(f.at[i], f.n[i])
	if err != nil {
		return nil, fmt.Errorf("fragment %d: %w", i, err)
	}
	return b, nil
}

// Join is the bytes of fragments from up to but not including to, one after the other.
func (f *Fragments) Join(from, to int) ([]byte, error) {
	if to == from+1 {
		return f.Read(from)
	}
	var total int64
	for i := from; i < to; i++ {
		total += f.Size(i)
	}
	out := make([]byte, 0, total)
	for i := from; i < to; i++ {
		b, err := f.Read(i)
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	return out, nil
}

// scanFragments indexes the items that begin at pos, up to their delimiter. It returns where it ended, how many bytes the
// delimiter has (0 if it is missing) and what is wrong.
func scanFragments(src *source, pos, bound int64, big bool) (f *Fragments, end int64, tail uint8, err error) {
	f = &Fragments{src: src, first: pos}
	var order binary.ByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	win := reader{src: src, reuse: true}
	for n := 0; ; n++ {
		h := win.at(pos, 8, 8)
		if len(h) < 8 || pos+8 > bound {
			return f, min(pos, bound), 0, fmt.Errorf("encapsulated pixel data: no sequence delimiter after %d items", n)
		}
		group, elem, length := order.Uint16(h), order.Uint16(h[2:]), int64(order.Uint32(h[4:]))
		switch {
		case group == 0xFFFE && elem == 0xE0DD:
			return f, pos + 8, 8, nil
		case group != 0xFFFE || elem != 0xE000:
			return f, pos, 0, fmt.Errorf("encapsulated pixel data: no item where item %d should begin", n)
		case length == undefinedLength:
			return f, pos, 0, fmt.Errorf("encapsulated pixel data: item %d has an undefined length", n)
		}
		left := bound - pos - 8
		got := min(length, left)
		if n == 0 {
			if table := min(got, 1<<26) / 4; table > 0 {
				b, rerr := src.read(pos+8, table*4)
				if rerr != nil {
					return f, pos, 0, rerr
				}
				f.Offsets = make([]uint32, len(b)/4)
				for i := range f.Offsets {
					f.Offsets[i] = order.Uint32(b[4*i:])
				}
			}
			f.first = pos + 8 + length
		} else {
			f.at, f.n = append(f.at, pos+8), append(f.n, got)
		}
		if length > left {
			return f, bound, 0, fmt.Errorf("encapsulated pixel data: the file ends %d bytes before the end of item %d", length-left, n)
		}
		pos += 8 + length
	}
}
