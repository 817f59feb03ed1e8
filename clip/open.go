package clip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// ReaderVersion changes when any reader gives other samples for the same bytes; caches key on it.
const ReaderVersion = "cineloop-clip/1"

// DefaultMaxBytes is the largest decoded clip, in bytes, that Open makes unless [MaxBytes] says otherwise.
const DefaultMaxBytes = 4 << 30

// ReadOption changes how [Open] reads.
type ReadOption func(*readConfig)

type readConfig struct {
	ctx      context.Context
	maxBytes int64
	workers  int
	mask     bool
	layout   string
	grey     bool
	noDigest bool
}

// MaxBytes limits the decoded size. Larger clips are refused, before memory is asked for, with an error of code resource.
func MaxBytes(n int64) ReadOption { return func(c *readConfig) { c.maxBytes = n } }

// Workers limits the goroutines that decode frames; default GOMAXPROCS. Loaders that open many clips at once pass 1.
func Workers(n int) ReadOption { return func(c *readConfig) { c.workers = max(1, n) } }

// WithContext makes a long read stop when ctx is done.
func WithContext(ctx context.Context) ReadOption { return func(c *readConfig) { c.ctx = ctx } }

// AsMask reads labels: palette images give their indices, whole-numbered floats become integers, and the clip's Photometric is
// [Mask], so that transforms never interpolate it. Values that are not whole are an error.
func AsMask() ReadOption { return func(c *readConfig) { c.mask = true } }

// AsGrey reads colour as luma (ITU-R BT.601) from the start, which for JPEG means that its colour is never decoded: about twice as fast and a
// third of the memory for networks with one input channel.
func AsGrey() ReadOption { return func(c *readConfig) { c.grey = true } }

// NoDigest leaves Source.Digest empty, which saves a second pass over the file.
func NoDigest() ReadOption { return func(c *readConfig) { c.noDigest = true } }

// Layout names the axes of an npy array, slowest first, with letters T, H, W and C: "CTHW" for an array [3, 32, 112, 112]. Without
// it: [H W], [T H W], [H W C] where the last axis is at most 4 and the others more, and [T H W C].
func Layout(axes string) ReadOption { return func(c *readConfig) { c.layout = strings.ToUpper(axes) } }

// Open reads a clip of any format, known by its content rather than its name.
//
// path is a file, a folder that is one series, or either with a fragment: `file.npz#images` (member), `file.npz#images[12]` (member
// and first-axis index), `file.npy#[12]`, `scan.nii.gz#[3]` (volume of a 4-D file), `folder#1.2.840…` (series of a DICOM
// folder), `folder#1.2.840…[3]` (one moment of a stack that beats).
// Errors: notfound, input (damaged or unsuitable), resource (over the limit), missing (ffmpeg is needed and absent).
func Open(path string, opts ...ReadOption) (*Clip, error) {
	cfg := readConfig{ctx: context.Background(), maxBytes: DefaultMaxBytes, workers: runtime.GOMAXPROCS(0)}
	for _, o := range opts {
		o(&cfg)
	}
	file, frag := splitFragment(path)
	c, err := openFile(file, frag, &cfg)
	if err != nil {
		return nil, openError(path, err)
	}
	c.Source.Reader = ReaderVersion
	if cfg.grey && c.C >= 3 {
		c = greyOf(c)
	}
	if cfg.mask {
		if err := toMask(c); err != nil {
			return nil, openError(path, err)
		}
	}
	if err := c.Validate(); err != nil {
		return nil, openError(path, err)
	}
	return c, nil
}

func openFile(file string, frag fragment, cfg *readConfig) (*Clip, error) {
	if err := cfg.ctx.Err(); err != nil {
		return nil, err
	}
	st, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return openSeries(file, frag, cfg)
	}
	if !st.Mode().IsRegular() {
		return nil, inputf("not a regular file")
	}
	if st.Size() == 0 {
		return nil, inputf("the file is empty").WithHint("copy it again from its source")
	}
	kind, err := sniffFile(file)
	if err != nil {
		return nil, err
	}
	if frag.set && kind != formatNPY && kind != formatNPZ && kind != formatNIfTI && kind != formatDICOM {
		return nil, inputf("%s files have no parts that %q could name", kind, frag.String()).WithHint("leave out what follows the #")
	}
	switch kind {
	case formatNPY:
		return openNPY(file, frag, cfg)
	case formatNPZ:
		return openNPZ(file, frag, cfg)
	case formatNIfTI:
		return openNIfTI(file, frag, cfg)
	case formatAVI:
		return openAVI(file, cfg)
	case formatPNG, formatJPEG:
		return openImage(file, cfg)
	case formatDICOM:
		return openDICOM(file, frag, cfg)
	}
	return openVideo(file, cfg)
}

// The formats' names, as in [Source].Format.
const (
	formatNPY   = "npy"
	formatNPZ   = "npz"
	formatNIfTI = "nifti"
	formatAVI   = "avi"
	formatPNG   = "png"
	formatJPEG  = "jpeg"
	formatDICOM = "dicom"
	formatVideo = "video"
)

func sniffFile(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 348)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	return sniff(head[:n], file), nil
}

// sniff tells the format by the first bytes; the name decides only where they cannot.
func sniff(head []byte, name string) string {
	lower := strings.ToLower(name)
	has := func(off int, magic string) bool {
		return len(head) >= off+len(magic) && string(head[off:off+len(magic)]) == magic
	}
	switch {
	case has(0, "\x93NUMPY"):
		return formatNPY
	case has(0, "PK\x03\x04"), has(0, "PK\x05\x06"):
		return formatNPZ
	case has(0, "RIFF") && has(8, "AVI "):
		return formatAVI
	case has(0, "\x89PNG\r\n\x1a\n"):
		return formatPNG
	case has(0, "\xff\xd8\xff"):
		return formatJPEG
	case has(128, "DICM"):
		return formatDICOM
	case has(0, "\x1f\x8b") && strings.HasSuffix(lower, ".gz"):
		return formatNIfTI
	case niftiHeaderSize(head) != 0:
		return formatNIfTI
	case strings.HasSuffix(lower, ".dcm"), strings.HasSuffix(lower, ".dicom"), looksLikeBareDICOM(head):
		return formatDICOM
	}
	return formatVideo
}

