package reading

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/serve"
)

const rules = `version: 1
revision: 1
title: test
design: {kind: %s}
items:
  - {name: severity, kind: ordinal, options: [{name: none}, {name: mild}, {name: severe}], positive: [severe], required: true}
  - {name: septum, kind: measurement, shape: length}
  - {name: note, kind: text}
  - {name: lv, kind: mask, scope: frame}
`

type m = map[string]any

// secrets are planted in every picture and must reach no browser of a reader.
var secrets = []string{"Secret", "Person", "Aortic horror", "Hidden words", "2.25.9", "2.25.8", "2.25.7", "2.25.6", "217.3", "-88.25", "picture", "pseudo", "lvnet", "19400101", "4711-MRN", "JPEG tells"}

// header is what all pictures have, with everything that must not be told.
func header(n, rows, columns, frames int) *dicom.DataSet {
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.3.1")
	ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("2.25.9%d", n))
	ds.SetString(tag.StudyInstanceUID, fmt.Sprintf("2.25.8%d", n))
	ds.SetString(tag.SeriesInstanceUID, fmt.Sprintf("2.25.7%d", n))
	ds.SetString(tag.PatientName, "Secret^Person")
	ds.SetString(tag.PatientID, "4711-MRN")
	ds.SetString(tag.PatientBirthDate, "19400101")
	ds.SetString(tag.StudyDescription, "Aortic horror")
	ds.SetString(tag.SeriesDescription, "Aortic horror, series")
	ds.SetString(tag.WindowCenterWidthExplanation, "Hidden words")
	ds.SetInts(tag.Rows, rows)
	ds.SetInts(tag.Columns, columns)
	ds.SetInts(tag.NumberOfFrames, frames)
	ds.SetFloats(tag.FrameTime, 40)
	ds.SetFloats(tag.RWaveTimeVector, 3, 79, 9000)
	pixel.SetRegions(ds, pixel.Region{MaxX: columns - 1, MaxY: rows - 1, SpatialFormat: 1, UnitsX: 3, UnitsY: 3, DeltaX: .05, DeltaY: .05})
	return ds
}

func save(t testing.TB, dir string, n int, ds *dicom.DataSet, ts string) string {
	t.Helper()
	name := fmt.Sprintf("picture%d.dcm", n)
	if err := dicom.WriteFile(filepath.Join(dir, name), ds, dicom.WriteOptions{TransferSyntaxUID: ts}); err != nil {
		t.Fatal(err)
	}
	return name
}

// loop writes a grey loop of 4 frames; pixels of frame f are f and n in turn.
func loop(t testing.TB, dir string, n int) string {
	ds := header(n, 64, 80, 4)
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	b := make([]byte, 4*64*80)
	for i := range b {
		if b[i] = byte(n); i%2 == 0 {
			b[i] = byte(i / (64 * 80))
		}
	}
	ds.SetBytes(tag.PixelData, vr.OB, b)
	return save(t, dir, n, ds, uid.ExplicitVRLittleEndian)
}

// talkative is a colour JPEG with a comment and an application segment.
func talkative(t testing.TB) []byte {
	t.Helper()
	im := image.NewYCbCr(image.Rect(0, 0, 80, 64), image.YCbCrSubsampleRatio420)
	for i := range im.Y {
		im.Y[i] = byte(i)
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, im, nil); err != nil {
		t.Fatal(err)
	}
	b := buf.Bytes()
	say := func(marker byte, text string) []byte {
		return append([]byte{0xFF, marker, byte((len(text) + 2) >> 8), byte(len(text) + 2)}, text...)
	}
	out := append([]byte{0xFF, 0xD8}, say(0xFE, "JPEG tells: Secret")...)
	out = append(out, say(0xE1, "Exif: JPEG tells")...)
	out = append(out, b[2:]...)
	return append(out, "JPEG tells after its end"...)
}

type study struct {
	*annotate.Project
	t testing.TB
}

// members with their roles.
var members = map[string][]policy.Role{"ann": {policy.Reader}, "bob": {policy.Reader}, "carl": {policy.Reader}, "dora": {policy.Adjudicator}, "otto": {policy.Auditor}, "cora": {policy.Coordinator}}

// newStudy is a project in its reading phase, with a file of passwords.
func newStudy(t testing.TB, design string, files ...func(testing.TB, string, int) string) *study {
	t.Helper()
	return newStudyWith(t, fmt.Sprintf(rules, design), nil, files...)
}

// newStudyWith is newStudy under a protocol of its own and with more members.
func newStudyWith(t testing.TB, yaml string, more map[string][]policy.Role, files ...func(testing.TB, string, int) string) *study {
	t.Helper()
	s := unassignedWith(t, yaml, more, files...)
	s.do("cora", annotate.Assigned, "", 0, nil)
	s.do("cora", annotate.PhaseSet, "", 0, m{"phase": annotate.InReading})
	return s
}

