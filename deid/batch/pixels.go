package batch

import (
	"bufio"
	"context"
	"encoding/binary"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/internal/strip"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// bulk is how an object's pixel data go out.
type bulk struct {
	elem   *dicom.Element
	ts     dicom.TransferSyntax
	image  *pixel.Image // encapsulated
	length int64        // native: bytes that go out, before padding
	blank  int64        // native: a byte inside that is padding; 0 for none
	masks  *wordMask    // native: bits that are no sample's
	fresh  *deid.NewPixels
}

// wordMask clears bits of 16-bit cells.
type wordMask struct {
	keep uint16
	big  bool
}

func (m *wordMask) apply(b []byte) {
	for i := 0; i+1 < len(b); i += 2 {
		if m.big {
			binary.BigEndian.PutUint16(b[i:], binary.BigEndian.Uint16(b[i:])&m.keep)
		} else {
			binary.LittleEndian.PutUint16(b[i:], binary.LittleEndian.Uint16(b[i:])&m.keep)
		}
	}
}

// planBulk says how the pixel data of f go out, or why they can't.
func planBulk(f *dicom.File, elem *dicom.Element, masked deid.Masked, video string) (*bulk, string) {
	b := &bulk{elem: elem, ts: f.TransferSyntax}
	if masked.Verdict == deid.Blanked && masked.New != nil {
		b.fresh, b.ts = masked.New, masked.New.TransferSyntax
	}
	if elem.Truncated() {
		return nil, "the pixel data are cut off"
	}
	im, err := pixel.Open(f, pixel.MaxFrameBytes(1<<33))
	if err != nil {
		return nil, "the pixel data can't be understood by their description"
	}
	b.image = im
	overlay := embeddedOverlay(f.DataSet)
	if b.ts.IsEncapsulated() || elem.Fragments() != nil && b.fresh == nil {
		if elem.Fragments() == nil && b.fresh == nil {
			return nil, "native pixel data in an encapsulated transfer syntax"
		}
		if f.TransferSyntax.IsVideo() && video != "pass" && b.fresh == nil {
			return nil, "a video stream can't be examined"
		}
		if overlay && b.fresh == nil {
			return nil, "an overlay in the bits of compressed pixels"
		}
		if !strippable(b.ts) {
			return nil, "the transfer syntax is not known"
		}
		return b, ""
	}
	bits := int64(im.Frames) * int64(im.Rows) * int64(im.Columns) * int64(im.Samples) * int64(im.BitsAllocated)
	if im.Photometric == "YBR_FULL_422" || im.Photometric == "YBR_PARTIAL_422" {
		full := (bits + 7) / 8
		if elem.Len() < full { // really two samples a pixel
			bits = bits / 3 * 2
		}
	}
	b.length = (bits + 7) / 8
	if b.length&1 == 1 && elem.BigEndian() && elem.VR == vr.OW && elem.Len() > b.length {
		b.blank, b.length = b.length-1, b.length+1 // bytes of a word change places: the pad stands before the last one
	}
	if b.fresh == nil && elem.Len() < b.length {
		return nil, "the pixel data are shorter than the image"
	}
	if overlay {
		if im.BitsAllocated != 16 || im.Float {
			return nil, "an overlay in the bits of the pixels"
		}
		b.masks = &wordMask{uint16(1<<im.BitsStored-1) << (im.HighBit + 1 - im.BitsStored), elem.BigEndian()}
	}
	return b, ""
}

// embeddedOverlay reports whether some overlay is kept in unused bits of the pixels.
func embeddedOverlay(ds *dicom.DataSet) bool {
	for g := uint16(0x6000); g <= 0x60FE; g += 2 {
		if ds.Has(tag.New(g, 0x3000)) {
			continue
		}
		if _, ok := ds.Get(tag.New(g, 0x0102)); ok {
			return true
		}
		if n, ok := ds.Int(tag.New(g, 0x0100)); ok && n > 1 {
			return true
		}
		if ds.Has(tag.New(g, 0x0010)) {
			return true
		}
	}
	return false
}

func strippable(ts dicom.TransferSyntax) bool {
	return ts.IsEncapsulated() && (streamOf(ts) != streamUnknown || ts.IsVideo())
}

type stream int

const (
	streamUnknown stream = iota
	streamJPEG
	streamJPEG2000
	streamJPEGXL
	streamRLE
	streamDeflate
	streamRaw
)

func streamOf(ts dicom.TransferSyntax) stream {
	switch ts {
	case uid.RLELossless:
		return streamRLE
	case uid.DeflatedImageFrameCompression:
		return streamDeflate
	case uid.EncapsulatedUncompressedExplicitVRLittleEndian:
		return streamRaw
	case uid.JPEGXLLossless, uid.JPEGXLJPEGRecompression, uid.JPEGXL:
		return streamJPEGXL
	}
	const root = "1.2.840.10008.1.2.4."
	if len(ts) <= len(root) || string(ts[:len(root)]) != root {
		return streamUnknown
	}
	switch n := string(ts[len(root):]); {
	case len(n) == 2 && n >= "50" && n <= "81":
		return streamJPEG
	case len(n) == 2 && n >= "90" && n <= "93" || n == "201" || n == "202" || n == "203":
		return streamJPEG2000
	}
	return streamUnknown
}

// frame is frame i as it goes out; "" or why it can't.
func (b *bulk) frame(ctx context.Context, i int) (out []byte, why string, err error) {
	var raw []byte
	if b.fresh != nil {
		if raw, err = b.fresh.Frame(ctx, i); err != nil {
			return nil, unmade(ctx), ctx.Err()
		}
	} else if raw, err = b.image.Encoded(i); err != nil {
		return nil, "a frame can't be read", nil
	}
	im := b.image
	switch streamOf(b.ts) {
	case streamJPEG:
		out, err = strip.JPEG(raw)
	case streamJPEG2000:
		out, err = strip.JPEG2000(raw)
	case streamJPEGXL:
		var whole bool
		if out, whole, err = strip.JPEGXL(raw); err == nil && !whole {
			// Without them the frame decodes to other values, and what they hold of the JPEG file's comments can't be told without decoding it.
			return nil, "JPEG XL with the data of a JPEG file that can't be examined", nil
		}
	case streamRLE:
		segments, n := im.Samples*im.BitsAllocated/8, im.Rows*im.Columns
		if im.BitsAllocated == 1 {
			segments, n = im.Samples, (n+7)/8
		}
		out, err = strip.RLE(raw, segments, n)
	case streamDeflate:
		out, err = strip.Deflated(raw)
	case streamRaw:
		n := (int64(im.Rows)*int64(im.Columns)*int64(im.Samples)*int64(im.BitsAllocated) + 7) / 8
		if int64(len(raw)) < n {
			return nil, "a frame is shorter than the image", nil
		}
		out = raw[:n]
	default:
		out = raw // video that the policy passes
	}
	if err != nil {
		return nil, err.Error(), nil
	}
	return out, "", nil
}

// unmade is why an object is held back whose masked frames can't be made: a decoder outside of the program failed on it, or took too long.
func unmade(ctx context.Context) string {
	if ctx.Err() != nil {
		return ""
	}
	return "the masked frames can't be made"
}

// frames is the number of frames to write.
func (b *bulk) frames() int {
	switch {
	case b.fresh != nil:
		return b.fresh.Frames
	case b.ts.IsVideo():
		return 1
	}
	return b.image.Frames
}

func header(ts dicom.TransferSyntax, t tag.Tag, v vr.VR, length uint32) []byte {
	var o binary.AppendByteOrder = binary.LittleEndian
	if ts.IsBigEndian() {
		o = binary.BigEndian
	}
	h := o.AppendUint16(nil, t.Group())
	h = o.AppendUint16(h, t.Element())
	if !ts.IsImplicit() && t>>16 != 0xFFFE {
		h = append(h, byte(v>>8), byte(v), 0, 0)
	}
	return o.AppendUint32(h, length)
}

const (
	maxItem    = 1<<32 - 2
	tableBelow = 24 << 20 // pixel data up to this size get a table of the frames' offsets
)

// writeFrames writes head and the pixel data element with one fragment a frame. Long clips have an empty offset table, which the standard allows and readers
// follow, since every frame is one fragment. The table's place is left free and filled at the end: no more than a frame is in memory.
func (b *bulk) writeFrames(ctx context.Context, to *output, head []byte) (why string, err error) {
	n := b.frames()
	var table []byte
	if b.fresh == nil && b.elem.Len() <= tableBelow && !b.ts.IsVideo() {
		table = make([]byte, 0, 4*n)
	}
	if b.fresh == nil {
		to.reserve(int64(len(head)) + b.elem.Len())
	}
	w := bufio.NewWriterSize(to, 64<<10)
	w.Write(head) // bufio's errors stay until the end
	w.Write(header(b.ts, tag.PixelData, vr.OB, 0xFFFFFFFF))
	w.Write(header(b.ts, tag.Item, 0, uint32(cap(table))))
	w.Write(table[:cap(table)])
	at := int64(0) // from the end of the table
	for i := range n {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		raw, why, err := b.frame(ctx, i)
		if err != nil || why != "" {
			return why, err
		}
		size := int64(len(raw)) + int64(len(raw)&1)
		if size > maxItem {
			return "a frame of more than 4 GiB", nil
		}
		if table != nil {
			table = binary.LittleEndian.AppendUint32(table, uint32(at))
		}
		w.Write(header(b.ts, tag.Item, 0, uint32(size)))
		w.Write(raw)
		if len(raw)&1 == 1 {
			w.WriteByte(0)
		}
		at += 8 + size
	}
	w.Write(header(b.ts, tag.SequenceDelimitationItem, 0, 0))
	if err := w.Flush(); err != nil || len(table) == 0 {
		return "", err
	}
	return "", to.patch(table, to.n-8-at-int64(len(table)))
}
