package dicom

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

func minimal() *DataSet {
	ds := NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.SecondaryCaptureImageStorage)
	ds.SetString(tag.SOPInstanceUID, "1.2.3.4")
	return ds
}

// full is a data set with every kind of value.
func full() *DataSet {
	ds := minimal()
	ds.SetString(tag.PatientName, "Doe^Jane")
	ds.SetString(tag.ImageType, "ORIGINAL", "PRIMARY")
	ds.SetInts(tag.Rows, 480)
	ds.SetInts(tag.InstanceNumber, -7)
	ds.SetInts(tag.SmallestImagePixelValue, -1)
	ds.SetFloats(tag.PixelSpacing, 0.1, 1.0/3)
	ds.SetFloats(tag.PhysicalDeltaX, math.Pi)
	ds.SetFloats(tag.RecommendedDisplayFrameRateInFloat, 29.97)
	ds.SetInts(tag.FrameIncrementPointer, int(tag.FrameTime))
	ds.SetInts(tag.ReferencePixelX0, -3)
	ds.SetInts(tag.ExtendedOffsetTable, 1, 2)
	ds.SetString(tag.TextValue, "a\\b, one value")
	ds.SetBytes(tag.ICCProfile, vr.OB, []byte{1, 2, 3})
	ds.SetBytes(tag.RedPaletteColorLookupTableData, vr.OW, []byte{1, 0, 2, 0})
	ds.SetEmpty(tag.StudyDate)
	item, inner := NewDataSet(), NewDataSet()
	inner.SetString(tag.CodeMeaning, "deep")
	item.SetString(tag.CodeValue, "X")
	item.SetSequence(tag.ConceptNameCodeSequence, inner)
	ds.SetSequence(tag.ContentSequence, item, NewDataSet())
	ds.SetSequence(tag.ReferencedSeriesSequence)
	return ds
}

