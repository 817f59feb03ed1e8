package dicom_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Files of more than 4 GB are sparse: their frames are zeros but for the number that each begins with.
const (
	largeFrames = 4500
	largeFrame  = 1 << 20
)

func largeHeader(frames int) *dicom.DataSet {
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.UltrasoundMultiFrameImageStorage)
	ds.SetString(tag.SOPInstanceUID, "1.2.3")
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	ds.SetInts(tag.NumberOfFrames, frames)
	ds.SetInts(tag.Rows, 1024)
	ds.SetInts(tag.Columns, 1024)
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	return ds
}

// native writes a file of 4,000 native frames, 4.19 GB: an element may have no more.
func native(t *testing.T, path string) {
	t.Helper()
	ds := largeHeader(4000)
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 2))
	if err := dicom.WriteFile(path, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	end, err := f.Seek(-6, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	must(t, f, end, binary.LittleEndian.AppendUint32(nil, 4000*largeFrame))
	for i := range int64(4000) {
		must(t, f, end+4+i*largeFrame, binary.LittleEndian.AppendUint32(nil, uint32(i)))
	}
	if err := f.Truncate(end + 4 + 4000*largeFrame); err != nil {
		t.Fatal(err)
	}
}

// encapsulated writes a file of 4,500 fragments, 4.7 GB, with an Extended Offset Table. The frames are uncompressed (PS3.5 A.4.11).
func encapsulated(t *testing.T, path string) {
	t.Helper()
	ds := largeHeader(largeFrames)
	var offsets, lengths []byte
	for i := range uint64(largeFrames) {
		offsets = binary.LittleEndian.AppendUint64(offsets, i*(largeFrame+8))
		lengths = binary.LittleEndian.AppendUint64(lengths, largeFrame)
	}
	ds.SetBytes(tag.ExtendedOffsetTable, vr.OV, offsets)
	ds.SetBytes(tag.ExtendedOffsetTableLengths, vr.OV, lengths)
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	// The syntax is changed in the bytes, for a data set without pixels can't be written in it.
	head := bytes.Replace(b.Bytes(), []byte("1.2.840.10008.1.2.1\x00"), []byte("1.2.840.10008.1.2.1.98"), 1)
	head = bytes.Replace(head, []byte("UI\x14\x001.2.840.10008.1.2.1.98"), []byte("UI\x16\x001.2.840.10008.1.2.1.98"), 1)
	binary.LittleEndian.PutUint32(head[140:], binary.LittleEndian.Uint32(head[140:])+2)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head = append(head, 0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0)
	must(t, f, 0, head)
	at := int64(len(head))
	for i := range uint32(largeFrames) {
		item := binary.LittleEndian.AppendUint32([]byte{0xFE, 0xFF, 0x00, 0xE0}, largeFrame)
		must(t, f, at, binary.LittleEndian.AppendUint32(item, i))
		at += 8 + largeFrame
	}
	must(t, f, at, []byte{0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0})
}

func must(t *testing.T, f *os.File, off int64, b []byte) {
	t.Helper()
	if _, err := f.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}

// TestLargeFilesTakeLittleMemory opens files of more than 4 GB in a process of its own, reads frames of them, changes them and writes them, and holds the most memory
// that the process ever had against a limit that does not grow with the file.
func TestLargeFilesTakeLittleMemory(t *testing.T) {
	if path := os.Getenv("CINELOOP_TEST_LARGE"); path != "" {
		large(t, path)
		return
	}
	if testing.Short() {
		t.Skip("reads 5 GB of sparse files")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	for name, write := range map[string]func(*testing.T, string){"native": native, "encapsulated": encapsulated} {
		path := filepath.Join(t.TempDir(), name)
		write(t, path)
		cmd := exec.Command(exe, "-test.run=^TestLargeFilesTakeLittleMemory$", "-test.v")
		cmd.Env = append(os.Environ(), "CINELOOP_TEST_LARGE="+path)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		for _, c := range []struct {
			what  string
			limit int
		}{{"opened", 32}, {"written", 64}} {
			if c.what == "written" && name == "native" {
				continue // as many bytes again, by the same way
			}
			mb := reported(string(out), c.what)
			t.Logf("%s: %s with at most %d MB resident", name, c.what, mb)
			if mb == 0 || mb > c.limit {
				t.Errorf("%s: %s with %d MB, the limit is %d\n%s", name, c.what, mb, c.limit, out)
			}
		}
		os.Remove(path)
	}
}

func reported(out, what string) int {
	_, rest, _ := strings.Cut(out, what+" ")
	n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return n
}

// large is what the child does.
func large(t *testing.T, path string) {
	f, err := dicom.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.Warnings) > 0 || f.Incomplete != nil {
		t.Errorf("%v %v", f.Warnings, f.Incomplete)
	}
	im, err := pixel.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{im.Frames / 2, im.Frames - 1, 0, 7} {
		b, err := im.Frame(i)
		if err != nil || len(b) != largeFrame || binary.LittleEndian.Uint32(b) != uint32(i) {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
	fmt.Printf("opened %d MB\n", peak(t))
	if filepath.Base(path) == "native" {
		return
	}
	f.DataSet.SetString(tag.PatientID, "changed")
	var n counter
	if err := f.Write(&n); err != nil || int64(n) < f.Size() {
		t.Errorf("%d bytes of %d, %v", n, f.Size(), err)
	}
	fmt.Printf("written %d MB\n", peak(t))
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// peak is the most megabytes that this process had in memory.
func peak(t *testing.T) int {
	s, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skip("no /proc here")
	}
	defer s.Close()
	for sc := bufio.NewScanner(s); sc.Scan(); {
		if f := strings.Fields(sc.Text()); len(f) > 1 && f[0] == "VmHWM:" {
			kb, _ := strconv.Atoi(f[1])
			return kb / 1024
		}
	}
	return 0
}
