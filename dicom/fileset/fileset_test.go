package fileset

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// instance writes a small instance and gives its path.
func instance(t *testing.T, dir, name string, set func(*dicom.DataSet)) string {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.SecondaryCaptureImageStorage)
	ds.SetString(tag.SOPInstanceUID, uid.Derive(name))
	ds.SetString(tag.StudyInstanceUID, "1.2.1")
	ds.SetString(tag.SeriesInstanceUID, "1.2.2")
	ds.SetString(tag.PatientName, "Doe^Jane")
	ds.SetString(tag.PatientID, "42")
	ds.SetString(tag.Modality, "OT")
	if set != nil {
		set(ds)
	}
	path := filepath.Join(dir, name)
	if err := dicom.WriteFile(path, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCreateAndOpen(t *testing.T) {
	src, dir := t.TempDir(), filepath.Join(t.TempDir(), "medium")
	other := filepath.Join(src, "letter.txt")
	if err := os.WriteFile(other, []byte("no DICOM in here, nor anything like it"), 0o644); err != nil {
		t.Fatal(err)
	}
	paths := []string{
		instance(t, src, "a", nil),
		instance(t, src, "b", func(ds *dicom.DataSet) {
			ds.SetString(tag.SeriesInstanceUID, "1.2.3")
			ds.SetInts(tag.InstanceNumber, 7)
		}),
		instance(t, src, "../"+filepath.Base(src)+"/c", func(ds *dicom.DataSet) {
			ds.SetString(tag.SpecificCharacterSet, "ISO_IR 192")
			ds.SetString(tag.PatientName, "山田^太郎")
			ds.SetString(tag.PatientID, "../../../etc/passwd")
			ds.SetString(tag.StudyInstanceUID, "1.2.9")
		}),
		instance(t, src, "sr", func(ds *dicom.DataSet) {
			ds.SetString(tag.SOPClassUID, uid.BasicTextSRStorage)
			ds.SetString(tag.CompletionFlag, "COMPLETE")
			item := dicom.NewDataSet()
			item.SetString(tag.CodeMeaning, "Report")
			ds.SetSequence(tag.ConceptNameCodeSequence, item)
		}),
		other,
		filepath.Join(src, "a"),
	}
	rep, err := Create(context.Background(), dir, "TEST_1", paths)
	if err != nil || rep.Files != 4 || len(rep.Skipped) != 2 || rep.Invented == 0 {
		t.Fatalf("%+v, %v", rep, err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.ID != "TEST_1" || len(s.Patients) != 2 || len(s.Instances) != 4 || len(s.Warnings) > 0 {
		t.Fatalf("%q, %d patients, %d instances, %v", s.ID, len(s.Patients), len(s.Instances), s.Warnings)
	}
	for i, in := range s.Instances {
		src := map[string]string{uid.Derive("a"): "a", uid.Derive("b"): "b", uid.Derive("../" + filepath.Base(src) + "/c"): "c", uid.Derive("sr"): "sr"}[in.UID]
		a, _ := os.ReadFile(filepath.Join(filepath.Dir(paths[0]), src))
		b, err := os.ReadFile(filepath.Join(dir, in.Path))
		if err != nil || !bytes.Equal(a, b) || len(a) == 0 {
			t.Errorf("instance %d (%s): not the source's bytes, %v", i, in.Path, err)
		}
		if len(in.Above) != 3 || in.Above[0].Type() != "PATIENT" || in.Above[2].Type() != "SERIES" {
			t.Errorf("instance %d is below %d records", i, len(in.Above))
		}
	}
	if got := s.Patients[1].String(tag.PatientName); got != "山田^太郎" {
		t.Errorf("name %q", got)
	}
	if r := s.Instances[1].Record; r.Type() != "SR DOCUMENT" || r.String(tag.CompletionFlag) != "COMPLETE" || len(r.Sequence(tag.ConceptNameCodeSequence)) != 1 {
		t.Errorf("a report's record: %s", r.Type())
	}
	// Names on the medium come from nothing in the files.
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		for _, part := range strings.Split(strings.TrimPrefix(path, dir), string(filepath.Separator)) {
			if len(part) > 8 || strings.Trim(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
				t.Errorf("%s is no name for media", path)
			}
		}
		return err
	})
	// The same files give the same DICOMDIR.
	again := filepath.Join(t.TempDir(), "again")
	if _, err := Create(context.Background(), again, "TEST_1", paths); err != nil {
		t.Fatal(err)
	}
	a, _ := os.ReadFile(filepath.Join(dir, "DICOMDIR"))
	b, _ := os.ReadFile(filepath.Join(again, "DICOMDIR"))
	if !bytes.Equal(a, b) {
		t.Error("the same files give another DICOMDIR")
	}
	if _, err := Create(context.Background(), dir, "", paths); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a folder with something in it: %v", err)
	}
	if _, err := Create(context.Background(), filepath.Join(src, "x"), "lower case", paths); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
	if _, err := Create(context.Background(), filepath.Join(src, "y"), "", []string{other}); fault.CodeOf(err) != fault.Input {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Create(ctx, filepath.Join(src, "z"), "", paths); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(src, "z", "DICOMDIR")); err == nil {
		t.Error("a set that was not finished has a DICOMDIR")
	}
}

