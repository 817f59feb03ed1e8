package cohort

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// TestLabels: columns come to the items by each key, from CSV and Parquet, and serve as those of a table do.
func TestLabels(t *testing.T) {
	archive, _ := echoArchive(t, nil, "")
	root := folder(t, map[string]string{
		"p.csv": "PatientID,ef,dead\nP1,50,0\nP2,60,1\n P3 ,,0\nP9,1,1\n,2,1\n",
		"a.csv": "acc;ef;sex2\nA1;50;F\nA2;60;M\nA2;60;M\nA3;55;F\nA4;51;F\n",
		"u.csv": "StudyInstanceUID,ef\n1.2.1,50\n1.2.2,60\n1.2.3,55\n1.2.4,51\n",
		"i.csv": "SOPInstanceUID,ef\n1.2.4.1.1,51\n",
	})
	type outcome struct {
		AccessionNumber string  `parquet:"AccessionNumber"`
		EF              float64 `parquet:"ef"`
	}
	if err := parquet.WriteFile(filepath.Join(root, "a.parquet"), []outcome{{"A1", 50}, {"A2", 60}, {"A3", 55}, {"A4", 51}}); err != nil {
		t.Fatal(err)
	}
	us := map[string]string{"Modality": "US"}
	for name, c := range map[string]struct {
		labels LabelsSpec
		each   string
		want   map[string]float64 // by key
		left   int
		warns  []string
	}{
		"patients": {LabelsSpec{Table: "p.csv", On: "PatientID"}, "", map[string]float64{"1.2.1.1.1": 50, "1.2.2.1.1": 60, "1.2.3.1.1": math.NaN()}, 1,
			[]string{"1 of the 4 keys", "1 items are left out: p.csv has no row", "1 rows of p.csv have no key"}},
		"kept": {LabelsSpec{Table: "p.csv", On: "PatientID", Missing: MissingKeep}, "",
			map[string]float64{"1.2.1.1.1": 50, "1.2.2.1.1": 60, "1.2.3.1.1": math.NaN(), "1.2.4.1.1": math.NaN()}, 0, nil},
		"accession, rows that agree": {LabelsSpec{Table: "a.csv", On: "AccessionNumber", Column: "acc"}, "",
			map[string]float64{"1.2.1.1.1": 50, "1.2.2.1.1": 60, "1.2.3.1.1": 55, "1.2.4.1.1": 51}, 0, nil},
		"studies":   {LabelsSpec{Table: "u.csv", On: "StudyInstanceUID"}, "", map[string]float64{"1.2.1.1.1": 50, "1.2.2.1.1": 60, "1.2.3.1.1": 55, "1.2.4.1.1": 51}, 0, nil},
		"parquet":   {LabelsSpec{Table: "a.parquet", On: "AccessionNumber"}, "", map[string]float64{"1.2.1.1.1": 50, "1.2.2.1.1": 60, "1.2.3.1.1": 55, "1.2.4.1.1": 51}, 0, nil},
		"instances": {LabelsSpec{Table: "i.csv", On: "SOPInstanceUID"}, EachInstance, map[string]float64{"1.2.4.1.1": 51}, 3, nil},
		"some columns": {LabelsSpec{Table: "p.csv", On: "PatientID", Columns: []string{"ef"}}, "",
			map[string]float64{"1.2.1.1.1": 50, "1.2.2.1.1": 60, "1.2.3.1.1": math.NaN()}, 1, nil},
	} {
		got := mustLoad(t, Spec{Archive: archive, Root: root, Query: us, Each: c.each, Labels: &c.labels, Targets: []TargetSpec{{Name: "ef", Kind: "regression"}}})
		truth := map[string]float64{}
		for _, r := range got.Rows {
			truth[r.ID] = r.Truth["ef"][0]
		}
		same := cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })
		if diff := cmp.Diff(c.want, truth, same); diff != "" || len(got.Quarantine) > 0 || got.Flow[0].Rows != 4 || got.Flow[0].Rows-len(got.Rows) != c.left {
			t.Errorf("%s: %s%+v %+v", name, diff, got.Quarantine, got.Flow)
		}
		for _, w := range c.warns {
			if !strings.Contains(strings.Join(got.Warnings, "; "), w) {
				t.Errorf("%s: %q is not said: %v", name, w, got.Warnings)
			}
		}
		if strings.Contains(strings.Join(got.Columns, " "), "dead") != (c.labels.Table == "p.csv" && c.labels.Columns == nil) {
			t.Errorf("%s: columns %v", name, got.Columns)
		}
	}
	some := mustLoad(t, Spec{Archive: archive, Root: root, Query: us, Labels: &LabelsSpec{Table: "p.csv", On: "PatientID"}, Where: map[string]string{"dead": "1", "site": "H2"}})
	if diff := cmp.Diff([]string{"1.2.2.1.1"}, ids(some)); diff != "" {
		t.Error(diff)
	}
}

