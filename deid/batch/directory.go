package batch

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/atomicfile"
)

// DirectoryFile is the file set's directory (PS3.10 section 8).
const DirectoryFile = "DICOMDIR"

const skippedDirectory = "a DICOMDIR: written anew for the output"

// writeDirectory writes a DICOMDIR for the output where the input had one.
func writeDirectory(opt Options, b *books) error {
	had := false
	for i := range b.records {
		had = had || b.records[i].Quarantine == skippedDirectory
	}
	if !had || len(b.rows) == 0 {
		return nil
	}
	raw, err := directory(b.rows, opt.Key)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(opt.Out, DirectoryFile), raw)
}

// record is a directory record on its way: where it will stand, and what follows it.
type record struct {
	ds            *dicom.DataSet
	at, size      int
	next, down    *record
	first, newest *record // children
}

func (r *record) add(c *record) {
	if r.newest != nil {
		r.newest.next = c
	} else {
		r.first = c
	}
	r.newest, r.down = c, r.first
}

func newRecord(kind string) *record {
	ds := dicom.NewDataSet()
	ds.SetInts(tag.OffsetOfTheNextDirectoryRecord, 0)
	ds.SetInts(tag.RecordInUseFlag, 0xFFFF)
	ds.SetInts(tag.OffsetOfReferencedLowerLevelDirectoryEntity, 0)
	ds.SetText(tag.DirectoryRecordType, vr.CS, kind)
	return &record{ds: ds}
}

// directory is a DICOMDIR for rows, which are in the order of their paths, so that objects of one series stand together.
func directory(rows []*Row, key *deid.Key) ([]byte, error) {
	root := &record{}
	var all []*record
	levels := map[string]*record{}
	level := func(parent *record, id, kind string, fill func(*dicom.DataSet)) *record {
		if r := levels[kind+id]; r != nil {
			return r
		}
		r := newRecord(kind)
		fill(r.ds)
		levels[kind+id] = r
		parent.add(r)
		all = append(all, r)
		return r
	}
	for i, row := range rows {
		patient := level(root, row.Patient, "PATIENT", func(ds *dicom.DataSet) {
			ds.SetText(tag.PatientName, vr.PN, row.Patient)
			ds.SetText(tag.PatientID, vr.LO, row.Patient)
		})
		study := level(patient, row.Study, "STUDY", func(ds *dicom.DataSet) {
			ds.SetText(tag.StudyDate, vr.DA, cmp.Or(row.StudyDate, "19000101"))
			ds.SetText(tag.StudyTime, vr.TM, "000000")
			ds.SetText(tag.StudyDescription, vr.LO, "")
			ds.SetText(tag.StudyInstanceUID, vr.UI, row.Study)
			ds.SetText(tag.StudyID, vr.SH, key.Name("study", row.Study))
			ds.SetText(tag.AccessionNumber, vr.SH, "")
		})
		series := level(study, row.Series, "SERIES", func(ds *dicom.DataSet) {
			ds.SetText(tag.Modality, vr.CS, row.Modality)
			ds.SetText(tag.SeriesInstanceUID, vr.UI, row.Series)
			ds.SetText(tag.SeriesNumber, vr.IS, orNumber(row.SeriesNumber, i))
		})
		leaf := newRecord(recordType(row.SOPClass))
		leaf.ds.SetText(tag.ReferencedFileID, vr.CS, strings.Split(row.Path, "/")...)
		leaf.ds.SetText(tag.ReferencedSOPClassUIDInFile, vr.UI, row.SOPClass)
		leaf.ds.SetText(tag.ReferencedSOPInstanceUIDInFile, vr.UI, row.Instance)
		leaf.ds.SetText(tag.ReferencedTransferSyntaxUIDInFile, vr.UI, row.TransferSyntax)
		leaf.ds.SetText(tag.InstanceNumber, vr.IS, orNumber(row.InstanceNumber, i))
		if recordType(row.SOPClass) == "SR DOCUMENT" {
			leaf.ds.SetText(tag.CompletionFlag, vr.CS, "PARTIAL")
			leaf.ds.SetText(tag.VerificationFlag, vr.CS, "UNVERIFIED")
			leaf.ds.SetText(tag.ContentDate, vr.DA, cmp.Or(row.StudyDate, "19000101"))
			leaf.ds.SetText(tag.ContentTime, vr.TM, "000000")
		}
		series.add(leaf)
		all = append(all, leaf)
	}
	return layOut(root, all, key)
}