func encode(t *testing.T, ds *DataSet, ts string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, ds, WriteOptions{TransferSyntaxUID: ts}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// equal holds the values of two data sets against each other.
func equal(t *testing.T, a, b *DataSet) {
	t.Helper()
	var left, right []string
	for _, p := range []struct {
		ds  *DataSet
		out *[]string
	}{{a, &left}, {b, &right}} {
		for depth, e := range p.ds.Walk() {
			text, n := dumpValue(e)
			*p.out = append(*p.out, strings.Join([]string{strings.Repeat(" ", depth), e.Tag.String(), text, string(rune('0' + n))}, " "))
		}
	}
	if !slices.Equal(left, right) {
		t.Errorf("data sets differ:\n%s\n--\n%s", strings.Join(left, "\n"), strings.Join(right, "\n"))
	}
}

func TestEveryEncodingHoldsEveryValue(t *testing.T) {
	ds := full()
	for _, ts := range []string{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian} {
		b := encode(t, ds, ts)
		if !bytes.Equal(b, encode(t, full(), ts)) {
			t.Errorf("%s: the same data set gives other bytes", ts)
		}
		if len(b)%2 != 0 {
			t.Errorf("%s: %d bytes", ts, len(b))
		}
		f := read(t, b)
		if len(f.Warnings) > 0 || f.Incomplete != nil || string(f.TransferSyntax) != ts {
			t.Errorf("%s: %v %v", ts, f.Warnings, f.Incomplete)
		}
		if ts == uid.ImplicitVRLittleEndian {
			// Implicit encoding has no VR: SS of "US or SS" needs the sign of the pixels.
			if n, _ := f.DataSet.Int(tag.SmallestImagePixelValue); n != 65535 {
				t.Errorf("without a sign: %d", n)
			}
			continue
		}
		equal(t, ds, f.DataSet)
		// And from there into all others.
		for _, other := range []string{uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian} {
			var w bytes.Buffer
			if err := f.WriteAs(&w, TransferSyntax(other)); err != nil {
				t.Fatal(err)
			}
			equal(t, ds, read(t, w.Bytes()).DataSet)
			if other == ts && !bytes.Equal(w.Bytes(), b) {
				t.Errorf("%s written as it is differs", ts)
			}
		}
	}
}

func TestChoiceOfSign(t *testing.T) {
	ds := minimal()
	ds.SetInts(tag.PixelRepresentation, 1)
	ds.SetInts(tag.SmallestImagePixelValue, -1)
	f := read(t, encode(t, ds, uid.ImplicitVRLittleEndian))
	if n, _ := f.DataSet.Int(tag.SmallestImagePixelValue); n != -1 {
		t.Errorf("%d", n)
	}
	var w bytes.Buffer
	if err := f.WriteAs(&w, uid.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	e, _ := read(t, w.Bytes()).DataSet.Get(tag.SmallestImagePixelValue)
	if e.VR != vr.SS {
		t.Errorf("VR %v", e.VR)
	}
}

func TestMetaHeader(t *testing.T) {
	b := encode(t, minimal(), "")
	f := read(t, b)
	for tg, want := range map[tag.Tag]string{
		tag.MediaStorageSOPClassUID: uid.SecondaryCaptureImageStorage, tag.MediaStorageSOPInstanceUID: "1.2.3.4",
		tag.TransferSyntaxUID: uid.ExplicitVRLittleEndian, tag.ImplementationClassUID: ImplementationClassUID,
	} {
		if got := f.Meta.String(tg); got != want {
			t.Errorf("%v %q, want %q", tg, got, want)
		}
	}
	if !uid.Valid(ImplementationClassUID) || len(ImplementationVersionName) > 16 {
		t.Error("who wrote it")
	}
	if len(f.Validate()) == 0 {
		t.Error("a data set without a study is not valid")
	}
	if err := Write(&bytes.Buffer{}, NewDataSet(), WriteOptions{}); fault.CodeOf(err) != fault.Input {
		t.Errorf("without UIDs: %v", err)
	}
	if err := Write(&bytes.Buffer{}, minimal(), WriteOptions{TransferSyntaxUID: "1.2.3"}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("unknown syntax: %v", err)
	}
}

func TestFramesGetAnOffsetTable(t *testing.T) {
	var b bytes.Buffer
	frames := [][]byte{{1, 2, 3}, {4, 5}, {6, 7, 8, 9}}
	if err := Write(&b, minimal(), WriteOptions{TransferSyntaxUID: uid.JPEGBaseline8Bit, Frames: frames}); err != nil {
		t.Fatal(err)
	}
	f := read(t, b.Bytes())
	e, _ := f.DataSet.Get(tag.PixelData)
	if got := e.Fragments().Offsets; !slices.Equal(got, []uint32{0, 12, 22}) {
		t.Errorf("offsets %v", got)
	}
	if got, _ := e.Fragments().Join(0, 3); !bytes.Equal(got, []byte{1, 2, 3, 0, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("% x", got)
	}
	// Encapsulated and native don't mix.
	if err := Write(&bytes.Buffer{}, f.DataSet, WriteOptions{}); fault.CodeOf(err) != fault.Input {
		t.Errorf("encapsulated as native: %v", err)
	}
	native := minimal()
	native.SetBytes(tag.PixelData, vr.OW, []byte{1, 2})
	if err := Write(&bytes.Buffer{}, native, WriteOptions{TransferSyntaxUID: uid.RLELossless}); fault.CodeOf(err) != fault.Input {
		t.Errorf("native as encapsulated: %v", err)
	}
}

func TestOnlyTheChangeIsEncoded(t *testing.T) {
	// Odd things that the standard doesn't allow must survive a change elsewhere.
	odd := el(tag.StudyDescription, "LO", "odd")
	nested := el(tag.ConceptNameCodeSequence, "SQ", string(append(le(tag.Item, "", 12, ""), el(tag.CodeValue, "SH", "T-1 ")...)))
	raw := part10(explicit, el(tag.Tag(0x00080000), "UL", "\x10\x00\x00\x00"), odd, el(tag.PatientName, "PN", "Doe^Jane"), nested)
	f := read(t, raw)
	f.DataSet.SetString(tag.PatientName, "Roe^Janet")
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, keep := range [][]byte{odd, nested} {
		if !bytes.Contains(b.Bytes(), keep) {
			t.Errorf("% x was not kept", keep)
		}
	}
	g := read(t, b.Bytes())
	if g.DataSet.String(tag.PatientName) != "Roe^Janet" || g.DataSet.Has(tag.Tag(0x00080000)) {
		t.Error("the change, or the group length that it makes wrong")
	}
	// A change inside an item reaches the top.
	f = read(t, raw)
	f.DataSet.Sequence(tag.ConceptNameCodeSequence)[0].SetString(tag.CodeValue, "T-12345")
	b.Reset()
	if err := f.Write(&b); err != nil || !f.Changed() {
		t.Fatal(err)
	}
	if got := read(t, b.Bytes()).DataSet.Sequence(tag.ConceptNameCodeSequence)[0].String(tag.CodeValue); got != "T-12345" {
		t.Errorf("%q", got)
	}
	// Deleting, and files whose end is missing.
	f = read(t, raw[:len(raw)-3])
	f.DataSet.Delete(tag.PatientName)
	if err := f.Write(&b); fault.CodeOf(err) != fault.Input {
		t.Errorf("a changed incomplete file: %v", err)
	}
}

func TestSetRefusesWhatTheVRHasNot(t *testing.T) {
	for name, set := range map[string]func(*DataSet){
		"number too large":   func(ds *DataSet) { ds.SetInts(tag.Rows, 70000) },
		"negative unsigned":  func(ds *DataSet) { ds.SetInts(tag.Rows, -1) },
		"text for a number":  func(ds *DataSet) { ds.SetString(tag.Rows, "many") },
		"too long":           func(ds *DataSet) { ds.SetString(tag.AccessionNumber, strings.Repeat("x", 17)) },
		"backslash":          func(ds *DataSet) { ds.SetString(tag.PatientID, `a\b`) },
		"two values":         func(ds *DataSet) { ds.SetString(tag.TextValue, "a", "b") },
		"not ASCII in CS":    func(ds *DataSet) { ds.SetString(tag.Modality, "ÜS") },
		"not a number in DS": func(ds *DataSet) { ds.SetString(tag.SliceThickness, "thick") },
		"not finite":         func(ds *DataSet) { ds.SetFloats(tag.SliceThickness, math.Inf(1)) },
		"float for US":       func(ds *DataSet) { ds.SetFloats(tag.Rows, 1.5) },
		"IS of 33 bits":      func(ds *DataSet) { ds.SetInts(tag.InstanceNumber, 1<<32) },
		"four name groups":   func(ds *DataSet) { ds.SetString(tag.PatientName, "a=b=c=d") },
		"text for OB":        func(ds *DataSet) { ds.SetString(tag.ICCProfile, "x") },
		"inside an item": func(ds *DataSet) {
			item := NewDataSet()
			item.SetInts(tag.Rows, -1)
			ds.SetSequence(tag.ContentSequence, item)
		},
	} {
		ds := minimal()
		set(ds)
		if err := Write(&bytes.Buffer{}, ds, WriteOptions{}); fault.CodeOf(err) != fault.Input || ds.Err() == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTextMovesToUTF8(t *testing.T) {
	ds := minimal()
	ds.SetString(tag.SpecificCharacterSet, "ISO_IR 100")
	ds.SetString(tag.PatientName, "Müller^Jürgen")
	item := NewDataSet()
	ds.SetSequence(tag.ContentSequence, item)
	item.SetString(tag.CodeMeaning, "Größe")
	if got := ds.Bytes(tag.PatientName); !bytes.Contains(got, []byte("M\xfcller")) {
		t.Errorf("% x", got)
	}
	item.SetString(tag.LongCodeValue, "心臓") // Latin-1 has no place for it
	f := read(t, encode(t, ds, ""))
	if got := f.DataSet.Strings(tag.SpecificCharacterSet); !slices.Equal(got, []string{"ISO_IR 192"}) {
		t.Errorf("%q", got)
	}
	in := f.DataSet.Sequence(tag.ContentSequence)[0]
	if f.DataSet.String(tag.PatientName) != "Müller^Jürgen" || in.String(tag.CodeMeaning) != "Größe" || in.String(tag.LongCodeValue) != "心臓" {
		t.Errorf("%q %q %q", f.DataSet.String(tag.PatientName), in.String(tag.CodeMeaning), in.String(tag.LongCodeValue))
	}
	// Bytes that can't be decoded stop it: they would be lost.
	g := read(t, part10(explicit, el(tag.SpecificCharacterSet, "CS", "ISO_IR 192"), el(tag.PatientName, "PN", "J\xe9rome"), el(tag.PatientID, "LO", "42")))
	if err := g.DataSet.ToUTF8(); fault.CodeOf(err) != fault.Input || g.DataSet.Changed() {
		t.Errorf("%v", err)
	}
	// An item in another set than its new parent's keeps its own.
	other := NewDataSet()
	other.SetString(tag.SpecificCharacterSet, "ISO_IR 144")
	other.SetString(tag.CodeMeaning, "Люкс")
	ds.SetSequence(tag.ConceptNameCodeSequence, other)
	if got := read(t, encode(t, ds, "")).DataSet.Sequence(tag.ConceptNameCodeSequence)[0].String(tag.CodeMeaning); got != "Люкс" {
		t.Errorf("%q", got)
	}
}

func TestWriteFileIsWholeOrAbsent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.dcm")
	if err := WriteFile(path, NewDataSet(), WriteOptions{}); err == nil {
		t.Fatal("a data set without UIDs was written")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a failed write left a file")
	}
	if err := WriteFile(path, full(), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.DataSet.SetString(tag.PatientID, "42")
	if err := f.Save(path); err != nil { // over itself
		t.Fatal(err)
	}
	g, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if g.DataSet.String(tag.PatientID) != "42" {
		t.Error("the saved change is not there")
	}
}

func TestCopyIsIndependent(t *testing.T) {
	f := read(t, encode(t, full(), ""))
	c, err := f.DataSet.Copy()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, f.DataSet, c)
	c.SetString(tag.PatientName, "Other")
	c.Sequence(tag.ContentSequence)[0].SetString(tag.CodeValue, "Y")
	if f.Changed() || f.DataSet.String(tag.PatientName) != "Doe^Jane" || f.DataSet.Sequence(tag.ContentSequence)[0].String(tag.CodeValue) != "X" {
		t.Error("a change of the copy reached the original")
	}
}

func TestReadingFromManyGoroutines(t *testing.T) {
	f := read(t, encode(t, full(), ""))
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for _, e := range f.DataSet.Walk() {
				e.Strings()
				e.Ints()
			}
		}()
	}
	wg.Wait()
}

func TestFormatDS(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 1: "1", -0.5: "-0.5", 1.0 / 3: "0.33333333333333", 1e-20: "1e-20", -1.0 / 3e7: "-3.333333333e-08", math.Pi * 1e100: "3.141592654e+100"} {
		got := FormatDS(f)
		if len(got) > 16 {
			t.Errorf("%v: %q has %d characters", f, got, len(got))
		}
		if got != want {
			t.Errorf("%v: %q, want %q", f, got, want)
		}
	}
}
