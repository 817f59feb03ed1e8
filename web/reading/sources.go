package reading

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/strictyaml"
)

// Source is a folder that whoever holds the project allows cases to be taken from. Browsers know it by its name; where it is, and what its files and
// patients are called, they are not told.
type Source struct {
	Name string `yaml:"name"`
	Path string `yaml:"path"` // relative to the project's folder, or absolute
}

// SourcesFile in a project's folder lists sources, beside those that the command line names.
const SourcesFile = "sources.yaml"

const (
	keyFile    = "pseudonyms.key"
	maxScanned = 50_000           // files of one source
	keepScan   = 10 * time.Minute // how long a scan is good for
)

// ReadSources are the sources that the project's folder names; none where there is no file. Code usage for a file that does not fit.
func ReadSources(dir string) ([]Source, error) {
	var f struct {
		Version int      `yaml:"version"`
		Sources []Source `yaml:"sources"`
	}
	err := strictyaml.ReadFile(filepath.Join(dir, SourcesFile), &f)
	if fault.CodeOf(err) == fault.NotFound && err != nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if f.Version != 1 {
		return nil, fault.New(fault.Usage, "%s has version %d, this program knows 1", SourcesFile, f.Version)
	}
	for i, s := range f.Sources {
		if s.Name == "" || s.Path == "" {
			return nil, fault.New(fault.Usage, "%s: sources[%d] has a name and a path", SourcesFile, i)
		}
		if !filepath.IsAbs(s.Path) {
			f.Sources[i].Path = filepath.Join(dir, filepath.FromSlash(s.Path))
		}
	}
	return f.Sources, nil
}

// sources remembers what was found in them.
type sources struct {
	mu    sync.Mutex // one scan at a time
	key   []byte
	found map[string]*scan // by name
}

type scan struct {
	at      time.Time
	studies []*candidate
	skipped int
	cut     bool
}

// candidate is a study that could become a case.
type candidate struct {
	ID       string   `json:"id"`
	Number   int      `json:"number"`
	Images   int      `json:"images"`
	Frames   int      `json:"frames"` // of all images
	Modality []string `json:"modalities"`
	Patient  int      `json:"patient"` // those of one patient have the same number
	There    bool     `json:"there"`   // it is a case already

	study, patient string
	files          []string
	digests        []string // of SOP instance UIDs
}

// pseudonym is a keyed digest: whoever has a list of patients' numbers but not the project's key can't tell which it is of.
func (s *sources) pseudonym(dir, purpose, text string) (string, error) {
	if s.key == nil {
		path := filepath.Join(dir, keyFile)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_, err = f.WriteString(rand.Text() + rand.Text())
			err = errors.Join(err, f.Sync(), f.Close())
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fault.New(fault.Resource, "the key of the project's pseudonyms: %w", err)
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) < 32 {
			return "", fault.New(fault.Input, "%s is no key", keyFile)
		}
		s.key = b
	}
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(purpose + "\x00" + text))
	return hex.EncodeToString(h.Sum(nil))[:24], nil
}

// look scans a source, or takes what was found a while ago. Callers hold mu.
func (s *Server) look(ctx context.Context, src Source) (*scan, error) {
	x := &s.coordinate.sources
	if old := x.found[src.Name]; old != nil && s.now().Sub(old.at) < keepScan {
		return old, nil
	}
	out := &scan{at: s.now()}
	by := map[string]*candidate{}
	files := 0
	err := filepath.WalkDir(src.Path, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == src.Path {
				return err
			}
			out.skipped++
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !d.Type().IsRegular() { // links lead elsewhere
			return nil
		}
		if files++; files > maxScanned {
			out.cut = true
			return fs.SkipAll
		}
		if !out.take(by, path) {
			out.skipped++
		}
		return nil
	})
	if ctx.Err() != nil {
		return nil, fault.New(fault.Interrupted, "the search was given up")
	}
	if err != nil {
		return nil, fault.New(fault.NotFound, "the folder of this source can't be read")
	}
	patients := map[string]int{}
	slices.SortFunc(out.studies, func(a, b *candidate) int { return cmp.Compare(a.study, b.study) })
	for i, c := range out.studies {
		if c.ID, err = x.pseudonym(s.project.Dir(), "study", c.study); err != nil {
			return nil, err
		}
		slices.Sort(c.files)
		slices.Sort(c.Modality)
		if patients[c.patient] == 0 {
			patients[c.patient] = len(patients) + 1
		}
		c.Number, c.Patient = i+1, patients[c.patient]
	}
	if x.found == nil {
		x.found = map[string]*scan{}
	}
	x.found[src.Name] = out
	return out, nil
}

