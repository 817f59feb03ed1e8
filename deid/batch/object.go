package batch

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/escrow"
	"github.com/cineloop/cineloop/deid/internal/twin"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Status is what became of a file.
type Status string

// The statuses.
const (
	Written     Status = "written"
	Quarantined Status = "quarantined"
	Skipped     Status = "skipped" // no DICOM, or a directory of other files
	Dropped     Status = "dropped" // withheld by the policy's own choice
)

// Record is what became of one file. Nothing in it is the patient's.
type Record struct {
	Input      string         `json:"input"` // SHA-256 of the file
	Bytes      int64          `json:"bytes"`
	Status     Status         `json:"status"`
	Output     string         `json:"output,omitempty"`        // path under the output folder, with slashes
	Digest     string         `json:"output_digest,omitempty"` // SHA-256 of the output
	SOPClass   string         `json:"sop_class,omitempty"`
	Actions    map[string]int `json:"actions,omitempty"`
	Notes      map[string]int `json:"notes,omitempty"`
	Regions    []Region       `json:"regions"`                  // what was blanked in the pixels
	Quarantine string         `json:"quarantine_why,omitempty"` // why in quarantine, skipped or dropped
	Examined   int            `json:"frames_examined,omitempty"`
	PixelRule  string         `json:"pixel_rule,omitempty"`
}

// Region is a blanked rectangle, and by which rule.
type Region struct {
	X0    int    `json:"x0"`
	Y0    int    `json:"y0"`
	X1    int    `json:"x1"`
	Y1    int    `json:"y1"`
	First int    `json:"first_frame"`
	Last  int    `json:"last_frame"`
	Why   string `json:"why"`
}

// Worker de-identifies objects into a folder. It is used by one goroutine at a time; workers of one folder share nothing but the folder.
type Worker struct {
	Profile *deid.Profile
	Key     *deid.Key
	Masker  deid.Masker
	Out     string       // the output folder
	Escrow  *escrow.Book // nil: nothing is kept of what pseudonyms stand for

	front []byte          // the beginning of the input
	chunk []byte          // a part of the pixel data on its way
	head  bytes.Buffer    // what comes before the pixel data
	tail  bytes.Buffer    // what comes after
	pair  twin.Pair       // digests: of the input and of the output
	made  map[string]bool // folders that are there
}

// chunkSize is how much of long pixel data is read, hashed and written at a time: it stays in the processor's cache between the three, and is enough for the file
// system to take it in large pages.
const chunkSize = 512 << 10

var tempNumber atomic.Int64

// StateDir is the folder in the output that holds what a run needs to go on; it is gone when the run is finished.
const StateDir = ".deid"

// Object de-identifies the file at path. The error is for what ends a run: a full disk, a cancelled context, a missing tool.
func (w *Worker) Object(ctx context.Context, path string) (rec Record, row *Row, err error) {
	if w.front == nil {
		w.front, w.chunk, w.made = make([]byte, frontSize), make([]byte, chunkSize), map[string]bool{}
	}
	rec = Record{Regions: []Region{}}
	in, err := openInput(path, w.front)
	if err != nil {
		rec.Status, rec.Quarantine = Quarantined, unreadable
		return rec, nil, nil
	}
	defer in.close()
	rec.Bytes = in.size
	w.pair.Reset()
	o := &object{Worker: w, in: in, rec: &rec}
	row, err = o.guarded(ctx)
	if err != nil {
		return rec, nil, err
	}
	if err := o.hashTo(in.size); err != nil {
		_, _ = o.stop(Quarantined, unreadable)
		rec.Output, rec.Digest = "", ""
		return rec, nil, nil
	}
	sum := w.pair.SumOne()
	rec.Input = hex.EncodeToString(sum[:])
	if o.temp != nil {
		sum = w.pair.SumTwo()
		rec.Digest = hex.EncodeToString(sum[:])
		err = o.publish()
	}
	return rec, row, err
}

// pathless takes the path out of an error: names of files may be names of patients.
func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", p.Op, p.Err)
	}
	return err
}

// object is one file on its way.
type object struct {
	*Worker
	in     *input
	hashed int64 // bytes of the input that were hashed
	rec    *Record
	temp   *output
	folder string // of the output
	sop    string
}

// hashTo hashes the input up to offset end.
func (o *object) hashTo(end int64) error {
	for o.hashed < end {
		part, err := o.part(o.hashed, end-o.hashed, o.chunk)
		if err != nil {
			return err
		}
		o.pair.One(part)
		o.hashed += int64(len(part))
	}
	return nil
}

// part is the next bytes of the input at off, at most n and as many as are at hand: from the front, or read into buf.
func (o *object) part(off, n int64, buf []byte) ([]byte, error) {
	if b := o.in.Lend(off, n); len(b) > 0 {
		return b, nil
	}
	buf = buf[:min(n, int64(len(buf)))]
	_, err := o.in.read(buf, off)
	return buf, err
}

func (o *object) stop(s Status, why string) (*Row, error) {
	o.rec.Status, o.rec.Quarantine = s, why
	if o.temp != nil {
		o.temp.drop()
		o.temp = nil
	}
	return nil, nil
}

