// Package fileset makes and reads DICOM media: folders of instances with a DICOMDIR that lists them (PS3.10 section 8, PS3.3 annex F).
//
// A [Set] is a file set on disk: its tree of patients, studies, series and instances and where each instance's file is. [Create] copies files byte for byte
// under names that the standard allows on media, which never come from what is in them, and writes the DICOMDIR last: a file set is there whole or
// has no DICOMDIR. [Open] reads one as people find them: file names in the wrong case, links that lead nowhere, files that are missing.
package fileset

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Set is a file set.
type Set struct {
	Dir       string
	ID        string // File-set ID
	Patients  []*dicom.DirectoryRecord
	Instances []Instance
	Warnings  []string
	file      *dicom.File
}

// Instance is a record that refers to a file.
type Instance struct {
	Record      *dicom.DirectoryRecord
	Above       []*dicom.DirectoryRecord // patient, study, series: the records that it is below
	SOPClassUID string
	UID         string // SOP Instance UID
	Path        string // below Dir, "" if the file is not there or its name leads outside
}

// Open reads the DICOMDIR in dir. Close releases it.
func Open(dir string) (*Set, error) {
	name, ok := entry(dir, "DICOMDIR")
	if !ok {
		return nil, fault.New(fault.NotFound, "no DICOMDIR in %s", dir)
	}
	f, err := dicom.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	s := &Set{Dir: dir, ID: f.DataSet.String(tag.FileSetID), file: f}
	if s.Patients, err = f.Directory(); err != nil {
		f.Close()
		return nil, err
	}
	for _, w := range f.Warnings {
		s.Warnings = append(s.Warnings, w.String())
	}
	s.collect(s.Patients, nil)
	return s, nil
}

// Close closes the DICOMDIR.
func (s *Set) Close() error { return s.file.Close() }

func (s *Set) collect(level, above []*dicom.DirectoryRecord) {
	for _, r := range level {
		if id := r.Strings(tag.ReferencedFileID); len(id) > 0 {
			in := Instance{Record: r, Above: above, SOPClassUID: r.String(tag.ReferencedSOPClassUIDInFile), UID: r.String(tag.ReferencedSOPInstanceUIDInFile)}
			path, err := s.find(id)
			if err != nil {
				s.Warnings = append(s.Warnings, fmt.Sprintf("instance %d: %v", len(s.Instances)+1, err))
			}
			in.Path = path
			s.Instances = append(s.Instances, in)
		}
		s.collect(r.Lower, append(above[:len(above):len(above)], r))
	}
}

// find is the path of a Referenced File ID below the set's folder. Names differ in case on media from other systems.
func (s *Set) find(id []string) (string, error) {
	path := ""
	for _, part := range id {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, `/\:`) {
			return "", fmt.Errorf("its file ID leads outside of the file set")
		}
		name, ok := entry(filepath.Join(s.Dir, path), part)
		if !ok {
			return "", fmt.Errorf("its file is not there")
		}
		path = filepath.Join(path, name)
	}
	return path, nil
}

// entry is the name in a folder that is want, or else is want in other case or with the version that some systems add.
func entry(dir, want string) (string, bool) {
	if _, err := os.Lstat(filepath.Join(dir, want)); err == nil {
		return want, true
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return "", false
	}
	for _, e := range list {
		name := e.Name()
		if base, _, _ := strings.Cut(name, ";"); strings.EqualFold(strings.TrimSuffix(base, "."), want) {
			return name, true
		}
	}
	return "", false
}
