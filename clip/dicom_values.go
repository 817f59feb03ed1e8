package clip

import (
	"math"

	"github.com/cineloop/cineloop/dicom/tag"
)

// unpack turns one frame's cells into sample values: the stored bits alone, sign-extended. b is little endian.
func (d *instance) unpack(c *Clip, b []byte) error {
	im := d.im
	width := im.SampleBytes()
	if n := c.H * c.W; len(b) != n*width {
		return inputf("a frame of %d bytes, not %d", len(b), n*width)
	}
	if im.Float {
		convertRaw(c, b, 'f', width, false)
		return nil
	}
	low := im.HighBit + 1 - im.BitsStored
	whole := low == 0 && im.BitsStored == 8*width
	if whole && c.DType.Size() == width && c.DType != Float64 {
		convertRaw(c, b, 'u', width, false)
		return nil
	}
	switch c.DType {
	case Uint8:
		unpackBits(Samples[uint8](c), b, width, low, im.BitsStored, false)
	case Int8:
		unpackBits(Samples[int8](c), b, width, low, im.BitsStored, true)
	case Uint16:
		unpackBits(Samples[uint16](c), b, width, low, im.BitsStored, false)
	case Int16:
		unpackBits(Samples[int16](c), b, width, low, im.BitsStored, true)
	case Int32:
		unpackBits(Samples[int32](c), b, width, low, im.BitsStored, im.Signed)
	case Float64:
		unpackBits(Samples[float64](c), b, width, low, im.BitsStored, im.Signed)
	}
	return nil
}

func unpackBits[T Number](dst []T, b []byte, width, low, bits int, signed bool) {
	up := uint(64 - bits)
	for i := range dst {
		var v uint64
		for k := range width {
			v |= uint64(b[i*width+k]) << (8 * k)
		}
		v = v >> low << up
		if signed {
			dst[i] = T(int64(v) >> up)
		} else {
			dst[i] = T(v >> up)
		}
	}
}

// rescale applies Rescale Slope and Intercept (PS3.3 C.11.1, C.7.6.16.2.9). Integer results stay integers in the smallest type that
// holds them; others become Float32. CT values are Hounsfield units then.
func (d *instance) rescale(c *Clip, order []int) *Clip {
	type line struct{ slope, inter float64 }
	lines := make([]line, len(order))
	trivial, whole := true, c.DType != Float32 && c.DType != Float64
	for k, f := range order {
		ds := d.ds
		if g := functionalGroup(d.ds, f, tag.PixelValueTransformationSequence); g != nil {
			ds = g
		}
		slope, ok := ds.Float(tag.RescaleSlope)
		inter, _ := ds.Float(tag.RescaleIntercept)
		if !ok || slope == 0 || slope-slope != 0 || inter-inter != 0 {
			slope, inter = 1, 0
		}
		lines[k] = line{slope, inter}
		trivial = trivial && slope == 1 && inter == 0
		whole = whole && slope == math.Trunc(slope) && inter == math.Trunc(inter)
	}
	if d.ds.String(tag.Modality) == "CT" {
		c.Photometric = CT
	}
	if trivial {
		return c
	}
	out := New(Float32, c.T, c.H, c.W, 1)
	n := c.H * c.W
	dst := Samples[float32](out)
	for k := range order {
		one := &Clip{T: 1, H: c.H, W: c.W, C: 1, DType: c.DType, Data: c.Frame(k)}
		scaleSamples(dst[k*n:(k+1)*n], one, lines[k].slope, lines[k].inter)
	}
	if whole {
		lo, hi := dst[0], dst[0]
		for _, v := range dst {
			lo, hi = min(lo, v), max(hi, v)
		}
		if lo >= -1<<24 && hi <= 1<<24 { // exact in float32
			dt := Int32
			if lo >= math.MinInt16 && hi <= math.MaxInt16 {
				dt = Int16
			}
			small := New(dt, c.T, c.H, c.W, 1)
			storeRounded(small, dst)
			out = small
		}
	}
	out.Photometric, out.Source = c.Photometric, c.Source
	delete(out.Source.Tags, "BitsStored") // no longer the samples' range
	return out
}
