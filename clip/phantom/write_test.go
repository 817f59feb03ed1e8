package phantom

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"image"
	"image/jpeg"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"archive/zip"
	"io"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// small is a cohort that takes a fraction of a second.
var small = Config{Seed: 31, Patients: 5, Views: []View{A4C, PLAX}, Frames: 8, Height: 64, Width: 72, Masks: true, AVI: true, NPZ: true}

// digests are the SHA-256 of every file under dir.
func digests(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	m := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		m[rel] = sha256.Sum256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func write(t *testing.T, dir string, cfg Config) {
	t.Helper()
	calls := 0
	if err := Write(t.Context(), dir, cfg, func(done, total int) {
		calls++
		if done != calls || total != mustNew(t, cfg).Clips() {
			t.Errorf("progress %d of %d at call %d", done, total, calls)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

func readCSV(t *testing.T, path string) []map[string]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, k := range rows[0] {
			m[k] = r[i]
		}
		out = append(out, m)
	}
	return out
}

// Any number of workers writes the same files; a repeated call keeps them, repairs what is missing, and a larger cohort adds to it.
func TestWriteIsReproducibleAndResumable(t *testing.T) {
	one, three := t.TempDir(), t.TempDir()
	cfg := small
	cfg.Workers = 1
	write(t, one, cfg)
	cfg.Workers = 3
	write(t, three, cfg)
	a, b := digests(t, one), digests(t, three)
	if len(a) != 10*5+4 {
		t.Errorf("%d files", len(a))
	}
	for f := range a {
		if a[f] != b[f] {
			t.Errorf("%s depends on the number of workers", f)
		}
	}

	rows := readCSV(t, filepath.Join(one, "cohort.csv"))
	kept := filepath.Join(one, "dicom", rows[3]["FileName"]+".dcm")
	before, err := os.Stat(kept)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"dicom/" + rows[0]["FileName"] + ".dcm", "masks/" + rows[1]["FileName"] + ".npz", "truth/" + rows[2]["FileName"] + ".json", "cohort.csv"} {
		if err := os.Remove(filepath.Join(one, f)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, one, cfg)
	for f, d := range digests(t, one) {
		if a[f] != d {
			t.Errorf("%s differs after going on", f)
		}
	}
	if after, err := os.Stat(kept); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Error("a finished file was written again")
	}

	cfg.Patients = 6
	write(t, one, cfg)
	for f, d := range digests(t, one) {
		if old, ok := a[f]; ok && old != d && strings.Contains(f, "/") {
			t.Errorf("%s changed when the cohort grew", f)
		}
	}
	if n := len(readCSV(t, filepath.Join(one, "cohort.csv"))); n != 12 {
		t.Errorf("%d rows after growing", n)
	}

	cfg.Seed++
	if err := Write(t.Context(), one, cfg, nil); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("another seed in the same folder: %v", err)
	}
}

func TestWriteStopsWhenCancelled(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cfg := small
	cfg.Workers = 1
	err := Write(ctx, dir, cfg, func(done, _ int) {
		if done == 2 {
			cancel()
		}
	})
	if fault.CodeOf(err) != fault.Interrupted {
		t.Fatalf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "cohort.csv")); err == nil {
		t.Error("an unfinished cohort has its table")
	}
	write(t, dir, cfg)
	for _, r := range readCSV(t, filepath.Join(dir, "cohort.csv")) {
		if _, err := os.Stat(filepath.Join(dir, "dicom", r["FileName"]+".dcm")); err != nil {
			t.Error(err)
		}
	}
}

