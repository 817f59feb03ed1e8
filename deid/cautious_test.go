package deid

import (
	"context"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

func image(values map[tag.Tag]string) *dicom.DataSet {
	ds := dicom.NewDataSet()
	for t, s := range values {
		ds.SetText(t, t.VR(), strings.Split(s, `\`)...)
	}
	ds.SetBytes(tag.PixelData, vr.OW, make([]byte, 8))
	return ds
}

// Kinds of objects by hand: what may be a picture of a screen is held back, and no header's word that there is no text lets it pass.
func TestMayCarryText(t *testing.T) {
	const original, derived = `ORIGINAL\PRIMARY\AXIAL`, `DERIVED\SECONDARY\OTHER`
	ct := map[tag.Tag]string{tag.SOPClassUID: uid.CTImageStorage, tag.Modality: "CT", tag.ImageType: original, tag.PhotometricInterpretation: "MONOCHROME2"}
	with := func(more map[tag.Tag]string) map[tag.Tag]string {
		m := map[tag.Tag]string{}
		for _, from := range []map[tag.Tag]string{ct, more} {
			for k, v := range from {
				m[k] = v
			}
		}
		return m
	}
	for _, c := range []struct {
		name string
		ds   map[tag.Tag]string
		want string
	}{
		{"CT", ct, ""},
		{"MR", with(map[tag.Tag]string{tag.Modality: "MR"}), ""},
		{"it says it has text", with(map[tag.Tag]string{tag.BurnedInAnnotation: "yes"}), "the header says so"},
		{"ultrasound by class", with(map[tag.Tag]string{tag.SOPClassUID: uid.UltrasoundImageStorage}), "ultrasound"},
		{"ultrasound by modality, it says it has none", with(map[tag.Tag]string{tag.Modality: "us", tag.BurnedInAnnotation: "NO"}), "ultrasound"},
		{"secondary capture", with(map[tag.Tag]string{tag.SOPClassUID: uid.SecondaryCaptureImageStorage, tag.BurnedInAnnotation: "NO"}), "secondary capture"},
		{"a photograph", with(map[tag.Tag]string{tag.Modality: "XC"}), "photograph or video"},
		{"no modality", with(map[tag.Tag]string{tag.Modality: ""}), "kind unknown"},
		{"digitised", with(map[tag.Tag]string{tag.ConversionType: "DF"}), "converted from another medium"},
		{"a dose page", with(map[tag.Tag]string{tag.ImageType: `DERIVED\PRIMARY\DOSE_INFO`}), "a page, by its image type"},
		{"a screen", with(map[tag.Tag]string{tag.ImageType: `ORIGINAL\PRIMARY\SCREEN SAVE`}), "a page, by its image type"},
		{"other", with(map[tag.Tag]string{tag.ImageType: derived}), "a page, by its image type"},
		{"a colour CT", with(map[tag.Tag]string{tag.PhotometricInterpretation: "RGB"}), "a colour image of CT"},
		{"a colour radiograph", with(map[tag.Tag]string{tag.Modality: "DX", tag.PhotometricInterpretation: "YBR_FULL_422"}), "a colour image"},
		{"a slide", with(map[tag.Tag]string{tag.Modality: "SM", tag.PhotometricInterpretation: "RGB"}), ""},
		{"a radiograph", with(map[tag.Tag]string{tag.Modality: "DX"}), ""},
	} {
		ds := image(c.ds)
		if got := MayCarryText(ds); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		for _, unsure := range []string{"quarantine", "pass"} {
			m, err := Cautious{}.Mask(context.Background(), MaskInput{File: &dicom.File{DataSet: ds}, Pixels: PixelPolicy{Unsure: unsure}})
			if err != nil || (m.Verdict == Quarantine) != (c.want != "" && unsure == "quarantine") || (m.Reason != "") != (m.Verdict == Quarantine) || m.Examined != 0 || m.New != nil {
				t.Errorf("%s, %s: %+v, %v", c.name, unsure, m, err)
			}
			// Only original slices may be said to be free of text without a look.
			if free := strings.HasPrefix(m.Rule, "original "); free != (c.want == "" && (c.name == "CT" || c.name == "MR")) {
				t.Errorf("%s: rule %q", c.name, m.Rule)
			}
		}
	}
}

// A device rule decides before the kind does, the first that holds; one that only masks can't be obeyed here, and the kind decides.
func TestCautiousObeysDeviceRules(t *testing.T) {
	us := image(map[tag.Tag]string{tag.SOPClassUID: uid.UltrasoundImageStorage, tag.Modality: "US", tag.Manufacturer: "GE Vingmed", tag.ManufacturerModelName: "Vivid E95", tag.ImageType: `DERIVED\PRIMARY`})
	us.SetInts(tag.Rows, 600)
	us.SetInts(tag.Columns, 800)
	for _, c := range []struct {
		rules []DeviceRule
		want  Verdict
		rule  string
	}{
		{nil, Quarantine, ""},
		{[]DeviceRule{{Name: "a", Manufacturer: "ge*", Action: "pass"}}, Untouched, "device rule a"},
		{[]DeviceRule{{Name: "a", Manufacturer: "GE", Action: "pass"}}, Quarantine, ""},
		{[]DeviceRule{{Name: "a", Rows: 600, Columns: 801, Action: "pass"}}, Quarantine, ""},
		{[]DeviceRule{{Name: "a", ImageType: `derived\*`, Rows: 600, Columns: 800, Action: "pass"}}, Untouched, "device rule a"},
		{[]DeviceRule{{Name: "q", Model: "vivid e95", Action: "quarantine"}, {Name: "a", Action: "pass"}}, Quarantine, ""},
		{[]DeviceRule{{Name: "m", Action: "mask"}}, Quarantine, ""},
		{[]DeviceRule{{Name: "m", Action: "mask"}, {Name: "a", Action: "pass"}}, Untouched, "device rule a"},
	} {
		m, err := Cautious{}.Mask(context.Background(), MaskInput{File: &dicom.File{DataSet: us}, Pixels: PixelPolicy{Unsure: "quarantine", Devices: c.rules}})
		if err != nil || m.Verdict != c.want || m.Rule != c.rule {
			t.Errorf("%+v: %+v, %v", c.rules, m, err)
		}
	}
	none := image(map[tag.Tag]string{tag.Modality: "US"})
	none.Delete(tag.PixelData)
	if m, err := (Cautious{}).Mask(context.Background(), MaskInput{File: &dicom.File{DataSet: none}}); err != nil || m.Verdict != Untouched || m.Rule != "no pixel data" {
		t.Errorf("%+v, %v", m, err)
	}
}
