package dicom

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// le is an explicit little endian element by hand: tag, VR, length as given, value.
func le(t tag.Tag, v string, length int64, value string) []byte {
	b := binary.LittleEndian.AppendUint16(nil, t.Group())
	b = binary.LittleEndian.AppendUint16(b, t.Element())
	if v == "" {
		return append(binary.LittleEndian.AppendUint32(b, uint32(length)), value...)
	}
	b = append(b, v...)
	if vr.VR(v[0])<<8|vr.VR(v[1]) == vr.SQ || strings.Contains("OB OW UN UT", v) {
		return append(binary.LittleEndian.AppendUint32(append(b, 0, 0), uint32(length)), value...)
	}
	return append(binary.LittleEndian.AppendUint16(b, uint16(length)), value...)
}

func el(t tag.Tag, v, value string) []byte { return le(t, v, int64(len(value)), value) }

// part10 is a file in transfer syntax ts with the parts as its data set.
func part10(ts string, parts ...[]byte) []byte {
	if len(ts)%2 == 1 {
		ts += "\x00"
	}
	meta := el(tag.TransferSyntaxUID, "UI", ts)
	b := append(make([]byte, 128), "DICM"...)
	b = append(b, el(tag.FileMetaInformationGroupLength, "UL", string(binary.LittleEndian.AppendUint32(nil, uint32(len(meta)))))...)
	return append(append(b, meta...), bytes.Join(parts, nil)...)
}

const explicit, implicit = uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian

