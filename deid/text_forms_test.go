package deid

import (
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// quastrel is a patient whose names are in no vocabulary, born on 17 March 1931.
func quastrel() *dicom.DataSet {
	ds := someone()
	ds.SetText(tag.PatientName, vr.PN, "Quastrel^Wilhelmine^Dora")
	ds.SetText(tag.PatientID, vr.LO, "AB-7654321")
	ds.SetText(tag.PatientBirthDate, vr.DA, "19310317")
	ds.SetText(tag.InstitutionName, vr.LO, "Zqmercy Clinic")
	ds.SetText(0x00101000, vr.LO, "55512")
	return ds
}

// forms holds texts against what becomes of them. Masks side by side count as one.
func forms(t *testing.T, kind textKind, table map[string]string) {
	t.Helper()
	pr := compiled(t, "research")
	id := pr.collect(testKey, quastrel())
	for in, want := range table {
		got := pr.cleanText(testKey, id, in, kind)
		if squash(got) != squash(want) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if again := pr.cleanText(testKey, id, got, kind); again != got && !strings.Contains(got, "20") {
			t.Errorf("%q: cleaned twice: %q, then %q", in, got, again)
		}
	}
}

func TestNamesInFreeText(t *testing.T) {
	forms(t, freeText, map[string]string{
		"Quastrel chest": "*** chest", "QUASTREL_CHEST": "***_CHEST", "quastrel,wilhelmine": "***", "Wilhelmine Dora Quastrel": "***", "QuastrelW": "***", "wquastrel": "***", "Quastrel1": "***",
		"Quastrels chest": "*** chest", "Quastrel's": "***'s", "Qua-strel": "***", "Q u a s t r e l": "***", "Qúàstrèl": "***", "ＱＵＡＳＴＲＥＬ": "***",
		"W.D.Q.": "***.", "W. D. Q.": "***.", "W-Q": "***", "W Q": "***", "q.w.": "***.", "QW chest": "*** chest", "A.P. view": "A.P. view", "R L": "R L",
		"US ABD for Mr Meyer": "US ABD for Mr ***", "for Mr Long": "for Mr ***", "MR LONG AXIS": "MR LONG AXIS", "for Mrs Long": "for Mrs ***", "Dr. med. Long": "Dr. med. ***", "Dr Head": "Dr ***", "Prof. van der Long": "***. van der ***",
		"Nurse Joy": "Nurse ***", "de la Cruz": "de la ***", "Smith fracture": "*** fracture", "Down syndrome": "Down syndrome", "hospital of St Mary": "hospital of St ***",
		"Иванов chest": "*** chest", "山田 chest": "*** chest", "김민수": "***", "محمد": "***", "สมชาย": "***", "Παπαδόπουλος CT": "*** CT",
		"Zqmercy": "***", "Berlin chest": "*** chest",
	})
}

func TestNumbersInFreeText(t *testing.T) {
	forms(t, freeText, map[string]string{
		"7654321": "***", "7 654 321": "***", "7.654.321": "***", "76-54-321": "***", "AB7654321": "***", "ab 7654321": "***", "007654321": "***", "55512": "***", "555 12": "***", "55-512": "***",
		"tel 555.123.4567": "***", "5551234567": "***", "(555)123-4567": "***", "+49 30 1234567": "***", "0049-30-1234567": "***", "030/1234567": "***", "555-1234": "***", "5 5 5 1 2 3 4 5 6 7": "***",
		"SSN 123-45-6789": "***", "NHS 943 476 5919": "***", "MRN#4711": "***#***", "Room 4711": "Room ***", "case 1": "case 1", "slices 12 34": "slices 12 34",
		"fe80::1ff:fe23:4567:890a": "***", "00:1B:44:11:3A:B7": "***", "10.12.13.144": "***", "at 10:11:12": "at 10:11:12",
		"pacs.zqcity.org/x": "***", "x@y.z": "***", `C:\Users\meyer\x`: "***", "/home/meyer/x.dcm": "***", `\\srv\share\meyer`: "***", "t2.tse.cor": "t2.tse.cor",
		"12 Oak Street": "***", "Oak Street 12": "***", "Hauptstr. 5": "***",
		"5 mm 1.25 120 kV": "5 mm 1.25 120 kV", "b1000": "b1000", "1024": "1024",
	})
}

func TestDatesInFreeText(t *testing.T) {
	forms(t, freeText, map[string]string{
		"17.03.31": "***", "170331": "***", "310317": "***", "031731": "***", "17/3/31": "***", "3-17-31": "***", "born 1931": "***", "DOB19310317": "***", "DOB:17Mar31": "***", "19310317T120000": "***",
		"14MAR2019": "***", "MAR142019": "***", "2019-Mar-14": "***", "March 14, 2019": "***", "the 14th of March 2019": "the ***", "March 14": "*** 14", "Mar 2019": "***",
		"12 mars 2019": "***", "12 de marzo de 2019": "***", "17 Março 1931": "***", "17 марта 1931": "***", "17 mrt 1931": "***", "17 Ağustos 1931": "***", "17 stycznia 2019": "***", "3. Mai 2019": "***", "17 III 1931": "***",
		"1960年3月14日": "***", "昭和6年3月17日": "***",
		"type III 1": "type III 1", "may 2 views": "may 2 views", "dec 30": "*** 30",
	})
}

func TestAgesInFreeText(t *testing.T) {
	forms(t, freeText, map[string]string{
		"92F": "***F", "92M chest": "***M chest", "92 y.o. F": "*** y.o. F", "92-year-old": "***-year-old", "aged 92": "***", "age: 92": "***", "92 ans": "***", "92 Jahre": "***", "92 años": "***", "92 anni": "***", "92岁": "***", "92 лет": "***",
		"95Y": "***Y", "095Y": "***Y", "ninety two year old": "*** two year old",
		"45 year old man": "45 year old man", "45M": "45M", "age: 45": "age: 45", "190 years": "190 years",
	})
}

// Where names of products stand, unknown words stay; the patient, dates, telephone numbers and other alphabets don't.
func TestTechnicalForms(t *testing.T) {
	forms(t, technical, map[string]string{
		"syngo.via VB20A_HF04": "syngo.via VB20A_HF04", "V4.1.2 build 20": "V4.1.2 build 20", "*tfl3d1_16ns": "*tfl3d1_16ns", "5.10.12.0": "5.10.12.0", "Body 18": "Body 18",
		"QuastrelW": "***", "WilhelmineQuastrel": "***", "wquastrel": "***", "Quastrel1": "***", "drquastrelx": "***", "Qua-strel": "***", "Q u a s t r e l": "***", "V1 7654321": "V1 ***", "V1 76-54-321": "V1 ***",
		"V1 17.03.1931": "V1 ***", "14MAR2019": "***", "2019-Mar-14": "***", "170331": "***", "DOB:17Mar31": "DOB:***", "SSN 123-45-6789": "SSN ***", "0049-30-1234567": "***", "tel 555.123.4567": "tel ***",
		"山田": "***", "Иванов": "***", "CT of Dr. Long": "CT of Dr. ***", "192.168.7.12": "***", "srv.zqmercy.org": "***", "Zqmercy CT1": "*** CT1", "HF 92-year-old": "HF ***-year-old",
	})
}

func TestCodesAreKnownWords(t *testing.T) {
	pr := compiled(t, "research")
	id := pr.collect(testKey, quastrel())
	for _, c := range []struct {
		t    tag.Tag
		in   string
		stay bool
	}{
		{tag.BodyPartExamined, "CHEST", true}, {tag.BodyPartExamined, "LOWERLEG", true}, {tag.BodyPartExamined, "CTSPINE", true}, {tag.BodyPartExamined, "KOWALCZYK", false}, {tag.BodyPartExamined, "QUASTREL", false},
		{0x00185100, "HFS", true}, {0x00185100, "GRABOWSKI", false}, {tag.ImageType, "CSA MPR", true}, {tag.ImageType, "XYZZYS", true}, {tag.ImageType, "WQUASTREL", false}, {tag.ImageType, "17MAR1931", false},
		{tag.Modality, "US", true}, {0x00080068, "FOR PRESENTATION", true}, {0x00080068, "GRABOWSKI", false}, {0x00189020, "DUAL", true},
	} {
		got := pr.cleanCode(testKey, id, c.in)
		if got != "" && pr.strange(c.t, got) {
			got = ""
		}
		if (got == c.in) != c.stay {
			t.Errorf("%s %q: %q", c.t.Keyword(), c.in, got)
		}
	}
}

// Numbers in decimal and binary, values that identify together, seven-bit text of undeclared sets.
func TestValuesThatIdentify(t *testing.T) {
	ds := quastrel()
	for tg, v := range map[tag.Tag]string{tag.ReconstructionDiameter: "7654321", 0x00181151: "7654321.0", 0x00181150: "5551234567", 0x00180083: "2", tag.SliceThickness: "1.25", 0x00181074: "370000000",
		tag.SoftwareVersions: "V1\\765\\4321", 0x00204000: "Quas\\trel", 0x00081080: "chest\\CT", 0x00181400: "\x1b$B;3ED\x1b(B", tag.SeriesDescription: "~{VPND~} chest"} {
		ds.SetBytes(tg, tg.VR(), []byte(v))
	}
	ds.SetBytes(0x00209057, vr.UL, []byte{0xB1, 0xCB, 0x74, 0x00}) // 7654321
	ds.SetBytes(0x00720420, vr.US, []byte("Kowalczyk Anna"))
	out := deidentified(t, "research", ds).DataSet
	for tg, want := range map[tag.Tag]string{tag.ReconstructionDiameter: "", 0x00181151: "", 0x00181150: "", 0x00180083: "2", tag.SliceThickness: "1.25", 0x00181074: "370000000",
		tag.SoftwareVersions: "***\\***\\***", 0x00204000: "***\\***", 0x00081080: "chest\\CT", 0x00181400: "", tag.SeriesDescription: "", 0x00209057: "", 0x00720420: ""} {
		if got := strings.Join(out.Strings(tg), `\`); squash(got) != want {
			t.Errorf("%s: %q, want %q", tg.Keyword(), got, want)
		}
	}
}

// Private elements of safe places whose VR the file does not tell are read by the table's, or as what they look like.
func TestPrivateElementsWithoutVR(t *testing.T) {
	ds := quastrel()
	ds.SetText(tag.New(0x2001, 0x0010), vr.LO, "Philips Imaging DD 001")
	for low, v := range map[uint16]string{0x03: "\x00\x00\x80\x3f", 0x5A: "Quastrel W", 0x5D: "mm", 0x58: "1.2.826.0.1.3680043.8.7654321", 0xDE: "\xfe\xff\x00\xe0\x08\x00\x00\x00Kowalski", 0x02: "1"} {
		if len(v)%2 == 1 {
			v += " "
		}
		ds.SetBytes(tag.New(0x2001, 0x1000|low), vr.UN, []byte(v))
	}
	out := deidentified(t, "research", ds).DataSet
	for low, want := range map[uint16]string{0x5A: "*** W", 0x5D: "mm", 0x58: testKey.UID("1.2.826.0.1.3680043.8.7654321"), 0xDE: "", 0x02: "1"} {
		if got := out.String(tag.New(0x2001, 0x1000|low)); squash(got) != want {
			t.Errorf("(2001,10%02X): %q, want %q", low, got, want)
		}
	}
	if got := out.Floats(tag.New(0x2001, 0x1003)); len(got) != 1 || got[0] != 1 {
		t.Errorf("the b value is %v", got)
	}
}
