package dicom

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// File is a DICOM file, or a bare data set, over a source of bytes.
type File struct {
	Meta           *DataSet // group 0002; empty for a bare data set
	DataSet        *DataSet
	TransferSyntax TransferSyntax // by the meta header; guessed for bare data sets
	Warnings       []Warning      // what was passed over, at most 100 of them
	Incomplete     error          // why the end of the file could not be read, or nil

	raw      *source // the whole file
	metaAt   int64   // where group 0002 begins
	dataAt   int64   // where the data set begins in raw
	preamble bool
	closer   io.Closer
}

type options struct {
	stopBefore  tag.Tag
	maxElements int
	maxInflated int64
	strict      bool
	trust       bool
}

// Option changes how a file is read.
type Option func(*options)

// StopBefore ends the reading at the first top-level element whose tag is t or above: tag.PixelData gives headers only.
func StopBefore(t tag.Tag) Option { return func(o *options) { o.stopBefore = t } }

// MaxElements limits how many elements and items a file may have. By default it may have 250,000, and one more for each 64 bytes of it: what is denser is no
// image, and takes many times its size in memory.
func MaxElements(n int) Option { return func(o *options) { o.maxElements = n } }

// MaxInflated limits how many bytes a deflated data set may expand to; the default is 128 MiB.
func MaxInflated(n int64) Option { return func(o *options) { o.maxInflated = n } }

// Strict makes a file that is not read to its end an error instead of an incomplete File.
func Strict() Option { return func(o *options) { o.strict = true } }

// TrustOffsets indexes encapsulated frames by their offset table, where there is one, without looking at each fragment's header: for files that are far away, where
// each look is a request. A table that is wrong shows when a frame is read, as an error.
func TrustOffsets() Option { return func(o *options) { o.trust = true } }

// Open reads the headers of the file at path and keeps it open for values and frames until Close.
func Open(path string, opts ...Option) (*File, error) {
	st, err := os.Stat(path) // before it is opened: opening a pipe waits for its writer
	if err == nil && !st.Mode().IsRegular() {
		return nil, fault.New(fault.Input, "reading %s: not a regular file", path)
	}
	var r *os.File
	if err == nil {
		r, err = os.Open(path)
	}
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.NotFound, "%w", err)
		}
		return nil, fault.New(fault.Input, "%w", err)
	}
	var f *File
	if st, err = r.Stat(); err == nil {
		f, err = Read(r, st.Size(), opts...)
	}
	if err != nil {
		r.Close()
		return nil, fault.New(codeOr(err, fault.Input), "reading %s: %w", path, err)
	}
	f.closer = r
	return f, nil
}

func codeOr(err error, other fault.Code) fault.Code {
	if c := fault.CodeOf(err); c != fault.Internal {
		return c
	}
	return other
}

// Read reads the headers of size bytes in r, from which values and frames are read later.
func Read(r io.ReaderAt, size int64, opts ...Option) (*File, error) {
	opt := options{maxElements: 250_000 + int(size/64), maxInflated: 128 << 20}
	for _, o := range opts {
		o(&opt)
	}
	f := &File{raw: &source{r, size}}
	s := &scanner{reader: reader{src: f.raw}, f: f, opt: opt}
	if err := f.readMeta(s); err != nil {
		return nil, err
	}
	err := f.readDataSet(s)
	if err != nil {
		f.incomplete(err)
	}
	switch {
	case f.Incomplete != nil && f.DataSet.Len() == 0:
		return nil, f.Incomplete
	case opt.strict && f.Incomplete != nil:
		return nil, f.Incomplete
	}
	return f, nil
}

// ReadBytes is [Read] of a file in memory.
func ReadBytes(b []byte, opts ...Option) (*File, error) {
	return Read(bytes.NewReader(b), int64(len(b)), opts...)
}

// Close closes the file that Open opened. Values that are not in memory can't be read any more.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	err := f.closer.Close()
	f.closer = nil
	return err
}

// Size is the number of bytes of the file.
func (f *File) Size() int64 { return f.raw.size }

const maxWarnings = 100

func (f *File) warn(at int64, t tag.Tag, format string, args ...any) {
	if len(f.Warnings) < maxWarnings {
		f.Warnings = append(f.Warnings, Warning{at, t, fmt.Sprintf(format, args...)})
	}
}

func (f *File) incomplete(err error) {
	if f.Incomplete == nil {
		f.Incomplete = err
	}
}

var errNotDICOM = fault.New(fault.Input, "not DICOM: neither the DICM mark nor a data set at the beginning")

