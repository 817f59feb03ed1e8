package rewrite

import (
	"bytes"
	"compress/flate"
	"context"
	"math"

	"github.com/cineloop/cineloop/deid/pixels/jpegblocks"
	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg"
	"github.com/cineloop/cineloop/dicom/pixel/jpegls"
	"github.com/cineloop/cineloop/dicom/pixel/rle"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// geBigEndian is GE's private syntax: implicit little endian with pixel data the other way round.
const geBigEndian dicom.TransferSyntax = "1.2.840.113619.5.2"

// Writer gives the frames of an image with the masked pixels blanked. It may be used from several goroutines.
type Writer struct {
	Syntax dicom.TransferSyntax
	Header *dicom.DataSet // attributes of the image pixel module that differ from the image's; nil if none
	im     *pixel.Image
	m      *mask.Mask
	how    func(i int) ([]byte, error)
	cells  cells
}

// New prepares to write im with m (sealed, of its size). Errors have code input and name a kind of image, never what it shows.
func New(im *pixel.Image, m *mask.Mask) (*Writer, error) {
	w := &Writer{Syntax: im.TransferSyntax, im: im, m: m}
	switch {
	case m.W != im.Columns || m.H != im.Rows:
		return nil, fault.New(fault.Internal, "a mask of %d × %d for an image of %d × %d", m.W, m.H, im.Columns, im.Rows)
	case im.TransferSyntax.IsVideo():
		return nil, fault.New(fault.Input, "video can't be blanked without compressing it again")
	case im.BitsAllocated == 12 || im.BitsAllocated == 1:
		return nil, fault.New(fault.Input, "pixels of %d bits", im.BitsAllocated)
	case im.Samples != 1 && im.Samples != 3:
		return nil, fault.New(fault.Input, "%d samples per pixel", im.Samples)
	}
	w.cells = cells{width: im.SampleBytes(), samples: im.Samples, keep: math.MaxUint64}
	if overlayBits(im) {
		w.cells.keep = (uint64(1)<<im.BitsStored - 1) << (im.HighBit + 1 - im.BitsStored)
	}
	ts := im.TransferSyntax
	if e, ok := im.DataSet().Get(tag.PixelData); !ok || e.Fragments() == nil {
		return w, w.native()
	}
	switch ts {
	case uid.RLELossless:
		w.how = w.decoded(func(b []byte) ([]byte, error) { return rle.Encode(b, im.Columns, im.Samples, im.SampleBytes()) })
	case uid.EncapsulatedUncompressedExplicitVRLittleEndian:
		w.how = w.decoded(func(b []byte) ([]byte, error) { return b, nil })
	case uid.DeflatedImageFrameCompression:
		w.how = w.decoded(deflated)
	default:
		return w, w.stream()
	}
	return w, w.setBlank(w.redescribe())
}

// Frame is frame i as it is to be stored.
func (w *Writer) Frame(ctx context.Context, i int) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return w.how(i)
}

// overlayBits reports whether pixel cells hold overlay planes (PS3.3 C.9.2, retired in 2004).
func overlayBits(im *pixel.Image) bool {
	for g := uint16(0x6000); g <= 0x601E; g += 2 {
		at := func(e uint16) tag.Tag { return tag.Tag(uint32(g)<<16 | uint32(e)) }
		pos, ok := im.DataSet().Int(at(0x0102))
		if ok && pos > 0 && !im.DataSet().Has(at(0x3000)) {
			return im.BitsStored < im.BitsAllocated && !im.Float
		}
	}
	return false
}

// OverlayBits reports whether the pixel cells of im hold overlay planes, which New clears.
func OverlayBits(im *pixel.Image) bool { return overlayBits(im) }

func (w *Writer) setBlank(photometric string) error {
	b, err := blankPixel(w.im, photometric, func() ([]byte, error) { return w.im.Frame(0) })
	w.cells.blank = b
	return err
}

// native changes cells where they are. Big-endian objects become little-endian ones.
func (w *Writer) native() error {
	im := w.im
	if w.Syntax.IsBigEndian() || w.Syntax == geBigEndian {
		w.Syntax = uid.ExplicitVRLittleEndian
	}
	w.cells.planar = im.Planar
	w.cells.shared = im.Samples == 3 && (im.Photometric == "YBR_FULL_422" || im.Photometric == "YBR_PARTIAL_422") && im.BitsAllocated == 8 && im.Columns%2 == 0
	w.how = func(i int) ([]byte, error) {
		b, err := im.Encoded(i)
		if err != nil {
			return nil, err
		}
		return b, w.cells.apply(b, w.m)
	}
	return w.setBlank(im.Photometric)
}

