package jpegxl

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cineloop/cineloop/dicom/pixel/internal/child"
	"github.com/cineloop/cineloop/internal/fault"
)

// InstallHint names what to install.
const InstallHint = "install it with: sudo apt-get install libjxl-tools"

// Options is what the caller knows of the image.
type Options struct {
	Rows, Columns int
	MaxBytes      int64 // of decoded samples
}

// Image is a decoded image: either a JPEG, or samples.
type Image struct {
	JPEG       []byte // the JPEG that was recompressed
	Components int
	Precision  int
	Samples    []byte // interleaved, a byte each up to 8 bits of precision, else two, little endian
}

// Find is the path of djxl, or a fault.Missing error.
func Find() (string, error) {
	path, err := exec.LookPath("djxl")
	if err != nil {
		return "", fault.New(fault.Missing, "JPEG XL needs djxl").WithHint(InstallHint)
	}
	return path, nil
}

// Decode decodes src.
func Decode(ctx context.Context, src []byte, o Options) (*Image, error) {
	h, err := DecodeHeader(src)
	if err != nil {
		return nil, err
	}
	if h.Rows != o.Rows || h.Columns != o.Columns {
		return nil, fault.New(fault.Input, "the JPEG XL image is %d × %d, the header says %d × %d", h.Rows, h.Columns, o.Rows, o.Columns)
	}
	pixels := int64(h.Rows) * int64(h.Columns)
	if pixels > o.MaxBytes {
		return nil, fault.New(fault.Resource, "a decoded frame of %d × %d is over the limit of %d bytes", h.Rows, h.Columns, o.MaxBytes)
	}
	path, err := Find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cineloop-jxl-")
	if err != nil {
		return nil, fault.New(fault.Resource, "a folder for djxl: %w", err)
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "in.jxl"), filepath.Join(dir, "out.ppm")
	if h.JPEG {
		out = filepath.Join(dir, "out.jpg")
	}
	if err := os.WriteFile(in, src, 0o600); err != nil {
		return nil, fault.New(fault.Resource, "a file for djxl: %w", err)
	}
	// djxl takes about 60 bytes a pixel; it decodes ten million pixels a second, a busy machine fewer.
	span := 4*time.Second + time.Duration(pixels)*time.Second/1_000_000
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	cmd := child.Command(ctx, child.Limits{Memory: 256<<20 + 160*pixels + 8*int64(len(src)), CPU: span, File: o.MaxBytes + 1024}, path, in, out, "--num_threads=0", "--quiet")
	switch err := cmd.Run(); {
	case ctx.Err() == context.DeadlineExceeded:
		return nil, fault.New(fault.Input, "djxl took too long and was stopped")
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fault.New(fault.Input, "djxl: %s", child.Diagnosis(cmd, in))
	}
	b, err := os.ReadFile(out)
	if err != nil {
		return nil, fault.New(fault.Input, "djxl made no picture")
	}
	if h.JPEG {
		return &Image{JPEG: b}, nil
	}
	return parsePNM(b, o)
}

// parsePNM reads a binary PGM or PPM of the size that is expected, big endian above eight bits.
func parsePNM(b []byte, o Options) (*Image, error) {
	bad := fault.New(fault.Input, "djxl made a picture of another kind")
	var field [4]int
	im := &Image{}
	rest := b
	for i := range field {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		n := bytes.IndexAny(rest[:min(len(rest), 16)], " \t\r\n")
		if n < 1 {
			return nil, bad
		}
		word := string(rest[:n])
		rest = rest[n:]
		if i == 0 {
			im.Components = map[string]int{"P5": 1, "P6": 3}[word]
			continue
		}
		v, err := strconv.Atoi(word)
		if err != nil || v < 1 || v > 1<<30 {
			return nil, bad
		}
		field[i] = v
	}
	if len(rest) == 0 || im.Components == 0 || field[1] != o.Columns || field[2] != o.Rows || field[3] > 65535 {
		return nil, bad
	}
	rest = rest[1:]
	for im.Precision = 1; 1<<im.Precision-1 < field[3]; im.Precision++ {
	}
	width := (im.Precision + 7) / 8
	size := int64(o.Rows) * int64(o.Columns) * int64(im.Components*width)
	if int64(len(rest)) != size || size > o.MaxBytes {
		return nil, bad
	}
	if width == 2 {
		for i := 0; i < len(rest); i += 2 {
			rest[i], rest[i+1] = rest[i+1], rest[i]
		}
	}
	im.Samples = rest
	return im, nil
}
