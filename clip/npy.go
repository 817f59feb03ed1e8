package clip

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unsafe"

	"github.com/cineloop/cineloop/internal/fault"
)

// This is a reader of our own because sbinet/npyio v0.9.0, the one Go library, allocates the length that a header claims (up to
// 4 GB) before it checks anything, slices with index -1 on a header without newline (a panic), refuses format version 3, reads
// one element a call, and cannot read part of an array. Source: NumPy's NEP 1 and numpy/lib/format.py (versions 1.0–3.0).

// npyHeader describes the array that follows it.
type npyHeader struct {
	kind    byte // b bool, i signed, u unsigned, f float
	size    int  // bytes a sample
	big     bool
	fortran bool
	shape   []int
}

const npyHint = "save it again with numpy.save from a plain numeric array"

// maxNPYHeader bounds the header's length; NumPy itself warns above 10,000 characters.
const maxNPYHeader = 1 << 16

// readNPYHeader reads the magic string and the header dictionary.
func readNPYHeader(r io.Reader) (npyHeader, error) {
	var h npyHeader
	var pre [8]byte
	if _, err := io.ReadFull(r, pre[:]); err != nil || string(pre[:6]) != "\x93NUMPY" {
		return h, inputf("npy: the magic string is missing").WithHint(npyHint)
	}
	var n uint32
	switch pre[6] {
	case 1:
		var b [2]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return h, truncatedNPY()
		}
		n = uint32(binary.LittleEndian.Uint16(b[:]))
	case 2, 3:
		var b [4]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return h, truncatedNPY()
		}
		n = binary.LittleEndian.Uint32(b[:])
	default:
		return h, inputf("npy: format version %d.%d is unknown", pre[6], pre[7]).WithHint(npyHint)
	}
	if n > maxNPYHeader {
		return h, inputf("npy: a header of %d bytes", n).WithHint(npyHint)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, truncatedNPY()
	}
	return parseNPYDict(string(text))
}

func truncatedNPY() error {
	return inputf("npy: the file ends inside its header").WithHint("copy it again from its source")
}

var (
	npyDescr   = regexp.MustCompile(`['"]descr['"]\s*:\s*['"]([<>|=]?)([a-zA-Z])(\d*)['"]`)
	npyFortran = regexp.MustCompile(`['"]fortran_order['"]\s*:\s*(True|False)`)
	npyShape   = regexp.MustCompile(`['"]shape['"]\s*:\s*\(([^)]*)\)`)
)

func parseNPYDict(text string) (npyHeader, error) {
	var h npyHeader
	d, f, s := npyDescr.FindStringSubmatch(text), npyFortran.FindStringSubmatch(text), npyShape.FindStringSubmatch(text)
	if d == nil || f == nil || s == nil {
		return h, inputf("npy: the header lacks descr, fortran_order or shape, or the array is not of one numeric type").WithHint(npyHint)
	}
	h.big = d[1] == ">"
	h.kind = d[2][0]
	h.size, _ = strconv.Atoi(d[3])
	switch fmt.Sprintf("%c%d", h.kind, h.size) {
	case "b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8":
	default:
		return h, inputf("npy: sample type %s%s is not numeric", d[2], d[3]).WithHint(npyHint)
	}
	h.fortran = f[1] == "True"
	for tok := range strings.SplitSeq(s[1], ",") {
		tok = strings.TrimSuffix(strings.TrimSpace(tok), "L")
		if tok == "" {
			continue
		}
		n, err := strconv.ParseUint(tok, 10, 31)
		if err != nil {
			return h, inputf("npy: impossible shape (%s)", s[1]).WithHint(npyHint)
		}
		h.shape = append(h.shape, int(n))
	}
	if len(h.shape) > 8 {
		return h, inputf("npy: %d axes", len(h.shape)).WithHint(npyHint)
	}
	return h, nil
}

