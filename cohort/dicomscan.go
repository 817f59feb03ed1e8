package cohort

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/scan"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// dicomColumns are the columns of a scanned folder, free of names. Empty means that the header does not say.
//
//	view           ViewPosition, else ViewName; else the meaning of the view's code; else "view N" by ViewNumber
//	frame_time_ms  FrameTime; else the mean of FrameTimeVector without its first entry, which is before the first frame; else 1000/CineRate; to 4 decimals
//	frame_rate_hz, frame_rate_from                   by the chain of scan.FrameRate, and the attribute that gave it
//	frames         NumberOfFrames; for a series, its number of files
//	age            PatientAge as it stands, such as 052Y
//	patient        PatientID; else the study's UID
//	acquired       AcquisitionDate, else ContentDate, else StudyDate, as it stands
//	row_mm, column_mm, spacing_from                  scan.Spacing; slice_mm is SpacingBetweenSlices, else SliceThickness
//	mr_contrast, ct_phase, with _rule and _confidence  scan.MRContrast, scan.CTPhase: T1, T2, FLAIR, …; arterial, …
//	us_modes       2D, colour, M, PW, CW, by the regions
//	lossy          no; yes with methods and ratios
//
// The others are the attributes of those names.
var dicomColumns = []string{"file", "patient", "study", "series", "modality", "sop_class", "body_part", "laterality", "view", "view_no", "stage", "stage_no", "heart_rate",
	"frame_time_ms", "frame_rate_hz", "frame_rate_from", "frames", "rows", "columns", "row_mm", "column_mm", "spacing_from", "slice_mm", "photometric", "manufacturer",
	"model", "mr_contrast", "mr_contrast_rule", "mr_contrast_confidence", "ct_kernel", "ct_phase", "ct_phase_rule", "ct_phase_confidence", "us_modes", "lossy", "acquired",
	"age", "sex"}

// scanned is what one file's header says.
type scanned struct {
	path   string // absolute
	cells  map[string]string
	place  bool // has a position in space: a slice
	broken string
	skip   bool
}

