package pixel

import (
	"bytes"
	"compress/flate"
	"context"
	"io"

	"github.com/cineloop/cineloop/dicom/pixel/jpeg"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg2000"
	"github.com/cineloop/cineloop/dicom/pixel/jpegls"
	"github.com/cineloop/cineloop/dicom/pixel/jpegxl"
	"github.com/cineloop/cineloop/dicom/pixel/rle"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// decodeFrame decodes encapsulated frame i into interleaved samples.
func (im *Image) decodeFrame(i int) ([]byte, error) {
	ts := im.TransferSyntax
	if ts.IsVideo() {
		return im.videoFrame(i)
	}
	src, err := im.encodedFrame(i)
	if err != nil {
		return nil, err
	}
	switch ts {
	case uid.RLELossless:
		pixels := im.Rows * im.Columns
		if im.BitsAllocated == 1 {
			pixels = int(im.bytesOf(1))
		}
		b, err := rle.Decode(src, nil, pixels, im.Samples, im.SampleBytes())
		switch {
		case err != nil:
			return nil, fault.New(fault.Input, "%w", err)
		case im.BitsAllocated == 1:
			return im.unpack(b), nil
		}
		return b, nil
	case uid.EncapsulatedUncompressedExplicitVRLittleEndian:
		if int64(len(src)) < im.bytesOf(1) {
			return nil, fault.New(fault.Input, "%d bytes of %d", len(src), im.bytesOf(1))
		}
		return im.unpack(src[:im.bytesOf(1)]), nil
	case uid.DeflatedImageFrameCompression:
		b := make([]byte, im.bytesOf(1))
		if _, err := io.ReadFull(flate.NewReader(bytes.NewReader(src)), b); err != nil {
			return nil, fault.New(fault.Input, "deflated frame: %w", err)
		}
		return im.unpack(b), nil
	}
	return im.decodeStream(src)
}

// decodeStream decodes a frame that says itself what it is: a JPEG of some kind. Streams under the wrong transfer syntax are common
// enough that the bytes decide.
func (im *Image) decodeStream(src []byte) ([]byte, error) {
	switch {
	case isJPEGLS(src):
		h, b, err := jpegls.Decode(src, jpegls.Options{Rows: im.Rows, Columns: im.Columns, MaxBytes: im.maxBytes})
		if err != nil {
			return nil, fault.New(fault.Input, "%w", err)
		}
		return im.fit(b, h.Components, h.Precision, im.Signed)
	case jpeg2000.Is(src):
		h, b, err := jpeg2000.Decode(context.Background(), src, jpeg2000.Options{Rows: im.Rows, Columns: im.Columns, Components: im.Samples, MaxBytes: im.maxBytes})
		if err != nil {
			return nil, err
		}
		return im.fit(b, h.Components, h.Precision, h.Signed)
	case jpegxl.Is(src):
		return im.decodeJPEGXL(src)
	case len(src) > 3 && src[0] == 0xFF && src[1] == 0xD8:
		return im.decodeJPEG(src, nil, false, false)
	}
	return nil, fault.New(fault.Input, "the frame is none of what this program decodes (%s)", im.TransferSyntax.Name())
}

// isJPEGLS reports whether the first frame header of a JPEG stream is that of JPEG-LS.
func isJPEGLS(src []byte) bool {
	if len(src) < 4 || src[0] != 0xFF || src[1] != 0xD8 {
		return false
	}
	for at := 2; at+4 <= len(src); {
		switch m := src[at+1]; {
		case src[at] != 0xFF || m == 0xFF:
			at++
		case m == 0xF7:
			return true
		case m == 0xDA || m >= 0xC0 && m <= 0xCF && m != 0xC4:
			return false
		default:
			at += 2 + int(src[at+2])<<8 + int(src[at+3])
		}
	}
	return false
}

// decodeJPEG decodes a JPEG frame and brings it to the header's cells.
func (im *Image) decodeJPEG(src, dst []byte, grey, rgb bool) ([]byte, error) {
	h, b, err := jpeg.Decode(src, dst, jpeg.Options{Rows: im.Rows, Columns: im.Columns, MaxBytes: im.maxBytes, GreyOnly: grey, RGB: rgb})
	if err != nil {
		return nil, fault.New(fault.Input, "%w", err)
	}
	if h.Truncated {
		return nil, fault.New(fault.Input, "the compressed data end before the frame does")
	}
	if grey {
		return b, nil
	}
	return im.fit(b, h.Components, h.Precision, im.Signed)
}

// decodeJPEGXL decodes a JPEG XL frame; a recompressed JPEG as the JPEG that it was.
func (im *Image) decodeJPEGXL(src []byte) ([]byte, error) {
	x, err := jpegxl.Decode(context.Background(), src, jpegxl.Options{Rows: im.Rows, Columns: im.Columns, MaxBytes: im.maxBytes})
	if err != nil {
		return nil, err
	}
	if x.JPEG != nil {
		return im.decodeJPEG(x.JPEG, nil, false, false)
	}
	return im.fit(x.Samples, x.Components, x.Precision, false)
}

// fit holds what a codec gave against the header: the number of samples must be right; cells are widened, by the sign if the samples have
// one, or narrowed.
func (im *Image) fit(b []byte, samples, precision int, signed bool) ([]byte, error) {
	if samples != im.Samples {
		return nil, fault.New(fault.Input, "%d components where the header has %d samples per pixel", samples, im.Samples)
	}
	have, want := 1, im.SampleBytes()
	switch {
	case precision > 16:
		have = 4
	case precision > 8:
		have = 2
	}
	if precision > im.BitsAllocated && im.BitsAllocated > 1 {
		return nil, fault.New(fault.Input, "samples of %d bits in cells of %d", precision, im.BitsAllocated)
	}
	if have == want {
		return b, nil
	}
	n := len(b) / have
	out := make([]byte, n*want)
	for i := range n {
		copy(out[i*want:], b[i*have:i*have+min(have, want)])
		if have < want && signed && b[i*have+have-1]&0x80 != 0 {
			for k := have; k < want; k++ {
				out[i*want+k] = 0xFF
			}
		}
	}
	return out, nil
}
