package dicom

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// private is the tag of the n-th element in the block that the test reserves: any VR may stand there.
func private(n int) tag.Tag { return tag.New(0x0099, 0x1000+uint16(n)) }

// Every VR: values set as text, as they are stored, and as each accessor gives them, by hand from PS3.5 table 6.2-1.
func TestEveryVR(t *testing.T) {
	cases := []struct {
		v      vr.VR
		set    []string
		stored string
		ints   []int64
		floats []float64
	}{
		{vr.AE, []string{"STORE_SCP"}, "STORE_SCP ", nil, nil},
		{vr.AS, []string{"018M"}, "018M", nil, nil},
		{vr.AT, []string{"(0018,1063)", "(0010,0010)"}, "\x18\x00\x63\x10\x10\x00\x10\x00", []int64{0x00181063, 0x00100010}, []float64{0x00181063, 0x00100010}},
		{vr.CS, []string{"ORIGINAL", "PRIMARY"}, `ORIGINAL\PRIMARY`, nil, nil},
		{vr.DA, []string{"20261127"}, "20261127", nil, nil},
		{vr.DS, []string{"-1.5", "2e3"}, `-1.5\2e3`, nil, []float64{-1.5, 2000}},
		{vr.DT, []string{"20261127023000.5+0100"}, "20261127023000.5+0100 ", nil, nil},
		{vr.FD, []string{"0.1"}, "\x9a\x99\x99\x99\x99\x99\xb9\x3f", nil, []float64{0.1}},
		{vr.FL, []string{"0.5", "-2"}, "\x00\x00\x00\x3f\x00\x00\x00\xc0", nil, []float64{0.5, -2}},
		{vr.IS, []string{"-7", "12"}, `-7\12 `, []int64{-7, 12}, []float64{-7, 12}},
		{vr.LO, []string{"two words", "x"}, `two words\x `, nil, nil},
		{vr.LT, []string{`one \ value`}, `one \ value `, nil, nil},
		{vr.OD, []string{"1"}, "\x00\x00\x00\x00\x00\x00\xf0\x3f", nil, []float64{1}},
		{vr.OF, []string{"1"}, "\x00\x00\x80\x3f", nil, []float64{1}},
		{vr.OL, []string{"4294967295"}, "\xff\xff\xff\xff", nil, nil},
		{vr.OV, []string{"18446744073709551615"}, "\xff\xff\xff\xff\xff\xff\xff\xff", nil, nil},
		{vr.OW, []string{"258"}, "\x02\x01", nil, nil},
		{vr.PN, []string{"Doe^Jane"}, "Doe^Jane", nil, nil},
		{vr.SH, []string{"abc"}, "abc ", nil, nil},
		{vr.SL, []string{"-2147483648"}, "\x00\x00\x00\x80", []int64{math.MinInt32}, []float64{math.MinInt32}},
		{vr.SS, []string{"-1"}, "\xff\xff", []int64{-1}, []float64{-1}},
		{vr.ST, []string{"text"}, "text", nil, nil},
		{vr.SV, []string{"-9223372036854775808"}, "\x00\x00\x00\x00\x00\x00\x00\x80", []int64{math.MinInt64}, []float64{math.MinInt64}},
		{vr.TM, []string{"235960"}, "235960", nil, nil},
		{vr.UC, []string{"  leading spaces count", "b"}, `  leading spaces count\b`, nil, nil},
		{vr.UI, []string{"1.2.3"}, "1.2.3\x00", nil, nil},
		{vr.UL, []string{"4294967295"}, "\xff\xff\xff\xff", []int64{math.MaxUint32}, []float64{math.MaxUint32}},
		{vr.UR, []string{"http://a.example/x?y"}, "http://a.example/x?y", nil, nil},
		{vr.US, []string{"65535", "0"}, "\xff\xff\x00\x00", []int64{65535, 0}, []float64{65535, 0}},
		{vr.UT, []string{`C:\no\values`}, `C:\no\values`, nil, nil},
		{vr.UV, []string{"18446744073709551615"}, "\xff\xff\xff\xff\xff\xff\xff\xff", []int64{-1}, []float64{-1}},
	}
	ds := minimal()
	ds.SetText(tag.New(0x0099, 0x10), vr.LO, "TEST")
	for i, c := range cases {
		ds.SetText(private(i), c.v, c.set...)
	}
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	for _, ts := range []string{uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian} {
		back := read(t, encode(t, ds, ts)).DataSet
		for i, c := range cases {
			e, ok := back.Get(private(i))
			if !ok || e.VR != c.v {
				t.Fatalf("%s: %v", ts, c.v)
			}
			if raw, _ := e.Bytes(); ts != uid.ExplicitVRBigEndian && string(raw) != c.stored {
				t.Errorf("%s: %v is stored as %q, want %q", ts, c.v, raw, c.stored)
			}
			if got := e.Ints(); !slices.Equal(got, c.ints) {
				t.Errorf("%s: %v: Ints %v, want %v", ts, c.v, got, c.ints)
			}
			if got := e.Floats(); !slices.Equal(got, c.floats) {
				t.Errorf("%s: %v: Floats %v, want %v", ts, c.v, got, c.floats)
			}
			if got := e.Strings(); !slices.Equal(got, c.set) && c.v != vr.OW && c.v != vr.OL && c.v != vr.OV && c.v != vr.DS {
				t.Errorf("%s: %v: Strings %q, want %q", ts, c.v, got, c.set)
			}
		}
	}
	seen := map[vr.VR]bool{}
	for _, c := range cases {
		seen[c.v] = true
	}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if v, known := vr.Parse(byte(a), byte(b)); known && !seen[v] && v != vr.SQ && v != vr.OB && v != vr.UN {
				t.Errorf("%v is not tested", v)
			}
		}
	}
}