// Media from other systems: lower case, versions, files that are gone, file IDs that lead outside.
func TestOpenWhatOthersWrote(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "images"), 0o755); err != nil {
		t.Fatal(err)
	}
	instance(t, filepath.Join(dir, "images"), "im1;1", nil)
	var tree []*dicom.DirectoryRecord
	for _, id := range [][]string{{"IMAGES", "IM1"}, {"IMAGES", "IM2"}, {"..", "PASSWD"}} {
		r := dicom.NewDataSet()
		r.SetString(tag.DirectoryRecordType, "IMAGE")
		r.SetString(tag.ReferencedFileID, id...)
		tree = append(tree, &dicom.DirectoryRecord{DataSet: r})
	}
	var b bytes.Buffer
	if err := dicom.WriteDirectory(&b, dicom.NewDataSet(), tree, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dicomdir"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if len(s.Instances) != 3 || s.Instances[0].Path != filepath.Join("images", "im1;1") || s.Instances[1].Path != "" || s.Instances[2].Path != "" || len(s.Warnings) != 2 {
		t.Errorf("%+v %v", s.Instances, s.Warnings)
	}
	for _, w := range s.Warnings {
		if strings.Contains(w, "PASSWD") || strings.Contains(w, "IM2") {
			t.Errorf("a value: %s", w)
		}
	}
}

// TestPeersReadOurs makes a file set of the corpus and has dcmtk and pydicom read it.
func TestPeersReadOurs(t *testing.T) {
	root := testdata.Shared(t, "data", "dicom", "real")
	var paths []string
	for _, d := range []string{"dcmqi", "dcm4che", "highdicom", "pydicom-data"} {
		_ = filepath.WalkDir(filepath.Join(root, d), func(path string, e fs.DirEntry, err error) error {
			if st, serr := os.Stat(path); err == nil && serr == nil && !e.IsDir() && st.Size() < 200_000 {
				paths = append(paths, path)
			}
			return nil
		})
	}
	sort.Strings(paths)
	dir := filepath.Join(t.TempDir(), "set")
	rep, err := Create(context.Background(), dir, "CORPUS", paths)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	t.Logf("%d files, %d skipped, %d patients, %d keys invented", rep.Files, len(rep.Skipped), len(s.Patients), rep.Invented)
	if rep.Files < 50 || len(s.Instances) != rep.Files || len(s.Warnings) > 0 {
		t.Errorf("%d instances of %d, %v", len(s.Instances), rep.Files, s.Warnings)
	}
	if _, err := exec.LookPath("dciodvfy"); err == nil {
		out, _ := exec.Command("dciodvfy", filepath.Join(dir, "DICOMDIR")).CombinedOutput()
		bad := 0
		for _, l := range strings.Split(string(out), "\n") {
			if strings.HasPrefix(l, "Error") {
				if bad++; bad < 10 {
					t.Logf("dciodvfy: %s", l)
				}
			}
		}
		if strings.Contains(string(out), "ffset") && bad > 0 {
			t.Errorf("dciodvfy finds fault with offsets")
		}
	}
	if _, err := exec.LookPath("dcmdump"); err == nil {
		out, err := exec.Command("dcmdump", "-q", filepath.Join(dir, "DICOMDIR")).CombinedOutput()
		if n := strings.Count(string(out), "ReferencedFileID"); err != nil || n != rep.Files {
			t.Errorf("dcmdump: %d instances, %v\n%.300s", n, err, out)
		}
	}
	// pydicom walks the records by their offsets.
	script := `import sys, json
from pydicom.fileset import FileSet
fs = FileSet(sys.argv[1])
print(json.dumps([len(fs), len(fs.find_values("PatientID")), len(fs.find_values("SeriesInstanceUID"))]))`
	out, err := exec.Command("/usr/bin/python3", "-W", "ignore", "-c", script, filepath.Join(dir, "DICOMDIR")).CombinedOutput()
	var n []int
	if err != nil {
		if strings.Contains(string(out), "ModuleNotFoundError") || len(out) == 0 {
			t.Skip("pydicom is not installed")
		}
		t.Fatalf("pydicom: %v\n%s", err, out)
	}
	if json.Unmarshal(out, &n) != nil || n[0] != rep.Files {
		t.Errorf("pydicom finds %v of %d instances", n, rep.Files)
	}
}