// take adds a file to its study; false where it is no image with pixels.
func (o *scan) take(by map[string]*candidate, path string) bool {
	f, err := dicom.Open(path, dicom.StopBefore(tag.PixelData))
	if err != nil {
		return false
	}
	defer f.Close()
	ds := f.DataSet
	study, patient := ds.String(tag.StudyInstanceUID), ds.String(tag.PatientID)
	rows, _ := ds.Int(tag.Rows)
	columns, _ := ds.Int(tag.Columns)
	if study == "" || rows <= 0 || columns <= 0 {
		return false
	}
	c := by[study]
	if c == nil {
		c = &candidate{study: study, patient: patient, Modality: []string{}}
		if patient == "" { // whose it is nobody knows: nobody else's
			c.patient = "\x00" + study
		}
		by[study] = c
		o.studies = append(o.studies, c)
	}
	frames, _ := ds.Int(tag.NumberOfFrames)
	c.files = append(c.files, path)
	c.digests = append(c.digests, ds.String(tag.SOPInstanceUID))
	c.Images++
	c.Frames += max(1, frames)
	if m := ds.String(tag.Modality); modalityForm(m) && !slices.Contains(c.Modality, m) {
		c.Modality = append(c.Modality, m)
	}
	return true
}

// modalityForm lets the standard's codes through (CS: capitals, at most 16) and no text that somebody typed.
func modalityForm(m string) bool {
	if m == "" || len(m) > 6 {
		return false
	}
	for _, r := range m {
		if r < 'A' || r > 'Z' {
			return false
		}
	}
	return true
}

func (s *Server) source(name string) (Source, error) {
	for _, src := range s.opts.Sources {
		if src.Name == name {
			return src, nil
		}
	}
	return Source{}, annotate.ErrUnknown
}

func (s *Server) getSources(w http.ResponseWriter, _ *http.Request, v *visitor) error {
	if err := s.project.May(v.who, policy.ManageStudy); err != nil {
		return err
	}
	names := []string{}
	for _, src := range s.opts.Sources {
		names = append(names, src.Name)
	}
	return tell(w, map[string]any{"sources": names}, nil)
}

// found is what a search gives.
type found struct {
	Studies []*candidate `json:"studies"`
	Skipped int          `json:"skipped"` // files that are no images
	Cut     bool         `json:"cut"`     // there are more files than were looked at
}

// postSearch looks for studies in a source: by modality, and by how many frames an image has at least on average.
func (s *Server) postSearch(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var in struct {
		Source    string `json:"source"`
		Modality  string `json:"modality,omitempty"`
		MinFrames int    `json:"min_frames,omitempty"`
		Anew      bool   `json:"anew,omitempty"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	if err := s.project.May(v.who, policy.ManageStudy); err != nil {
		return err
	}
	src, err := s.source(in.Source)
	if err != nil {
		return err
	}
	x := &s.coordinate.sources
	x.mu.Lock()
	defer x.mu.Unlock()
	if in.Anew {
		delete(x.found, src.Name)
	}
	sc, err := s.look(r.Context(), src)
	if err != nil {
		return err
	}
	known := s.project.Known()
	out := found{Studies: []*candidate{}, Skipped: sc.skipped, Cut: sc.cut}
	for _, c := range sc.studies {
		if in.Modality != "" && !slices.Contains(c.Modality, in.Modality) || c.Frames < in.MinFrames*c.Images {
			continue
		}
		shown := *c
		shown.There = slices.ContainsFunc(c.digests, func(sop string) bool { return known[sop] })
		out.Studies = append(out.Studies, &shown)
	}
	return tell(w, out, nil)
}

// postCases makes studies of a source cases. What can't be taken is told by number; the rest is taken.
func (s *Server) postCases(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var in struct {
		Source  string   `json:"source"`
		Studies []string `json:"studies"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	if err := s.project.May(v.who, policy.ManageStudy); err != nil {
		return err
	}
	src, err := s.source(in.Source)
	if err != nil {
		return err
	}
	x := &s.coordinate.sources
	x.mu.Lock()
	sc, err := s.look(r.Context(), src)
	x.mu.Unlock()
	if err != nil {
		return err
	}
	var out struct {
		Added   int      `json:"added"`
		There   int      `json:"there"`
		Refused []string `json:"refused"`
	}
	out.Refused = []string{}
	for _, id := range in.Studies {
		i := slices.IndexFunc(sc.studies, func(c *candidate) bool { return c.ID == id })
		if i < 0 {
			return annotate.ErrUnknown
		}
		c := sc.studies[i]
		x.mu.Lock()
		patient, err := x.pseudonym(s.project.Dir(), "patient", c.patient)
		x.mu.Unlock()
		if err != nil {
			return err
		}
		_, err = s.performOwn(r.Context(), v, annotate.CaseAdded, map[string]any{"patient": patient, "files": c.files}, "")
		switch {
		case err == nil:
			out.Added++
		case fault.CodeOf(err) == fault.Conflict:
			out.There++
		case fault.CodeOf(err) == fault.Input:
			out.Refused = append(out.Refused, "study "+strconv.Itoa(c.Number)+": "+err.Error())
		default:
			return err
		}
	}
	return tell(w, out, nil)
}
