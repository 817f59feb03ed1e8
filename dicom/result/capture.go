package result

import (
	"math"
	"strconv"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// Capture are frames of an image with what was found in them drawn into the pixels, in colour: what every viewer can show, also one that knows nothing of
// reports and segmentations. One frame is a Secondary Capture Image, several are a Multi-frame True Color one.
type Capture struct {
	Made
	Image         Image
	Rows, Columns int // of the drawn frames
	Frames        []CaptureFrame
	Segmented     bool // masks are shown
}

// CaptureFrame is one drawn frame.
type CaptureFrame struct {
	Of  int    // frame of the image, from 0
	RGB []byte // [rows × columns × 3]
}

// burned is how the pixels came about; the context group of derivations (CID 7203, extensible) has no code for it.
var (
	burned    = Own("graphics_burned", "Graphics burned into pixels")
	resampled = code.Concept{Scheme: "DCM", Value: "113085", Meaning: "Spatial resampling"}
)

// maxCapture bounds the bytes of a capture's pixels.
const maxCapture = 1<<31 - 2

// DataSet is the capture. It says that words are burned in, which image and frames it was made of and how, and has no spacing: whoever measures
// measures in the image. Code input for what can't be written.
func (c *Capture) DataSet() (*dicom.DataSet, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	from := c.Image.Header
	ds := dicom.NewDataSet()
	copyIdentity(ds, from)
	class := uid.SecondaryCaptureImageStorage
	if len(c.Frames) > 1 {
		class = uid.MultiFrameTrueColorSecondaryCaptureImageStorage
	}
	modality := from.String(tag.Modality)
	if modality == "" {
		modality = "OT"
	}
	if err := c.Made.general(ds, class, modality); err != nil {
		return nil, err
	}
	ds.SetString(tag.ConversionType, "WSD") // workstation
	ds.SetString(tag.SecondaryCaptureDeviceManufacturer, c.By.Manufacturer)
	ds.SetString(tag.SecondaryCaptureDeviceManufacturerModelName, c.By.Model)
	ds.SetString(tag.SecondaryCaptureDeviceSoftwareVersions, c.By.Version)
	ds.SetDate(tag.DateOfSecondaryCapture, c.At)
	ds.SetClock(tag.TimeOfSecondaryCapture, c.At)
	ds.SetString(tag.ImageType, "DERIVED", "SECONDARY")
	// Types 2C, as in segmentations and presentation states: empty where nobody knows.
	if v := from.Strings(tag.PatientOrientation); len(v) == 2 {
		ds.SetString(tag.PatientOrientation, v...)
	} else {
		ds.SetEmpty(tag.PatientOrientation)
	}
	if v := from.String(tag.Laterality); v != "" {
		ds.SetString(tag.Laterality, v)
	} else {
		ds.SetEmpty(tag.Laterality)
	}
	if c.Label != "" {
		ds.SetString(tag.ImageComments, short(c.Label, 1024))
	}
	ds.SetString(tag.BurnedInAnnotation, "YES")
	lossy(ds, []Image{c.Image})
	if err := c.derivation(ds); err != nil {
		return nil, err
	}
	c.pixels(ds)
	if err := oneCharset(ds); err != nil {
		return nil, err
	}
	return ds, ds.Err()
}

func (c *Capture) check() error {
	if err := oneStudy([]Image{c.Image}); err != nil {
		return err
	}
	if len(c.Frames) == 0 {
		return fault.New(fault.Usage, "a capture has a frame")
	}
	if c.Rows < 1 || c.Columns < 1 || c.Rows > 1<<16-1 || c.Columns > 1<<16-1 || len(c.Frames) > maxCapture/(3*c.Rows*c.Columns) {
		return fault.New(fault.Input, "a capture of %d frames of %d × %d pixels is larger than a file's pixels may be", len(c.Frames), c.Columns, c.Rows)
	}
	for i, f := range c.Frames {
		if f.Of < 0 || f.Of >= c.Image.Frames || len(f.RGB) != 3*c.Rows*c.Columns {
			return fault.New(fault.Usage, "captured frame %d is of no frame of its image or has %d bytes", i+1, len(f.RGB))
		}
	}
	return nil
}

// derivation says what the pixels were made of (PS3.3 C.7.6.1.1.4).
func (c *Capture) derivation(ds *dicom.DataSet) error {
	ref := Reference{SOP: c.Image.SOP}
	for _, f := range c.Frames {
		ref.Frames = append(ref.Frames, f.Of)
	}
	source, err := ref.item([]Image{c.Image})
	if err != nil {
		return err
	}
	source.SetSequence(tag.PurposeOfReferenceCodeSequence, codeItem(processed))
	codes := []*dicom.DataSet{codeItem(burned)}
	if c.Segmented {
		codes = append(codes, codeItem(segmentation))
	}
	words := "Shapes, masks and values of a reading drawn into the pixels"
	rows, _ := c.Image.Header.Int(tag.Rows)
	columns, _ := c.Image.Header.Int(tag.Columns)
	if rows == c.Rows && columns == c.Columns {
		source.SetString(tag.SpatialLocationsPreserved, "YES")
	} else {
		codes = append(codes, codeItem(resampled))
		words += ", enlarged"
	}
	ds.SetSequence(tag.SourceImageSequence, source)
	ds.SetSequence(tag.DerivationCodeSequence, codes...)
	ds.SetString(tag.DerivationDescription, words)
	return nil
}

// pixels sets the image's pixels, of several frames with their numbers in the source as labels (PS3.3 C.8.6.4).
func (c *Capture) pixels(ds *dicom.DataSet) {
	ds.SetInts(tag.SamplesPerPixel, 3)
	ds.SetString(tag.PhotometricInterpretation, "RGB")
	ds.SetInts(tag.PlanarConfiguration, 0)
	ds.SetInts(tag.Rows, c.Rows)
	ds.SetInts(tag.Columns, c.Columns)
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	if high, wide := aspect(c.Image.Header); high != wide {
		ds.SetInts(tag.PixelAspectRatio, high, wide)
	}
	if n := len(c.Frames); n > 1 {
		ds.SetInts(tag.NumberOfFrames, n)
		// By their labels: the frames shown may lie far apart, so no time between them is true.
		page, label := tag.PageNumberVector, tag.FrameLabelVector
		ds.SetBytes(tag.FrameIncrementPointer, vr.AT, append(attribute(page), attribute(label)...))
		pages, labels := make([]int, n), make([]string, n)
		for i, f := range c.Frames {
			pages[i], labels[i] = i+1, "frame "+strconv.Itoa(f.Of+1)
		}
		ds.SetInts(page, pages...)
		ds.SetString(label, labels...)
	}
	all := make([]byte, 0, 3*len(c.Frames)*c.Rows*c.Columns+1)
	for _, f := range c.Frames {
		all = append(all, f.RGB...)
	}
	if len(all)%2 == 1 {
		all = append(all, 0)
	}
	ds.SetBytes(tag.PixelData, vr.OB, all)
}

// aspect is the height and width of an image's pixels as a ratio of whole numbers.
func aspect(header *dicom.DataSet) (high, wide int) {
	if v := header.Ints(tag.PixelAspectRatio); len(v) == 2 && v[0] > 0 && v[1] > 0 {
		return int(v[0]), int(v[1])
	}
	e, ok := header.FrameElement(0, tag.PixelSpacing)
	if !ok {
		return 1, 1
	}
	v := e.Floats()
	if len(v) != 2 || !(v[0] > 0) || !(v[1] > 0) || math.IsInf(v[0]/v[1], 0) || v[0]/v[1] > 1e4 || v[1]/v[0] > 1e4 || math.Abs(v[0]/v[1]-1) < 1e-6 {
		return 1, 1
	}
	const unit = 10_000
	high, wide = int(math.Round(v[0]/v[1]*unit)), unit
	for a, b := high, wide; ; {
		if b == 0 {
			return high / a, wide / a
		}
		a, b = b, a%b
	}
}
