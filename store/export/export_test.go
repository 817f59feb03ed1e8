package export_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/export"
	"github.com/cineloop/cineloop/store/ingest"
)

var ctx = context.Background()

func instance(t *testing.T, study, series, n int, change func(*dicom.DataSet)) []byte {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SpecificCharacterSet, "ISO_IR 100")
	ds.SetString(tag.SOPClassUID, uid.UltrasoundMultiFrameImageStorage)
	ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("1.2.%d.%d.%d", study, series, n))
	ds.SetString(tag.StudyInstanceUID, fmt.Sprintf("1.2.%d", study))
	ds.SetString(tag.SeriesInstanceUID, fmt.Sprintf("1.2.%d.%d", study, series))
	ds.SetString(tag.PatientName, "Müller^Jörg")
	ds.SetString(tag.PatientID, fmt.Sprintf("P%d", study%2))
	ds.SetString(tag.StudyDate, "20240131")
	ds.SetString(tag.Modality, "US")
	ds.SetString(tag.InstanceNumber, fmt.Sprint(n))
	if change != nil {
		change(ds)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func archive(t *testing.T) *store.Archive {
	t.Helper()
	dir := t.TempDir()
	cfg := store.DefaultConfig()
	cfg.Reserve = 0
	if err := store.Init(dir, cfg); err != nil {
		t.Fatal(err)
	}
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func put(t *testing.T, a *store.Archive, content []byte) store.Result {
	t.Helper()
	res, err := a.Put(ctx, bytes.NewReader(content), ingest.Format, catalog.Provenance{Run: "r", Origin: "o", Rules: "r"})
	if err != nil || res.Status == catalog.Quarantined {
		t.Fatal(res, err)
	}
	return res
}

func run(t *testing.T, a *store.Archive, dir string, opts export.Options) export.Summary {
	t.Helper()
	s, err := export.Run(ctx, a, dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func index(t *testing.T, dir string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var x struct{ Files []export.File }
	if err := json.Unmarshal(text, &x); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range x.Files {
		out[f.SOPInstanceUID] = f.File
	}
	return out
}

func TestExport(t *testing.T) {
	a, dir := archive(t), filepath.Join(t.TempDir(), "out")
	contents := map[string][]byte{}
	add := func(study, series, n int) {
		b := instance(t, study, series, n, nil)
		contents[fmt.Sprintf("1.2.%d.%d.%d", study, series, n)] = b
		put(t, a, b)
	}
	for _, k := range [][3]int{{1, 1, 1}, {1, 1, 2}, {1, 2, 1}, {2, 1, 1}} {
		add(k[0], k[1], k[2])
	}
	if s := run(t, a, dir, export.Options{DryRun: true}); s.Studies != 2 || s.Series != 3 || s.Instances != 4 || s.Written != 0 {
		t.Errorf("dry: %+v", s)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a dry run wrote something")
	}
	one := export.Options{Match: []catalog.Match{{Keyword: "StudyInstanceUID", OneOf: []string{"1.2.1"}}}}
	if s := run(t, a, dir, one); s.Written != 3 || s.Kept != 0 || s.Series != 2 {
		t.Errorf("one study: %+v", s)
	}
	first := index(t, dir)
	add(1, 1, 0) // sorts before the others: their names must not move
	if s := run(t, a, dir, export.Options{}); s.Written != 2 || s.Kept != 3 {
		t.Errorf("all: %+v", s)
	}
	files := index(t, dir)
	for sop, content := range contents {
		got, err := os.ReadFile(filepath.Join(dir, files[sop]))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, %v", sop, len(got), err)
		}
		if first[sop] != "" && first[sop] != files[sop] {
			t.Errorf("%s moved from %s to %s", sop, first[sop], files[sop])
		}
		for _, part := range strings.Split(files[sop], "/") {
			if len(part) > 8 {
				t.Errorf("%s is too long for a DICOM medium", part)
			}
		}
	}
	// Somebody else's file under a name that is needed is not overwritten.
	other := t.TempDir()
	taken := filepath.Join(other, "DICOM", "ST000001", "SE000001", "IM000001")
	os.MkdirAll(filepath.Dir(taken), 0o755)
	os.WriteFile(taken, []byte("mine"), 0o644)
	if _, err := export.Run(ctx, a, other, export.Options{}); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("over another file: %v", err)
	}
	if b, _ := os.ReadFile(taken); string(b) != "mine" {
		t.Errorf("it holds %q", b)
	}
	os.WriteFile(filepath.Join(other, "index.json"), []byte(`{"files":[{"file":"../../x","sha256":"`+strings.Repeat("0", 64)+`"}]}`), 0o644)
	if _, err := export.Run(ctx, a, other, export.Options{}); fault.CodeOf(err) != fault.Input {
		t.Errorf("an index that leads outside: %v", err)
	}
}

// TestExportDamaged: what is damaged is named and left out, the rest is written; nothing half-written stays.
func TestExportDamaged(t *testing.T) {
	a, dir := archive(t), t.TempDir()
	put(t, a, instance(t, 1, 1, 1, nil))
	bad := put(t, a, instance(t, 1, 1, 2, nil))
	if err := a.Objects.Remove(ctx, bad.Digest); err != nil {
		t.Fatal(err)
	}
	s := run(t, a, dir, export.Options{DICOMDIR: true})
	if s.Written != 1 || len(s.Failed) != 1 || s.Failed[0].SOPInstanceUID != "1.2.1.1.2" {
		t.Errorf("%+v", s)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "DICOM", "*", "*", "*"))
	if len(left) != 1 || len(index(t, dir)) != 1 {
		t.Errorf("%v", left)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := export.Run(cancelled, a, t.TempDir(), export.Options{}); err == nil {
		t.Error("a cancelled export succeeded")
	}
}

// TestDICOMDIR: our own reader finds every file that the directory names, and so does pydicom, which follows the offsets.
func TestDICOMDIR(t *testing.T) {
	a, dir := archive(t), t.TempDir()
	for study := 1; study <= 3; study++ {
		for series := 1; series <= 2; series++ {
			for n := 1; n <= 2; n++ {
				put(t, a, instance(t, study, series, n, func(ds *dicom.DataSet) {
					if study == 3 {
						ds.SetString(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.88.11")
						ds.Delete(tag.StudyDate)
						ds.Delete(tag.Modality)
					}
				}))
			}
		}
	}
	if s := run(t, a, dir, export.Options{DICOMDIR: true}); s.Written != 12 {
		t.Fatalf("%+v", s)
	}
	if err := a.Catalog.Retire(ctx, "1.2.2", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	put(t, a, instance(t, 4, 1, 1, nil))
	if s := run(t, a, dir, export.Options{DICOMDIR: true}); s.Written != 1 || s.Kept != 8 {
		t.Fatalf("again: %+v", s)
	}
	back := archive(t)
	s, err := ingest.Run(ctx, back, ingest.Options{Sources: []string{dir}})
	if err != nil || s.Stored != 13 || len(s.Missing) != 0 || s.Reasons["DICOMDIR"] != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	python := "/usr/bin/python3" // the distribution's own, which has its packages
	if exec.Command(python, "-c", "import pydicom").Run() != nil {
		t.Skip("pydicom is not installed (scripts/setup peers)")
	}
	out, err := exec.Command(python, "-c", `
import sys, pydicom
from pydicom.fileset import FileSet
ds = pydicom.dcmread(sys.argv[1])
fs = FileSet(ds)
print(len(fs), sorted(fs.find_values("PatientID")), len(fs.find_values("StudyInstanceUID")), len(fs.find_values("SeriesInstanceUID")))
for i in fs:
    assert i.load().SOPInstanceUID == i.SOPInstanceUID, i.path
print(sorted(set(str(r.get("PatientName", "")) for r in ds.DirectoryRecordSequence if r.DirectoryRecordType == "PATIENT")))
print(sorted(set(r.DirectoryRecordType for r in ds.DirectoryRecordSequence)))
`, filepath.Join(dir, "DICOMDIR")).CombinedOutput()
	want := "9 ['P0', 'P1'] 3 5\n['Müller^Jörg']\n['IMAGE', 'PATIENT', 'SERIES', 'SR DOCUMENT', 'STUDY']\n"
	if err != nil || string(out) != want {
		t.Errorf("pydicom says %q, %v; want %q", out, err, want)
	}
}

func TestEmptyExport(t *testing.T) {
	dir := t.TempDir()
	if s := run(t, archive(t), dir, export.Options{DICOMDIR: true}); s.Instances != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := dicom.Open(filepath.Join(dir, "DICOMDIR")); err != nil {
		t.Error(err)
	}
}
