package result

import (
	"slices"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// How a segment came about (PS3.3 C.8.20.2).
const (
	Manual        = "MANUAL"
	SemiAutomatic = "SEMIAUTOMATIC"
	Automatic     = "AUTOMATIC"
)

// Segmentation are masks of frames of images of one size in one series, a bit a pixel.
type Segmentation struct {
	Made
	Images        []Image
	Rows, Columns int
	Segments      []Segment
	Planes        []Plane
	Creator       string // PN of who drew it; may be absent
}

// Segment is what masks show. Its number is its place in Segments, from 1.
type Segment struct {
	Label                   string
	Category, Type          code.Concept // default: tissue; what Label names
	Algorithm               string       // Manual, SemiAutomatic, Automatic
	Program                 Device       // name and version of what did it, unless Manual
	TrackingID, TrackingUID string       // as a report's group has them; both or neither
}

// Plane is the mask of a segment in one frame.
type Plane struct {
	Segment int       // from 1
	Of      Reference // one frame, or an image of one
	Mask    []bool    // [rows × columns]
}

// Concepts of segmentations.
var (
	segmentation  = code.Concept{Scheme: "DCM", Value: "113076", Meaning: "Segmentation"}
	processed     = code.Concept{Scheme: "DCM", Value: "121322", Meaning: "Source image for image processing operation"}
	intelligence  = code.Concept{Scheme: "DCM", Value: "123110", Meaning: "Artificial Intelligence"}
	tissue        = code.Concept{Scheme: "SCT", Value: "85756007", Meaning: "Tissue"}
	anatomical    = code.Concept{Scheme: "SCT", Value: "123037004", Meaning: "Anatomical Structure"}
	anatomyScheme = "SCT"
)

// maxBits bounds the pixels of a segmentation.
const maxBits = 1 << 33

// DataSet is the segmentation as a SEG object of type BINARY. Where its images have a frame of reference it has theirs, with the planes' places; where not,
// as ultrasound has none, it has none either, and the frames that it belongs to say where its pixels lie. Code input for what can't be written.
func (s *Segmentation) DataSet() (*dicom.DataSet, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	from := s.Images[0].Header
	ds := dicom.NewDataSet()
	copyIdentity(ds, from)
	if err := s.Made.general(ds, uid.SegmentationStorage, "SEG"); err != nil {
		return nil, err
	}
	ds.SetString(tag.ImageType, "DERIVED", "PRIMARY")
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	ds.SetInts(tag.Rows, s.Rows)
	ds.SetInts(tag.Columns, s.Columns)
	ds.SetInts(tag.BitsAllocated, 1)
	ds.SetInts(tag.BitsStored, 1)
	ds.SetInts(tag.HighBit, 0)
	ds.SetInts(tag.PixelRepresentation, 0)
	lossy(ds, s.Images)
	ds.SetString(tag.SegmentationType, "BINARY")
	ds.SetString(tag.ContentLabel, "SEGMENTATION")
	ds.SetString(tag.ContentDescription, short(s.Label, 64))
	if s.Creator == "" {
		ds.SetEmpty(tag.ContentCreatorName)
	} else {
		ds.SetString(tag.ContentCreatorName, s.Creator)
	}
	var segments []*dicom.DataSet
	for i, g := range s.Segments {
		it, err := g.item(i + 1)
		if err != nil {
			return nil, err
		}
		segments = append(segments, it)
	}
	ds.SetSequence(tag.SegmentSequence, segments...)
	placed := s.placed()
	if placed {
		ds.SetString(tag.FrameOfReferenceUID, from.String(tag.FrameOfReferenceUID))
		if v := from.String(tag.PositionReferenceIndicator); v != "" {
			ds.SetString(tag.PositionReferenceIndicator, v)
		} else {
			ds.SetEmpty(tag.PositionReferenceIndicator)
		}
	} else if v := from.Strings(tag.PatientOrientation); len(v) == 2 {
		ds.SetString(tag.PatientOrientation, v...)
	} else { // type 2C: there wherever planes have no orientation in the patient, empty where nobody knows it (PS3.3 C.7.6.1)
		ds.SetEmpty(tag.PatientOrientation)
	}
	if err := s.frames(ds, placed); err != nil {
		return nil, err
	}
	series := dicom.NewDataSet() // Common Instance Reference (PS3.3 C.12.2)
	series.SetString(tag.SeriesInstanceUID, s.Images[0].Series)
	var refs []*dicom.DataSet
	for _, im := range s.Images {
		refs = append(refs, sopItem(im.Class, im.SOP))
	}
	series.SetSequence(tag.ReferencedInstanceSequence, refs...)
	ds.SetSequence(tag.ReferencedSeriesSequence, series)
	if err := oneCharset(ds); err != nil {
		return nil, err
	}
	return ds, ds.Err()
}

func (s *Segmentation) check() error {
	if err := oneStudy(s.Images); err != nil {
		return err
	}
	if len(s.Segments) == 0 || len(s.Planes) == 0 {
		return fault.New(fault.Usage, "a segmentation has a segment and a mask")
	}
	if s.Rows < 1 || s.Columns < 1 || s.Rows > 1<<16-1 || s.Columns > 1<<16-1 || len(s.Planes) > maxBits/(s.Rows*s.Columns) {
		return fault.New(fault.Input, "a segmentation of %d frames of %d × %d pixels", len(s.Planes), s.Columns, s.Rows)
	}
	for _, im := range s.Images {
		if im.Header == nil || im.Series != s.Images[0].Series || im.Study != s.Images[0].Study {
			return fault.New(fault.Usage, "a segmentation is of images of one series, with their headers")
		}
		rows, _ := im.Header.Int(tag.Rows)
		columns, _ := im.Header.Int(tag.Columns)
		if rows != s.Rows || columns != s.Columns {
			return fault.New(fault.Input, "a segmentation of %d × %d pixels for an image of %d × %d", s.Columns, s.Rows, columns, rows)
		}
	}
	for i, p := range s.Planes {
		if p.Segment < 1 || p.Segment > len(s.Segments) || len(p.Mask) != s.Rows*s.Columns {
			return fault.New(fault.Usage, "mask %d is of no segment or has %d pixels", i+1, len(p.Mask))
		}
		im, ok := imageByUID(s.Images, p.Of.SOP)
		if ok && im.Frames > 1 && len(p.Of.Frames) != 1 {
			return fault.New(fault.Usage, "mask %d is not of one frame", i+1)
		}
	}
	return nil
}

// placed says that every image has a frame of reference, the same, with a place for every frame.
func (s *Segmentation) placed() bool {
	frame := s.Images[0].Header.String(tag.FrameOfReferenceUID)
	if frame == "" {
		return false
	}
	for _, im := range s.Images {
		if im.Header.String(tag.FrameOfReferenceUID) != frame {
			return false
		}
	}
	for _, p := range s.Planes {
		im, ok := imageByUID(s.Images, p.Of.SOP)
		if !ok {
			return false
		}
		for t, n := range map[tag.Tag]int{tag.ImagePositionPatient: 3, tag.ImageOrientationPatient: 6, tag.PixelSpacing: 2} {
			if len(floats(im, p.Of, t)) != n {
				return false
			}
		}
	}
	return true
}

// floats are numbers of an attribute as they hold for the frame referred to.
func floats(im Image, of Reference, t tag.Tag) []float64 {
	frame := 0
	if len(of.Frames) > 0 {
		frame = of.Frames[0]
	}
	e, ok := im.Header.FrameElement(frame, t)
	if !ok {
		return nil
	}
	return e.Floats()
}

// lossy says whether the images have been through lossy compression, for what is drawn on them has then too (PS3.3 C.7.6.1.1.5).
func lossy(ds *dicom.DataSet, images []Image) {
	ds.SetString(tag.LossyImageCompression, "00")
	for _, im := range images {
		if im.Header.String(tag.LossyImageCompression) != "01" {
			continue
		}
		ratio, method := im.Header.Strings(tag.LossyImageCompressionRatio), im.Header.Strings(tag.LossyImageCompressionMethod)
		if len(ratio) == 0 || len(method) == 0 { // both must be there with it
			ratio, method = []string{"1"}, []string{"ISO_10918_1"}
			if m := im.Header.Strings(tag.LossyImageCompressionMethod); len(m) > 0 {
				method = m[:1]
			}
			if r := im.Header.Strings(tag.LossyImageCompressionRatio); len(r) > 0 {
				ratio = r[:1]
			}
		}
		ds.SetString(tag.LossyImageCompression, "01")
		ds.SetString(tag.LossyImageCompressionRatio, ratio...)
		ds.SetString(tag.LossyImageCompressionMethod, method...)
		return
	}
}

// item describes the segment.
func (g Segment) item(number int) (*dicom.DataSet, error) {
	if g.Label == "" || !slices.Contains([]string{Manual, SemiAutomatic, Automatic}, g.Algorithm) {
		return nil, fault.New(fault.Usage, "segment %d has no label, or nothing says how it came about", number)
	}
	ds := dicom.NewDataSet()
	ds.SetInts(tag.SegmentNumber, number)
	ds.SetString(tag.SegmentLabel, short(g.Label, 64))
	ds.SetString(tag.SegmentAlgorithmType, g.Algorithm)
	if g.Algorithm != Manual {
		if g.Program.Name == "" {
			return nil, fault.New(fault.Usage, "segment %d does not say which program made it", number)
		}
		version := g.Program.Version
		if version == "" {
			version = "unknown"
		}
		ds.SetString(tag.SegmentAlgorithmName, short(g.Program.Name, 64))
		id := dicom.NewDataSet()
		id.SetSequence(tag.AlgorithmFamilyCodeSequence, codeItem(intelligence))
		id.SetString(tag.AlgorithmName, short(g.Program.Name, 64))
		id.SetString(tag.AlgorithmVersion, short(version, 64))
		ds.SetSequence(tag.SegmentationAlgorithmIdentificationSequence, id)
	}
	kind, category := g.Type, g.Category
	if kind.Value == "" {
		kind = Own(g.Label, "")
	}
	if category.Value == "" {
		if category = tissue; kind.Scheme == anatomyScheme {
			category = anatomical
		}
	}
	for _, c := range []code.Concept{kind, category} {
		if err := checkCode(c, "segment"); err != nil {
			return nil, err
		}
	}
	ds.SetSequence(tag.SegmentedPropertyCategoryCodeSequence, codeItem(category))
	ds.SetSequence(tag.SegmentedPropertyTypeCodeSequence, codeItem(kind))
	if g.TrackingID != "" && g.TrackingUID != "" {
		ds.SetString(tag.TrackingID, g.TrackingID)
		ds.SetString(tag.TrackingUID, g.TrackingUID)
	}
	return ds, nil
}
