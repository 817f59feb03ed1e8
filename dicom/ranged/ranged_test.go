package ranged

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13 + i>>16)
	}
	return b
}

func over(b []byte) (Fetch, *[]string) {
	var asked []string
	return func(_ context.Context, off, n int64) (io.ReadCloser, error) {
		asked = append(asked, fmt.Sprintf("%d+%d", off, n))
		return io.NopCloser(bytes.NewReader(b[off : off+n])), nil
	}, &asked
}

// Requests by hand: the first takes 64 KiB, reading on in order asks for twice as much each time, a jump for the blocks it needs.
func TestRequests(t *testing.T) {
	b := pattern(1 << 20)
	fetch, asked := over(b)
	r := New(context.Background(), int64(len(b)), fetch, 0)
	for _, at := range []struct{ off, n int }{{0, 10}, {100, 60000}, {65530, 10}, {70000, 20}, {600000, 4096}, {600100, 4}, {16384*37 - 5, 10}, {1<<20 - 3, 3}, {0, 1}, {195000, 20}} {
		p := make([]byte, at.n)
		if n, err := r.ReadAt(p, int64(at.off)); n != at.n || err != nil || !bytes.Equal(p, b[at.off:at.off+at.n]) {
			t.Fatalf("%d at %d: %d, %v", at.n, at.off, n, err)
		}
	}
	// 195,000 lies in what the second request brought.
	want := []string{"0+65536", "65536+131072", "589824+16384", "606208+16384", "1032192+16384"}
	if !slices.Equal(*asked, want) {
		t.Errorf("%v, want %v", *asked, want)
	}
	if n, bytes := r.Requests(); n != len(*asked) || bytes == 0 {
		t.Errorf("%d requests, %d bytes", n, bytes)
	}
}