// unassigned is a study that is being laid out.
func unassigned(t testing.TB, design string, files ...func(testing.TB, string, int) string) *study {
	t.Helper()
	return unassignedWith(t, fmt.Sprintf(rules, design), nil, files...)
}

func unassignedWith(t testing.TB, yaml string, more map[string][]policy.Role, files ...func(testing.TB, string, int) string) *study {
	t.Helper()
	dir := t.TempDir()
	p, err := annotate.Create(context.Background(), dir, "study", 7, "eve")
	if err != nil {
		t.Fatal(err)
	}
	s := &study{Project: p, t: t}
	t.Cleanup(func() { p.Close() })
	for name, roles := range more {
		s.do("eve", annotate.MemberAdded, "", 0, m{"name": name, "roles": roles})
	}
	for name, roles := range members {
		s.do("eve", annotate.MemberAdded, "", 0, m{"name": name, "roles": roles})
	}
	s.do("eve", annotate.MemberAdded, "", 0, m{"name": "net", "roles": []policy.Role{policy.Service}, "model": "lvnet 1.2"})
	s.do("cora", annotate.ProtocolSet, "", 0, m{"yaml": yaml})
	for i, f := range files {
		s.do("cora", annotate.CaseAdded, "", 0, m{"patient": fmt.Sprintf("pseudo%d", i), "files": strings.Fields(f(t, dir, i))})
	}
	for _, name := range []string{"ann", "bob", "carl", "dora", "otto", "cora", "eve", "net"} {
		if err := access.SetPassword(filepath.Join(dir, UsersFile), name, password(name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func password(name string) string { return "the password of " + name }

func (s *study) do(who string, kind annotate.Kind, object string, base int, data any) annotate.Event {
	s.t.Helper()
	b, err := json.Marshal(data)
	if err != nil {
		s.t.Fatal(err)
	}
	if data == nil {
		b = nil
	}
	e, err := s.Do(context.Background(), who, annotate.Op{Kind: kind, Object: object, Base: base, Data: b})
	if err != nil {
		s.t.Fatalf("%s %s: %v", who, kind, err)
	}
	return e
}

func (s *study) tasks(who string) []annotate.Task {
	s.t.Helper()
	list, err := s.Worklist(who)
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// read opens a task, answers it, and locks it.
func (s *study) read(who string, task annotate.Task, choice string) string {
	s.t.Helper()
	id := s.do(who, annotate.ReadingOpened, task.Assignment, 0, nil).Object
	s.do(who, annotate.AnswerPut, "", 0, m{"reading": id, "answer": m{"item": "severity", "choice": []string{choice}}})
	s.do(who, annotate.ReadingLocked, id, 0, nil)
	return id
}

type site struct {
	*study
	*Server
	url string
}

// serveIt serves a study as the command does.
func serveIt(t testing.TB, st *study, opts Options) *site {
	t.Helper()
	s, err := New(st.Project, opts)
	if err != nil {
		t.Fatal(err)
	}
	h, err := serve.Handler(s.Handler(), serve.Options{Rate: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		s.endStreams()
		srv.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &site{st, s, srv.URL}
}

// browser is a client that keeps the cookie, as a browser does on its own machine; Go's jar would send it over TLS only.
type browser struct {
	t      testing.TB
	url    string
	cookie string
}

func (s *site) nobody() *browser { return &browser{t: s.t, url: s.url} }

func (s *site) as(name string) *browser {
	s.t.Helper()
	b := s.nobody()
	if r := b.send("POST", "/api/session", m{"name": name, "password": password(name)}); r.status != http.StatusNoContent {
		s.t.Fatalf("%s can't log in: %d %s", name, r.status, r.body)
	}
	return b
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (b *browser) request(method, path string, body any) *http.Request {
	b.t.Helper()
	var in io.Reader
	if body != nil {
		j, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		in = bytes.NewReader(j)
	}
	r, err := http.NewRequest(method, b.url+path, in)
	if err != nil {
		b.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if b.cookie != "" {
		r.Header.Set("Cookie", CookieName+"="+b.cookie)
	}
	return r
}

var plain = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 30 * time.Second}

func (b *browser) do(r *http.Request) reply {
	b.t.Helper()
	resp, err := plain.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	for _, c := range resp.Cookies() {
		if c.Name == CookieName {
			b.cookie = c.Value
		}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

func (b *browser) send(method, path string, body any) reply {
	b.t.Helper()
	return b.do(b.request(method, path, body))
}

func (b *browser) get(path string) reply { b.t.Helper(); return b.send("GET", path, nil) }

func (r reply) into(t testing.TB, v any) {
	t.Helper()
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
}
