package annotate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// headers reads calibrations of the pictures under a folder and remembers them, for each assignment by itself: where they were remembered for all,
// how long an answer takes would tell a reader that somebody has measured in the picture before, or that they had it before under another assignment.
type headers struct {
	root  string
	reads atomic.Int64 // headers read from files
	mu    sync.Mutex
	seen  map[headerKey]measure.Calibration
}

type headerKey struct {
	assignment string
	file       string
	frame      int
}

// of gives the calibrations of the pictures of an assignment.
func (h *headers) of(assignment string) calibrate {
	return func(p Picture, frame int) (measure.Calibration, error) { return h.calibration(assignment, p, frame) }
}

func (h *headers) path(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(h.root, filepath.FromSlash(file))
}

// describe reads what a picture is, and its digest. Errors name no file: names may be patients'.
func (h *headers) describe(ctx context.Context, file string) (Picture, error) {
	p := Picture{File: file}
	f, err := os.Open(h.path(file))
	if err != nil {
		return p, fault.New(fault.NotFound, "a picture of the case is not there")
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return p, fault.New(fault.Input, "a picture of the case can't be read to its end")
	}
	p.Digest = hex.EncodeToString(sum.Sum(nil))
	d, err := dicom.Open(h.path(file), dicom.StopBefore(tag.PixelData))
	if err != nil {
		return p, fault.New(fault.Input, "a picture of the case is no DICOM image: %w", err)
	}
	defer d.Close()
	ds := d.DataSet
	p.SOP, p.Class = ds.String(tag.SOPInstanceUID), ds.String(tag.SOPClassUID)
	p.Series, p.Study = ds.String(tag.SeriesInstanceUID), ds.String(tag.StudyInstanceUID)
	p.Rows, _ = ds.Int(tag.Rows)
	p.Columns, _ = ds.Int(tag.Columns)
	p.Frames, _ = ds.Int(tag.NumberOfFrames)
	p.Frames = max(1, p.Frames)
	if p.Rows <= 0 || p.Columns <= 0 {
		return p, fault.New(fault.Input, "a picture of the case has no pixels")
	}
	return p, ctx.Err()
}

// calibration is that of a frame of a picture. Files are read without the lock, so that nobody waits for another's.
func (h *headers) calibration(assignment string, p Picture, frame int) (measure.Calibration, error) {
	key := headerKey{assignment, p.File, frame}
	h.mu.Lock()
	c, ok := h.seen[key]
	h.mu.Unlock()
	if ok {
		return c, nil
	}
	h.reads.Add(1)
	d, err := dicom.Open(h.path(p.File), dicom.StopBefore(tag.PixelData))
	if err != nil {
		return measure.Calibration{}, fault.New(fault.NotFound, "the picture can't be read any more")
	}
	defer d.Close()
	c = measure.Of(d.DataSet, frame)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil || len(h.seen) > 10_000 {
		h.seen = map[headerKey]measure.Calibration{}
	}
	h.seen[key] = c
	return c, nil
}
