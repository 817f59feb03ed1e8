package deid

import (
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

func compiled(t testing.TB, name string) *Profile {
	t.Helper()
	p, ok := Preset(name)
	if !ok {
		t.Fatalf("no preset %q", name)
	}
	pr, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return pr
}

// Rows of Table E.1-1 read by hand.
func TestRulesOfTheTable(t *testing.T) {
	for _, c := range []struct {
		policy string
		tag    tag.Tag
		want   Action
	}{
		{"basic", tag.PatientName, Code},         // Z
		{"basic", tag.PatientID, Code},           // Z/D
		{"basic", tag.PatientBirthDate, Empty},   // Z
		{"basic", tag.PatientAge, Remove},        // X
		{"basic", tag.StudyDate, Empty},          // Z
		{"basic", tag.SeriesDate, Dummy},         // X/D
		{"basic", tag.StudyDescription, Remove},  // X
		{"basic", tag.StudyInstanceUID, MapUID},  // U
		{"basic", tag.DeviceSerialNumber, Code},  // X/Z/D
		{"basic", tag.ContentSequence, Dummy},    // D
		{"basic", tag.SourceImageSequence, Keep}, // X/Z/U*
		{"basic", tag.ReferencedImageSequence, Keep},
		{"basic", tag.IconImageSequence, Remove},
		{"basic", tag.InstitutionName, Dummy}, // X/Z/D
		{"basic", 0x60020022, Remove},
		{"basic", 0x60043000, Remove},
		{"basic", 0x50103000, Remove},
		{"basic+retain-device", tag.DeviceSerialNumber, Keep},
		{"basic+retain-device", tag.StationName, Keep},
		{"basic+retain-institution", tag.InstitutionName, Keep},
		{"basic+retain-uids", tag.StudyInstanceUID, Keep},
		{"basic+retain-uids", 0x0040A124, MapUID}, // UID: no option column
		{"basic+retain-uids", tag.DigitalSignaturesSequence, Remove},
		{"basic+retain-patient-characteristics", tag.PatientAge, Keep},
		{"basic+retain-patient-characteristics", tag.Allergies, Clean},
		{"basic+retain-full-dates", tag.StudyDate, Keep},
		{"basic+retain-modified-dates", tag.StudyDate, Clean},
		{"basic+retain-modified-dates", tag.PatientBirthDate, Empty}, // no option column
		{"basic+clean-descriptors", tag.StudyDescription, Clean},
		{"basic+clean-structured-content", tag.ContentSequence, Clean},
		{"basic+clean-graphics", tag.GraphicAnnotationSequence, Clean},
		{"basic+clean-graphics", 0x60003000, Remove}, // text in a bitmap can't be cleaned
		{"research", tag.Modality, Clean},
		{"research", tag.PixelSpacing, Clean},
		{"research", tag.SOPClassUID, Keep},
		{"research", 0x0008010C, Keep},   // names a registry
		{"research", 0x00081167, MapUID}, // omitted by the table
		{"research", 0x00100033, Remove}, // birth date in another calendar
		{"research", 0x00081190, Remove}, // retrieve URL
		{"research", 0x00080FFE, Remove}, // unknown to the standard
		{"research", 0x0040A067, Remove}, // a name that the table omits
	} {
		if got := compiled(t, c.policy).Rule(c.tag, c.tag.VR()); got.Action != c.want {
			t.Errorf("%s: %v %s: %v (%s), want %v", c.policy, c.tag, c.tag.Keyword(), got.Action, got.Why, c.want)
		}
	}
}

// Every row of every table has a rule that says why, under every preset, and no row is weaker than X but by its own columns.
func TestEveryRowHasARule(t *testing.T) {
	for _, name := range Presets() {
		pr := compiled(t, name)
		for _, tg := range ListedTags() {
			r := pr.Rule(tg, tg.VR())
			if r.Why == "" {
				t.Fatalf("%s: %v has no reason", name, tg)
			}
			for i := range profileTable {
				if row := &profileTable[i]; row.tag == uint32(tg) && row.basic == "X" && row.options == "" && r.Action != Remove {
					t.Errorf("%s: %v is X without options, and %v", name, tg, r.Action)
				}
			}
		}
	}
	if n := len(profileTable); n != 656 {
		t.Errorf("%d rows of Table E.1-1, want 656", n)
	}
	if n := len(safePrivateTable); n != 479 {
		t.Errorf("%d rows of Table E.3.10-1, want 479", n)
	}
	if n := len(contentTable); n != 211 {
		t.Errorf("%d rows of Table E.3.4-1, want 211", n)
	}
}

// A gap that the standard closes must leave the list of gaps.
func TestGapsAreGaps(t *testing.T) {
	for _, g := range gaps {
		for _, tg := range ListedTags() {
			if uint32(tg) == g.tag && g.mask == 0xFFFFFFFF {
				t.Errorf("%v is in the table", tg)
			}
		}
	}
}

func TestPrivateRules(t *testing.T) {
	at := tag.New(0x0019, 0x100C)
	if r := compiled(t, "research").PrivateRule("SIEMENS MR HEADER", at); r.Action != Keep {
		t.Errorf("b value: %v", r)
	}
	if r := compiled(t, "basic").PrivateRule("SIEMENS MR HEADER", at); r.Action != Remove {
		t.Errorf("without the option: %v", r)
	}
	if r := compiled(t, "research").PrivateRule("SIEMENS CSA HEADER", at); r.Action != Remove {
		t.Errorf("another creator: %v", r)
	}
	if r := compiled(t, "research").Rule(tag.New(0x0019, 0x1002), vr.LO); r.Action != Remove {
		t.Errorf("a private tag as a public one: %v", r)
	}
}

func TestMethodsSayWhatWasApplied(t *testing.T) {
	codes, _ := compiled(t, "research").Methods(true)
	want := []string{"113100", "113101", "113103", "113104", "113105", "113107", "113108", "113111"}
	if len(codes) != len(want) {
		t.Fatalf("%v", codes)
	}
	for i := range want {
		if codes[i] != want[i] {
			t.Errorf("%v, want %v", codes, want)
		}
	}
	if codes, _ := compiled(t, "research").Methods(false); codes[1] == "113101" {
		t.Error("clean pixel data is claimed although no pixel was examined")
	}
}