func TestUints(t *testing.T) {
	ds := minimal()
	ds.SetText(tag.New(0x0099, 0x10), vr.LO, "TEST")
	for i, v := range []vr.VR{vr.OB, vr.OW, vr.OL, vr.OV, vr.UN} {
		ds.SetBytes(private(i), v, []byte{1, 2, 3, 4, 5, 6, 7, 0xF8})
	}
	ds.SetUints(tag.ExtendedOffsetTable, 1, math.MaxUint64)
	ds.SetInts(tag.Rows, 512)
	ds.SetInts(tag.InstanceNumber, -1)
	want := [][]uint64{{1, 2, 3, 4, 5, 6, 7, 0xF8}, {0x0201, 0x0403, 0x0605, 0xF807}, {0x04030201, 0xF8070605}, {0xF807060504030201}, {1, 2, 3, 4, 5, 6, 7, 0xF8}}
	for _, ts := range []string{explicit, uid.ExplicitVRBigEndian} {
		back := read(t, encode(t, ds, ts)).DataSet
		for i, w := range want {
			e, _ := back.Get(private(i))
			if got := e.Uints(); !slices.Equal(got, w) {
				t.Errorf("%s: %v: %x, want %x", ts, e.VR, got, w)
			}
		}
		for tg, w := range map[tag.Tag][]uint64{tag.ExtendedOffsetTable: {1, math.MaxUint64}, tag.Rows: {512}, tag.InstanceNumber: nil, tag.SOPClassUID: nil} {
			e, _ := back.Get(tg)
			if got := e.Uints(); !slices.Equal(got, w) {
				t.Errorf("%s: %v: %x, want %x", ts, tg, got, w)
			}
		}
	}
	ds.SetUints(tag.Rows, math.MaxUint64)
	if ds.Err() == nil {
		t.Error("2^64-1 rows")
	}
}

