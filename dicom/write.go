package dicom

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"slices"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

// Who wrote a file (PS3.7 annex D.3.3.2). The UID belongs to this program; it does not change with its version, so that the same data
// set gives the same bytes.
const (
	ImplementationClassUID    = "2.25.189106583276449217360186402791045713912"
	ImplementationVersionName = "CINELOOP"
)

// WriteOptions say how a data set becomes a file.
type WriteOptions struct {
	TransferSyntaxUID string // explicit VR little endian if empty

	// Frames is the encapsulated pixel data, one fragment a frame. The offset table is filled: the basic one, or the extended one where
	// offsets need more than 32 bits. Nil leaves the data set's own pixel data, which must fit the transfer syntax.
	Frames [][]byte
}

// WriteFile writes ds as a DICOM file at path: whole, or not at all.
func WriteFile(path string, ds *DataSet, opt WriteOptions) error {
	return atomicfile.Write(path, func(w io.Writer) error { return Write(w, ds, opt) })
}

// Write writes ds as a DICOM file: preamble, meta header by the data set's SOP UIDs, data set. The same data set gives the same bytes.
func Write(w io.Writer, ds *DataSet, opt WriteOptions) error {
	ts := TransferSyntax(opt.TransferSyntaxUID)
	if ts == "" {
		ts = uid.ExplicitVRLittleEndian
	}
	if !ts.Known() {
		return fault.New(fault.Usage, "%q is not a transfer syntax", string(ts))
	}
	if err := ds.Err(); err != nil {
		return err
	}
	if opt.Frames != nil {
		ds = ds.withFrames(opt.Frames)
	}
	if err := checkPixelData(ds, ts); err != nil {
		return err
	}
	meta := NewDataSet()
	meta.SetBytes(tag.FileMetaInformationVersion, vr.OB, []byte{0, 1})
	meta.SetString(tag.MediaStorageSOPClassUID, ds.String(tag.SOPClassUID))
	meta.SetString(tag.MediaStorageSOPInstanceUID, ds.String(tag.SOPInstanceUID))
	meta.SetString(tag.TransferSyntaxUID, string(ts))
	meta.SetString(tag.ImplementationClassUID, ImplementationClassUID)
	meta.SetString(tag.ImplementationVersionName, ImplementationVersionName)
	if meta.String(tag.MediaStorageSOPClassUID) == "" || meta.String(tag.MediaStorageSOPInstanceUID) == "" {
		return fault.New(fault.Input, "a DICOM file needs SOPClassUID and SOPInstanceUID")
	}
	return writeFile(w, make([]byte, 128), meta, ds, ts)
}

// writeFile writes the parts of a file. meta's group length is set here.
func writeFile(w io.Writer, preamble []byte, meta, ds *DataSet, ts TransferSyntax) error {
	var head bytes.Buffer
	menc := &encoder{w: &head}
	meta.Delete(tag.FileMetaInformationGroupLength)
	meta.SetInts(tag.FileMetaInformationGroupLength, 0)
	if err := meta.Err(); err != nil {
		return err
	}
	for i := range meta.elems {
		menc.element(&meta.elems[i])
	}
	if menc.err != nil {
		return menc.err
	}
	binary.LittleEndian.PutUint32(head.Bytes()[8:], uint32(head.Len()-12))
	enc := &encoder{w: w}
	enc.write(preamble)
	enc.write([]byte("DICM"))
	enc.write(head.Bytes())
	if enc.err != nil {
		return enc.err
	}
	return writeBody(w, ds, ts)
}

