package export

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/iod"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
)

// one is a study of one picture with one locked reading; change makes the picture's header what a test is about.
func one(t *testing.T, rules string, frames int, change func(*dicom.DataSet), answers ...*annotate.Answer) *annotate.Records {
	t.Helper()
	dir := t.TempDir()
	class := uid.UltrasoundMultiFrameImageStorage
	if frames == 1 {
		class = uid.UltrasoundImageStorage
	}
	ds := source(class, "hard", "hard", "US", 20, 24, frames)
	if change != nil {
		change(ds)
	}
	if err := dicom.WriteFile(filepath.Join(dir, "x.dcm"), ds, dicom.WriteOptions{TransferSyntaxUID: string(uid.ExplicitVRLittleEndian)}); err != nil {
		t.Fatal(err)
	}
	p, err := protocol.Read("p", []byte("version: 1\nrevision: 1\ndesign: {kind: panel}\nitems:\n"+rules))
	if err != nil {
		t.Fatal(err)
	}
	return &annotate.Records{Name: "hard", Phase: annotate.Closed, Protocol: p, Root: dir, Readers: []annotate.ReaderRecord{{Mask: "R-1"}},
		Cases:    []*annotate.Case{{ID: "c", Patient: "p", Images: []annotate.Picture{{File: "x.dcm", SOP: ds.String(tag.SOPInstanceUID), Series: ds.String(tag.SeriesInstanceUID), Rows: 20, Columns: 24, Frames: frames}}}},
		Readings: []annotate.ReadingRecord{{ID: "r", Reader: "R-1", Case: "c", Arm: protocol.Unaided, Session: 1, Locked: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Answers: answers}}}
}

func masked(item string, frame int, in func(x, y int) bool) *annotate.Answer {
	m := make([]bool, 20*24)
	for i := range m {
		m[i] = in(i%24, i/24)
	}
	return &annotate.Answer{Item: item, Image: 1, Frame: frame, Mask: annotate.EncodeMask(m, 20, 24)}
}

var everyDICOM = []string{"sr", "seg", "gsps", "sc"}

// written are the data sets of an export by their names, each sound by the tables of the standard.
func written(t *testing.T, r *annotate.Records, formats ...string) map[string]*dicom.DataSet {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	m, err := Write(t.Context(), r, head, formats, out)
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]*dicom.DataSet{}
	for _, f := range m.Files {
		ds := open(t, filepath.Join(out, f.Path))
		if found, known := iod.Check(ds); !known || len(found) > 0 {
			t.Errorf("%s: %v", f.Path, found)
		}
		list[f.Path] = ds
	}
	return list
}

// TestHardMasks: nothing, a pixel, all borders, in two hundred frames, and the same pixels back.
func TestHardMasks(t *testing.T) {
	var answers []*annotate.Answer
	for f := range 200 {
		answers = append(answers, masked("lv", f, func(x, y int) bool {
			switch f % 4 {
			case 0:
				return false
			case 1:
				return x == 23 && y == 19
			case 2:
				return x == 0 || y == 0 || x == 23 || y == 19
			}
			return true
		}))
	}
	files := written(t, one(t, "  - {name: lv, kind: mask}\n", 200, nil, answers...), "seg", "sc")
	s, err := result.ReadSegmentation(files["seg/c_image1_r.dcm"])
	if err != nil || len(s.Planes) != 200 {
		t.Fatal(len(s.Planes), err)
	}
	for f, p := range s.Planes {
		if p.Of.Frames[0] != f || !slices.Equal(p.Mask, answers[f].Mask.Pixels()) {
			t.Fatalf("frame %d: %v", f, p.Of)
		}
	}
	sc := files["sc/c_image1_r.dcm"]
	if n, _ := sc.Int(tag.NumberOfFrames); n != 200 {
		t.Errorf("%d captured frames", n)
	}
}

// TestManySegments: three hundred items of a protocol, a segment each.
func TestManySegments(t *testing.T) {
	rules, answers := "", []*annotate.Answer{}
	for i := range 300 {
		name := "s" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		rules += "  - {name: " + name + ", kind: mask}\n"
		answers = append(answers, masked(name, 0, func(x, y int) bool { return y*24+x == i }))
	}
	s, err := result.ReadSegmentation(written(t, one(t, rules, 1, nil, answers...), "seg")["seg/c_image1_r.dcm"])
	if err != nil || len(s.Segments) != 300 || s.Segments[299].TrackingID != "sln" || !s.Planes[299].Mask[299] {
		t.Errorf("%d segments, %v", len(s.Segments), err)
	}
	seen := map[string]bool{}
	for _, g := range s.Segments {
		if seen[g.TrackingUID] {
			t.Fatal("two segments of one tracking UID")
		}
		seen[g.TrackingUID] = true
	}
}