func orNumber(s string, i int) string {
	if s == "" {
		return strconv.Itoa(i + 1)
	}
	return s
}

// recordType is the kind of a directory record by the object's class; images are the rule.
func recordType(class string) string {
	switch {
	case strings.HasPrefix(class, "1.2.840.10008.5.1.4.1.1.88."):
		return "SR DOCUMENT"
	case strings.HasPrefix(class, "1.2.840.10008.5.1.4.1.1.11."):
		return "PRESENTATION"
	case strings.HasPrefix(class, "1.2.840.10008.5.1.4.1.1.9."):
		return "WAVEFORM"
	case class == "1.2.840.10008.5.1.4.1.1.481.2":
		return "RT DOSE"
	case class == "1.2.840.10008.5.1.4.1.1.481.3":
		return "RT STRUCTURE SET"
	case class == "1.2.840.10008.5.1.4.1.1.481.5":
		return "RT PLAN"
	case class == "1.2.840.10008.5.1.4.1.1.66.1":
		return "REGISTRATION"
	case class == "1.2.840.10008.5.1.4.1.1.67":
		return "VALUE MAP"
	}
	return "IMAGE"
}

// layOut gives every record its place, writes the places into those that point to it, and encodes the whole.
func layOut(root *record, all []*record, key *deid.Key) ([]byte, error) {
	const ts = uid.ExplicitVRLittleEndian
	var body bytes.Buffer
	meta := dicom.NewDataSet()
	meta.SetBytes(tag.FileMetaInformationVersion, vr.OB, []byte{0, 1})
	meta.SetText(tag.MediaStorageSOPClassUID, vr.UI, uid.MediaStorageDirectoryStorage)
	meta.SetText(tag.MediaStorageSOPInstanceUID, vr.UI, key.UID("directory "+root.first.ds.String(tag.PatientID)))
	meta.SetText(tag.TransferSyntaxUID, vr.UI, ts)
	meta.SetText(tag.ImplementationClassUID, vr.UI, dicom.ImplementationClassUID)
	meta.SetText(tag.ImplementationVersionName, vr.SH, dicom.ImplementationVersionName)
	if err := dicom.WriteBody(&body, meta, ts); err != nil {
		return nil, err
	}
	length := body.Len()
	head := dicom.NewDataSet()
	head.SetInts(tag.FileMetaInformationGroupLength, length)
	body.Reset()
	body.Write(make([]byte, 128))
	body.WriteString("DICM")
	if err := dicom.WriteBody(&body, head, ts); err != nil {
		return nil, err
	}
	if body.Len() == 132 { // group lengths are not written for data sets that were changed
		body.Write([]byte{2, 0, 0, 0, 'U', 'L', 4, 0})
		body.Write(binary.LittleEndian.AppendUint32(nil, uint32(length)))
	}
	if err := dicom.WriteBody(&body, meta, ts); err != nil {
		return nil, err
	}
	set := dicom.NewDataSet()
	set.SetText(tag.FileSetID, vr.CS, "RESEARCH")
	set.SetInts(tag.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, 0)
	set.SetInts(tag.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity, 0)
	set.SetInts(tag.FileSetConsistencyFlag, 0)
	var front bytes.Buffer
	if err := dicom.WriteBody(&front, set, ts); err != nil {
		return nil, err
	}
	at := body.Len() + front.Len() + 12
	for _, r := range all {
		var one bytes.Buffer
		if err := dicom.WriteBody(&one, r.ds, ts); err != nil {
			return nil, err
		}
		r.at, r.size = at, one.Len()
		at += 8 + r.size
	}
	items := make([]*dicom.DataSet, len(all))
	for i, r := range all {
		if r.next != nil {
			r.ds.SetInts(tag.OffsetOfTheNextDirectoryRecord, r.next.at)
		}
		if r.down != nil {
			r.ds.SetInts(tag.OffsetOfReferencedLowerLevelDirectoryEntity, r.down.at)
		}
		items[i] = r.ds
	}
	set.SetInts(tag.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, root.first.at)
	set.SetInts(tag.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity, root.newest.at)
	set.SetSequence(tag.DirectoryRecordSequence, items...)
	err := dicom.WriteBody(&body, set, ts)
	return body.Bytes(), err
}
