// Command readingtime attacks the server of reading studies with a reader's session and a clock. Half of the cases, drawn by chance, have been read
// by somebody else and by the model; the reader asks the same of every case, in an order by chance, and
// tells the halves apart by how long answers take. Each row is a kind of request: how often a read case took longer than one that nobody has
// read (0.5: it says nothing) with the interval by DeLong, and the P of Mann and Whitney. Times are no limits, and no test depends on them.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/serve"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/web/reading"
)

const (
	cases    = 120
	password = "a password for the bench"
	rules    = `version: 1
revision: 1
title: bench
design: {kind: panel}
items:
  - {name: diameter, kind: measurement, shape: length}
`
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/readingtime:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "cineloop-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := study(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	s, err := reading.New(p, reading.Options{OpRate: 1e6})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln, serve.Options{Rate: 1e6}) }()
	defer func() { cancel(); err = errors.Join(err, <-ended) }()
	return attack(ctx, p, "http://"+ln.Addr().String())
}

func attack(ctx context.Context, p *annotate.Project, url string) error {
	victim, err := browser(url, "ann")
	if err != nil {
		return err
	}
	mine, err := browser(url, "bob")
	if err != nil {
		return err
	}
	rng := stats.Seed(9).Stream("timing attack")
	theirs, err := p.Worklist("ann")
	if err != nil {
		return err
	}
	other := map[string]string{} // ann's assignment by picture
	for _, t := range theirs {
		pics, err := p.Pictures("ann", t.Assignment)
		if err != nil {
			return err
		}
		other[pics[0].File] = t.Assignment
	}
	list, err := p.Worklist("bob")
	if err != nil {
		return err
	}
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	kept := map[string]string{}      // readings of somebody else, by picture
	meanwhile := func(i int) error { // ann reads half of the cases, a little before bob comes to them
		if i >= len(list) || rng.IntN(2) == 0 {
			return nil
		}
		pics, err := p.Pictures("bob", list[i].Assignment)
		if err != nil {
			return err
		}
		kept[pics[0].File], err = victim.read(ctx, other[pics[0].File])
		return err
	}
	for i := range 8 {
		if err := meanwhile(i); err != nil {
			return err
		}
	}
	took, was := map[string][]float64{}, map[string][]bool{}
	var kinds []string
	note := func(kind string, read bool, d time.Duration) {
		if took[kind] == nil {
			kinds = append(kinds, kind)
		}
		took[kind], was[kind] = append(took[kind], d.Seconds()), append(was[kind], read)
	}
	for i, t := range list {
		if err := meanwhile(i + 8); err != nil {
			return err
		}
		pics, err := p.Pictures("bob", t.Assignment)
		if err != nil {
			return err
		}
		read := kept[pics[0].File] != ""
		if err := mine.every(ctx, t.Assignment, func(kind string, d time.Duration) {
			if i >= 10 { // the first warm up the connection
				note(kind, read, d)
			}
		}); err != nil {
			return err
		}
		if id := kept[pics[0].File]; id != "" { // somebody's reading against one that is not there: both are not found
			pair := []string{id, fmt.Sprintf("%032x", i)}
			first := rng.IntN(2)
			for _, k := range []int{first, 1 - first} {
				start := time.Now()
				if _, err := mine.ask(ctx, "GET", "/api/readings/"+pair[k], nil); err != nil {
					return err
				}
				note("404", k == 0, time.Since(start))
			}
		}
	}
	fmt.Println("request | longer where it was read | low | high | P | n")
	for _, k := range kinds {
		auc := stats.DeLong(took[k], was[k])
		var x, y []float64
		for i, v := range took[k] {
			if was[k][i] {
				x = append(x, v)
			} else {
				y = append(y, v)
			}
		}
		ci := auc.Interval(.95)
		fmt.Printf("%s | %.3f | %.3f | %.3f | %.2g | %d\n", k, auc.Area, ci.Low, ci.High, stats.MannWhitney(x, y).P, len(took[k]))
	}
	return nil
}

// session is a reader's browser.
type session struct{ url, cookie string }

