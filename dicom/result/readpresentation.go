package result

import (
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// ReadPresentation reads the graphics of a grayscale or color presentation state that are in pixels of the first image it names; others, and words without
// graphics, are passed over. The image has no header. Code input where it is none.
func ReadPresentation(ds *dicom.DataSet) (*Presentation, error) {
	if c := ds.String(tag.SOPClassUID); c != uid.GrayscaleSoftcopyPresentationStateStorage && c != uid.ColorSoftcopyPresentationStateStorage {
		return nil, fault.New(fault.Input, "this is no presentation state that is read")
	}
	p := &Presentation{Made: Made{SOP: ds.String(tag.SOPInstanceUID), Series: ds.String(tag.SeriesInstanceUID), SeriesDescription: ds.String(tag.SeriesDescription),
		Label: ds.String(tag.ContentDescription)}, Creator: ds.String(tag.ContentCreatorName)}
	series := first(ds, tag.ReferencedSeriesSequence)
	if series == nil || first(series, tag.ReferencedImageSequence) == nil {
		return nil, fault.New(fault.Input, "the presentation state is of no image")
	}
	im := first(series, tag.ReferencedImageSequence)
	p.Image = Image{Study: ds.String(tag.StudyInstanceUID), Series: series.String(tag.SeriesInstanceUID), Class: im.String(tag.ReferencedSOPClassUID), SOP: im.String(tag.ReferencedSOPInstanceUID)}
	left := maxItems
	for _, a := range ds.Sequence(tag.GraphicAnnotationSequence) {
		in := Reference{SOP: p.Image.SOP}
		if ref := first(a, tag.ReferencedImageSequence); ref != nil {
			var err error
			if in, err = referenceOf(ref); err != nil {
				return nil, err
			}
		}
		text := ""
		if t := first(a, tag.TextObjectSequence); t != nil {
			text = t.String(tag.UnformattedTextValue)
		}
		for _, g := range a.Sequence(tag.GraphicObjectSequence) {
			if left--; left < 0 {
				return nil, fault.New(fault.Input, "a presentation state of more than %d graphics", maxItems)
			}
			if g.String(tag.GraphicAnnotationUnits) != "PIXEL" || graphicPoints[GraphicType(g.String(tag.GraphicType))] == [2]int{} || in.SOP != p.Image.SOP {
				continue
			}
			v := g.Floats(tag.GraphicData)
			if len(v)%2 != 0 || len(v) > 2*maxPoints {
				return nil, fault.New(fault.Input, "a graphic with half a point, or with too many")
			}
			m := Mark{Region: Region{Type: GraphicType(g.String(tag.GraphicType)), In: in}, Text: text}
			for i := 0; i < len(v); i += 2 {
				m.Points = append(m.Points, Point{v[i], v[i+1]})
			}
			if err := m.check(); err != nil {
				return nil, err
			}
			p.Marks = append(p.Marks, m)
			text = ""
		}
	}
	return p, nil
}