// redescribe notes how decoded frames are described where that is not as the image was, and returns their photometric interpretation.
func (w *Writer) redescribe() string {
	photometric := w.im.Photometric
	switch photometric {
	case "YBR_FULL_422":
		photometric = "YBR_FULL"
	case "YBR_RCT", "YBR_ICT":
		photometric = "RGB"
	}
	h := dicom.NewDataSet()
	if photometric != w.im.Photometric {
		h.SetString(tag.PhotometricInterpretation, photometric)
	}
	if w.im.Planar && (w.Syntax == uid.EncapsulatedUncompressedExplicitVRLittleEndian || w.Syntax == uid.DeflatedImageFrameCompression) {
		h.SetInts(tag.PlanarConfiguration, 0) // the streams of the other syntaxes have an order of their own
	}
	if h.Len() > 0 {
		w.Header = h
	}
	return photometric
}

// decoded is a way that decodes frames, blanks and encodes them.
func (w *Writer) decoded(encode func([]byte) ([]byte, error)) func(int) ([]byte, error) {
	return func(i int) ([]byte, error) {
		b, err := w.im.Frame(i)
		if err != nil {
			return nil, err
		}
		if err := w.cells.apply(b, w.m); err != nil {
			return nil, err
		}
		return encode(b)
	}
}

func deflated(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err == nil {
		_, err = z.Write(b)
	}
	if err == nil {
		err = z.Close()
	}
	return out.Bytes(), err
}

// stream finds the way for streams that say themselves what they are; the first frame's decides for all, and others are held to it.
func (w *Writer) stream() error {
	im := w.im
	src, err := im.Encoded(0)
	if err != nil {
		return err
	}
	h, jerr := jpeg.DecodeHeader(src)
	switch {
	case jerr == nil && !h.Lossless && !h.Progressive:
		fill := jpegblocks.Fill{White: im.Photometric == "MONOCHROME1", YCC: isYCC(h, im.Photometric)}
		w.how = func(i int) ([]byte, error) {
			src, err := im.Encoded(i)
			if err != nil {
				return nil, err
			}
			out, _, err := jpegblocks.Blank(src, w.m, fill)
			return out, err
		}
		return nil
	case jerr == nil && h.Lossless:
		w.Syntax = im.TransferSyntax
		w.how = w.decoded(func(b []byte) ([]byte, error) {
			return jpeg.EncodeLossless(jpeg.Image{Rows: im.Rows, Columns: im.Columns, Components: im.Samples, Precision: w.precision(b), Samples: b})
		})
	default:
		if im.SampleBytes() > 2 {
			return fault.New(fault.Input, "%d-bit samples in %s", im.BitsAllocated, im.TransferSyntax.Name())
		}
		w.Syntax = uid.JPEGLSLossless
		w.how = w.decoded(func(b []byte) ([]byte, error) {
			return jpegls.Encode(jpegls.Image{Rows: im.Rows, Columns: im.Columns, Components: im.Samples, Precision: w.precision(b), Samples: b})
		})
	}
	if _, err := im.Frame(0); err != nil {
		return err
	}
	return w.setBlank(w.redescribe())
}

// isYCC decides what three components are, as decoders do: the stream's own marks before the header.
func isYCC(h jpeg.Header, photometric string) bool {
	switch {
	case h.Components != 3:
		return false
	case h.Adobe >= 0:
		return h.Adobe == 1
	case h.JFIF || h.Subsampled:
		return true
	case h.ComponentIDs[0] == 'R' && h.ComponentIDs[1] == 'G' && h.ComponentIDs[2] == 'B':
		return false
	}
	return len(photometric) > 3 && photometric[:3] == "YBR"
}

// precision is the number of bits that the cells need: those stored, or all of the cell where anything is outside of them (signs, overlays).
func (w *Writer) precision(b []byte) int {
	im, width := w.im, w.im.SampleBytes()
	high := 0
	for i := 0; i+width <= len(b); i += width {
		v := int(b[i])
		if width == 2 {
			v |= int(b[i+1]) << 8
		}
		high |= v
	}
	if im.BitsStored >= 2 && high>>im.BitsStored == 0 && (width == 1 || im.BitsStored > 8) {
		return im.BitsStored
	}
	return im.BitsAllocated
}
