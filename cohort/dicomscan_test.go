package cohort

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// writeDICOM writes a 2×3 image of n frames; edit changes the header.
func writeDICOM(t *testing.T, path string, n int, edit func(*dicom.DataSet)) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.UltrasoundMultiFrameImageStorage)
	ds.SetString(tag.SOPInstanceUID, "1.2."+fmt.Sprint(len(path))+".1")
	ds.SetString(tag.StudyInstanceUID, "1.2.3")
	ds.SetString(tag.SeriesInstanceUID, "1.2.3.4")
	ds.SetString(tag.PatientName, "Doe^Jane")
	ds.SetString(tag.PatientID, "ID7")
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetInts(tag.Rows, 2)
	ds.SetInts(tag.Columns, 3)
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	if n > 1 {
		ds.SetInts(tag.NumberOfFrames, n)
	}
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 6*n))
	edit(ds)
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	if err := dicom.WriteFile(path, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestScanDICOM(t *testing.T) {
	root := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	writeDICOM(t, at("b", "cine"), 4, func(ds *dicom.DataSet) {
		ds.SetString(tag.Modality, "US")
		ds.SetString(tag.ViewName, "A4C ")
		ds.SetString(tag.StageName, "Rest")
		ds.SetInts(tag.HeartRate, 61)
		ds.SetFloats(tag.FrameTimeVector, 999, 30, 40, 50)
		ds.SetString(tag.PatientAge, "052Y")
	})
	code := dicom.NewDataSet()
	code.SetString(tag.CodeMeaning, "apical")
	writeDICOM(t, at("a.dcm"), 1, func(ds *dicom.DataSet) { // no position: a picture of its own
		ds.SetFloats(tag.FrameTime, 33.5)
		ds.SetSequence(tag.ViewCodeSequence, code)
		ds.SetInts(tag.ViewNumber, 3)
		ds.Delete(tag.PatientID)
	})
	for i := range 3 {
		writeDICOM(t, at("ct", fmt.Sprint("s", i)), 1, func(ds *dicom.DataSet) {
			ds.SetString(tag.Modality, "CT")
			ds.SetFloats(tag.ImagePositionPatient, 0, 0, float64(i))
			ds.SetInts(tag.ViewNumber, 2)
			ds.SetInts(tag.CineRate, 20)
		})
	}
	writeDICOM(t, at("ct", "lone"), 1, func(ds *dicom.DataSet) {
		ds.SetFloats(tag.ImagePositionPatient, 0, 0, 9)
		ds.SetString(tag.SeriesInstanceUID, "1.2.3.5")
	})
	writeDICOM(t, at("report"), 1, func(ds *dicom.DataSet) { ds.Delete(tag.Rows, tag.Columns, tag.PixelData) })
	writeDICOM(t, at(".hidden", "x.dcm"), 1, func(*dicom.DataSet) {})
	for name, content := range map[string]string{"broken.dcm": "not DICOM at all", "readme.txt": "hello", "empty": ""} {
		if err := os.WriteFile(at(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := mustLoad(t, Spec{Root: root, Table: "dicom", Subgroups: []string{"age:50"}})
	var got []string
	for i, r := range c.Rows {
		var cells []string
		for _, name := range []string{"modality", "view", "view_no", "stage", "heart_rate", "frame_time_ms", "frames", "rows", "columns"} {
			v, _ := c.Value(i, name)
			cells = append(cells, v)
		}
		got = append(got, fmt.Sprint(r.ID, "|", strings.TrimPrefix(r.Path, root), "|", r.Patient, "|", r.Groups[0], "|", strings.Join(cells, ",")))
	}
	if d := cmp.Diff([]string{
		"a.dcm|/a.dcm|1.2.3||,apical,3,,,33.5,1,2,3",
		"b/cine|/b/cine|ID7|>=50|US,A4C,,Rest,61,40,4,2,3",
		"ct#1.2.3.4|/ct#1.2.3.4|ID7||CT,view 2,2,,,50,3,2,3",
		"ct/lone|/ct/lone|ID7||,,,,,,1,2,3",
	}, got); d != "" {
		t.Error(d)
	}
	if len(c.Quarantine) != 1 || c.Quarantine[0].ID != "broken.dcm" || c.Quarantine[0].Reason == "" {
		t.Errorf("quarantine %v", c.Quarantine)
	}
	if c.Spec.Patient != "patient" || len(c.Digest) != 64 {
		t.Errorf("patient by %q, digest %q", c.Spec.Patient, c.Digest)
	}
	if err := os.WriteFile(at("more"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again := mustLoad(t, Spec{Root: root, Table: "dicom"}); again.Digest == c.Digest {
		t.Error("a file more left the digest as it was")
	}
}

func TestScanDICOMFaults(t *testing.T) {
	if _, err := Load(context.Background(), Spec{Root: folder(t, map[string]string{"a.txt": "x"}), Table: "dicom"}); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "none of the 1 files") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Load(ctx, Spec{Root: t.TempDir(), Table: "dicom"}); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("%v", err)
	}
}

// The real study's own index says what the headers hold.
func TestScanStressEcho(t *testing.T) {
	root := testdata.Shared(t, "data", "imaging", "echo_dicom")
	c := mustLoad(t, Spec{Root: root, Table: "dicom"})
	index, err := readCSV(filepath.Join(root, "index.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Rows) != len(index.records) || c.Patients(c.All()) != 1 || len(c.Quarantine) != 0 {
		t.Fatalf("%d rows of %d patients, %d quarantined", len(c.Rows), c.Patients(c.All()), len(c.Quarantine))
	}
	for i, r := range index.records {
		for name, ours := range map[string]string{"file": "file", "patient_id": "patient", "stage": "stage", "stage_no": "stage_no", "view_no": "view_no",
			"frames": "frames", "rows": "rows", "cols": "columns", "heart_rate": "heart_rate", "photometric": "photometric"} {
			col, err := index.column(name, "test")
			if err != nil {
				t.Fatal(err)
			}
			if v, _ := c.Value(i, ours); v != r.cells[col] {
				t.Errorf("row %d: %s is %q, the index says %q", i, ours, v, r.cells[col])
			}
		}
	}
	for i, want := range map[int]string{0: "40", 6: "27.6191", 13: "25.1852"} { // means of the vectors as pydicom reads them
		if v, _ := c.Value(i, "frame_time_ms"); v != want {
			t.Errorf("row %d: frame time %s ms, want %s", i, v, want)
		}
	}
}
