package batch

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

func with(pairs ...any) *dicom.DataSet {
	ds := dicom.NewDataSet()
	for i := 0; i < len(pairs); i += 2 {
		t := pairs[i].(tag.Tag)
		switch v := pairs[i+1].(type) {
		case string:
			ds.SetText(t, t.VR(), v)
		case []string:
			ds.SetText(t, t.VR(), v...)
		case float64:
			ds.SetFloats(t, v)
		}
	}
	return ds
}

// The first attribute of the chain decides; a rate is never assumed.
func TestFrameRate(t *testing.T) {
	for _, c := range []struct {
		ds   *dicom.DataSet
		want float64
		from string
	}{
		{with(tag.CineRate, "40", tag.FrameTime, "20"), 40, "CineRate"},
		{with(tag.RecommendedDisplayFrameRate, "25", tag.FrameTime, "20"), 25, "RecommendedDisplayFrameRate"},
		{with(tag.FrameTime, "20"), 50, "FrameTime"},
		{with(tag.FrameTimeVector, []string{"0", "10", "30"}), 50, "FrameTimeVector"},
		{with(tag.EffectiveDuration, "2", tag.NumberOfFrames, "60"), 30, "EffectiveDuration"},
		{with(tag.CineRate, "0"), 0, ""},
		{with(), 0, ""},
	} {
		if got, from := frameRate(c.ds); got != c.want || from != c.from {
			t.Errorf("%v from %q, want %v from %q", got, from, c.want, c.from)
		}
	}
}

func TestMRClass(t *testing.T) {
	for _, c := range []struct {
		ds   *dicom.DataSet
		want string
	}{
		{with(tag.ScanningSequence, "SE", tag.RepetitionTime, "500", tag.EchoTime, "12"), "T1"},
		{with(tag.ScanningSequence, "SE", tag.RepetitionTime, "4000", tag.EchoTime, "100"), "T2"},
		{with(tag.ScanningSequence, "SE", tag.RepetitionTime, "3000", tag.EchoTime, "20"), "PD"},
		{with(tag.ScanningSequence, []string{"SE", "IR"}, tag.RepetitionTime, "9000", tag.EchoTime, "120", tag.InversionTime, "2500"), "FLAIR"},
		{with(tag.ScanningSequence, []string{"GR", "IR"}, tag.RepetitionTime, "2300", tag.EchoTime, "3", tag.InversionTime, "900", tag.FlipAngle, "9"), "T1"},
		{with(tag.ScanningSequence, "GR", tag.EchoTime, "20", tag.FlipAngle, "20"), "T2*"},
		{with(tag.AngioFlag, "Y", tag.ScanningSequence, "GR"), "angiography"},
		{with(tag.SeriesDescription, "DWI b800"), "DWI"},
		{with(), ""},
	} {
		if got, rule, sure := mrClass(c.ds); got != c.want || (got != "") != (rule != "" && sure > 0 && sure <= 1) {
			t.Errorf("%q by %q (%v), want %q", got, rule, sure, c.want)
		}
	}
	enhanced := dicom.NewDataSet()
	item, inner := dicom.NewDataSet(), with(tag.EchoTime, "100", tag.RepetitionTime, "4000")
	item.SetSequence(tag.MREchoSequence, inner)
	enhanced.SetSequence(tag.SharedFunctionalGroupsSequence, item)
	if got, _, _ := mrClass(enhanced); got != "T2" {
		t.Errorf("in functional groups: %q", got)
	}
	private := with()
	private.SetText(tag.New(0x19, 0x10), vr.LO, "SIEMENS MR HEADER")
	private.SetText(tag.New(0x19, 0x100C), vr.IS, "1000")
	if got, _, _ := mrClass(private); got != "DWI" {
		t.Errorf("private b-value: %q", got)
	}
}

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
