package ingest_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/ingest"
)

var ctx = context.Background()

// instance is a small DICOM file.
func instance(t *testing.T, study, n int, change func(*dicom.DataSet)) []byte {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.UltrasoundMultiFrameImageStorage)
	ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("1.2.%d.1.%d", study, n))
	ds.SetString(tag.StudyInstanceUID, fmt.Sprintf("1.2.%d", study))
	ds.SetString(tag.SeriesInstanceUID, fmt.Sprintf("1.2.%d.1", study))
	ds.SetString(tag.SpecificCharacterSet, "ISO_IR 100")
	ds.SetString(tag.PatientName, "Müller^Jörg")
	ds.SetString(tag.PatientID, fmt.Sprintf("P%d", study))
	ds.SetString(tag.StudyDate, "20240131")
	ds.SetString(tag.Modality, "US")
	ds.SetString(tag.InstanceNumber, fmt.Sprint(n))
	ds.SetString(tag.ImageType, "ORIGINAL", "PRIMARY")
	if change != nil {
		change(ds)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(content)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarred(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		w.Write(content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func newArchive(t *testing.T) *store.Archive {
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

func run(t *testing.T, a *store.Archive, opts ingest.Options) ingest.Summary {
	t.Helper()
	s, err := ingest.Run(ctx, a, opts)
	if err != nil {
		t.Fatal(err)
	}
	if s.Found != s.Stored+s.Duplicate+s.Skipped+s.Quarantined {
		t.Errorf("the counts do not add up: %+v", s)
	}
	return s
}

// media is a folder with everything in it; counts are the numbers worked out by hand.
func media(t *testing.T) (dir string, counts ingest.Summary) {
	t.Helper()
	dir = t.TempDir()
	one := instance(t, 1, 1, nil)
	resent := bytes.Clone(one)
	resent[0] = 'x'                                                         // the preamble
	write(t, filepath.Join(dir, "a", "one.dcm"), one)                       // stored
	write(t, filepath.Join(dir, "b", "same"), one)                          // duplicate
	write(t, filepath.Join(dir, "notes.txt"), []byte("hello"))              // skipped: text
	write(t, filepath.Join(dir, "empty"), nil)                              // skipped: empty
	write(t, filepath.Join(dir, "report.pdf"), []byte("%PDF-1.4 and more")) // skipped: PDF
	write(t, filepath.Join(dir, "cut.dcm"), instance(t, 1, 9, nil)[:400])   // quarantined
	write(t, filepath.Join(dir, "z.zip"), zipped(t, map[string][]byte{
		"deep/two.dcm": instance(t, 1, 2, nil),                                        // stored
		"in.tar":       tarred(t, map[string][]byte{"three": instance(t, 1, 3, nil)}), // stored
		"in.zip":       zipped(t, map[string][]byte{"four": instance(t, 2, 4, nil)}),  // stored
		"readme.md":    []byte("# x"),                                                 // skipped: text
	}))
	write(t, filepath.Join(dir, "t.tar.gz"), gzipped(tarred(t, map[string][]byte{
		"five": instance(t, 2, 5, nil), // stored
		"big.dcm": instance(t, 2, 6, func(ds *dicom.DataSet) { // stored, larger than what is held in memory
			ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 5<<20))
		}),
	})))
	write(t, filepath.Join(dir, "broken.zip"), []byte("PK\x03\x04 no")) // quarantined
	bare := one[bytes.Index(one, []byte{8, 0, 5, 0, 'C', 'S'}):]        // a data set without meta information
	write(t, filepath.Join(dir, "bare"), bare)                          // duplicate of one: the same data set
	if err := os.Symlink(dir, filepath.Join(dir, "loop")); err != nil { // not followed
		t.Fatal(err)
	}
	return dir, ingest.Summary{Found: 14, Stored: 6, Duplicate: 2, Skipped: 4, Quarantined: 2,
		Reasons: map[string]int{"not DICOM: text": 2, "not DICOM: empty": 1, "not DICOM: PDF": 1,
			"the file is not complete: " + cutReason(t, dir): 1, "the zip archive cannot be read to its end: zip: not a valid zip file": 1}}
}

func cutReason(t *testing.T, dir string) string {
	f, err := dicom.Open(filepath.Join(dir, "cut.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Incomplete.Error()
}

var countsOnly = cmpopts.IgnoreFields(ingest.Summary{}, "Quarantine", "Conflicts", "Missing", "Seconds")

func TestEverySource(t *testing.T) {
	dir, want := media(t)
	a := newArchive(t)
	one := run(t, a, ingest.Options{Sources: []string{dir}, Workers: 1})
	if d := cmp.Diff(want, one, countsOnly); d != "" {
		t.Error(d)
	}
	in, err := a.Catalog.Lookup(ctx, "1.2.1.1.3")
	if err != nil {
		t.Fatal(err)
	}
	if in.Origin != filepath.Join(dir, "z.zip")+"!/in.tar!/three" || in.Rules != ingest.Rules || in.Attributes["PatientName"] != "Müller^Jörg" ||
		in.Attributes["ImageType"] != `ORIGINAL\PRIMARY` || in.TransferSyntaxUID != uid.ExplicitVRLittleEndian {
		t.Errorf("%+v", in)
	}
	runs, err := a.Catalog.Runs(ctx)
	if err != nil || len(runs) != 1 || runs[0].Summary["stored"] != 6.0 || runs[0].ID != in.Run {
		t.Errorf("%+v, %v", runs, err)
	}
	// Again: nothing is read, everything is known.
	again := run(t, a, ingest.Options{Sources: []string{dir}})
	if again.Stored != 0 || again.Duplicate != 8 || again.Skipped != want.Skipped || again.Quarantined != want.Quarantined {
		t.Errorf("again: %+v", again)
	}
	reread := run(t, a, ingest.Options{Sources: []string{dir}, Reread: true})
	if d := cmp.Diff(again, reread, countsOnly); d != "" {
		t.Errorf("reading again gives other counts: %s", d)
	}
}

// TestDryRun: the counts are those of a real run, and nothing is written.
func TestDryRun(t *testing.T) {
	dir, want := media(t)
	want.Duplicate, want.Stored, want.Conflict = 1, 7, 1 // a dry run compares bytes alone: the bare data set looks like a conflict
	before := tree(t, dir)
	got := run(t, nil, ingest.Options{Sources: []string{dir}, DryRun: true, Workers: 1})
	if d := cmp.Diff(want, got, countsOnly); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(before, tree(t, dir)); d != "" {
		t.Errorf("the source changed: %s", d)
	}
	a := newArchive(t)
	run(t, a, ingest.Options{Sources: []string{dir}, Workers: 1}) // in order, so that it is the same one of two that is stored
	known := run(t, a, ingest.Options{Sources: []string{dir}, DryRun: true, Reread: true, Workers: 1})
	if known.Duplicate != 7 {
		t.Errorf("%+v", known)
	}
}

func tree(t *testing.T, dir string) (out []string) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if info, err := d.Info(); err == nil {
			out = append(out, fmt.Sprint(path, info.Size(), info.ModTime(), info.Mode()))
		}
		return err
	})
	return out
}

// TestResume: a run that is broken off goes on where it was; a changed file is read again, a retired one comes back.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	for n := range 60 {
		write(t, filepath.Join(dir, fmt.Sprintf("%02d.dcm", n)), instance(t, 1, n, nil))
	}
	a := newArchive(t)
	stopAt, stop := context.WithCancel(ctx)
	first, err := ingest.Run(stopAt, a, ingest.Options{Sources: []string{dir}, Workers: 2, Progress: func(files, _ int64) {
		if files == 20 {
			stop()
		}
	}})
	if err == nil || first.Stored < 20 || first.Stored == 60 {
		t.Fatalf("%d stored before the interrupt, %v", first.Stored, err)
	}
	if n, err := a.Catalog.Count(ctx, catalog.Query{Level: catalog.Image}); n < first.Stored || err != nil {
		t.Errorf("%d in the catalog, %d acknowledged, %v", n, first.Stored, err)
	}
	second := run(t, a, ingest.Options{Sources: []string{dir}})
	if second.Stored+second.Duplicate != 60 || second.Duplicate < first.Stored || second.Stored == 0 {
		t.Errorf("%+v", second)
	}
	changed := filepath.Join(dir, "07.dcm")
	write(t, changed, instance(t, 1, 7, func(ds *dicom.DataSet) { ds.SetString(tag.PatientComments, "changed") }))
	os.Chtimes(changed, time.Time{}, time.Now().Add(time.Minute))
	third := run(t, a, ingest.Options{Sources: []string{dir}})
	if third.Stored != 1 || third.Conflict != 1 || len(third.Conflicts) != 1 || third.Conflicts[0].File != changed {
		t.Errorf("%+v", third)
	}
	if err := a.Catalog.Retire(ctx, "1.2.1", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	if back := run(t, a, ingest.Options{Sources: []string{dir}}); back.Stored != 60 {
		t.Errorf("%+v", back)
	}
}

