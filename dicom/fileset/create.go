package fileset

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

// Report is what Create did.
type Report struct {
	Files    int
	Skipped  []Skipped // files that are no instances, or came twice
	Invented int       // keys that the standard wants and the instances don't have: numbers were put in their place
}

// Skipped is a file that is not on the medium.
type Skipped struct{ Path, Reason string }

// Create makes a file set of the files at paths in dir, which must be empty or absent: each is copied byte for byte. id is the File-set ID, at
// most 16 of A to Z, 0 to 9 and _; it may be empty.
func Create(ctx context.Context, dir, id string, paths []string) (Report, error) {
	var rep Report
	if len(id) > 16 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return rep, fault.New(fault.Usage, "a File-set ID has at most 16 characters of A-Z, 0-9 and _")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return rep, err
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		if err != nil {
			return rep, err
		}
		return rep, fault.New(fault.Conflict, "%s is not empty", dir)
	}
	b := &builder{rep: &rep, nodes: map[string]*node{}}
	for _, p := range paths {
		if err := ctx.Err(); err != nil {
			return rep, err
		}
		if err := b.add(dir, p); err != nil {
			return rep, err
		}
	}
	if rep.Files == 0 {
		return rep, fault.New(fault.Input, "no instance among %d files", len(paths))
	}
	ds := dicom.NewDataSet()
	if id == "" {
		ds.SetEmpty(tag.FileSetID)
	} else {
		ds.SetString(tag.FileSetID, id)
	}
	err := atomicfile.Write(filepath.Join(dir, "DICOMDIR"), func(w io.Writer) error {
		return dicom.WriteDirectory(w, ds, records(b.root.below), uid.Derive(append([]string{"file set", id}, b.uids...)...))
	})
	return rep, err
}

// node is a record that is being made, with those below it in the order of their coming.
type node struct {
	record *dicom.DataSet
	below  []*node
}

func records(list []*node) (out []*dicom.DirectoryRecord) {
	for _, n := range list {
		out = append(out, &dicom.DirectoryRecord{DataSet: n.record, Lower: records(n.below)})
	}
	return out
}

type builder struct {
	rep   *Report
	root  node
	nodes map[string]*node
	uids  []string
}

// add copies the file at path, and gives it its records.
func (b *builder) add(dir, path string) error {
	f, err := dicom.Open(path, dicom.StopBefore(tag.PixelData))
	if err != nil {
		b.rep.Skipped = append(b.rep.Skipped, Skipped{path, err.Error()})
		return nil
	}
	defer f.Close()
	ds := f.DataSet
	class, instance := ds.String(tag.SOPClassUID), ds.String(tag.SOPInstanceUID)
	study, series := ds.String(tag.StudyInstanceUID), ds.String(tag.SeriesInstanceUID)
	reason := ""
	switch {
	case ds.Has(tag.DirectoryRecordSequence):
		reason = "a DICOMDIR"
	case class == "" || instance == "" || study == "" || series == "":
		reason = "without the UIDs of class, study, series or instance"
	case f.Meta.Len() == 0:
		reason = "without a meta header, which media need"
	case b.nodes["I"+instance] != nil:
		reason = "the instance is there already"
	}
	if reason != "" {
		b.rep.Skipped = append(b.rep.Skipped, Skipped{path, reason})
		return nil
	}
	p := b.node(&b.root, "P"+ds.String(tag.PatientID)+"\x00"+ds.String(tag.PatientName), "PATIENT", ds, func(r *dicom.DataSet, n int) {
		b.take(r, ds, 2, tag.PatientName, 0)
		b.take(r, ds, 1, tag.PatientID, n)
	})
	st := b.node(p, "S"+study, "STUDY", ds, func(r *dicom.DataSet, n int) {
		b.take(r, ds, 2, tag.StudyDate, 0)
		b.take(r, ds, 2, tag.StudyTime, 0)
		b.take(r, ds, 2, tag.StudyDescription, 0)
		b.take(r, ds, 2, tag.AccessionNumber, 0)
		b.take(r, ds, 1, tag.StudyID, n)
		r.SetString(tag.StudyInstanceUID, study)
	})
	se := b.node(st, "E"+study+"\x00"+series, "SERIES", ds, func(r *dicom.DataSet, n int) {
		b.take(r, ds, 1, tag.Modality, 0)
		r.SetString(tag.SeriesInstanceUID, series)
		b.take(r, ds, 1, tag.SeriesNumber, n)
	})
	name := []string{"DICOM", fmt.Sprintf("PA%06d", place(b.root.below, p)), fmt.Sprintf("ST%06d", place(p.below, st)), fmt.Sprintf("SE%06d", place(st.below, se)),
		fmt.Sprintf("IM%06d", len(se.below)+1)}
	b.node(se, "I"+instance, recordType(ds), ds, func(r *dicom.DataSet, n int) {
		r.SetString(tag.ReferencedFileID, name...)
		r.SetString(tag.ReferencedSOPClassUIDInFile, class)
		r.SetString(tag.ReferencedSOPInstanceUIDInFile, instance)
		r.SetString(tag.ReferencedTransferSyntaxUIDInFile, string(f.TransferSyntax))
		b.take(r, ds, 1, tag.InstanceNumber, n)
		for _, t := range further[recordType(ds)] {
			b.take(r, ds, t.typ, t.tag, 0)
		}
	})
	target := filepath.Join(append([]string{dir}, name...)...)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := f.Save(target); err != nil {
		return err
	}
	b.uids = append(b.uids, instance)
	b.rep.Files++
	return nil
}

