package dicom

import (
	"iter"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/cineloop/cineloop/dicom/charset"
	"github.com/cineloop/cineloop/dicom/tag"
)

// DataSet is an ordered set of elements: a file's, or those of one item of a sequence.
type DataSet struct {
	elems  []Element
	index  map[tag.Tag]int // where the order is not that of the tags; nil while it is
	parent *DataSet        // the data set that this is an item of
	src    *source

	implicit, big bool // how the source encodes it
	changed       bool // this or something inside it was set or deleted
	err           error

	// Of an item in a source: its header, whether its length was given, and where it ends with its delimiter.
	head, end int64
	undefined bool

	text atomic.Pointer[charset.Set]
}

// NewDataSet is an empty data set.
func NewDataSet() *DataSet { return &DataSet{head: -1} }

// Len is the number of elements, not counting those inside sequences.
func (ds *DataSet) Len() int { return len(ds.elems) }

// find is the place of t in ds.elems, or where it would be inserted.
func (ds *DataSet) find(t tag.Tag) (int, bool) {
	if ds.index != nil {
		if i, ok := ds.index[t]; ok {
			return i, true
		}
		for i := range ds.elems {
			if ds.elems[i].Tag > t {
				return i, false
			}
		}
		return len(ds.elems), false
	}
	i := sort.Search(len(ds.elems), func(i int) bool { return ds.elems[i].Tag >= t })
	return i, i < len(ds.elems) && ds.elems[i].Tag == t
}

// Get is the element with tag t.
func (ds *DataSet) Get(t tag.Tag) (*Element, bool) {
	if i, ok := ds.find(t); ok {
		return &ds.elems[i], true
	}
	return nil, false
}

// Has reports whether t is present, with or without a value.
func (ds *DataSet) Has(t tag.Tag) bool {
	_, ok := ds.find(t)
	return ok
}

// GetPrivate is the element of a private block: group and low byte of the element, in the block that creator reserved.
func (ds *DataSet) GetPrivate(group uint16, creator string, low byte) (*Element, bool) {
	for b := uint16(0x10); b <= 0xFF; b++ {
		if ds.String(tag.New(group, b)) == creator {
			if e, ok := ds.Get(tag.New(group, b<<8|uint16(low))); ok {
				return e, true
			}
		}
	}
	return nil, false
}

// All are the elements in their order.
func (ds *DataSet) All() iter.Seq[*Element] {
	return func(yield func(*Element) bool) {
		for i := range ds.elems {
			if !yield(&ds.elems[i]) {
				return
			}
		}
	}
}

// Walk are the elements in their order, each followed by those inside it, with their depth: 0 in ds itself.
func (ds *DataSet) Walk() iter.Seq2[int, *Element] {
	return func(yield func(int, *Element) bool) { ds.walk(0, yield) }
}

func (ds *DataSet) walk(depth int, yield func(int, *Element) bool) bool {
	for i := range ds.elems {
		if !yield(depth, &ds.elems[i]) {
			return false
		}
		for _, item := range ds.elems[i].items {
			if !item.walk(depth+1, yield) {
				return false
			}
		}
	}
	return true
}

// Count is the number of elements at any depth, without group lengths and without pixel data that the file's end cuts off between
// fragments: the number that other readers agree on.
func (ds *DataSet) Count() (n int) {
	for _, e := range ds.Walk() {
		if !e.Tag.IsGroupLength() && !(e.short && e.frags != nil) {
			n++
		}
	}
	return n
}

// Parent is the data set that ds is an item of, or nil.
func (ds *DataSet) Parent() *DataSet { return ds.parent }

// Changed reports whether anything in ds was set or deleted since it was read.
func (ds *DataSet) Changed() bool { return ds.changed }

// append adds an element while reading. It reports whether the tag was already there, in which case the first one stays.
func (ds *DataSet) append(e Element) (duplicate bool) {
	n := len(ds.elems)
	if ds.index == nil && n > 0 && e.Tag <= ds.elems[n-1].Tag {
		ds.index = make(map[tag.Tag]int, n+1)
		for i := range ds.elems {
			ds.index[ds.elems[i].Tag] = i
		}
	}
	if ds.index != nil {
		if _, there := ds.index[e.Tag]; there {
			return true
		}
		ds.index[e.Tag] = n
	}
	if n == cap(ds.elems) && n > 0 {
		ds.elems = slices.Grow(ds.elems, n) // twice as much: many small steps copy more than they save
	}
	ds.elems = append(ds.elems, e)
	return false
}

// put replaces or inserts an element and marks everything around it as changed.
func (ds *DataSet) put(e Element) {
	e.in, e.head = ds, -1
	i, there := ds.find(e.Tag)
	if there {
		ds.elems[i] = e
	} else {
		ds.elems = slices.Insert(ds.elems, i, e)
		if ds.index != nil {
			ds.reindex()
		}
	}
	ds.touch()
	if e.Tag == tag.SpecificCharacterSet {
		ds.forgetCharset()
	}
}

// Delete removes the elements with these tags.
func (ds *DataSet) Delete(tags ...tag.Tag) {
	for _, t := range tags {
		if i, ok := ds.find(t); ok {
			ds.elems = slices.Delete(ds.elems, i, i+1)
			if ds.index != nil {
				ds.reindex()
			}
			ds.touch()
			if t == tag.SpecificCharacterSet {
				ds.forgetCharset()
			}
		}
	}
}

func (ds *DataSet) reindex() {
	clear(ds.index)
	for i := range ds.elems {
		ds.index[ds.elems[i].Tag] = i
	}
}

func (ds *DataSet) touch() {
	for d := ds; d != nil && !d.changed; d = d.parent {
		d.changed = true
	}
}
