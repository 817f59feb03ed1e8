package clip

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"
)

var nativeBig = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 0
}()

// convertRaw fills c's samples from raw bytes of a numeric type: kind b, i, u or f of size bytes, big-endian or little. Integers of
// 8 bytes and unsigned ones of 4 go to Float64, half floats to Float32.
func convertRaw(c *Clip, raw []byte, kind byte, size int, big bool) {
	if c.DType.Size() == size && kind != 'b' && (kind == 'f' || c.DType != Float64) {
		copy(c.Data, raw)
		if big != nativeBig {
			swapBytes(c.Data, size)
		}
		return
	}
	var order binary.ByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	switch {
	case kind == 'b':
		for i, v := range raw {
			if v != 0 {
				c.Data[i] = 1
			}
		}
	case kind == 'f' && size == 2:
		d := Samples[float32](c)
		for i := range d {
			d[i] = halfFloat(order.Uint16(raw[2*i:]))
		}
	case kind == 'i' && size == 8:
		d := Samples[float64](c)
		for i := range d {
			d[i] = float64(int64(order.Uint64(raw[8*i:])))
		}
	case kind == 'u' && size == 8:
		d := Samples[float64](c)
		for i := range d {
			d[i] = float64(order.Uint64(raw[8*i:]))
		}
	case kind == 'u' && size == 4:
		d := Samples[float64](c)
		for i := range d {
			d[i] = float64(order.Uint32(raw[4*i:]))
		}
	}
}

func swapBytes(b []byte, size int) {
	switch size {
	case 2:
		for i := 0; i+1 < len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
	case 4:
		for i := 0; i+3 < len(b); i += 4 {
			binary.NativeEndian.PutUint32(b[i:], bits.ReverseBytes32(binary.NativeEndian.Uint32(b[i:])))
		}
	case 8:
		for i := 0; i+7 < len(b); i += 8 {
			binary.NativeEndian.PutUint64(b[i:], bits.ReverseBytes64(binary.NativeEndian.Uint64(b[i:])))
		}
	}
}

// halfFloat converts IEEE 754 binary16.
func halfFloat(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch {
	case exp == 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp == 0:
		v := float32(frac) / (1 << 24)
		if sign != 0 {
			return -v
		}
		return v
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
