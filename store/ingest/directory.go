package ingest

import (
	"hash/maphash"
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
	mu    sync.Mutex
	seed  maphash.Seed
	found map[uint64]struct{} // hashes of origins: there may be a hundred million
	refer map[string]bool
}

func newDirectories() *directories {
	return &directories{seed: maphash.MakeSeed(), found: map[uint64]struct{}{}, refer: map[string]bool{}}
}

// see notes a file. Its name may carry a version (;1) or a suffix (.dcm) that a DICOMDIR does not know; and it is compared in capitals,
// since ISO 9660 and those who copy from it differ in case.
func (d *directories) see(origin string) {
	name := strings.ToUpper(filepathToSlash(origin))
	bare, _, _ := strings.Cut(name, ";")
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range []string{name, strings.TrimSuffix(bare, path.Ext(bare))} {
		d.found[maphash.String(d.seed, n)] = struct{}{}
	}
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
		d.refer[strings.ToUpper(path.Join(path.Dir(filepathToSlash(origin)), path.Join(parts...)))] = true
	}
	return nil
}

// missing are the files that are referred to and were not found.
func (d *directories) missing() (out []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.refer {
		if _, found := d.found[maphash.String(d.seed, name)]; !found {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func filepathToSlash(s string) string { return strings.ReplaceAll(s, `\`, "/") }
