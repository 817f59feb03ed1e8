package jpeg2000

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/cineloop/cineloop/internal/fault"
)

// Options is what the caller knows of the image before it is decoded.
type Options struct {
	Rows, Columns, Components int   // 0: whatever the codestream says
	MaxBytes                  int64 // of decoded samples; 0: 192 MiB
}

// timeFor is how long an image of so many samples may take: OpenJPEG in the module decodes some 10 million samples a second, a busy
// machine less.
func timeFor(samples int64) time.Duration {
	return 4*time.Second + time.Duration(samples)*time.Second/1_000_000
}

// budgetFor is what OpenJPEG may allocate for an image: its 32-bit samples twice, the compressed bytes twice, and tables.
func budgetFor(samples, compressed int64) int64 {
	return min(48<<20+12*samples+4*compressed, memoryLimit-64<<20)
}

// Decode decodes a codestream, bare or in a JP2 file, into interleaved little-endian samples of Header.SampleBytes, signed ones in two's
// complement of the whole cell. The codestream's own colour transform is undone; no other conversion is made.
func Decode(ctx context.Context, src []byte, o Options) (Header, []byte, error) {
	stream, jp2, err := codestream(src)
	if err != nil {
		return Header{}, nil, err
	}
	h, err := decodeSIZ(stream)
	if err != nil {
		return h, nil, err
	}
	h.JP2 = jp2
	if o.MaxBytes == 0 {
		o.MaxBytes = 192 << 20
	}
	differs := func(have, want int) bool { return want != 0 && have != want }
	samples := int64(h.Rows) * int64(h.Columns)
	switch {
	case differs(h.Rows, o.Rows) || differs(h.Columns, o.Columns):
		return h, nil, fault.New(fault.Input, "the codestream is %d × %d, the header says %d × %d", h.Rows, h.Columns, o.Rows, o.Columns)
	case differs(h.Components, o.Components):
		return h, nil, fault.New(fault.Input, "%d components where the header has %d samples per pixel", h.Components, o.Components)
	case h.Components > 4:
		return h, nil, fault.New(fault.Input, "%d components", h.Components)
	case h.Subsampled:
		return h, nil, fault.New(fault.Input, "JPEG 2000 with subsampled components is not decoded")
	case h.Precision > 32:
		return h, nil, fault.New(fault.Input, "JPEG 2000 of %d bits", h.Precision)
	case samples > o.MaxBytes || samples*int64(h.Components*h.SampleBytes()) > o.MaxBytes:
		return h, nil, fault.New(fault.Resource, "a decoded frame of %d × %d is over the limit of %d bytes", h.Rows, h.Columns, o.MaxBytes)
	}
	samples *= int64(h.Components)
	e, err := open(ctx)
	if err != nil {
		return h, nil, err
	}
	width := h.SampleBytes()
	ctx, cancel := context.WithTimeout(ctx, timeFor(samples))
	defer cancel()
	var out []byte
	err = e.with(ctx, func(in *instance) (bool, error) {
		return in.run(ctx, budgetFor(samples, int64(len(stream))), stream, func(at uint32) (uint32, error) {
			return in.call(ctx, "cl_decode", uint64(at), uint64(len(stream)), uint64(h.Columns), uint64(h.Rows), uint64(h.Components), uint64(width))
		}, func(at uint32) (uint32, error) { return uint32(samples) * uint32(width), nil }, &out)
	})
	if err != nil {
		return h, nil, explain(ctx, "decoding", err)
	}
	return h, out, nil
}

// Image is what Encode takes: interleaved samples, a byte each up to 8 bits of precision, else two, little endian.
type Image struct {
	Rows, Columns, Components int
	Precision                 int // 1 to 16
	Signed                    bool
	ColourTransform           bool // the reversible one, for three components of red, green and blue
	Samples                   []byte
}

