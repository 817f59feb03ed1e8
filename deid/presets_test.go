package deid

import (
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// What becomes of an attribute, as Table E.1-1 has it by hand: gone, empty, dummy, code (a pseudonym), uid (the key's), shift, clean (its unknown words masked), same.
const (
	gone, empty, dummy, code, mapped, shifted, cleaned, same = "gone", "empty", "dummy", "code", "uid", "shift", "clean", "same"
)

var optionTable = []struct {
	t      tag.Tag
	value  string
	basic  string
	others map[Option]string // where an option differs from the Basic Profile
}{
	{tag.PatientName, "Quastrel^Wilhelmine^Dora", code, nil},
	{tag.PatientID, "AB-7654321", code, nil},
	{tag.PatientBirthDate, "19310317", empty, nil},
	{tag.PatientSex, "F", empty, map[Option]string{RetainPatient: same}},
	{tag.PatientAge, "045Y", gone, map[Option]string{RetainPatient: same}},
	{tag.PatientWeight, "71", gone, map[Option]string{RetainPatient: same}},
	{tag.PatientSize, "1.7", gone, map[Option]string{RetainPatient: same}},
	{tag.EthnicGroup, "asian", gone, map[Option]string{RetainPatient: same}},
	{tag.SmokingStatus, "NO", gone, map[Option]string{RetainPatient: same}},
	{tag.PatientComments, "mass, Xyzzyk", gone, map[Option]string{CleanDescriptors: cleaned}},
	{tag.OtherPatientIDs, "55512", gone, nil},
	{tag.StudyDate, "20200310", empty, map[Option]string{RetainFullDates: same, RetainModifiedDates: shifted}},
	{tag.SeriesDate, "20200310", dummy, map[Option]string{RetainFullDates: same, RetainModifiedDates: shifted}},
	{tag.AcquisitionDateTime, "20200310101112", dummy, map[Option]string{RetainFullDates: same, RetainModifiedDates: shifted}},
	{tag.StudyTime, "101112", empty, map[Option]string{RetainFullDates: same, RetainModifiedDates: same}},
	{tag.TimezoneOffsetFromUTC, "+0100", gone, map[Option]string{RetainFullDates: same, RetainModifiedDates: same}},
	{tag.InstitutionName, "Zqmercy Clinic", dummy, map[Option]string{RetainInstitution: same}},
	{tag.InstitutionAddress, "1 Oak Street", gone, map[Option]string{RetainInstitution: same}},
	{tag.InstitutionalDepartmentName, "Radiology", gone, map[Option]string{RetainInstitution: same}},
	{tag.StationName, "ROOM3", code, map[Option]string{RetainDevice: same}},
	{tag.DeviceSerialNumber, "SN-31415", code, map[Option]string{RetainDevice: same}},
	{tag.StudyInstanceUID, "1.2.826.0.1.3680043.999.2", mapped, map[Option]string{RetainUIDs: same}},
	{tag.FrameOfReferenceUID, "1.2.826.0.1.3680043.999.5", mapped, map[Option]string{RetainUIDs: same}},
	{tag.StudyDescription, "CT chest Xyzzyk", gone, map[Option]string{CleanDescriptors: cleaned}},
	{tag.SeriesDescription, "CT chest Xyzzyk", gone, map[Option]string{CleanDescriptors: cleaned}},
	{tag.ProtocolName, "CT chest Xyzzyk", dummy, map[Option]string{CleanDescriptors: cleaned}},
	{tag.ImageComments, "CT chest Xyzzyk", gone, map[Option]string{CleanDescriptors: cleaned}},
	{tag.ReferringPhysicianName, "Grabowski^A", empty, nil},
	{tag.OperatorsName, "Grabowski^A", dummy, nil},
	{tag.AccessionNumber, "A4711-99", code, nil},
	{tag.Modality, "CT", same, nil},
	{tag.KVP, "120", same, nil},
	{tag.Manufacturer, "SIEMENS", same, nil},
	{tag.RequestAttributesSequence, "", gone, map[Option]string{CleanDescriptors: ""}},
}

// Every option of the table, alone over the Basic Profile.
func TestOptionByOption(t *testing.T) {
	for o := Option(0); o < optionCount+1; o++ {
		name := "basic"
		if o < optionCount {
			name += "+" + presetSuffix(o)
		}
		ds := quastrel()
		for _, row := range optionTable {
			if row.value != "" {
				ds.SetBytes(row.t, row.t.VR(), []byte(row.value))
			}
		}
		ds.SetSequence(tag.RequestAttributesSequence, dicom.NewDataSet())
		res := deidentified(t, name, ds)
		for _, row := range optionTable {
			want := row.basic
			if w, ok := row.others[o]; ok {
				want = w
			}
			if want == "" { // the option keeps it, in a form that other tests hold
				if !res.DataSet.Has(row.t) {
					t.Errorf("%s: %s is gone", name, row.t.Keyword())
				}
				continue
			}
			if got := fate(res, row.t, row.value); got != want {
				t.Errorf("%s: %s is %s (%q), want %s", name, row.t.Keyword(), got, res.DataSet.String(row.t), want)
			}
		}
	}
}

func fate(res *Result, t tag.Tag, before string) string {
	if !res.DataSet.Has(t) {
		return gone
	}
	got := res.DataSet.String(t)
	moved, _ := shiftDT(before, res.ShiftDays())
	switch {
	case got == before:
		return same
	case got == "":
		return empty
	case t.VR() == vr.UI && got == testKey.UID(before):
		return mapped
	case (t.VR() == vr.DA || t.VR() == vr.DT) && res.ShiftDays() > 0 && got == moved:
		return shifted
	case strings.HasPrefix(got, "1900") || got == dummyText || got == dummyName || got == "000000":
		return dummy
	case strings.Contains(got, Mask) && !strings.Contains(got, "Xyzzyk"):
		return cleaned
	case got == res.PatientCode() || t == tag.PatientID || len(got) == 16:
		return code
	}
	return "something else"
}

// The options that clean sequences, and safe private elements, alone.
func TestOptionsForSequences(t *testing.T) {
	make := func() *dicom.DataSet {
		ds := quastrel()
		text := dicom.NewDataSet()
		text.SetText(0x00700006, vr.ST, "liver, Xyzzyk")
		layer := dicom.NewDataSet()
		layer.SetText(0x00700002, vr.CS, "LAYER1")
		layer.SetSequence(0x00700008, text)
		ds.SetSequence(0x00700001, layer)
		item := dicom.NewDataSet()
		item.SetText(tag.ValueType, vr.CS, "TEXT")
		item.SetText(tag.TextValue, vr.UT, "nodule of Xyzzyk")
		ds.SetSequence(tag.ContentSequence, item)
		ds.SetText(tag.New(0x0019, 0x0010), vr.LO, "SIEMENS MR HEADER")
		ds.SetText(tag.New(0x0019, 0x100C), vr.IS, "1000")
		ds.SetBytes(0x60003000, vr.OW, []byte{1, 2})
		ds.SetText(0x60000022, vr.LO, "Xyzzyk")
		return ds
	}
	for _, c := range []struct {
		policy            string
		graphics, content string
		private           bool
	}{
		{"basic", "", dummyText, false},
		{"basic+clean-graphics", dummyText /* the text has a row of its own, which descriptors clean */, dummyText, false},
		{"basic+clean-structured-content", "", "nodule of ***", false},
		{"basic+retain-safe-private", "", dummyText, true},
		{"basic+retain-device", "", dummyText, false},
		{"research", "liver, ***", "nodule of ***", true},
	} {
		out := deidentified(t, c.policy, make()).DataSet
		got := ""
		if layers := out.Sequence(0x00700001); len(layers) > 0 {
			if texts := layers[0].Sequence(0x00700008); len(texts) > 0 {
				got = texts[0].String(0x00700006)
			}
		}
		if got != c.graphics {
			t.Errorf("%s: graphics %q, want %q", c.policy, got, c.graphics)
		}
		items := out.Sequence(tag.ContentSequence)
		if len(items) != 1 || items[0].String(tag.TextValue) != c.content {
			t.Errorf("%s: content %q in %d items, want %q", c.policy, items[0].String(tag.TextValue), len(items), c.content)
		}
		if out.Has(tag.New(0x0019, 0x100C)) != c.private || out.Has(tag.New(0x0019, 0x0010)) != c.private {
			t.Errorf("%s: private element there: %v", c.policy, !c.private)
		}
		if out.Has(0x60003000) || out.Has(0x60000022) {
			t.Errorf("%s: an overlay stayed", c.policy)
		}
	}
}
