package pixel

import (
	"bytes"
	"compress/flate"
	"context"
	"io"
	"slices"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg"
	"github.com/cineloop/cineloop/dicom/pixel/jpegls"
	"github.com/cineloop/cineloop/dicom/pixel/rle"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// Encoders are the encapsulated transfer syntaxes that Transcode writes, all of them lossless.
var Encoders = []dicom.TransferSyntax{
	uid.RLELossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.EncapsulatedUncompressedExplicitVRLittleEndian, uid.DeflatedImageFrameCompression,
}

// Transcode writes f in another transfer syntax. Between native ones, and to the syntax that f has, only the encoding changes; otherwise
// the frames are decoded and, for an encapsulated syntax, encoded again without loss. Pixel data stay what they are: samples, signs,
// palettes, and the record of an earlier lossy compression.
func Transcode(ctx context.Context, w io.Writer, f *dicom.File, to dicom.TransferSyntax) error {
	if to == f.TransferSyntax {
		return f.Write(w)
	}
	if !to.Known() {
		return fault.New(fault.Usage, "%q is not a transfer syntax", string(to))
	}
	if to.IsEncapsulated() && !slices.Contains(Encoders, to) {
		return fault.New(fault.Usage, "this program does not write %s", to.Name())
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
	im.redescribe(out)
	if to.IsEncapsulated() {
		frames := make([][]byte, im.Frames)
		err = im.each(ctx, func(i int) ([]byte, error) {
			b, err := im.Frame(i)
			if err != nil {
				return nil, err
			}
			return im.encode(b, to)
		}, func(i int, b []byte) error { frames[i] = b; return nil })
		if err != nil {
			return err
		}
		return dicom.Write(w, out, dicom.WriteOptions{TransferSyntaxUID: string(to), Frames: frames})
	}
	var all []byte
	err = im.each(ctx, im.Frame, func(_ int, b []byte) error { all = append(all, b...); return nil })
	if err != nil {
		return err
	}
	v := vr.OW
	if im.BitsAllocated == 1 {
		all = packBits(all)
	} else if im.BitsAllocated <= 8 && !to.IsImplicit() {
		v = vr.OB
	}
	out.SetBytes(tag.PixelData, v, all)
	return dicom.Write(w, out, dicom.WriteOptions{TransferSyntaxUID: string(to)})
}

// each runs over all frames: video in one pass of its stream, all else in parallel.
func (im *Image) each(ctx context.Context, decode func(int) ([]byte, error), fn func(int, []byte) error) error {
	if im.TransferSyntax.IsVideo() {
		return fault.New(fault.Input, "video is kept as it is: %s can't be transcoded", im.TransferSyntax.Name())
	}
	return im.Each(ctx, 0, decode, fn)
}

// redescribe makes the Image Pixel module of out that of decoded frames.
func (im *Image) redescribe(out *dicom.DataSet) {
	out.Delete(tag.PixelData, tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths)
	if im.Samples > 1 {
		out.SetInts(tag.PlanarConfiguration, 0)
	}
	if im.BitsAllocated == 12 {
		out.SetInts(tag.BitsAllocated, 16)
	}
	switch im.Photometric {
	case "YBR_FULL_422":
		out.SetString(tag.PhotometricInterpretation, "YBR_FULL")
	case "YBR_RCT", "YBR_ICT":
		out.SetString(tag.PhotometricInterpretation, "RGB")
	}
}

// encode encodes a decoded frame.
func (im *Image) encode(b []byte, to dicom.TransferSyntax) ([]byte, error) {
	width := im.SampleBytes()
	precision := im.codedBits(b)
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