func place(list []*node, n *node) int { return slices.Index(list, n) + 1 }

// node is the record with that key below above, made by fill if it is new; fill gets its number among its like.
func (b *builder) node(above *node, key, kind string, ds *dicom.DataSet, fill func(*dicom.DataSet, int)) *node {
	if n := b.nodes[key]; n != nil {
		return n
	}
	r := dicom.NewDataSet()
	if e, ok := ds.Get(tag.SpecificCharacterSet); ok && e.Len() > 0 {
		r.SetString(tag.SpecificCharacterSet, e.Strings()...)
	}
	r.SetString(tag.DirectoryRecordType, kind)
	n := &node{record: r}
	above.below = append(above.below, n)
	fill(r, len(above.below))
	b.nodes[key] = n
	return n
}

// take copies an attribute into a record. One of type 2 that is not there is empty; one of type 1 becomes the number n, or "OT" for a modality.
func (b *builder) take(r, ds *dicom.DataSet, typ int, t tag.Tag, n int) {
	e, ok := ds.Get(t)
	switch {
	case ok && e.IsSequence():
		if items, err := copies(e.Items()); err == nil {
			r.SetSequence(t, items...)
		}
	case ok && e.Len() > 0 && !e.Kind().IsText():
		if n, one := ds.Int(t); one {
			r.SetInts(t, n)
		}
	case ok && e.Len() > 0 && e.Len() < 1<<16:
		if raw, err := e.Bytes(); err == nil {
			r.SetBytes(t, t.VR(), raw)
		}
	case typ == 2:
		r.SetEmpty(t)
	case typ == 1:
		b.rep.Invented++
		v := strconv.Itoa(n)
		if t == tag.Modality {
			v = "OT"
		}
		r.SetString(t, v)
	}
}

