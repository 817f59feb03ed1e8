package export

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/object"
)

// record is a directory record (PS3.3 F.3.2.2) with those below it.
type record struct {
	ds    *dicom.DataSet
	below []*record
	at    int64 // offset of its item in the file, once that is known
	value int64 // offset of its first value, that of OffsetOfTheNextDirectoryRecord
}

// writeDirectory writes a DICOMDIR of the files.
func writeDirectory(ctx context.Context, a *store.Archive, dir string, files []File) error {
	root, err := tree(ctx, a, files)
	if err != nil {
		return err
	}
	b, err := encode(root, files)
	if err != nil {
		return fault.New(fault.Input, "writing a DICOMDIR: %w", err)
	}
	return atomicfile.WriteBytes(filepath.Join(dir, "DICOMDIR"), b)
}

// tree makes the records: patients, their studies, their series, their instances.
func tree(ctx context.Context, a *store.Archive, files []File) (*record, error) {
	root := &record{}
	made := map[string]*record{}
	child := func(parent *record, key, kind string) (*record, bool) {
		if r, ok := made[key]; ok {
			return r, false
		}
		r := &record{ds: dicom.NewDataSet()}
		r.ds.SetInts(tag.OffsetOfTheNextDirectoryRecord, 0)
		r.ds.SetInts(tag.RecordInUseFlag, 0xffff)
		r.ds.SetInts(tag.OffsetOfReferencedLowerLevelDirectoryEntity, 0)
		r.ds.SetString(tag.DirectoryRecordType, kind)
		parent.below = append(parent.below, r)
		made[key] = r
		return r, true
	}
	for _, f := range files {
		in, err := a.Catalog.Lookup(ctx, f.SOPInstanceUID)
		if fault.CodeOf(err) == fault.NotFound {
			continue // retired since an earlier export: the file stays, nobody knows what it is
		}
		if err != nil {
			return nil, err
		}
		v := in.Attributes
		patient, fresh := child(root, "p"+v["PatientID"]+"\x00"+v["PatientName"], "PATIENT")
		if fresh {
			fill(patient.ds, v, "PatientName", "PatientID")
		}
		study, fresh := child(patient, "s"+in.StudyUID, "STUDY")
		if fresh {
			v := with(v, "StudyInstanceUID", in.StudyUID, "StudyDate", "19000101", "StudyTime", "000000", "StudyID", strconv.Itoa(len(made)))
			fill(study.ds, v, "StudyDate", "StudyTime", "AccessionNumber", "StudyDescription", "StudyInstanceUID", "StudyID")
		}
		series, fresh := child(study, "e"+in.StudyUID+" "+in.SeriesUID, "SERIES")
		if fresh {
			v := with(v, "SeriesInstanceUID", in.SeriesUID, "Modality", "OT", "SeriesNumber", strconv.Itoa(len(study.below)))
			fill(series.ds, v, "Modality", "SeriesInstanceUID", "SeriesNumber")
		}
		image, _ := child(series, "i"+in.SOPInstanceUID, recordType(in.SOPClassUID))
		image.ds.SetString(tag.ReferencedFileID, strings.Split(f.File, "/")...)
		fill(image.ds, with(nil, "ReferencedSOPClassUIDInFile", in.SOPClassUID, "ReferencedSOPInstanceUIDInFile", in.SOPInstanceUID,
			"ReferencedTransferSyntaxUIDInFile", in.TransferSyntaxUID, "InstanceNumber", first(v["InstanceNumber"], strconv.Itoa(len(series.below)))),
			"ReferencedSOPClassUIDInFile", "ReferencedSOPInstanceUIDInFile", "ReferencedTransferSyntaxUIDInFile", "InstanceNumber")
	}
	return root, nil
}

func first(a, b string) string { return cmp.Or(a, b) }

// with is v with values where it has none. A directory may not leave out what PS3.3 F.5 makes type 1, though instances do.
func with(v map[string]string, pairs ...string) map[string]string {
	out := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	for k, s := range v {
		if s != "" {
			out[k] = s
		}
	}
	return out
}