func read(t *testing.T, b []byte, opts ...Option) *File {
	t.Helper()
	f, err := ReadBytes(b, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestReadByHand(t *testing.T) {
	item := func(parts ...[]byte) []byte {
		body := bytes.Join(parts, nil)
		return append(le(tag.Item, "", int64(len(body)), ""), body...)
	}
	open := le(tag.Item, "", undefinedLength, "")
	closeItem, closeSeq := le(tag.ItemDelimitationItem, "", 0, ""), le(tag.SequenceDelimitationItem, "", 0, "")
	name := el(tag.PatientName, "PN", "Doe^Jane")
	inner := el(tag.CodeValue, "SH", "T-1 ")
	id := el(tag.PatientID, "LO", "42")
	cases := []struct {
		name  string
		ts    string
		parts [][]byte
		count int
		items int
		warn  string
	}{
		{"plain", explicit, [][]byte{name, id}, 2, 0, ""},
		{"sequence of given length", explicit, [][]byte{el(tag.ConceptNameCodeSequence, "SQ", string(item(inner)))}, 2, 1, ""},
		{"undefined lengths", explicit, [][]byte{le(tag.ConceptNameCodeSequence, "SQ", undefinedLength, ""), open, inner, closeItem, open, closeItem, closeSeq}, 2, 2, ""},
		{"UN is implicit inside", explicit, [][]byte{le(tag.ConceptNameCodeSequence, "UN", undefinedLength, ""), open, le(tag.CodeValue, "", 4, "T-1 "), closeItem, closeSeq}, 2, 1, ""},
		{"UN of given length that the dictionary calls SQ", explicit, [][]byte{el(tag.ConceptNameCodeSequence, "UN", string(item(le(tag.CodeValue, "", 4, "T-1 "))))}, 2, 1, ""},
		{"UN whose bytes are no items", explicit, [][]byte{el(tag.ConceptNameCodeSequence, "UN", "\xfe\xff\x00\xe0\xff\xff\x00\x00abcd"), el(tag.PixelData, "OB", "ab")}, 2, 0, ""},
		{"implicit", implicit, [][]byte{le(tag.PatientName, "", 8, "Doe^Jane"), le(tag.ConceptNameCodeSequence, "", undefinedLength, ""), open, le(tag.CodeValue, "", 4, "T-1 "), closeItem, closeSeq}, 3, 1, ""},
		{"no sequence delimiter", explicit, [][]byte{le(tag.ConceptNameCodeSequence, "SQ", undefinedLength, ""), open, inner, closeItem, el(tag.PixelData, "OB", "ab")}, 3, 1, "no delimiter at the end of the sequence"},
		{"no item delimiter", explicit, [][]byte{le(tag.ConceptNameCodeSequence, "SQ", undefinedLength, ""), open, inner, closeSeq}, 2, 1, "no delimiter at the end of an item"},
		{"item too long", explicit, [][]byte{el(tag.ConceptNameCodeSequence, "SQ", string(append(le(tag.Item, "", 100, ""), inner...))), el(tag.PixelData, "OB", "ab")}, 3, 1, "past the end of what is around it"},
		{"delimiter with a length", explicit, [][]byte{le(tag.ConceptNameCodeSequence, "SQ", undefinedLength, ""), le(tag.SequenceDelimitationItem, "", 6, ""), id}, 2, 0, "a delimiter with a length"},
		{"twice", explicit, [][]byte{name, el(tag.PatientName, "PN", "Roe^John")}, 1, 0, "comes a second time"},
		{"order", explicit, [][]byte{id, name}, 2, 0, "not in the order"},
		{"unknown VR, long", explicit, [][]byte{append(le(0x00111001, "", 0, "")[:4], "ZZ\x00\x00\x04\x00\x00\x00abcd"...), el(tag.PixelData, "OB", "ab")}, 2, 0, "no VR ZZ"},
		{"blank VR", explicit, [][]byte{append(le(tag.PixelPaddingValue, "", 0, "")[:4], "  \x02\x00\x00\x00"...), el(tag.PixelData, "OB", "ab")}, 2, 0, "no VR   "},
		{"implicit header inside", explicit, [][]byte{name, le(tag.PatientID, "", 2, "42"), el(tag.PixelData, "OB", "ab")}, 3, 0, "no VR in an explicit"},
		{"implicit, says explicit", explicit, [][]byte{le(tag.PatientName, "", 8, "Doe^Jane")}, 1, 0, "implicit VR although"},
		{"explicit, says implicit", implicit, [][]byte{name}, 1, 0, "explicit VR although"},
		{"unknown syntax", "1.2.3.4", [][]byte{name}, 1, 0, "unknown transfer syntax"},
		{"zeros at the end", explicit, [][]byte{name, make([]byte, 100)}, 1, 0, "zero bytes after"},
		{"lost delimiter", explicit, [][]byte{closeItem, name}, 1, 0, "closes nothing"},
	}
	for _, c := range cases {
		f, err := ReadBytes(part10(c.ts, c.parts...))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		items := 0
		for _, e := range f.DataSet.Walk() {
			items += len(e.Items())
		}
		if n := f.DataSet.Count(); n != c.count || items != c.items || f.Incomplete != nil {
			t.Errorf("%s: %d elements, %d items, want %d, %d; %v %v", c.name, n, items, c.count, c.items, f.Warnings, f.Incomplete)
		}
		warned := fmt.Sprint(f.Warnings)
		if c.warn == "" && len(f.Warnings) > 0 || !strings.Contains(warned, c.warn) {
			t.Errorf("%s: warnings %v, want %q", c.name, warned, c.warn)
		}
	}
}

func TestBigEndianAndDeflated(t *testing.T) {
	be := []byte{0x00, 0x08, 0x00, 0x60, 'C', 'S', 0, 2, 'U', 'S', 0x00, 0x28, 0x00, 0x10, 'U', 'S', 0, 2, 0x01, 0x02}
	f := read(t, part10(uid.ExplicitVRBigEndian, be))
	if n, ok := f.DataSet.Int(tag.Rows); !ok || n != 258 || f.DataSet.String(tag.Modality) != "US" {
		t.Errorf("rows %d", n)
	}
	var z bytes.Buffer
	w, _ := flate.NewWriter(&z, 6)
	w.Write(el(tag.PatientName, "PN", "Doe^Jane"))
	w.Close()
	f = read(t, part10(uid.DeflatedExplicitVRLittleEndian, z.Bytes()))
	if f.DataSet.String(tag.PatientName) != "Doe^Jane" || f.Incomplete != nil {
		t.Errorf("%v", f.Incomplete)
	}
	// A stream that is cut gives what came before.
	f, err := ReadBytes(part10(uid.DeflatedExplicitVRLittleEndian, z.Bytes()[:z.Len()-6]))
	if err == nil && f.Incomplete == nil {
		t.Error("a cut deflate stream was not reported")
	}
	// One that is too large is refused before it takes the memory.
	var bomb bytes.Buffer
	w, _ = flate.NewWriter(&bomb, 9)
	w.Write(el(tag.PatientName, "PN", "Doe^Jane"))
	io.CopyN(w, zeros{}, 64<<20)
	w.Close()
	f, err = ReadBytes(part10(uid.DeflatedExplicitVRLittleEndian, bomb.Bytes()), MaxInflated(1<<20))
	if err != nil || fault.CodeOf(f.Incomplete) != fault.Resource {
		t.Errorf("%v, %v", err, f.Incomplete)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestValuesAreLazyAndOffsetsRight(t *testing.T) {
	big := strings.Repeat("x", 3*firstWindow)
	raw := part10(explicit, el(tag.PatientName, "PN", "Doe^Jane"), el(tag.PixelData, "OB", big), el(tag.DataSetTrailingPadding, "OB", "abcd"))
	src := &countingReader{r: bytes.NewReader(raw)}
	f, err := Read(src, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if src.n > firstWindow+2*jumpWindow {
		t.Errorf("opening read %d bytes of %d", src.n, len(raw))
	}
	e, _ := f.DataSet.Get(tag.PixelData)
	if b, err := e.Bytes(); err != nil || string(b) != big || string(raw[e.Offset():e.Offset()+e.Len()]) != big {
		t.Errorf("value of %d bytes at %d, %v", len(b), e.Offset(), err)
	}
	if f = read(t, raw, StopBefore(tag.PixelData)); f.DataSet.Len() != 1 {
		t.Errorf("%d elements before the pixel data", f.DataSet.Len())
	}
}

type countingReader struct {
	r io.ReaderAt
	n int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

// Encapsulated data of 2,000 fragments are indexed by their headers: little is read of each.
func TestFragmentsAreIndexedNotRead(t *testing.T) {
	frames := make([][]byte, 2000)
	for i := range frames {
		frames[i] = bytes.Repeat([]byte{byte(i)}, 30_000)
	}
	ds := minimal()
	var b bytes.Buffer
	if err := Write(&b, ds, WriteOptions{TransferSyntaxUID: uid.JPEGBaseline8Bit, Frames: frames}); err != nil {
		t.Fatal(err)
	}
	src := &countingReader{r: bytes.NewReader(b.Bytes())}
	f, err := Read(src, int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	e, _ := f.DataSet.Get(tag.PixelData)
	if e.Fragments().Len() != len(frames) || len(e.Fragments().Offsets) != len(frames) {
		t.Fatalf("%d fragments, %d offsets", e.Fragments().Len(), len(e.Fragments().Offsets))
	}
	if src.n > int64(b.Len())/5 {
		t.Errorf("indexing read %d of %d bytes", src.n, b.Len())
	}
	if got, err := e.Fragments().Read(1234); err != nil || !bytes.Equal(got, frames[1234]) {
		t.Errorf("fragment 1234: %v", err)
	}
	for i := range frames {
		if e.Fragments().Start(i) != int64(e.Fragments().Offsets[i]) {
			t.Fatalf("offset of frame %d: %d, starts at %d", i, e.Fragments().Offsets[i], e.Fragments().Start(i))
		}
	}
	if _, err := e.Fragments().Read(2000); err == nil {
		t.Error("fragment 2000 of 2000")
	}
}

func TestErrorsHaveCodesAndNoValues(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "absent")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
	if _, err := Open(t.TempDir()); fault.CodeOf(err) != fault.Input {
		t.Errorf("a folder: %v", err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err == nil {
		if _, err := Open(pipe); fault.CodeOf(err) != fault.Input { // and does not wait for a writer
			t.Errorf("a pipe: %v", err)
		}
	}
	for name, b := range map[string][]byte{
		"empty": nil, "text": []byte("Dear Sir or Madam, this is a letter about nothing at all"), "mark only": append(make([]byte, 128), "DICM"...),
		"cut meta": part10(explicit, el(tag.PatientName, "PN", "Secret^Name"))[:150],
	} {
		if _, err := ReadBytes(b); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := part10(explicit, el(tag.PatientName, "PN", "Secret^Name "), el(tag.PatientID, "LO", "Secret-ID!"))
	for n := range whole {
		f, err := ReadBytes(whole[:n])
		text := fmt.Sprint(err)
		if f != nil {
			text += fmt.Sprint(f.Incomplete, f.Warnings, f.Validate())
			boundary := n == len(whole)-18
			if f.Incomplete == nil && !boundary {
				t.Errorf("cut at %d of %d: nothing said", n, len(whole))
			}
		}
		if strings.Contains(text, "Secret") {
			t.Fatalf("cut at %d: %s", n, text)
		}
	}
	if _, err := ReadBytes(whole[:len(whole)-4], Strict()); err == nil {
		t.Error("strict reading of a cut file")
	}
	if _, err := ReadBytes(whole, MaxElements(1), Strict()); fault.CodeOf(err) != fault.Resource {
		t.Errorf("%v", err)
	}
}

// TestMalformedCorpus reads every malformed file, and all that is in it, in bounded time and memory.
func TestMalformedCorpus(t *testing.T) {
	dir := testdata.Shared(t, "data", "dicom", "synthetic", "malformed")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	said := 0
	for _, entry := range entries {
		start := time.Now()
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f, err := Open(filepath.Join(dir, entry.Name()))
		if err != nil {
			said++
			continue
		}
		for _, e := range f.DataSet.Walk() {
			if e.Len() < 1<<20 {
				e.Strings()
				e.Text()
			}
		}
		findings := f.Validate()
		if err := f.Dump(io.Discard, 64); err != nil {
			t.Errorf("%s: %v", entry.Name(), err)
		}
		if _, err := f.DataSet.JSON(1024, nil); err != nil {
			t.Errorf("%s: %v", entry.Name(), err)
		}
		if len(f.Warnings) > 0 || f.Incomplete != nil || len(findings) > 0 {
			said++
		}
		runtime.ReadMemStats(&after)
		if heap := int64(after.HeapAlloc) - int64(before.HeapAlloc); heap > 200<<20 {
			t.Errorf("%s: %d MB", entry.Name(), heap>>20)
		}
		if d := time.Since(start); d > 20*time.Second { // 5 s on an idle machine
			t.Errorf("%s: %v", entry.Name(), d)
		}
		f.Close()
	}
	if said < 70 {
		t.Errorf("only %d of %d malformed files were found wanting", said, len(entries))
	}
}

func FuzzRead(f *testing.F) {
	f.Add(part10(explicit, el(tag.PatientName, "PN", "Doe^Jane"), el(tag.PixelData, "OB", "ab")))
	f.Add(part10(implicit, le(tag.ConceptNameCodeSequence, "", undefinedLength, ""), le(tag.Item, "", undefinedLength, "")))
	f.Add(part10(uid.RLELossless, le(tag.PixelData, "OB", undefinedLength, ""), le(tag.Item, "", 0, ""), le(tag.Item, "", 2, "ab"), le(tag.SequenceDelimitationItem, "", 0, "")))
	f.Add(part10(uid.DeflatedExplicitVRLittleEndian, []byte{0x63, 0, 0}))
	f.Add(el(tag.PatientName, "PN", "Doe^Jane"))
	f.Add(encapsulated([][]string{{"aa"}, {"bb", "cc"}, {"dd"}}, false, nil))
	f.Add(encapsulated([][]string{{"aa"}, {"bb", "cc"}, {"dd"}}, true, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		watchdog := time.AfterFunc(20*time.Second, func() { panic("hangs") })
		defer watchdog.Stop()
		file, err := ReadBytes(b, MaxInflated(1<<20), MaxElements(10_000))
		if err != nil {
			return
		}
		for _, e := range file.DataSet.Walk() {
			e.Strings()
			e.Floats()
		}
		if far, err := ReadBytes(b, MaxInflated(1<<20), MaxElements(10_000), TrustOffsets()); err == nil {
			for _, e := range far.DataSet.Walk() {
				for i := range min(e.frags.count(), 100) {
					_, _ = e.frags.Read(i)
				}
			}
		}
		file.Validate()
		js, err := file.DataSet.JSON(1<<16, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = ParseJSON(js, nil)
		var same, whole bytes.Buffer
		if err := file.Write(&same); err != nil || !bytes.Equal(same.Bytes(), b) {
			t.Fatalf("an untouched file is not written back: %v", err)
		}
		// Every clean data set can be written in another encoding and read again with as many elements.
		if file.Incomplete == nil && len(file.Warnings) == 0 && file.WriteAs(&whole, uid.ExplicitVRLittleEndian) == nil {
			again, err := ReadBytes(whole.Bytes())
			if err != nil || again.DataSet.Count() != file.DataSet.Count() {
				t.Fatalf("%d elements become %v, %v", file.DataSet.Count(), again, err)
			}
		}
	})
}

// The rows of docs/reference/dicom-leniency.md that no file of the corpus shows, and that TestReadByHand has not.
func TestLenienciesByHand(t *testing.T) {
	name := el(tag.PatientName, "PN", "Doe^Jane")
	bare := append([]byte("DICM"), part10(explicit, name)[132:]...)
	swapped := part10(explicit, []byte{0x00, 0x08, 0x00, 0x60, 'C', 'S', 0, 2, 'U', 'S', 0x00, 0x28, 0x00, 0x10, 'U', 'S', 0, 2, 0x01, 0x02})
	sjis := part10(explicit, el(tag.SpecificCharacterSet, "CS", "SHIFT_JIS "), el(tag.PatientName, "PN", "\x8eR\x93c"))
	for what, c := range map[string]struct {
		raw  []byte
		t    tag.Tag
		want string
		warn string
	}{
		"no preamble":     {bare, tag.PatientName, "Doe^Jane", "no preamble before the DICM mark"},
		"byte order":      {swapped, tag.Modality, "US", "the byte order is not that of the transfer syntax"},
		"Shift JIS":       {sjis, tag.PatientName, "山田", ""},
		"twelve":          {part10(explicit, el(tag.InstanceNumber, "IS", "12.0")), tag.InstanceNumber, "12.0", ""},
		"an odd value":    {part10(explicit, el(tag.PatientName, "PN", "Doe"), el(tag.PatientID, "LO", "1")), tag.PatientID, "1", "a value of odd length, the first"},
		"a lone creator":  {part10(explicit, el(tag.New(0x11, 0x10), "LO", "ME"), el(tag.New(0x11, 0x1001), "UN", "ab")), tag.New(0x11, 0x10), "ME", ""},
		"ACR-NEMA's date": {part10(explicit, el(tag.StudyDate, "DA", "1994.11.05")), tag.StudyDate, "1994.11.05", ""},
	} {
		f := read(t, c.raw)
		if got := f.DataSet.String(c.t); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
		if said := fmt.Sprint(f.Warnings); !strings.Contains(said, c.warn) || c.warn == "" && len(f.Warnings) > 0 {
			t.Errorf("%s: %s", what, said)
		}
		if strings.Count(fmt.Sprint(f.Warnings), "odd length") > 1 {
			t.Errorf("%s: odd lengths are said once: %v", what, f.Warnings)
		}
	}
}

// count is Len of fragments that may be nil.
func (f *Fragments) count() int {
	if f == nil {
		return 0
	}
	return f.Len()
}
