package export

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// Options of an export.
type Options struct {
	Match    []catalog.Match // which instances; none: all
	DICOMDIR bool
	DryRun   bool // only count
	Progress func(done, of int)
}

// Summary is what an export did. Instances = Written + Kept + len(Failed).
type Summary struct {
	Studies   int       `json:"studies"`
	Series    int       `json:"series"`
	Instances int       `json:"instances"`
	Written   int       `json:"written"`
	Kept      int       `json:"kept"` // were there from an earlier export
	Bytes     int64     `json:"bytes"`
	Failed    []Failure `json:"failed"`
}

// Failure is an instance that could not be exported: its content is damaged or missing.
type Failure struct {
	SOPInstanceUID string `json:"sopInstanceUID"`
	Reason         string `json:"reason"`
}

// indexFile tells which instance each file is.
const indexFile = "index.json"

// File is one line of index.json.
type File struct {
	File           string        `json:"file"` // with slashes, from the export's folder
	StudyUID       string        `json:"studyInstanceUID"`
	SeriesUID      string        `json:"seriesInstanceUID"`
	SOPInstanceUID string        `json:"sopInstanceUID"`
	Digest         object.Digest `json:"sha256"`
}

type index struct {
	Files []File `json:"files"`
}

// Run exports into dir, which is made if it is not there.
func Run(ctx context.Context, a *store.Archive, dir string, opts Options) (Summary, error) {
	sum := Summary{Failed: []Failure{}}
	records, err := a.Catalog.Find(ctx, catalog.Query{Level: catalog.Image, Match: opts.Match})
	if err != nil {
		return sum, err
	}
	known, err := readIndex(dir)
	if err != nil {
		return sum, err
	}
	files := newNames(known).assign(records)
	sum.Instances = len(files)
	studies, series := map[string]bool{}, map[string]bool{}
	for _, r := range records {
		studies[r.StudyUID], series[r.StudyUID+" "+r.SeriesUID] = true, true
		sum.Bytes += r.Instance.Size
	}
	sum.Studies, sum.Series = len(studies), len(series)
	if opts.DryRun {
		return sum, nil
	}
	failed := map[string]bool{}
	for i, f := range files {
		wrote, err := one(ctx, a, dir, f)
		switch code := fault.CodeOf(err); {
		case err == nil && wrote:
			sum.Written++
		case err == nil:
			sum.Kept++
		case ctx.Err() == nil && (code == fault.Input || code == fault.NotFound):
			sum.Failed = append(sum.Failed, Failure{f.SOPInstanceUID, err.Error()})
			failed[f.SOPInstanceUID] = true
		default:
			return sum, err
		}
		if opts.Progress != nil {
			opts.Progress(i+1, len(files))
		}
	}
	files = slices.DeleteFunc(files, func(f File) bool { return failed[f.SOPInstanceUID] })
	all := merge(known, files)
	if opts.DICOMDIR {
		if err := writeDirectory(ctx, a, dir, all); err != nil {
			return sum, err
		}
	}
	text, err := json.MarshalIndent(index{all}, "", " ")
	if err != nil {
		return sum, err
	}
	return sum, atomicfile.WriteBytes(filepath.Join(dir, indexFile), append(text, '\n'))
}

func readIndex(dir string) ([]File, error) {
	text, err := os.ReadFile(filepath.Join(dir, indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var x index
	if err == nil {
		err = json.Unmarshal(text, &x)
	}
	for _, f := range x.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.File)) {
			err = errors.New("a file outside the folder")
		}
	}
	if err != nil {
		return nil, fault.New(fault.Input, "the folder's %s cannot be read: %w", indexFile, err).WithHint("export into a new folder")
	}
	return x.Files, nil
}

// merge is the earlier files with the new ones, in order.
func merge(known, files []File) []File {
	at := map[string]File{}
	for _, f := range append(slices.Clone(known), files...) {
		at[f.SOPInstanceUID] = f
	}
	out := make([]File, 0, len(at))
	for _, f := range at {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b File) int { return cmp.Compare(a.File, b.File) })
	return out
}

// one writes an instance's file, unless it is there.
func one(ctx context.Context, a *store.Archive, dir string, f File) (wrote bool, err error) {
	path := filepath.Join(dir, filepath.FromSlash(f.File))
	same, err := holds(path, f.Digest)
	if err != nil || same {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	return true, object.Explain(atomicfile.Write(path, func(w io.Writer) error {
		_, err := a.Objects.Copy(ctx, f.Digest, w)
		return err
	}))
}

// holds says whether a file is there with the content; another content is an error.
func holds(path string, d object.Digest) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return false, err
	}
	if object.Digest(h.Sum(nil)) != d {
		return false, fault.New(fault.Conflict, "the folder has other files under the names that the export would use").WithHint("export into a new folder")
	}
	return true, nil
}

// names gives instances their files.
type names struct {
	files         map[string]File           // by SOPInstanceUID
	study, series map[string]string         // folders by UID
	studies       int                       // the highest numbers so far
	last          map[string]map[string]int // by folder: kind → highest number
}

func newNames(known []File) *names {
	n := &names{files: map[string]File{}, study: map[string]string{}, series: map[string]string{}, last: map[string]map[string]int{}}
	for _, f := range known {
		n.files[f.SOPInstanceUID] = f
		var st, se, im int
		if _, err := fmt.Sscanf(f.File, "DICOM/ST%06d/SE%06d/IM%06d", &st, &se, &im); err != nil {
			continue
		}
		series := path.Dir(f.File)
		n.series[f.StudyUID+" "+f.SeriesUID], n.study[f.StudyUID] = series, path.Dir(series)
		n.studies = max(n.studies, st)
		n.least(path.Dir(series), "SE", se)
		n.least(series, "IM", im)
	}
	return n
}

func (n *names) least(folder, kind string, number int) {
	m := n.last[folder]
	if m == nil {
		m = map[string]int{}
		n.last[folder] = m
	}
	m[kind] = max(m[kind], number)
}

func (n *names) next(folder, kind string) string {
	n.least(folder, kind, 0)
	n.last[folder][kind]++
	return fmt.Sprintf("%s/%s%06d", folder, kind, n.last[folder][kind])
}

func (n *names) assign(records []catalog.Record) []File {
	var out []File
	for _, r := range records {
		f, ok := n.files[r.SOPInstanceUID]
		if !ok {
			study, ok := n.study[r.StudyUID]
			if !ok {
				n.studies++
				study = fmt.Sprintf("DICOM/ST%06d", n.studies)
				n.study[r.StudyUID] = study
			}
			key := r.StudyUID + " " + r.SeriesUID
			series, ok := n.series[key]
			if !ok {
				series = n.next(study, "SE")
				n.series[key] = series
			}
			f.File = n.next(series, "IM")
		}
		f.StudyUID, f.SeriesUID, f.SOPInstanceUID, f.Digest = r.StudyUID, r.SeriesUID, r.SOPInstanceUID, r.Instance.Digest
		out = append(out, f)
	}
	return out
}