func TestEnds(t *testing.T) {
	b := pattern(100_000)
	fetch, _ := over(b)
	r := New(context.Background(), int64(len(b)), fetch, 0)
	p := make([]byte, 100)
	if n, err := r.ReadAt(p, 99_950); n != 50 || err != io.EOF || !bytes.Equal(p[:n], b[99_950:]) {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := r.ReadAt(p, 100_000); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := r.ReadAt(p, -1); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
	if n, err := r.ReadAt(nil, 5); n != 0 || err != nil {
		t.Errorf("nothing: %d, %v", n, err)
	}
}

// The cache stays within its budget, what is read is right all the same, and a read larger than half of it passes by.
func TestBudget(t *testing.T) {
	b := pattern(24 << 20)
	fetch, _ := over(b)
	r := New(context.Background(), int64(len(b)), fetch, 4<<20)
	p := make([]byte, 300_000)
	for _, off := range []int64{0, 20 << 20, 1 << 20, 7 << 20, 7<<20 + 200_000, 3 << 20, 23 << 20, 0, 12345} {
		if _, err := r.ReadAt(p, off); err != nil || !bytes.Equal(p, b[off:off+int64(len(p))]) {
			t.Fatalf("at %d: %v", off, err)
		}
		held := int64(0)
		for _, d := range r.blocks {
			held += int64(len(d))
		}
		if held != r.held || held > r.budget || len(r.used) != len(r.blocks) {
			t.Fatalf("holds %d of %d bytes in %d blocks, %d used", held, r.held, len(r.blocks), len(r.used))
		}
	}
	all := make([]byte, len(b))
	before := len(r.blocks)
	if _, err := r.ReadAt(all, 0); err != nil || !bytes.Equal(all, b) || len(r.blocks) != before {
		t.Errorf("all: %v", err)
	}
}

func TestConcurrent(t *testing.T) {
	b := pattern(2 << 20)
	r := New(context.Background(), int64(len(b)), func(_ context.Context, off, n int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b[off : off+n])), nil
	}, 0)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			p := make([]byte, 5000)
			for i := range 50 {
				off := int64((g*7919 + i*104729) % (len(b) - len(p)))
				if _, err := r.ReadAt(p, off); err != nil || !bytes.Equal(p, b[off:off+int64(len(p))]) {
					t.Errorf("at %d: %v", off, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestFailures(t *testing.T) {
	b := pattern(100_000)
	for name, c := range map[string]struct {
		errs  []error // of the first requests
		tries int
		code  fault.Code // "" for success
	}{
		"passes": {[]error{io.ErrUnexpectedEOF, errors.New("reset")}, 3, ""}, "stays": {[]error{io.EOF, io.EOF, io.EOF}, 3, fault.Internal},
		"gone": {[]error{fault.New(fault.NotFound, "gone")}, 1, fault.NotFound}, "busy": {[]error{fault.New(fault.Resource, "503")}, 2, ""},
	} {
		tries := 0
		r := New(context.Background(), int64(len(b)), func(_ context.Context, off, n int64) (io.ReadCloser, error) {
			if tries++; tries <= len(c.errs) {
				return nil, c.errs[tries-1]
			}
			return io.NopCloser(bytes.NewReader(b[off : off+n])), nil
		}, 0)
		r.pause = time.Microsecond
		_, err := r.ReadAt(make([]byte, 10), 0)
		if tries != c.tries || (err == nil) != (c.code == "") || err != nil && fault.CodeOf(err) != c.code {
			t.Errorf("%s: %d tries, %v", name, tries, err)
		}
	}
	// A body that is cut, each time.
	r := New(context.Background(), int64(len(b)), func(context.Context, int64, int64) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("short")), nil
	}, 0)
	r.pause = time.Microsecond
	if _, err := r.ReadAt(make([]byte, 10), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	// Cancelled while it waits to ask again.
	ctx, cancel := context.WithCancel(context.Background())
	r = New(ctx, 10, func(context.Context, int64, int64) (io.ReadCloser, error) { cancel(); return nil, io.EOF }, 0)
	r.pause = time.Hour
	if _, err := r.ReadAt(make([]byte, 10), 0); fault.CodeOf(err) != fault.Interrupted && !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

// cine is a file of n native frames of size bytes; each frame is its number.
func cine(t *testing.T, n, size int) []byte {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.UltrasoundMultiFrameImageStorage)
	ds.SetString(tag.SOPInstanceUID, "1.2.3")
	ds.SetString(tag.PatientName, "Doe^Jane")
	ds.SetInts(tag.NumberOfFrames, n)
	pixels := make([]byte, n*size)
	for i := range pixels {
		pixels[i] = byte(i / size)
	}
	ds.SetBytes(tag.PixelData, vr.OB, pixels)
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A cine of 50 MB on a server: its headers cost one request, each frame one more, and nothing else is transferred.
func TestOverHTTP(t *testing.T) {
	const frames, size = 100, 500_000
	file := cine(t, frames, size)
	var served atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		http.ServeContent(&counting{w, &served}, req, "a.dcm", time.Time{}, bytes.NewReader(file))
	}))
	defer srv.Close()
	r, err := Open(context.Background(), srv.Client(), srv.URL+"/Doe-Jane/a.dcm", nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dicom.Read(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	if n, got := r.Requests(); n > 2 || got > 200_000 || f.DataSet.String(tag.PatientName) != "Doe^Jane" {
		t.Errorf("opening took %d requests and %d bytes", n, got)
	}
	before, _ := r.Requests()
	e, _ := f.DataSet.Get(tag.PixelData)
	frame := make([]byte, size)
	for _, i := range []int64{73, 2, 99} {
		if _, err := e.Reader().ReadAt(frame, i*size); err != nil || frame[0] != byte(i) || frame[size-1] != byte(i) {
			t.Errorf("frame %d: %v, %d", i, err, frame[0])
		}
	}
	if n, got := r.Requests(); n-before > 4 || got > 4*size || served.Load() > 4*size {
		t.Errorf("three frames took %d requests; %d bytes in all, %d served", n-before, got, served.Load())
	}
}

type counting struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n.Add(int64(n))
	return n, err
}

func TestServers(t *testing.T) {
	body := pattern(200_000)
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		code  fault.Code // of Open, or of reading at 150,000
	}{
		"knows no ranges": {func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }, ""},
		"not there":       {http.NotFound, fault.NotFound},
		"forbidden":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, fault.Input},
		"down":            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, fault.Resource},
		"empty": {func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(nil))
		}, ""},
		"no size": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-9/*")
			w.WriteHeader(206)
		}, fault.Input},
		"another range": {func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Range", "bytes=0-65535")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		}, fault.Input},
		"changes": {changing(body), fault.Conflict},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-65535/200000")
			w.WriteHeader(206)
			w.Write(body[:100])
		}, fault.Input},
	} {
		srv := httptest.NewServer(c.serve)
		r, err := Open(context.Background(), nil, srv.URL+"/Secret^Name", http.Header{"Authorization": {"Bearer x"}})
		if err == nil && r.Size() > 0 {
			r.pause = time.Microsecond
			p := make([]byte, 100)
			if _, err = r.ReadAt(p, 150_000); err == nil && !bytes.Equal(p, body[150_000:150_100]) {
				t.Errorf("%s: other bytes", name)
			}
		}
		srv.Close()
		if c.code == "" && err != nil || c.code != "" && fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(fmt.Sprint(err), "Secret") {
			t.Errorf("%s: the address is in the error: %v", name, err)
		}
	}
	if _, err := Open(context.Background(), nil, "http://127.0.0.1:1/Secret", nil); fault.CodeOf(err) != fault.Resource || strings.Contains(err.Error(), "Secret") {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := Open(context.Background(), nil, "http://[::1/Secret", nil); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no address: %v", err)
	}
}

// changing has another entity tag at each request.
func changing(body []byte) http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		n++
		w.Header().Set("ETag", fmt.Sprintf(`"v%d"`, n))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}
}
