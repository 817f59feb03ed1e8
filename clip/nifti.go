package clip

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/cineloop/cineloop/internal/fault"
)

// niftiTypes maps datatype codes to how samples are stored: kind and size as in npy, and channels.
var niftiTypes = map[int16]struct {
	kind     byte
	size     int
	channels int
}{
	2: {'u', 1, 1}, 4: {'i', 2, 1}, 8: {'i', 4, 1}, 16: {'f', 4, 1}, 64: {'f', 8, 1}, 256: {'i', 1, 1}, 512: {'u', 2, 1},
	768: {'u', 4, 1}, 1024: {'i', 8, 1}, 1280: {'u', 8, 1}, 128: {'u', 1, 3}, 2304: {'u', 1, 4},
}

// openNIfTI reads one volume. Frames are slices (the third axis), rows the second and columns the first, so that the file's affine
// maps (column, row, frame). It is turned from NIfTI's RAS to DICOM's LPS. A 4-D file needs `#[volume]`, unless its third axis has
// one slice: then the fourth is time. Scaled samples (scl_slope, scl_inter) become Float32.
func openNIfTI(file string, frag fragment, cfg *readConfig) (*Clip, error) {
	if frag.member != "" {
		return nil, inputf("NIfTI: no part %q", frag.member).WithHint("use %s#[volume]", filepath.Base(file))
	}
	src, err := openNIfTISource(file, cfg)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	h, err := readNIfTIHeader(src)
	if err != nil {
		return nil, err
	}
	img := src
	if h.pair {
		if img, err = openNIfTISource(imgOf(file), cfg); err != nil {
			return nil, fmt.Errorf("the image file that belongs to this header: %w", err)
		}
		defer img.Close()
	}
	c, err := h.readVolume(img, frag.index, cfg)
	if err != nil {
		return nil, err
	}
	if c.Source.Digest, err = src.digest(); err != nil {
		return nil, err
	}
	if h.pair {
		d, err := img.digest()
		if err != nil {
			return nil, err
		}
		c.Source.Digest = digestOfDigests([]string{c.Source.Digest, d})
	}
	c.Source.Format = formatNIfTI
	return c, nil
}

func imgOf(hdr string) string {
	gz := ""
	if strings.HasSuffix(hdr, ".gz") {
		hdr, gz = strings.TrimSuffix(hdr, ".gz"), ".gz"
	}
	return strings.TrimSuffix(hdr, filepath.Ext(hdr)) + ".img" + gz
}

// niftiSource is a file's (decompressed) bytes in order, hashed as they are stored.
type niftiSource struct {
	io.Reader
	f      *os.File
	sum    hash.Hash // of what was read of an uncompressed file
	packed []byte    // a compressed file, whole: inflating from memory is faster
	stored int64     // most bytes that can come out
	at     int64
}

func openNIfTISource(file string, cfg *readConfig) (*niftiSource, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	var magic [2]byte
	if _, err := f.ReadAt(magic[:], 0); err == nil && magic == [2]byte{0x1f, 0x8b} {
		defer f.Close()
		b, err := cfg.readAll(file)
		if err != nil {
			return nil, err
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, inputf("gzip: %w", err).WithHint("copy the file again from its source")
		}
		return &niftiSource{Reader: z, packed: b, stored: st.Size() * 1032}, nil // deflate expands at most this much
	}
	sum := sha256.New()
	return &niftiSource{Reader: bufio.NewReaderSize(io.TeeReader(f, sum), 1<<18), f: f, sum: sum, stored: st.Size()}, nil
}

func (s *niftiSource) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	s.at += int64(n)
	return n, err
}

func (s *niftiSource) Close() error {
	if s.f == nil {
		return nil
	}
	return s.f.Close()
}

// digest reads on to the end: gzip checks its CRC there.
func (s *niftiSource) digest() (string, error) {
	if _, err := io.Copy(io.Discard, s.Reader); err != nil {
		return "", inputf("after the samples: %w", err).WithHint("copy the file again from its source")
	}
	if s.packed != nil {
		return digestOf(s.packed), nil
	}
	return hex.EncodeToString(s.sum.Sum(nil)), nil
}

