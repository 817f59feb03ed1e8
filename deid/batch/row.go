package batch

import (
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/scan"
	"github.com/cineloop/cineloop/dicom/tag"
)

// Row is what research asks of an object, read from the original header and told in the output's terms: pseudonyms, shifted dates. It is one row of
// the metadata table.
type Row struct {
	Path, Patient, Study, Series, Instance  string
	SOPClass, Modality, BodyPart, View      string
	Laterality, ImageType                   string
	Rows, Columns, Frames, Bits             int
	RowSpacing, ColumnSpacing, Thickness    float64 // mm; 0 is unknown
	FrameRate                               float64 // per second; 0 is unknown, never assumed
	FrameRateFrom                           string  // the attribute that gave it
	Manufacturer, Model, Site               string
	KVP                                     float64
	Contrast                                bool
	MRClass, MRRule                         string
	MRConfidence                            float64 // 0 to 1
	USMode                                  string
	StudyDate, AgeBand, Sex, TransferSyntax string
	SeriesNumber, InstanceNumber            string
}

func newRow(f *dicom.File, res *deid.Result, pr *deid.Profile) *Row {
	ds, out := f.DataSet, res.DataSet
	r := &Row{Patient: res.PatientCode(), Study: out.String(tag.StudyInstanceUID), Series: out.String(tag.SeriesInstanceUID), Instance: out.String(tag.SOPInstanceUID),
		SOPClass: out.String(tag.SOPClassUID), Modality: out.String(tag.Modality), BodyPart: out.String(tag.BodyPartExamined), View: scan.View(out), Laterality: scan.Laterality(out),
		ImageType: strings.Join(out.Strings(tag.ImageType), `\`), Manufacturer: out.String(tag.Manufacturer), Model: out.String(tag.ManufacturerModelName), Site: out.String(tag.StationName),
		StudyDate: out.String(tag.StudyDate), Sex: out.String(tag.PatientSex), AgeBand: ageBand(out.String(tag.PatientAge)), TransferSyntax: string(f.TransferSyntax),
		SeriesNumber: out.String(tag.SeriesNumber), InstanceNumber: out.String(tag.InstanceNumber)}
	r.Rows, _ = ds.Int(tag.Rows)
	r.Columns, _ = ds.Int(tag.Columns)
	r.Bits, _ = ds.Int(tag.BitsStored)
	r.Frames = 1
	if n, ok := ds.Int(tag.NumberOfFrames); ok && n > 0 {
		r.Frames = n
	}
	if !ds.Has(tag.Rows) {
		r.Frames = 0
	}
	if s := scan.Floats(ds, tag.PixelSpacing); len(s) == 2 {
		r.RowSpacing, r.ColumnSpacing = s[0], s[1]
	} else if s := scan.Floats(ds, tag.ImagerPixelSpacing); len(s) == 2 {
		r.RowSpacing, r.ColumnSpacing = s[0], s[1]
	}
	if s := scan.Floats(ds, tag.SliceThickness); len(s) > 0 {
		r.Thickness = s[0]
	}
	r.KVP, _ = ds.Float(tag.KVP)
	r.Contrast = ds.String(tag.ContrastBolusAgent) != "" || ds.Has(tag.ContrastBolusAgentSequence)
	r.FrameRate, r.FrameRateFrom = scan.FrameRate(ds)
	if r.Modality == "MR" {
		r.MRClass, r.MRRule, r.MRConfidence = scan.MRContrast(ds)
	}
	r.USMode = scan.USModes(ds)
	return r
}

// ageBand is the band of ten years that an age falls into; ages over 89 are one band.
func ageBand(s string) string {
	if len(s) != 4 {
		return ""
	}
	n, err := strconv.Atoi(s[:3])
	if err != nil {
		return ""
	}
	if s[3] != 'Y' {
		n = 0
	}
	if n >= 90 {
		return "90+"
	}
	low := n / 10 * 10
	return strconv.Itoa(low) + "-" + strconv.Itoa(low+9)
}
