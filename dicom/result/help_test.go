package result

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func made(kind string) Made {
	return Made{SOP: uid.Derive(kind, "instance"), Series: uid.Derive(kind, "series"), SeriesNumber: 9001, Number: 1, SeriesDescription: "Reading R-1", At: at,
		By: Device{Manufacturer: "Cineloop", Model: "cineloop", Serial: "0", Version: "0.1.0"}}
}

// cine is an echo of 3 frames of 8 × 6 pixels, without a frame of reference.
func cine(t testing.TB) Image { return picture(t, uid.UltrasoundMultiFrameImageStorage, "echo", 3) }

func picture(t testing.TB, class, name string, frames int) Image {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, class)
	ds.SetString(tag.SOPInstanceUID, uid.Derive(name))
	ds.SetString(tag.StudyInstanceUID, uid.Derive("study"))
	ds.SetString(tag.SeriesInstanceUID, uid.Derive("series of", name))
	ds.SetString(tag.PatientName, "Müller^Ä")
	ds.SetString(tag.PatientID, "P-17")
	ds.SetString(tag.PatientBirthDate, "19600102")
	ds.SetString(tag.PatientSex, "F")
	ds.SetString(tag.StudyDate, "20260102")
	ds.SetString(tag.StudyTime, "101112")
	ds.SetString(tag.StudyID, "S 4")
	ds.SetString(tag.AccessionNumber, "A5")
	ds.SetInts(tag.Rows, 6)
	ds.SetInts(tag.Columns, 8)
	if frames > 1 {
		ds.SetInts(tag.NumberOfFrames, frames)
	}
	im, err := ImageOf(ds)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func written(t testing.TB, ds *dicom.DataSet) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func reread(t testing.TB, ds *dicom.DataSet) *dicom.DataSet {
	t.Helper()
	f, err := dicom.ReadBytes(written(t, ds))
	if err != nil || f.Incomplete != nil || len(f.Warnings) > 0 {
		t.Fatal(err, f.Incomplete, f.Warnings)
	}
	for _, x := range f.Validate() {
		t.Errorf("%v", x)
	}
	return f.DataSet
}

// judge runs a program on a file with the data set and gives what it says; the test is skipped where the program is absent.
func judge(t *testing.T, ds *dicom.DataSet, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	path := filepath.Join(t.TempDir(), "x.dcm")
	if err := os.WriteFile(path, written(t, ds), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), name, append(args, path)...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// silent fails where dciodvfy has an error to tell, or a warning that is not named.
func silent(t *testing.T, said string, but ...string) {
	t.Helper()
lines:
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "Error") && !strings.HasPrefix(line, "Warning") {
			continue
		}
		for _, b := range but {
			if strings.Contains(line, b) {
				continue lines
			}
		}
		t.Error(strings.TrimSpace(line))
	}
}

var (
	septum    = code.Concept{Scheme: "SCT", Value: "589001", Meaning: "Interventricular septum"}
	leftHeart = code.Concept{Scheme: "SCT", Value: "87878005", Meaning: "Left ventricle"}
)

func made0() *dicom.DataSet { return dicom.NewDataSet() }

func mustJSON(t testing.TB, ds *dicom.DataSet) []byte {
	t.Helper()
	b, err := ds.JSON(1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parsed(b []byte) *dicom.DataSet {
	f, err := dicom.ReadBytes(b)
	if err != nil {
		return nil
	}
	return f.DataSet
}
