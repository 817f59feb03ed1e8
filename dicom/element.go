package dicom

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Element is one attribute of a data set. It is a view: elements are changed through their [DataSet], after which views taken
// before no longer follow it.
type Element struct {
	Tag tag.Tag
	VR  vr.VR // as the file says; by the dictionary where the encoding has none

	in    *DataSet   // owner
	value []byte     // the value where it is in memory
	head  int64      // offset of the header in in.src; -1 for an element that was set
	at    int64      // offset of the value
	n     int64      // length of the value in bytes; up to the delimiter for undefined lengths
	items []*DataSet // of a sequence
	frags *Fragments // of encapsulated pixel data

	headLen, tailLen uint8 // bytes of header and of sequence delimiter
	undefined        bool  // the length was not given
	sequence         bool  // value is items, possibly none
	short            bool  // the source ends inside the value
}

// Len is the length of the value in bytes; for sequences and encapsulated data, of everything between header and delimiter.
func (e *Element) Len() int64 {
	if e.head < 0 {
		return int64(len(e.value))
	}
	return e.n
}

// Offset is where the value begins in the file (in the inflated stream of a deflated file); -1 for values that were set.
func (e *Element) Offset() int64 {
	if e.head < 0 {
		return -1
	}
	return e.at
}

// UndefinedLength reports whether the file gives the length as FFFFFFFF.
func (e *Element) UndefinedLength() bool { return e.undefined }

// Truncated reports whether the file ends before the value does.
func (e *Element) Truncated() bool { return e.short }

// IsSequence reports whether the value is a sequence of items, whatever the VR says.
func (e *Element) IsSequence() bool { return e.sequence }

// Items are the data sets of a sequence.
func (e *Element) Items() []*DataSet { return e.items }

// Fragments are the pieces of encapsulated pixel data; nil for every other element.
func (e *Element) Fragments() *Fragments { return e.frags }

// Bytes is the value as stored, read now if it is not in memory. The caller must not change it.
func (e *Element) Bytes() ([]byte, error) {
	if e.value != nil || e.head < 0 || e.n == 0 {
		return e.value, nil
	}
	if b := e.in.src.lent(e.at, e.n); int64(len(b)) == e.n {
		return b, nil
	}
	return e.in.src.read(e.at, e.n)
}

// Reader reads the value as stored, without loading it whole.
func (e *Element) Reader() *io.SectionReader {
	if e.value != nil || e.head < 0 {
		return io.NewSectionReader(bytes.NewReader(e.value), 0, int64(len(e.value)))
	}
	return io.NewSectionReader(e.in.src.r, e.at, e.n)
}

func (e *Element) order() binary.ByteOrder {
	if e.BigEndian() {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// BigEndian reports whether binary values are stored most significant byte first.
func (e *Element) BigEndian() bool { return e.head >= 0 && e.in.big }

// Kind is the VR by which the value is understood: that of the file, but for UN, and what the standard doesn't know, the dictionary's, and where implicit encoding leaves a
// choice of US or SS, the one that Pixel Representation (0028,0103) names.
func (e *Element) Kind() vr.VR {
	switch {
	case e.sequence:
		return vr.SQ
	case e.VR == vr.SQ: // only the dictionary says so, and the bytes are no items
		return vr.UN
	case e.VR == vr.UN || !e.VR.Known():
		v := implicitVR(e.in, e.Tag)
		if v == vr.SQ { // it would have items if it were one
			return vr.UN
		}
		if v == vr.US {
			return e.signed()
		}
		return v
	case e.VR == vr.US && e.head >= 0 && e.in.implicit:
		return e.signed()
	}
	return e.VR
}

// signed picks SS for attributes of "US or SS" in a data set of signed pixels.
func (e *Element) signed() vr.VR {
	in, _ := tag.Lookup(e.Tag)
	for _, c := range in.Choices {
		if c != vr.SS {
			continue
		}
		for ds := e.in; ds != nil; ds = ds.parent {
			if p, ok := ds.Get(tag.PixelRepresentation); ok {
				if b, err := p.Bytes(); err == nil && len(b) >= 2 && p.order().Uint16(b) == 1 {
					return vr.SS
				}
				return vr.US
			}
		}
	}
	return vr.US
}