// writeBody writes a data set in a transfer syntax.
func writeBody(w io.Writer, ds *DataSet, ts TransferSyntax) error {
	enc := &encoder{w: w, implicit: ts.IsImplicit(), big: ts.IsBigEndian()}
	if !ts.IsDeflated() {
		enc.set(ds)
		return enc.err
	}
	count := &counter{w: w}
	z, err := flate.NewWriter(count, flate.DefaultCompression)
	if err != nil {
		return err
	}
	enc.w = z
	enc.set(ds)
	if enc.err != nil {
		return enc.err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if count.n&1 == 1 {
		_, err = w.Write([]byte{0})
	}
	return err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// withFrames is a copy of ds, sharing all else with it, with encapsulated pixel data.
func (ds *DataSet) withFrames(frames [][]byte) *DataSet {
	out := &DataSet{elems: slices.Clone(ds.elems), src: ds.src, implicit: ds.implicit, big: ds.big, changed: true, head: -1}
	if ds.index != nil {
		out.index = map[tag.Tag]int{}
		out.reindex()
	}
	out.Delete(tag.PixelData, tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths, tag.FloatPixelData, tag.DoubleFloatPixelData)
	f := &Fragments{set: frames}
	var at int64
	var offsets, lengths []byte
	for _, b := range frames {
		if at <= 0xFFFFFFFF {
			f.Offsets = append(f.Offsets, uint32(at))
		}
		offsets = binary.LittleEndian.AppendUint64(offsets, uint64(at))
		lengths = binary.LittleEndian.AppendUint64(lengths, uint64(len(b)))
		at += 8 + int64(len(b)+len(b)&1)
	}
	if len(f.Offsets) < len(frames) {
		f.Offsets = nil
		out.SetBytes(tag.ExtendedOffsetTable, vr.OV, offsets)
		out.SetBytes(tag.ExtendedOffsetTableLengths, vr.OV, lengths)
	}
	out.put(Element{Tag: tag.PixelData, VR: vr.OB, frags: f, undefined: true})
	return out
}

// checkPixelData refuses pixel data that contradict the transfer syntax.
func checkPixelData(ds *DataSet, ts TransferSyntax) error {
	e, ok := ds.Get(tag.PixelData)
	switch {
	case !ok:
		return nil
	case e.frags != nil && !ts.IsEncapsulated():
		return fault.New(fault.Input, "encapsulated pixel data can't be written as %s without decoding", ts.Name())
	case e.frags == nil && ts.IsEncapsulated():
		return fault.New(fault.Input, "native pixel data can't be written as %s without encoding", ts.Name())
	}
	return nil
}

// Changed reports whether meta header or data set were changed since they were read.
func (f *File) Changed() bool { return f.Meta.Changed() || f.DataSet.Changed() }

// Write writes the file. One that was not changed is copied byte for byte; in a changed one every element that was not is. The offsets
// between the records of a DICOMDIR follow the change.
func (f *File) Write(w io.Writer) error {
	if err := f.DataSet.Err(); err != nil { // a Set method that stored nothing leaves the file unchanged
		return err
	}
	if !f.Changed() {
		n, err := io.Copy(w, io.NewSectionReader(f.raw.r, 0, f.raw.size))
		if err == nil && n != f.raw.size {
			err = fault.New(fault.Input, "the source gave %d of %d bytes", n, f.raw.size)
		}
		return err
	}
	if f.Incomplete != nil {
		return fault.New(fault.Input, "a changed file can't be written when its end was not read: %w", f.Incomplete)
	}
	return f.writeAs(w, f.TransferSyntax)
}

// WriteAs writes the file in another transfer syntax whose pixel data are encoded alike: among native ones, or the same
// encapsulated one. Package pixel transcodes between others.
func (f *File) WriteAs(w io.Writer, ts TransferSyntax) error {
	if ts == f.TransferSyntax {
		return f.Write(w)
	}
	if f.Incomplete != nil {
		return fault.New(fault.Input, "a file whose end was not read can't be written in another transfer syntax: %w", f.Incomplete)
	}
	if f.TransferSyntax == implicitGE {
		return fault.New(fault.Input, "%s has pixel data in a byte order of its own: decode them", implicitGE)
	}
	return f.writeAs(w, ts)
}

func (f *File) writeAs(w io.Writer, ts TransferSyntax) error {
	if err := f.DataSet.Err(); err != nil {
		return err
	}
	if err := checkPixelData(f.DataSet, ts); err != nil {
		return err
	}
	if f.Meta.Len() == 0 {
		return Write(w, f.DataSet, WriteOptions{TransferSyntaxUID: string(ts)})
	}
	preamble := make([]byte, 128)
	if f.preamble {
		if _, err := f.raw.r.ReadAt(preamble, 0); err != nil {
			return err
		}
	}
	meta := &DataSet{elems: slices.Clone(f.Meta.elems), src: f.Meta.src, head: -1}
	for _, pair := range [][2]tag.Tag{{tag.MediaStorageSOPClassUID, tag.SOPClassUID}, {tag.MediaStorageSOPInstanceUID, tag.SOPInstanceUID}} {
		if v := f.DataSet.String(pair[1]); v != "" && v != meta.String(pair[0]) {
			meta.SetString(pair[0], v)
		}
	}
	if meta.String(tag.TransferSyntaxUID) != string(ts) {
		meta.SetString(tag.TransferSyntaxUID, string(ts))
	}
	ds := f.DataSet
	if ds.Has(tag.DirectoryRecordSequence) {
		var err error
		if ds, err = f.relink(meta, ts); err != nil {
			return err
		}
	}
	return writeFile(w, preamble, meta, ds, ts)
}

// Save writes the file at path, whole or not at all. path may be the file itself.
func (f *File) Save(path string) error { return atomicfile.Write(path, f.Write) }
