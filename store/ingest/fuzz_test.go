package ingest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/cineloop/cineloop/internal/fault"
)

// FuzzUnpack steps into bytes as an archive of every kind. It must end, with each member at most once, and never panic.
func FuzzUnpack(f *testing.F) {
	var z, tb bytes.Buffer
	zw := zip.NewWriter(&z)
	w, _ := zw.Create("a/b.dcm")
	w.Write([]byte("content"))
	w, _ = zw.Create("in.zip")
	w.Write([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	zw.Close()
	tw := tar.NewWriter(&tb)
	tw.WriteHeader(&tar.Header{Name: "x", Size: 3, Mode: 0o600, Typeflag: tar.TypeReg})
	tw.Write([]byte("abc"))
	tw.Close()
	kinds := []string{"zip", "tar", "tar.gz", "tar.bz2", "tar.zst"}
	for i := range kinds {
		f.Add(z.Bytes(), uint8(i))
		f.Add(tb.Bytes(), uint8(i))
	}
	f.Add([]byte("PK\x05\x06\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		items := 0
		w := &walker{ctx: context.Background(), known: func(item) bool { return false }, emit: func(it item, _ bool) error {
			if it.origin == "" {
				return nil
			}
			if items++; items > 10_000 {
				return io.ErrShortBuffer
			}
			if it.err == nil {
				if r, err := it.open(context.Background()); err == nil {
					io.CopyN(io.Discard, r, 1<<20)
					r.Close()
				}
			}
			return nil
		}}
		it := item{origin: "/a", name: "a." + kinds[int(kind)%len(kinds)], size: int64(len(b)), ration: &ration{limit: 1 << 22},
			open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
		if err := w.file(it, 0); err != nil && items <= 10_000 {
			t.Errorf("an archive's own fault stopped the run: %v", err)
		}
	})
}

// FuzzZipEntries: the bound holds for every ZIP file that archive/zip reads.
func FuzzZipEntries(f *testing.F) {
	var z bytes.Buffer
	zw := zip.NewWriter(&z)
	for _, n := range []string{"", "a", "b"} {
		zw.Create(n)
	}
	zw.Close()
	f.Add(z.Bytes())
	f.Add(append([]byte("a prefix, as self-extracting archives have"), z.Bytes()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		at := bytes.NewReader(b)
		r, err := zip.NewReader(at, int64(len(b)))
		if n := zipEntries(at, int64(len(b))); err == nil && n < int64(len(r.File)) {
			t.Errorf("room for %d entries, there are %d", n, len(r.File))
		}
	})
}

// FuzzDescribe: any bytes are described or refused with a code that sends them to quarantine.
func FuzzDescribe(f *testing.F) {
	f.Add([]byte(strings.Repeat("\x00", 128) + "DICM\x02\x00\x00\x00UL\x04\x00\x00\x00\x00\x00"))
	f.Add([]byte{8, 0, 0x16, 0, 'U', 'I', 2, 0, '1', 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Describe(bytes.NewReader(b), int64(len(b))); err != nil && fault.CodeOf(err) != fault.Input {
			t.Errorf("%v", err)
		}
	})
}

// FuzzPrintable: what is shown is UTF-8 without control characters, and plain names stay as they are.
func FuzzPrintable(f *testing.F) {
	f.Add("a\xff\x1b[2J")
	f.Fuzz(func(t *testing.T, s string) {
		p := printable(s)
		if !utf8.ValidString(p) || strings.IndexFunc(p, unicode.IsControl) >= 0 {
			t.Errorf("%q is shown as %q", s, p)
		}
		if p != s && printable(p) != p {
			t.Errorf("%q changes again", p)
		}
	})
}
