package batch

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
)

// A folder with a DICOMDIR gets a new one: every output is in it once, under its pseudonyms, and each file that it names is there and is the object it says.
func TestDirectoryIsRebuilt(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in")
	for i, p := range []string{"P1", "P1", "P2"} {
		ds := ct(p, "10"+string(rune('1'+i)))
		ds.SetText(tag.StudyInstanceUID, tag.StudyInstanceUID.VR(), "1.2.826.0.1.3680043.8.1."+p[1:])
		ds.SetText(tag.SeriesInstanceUID, tag.SeriesInstanceUID.VR(), "1.2.826.0.1.3680043.8.2."+p[1:])
		put(t, filepath.Join(in, "IM"+string(rune('1'+i))), ds, uid.ExplicitVRLittleEndian)
	}
	old, err := directory([]*Row{{Path: "IM1", Patient: "Roe", Study: "1.2.826.0.1.3680043.8.1.1", Series: "1.2.826.0.1.3680043.8.2.1", Instance: "1.2.826.0.1.3680043.9.101", SOPClass: uid.CTImageStorage, Modality: "CT",
		TransferSyntax: uid.ExplicitVRLittleEndian, StudyDate: "20200310"}}, testKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(in, DirectoryFile), old, 0o644); err != nil {
		t.Fatal(err)
	}
	out := runTest(t, in, filepath.Join(t.TempDir(), "out"), profile(t, "research").Policy, 2)
	raw, err := os.ReadFile(filepath.Join(out, DirectoryFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, no := range []string{"Roe", "3680043", "20200310", "IM1"} {
		if bytes.Contains(raw, []byte(no)) {
			t.Errorf("the directory names %s", no)
		}
	}
	f, err := dicom.ReadBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Meta.String(tag.MediaStorageSOPClassUID); got != "1.2.840.10008.1.3.10" {
		t.Errorf("class %s", got)
	}
	count := map[string]int{}
	patients, files := map[string]bool{}, map[string]bool{}
	for _, r := range f.DataSet.Sequence(tag.DirectoryRecordSequence) {
		kind := r.String(tag.DirectoryRecordType)
		count[kind]++
		if kind == "PATIENT" {
			patients[r.String(tag.PatientID)] = true
		}
		if kind != "IMAGE" {
			continue
		}
		path := filepath.Join(r.Strings(tag.ReferencedFileID)...)
		files[path] = true
		object, err := dicom.Open(filepath.Join(out, path))
		if err != nil {
			t.Errorf("it names a file that is not there: %v", err)
			continue
		}
		if object.DataSet.String(tag.SOPInstanceUID) != r.String(tag.ReferencedSOPInstanceUIDInFile) || object.DataSet.String(tag.SOPClassUID) != r.String(tag.ReferencedSOPClassUIDInFile) ||
			string(object.TransferSyntax) != r.String(tag.ReferencedTransferSyntaxUIDInFile) || !patients[object.DataSet.String(tag.PatientID)] {
			t.Errorf("%s is another object than the record says", path)
		}
		object.Close()
	}
	if count["PATIENT"] != 2 || count["STUDY"] != 2 || count["SERIES"] != 2 || count["IMAGE"] != 3 || len(files) != 3 || len(patients) != 2 {
		t.Errorf("%v, %d files of %d patients", count, len(files), len(patients))
	}
	if !strings.Contains(contents(t, out)[ManifestFile], skippedDirectory) {
		t.Error("the manifest does not say what became of the old one")
	}
	// Without one in the input none is made.
	if err := os.Remove(filepath.Join(in, DirectoryFile)); err != nil {
		t.Fatal(err)
	}
	out = runTest(t, in, filepath.Join(t.TempDir(), "out"), profile(t, "research").Policy, 1)
	if _, err := os.Stat(filepath.Join(out, DirectoryFile)); err == nil {
		t.Error("a directory that nobody asked for")
	}
}