// readMeta finds the data set: after preamble and group 0002 (PS3.10 section 7.1), or at the beginning of a bare one.
func (f *File) readMeta(s *scanner) error {
	f.Meta = &DataSet{src: f.raw, head: -1}
	h := s.at(0, 132, 132)
	switch {
	case len(h) >= 132 && string(h[128:132]) == "DICM":
		f.preamble, f.metaAt = true, 132
	case len(h) >= 4 && string(h[:4]) == "DICM":
		f.warn(0, 0, "no preamble before the DICM mark")
		f.metaAt = 4
	case len(h) < 8 || !f.plausibleStart(h):
		if len(h) == 0 {
			return fault.New(fault.Input, "the file is empty")
		}
		return errNotDICOM
	default:
		f.warn(0, 0, "neither preamble nor DICM mark")
	}
	pos := f.metaAt
	for {
		h := s.at(pos, 12, 12)
		if len(h) < 8 || h[0] != 2 || h[1] != 0 {
			break
		}
		e := Element{Tag: tag.New(2, uint16(h[2])|uint16(h[3])<<8), in: f.Meta, head: pos, headLen: 8}
		_, length := header(h, false)
		v, known := vr.Parse(h[4], h[5])
		switch {
		case !known:
			e.VR = e.Tag.VR()
			f.warn(pos, e.Tag, "no VR in the meta header")
		case v.Long():
			if len(h) < 12 {
				break
			}
			e.VR, e.headLen = v, 12
			_, length = header(h[4:], false)
		default:
			e.VR, length = v, length>>16
		}
		e.at = pos + int64(e.headLen)
		if int64(length) > f.raw.size-e.at || length > 1<<24 {
			err := fault.New(fault.Input, "the file ends inside the value of %v", e.Tag)
			f.incomplete(err)
			return err
		}
		e.n = int64(length)
		e.value = s.at(e.at, e.n, e.n)
		if f.Meta.append(e) {
			f.warn(pos, e.Tag, "the tag comes a second time: the first one is kept")
		}
		pos = e.at + e.n
		if f.Meta.Len() > 10_000 {
			return fault.New(fault.Input, "the meta header has more than 10,000 elements")
		}
	}
	f.dataAt = pos
	if n, ok := f.Meta.Int(tag.FileMetaInformationGroupLength); ok {
		if e, _ := f.Meta.Get(tag.FileMetaInformationGroupLength); e.at+e.n+int64(n) != pos {
			f.warn(e.head, e.Tag, "the group length says %d, and the group has %d bytes", n, pos-e.at-e.n)
		}
	}
	return nil
}

// plausibleStart reports whether h could begin a bare data set: a low group in either byte order, and a length that fits.
func (f *File) plausibleStart(h []byte) bool {
	for _, big := range []bool{false, true} {
		t, n := header(h, big)
		g := t.Group()
		if g == 0 || g > 0x20 && g != 0x7FE0 {
			continue
		}
		if _, known := vr.Parse(h[4], h[5]); known {
			return true
		}
		if int64(n) <= f.raw.size-8 && g&1 == 0 {
			return true
		}
	}
	return false
}

// readDataSet indexes what follows the meta header.
func (f *File) readDataSet(s *scanner) error {
	if f.Meta.Len() > 0 {
		f.TransferSyntax = TransferSyntax(strings.Trim(f.Meta.String(tag.TransferSyntaxUID), " \x00"))
	}
	f.DataSet = &DataSet{src: f.raw, head: -1}
	if f.dataAt >= f.raw.size {
		return fault.New(fault.Input, "the file ends before its data set")
	}
	start := f.dataAt
	if f.TransferSyntax.IsDeflated() {
		src, err := inflate(io.NewSectionReader(f.raw.r, f.dataAt, f.raw.size-f.dataAt), s.opt.maxInflated)
		if err != nil {
			f.incomplete(err)
		}
		f.DataSet.src, start = src, 0
		s.reader = reader{src: src}
		if src.size == 0 {
			return f.Incomplete
		}
	}
	f.detect(s, start)
	return s.scan(f.DataSet, start)
}

// detect sets the encoding of the data set: what the transfer syntax says, unless the first element contradicts it.
func (f *File) detect(s *scanner, start int64) {
	ds, ts := f.DataSet, f.TransferSyntax
	h := s.at(start, 8, 8)
	var explicit, big, little bool                     // what the first element looks like: neither byte order, for groups of two bytes that aren't 0
	if len(h) == 8 && (h[0] != 0xFE || h[1] != 0xFF) { // delimiters have no VR
		_, explicit = vr.Parse(h[4], h[5])
		le, _ := header(h, false)
		be, _ := header(h, true)
		big = le.Group()&0xFF == 0 && le.Group() != 0 && be.Group() < 0x100
		little = be.Group()&0xFF == 0 && be.Group() != 0 && le.Group() < 0x100
	}
	switch {
	case ts == "":
		ds.implicit, ds.big = !explicit, big
		f.TransferSyntax = uid.ExplicitVRLittleEndian
		if big {
			f.TransferSyntax = uid.ExplicitVRBigEndian
		} else if !explicit {
			f.TransferSyntax = uid.ImplicitVRLittleEndian
		}
		f.warn(start, 0, "no transfer syntax: read as %s", f.TransferSyntax.Name())
		return
	case !ts.Known():
		f.warn(start, 0, "unknown transfer syntax: read as explicit VR little endian unless the data say otherwise")
	}
	ds.implicit, ds.big = ts.IsImplicit(), ts.IsBigEndian()
	if len(h) < 8 || h[0] == 0xFE && h[1] == 0xFF {
		return
	}
	if ds.big && little || !ds.big && big {
		f.warn(start, 0, "the byte order is not that of the transfer syntax")
		ds.big = big
	}
	switch _, n := header(h, ds.big); {
	case ds.implicit && explicit:
		f.warn(start, 0, "explicit VR although the transfer syntax is implicit")
		ds.implicit = false
	case !ds.implicit && !explicit && (int64(n) <= s.src.size-start-8):
		f.warn(start, 0, "implicit VR although the transfer syntax is explicit")
		ds.implicit = true
	}
}
