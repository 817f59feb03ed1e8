package cohort

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// TestDescribe works on a table small enough to count by hand: 14 rows of 12 patients, one file absent, half of the weights missing.
func TestDescribe(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var table strings.Builder
	table.WriteString("file,who,sex,device,weight,ef,part,note\n")
	for i := range 14 {
		name := string(rune('a'+i)) + ".npy"
		if i != 13 {
			put(name, "x")
		}
		weight := ""
		if i%2 == 0 {
			weight = "7" + string(rune('0'+i/2))
		}
		sex, device, part := "F", "Zonare", "train"
		if i >= 6 {
			sex = "M"
		}
		if i == 3 {
			device = "One-off"
		}
		if i >= 10 {
			part = "test"
		}
		who := "p" + string(rune('a'+i))
		if i == 1 || i == 2 {
			who = "pa" // with row 0: one patient of three rows
		}
		table.WriteString(strings.Join([]string{name, who, sex, device, weight, "5" + string(rune('0'+i%10)), part, ""}, ",") + "\n")
	}
	put("t.csv", table.String())
	c, err := Load(t.Context(), Spec{Root: dir, Table: "t.csv", File: "{file}", Patient: "who", Subgroups: []string{"sex"}, Targets: []TargetSpec{{Name: "ef", Kind: Regression}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Split(SplitSpec{Name: "given", By: ByColumn, Column: "part"}, stats.Seed(3))
	if err != nil {
		t.Fatal(err)
	}
	d := c.Describe([]*Split{s})
	if d.Items != 13 || d.Patients != 11 || len(d.Left) != 1 || d.Left[0].Rows != 1 {
		t.Errorf("%+v", d)
	}
	rows := 0
	for _, p := range d.Parts {
		rows += p.Rows
		if p.Part == "test" && (p.Rows != 3 || p.Patients != 3 || p.Targets[0].Known != 3 || p.Targets[0].Values.Median != 51) {
			t.Errorf("test part %+v", p) // rows 10, 11, 12: EF 50, 51, 52
		}
	}
	if rows != 13 || len(d.Parts) != 3 {
		t.Errorf("%d rows in %d parts", rows, len(d.Parts))
	}
	if len(d.Groups) != 2 || d.Groups[0].Value != "F" || d.Groups[0].Rows != 6 || d.Groups[0].Patients != 4 || d.Groups[1].Rows != 7 {
		t.Errorf("groups %+v", d.Groups)
	}
	of := map[string]ColumnSummary{}
	for _, col := range d.Columns {
		of[col.Name] = col
	}
	if w := of["weight"]; w.Kind != columnNumber || w.Known != 7 || w.Missing != 6 || w.Values.Min != 70 || w.Values.Max != 76 {
		t.Errorf("weight %+v", w)
	}
	if v := of["device"]; v.Kind != columnWords || len(v.Common) != 1 || v.Common[0].Name != "Zonare" || v.Common[0].Rows != 12 || v.Rare != 1 {
		t.Errorf("device %+v", v)
	}
	if of["who"].Kind != columnKey || of["note"].Kind != columnEmpty {
		t.Errorf("who %+v, note %+v", of["who"], of["note"])
	}
	if w := of["weight"]; !slices.ContainsFunc(w.Parts, func(p PartMissing) bool { return p.Part == "test" && p.Share > 0.33 && p.Share < 0.34 }) {
		t.Errorf("missing by part %+v", w.Parts) // rows 10 and 12 have a weight, 11 has none
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"One-off", `"pa"`, "a.npy"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("the sheet names %s", secret)
		}
	}
}