// TestLabelsThatAreUnsure: an item whose labels are not certainly its own is left out, with a reason that names nobody.
func TestLabelsThatAreUnsure(t *testing.T) {
	archive, at := echoArchive(t, nil, "")
	add := func(name string, edit func(*dicom.DataSet)) {
		writeDICOM(t, filepath.Join(at, name), 2, edit)
		put(t, archive, filepath.Join(at, name))
	}
	add("none", func(ds *dicom.DataSet) { echoOf(5)(ds); ds.Delete(tag.AccessionNumber) })
	add("again", func(ds *dicom.DataSet) { echoOf(6)(ds); ds.SetString(tag.AccessionNumber, "A1") })
	add("here", func(ds *dicom.DataSet) { echoOf(7)(ds); ds.SetString(tag.IssuerOfPatientID, "north") })
	add("there", func(ds *dicom.DataSet) {
		echoOf(8)(ds)
		ds.SetString(tag.PatientID, "P7")
		ds.SetString(tag.IssuerOfPatientID, "south")
	})
	root := t.TempDir()
	load := func(on, text, missing string) map[string]string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, "labels.csv"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := mustLoad(t, Spec{Archive: archive, Root: root, Query: map[string]string{"Modality": "US"}, Labels: &LabelsSpec{Table: "labels.csv", On: on, Missing: missing}})
		out := map[string]string{}
		for _, r := range c.Rows {
			out[r.ID] = "used"
		}
		for _, q := range c.Quarantine {
			out[q.ID] = q.Reason
			for _, name := range []string{"A1", "P7", "north", "1.2."} {
				if strings.Contains(q.Reason, name) {
					t.Errorf("the reason names %s: %s", name, q.Reason)
				}
			}
		}
		return out
	}
	accession := "AccessionNumber,ef\nA1,50\nA2,60\nA2,61\nA3,55\nA7,1\nA8,1\n"
	for _, missing := range []string{"", MissingKeep} {
		got := load("AccessionNumber", accession, missing)
		several := "its AccessionNumber stands for several patients in the archive, so that no row of labels.csv is certainly its own"
		want := map[string]string{
			"1.2.1.1.1": several, "1.2.6.1.1": several, "1.2.2.1.1": "labels.csv has rows that differ for its AccessionNumber: lines 3 and 4",
			"1.2.3.1.1": "used", "1.2.7.1.1": "used", "1.2.8.1.1": "used",
		}
		if missing == MissingKeep { // without a row, and without a number
			want["1.2.4.1.1"], want["1.2.5.1.1"] = "used", "used"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	got := load("PatientID", "PatientID,ef\nP1,50\nP7,60\n", "")
	several := "its PatientID stands for several patients in the archive, so that no row of labels.csv is certainly its own"
	if got["1.2.7.1.1"] != several || got["1.2.8.1.1"] != several || got["1.2.1.1.1"] != "used" {
		t.Errorf("%v", got)
	}
}