func readNIfTIHeader(s *niftiSource) (*niftiHeader, error) {
	b := make([]byte, 348, 540)
	if _, err := io.ReadFull(s, b); err != nil {
		return nil, inputf("NIfTI: the file ends inside its header").WithHint(niftiHint)
	}
	if niftiHeaderSize(b) == 540 {
		b = b[:540]
		if _, err := io.ReadFull(s, b[348:]); err != nil {
			return nil, inputf("NIfTI: the file ends inside its header").WithHint(niftiHint)
		}
	}
	return parseNIfTIHeader(b)
}

// readVolume reads volume index (-1: the only one) from s, which stands behind the header, or at the start of a .img file.
func (h *niftiHeader) readVolume(s *niftiSource, index int, cfg *readConfig) (*Clip, error) {
	nx, ny, nz, nt := h.dims[1], h.dims[2], h.dims[3], h.dims[4]
	if h.dims[5]*h.dims[6]*h.dims[7] != 1 {
		return nil, inputf("NIfTI: %d axes; vector and matrix images are not clips", h.dims[0]).WithHint("split it into volumes first")
	}
	typ := niftiTypes[h.datatype]
	cine := nz == 1 && nt > 1
	switch {
	case cine && index < 0:
		nz, nt = nt, 1
	case index < 0 && nt > 1:
		return nil, fault.New(fault.Usage, "NIfTI: the file holds %d volumes", nt).WithHint("choose one: FILE#[0] to FILE#[%d]", nt-1)
	case int64(index) >= nt:
		return nil, fault.New(fault.NotFound, "NIfTI: volume %d of %d", index, nt)
	}
	dt := npyHeader{kind: typ.kind, size: typ.size}.dtype()
	volume, ok := count([]int{int(nx), int(ny), int(nz), typ.size * typ.channels})
	if !ok || index > 0 && int64(index) > (1<<62)/volume {
		return nil, inputf("NIfTI: impossible size %d×%d×%d", nx, ny, nz).WithHint(niftiHint)
	}
	skip := h.offset - s.at + int64(max(index, 0))*volume
	if skip < 0 {
		return nil, inputf("NIfTI: the samples start inside the header").WithHint(niftiHint)
	}
	if s.at+skip+volume > s.stored {
		return nil, inputf("NIfTI: %d×%d×%d samples need %d bytes, the file can hold %d at most", nx, ny, nz, volume, s.stored).
			WithHint("it was cut: copy it again from its source")
	}
	if err := cfg.checkSize(dt, int(nz), int(ny), int(nx), typ.channels); err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, s, skip); err != nil {
		return nil, h.shortOf(err)
	}
	c := New(dt, int(nz), int(ny), int(nx), typ.channels)
	if err := h.readSamples(s, c, typ.kind, typ.size, cfg); err != nil {
		return nil, err
	}
	c = h.finish(c, cine)
	if typ.channels == 4 {
		c = firstThree(c)
	}
	if typ.channels >= 3 {
		c.Photometric = RGB
	}
	return c, nil
}

func (h *niftiHeader) shortOf(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return inputf("NIfTI: the file ends before its samples do").WithHint("it was cut: copy it again from its source")
	}
	return inputf("NIfTI: %w", err).WithHint("copy the file again from its source")
}

