package batch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// one runs a single file through a worker and gives its record and its output's bytes.
func one(t *testing.T, w *Worker, path string) (Record, []byte) {
	t.Helper()
	rec, _, err := w.Object(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Status != Written {
		return rec, nil
	}
	b, err := os.ReadFile(filepath.Join(w.Out, filepath.FromSlash(rec.Output)))
	if err != nil {
		t.Fatal(err)
	}
	return rec, b
}

func worker(t testing.TB, name string) *Worker {
	t.Helper()
	key, err := deid.ParseKey([]byte("a secret for tests alone"))
	if err != nil {
		t.Fatal(err)
	}
	return &Worker{Profile: profile(t, name), Key: key, Masker: passing{}, Out: t.TempDir()}
}

// passing lets all pixels go as they are.
type passing struct{}

func (passing) Mask(context.Context, deid.MaskInput) (deid.Masked, error) {
	return deid.Masked{Verdict: deid.Untouched}, nil
}

func sha(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// sized is an object with pixels of rows times cols words, where value i is i*40503 modulo 65536: no two chunks are alike.
func sized(rows, cols int) (*dicom.DataSet, []byte) {
	ds := ct("Smithsonian", "1")
	pixels := make([]byte, 2*rows*cols)
	for i := range rows * cols {
		binary.LittleEndian.PutUint16(pixels[2*i:], uint16(i*40503))
	}
	ds.SetInts(tag.Rows, rows)
	ds.SetInts(tag.Columns, cols)
	ds.SetBytes(tag.PixelData, vr.OW, pixels)
	return ds, pixels
}

// Sizes on both sides of what is held at once: inside the front, ending with it, over its end, several chunks, and bytes that are no multiple of a block.
// Both digests are what crypto/sha256 makes of the files, and the pixels are the input's.
func TestPixelsOfEverySize(t *testing.T) {
	w := worker(t, "basic") // one worker for all: nothing of an object may stay in its buffers
	for _, size := range [][2]int{{1, 1}, {16, 16}, {512, 512}, {512, 1023}, {1024, 512}, {1025, 512}, {1024, 1024}, {3001, 701}} {
		ds, pixels := sized(size[0], size[1])
		for _, tail := range []bool{false, true} {
			if tail {
				ds.SetBytes(0xFFFCFFFC, vr.OB, bytes.Repeat([]byte{1}, 3000)) // padding after the data set, which goes
				ds.SetText(0x7FE10010, vr.LO, "SOMEBODY")
			}
			path := filepath.Join(t.TempDir(), "in.dcm")
			put(t, path, ds, uid.ExplicitVRLittleEndian)
			raw, _ := os.ReadFile(path)
			rec, out := one(t, w, path)
			if rec.Status != Written {
				t.Fatalf("%v: %s: %s", size, rec.Status, rec.Quarantine)
			}
			if rec.Input != sha(raw) || rec.Bytes != int64(len(raw)) {
				t.Errorf("%v: the input's digest %s, want %s", size, rec.Input, sha(raw))
			}
			if rec.Digest != sha(out) {
				t.Errorf("%v: the output's digest %s, want %s", size, rec.Digest, sha(out))
			}
			f, err := dicom.ReadBytes(out, dicom.Strict())
			if err != nil {
				t.Fatal(err)
			}
			e, _ := f.DataSet.Get(tag.PixelData)
			if got, _ := e.Bytes(); !bytes.Equal(got, pixels) {
				t.Errorf("%v: other pixels", size)
			}
			if n := e.Offset() + e.Len(); n != int64(len(out)) {
				t.Errorf("%v: %d bytes after the pixels", size, int64(len(out))-n)
			}
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(w.Out, StateDir, "tmp")); len(entries) != 0 {
		t.Errorf("%d temporary files were left", len(entries))
	}
}

// Bits that are no sample's are cleared in every chunk of a long image, also where the front of the file ends at an odd place; the input's digest is that of the
// unchanged file.
func TestOverlayBitsOverManyChunks(t *testing.T) {
	for _, comment := range []string{"a", "abc"} { // moves the pixels by two bytes
		ds, pixels := sized(1500, 1000)
		ds.SetInts(tag.BitsStored, 12)
		ds.SetInts(tag.HighBit, 11)
		ds.SetText(tag.StudyID, vr.SH, comment)
		ds.SetInts(0x60000010, 1500)
		ds.SetInts(0x60000011, 1000)
		ds.SetInts(0x60000100, 16)
		ds.SetInts(0x60000102, 12)
		path := filepath.Join(t.TempDir(), "in.dcm")
		put(t, path, ds, uid.ExplicitVRLittleEndian)
		raw, _ := os.ReadFile(path)
		rec, out := one(t, worker(t, "basic"), path)
		if rec.Status != Written || rec.Input != sha(raw) || rec.Digest != sha(out) {
			t.Fatalf("%+v", rec)
		}
		f, err := dicom.ReadBytes(out)
		if err != nil {
			t.Fatal(err)
		}
		e, _ := f.DataSet.Get(tag.PixelData)
		got, _ := e.Bytes()
		for i := 0; i < len(pixels); i += 2 {
			if have, want := binary.LittleEndian.Uint16(got[i:]), binary.LittleEndian.Uint16(pixels[i:])&0x0FFF; have != want {
				t.Fatalf("word %d: %04X, want %04X", i/2, have, want)
			}
		}
	}
}

// What identifies is found before a byte is written: no file is made, under any name.
func TestNothingIsWrittenBeforeItWasChecked(t *testing.T) {
	w := worker(t, "basic")
	ds, _ := sized(64, 64)
	path := filepath.Join(t.TempDir(), "in.dcm")
	put(t, path, ds, uid.ExplicitVRLittleEndian)
	in, err := openInput(path, make([]byte, frontSize))
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	f, err := dicom.Read(in, in.size)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what  string
		spoil func(out *dicom.DataSet)
	}{
		{"a name before the pixels", func(out *dicom.DataSet) { out.SetText(tag.StudyDescription, vr.LO, ds.String(tag.PatientName)) }},
		{"an original UID", func(out *dicom.DataSet) { out.SetText(tag.FrameOfReferenceUID, vr.UI, ds.String(tag.SOPInstanceUID)) }},
		{"a name after the pixels", func(out *dicom.DataSet) { out.SetText(0x7FE40001, vr.LO, ds.String(tag.PatientName)) }},
	} {
		t.Run(c.what, func(t *testing.T) {
			fresh, err := w.Profile.Deidentify(w.Key, f.DataSet)
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(fresh.DataSet)
			w.front, w.chunk, w.made = make([]byte, frontSize), make([]byte, chunkSize), map[string]bool{}
			w.pair.Reset()
			o := &object{Worker: w, in: in, rec: &Record{}}
			b, why := planBulk(f, fresh.Bulk, deid.Masked{Verdict: deid.Untouched}, "")
			if why != "" {
				t.Fatal(why)
			}
			why, err = o.write(context.Background(), f, fresh, b)
			if err != nil || !strings.HasPrefix(why, "verification: ") {
				t.Fatalf("why %q, error %v", why, err)
			}
			if o.temp != nil {
				t.Error("a file was made")
			}
		})
	}
	if entries, _ := os.ReadDir(filepath.Join(w.Out, StateDir)); len(entries) != 0 {
		t.Errorf("something is in the output's state: %v", entries)
	}
}

// The virtual file reads as the written one would, at every cut.
func TestAssembled(t *testing.T) {
	a := &assembled{head: []byte("head"), tail: []byte("ends"), in: strings.NewReader("--pixels--"), at: 2, n: 6}
	const want = "headpixelsends"
	if a.size() != int64(len(want)) {
		t.Fatalf("size %d", a.size())
	}
	if err := iotest.TestReader(io.NewSectionReader(a, 0, a.size()), []byte(want)); err != nil {
		t.Error(err)
	}
	for from := range len(want) + 1 {
		for to := from; to <= len(want); to++ {
			p := make([]byte, to-from)
			if n, err := a.ReadAt(p, int64(from)); n != len(p) || err != nil || string(p) != want[from:to] {
				t.Fatalf("%d to %d: %q, %v", from, to, p[:n], err)
			}
			if got := string(a.Lend(int64(from), int64(to-from))); !strings.HasPrefix(want[from:to], got) || (from < 4 || from >= 10 && from < 14) && to > from && got == "" {
				t.Fatalf("lends %q of %q", got, want[from:to])
			}
		}
	}
	if n, err := a.ReadAt(make([]byte, 3), int64(len(want))-1); n != 1 || err != io.EOF {
		t.Errorf("over the end: %d, %v", n, err)
	}
	if a.Lend(-1, 2) != nil || a.Lend(6, 2) != nil || a.Lend(99, 1) != nil {
		t.Error("lends what is not in memory")
	}
	cut := &assembled{head: []byte("head"), in: strings.NewReader("pi"), at: 0, n: 6}
	if n, err := cut.ReadAt(make([]byte, 10), 0); n != 6 || err != io.EOF {
		t.Errorf("an input that became shorter: %d, %v", n, err)
	}
}
