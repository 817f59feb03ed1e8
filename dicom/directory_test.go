package dicom

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// record is a directory record by hand.
func record(kind, id string, lower ...*DirectoryRecord) *DirectoryRecord {
	ds := NewDataSet()
	ds.SetString(tag.DirectoryRecordType, kind)
	ds.SetString(tag.PatientID, id)
	return &DirectoryRecord{DataSet: ds, Lower: lower}
}

// outline is a tree in one line: "PATIENT 1(STUDY 2 STUDY 3)".
func outline(tree []*DirectoryRecord) string {
	var out []string
	for _, r := range tree {
		s := r.Type() + " " + r.String(tag.PatientID)
		if r.Lower != nil {
			s += "(" + outline(r.Lower) + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func directoryOf(t *testing.T, tree ...*DirectoryRecord) []byte {
	t.Helper()
	ds := NewDataSet()
	ds.SetString(tag.FileSetID, "SET")
	var b bytes.Buffer
	if err := WriteDirectory(&b, ds, tree, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDirectoryRoundTrip(t *testing.T) {
	raw := directoryOf(t, record("PATIENT", "a", record("STUDY", "b", record("SERIES", "c")), record("STUDY", "d")), record("PATIENT", "eee"))
	f := read(t, raw)
	tree, err := f.Directory()
	want := "PATIENT a(STUDY b(SERIES c) STUDY d) PATIENT eee"
	if err != nil || outline(tree) != want || len(f.Warnings) > 0 {
		t.Fatalf("%s, %v, %v", outline(tree), err, f.Warnings)
	}
	// Offsets are of items: each begins with FFFE,E000. The last of the root is the second patient.
	last, _ := f.DataSet.Int(tag.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity)
	if !bytes.Equal(raw[last:last+4], []byte{0xFE, 0xFF, 0x00, 0xE0}) || !bytes.Contains(raw[last:], []byte("eee")) || bytes.Contains(raw[last:], []byte("STUDY")) {
		t.Errorf("the last record at %d", last)
	}
	if f.Meta.String(tag.MediaStorageSOPClassUID) != uid.MediaStorageDirectoryStorage || f.DataSet.Has(tag.SOPInstanceUID) {
		t.Error("meta header")
	}
	if raw2 := directoryOf(t); len(raw2) == 0 {
		t.Error("an empty directory")
	} else if tree, err := read(t, raw2).Directory(); err != nil || tree != nil {
		t.Errorf("an empty directory: %v, %v", tree, err)
	}
	if _, err := read(t, encode(t, minimal(), "")).Directory(); fault.CodeOf(err) != fault.Input {
		t.Errorf("%v", err)
	}
}

// An edit of a record moves those after it, and the offsets follow.
func TestDirectoryEdit(t *testing.T) {
	raw := directoryOf(t, record("PATIENT", "a", record("STUDY", "b")), record("PATIENT", "c"))
	f := read(t, raw)
	items := f.DataSet.Sequence(tag.DirectoryRecordSequence)
	items[0].SetString(tag.PatientID, "a longer identifier")
	f.DataSet.SetString(tag.FileSetID, "LONGER_SET_ID")
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	g := read(t, b.Bytes())
	tree, err := g.Directory()
	if want := "PATIENT a longer identifier(STUDY b) PATIENT c"; err != nil || outline(tree) != want || len(g.Warnings) > 0 {
		t.Errorf("%s, %v, %v", outline(tree), err, g.Warnings)
	}
	if f.DataSet.Sequence(tag.DirectoryRecordSequence)[0].Len() != items[0].Len() {
		t.Error("writing changed the data set")
	}
	// In another encoding too.
	b.Reset()
	if err := f.WriteAs(&b, uid.ImplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	if tree, err := read(t, b.Bytes()).Directory(); err != nil || !strings.Contains(outline(tree), "STUDY b) PATIENT c") {
		t.Errorf("implicit: %s, %v", outline(tree), err)
	}
	// A record that others lead to can't go.
	f.DataSet.SetSequence(tag.DirectoryRecordSequence, items[0], items[1])
	if err := f.Write(&b); fault.CodeOf(err) != fault.Input {
		t.Errorf("a lost record: %v", err)
	}
}

// Offsets that lead nowhere, in circles, or to no record end in a warning and what can be read.
func TestDirectoryOfBadOffsets(t *testing.T) {
	raw := directoryOf(t, record("PATIENT", "a"), record("PATIENT", "b"), record("PATIENT", "c"))
	for name, c := range map[string]struct {
		change func(items []*DataSet, at func(int) int)
		want   string
	}{
		"circle":       {func(items []*DataSet, at func(int) int) { items[1].SetInts(links[0], at(0)) }, "PATIENT a PATIENT b"},
		"below itself": {func(items []*DataSet, at func(int) int) { items[0].SetInts(links[1], at(0)) }, "PATIENT a PATIENT b PATIENT c"},
		"cut":          {func(items []*DataSet, _ func(int) int) { items[0].SetInts(links[0], 0) }, "PATIENT a"},
	} {
		f := read(t, raw)
		items := f.DataSet.Sequence(tag.DirectoryRecordSequence)
		c.change(items, func(i int) int { return int(items[i].head) })
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			t.Fatal(err)
		}
		g := read(t, b.Bytes())
		tree, err := g.Directory()
		if err != nil || outline(tree) != c.want || len(g.Warnings) == 0 {
			t.Errorf("%s: %s, %v, %v", name, outline(tree), err, g.Warnings)
		}
	}
	// An offset into the middle of a record: it can be read, and not be written again after a change.
	bad := bytes.Clone(raw)
	f := read(t, raw)
	e, _ := f.DataSet.Sequence(tag.DirectoryRecordSequence)[0].Get(links[0])
	bad[e.Offset()]++
	f = read(t, bad)
	if tree, err := f.Directory(); err != nil || outline(tree) != "PATIENT a" || !strings.Contains(fmt.Sprint(f.Warnings), "leads to no directory record") {
		t.Errorf("%s, %v", outline(tree), f.Warnings)
	}
	f.DataSet.SetString(tag.FileSetID, "X")
	if err := f.Write(&bytes.Buffer{}); fault.CodeOf(err) != fault.Input {
		t.Errorf("%v", err)
	}
}

// The corpus's DICOMDIRs: those whose offsets are good keep their tree through an edit that moves everything.
func TestDirectoriesOfTheCorpus(t *testing.T) {
	dir := testdata.Shared(t, "data", "dicom", "real", "pydicom", "test_files", "dicomdirtests")
	for name, records := range map[string]int{"DICOMDIR": 52, "TINY_ALPHA/DICOMDIR": 53, "DICOMDIR-implicit": 52, "DICOMDIR-bigEnd": 52, "DICOMDIR-reordered": 52, "DICOMDIR-nopatient": 1} {
		f, err := Open(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		tree, err := f.Directory()
		before, n := outline(tree), count(tree)
		if err != nil || n != records {
			t.Errorf("%s: %d records, %v, %v", name, n, err, f.Warnings)
		}
		f.DataSet.SetString(tag.FileSetID, "ANOTHER_ID_12345")
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g := read(t, b.Bytes())
		if tree, err := g.Directory(); err != nil || outline(tree) != before {
			t.Errorf("%s: after an edit %s\nbefore %s\n%v %v", name, outline(tree), before, err, g.Warnings)
		}
		f.Close()
	}
}

func count(tree []*DirectoryRecord) (n int) {
	for _, r := range tree {
		n += 1 + count(r.Lower)
	}
	return n
}

func FuzzDirectory(f *testing.F) {
	var b bytes.Buffer
	_ = WriteDirectory(&b, NewDataSet(), []*DirectoryRecord{record("PATIENT", "a", record("STUDY", "b")), record("PATIENT", "c")}, "1.2.3")
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := ReadBytes(raw, MaxInflated(1<<20), MaxElements(10_000))
		if err != nil {
			return
		}
		tree, err := d.Directory()
		if err != nil {
			return
		}
		// What was read can be written with links of its own, and read again as the same tree.
		var out bytes.Buffer
		if err := WriteDirectory(&out, NewDataSet(), tree, "1.2.3"); err != nil {
			return
		}
		again, err := ReadBytes(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if t2, err := again.Directory(); err != nil || count(t2) != count(tree) {
			t.Fatalf("%d records became %d, %v", count(tree), count(t2), err)
		}
	})
}
