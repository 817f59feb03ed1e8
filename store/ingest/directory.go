package ingest

import (
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// directories collects what DICOMDIRs refer to (PS3.3 F.3) and what was found, to say in the end which files a medium should have
// and has not.
type directories struct {
	mu      sync.Mutex
	found   map[string]bool // origins, in capitals: ISO 9660 and those who copy from it differ in case
	refer   map[string]bool
	records int
}

func newDirectories() *directories {
	return &directories{found: map[string]bool{}, refer: map[string]bool{}}
}

func (d *directories) see(origin string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found[strings.ToUpper(origin)] = true
}

// read takes in the DICOMDIR at origin.
func (d *directories) read(origin string, content io.ReaderAt, size int64) error {
	f, err := dicom.Read(content, size)
	if err != nil {
		return err
	}
	defer f.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, rec := range f.DataSet.Sequence(tag.DirectoryRecordSequence) {
		parts := rec.Strings(tag.ReferencedFileID)
		if len(parts) == 0 || slices.Contains(parts, "..") {
			continue
		}
		d.records++
		d.refer[strings.ToUpper(path.Join(path.Dir(filepathToSlash(origin)), path.Join(parts...)))] = true
	}
	return nil
}

// missing are the files that are referred to and were not found. A found name may carry a suffix (.dcm) or a version (;1).
func (d *directories) missing() (out []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	bare := map[string]bool{}
	for name := range d.found {
		name = filepathToSlash(name)
		bare[name] = true
		name, _, _ = strings.Cut(name, ";")
		bare[strings.TrimSuffix(name, path.Ext(name))] = true
	}
	for name := range d.refer {
		if !bare[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func filepathToSlash(s string) string { return strings.ReplaceAll(s, `\`, "/") }
