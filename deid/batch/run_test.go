package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// ct is a small CT image.
func ct(patient, instance string) *dicom.DataSet {
	ds := dicom.NewDataSet()
	for t, s := range map[tag.Tag]string{tag.SOPClassUID: uid.CTImageStorage, tag.SOPInstanceUID: "1.2.826.0.1.3680043.9." + instance, tag.StudyDate: "20200310", tag.Modality: "CT",
		tag.PatientName: "Roe^" + patient, tag.PatientID: patient, tag.StudyInstanceUID: "1.2.826.0.1.3680043.8.1", tag.SeriesInstanceUID: "1.2.826.0.1.3680043.8.2", tag.PatientSex: "F",
		tag.PatientBirthDate: "19601231", tag.PhotometricInterpretation: "MONOCHROME2", tag.InstanceNumber: "1", tag.SeriesDescription: "CHEST of Roe"} {
		ds.SetText(t, t.VR(), s)
	}
	ds.SetText(tag.ImageType, vr.CS, "ORIGINAL", "PRIMARY", "AXIAL")
	for t, n := range map[tag.Tag]int{tag.SamplesPerPixel: 1, tag.Rows: 4, tag.Columns: 3, tag.BitsAllocated: 16, tag.BitsStored: 12, tag.HighBit: 11, tag.PixelRepresentation: 0} {
		ds.SetInts(t, n)
	}
	ds.SetBytes(tag.PixelData, vr.OW, []byte("abcdefghijklmnopqrstuvwx"))
	return ds
}

func put(t testing.TB, path string, ds *dicom.DataSet, ts string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := dicom.WriteFile(path, ds, dicom.WriteOptions{TransferSyntaxUID: ts}); err != nil {
		t.Fatal(err)
	}
}

