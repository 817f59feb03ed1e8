package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// TestDicomOverHTTP looks at a file on a web server: what is printed is what the file itself gives, and little of it is transferred.
func TestDicomOverHTTP(t *testing.T) {
	dir := testdata.Shared(t, "data", "dicom", "real")
	var sent atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.FileServer(http.Dir(dir)).ServeHTTP(&sending{w, &sent}, r)
	}))
	defer srv.Close()
	const name = "fo-dicom/GH133.dcm" // a mammogram of 3 MB
	for _, cmd := range [][]string{{"dump"}, {"dump", "--json"}} {
		local, _, err := dicomCmd(append(cmd, filepath.Join(dir, name))...)
		if err != nil {
			t.Fatal(err)
		}
		sent.Store(0)
		far, _, err := dicomCmd(append(cmd, srv.URL+"/"+name)...)
		if err != nil || far != local {
			t.Errorf("%v: other output, %v", cmd, err)
		}
		if n := sent.Load(); n > 400_000 {
			t.Errorf("%v transferred %d bytes", cmd, n)
		}
	}
	out := t.TempDir()
	if _, _, err := dicomCmd("frames", srv.URL+"/dcm4che/US-PAL-8-10x-echo", "--out", out, "--frame", "7"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(out, "frame-0007.png")); err != nil {
		t.Error(err)
	}
	if _, _, err := dicomCmd("dump", srv.URL+"/Secret"); fault.CodeOf(err) != fault.NotFound || strings.Contains(err.Error(), "Secret") {
		t.Errorf("%v", err)
	}
}

type sending struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (s *sending) Write(p []byte) (int, error) {
	n, err := s.ResponseWriter.Write(p)
	s.n.Add(int64(n))
	return n, err
}
