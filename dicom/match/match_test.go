package match

import (
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		v      vr.VR
		text   string
		kind   Kind
		values []string
	}{
		{vr.LO, "", Universal, nil}, {vr.LO, " \x00", Universal, nil}, {vr.PN, "*", Universal, nil}, {vr.PN, "**", Universal, nil},
		{vr.UI, "1.2.3", Single, []string{"1.2.3"}}, {vr.UI, "1.2\\1.3\x00", List, []string{"1.2", "1.3"}}, {vr.UI, "1.2*", Single, []string{"1.2*"}},
		{vr.PN, "DOE*", Wildcard, []string{"DOE*"}}, {vr.CS, "C?", Wildcard, []string{"C?"}}, {vr.IS, "1*", Single, []string{"1*"}},
		{vr.DA, "20240101", Single, []string{"20240101"}}, {vr.DA, "20240101-", Range, []string{"20240101", ""}}, {vr.DA, "-20240101", Range, []string{"", "20240101"}},
		{vr.DA, "20240101 - 20240131", Range, []string{"20240101", "20240131"}}, {vr.DA, "-", Universal, nil}, {vr.TM, "10-1130", Range, []string{"10", "1130"}},
		{vr.DT, "20240101103000-0500", Single, []string{"20240101103000-0500"}}, {vr.DT, "20240101-20240102", Range, []string{"20240101", "20240102"}},
		{vr.DT, "20240101103000-0500-", Range, []string{"20240101103000-0500", ""}}, {vr.LO, "a-b", Single, []string{"a-b"}}, {vr.LT, `a\b`, Single, []string{`a\b`}},
		{vr.SH, `a\b*`, Wildcard, []string{`a\b*`}}, {vr.SQ, "", Sequence, nil},
	} {
		if k := Parse(c.v, c.text); k.Kind != c.kind || !slices.Equal(k.Values, c.values) || k.VR != c.v {
			t.Errorf("%v %q: %d %q, want %d %q", c.v, c.text, k.Kind, k.Values, c.kind, c.values)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		v     vr.VR
		key   string
		value string
		want  bool
	}{
		// text is exact, names are not
		{vr.LO, "abc", "abc", true}, {vr.LO, "abc", "ABC", false}, {vr.LO, "abc", "abcd", false}, {vr.LO, "", "abc", true}, {vr.LO, "abc", "", false}, {vr.LO, "", "", true},
		{vr.PN, "doe^jane", "Doe^Jane", true}, {vr.PN, "Müller", "MULLER", true}, {vr.PN, "Doe^Jane^^", "Doe^Jane", true}, {vr.PN, "Doe", "Doe^Jane", false},
		{vr.PN, "Yamada^Tarou", "Yamada^Tarou=山田^太郎=やまだ^たろう", true}, {vr.PN, "=山田^太郎", "Yamada^Tarou=山田^太郎", true}, {vr.PN, "=山田^花子", "Yamada^Tarou=山田^太郎", false},
		{vr.PN, "Yamada=X", "Yamada", false},
		// wildcards
		{vr.PN, "d*", "Doe^Jane", true}, {vr.PN, "*jane", "Doe^Jane", true}, {vr.PN, "d?e*", "Doe^Jane", true}, {vr.PN, "d?e", "Doe^Jane", false},
		{vr.LO, "a*b*c", "axxbyyc", true}, {vr.LO, "a*b*c", "axxbyy", false}, {vr.LO, "*", "", true}, {vr.LO, "?*", "", false}, {vr.LO, "a?", "aé", true}, {vr.LO, "A*", "abc", false},
		{vr.LO, "*a*a*a*a*a*a*a*a*b", strings.Repeat("a", 5000), false},
		// lists
		{vr.UI, `1.2\1.3`, "1.3", true}, {vr.UI, `1.2\1.3`, "1.4", false}, {vr.CS, `CT\MR`, "MR", true},
		// numbers by value
		{vr.IS, "5", "05", true}, {vr.DS, "1.50", "1.5", true}, {vr.IS, "5", "6", false}, {vr.DS, "x", "y", false},
		// dates
		{vr.DA, "20240115", "20240115", true}, {vr.DA, "20240115", "2024.01.15", true}, {vr.DA, "20240101-20240131", "20240131", true}, {vr.DA, "20240101-20240131", "20240201", false},
		{vr.DA, "20240101-", "20991231", true}, {vr.DA, "20240101-", "20231231", false}, {vr.DA, "-20240101", "20240101", true}, {vr.DA, "-20240101", "20240102", false},
		{vr.DA, "20240101-", "nonsense", false}, {vr.DA, "nonsense-", "20240101", false}, {vr.DA, "-nonsense", "20240101", false},
		// times: an end of limited precision includes all of what it names
		{vr.TM, "10", "103000", true}, {vr.TM, "10", "110000", false}, {vr.TM, "1030", "103059.999", true}, {vr.TM, "103000", "103000.5", true}, {vr.TM, "103000.5", "103000.55", true},
		{vr.TM, "10-1030", "103059", true}, {vr.TM, "10-1030", "103100", false}, {vr.TM, "10-1030", "095959", false}, {vr.TM, "-1030", "000000", true},
		// date and time, with zones
		{vr.DT, "2024", "20240615120000", true}, {vr.DT, "202406", "20240615", true}, {vr.DT, "20240615", "202406151200", true}, {vr.DT, "2024061512", "20240615125959", true},
		{vr.DT, "202406151200", "20240615120059", true}, {vr.DT, "20240615120000", "20240615120000.5", true}, {vr.DT, "20240615120000.5", "20240615120000.5", true},
		{vr.DT, "20240615120000+0200", "20240615100000+0000", true}, {vr.DT, "20240615-20240616", "20240616235959", true}, {vr.DT, "20240615-20240616", "20240617", false},
	} {
		if got := Parse(c.v, c.key).Matches([]string{c.value}); got != c.want {
			t.Errorf("%v: key %q, value %q: %v", c.v, c.key, c.value, got)
		}
	}
	// one of several values is enough (PS3.4 C.2.2.2.1), none is not
	if k := Parse(vr.CS, "US"); !k.Matches([]string{"CT", "US"}) || k.Matches(nil) {
		t.Error("several values")
	}
}

