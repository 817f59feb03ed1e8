package pixel

import (
	"fmt"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Image is the pixel data of a file with its description (PS3.3 C.7.6.3).
type Image struct {
	Frames, Rows, Columns int
	Samples               int  // of a pixel: 1 or 3, rarely 4
	BitsAllocated         int  // 1, 8, 12 (packed), 16, 32 or 64
	BitsStored, HighBit   int  // where the sample is in its cell
	Signed                bool // two's complement in BitsStored bits
	Float                 bool // Float or Double Float Pixel Data
	Planar                bool // stored colour by plane; Frame interleaves it
	Photometric           string
	TransferSyntax        dicom.TransferSyntax
	Warnings              []string

	file     *dicom.File
	ds       *dicom.DataSet
	elem     *dicom.Element
	frames   []span // encapsulated: the fragments of each frame
	maxBytes int64
}

// span is a range of fragments.
type span struct{ from, to int }

// Option changes how an image is opened.
type Option func(*Image)

// MaxFrameBytes limits the decoded size of a frame; the default is 192 MiB.
func MaxFrameBytes(n int64) Option { return func(im *Image) { im.maxBytes = n } }

// Open describes the pixel data of f. It reads no frame. A file without pixel data is a fault.NotFound error.
func Open(f *dicom.File, opts ...Option) (*Image, error) {
	im := &Image{file: f, ds: f.DataSet, TransferSyntax: f.TransferSyntax, maxBytes: 192 << 20}
	for _, o := range opts {
		o(im)
	}
	for _, t := range []tag.Tag{tag.PixelData, tag.FloatPixelData, tag.DoubleFloatPixelData} {
		if e, ok := f.DataSet.Get(t); ok {
			im.elem = e
			im.Float = t != tag.PixelData
			break
		}
	}
	if im.elem == nil {
		return nil, fault.New(fault.NotFound, "no pixel data")
	}
	if err := im.describe(); err != nil {
		return nil, err
	}
	if im.elem.Fragments() != nil {
		if err := im.locate(); err != nil {
			return nil, err
		}
	}
	return im, nil
}

func (im *Image) warn(format string, args ...any) {
	im.Warnings = append(im.Warnings, fmt.Sprintf(format, args...))
}

// describe reads the attributes of the Image Pixel module and holds them against each other.
func (im *Image) describe() error {
	ds := im.ds
	required := func(t tag.Tag) (int, error) {
		n, ok := ds.Int(t)
		if !ok || n <= 0 {
			return 0, fault.New(fault.Input, "%s is missing or not positive", t.Keyword())
		}
		return n, nil
	}
	var err error
	if im.Rows, err = required(tag.Rows); err != nil {
		return err
	}
	if im.Columns, err = required(tag.Columns); err != nil {
		return err
	}
	im.Photometric = strings.ToUpper(strings.TrimSpace(ds.String(tag.PhotometricInterpretation)))
	im.Samples = 1
	if n, ok := ds.Int(tag.SamplesPerPixel); ok {
		im.Samples = n
	} else if im.Photometric == "RGB" || strings.HasPrefix(im.Photometric, "YBR") {
		im.Samples = 3
	}
	if im.Samples < 1 || im.Samples > 4 {
		return fault.New(fault.Input, "%d samples per pixel", im.Samples)
	}
	im.Frames = 1
	if s := ds.String(tag.NumberOfFrames); s != "" {
		n, ok := ds.Int(tag.NumberOfFrames)
		if !ok || n < 0 || n > 1<<31-1 {
			return fault.New(fault.Input, "impossible number of frames")
		}
		if n == 0 {
			im.warn("the number of frames is 0: read as 1")
			n = 1
		}
		im.Frames = n
	}
	switch im.elem.Tag {
	case tag.FloatPixelData:
		im.BitsAllocated = 32
	case tag.DoubleFloatPixelData:
		im.BitsAllocated = 64
	default:
		if im.BitsAllocated, err = required(tag.BitsAllocated); err != nil {
			return err
		}
	}
	switch im.BitsAllocated {
	case 1, 8, 12, 16, 32, 64:
	default:
		return fault.New(fault.Input, "%d bits allocated", im.BitsAllocated)
	}
	im.BitsStored = im.BitsAllocated
	if n, ok := ds.Int(tag.BitsStored); ok && n > 0 && n <= im.BitsAllocated {
		im.BitsStored = n
	} else if ok {
		im.warn("%d bits stored of %d allocated", n, im.BitsAllocated)
	}
	im.HighBit = im.BitsStored - 1
	if n, ok := ds.Int(tag.HighBit); ok && n >= im.BitsStored-1 && n < im.BitsAllocated {
		im.HighBit = n
	} else if ok {
		im.warn("high bit %d with %d bits stored of %d", n, im.BitsStored, im.BitsAllocated)
	}
	n, _ := ds.Int(tag.PixelRepresentation)
	im.Signed = n == 1 && !im.Float
	if im.Samples > 1 {
		n, _ = ds.Int(tag.PlanarConfiguration)
		im.Planar = n == 1
	}
	return nil
}

// IsColor reports whether pixels have a colour: more than one sample, or a palette.
func (im *Image) IsColor() bool { return im.Samples > 1 || im.Photometric == "PALETTE COLOR" }

// SampleBytes is the number of bytes of one sample in a decoded frame: packed samples take whole bytes there.
func (im *Image) SampleBytes() int {
	if im.BitsAllocated <= 8 {
		return 1
	}
	return max(2, im.BitsAllocated/8)
}

// FrameBytes is the size of a decoded frame.
func (im *Image) FrameBytes() int64 {
	return int64(im.Rows) * int64(im.Columns) * int64(im.Samples) * int64(im.SampleBytes())
}

// DataSet is the data set that the image is in.
func (im *Image) DataSet() *dicom.DataSet { return im.ds }

func (im *Image) checkIndex(i int) error {
	if i < 0 || i >= im.Frames {
		return fault.New(fault.Input, "frame %d of %d", i, im.Frames)
	}
	return nil
}

// Frame is frame i, decoded: Rows × Columns × Samples stored samples, interleaved, little endian, SampleBytes each. Samples of fewer bits than
// their cell keep what else is in it (overlays, padding): see HighBit and BitsStored. YBR_FULL_422 gets its chroma repeated.
func (im *Image) Frame(i int) ([]byte, error) {
	if err := im.checkIndex(i); err != nil {
		return nil, err
	}
	if im.FrameBytes() > im.maxBytes {
		return nil, fault.New(fault.Resource, "a frame has %d bytes, more than the limit of %d", im.FrameBytes(), im.maxBytes)
	}
	var b []byte
	var err error
	if im.elem.Fragments() == nil {
		b, err = im.nativeFrame(i)
	} else {
		b, err = im.decodeFrame(i)
	}
	if err != nil {
		return nil, fault.New(codeOr(err), "frame %d: %w", i, err)
	}
	return b, nil
}

func codeOr(err error) fault.Code {
	if c := fault.CodeOf(err); c != fault.Internal {
		return c
	}
	return fault.Input
}

// Encoded is frame i as it is stored: the compressed bytes without fragmentation, or the native bytes.
func (im *Image) Encoded(i int) ([]byte, error) {
	if err := im.checkIndex(i); err != nil {
		return nil, err
	}
	if im.elem.Fragments() == nil {
		return im.storedFrame(i)
	}
	if im.TransferSyntax.IsVideo() {
		return nil, fault.New(fault.Input, "frame %d: a video stream has no frames of its own", i)
	}
	b, err := im.encodedFrame(i)
	if err != nil {
		return nil, fault.New(codeOr(err), "frame %d: %w", i, err)
	}
	return b, nil
}
