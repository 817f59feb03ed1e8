package clip

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/cineloop/cineloop/internal/fault"
)

// niftiHeader is the part of a NIfTI-1 or NIfTI-2 header that a clip needs.
// Source: nifti1.h (R. Cox, 2003–2007) and nifti2.h, https://nifti.nimh.nih.gov.
type niftiHeader struct {
	order    binary.ByteOrder
	version  int
	pair     bool // samples are in a file of their own (.hdr/.img)
	dims     [8]int64
	datatype int16
	bitpix   int16
	pixdim   [8]float64
	offset   int64 // of the samples
	slope    float64
	inter    float64
	intent   int32
	units    int32
	qform    int32
	sform    int32
	quatern  [3]float64
	qoffset  [3]float64
	srow     [3][4]float64
}

const niftiHint = "open it in a NIfTI viewer; if that fails too, convert it again from its source"

// niftiHeaderSize is 348 for a NIfTI-1 header, 540 for NIfTI-2 and 0 for anything else.
func niftiHeaderSize(head []byte) int {
	if len(head) < 348 {
		return 0
	}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch o.Uint32(head) {
		case 348:
			if m := string(head[344:348]); m == "n+1\x00" || m == "ni1\x00" {
				return 348
			}
		case 540:
			if m := string(head[4:8]); m == "n+2\x00" || m == "ni2\x00" {
				return 540
			}
		}
	}
	return 0
}

// parseNIfTIHeader reads b, which holds at least niftiHeaderSize bytes.
func parseNIfTIHeader(b []byte) (*niftiHeader, error) {
	h := &niftiHeader{order: binary.LittleEndian}
	size := niftiHeaderSize(b)
	if size == 0 || len(b) < size {
		return nil, inputf("NIfTI: no header of version 1 or 2").WithHint(niftiHint)
	}
	if n := binary.LittleEndian.Uint32(b); n != 348 && n != 540 {
		h.order = binary.BigEndian
	}
	o := h.order
	i16 := func(at int) int16 { return int16(o.Uint16(b[at:])) }
	i32 := func(at int) int32 { return int32(o.Uint32(b[at:])) }
	f32 := func(at int) float64 { return float64(math.Float32frombits(o.Uint32(b[at:]))) }
	f64 := func(at int) float64 { return math.Float64frombits(o.Uint64(b[at:])) }
	if size == 348 {
		h.version = 1
		h.pair = b[345] == 'i'
		for i := range h.dims {
			h.dims[i] = int64(i16(40 + 2*i))
			h.pixdim[i] = f32(76 + 4*i)
		}
		h.intent, h.datatype, h.bitpix = int32(i16(68)), i16(70), i16(72)
		offset := f32(108)
		if !(offset >= 0 && offset < 1<<40) {
			return nil, inputf("NIfTI: impossible vox_offset %v", offset).WithHint(niftiHint)
		}
		h.offset = int64(offset)
		h.slope, h.inter = f32(112), f32(116)
		h.units = int32(b[123])
		h.qform, h.sform = int32(i16(252)), int32(i16(254))
		for i := range 3 {
			h.quatern[i], h.qoffset[i] = f32(256+4*i), f32(268+4*i)
			for j := range 4 {
				h.srow[i][j] = f32(280 + 16*i + 4*j)
			}
		}
	} else {
		h.version = 2
		h.pair = b[5] == 'i'
		h.datatype, h.bitpix = i16(12), i16(14)
		for i := range h.dims {
			h.dims[i] = int64(o.Uint64(b[16+8*i:]))
			h.pixdim[i] = f64(104 + 8*i)
		}
		h.offset = int64(o.Uint64(b[168:]))
		h.slope, h.inter = f64(176), f64(184)
		h.qform, h.sform = i32(344), i32(348)
		for i := range 3 {
			h.quatern[i], h.qoffset[i] = f64(352+8*i), f64(376+8*i)
			for j := range 4 {
				h.srow[i][j] = f64(400 + 32*i + 8*j)
			}
		}
		h.units, h.intent = i32(500), i32(504)
	}
	return h, h.check(int64(size))
}

