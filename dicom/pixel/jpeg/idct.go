package jpeg

// The inverse DCT is libjpeg's accurate integer one (jidctint.c, after Loeffler, Ligtenberg and Moschytz 1989), so that decoded
// samples are libjpeg's to the bit: 13 fractional bits in the constants, 2 more kept between the passes for 8-bit samples
// and 1 for 12-bit ones.
const (
	fix0298631336 = 2446
	fix0390180644 = 3196
	fix0541196100 = 4433
	fix0765366865 = 6270
	fix0899976223 = 7373
	fix1175875602 = 9633
	fix1501321110 = 12299
	fix1847759065 = 15137
	fix1961570560 = 16069
	fix2053119869 = 16819
	fix2562915447 = 20995
	fix3072711026 = 25172
)

func clamp8(v int32) byte {
	v += 128
	if uint32(v) > 255 {
		return byte(^(v >> 31))
	}
	return byte(v)
}

// flat8 is the inverse DCT of a block with nothing but a DC coefficient.
func flat8(dc int32, dst []byte, stride int) {
	v := uint64(clamp8((dc<<2 + 1<<4) >> 5))
	v |= v << 8
	v |= v << 16
	v |= v << 32
	for y := 0; y < 8; y++ {
		row := dst[y*stride : y*stride+8 : y*stride+8]
		row[0], row[1], row[2], row[3] = byte(v), byte(v), byte(v), byte(v)
		row[4], row[5], row[6], row[7] = byte(v), byte(v), byte(v), byte(v)
	}
}

func idct8(w *[64]int32, dst []byte, stride int) {
	for x := 0; x < 8; x++ {
		c1, c2, c3, c4, c5, c6, c7 := w[8+x], w[16+x], w[24+x], w[32+x], w[40+x], w[48+x], w[56+x]
		if c1|c2|c3|c4|c5|c6|c7 == 0 {
			v := w[x] << 2
			if v != 0 {
				w[8+x], w[16+x], w[24+x], w[32+x], w[40+x], w[48+x], w[56+x] = v, v, v, v, v, v, v
				w[x] = v
			}
			continue
		}
		z1 := (c2 + c6) * fix0541196100
		t2 := z1 - c6*fix1847759065
		t3 := z1 + c2*fix0765366865
		t0 := (w[x] + c4) << 13
		t1 := (w[x] - c4) << 13
		a0, a3, a1, a2 := t0+t3, t0-t3, t1+t2, t1-t2

		o0, o1, o2, o3 := c7, c5, c3, c1
		y1, y2, y3, y4 := o0+o3, o1+o2, o0+o2, o1+o3
		y5 := (y3 + y4) * fix1175875602
		o0 *= fix0298631336
		o1 *= fix2053119869
		o2 *= fix3072711026
		o3 *= fix1501321110
		y1 *= -fix0899976223
		y2 *= -fix2562915447
		y3 = y3*-fix1961570560 + y5
		y4 = y4*-fix0390180644 + y5
		o0 += y1 + y3
		o1 += y2 + y4
		o2 += y2 + y3
		o3 += y1 + y4

		const r = 1 << 10
		w[x] = (a0 + o3 + r) >> 11
		w[56+x] = (a0 - o3 + r) >> 11
		w[8+x] = (a1 + o2 + r) >> 11
		w[48+x] = (a1 - o2 + r) >> 11
		w[16+x] = (a2 + o1 + r) >> 11
		w[40+x] = (a2 - o1 + r) >> 11
		w[24+x] = (a3 + o0 + r) >> 11
		w[32+x] = (a3 - o0 + r) >> 11
	}
	for y := 0; y < 8; y++ {
		row := w[y*8 : y*8+8 : y*8+8]
		out := dst[y*stride : y*stride+8 : y*stride+8]
		c1, c2, c3, c4, c5, c6, c7 := row[1], row[2], row[3], row[4], row[5], row[6], row[7]
		if c1|c2|c3|c4|c5|c6|c7 == 0 {
			v := clamp8((row[0] + 1<<4) >> 5)
			out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7] = v, v, v, v, v, v, v, v
			continue
		}
		z1 := (c2 + c6) * fix0541196100
		t2 := z1 - c6*fix1847759065
		t3 := z1 + c2*fix0765366865
		t0 := (row[0] + c4) << 13
		t1 := (row[0] - c4) << 13
		const r = 1 << 17
		a0, a3, a1, a2 := t0+t3+r, t0-t3+r, t1+t2+r, t1-t2+r

		o0, o1, o2, o3 := c7, c5, c3, c1
		y1, y2, y3, y4 := o0+o3, o1+o2, o0+o2, o1+o3
		y5 := (y3 + y4) * fix1175875602
		o0 *= fix0298631336
		o1 *= fix2053119869
		o2 *= fix3072711026
		o3 *= fix1501321110
		y1 *= -fix0899976223
		y2 *= -fix2562915447
		y3 = y3*-fix1961570560 + y5
		y4 = y4*-fix0390180644 + y5
		o0 += y1 + y3
		o1 += y2 + y4
		o2 += y2 + y3
		o3 += y1 + y4

		out[0] = clamp8((a0 + o3) >> 18)
		out[7] = clamp8((a0 - o3) >> 18)
		out[1] = clamp8((a1 + o2) >> 18)
		out[6] = clamp8((a1 - o2) >> 18)
		out[2] = clamp8((a2 + o1) >> 18)
		out[5] = clamp8((a2 - o1) >> 18)
		out[3] = clamp8((a3 + o0) >> 18)
		out[4] = clamp8((a3 - o0) >> 18)
	}
}

