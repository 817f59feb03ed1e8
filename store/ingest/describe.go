package ingest

import (
	"crypto/sha256"
	"io"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// Rules names the rules of this package, for the provenance of what they read.
const Rules = "ingest/1"

// Format is DICOM, as an archive sees it.
var Format = store.Format{Describe: Describe, DataSet: DataSet}

// imageKeywords are the attributes of an instance that its record keeps, beside those of patient, study and series.
const imageKeywords = `InstanceNumber InstanceCreationDate InstanceCreationTime AcquisitionDate AcquisitionTime AcquisitionDateTime ContentDate
	ContentTime ImageType NumberOfFrames Rows Columns BitsAllocated BitsStored PixelRepresentation SamplesPerPixel PhotometricInterpretation
	FrameTime CineRate HeartRate SliceThickness SliceLocation ImagePositionPatient ImageOrientationPatient PixelSpacing ImageLaterality
	ViewPosition AcquisitionNumber ConceptNameCodeSequence CompletionFlag VerificationFlag LossyImageCompression BurnedInAnnotation
	SpecificCharacterSet TimezoneOffsetFromUTC`

var keywords = func() map[tag.Tag]string {
	m := map[tag.Tag]string{}
	for _, k := range append(catalog.Keywords(), strings.Fields(imageKeywords)...) {
		if t, ok := tag.ByKeyword(k); ok {
			m[t] = k
		}
	}
	return m
}()

// Keeps reports whether the record of an instance, or of what is above it, keeps an attribute.
func Keeps(keyword string) bool { return kept[keyword] }

var kept = func() map[string]bool {
	m := map[string]bool{}
	for _, k := range keywords {
		m[k] = true
	}
	return m
}()

// longestValue is how much text of one attribute a record keeps, in bytes: enough for every VR with a limit (PS3.5 6.2).
const longestValue = 10240

// Describe reads the headers of a DICOM file. Reasons for quarantine: bytes that are no data set, a file that ends too early, a
// missing UID (PS3.3 C.12.1, C.7.2.1, C.7.3.1). With an error the UIDs are those that were found.
func Describe(content io.ReaderAt, size int64) (catalog.Instance, error) {
	f, err := dicom.Read(content, size)
	if err != nil {
		return catalog.Instance{}, badContent(err)
	}
	defer f.Close()
	ds := f.DataSet
	in := catalog.Instance{
		StudyUID: ds.String(tag.StudyInstanceUID), SeriesUID: ds.String(tag.SeriesInstanceUID),
		SOPInstanceUID: ds.String(tag.SOPInstanceUID), SOPClassUID: ds.String(tag.SOPClassUID),
		TransferSyntaxUID: string(f.TransferSyntax), Attributes: map[string]string{},
	}
	if in.SOPClassUID == uid.MediaStorageDirectoryStorage || f.Meta.String(tag.MediaStorageSOPClassUID) == uid.MediaStorageDirectoryStorage {
		return in, errDirectory
	}
	if f.Incomplete != nil {
		return in, fault.New(fault.Input, "the file is not complete: %w", f.Incomplete)
	}
	for e := range ds.All() {
		k, wanted := keywords[e.Tag]
		if !wanted || e.Len() > longestValue {
			continue
		}
		if v := strings.Join(e.Strings(), `\`); v != "" {
			in.Attributes[k] = v
		}
	}
	return in, nil
}

// badContent makes every way in which content can be bad, limits included, a reason for quarantine.
func badContent(err error) error {
	if fault.CodeOf(err) == fault.Resource {
		return fault.New(fault.Input, "%w", err)
	}
	return err
}

// errDirectory is Describe's answer to a DICOMDIR, which refers to instances and is none.
var errDirectory = fault.New(fault.Input, "a DICOMDIR is an index, not an instance")

// DataSet is the digest of a file without its preamble and file meta information (PS3.10 7.1), which say who sent it last.
func DataSet(content io.ReaderAt, size int64) (object.Digest, error) {
	f, err := dicom.Read(content, size, dicom.StopBefore(tag.New(0x0008, 0)))
	if err != nil {
		return object.Digest{}, err
	}
	defer f.Close()
	start := int64(0)
	if f.Meta != nil && f.Meta.Len() > 0 {
		e, ok := f.Meta.Get(tag.FileMetaInformationGroupLength)
		n, known := f.Meta.Int(tag.FileMetaInformationGroupLength)
		if !ok || !known || e.Offset() < 0 {
			return object.Digest{}, fault.New(fault.Input, "the file meta information does not say how long it is")
		}
		start = e.Offset() + e.Len() + int64(n)
	}
	h := sha256.New()
	io.WriteString(h, string(f.TransferSyntax)+"\n")
	if _, err := io.Copy(h, io.NewSectionReader(content, start, size-start)); err != nil {
		return object.Digest{}, err
	}
	return object.Digest(h.Sum(nil)), nil
}

// looksLikeDICOM tells from the first bytes whether a file claims to be DICOM: the prefix of Part 10, or a first element of group
// 0002 or 0008 in either byte order, as bare data sets begin.
func looksLikeDICOM(head []byte) bool {
	if len(head) >= 132 && string(head[128:132]) == "DICM" {
		return true
	}
	if len(head) < 8 {
		return false
	}
	little, big := uint16(head[0])|uint16(head[1])<<8, uint16(head[1])|uint16(head[0])<<8
	elementLittle, elementBig := uint16(head[2])|uint16(head[3])<<8, uint16(head[3])|uint16(head[2])<<8
	return (little == 2 || little == 8) && elementLittle < 0x0100 || (big == 2 || big == 8) && elementBig < 0x0100
}

// kindOf names what a skipped file is, for the counts.
func kindOf(head []byte) string {
	for _, k := range []struct{ magic, kind string }{
		{"", "empty"}, {"%PDF", "PDF"}, {"\x89PNG", "PNG image"}, {"\xff\xd8\xff", "JPEG image"}, {"GIF8", "GIF image"}, {"BM", "BMP image"},
		{"MZ", "program"}, {"\x7fELF", "program"}, {"<?xml", "XML"}, {"{", "JSON"}, {"Rar!", "RAR archive"}, {"7z\xbc\xaf", "7-Zip archive"},
		{"\x1f\x8b", "gzip"}, {"PK\x03\x04", "ZIP archive"}, {"RIFF", "RIFF"}, {"n+1\x00", "NIfTI"},
	} {
		if k.magic == "" && len(head) == 0 || k.magic != "" && strings.HasPrefix(string(head), k.magic) {
			return k.kind
		}
	}
	for _, b := range head {
		if b < 9 {
			return "other"
		}
	}
	return "text"
}