func (h *niftiHeader) check(size int64) error {
	n := h.dims[0]
	if n < 1 || n > 7 {
		return inputf("NIfTI: dim[0] is %d, not 1 to 7", n).WithHint(niftiHint)
	}
	for i := int64(1); i <= 7; i++ {
		if i > n {
			h.dims[i] = 1
		}
		if h.dims[i] < 1 || h.dims[i] > 1<<31 {
			return inputf("NIfTI: dim[%d] is %d", i, h.dims[i]).WithHint(niftiHint)
		}
	}
	if _, ok := niftiTypes[h.datatype]; !ok {
		return inputf("NIfTI: datatype %d is not supported", h.datatype).WithHint("convert it to a plain integer or float type")
	}
	if !h.pair && h.offset < size || h.offset < 0 || h.offset > 1<<40 {
		return inputf("NIfTI: the samples start at byte %d, inside the header of %d bytes", h.offset, size).WithHint(niftiHint)
	}
	return nil
}

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
	src, err := openNIfTISource(file)
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
		if img, err = openNIfTISource(imgOf(file)); err != nil {
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
	raw    io.Reader // the stored bytes, through the hash
	sum    interface{ Sum([]byte) []byte }
	stored int64 // most bytes that can come out
	at     int64
}

func openNIfTISource(file string) (*niftiSource, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	sum := sha256.New()
	raw := bufio.NewReaderSize(io.TeeReader(f, sum), 1<<18)
	s := &niftiSource{Reader: raw, f: f, raw: raw, sum: sum, stored: st.Size()}
	if head, _ := raw.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(raw)
		if err != nil {
			f.Close()
			return nil, inputf("gzip: %w", err).WithHint("copy the file again from its source")
		}
		s.Reader = z
		s.stored = st.Size() * 1032 // deflate expands at most this much
	}
	return s, nil
}

func (s *niftiSource) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	s.at += int64(n)
	return n, err
}

func (s *niftiSource) Close() error { return s.f.Close() }

// digest reads on to the end: gzip checks its CRC there.
func (s *niftiSource) digest() (string, error) {
	if _, err := io.Copy(io.Discard, s.Reader); err != nil {
		return "", inputf("after the samples: %w", err).WithHint("copy the file again from its source")
	}
	if _, err := io.Copy(io.Discard, s.raw); err != nil {
		return "", err
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

// affine is the map from (i, j, k) to RAS in the file's units, by the sform, else the qform, else the voxel sizes alone (then named
// is false: such files have no orientation).
func (h *niftiHeader) affine() (a Affine, named bool) {
	if h.sform > 0 && finiteAffine(h.srow) && h.srow[0] != [4]float64{} {
		return Affine(h.srow), true
	}
	d := [3]float64{math.Abs(h.pixdim[1]), math.Abs(h.pixdim[2]), math.Abs(h.pixdim[3])}
	for i := range d {
		if !(d[i] > 0) || math.IsInf(d[i], 0) {
			d[i] = 1
		}
	}
	if h.qform <= 0 {
		for i := range 3 {
			a[i][i] = d[i]
		}
		return a, false
	}
	b, c, q := h.quatern[0], h.quatern[1], h.quatern[2]
	w2 := 1 - b*b - c*c - q*q
	w := 0.0
	if w2 < 1e-7 { // a half turn, up to rounding: normalise the vector part
		n := 1 / math.Sqrt(b*b+c*c+q*q)
		b, c, q = b*n, c*n, q*n
	} else {
		w = math.Sqrt(w2)
	}
	if h.pixdim[0] < 0 {
		d[2] = -d[2] // qfac
	}
	r := [3][3]float64{
		{w*w + b*b - c*c - q*q, 2 * (b*c - w*q), 2 * (b*q + w*c)},
		{2 * (b*c + w*q), w*w + c*c - b*b - q*q, 2 * (c*q - w*b)},
		{2 * (b*q - w*c), 2 * (c*q + w*b), w*w + q*q - b*b - c*c},
	}
	for i := range 3 {
		for j := range 3 {
			a[i][j] = r[i][j] * d[j]
		}
		a[i][3] = h.qoffset[i]
	}
	return a, finiteAffine(a)
}

func finiteAffine(a [3][4]float64) bool {
	for _, row := range a {
		for _, v := range row {
			if v-v != 0 {
				return false
			}
		}
	}
	return true
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