// worklist is an entry with a sequence of two steps.
func worklist(t *testing.T) *dicom.DataSet {
	t.Helper()
	step := func(modality, date, aet string) *dicom.DataSet {
		ds := dicom.NewDataSet()
		ds.SetString(tag.Modality, modality)
		ds.SetString(tag.ScheduledProcedureStepStartDate, date)
		ds.SetString(tag.ScheduledStationAETitle, aet)
		return ds
	}
	ds := dicom.NewDataSet()
	ds.SetString(tag.SpecificCharacterSet, "ISO_IR 100")
	ds.SetString(tag.PatientName, "Müller^Änne")
	ds.SetString(tag.PatientID, "7")
	ds.SetSequence(tag.ScheduledProcedureStepSequence, step("US", "20240115", "ECHO1"), step("CT", "20240116", "CT1"))
	if ds.Err() != nil {
		t.Fatal(ds.Err())
	}
	return ds
}

func stepKeys(pairs ...string) *dicom.DataSet {
	item := dicom.NewDataSet()
	for i := 0; i < len(pairs); i += 2 {
		k, _ := tag.ByKeyword(pairs[i])
		item.SetBytes(k, k.VR(), []byte(pairs[i+1]))
	}
	ds := dicom.NewDataSet()
	ds.SetSequence(tag.ScheduledProcedureStepSequence, item)
	return ds
}