const unreadable = "the file can't be read from its disk"

// guarded is run; an object that makes the program fail is held back, and the others go on.
func (o *object) guarded(ctx context.Context) (row *Row, err error) {
	defer func() {
		if recover() != nil {
			row, err = o.stop(Quarantined, "a defect of the program: please report how the file was made")
		}
	}()
	return o.run(ctx)
}

func (o *object) run(ctx context.Context) (*Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := dicom.Read(o.in, o.in.size)
	if err != nil {
		if claimsDICOM(o.in) {
			return o.stop(Quarantined, "says that it is DICOM and can't be read")
		}
		return o.stop(Skipped, "not DICOM")
	}
	ds := f.DataSet
	if f.Meta.Len() == 0 && ds.String(tag.SOPClassUID) == "" && !ds.Has(tag.PixelData) && !ds.Has(tag.PatientID) {
		return o.stop(Skipped, "not DICOM")
	}
	if ds.Has(tag.DirectoryRecordSequence) || f.Meta.String(tag.MediaStorageSOPClassUID) == uid.MediaStorageDirectoryStorage {
		return o.stop(Skipped, skippedDirectory)
	}
	if class := ds.String(tag.SOPClassUID); uidPrefix(class) {
		o.rec.SOPClass = class
	}
	if f.Incomplete != nil {
		return o.stop(Quarantined, "the file can't be read to its end")
	}
	if !f.TransferSyntax.Known() {
		return o.stop(Quarantined, "the transfer syntax is not known")
	}
	if f.Meta.Len() == 0 && !ds.Has(tag.SOPClassUID) {
		return o.stop(Quarantined, "a data set without its class")
	}
	res, err := o.Profile.Deidentify(o.Key, ds)
	if err != nil {
		return o.stop(Quarantined, "the header can't be written")
	}
	o.rec.Actions, o.rec.Notes = res.Report.Actions, res.Report.Notes
	if why := res.Report.Withheld; why != "" {
		if o.Profile.Policy.Documents == "drop" && (why == "encapsulated document" || strings.HasPrefix(why, "raw data")) {
			return o.stop(Dropped, why)
		}
		return o.stop(Quarantined, why)
	}
	masked, err := o.Masker.Mask(ctx, deid.MaskInput{File: f, Pixels: o.Profile.Policy.Pixels, Tokens: res.Words()})
	if err != nil {
		return nil, err
	}
	for _, r := range masked.Regions {
		o.rec.Regions = append(o.rec.Regions, Region(r))
	}
	o.rec.Examined, o.rec.PixelRule = masked.Examined, masked.Rule
	if masked.Verdict == deid.Quarantine {
		if masked.Reason == "" {
			masked.Reason = "pixels that may show who the patient is"
		}
		return o.stop(Quarantined, masked.Reason)
	}
	o.Profile.MarkPixels(res.DataSet, masked)
	var b *bulk
	if res.Bulk != nil {
		var why string
		if b, why = planBulk(f, res.Bulk, masked, o.Profile.Policy.Video); why != "" {
			return o.stop(Quarantined, why)
		}
	}
	if why, err := o.write(ctx, f, res, b); err != nil || why != "" {
		if err != nil {
			o.stop(Quarantined, "")
			return nil, err
		}
		return o.stop(Quarantined, why)
	}
	o.rec.Status = Written
	if o.Escrow != nil {
		depositResult(o.Escrow, o.Key, ds, res)
	}
	return newRow(f, res, o.Profile), nil
}

func uidPrefix(s string) bool { return strings.HasPrefix(s, "1.2.840.10008.") && uid.Valid(s) }

func claimsDICOM(r io.ReaderAt) bool {
	var h [132]byte
	n, _ := r.ReadAt(h[:], 0)
	return n == 132 && string(h[128:]) == "DICM"
}

// publish gives the checked file its name.
func (o *object) publish() error {
	dir := filepath.Join(o.Out, o.folder)
	if err := o.mkdir(dir); err != nil {
		o.temp.drop()
		return err
	}
	// The name depends on the content too, so that two files that claim to be one object both stay, in any order of work.
	name := short(o.Key, "file", o.sop+" "+o.rec.Input)
	temp := o.temp
	o.temp = nil
	if err := temp.publish(filepath.Join(dir, name)); err != nil {
		return wrap(err)
	}
	o.rec.Output = filepath.ToSlash(filepath.Join(o.folder, name))
	return nil
}

func (w *Worker) mkdir(dir string) error {
	if w.made[dir] {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return wrap(err)
	}
	if len(w.made) > 10_000 {
		clear(w.made)
	}
	w.made[dir] = true
	return nil
}

// short is a name of eight capitals and digits, as PS3.10 section 8.2 allows them in a file set.
func short(k *deid.Key, kind, value string) string { return k.Name(kind, value) }

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

func wrap(err error) error {
	if err == nil || fault.CodeOf(err) != fault.Internal {
		return err
	}
	if isFull(err) {
		return fault.New(fault.Resource, "writing the output: %w", pathless(err)).WithHint("free some space and repeat the command; it goes on from where it stopped")
	}
	return fault.New(fault.Input, "writing the output: %w", pathless(err))
}