func TestCohortTable(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, small)
	c := mustNew(t, small)
	rows := readCSV(t, filepath.Join(dir, "cohort.csv"))
	value := func(r map[string]string, k string) float64 {
		v, err := strconv.ParseFloat(r[k], 64)
		if err != nil {
			t.Errorf("column %s: %v", k, err)
		}
		return v
	}
	for n, r := range rows {
		p := c.Patient(n / 2)
		near(t, "EF", value(r, "EF"), p.EF, 1e-3)
		near(t, "EF from volumes", 100*(1-value(r, "ESV")/value(r, "EDV")), value(r, "EF"), 0.01)
		if r["patient"] != p.Key || r["FrameHeight"] != "64" || r["FrameWidth"] != "72" || r["NumberOfFrames"] != "8" || r["Split"] != p.Split || r["report"] == "" {
			t.Errorf("row %d: %v", n, r)
		}
		near(t, "Bayes risk", value(r, "outcome_prob"), p.OutcomeProb, 1e-5)
		for _, secret := range []string{p.Identity.ID, strings.Split(p.Identity.Name, "^")[0], p.Identity.BirthDate} {
			for k, v := range r {
				if strings.Contains(v, secret) {
					t.Errorf("column %s holds the patient's identity", k)
				}
			}
		}
	}
	tracings := readCSV(t, filepath.Join(dir, "volume_tracings.csv"))
	if len(tracings) < 5*2*15 {
		t.Errorf("%d tracing rows", len(tracings))
	}
	kinds := map[string]int{}
	for _, b := range readCSV(t, filepath.Join(dir, "text_boxes.csv")) {
		kinds[b["kind"]]++
	}
	if kinds["name"] != 10 || kinds["id"] != 10 {
		t.Errorf("text boxes: %v", kinds)
	}
}

// The DICOM files carry identity, timing and calibration, and their frames decode to the pictures.
func TestDICOM(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, small)
	c := mustNew(t, small)
	for i := range 2 {
		p := c.Patient(i)
		pictures, truth := c.ClipOf(p, A4C)
		f, err := dicom.Open(filepath.Join(dir, "dicom", c.FileName(p, A4C)+".dcm"))
		if err != nil {
			t.Fatal(err)
		}
		ds := f.DataSet
		for _, want := range []struct {
			t tag.Tag
			v string
		}{
			{tag.PatientName, p.Identity.Name}, {tag.PatientID, p.Identity.ID}, {tag.PatientBirthDate, p.Identity.BirthDate}, {tag.Modality, "US"},
			{tag.PhotometricInterpretation, "YBR_FULL_422"}, {tag.ViewName, "A4C"}, {tag.StageName, "REST"}, {tag.BurnedInAnnotation, "YES"},
		} {
			if got := ds.String(want.t); got != want.v {
				t.Errorf("%v is wrong", want.t)
			}
		}
		if n, _ := ds.Int(tag.NumberOfFrames); n != 8 {
			t.Errorf("%d frames", n)
		}
		near(t, "frame time, ms", ds.Floats(tag.FrameTime)[0], 1000/truth.FPS, 1e-6)
		region := ds.Sequence(tag.SequenceOfUltrasoundRegions)[0]
		near(t, "pixel, cm", region.Floats(tag.PhysicalDeltaX)[0], pictures.Spacing.Row/10, 1e-9)
		x0, _ := region.Int(tag.RegionLocationMinX0)
		rx, _ := region.Int(tag.ReferencePixelX0)
		near(t, "probe's column", float64(x0+rx), float64(pictures.W)/2, 1)
		if uid := ds.String(tag.StudyInstanceUID); len(uid) > 64 || !strings.HasPrefix(uid, "2.25.") {
			t.Errorf("study UID %s", uid)
		}
		f.Close()
	}
	frames, size := compress(mustClip(c, 0))
	if len(frames) != 8 || size < 8*500 {
		t.Errorf("%d frames of %d bytes", len(frames), size)
	}
}

func mustClip(c *Cohort, i int) *clip.Clip { k, _ := c.Clip(i, A4C); return k }

// The AVI's index points at its frames, and they decode.
func TestAVI(t *testing.T) {
	frames, _ := compress(mustClip(mustNew(t, small), 1))
	frames[2] = append(frames[2], make([]byte, 1-len(frames[2])%2)...) // an even one
	var b bytes.Buffer
	if err := writeAVI(&b, frames, 64, 72, 25.5); err != nil {
		t.Fatal(err)
	}
	v := b.Bytes()
	if string(v[:4]) != "RIFF" || int(binary.LittleEndian.Uint32(v[4:])) != len(v)-8 {
		t.Fatalf("header %q, %d of %d bytes", v[:4], binary.LittleEndian.Uint32(v[4:]), len(v)-8)
	}
	movi, index := bytes.Index(v, []byte("movi")), bytes.LastIndex(v, []byte("idx1"))
	if int(binary.LittleEndian.Uint32(v[index+4:])) != 16*len(frames) {
		t.Fatal("the index has the wrong length")
	}
	for i, f := range frames {
		e := v[index+8+16*i:]
		at := movi + int(binary.LittleEndian.Uint32(e[8:])) + 8
		if n := int(binary.LittleEndian.Uint32(e[12:])); n != len(f) || !bytes.Equal(v[at:at+n], f) {
			t.Errorf("index entry %d does not point at its frame", i)
		}
		if m, err := jpeg.Decode(bytes.NewReader(f)); err != nil || m.Bounds() != image.Rect(0, 0, 72, 64) {
			t.Errorf("frame %d: %v", i, err)
		}
	}
}

