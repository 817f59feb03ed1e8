package clip

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

// Save writes c to path, whole or not at all, in the format of its name: .npy, .npz (member "clip"), .avi, .nii, .nii.gz, .png (one
// frame, 8 or 16 bits).
func Save(path string, c *Clip) error {
	lower := strings.ToLower(path)
	var write func(io.Writer) error
	switch {
	case strings.HasSuffix(lower, ".npy"):
		write = func(w io.Writer) error { return WriteNPY(w, c) }
	case strings.HasSuffix(lower, ".npz"):
		write = func(w io.Writer) error { return WriteNPZ(w, []NamedClip{{"clip", c}}) }
	case strings.HasSuffix(lower, ".avi"):
		write = func(w io.Writer) error { return WriteAVI(w, c, AVIOptions{}) }
	case strings.HasSuffix(lower, ".nii"):
		write = func(w io.Writer) error { return WriteNIfTI(w, c) }
	case strings.HasSuffix(lower, ".nii.gz"):
		write = func(w io.Writer) error {
			z := gzip.NewWriter(w)
			if err := WriteNIfTI(z, c); err != nil {
				return err
			}
			return z.Close()
		}
	case strings.HasSuffix(lower, ".png"):
		if c.T != 1 {
			return fault.New(fault.Usage, "writing %s: a PNG holds one frame, the clip has %d", path, c.T)
		}
		write = func(w io.Writer) error { return WritePNG(w, c, 0) }
	default:
		return fault.New(fault.Usage, "writing %s: no writer for %q", path, filepath.Ext(path)).WithHint(".npy, .npz, .avi, .nii, .nii.gz or .png")
	}
	return atomicfile.Write(path, write)
}

var npyDescrs = map[DType]string{Uint8: "|u1", Int8: "|i1", Uint16: "<u2", Int16: "<i2", Int32: "<i4", Float32: "<f4", Float64: "<f8"}

// WriteNPY writes c as an array [T, H, W], or [T, H, W, C] when C is not 1, format version 1.0, little endian.
func WriteNPY(w io.Writer, c *Clip) error {
	if err := c.Validate(); err != nil {
		return err
	}
	shape := fmt.Sprintf("(%d, %d, %d)", c.T, c.H, c.W)
	if c.C != 1 {
		shape = fmt.Sprintf("(%d, %d, %d, %d)", c.T, c.H, c.W, c.C)
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", npyDescrs[c.DType], shape)
	pad := 64 - (10+len(dict)+1)%64
	dict += strings.Repeat(" ", pad%64) + "\n"
	head := append([]byte("\x93NUMPY\x01\x00"), byte(len(dict)), byte(len(dict)>>8))
	if _, err := w.Write(append(head, dict...)); err != nil {
		return err
	}
	return c.WriteLittle(w)
}

// WriteLittle writes the samples, little endian.
func (c *Clip) WriteLittle(w io.Writer) error {
	data := c.Data
	if nativeBig && c.DType.Size() > 1 {
		data = bytes.Clone(data)
		swapBytes(data, c.DType.Size())
	}
	_, err := w.Write(data)
	return err
}

// NamedClip is a member of an npz archive.
type NamedClip struct {
	Name string
	Clip *Clip
}

// WriteNPZ writes a deflated archive whose bytes depend on the members alone.
func WriteNPZ(w io.Writer, members []NamedClip) error {
	z := zip.NewWriter(w)
	for _, m := range members {
		f, err := z.CreateHeader(&zip.FileHeader{Name: m.Name + ".npy", Method: zip.Deflate})
		if err != nil {
			return err
		}
		if err := WriteNPY(f, m.Clip); err != nil {
			return fmt.Errorf("member %s: %w", m.Name, err)
		}
	}
	return z.Close()
}

// AVIOptions says how [WriteAVI] encodes. Zero values are sensible.
type AVIOptions struct {
	Quality int     // JPEG quality 1–100; default 95
	FPS     float64 // frames a second when the clip has no times; default 25
}

// WriteAVI writes 8-bit grey or RGB frames as motion JPEG with an index. AVI has one rate for the whole file: uneven frame times become
// even ones of the same mean.
func WriteAVI(w io.Writer, c *Clip, opt AVIOptions) error {
	if c.DType != Uint8 || c.C != 1 && c.C != 3 {
		return fault.New(fault.Usage, "AVI holds 8-bit grey or RGB frames, the clip has %d channels of %v", c.C, c.DType).WithHint("window it first")
	}
	if opt.Quality <= 0 {
		opt.Quality = 95
	}
	rate := c.FrameRate()
	if rate <= 0 {
		rate = opt.FPS
	}
	if rate <= 0 {
		rate = 25
	}
	frames := make([][]byte, c.T)
	largest, total := 0, 0
	for t := range frames {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, jpegImage(c, t), &jpeg.Options{Quality: opt.Quality}); err != nil {
			return err
		}
		if b.Len()%2 == 1 {
			b.WriteByte(0) // chunks start at even offsets; JPEG ignores what follows its end marker
		}
		frames[t] = b.Bytes()
		largest, total = max(largest, b.Len()), total+b.Len()+8
	}
	if total > math.MaxInt32 {
		return fault.New(fault.Resource, "the frames take %d MB; an AVI holds 2 GB", total>>20)
	}
	_, err := w.Write(aviBytes(c, frames, rate, largest, total))
	return err
}

