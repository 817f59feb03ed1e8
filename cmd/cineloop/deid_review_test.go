package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/internal/fault"
)

// shared is a buffer that the command writes to while the test reads it.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestDeidReview(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "reviewed.yaml")
	if err := phantom.Write(context.Background(), dir, phantom.Config{Seed: 1, Patients: 1, Frames: 8, Height: 160, Width: 200}, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var said shared
	done := make(chan error, 1)
	go func() {
		done <- runDeidReview(ctx, deidReviewOptions{Dir: filepath.Join(dir, "dicom"), Policy: "research", Out: out, Listen: "127.0.0.1:0"}, ioStreams{Out: &said, Err: io.Discard})
	}()
	address := regexp.MustCompile(`http://\S+`)
	var url string
	for range 600 {
		if url = address.FindString(said.String()); url != "" {
			break
		}
		select {
		case err := <-done:
			t.Fatalf("the command ended: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(r.Body)
	r.Body.Close()
	id := regexp.MustCompile(`data-id="([0-9a-f]+)"`).FindSubmatch(page)
	if r.StatusCode != 200 || id == nil {
		t.Fatalf("%d: %s", r.StatusCode, page)
	}
	base, _, _ := strings.Cut(url, "/?")
	req, _ := http.NewRequest(http.MethodPost, base+"/decide", strings.NewReader(`{"id":"`+string(id[1])+`","action":"fix","rectangles":[[0,0,50,20]]}`))
	req.Header.Set("Origin", base)
	req.Header.Set("Content-Type", "application/json")
	if r, err = client.Do(req); err != nil || r.StatusCode != 200 {
		t.Fatalf("%v, %v", r, err)
	}
	r.Body.Close()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	// What was written is a policy that the command takes.
	p, err := deid.LoadPolicy(out)
	if err != nil {
		t.Fatal(err)
	}
	if d := p.Pixels.Devices; len(d) != 1 || d[0].Action != "mask" || len(d[0].Rectangles) != 1 || d[0].Columns != 200 || !p.Pixels.Clean {
		t.Errorf("%+v", p.Pixels)
	}
}

func TestDeidReviewRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		opts deidReviewOptions
		code fault.Code
	}{
		{deidReviewOptions{Dir: dir, Policy: "research", Listen: "0.0.0.0:0"}, fault.Usage},
		{deidReviewOptions{Dir: dir, Policy: "research", Listen: "nonsense"}, fault.Usage},
		{deidReviewOptions{Dir: dir, Policy: "research", Listen: "127.0.0.1:0"}, fault.Input},
		{deidReviewOptions{Dir: filepath.Join(dir, "no"), Policy: "research", Listen: "127.0.0.1:0"}, fault.NotFound},
		{deidReviewOptions{Dir: dir, Policy: "no-such", Listen: "127.0.0.1:0"}, fault.NotFound},
	} {
		if err := runDeidReview(context.Background(), c.opts, ioStreams{Out: io.Discard, Err: io.Discard}); fault.CodeOf(err) != c.code {
			t.Errorf("%+v: %v", c.opts, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "reviewed.yaml")); err == nil {
		t.Error("rules were written without a decision")
	}
}
