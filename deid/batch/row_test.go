package batch

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func TestBandsAndNames(t *testing.T) {
	for in, want := range map[string]string{"045Y": "40-49", "090Y": "90+", "006M": "0-9", "": "", "x": ""} {
		if got := ageBand(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for in, want := range map[string]string{"FrameRate": "frame_rate", "KVP": "kvp", "MRClass": "mr_class", "Path": "path", "SOPClass": "sop_class"} {
		if got := snake(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestAnonymity(t *testing.T) {
	rows := []*Row{{Patient: "a", Sex: "F", AgeBand: "40-49", StudyDate: "20200101"}, {Patient: "a", Sex: "F", AgeBand: "40-49", StudyDate: "20200120"},
		{Patient: "b", Sex: "F", AgeBand: "40-49", StudyDate: "20200105"}, {Patient: "c", Sex: "M", AgeBand: "90+", StudyDate: "20200105"}}
	a := anonymity(rows)
	if a.Smallest != 1 || a.Alone != 1 || len(a.Groups) != 2 || a.Groups[1].Patients != 2 || a.Groups[1].Month != "202001" {
		t.Errorf("%+v", a)
	}
	if a := anonymity(nil); a.Smallest != 0 || len(a.Groups) != 0 {
		t.Errorf("%+v", a)
	}
}

func TestParquetHasTheRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.parquet")
	rows := []*Row{{Path: "A/B", Rows: 512, RowSpacing: 0.5, Contrast: true, Modality: "CT"}, {Path: "A/C", Frames: 3}}
	if err := writeParquet(path, rows); err != nil {
		t.Fatal(err)
	}
	type some struct {
		Path       string  `parquet:"path"`
		Rows       int64   `parquet:"rows"`
		RowSpacing float64 `parquet:"row_spacing"`
		Contrast   bool    `parquet:"contrast"`
		Frames     int64   `parquet:"frames"`
	}
	back, err := parquet.ReadFile[some](path)
	if err != nil {
		t.Fatal(err)
	}
	if want := []some{{"A/B", 512, 0.5, true, 0}, {"A/C", 0, 0, false, 3}}; !slices.Equal(back, want) {
		t.Errorf("%+v", back)
	}
	if err := writeParquet(path, nil); err != nil {
		t.Error(err)
	}
}