// readSamples fills c frame by frame, straight into place where the stored type is the clip's.
func (h *niftiHeader) readSamples(s io.Reader, c *Clip, kind byte, size int, cfg *readConfig) error {
	big := h.order == binary.BigEndian
	frame := c.H * c.W * c.C
	var buf []byte
	for t := range c.T {
		if err := cfg.ctx.Err(); err != nil {
			return err
		}
		one := &Clip{T: 1, H: c.H, W: c.W, C: c.C, DType: c.DType, Data: c.Frame(t)}
		if c.DType.Size() == size {
			if _, err := io.ReadFull(s, one.Data); err != nil {
				return h.shortOf(err)
			}
			if kind == 'f' || c.DType != Float64 {
				if big != nativeBig {
					swapBytes(one.Data, size)
				}
				continue
			}
			buf = append(buf[:0], one.Data...) // 8-byte integers, widened in place
		} else {
			buf = grow(buf, frame*size)
			if _, err := io.ReadFull(s, buf); err != nil {
				return h.shortOf(err)
			}
		}
		convertRaw(one, buf, kind, size, big)
	}
	return nil
}

// finish applies the scaling and gives the clip its geometry or times.
func (h *niftiHeader) finish(c *Clip, cine bool) *Clip {
	scaled := h.slope != 0 && h.slope-h.slope == 0 && h.inter-h.inter == 0 && (h.slope != 1 || h.inter != 0) && c.C == 1
	switch {
	case scaled:
		out := New(Float32, c.T, c.H, c.W, c.C)
		scaleSamples(Samples[float32](out), c, h.slope, h.inter)
		c = out
		c.Source.Notes = append(c.Source.Notes, fmt.Sprintf("samples scaled by scl_slope %g and scl_inter %g", h.slope, h.inter))
	case c.DType == Float64 && h.datatype != 64:
		c = narrowed(c)
	}
	if h.intent == 1002 { // NIFTI_INTENT_LABEL
		c.Photometric = Mask
	}
	c.Source.Tags = map[string]string{"nifti_version": fmt.Sprint(h.version)}
	mm := map[int32]float64{1: 1000, 3: 0.001}[h.units&7]
	if mm == 0 {
		mm = 1 // NIFTI_UNITS_MM, or unknown: millimetres by custom
	}
	a, named := h.affine()
	for i := range a {
		for j := range a[i] {
			a[i][j] *= mm
			if i < 2 {
				a[i][j] = -a[i][j] // RAS to LPS
			}
		}
	}
	col := func(j int) float64 { return math.Sqrt(a[0][j]*a[0][j] + a[1][j]*a[1][j] + a[2][j]*a[2][j]) }
	c.Spacing = Spacing{Column: col(0), Row: col(1), Slice: col(2)}
	if cine {
		c.Spacing.Slice = 0
		if step := h.pixdim[4] * map[int32]float64{8: 1000, 16: 1, 24: 0.001}[h.units&56]; step > 0 && step-step == 0 {
			c.TimesMS = evenTimes(c.T, step)
		}
	}
	if named && !cine {
		c.Affine = &a
	}
	return c
}

// scaleSamples writes slope·v + inter of c's samples, computed in float64.
func scaleSamples(dst []float32, c *Clip, slope, inter float64) {
	switch c.DType {
	case Uint8:
		linear(dst, Samples[uint8](c), slope, inter)
	case Int8:
		linear(dst, Samples[int8](c), slope, inter)
	case Uint16:
		linear(dst, Samples[uint16](c), slope, inter)
	case Int16:
		linear(dst, Samples[int16](c), slope, inter)
	case Int32:
		linear(dst, Samples[int32](c), slope, inter)
	case Float32:
		linear(dst, Samples[float32](c), slope, inter)
	case Float64:
		linear(dst, Samples[float64](c), slope, inter)
	}
}

func linear[T Number](dst []float32, src []T, slope, inter float64) {
	for i, v := range src {
		dst[i] = float32(float64(v)*slope + inter)
	}
}

// firstThree drops the fourth channel of bytes.
func firstThree(c *Clip) *Clip {
	out := New(Uint8, c.T, c.H, c.W, 3)
	for i := range c.T * c.H * c.W {
		copy(out.Data[3*i:3*i+3], c.Data[4*i:])
	}
	out.Spacing, out.Affine, out.TimesMS, out.Source = c.Spacing, c.Affine, c.TimesMS, c.Source
	return out
}