// TestDirectory: a DICOMDIR is no instance; it says which files a medium should have.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	ds := dicom.NewDataSet()
	ds.SetString(tag.FileSetID, "TEST")
	var items []*dicom.DataSet
	for _, name := range []string{"IM1", "IM2", "IM3"} {
		rec := dicom.NewDataSet()
		rec.SetString(tag.DirectoryRecordType, "IMAGE")
		rec.SetString(tag.ReferencedFileID, "IMAGES", name)
		items = append(items, rec)
	}
	ds.SetSequence(tag.DirectoryRecordSequence, items...)
	ds.SetString(tag.SOPClassUID, uid.MediaStorageDirectoryStorage)
	ds.SetString(tag.SOPInstanceUID, "1.2.3")
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian}); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "DICOMDIR"), b.Bytes())
	write(t, filepath.Join(dir, "images", "im1.dcm"), instance(t, 1, 1, nil))
	write(t, filepath.Join(dir, "IMAGES", "IM3"), instance(t, 1, 3, nil))
	a := newArchive(t)
	for range 2 {
		s := run(t, a, ingest.Options{Sources: []string{dir}})
		if s.Skipped != 1 || s.Reasons["DICOMDIR"] != 1 || len(s.Missing) != 1 || !strings.HasSuffix(s.Missing[0], "/IMAGES/IM2") {
			t.Errorf("%+v", s)
		}
	}
}

