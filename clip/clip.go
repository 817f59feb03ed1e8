package clip

import (
	"fmt"
	"math"
	"unsafe"
)

// DType is the type of one stored sample.
type DType uint8

// The sample types that modalities and file formats of the field use.
const (
	Uint8 DType = iota + 1
	Int8
	Uint16
	Int16
	Int32
	Float32
	Float64
)

// Size is the number of bytes of one sample.
func (d DType) Size() int {
	switch d {
	case Uint8, Int8:
		return 1
	case Uint16, Int16:
		return 2
	case Int32, Float32:
		return 4
	case Float64:
		return 8
	}
	return 0
}

func (d DType) String() string {
	switch d {
	case Uint8:
		return "uint8"
	case Int8:
		return "int8"
	case Uint16:
		return "uint16"
	case Int16:
		return "int16"
	case Int32:
		return "int32"
	case Float32:
		return "float32"
	case Float64:
		return "float64"
	}
	return fmt.Sprintf("dtype(%d)", uint8(d))
}

// Photometric is what sample values mean.
type Photometric string

// Photometric interpretations of a decoded clip: colour is always RGB here; DICOM's YBR and palette forms are converted on reading.
const (
	Grey    Photometric = "grey"    // larger is brighter
	Inverse Photometric = "inverse" // larger is darker (MONOCHROME1)
	RGB     Photometric = "rgb"
	Mask    Photometric = "mask"       // labels, never interpolated
	CT      Photometric = "hounsfield" // calibrated, HU
)

// Spacing is the distance between sample centres in mm; 0 means unknown.
type Spacing struct {
	Slice  float64 `json:"slice_mm,omitempty"`  // between frames of a stack
	Row    float64 `json:"row_mm,omitempty"`    // between rows, along a column
	Column float64 `json:"column_mm,omitempty"` // between columns, along a row
}

// Affine maps (column, row, frame, 1) indices to patient coordinates in mm, LPS as in DICOM, row-major 3×4.
type Affine [3][4]float64

// Source says where a clip came from, without patient data.
type Source struct {
	Format    string            `json:"format"`              // dicom, nifti, avi, video, png, jpeg, npy, npz, phantom
	Digest    string            `json:"digest,omitempty"`    // SHA-256 of the input bytes, hex
	SOPClass  string            `json:"sop_class,omitempty"` // DICOM UIDs are pseudonymous identifiers: kept for provenance, not printed in reports
	Study     string            `json:"study_uid,omitempty"`
	Series    string            `json:"series_uid,omitempty"`
	Instances []string          `json:"instance_uids,omitempty"`
	Reader    string            `json:"reader"`          // reader name and version
	Notes     []string          `json:"notes,omitempty"` // leniencies and conversions that were applied
	Stack     *Stack            `json:"stack,omitempty"` // of a series of slices with positions
	Tags      map[string]string `json:"tags,omitempty"`  // scan-level facts free of identity: Modality, ViewName, StageName, HeartRate, Manufacturer…
}

// Clip is a block of samples [T, H, W, C], C fastest, with what is needed to measure on it.
//
// A cine loop has TimesMS and no Spacing.Slice; a CT or MR stack has Spacing.Slice (and usually Affine) and no TimesMS.
// Samples are native-endian. Clips handed out by a cache are shared and read-only: transforms return new clips.
type Clip struct {
	T, H, W, C  int // frames, rows, columns, channels
	DType       DType
	Data        []byte    // T*H*W*C samples; use [Samples] for a typed view
	TimesMS     []float64 // time of each frame since the first, ms; nil when unknown or not a cine
	Spacing     Spacing
	Affine      *Affine // nil when unknown
	Photometric Photometric
	Source      Source
}

// Number is any sample type.
type Number interface {
	~uint8 | ~int8 | ~uint16 | ~int16 | ~int32 | ~float32 | ~float64
}

// New returns a zeroed clip of the given shape. It panics when a dimension is not positive or the size overflows.
func New(dt DType, t, h, w, c int) *Clip {
	n, err := checkedLen(dt, t, h, w, c)
	if err != nil {
		panic(err)
	}
	// Backed by 8-byte words so that typed views of every DType are aligned.
	words := make([]uint64, (n+7)/8)
	var data []byte
	if len(words) > 0 {
		data = unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n)
	}
	return &Clip{T: t, H: h, W: w, C: c, DType: dt, Data: data, Photometric: Grey}
}

func checkedLen(dt DType, dims ...int) (int, error) {
	n := int64(dt.Size())
	if n == 0 {
		return 0, fmt.Errorf("clip: unknown sample type %v", dt)
	}
	for _, d := range dims {
		if d <= 0 || n > math.MaxInt64/int64(d) {
			return 0, fmt.Errorf("clip: impossible shape %v", dims)
		}
		n *= int64(d)
	}
	if n > 1<<40 {
		return 0, fmt.Errorf("clip: shape %v needs %d bytes", dims, n)
	}
	return int(n), nil
}

// Samples is a typed view of c.Data without a copy. It panics when T is not the clip's sample type.
func Samples[T Number](c *Clip) []T {
	var z T
	if dtypeOf(z) != c.DType {
		panic(fmt.Sprintf("clip: Samples[%T] of a %v clip", z, c.DType))
	}
	if len(c.Data) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&c.Data[0])), len(c.Data)/c.DType.Size())
}

func dtypeOf(v any) DType {
	switch v.(type) {
	case uint8:
		return Uint8
	case int8:
		return Int8
	case uint16:
		return Uint16
	case int16:
		return Int16
	case int32:
		return Int32
	case float32:
		return Float32
	case float64:
		return Float64
	}
	return 0
}

// FrameBytes is the number of bytes of one frame.
func (c *Clip) FrameBytes() int { return c.H * c.W * c.C * c.DType.Size() }

// Frame is frame t's bytes, shared with c.
func (c *Clip) Frame(t int) []byte {
	n := c.FrameBytes()
	return c.Data[t*n : (t+1)*n : (t+1)*n]
}

// Validate reports the first broken promise of the clip's fields, or nil.
func (c *Clip) Validate() error {
	n, err := checkedLen(c.DType, c.T, c.H, c.W, c.C)
	if err != nil {
		return err
	}
	if len(c.Data) != n {
		return fmt.Errorf("clip: %d bytes for shape [%d %d %d %d] of %v", len(c.Data), c.T, c.H, c.W, c.C, c.DType)
	}
	if c.TimesMS != nil && len(c.TimesMS) != c.T {
		return fmt.Errorf("clip: %d frame times for %d frames", len(c.TimesMS), c.T)
	}
	for i := 1; i < len(c.TimesMS); i++ {
		if !(c.TimesMS[i] >= c.TimesMS[i-1]) {
			return fmt.Errorf("clip: frame %d's time is before that of frame %d", i, i-1)
		}
	}
	return nil
}

// FrameRate is frames per second by the mean interval; 0 when times are unknown.
func (c *Clip) FrameRate() float64 {
	if len(c.TimesMS) < 2 {
		return 0
	}
	d := c.TimesMS[len(c.TimesMS)-1] - c.TimesMS[0]
	if d <= 0 {
		return 0
	}
	return 1000 * float64(len(c.TimesMS)-1) / d
}