// fill sets attributes by keyword. A value that its VR does not allow is left empty: it is in the file.
func fill(ds *dicom.DataSet, v map[string]string, keywords ...string) {
	for _, k := range keywords {
		if strings.IndexFunc(v[k], func(r rune) bool { return r > 126 }) >= 0 {
			ds.SetString(tag.SpecificCharacterSet, "ISO_IR 192")
		}
	}
	for _, k := range keywords {
		t, ok := tag.ByKeyword(k)
		if !ok {
			continue
		}
		values := strings.Split(v[k], `\`)
		try := dicom.NewDataSet()
		try.SetString(tag.SpecificCharacterSet, "ISO_IR 192")
		if try.SetString(t, values...); try.Err() != nil {
			values = []string{""}
		}
		ds.SetString(t, values...)
	}
}

// recordTypes by the beginning of a SOP class (PS3.3 table F.4-1); what is not here is an IMAGE.
var recordTypes = []struct{ class, kind string }{
	{"1.2.840.10008.5.1.4.1.1.88.59", "KEY OBJECT DOC"}, {"1.2.840.10008.5.1.4.1.1.88.", "SR DOCUMENT"},
	{"1.2.840.10008.5.1.4.1.1.11.", "PRESENTATION"}, {"1.2.840.10008.5.1.4.1.1.9.", "WAVEFORM"},
	{"1.2.840.10008.5.1.4.1.1.481.2", "RT DOSE"}, {"1.2.840.10008.5.1.4.1.1.481.3", "RT STRUCTURE SET"}, {"1.2.840.10008.5.1.4.1.1.481.5", "RT PLAN"},
	{"1.2.840.10008.5.1.4.1.1.104.", "ENCAP DOC"}, {"1.2.840.10008.5.1.4.1.1.66.1", "REGISTRATION"}, {"1.2.840.10008.5.1.4.1.1.66.2", "FIDUCIAL"},
	{"1.2.840.10008.5.1.4.1.1.67", "VALUE MAP"}, {"1.2.840.10008.5.1.4.1.1.4.2", "SPECTROSCOPY"},
}

func recordType(class string) string {
	if class == "1.2.840.10008.5.1.4.1.1.66" {
		return "RAW DATA"
	}
	for _, r := range recordTypes {
		if class == r.class || strings.HasPrefix(class, r.class) && strings.HasSuffix(r.class, ".") {
			return r.kind
		}
	}
	return "IMAGE"
}

// encode writes the directory twice: offsets are known only from the first time, and are of fixed length.
func encode(root *record, files []File) ([]byte, error) {
	var flat []*record
	var walk func(*record)
	walk = func(r *record) {
		for _, c := range r.below {
			flat = append(flat, c)
			walk(c)
		}
	}
	walk(root)
	ds := dicom.NewDataSet()
	ds.SetString(tag.FileSetID, "CINELOOP")
	ds.SetInts(tag.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, 0)
	ds.SetInts(tag.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity, 0)
	ds.SetInts(tag.FileSetConsistencyFlag, 0)
	ds.SetString(tag.SOPClassUID, uid.MediaStorageDirectoryStorage)
	ds.SetString(tag.SOPInstanceUID, setUID(files))
	items := make([]*dicom.DataSet, len(flat))
	for i, r := range flat {
		items[i] = r.ds
	}
	ds.SetSequence(tag.DirectoryRecordSequence, items...)
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian}); err != nil {
		return nil, err
	}
	out := b.Bytes()
	f, err := dicom.Read(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for i, item := range f.DataSet.Sequence(tag.DirectoryRecordSequence) {
		e, ok := item.Get(tag.OffsetOfTheNextDirectoryRecord)
		if !ok || e.Len() != 4 {
			return nil, io.ErrUnexpectedEOF
		}
		const itemAndElementHeader = 8 + 8
		flat[i].value = e.Offset()
		flat[i].at = e.Offset() - itemAndElementHeader
	}
	set := func(at int64, v int64) { binary.LittleEndian.PutUint32(out[at:], uint32(v)) }
	link(root, set)
	for t, r := range map[tag.Tag]func() *record{
		tag.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity: func() *record { return root.below[0] },
		tag.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity:  func() *record { return root.below[len(root.below)-1] },
	} {
		if e, ok := f.DataSet.Get(t); ok && len(root.below) > 0 {
			set(e.Offset(), r().at)
		}
	}
	return out, nil
}

// link sets the offsets of the next record on the same level and of the first one below.
func link(r *record, set func(at, v int64)) {
	for i, c := range r.below {
		if i+1 < len(r.below) {
			set(c.value, r.below[i+1].at)
		}
		if len(c.below) > 0 {
			// value of 4 bytes; RecordInUseFlag, a header of 8 and 2 bytes; the header of the offset
			const toLower = 4 + 8 + 2 + 8
			set(c.value+toLower, c.below[0].at)
		}
		link(c, set)
	}
}

// setUID is a UID of the file-set by its contents (PS3.5 B.2): the same export has the same.
func setUID(files []File) string {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b File) int { return cmp.Compare(a.SOPInstanceUID, b.SOPInstanceUID) })
	var text strings.Builder
	for _, f := range sorted {
		fmt.Fprintln(&text, f.SOPInstanceUID, f.Digest)
	}
	d := object.Sum([]byte(text.String()))
	return "2.25." + strconv.FormatUint(binary.BigEndian.Uint64(d[:]), 10)
}