func browser(url, name string) (*session, error) {
	b, _ := json.Marshal(map[string]string{"name": name, "password": password})
	r, err := http.Post(url+"/api/session", "application/json", bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	for _, c := range r.Cookies() {
		if c.Name == reading.CookieName {
			return &session{url, c.Name + "=" + c.Value}, nil
		}
	}
	return nil, fmt.Errorf("%s can't log in: %s", name, r.Status)
}

func (s *session) ask(ctx context.Context, method, path string, body any) ([]byte, error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, in)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Cookie", s.cookie)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

var line = []map[string]any{{"image": 1, "kind": "length", "frame": 0, "points": [][2]float64{{10, 10}, {40, 50}}}}

func (s *session) op(ctx context.Context, kind annotate.Kind, object string, data any) (string, error) {
	b, err := s.ask(ctx, "POST", "/api/ops", map[string]any{"kind": kind, "object": object, "data": data})
	if err != nil {
		return "", err
	}
	var r struct{ Object, Message string }
	if err := json.Unmarshal(b, &r); err != nil || r.Object == "" {
		return "", fmt.Errorf("%s: %s", kind, r.Message)
	}
	return r.Object, nil
}

// every asks of a case what a reader asks, and times each.
func (s *session) every(ctx context.Context, assignment string, took func(kind string, d time.Duration)) error {
	timed := func(kind string, do func() error) error {
		start := time.Now()
		err := do()
		took(kind, time.Since(start))
		return err
	}
	get := func(path string) func() error {
		return func() error {
			b, err := s.ask(ctx, "GET", path, nil)
			if err == nil && bytes.HasPrefix(b, []byte(`{"status"`)) {
				err = errors.New(string(b))
			}
			return err
		}
	}
	var id string
	return errors.Join(
		timed("case", get("/api/cases/"+assignment)),
		timed("first frame", get("/api/cases/"+assignment+"/images/1/frames/0")),
		timed("another frame", get("/api/cases/"+assignment+"/images/1/frames/3")),
		timed("measure", func() error {
			b, err := s.ask(ctx, "POST", "/api/cases/"+assignment+"/measure", map[string]any{"shapes": line})
			if err == nil && bytes.HasPrefix(b, []byte(`{"status"`)) {
				err = errors.New(string(b))
			}
			return err
		}),
		timed("open", func() (err error) { id, err = s.op(ctx, annotate.ReadingOpened, assignment, nil); return err }),
		timed("answer", func() error {
			_, err := s.op(ctx, annotate.AnswerPut, "", map[string]any{"reading": id, "answer": map[string]any{"item": "diameter", "image": 1, "shapes": line}})
			return err
		}),
		timed("worklist", get("/api/worklist")),
		timed("reading", get("/api/readings/"+id)),
	)
}

// read is what somebody else does with a case.
func (s *session) read(ctx context.Context, assignment string) (string, error) {
	if err := s.every(ctx, assignment, func(string, time.Duration) {}); err != nil {
		return "", err
	}
	var list []annotate.Task
	b, err := s.ask(ctx, "GET", "/api/worklist", nil)
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	for _, t := range list {
		if t.Assignment == assignment {
			_, e := s.op(ctx, annotate.ReadingLocked, t.Reading, nil)
			return t.Reading, errors.Join(err, e)
		}
	}
	return "", errors.Join(err, errors.New("the case is not on the worklist"))
}

func study(ctx context.Context, dir string) (*annotate.Project, error) {
	p, err := annotate.Create(ctx, dir, "bench", 1, "eve")
	if err != nil {
		return nil, err
	}
	do := func(kind annotate.Kind, data any) {
		if err != nil {
			return
		}
		op := annotate.Op{Kind: kind}
		if data != nil {
			op.Data, _ = json.Marshal(data)
		}
		_, err = p.Do(ctx, "eve", op)
	}
	for _, name := range []string{"ann", "bob"} {
		do(annotate.MemberAdded, map[string]any{"name": name, "roles": []policy.Role{policy.Reader}})
		err = errors.Join(err, access.SetPassword(filepath.Join(dir, reading.UsersFile), name, password))
	}
	do(annotate.ProtocolSet, map[string]any{"yaml": rules})
	for i := range cases {
		name := fmt.Sprintf("loop%d.dcm", i)
		err = errors.Join(err, loop(filepath.Join(dir, name), i))
		do(annotate.CaseAdded, map[string]any{"patient": fmt.Sprint("p", i), "files": []string{name}})
	}
	do(annotate.Assigned, nil)
	do(annotate.PhaseSet, map[string]any{"phase": annotate.InReading})
	return p, err
}

// loop writes 10 frames of 240 × 320 pixels.
func loop(path string, n int) error {
	ds := dicom.NewDataSet()
	for t, v := range map[tag.Tag]string{tag.SOPClassUID: "1.2.840.10008.5.1.4.1.1.3.1", tag.SOPInstanceUID: fmt.Sprintf("2.25.1%d", n), tag.StudyInstanceUID: fmt.Sprintf("2.25.2%d", n),
		tag.SeriesInstanceUID: fmt.Sprintf("2.25.3%d", n), tag.PhotometricInterpretation: "MONOCHROME2"} {
		ds.SetString(t, v)
	}
	for t, v := range map[tag.Tag]int{tag.Rows: 240, tag.Columns: 320, tag.NumberOfFrames: 10, tag.SamplesPerPixel: 1, tag.BitsAllocated: 8, tag.BitsStored: 8, tag.HighBit: 7, tag.PixelRepresentation: 0} {
		ds.SetInts(t, v)
	}
	ds.SetFloats(tag.FrameTime, 33)
	ds.SetBytes(tag.PixelData, vr.OB, []byte(strings.Repeat(string(rune('a'+n%20)), 10*240*320)))
	return dicom.WriteFile(path, ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian})
}
