package scan

import (
	"slices"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// USModes names the modes of an ultrasound image by its regions.
func USModes(ds *dicom.DataSet) string {
	names := map[int]string{1: "2D", 2: "colour", 3: "PW", 4: "CW", 6: "M"} // Region Data Type by Spatial Format, PS3.3 C.8.5.5.1
	var modes []string
	for _, item := range ds.Sequence(tag.SequenceOfUltrasoundRegions) {
		format, _ := item.Int(tag.RegionSpatialFormat)
		kind, _ := item.Int(tag.RegionDataType)
		m := ""
		switch {
		case format == 2:
			m = "M"
		case format == 3 && kind == 4:
			m = "CW"
		case format == 3:
			m = "PW"
		case kind == 2:
			m = "colour"
		case format == 1:
			m = names[1]
		}
		if m != "" && !slices.Contains(modes, m) {
			modes = append(modes, m)
		}
	}
	slices.Sort(modes)
	return strings.Join(modes, "+")
}
