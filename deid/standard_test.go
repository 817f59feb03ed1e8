package deid

import (
	"encoding/csv"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/testdata"
)

// table reads one of the standard's tables, which the program's own are generated from: rows by the names of their columns.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(testdata.Shared(t, "data", "deid", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, v := range r {
			m[rows[0][i]] = v
		}
		out = append(out, m)
	}
	return out
}

// columns are the tables' names for the options.
var columns = map[Option]string{RetainSafePrivate: "retain_safe_private", RetainUIDs: "retain_uids", RetainDevice: "retain_device_identity", RetainInstitution: "retain_institution_identity",
	RetainPatient: "retain_patient_characteristics", RetainFullDates: "retain_long_full_dates", RetainModifiedDates: "retain_long_modified_dates", CleanDescriptors: "clean_descriptors",
	CleanStructuredContent: "clean_structured_content", CleanGraphics: "clean_graphics"}

// valueOf is a value of a VR that names somebody where it can.
func valueOf(v vr.VR, n int) string {
	switch v {
	case vr.PN:
		return "Zqrow^Name"
	case vr.LO, vr.SH, vr.ST, vr.LT, vr.UT, vr.UC:
		return "Zqrow A1"
	case vr.CS, vr.AE:
		return "ZQROW"
	case vr.DA:
		return "20200310"
	case vr.DT:
		return "20200310101112"
	case vr.TM:
		return "101112"
	case vr.UI:
		return fmt.Sprintf("1.2.826.0.1.3680043.7.%d", 1000+n)
	case vr.AS:
		return "045Y"
	case vr.DS, vr.IS:
		return "7"
	case vr.UR:
		return "http://zqrow.example.org/"
	}
	return "\x01\x00\x02\x00\x03\x00\x04\x00"
}

// Every row of Table E.1-1 under the Basic Profile and under each option: what an object looks like afterwards, by the letters of the standard.
func TestEveryRowOfTheStandardsTable(t *testing.T) {
	rows := table(t, "ps315_e1_1.csv")
	for o := Option(0); o <= CleanPixelData; o++ {
		name := "basic+" + presetSuffix(o)
		ds := dicom.NewDataSet()
		before := map[tag.Tag]string{}
		for i, r := range rows {
			tg, mask, err := parseTag(r["tag"])
			v := tg.VR()
			if err != nil || mask != 0xFFFFFFFF || tg.Group() <= 6 || v == vr.SQ || tg == tag.PixelData || tg == tag.EncapsulatedDocument || tg.Group() == 0xFFFA || tg.Group() == 0xFFFC || strings.Contains(r["tag"], "x") {
				continue
			}
			before[tg] = valueOf(v, i)
			ds.SetBytes(tg, v, []byte(before[tg]))
		}
		ds.SetText(tag.SOPClassUID, vr.UI, "1.2.840.10008.5.1.4.1.1.2")
		res := deidentified(t, name, ds)
		checked := 0
		for _, r := range rows {
			tg, _, err := parseTag(r["tag"])
			was, there := before[tg]
			if err != nil || !there || tg == tag.DeidentificationMethod || tg == tag.PatientIdentityRemoved || tg == tag.BurnedInAnnotation || tg == tag.LongitudinalTemporalInformationModified {
				continue
			}
			letters := r["basic"]
			if c := r[columns[o]]; c != "" && r["note"] == "" {
				letters = c
			}
			checked++
			e, ok := res.DataSet.Get(tg)
			now := ""
			if ok {
				b, _ := e.Bytes()
				now = strings.TrimRight(string(b), " ")
				if e.Kind() == vr.UI {
					now = strings.TrimRight(now, "\x00")
				}
			}
			if !allowedFate(letters, tg.VR(), was, now, ok, res) {
				t.Errorf("%s: %s %s: %q became %q (there: %v)", name, r["tag"], letters, was, now, ok)
			}
		}
		if checked < 480 {
			t.Errorf("%s: only %d rows were checked", name, checked)
		}
	}
}

