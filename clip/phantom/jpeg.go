package phantom

import (
	"encoding/binary"
	"math"
	"sync"
)

// A baseline JPEG writer with chroma halved horizontally (ITU-T T.81; 4:2:2), which is what YBR_FULL_422 says (PS3.3 C.7.6.3.1.2)
// and what the standard library's encoder does not write: it always halves both ways.

// Quantisation tables of T.81 annex K.1, luminance and chrominance, in natural order.
var baseQuant = [2][64]uint8{
	{
		16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
		14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
		18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
		49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
	},
	{
		17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
		24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
	},
}

// zigzag maps scan order to natural order.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// huffman is a table of T.81 annex K.3: code counts by length, then the symbols.
type huffman struct {
	class  byte // 0 DC, 1 AC in the upper half; destination in the lower
	counts [16]uint8
	values []uint8
}

var huffmans = [4]huffman{
	{0x00, [16]uint8{0, 1, 5, 1, 1, 1, 1, 1, 1}, []uint8{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
	{0x10, [16]uint8{0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d}, []uint8{
		0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
		0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0,
		0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
		0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
		0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
		0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
		0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
		0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
		0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
		0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
		0xf9, 0xfa,
	}},
	{0x01, [16]uint8{0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1}, []uint8{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
	{0x11, [16]uint8{0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77}, []uint8{
		0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
		0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0,
		0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
		0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
		0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
		0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
		0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5,
		0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
		0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
		0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
		0xf9, 0xfa,
	}},
}

// codes are the tables as code<<8 | length by symbol.
var codes = sync.OnceValue(func() *[4][256]uint32 {
	var t [4][256]uint32
	for i, h := range huffmans {
		code, k := uint32(0), 0
		for length, n := range h.counts {
			for range n {
				t[i][h.values[k]] = code<<8 | uint32(length+1)
				code++
				k++
			}
			code <<= 1
		}
	}
	return &t
})

// jpegQuality is libjpeg's scale. At 92 speckle keeps its statistics and a 112×112 frame takes about 5 kB.
const jpegQuality = 92

type jpegWriter struct {
	out   []byte
	bits  uint32
	count uint
	scale [2][64]float32 // reciprocal quantisers, with the transform's own scaling, natural order
	codes *[4][256]uint32
}

// encodeJPEG compresses rgb, h·w·3 bytes.
func encodeJPEG(rgb []uint8, h, w int) []byte {
	e := jpegWriter{out: make([]byte, 0, h*w/2+1024), codes: codes()}
	e.out = append(e.out, 0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0)
	for t := range 2 {
		e.out = append(e.out, 0xff, 0xdb, 0, 67, byte(t))
		var q [64]int
		for i, v := range baseQuant[t] {
			q[i] = min(max((int(v)*(200-2*jpegQuality)+50)/100, 1), 255)
		}
		for _, n := range zigzag {
			e.out = append(e.out, byte(q[n]))
		}
		for i, v := range q {
			e.scale[t][i] = float32(1 / (float64(v) * 8 * aanScale(i/8) * aanScale(i%8)))
		}
	}
	e.out = append(e.out, 0xff, 0xc0, 0, 17, 8)
	e.out = binary.BigEndian.AppendUint16(e.out, uint16(h))
	e.out = binary.BigEndian.AppendUint16(e.out, uint16(w))
	e.out = append(e.out, 3, 1, 0x21, 0, 2, 0x11, 1, 3, 0x11, 1)
	for _, t := range huffmans {
		e.out = append(e.out, 0xff, 0xc4, 0, byte(19+len(t.values)), t.class)
		e.out = append(e.out, t.counts[:]...)
		e.out = append(e.out, t.values...)
	}
	e.out = append(e.out, 0xff, 0xda, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0)

	var y [2][64]float32
	var cb, cr [64]float32
	var dcY, dcB, dcR int
	for top := 0; top < h; top += 8 {
		for left := 0; left < w; left += 16 {
			cb, cr = [64]float32{}, [64]float32{}
			for row := range 8 {
				// Beyond the edge the last row and column repeat.
				line := min(top+row, h-1) * w
				for col := range 16 {
					at := 3 * (line + min(left+col, w-1))
					r, g, b := float32(rgb[at]), float32(rgb[at+1]), float32(rgb[at+2])
					y[col>>3][row*8+col&7] = 0.299*r + 0.587*g + 0.114*b - 128
					i := row*8 + col>>1
					cb[i] += (-0.168736*r - 0.331264*g + 0.5*b) * 0.5
					cr[i] += (0.5*r - 0.418688*g - 0.081312*b) * 0.5
				}
			}
			dcY = e.block(&y[0], 0, dcY)
			dcY = e.block(&y[1], 0, dcY)
			dcB = e.block(&cb, 1, dcB)
			dcR = e.block(&cr, 1, dcR)
		}
	}
	e.emit(0x7f, 7)
	return append(e.out, 0xff, 0xd9)
}

// aanScale is the factor that the transform leaves on frequency k (Arai, Agui and Nakajima 1988).
func aanScale(k int) float64 {
	if k == 0 {
		return 1
	}
	return math.Cos(float64(k)*math.Pi/16) * math.Sqrt2
}

// block transforms, quantises and codes 64 samples with tables t and returns the DC value for the next block.
func (e *jpegWriter) block(v *[64]float32, t, dc int) int {
	for i := range 8 {
		transform8(v[i*8:], 1)
	}
	for i := range 8 {
		transform8(v[i:], 8)
	}
	var q [64]int
	for n, i := range zigzag {
		x := v[i] * e.scale[t][i]
		if x >= 0 {
			q[n] = int(x + 0.5)
		} else {
			q[n] = -int(0.5 - x)
		}
	}
	e.symbol(2*t, 0, q[0]-dc)
	run := 0
	for _, x := range q[1:] {
		if x == 0 {
			run++
			continue
		}
		for ; run > 15; run -= 16 {
			e.code(2*t+1, 0xf0)
		}
		e.symbol(2*t+1, run, x)
		run = 0
	}
	if run > 0 {
		e.code(2*t+1, 0)
	}
	return q[0]
}

// symbol codes a run of zeros and a value: the Huffman code of run and size, then the value's bits.
func (e *jpegWriter) symbol(table, run, x int) {
	size, a, b := uint(0), x, x
	if x < 0 {
		a, b = -x, x-1
	}
	for ; a > 0; a >>= 1 {
		size++
	}
	e.code(table, uint8(run<<4)|uint8(size))
	if size > 0 {
		e.emit(uint32(b)&(1<<size-1), size)
	}
}

func (e *jpegWriter) code(table int, symbol uint8) {
	c := e.codes[table][symbol]
	e.emit(c>>8, uint(c&255))
}

// emit appends n bits, stuffing a zero after every 0xff.
func (e *jpegWriter) emit(bits uint32, n uint) {
	e.count += n
	e.bits |= bits << (32 - e.count)
	for e.count >= 8 {
		b := byte(e.bits >> 24)
		e.out = append(e.out, b)
		if b == 0xff {
			e.out = append(e.out, 0)
		}
		e.bits <<= 8
		e.count -= 8
	}
}

// transform8 is the scaled one-dimensional DCT of Arai, Agui and Nakajima over eight samples, stride apart.
func transform8(v []float32, stride int) {
	s := stride
	_ = v[7*s]
	d0, d1, d2, d3, d4, d5, d6, d7 := v[0], v[s], v[2*s], v[3*s], v[4*s], v[5*s], v[6*s], v[7*s]
	t0, t7, t1, t6 := d0+d7, d0-d7, d1+d6, d1-d6
	t2, t5, t3, t4 := d2+d5, d2-d5, d3+d4, d3-d4
	t10, t13, t11, t12 := t0+t3, t0-t3, t1+t2, t1-t2
	v[0], v[4*s] = t10+t11, t10-t11
	z1 := (t12 + t13) * 0.707106781
	v[2*s], v[6*s] = t13+z1, t13-z1
	t10, t11, t12 = t4+t5, t5+t6, t6+t7
	z5 := (t10 - t12) * 0.382683433
	z2, z4, z3 := 0.541196100*t10+z5, 1.306562965*t12+z5, t11*0.707106781
	z11, z13 := t7+z3, t7-z3
	v[5*s], v[3*s] = z13+z2, z13-z2
	v[s], v[7*s] = z11+z4, z11-z4
}