// looksLikeBareDICOM accepts a data set without preamble: it starts with an element of group 0002 or 0008, little endian.
func looksLikeBareDICOM(head []byte) bool {
	return len(head) >= 8 && (head[0] == 2 || head[0] == 8) && head[1] == 0 && head[3] == 0
}

// fragment is the part of a file that a path names after its #.
type fragment struct {
	set    bool
	member string
	index  int // -1: none
}

func (f fragment) String() string {
	if f.index < 0 {
		return f.member
	}
	return fmt.Sprintf("%s[%d]", f.member, f.index)
}

// splitFragment takes the last # of path as the start of a fragment, unless a file has that very name.
func splitFragment(path string) (string, fragment) {
	none := fragment{index: -1}
	i := strings.LastIndexByte(path, '#')
	if i <= 0 {
		return path, none
	}
	if _, err := os.Lstat(path); err == nil {
		return path, none
	}
	f := fragment{set: true, member: path[i+1:], index: -1}
	if open := strings.LastIndexByte(f.member, '['); open >= 0 && strings.HasSuffix(f.member, "]") {
		if n, err := strconv.ParseUint(f.member[open+1:len(f.member)-1], 10, 31); err == nil {
			f.member, f.index = f.member[:open], int(n)
		}
	}
	return path[:i], f
}

func inputf(format string, args ...any) *fault.Error { return fault.New(fault.Input, format, args...) }

// openError gives every error of Open the path and a code.
func openError(path string, err error) error {
	code := fault.CodeOf(err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, "reading %s: no such file or folder", path)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		code = fault.Interrupted
	case code == fault.Internal:
		code = fault.Input
	}
	return fault.New(code, "reading %s: %w", path, err)
}

// checkSize refuses a shape over the limit, before any allocation.
func (cfg *readConfig) checkSize(dt DType, t, h, w, c int) error {
	n, err := checkedLen(dt, t, h, w, c)
	if err != nil {
		return inputf("%w", err)
	}
	if int64(n) > cfg.maxBytes {
		return fault.New(fault.Resource, "%d frames of %d×%d×%d %v need %d MB; the limit is %d MB", t, h, w, c, dt, n>>20, cfg.maxBytes>>20).
			WithHint("crop or split the file, or raise the limit")
	}
	return nil
}

// readAll reads a file of at most the limit's size.
func (cfg *readConfig) readAll(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > cfg.maxBytes {
		return nil, fault.New(fault.Resource, "the file has %d MB; the limit is %d MB", st.Size()>>20, cfg.maxBytes>>20)
	}
	b := make([]byte, st.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, err
	}
	return b, nil
}

// toMask turns a decoded clip into labels.
func toMask(c *Clip) error {
	c.Photometric = Mask
	if c.C == 3 {
		return inputf("a colour image cannot be a mask").WithHint("store labels as grey or palette indices")
	}
	switch c.DType {
	case Float32:
		return wholeNumbers(c, Samples[float32](c))
	case Float64:
		return wholeNumbers(c, Samples[float64](c))
	}
	return nil
}

// greyOf is the luma of a colour clip.
func greyOf(c *Clip) *Clip {
	out := New(c.DType, c.T, c.H, c.W, 1)
	if c.DType == Uint8 {
		lumaBytes(out.Data, c.Data, c.C)
	} else {
		x := make([]float32, c.T*c.H*c.W)
		for t := range c.T {
			frame := &Clip{T: 1, H: c.H, W: c.W, C: c.C, DType: c.DType, Data: c.Frame(t)}
			v := make([]float32, c.H*c.W*c.C)
			scaleSamples(v, frame, 1, 0)
			for i := range c.H * c.W {
				p := v[i*c.C:]
				x[t*c.H*c.W+i] = 0.299*p[0] + 0.587*p[1] + 0.114*p[2]
			}
		}
		storeRounded(out, x)
	}
	out.TimesMS, out.Spacing, out.Affine, out.Source = c.TimesMS, c.Spacing, c.Affine, c.Source
	return out
}

func wholeNumbers[T float32 | float64](c *Clip, s []T) error {
	lo, hi := T(0), T(0)
	for i, v := range s {
		if v != T(int64(v)) {
			return inputf("sample %d of the mask is %v, not a whole number", i, v)
		}
		lo, hi = min(lo, v), max(hi, v)
	}
	out := New(integerType(float64(lo), float64(hi)), c.T, c.H, c.W, c.C)
	switch out.DType {
	case Uint8:
		convertSamples(Samples[uint8](out), s)
	case Int16:
		convertSamples(Samples[int16](out), s)
	default:
		if float64(lo) < -1<<31 || float64(hi) > 1<<31-1 {
			return inputf("mask values from %v to %v do not fit 32 bits", lo, hi)
		}
		convertSamples(Samples[int32](out), s)
	}
	c.DType, c.Data = out.DType, out.Data
	return nil
}

func integerType(lo, hi float64) DType {
	switch {
	case lo >= 0 && hi <= 255:
		return Uint8
	case lo >= -1<<15 && hi <= 1<<15-1:
		return Int16
	}
	return Int32
}

func convertSamples[D, S Number](dst []D, src []S) {
	for i, v := range src {
		dst[i] = D(v)
	}
}
