package batch

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/escrow"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
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

	head  bytes.Buffer
	chunk []byte
	in    hash.Hash
	out   hash.Hash
	made  map[string]bool // folders that are there
}

var tempNumber atomic.Int64

// StateDir is the folder in the output that holds what a run needs to go on; it is gone when the run is finished.
const StateDir = ".deid"

// Object de-identifies the file at path. The error is for what ends a run: a full disk, a cancelled context, a missing tool.
func (w *Worker) Object(ctx context.Context, path string) (rec Record, row *Row, err error) {
	if w.chunk == nil {
		w.chunk, w.in, w.out, w.made = make([]byte, 128<<10), sha256.New(), sha256.New(), map[string]bool{}
	}
	rec = Record{Regions: []Region{}}
	f, err := os.Open(path)
	if err != nil {
		rec.Status, rec.Quarantine = Quarantined, unreadable
		return rec, nil, nil
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		rec.Status, rec.Quarantine = Quarantined, unreadable
		return rec, nil, nil
	}
	rec.Bytes = st.Size()
	w.in.Reset()
	o := &object{Worker: w, file: f, size: st.Size(), rec: &rec}
	row, err = o.guarded(ctx)
	if err != nil {
		return rec, nil, err
	}
	if err := o.hashTo(o.size); err != nil {
		_, _ = o.stop(Quarantined, unreadable)
		rec.Output, rec.Digest = "", ""
		return rec, nil, nil
	}
	var sum [32]byte
	rec.Input = hex.EncodeToString(w.in.Sum(sum[:0]))
	if o.temp != nil {
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
	file   *os.File
	size   int64
	hashed int64 // bytes of the input that were hashed
	rec    *Record
	temp   *os.File
	folder string // of the output
	sop    string
}

// hashTo reads on to offset end and hashes what it reads.
func (o *object) hashTo(end int64) error {
	for o.hashed < end {
		n, err := o.file.ReadAt(o.chunk[:min(int64(len(o.chunk)), end-o.hashed)], o.hashed)
		o.in.Write(o.chunk[:n])
		o.hashed += int64(n)
		if err == io.EOF && o.hashed >= end {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *object) stop(s Status, why string) (*Row, error) {
	o.rec.Status, o.rec.Quarantine = s, why
	if o.temp != nil {
		o.temp.Close()
		os.Remove(o.temp.Name())
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
	f, err := dicom.Read(o.file, o.size)
	if err != nil {
		if claimsDICOM(o.file) {
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

// write writes the object to a temporary file and reads it again. why says why it must not go out.
func (o *object) write(ctx context.Context, f *dicom.File, res *deid.Result, b *bulk) (why string, err error) {
	out, ts := res.DataSet, f.TransferSyntax
	if b != nil {
		ts = b.ts
	}
	out.Delete(tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths) // written anew, or not needed
	dir := filepath.Join(o.Out, StateDir, "tmp")
	if err := o.mkdir(dir); err != nil {
		return "", err
	}
	name := filepath.Join(dir, fmt.Sprintf("%d-%d", os.Getpid(), tempNumber.Add(1)))
	o.temp, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return "", wrap(err)
	}
	o.out.Reset()
	w := &writer{w: o.temp, sum: o.out}
	if ts.IsDeflated() || b != nil && b.elem.Tag != tag.PixelData {
		why, err = o.writeWhole(ctx, w, out, ts, b)
	} else {
		why, err = o.writeParts(ctx, w, out, ts, b)
	}
	if err != nil {
		return "", wrap(err)
	}
	if why != "" {
		return why, nil
	}
	back, err := dicom.Read(o.temp, w.n)
	if err != nil {
		return "the output can't be read", nil
	}
	if err := o.Profile.Verify(o.Key, res, back); err != nil {
		return "verification: " + err.Error(), nil
	}
	o.sop = out.String(tag.SOPInstanceUID)
	o.folder = filepath.Join(short(o.Key, "patient", res.PatientCode()), short(o.Key, "study", out.String(tag.StudyInstanceUID)), short(o.Key, "series", out.String(tag.SeriesInstanceUID)))
	o.rec.Digest = hex.EncodeToString(o.out.Sum(nil))
	return "", nil
}

const maxInflated = 128 << 20

// writeWhole writes objects whose data set goes through memory: deflated ones, and pixel data of floats.
func (o *object) writeWhole(ctx context.Context, w io.Writer, out *dicom.DataSet, ts dicom.TransferSyntax, b *bulk) (string, error) {
	switch {
	case b == nil:
	case b.fresh != nil:
		var raw []byte
		for i := range b.fresh.Frames {
			frame, err := b.fresh.Frame(ctx, i)
			if err != nil {
				return unmade(ctx), ctx.Err()
			}
			if raw = append(raw, frame...); len(raw) > maxInflated {
				return "deflated pixel data of more than 128 MiB", nil
			}
		}
		out.SetBytes(tag.PixelData, b.pixelVR(), raw)
	case b.elem.Fragments() != nil:
		return "pixel data of a form that this transfer syntax does not have", nil
	default:
		raw, err := b.elem.Bytes()
		if err != nil || int64(len(raw)) < b.length {
			return "the pixel data can't be read", nil
		}
		raw = bytes.Clone(raw[:b.length])
		if b.masks != nil {
			b.masks.apply(raw)
		}
		v := b.elem.Kind()
		if b.elem.BigEndian() {
			return "floating point pixels in big endian", nil
		}
		out.SetBytes(b.elem.Tag, v, raw)
	}
	return "", dicom.Write(w, out, dicom.WriteOptions{TransferSyntaxUID: string(ts)})
}

// writeParts writes the header, moves the pixel data, and writes what follows them.
func (o *object) writeParts(ctx context.Context, w *writer, out *dicom.DataSet, ts dicom.TransferSyntax, b *bulk) (string, error) {
	var tail *dicom.DataSet
	for e := range out.All() {
		if e.Tag <= tag.PixelData || b == nil {
			continue
		}
		if tail == nil {
			tail = dicom.NewDataSet()
		}
		if e.IsSequence() {
			tail.SetSequence(e.Tag, e.Items()...)
		} else if raw, err := e.Bytes(); err == nil {
			tail.SetBytes(e.Tag, e.VR, raw)
		}
	}
	if tail != nil {
		for e := range tail.All() {
			out.Delete(e.Tag)
		}
	}
	o.head.Reset()
	if err := dicom.Write(&o.head, out, dicom.WriteOptions{TransferSyntaxUID: string(ts)}); err != nil {
		return "the header can't be written", nil
	}
	if b == nil {
		_, err := w.Write(o.head.Bytes())
		return "", err
	}
	switch {
	case ts.IsEncapsulated():
		if _, err := w.Write(o.head.Bytes()); err != nil {
			return "", err
		}
		if why, err := b.writeFrames(ctx, w); err != nil || why != "" {
			return why, err
		}
	case b.fresh != nil:
		if why, err := o.writeFresh(ctx, w, b); err != nil || why != "" {
			return why, err
		}
	default:
		if err := o.moveNative(ctx, w, b); err != nil {
			return "", err
		}
	}
	if tail != nil {
		return "", dicom.WriteBody(w, tail, ts)
	}
	return "", nil
}

// pixelVR is the VR of native pixel data in an explicit syntax.
func (b *bulk) pixelVR() vr.VR {
	if b.image.BitsAllocated <= 8 && b.elem.VR == vr.OB {
		return vr.OB
	}
	return vr.OW
}

// moveNative copies native pixel data from the input's place, hashing both files on the way.
func (o *object) moveNative(ctx context.Context, w *writer, b *bulk) error {
	pad := b.length & 1
	if b.length+pad > maxItem {
		return fault.New(fault.Input, "pixel data of more than 4 GiB")
	}
	o.head.Write(header(b.ts, tag.PixelData, b.pixelVR(), uint32(b.length+pad)))
	if _, err := w.Write(o.head.Bytes()); err != nil {
		return err
	}
	at, left := b.elem.Offset(), b.length
	if err := o.hashTo(at); err != nil {
		return err
	}
	moved := b.masks == nil && b.blank == 0 && o.move(at, left)
	for left > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := o.chunk[:min(left, int64(len(o.chunk)))]
		if n, err := o.file.ReadAt(part, at); n < len(part) {
			return fault.New(fault.Input, "the input changed while it was read: %w", pathless(cmp.Or(err, io.ErrUnexpectedEOF)))
		}
		if o.hashed == at {
			o.in.Write(part)
			o.hashed += int64(len(part))
		}
		if b.masks != nil {
			b.masks.apply(part)
		}
		if i := b.blank - (b.length - left); b.blank > 0 && i >= 0 && i < int64(len(part)) {
			part[i] = 0
		}
		at, left = at+int64(len(part)), left-int64(len(part))
		if moved {
			w.sum.Write(part)
			w.n += int64(len(part))
		} else if _, err := w.Write(part); err != nil {
			return err
		}
	}
	if pad == 1 {
		_, err := w.Write([]byte{0})
		return err
	}
	return nil
}

// move copies n bytes of the input from offset at to the end of the output inside the kernel: without passing through this process, and on file systems that
// share blocks without copying at all. It reports whether it did; where it can't, nothing was written.
func (o *object) move(at, n int64) bool {
	end, err := o.temp.Seek(0, io.SeekCurrent)
	if err != nil {
		return false
	}
	for left := n; left > 0; {
		got, err := unix.CopyFileRange(int(o.file.Fd()), &at, int(o.temp.Fd()), nil, int(min(left, 1<<30)), 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil || got == 0 {
			if _, serr := o.temp.Seek(end, io.SeekStart); serr == nil {
				_ = o.temp.Truncate(end)
			}
			return false
		}
		left -= int64(got)
	}
	return true
}

// writeFresh writes native pixel data that a masker made.
func (o *object) writeFresh(ctx context.Context, w *writer, b *bulk) (string, error) {
	var total int64 = -1
	for i := range b.fresh.Frames {
		raw, err := b.fresh.Frame(ctx, i)
		if err != nil {
			return unmade(ctx), ctx.Err()
		}
		if total < 0 {
			total = int64(len(raw)) * int64(b.fresh.Frames)
			if b.image.BitsAllocated == 1 && b.fresh.Frames > 1 {
				return "frames of single bits can't be masked one by one", nil
			}
			if total > maxItem {
				return "pixel data of more than 4 GiB", nil
			}
			o.head.Write(header(b.ts, tag.PixelData, b.pixelVR(), uint32(total+total&1)))
			if _, err := w.Write(o.head.Bytes()); err != nil {
				return "", err
			}
		}
		if int64(len(raw))*int64(b.fresh.Frames) != total {
			return "masked frames of different sizes", nil
		}
		if _, err := w.Write(raw); err != nil {
			return "", err
		}
	}
	if total&1 == 1 {
		if _, err := w.Write([]byte{0}); err != nil {
			return "", err
		}
	}
	return "", nil
}

// publish gives the checked file its name.
func (o *object) publish() error {
	if err := o.temp.Close(); err != nil {
		return wrap(err)
	}
	dir := filepath.Join(o.Out, o.folder)
	if err := o.mkdir(dir); err != nil {
		return err
	}
	// The name depends on the content too, so that two files that claim to be one object both stay, in any order of work.
	name := short(o.Key, "file", o.sop+" "+o.rec.Input)
	if err := os.Rename(o.temp.Name(), filepath.Join(dir, name)); err != nil {
		return wrap(err)
	}
	o.temp = nil
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