func copies(items []*dicom.DataSet) (out []*dicom.DataSet, err error) {
	for _, item := range items {
		c, err := item.Detach()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// recordType is the type of an instance's record (PS3.3 table F.4-1).
func recordType(ds *dicom.DataSet) string {
	class := ds.String(tag.SOPClassUID)
	if t, ok := recordTypes[class]; ok {
		return t
	}
	name := uid.Name(class)
	switch {
	case strings.Contains(name, "Waveform") || strings.Contains(name, "ECG"):
		return "WAVEFORM"
	case strings.Contains(name, "Presentation State"):
		return "PRESENTATION"
	case strings.Contains(name, "SR Storage") || strings.Contains(name, "Procedure Log") || strings.Contains(name, "Report Storage") || strings.Contains(name, "Structured Report"):
		return "SR DOCUMENT"
	case strings.HasPrefix(name, "Encapsulated"):
		return "ENCAP DOC"
	}
	return "IMAGE"
}

var recordTypes = map[string]string{
	uid.RTDoseStorage: "RT DOSE", uid.RTPlanStorage: "RT PLAN", uid.RTIonPlanStorage: "RT PLAN", uid.RTStructureSetStorage: "RT STRUCTURE SET",
	uid.RTBeamsTreatmentRecordStorage: "RT TREAT RECORD", uid.RTBrachyTreatmentRecordStorage: "RT TREAT RECORD", uid.RTTreatmentSummaryRecordStorage: "RT TREAT RECORD",
	uid.KeyObjectSelectionDocumentStorage: "KEY OBJECT DOC", uid.MRSpectroscopyStorage: "SPECTROSCOPY", uid.RawDataStorage: "RAW DATA",
	uid.SpatialRegistrationStorage: "REGISTRATION", uid.DeformableSpatialRegistrationStorage: "REGISTRATION", uid.SpatialFiducialsStorage: "FIDUCIAL",
	uid.RealWorldValueMappingStorage: "VALUE MAP", uid.StereometricRelationshipStorage: "STEREOMETRIC", uid.SurfaceSegmentationStorage: "SURFACE",
}

type key struct {
	typ int
	tag tag.Tag
}

// further keys of record types (PS3.3 F.5). Attributes that the instance doesn't have are left out where no number can stand for them.
var further = map[string][]key{
	"SR DOCUMENT":      {{3, tag.CompletionFlag}, {3, tag.VerificationFlag}, {3, tag.ContentDate}, {3, tag.ContentTime}, {3, tag.VerificationDateTime}, {3, tag.ConceptNameCodeSequence}},
	"KEY OBJECT DOC":   {{3, tag.ContentDate}, {3, tag.ContentTime}, {3, tag.ConceptNameCodeSequence}},
	"PRESENTATION":     {{3, tag.PresentationCreationDate}, {3, tag.PresentationCreationTime}, {3, tag.ContentLabel}, {3, tag.ContentDescription}, {3, tag.ContentCreatorName}},
	"WAVEFORM":         {{3, tag.ContentDate}, {3, tag.ContentTime}},
	"RT DOSE":          {{3, tag.DoseSummationType}},
	"RT STRUCTURE SET": {{3, tag.StructureSetLabel}, {2, tag.StructureSetDate}, {2, tag.StructureSetTime}},
	"RT PLAN":          {{3, tag.RTPlanLabel}, {2, tag.RTPlanDate}, {2, tag.RTPlanTime}},
	"RT TREAT RECORD":  {{2, tag.TreatmentDate}, {2, tag.TreatmentTime}},
	"ENCAP DOC":        {{2, tag.ContentDate}, {2, tag.ContentTime}, {2, tag.DocumentTitle}, {3, tag.MIMETypeOfEncapsulatedDocument}},
	"RAW DATA":         {{3, tag.ContentDate}, {3, tag.ContentTime}},
	"SPECTROSCOPY":     {{3, tag.ContentDate}, {3, tag.ContentTime}, {3, tag.ImageType}, {3, tag.NumberOfFrames}, {3, tag.Rows}, {3, tag.Columns}},
	"REGISTRATION":     {{3, tag.ContentDate}, {3, tag.ContentTime}, {3, tag.ContentLabel}, {3, tag.ContentDescription}},
	"VALUE MAP":        {{3, tag.ContentDate}, {3, tag.ContentTime}, {3, tag.ContentLabel}, {3, tag.ContentDescription}},
}
