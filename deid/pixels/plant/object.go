package plant

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"

	"github.com/cineloop/cineloop/dicom"
	djpeg "github.com/cineloop/cineloop/dicom/pixel/jpeg"
	"github.com/cineloop/cineloop/dicom/pixel/jpegls"
	"github.com/cineloop/cineloop/dicom/pixel/rle"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// Ground is what strings are planted on: RGB frames [H, W, 3].
type Ground struct {
	Name     string
	W, H     int
	Frames   [][]uint8
	Modality string
	Light    bool // dark ink is the readable one
}

// Planted is one string with the frames that show it.
type Planted struct {
	String
	First, Last int // both included
	Contrast    float64
}

// Object is a DICOM file with planted strings.
type Object struct {
	Ground  string
	Syntax  dicom.TransferSyntax
	Bytes   []byte
	Strings []Planted
	Frames  [][]uint8 // as planted, before compression
}

// Syntaxes are the transfer syntaxes that objects are written in.
var Syntaxes = []dicom.TransferSyntax{uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEGBaseline8Bit, uid.JPEGLosslessSV1, uid.JPEGLSLossless}

// Plant burns up to n strings of 8 to 40 pixels into a copy of g, the first third of them for a part of the frames only, and makes an object of it.
func Plant(r *rand.Rand, g Ground, fonts []Font, n int, syntax dicom.TransferSyntax) (Object, error) {
	o := Object{Ground: g.Name, Syntax: syntax}
	for _, f := range g.Frames {
		o.Frames = append(o.Frames, append([]uint8(nil), f...))
	}
	for range 4 * n {
		if len(o.Strings) >= n {
			break
		}
		st := AnyStyle(r, fonts, 8, 40, g.Light)
		st.Size = min(st.Size, float64(g.H)/7)
		words := Words(r)
		a, err := Glyphs(words, st)
		if err != nil || a.Rect.Dx() > g.W-8 || a.Rect.Dy() > g.H-8 || a.Rect.Dy() < 5 {
			continue
		}
		x, y := 3+r.IntN(g.W-a.Rect.Dx()-6), 3+r.IntN(g.H-a.Rect.Dy()-6)
		box := image.Rect(x, y, x+a.Rect.Dx(), y+a.Rect.Dy())
		clash := false
		for _, s := range o.Strings {
			clash = clash || box.Inset(-8).Overlaps(s.Box)
		}
		if clash {
			continue
		}
		p := Planted{Last: len(g.Frames) - 1}
		if len(o.Strings) < n/3 && len(g.Frames) > 4 {
			p.First = r.IntN(len(g.Frames) - 2)
			p.Last = min(p.Last, p.First+1+r.IntN(len(g.Frames)/2))
		}
		for i := p.First; i <= p.Last; i++ {
			if p.String, err = Burn(o.Frames[i], g.H, g.W, words, x, y, st); err != nil {
				return o, err
			}
		}
		p.Contrast = Contrast(p.String, o.Frames[(p.First+p.Last)/2], g.W)
		o.Strings = append(o.Strings, p)
	}
	var err error
	o.Bytes, err = o.encode(g, r)
	return o, err
}

// encode makes the file. Its header lies about burned-in text half of the time, as real ones do.
func (o *Object) encode(g Ground, r *rand.Rand) ([]byte, error) {
	ds := dicom.NewDataSet()
	class := string(uid.UltrasoundMultiFrameImageStorage)
	if g.Modality != "US" {
		class = string(uid.MultiFrameTrueColorSecondaryCaptureImageStorage)
	}
	ds.SetString(tag.SOPClassUID, class)
	ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("2.25.%d", r.Uint64()))
	ds.SetString(tag.Modality, g.Modality)
	ds.SetString(tag.PatientName, "Planted^Text")
	ds.SetString(tag.PatientID, "P1")
	ds.SetString(tag.ImageType, "DERIVED", "SECONDARY")
	if r.IntN(2) == 0 {
		ds.SetString(tag.BurnedInAnnotation, "NO")
	}
	ds.SetInts(tag.SamplesPerPixel, 3)
	ds.SetString(tag.PhotometricInterpretation, "RGB")
	if o.Syntax == uid.JPEGBaseline8Bit {
		ds.SetString(tag.PhotometricInterpretation, "YBR_FULL_422")
	}
	ds.SetInts(tag.PlanarConfiguration, 0)
	ds.SetInts(tag.NumberOfFrames, len(o.Frames))
	ds.SetInts(tag.Rows, g.H)
	ds.SetInts(tag.Columns, g.W)
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	opt := dicom.WriteOptions{TransferSyntaxUID: string(o.Syntax)}
	var native []byte
	for _, f := range o.Frames {
		var b []byte
		var err error
		switch o.Syntax {
		case uid.ExplicitVRLittleEndian:
			native = append(native, f...)
			continue
		case uid.RLELossless:
			b, err = rle.Encode(f, g.W, 3, 1)
		case uid.JPEGLosslessSV1:
			b, err = djpeg.EncodeLossless(djpeg.Image{Rows: g.H, Columns: g.W, Components: 3, Precision: 8, Samples: f})
		case uid.JPEGLSLossless:
			b, err = jpegls.Encode(jpegls.Image{Rows: g.H, Columns: g.W, Components: 3, Precision: 8, Samples: f})
		case uid.JPEGBaseline8Bit:
			b, err = baseline(f, g.W, g.H)
		default:
			err = fault.New(fault.Usage, "objects are not written in %s", o.Syntax.Name())
		}
		if err != nil {
			return nil, err
		}
		opt.Frames = append(opt.Frames, b)
	}
	if native != nil {
		ds.SetBytes(tag.PixelData, vr.OB, native)
	}
	var out bytes.Buffer
	err := dicom.Write(&out, ds, opt)
	return out.Bytes(), err
}

// baseline is an ordinary JPEG of quality 92 with chroma at half size both ways.
func baseline(rgb []uint8, w, h int) ([]byte, error) {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		copy(m.Pix[4*i:], rgb[3*i:3*i+3])
		m.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 92})
	return b.Bytes(), err
}