// scanDICOM lists the images of a folder and the folders in it, one a row: each multi-frame file, and each series of single frames that
// have positions in space, by folder. Other files are passed over; files that are called .dcm and cannot be read are quarantined.
// Hidden files and links are not followed. digest is over the names and sizes of all files that were looked at.
func scanDICOM(ctx context.Context, root string) (t *table, digest string, err error) {
	var files []string
	h := sha256.New()
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case path != root && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %d\n", filepath.ToSlash(rel), info.Size())
		files = append(files, path)
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, "", fmt.Errorf("scanning for DICOM files: %w", ctx.Err())
		}
		return nil, "", fault.New(fault.Input, "scanning for DICOM files: %w", err)
	}
	heads := make([]scanned, len(files))
	parallel(runtime.GOMAXPROCS(0), len(files), func(i int) {
		if ctx.Err() == nil {
			heads[i] = scanHeader(files[i])
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, "", fmt.Errorf("scanning for DICOM files: %w", err)
	}
	t = scanTable(root, heads)
	if len(t.records) == 0 {
		return nil, "", fault.New(fault.Input, "none of the %d files under data.root is a DICOM image", len(files))
	}
	return t, hex.EncodeToString(h.Sum(nil)), nil
}

// scanHeader reads the attributes of one file.
func scanHeader(path string) scanned {
	s := scanned{path: path}
	f, err := dicom.Open(path, dicom.StopBefore(tag.PixelData))
	if err != nil {
		s.skip = !strings.EqualFold(filepath.Ext(path), ".dcm")
		s.broken = WithoutPath(err, path)
		return s
	}
	defer f.Close()
	ds := f.DataSet
	sop := ds.String(tag.SOPClassUID)
	rows, _ := ds.Int(tag.Rows)
	columns, _ := ds.Int(tag.Columns)
	if rows <= 0 || columns <= 0 {
		s.skip = f.Incomplete == nil // a report, a directory, a presentation state
		s.broken = "the header is cut short"
		return s
	}
	if sop == uid.MediaStorageDirectoryStorage {
		s.skip = true
		return s
	}
	s.place = len(ds.Floats(tag.ImagePositionPatient)) == 3
	frames, ok := ds.Int(tag.NumberOfFrames)
	if !ok || frames < 1 {
		frames = 1
	}
	s.cells = map[string]string{
		"patient": firstOf(ds.String(tag.PatientID), ds.String(tag.StudyInstanceUID)), "study": ds.String(tag.StudyInstanceUID),
		"series": ds.String(tag.SeriesInstanceUID), "modality": ds.String(tag.Modality), "sop_class": sop,
		"view": viewName(ds), "view_no": ds.String(tag.ViewNumber), "stage": ds.String(tag.StageName), "stage_no": ds.String(tag.StageNumber),
		"heart_rate": ds.String(tag.HeartRate), "frame_time_ms": frameTime(ds), "frames": strconv.Itoa(frames), "rows": strconv.Itoa(rows),
		"columns": strconv.Itoa(columns), "photometric": ds.String(tag.PhotometricInterpretation), "manufacturer": ds.String(tag.Manufacturer),
		"model": ds.String(tag.ManufacturerModelName), "age": ds.String(tag.PatientAge), "sex": ds.String(tag.PatientSex),
		"body_part": ds.String(tag.BodyPartExamined), "laterality": scan.Laterality(ds), "us_modes": scan.USModes(ds), "lossy": scan.Lossy(ds),
		"acquired":  firstOf(ds.String(tag.AcquisitionDate), ds.String(tag.ContentDate), ds.String(tag.StudyDate)),
		"ct_kernel": strings.Join(ds.Strings(tag.ConvolutionKernel), `\`),
	}
	s.derive(ds)
	return s
}

// derive fills the columns that a rule gives.
func (s *scanned) derive(ds *dicom.DataSet) {
	put := func(name string, v float64) {
		if v > 0 {
			s.cells[name] = strconv.FormatFloat(math.Round(v*1e4)/1e4, 'f', -1, 64)
		}
	}
	rate, from := scan.FrameRate(ds)
	put("frame_rate_hz", rate)
	s.cells["frame_rate_from"] = from
	row, column, from := scan.Spacing(ds)
	put("row_mm", row)
	put("column_mm", column)
	s.cells["spacing_from"] = from
	for _, t := range []tag.Tag{tag.SliceThickness, tag.SpacingBetweenSlices} { // the latter decides where it is there
		if v := scan.Floats(ds, t); len(v) == 1 {
			put("slice_mm", v[0])
		}
	}
	ruled := func(name, value, rule string, confidence float64) {
		s.cells[name], s.cells[name+"_rule"] = value, rule
		put(name+"_confidence", confidence)
	}
	switch s.cells["modality"] {
	case "MR":
		value, rule, confidence := scan.MRContrast(ds)
		ruled("mr_contrast", value, rule, confidence)
	case "CT":
		value, rule, confidence := scan.CTPhase(ds)
		ruled("ct_phase", value, rule, confidence)
	}
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			return t
		}
	}
	return ""
}

func viewName(ds *dicom.DataSet) string {
	name := firstOf(scan.View(ds))
	if n := strings.TrimSpace(ds.String(tag.ViewNumber)); n != "" {
		name = firstOf(name, "view "+n)
	}
	return name
}

// frameTime is the time between frames in ms, as text; see dicomColumns.
func frameTime(ds *dicom.DataSet) string {
	ms := 0.0
	if v := ds.Floats(tag.FrameTime); len(v) == 1 {
		ms = v[0]
	} else if v := ds.Floats(tag.FrameTimeVector); len(v) > 1 {
		for _, x := range v[1:] {
			ms += x
		}
		ms /= float64(len(v) - 1)
	} else if v := ds.Floats(tag.CineRate); len(v) == 1 && v[0] > 0 {
		ms = 1000 / v[0]
	}
	if ms <= 0 {
		return ""
	}
	return strconv.FormatFloat(math.Round(ms*1e4)/1e4, 'f', -1, 64)
}

// scanTable makes rows of headers: slices of one series in one folder become one.
func scanTable(root string, heads []scanned) *table {
	t := &table{name: "the folder", columns: dicomColumns}
	type place struct{ folder, series string }
	slicesOf := map[place][]scanned{}
	var rows []scanned
	for _, s := range heads {
		switch p := (place{filepath.Dir(s.path), s.cells["series"]}); {
		case s.skip:
		case s.place && p.series != "" && s.cells["frames"] == "1":
			slicesOf[p] = append(slicesOf[p], s)
		default:
			rows = append(rows, s)
		}
	}
	for p, files := range slicesOf {
		one := files[0] // the first by name
		if len(files) > 1 {
			one.path = p.folder + "#" + p.series
			one.cells["frames"] = strconv.Itoa(len(files))
		}
		rows = append(rows, one)
	}
	slices.SortFunc(rows, func(a, b scanned) int { return cmp.Compare(a.path, b.path) })
	for i, s := range rows {
		rec := record{line: i + 1, path: s.path, broken: s.broken, cells: make([]string, len(dicomColumns))}
		for k, name := range dicomColumns {
			rec.cells[k] = strings.TrimSpace(s.cells[name])
		}
		if rel, err := filepath.Rel(root, s.path); err == nil {
			rec.cells[0] = filepath.ToSlash(rel)
		}
		t.records = append(t.records, rec)
	}
	return t
}
