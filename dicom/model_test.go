package dicom

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Every kind of value in the form that PS3.18 annex F gives it.
func TestJSONByHand(t *testing.T) {
	ds := NewDataSet()
	ds.SetString(tag.PatientName, "Yamada^Tarou=山田^太郎=やまだ^たろう")
	ds.SetString(tag.ImageType, "ORIGINAL", "", "AXIAL")
	ds.SetString(tag.SliceThickness, "2.50")
	ds.SetString(tag.InstanceNumber, "+7")
	ds.SetFloats(tag.PhysicalDeltaX, math.Inf(-1))
	ds.SetFloats(tag.ReferencePixelPhysicalValueX, 0.5)
	ds.SetInts(tag.FrameIncrementPointer, int(tag.FrameTime))
	ds.SetInts(tag.Rows, 480)
	ds.SetBytes(tag.ICCProfile, vr.OB, []byte{1, 2})
	ds.SetBytes(tag.PixelData, vr.OW, make([]byte, 100))
	ds.SetEmpty(tag.PatientID)
	item := NewDataSet()
	item.SetString(tag.CodeMeaning, `say "<hi>" \\o/`[:10])
	ds.SetSequence(tag.ContentSequence, item, NewDataSet())
	b, err := ds.JSON(10, func(path []tag.Tag, e *Element) string { return "bulk/" + e.Tag.Keyword() })
	if err != nil {
		t.Fatal(err)
	}
	want := `{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00080008":{"vr":"CS","Value":["ORIGINAL",null,"AXIAL"]},` +
		`"00100010":{"vr":"PN","Value":[{"Alphabetic":"Yamada^Tarou","Ideographic":"山田^太郎","Phonetic":"やまだ^たろう"}]},"00100020":{"vr":"LO"},` +
		`"00180050":{"vr":"DS","Value":[2.50]},"00186028":{"vr":"FD","Value":[0.5]},"0018602C":{"vr":"FD","Value":["-Infinity"]},` +
		`"00200013":{"vr":"IS","Value":[7]},"00280009":{"vr":"AT","Value":["00181063"]},"00280010":{"vr":"US","Value":[480]},` +
		`"00282000":{"vr":"OB","InlineBinary":"AQI="},"0040A730":{"vr":"SQ","Value":[{"00080104":{"vr":"LO","Value":["say \"<hi>\""]}},{}]},` +
		`"7FE00010":{"vr":"OW","BulkDataURI":"bulk/PixelData"}}`
	if string(b) != want {
		t.Errorf("%s\nwant\n%s", b, want)
	}
	back, err := ParseJSON(b, func(uri string) ([]byte, error) {
		if uri != "bulk/PixelData" {
			t.Errorf("URI %q", uri)
		}
		return make([]byte, 100), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ds.SetString(tag.InstanceNumber, "7") // the plus sign is no part of the number
	equal(t, ds, back)
}

func TestJSONCorpus(t *testing.T) {
	dir, names, want := corpus(t)
	done := 0
	for i, name := range names {
		if want[name].Pydicom != "ok" || testing.Short() && i%4 != 0 {
			continue
		}
		f, err := Open(dir + "/" + name)
		if err != nil {
			continue
		}
		odd := false // setting a value pads it
		for _, e := range f.DataSet.Walk() {
			odd = odd || e.Len()%2 == 1 && !e.Kind().IsText()
		}
		js, err := f.DataSet.JSON(1<<20, nil)
		f.Close()
		if odd {
			continue
		}
		if err != nil || !json.Valid(js) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ds, err := ParseJSON(js, nil)
		if err != nil {
			continue // values that the standard forbids are refused on the way back
		}
		again, err := ds.JSON(1<<20, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// Equal but for (0008,0005), which is the parser's own.
		var a, b map[string]any
		if json.Unmarshal(js, &a) != nil || json.Unmarshal(again, &b) != nil {
			t.Fatalf("%s", name)
		}
		dropCharsets(a)
		dropCharsets(b)
		left, _ := json.Marshal(a)
		right, _ := json.Marshal(b)
		if !bytes.Equal(left, right) {
			i := 0
			for i < len(left) && i < len(right) && left[i] == right[i] {
				i++
			}
			t.Errorf("%s: differs at %.80s | %.80s", name, left[max(0, i-40):], right[max(0, i-40):])
		} else {
			done++
		}
	}
	t.Logf("%d data sets go to JSON and back", done)
	if done < 250 && !testing.Short() {
		t.Errorf("only %d", done)
	}
}

// dropCharsets removes what the way through JSON may change: character sets, pixel data in fragments, and group lengths.
func dropCharsets(m map[string]any) {
	delete(m, "00080005")
	delete(m, "7FE00010")
	for _, v := range m {
		if e, ok := v.(map[string]any); ok {
			if items, ok := e["Value"].([]any); ok && e["vr"] == "SQ" {
				for _, item := range items {
					if in, ok := item.(map[string]any); ok {
						dropCharsets(in)
					}
				}
			}
		}
	}
}

func TestParseJSONRefuses(t *testing.T) {
	deep := strings.Repeat(`{"0040A730":{"vr":"SQ","Value":[`, 400) + strings.Repeat(`]}}`, 400)
	for name, js := range map[string]string{
		"no JSON": "{", "no attribute": `{"PatientName":{"vr":"PN"}}`, "no VR": `{"00100010":{"vr":"ZZ"}}`, "bad base64": `{"00282000":{"vr":"OB","InlineBinary":"!"}}`,
		"text for a number": `{"00280010":{"vr":"US","Value":["many"]}}`, "too large": `{"00280010":{"vr":"US","Value":[70000]}}`, "a list for a text": `{"00100020":{"vr":"LO","Value":[[1]]}}`, "deep": deep,
	} {
		if ds, err := ParseJSON([]byte(js), nil); err == nil {
			t.Errorf("%s: %d elements", name, ds.Len())
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	js, _ := full().JSON(1000, nil)
	f.Add(js)
	f.Fuzz(func(t *testing.T, b []byte) {
		ds, err := ParseJSON(b, nil)
		if err != nil {
			return
		}
		if _, err := ds.JSON(1<<20, nil); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDates(t *testing.T) {
	for _, c := range []struct {
		s    string
		want string
		prec int
		ok   bool
	}{
		{"2026", "2026-01-01T00:00:00Z", 1, true}, {"202611", "2026-11-01T00:00:00Z", 2, true}, {"20261123191500.123456+0130", "2026-11-23T19:15:00.123456+01:30", 7, true},
		{"20240229", "2024-02-29T00:00:00Z", 3, true}, {"20230229", "", 0, false}, {"2026112", "", 0, false}, {"20261323", "", 0, false}, {"2026112325", "", 0, false},
		{"20261123+9900", "", 0, false}, {"", "", 0, false}, {"20261123191500.1234567", "", 0, false}, {"20261123.5", "", 0, false}, {"20261123191500-0500", "2026-11-23T19:15:00-05:00", 6, true},
	} {
		got, err := ParseDT(c.s)
		if (err == nil) != c.ok || c.ok && (got.Format(time.RFC3339Nano) != c.want || got.Precision != c.prec) {
			t.Errorf("%s: %v %d %v", c.s, got.Format(time.RFC3339Nano), got.Precision, err)
		}
	}
	for s, want := range map[string]time.Duration{"10": 10 * time.Hour, "1015": 10*time.Hour + 15*time.Minute, "101530.5": 10*time.Hour + 15*time.Minute + 30*time.Second + 500*time.Millisecond, "10:15:30": 10*time.Hour + 15*time.Minute + 30*time.Second} {
		if got, err := ParseTM(s); err != nil || got != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "1", "25", "1060", "10153", "101530.", "1015.5", "ab"} {
		if got, err := ParseTM(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
	if d, err := ParseDA("1997.07.04"); err != nil || d.Format("20060102") != "19970704" {
		t.Errorf("%v, %v", d, err)
	}
	for s, want := range map[string][2]string{
		"20260101-20260201": {"20260101", "20260201"}, "20260101-": {"20260101", ""}, "-20260101": {"", "20260101"}, "20260101": {"20260101", "20260101"},
		"20260101120000-0500": {"20260101120000-0500", "20260101120000-0500"}, "20260101120000-0500-20260102": {"20260101120000-0500", "20260102"}, "1000-1200": {"1000", "1200"},
	} {
		if from, to := ParseRange(s); from != want[0] || to != want[1] {
			t.Errorf("%s: %q to %q", s, from, to)
		}
	}
	ds := NewDataSet()
	ds.SetString(tag.StudyDate, "20261123")
	ds.SetString(tag.StudyTime, "101500.25")
	ds.SetString(tag.TimezoneOffsetFromUTC, "+0200")
	if m, err := ds.Moment(tag.StudyDate, tag.StudyTime); err != nil || !m.Zoned || m.UTC().Format(time.RFC3339Nano) != "2026-11-23T08:15:00.25Z" {
		t.Errorf("%v, %v", m, err)
	}
}

func TestNames(t *testing.T) {
	n := ParsePN("Yamada^Tarou^M^Dr^Jr=山田^太郎")
	if n.Alphabetic.Formatted() != "Dr Tarou M Yamada Jr" || n.Ideographic.Family != "山田" || n.Phonetic.Given != "" {
		t.Errorf("%+v", n)
	}
	for _, s := range []string{"Doe", "Doe^Jane", "^Jane", "Yamada^Tarou=山田^太郎=やまだ^たろう", "=山田", ""} {
		if got := ParsePN(s).String(); got != s {
			t.Errorf("%q becomes %q", s, got)
		}
	}
}

func TestValidate(t *testing.T) {
	raw := part10(explicit,
		el(tag.ImageType, "CS", "original"), el(tag.SOPInstanceUID, "UI", "1.2.03 "), el(tag.StudyDate, "DA", "20261399"), el(tag.StudyTime, "TM", "9999"),
		el(tag.PatientName, "LO", "Secret^Name "), el(tag.PatientAge, "AS", "52 Y"), el(0x00190010+0x1000, "LO", "xx"), el(tag.SliceThickness, "DS", "thin"),
		el(tag.PixelSpacing, "DS", "0.5 "), el(tag.Rows, "US", "\x01\x00\x02\x00"), el(tag.Columns, "US", "\x01"), el(0x00280FFF, "LO", "xx"))
	found := read(t, raw).Validate()
	var texts []string
	for _, f := range found {
		texts = append(texts, f.String())
		if strings.Contains(f.String(), "Secret") || strings.Contains(f.String(), "thin") {
			t.Errorf("a value: %v", f)
		}
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{
		"(0008,0008) ImageType: value 1", "(0008,0018) SOPInstanceUID: value 1", "(0008,0020) StudyDate: value 1", "(0008,0030) StudyTime: value 1",
		"PatientName: VR LO where the dictionary has PN", "PatientAge: value 1", "a private element without its creator", "SliceThickness: value 1",
		"PixelSpacing: 1 values where the dictionary allows 2", "Rows: 2 values where the dictionary allows 1", "Columns: a value of odd length", "(0028,0FFF) : not in the dictionary",
		"SOPClassUID: missing", "StudyInstanceUID: missing", "PatientID: missing",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("not found: %s\nin\n%s", want, all)
		}
	}
	for _, c := range []struct {
		n    int
		vm   string
		want bool
	}{{1, "1", true}, {2, "1", false}, {3, "1-n", true}, {0, "1-n", false}, {3, "1-3", true}, {4, "1-3", false}, {6, "3-3n", true}, {4, "3-3n", false}, {4, "2-2n", true}} {
		if fits(c.n, c.vm) != c.want {
			t.Errorf("%d values of %s", c.n, c.vm)
		}
	}
}

func TestDump(t *testing.T) {
	f := read(t, encode(t, full(), ""))
	var b bytes.Buffer
	if err := f.Dump(&b, 20); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"(0010,0010) PN [Doe^Jane]", "8, 1 PatientName", "\n  (FFFE,E000) na (2 elements) ", "# item 1 of 2\n    (0008,0100) SH [X]", "\n        (0008,0104) LO [deep]", "# item 2 of 2\n", "(0008,0016) UI =Secondary Capture I…", "# Explicit VR Little Endian", "(no value)", "2, 1 Rows",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("not found: %s\nin\n%s", want, b.String())
		}
	}
	if printable("a\x1b[2Jb\u009bc") != "a␤[2Jb␤c" {
		t.Error("control characters reach the terminal")
	}
}

func TestAccess(t *testing.T) {
	ds := read(t, encode(t, full(), "")).DataSet
	if got := ds.Floats(tag.PixelSpacing); !slices.Equal(got, []float64{0.1, 0.33333333333333}) {
		t.Errorf("%v", got)
	}
	if n, ok := ds.Int(tag.InstanceNumber); n != -7 || !ok {
		t.Errorf("%d", n)
	}
	for _, absent := range []tag.Tag{tag.PatientID, tag.StudyDate} {
		if _, ok := ds.Int(absent); ok || ds.String(absent) != "" || ds.Strings(absent) != nil || ds.Floats(absent) != nil || ds.Sequence(absent) != nil {
			t.Errorf("%v has a value", absent)
		}
	}
	if ds.Ints(tag.PatientName) != nil || ds.Floats(tag.PatientName) != nil || ds.Ints(tag.ICCProfile) != nil {
		t.Error("numbers from a name or from bytes")
	}
	if got := ds.Strings(tag.FrameIncrementPointer); !slices.Equal(got, []string{"(0018,1063)"}) {
		t.Errorf("%q", got)
	}
	in := ds.Sequence(tag.ContentSequence)[0].Sequence(tag.ConceptNameCodeSequence)[0]
	if in.Parent().Parent() != ds {
		t.Error("Parent")
	}
	depths := map[int]int{}
	for depth := range ds.Walk() {
		depths[depth]++
	}
	if depths[1] != 2 || depths[2] != 1 {
		t.Errorf("%v", depths)
	}
	p := NewDataSet()
	p.SetText(0x00290011, vr.LO, "SIEMENS CSA HEADER")
	p.SetBytes(0x00291110, vr.OB, []byte{1, 2})
	if e, ok := p.GetPrivate(0x29, "SIEMENS CSA HEADER", 0x10); !ok || e.Tag != 0x00291110 {
		t.Error("GetPrivate")
	}
	if _, ok := p.GetPrivate(0x29, "other", 0x10); ok {
		t.Error("GetPrivate of another creator")
	}
}
