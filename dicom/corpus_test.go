package dicom

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/testdata"
)

// expected is what independent readers found in a file of the corpus.
type expected struct {
	Elements *int    `json:"elements_recursive"`
	Name     *string `json:"patient_name"`
	Pydicom  string  `json:"pydicom231"`
	TS       string  `json:"ts"`
	SHA256   string  `json:"sha256"`
}

func corpus(t testing.TB) (dir string, names []string, want map[string]expected) {
	t.Helper()
	dir = testdata.Shared(t, "data", "dicom")
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for name := range want {
		names = append(names, name)
	}
	sort.Strings(names)
	return dir, names, want
}

// TestCorpusAgreesWithPydicom holds element counts and names against pydicom's, for every file that it reads without force.
func TestCorpusAgreesWithPydicom(t *testing.T) {
	dir, names, want := corpus(t)
	read, counts, patients := 0, 0, 0
	for _, name := range names {
		w := want[name]
		if w.Pydicom != "ok" {
			continue
		}
		read++
		f, err := Open(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if name == "real/fo-dicom/GH179A.dcm" {
			// An element without VR: pydicom takes the rest of the file for its value. dcmtk goes on, and has 118 elements.
			*w.Elements = 118
		}
		if n := f.DataSet.Count(); n != *w.Elements {
			t.Errorf("%s: %d elements, pydicom has %d; %v %v", name, n, *w.Elements, f.Incomplete, f.Warnings)
		} else {
			counts++
		}
		if got := strings.Join(f.DataSet.Strings(tag.PatientName), `\`); got != *w.Name {
			t.Errorf("%s: name %q, pydicom has %q", name, got, *w.Name)
		} else {
			patients++
		}
		f.Close()
	}
	t.Logf("%d files: %d element counts and %d names agree", read, counts, patients)
	if read < 300 {
		t.Errorf("only %d files were judged", read)
	}
}

// TestCorpusEveryByteIsIndexed writes each data set element by element, not as a copy of the file, and wants the file's bytes.
func TestCorpusEveryByteIsIndexed(t *testing.T) {
	dir, names, want := corpus(t)
	same, all := 0, 0
	for _, name := range names {
		if want[name].Pydicom != "ok" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		f, err := ReadBytes(raw)
		if err != nil {
			continue
		}
		all++
		var b bytes.Buffer
		enc := &encoder{w: &b, implicit: f.DataSet.implicit, big: f.DataSet.big}
		enc.set(f.DataSet)
		rest := raw[f.dataAt:]
		if f.TransferSyntax.IsDeflated() {
			rest, _ = io.ReadAll(io.NewSectionReader(f.DataSet.src.r, 0, f.DataSet.src.size))
		}
		if enc.err != nil || !bytes.Equal(b.Bytes(), rest) {
			t.Logf("%s: %d bytes of %d; %v %v %v", name, b.Len(), len(rest), enc.err, f.Incomplete, f.Warnings)
		} else {
			same++
		}
	}
	t.Logf("%d of %d data sets are covered byte for byte by their elements", same, all)
	if float64(same) < 0.97*float64(all) {
		t.Errorf("%d of %d", same, all)
	}
}
