package dicom_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/testdata"
)

// TestMalformed goes, in a process of its own, through every malformed file of the corpus and through files that it damages itself: all that can be read is
// read, frames too. Nothing may panic or hang, and the process never has more than 256 MB.
func TestMalformed(t *testing.T) {
	if dir := os.Getenv("CINELOOP_TEST_MALFORMED"); dir != "" {
		malformed(t, dir)
		return
	}
	if testing.Short() {
		t.Skip("thousands of damaged files")
	}
	dir := testdata.Shared(t, "data", "dicom")
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestMalformed$", "-test.v", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), "CINELOOP_TEST_MALFORMED="+dir, "GOMEMLIMIT=160MiB")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(out, 4000))
	}
	mb := reported(string(out), "peak")
	t.Logf("%d malformed and %d damaged files, %d of them refused, with at most %d MB resident", reported(string(out), "malformed"), reported(string(out), "damaged"), reported(string(out), "refused"), mb)
	if mb == 0 || mb > 256 {
		t.Errorf("%d MB\n%s", mb, tail(out, 2000))
	}
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// everything reads all that there is in a file.
func everything(b []byte) error {
	f, err := dicom.ReadBytes(b)
	if err != nil {
		return err
	}
	for _, e := range f.DataSet.Walk() {
		if e.Len() < 1<<20 {
			e.Strings()
			e.Floats()
		}
	}
	f.Validate()
	_ = f.Dump(io.Discard, 64)
	js, err := f.DataSet.JSON(1024, nil)
	if err != nil {
		return err
	}
	if !json.Valid(js) {
		return fmt.Errorf("no JSON")
	}
	_, _ = f.Directory()
	_, _, perr := pixel.Digest(f)
	if err := f.Write(io.Discard); err != nil {
		return err
	}
	f.DataSet.SetString(tag.PatientID, "x")
	_ = f.Write(io.Discard)
	if f.Incomplete != nil {
		return f.Incomplete
	}
	return perr
}

func malformed(t *testing.T, dir string) {
	refused, highest := 0, 0
	judge := func(name string, b []byte) {
		done := make(chan error, 1)
		go func() { done <- everything(b) }() // a panic ends the process
		select {
		case err := <-done:
			if err != nil {
				refused++
			}
		case <-time.After(60 * time.Second): // 5 s on an idle machine of its own
			t.Fatalf("%s hangs", name)
		}
		if mb := peak(t); mb > highest+20 {
			highest = mb
			fmt.Printf("%s: now %d MB\n", name, mb)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "synthetic", "malformed"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, "synthetic", "malformed", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		judge(e.Name(), b)
	}
	judge("a million empty elements", crowd(1_000_000))
	// Files of every kind, each damaged in several ways; the same ones each time.
	damaged := 0
	_ = filepath.WalkDir(filepath.Join(dir, "real"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if st, serr := os.Stat(path); serr != nil || st.Size() > 60_000 {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(uint64(len(b)), 7))
		for k := range 8 {
			damaged++
			judge(fmt.Sprintf("%s, damage %d", path, k), damage(rng, b, k))
		}
		return nil
	})
	fmt.Printf("malformed %d\ndamaged %d\nrefused %d\npeak %d\n", len(entries), damaged, refused, peak(t))
}

// crowd is a file of n private elements without a value.
func crowd(n int) []byte {
	var b bytes.Buffer
	if err := dicom.Write(&b, largeHeader(1), dicom.WriteOptions{TransferSyntaxUID: uid.ImplicitVRLittleEndian}); err != nil {
		panic(err)
	}
	out := b.Bytes()
	for i := range uint32(n) {
		group, element := uint16(0x31+2*(i/50_000)), uint16(0x1000+i%50_000)
		out = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(out, uint32(group)|uint32(element)<<16), 0)
	}
	return out
}

// damage is b with a fault of kind k.
func damage(rng *rand.Rand, b []byte, k int) []byte {
	b = bytes.Clone(b)
	at := func() int { return rng.IntN(max(1, len(b)-8)) }
	if len(b) < 200 {
		return b[:len(b)/2]
	}
	switch k {
	case 0: // cut
		return b[:at()]
	case 1: // a bit here and there
		for range 10 {
			b[at()] ^= 1 << rng.IntN(8)
		}
	case 2: // bytes in the headers
		for range 4 {
			b[132+rng.IntN(min(2000, len(b)-140))] = byte(rng.Uint32())
		}
	case 3: // lengths that are huge
		i := 132 + rng.IntN(len(b)-140)
		copy(b[i:], []byte{0xFF, 0xFF, 0xFF, 0xFF})
	case 4: // a piece is gone
		i := at()
		b = append(b[:i], b[min(len(b), i+1+rng.IntN(50)):]...)
	case 5: // a piece comes twice
		i := 132 + rng.IntN(len(b)-140)
		j := min(len(b), i+rng.IntN(200))
		b = append(b[:j:j], b[i:]...)
	case 6: // sequences and items in the midst
		i := 132 + rng.IntN(len(b)-140)
		copy(b[i:], []byte{0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF})
	case 7: // numbers of rows, columns, frames and bits
		for _, mark := range []string{"\x28\x00\x10\x00", "\x28\x00\x11\x00", "\x28\x00\x08\x00", "\x28\x00\x00\x01", "\x28\x00\x01\x01"} {
			if i := bytes.Index(b, []byte(mark)); i > 0 && i+10 < len(b) && rng.IntN(2) == 0 {
				b[i+8], b[i+9] = byte(rng.Uint32()), byte(rng.Uint32())
			}
		}
	}
	return b
}

// Whatever a file's errors and warnings say, they say it without values.
func TestErrorsOfDamagedFilesHoldNoValues(t *testing.T) {
	ds := largeHeader(1)
	ds.SetString(tag.SpecificCharacterSet, "", "ISO 2022 IR 87")
	for _, e := range []struct {
		t tag.Tag
		s string
	}{{tag.PatientName, "Secret^Name"}, {tag.PatientID, "Secret-1"}, {tag.StudyDescription, "Secret study"}, {tag.PatientBirthDate, "19010203"}} {
		ds.SetString(e.t, e.s)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	times := 3000
	if testing.Short() {
		times = 300
	}
	for range times {
		for k := range 7 {
			raw := damage(rng, b.Bytes(), k)
			f, err := dicom.ReadBytes(raw)
			text := fmt.Sprint(err)
			if f != nil {
				text = fmt.Sprint(f.Warnings, f.Incomplete, f.Validate())
			}
			if strings.Contains(text, "Secret") || strings.Contains(text, "19010203") {
				t.Fatalf("damage %d: %s", k, text)
			}
		}
	}
}
