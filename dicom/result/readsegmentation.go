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

// ReadSegmentation reads a segmentation with native pixels, BINARY or FRACTIONAL. Of a fractional one pixels are inside from half of the greatest fraction. Its
// images have no headers. Code input where it is none, or where a frame does not say which segment and which frame of an image it is of.
func ReadSegmentation(ds *dicom.DataSet) (*Segmentation, error) {
	s, refused, err := ReadSegmentationParts(ds, 0.5)
	if err == nil && len(refused) > 0 {
		err = refused[0].Err
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// ReadSegmentationParts is [ReadSegmentation] for segmentations of which some frames say too little: these are left out, and named. Of a fractional
// one pixels are inside from this share of the greatest fraction, above 0.
func ReadSegmentationParts(ds *dicom.DataSet, inside float64) (*Segmentation, []Refused, error) {
	kind := ds.String(tag.SegmentationType)
	if ds.String(tag.SOPClassUID) != uid.SegmentationStorage || kind != "BINARY" && kind != "FRACTIONAL" {
		return nil, nil, fault.New(fault.Input, "this is no segmentation, binary or fractional")
	}
	s := &Segmentation{Made: Made{SOP: ds.String(tag.SOPInstanceUID), Series: ds.String(tag.SeriesInstanceUID), SeriesDescription: ds.String(tag.SeriesDescription),
		Label: ds.String(tag.ContentDescription)}, Creator: ds.String(tag.ContentCreatorName)}
	pixels, frames, err := s.readPixels(ds, kind == "FRACTIONAL", inside)
	if err != nil {
		return nil, nil, err
	}
	numbers, err := s.readSegments(ds)
	if err != nil {
		return nil, nil, err
	}
	s.readImages(ds)
	var refused []Refused
	for f := range frames {
		p := Plane{Mask: pixels(f)}
		if err := p.readPlace(ds, f, numbers); err != nil {
			refused = append(refused, Refused{f + 1, err})
			continue
		}
		s.Planes = append(s.Planes, p)
	}
	return s, refused, nil
}

// readPixels gives what is inside by frame, and how many frames there are.
func (s *Segmentation) readPixels(ds *dicom.DataSet, fractional bool, inside float64) (frame func(f int) []bool, frames int, err error) {
	s.Rows, _ = ds.Int(tag.Rows)
	s.Columns, _ = ds.Int(tag.Columns)
	frames, named := ds.Int(tag.NumberOfFrames)
	if !named {
		frames = 1 // some writers leave it out then
	}
	want := 1
	if fractional {
		want = 8
	}
	if bits, _ := ds.Int(tag.BitsAllocated); bits != want || s.Rows < 1 || s.Columns < 1 || frames < 1 || s.Rows > 1<<16 || s.Columns > 1<<16 ||
		frames > maxReadPixels/(s.Rows*s.Columns) {
		return nil, 0, fault.New(fault.Input, "a segmentation of %d frames of %d × %d pixels is not read", frames, s.Columns, s.Rows)
	}
	size := s.Rows * s.Columns
	e, ok := ds.Get(tag.PixelData)
	if !ok || e.Fragments() != nil {
		return nil, 0, fault.New(fault.Input, "the segmentation has no native pixels").WithHint("cineloop dicom convert writes a file with native ones")
	}
	b, err := e.Bytes()
	if err != nil || len(b) < (frames*size*want+7)/8 {
		return nil, 0, fault.New(fault.Input, "the segmentation has fewer pixels than its frames ask for")
	}
	if e.BigEndian() && e.VR.String() == "OW" {
		b = slices.Clone(b)
		for i := 0; i+1 < len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
	}
	if !fractional {
		return func(f int) []bool { return unpack(b, f, size) }, frames, nil
	}
	most, ok := ds.Int(tag.MaximumFractionalValue)
	if !ok || most < 1 || most > 255 || !(inside > 0) {
		return nil, 0, fault.New(fault.Input, "the segmentation does not say what its greatest fraction is")
	}
	return func(f int) []bool {
		out := make([]bool, size)
		for i, v := range b[f*size : (f+1)*size] {
			out[i] = float64(v) >= inside*float64(most)
		}
		return out
	}, frames, nil
}

// readPlace reads which segment and which frame of an image a frame is of.
func (p *Plane) readPlace(ds *dicom.DataSet, f int, numbers map[int]int) (err error) {
	if g := ds.FunctionalGroup(f, tag.SegmentIdentificationSequence); g != nil {
		n, _ := g.Int(tag.ReferencedSegmentNumber)
		p.Segment = numbers[n]
	}
	if p.Segment == 0 {
		return fault.New(fault.Input, "frame %d of the segmentation is of no segment", f+1)
	}
	source := (*dicom.DataSet)(nil)
	if g := ds.FunctionalGroup(f, tag.DerivationImageSequence); g != nil {
		source = first(g, tag.SourceImageSequence)
	}
	if source == nil {
		return fault.New(fault.Input, "frame %d of the segmentation does not say what it was drawn on", f+1)
	}
	p.Of, err = referenceOf(source)
	return err
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
