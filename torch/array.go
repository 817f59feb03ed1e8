package torch

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Array is a tensor's content in Go memory: little-endian elements in row-major order. Files are read to it and written from it.
type Array struct {
	DType DType
	Shape []int64
	Data  []byte
}

// Numel is the number of elements.
func (a Array) Numel() int {
	n := 1
	for _, s := range a.Shape {
		n *= int(s)
	}
	return n
}

// check says whether data, shape and type fit each other.
func (a Array) check() error {
	size := a.DType.Size()
	if size == 0 {
		return fmt.Errorf("unknown element type %s", a.DType)
	}
	n, err := elements(a.Shape)
	if err != nil {
		return err
	}
	if n > math.MaxInt64/int64(size) || n*int64(size) != int64(len(a.Data)) {
		return fmt.Errorf("%d bytes do not hold %s%s", len(a.Data), a.DType, shapeText(a.Shape))
	}
	return nil
}

// elements multiplies a shape that comes from outside, without overflow.
func elements(shape []int64) (int64, error) {
	n := int64(1)
	for _, s := range shape {
		if s < 0 || s > 0 && n > math.MaxInt64/s {
			return 0, fmt.Errorf("impossible shape %s", shapeText(shape))
		}
		n *= s
	}
	return n, nil
}

// ArrayOf makes a float32 array.
func ArrayOf(data []float32, shape ...int64) Array {
	a := Array{DType: Float32, Shape: shape, Data: make([]byte, 0, 4*len(data))}
	for _, v := range data {
		a.Data = binary.LittleEndian.AppendUint32(a.Data, math.Float32bits(v))
	}
	return a
}

// Float32s is the elements converted to float32, for every real type.
func (a Array) Float32s() ([]float32, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	size := a.DType.Size()
	out := make([]float32, len(a.Data)/size)
	for i := range out {
		b := a.Data[i*size:]
		switch a.DType {
		case Float32:
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
		case Float64:
			out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		case BFloat16:
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
		case Float16:
			out[i] = halfToFloat(binary.LittleEndian.Uint16(b))
		case Int64:
			out[i] = float32(int64(binary.LittleEndian.Uint64(b)))
		case Int32:
			out[i] = float32(int32(binary.LittleEndian.Uint32(b)))
		case Int16:
			out[i] = float32(int16(binary.LittleEndian.Uint16(b)))
		case Int8:
			out[i] = float32(int8(b[0]))
		case Uint8, Bool:
			out[i] = float32(b[0])
		default:
			return nil, fmt.Errorf("%s has no float32 form", a.DType)
		}
	}
	return out, nil
}

// halfToFloat widens an IEEE 754 binary16 number exactly.
func halfToFloat(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exponent {
	case 0: // zero or subnormal: fraction × 2^-24
		f := float32(fraction) * 0x1p-24
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	default:
		return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
	}
}

// sortedKeys gives maps one order of iteration, so that equal content gives equal bytes.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
