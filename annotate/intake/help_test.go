package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// study is a project of two cases: a loop of 6 frames, 40 × 32 pixels of 0.5 (high) × 0.25 mm (wide), and a still picture without any scale. ann, bob
// and the model net read everything.
func study(t testing.TB, rules string) *annotate.Project {
	t.Helper()
	dir := t.TempDir()
	p, err := annotate.Create(t.Context(), dir, "study", 1, "eve")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	picture(t, filepath.Join(dir, "loop.dcm"), uid.UltrasoundMultiFrameImageStorage, "2.25.50", 6)
	picture(t, filepath.Join(dir, "still.dcm"), uid.SecondaryCaptureImageStorage, "2.25.51", 1)
	do := func(kind annotate.Kind, data any) {
		t.Helper()
		var b []byte
		if data != nil {
			b, _ = json.Marshal(data)
		}
		if _, err := p.Do(context.Background(), "eve", annotate.Op{Kind: kind, Data: b}); err != nil {
			t.Fatal(err)
		}
	}
	do(annotate.MemberAdded, map[string]any{"name": "ann", "roles": []string{"reader"}})
	do(annotate.MemberAdded, map[string]any{"name": "bob", "roles": []string{"reader"}})
	do(annotate.MemberAdded, map[string]any{"name": "net", "roles": []string{"service"}, "model": "net 1"})
	do(annotate.ProtocolSet, map[string]any{"yaml": rules})
	do(annotate.CaseAdded, map[string]any{"patient": "p0", "files": []string{"loop.dcm"}})
	do(annotate.CaseAdded, map[string]any{"patient": "p1", "files": []string{"still.dcm"}})
	do(annotate.Assigned, nil)
	do(annotate.PhaseSet, map[string]any{"phase": "reading"})
	return p
}

const pictureRows, pictureColumns = 32, 40

func picture(t testing.TB, path, class, sop string, frames int) {
	t.Helper()
	ds := dicom.NewDataSet()
	for k, v := range map[tag.Tag]string{tag.SOPClassUID: class, tag.SOPInstanceUID: sop, tag.StudyInstanceUID: sop + ".1", tag.SeriesInstanceUID: sop + ".2", tag.PatientID: "P " + sop,
		tag.StudyDate: "20260102", tag.StudyID: "S1", tag.Modality: "US", tag.PhotometricInterpretation: "MONOCHROME2"} {
		ds.SetString(k, v)
	}
	for k, v := range map[tag.Tag]int{tag.Rows: pictureRows, tag.Columns: pictureColumns, tag.SamplesPerPixel: 1, tag.BitsAllocated: 8, tag.BitsStored: 8, tag.HighBit: 7, tag.PixelRepresentation: 0} {
		ds.SetInts(k, v)
	}
	if frames > 1 {
		ds.SetInts(tag.NumberOfFrames, frames)
		ds.SetFloats(tag.PixelSpacing, .5, .25)
		ds.SetFloats(tag.FrameTime, 40)
	}
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, frames*pictureRows*pictureColumns))
	if err := dicom.WriteFile(path, ds, dicom.WriteOptions{TransferSyntaxUID: string(uid.ExplicitVRLittleEndian)}); err != nil {
		t.Fatal(err)
	}
}

// bring reads one text and brings it.
func bring(t testing.TB, p *annotate.Project, who string, set Settings, opt Options, read func(*Reader) error) *Summary {
	t.Helper()
	r, err := NewReader(p, who, set)
	if err != nil {
		t.Fatal(err)
	}
	if err := read(r); err != nil {
		t.Fatal(err)
	}
	s, err := r.Bring(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// counts are a summary in short.
func counts(s *Summary) string {
	return fmt.Sprintf("%d items, %d new, %d changed, %d same, %d before, %d readings, %d locked, %d passed, %d refused, %d warnings", s.Items, s.Answers, s.Changed, s.Same, s.Before, s.Readings, s.Locked,
		s.Passed, len(s.Refused), len(s.Warnings))
}

func expect(t testing.TB, s *Summary, want string) {
	t.Helper()
	if got := counts(s); got != want {
		t.Errorf("%s\nwant %s\n%+v %+v", got, want, s.Refused, s.Warnings)
	}
}

// reason expects that one of the refused says this.
func reasoned(t testing.TB, s *Summary, where, words string) {
	t.Helper()
	for _, r := range s.Refused {
		if r.Where == where && strings.Contains(r.Reason, words) {
			return
		}
	}
	t.Errorf("nothing says %q of %q: %+v", words, where, s.Refused)
}

// answersOf are those that a member gave, by item and place.
func answersOf(t testing.TB, p *annotate.Project, who string) map[string]*annotate.Answer {
	t.Helper()
	out := map[string]*annotate.Answer{}
	list, err := p.Worklist(who)
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range list {
		if task.Reading == "" {
			continue
		}
		v, err := p.Reading(who, task.Reading)
		if err != nil {
			t.Fatal(err)
		}
		pics, err := p.Pictures(who, task.Assignment)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range v.Answers {
			b := *a
			b.ID, b.Version = "", 0
			out[fmt.Sprint(pics[0].File, " ", a.Item, " ", a.Image, " ", a.Frame, " ", a.To)] = &b
		}
	}
	return out
}

// put answers as a browser does.
func answer(t testing.TB, p *annotate.Project, who, file string, list ...annotate.Answer) {
	t.Helper()
	ix, err := PicturesOf(p, who, Which{})
	if err != nil {
		t.Fatal(err)
	}
	at, err := ix.find(Key{Name: file})
	if err != nil {
		t.Fatal(err)
	}
	e, err := p.Do(t.Context(), who, annotate.Op{Kind: annotate.ReadingOpened, Object: at.task.Assignment})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		b, err := json.Marshal(map[string]any{"reading": e.Object, "answer": a})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Do(t.Context(), who, annotate.Op{Kind: annotate.AnswerPut, Data: b}); err != nil {
			t.Fatalf("%s: %v", a.Item, err)
		}
	}
	if _, err := p.Do(t.Context(), who, annotate.Op{Kind: annotate.ReadingLocked, Object: e.Object}); err != nil {
		t.Fatal(err)
	}
}

func at(xy ...float64) (p []measure.Point) {
	for i := 0; i+1 < len(xy); i += 2 {
		p = append(p, measure.Point{X: xy[i], Y: xy[i+1]})
	}
	return p
}
