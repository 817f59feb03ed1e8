package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
)

func sheetPage(t *testing.T, p DataSheetPage) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteDataSheet(&b, p); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, b.String())
	return b.String()
}

// TestDataSheet: the numbers that the sheet was given stand on the page, in words; an evil name stays text.
func TestDataSheet(t *testing.T) {
	ef := func(rows int, low, middle, high float64) cohort.TargetSummary {
		return cohort.TargetSummary{Name: "EF", Kind: cohort.Regression, Unit: "%", Known: rows, Missing: 2,
			Values: &cohort.Distribution{N: rows, P5: low, Median: middle, P95: high}}
	}
	view := func(a, b int) cohort.TargetSummary {
		return cohort.TargetSummary{Name: "view", Kind: cohort.Class, Known: a + b, Classes: []cohort.Count{{Name: "A4C", Rows: a}, {Name: "PLAX", Rows: b}}}
	}
	died := func(k, n int) cohort.TargetSummary {
		return cohort.TargetSummary{Name: "died", Kind: cohort.Binary, Known: n, Classes: []cohort.Count{{Name: "0", Rows: n - k}, {Name: "1", Rows: k}}}
	}
	const evil = `<script>alert("x")</script>`
	s := &cohort.DataSheet{Items: 12345, Patients: 900, Sites: 3, Sha256: "abc",
		Whole:  cohort.Balance{Rows: 12345, Patients: 900, Targets: []cohort.TargetSummary{ef(100, 20, 55, 70), view(60, 40), died(25, 100)}},
		Parts:  []cohort.Balance{{Split: "by site", Part: "test", Rows: 45, Patients: 30, Targets: []cohort.TargetSummary{ef(40, 30, 61, 68), view(10, 30), died(0, 0)}}},
		Groups: []cohort.GroupBalance{{Group: "sex", Value: "", Balance: cohort.Balance{Rows: 5, Patients: 4, Targets: []cohort.TargetSummary{ef(5, 44, 45, 46), view(5, 0), died(1, 5)}}}},
		Columns: []cohort.ColumnSummary{{Name: evil, Kind: "words", Known: 90, Missing: 10, Common: []cohort.Count{{Name: "Zonare", Rows: 88}}, Rare: 2,
			Parts: []cohort.PartMissing{{Part: "test", Share: 0.25}}}, {Name: "id", Kind: "key", Known: 100, Distinct: 100}},
	}
	f := &cohort.Fingerprint{Sampled: 64, Frames: cohort.Distribution{N: 64, P5: 20, Median: 40, P95: 60}, FrameRate: &cohort.Distribution{N: 50, P5: 25, Median: 50, P95: 80},
		Formats: map[string]int{"dicom": 64}}
	doubts := []cohort.Verdict{
		{Facts: cohort.Facts{Line: 7}, Reject: true, Doubts: []cohort.Doubt{{Rule: "blank", Reason: "100 % of frames have one value"}}},
		{Facts: cohort.Facts{Line: 9}, Doubts: []cohort.Doubt{{Rule: "blank", Reason: "60 %"}, {Rule: "frozen", Reason: "70 %"}}}}
	html := sheetPage(t, DataSheetPage{Title: "Echo " + evil, Sheet: s, Files: f, Looked: 12345, Doubts: doubts,
		Flow: Flow{Found: Count{Items: 12347}, Usable: Count{12345, 900}, Quarantined: []Exclusion{{"the file is empty", 2}}}})
	for _, want := range []string{
		"12\u202f345 items of 900 patients from 3 sites.", "EF is known for 100 items and missing for 2; median 55.0\u00a0%",
		"the commonest of 2 is A4C with 60\u00a0%", "25\u00a0% of them positive", "by site", "61.0", "30.0\u00a0to\u00a068.0", "not known for any item",
		"30 (75\u00a0%)", "Zonare 88, others 2", "10 (10\u00a0%); test 25\u00a0%", "keys, 100 different", "frames a second (known for 50)",
		"2 have a doubt, 1 of them hold no usable picture", "line 7: 100 % of frames have one value", "unknown", "the file is empty",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(html, "<script") {
		t.Error("a name became markup")
	}
}

// TestEmptyDataSheet: no targets, no splits, nothing decoded.
func TestEmptyDataSheet(t *testing.T) {
	html := sheetPage(t, DataSheetPage{Title: "x", Sheet: &cohort.DataSheet{Items: 1, Patients: 1}, Flow: Flow{Found: Count{Items: 1}, Usable: Count{1, 1}}})
	if strings.Contains(html, "Quality</h2>") || strings.Contains(html, "Files</h2>") {
		t.Error("empty sections are shown")
	}
}
