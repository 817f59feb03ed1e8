package result

import (
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// graphicLayer is the one layer that marks are in.
const graphicLayer = "READING"

// Presentation is how an image is shown with what was drawn on it: shapes and words over its frames. Of grey images it is a Grayscale Softcopy
// Presentation State, of others a Color one.
type Presentation struct {
	Made
	Image   Image
	Creator string // PN; may be absent
	Marks   []Mark
}

// Mark is a shape in a frame, with words beside its first point.
type Mark struct {
	Region
	Text string // may be absent
}

// DataSet is the presentation state. Code input for what can't be written.
func (p *Presentation) DataSet() (*dicom.DataSet, error) {
	if err := oneStudy([]Image{p.Image}); err != nil {
		return nil, err
	}
	if len(p.Marks) == 0 {
		return nil, fault.New(fault.Usage, "a presentation state has something to show")
	}
	from := p.Image.Header
	rows, _ := from.Int(tag.Rows)
	columns, _ := from.Int(tag.Columns)
	if rows < 1 || columns < 1 {
		return nil, fault.New(fault.Input, "the image has no size")
	}
	grey := strings.HasPrefix(from.String(tag.PhotometricInterpretation), "MONOCHROME")
	class := uid.ColorSoftcopyPresentationStateStorage
	if grey {
		class = uid.GrayscaleSoftcopyPresentationStateStorage
	}
	ds := dicom.NewDataSet()
	copyIdentity(ds, from)
	if err := p.Made.general(ds, class, "PR"); err != nil {
		return nil, err
	}
	for _, t := range []tag.Tag{tag.ContentDate, tag.ContentTime} { // a presentation state's moment has names of its own
		ds.Delete(t)
	}
	if v := from.String(tag.Laterality); v != "" { // type 2C of paired parts, which nobody may know
		ds.SetString(tag.Laterality, v)
	} else {
		ds.SetEmpty(tag.Laterality)
	}
	ds.SetDate(tag.PresentationCreationDate, p.At)
	ds.SetClock(tag.PresentationCreationTime, p.At)
	ds.SetString(tag.ContentLabel, graphicLayer)
	ds.SetString(tag.ContentDescription, short(p.Label, 64))
	if p.Creator == "" {
		ds.SetEmpty(tag.ContentCreatorName)
	} else {
		ds.SetString(tag.ContentCreatorName, p.Creator)
	}
	series := set(tag.SeriesInstanceUID, p.Image.Series)
	series.SetSequence(tag.ReferencedImageSequence, sopItem(p.Image.Class, p.Image.SOP))
	ds.SetSequence(tag.ReferencedSeriesSequence, series)

	area := dicom.NewDataSet()
	area.SetInts(tag.DisplayedAreaTopLeftHandCorner, 1, 1)
	area.SetInts(tag.DisplayedAreaBottomRightHandCorner, columns, rows)
	area.SetString(tag.PresentationSizeMode, "SCALE TO FIT")
	aspect := from.Ints(tag.PixelAspectRatio)
	if spacing := from.Floats(tag.PixelSpacing); len(spacing) == 2 && spacing[0] > 0 && spacing[1] > 0 {
		area.SetFloats(tag.PresentationPixelSpacing, spacing...)
	} else if len(aspect) == 2 && aspect[0] > 0 && aspect[1] > 0 {
		area.SetInts(tag.PresentationPixelAspectRatio, int(aspect[0]), int(aspect[1]))
	} else {
		area.SetInts(tag.PresentationPixelAspectRatio, 1, 1)
	}
	ds.SetSequence(tag.DisplayedAreaSelectionSequence, area)

	layer := set(tag.GraphicLayer, graphicLayer)
	layer.SetInts(tag.GraphicLayerOrder, 1)
	ds.SetSequence(tag.GraphicLayerSequence, layer)
	var marks []*dicom.DataSet
	for _, m := range p.Marks {
		it, err := m.item(p.Image)
		if err != nil {
			return nil, err
		}
		marks = append(marks, it)
	}
	ds.SetSequence(tag.GraphicAnnotationSequence, marks...)
	if grey {
		shown(ds, from)
	} else {
		ds.SetBytes(tag.ICCProfile, vr.OB, profile())
	}
	if err := oneCharset(ds); err != nil {
		return nil, err
	}
	return ds, ds.Err()
}

// shown carries on how the image itself says its values are to be shown: without a window a presentation state would show the whole range.
func shown(ds, from *dicom.DataSet) {
	if slope := from.Floats(tag.RescaleSlope); len(slope) == 1 {
		ds.SetFloats(tag.RescaleSlope, slope...)
		ds.SetFloats(tag.RescaleIntercept, append(from.Floats(tag.RescaleIntercept), 0)[0])
		kind := from.String(tag.RescaleType)
		if kind == "" {
			kind = "US" // unspecified
		}
		ds.SetString(tag.RescaleType, kind)
	}
	center, width := from.Floats(tag.WindowCenter), from.Floats(tag.WindowWidth)
	if len(center) > 0 && len(width) > 0 {
		window := dicom.NewDataSet()
		window.SetFloats(tag.WindowCenter, center[0])
		window.SetFloats(tag.WindowWidth, width[0])
		ds.SetSequence(tag.SoftcopyVOILUTSequence, window)
	}
	shape := "IDENTITY"
	if from.String(tag.PhotometricInterpretation) == "MONOCHROME1" {
		shape = "INVERSE"
	}
	ds.SetString(tag.PresentationLUTShape, shape)
}

// item is a graphic annotation (PS3.3 C.10.5). Its pixels are counted from the outer corner of the first, as a region's points are.
func (m Mark) item(im Image) (*dicom.DataSet, error) {
	if err := m.Region.check(); err != nil {
		return nil, err
	}
	if im.Frames > 1 && len(m.In.Frames) != 1 {
		return nil, fault.New(fault.Usage, "a mark lies in one frame of its image")
	}
	ref, err := m.In.item([]Image{im})
	if err != nil {
		return nil, err
	}
	ds := dicom.NewDataSet()
	ds.SetSequence(tag.ReferencedImageSequence, ref)
	ds.SetString(tag.GraphicLayer, graphicLayer)
	graphic := set(tag.GraphicAnnotationUnits, "PIXEL")
	graphic.SetInts(tag.GraphicDimensions, 2)
	graphic.SetInts(tag.NumberOfGraphicPoints, len(m.Points))
	v := make([]float64, 0, 2*len(m.Points))
	for _, p := range m.Points {
		v = append(v, p.X, p.Y)
	}
	graphic.SetFloats(tag.GraphicData, v...)
	graphic.SetString(tag.GraphicType, string(m.Type))
	if m.Closed() {
		graphic.SetString(tag.GraphicFilled, "N")
	}
	ds.SetSequence(tag.GraphicObjectSequence, graphic)
	if m.Text != "" {
		text := set(tag.AnchorPointAnnotationUnits, "PIXEL")
		text.SetString(tag.UnformattedTextValue, short(m.Text, 1024))
		text.SetFloats(tag.AnchorPoint, m.Points[0].X, m.Points[0].Y)
		text.SetString(tag.AnchorPointVisibility, "N")
		ds.SetSequence(tag.TextObjectSequence, text)
	}
	return ds, nil
}