// allowedFate reports whether a value may end so under the letters of Table E.1-1.
func allowedFate(letters string, v vr.VR, was, now string, there bool, res *Result) bool {
	replaced := there && now != was && !strings.Contains(strings.ToLower(now), "zqrow")
	switch letters {
	case "X":
		return !there
	case "U":
		return there && now == testKey.UID(was)
	case "K":
		return v == vr.OB || v == vr.UN || there && (now == was || v == vr.CS && !strings.Contains(now, "ZQ") || (v == vr.UC || v == vr.LO || v == vr.SH || v == vr.ST || v == vr.LT || v == vr.UT) && strings.Contains(now, Mask) || v == vr.UR || v == vr.PN && now != was)
	case "C":
		if v == vr.DA || v == vr.DT {
			moved, _ := shiftDT(was, res.ShiftDays())
			return there && now == moved
		}
		return !strings.Contains(strings.ToLower(now), "zqrow") || v == vr.TM
	case "Z", "D", "Z/D":
		return replaced
	case "X/Z", "X/D", "X/Z/D", "X/Z/U*":
		return !there || replaced
	}
	return false
}

// Every row of Table E.3.10-1 stays under the option, and goes without it.
func TestEverySafePrivateElement(t *testing.T) {
	rows := table(t, "ps315_e3_10_1_safe_private.csv")
	basic, safe := compiled(t, "basic"), compiled(t, "basic+retain-safe-private")
	for _, r := range rows {
		var group, low uint32
		if _, err := fmt.Sscanf(r["group"]+" "+strings.TrimPrefix(strings.ToLower(r["element"]), "xx"), "%x %x", &group, &low); err != nil {
			t.Fatalf("%v: %v", r, err)
		}
		tg := tag.New(uint16(group), 0x1000|uint16(low))
		if got := safe.PrivateRule(r["creator"], tg); got.Action != Keep {
			t.Errorf("%s %v: %v", r["creator"], tg, got.Action)
		}
		if got := basic.PrivateRule(r["creator"], tg); got.Action != Remove {
			t.Errorf("%s %v without the option: %v", r["creator"], tg, got.Action)
		}
		if got := safe.PrivateRule(r["creator"]+" X", tg); got.Action != Remove {
			t.Errorf("%s %v of another creator: %v", r["creator"], tg, got.Action)
		}
	}
	if len(rows) != 479 {
		t.Errorf("%d rows", len(rows))
	}
}

// Every row of Table E.3.4-1, by its code and by its retired one, under the Basic Profile and each option.
func TestEveryContentItemOfTheStandardsTable(t *testing.T) {
	rows := table(t, "ps315_e3_4_1_sr_content.csv")
	for o := Option(0); o <= CleanPixelData; o++ {
		if testing.Short() && o > RetainDevice {
			break
		}
		name := "basic+clean-structured-content+" + presetSuffix(o)
		for _, r := range rows {
			letters := r["basic"]
			if c := r[columns[o]]; c != "" {
				letters = c
			}
			codes := [][2]string{{r["coding_scheme"], r["code_value"]}}
			if r["retired_srt_code"] != "" {
				codes = append(codes, [2]string{"SRT", r["retired_srt_code"]}, [2]string{"99SDM", r["retired_srt_code"]})
			}
			for _, c := range codes {
				concept := dicom.NewDataSet()
				concept.SetText(tag.CodeValue, vr.SH, c[1])
				concept.SetText(tag.CodingSchemeDesignator, vr.SH, c[0])
				concept.SetText(tag.CodeMeaning, vr.LO, "Finding")
				item := dicom.NewDataSet()
				item.SetText(tag.ValueType, vr.CS, r["value_type"])
				item.SetSequence(tag.ConceptNameCodeSequence, concept)
				at := tag.TextValue
				switch r["value_type"] {
				case "PNAME":
					at = 0x0040A123
				case "DATE":
					at = 0x0040A121
				case "UIDREF":
					at = 0x0040A124
				}
				was := valueOf(at.VR(), 1)
				item.SetBytes(at, at.VR(), []byte(was))
				ds := someone()
				ds.SetSequence(tag.ContentSequence, item)
				items := deidentified(t, name, ds).DataSet.Sequence(tag.ContentSequence)
				if letters == "X" {
					if len(items) != 0 {
						t.Errorf("%s: %s %s %s stayed", name, c, r["value_type"], r["concept_name"])
					}
					continue
				}
				if len(items) != 1 {
					t.Errorf("%s: %s %s %s (%s) is gone", name, c, r["value_type"], r["concept_name"], letters)
					continue
				}
				now := items[0].String(at)
				if strings.Contains(strings.ToLower(now), "zqrow") || at.VR() == vr.UI && o != RetainUIDs && now == was {
					t.Errorf("%s: %s %s %s (%s): %q", name, c, r["value_type"], r["concept_name"], letters, now)
				}
			}
		}
	}
	if len(rows) != 211 {
		t.Errorf("%d rows", len(rows))
	}
}
