package dicom

import (
	"encoding/binary"
	"fmt"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

const (
	undefinedLength = 0xFFFFFFFF
	unbounded       = int64(-1)

	maxDepth   = 256  // sequences inside sequences; real files stay below 20
	keepInline = 4096 // values up to this size are kept from the window that held their header
)

// scanner indexes a data set. It walks with a stack of its own: a level is either a data set that takes elements, or a
// sequence that takes items.
type scanner struct {
	reader
	f     *File
	opt   options
	stack []level
	pos   int64
	nodes int
	odd   bool  // a value of odd length was met
	doubt error // what speaks against the innermost tentative sequence
}

type level struct {
	ds       *DataSet // the data set that takes elements; for a sequence, its owner
	elem     int      // sequence: index of its element in ds
	isSeq    bool
	given    int64 // where the length in the header says that it ends; unbounded if undefined
	bound    int64 // no child reaches past here
	implicit bool  // encoding inside
	big      bool
	try      bool // only the dictionary says that this is a sequence: on any fault it is bytes after all
}

// scan fills root with the elements from pos to the end of the source. What is wrong but can be passed over becomes a warning; what
// can't ends the scan and is returned, with all elements before it in place.
func (s *scanner) scan(root *DataSet, pos int64) error {
	s.pos = pos
	root.elems = make([]Element, 0, 64)
	s.stack = append(s.stack[:0], level{ds: root, given: unbounded, bound: s.src.size, implicit: root.implicit, big: root.big})
	for len(s.stack) > 0 {
		top := &s.stack[len(s.stack)-1]
		var err error
		var done bool
		switch {
		case s.pos >= top.bound:
			done = s.boundReached(top)
		case top.isSeq:
			err = s.item(top)
		default:
			done, err = s.element(top)
		}
		if err == nil && s.doubt != nil {
			err = s.doubt
		}
		s.doubt = nil
		if err == nil && s.err != nil {
			err = s.err
		}
		if err != nil && !s.recover(err) {
			return err
		}
		if done {
			return nil
		}
	}
	return nil
}

// boundReached closes the level whose end has come. It reports whether that was the data set itself.
func (s *scanner) boundReached(top *level) (done bool) {
	if len(s.stack) == 1 {
		return true
	}
	if top.given == unbounded {
		s.warn(s.pos, tagOf(top), "no delimiter before the end of what is around it")
		if s.pos >= s.src.size {
			s.f.incomplete(fault.New(fault.Input, "the file ends inside a sequence"))
		}
	}
	s.pop(0)
	return false
}

func tagOf(l *level) tag.Tag {
	if l.isSeq {
		return l.ds.elems[l.elem].Tag
	}
	return tag.Item
}

// pop closes the top level at s.pos; tail is the size of the delimiter that was just read.
func (s *scanner) pop(tail uint8) {
	top := s.stack[len(s.stack)-1]
	s.stack = s.stack[:len(s.stack)-1]
	if top.isSeq {
		e := &top.ds.elems[top.elem]
		e.n, e.tailLen = s.pos-int64(tail)-e.at, tail
		return
	}
	top.ds.end = s.pos
}

// recover passes over a fault inside an element whose length is known: the innermost tentative sequence becomes bytes, or
// else the innermost sequence of given length ends where it says. It reports whether there is one.
func (s *scanner) recover(err error) bool {
	if fault.CodeOf(err) == fault.Resource || s.err != nil {
		return false
	}
	for _, tentative := range []bool{true, false} {
		for i := len(s.stack) - 1; i > 0; i-- {
			l := s.stack[i]
			if !l.isSeq || l.given == unbounded || l.try != tentative {
				continue
			}
			e := &l.ds.elems[l.elem]
			s.stack = s.stack[:i]
			s.pos = min(l.given, l.bound)
			e.n = s.pos - e.at
			if tentative {
				e.items, e.sequence = nil, false
			} else {
				s.warn(s.pos, e.Tag, "skipped the rest of the sequence: %v", err)
			}
			return true
		}
	}
	return false
}

func (s *scanner) warn(at int64, t tag.Tag, format string, args ...any) {
	if s.trying() {
		s.doubt = fault.New(fault.Input, format, args...) // a trial: its fault is not the file's
		return
	}
	s.f.warn(at, t, format, args...)
}

// trying reports whether some level is a tentative sequence.
func (s *scanner) trying() bool {
	for i := len(s.stack) - 1; i > 0; i-- {
		if s.stack[i].try {
			return true
		}
	}
	return false
}

func (s *scanner) count() error {
	if s.nodes++; s.nodes > s.opt.maxElements {
		return fault.New(fault.Resource, "more than %d elements", s.opt.maxElements)
	}
	return nil
}

// item reads the header of the next item, or of the delimiter, in a sequence.
func (s *scanner) item(top *level) error {
	h := s.at(s.pos, 8, 8)
	if len(h) < 8 || s.pos+8 > top.bound {
		s.warn(s.pos, tagOf(top), "%d bytes at the end are no item", top.bound-s.pos)
		s.pos = top.bound
		return nil
	}
	t, length := header(h, top.big)
	switch t {
	case tag.Item:
		if err := s.count(); err != nil {
			return err
		}
		if len(s.stack) >= 2*maxDepth {
			return fault.New(fault.Input, "sequences are nested more than %d deep", maxDepth)
		}
		ds := &DataSet{parent: top.ds, src: s.src, implicit: top.implicit, big: top.big, head: s.pos}
		e := &top.ds.elems[top.elem]
		e.items = append(e.items, ds)
		next := level{ds: ds, given: unbounded, bound: top.bound, implicit: top.implicit, big: top.big}
		s.pos += 8
		if length == undefinedLength {
			ds.undefined = true
		} else {
			next.given = s.pos + int64(length)
			if next.given > top.bound {
				s.warn(s.pos-8, e.Tag, "an item reaches %d bytes past the end of what is around it", next.given-top.bound)
			}
			next.bound = min(next.given, top.bound)
		}
		s.stack = append(s.stack, next)
		return nil
	case tag.SequenceDelimitationItem:
		s.pos += 8
		if length != 0 {
			s.warn(s.pos-8, tagOf(top), "a delimiter with a length")
		}
		if top.given == unbounded {
			s.pop(8)
			return nil
		}
		if !top.try { // sequences that became UN keep the delimiter that they had
			s.warn(s.pos-8, tagOf(top), "a delimiter in a sequence of given length")
		}
		return nil
	case tag.ItemDelimitationItem:
		s.warn(s.pos, tagOf(top), "an item's delimiter outside of items")
		s.pos += 8
		return nil
	}
	if top.given == unbounded && !top.try {
		s.warn(s.pos, tagOf(top), "no delimiter at the end of the sequence")
		s.pop(0)
		return nil
	}
	return fault.New(fault.Input, "%v where an item should begin", t)
}

func header(h []byte, big bool) (t tag.Tag, length uint32) {
	if big {
		return tag.New(binary.BigEndian.Uint16(h), binary.BigEndian.Uint16(h[2:])), binary.BigEndian.Uint32(h[4:])
	}
	return tag.New(binary.LittleEndian.Uint16(h), binary.LittleEndian.Uint16(h[2:])), binary.LittleEndian.Uint32(h[4:])
}

// element reads the next element's header in a data set, and enters it if it is a sequence. done is the end of the scan.
func (s *scanner) element(top *level) (done bool, err error) {
	h := s.at(s.pos, 12, 12)
	if len(h) < 8 || s.pos+8 > top.bound {
		s.warn(s.pos, 0, "%d bytes at the end are no element", top.bound-s.pos)
		if top.bound == s.src.size && !s.onlyZeros() {
			s.f.incomplete(fault.New(fault.Input, "the file ends in the header of an element"))
		}
		s.pos = top.bound
		return false, nil
	}
	t, length := header(h, top.big)
	if t>>16 == 0xFFFE {
		return false, s.delimiter(top, t, length)
	}
	root := len(s.stack) == 1
	if root {
		if s.opt.stopBefore != 0 && t >= s.opt.stopBefore {
			return true, nil
		}
		if t == 0 && s.onlyZeros() {
			s.warn(s.pos, 0, "%d zero bytes after the last element", s.src.size-s.pos)
			return true, nil
		}
	}
	e := Element{Tag: t, in: top.ds, head: s.pos, headLen: 8}
	switch {
	case top.implicit:
		e.VR = implicitVR(top.ds, t)
	default:
		e.VR = vr.VR(h[4])<<8 | vr.VR(h[5])
		long := e.VR.Long()
		if !e.VR.Known() {
			long = s.unknownVR(top, &e, h)
		}
		switch {
		case e.headLen == 8 && long:
			if len(h) < 12 || s.pos+12 > top.bound {
				return false, fault.New(fault.Input, "the file ends in the header of %v", t)
			}
			e.headLen = 12
			_, length = header(h[4:], top.big)
		case e.headLen == 8:
			length = uint32(h[6]) | uint32(h[7])<<8
			if top.big {
				length = uint32(h[6])<<8 | uint32(h[7])
			}
		default:
			e.headLen = 8 // an implicit header in an explicit data set
		}
	}
	e.at = s.pos + int64(e.headLen)
	if err := s.count(); err != nil {
		return false, err
	}
	if length == undefinedLength && (e.headLen == 12 || top.implicit || !e.VR.Known()) {
		return false, s.undefinedElement(top, e)
	}
	e.n = int64(length)
	if length&1 == 1 && !s.odd && !s.trying() {
		s.odd = true
		s.f.warn(s.pos, t, "a value of odd length, the first in the file")
	}
	if left := top.bound - e.at; e.n > left {
		s.warn(s.pos, t, "the value should have %d bytes, and %d are left", e.n, left)
		e.n, e.short = left, true
		if top.bound == s.src.size {
			s.f.incomplete(fault.New(fault.Input, "the file ends inside the value of %v", t))
		}
	}
	if e.n > 0 && e.n <= keepInline {
		if b := s.at(e.at, e.n, e.n); int64(len(b)) == e.n {
			e.value = b
		}
	}
	s.pos = e.at + e.n
	certain := e.VR == vr.SQ && !(top.implicit && t.IsPrivate())
	if certain || e.VR == vr.SQ || s.maybeSequence(top.ds, &e) {
		return false, s.enter(top, e, e.at+int64(length), certain)
	}
	s.add(top, e)
	return false, nil
}

// onlyZeros reports whether nothing but zeros follows in the next kilobytes: padding, not elements.
func (s *scanner) onlyZeros() bool {
	for _, b := range s.at(s.pos, min(jumpWindow, s.src.size-s.pos), jumpWindow) {
		if b != 0 {
			return false
		}
	}
	return true
}

func (s *scanner) add(top *level, e Element) {
	n := len(top.ds.elems)
	if n > 0 && e.Tag <= top.ds.elems[n-1].Tag && top.ds.index == nil {
		s.warn(e.head, e.Tag, "elements are not in the order of their tags")
	}
	if top.ds.append(e) {
		s.warn(e.head, e.Tag, "the tag comes a second time: the first one is kept")
	}
}

// delimiter handles an item's or a sequence's delimiter, or an item, where an element is expected.
func (s *scanner) delimiter(top *level, t tag.Tag, length uint32) error {
	root := len(s.stack) == 1
	switch {
	case t == tag.ItemDelimitationItem && !root && top.given == unbounded:
		s.pos += 8
		if length != 0 {
			s.warn(s.pos-8, t, "a delimiter with a length")
		}
		s.pop(8)
		return nil
	case (t == tag.SequenceDelimitationItem || t == tag.Item) && !root && top.given == unbounded:
		s.warn(s.pos, t, "no delimiter at the end of an item")
		s.pop(0)
		return nil
	case t == tag.ItemDelimitationItem || t == tag.SequenceDelimitationItem:
		s.warn(s.pos, t, "a delimiter that closes nothing")
		s.pos += 8
		return nil
	}
	return fault.New(fault.Input, "%v at byte %d is outside of any sequence", t, s.pos)
}

// undefinedElement enters a sequence of undefined length, or indexes encapsulated pixel data.
func (s *scanner) undefinedElement(top *level, e Element) error {
	e.undefined = true
	s.pos = e.at
	switch {
	case e.VR == vr.OB || e.VR == vr.OW || e.Tag == tag.PixelData:
		frags, end, tail, ok := (*Fragments)(nil), int64(0), uint8(0), false
		var err error
		if s.opt.trust {
			frags, end, tail, ok = trustFragments(s.src, e.at, top.bound, top.big, extendedOffsets(top.ds))
		}
		if !ok {
			frags, end, tail, err = scanFragments(s.src, e.at, top.bound, top.big)
		}
		e.frags, e.tailLen, e.n = frags, tail, end-int64(tail)-e.at
		s.pos = end
		if err != nil {
			s.warn(e.head, e.Tag, "%v", err)
			if end >= s.src.size {
				e.short = true
				s.f.incomplete(fault.New(fault.Input, "%w", err))
			}
		}
		s.add(top, e)
		return nil
	case e.VR == vr.SQ || e.VR == vr.UN || top.implicit || !e.VR.Known():
		return s.enter(top, e, unbounded, true)
	}
	return fault.New(fault.Input, "%v of VR %v has an undefined length", e.Tag, e.VR)
}

// extendedOffsets is the Extended Offset Table (7FE0,0001) of ds, or nil.
func extendedOffsets(ds *DataSet) (out []int64) {
	if e, ok := ds.Get(tag.ExtendedOffsetTable); ok && e.VR == vr.OV && e.Len() <= 1<<25 {
		for _, n := range e.Uints() {
			out = append(out, int64(n))
		}
	}
	return out
}

// enter adds e as a sequence and makes it the top level.
func (s *scanner) enter(top *level, e Element, given int64, certain bool) error {
	e.sequence = true
	inner := level{ds: top.ds, isSeq: true, given: given, bound: top.bound, implicit: top.implicit, big: top.big, try: !certain}
	if given != unbounded {
		inner.bound = min(given, top.bound)
	}
	if e.VR == vr.UN && !top.implicit {
		// PS3.5 6.2.2 note 4: inside UN everything is implicit little endian. Some writers keep the file's encoding.
		h := s.at(e.at, 16, 16)
		_, known := vr.VR(0), false
		if len(h) >= 14 {
			_, known = vr.Parse(h[12], h[13])
		}
		if !known {
			inner.implicit, inner.big = true, false
		}
	}
	e.value = nil
	n := len(top.ds.elems)
	s.add(top, e)
	if len(top.ds.elems) == n { // a duplicate: pass over it with a data set that nobody keeps
		ghost := &DataSet{parent: top.ds, src: s.src, implicit: top.implicit, big: top.big}
		ghost.elems = append(ghost.elems, e)
		inner.ds, n = ghost, 0
	}
	inner.elem = n
	s.pos = e.at
	s.stack = append(s.stack, inner)
	return nil
}

// maybeSequence reports whether an element of VR UN with a given length is a sequence by the dictionary.
func (s *scanner) maybeSequence(ds *DataSet, e *Element) bool {
	if e.VR != vr.UN || e.n < 8 || e.n >= 0xFFFF || implicitVR(ds, e.Tag) != vr.SQ {
		return false
	}
	h := s.at(e.at, 8, 8)
	return len(h) == 8 && h[0] == 0xFE && h[1] == 0xFF && h[2] == 0x00 && h[3] == 0xE0
}

// implicitVR is the dictionary's VR of an element whose encoding has none.
func implicitVR(ds *DataSet, t tag.Tag) vr.VR {
	if t == tag.PixelData {
		return vr.OW
	}
	if c := t.Creator(); c != 0 {
		if owner := ds.String(c); owner != "" {
			in, _ := tag.LookupPrivate(owner, t)
			return in.VR
		}
		return vr.UN
	}
	return t.VR()
}

// unknownVR decides how to read the header of an element whose VR the standard doesn't know, by where the next element would begin. It
// reports whether the length has 32 bits after two reserved bytes; a header without VR is marked by e.headLen 0.
func (s *scanner) unknownVR(top *level, e *Element, h []byte) (long bool) {
	letters := e.VR>>8 >= 'A' && e.VR>>8 <= 'Z' && e.VR&0xFF >= 'A' && e.VR&0xFF <= 'Z'
	_, implicitLen := header(h, top.big)
	var longLen uint32
	if len(h) >= 12 {
		_, longLen = header(h[4:], top.big)
	}
	shortLen := implicitLen >> 16
	if top.big {
		shortLen = implicitLen & 0xFFFF
	}
	longOK := len(h) >= 12 && h[6] == 0 && h[7] == 0 && s.plausible(top, e.Tag, s.pos+12+int64(longLen))
	shortOK := s.plausible(top, e.Tag, s.pos+8+int64(shortLen))
	implicitOK := implicitLen == undefinedLength || s.plausible(top, e.Tag, s.pos+8+int64(implicitLen))
	switch {
	case letters && longOK:
		long = true
	case letters || shortOK && (e.VR == ' '<<8|' ' || !implicitOK):
	case implicitOK:
		e.VR, e.headLen = implicitVR(top.ds, e.Tag), 0
		s.warn(s.pos, e.Tag, "no VR in an explicit VR data set")
		return false
	case longOK:
		long = true
	}
	s.warn(s.pos, e.Tag, "the standard has no VR %v", e.VR)
	return long
}

// plausible reports whether an element or a delimiter, or the end, could be at off, after t.
func (s *scanner) plausible(top *level, t tag.Tag, off int64) bool {
	if off >= top.bound {
		return off == top.bound
	}
	h := s.at(off, 8, 8)
	if len(h) < 8 {
		return false
	}
	next, _ := header(h, top.big)
	if next>>16 == 0xFFFE {
		return true
	}
	_, known := vr.Parse(h[4], h[5])
	return known && next > t
}

// Warning is something that the standard doesn't allow and that was passed over.
type Warning struct {
	Offset int64   // in the file, or in the inflated data set
	Tag    tag.Tag // 0 if it isn't about one element
	Text   string
}

func (w Warning) String() string {
	if w.Tag == 0 {
		return fmt.Sprintf("byte %d: %s", w.Offset, w.Text)
	}
	return fmt.Sprintf("byte %d: %v: %s", w.Offset, w.Tag, w.Text)
}
