package deid

import (
	"context"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// Cautious is the [Masker] that looks at headers only: device rules of the policy that pass or hold back are obeyed, images of kinds that carry no text
// pass, and all others are what the policy's unsure says. It is what runs where no pixel can be examined.
type Cautious struct{}

// Mask implements [Masker].
func (Cautious) Mask(_ context.Context, in MaskInput) (Masked, error) {
	ds := in.File.DataSet
	if !ds.Has(tag.PixelData) && !ds.Has(tag.FloatPixelData) && !ds.Has(tag.DoubleFloatPixelData) {
		return Masked{Verdict: Untouched, Rule: "no pixel data"}, nil
	}
	for i := range in.Pixels.Devices {
		d := &in.Pixels.Devices[i]
		if !d.Matches(ds) {
			continue
		}
		switch d.Action {
		case "pass":
			return Masked{Verdict: Untouched, Rule: "device rule " + d.Name}, nil
		case "quarantine":
			return Masked{Verdict: Quarantine, Reason: "device rule " + d.Name}, nil
		}
	}
	why := MayCarryText(ds)
	switch {
	case why == "" && strings.HasPrefix(ds.String(tag.ImageType), "ORIGINAL") && axial[ds.String(tag.Modality)]:
		return Masked{Verdict: Untouched, Rule: "original " + ds.String(tag.Modality) + " image"}, nil
	case why == "" || in.Pixels.Unsure == "pass":
		return Masked{Verdict: Untouched}, nil
	}
	return Masked{Verdict: Quarantine, Reason: "may carry text in its pixels and was not examined: " + why}, nil
}

var axial = map[string]bool{"CT": true, "MR": true, "PT": true}

// MayCarryText says why an image may have text burned into its pixels, by its header; "" where its kind has none. The flag Burned In Annotation
// (0028,0301) is believed only where it says yes.
func MayCarryText(ds *dicom.DataSet) string {
	class, modality := ds.String(tag.SOPClassUID), strings.ToUpper(ds.String(tag.Modality))
	kinds := strings.ToUpper(strings.Join(ds.Strings(tag.ImageType), `\`))
	photometric := strings.ToUpper(ds.String(tag.PhotometricInterpretation))
	switch {
	case strings.EqualFold(ds.String(tag.BurnedInAnnotation), "YES"):
		return "the header says so"
	case strings.HasPrefix(class, "1.2.840.10008.5.1.4.1.1.3.") || strings.HasPrefix(class, "1.2.840.10008.5.1.4.1.1.6.") || class == "1.2.840.10008.5.1.4.1.1.3" || class == "1.2.840.10008.5.1.4.1.1.6" || modality == "US" || modality == "IVUS":
		return "ultrasound"
	case class == "1.2.840.10008.5.1.4.1.1.7" || strings.HasPrefix(class, "1.2.840.10008.5.1.4.1.1.7.") || modality == "SC":
		return "secondary capture"
	case strings.HasPrefix(class, "1.2.840.10008.5.1.4.1.1.77."), modality == "XC", modality == "ES", modality == "GM", modality == "OP", modality == "OPT":
		return "photograph or video"
	case modality == "OT" || modality == "":
		return "kind unknown"
	case ds.String(0x00080064) != "": // Conversion Type
		return "converted from another medium"
	case strings.Contains(kinds, "SCREEN") || strings.Contains(kinds, "DOSE") || strings.Contains(kinds, "REPORT") || strings.Contains(kinds, "RESULT") || strings.Contains(kinds, "SECONDARY") && strings.Contains(kinds, "OTHER"):
		return "a page, by its image type"
	case axial[modality] && photometric != "" && !strings.HasPrefix(photometric, "MONOCHROME"):
		return "a colour image of " + modality
	case !axial[modality] && (photometric == "RGB" || strings.HasPrefix(photometric, "YBR") || photometric == "PALETTE COLOR") && modality != "SEG" && modality != "NM" && modality != "SM":
		return "a colour image"
	}
	return ""
}

// Matches reports whether the rule is for the object.
func (d *DeviceRule) Matches(ds *dicom.DataSet) bool {
	for _, p := range []struct {
		want string
		t    tag.Tag
	}{{d.Manufacturer, tag.Manufacturer}, {d.Model, tag.ManufacturerModelName}, {d.Software, tag.SoftwareVersions}, {d.Station, tag.StationName},
		{d.Modality, tag.Modality}, {d.SOPClass, tag.SOPClassUID}, {d.ImageType, tag.ImageType}} {
		if p.want == "" {
			continue
		}
		have, want := strings.ToLower(strings.Join(ds.Strings(p.t), `\`)), strings.ToLower(p.want)
		if front, open := strings.CutSuffix(want, "*"); open {
			if !strings.HasPrefix(have, front) {
				return false
			}
		} else if have != want {
			return false
		}
	}
	rows, _ := ds.Int(tag.Rows)
	columns, _ := ds.Int(tag.Columns)
	return (d.Rows == 0 || d.Rows == rows) && (d.Columns == 0 || d.Columns == columns)
}
