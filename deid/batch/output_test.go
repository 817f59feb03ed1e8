package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// Parts come out in their order, empty ones too; what was reserved and not needed is cut off when the file gets its name.
func TestOutput(t *testing.T) {
	dir := t.TempDir()
	o, err := createOutput(filepath.Join(dir, "temp"))
	if err != nil {
		t.Fatal(err)
	}
	o.reserve(100_000)
	long := bytes.Repeat([]byte("0123456789"), 7000)
	for _, parts := range [][][]byte{{}, {nil}, {[]byte("ab"), nil, []byte("c")}, {nil, long, nil, []byte("end")}} {
		if err := o.write(parts...); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := o.Write([]byte("!")); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if err := o.patch([]byte("XY"), 1); err != nil {
		t.Fatal(err)
	}
	want := "aXY" + string(long) + "end!"
	if o.n != int64(len(want)) {
		t.Errorf("%d bytes, want %d", o.n, len(want))
	}
	p := make([]byte, 4)
	if n, err := o.ReadAt(p, 1); n != 4 || err != nil || string(p) != "XY01" {
		t.Errorf("%q, %v", p[:n], err)
	}
	if err := o.publish(filepath.Join(dir, "name")); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "name")); string(got) != want {
		t.Errorf("%d bytes in the file, want %d", len(got), len(want))
	}
	if _, err := os.Stat(filepath.Join(dir, "temp")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary name is still there: %v", err)
	}
}

// An output that can't get its name, or is dropped, leaves nothing, and no error names a path.
func TestOutputThatFails(t *testing.T) {
	dir := t.TempDir()
	for _, end := range []func(*output) error{
		func(o *output) error { return o.publish(filepath.Join(dir, "no", "such", "folder")) },
		func(o *output) error { o.drop(); return unix.ENOENT },
	} {
		o, err := createOutput(filepath.Join(dir, "temp"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := createOutput(filepath.Join(dir, "temp")); err != unix.EEXIST {
			t.Errorf("a second file of one name: %v", err)
		}
		if err := end(o); err != unix.ENOENT || strings.Contains(wrap(err).Error(), dir) {
			t.Errorf("%v", err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("left: %v", entries)
		}
	}
}

// A full disk is named as what it is, at whatever write it shows.
func TestOutputOnAFullDisk(t *testing.T) {
	fd, err := unix.Open("/dev/full", unix.O_RDWR, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	defer unix.Close(fd)
	o := &output{fd: fd}
	o.reserve(1 << 20)
	for _, err := range []error{o.write([]byte("x"), []byte("y")), o.patch([]byte("z"), 0)} {
		if !isFull(err) || fault.CodeOf(wrap(err)) != fault.Resource {
			t.Errorf("%v", err)
		}
	}
	if o.n != 0 || o.room != 0 {
		t.Errorf("%d bytes, %d reserved", o.n, o.room)
	}
}

// An input reads the same from its front and from the disk, and what it lends ends where the front does.
func TestInput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	text := []byte("0123456789abcdef")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for front := range len(text) + 3 {
		in, err := openInput(path, make([]byte, front))
		if err != nil {
			t.Fatal(err)
		}
		for from := range len(text) + 1 {
			for n := range len(text) + 2 {
				p := make([]byte, n)
				got, err := in.ReadAt(p, int64(from))
				want := text[from:min(from+n, len(text))]
				if !bytes.Equal(p[:got], want) || (err == io.EOF) != (got < n) || err != nil && err != io.EOF {
					t.Fatalf("front %d, %d from %d: %q, %v", front, n, from, p[:got], err)
				}
				lent := in.Lend(int64(from), int64(n))
				if want := text[min(from, front, 16):min(from+n, max(front, 0), 16, len(text))]; front > from && !bytes.Equal(lent, want) || front <= from && lent != nil {
					t.Fatalf("front %d lends %q of %q", front, lent, want)
				}
			}
		}
		in.close()
	}
	if _, err := openInput(t.TempDir(), nil); err == nil {
		t.Error("a folder was opened as a file")
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if unix.Mkfifo(fifo, 0o600) == nil {
		if _, err := openInput(fifo, nil); err == nil {
			t.Error("a pipe was opened as a file")
		}
	}
}

// The pixel data element of three frames of 3 bytes, by hand (PS3.5 annex A.4): the table says 0, 12 and 24, each frame is an item of 4 bytes with a pad.
func TestOffsetTable(t *testing.T) {
	ds := ct("Smithsonian", "1")
	for e, n := range map[tag.Tag]int{tag.Rows: 1, tag.Columns: 3, tag.BitsAllocated: 8, tag.BitsStored: 8, tag.HighBit: 7} {
		ds.SetInts(e, n)
	}
	ds.SetText(tag.NumberOfFrames, vr.IS, "3")
	path := filepath.Join(t.TempDir(), "in.dcm")
	err := dicom.WriteFile(path, ds, dicom.WriteOptions{TransferSyntaxUID: uid.EncapsulatedUncompressedExplicitVRLittleEndian, Frames: [][]byte{[]byte("abc"), []byte("def"), []byte("ghi")}})
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := os.ReadFile(path)
	rec, out := one(t, worker(t, "basic"), path)
	if rec.Status != Written || rec.Input != sha(raw) || rec.Digest != sha(out) {
		t.Fatalf("%+v", rec)
	}
	le := binary.LittleEndian.AppendUint32
	item := func(b []byte, text string) []byte {
		return append(le(append(b, 0xFE, 0xFF, 0x00, 0xE0), uint32(len(text))), text...)
	}
	want := append([]byte{0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0}, 0xFF, 0xFF, 0xFF, 0xFF)
	want = item(want, string(le(le(le(nil, 0), 12), 24)))
	for _, frame := range []string{"abc\x00", "def\x00", "ghi\x00"} {
		want = item(want, frame)
	}
	want = append(want, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0)
	if !bytes.HasSuffix(out, want) {
		t.Errorf("the file ends with % X, want % X", out[max(0, len(out)-len(want)):], want)
	}
}