func idct12(w *[64]int32, dst []int16, stride int) {
	var s [64]int64
	for x := range 8 {
		out := butterfly([8]int64{int64(w[x]), int64(w[8+x]), int64(w[16+x]), int64(w[24+x]), int64(w[32+x]), int64(w[40+x]), int64(w[48+x]), int64(w[56+x])}, 12)
		for y := range 8 {
			s[y*8+x] = out[y]
		}
	}
	for y := range 8 {
		out := butterfly([8]int64(s[y*8:]), 17)
		for x, v := range out {
			dst[y*stride+x] = int16(min(max(v+2048, 0), 4095))
		}
	}
}

// butterfly is one pass of the transform over eight values, with the result shifted right.
func butterfly(c [8]int64, shift uint) [8]int64 {
	z1 := (c[2] + c[6]) * fix0541196100
	t2 := z1 - c[6]*fix1847759065
	t3 := z1 + c[2]*fix0765366865
	r := int64(1) << (shift - 1)
	t0 := (c[0]+c[4])<<13 + r
	t1 := (c[0]-c[4])<<13 + r
	a0, a3, a1, a2 := t0+t3, t0-t3, t1+t2, t1-t2
	o0, o1, o2, o3 := c[7], c[5], c[3], c[1]
	y1, y2, y3, y4 := o0+o3, o1+o2, o0+o2, o1+o3
	y5 := (y3 + y4) * fix1175875602
	y1 *= -fix0899976223
	y2 *= -fix2562915447
	y3 = y3*-fix1961570560 + y5
	y4 = y4*-fix0390180644 + y5
	o0 = o0*fix0298631336 + y1 + y3
	o1 = o1*fix2053119869 + y2 + y4
	o2 = o2*fix3072711026 + y2 + y3
	o3 = o3*fix1501321110 + y1 + y4
	return [8]int64{(a0 + o3) >> shift, (a1 + o2) >> shift, (a2 + o1) >> shift, (a3 + o0) >> shift,
		(a3 - o0) >> shift, (a2 - o1) >> shift, (a1 - o2) >> shift, (a0 - o3) >> shift}
}
