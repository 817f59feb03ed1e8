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

	// Of fragments that a table gives: how many of them are frames in fact, and how to look at each item after all.
	loose int
	order binary.ByteOrder
	scan  func() *Fragments
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
	if i < f.loose {
		return f.readLoose(i)
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
	s := fragmentScan{f: &Fragments{src: src, first: pos}, win: reader{src: src, reuse: true}, bound: bound, order: binary.LittleEndian}
	if big {
		s.order = binary.BigEndian
	}
	end, tail, err = s.run(pos, 0)
	return s.f, end, tail, err
}

type fragmentScan struct {
	f     *Fragments
	win   reader
	bound int64
	order binary.ByteOrder
}

// run indexes items from pos on, the first of which is number n; number 0 is the Basic Offset Table.
func (s *fragmentScan) run(pos int64, n int) (end int64, tail uint8, err error) {
	f := s.f
	for ; ; n++ {
		h := s.win.at(pos, 8, 8)
		if len(h) < 8 || pos+8 > s.bound {
			return min(pos, s.bound), 0, fmt.Errorf("encapsulated pixel data: no sequence delimiter after %d items", n)
		}
		group, elem, length := s.order.Uint16(h), s.order.Uint16(h[2:]), int64(s.order.Uint32(h[4:]))
		switch {
		case group == 0xFFFE && elem == 0xE0DD:
			return pos + 8, 8, nil
		case group != 0xFFFE || elem != 0xE000:
			return pos, 0, fmt.Errorf("encapsulated pixel data: no item where item %d should begin", n)
		case length == undefinedLength:
			return pos, 0, fmt.Errorf("encapsulated pixel data: item %d has an undefined length", n)
		}
		left := s.bound - pos - 8
		got := min(length, left)
		if n == 0 {
			if err := s.table(pos+8, got); err != nil {
				return pos, 0, err
			}
			f.first = pos + 8 + length
		} else {
			f.at, f.n = append(f.at, pos+8), append(f.n, got)
		}
		if length > left {
			return s.bound, 0, fmt.Errorf("encapsulated pixel data: the file ends %d bytes before the end of item %d", length-left, n)
		}
		pos += 8 + length
	}
}

// table reads the Basic Offset Table of n bytes at off.
func (s *fragmentScan) table(off, n int64) error {
	n = min(n, 1<<24) / 4 // four million frames
	if n == 0 {
		return nil
	}
	b, err := s.f.src.read(off, 4*n)
	if err != nil {
		return err
	}
	s.f.Offsets = make([]uint32, len(b)/4)
	for i := range s.f.Offsets {
		s.f.Offsets[i] = s.order.Uint32(b[4*i:])
	}
	return nil
}

// trustFragments indexes the items that begin at pos by a table of where frames begin: extended, or else the basic one. The items before the last frame's are not looked
// at: each frame is one fragment, which Read puts together. ok is false if there is no table, or one that can't be right: then scanFragments must look.
func trustFragments(src *source, pos, bound int64, big bool, extended []int64) (f *Fragments, end int64, tail uint8, ok bool) {
	s := fragmentScan{f: &Fragments{src: src, first: pos}, win: reader{src: src, reuse: true}, bound: bound, order: binary.LittleEndian}
	if big {
		s.order = binary.BigEndian
	}
	h := s.win.at(pos, 8, 8)
	if len(h) < 8 || s.order.Uint16(h) != 0xFFFE || s.order.Uint16(h[2:]) != 0xE000 {
		return nil, 0, 0, false
	}
	length := int64(s.order.Uint32(h[4:]))
	f = s.f
	f.first = pos + 8 + length
	if f.first > bound || s.table(pos+8, length) != nil {
		return nil, 0, 0, false
	}
	offsets := extended
	if offsets == nil {
		for _, o := range f.Offsets {
			offsets = append(offsets, int64(o))
		}
	}
	if len(offsets) < 2 || offsets[0] != 0 {
		return nil, 0, 0, false
	}
	for i, o := range offsets[1:] {
		n := o - offsets[i] - 8
		if n < 0 || o > bound-f.first-8 {
			return nil, 0, 0, false
		}
		f.at, f.n = append(f.at, f.first+offsets[i]+8), append(f.n, n)
	}
	f.loose = len(f.at)
	f.scan = func() *Fragments { full, _, _, _ := scanFragments(src, pos, bound, big); return full }
	f.order = s.order
	end, tail, err := s.run(f.first+offsets[len(offsets)-1], f.loose+1)
	return f, end, tail, err == nil && len(f.at) > f.loose
}

// exact is f with every item as the source has it.
func (f *Fragments) exact() *Fragments {
	if f.loose == 0 {
		return f
	}
	return f.scan()
}

// readLoose is frame i as its offset gives it: what is in the items up to the next frame.
func (f *Fragments) readLoose(i int) ([]byte, error) {
	raw, err := f.src.read(f.at[i]-8, f.n[i]+8)
	if err != nil {
		return nil, fmt.Errorf("fragment %d: %w", i, err)
	}
	var out []byte
	for rest := raw; len(rest) > 0; {
		n := int64(-1)
		if len(rest) >= 8 && f.order.Uint16(rest) == 0xFFFE && f.order.Uint16(rest[2:]) == 0xE000 {
			n = int64(f.order.Uint32(rest[4:]))
		}
		switch {
		case n < 0 || n > int64(len(rest))-8:
			return nil, fault.New(fault.Input, "the offset table does not lead to frame %d", i).WithHint("read the file without trust in its offset table")
		case n == int64(len(raw))-8:
			return raw[8:], nil // the one fragment that a frame mostly is
		}
		out = append(out, rest[8:8+n]...)
		rest = rest[8+n:]
	}
	return out, nil
}