// The masks' npz is NumPy's format: aligned headers, shapes, and the truth's numbers.
func TestNPZ(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, small)
	c := mustNew(t, small)
	_, truth := c.Clip(0, A4C)
	z, err := zip.OpenReader(filepath.Join(dir, "masks", c.FileName(c.Patient(0), A4C)+".npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	want := map[string]struct {
		header string
		data   []byte
	}{
		"masks.npy":     {"'descr': '|u1', 'fortran_order': False, 'shape': (8, 64, 72)", truth.Masks},
		"volume_ml.npy": {"'descr': '<f4', 'fortran_order': False, 'shape': (8,)", float32Bytes(truth.Volumes)},
		"shortcut.npy":  {"'descr': '|u1', 'fortran_order': False, 'shape': (64, 72)", truth.Shortcut},
	}
	if len(z.File) != len(want) {
		t.Errorf("%d members", len(z.File))
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		head := 10 + int(binary.LittleEndian.Uint16(b[8:]))
		if string(b[:8]) != "\x93NUMPY\x01\x00" || head%64 != 0 || b[head-1] != '\n' || !strings.Contains(string(b[10:head]), want[f.Name].header) {
			t.Errorf("%s: header %q", f.Name, b[:head])
		}
		if !bytes.Equal(b[head:], want[f.Name].data) {
			t.Errorf("%s: other data", f.Name)
		}
	}
}

func TestTruthFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, small)
	c := mustNew(t, small)
	b, err := os.ReadFile(filepath.Join(dir, "truth", c.FileName(c.Patient(2), PLAX)+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var got Truth
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	_, want := c.Clip(2, PLAX)
	if got.HR != want.HR || got.View != PLAX || len(got.Boxes) != len(want.Boxes) || len(got.Volumes) != 8 || got.Sector != want.Sector {
		t.Errorf("%+v", got)
	}
}

// The product's own reader gives back the pictures, times and spacing from each format.
func TestFilesReadBack(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, small)
	c := mustNew(t, small)
	want, truth := c.Clip(1, A4C)
	name := c.FileName(c.Patient(1), A4C)
	for _, f := range []struct {
		path       string
		error      float64 // mean, grey levels
		calibrated bool
	}{{"dicom/" + name + ".dcm", 3, true}, {"avi/" + name + ".avi", 3, false}, {"npz/" + name + ".npz#frames", 0, false}} {
		got, err := clip.Open(filepath.Join(dir, f.path))
		if err != nil {
			t.Errorf("%s: %v", f.path, err)
			continue
		}
		if got.T != want.T || got.H != want.H || got.W != want.W || got.C != 3 {
			t.Errorf("%s: [%d %d %d %d]", f.path, got.T, got.H, got.W, got.C)
			continue
		}
		var sum float64
		for i, v := range got.Data {
			sum += math.Abs(float64(v) - float64(want.Data[i]))
		}
		if mean := sum / float64(len(got.Data)); mean > f.error {
			t.Errorf("%s: mean error %.2f grey levels", f.path, mean)
		}
		if got.TimesMS != nil {
			near(t, f.path+": frame rate", got.FrameRate(), truth.FPS, 0.01)
		}
		if f.calibrated {
			near(t, "row spacing", got.Spacing.Row, want.Spacing.Row, 1e-6)
			if got.Source.Tags["ViewName"] != "A4C" {
				t.Errorf("tags %v", got.Source.Tags)
			}
		}
	}
}
