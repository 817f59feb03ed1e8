package result

import (
	"slices"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Bounds of what is read: pixels unfold to a byte each.
const (
	maxSegments   = 1 << 16
	maxReadPixels = 1 << 29
)

// ReadSegmentation reads a BINARY segmentation with native pixels. Its images have no headers. Code input where it is none, or where a frame
// does not say which segment and which frame of an image it is of.
func ReadSegmentation(ds *dicom.DataSet) (*Segmentation, error) {
	if ds.String(tag.SOPClassUID) != uid.SegmentationStorage || ds.String(tag.SegmentationType) != "BINARY" {
		return nil, fault.New(fault.Input, "this is no binary segmentation")
	}
	s := &Segmentation{Made: Made{SOP: ds.String(tag.SOPInstanceUID), Series: ds.String(tag.SeriesInstanceUID), SeriesDescription: ds.String(tag.SeriesDescription),
		Label: ds.String(tag.ContentDescription)}, Creator: ds.String(tag.ContentCreatorName)}
	s.Rows, _ = ds.Int(tag.Rows)
	s.Columns, _ = ds.Int(tag.Columns)
	frames, _ := ds.Int(tag.NumberOfFrames)
	if bits, _ := ds.Int(tag.BitsAllocated); bits != 1 || s.Rows < 1 || s.Columns < 1 || frames < 1 || s.Rows > 1<<16 || s.Columns > 1<<16 ||
		frames > maxReadPixels/(s.Rows*s.Columns) {
		return nil, fault.New(fault.Input, "a segmentation of %d frames of %d × %d pixels is not read", frames, s.Columns, s.Rows)
	}
	numbers, err := s.readSegments(ds)
	if err != nil {
		return nil, err
	}
	s.readImages(ds)
	pixels := s.Rows * s.Columns
	e, ok := ds.Get(tag.PixelData)
	if !ok || e.Fragments() != nil {
		return nil, fault.New(fault.Input, "the segmentation has no native pixels")
	}
	bits, err := e.Bytes()
	if err != nil || len(bits) < (frames*pixels+7)/8 {
		return nil, fault.New(fault.Input, "the segmentation has fewer pixels than its frames ask for")
	}
	if e.BigEndian() && e.VR.String() == "OW" {
		bits = slices.Clone(bits)
		for i := 0; i+1 < len(bits); i += 2 {
			bits[i], bits[i+1] = bits[i+1], bits[i]
		}
	}
	for f := range frames {
		p := Plane{Mask: unpack(bits, f, pixels)}
		if g := ds.FunctionalGroup(f, tag.SegmentIdentificationSequence); g != nil {
			n, _ := g.Int(tag.ReferencedSegmentNumber)
			p.Segment = numbers[n]
		}
		if p.Segment == 0 {
			return nil, fault.New(fault.Input, "frame %d of the segmentation is of no segment", f+1)
		}
		source := (*dicom.DataSet)(nil)
		if g := ds.FunctionalGroup(f, tag.DerivationImageSequence); g != nil {
			source = first(g, tag.SourceImageSequence)
		}
		if source == nil {
			return nil, fault.New(fault.Input, "frame %d of the segmentation does not say what it was drawn on", f+1)
		}
		if p.Of, err = referenceOf(source); err != nil {
			return nil, err
		}
		s.Planes = append(s.Planes, p)
	}
	return s, nil
}

// readSegments gives the segments' places by their numbers, which in files of others need not be 1, 2, 3.
func (s *Segmentation) readSegments(ds *dicom.DataSet) (map[int]int, error) {
	list := ds.Sequence(tag.SegmentSequence)
	if len(list) > maxSegments {
		return nil, fault.New(fault.Input, "a segmentation of more than %d segments", maxSegments)
	}
	numbers := map[int]int{}
	for _, it := range list {
		g := Segment{Label: it.String(tag.SegmentLabel), Algorithm: it.String(tag.SegmentAlgorithmType), TrackingID: it.String(tag.TrackingID), TrackingUID: it.String(tag.TrackingUID),
			Category: codeOf(first(it, tag.SegmentedPropertyCategoryCodeSequence)), Type: codeOf(first(it, tag.SegmentedPropertyTypeCodeSequence))}
		g.Program.Name = it.String(tag.SegmentAlgorithmName)
		if id := first(it, tag.SegmentationAlgorithmIdentificationSequence); id != nil {
			g.Program.Version = id.String(tag.AlgorithmVersion)
		}
		n, ok := it.Int(tag.SegmentNumber)
		if !ok || numbers[n] != 0 {
			return nil, fault.New(fault.Input, "a segment without a number of its own")
		}
		s.Segments = append(s.Segments, g)
		numbers[n] = len(s.Segments)
	}
	return numbers, nil
}

// readImages are the instances that the segmentation names.
func (s *Segmentation) readImages(ds *dicom.DataSet) {
	for _, se := range ds.Sequence(tag.ReferencedSeriesSequence) {
		for _, ref := range se.Sequence(tag.ReferencedInstanceSequence) {
			s.Images = append(s.Images, Image{Study: ds.String(tag.StudyInstanceUID), Series: se.String(tag.SeriesInstanceUID),
				Class: ref.String(tag.ReferencedSOPClassUID), SOP: ref.String(tag.ReferencedSOPInstanceUID)})
		}
	}
}
