package pixels

import (
	_ "embed" // the catalogue
	"slices"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
)

//go:embed devices.yaml
var devices []byte

// catalogue is the rules for known devices that come with the program. Those of a policy are tried before.
var catalogue = sync.OnceValue(func() []deid.DeviceRule {
	rules, err := deid.ParseDevices("devices.yaml", devices)
	if err != nil {
		panic("pixels: the device catalogue in the program does not parse: " + err.Error())
	}
	return rules
})

// Catalogue is a copy of the rules that come with the program.
func Catalogue() []deid.DeviceRule { return slices.Clone(catalogue()) }

// match is the first rule that holds for an object.
func match(rules []deid.DeviceRule, ds *dicom.DataSet, im *pixel.Image) (deid.DeviceRule, bool) {
	for _, r := range rules {
		if holds(r, ds, im) {
			return r, true
		}
	}
	return deid.DeviceRule{}, false
}

func holds(r deid.DeviceRule, ds *dicom.DataSet, im *pixel.Image) bool {
	for _, p := range []struct{ want, have string }{
		{r.Manufacturer, ds.String(tag.Manufacturer)}, {r.Model, ds.String(tag.ManufacturerModelName)}, {r.Software, strings.Join(ds.Strings(tag.SoftwareVersions), `\`)},
		{r.Station, ds.String(tag.StationName)}, {r.Modality, ds.String(tag.Modality)}, {r.SOPClass, ds.String(tag.SOPClassUID)}, {r.ImageType, strings.Join(ds.Strings(tag.ImageType), `\`)},
	} {
		if p.want != "" && !like(p.want, p.have) {
			return false
		}
	}
	return (r.Rows == 0 || r.Rows == im.Rows) && (r.Columns == 0 || r.Columns == im.Columns)
}

// like compares whole values without case; a pattern may end in *.
func like(pattern, value string) bool {
	pattern, value = strings.ToLower(strings.TrimSpace(pattern)), strings.ToLower(strings.TrimSpace(value))
	if p, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(value, p)
	}
	return pattern == value
}

// notPictures are SOP classes whose values are labels, doses or parameters: nobody writes on them.
var notPictures = []dicom.TransferSyntax{
	uid.SegmentationStorage, uid.ParametricMapStorage, uid.RTDoseStorage, uid.LabelMapSegmentationStorage,
}

// textFree reports whether an object's kind carries no text by rule, and the rule's name. Kinds are believed only as far as the pixels agree:
// an original slice on which values stand out as drawn ones do is examined like anything else.
func textFree(ds *dicom.DataSet, im *pixel.Image) (string, bool) {
	if strings.EqualFold(ds.String(tag.BurnedInAnnotation), "YES") {
		return "", false
	}
	class := dicom.TransferSyntax(ds.String(tag.SOPClassUID))
	if slices.Contains(notPictures, class) || im.Float {
		return "labels or measured values, not a picture", true
	}
	kind := ds.Strings(tag.ImageType)
	if len(kind) < 2 || kind[0] != "ORIGINAL" || kind[1] != "PRIMARY" || im.Samples != 1 || im.BitsAllocated != 16 || im.BitsStored <= 8 {
		return "", false
	}
	for _, k := range kind[2:] {
		if strings.Contains(k, "LOCALIZER") || strings.Contains(k, "SCREEN") || strings.Contains(k, "SCOUT") {
			return "", false
		}
	}
	switch ds.String(tag.Modality) {
	case "CT", "MR", "PT", "NM":
	default:
		return "", false
	}
	for _, i := range slices.Compact([]int{0, im.Frames / 2, im.Frames - 1}) {
		b, err := im.Frame(i)
		if err != nil || Plateau(b, im) {
			return "", false
		}
	}
	return "original CT, MR, PET or NM slices", true
}
