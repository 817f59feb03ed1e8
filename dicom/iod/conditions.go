package iod

import (
	"slices"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
)

// condition reports whether an attribute of type 1C or 2C is required in ds, a data set or an item.
type condition func(ds *dicom.DataSet) bool

// conditions are those that a data set answers by itself, in the words of PS3.3; the section where they stand is given. An attribute that
// is not here is never demanded.
var conditions = map[tag.Tag]condition{
	// C.12.1: required if an expanded or replacement character set is used.
	tag.SpecificCharacterSet: func(ds *dicom.DataSet) bool { return ds.Parent() == nil && codedText(ds) },

	// C.7.1.1: patients under somebody's care; C.7.3.1: how they lay.
	tag.ResponsiblePersonRole: has(tag.ResponsiblePerson),
	tag.PatientPosition: func(ds *dicom.DataSet) bool {
		return !ds.Has(tag.PatientOrientationCodeSequence) && slices.Contains(positioned, ds.String(tag.SOPClassUID))
	},

	// C.7.6.3: image pixel.
	tag.PlanarConfiguration:                    func(ds *dicom.DataSet) bool { n, _ := ds.Int(tag.SamplesPerPixel); return n > 1 },
	tag.RedPaletteColorLookupTableDescriptor:   palette,
	tag.GreenPaletteColorLookupTableDescriptor: palette,
	tag.BluePaletteColorLookupTableDescriptor:  palette,
	tag.RedPaletteColorLookupTableData:         paletteData(tag.SegmentedRedPaletteColorLookupTableData),
	tag.GreenPaletteColorLookupTableData:       paletteData(tag.SegmentedGreenPaletteColorLookupTableData),
	tag.BluePaletteColorLookupTableData:        paletteData(tag.SegmentedBluePaletteColorLookupTableData),
	tag.PixelData: func(ds *dicom.DataSet) bool {
		return !ds.Has(tag.PixelDataProviderURL) && !ds.Has(tag.FloatPixelData) && !ds.Has(tag.DoubleFloatPixelData)
	},

	// C.7.6.1.1.5: lossy compression.
	tag.LossyImageCompressionRatio:  is(tag.LossyImageCompression, "01"),
	tag.LossyImageCompressionMethod: is(tag.LossyImageCompression, "01"),

	// C.7.6.5, C.7.6.6: cine and multi-frame.
	tag.FrameTime:       pointsTo(tag.FrameTime),
	tag.FrameTimeVector: pointsTo(tag.FrameTimeVector),

	// C.11.1, C.11.2: modality LUT and VOI LUT.
	tag.RescaleSlope: func(ds *dicom.DataSet) bool { return ds.Has(tag.RescaleIntercept) },
	tag.WindowWidth:  func(ds *dicom.DataSet) bool { return ds.Has(tag.WindowCenter) },

	// C.7.1.1: who made the data anonymous.
	tag.DeidentificationMethod: func(ds *dicom.DataSet) bool {
		return ds.String(tag.PatientIdentityRemoved) == "YES" && !ds.Has(tag.DeidentificationMethodCodeSequence)
	},
	tag.DeidentificationMethodCodeSequence: func(ds *dicom.DataSet) bool {
		return ds.String(tag.PatientIdentityRemoved) == "YES" && !ds.Has(tag.DeidentificationMethod)
	},

	// Table 8.8-1: codes. The value is the short, the long or the URN one.
	tag.CodeValue:              func(ds *dicom.DataSet) bool { return !ds.Has(tag.LongCodeValue) && !ds.Has(tag.URNCodeValue) },
	tag.CodingSchemeDesignator: func(ds *dicom.DataSet) bool { return ds.Has(tag.CodeValue) || ds.Has(tag.LongCodeValue) },
	tag.MappingResource:        has(tag.ContextIdentifier),
	tag.ContextGroupVersion:    has(tag.ContextIdentifier),

	// C.17.3, table 10-2: content items by their value type.
	tag.TextValue:                    is(tag.ValueType, "TEXT"),
	tag.DateTime:                     is(tag.ValueType, "DATETIME"),
	tag.Date:                         is(tag.ValueType, "DATE"),
	tag.Time:                         is(tag.ValueType, "TIME"),
	tag.PersonName:                   is(tag.ValueType, "PNAME"),
	tag.UID:                          is(tag.ValueType, "UIDREF"),
	tag.ConceptCodeSequence:          is(tag.ValueType, "CODE"),
	tag.MeasuredValueSequence:        is(tag.ValueType, "NUM"),
	tag.NumericValue:                 is(tag.ValueType, "NUMERIC"),
	tag.ContinuityOfContent:          is(tag.ValueType, "CONTAINER"),
	tag.GraphicData:                  is(tag.ValueType, "SCOORD", "SCOORD3D"),
	tag.ConceptNameCodeSequence:      is(tag.ValueType, "TEXT", "NUM", "CODE", "DATETIME", "DATE", "TIME", "UIDREF", "PNAME"),
	tag.MeasurementUnitsCodeSequence: is(tag.ValueType, "NUMERIC"),
}

// positioned are the SOP classes that need Patient Position.
var positioned = []string{uid.CTImageStorage, uid.MRImageStorage, uid.EnhancedCTImageStorage, uid.EnhancedMRImageStorage, uid.EnhancedMRColorImageStorage, uid.MRSpectroscopyStorage}

func has(t tag.Tag) condition { return func(ds *dicom.DataSet) bool { return ds.Has(t) } }

func is(t tag.Tag, values ...string) condition {
	return func(ds *dicom.DataSet) bool { return slices.Contains(values, ds.String(t)) }
}

func palette(ds *dicom.DataSet) bool {
	return ds.String(tag.PhotometricInterpretation) == "PALETTE COLOR" || slices.Contains([]string{"COLOR", "MIXED"}, ds.String(tag.PixelPresentation)) && !ds.Has(tag.ColorSpace)
}

// paletteData is palette, unless the table is there in segments.
func paletteData(segmented tag.Tag) condition {
	return func(ds *dicom.DataSet) bool {
		return ds.String(tag.PhotometricInterpretation) == "PALETTE COLOR" && !ds.Has(segmented)
	}
}

// pointsTo is that Frame Increment Pointer names t.
func pointsTo(t tag.Tag) condition {
	return func(ds *dicom.DataSet) bool { return slices.Contains(ds.Ints(tag.FrameIncrementPointer), int64(t)) }
}

// codedText reports whether some text of ds or inside it is not ASCII.
func codedText(ds *dicom.DataSet) bool {
	for _, e := range ds.Walk() {
		if !e.Kind().UsesCharset() {
			continue
		}
		if b, err := e.Bytes(); err == nil && strings.ContainsFunc(string(b), func(r rune) bool { return r >= 0x80 || r == 0x1B }) {
			return true
		}
	}
	return false
}