// TestHardPatients: names and labels beyond ASCII, no study ID, no patient ID: every result says what the picture says.
func TestHardPatients(t *testing.T) {
	const rules = "  - {name: septum, label: Größter Durchmesser 左心室, kind: measurement, shape: length}\n  - {name: lv, label: Левый желудочек, kind: mask}\n  - {name: note, label: Befund, kind: text}\n"
	line := &annotate.Answer{Item: "septum", Image: 1, Shapes: []annotate.Drawn{{Image: 1, Shape: measure.Shape{Kind: measure.Length, Points: []measure.Point{{X: 1, Y: 2}, {X: 20, Y: 15}}}}},
		Results: []measure.Result{{Values: []measure.Value{{Name: "length", Number: 23.02, Unit: measure.Pixels}}}}}
	value := 23.02
	line.Value, line.Unit = &value, measure.Pixels
	for name, change := range map[string]func(*dicom.DataSet){
		"as it is": func(*dicom.DataSet) {},
		"UTF-8": func(ds *dicom.DataSet) {
			ds.SetString(tag.PatientName, "Müller^Änne=山田^太郎")
			ds.SetString(tag.StudyDescription, "Écho")
		},
		"Latin-1": func(ds *dicom.DataSet) {
			ds.SetString(tag.SpecificCharacterSet, "ISO_IR 100")
			ds.SetString(tag.PatientName, "Müller^Änne")
		},
		"no study ID":   func(ds *dicom.DataSet) { ds.Delete(tag.StudyID) },
		"no patient ID": func(ds *dicom.DataSet) { ds.Delete(tag.PatientID, tag.StudyDate) },
	} {
		t.Run(name, func(t *testing.T) {
			r := one(t, rules, 1, change, line, masked("lv", 0, func(x, y int) bool { return x < 5 }), &annotate.Answer{Item: "note", Text: "schräg"})
			of := open(t, filepath.Join(r.Root, "x.dcm"))
			files := written(t, r, everyDICOM...)
			if len(files) != 5 {
				t.Errorf("%d files", len(files))
			}
			for file, ds := range files {
				for _, a := range []tag.Tag{tag.PatientName, tag.PatientID, tag.PatientBirthDate, tag.PatientSex, tag.StudyInstanceUID, tag.StudyDate, tag.StudyTime, tag.StudyID, tag.AccessionNumber} {
					if got, want := ds.String(a), of.String(a); got != want {
						t.Errorf("%s: %s is %q, and %q in the picture", file, a.Keyword(), got, want)
					}
					if _, there := ds.Get(a); !there {
						t.Errorf("%s: no %s", file, a.Keyword())
					}
				}
				if ds.String(tag.FrameOfReferenceUID) != "" {
					t.Errorf("%s: a frame of reference that the picture doesn't have", file)
				}
				for _, e := range ds.Walk() {
					if e.Tag == tag.ReferencedFrameNumber {
						t.Errorf("%s: a frame number of a picture of one frame", file)
					}
				}
			}
			rep, err := result.ReadReport(files["sr/c_r.dcm"])
			if err != nil || rep.Groups[0].Numbers[0].Unit != measure.Pixels || len(rep.Observers) != 2 || rep.Observers[0].Person != "R-1^" || rep.Observers[1].Device.Model == "" {
				t.Errorf("%+v, %v", rep, err)
			}
		})
	}
}

