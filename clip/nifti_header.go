package clip

import (
	"encoding/binary"
	"math"
)

// niftiHeader is the part of a NIfTI-1 or NIfTI-2 header that a clip needs.
// Source: nifti1.h (R. Cox, 2003–2007) and nifti2.h, https://nifti.nimh.nih.gov.
type niftiHeader struct {
	order    binary.ByteOrder
	version  int
	pair     bool // samples are in a file of their own (.hdr/.img)
	dims     [8]int64
	datatype int16
	bitpix   int16
	pixdim   [8]float64
	offset   int64 // of the samples
	slope    float64
	inter    float64
	intent   int32
	units    int32
	qform    int32
	sform    int32
	quatern  [3]float64
	qoffset  [3]float64
	srow     [3][4]float64
}

const niftiHint = "open it in a NIfTI viewer; if that fails too, convert it again from its source"

// niftiHeaderSize is 348 for a NIfTI-1 header, 540 for NIfTI-2 and 0 for anything else.
func niftiHeaderSize(head []byte) int {
	if len(head) < 348 {
		return 0
	}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch o.Uint32(head) {
		case 348:
			if m := string(head[344:348]); m == "n+1\x00" || m == "ni1\x00" {
				return 348
			}
		case 540:
			if m := string(head[4:8]); m == "n+2\x00" || m == "ni2\x00" {
				return 540
			}
		}
	}
	return 0
}

// parseNIfTIHeader reads b, which holds at least niftiHeaderSize bytes.
func parseNIfTIHeader(b []byte) (*niftiHeader, error) {
	h := &niftiHeader{order: binary.LittleEndian}
	size := niftiHeaderSize(b)
	if size == 0 || len(b) < size {
		return nil, inputf("NIfTI: no header of version 1 or 2").WithHint(niftiHint)
	}
	if n := binary.LittleEndian.Uint32(b); n != 348 && n != 540 {
		h.order = binary.BigEndian
	}
	o := h.order
	i16 := func(at int) int16 { return int16(o.Uint16(b[at:])) }
	i32 := func(at int) int32 { return int32(o.Uint32(b[at:])) }
	f32 := func(at int) float64 { return float64(math.Float32frombits(o.Uint32(b[at:]))) }
	f64 := func(at int) float64 { return math.Float64frombits(o.Uint64(b[at:])) }
	if size == 348 {
		h.version = 1
		h.pair = b[345] == 'i'
		for i := range h.dims {
			h.dims[i] = int64(i16(40 + 2*i))
			h.pixdim[i] = f32(76 + 4*i)
		}
		h.intent, h.datatype, h.bitpix = int32(i16(68)), i16(70), i16(72)
		offset := f32(108)
		if !(offset >= 0 && offset < 1<<40) {
			return nil, inputf("NIfTI: impossible vox_offset %v", offset).WithHint(niftiHint)
		}
		h.offset = int64(offset)
		h.slope, h.inter = f32(112), f32(116)
		h.units = int32(b[123])
		h.qform, h.sform = int32(i16(252)), int32(i16(254))
		for i := range 3 {
			h.quatern[i], h.qoffset[i] = f32(256+4*i), f32(268+4*i)
			for j := range 4 {
				h.srow[i][j] = f32(280 + 16*i + 4*j)
			}
		}
	} else {
		h.version = 2
		h.pair = b[5] == 'i'
		h.datatype, h.bitpix = i16(12), i16(14)
		for i := range h.dims {
			h.dims[i] = int64(o.Uint64(b[16+8*i:]))
			h.pixdim[i] = f64(104 + 8*i)
		}
		h.offset = int64(o.Uint64(b[168:]))
		h.slope, h.inter = f64(176), f64(184)
		h.qform, h.sform = i32(344), i32(348)
		for i := range 3 {
			h.quatern[i], h.qoffset[i] = f64(352+8*i), f64(376+8*i)
			for j := range 4 {
				h.srow[i][j] = f64(400 + 32*i + 8*j)
			}
		}
		h.units, h.intent = i32(500), i32(504)
	}
	return h, h.check(int64(size))
}

func (h *niftiHeader) check(size int64) error {
	n := h.dims[0]
	if n < 1 || n > 7 {
		return inputf("NIfTI: dim[0] is %d, not 1 to 7", n).WithHint(niftiHint)
	}
	for i := int64(1); i <= 7; i++ {
		if i > n {
			h.dims[i] = 1
		}
		if h.dims[i] < 1 || h.dims[i] > 1<<31 {
			return inputf("NIfTI: dim[%d] is %d", i, h.dims[i]).WithHint(niftiHint)
		}
	}
	if _, ok := niftiTypes[h.datatype]; !ok {
		return inputf("NIfTI: datatype %d is not supported", h.datatype).WithHint("convert it to a plain integer or float type")
	}
	if !h.pair && h.offset < size || h.offset < 0 || h.offset > 1<<40 {
		return inputf("NIfTI: the samples start at byte %d, inside the header of %d bytes", h.offset, size).WithHint(niftiHint)
	}
	return nil
}

// affine is the map from (i, j, k) to RAS in the file's units, by the sform, else the qform, else the voxel sizes alone (then named
// is false: such files have no orientation).
func (h *niftiHeader) affine() (a Affine, named bool) {
	if h.sform > 0 && finiteAffine(h.srow) && h.srow[0] != [4]float64{} {
		return Affine(h.srow), true
	}
	d := [3]float64{math.Abs(h.pixdim[1]), math.Abs(h.pixdim[2]), math.Abs(h.pixdim[3])}
	for i := range d {
		if !(d[i] > 0) || math.IsInf(d[i], 0) {
			d[i] = 1
		}
	}
	if h.qform <= 0 {
		for i := range 3 {
			a[i][i] = d[i]
		}
		return a, false
	}
	b, c, q := h.quatern[0], h.quatern[1], h.quatern[2]
	w2 := 1 - b*b - c*c - q*q
	w := 0.0
	if w2 < 1e-7 { // a half turn, up to rounding: normalise the vector part
		n := 1 / math.Sqrt(b*b+c*c+q*q)
		b, c, q = b*n, c*n, q*n
	} else {
		w = math.Sqrt(w2)
	}
	if h.pixdim[0] < 0 {
		d[2] = -d[2] // qfac
	}
	r := [3][3]float64{
		{w*w + b*b - c*c - q*q, 2 * (b*c - w*q), 2 * (b*q + w*c)},
		{2 * (b*c + w*q), w*w + c*c - b*b - q*q, 2 * (c*q - w*b)},
		{2 * (b*q - w*c), 2 * (c*q + w*b), w*w + q*q - b*b - c*c},
	}
	for i := range 3 {
		for j := range 3 {
			a[i][j] = r[i][j] * d[j]
		}
		a[i][3] = h.qoffset[i]
	}
	return a, finiteAffine(a)
}

func finiteAffine(a [3][4]float64) bool {
	for _, row := range a {
		for _, v := range row {
			if v-v != 0 {
				return false
			}
		}
	}
	return true
}
