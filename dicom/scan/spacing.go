package scan

import (
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// Spacing is the distance between sample centres in mm, along a column and along a row, and the attribute that says so. ImagerPixelSpacing
// is at the detector, not in the patient. Of ultrasound it is that of the first two-dimensional region in centimetres (PS3.3 C.8.5.5); zero:
// unknown.
func Spacing(ds *dicom.DataSet) (row, column float64, from string) {
	for _, t := range []tag.Tag{tag.PixelSpacing, tag.ImagerPixelSpacing, tag.NominalScannedPixelSpacing} {
		if s := Floats(ds, t); len(s) == 2 && s[0] > 0 && s[1] > 0 {
			return s[0], s[1], t.Keyword()
		}
	}
	for _, item := range ds.Sequence(tag.SequenceOfUltrasoundRegions) {
		format, _ := item.Int(tag.RegionSpatialFormat)
		ux, _ := item.Int(tag.PhysicalUnitsXDirection)
		uy, _ := item.Int(tag.PhysicalUnitsYDirection)
		dx, _ := item.Float(tag.PhysicalDeltaX)
		dy, _ := item.Float(tag.PhysicalDeltaY)
		const twoD, centimetres = 1, 3
		if format == twoD && ux == centimetres && uy == centimetres && dx != 0 && dy != 0 {
			return 10 * abs(dy), 10 * abs(dx), tag.SequenceOfUltrasoundRegions.Keyword()
		}
	}
	return 0, 0, ""
}

func abs(v float64) float64 {
	if v < 0 {
		return -v
	}
	return v
}

// Lossy says how a picture was compressed with loss before it came here: "no", "yes" with the methods and ratios where the header tells
// them, or empty where it says nothing.
func Lossy(ds *dicom.DataSet) string {
	switch ds.String(tag.LossyImageCompression) {
	case "00":
		return "no"
	case "01":
		words := []string{"yes"}
		methods, ratios := ds.Strings(tag.LossyImageCompressionMethod), ds.Strings(tag.LossyImageCompressionRatio)
		for i := range max(len(methods), len(ratios)) {
			step := ""
			if i < len(methods) {
				step = strings.TrimSpace(methods[i])
			}
			if i < len(ratios) && strings.TrimSpace(ratios[i]) != "" {
				step = strings.TrimSpace(step + " " + strings.TrimSpace(ratios[i]) + ":1")
			}
			if step != "" {
				words = append(words, step)
			}
		}
		return strings.Join(words, ", ")
	}
	return ""
}