// TestOutOfDisk: what fails while it is written is not there under its name, nor is a manifest, and nothing temporary stays.
func TestOutOfDisk(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	w, err := newFolder(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.file("sr/a.dcm", func(o io.Writer) error { _, err := o.Write([]byte("whole")); return err }); err != nil {
		t.Fatal(err)
	}
	err = w.file("sr/b.dcm", func(o io.Writer) error {
		if _, err := o.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		return &fs.PathError{Op: "write", Path: "b", Err: syscall.ENOSPC}
	})
	if fault.CodeOf(err) != fault.Resource || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	if names := below(t, out); !slices.Equal(names, []string{"sr/a.dcm"}) {
		t.Errorf("%v", names)
	}
	if len(w.files) != 1 {
		t.Errorf("%+v", w.files)
	}
}

// TestCancelled: an export that was interrupted has no manifest, and every file that is there is whole.
func TestCancelled(t *testing.T) {
	r := one(t, "  - {name: lv, kind: mask}\n", 3, nil, masked("lv", 0, func(x, y int) bool { return x < 5 }), masked("lv", 2, func(x, y int) bool { return y < 5 }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "out")
	if _, err := Write(ctx, r, head, everyDICOM, out); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, name := range below(t, out) {
		if name == ManifestFile || strings.Contains(name, "tmp") {
			t.Errorf("%s is there", name)
		}
		if strings.HasSuffix(name, ".dcm") {
			open(t, filepath.Join(out, name))
		}
	}
}

func below(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			name, _ := filepath.Rel(dir, p)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestManifest: every file with its digest and nothing else, readers by their masks, revisions; no name of a person.
func TestManifest(t *testing.T) {
	p, _, _ := hospital(t)
	out := filepath.Join(t.TempDir(), "out")
	m, err := Write(t.Context(), p.Records(), p.Head(), Formats, out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range m.Files {
		b, err := os.ReadFile(filepath.Join(out, f.Path))
		if err != nil || int64(len(b)) != f.Bytes || protocol.Digest(b) != f.SHA256 {
			t.Errorf("%s: %v", f.Path, err)
		}
		names = append(names, f.Path)
	}
	if there := below(t, out); !slices.Equal(slices.DeleteFunc(there, func(n string) bool { return n == ManifestFile }), names) {
		t.Errorf("%q, and in the manifest %q", there, names)
	}
	b, err := os.ReadFile(filepath.Join(out, ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	var got Manifest
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Kind != "reading export" || got.Version != 1 || got.Program != version.Number || got.Protocol != 1 || got.Log != p.Head() || got.Readings != 2 || len(got.Readers) != 2 || !slices.Equal(got.Formats, Formats) {
		t.Errorf("%+v", got)
	}
	for _, r := range got.Readers {
		if !strings.HasPrefix(r, "R-") {
			t.Errorf("reader %q", r)
		}
	}
	for _, name := range append(names, ManifestFile) {
		b, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, leak := range []string{"ann\x00", "ann^", `"ann"`, ",ann,", "net 1", `"net"`} {
			if strings.Contains(string(b), leak) {
				t.Errorf("%s: %q", name, leak)
			}
		}
	}
	if d, err := m.Digest(); err != nil || d != protocol.Digest(b) {
		t.Errorf("%s, %v", d, err)
	}
}

// TestStacks: single images of a series are one segmentation, loops are one each.
func TestStacks(t *testing.T) {
	im := []result.Image{{Series: "a", Frames: 1}, {Series: "b", Frames: 4}, {Series: "a", Frames: 1}, {Series: "a", Frames: 1}, {Series: "b", Frames: 1}, {Series: "b", Frames: 3}}
	c := &annotate.Case{Images: []annotate.Picture{{Rows: 4, Columns: 4}, {Rows: 4, Columns: 4}, {Rows: 4, Columns: 4}, {Rows: 8, Columns: 4}, {Rows: 4, Columns: 4}, {Rows: 4, Columns: 4}}}
	got := stacks(c, im)
	want := [][]int{{0, 2}, {1}, {3}, {4}, {5}}
	if len(got) != len(want) {
		t.Fatal(got)
	}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	// The stack of the hospital's exam: three slices of twelve, one object in the patient's space.
	p, _, _ := hospital(t)
	files := written(t, p.Records(), "seg")
	n := 0
	for name, ds := range files {
		s, err := result.ReadSegmentation(ds)
		if err != nil {
			t.Fatal(name, err)
		}
		if ds.String(tag.FrameOfReferenceUID) == "" {
			continue
		}
		n++
		if len(s.Images) != len(s.Planes) || s.Segments[0].Type.Value != "52988006" || len(ds.Sequence(tag.SharedFunctionalGroupsSequence)[0].Sequence(tag.PixelMeasuresSequence)) != 1 {
			t.Errorf("%s: %d images, %d planes", name, len(s.Images), len(s.Planes))
		}
	}
	if n != 2 || len(files) != 4 {
		t.Errorf("%d of %d in the patient's space", n, len(files))
	}
}

func TestValueWords(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{{42.345, "mm", "42.3 mm"}, {3.14159, "mm2", "3.14 mm²"}, {56.1, "%", "56.1 %"}, {12, "{pixels}", "12.0 px"}, {144, "{square_pixels}", "144.0 px²"}, {90, "deg", "90.0°"}, {3, "1", "3.00"}, {-0.5, "cm/s2", "-0.50 cm/s²"},
		{120, "mL", "120.0 mL"}} {
		if got := valueWords(c.v, c.unit); got != c.want {
			t.Errorf("%g %s: %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}