// dtype is the clip's sample type for the array's: wider integers and half floats take the type that holds their values.
func (h npyHeader) dtype() DType {
	switch h.kind {
	case 'b':
		return Uint8
	case 'i':
		return map[int]DType{1: Int8, 2: Int16, 4: Int32, 8: Float64}[h.size]
	case 'u':
		return map[int]DType{1: Uint8, 2: Uint16, 4: Float64, 8: Float64}[h.size]
	}
	return map[int]DType{2: Float32, 4: Float32, 8: Float64}[h.size]
}

// count is the number of samples of shape, or false when it overflows any memory.
func count(shape []int) (int64, bool) {
	n := int64(1)
	for _, d := range shape {
		if d == 0 {
			return 0, true
		}
		if n > 1<<40/int64(d) {
			return 0, false
		}
		n *= int64(d)
	}
	return n, true
}

// npyArray is a header and its samples' bytes as stored.
type npyArray struct {
	npyHeader
	raw []byte
}

// readNPY reads one array. limit bounds its bytes; stored is how many bytes the container can hold at most (-1 unknown), so that
// a header that claims more than the file has is refused first.
func readNPY(r io.Reader, limit, stored int64) (*npyArray, error) {
	h, err := readNPYHeader(r)
	if err != nil {
		return nil, err
	}
	n, ok := count(h.shape)
	bytes := n * int64(h.size)
	switch {
	case !ok:
		return nil, inputf("npy: impossible shape %v", h.shape).WithHint(npyHint)
	case stored >= 0 && bytes > stored:
		return nil, inputf("npy: shape %v needs %d bytes, the file has %d", h.shape, bytes, stored).WithHint("copy it again from its source")
	case bytes > limit:
		return nil, fault.New(fault.Resource, "npy: an array of %d MB; the limit is %d MB", bytes>>20, limit>>20)
	}
	a := &npyArray{npyHeader: h, raw: alignedBytes(int(bytes))}
	if _, err := io.ReadFull(r, a.raw); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, inputf("npy: the file ends before its %d samples do", n).WithHint("copy it again from its source")
		}
		return nil, inputf("npy: %w", err)
	}
	return a, nil
}

func alignedBytes(n int) []byte {
	if n == 0 {
		return nil
	}
	words := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n)
}

// at is element i of the first axis, sharing a's bytes. Arrays in Fortran order are put in C order first.
func (a *npyArray) at(i int) (*npyArray, error) {
	if len(a.shape) < 2 {
		return nil, inputf("npy: the array of shape %v has no items to index", a.shape)
	}
	if i >= a.shape[0] {
		return nil, fault.New(fault.NotFound, "npy: index %d of an array with %d items", i, a.shape[0])
	}
	a.inCOrder()
	n := len(a.raw) / a.shape[0]
	return &npyArray{npyHeader: npyHeader{a.kind, a.size, a.big, false, a.shape[1:]}, raw: a.raw[i*n : (i+1)*n]}, nil
}

// inCOrder rearranges a Fortran-order array so that the last axis is fastest.
func (a *npyArray) inCOrder() {
	if !a.fortran {
		return
	}
	a.fortran = false
	if len(a.shape) < 2 {
		return
	}
	strides := make([]int, len(a.shape))
	step := a.size
	for i, d := range a.shape {
		strides[i] = step
		step *= d
	}
	out := alignedBytes(len(a.raw))
	permuteBytes(out, a.raw, a.shape, strides, a.size)
	a.raw = out
}

// permuteBytes writes the samples at src's byte strides into dst in C order of shape.
func permuteBytes(dst, src []byte, shape, strides []int, size int) {
	index := make([]int, len(shape))
	from := 0
	for to := 0; to < len(dst); to += size {
		copy(dst[to:to+size], src[from:from+size])
		for k := len(shape) - 1; k >= 0; k-- {
			index[k]++
			from += strides[k]
			if index[k] < shape[k] {
				break
			}
			from -= strides[k] * shape[k]
			index[k] = 0
		}
	}
}

