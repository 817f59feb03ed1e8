package sources

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/ingest"
)

// put writes a small object of a study, series and number; more sets what else it says.
func put(t *testing.T, path, patient, study, series string, seriesNumber, number int, more func(*dicom.DataSet)) {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.UltrasoundImageStorage)
	ds.SetString(tag.SOPInstanceUID, uid.Derive(study, series, strconv.Itoa(number)))
	ds.SetString(tag.StudyInstanceUID, uid.Derive(study))
	ds.SetString(tag.SeriesInstanceUID, uid.Derive(study, series))
	ds.SetString(tag.PatientID, patient)
	ds.SetString(tag.PatientName, "Nobody^At all")
	ds.SetString(tag.Modality, "US")
	ds.SetInts(tag.SeriesNumber, seriesNumber)
	ds.SetInts(tag.InstanceNumber, number)
	for tg, v := range map[tag.Tag]int{tag.Rows: 2, tag.Columns: 2, tag.SamplesPerPixel: 1, tag.BitsAllocated: 8, tag.BitsStored: 8, tag.HighBit: 7, tag.PixelRepresentation: 0} {
		ds.SetInts(tg, v)
	}
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	ds.SetBytes(tag.PixelData, vr.OB, []byte{1, 2, 3, byte(number)})
	if more != nil {
		more(ds)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := dicom.WriteFile(path, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// ward is a folder with two patients: one with a study of two series and one of one, one de-identified; and much that is no picture to read.
func ward(t *testing.T) string {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put(t, at("b/2.dcm"), "4711", "s1", "x", 1, 2, nil)
	put(t, at("b/1.dcm"), "4711", "s1", "x", 1, 1, nil)
	put(t, at("a"), "4711", "s1", "y", 0, 1, nil) // no ending, a lower series number
	put(t, at("c.dcm"), "4711", "s2", "z", 1, 1, nil)
	put(t, at("copy of c.dcm"), "4711", "s2", "z", 1, 1, nil)
	put(t, at("d.dcm"), "ANON-5", "s3", "z", 1, 1, func(ds *dicom.DataSet) { ds.SetString(tag.PatientIdentityRemoved, "YES") })
	put(t, at("seg.dcm"), "4711", "s1", "seg", 9, 1, func(ds *dicom.DataSet) {
		ds.SetString(tag.Modality, "SEG")
		ds.SetString(tag.SOPClassUID, uid.SegmentationStorage)
	})
	put(t, at("screen.dcm"), "4711", "s1", "sc", 9, 2, func(ds *dicom.DataSet) { ds.SetString(tag.SOPClassUID, uid.SecondaryCaptureImageStorage) })
	put(t, at("report.dcm"), "4711", "s1", "sr", 9, 3, func(ds *dicom.DataSet) {
		for _, tg := range []tag.Tag{tag.Rows, tag.Columns, tag.PixelData} {
			ds.Delete(tg)
		}
	})
	for name, text := range map[string]string{"notes.txt": "Mr Nobody", "torn.dcm": "DICM"} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func alias(id string) string { return "alias of " + id }

// names are the files of each case without their folder.
func names(dir string, f Found) (out [][]string) {
	for _, c := range f.Cases {
		var files []string
		for _, p := range c.Files {
			rel, _ := filepath.Rel(dir, p)
			files = append(files, rel)
		}
		out = append(out, files)
	}
	return out
}

// TestFolder: cases by study, series and image, in order, without results of others; what is broken is counted.
func TestFolder(t *testing.T) {
	dir := ward(t)
	for each, want := range map[Each][][]string{
		"":     {{"d.dcm"}, {"a", "b/1.dcm", "b/2.dcm"}, {"c.dcm"}},
		Series: {{"d.dcm"}, {"a"}, {"b/1.dcm", "b/2.dcm"}, {"c.dcm"}},
		Image:  {{"d.dcm"}, {"a"}, {"b/1.dcm"}, {"b/2.dcm"}, {"c.dcm"}},
	} {
		f, err := Folder(context.Background(), dir, Options{Each: each, Alias: alias})
		got := names(dir, f)
		sortCases(want)
		sortCases(got)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v", each, got, err)
		}
		if f.NoPicture != 3 || f.Captures != 1 || len(f.Broken) != 1 || f.Broken["it is no DICOM file, or damaged"] != 1 {
			t.Errorf("%q: %d without a picture, %d captures, broken %v", each, f.NoPicture, f.Captures, f.Broken)
		}
		if n := len(f.Cases) - 1; f.Identified() != n {
			t.Errorf("%q: %d identified, want %d", each, f.Identified(), n)
		}
		for _, c := range f.Cases {
			if want := map[bool]string{true: "alias of 4711\\", false: "ANON-5"}[c.Identified]; c.Patient != want {
				t.Errorf("patient %q, want %q", c.Patient, want)
			}
		}
	}
	f, err := Folder(context.Background(), dir, Options{Captures: true, Alias: alias})
	if err != nil || f.Captures != 0 || !slices.ContainsFunc(names(dir, f), func(c []string) bool { return slices.Contains(c, "screen.dcm") }) {
		t.Errorf("with captures: %v, %v", names(dir, f), err)
	}
}

// sortCases puts cases in the order of their files: that of UIDs is no one's to know.
func sortCases(c [][]string) { slices.SortFunc(c, slices.Compare) }

// TestFaults: what is asked for wrongly, what is not there, what was given up.
func TestFaults(t *testing.T) {
	dir := ward(t)
	if _, err := Folder(context.Background(), dir, Options{Each: "patient", Alias: alias}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("each patient: %v", err)
	}
	if _, err := Folder(context.Background(), filepath.Join(dir, "none"), Options{Alias: alias}); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no folder: %v", err)
	}
	if f, err := Folder(context.Background(), t.TempDir(), Options{Alias: alias}); err != nil || len(f.Cases) != 0 {
		t.Errorf("an empty folder: %v, %v", f, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Folder(ctx, dir, Options{Alias: alias}); err == nil {
		t.Error("a search that was given up finds something")
	}
}

// TestArchive: an archive that was filled from the folder has the same cases, and a query finds some of them.
func TestArchive(t *testing.T) {
	ctx, from := context.Background(), ward(t)
	dir := filepath.Join(t.TempDir(), "archive")
	if IsArchive(from) {
		t.Error("a folder is taken for an archive")
	}
	cfg := store.DefaultConfig()
	cfg.Reserve = 0
	if err := store.Init(dir, cfg); err != nil {
		t.Fatal(err)
	}
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ingest.Run(ctx, a, ingest.Options{Sources: []string{from}}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if !IsArchive(dir) {
		t.Error("the archive is none")
	}
	sizes := func(f Found) (out []int) {
		for _, c := range f.Cases {
			out = append(out, len(c.Files))
		}
		slices.Sort(out)
		return out
	}
	f, err := Archive(ctx, dir, nil, Options{Alias: alias})
	if err != nil || !slices.Equal(sizes(f), []int{1, 1, 3}) {
		t.Errorf("%v, %v", sizes(f), err)
	}
	m, _ := catalog.ParseMatch("PatientID", "ANON*")
	f, err = Archive(ctx, dir, []catalog.Match{m}, Options{Alias: alias})
	if err != nil || len(f.Cases) != 1 || f.Cases[0].Patient != "ANON-5" || f.Identified() != 0 {
		t.Errorf("a query: %+v, %v", f, err)
	}
	if err := os.Remove(f.Cases[0].Files[0]); err != nil {
		t.Fatal(err)
	}
	f, err = Archive(ctx, dir, []catalog.Match{m}, Options{Alias: alias})
	if err != nil || len(f.Cases) != 0 || len(f.Broken) != 1 {
		t.Errorf("a content that is gone: %+v, %v", f, err)
	}
	if _, err := Archive(ctx, from, nil, Options{Alias: alias}); err == nil {
		t.Error("a folder is opened as an archive")
	}
}