func TestDataSets(t *testing.T) {
	ds := worklist(t)
	for name, c := range map[string]struct {
		keys *dicom.DataSet
		want bool
	}{
		"a step":                {stepKeys("Modality", "US"), true},
		"one step, two keys":    {stepKeys("Modality", "US", "ScheduledProcedureStepStartDate", "20240115-20240115"), true},
		"two steps, a key each": {stepKeys("Modality", "US", "ScheduledStationAETitle", "CT1"), false},
		"no such step":          {stepKeys("Modality", "MR"), false},
		"universal step":        {stepKeys("Modality", "", "ScheduledStationAETitle", "*"), true},
		"no keys":               {dicom.NewDataSet(), true},
		"empty sequence": {func() *dicom.DataSet {
			d := dicom.NewDataSet()
			d.SetSequence(tag.ScheduledProcedureStepSequence)
			return d
		}(), true},
		"level is no key":         {func() *dicom.DataSet { d := dicom.NewDataSet(); d.SetString(tag.QueryRetrieveLevel, "STUDY"); return d }(), true},
		"name in another charset": {func() *dicom.DataSet { d := dicom.NewDataSet(); d.SetString(tag.PatientName, "müller^ä*"); return d }(), true},
		"absent attribute":        {func() *dicom.DataSet { d := dicom.NewDataSet(); d.SetString(tag.AccessionNumber, "1"); return d }(), false},
		"absent sequence": {func() *dicom.DataSet {
			d, i := dicom.NewDataSet(), dicom.NewDataSet()
			i.SetString(tag.CodeValue, "1")
			d.SetSequence(tag.RequestedProcedureCodeSequence, i)
			return d
		}(), false},
	} {
		if got := Matches(c.keys, ds); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	// A universal key inside a sequence matches entries without the sequence too.
	if !Matches(stepKeys("Modality", ""), dicom.NewDataSet()) {
		t.Error("universal keys ask for a sequence")
	}
}

func TestAnswer(t *testing.T) {
	keys := stepKeys("Modality", "US", "ScheduledStationAETitle", "")
	keys.SetString(tag.QueryRetrieveLevel, "STUDY")
	keys.SetEmpty(tag.PatientName)
	keys.SetEmpty(tag.AccessionNumber)
	keys.SetSequence(tag.RequestedProcedureCodeSequence)
	got := Answer(keys, worklist(t))
	if got.Err() != nil {
		t.Fatal(got.Err())
	}
	steps := got.Sequence(tag.ScheduledProcedureStepSequence)
	if len(steps) != 1 || steps[0].String(tag.ScheduledStationAETitle) != "ECHO1" || steps[0].Has(tag.ScheduledProcedureStepStartDate) {
		t.Errorf("%d steps", len(steps))
	}
	if got.String(tag.PatientName) != "Müller^Änne" || got.Has(tag.PatientID) || !got.Has(tag.AccessionNumber) || !got.Has(tag.RequestedProcedureCodeSequence) ||
		got.String(tag.QueryRetrieveLevel) != "STUDY" || got.String(tag.SpecificCharacterSet) != "ISO_IR 100" {
		t.Error("attributes of the answer")
	}
	// A sequence key without an item asks for all of it.
	whole := dicom.NewDataSet()
	whole.SetSequence(tag.ScheduledProcedureStepSequence)
	if steps := Answer(whole, worklist(t)).Sequence(tag.ScheduledProcedureStepSequence); len(steps) != 2 || !steps[1].Has(tag.ScheduledProcedureStepStartDate) {
		t.Errorf("%d steps", len(steps))
	}
}

func FuzzParse(f *testing.F) {
	f.Add("PN", "Doe^*?", "Doe^Jane")
	f.Add("DT", "20240101103000-0500-", "2024")
	f.Fuzz(func(t *testing.T, v, key, value string) {
		if len(v) != 2 || len(key) > 200 || len(value) > 200 {
			return
		}
		k := Parse(vr.VR(v[0])<<8|vr.VR(v[1]), key)
		if k.Kind == Universal && !k.Matches(nil) {
			t.Error("universal keys match everything")
		}
		k.Matches([]string{value})
	})
}
