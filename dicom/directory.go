package dicom

import (
	"bytes"
	"io"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// DirectoryRecord is one entry of a DICOMDIR (PS3.3 annex F): a patient, a study, a series, an instance, with those below it.
type DirectoryRecord struct {
	*DataSet // (0004,1430) Directory Record Type and its keys
	Lower    []*DirectoryRecord
}

// Type is the record's Directory Record Type: "PATIENT", "IMAGE".
func (r *DirectoryRecord) Type() string { return r.String(tag.DirectoryRecordType) }

// links are the attributes of a record that hold byte offsets of other records.
var links = []tag.Tag{tag.OffsetOfTheNextDirectoryRecord, tag.OffsetOfReferencedLowerLevelDirectoryEntity, tag.MRDRDirectoryRecordOffset}

// roots are those of the whole directory.
var roots = []tag.Tag{tag.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, tag.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity}

// Directory is the tree of a DICOMDIR's records, by the offsets in it. Records that no offset leads to, and offsets that lead to no record, to one
// above, or to one that was met already, are added to the warnings of f, so one goroutine calls it at a time; what they would lead to is left out.
func (f *File) Directory() ([]*DirectoryRecord, error) {
	seq, ok := f.DataSet.Get(tag.DirectoryRecordSequence)
	if !ok {
		return nil, fault.New(fault.Input, "no DICOMDIR: it has no directory records")
	}
	at := map[int64]*DataSet{}
	for _, item := range seq.items {
		at[item.head] = item
	}
	d := &directory{f: f, at: at, met: map[*DataSet]bool{}}
	first, _ := f.DataSet.Int(roots[0])
	tree := d.chain(int64(first), 0)
	lost := 0
	for _, item := range seq.items {
		if n, ok := item.Int(tag.RecordInUseFlag); !d.met[item] && !(ok && n == 0) { // 0 marks a record as deleted
			lost++
		}
	}
	if lost > 0 {
		f.warn(seq.head, seq.Tag, "no offset leads to %d of %d directory records", lost, len(seq.items))
	}
	return tree, nil
}

type directory struct {
	f   *File
	at  map[int64]*DataSet
	met map[*DataSet]bool
}

// chain follows the records of one level, from the offset of its first.
func (d *directory) chain(off int64, depth int) (out []*DirectoryRecord) {
	if depth > 32 {
		d.f.warn(off, tag.DirectoryRecordSequence, "directory records are nested more than 32 deep")
		return nil
	}
	for off != 0 {
		item := d.at[off]
		if item == nil || d.met[item] {
			d.f.warn(off, tag.DirectoryRecordSequence, "an offset leads to no directory record, or to one that was met before")
			return out
		}
		d.met[item] = true
		r := &DirectoryRecord{DataSet: item}
		out = append(out, r)
		if n, ok := item.Int(links[1]); ok && n != 0 {
			r.Lower = d.chain(int64(n), depth+1)
		}
		next, _ := item.Int(links[0])
		off = int64(next)
	}
	return out
}

// WriteDirectory writes a DICOMDIR of the records in tree, with the attributes of ds around them (File-set ID and the like; ds itself is not changed): links
// between records are set here. instance is the Media Storage SOP Instance UID.
func WriteDirectory(w io.Writer, ds *DataSet, tree []*DirectoryRecord, instance string) error {
	out, err := ds.Copy()
	if err != nil {
		return err
	}
	for _, t := range roots {
		out.SetInts(t, 0)
	}
	out.SetInts(tag.FileSetConsistencyFlag, 0)
	var items []*DataSet
	next, lower := map[*DataSet]*DataSet{}, map[*DataSet]*DataSet{}
	var add func(level []*DirectoryRecord) (first, last *DataSet, err error)
	add = func(level []*DirectoryRecord) (first, last *DataSet, err error) {
		for _, r := range level {
			item, err := r.Copy()
			if err != nil {
				return nil, nil, err
			}
			item.undefined = false
			item.SetInts(tag.RecordInUseFlag, 0xFFFF)
			item.SetInts(links[0], 0)
			item.SetInts(links[1], 0)
			if last != nil {
				next[last] = item
			} else {
				first = item
			}
			last = item
			items = append(items, item)
			if lower[item], _, err = add(r.Lower); err != nil {
				return nil, nil, err
			}
		}
		return first, last, nil
	}
	first, last, err := add(tree)
	if err != nil {
		return err
	}
	out.SetSequence(tag.DirectoryRecordSequence, items...)
	meta := NewDataSet()
	meta.SetBytes(tag.FileMetaInformationVersion, vr.OB, []byte{0, 1})
	meta.SetString(tag.MediaStorageSOPClassUID, uid.MediaStorageDirectoryStorage)
	meta.SetString(tag.MediaStorageSOPInstanceUID, instance)
	meta.SetString(tag.TransferSyntaxUID, uid.ExplicitVRLittleEndian)
	meta.SetString(tag.ImplementationClassUID, ImplementationClassUID)
	meta.SetString(tag.ImplementationVersionName, ImplementationVersionName)
	if err := out.Err(); err != nil {
		return err
	}
	pos, err := recordOffsets(meta, out, uid.ExplicitVRLittleEndian)
	if err != nil {
		return err
	}
	for _, item := range items {
		item.SetInts(links[0], int(pos[next[item]]))
		item.SetInts(links[1], int(pos[lower[item]]))
	}
	out.SetInts(roots[0], int(pos[first]))
	out.SetInts(roots[1], int(pos[last]))
	if err := out.Err(); err != nil {
		return err
	}
	return writeFile(w, make([]byte, 128), meta, out, uid.ExplicitVRLittleEndian)
}

// recordOffsets is where each directory record's item will begin in the file that writeFile writes; 0 for nil.
func recordOffsets(meta, ds *DataSet, ts TransferSyntax) (map[*DataSet]int64, error) {
	var head bytes.Buffer
	if err := writeFile(&head, make([]byte, 128), &DataSet{elems: append([]Element(nil), meta.elems...), src: meta.src, head: -1}, NewDataSet(), ts); err != nil {
		return nil, err
	}
	enc := &encoder{implicit: ts.IsImplicit(), big: ts.IsBigEndian()}
	pos := map[*DataSet]int64{}
	at := int64(head.Len())
	for i := range ds.elems {
		e := &ds.elems[i]
		if enc.skip(ds, e) {
			continue
		}
		if e.Tag != tag.DirectoryRecordSequence {
			at += enc.size(e)
			continue
		}
		at += 8
		if !enc.implicit {
			at += 4
		}
		for _, item := range e.items {
			pos[item] = at
			at += 8 + enc.sizeOfSet(item)
			if item.undefined {
				at += 8
			}
		}
		break
	}
	if at > 0xFFFFFFFF {
		return nil, fault.New(fault.Input, "a DICOMDIR of more than 4 GiB")
	}
	return pos, nil
}

// relink returns the data set of a changed DICOMDIR as it is to be written with meta: with the offsets of its records where they will be.
func (f *File) relink(meta *DataSet, ts TransferSyntax) (*DataSet, error) {
	ds, err := f.DataSet.Copy()
	if err != nil {
		return nil, err
	}
	seq, _ := ds.Get(tag.DirectoryRecordSequence)
	type link struct {
		from *DataSet
		tag  tag.Tag
		to   *DataSet
	}
	at := map[int64]*DataSet{}
	for _, item := range seq.items {
		if item.head >= 0 {
			at[item.head] = item
		}
	}
	var all []link
	collect := func(from *DataSet, tags []tag.Tag) error {
		for _, t := range tags {
			n, ok := from.Int(t)
			if !ok || n == 0 {
				continue
			}
			to := at[int64(n)]
			if to == nil {
				return fault.New(fault.Input, "%v %s leads to no record of the changed DICOMDIR", t, t.Keyword()).WithHint("build it anew with WriteDirectory")
			}
			all = append(all, link{from, t, to})
		}
		return nil
	}
	if err := collect(ds, roots); err != nil {
		return nil, err
	}
	for _, item := range seq.items {
		if err := collect(item, links); err != nil {
			return nil, err
		}
	}
	for _, l := range all { // first a place for each offset, for setting one may drop a group length
		l.from.SetInts(l.tag, 0)
	}
	pos, err := recordOffsets(meta, ds, ts)
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		l.from.SetInts(l.tag, int(pos[l.to]))
	}
	return ds, ds.Err()
}
