package sources

import (
	"cmp"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
)

// Each is what a case is made of.
type Each string

// What a case can be.
const (
	Study  Each = "study"
	Series Each = "series"
	Image  Each = "image"
)

// Eaches are all of them.
var Eaches = []Each{Study, Series, Image}

// Options say what is wanted of a source.
type Options struct {
	Each     Each                // default Study
	Captures bool                // secondary captures too: they can be screens on which others measured
	Alias    func(string) string // makes a pseudonym of a patient's id
}

// Case is one that was found.
type Case struct {
	Patient    string   `json:"patient"` // pseudonym
	Files      []string `json:"files"`   // absolute
	Identified bool     `json:"-"`       // a header does not say that the identity was removed
}

// Found is what a source has.
type Found struct {
	Cases     []Case
	NoPicture int            // DICOM objects without one, and files that are no DICOM
	Captures  int            // secondary captures that were passed over
	Broken    map[string]int // reasons why pictures can't be read, and of how many
}

// Identified counts cases whose headers do not say that the patient's identity was removed (PS3.15 E.1, Patient Identity Removed).
func (f Found) Identified() (n int) {
	for _, c := range f.Cases {
		if c.Identified {
			n++
		}
	}
	return n
}

// Folder reads the headers under dir. Codes usage, not-found, interrupted.
func Folder(ctx context.Context, dir string, opts Options) (Found, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Found{}, err
	}
	var files []string
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type().IsRegular() {
			files = append(files, path)
		}
		return ctx.Err()
	})
	if err != nil {
		return Found{}, fault.New(fault.NotFound, "reading the folder: %w", err)
	}
	return gather(ctx, files, opts)
}

// Archive asks the catalogue of the archive in dir for instances. Codes usage, not-found, input, interrupted.
func Archive(ctx context.Context, dir string, query []catalog.Match, opts Options) (Found, error) {
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		return Found{}, err
	}
	defer a.Close()
	records, err := a.Catalog.Find(ctx, catalog.Query{Level: catalog.Image, Match: query})
	if err != nil {
		return Found{}, err
	}
	var files []string
	missing := 0
	for _, r := range records {
		path, sealed, err := a.Objects.Locate(ctx, r.Instance.Digest)
		switch {
		case err == nil && (sealed || path == ""):
			return Found{}, fault.New(fault.Usage, "contents of the archive are sealed or far away, and a case needs its files at hand").
				WithHint("cineloop archive export writes what is needed into a folder, and cineloop annotate cases takes a folder")
		case fault.CodeOf(err) == fault.NotFound:
			missing++
		case err != nil:
			return Found{}, err
		default:
			files = append(files, path)
		}
	}
	out, err := gather(ctx, files, opts)
	if missing > 0 {
		out.Broken["its content is not in the archive"] += missing
	}
	return out, err
}

// IsArchive says whether dir is an archive.
func IsArchive(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, store.ConfigFile))
	return err == nil
}

// head is what of a header is needed here.
type head struct {
	path, study, series, sop, patient string
	seriesNumber, number              int
	identified                        bool
	broken                            string
	picture, capture                  bool
}

// gather reads headers and groups pictures into cases.
func gather(ctx context.Context, files []string, opts Options) (Found, error) {
	each := cmp.Or(opts.Each, Study)
	if !slices.Contains(Eaches, each) {
		return Found{}, fault.New(fault.Usage, "%q is none of study, series, image", string(each))
	}
	heads := make([]head, len(files))
	next, wg := make(chan int), sync.WaitGroup{}
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				heads[i] = readHead(files[i], opts.Alias)
			}
		})
	}
	for i := range files {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return Found{}, fault.New(fault.Interrupted, "the search was given up")
	}
	out := Found{Broken: map[string]int{}}
	heads = slices.DeleteFunc(heads, func(h head) bool {
		switch {
		case h.broken != "":
			out.Broken[h.broken]++
		case !h.picture:
			out.NoPicture++
		case h.capture && !opts.Captures:
			out.Captures++
		default:
			return false
		}
		return true
	})
	slices.SortFunc(heads, func(a, b head) int {
		return cmp.Or(cmp.Compare(a.patient, b.patient), cmp.Compare(a.study, b.study), a.seriesNumber-b.seriesNumber, cmp.Compare(a.series, b.series),
			a.number-b.number, cmp.Compare(a.sop, b.sop), cmp.Compare(a.path, b.path))
	})
	heads = slices.CompactFunc(heads, func(a, b head) bool { return a.sop == b.sop }) // the same instance, stored twice
	last := ""
	for _, h := range heads {
		key := h.study
		switch each {
		case Series:
			key += " " + h.series
		case Image:
			key += " " + h.sop
		}
		if key != last || len(out.Cases) == 0 {
			out.Cases, last = append(out.Cases, Case{Patient: h.patient}), key
		}
		c := &out.Cases[len(out.Cases)-1]
		c.Files, c.Identified = append(c.Files, h.path), c.Identified || h.identified
	}
	return out, nil
}

// readHead reads one header. Reasons hold nothing of it.
func readHead(path string, alias func(string) string) head {
	f, err := dicom.Open(path, dicom.StopBefore(tag.PixelData))
	if err != nil {
		if strings.EqualFold(filepath.Ext(path), ".dcm") {
			return head{path: path, broken: "it is no DICOM file, or damaged"}
		}
		return head{path: path}
	}
	defer f.Close()
	ds := f.DataSet
	h := head{path: path, study: ds.String(tag.StudyInstanceUID), series: ds.String(tag.SeriesInstanceUID), sop: ds.String(tag.SOPInstanceUID)}
	h.seriesNumber, _ = ds.Int(tag.SeriesNumber)
	h.number, _ = ds.Int(tag.InstanceNumber)
	rows, _ := ds.Int(tag.Rows)
	columns, _ := ds.Int(tag.Columns)
	// A segmentation has rows too: what others found is not shown to those who are to read.
	h.picture = rows > 0 && columns > 0 && ds.String(tag.Modality) != "SEG"
	h.capture = strings.HasPrefix(ds.String(tag.SOPClassUID), uid.SecondaryCaptureImageStorage)
	if h.picture && (h.study == "" || h.series == "" || h.sop == "") {
		h.broken = "its header has no UIDs"
	}
	h.identified = ds.String(tag.PatientIdentityRemoved) != "YES"
	id := ds.String(tag.PatientID)
	switch {
	case id == "":
		h.patient = alias(h.study)
	case h.identified:
		h.patient = alias(id + "\\" + ds.String(tag.IssuerOfPatientID))
	default:
		h.patient = id
	}
	return h
}