// clip gives the array the clip's axes and sample type.
func (a *npyArray) clip(cfg *readConfig) (*Clip, error) {
	a.inCOrder()
	order, err := a.axes(cfg.layout)
	if err != nil {
		return nil, err
	}
	dims := [4]int{1, 1, 1, 1} // T H W C
	strides := [4]int{}
	step := a.size
	for i := len(order) - 1; i >= 0; i-- {
		k := strings.IndexByte("THWC", order[i])
		dims[k], strides[k] = a.shape[i], step
		step *= a.shape[i]
	}
	if dims[0] == 0 || dims[1] == 0 || dims[2] == 0 || dims[3] == 0 {
		return nil, inputf("npy: the array of shape %v is empty", a.shape)
	}
	dt := a.dtype()
	if err := cfg.checkSize(dt, dims[0], dims[1], dims[2], dims[3]); err != nil {
		return nil, err
	}
	raw := a.raw
	if order != "THWC"[4-len(order):] && order != "HW" && order != "THW" {
		raw = make([]byte, len(a.raw))
		permuteBytes(raw, a.raw, dims[:], strides[:], a.size)
	}
	c := New(dt, dims[0], dims[1], dims[2], dims[3])
	if dims[3] == 3 {
		c.Photometric = RGB
	}
	if a.kind == 'b' {
		c.Photometric = Mask
	}
	convertRaw(c, raw, a.kind, a.size, a.big)
	if (a.kind == 'i' || a.kind == 'u') && dt == Float64 {
		c = narrowed(c)
	}
	return c, nil
}

// axes is the letter of each array axis.
func (a *npyArray) axes(layout string) (string, error) {
	if layout != "" {
		if len(layout) != len(a.shape) {
			return "", inputf("npy: layout %s names %d axes, the array has shape %v", layout, len(layout), a.shape)
		}
		for i := range layout {
			if !strings.Contains("THWC", layout[i:i+1]) || strings.Count(layout, layout[i:i+1]) != 1 {
				return "", fault.New(fault.Usage, "layout %q: use each of T, H, W and C at most once", layout)
			}
		}
		if !strings.Contains(layout, "H") || !strings.Contains(layout, "W") {
			return "", fault.New(fault.Usage, "layout %q: H and W are needed", layout)
		}
		return layout, nil
	}
	s := a.shape
	switch {
	case len(s) == 2:
		return "HW", nil
	case len(s) == 3 && s[2] <= 4 && s[0] > 4 && s[1] > 4:
		return "HWC", nil
	case len(s) == 3:
		return "THW", nil
	case len(s) == 4 && s[3] <= 4:
		return "THWC", nil
	}
	return "", inputf("npy: cannot tell the axes of shape %v", s).
		WithHint("choose an item of the first axis with a fragment like file.npy#[0] or file.npz#member[0], or name the axes")
}

// narrowed stores whole numbers that were widened to float64 as int32 when they fit.
func narrowed(c *Clip) *Clip {
	s := Samples[float64](c)
	for _, v := range s {
		if v < -1<<31 || v > 1<<31-1 {
			return c
		}
	}
	out := New(Int32, c.T, c.H, c.W, c.C)
	convertSamples(Samples[int32](out), s)
	out.Photometric = c.Photometric
	return out
}

// openNPY reads `file.npy`, or one item of its first axis.
func openNPY(file string, frag fragment, cfg *readConfig) (*Clip, error) {
	if frag.member != "" {
		return nil, inputf("npy: a single array has no member %q", frag.member).WithHint("use file.npy#[index]")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	a, err := readNPY(bufio.NewReaderSize(f, 1<<20), cfg.maxBytes, st.Size())
	if err != nil {
		return nil, err
	}
	return clipOfArray(a, frag, cfg, formatNPY)
}

// clipOfArray takes the fragment's item and makes a clip of it. The digest is that of the item's own stored bytes.
func clipOfArray(a *npyArray, frag fragment, cfg *readConfig, format string) (*Clip, error) {
	if frag.index >= 0 {
		var err error
		if a, err = a.at(frag.index); err != nil {
			return nil, err
		}
	}
	c, err := a.clip(cfg)
	if err != nil {
		return nil, err
	}
	c.Source.Format = format
	c.Source.Digest = digestOf(a.raw)
	return c, nil
}
