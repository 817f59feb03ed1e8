package dicom

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// TestUntouchedFilesAreWrittenBack writes every file of the corpus that can be read, malformed ones too, and wants its bytes.
func TestUntouchedFilesAreWrittenBack(t *testing.T) {
	dir, names, _ := corpus(t)
	same, all := 0, 0
	for _, name := range names {
		path := filepath.Join(dir, name)
		f, err := Open(path)
		if err != nil {
			continue
		}
		all++
		for _, e := range f.DataSet.Walk() { // reading values is no touching
			if e.Len() < 1<<16 {
				e.Strings()
			}
		}
		var out bytes.Buffer
		err = f.Write(&out)
		f.Close()
		if raw, rerr := os.ReadFile(path); err != nil || rerr != nil || !bytes.Equal(out.Bytes(), raw) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same++
	}
	t.Logf("%d of %d files are written back byte for byte", same, all)
	if all < 480 {
		t.Errorf("only %d files were read", all)
	}
}

// TestEditsKeepTheRest changes one attribute of every complete file and wants all others' bytes, headers and padding too, as they were.
func TestEditsKeepTheRest(t *testing.T) {
	dir, names, want := corpus(t)
	edited, kept := 0, 0
	for _, name := range names {
		if want[name].Pydicom != "ok" {
			continue
		}
		f, err := Open(filepath.Join(dir, name))
		if err != nil || f.Incomplete != nil {
			continue
		}
		if f.DataSet.implicit != f.TransferSyntax.IsImplicit() || f.DataSet.big != f.TransferSyntax.IsBigEndian() {
			f.Close() // an edit gives such a file the encoding that its header claims
			continue
		}
		var before [][]byte
		for e := range f.DataSet.All() {
			if e.Tag == tag.PatientID || e.Tag.IsGroupLength() || e.Tag == tag.DirectoryRecordSequence || e.Tag>>16 == 4 {
				continue
			}
			raw := make([]byte, int64(e.headLen)+e.n+int64(e.tailLen))
			if _, err := f.DataSet.src.r.ReadAt(raw, e.head); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			before = append(before, raw)
		}
		f.DataSet.SetString(tag.PatientID, "EDITED")
		var out bytes.Buffer
		if err := f.Write(&out); err != nil {
			if !strings.Contains(err.Error(), "SOPClassUID") && !strings.Contains(err.Error(), "leads to no record") {
				t.Errorf("%s: %v", name, err)
			}
			f.Close()
			continue
		}
		f.Close()
		g, err := ReadBytes(out.Bytes())
		if err != nil || g.DataSet.String(tag.PatientID) != "EDITED" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		edited++
		rest, ok := out.Bytes(), true
		if f.TransferSyntax.IsDeflated() {
			rest = make([]byte, g.DataSet.src.size)
			_, _ = g.DataSet.src.r.ReadAt(rest, 0)
		}
		for _, raw := range before { // in this order, for the order is kept too
			i := bytes.Index(rest, raw)
			if i < 0 {
				ok = false
				break
			}
			rest = rest[i+len(raw):]
		}
		if ok {
			kept++
		} else {
			t.Errorf("%s: an element that was not edited has other bytes", name)
		}
	}
	t.Logf("%d files were edited, %d kept all else", edited, kept)
	if edited < 350 {
		t.Errorf("only %d", edited)
	}
}

// A disk that is full ends in an error of its own kind, leaves the old file, and no temporary.
func TestSaveOnAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	f := read(t, encode(t, full2(), ""))
	f.DataSet.SetString(tag.PatientID, "42")
	if err := f.Write(full); err == nil {
		t.Error("a full disk took a file")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a.dcm")
	if err := WriteFile(path, full2(), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	old, _ := os.ReadFile(path)
	bad := read(t, old)
	bad.DataSet.SetInts(tag.Rows, -1) // can't be stored
	if err := bad.Save(path); fault.CodeOf(err) != fault.Input {
		t.Errorf("%v", err)
	}
	if now, _ := os.ReadFile(path); !bytes.Equal(now, old) {
		t.Error("a failed save changed the file")
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("%d files are left", len(list))
	}
	if err := WriteFile(filepath.Join(dir, "absent", "a.dcm"), full2(), WriteOptions{}); err == nil {
		t.Error("into a folder that is not there")
	}
}

// full2 is a data set large enough to reach the disk before it is closed.
func full2() *DataSet {
	ds := full()
	ds.SetBytes(tag.PixelData, 'O'<<8|'B', make([]byte, 1<<20))
	return ds
}

// A source that fails in the midst fails the write: half a file is never taken for a whole one.
func TestWriteFromAFailingSource(t *testing.T) {
	raw := encode(t, full2(), "")
	src := &failing{r: bytes.NewReader(raw)}
	f, err := Read(src, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	src.after = int64(len(raw)) - 1000
	for _, change := range []bool{false, true} {
		if change {
			f.DataSet.SetString(tag.PatientID, "42")
		}
		if err := f.Write(io.Discard); !errors.Is(err, errBroken) {
			t.Errorf("changed %v: %v", change, err)
		}
	}
	e, _ := f.DataSet.Get(tag.PixelData)
	if _, err := e.Bytes(); !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
	if _, err := Read(&failing{r: bytes.NewReader(raw), after: 1}, int64(len(raw)), Strict()); err == nil {
		t.Error("headers from a broken source")
	}
}

var errBroken = errors.New("the line is broken")

type failing struct {
	r     *bytes.Reader
	after int64 // reads past here fail; 0 for none
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.after > 0 && off+int64(len(p)) > f.after {
		return 0, errBroken
	}
	return f.r.ReadAt(p, off)
}

// FuzzEdit edits what can be read and wants the edit, and as many other elements, back.
func FuzzEdit(f *testing.F) {
	f.Add(part10(explicit, el(tag.PatientName, "PN", "Doe^Jane"), el(tag.PixelData, "OB", "ab")), "New^Name")
	f.Add(part10(implicit, le(tag.ConceptNameCodeSequence, "", undefinedLength, ""), le(tag.Item, "", undefinedLength, ""), le(tag.CodeValue, "", 2, "ab")), "山田^太郎")
	f.Add(part10(explicit, el(tag.SpecificCharacterSet, "CS", "ISO_IR 100"), el(tag.PatientName, "PN", "M\xfcller")), "Müller^Jürgen")
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		file, err := ReadBytes(b, MaxInflated(1<<20), MaxElements(10_000))
		if err != nil || file.Incomplete != nil || len(file.Warnings) > 0 {
			return
		}
		before := file.DataSet.Count()
		had := file.DataSet.Has(tag.PatientName)
		file.DataSet.SetText(tag.PatientName, 'P'<<8|'N', name)
		if file.DataSet.Err() != nil {
			return
		}
		var out bytes.Buffer
		if err := file.Write(&out); err != nil {
			return
		}
		again, err := ReadBytes(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		after := again.DataSet.Count()
		if !had {
			after--
		}
		if again.DataSet.Has(tag.SpecificCharacterSet) && !bytes.Contains(b, []byte{8, 0, 5, 0}) {
			after-- // the name needed it
		}
		want := ParsePN(strings.TrimRight(name, " \x00")).String()
		if got := ParsePN(again.DataSet.String(tag.PatientName)).String(); got != want && !strings.ContainsAny(name, "\\\x00\x1b") {
			t.Fatalf("name %q, want %q", got, want)
		}
		if after < before-1 || after > before+1 {
			t.Fatalf("%d elements became %d", before, after)
		}
	})
}