// Encode is img as a codestream without loss: the reversible 5/3 wavelet, one tile, one layer.
func Encode(ctx context.Context, img Image) ([]byte, error) {
	width := 1
	if img.Precision > 8 {
		width = 2
	}
	n := img.Components
	switch {
	case img.Rows < 1 || img.Rows > 65535 || img.Columns < 1 || img.Columns > 65535 || n < 1 || n > 4 || img.Precision < 1 || img.Precision > 16:
		return nil, fault.New(fault.Input, "JPEG 2000: not an image that is encoded")
	case img.ColourTransform && n != 3:
		return nil, fault.New(fault.Input, "JPEG 2000: a colour transform of %d components", n)
	case len(img.Samples) != img.Rows*img.Columns*n*width:
		return nil, fault.New(fault.Input, "JPEG 2000: %d bytes of samples", len(img.Samples))
	}
	if err := img.checkRange(width); err != nil {
		return nil, err
	}
	e, err := open(ctx)
	if err != nil {
		return nil, err
	}
	samples := int64(img.Rows) * int64(img.Columns) * int64(n)
	ctx, cancel := context.WithTimeout(ctx, timeFor(samples))
	defer cancel()
	flag := map[bool]uint64{true: 1}
	var out []byte
	err = e.with(ctx, func(in *instance) (bool, error) {
		return in.run(ctx, budgetFor(2*samples, int64(len(img.Samples))), img.Samples, func(at uint32) (uint32, error) {
			return in.call(ctx, "cl_encode", uint64(at), uint64(img.Columns), uint64(img.Rows), uint64(n), uint64(width),
				uint64(img.Precision), flag[img.Signed], flag[img.ColourTransform])
		}, func(uint32) (uint32, error) { return in.call(ctx, "cl_encoded_size") }, &out)
	})
	if err != nil {
		return nil, explain(ctx, "encoding", err)
	}
	return out, nil
}

// checkRange refuses samples outside the precision: the encoder would lose them without a word.
func (img Image) checkRange(width int) error {
	lo, hi := 0, 1<<img.Precision-1
	if img.Signed {
		lo, hi = -1<<(img.Precision-1), 1<<(img.Precision-1)-1
	}
	for i := 0; i < len(img.Samples); i += width {
		v := int(img.Samples[i])
		if width == 2 {
			v |= int(img.Samples[i+1]) << 8
		}
		if img.Signed {
			v = v << (64 - 8*width) >> (64 - 8*width)
		}
		if v < lo || v > hi {
			return fault.New(fault.Input, "JPEG 2000: a sample needs more than %d bits", img.Precision)
		}
	}
	return nil
}

// errMessage is an error that OpenJPEG reported in an orderly way: the instance is as good as before.
var errMessage = errors.New("")

// run copies src into the instance, calls work with its place, and copies out what work's result points at.
func (in *instance) run(ctx context.Context, budget int64, src []byte, work, size func(at uint32) (uint32, error), out *[]byte) (keep bool, err error) {
	if _, err := in.call(ctx, "cl_budget", api.EncodeU32(uint32(budget))); err != nil {
		return false, err
	}
	at, err := in.call(ctx, "cl_alloc", uint64(max(len(src), 1)))
	if err != nil {
		return false, err
	}
	if at == 0 || !in.module.Memory().Write(at, src) {
		return false, fault.New(fault.Resource, "%d bytes of compressed data do not fit", len(src))
	}
	made, err := work(at)
	if err != nil {
		return false, err
	}
	if made == 0 {
		text, err := in.call(ctx, "cl_message")
		if err != nil {
			return false, err
		}
		if _, err := in.call(ctx, "cl_free", uint64(at)); err != nil {
			return false, err
		}
		return true, fmt.Errorf("%w%s", errMessage, in.text(text))
	}
	n, err := size(made)
	if err != nil {
		return false, err
	}
	b, ok := in.module.Memory().Read(made, n)
	if !ok {
		return false, fault.New(fault.Input, "the result is outside of the memory")
	}
	*out = append(make([]byte, 0, n), b...) // the instance goes on to the next image
	for _, p := range []uint32{made, at} {
		if _, err := in.call(ctx, "cl_free", uint64(p)); err != nil {
			return false, err
		}
	}
	return true, nil
}

// explain gives an error of the module the code that it has for the user.
func explain(ctx context.Context, what string, err error) error {
	var known *fault.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, errMessage):
		return fault.New(fault.Input, "JPEG 2000: %s: OpenJPEG: %s", what, err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fault.New(fault.Input, "JPEG 2000: %s took too long and was stopped", what)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fault.New(fault.Input, "JPEG 2000: %s: OpenJPEG failed inside its module and was restarted", what)
}
