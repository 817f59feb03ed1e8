package pixel

import (
	"bytes"
	"compress/flate"
	"context"
	"io"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg2000"
	"github.com/cineloop/cineloop/dicom/pixel/jpegls"
	"github.com/cineloop/cineloop/dicom/pixel/rle"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// Encoders are the encapsulated transfer syntaxes that Transcode writes, all of them lossless. JPEG 2000 needs its codec on the machine: see
// [CanEncode].
var Encoders = []dicom.TransferSyntax{
	uid.RLELossless, uid.JPEGLosslessSV1, uid.JPEGLossless, uid.JPEGLSLossless, uid.JPEG2000Lossless,
	uid.EncapsulatedUncompressedExplicitVRLittleEndian, uid.DeflatedImageFrameCompression,
}

// Transcode writes f in another transfer syntax. Between native ones, and to the syntax that f has, only the encoding changes; otherwise
// the frames are decoded, several at a time, and, for an encapsulated syntax, encoded again without loss. Samples, signs and palettes
// stay what they are; the photometric interpretation becomes that of the decoded samples, and what was compressed with loss says
// so afterwards, if it did not before. A file of many frames goes through a temporary file, not through memory.
func Transcode(ctx context.Context, w io.Writer, f *dicom.File, to dicom.TransferSyntax) error {
	if to == f.TransferSyntax {
		return f.Write(w)
	}
	if err := CanEncode(to); err != nil {
		return err
	}
	_, hasPixels := f.DataSet.Get(tag.PixelData)
	if !hasPixels || !to.IsEncapsulated() && !f.TransferSyntax.IsEncapsulated() && f.TransferSyntax != "1.2.840.113619.5.2" {
		return f.WriteAs(w, to)
	}
	im, err := Open(f)
	if err != nil {
		return err
	}
	out, err := f.DataSet.Copy()
	if err != nil {
		return err
	}
	if err := im.redescribe(out, to); err != nil {
		return err
	}
	frames := spool{limit: spoolMemory}
	defer frames.close()
	if to.IsEncapsulated() {
		colour := out.String(tag.PhotometricInterpretation)
		encode := func(b []byte) ([]byte, error) { return im.encode(ctx, b, to, colour) }
		if err := im.encodeEach(ctx, encode, frames.add); err != nil {
			return err
		}
		parts, err := frames.parts()
		if err != nil {
			return err
		}
		return dicom.Write(w, out, dicom.WriteOptions{TransferSyntaxUID: string(to), Frames: parts})
	}
	var bits bitPacker
	err = im.EachFrame(ctx, func(_ int, b []byte) error {
		if im.BitsAllocated == 1 {
			b = bits.pack(b)
		}
		return frames.add(b)
	})
	if err == nil {
		err = frames.add(bits.rest())
	}
	if err != nil {
		return err
	}
	all, err := frames.all()
	if err != nil {
		return err
	}
	v := vr.OW
	if im.BitsAllocated > 1 && im.BitsAllocated <= 8 && !to.IsImplicit() {
		v = vr.OB
	}
	out.SetBytes(tag.PixelData, v, all)
	return dicom.Write(w, out, dicom.WriteOptions{TransferSyntaxUID: string(to)})
}

// encodeEach decodes and encodes all frames, in parallel where they are independent, and hands them to fn in order.
func (im *Image) encodeEach(ctx context.Context, encode func([]byte) ([]byte, error), fn func([]byte) error) error {
	if im.elem.Fragments() != nil && im.TransferSyntax.IsVideo() {
		return im.EachFrame(ctx, func(_ int, b []byte) error {
			e, err := encode(b)
			if err != nil {
				return err
			}
			return fn(e)
		})
	}
	return im.Each(ctx, 0, func(i int) ([]byte, error) {
		b, err := im.Frame(i)
		if err != nil {
			return nil, err
		}
		return encode(b)
	}, func(_ int, b []byte) error { return fn(b) })
}

// redescribe makes the Image Pixel module of out that of decoded frames, in syntax to.
func (im *Image) redescribe(out *dicom.DataSet, to dicom.TransferSyntax) error {
	photometric, err := im.decodedPhotometric()
	if err != nil {
		return err
	}
	out.Delete(tag.PixelData, tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths)
	if im.Samples > 1 {
		out.SetInts(tag.PlanarConfiguration, 0)
	}
	if im.BitsAllocated == 12 {
		out.SetInts(tag.BitsAllocated, 16)
	}
	if to == uid.JPEG2000Lossless && photometric == "RGB" {
		photometric = "YBR_RCT" // the reversible transform goes with it
	}
	if photometric != im.Photometric {
		out.SetString(tag.PhotometricInterpretation, photometric)
	}
	if im.elem.Fragments() != nil {
		im.markLossy(out)
	}
	return nil
}

// encode encodes a decoded frame, whose photometric interpretation will be colour.
func (im *Image) encode(ctx context.Context, b []byte, to dicom.TransferSyntax, colour string) ([]byte, error) {
	width := im.SampleBytes()
	switch to {
	case uid.RLELossless:
		if im.BitsAllocated == 1 {
			b = packBits(b)
			return rle.Encode(b, len(b), 1, 1)
		}
		return rle.Encode(b, im.Columns, im.Samples, width)
	case uid.EncapsulatedUncompressedExplicitVRLittleEndian:
		if im.BitsAllocated == 1 {
			b = packBits(b)
		}
		return b, nil
	case uid.DeflatedImageFrameCompression:
		if im.BitsAllocated == 1 {
			b = packBits(b)
		}
		var out bytes.Buffer
		z, err := flate.NewWriter(&out, flate.DefaultCompression)
		if err != nil {
			return nil, err
		}
		if _, err := z.Write(b); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		return out.Bytes(), nil
	}
	if width > 2 || im.Float || im.BitsAllocated == 1 {
		return nil, fault.New(fault.Input, "%s has no samples of %d bits", to.Name(), im.BitsAllocated)
	}
	if to == uid.JPEG2000Lossless {
		precision := im.codedBits(b)
		if im.Signed {
			precision = im.signedBits(b)
		}
		return jpeg2000.Encode(ctx, jpeg2000.Image{Rows: im.Rows, Columns: im.Columns, Components: im.Samples, Precision: precision,
			Signed: im.Signed, ColourTransform: colour == "YBR_RCT", Samples: b})
	}
	precision := im.codedBits(b)
	if to == uid.JPEGLSLossless {
		return jpegls.Encode(jpegls.Image{Rows: im.Rows, Columns: im.Columns, Components: im.Samples, Precision: precision, Samples: b})
	}
	return jpeg.EncodeLossless(jpeg.Image{Rows: im.Rows, Columns: im.Columns, Components: im.Samples, Precision: precision, Samples: b})
}

// codedBits is the precision to code cells with: the stored bits if nothing is outside of them, or else the whole cell. Signed samples take
// their sign extension with them.
func (im *Image) codedBits(b []byte) int {
	width := im.SampleBytes()
	if width > 2 || im.BitsAllocated != 8*width {
		return im.BitsAllocated
	}
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

// signedBits is the precision to code signed cells with as signed samples: the stored bits if each cell is a sample with its sign
// extended over it, or else the whole cell.
func (im *Image) signedBits(b []byte) int {
	width := im.SampleBytes()
	if im.BitsStored < 2 || width == 2 && im.BitsStored <= 8 { // a codec would give cells of a byte back
		return im.BitsAllocated
	}
	lo, hi := -1<<(im.BitsStored-1), 1<<(im.BitsStored-1)-1
	for i := 0; i+width <= len(b); i += width {
		v := int(int8(b[i]))
		if width == 2 {
			v = int(int16(uint16(b[i]) | uint16(b[i+1])<<8))
		}
		if v < lo || v > hi {
			return im.BitsAllocated
		}
	}
	return im.BitsStored
}
