package pixel

import (
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// RGB is frame i of a colour image as 8-bit RGB, interleaved: YBR is converted, palettes are looked up, deeper samples lose their lower
// bits. Monochrome images are refused: what their values look like is a choice.
func (im *Image) RGB(i int) ([]byte, error) {
	if !im.IsColor() {
		return nil, fault.New(fault.Input, "a monochrome image has no colours")
	}
	if src, ok := im.jpegStream(i); ok {
		h, err := jpeg.DecodeHeader(src)
		if err == nil && !h.Lossless && h.Components == 3 && h.Precision == 8 {
			b, err := im.decodeJPEG(src, nil, false, im.streamIsYCC(h))
			if err != nil {
				return nil, fault.New(codeOr(err), "frame %d: %w", i, err)
			}
			return b, nil
		}
	}
	b, err := im.Frame(i)
	if err != nil {
		return nil, err
	}
	if im.Photometric == "PALETTE COLOR" {
		return im.lookUp(b)
	}
	if im.Samples != 3 {
		return nil, fault.New(fault.Input, "%d samples per pixel as %s", im.Samples, im.Photometric)
	}
	if im.SampleBytes() > 1 {
		b = im.narrow(b)
	}
	if im.TransferSyntax.IsVideo() {
		return b, nil
	}
	switch im.Photometric {
	case "YBR_FULL", "YBR_FULL_422":
		jpeg.ToRGB(b)
	case "YBR_PARTIAL_422", "YBR_PARTIAL_420":
		partialToRGB(b)
	}
	return b, nil
}

// Grey8 is frame i as 8-bit luminance: of colour images the luma of Rec. 601, of monochrome ones of up to 8 bits the samples themselves. From
// JPEG in YCbCr only the luminance is decoded.
func (im *Image) Grey8(i int) ([]byte, error) { return im.Grey8Into(i, nil) }

// Grey8Into is [Image.Grey8] that uses dst's memory where it is large enough and the frame is a JPEG in YCbCr.
func (im *Image) Grey8Into(i int, dst []byte) ([]byte, error) {
	if im.Samples == 1 && im.Photometric != "PALETTE COLOR" {
		if im.SampleBytes() > 1 {
			return nil, fault.New(fault.Input, "%d-bit samples have no 8-bit grey without a window", im.BitsAllocated)
		}
		return im.Frame(i)
	}
	if src, ok := im.jpegStream(i); ok {
		h, err := jpeg.DecodeHeader(src)
		if err == nil && !h.Lossless && h.Components == 3 && h.Precision == 8 && im.streamIsYCC(h) {
			b, err := im.decodeJPEG(src, dst, true, false)
			if err != nil {
				return nil, fault.New(codeOr(err), "frame %d: %w", i, err)
			}
			return b, nil
		}
	}
	b, err := im.RGB(i)
	if err != nil {
		return nil, err
	}
	n := len(b) / 3
	for k := range n {
		p := b[3*k : 3*k+3]
		b[k] = byte((19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16)
	}
	return b[:n], nil
}

// jpegStream is the bytes of frame i if they are a JPEG of any kind.
func (im *Image) jpegStream(i int) ([]byte, bool) {
	if im.elem.Fragments() == nil || im.TransferSyntax.IsVideo() || im.checkIndex(i) != nil {
		return nil, false
	}
	src, err := im.encodedFrame(i)
	return src, err == nil && len(src) > 3 && src[0] == 0xFF && src[1] == 0xD8
}

// streamIsYCC decides what the components of a lossy JPEG are. The stream's own marks are believed before the header, whose
// photometric interpretation is often that of the image before compression.
func (im *Image) streamIsYCC(h jpeg.Header) bool {
	switch {
	case h.Adobe >= 0:
		return h.Adobe == 1
	case h.JFIF || h.Subsampled:
		return true
	case h.ComponentIDs[0] == 'R' && h.ComponentIDs[1] == 'G' && h.ComponentIDs[2] == 'B':
		return false
	}
	return strings.HasPrefix(im.Photometric, "YBR")
}

// narrow keeps the upper eight of the stored bits.
func (im *Image) narrow(b []byte) []byte {
	w := im.SampleBytes()
	out := make([]byte, len(b)/w)
	shift := uint(max(im.BitsStored-8, 0))
	for k := range out {
		var v uint64
		for j := range w {
			v |= uint64(b[k*w+j]) << (8 * j)
		}
		out[k] = byte(min(v&(1<<uint(im.BitsStored)-1)>>shift, 255))
	}
	return out
}

// partialToRGB converts Y in 16..235 and chroma in 16..240 (PS3.3 C.7.6.3.1.2, Rec. 601) to full-range RGB.
func partialToRGB(p []byte) {
	for ; len(p) >= 3; p = p[3:] {
		y := 1.1644 * (float64(p[0]) - 16)
		cb, cr := float64(p[1])-128, float64(p[2])-128
		p[0] = round8(y + 1.5960*cr)
		p[1] = round8(y - 0.3917*cb - 0.8130*cr)
		p[2] = round8(y + 2.0173*cb)
	}
}

func round8(f float64) byte { return byte(min(max(f+0.5, 0), 255)) }

// lookUp maps palette indices to RGB.
func (im *Image) lookUp(b []byte) ([]byte, error) {
	var luts [3]*LUT
	for c, t := range [3][3]tag.Tag{
		{tag.RedPaletteColorLookupTableDescriptor, tag.RedPaletteColorLookupTableData, tag.SegmentedRedPaletteColorLookupTableData},
		{tag.GreenPaletteColorLookupTableDescriptor, tag.GreenPaletteColorLookupTableData, tag.SegmentedGreenPaletteColorLookupTableData},
		{tag.BluePaletteColorLookupTableDescriptor, tag.BluePaletteColorLookupTableData, tag.SegmentedBluePaletteColorLookupTableData},
	} {
		lut, err := readPalette(im.ds, t[0], t[1], t[2])
		if err != nil {
			return nil, err
		}
		luts[c] = lut
	}
	w := im.SampleBytes()
	n := len(b) / w
	out := make([]byte, 3*n)
	var tables [3][]byte
	for c, lut := range luts {
		tables[c] = lut.bytes8()
	}
	for k := range n {
		v := int(b[k*w])
		if w > 1 {
			v |= int(b[k*w+1]) << 8
		}
		if im.Signed {
			v = v << (64 - im.BitsStored) >> (64 - im.BitsStored)
		}
		for c, lut := range luts {
			out[3*k+c] = tables[c][min(max(v-lut.First, 0), len(tables[c])-1)]
		}
	}
	return out, nil
}

// readPalette reads one palette table, plain or segmented (PS3.3 C.7.6.3.1.5, C.7.9.2).
func readPalette(ds *dicom.DataSet, descriptor, data, segmented tag.Tag) (*LUT, error) {
	lut, err := descriptorOf(ds, descriptor)
	if err != nil {
		return nil, err
	}
	if e, ok := ds.Get(data); ok {
		return lut, lut.fill(e)
	}
	e, ok := ds.Get(segmented)
	if !ok {
		return nil, fault.New(fault.Input, "no %s", data.Keyword())
	}
	words, err := wordsOf(e)
	if err != nil {
		return nil, err
	}
	bits := 16
	if lut.Bits == 8 {
		bits = 8
		units := make([]uint16, 0, 2*len(words))
		for _, w := range words {
			units = append(units, w&0xFF, w>>8)
		}
		words = units
	}
	lut.Data, err = expandSegments(words, bits, lut.size)
	return lut, err
}