func aviBytes(c *Clip, frames [][]byte, rate float64, largest, total int) []byte {
	le := binary.LittleEndian
	u32 := func(b []byte, vs ...uint32) []byte {
		for _, v := range vs {
			b = le.AppendUint32(b, v)
		}
		return b
	}
	chunk := func(id string, body []byte) []byte { return append(u32([]byte(id), uint32(len(body))), body...) }
	micros := uint32(math.Round(1e6 / rate))
	n, w, h := uint32(len(frames)), uint32(c.W), uint32(c.H)
	avih := u32(nil, micros, 0, 0, 0x10, n, 0, 1, uint32(largest), w, h, 0, 0, 0, 0)
	strh := u32([]byte("vidsMJPG"), 0, 0, 0, micros, 1_000_000, 0, n, uint32(largest), math.MaxUint32, 0, 0)
	strh = le.AppendUint16(le.AppendUint16(strh, uint16(w)), uint16(h))
	strf := u32(nil, 40, w, h)
	strf = le.AppendUint16(le.AppendUint16(strf, 1), 24)
	strf = append(strf, "MJPG"...)
	strf = u32(strf, w*h*3, 0, 0, 0, 0)
	strl := append([]byte("strl"), append(chunk("strh", strh), chunk("strf", strf)...)...)
	hdrl := append([]byte("hdrl"), append(chunk("avih", avih), chunk("LIST", strl)...)...)
	out := append(make([]byte, 0, total+16*len(frames)+1024), "RIFF\x00\x00\x00\x00AVI "...)
	out = append(out, chunk("LIST", hdrl)...)
	out = append(u32(append(out, "LIST"...), uint32(total+4)), "movi"...)
	var idx []byte
	at := uint32(4) // from the movi list's type
	for _, f := range frames {
		idx = u32(append(idx, "00dc"...), 0x10, at, uint32(len(f)))
		out = append(u32(append(out, "00dc"...), uint32(len(f))), f...)
		at += uint32(len(f)) + 8
	}
	out = append(out, chunk("idx1", idx)...)
	le.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

// jpegImage is frame t for image/jpeg: colour at full chroma resolution would be kept only by 4:4:4, which its encoder lacks, so RGB
// frames lose half of their colour resolution.
func jpegImage(c *Clip, t int) image.Image {
	if c.C == 1 {
		return &image.Gray{Pix: c.Frame(t), Stride: c.W, Rect: image.Rect(0, 0, c.W, c.H)}
	}
	img := image.NewRGBA(image.Rect(0, 0, c.W, c.H))
	f := c.Frame(t)
	for i := range c.W * c.H {
		img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], img.Pix[4*i+3] = f[3*i], f[3*i+1], f[3*i+2], 255
	}
	return img
}

var niftiCodes = map[DType]int16{Uint8: 2, Int16: 4, Int32: 8, Float32: 16, Float64: 64, Int8: 256, Uint16: 512}

// WriteNIfTI writes a one-channel clip as a single-file NIfTI-1 image: stacks as a volume with its affine as sform (LPS to RAS), cines
// as frames along the time axis at their mean interval. RGB bytes are written as such.
func WriteNIfTI(w io.Writer, c *Clip) error {
	code, channels := niftiCodes[c.DType], 1
	if c.C == 3 && c.DType == Uint8 {
		code, channels = 128, 3
	} else if c.C != 1 {
		return fault.New(fault.Usage, "NIfTI holds one channel or RGB bytes, the clip has %d of %v", c.C, c.DType)
	}
	if err := c.Validate(); err != nil {
		return err
	}
	for _, n := range []int{c.T, c.H, c.W} {
		if n > math.MaxInt16 {
			return fault.New(fault.Usage, "a side of %d samples does not fit NIfTI-1", n)
		}
	}
	le := binary.LittleEndian
	b := make([]byte, 352)
	f32 := func(at int, v float64) { le.PutUint32(b[at:], math.Float32bits(float32(v))) }
	i16 := func(at int, v int) { le.PutUint16(b[at:], uint16(v)) }
	le.PutUint32(b, 348)
	dims := []int{3, c.W, c.H, c.T, 1, 1, 1, 1}
	pix := []float64{1, c.Spacing.Column, c.Spacing.Row, c.Spacing.Slice, 0}
	if c.TimesMS != nil {
		dims = []int{4, c.W, c.H, 1, c.T, 1, 1, 1}
		pix[3] = 0
		if rate := c.FrameRate(); rate > 0 {
			pix[4] = 1000 / rate
		}
	}
	for i, d := range dims {
		i16(40+2*i, d)
	}
	for i, p := range pix {
		if p == 0 && i < 4 {
			p = 1
		}
		f32(76+4*i, p)
	}
	if c.Photometric == Mask {
		i16(68, 1002)
	}
	i16(70, int(code))
	i16(72, c.DType.Size()*8*channels)
	f32(108, 352)
	f32(112, 1)
	b[123] = 2 | 16 // mm, ms
	if c.Affine != nil && c.TimesMS == nil {
		i16(254, 1)
		for i := range 3 {
			sign := 1.0
			if i < 2 {
				sign = -1
			}
			for j := range 4 {
				f32(280+16*i+4*j, sign*c.Affine[i][j])
			}
		}
	}
	copy(b[344:], "n+1\x00")
	if _, err := w.Write(b); err != nil {
		return err
	}
	return c.WriteLittle(w)
}