func TestMissingSource(t *testing.T) {
	if _, err := ingest.Run(ctx, newArchive(t), ingest.Options{Sources: []string{filepath.Join(t.TempDir(), "no")}}); err == nil {
		t.Error("a source that is not there was ingested")
	}
}

// TestCorpus ingests real files of many makers. Whatever has the UIDs that make an instance and is whole is stored; what pydicom
// cannot read is not; every file has one outcome; contents come back byte for byte.
func TestCorpus(t *testing.T) {
	root := testdata.Shared(t, "data", "dicom")
	text, err := os.ReadFile(filepath.Join(root, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected map[string]struct {
		Pydicom string `json:"pydicom231"`
		SHA256  string `json:"sha256"`
		SOP     string `json:"sop"`
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	a := newArchive(t)
	outcomes := map[string]ingest.Item{}
	items := make(chan ingest.Item, 4096)
	s := run(t, a, ingest.Options{Sources: []string{root}, Each: func(it ingest.Item) { items <- it }})
	close(items)
	for it := range items {
		rel, _ := filepath.Rel(root, it.File)
		if _, twice := outcomes[rel]; twice {
			t.Errorf("%s has two outcomes", rel)
		}
		outcomes[rel] = it
	}
	if len(outcomes) != s.Found || s.Stored < 350 {
		t.Errorf("%d outcomes, %d found, %d stored", len(outcomes), s.Found, s.Stored)
	}
	for name, want := range expected {
		got, ok := outcomes[name]
		if !ok {
			t.Errorf("%s was not found", name)
			continue
		}
		if got.Outcome == ingest.Skipped && want.Pydicom == "ok" && want.SOP != "" && got.Reason != "DICOMDIR" {
			t.Errorf("%s was skipped: %s", name, got.Reason)
		}
		if got.Outcome != ingest.Stored && got.Outcome != ingest.Conflict {
			continue
		}
		if got.Digest.String() != want.SHA256 {
			t.Errorf("%s is kept under another digest", name)
		}
	}
	for r, err := range a.Objects.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Objects.Copy(ctx, r.Digest, io.Discard); err != nil {
			t.Error(err)
		}
	}
}