// tree is a folder of a few objects, one of each fate.
func tree(t testing.TB) string {
	dir := filepath.Join(t.TempDir(), "in")
	for i, ts := range []string{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian} {
		put(t, filepath.Join(dir, "Roe", "im"+string(rune('a'+i))), ct("P"+string(rune('1'+i/2)), "10"+string(rune('1'+i))), ts)
	}
	us := ct("P3", "201")
	us.SetText(tag.SOPClassUID, vr.UI, uid.UltrasoundImageStorage)
	us.SetText(tag.Modality, vr.CS, "US")
	put(t, filepath.Join(dir, "us.dcm"), us, uid.ExplicitVRLittleEndian)
	for name, text := range map[string]string{"notes.txt": "Roe was here", "broken.dcm": string(make([]byte, 128)) + "DICM\x02\x00\x00\x00UL\x04\x00\xff\xff\x00\x00"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func profile(t testing.TB, name string) *deid.Profile {
	t.Helper()
	p, ok := deid.Preset(name)
	if !ok {
		t.Fatal(name)
	}
	pr, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return pr
}

// contents are the bytes of every file under dir by name.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		m[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func same(t *testing.T, what string, a, b map[string]string) {
	t.Helper()
	for name := range a {
		if b[name] != a[name] {
			t.Errorf("%s: %s differs", what, name)
		}
	}
	if len(a) != len(b) {
		t.Errorf("%s: %d files and %d", what, len(a), len(b))
	}
}

func TestRun(t *testing.T) {
	in := tree(t)
	before := contents(t, in)
	dir := t.TempDir()
	out, held := filepath.Join(dir, "out"), filepath.Join(dir, "held")
	opt := Options{In: in, Out: out, Quarantine: held, Profile: profile(t, "research"), Key: testKey, Workers: 3}
	s, err := Run(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if s.Found != 7 || s.Written != 4 || s.Quarantined != 2 || s.Skipped != 1 {
		t.Errorf("%+v", s)
	}
	same(t, "the input", before, contents(t, in))
	lines := 0
	for line := range bytes.Lines([]byte(contents(t, out)[ManifestFile])) {
		lines++
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if (r.Status == Written) != (r.Output != "" && len(r.Digest) == 64) || (r.Status != Written) != (r.Quarantine != "") || len(r.Input) != 64 {
			t.Errorf("%s", line)
		}
	}
	if lines != s.Found {
		t.Errorf("%d lines for %d files", lines, s.Found)
	}
	for name, text := range contents(t, out) {
		if strings.Contains(name+text, "Roe") {
			t.Errorf("%s names the patient", name)
		}
	}
	if h := contents(t, held); len(h) != 3 || !strings.Contains(h["index.jsonl"], "us.dcm") {
		t.Errorf("quarantine: %d files", len(h))
	}
	if err := CheckManifest(out, testKey); err != nil {
		t.Error(err)
	}

	// The same bytes with another number of workers, on a repeat, and after a run that was broken off.
	want := contents(t, out)
	for _, workers := range []int{1, 5} {
		o := opt
		o.Out, o.Quarantine, o.Workers = filepath.Join(dir, "again", string(rune('0'+workers))), "", workers
		if _, err := Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		same(t, "another number of workers", want, contents(t, o.Out))
	}
	if _, err := Run(context.Background(), opt); err != nil {
		t.Fatal(err)
	}
	same(t, "a repeat", want, contents(t, out))
}

// stopping cancels the run after n objects, as a user or a crash does.
type stopping struct {
	deid.Masker
	after  int
	cancel context.CancelFunc
}

func (s *stopping) Mask(ctx context.Context, in deid.MaskInput) (deid.Masked, error) {
	if s.after--; s.after < 0 {
		s.cancel()
	}
	return s.Masker.Mask(ctx, in)
}

func TestARunThatIsBrokenOffGoesOn(t *testing.T) {
	in := tree(t)
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	opt := Options{In: in, Out: whole, Profile: profile(t, "research"), Key: testKey, Workers: 1}
	if _, err := Run(context.Background(), opt); err != nil {
		t.Fatal(err)
	}
	want := contents(t, whole)
	for after := range 4 {
		o := opt
		o.Out = filepath.Join(dir, "part", string(rune('0'+after)))
		ctx, cancel := context.WithCancel(context.Background())
		o.Masker = &stopping{deid.Cautious{}, after, cancel}
		if _, err := Run(ctx, o); fault.CodeOf(err) != fault.Interrupted {
			t.Fatalf("after %d: %v", after, err)
		}
		cancel()
		// What a crash leaves: a line that was cut off, a temporary file, an output that lost bytes.
		j, err := os.OpenFile(filepath.Join(o.Out, StateDir, "journal.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = j.WriteString(`{"run":"x","record":{"inp`)
		j.Close()
		if err := os.WriteFile(filepath.Join(o.Out, StateDir, "tmp", "9-9"), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
		for name := range contents(t, o.Out) {
			if after == 3 && !strings.HasPrefix(name, StateDir) {
				if err := os.Truncate(filepath.Join(o.Out, name), 200); err != nil {
					t.Fatal(err)
				}
			}
		}
		o.Masker = nil
		if _, err := Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		same(t, "a run that was broken off", want, contents(t, o.Out))
	}
}

func TestPixelsArePassedOn(t *testing.T) {
	in := tree(t)
	out := runTest(t, in, filepath.Join(t.TempDir(), "out"), profile(t, "research").Policy, 1)
	n := 0
	for name, text := range contents(t, out) {
		f, err := dicom.ReadBytes([]byte(text))
		if err != nil || name == DirectoryFile {
			continue
		}
		n++
		raw := f.DataSet.Bytes(tag.PixelData)
		want := "abcdefghijklmnopqrstuvwx"
		if f.TransferSyntax == uid.ExplicitVRBigEndian {
			want = "badcfehgjilknmporqtsvuxw"
		}
		if string(raw) != want {
			t.Errorf("%s: pixels %q", f.TransferSyntax, raw)
		}
		if got := f.DataSet.String(tag.SeriesDescription); got != "CHEST of ***" {
			t.Errorf("%q", got)
		}
		if got := f.DataSet.String(tag.BurnedInAnnotation); got != "NO" {
			t.Errorf("burned in annotation %q for an original CT image", got)
		}
		if len(f.Warnings) > 0 {
			t.Errorf("%v", f.Warnings)
		}
		b := make([]byte, 128)
		if text[:128] != string(b) {
			t.Error("the preamble is not zero")
		}
	}
	if n != 4 {
		t.Errorf("%d objects", n)
	}
}

func TestAChangedManifestDoesNotHold(t *testing.T) {
	out := runTest(t, tree(t), filepath.Join(t.TempDir(), "out"), profile(t, "research").Policy, 2)
	files := contents(t, out)
	manifest := files[ManifestFile]
	lines := strings.SplitAfter(strings.TrimSuffix(manifest, "\n"), "\n")
	for what, text := range map[string]string{
		"a changed line":   strings.Replace(manifest, `"quarantined"`, `"skipped"`, 1),
		"a line less":      strings.Join(lines[1:], ""),
		"the last is gone": strings.Join(lines[:len(lines)-1], ""),
		"another order":    lines[1] + lines[0] + strings.Join(lines[2:], ""),
	} {
		if err := os.WriteFile(filepath.Join(out, ManifestFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := CheckManifest(out, testKey); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.WriteFile(filepath.Join(out, ManifestFile), []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := CheckManifest(out, deid.NewKey()); err == nil {
		t.Error("another key's signature holds")
	}
	for name := range files {
		if strings.Count(name, string(filepath.Separator)) == 3 {
			if err := os.WriteFile(filepath.Join(out, name), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if err := CheckManifest(out, testKey); err == nil {
		t.Error("an output was changed and the manifest holds")
	}
}

func TestRefusals(t *testing.T) {
	in := tree(t)
	pr := profile(t, "research")
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	done := runTest(t, in, filepath.Join(t.TempDir(), "out"), pr.Policy, 1)
	for _, c := range []struct {
		what string
		opt  Options
		want fault.Code
	}{
		{"no input", Options{In: in + "x", Out: t.TempDir()}, fault.NotFound},
		{"output around the input", Options{In: in, Out: filepath.Dir(in)}, fault.Usage},
		{"the input itself", Options{In: in, Out: in}, fault.Usage},
		{"quarantine in the output", Options{In: in, Out: filepath.Join(other, "o"), Quarantine: filepath.Join(other, "o", "q")}, fault.Usage},
		{"a folder with other files", Options{In: in, Out: other}, fault.Conflict},
		{"another policy's output", Options{In: in, Out: done, Profile: profile(t, "basic")}, fault.Conflict},
	} {
		c.opt.Key = testKey
		if c.opt.Profile == nil {
			c.opt.Profile = pr
		}
		if _, err := Run(context.Background(), c.opt); fault.CodeOf(err) != c.want {
			t.Errorf("%s: %v", c.what, err)
		} else if err != nil && strings.Contains(err.Error(), "Roe") {
			t.Errorf("%s: the error names a file of the input", c.what)
		}
	}
}

// Two objects of one UID and different content both stay; two files of one content are one output, and two lines.
func TestDuplicates(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	a, b := ct("P1", "1"), ct("P1", "1")
	b.SetText(tag.SeriesDescription, vr.LO, "CHEST 2")
	put(t, filepath.Join(dir, "a"), a, "")
	put(t, filepath.Join(dir, "a2"), a, "")
	put(t, filepath.Join(dir, "b"), b, "")
	out := filepath.Join(t.TempDir(), "out")
	s, err := Run(context.Background(), Options{In: dir, Out: out, Profile: profile(t, "research"), Key: testKey, Workers: 2})
	if err != nil || s.Written != 3 {
		t.Fatalf("%v %+v", err, s)
	}
	objects := 0
	for name := range contents(t, out) {
		if strings.Count(name, string(filepath.Separator)) == 3 {
			objects++
		}
	}
	if objects != 2 {
		t.Errorf("%d objects, want 2", objects)
	}
	if err := CheckManifest(out, testKey); err != nil {
		t.Error(err)
	}
}

func TestOverlayBitsAreCleared(t *testing.T) {
	ds := ct("P1", "1")
	raw := bytes.Repeat([]byte{0x34, 0xF2}, 12)
	ds.SetBytes(tag.PixelData, vr.OW, raw)
	ds.SetInts(0x60000010, 4)
	ds.SetInts(0x60000100, 16)
	ds.SetInts(0x60000102, 12)
	dir := filepath.Join(t.TempDir(), "in")
	put(t, filepath.Join(dir, "a"), ds, "")
	out := runTest(t, dir, filepath.Join(t.TempDir(), "out"), profile(t, "research").Policy, 1)
	for name, text := range contents(t, out) {
		if f, err := dicom.ReadBytes([]byte(text)); err == nil && strings.Count(name, string(filepath.Separator)) == 3 {
			if got := f.DataSet.Bytes(tag.PixelData); !bytes.Equal(got, bytes.Repeat([]byte{0x34, 0x02}, 12)) {
				t.Errorf("% x", got)
			}
			if f.DataSet.Has(0x60000010) {
				t.Error("the overlay's description stayed")
			}
		}
	}
}

func TestDirectory(t *testing.T) {
	rows := []*Row{}
	for i, p := range []string{"A/S1/R1/X1", "A/S1/R1/X2", "A/S2/R2/X3", "B/S3/R3/X4"} {
		part := strings.Split(p, "/")
		rows = append(rows, &Row{Path: p, Patient: part[0], Study: "1.2.3." + part[1][1:], Series: "1.2.4." + part[2][1:], Instance: "1.2.5." + string(rune('1'+i)), SOPClass: uid.CTImageStorage,
			Modality: "CT", TransferSyntax: uid.ExplicitVRLittleEndian, StudyDate: "20200101"})
	}
	raw, err := directory(rows, testKey)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dicom.ReadBytes(raw)
	if err != nil || len(f.Warnings) > 0 {
		t.Fatalf("%v %v", err, f.Warnings)
	}
	// Follow the offsets: each must be that of an item's tag, FFFE,E000.
	items := f.DataSet.Sequence(tag.DirectoryRecordSequence)
	if len(items) != 2+3+3+4 {
		t.Fatalf("%d records", len(items))
	}
	seen := 0
	var follow func(at int)
	follow = func(at int) {
		for at != 0 {
			if at+8 > len(raw) || string(raw[at:at+4]) != "\xfe\xff\x00\xe0" {
				t.Fatalf("offset %d is no item", at)
			}
			seen++
			item := items[0]
			for _, it := range items {
				if e, ok := it.Get(tag.OffsetOfTheNextDirectoryRecord); ok && e.Offset() == int64(at)+16 {
					item = it
				}
			}
			down, _ := item.Int(tag.OffsetOfReferencedLowerLevelDirectoryEntity)
			follow(down)
			at, _ = item.Int(tag.OffsetOfTheNextDirectoryRecord)
		}
	}
	root, _ := f.DataSet.Int(tag.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity)
	follow(root)
	if seen != len(items) {
		t.Errorf("%d of %d records are reached", seen, len(items))
	}
}

func TestAFullDiskIsNamed(t *testing.T) {
	if err := wrap(&fs.PathError{Op: "write", Path: "/secret/Roe", Err: errors.New("x")}); strings.Contains(err.Error(), "Roe") {
		t.Errorf("%v", err)
	}
}

// Several sessions that share the work leave what one run leaves.
func TestSessions(t *testing.T) {
	in := tree(t)
	dir := t.TempDir()
	opt := Options{In: in, Out: filepath.Join(dir, "whole"), Profile: profile(t, "research"), Key: testKey, Workers: 1}
	if _, err := Run(context.Background(), opt); err != nil {
		t.Fatal(err)
	}
	want := contents(t, opt.Out)
	opt.Out = filepath.Join(dir, "shared")
	var sessions []*Session
	for range 3 {
		s, err := OpenSession(opt)
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	n := 0
	err := Walk(context.Background(), in, func(rel string, _ int64) error {
		n++
		if n == 5 {
			return nil // a task that nobody did
		}
		s := sessions[n%3]
		if n == 2 {
			if err := sessions[0].File(context.Background(), sessions[0].Worker(), rel); err != nil { // done twice
				return err
			}
		}
		return s.File(context.Background(), s.Worker(), rel)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions[0].File(context.Background(), sessions[0].Worker(), "../x"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a task outside of the input: %v", err)
	}
	for _, s := range sessions {
		s.Close()
	}
	if _, err := Run(context.Background(), opt); err != nil {
		t.Fatal(err)
	}
	same(t, "several sessions", want, contents(t, opt.Out))
}

// panicking is a masker that fails as a defect does.
type panicking struct{}

func (panicking) Mask(context.Context, deid.MaskInput) (deid.Masked, error) { panic("a defect") }

func TestADefectHoldsBackOneObject(t *testing.T) {
	in := tree(t)
	if err := os.Chmod(filepath.Join(in, "notes.txt"), 0); err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(t.TempDir(), "held")
	s, err := Run(context.Background(), Options{In: in, Out: filepath.Join(t.TempDir(), "out"), Profile: profile(t, "research"), Key: testKey, Masker: panicking{}, Quarantine: held})
	if err != nil || s.Written != 0 || s.Quarantined < 6 {
		t.Errorf("%v %+v", err, s)
	}
	for name := range contents(t, filepath.Join(filepath.Dir(held))) {
		if strings.HasSuffix(name, ".tmp") {
			t.Errorf("%s stayed", name)
		}
	}
}
