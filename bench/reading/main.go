// Command reading times the server of reading studies over loopback: eight browsers that change answers in one shared reading, each over its
// own WebSocket, 2,000 ops in all and 2,000 each, without and with each of them moving through the frames and drawing a stroke 20 times a second that the others are shown; the time from sending an op until each of the eight has the event, with every op on the disk
// before it is told; and the first and the following frames of a colour loop of 640 × 480 × 60. There is no peer in these rows: the limits
// are the project's own. It ends with an error where streams differ in their order.
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
	"slices"
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
	"github.com/cineloop/cineloop/web/reading"
)

const (
	clients  = 8
	rows     = 480
	columns  = 640
	frames   = 60
	password = "a password for the bench"
)

const rules = `version: 1
revision: 1
title: bench
design: {kind: independent, readers: 1}
items:
  - {name: note, kind: text, scope: frame}
`

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/reading:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "cineloop-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, names, err := study(ctx, dir)
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
	url := "http://" + ln.Addr().String()

	owner, task, err := assigned(p, names)
	if err != nil {
		return err
	}
	shared, err := share(ctx, p, owner, task, names)
	if err != nil {
		return err
	}
	fmt.Println("name | ours | peer | ratio | limit")
	for _, each := range []int{250, 2000} {
		for _, alive := range []bool{false, true} {
			if err := together(ctx, url, p, shared, names, each, alive); err != nil {
				return err
			}
		}
	}
	return loops(ctx, url, owner, task)
}

// study has one case, a reader whose it is, and seven with whom it can be shared.
func study(ctx context.Context, dir string) (*annotate.Project, []string, error) {
	p, err := annotate.Create(ctx, dir, "bench", 1, "eve")
	if err != nil {
		return nil, nil, err
	}
	ds := dicom.NewDataSet()
	for t, v := range map[tag.Tag]string{tag.SOPClassUID: "1.2.840.10008.5.1.4.1.1.3.1", tag.SOPInstanceUID: "2.25.1", tag.StudyInstanceUID: "2.25.2", tag.SeriesInstanceUID: "2.25.3", tag.PhotometricInterpretation: "RGB"} {
		ds.SetString(t, v)
	}
	for t, v := range map[tag.Tag]int{tag.Rows: rows, tag.Columns: columns, tag.NumberOfFrames: frames, tag.SamplesPerPixel: 3, tag.PlanarConfiguration: 0, tag.BitsAllocated: 8, tag.BitsStored: 8, tag.HighBit: 7, tag.PixelRepresentation: 0} {
		ds.SetInts(t, v)
	}
	ds.SetFloats(tag.FrameTime, 33)
	pixels := make([]byte, frames*rows*columns*3)
	for i := range pixels {
		pixels[i] = byte(i * 7 / 3)
	}
	ds.SetBytes(tag.PixelData, vr.OB, pixels)
	if err := dicom.WriteFile(filepath.Join(dir, "loop.dcm"), ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian}); err != nil {
		return nil, nil, err
	}
	var names []string
	do := func(kind annotate.Kind, data any) {
		if err == nil {
			_, err = ask(ctx, p, "eve", kind, "", data)
		}
	}
	for i := range clients {
		names = append(names, fmt.Sprintf("reader%d", i))
		do(annotate.MemberAdded, map[string]any{"name": names[i], "roles": []policy.Role{policy.Reader}})
		err = errors.Join(err, access.SetPassword(filepath.Join(dir, reading.UsersFile), names[i], password))
	}
	do(annotate.ProtocolSet, map[string]any{"yaml": rules})
	do(annotate.CaseAdded, map[string]any{"patient": "p", "files": []string{"loop.dcm"}})
	do(annotate.Assigned, nil)
	do(annotate.PhaseSet, map[string]any{"phase": annotate.InReading})
	return p, names, err
}

func ask(ctx context.Context, p *annotate.Project, who string, kind annotate.Kind, object string, data any) (annotate.Event, error) {
	op := annotate.Op{Kind: kind, Object: object}
	if data != nil {
		op.Data, _ = json.Marshal(data)
	}
	return p.Do(ctx, who, op)
}

func assigned(p *annotate.Project, names []string) (who, task string, err error) {
	for _, name := range names {
		list, err := p.Worklist(name)
		if err != nil {
			return "", "", err
		}
		if len(list) > 0 {
			return name, list[0].Assignment, nil
		}
	}
	return "", "", errors.New("nobody has the case")
}

func share(ctx context.Context, p *annotate.Project, owner, task string, names []string) (string, error) {
	e, err := ask(ctx, p, owner, annotate.ReadingOpened, task, nil)
	if err != nil {
		return "", err
	}
	others := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == owner })
	_, err = ask(ctx, p, owner, annotate.ReadingShared, "", map[string]any{"reading": e.Object, "with": others})
	return e.Object, err
}

// login gives the cookie of a session.
func login(url, name string) (string, error) {
	b, _ := json.Marshal(map[string]string{"name": name, "password": password})
	r, err := http.Post(url+"/api/session", "application/json", bytes.NewReader(b))
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	for _, c := range r.Cookies() {
		if c.Name == reading.CookieName {
			return c.Name + "=" + c.Value, nil
		}
	}
	return "", fmt.Errorf("%s can't log in: %s", name, r.Status)
}

// loops times the first frame, from the case's description to the last byte, and the others, one connection, five sessions; the median.
func loops(ctx context.Context, url, owner, task string) error {
	var first, each []time.Duration
	for range 5 {
		cookie, err := login(url, owner)
		if err != nil {
			return err
		}
		get := func(path string, want int) error {
			r, err := http.NewRequestWithContext(ctx, "GET", url+path, nil)
			if err != nil {
				return err
			}
			r.Header.Set("Cookie", cookie)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			n, err := io.Copy(io.Discard, resp.Body)
			if err == nil && (resp.StatusCode != 200 || want > 0 && n != int64(want)) {
				err = fmt.Errorf("%s: %s, %d bytes", strings.Split(path, "/")[1], resp.Status, n)
			}
			return err
		}
		start := time.Now()
		if err := errors.Join(get("/api/cases/"+task, 0), get("/api/cases/"+task+"/images/1/frames/0", rows*columns*3)); err != nil {
			return err
		}
		first = append(first, time.Since(start))
		for f := 1; f < frames; f++ {
			start = time.Now()
			if err := get(fmt.Sprintf("/api/cases/%s/images/1/frames/%d", task, f), rows*columns*3); err != nil {
				return err
			}
			each = append(each, time.Since(start))
		}
	}
	slices.Sort(first[1:])
	fmt.Printf("reading: first frame of 640x480x60 RGB, file not open yet, ms | %.2f | | | 250\n", ms(first[0]))
	fmt.Printf("reading: first frame of 640x480x60 RGB, median of four more, ms | %.2f | | | 250\n", ms(first[2]))
	fmt.Printf("reading: each further frame, median, ms | %.2f | | | 33.3\n", ms(at(each, .5)))
	fmt.Printf("reading: each further frame, p99, ms | %.2f | | | 33.3\n", ms(at(each, .99)))
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func at(all []time.Duration, p float64) time.Duration {
	s := slices.Sorted(slices.Values(all))
	return s[int(p*float64(len(s)-1))]
}