// What is no decimal string, though a computer's parser may take it.
func TestDecimalStrings(t *testing.T) {
	for s, ok := range map[string]bool{"1": true, " +1.5e-3 ": true, ".5": true, "5.": true, "1E10": true, "inf": false, "NaN": false, "0x10": false, "1_000": false, "1,5": false, "": false, "1 2": false, "e5": false} {
		if _, err := parseDS(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
	f := read(t, part10(explicit, el(tag.PixelSpacing, "DS", `0.5\nan`+" "), el(tag.SliceThickness, "DS", "0x1p-2"), el(tag.InstanceNumber, "IS", "12.0")))
	if f.DataSet.Floats(tag.PixelSpacing) != nil || f.DataSet.Floats(tag.SliceThickness) != nil {
		t.Error("numbers that are none")
	}
	if n, ok := f.DataSet.Int(tag.InstanceNumber); n != 12 || !ok {
		t.Error("12.0 is twelve")
	}
}

func TestIntervals(t *testing.T) {
	east := time.FixedZone("", 3600)
	day := func(y, m, d, h, mi, s, ns int, z *time.Location) time.Time {
		return time.Date(y, time.Month(m), d, h, mi, s, ns, z)
	}
	clock := func(d time.Duration) time.Time { return time.Time{}.Add(d) }
	u := time.UTC
	for _, c := range []struct {
		v        vr.VR
		s        string
		zone     *time.Location
		from, to time.Time
	}{
		{vr.DA, "20261127", nil, day(2026, 11, 27, 0, 0, 0, 0, u), day(2026, 11, 28, 0, 0, 0, 0, u)},
		{vr.DA, "20261231", east, day(2026, 12, 31, 0, 0, 0, 0, east), day(2027, 1, 1, 0, 0, 0, 0, east)},
		{vr.DA, "20260101-20260131", nil, day(2026, 1, 1, 0, 0, 0, 0, u), day(2026, 2, 1, 0, 0, 0, 0, u)},
		{vr.DA, "-20260131", nil, time.Time{}, day(2026, 2, 1, 0, 0, 0, 0, u)},
		{vr.DA, "20260131-", nil, day(2026, 1, 31, 0, 0, 0, 0, u), time.Time{}},
		{vr.DA, "1997.07.04", nil, day(1997, 7, 4, 0, 0, 0, 0, u), day(1997, 7, 5, 0, 0, 0, 0, u)},
		{vr.TM, "10", nil, clock(10 * time.Hour), clock(11 * time.Hour)},
		{vr.TM, "10-1215", nil, clock(10 * time.Hour), clock(12*time.Hour + 16*time.Minute)},
		{vr.TM, "101530.25", nil, clock(10*time.Hour + 15*time.Minute + 30*time.Second + 250*time.Millisecond), clock(10*time.Hour + 15*time.Minute + 30*time.Second + 260*time.Millisecond)},
		{vr.DT, "2026", nil, day(2026, 1, 1, 0, 0, 0, 0, u), day(2027, 1, 1, 0, 0, 0, 0, u)},
		{vr.DT, "202602", east, day(2026, 2, 1, 0, 0, 0, 0, east), day(2026, 3, 1, 0, 0, 0, 0, east)},
		{vr.DT, "2026112710+0100", nil, day(2026, 11, 27, 10, 0, 0, 0, east), day(2026, 11, 27, 11, 0, 0, 0, east)},
		{vr.DT, "2026-0500", nil, day(2026, 1, 1, 5, 0, 0, 0, u), day(2027, 1, 1, 5, 0, 0, 0, u)},
		{vr.DT, "20261127101112.5-0500-20261128", nil, day(2026, 11, 27, 15, 11, 12, 500e6, u), day(2026, 11, 29, 0, 0, 0, 0, u)},
		{vr.DT, "20261127101112.123456", nil, day(2026, 11, 27, 10, 11, 12, 123456e3, u), day(2026, 11, 27, 10, 11, 12, 123457e3, u)},
	} {
		got, err := ParseInterval(c.v, c.s, c.zone)
		if err != nil || !got.From.Equal(c.from) || !got.To.Equal(c.to) {
			t.Errorf("%v %s: %v to %v, %v", c.v, c.s, got.From, got.To, err)
		}
		if got.From.IsZero() == false && !got.Contains(got.From) || got.To.IsZero() == false && got.Contains(got.To) {
			t.Errorf("%v %s: the first moment belongs to it, the last does not", c.v, c.s)
		}
	}
	for _, c := range []struct {
		v vr.VR
		s string
	}{{vr.DA, ""}, {vr.DA, "-"}, {vr.DA, "2026"}, {vr.DA, "20260201-20260101"}, {vr.TM, "25"}, {vr.DT, "20261301"}, {vr.LO, "x"}, {vr.DA, "20260101-x"}} {
		if got, err := ParseInterval(c.v, c.s, nil); err == nil {
			t.Errorf("%v %q is %v", c.v, c.s, got)
		}
	}
}

func TestSetTimes(t *testing.T) {
	ds := minimal()
	at := time.Date(2026, 11, 27, 2, 3, 4, 50_000_000, time.FixedZone("", -5*3600-1800))
	ds.SetDate(tag.StudyDate, at)
	ds.SetClock(tag.StudyTime, at)
	ds.SetDateTime(tag.AcquisitionDateTime, at)
	ds.SetClock(tag.SeriesTime, at.Truncate(time.Second))
	for tg, want := range map[tag.Tag]string{tag.StudyDate: "20261127", tag.StudyTime: "020304.050000", tag.AcquisitionDateTime: "20261127020304.050000-0530", tag.SeriesTime: "020304"} {
		if got := ds.String(tg); got != want {
			t.Errorf("%s: %q, want %q", tg.Keyword(), got, want)
		}
	}
	if d, err := ParseDT(ds.String(tag.AcquisitionDateTime)); err != nil || !d.Equal(at) {
		t.Errorf("%v, %v", d, err)
	}
	// Ranges of a query are longer than values, and go no further.
	for s, ok := range map[string]bool{"20260101-20260131": true, "20260101-": true, "2026-01-01": false, "20260101-20260131-20260201": false} {
		q := minimal()
		q.SetString(tag.StudyDate, s)
		if (q.Err() == nil) != ok {
			t.Errorf("%q: %v", s, q.Err())
		}
	}
}

func TestDetach(t *testing.T) {
	src := &failing{r: bytes.NewReader(encode(t, full2(), uid.ExplicitVRBigEndian))}
	f, err := Read(src, src.r.Size())
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.DataSet.Detach()
	if err != nil {
		t.Fatal(err)
	}
	src.after = 1 // the source is gone
	equal(t, full2(), c)
	if b := c.Bytes(tag.PixelData); len(b) != 1<<20 {
		t.Errorf("%d bytes", len(b))
	}
	bad := minimal()
	bad.SetInts(tag.Rows, -1)
	if _, err := bad.Detach(); err == nil {
		t.Error("a data set with an error")
	}
}

// Values as they are survive JSON, though they break their VR's limits; numbers that don't fit are refused.
func TestJSONKeepsWhatFilesHave(t *testing.T) {
	ds, err := ParseJSON([]byte(`{"00080020":{"vr":"DA","Value":["1994.11.05"]},"00200013":{"vr":"IS","Value":["1A"]},"00280030":{"vr":"DS","Value":[0.12345678901234567,"2"]},
		"00080050":{"vr":"SH","Value":["much longer than sixteen characters"]},"00100010":{"vr":"PN","Value":["Doe^Jane"]},"00100020":{"Value":["42"]},
		"7FE00001":{"vr":"OV","InlineBinary":"AQAAAAAAAAA="},"00200032":{"vr":"DS"},"00460146":{"vr":"FD","Value":["NaN"]},"00720082":{"vr":"SV","Value":["-5"]},"00720083":{"vr":"UV","Value":[18446744073709551615]}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for tg, want := range map[tag.Tag]string{tag.StudyDate: "1994.11.05", tag.InstanceNumber: "1A", tag.AccessionNumber: "much longer than sixteen characters", tag.PatientName: "Doe^Jane", tag.PatientID: "42",
		tag.SelectorSVValue: "-5", tag.SelectorUVValue: "18446744073709551615"} {
		if got := ds.String(tg); got != want {
			t.Errorf("%s: %q, want %q", tg.Keyword(), got, want)
		}
	}
	if got := fmt.Sprint(ds.Strings(tag.PixelSpacing)); got != "[0.12345678901234567 2]" {
		t.Errorf("%s", got)
	}
	for name, js := range map[string]string{"UV of 65 bits": `{"00720083":{"vr":"UV","Value":[18446744073709551616]}}`, "a backslash": `{"00100020":{"vr":"LO","Value":["a\\b"]}}`,
		"not ASCII in CS": `{"00080060":{"vr":"CS","Value":["Ü"]}}`, "two texts": `{"0040A160":{"vr":"UT","Value":["a","b"]}}`, "half a number": `{"00280010":{"vr":"US","Value":[1.5]}}`} {
		if _, err := ParseJSON([]byte(js), nil); err == nil || strings.Contains(err.Error(), "Ü") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
