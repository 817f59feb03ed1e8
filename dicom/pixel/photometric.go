package pixel

import (
	"strconv"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg2000"
	"github.com/cineloop/cineloop/dicom/pixel/jpegls"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// decodedPhotometric is the photometric interpretation of what [Image.Frame] gives, which for compressed images is often not what the header
// has: a codec may undo a colour transform, and the marks in a JPEG are believed before the header.
func (im *Image) decodedPhotometric() (string, error) {
	if im.elem.Fragments() != nil && im.TransferSyntax.IsVideo() && im.Samples == 3 {
		return "RGB", nil
	}
	if src, ok := im.jpegStream(0); ok && im.Samples == 3 {
		if h, err := jpeg.DecodeHeader(src); err == nil && !h.Lossless {
			if im.streamIsYCC(h) {
				return "YBR_FULL", nil
			}
			return "RGB", nil
		}
	}
	switch im.Photometric {
	case "YBR_FULL_422":
		return "YBR_FULL", nil
	case "YBR_RCT", "YBR_ICT", "XYB", "YBR_PARTIAL_420":
		return "RGB", nil
	case "YBR_PARTIAL_422":
		return "", fault.New(fault.Input, "YBR_PARTIAL_422 has no form with all samples")
	}
	return im.Photometric, nil
}

// lossyMethod is how frame 0 was compressed if that lost something for certain, in the terms of Lossy Image Compression Method
// (PS3.3 C.7.6.1.1.5); "" if it did not, or may not have.
func (im *Image) lossyMethod() string {
	switch im.TransferSyntax {
	case uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGSpectralSelectionNonHierarchical68, uid.JPEGFullProgressionNonHierarchical1012:
		return "ISO_10918_1"
	case uid.JPEGLSNearLossless:
		if src, err := im.encodedFrame(0); err == nil {
			if h, _, err := jpegls.Decode(src, jpegls.Options{Rows: im.Rows, Columns: im.Columns, MaxBytes: im.maxBytes}); err == nil && h.Near > 0 {
				return "ISO_14495_1"
			}
		}
	case uid.JPEG2000, uid.HTJ2K, uid.JPEG2000MC:
		if src, err := im.encodedFrame(0); err == nil {
			if h, err := jpeg2000.DecodeHeader(src); err == nil && h.Irreversible {
				if h.HighThroughput {
					return "ISO_15444_15"
				}
				return "ISO_15444_1"
			}
		}
	case uid.MPEG2MPML, uid.MPEG2MPMLF, uid.MPEG2MPHL, uid.MPEG2MPHLF:
		return "ISO_13818_2"
	case uid.HEVCMP51, uid.HEVCM10P51:
		return "ISO_23008_2"
	}
	if im.TransferSyntax.IsVideo() {
		return "ISO_14496_10"
	}
	return ""
}

// markLossy records in out that the frames were compressed with loss, if they were and the data set does not say so: once it is native the
// transfer syntax tells nobody.
func (im *Image) markLossy(out *dicom.DataSet) {
	method := im.lossyMethod()
	if method == "" || out.String(tag.LossyImageCompression) == "01" {
		return
	}
	out.SetString(tag.LossyImageCompression, "01")
	out.SetString(tag.LossyImageCompressionMethod, method)
	var size int64
	for i := range im.elem.Fragments().Len() {
		size += im.elem.Fragments().Size(i)
	}
	if size > 0 {
		ratio := float64(im.FrameBytes()) * float64(im.Frames) / float64(size)
		out.SetString(tag.LossyImageCompressionRatio, strconv.FormatFloat(ratio, 'f', 2, 64))
	}
}
