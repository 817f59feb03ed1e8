package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
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
	// A frame of a loop of 20 MB, whose frames have an offset table: the requests don't grow with the number of frames.
	loop := filepath.Join(t.TempDir(), "loop.dcm")
	writeLoop(t, loop, 2000)
	srv2 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(&sending{w, &sent}, r, loop) }))
	defer srv2.Close()
	sent.Store(0)
	if _, _, err := dicomCmd("frames", srv2.URL+"/loop", "--out", out, "--frame", "1234"); err != nil || sent.Load() > 300_000 {
		t.Errorf("%v, %d bytes", err, sent.Load())
	}
	if _, _, err := dicomCmd("dump", srv.URL+"/Secret"); fault.CodeOf(err) != fault.NotFound || strings.Contains(err.Error(), "Secret") {
		t.Errorf("%v", err)
	}
}

// writeLoop writes n RLE frames of 100 by 100.
func writeLoop(t *testing.T, path string, n int) {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.UltrasoundMultiFrameImageStorage)
	ds.SetString(tag.SOPInstanceUID, "1.2.3")
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	for tg, v := range map[tag.Tag]int{tag.SamplesPerPixel: 1, tag.NumberOfFrames: n, tag.Rows: 100, tag.Columns: 100, tag.BitsAllocated: 8, tag.BitsStored: 8, tag.HighBit: 7, tag.PixelRepresentation: 0} {
		ds.SetInts(tg, v)
	}
	frame := make([]byte, 64, 64+100*102) // one segment, every row a literal run
	frame[0], frame[4] = 1, 64
	for range 100 {
		frame = append(append(frame, 99), make([]byte, 100)...)
	}
	frames := make([][]byte, n)
	for i := range frames {
		frames[i] = frame
	}
	if err := dicom.WriteFile(path, ds, dicom.WriteOptions{TransferSyntaxUID: uid.RLELossless, Frames: frames}); err != nil {
		t.Fatal(err)
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
