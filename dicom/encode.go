package dicom

import (
	"encoding/binary"
	"io"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// encoder writes elements in one encoding. An element that is as the source has it, in the same encoding, is copied byte for byte.
type encoder struct {
	w             io.Writer
	implicit, big bool
	err           error
}

func (enc *encoder) order() interface {
	binary.ByteOrder
	binary.AppendByteOrder
} {
	if enc.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (enc *encoder) write(b []byte) {
	if enc.err == nil {
		_, enc.err = enc.w.Write(b)
	}
}

func (enc *encoder) copy(r io.Reader, n int64) {
	if enc.err == nil && n > 0 {
		var got int64
		if got, enc.err = io.Copy(enc.w, r); enc.err == nil && got != n {
			enc.err = fault.New(fault.Input, "the source gave %d of %d bytes", got, n)
		}
	}
}

// verbatim reports whether e's bytes in the source are what the encoder would have to write.
func (enc *encoder) verbatim(e *Element) bool {
	if e.head < 0 || e.in.implicit != enc.implicit || e.in.big != enc.big {
		return false
	}
	for _, item := range e.items {
		if item.changed {
			return false
		}
	}
	return true
}

// skip reports whether e is left out: group lengths of a data set that is not written as it was.
func (enc *encoder) skip(ds *DataSet, e *Element) bool {
	return e.Tag.IsGroupLength() && (ds.changed || !enc.verbatim(e))
}

func (enc *encoder) sizeOfSet(ds *DataSet) int64 {
	var n int64
	for i := range ds.elems {
		if e := &ds.elems[i]; !enc.skip(ds, e) {
			n += enc.size(e)
		}
	}
	return n
}

// size is the number of bytes that element writes.
func (enc *encoder) size(e *Element) int64 {
	if enc.verbatim(e) {
		return int64(e.headLen) + e.n + int64(e.tailLen)
	}
	n := int64(8)
	if v := enc.vr(e); !enc.implicit && (v.Long() || !v.Known()) {
		n = 12
	}
	n += enc.sizeOfValue(e)
	if e.frags != nil || e.sequence && e.undefined {
		n += 8
	}
	return n
}

// sizeOfValue is the size of what is between header and delimiter.
func (enc *encoder) sizeOfValue(e *Element) int64 {
	switch {
	case e.frags != nil:
		f := e.frags.exact()
		n := int64(8 + 4*len(f.Offsets))
		for i := range f.Len() {
			size := f.Size(i)
			n += 8 + size + size&1
		}
		return n
	case e.sequence:
		var n int64
		for _, item := range e.items {
			n += 8 + enc.sizeOfSet(item)
			if item.undefined {
				n += 8
			}
		}
		return n
	}
	n := e.Len()
	return n + n&1
}

// vr is the VR to write for e.
func (enc *encoder) vr(e *Element) vr.VR {
	v := e.VR
	switch {
	case e.sequence:
		return vr.SQ
	case e.frags != nil:
		return vr.OB
	case e.head >= 0 && e.in.implicit, !v.Known():
		v = e.Kind()
		if v == vr.UN || !v.Known() {
			return vr.UN
		}
	}
	if !v.Long() && e.Len() > 0xFFFE { // PS3.5 section 6.2.2 note 2
		return vr.UN
	}
	return v
}

func (enc *encoder) header(t tag.Tag, v vr.VR, length uint32) {
	o := enc.order()
	b := make([]byte, 0, 12)
	b = o.AppendUint16(b, t.Group())
	b = o.AppendUint16(b, t.Element())
	switch {
	case enc.implicit || t>>16 == 0xFFFE:
		b = o.AppendUint32(b, length)
	case v.Long():
		b = append(b, byte(v>>8), byte(v), 0, 0)
		b = o.AppendUint32(b, length)
	default:
		b = append(b, byte(v>>8), byte(v))
		b = o.AppendUint16(b, uint16(length))
	}
	enc.write(b)
}

func (enc *encoder) set(ds *DataSet) {
	for i := range ds.elems {
		if e := &ds.elems[i]; !enc.skip(ds, e) && enc.err == nil {
			enc.element(e)
		}
	}
}

func (enc *encoder) element(e *Element) {
	if enc.verbatim(e) {
		n := int64(e.headLen) + e.n + int64(e.tailLen)
		enc.copy(io.NewSectionReader(e.in.src.r, e.head, n), n)
		return
	}
	v := enc.vr(e)
	size := enc.sizeOfValue(e)
	if size >= undefinedLength && e.frags == nil && !e.sequence {
		enc.err = fault.New(fault.Input, "%v has %d bytes: an element holds less than 4 GiB", e.Tag, size)
		return
	}
	switch {
	case e.frags != nil:
		enc.header(e.Tag, v, undefinedLength)
		enc.fragments(e.frags)
		enc.header(tag.SequenceDelimitationItem, 0, 0)
	case e.sequence && (e.undefined || size >= undefinedLength):
		enc.header(e.Tag, v, undefinedLength)
		enc.items(e)
		enc.header(tag.SequenceDelimitationItem, 0, 0)
	case e.sequence:
		enc.header(e.Tag, v, uint32(size))
		enc.items(e)
	default:
		enc.header(e.Tag, v, uint32(size))
		enc.value(e, v)
	}
}

func (enc *encoder) items(e *Element) {
	for _, item := range e.items {
		if item.undefined {
			enc.header(tag.Item, 0, undefinedLength)
			enc.set(item)
			enc.header(tag.ItemDelimitationItem, 0, 0)
			continue
		}
		enc.header(tag.Item, 0, uint32(enc.sizeOfSet(item)))
		enc.set(item)
	}
}

func (enc *encoder) fragments(f *Fragments) {
	f = f.exact()
	o := enc.order()
	enc.header(tag.Item, 0, uint32(4*len(f.Offsets)))
	table := make([]byte, 0, 4*len(f.Offsets))
	for _, off := range f.Offsets {
		table = o.AppendUint32(table, off)
	}
	enc.write(table)
	for i := range f.Len() {
		b, err := f.Read(i)
		if err != nil {
			enc.err = err
			return
		}
		enc.header(tag.Item, 0, uint32(len(b)+len(b)&1))
		enc.write(b)
		if len(b)&1 == 1 {
			enc.write([]byte{0})
		}
	}
}

// value writes the bytes of e in the encoder's byte order, and pads them.
func (enc *encoder) value(e *Element, v vr.VR) {
	n := e.Len()
	word := e.Kind().WordSize()
	switch {
	case e.Kind() == vr.AT:
		word = 2
	case e.Tag == tag.PixelData && word == 2:
		// Cells of 32 bits and more are swapped whole, as other programs write and read them.
		if bits, ok := e.in.Int(tag.BitsAllocated); ok && (bits == 32 || bits == 64) {
			word = bits / 8
		}
	}
	if e.BigEndian() == enc.big || word <= 1 {
		enc.copy(e.Reader(), n)
	} else {
		r := e.Reader()
		buf := make([]byte, min(n, 1<<16))
		for left := n; left > 0 && enc.err == nil; {
			part := buf[:min(left, int64(len(buf)))]
			if _, err := io.ReadFull(r, part); err != nil {
				enc.err = err
				return
			}
			swap(part, word)
			enc.write(part)
			left -= int64(len(part))
		}
	}
	if n&1 == 1 {
		enc.write([]byte{v.Padding()})
	}
}

// swap reverses each whole word of b.
func swap(b []byte, word int) {
	for ; len(b) >= word; b = b[word:] {
		for i, j := 0, word-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
}
