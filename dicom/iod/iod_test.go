package iod

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// A small table by hand: macros, a conditional macro, a macro that holds itself, items, a module without a list.
func TestParse(t *testing.T) {
	tab := parse("thing MOne U?two COne\nempty\n", "One 001000101 @Mac 000811403{ 000811501 ?Mac } 001000202\nMac 00080060a 000811153{ @Mac 002000111 }\n")
	o := tab.objects["thing"]
	if len(tab.objects) != 1 || len(o.Uses) != 3 || o.Uses[1].Module.Attributes != nil || o.Uses[0].Module != o.Uses[2].Module {
		t.Fatalf("%+v", o)
	}
	if got, want := flat(o.Uses[0].Module.Attributes), "00100010:1 00080060:1C 00081115:3( 00200011:1 ) 00081140:3( 00081150:1 00080060:1C 00081115:3( 00200011:1 ) ) 00100020:2"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if Type1.conditional() != Type1C || Type2.conditional() != Type2C || Type3.conditional() != Type3 || Type2C.String() != "2C" {
		t.Error("types")
	}
}

func flat(list []Attribute) string {
	var out []string
	for _, a := range list {
		s := fmt.Sprintf("%08X:%v", uint32(a.Tag), a.Type)
		if a.Items != nil {
			s += "( " + flat(a.Items) + " )"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// What PS3.3 says of some attributes, by hand.
func TestTables(t *testing.T) {
	o, ok := ForClass(uid.CTImageStorage)
	if !ok || o.Name != "ct-image" {
		t.Fatalf("%+v", o)
	}
	for module, want := range map[string]struct {
		usage byte
		tag   tag.Tag
		typ   Type
	}{
		"Patient": {'M', tag.PatientName, Type2}, "GeneralStudy": {'M', tag.StudyInstanceUID, Type1}, "GeneralSeries": {'M', tag.Modality, Type1},
		"ImagePlane": {'M', tag.PixelSpacing, Type1}, "CTImage": {'M', tag.KVP, Type2}, "SOPCommon": {'M', tag.SOPInstanceUID, Type1},
		"ContrastBolus": {'C', tag.ContrastBolusAgent, Type2}, "VOILUT": {'U', tag.WindowWidth, Type1C}, "PatientStudy": {'U', tag.PatientAge, Type3},
	} {
		found := false
		for _, u := range o.Uses {
			if u.Module.Name != module {
				continue
			}
			for _, a := range u.Module.Attributes {
				found = found || a.Tag == want.tag && a.Type == want.typ && u.Usage == want.usage
			}
		}
		if !found {
			t.Errorf("%s: %v is not of type %v, or the module not of usage %c", module, want.tag, want.typ, want.usage)
		}
	}
	if _, ok := ForClass("1.2.3"); ok {
		t.Error("1.2.3 is no SOP class")
	}
	lacking, uses := 0, 0
	for _, c := range Classes() {
		o, ok := ForClass(c)
		if !ok || len(o.Uses) < 2 {
			t.Errorf("%s has no modules: %v", c, o)
			continue
		}
		for _, u := range o.Uses {
			if uses++; u.Module.Attributes == nil {
				lacking++
			}
			if !strings.ContainsRune("MCU", rune(u.Usage)) {
				t.Errorf("%s: usage %c", c, u.Usage)
			}
		}
	}
	t.Logf("%d SOP classes, %d uses of modules, %d of them without a list", len(Classes()), uses, lacking)
	if lacking > uses/10 {
		t.Errorf("%d of %d uses have no attributes", lacking, uses)
	}
}

// image is a secondary capture image with all that it must have.
func image() *dicom.DataSet {
	ds := dicom.NewDataSet()
	for _, t := range []tag.Tag{tag.PatientName, tag.PatientID, tag.PatientBirthDate, tag.PatientSex, tag.StudyDate, tag.StudyTime, tag.ReferringPhysicianName, tag.StudyID,
		tag.AccessionNumber, tag.SeriesNumber, tag.Manufacturer, tag.InstanceNumber, tag.PatientOrientation, tag.Laterality} {
		ds.SetEmpty(t)
	}
	ds.SetString(tag.SOPClassUID, uid.SecondaryCaptureImageStorage)
	ds.SetString(tag.SOPInstanceUID, "1.2.3")
	ds.SetString(tag.StudyInstanceUID, "1.2.4")
	ds.SetString(tag.SeriesInstanceUID, "1.2.5")
	ds.SetString(tag.Modality, "OT")
	ds.SetString(tag.ConversionType, "WSD")
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	for _, t := range []tag.Tag{tag.Rows, tag.Columns} {
		ds.SetInts(t, 2)
	}
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 4))
	return ds
}

func TestCheckByHand(t *testing.T) {
	item := func(set func(*dicom.DataSet)) *dicom.DataSet { d := dicom.NewDataSet(); set(d); return d }
	for _, c := range []struct {
		name   string
		change func(*dicom.DataSet)
		want   []string
	}{
		{"as it should be", func(*dicom.DataSet) {}, nil},
		{"type 1 missing", func(ds *dicom.DataSet) { ds.Delete(tag.ConversionType) }, []string{"(0008,0064) ConversionType: missing, of type 1 in module SCEquipment"}},
		{"type 1 empty", func(ds *dicom.DataSet) { ds.SetEmpty(tag.Modality) }, []string{"(0008,0060) Modality: empty, of type 1 in module GeneralSeries"}},
		{"type 2 missing", func(ds *dicom.DataSet) { ds.Delete(tag.PatientID) }, []string{"(0010,0020) PatientID: missing, of type 2 in module Patient"}},
		{"in an item", func(ds *dicom.DataSet) {
			ds.SetSequence(tag.RequestAttributesSequence, item(func(d *dicom.DataSet) {
				d.SetString(tag.ScheduledProcedureStepID, "S1")
				d.SetSequence(tag.ScheduledProtocolCodeSequence, item(func(d *dicom.DataSet) { d.SetString(tag.CodeMeaning, "Echo") }))
			}))
		}, []string{"(0040,0275)[0]/(0040,0008)[0]/(0008,0100) CodeValue: missing, of type 1C in module GeneralSeries"}},
		{"colour without its plane order", func(ds *dicom.DataSet) { ds.SetInts(tag.SamplesPerPixel, 3) }, []string{"(0028,0006) PlanarConfiguration: missing, of type 1C in module ImagePixel"}},
		{"a window of no width", func(ds *dicom.DataSet) { ds.SetFloats(tag.WindowCenter, 40) }, []string{"(0028,1051) WindowWidth: missing, of type 1C in module VOILUT"}},
		{"palette", func(ds *dicom.DataSet) {
			ds.SetString(tag.PhotometricInterpretation, "PALETTE COLOR")
			for _, p := range []tag.Tag{tag.RedPaletteColorLookupTableDescriptor, tag.GreenPaletteColorLookupTableDescriptor, tag.BluePaletteColorLookupTableDescriptor} {
				ds.SetInts(p, 2, 0, 8)
			}
			for _, p := range []tag.Tag{tag.RedPaletteColorLookupTableData, tag.SegmentedGreenPaletteColorLookupTableData} {
				ds.SetBytes(p, vr.OW, []byte{1, 2})
			}
		}, []string{"(0028,1203) BluePaletteColorLookupTableData: missing, of type 1C in module ImagePixel"}},
		{"undeclared text", func(ds *dicom.DataSet) { ds.SetBytes(tag.PatientName, vr.PN, []byte("M\xfcller")) }, []string{"(0008,0005) SpecificCharacterSet: missing, of type 1C in module SOPCommon"}},
		{"a module that is there by one attribute", func(ds *dicom.DataSet) { ds.SetString(tag.ClinicalTrialSubjectID, "X") }, []string{
			"(0012,0010) ClinicalTrialSponsorName: missing, of type 1 in module ClinicalTrialSubject", "(0012,0020) ClinicalTrialProtocolID: missing, of type 1 in module ClinicalTrialSubject",
			"(0012,0021) ClinicalTrialProtocolName: missing, of type 2 in module ClinicalTrialSubject", "(0012,0030) ClinicalTrialSiteID: missing, of type 2 in module ClinicalTrialSubject",
			"(0012,0031) ClinicalTrialSiteName: missing, of type 2 in module ClinicalTrialSubject"}},
	} {
		ds := image()
		c.change(ds)
		found, known := Check(ds)
		var got []string
		for _, f := range found {
			got = append(got, f.String())
		}
		if !known || !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	if f, known := Check(dicom.NewDataSet()); known || f != nil {
		t.Error("a data set without a class")
	}
}

// Functional groups: one item a frame; of the groups only Frame Content, which is in every item, is demanded.
func TestFunctionalGroups(t *testing.T) {
	ds := image()
	ds.SetString(tag.SOPClassUID, uid.EnhancedMRImageStorage)
	ds.SetInts(tag.NumberOfFrames, 3)
	ds.SetSequence(tag.PerFrameFunctionalGroupsSequence, dicom.NewDataSet(), dicom.NewDataSet())
	found, _ := Check(ds)
	said := false
	for _, f := range found {
		said = said || f.Text == "2 items for 3 frames"
		if f.Text == "empty, of type 1 in module MultiFrameFunctionalGroupsForEnhancedMRImage" {
			t.Errorf("items without elements are items: %v", f)
		}
		if strings.HasPrefix(f.Path, "(5200,9230)[") && f.Tag != tag.FrameContentSequence {
			t.Errorf("%v", f)
		}
	}
	if !said {
		t.Errorf("%v", found)
	}
}

// Every condition can be asked of an empty data set, of one with everything in it, and of none of its own attributes.
func TestConditionsTakeAnything(t *testing.T) {
	full := image()
	full.SetInts(tag.FrameIncrementPointer, int(tag.FrameTime))
	full.SetString(tag.ValueType, "TEXT")
	full.SetString(tag.LossyImageCompression, "01")
	for attribute, cond := range conditions {
		cond(dicom.NewDataSet())
		cond(full)
		if attribute.Keyword() == "" {
			t.Errorf("%v is not in the dictionary", attribute)
		}
	}
	for attribute, want := range map[tag.Tag]bool{tag.FrameTime: true, tag.FrameTimeVector: false, tag.TextValue: true, tag.PersonName: false, tag.LossyImageCompressionRatio: true,
		tag.CodeValue: true, tag.MappingResource: false, tag.PixelData: true, tag.RescaleSlope: false, tag.DeidentificationMethod: false} {
		if conditions[attribute](full) != want {
			t.Errorf("%s: not %v", attribute.Keyword(), want)
		}
	}
}
