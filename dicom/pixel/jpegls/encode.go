package jpegls

import (
	"errors"
	"fmt"
)

// Image is what Encode takes: interleaved samples, a byte each up to 8 bits of precision, else two, little endian.
type Image struct {
	Rows, Columns, Components int
	Precision                 int
	Near                      int // largest error to allow; 0 is lossless
	Samples                   []byte
}

type encoder struct {
	codec
	w writer
}

// Encode is img as a JPEG-LS stream with default coding parameters; several components are interleaved by line.
func Encode(img Image) ([]byte, error) {
	width := 1
	if img.Precision > 8 {
		width = 2
	}
	n := img.Components
	switch {
	case img.Rows < 1 || img.Rows > 65535 || img.Columns < 1 || img.Columns > 65535 || n < 1 || n > 4 || img.Precision < 2 || img.Precision > 16:
		return nil, errors.New("jpegls: not an image that the format holds")
	case len(img.Samples) != img.Rows*img.Columns*n*width:
		return nil, fmt.Errorf("jpegls: %d bytes of samples", len(img.Samples))
	}
	p, err := preset{}.defaults(img.Precision, img.Near)
	if err != nil {
		return nil, err
	}
	e := &encoder{}
	e.start(p, img.Near)
	out := []byte{0xFF, 0xD8, 0xFF, 0xF7, 0, byte(8 + 3*n), byte(img.Precision), byte(img.Rows >> 8), byte(img.Rows), byte(img.Columns >> 8), byte(img.Columns), byte(n)}
	for i := range n {
		out = append(out, byte(i+1), 0x11, 0)
	}
	out = append(out, 0xFF, 0xDA, 0, byte(6+2*n), byte(n))
	for i := range n {
		out = append(out, byte(i+1), 0)
	}
	mode := byte(0)
	if n > 1 {
		mode = 1
	}
	out = append(out, byte(img.Near), mode, 0)
	e.w = writer{out: out, cap: 8}
	prev, cur := make([][]int32, n), make([][]int32, n)
	for i := range n {
		prev[i], cur[i] = make([]int32, img.Columns+2), make([]int32, img.Columns+2)
	}
	limit := int32(p.maxval)
	for y := range img.Rows {
		for i := range n {
			line := cur[i]
			for x := range img.Columns {
				at := ((y*img.Columns+x)*n + i) * width
				v := int32(img.Samples[at])
				if width == 2 {
					v |= int32(img.Samples[at+1]) << 8
				}
				if v > limit {
					return nil, fmt.Errorf("jpegls: a sample needs more than %d bits", img.Precision)
				}
				line[x+1] = v
			}
			e.line(line, prev[i], &e.index[i])
			prev[i], cur[i] = line, prev[i]
		}
	}
	e.w.close()
	return append(e.w.out, 0xFF, 0xD9), nil
}

// line encodes one line; samples become what the decoder will have.
func (e *encoder) line(cur, prev []int32, runIndex *int) {
	width := len(cur) - 2
	prev[width+1] = prev[width]
	cur[0] = prev[1]
	for x := 1; x <= width; {
		ra, rb, rc, rd := cur[x-1], prev[x], prev[x-1], prev[x+1]
		q := int32(e.grad[rd-rb+e.offset])*81 + int32(e.grad[rb-rc+e.offset])*9 + int32(e.grad[rc-ra+e.offset])
		if e.grad[rd-rb+e.offset]|e.grad[rb-rc+e.offset]|e.grad[rc-ra+e.offset] == 0 {
			x += e.runMode(cur, prev, x, runIndex)
			continue
		}
		sign := q >> 31
		ctx := &e.ctx[(q^sign)-sign]
		px := predict(ra, rb, rc) + (ctx.c ^ sign) - sign
		px = min(max(px, 0), int32(e.maxval))
		diff := ((cur[x] - px) ^ sign) - sign
		diff = e.quantiseError(diff)
		cur[x] = e.reconstruct(px + ((diff^sign)-sign)*(2*e.near+1))
		diff = e.modulo(diff)
		k := ctx.golomb()
		mapped := diff
		if k == 0 && e.near == 0 && 2*ctx.b <= -ctx.n {
			mapped = ^diff
		}
		e.w.golomb(mapped>>31^mapped<<1, k, e.limit, e.qbpp)
		ctx.update(diff, e.near, e.reset)
		x++
	}
}

// quantiseError is code segment A.8: the error in steps of 2·NEAR+1.
func (e *encoder) quantiseError(d int32) int32 {
	if e.near == 0 {
		return d
	}
	if d > 0 {
		return (d + e.near) / (2*e.near + 1)
	}
	return -(e.near - d) / (2*e.near + 1)
}

// modulo is code segment A.9: the error in a range of RANGE values about 0.
func (e *encoder) modulo(d int32) int32 {
	if d < 0 {
		d += e.rng
	}
	if d >= (e.rng+1)/2 {
		d -= e.rng
	}
	return d
}

// runMode encodes a run that begins at x, and the sample that interrupts it. It returns how many samples that were.
func (e *encoder) runMode(cur, prev []int32, x int, runIndex *int) int {
	width := len(cur) - 2
	ra := cur[x-1]
	n := 0
	for x+n <= width && abs(cur[x+n]-ra) <= e.near {
		cur[x+n] = ra
		n++
	}
	left := n
	for left >= 1<<j[*runIndex] {
		e.w.put(1, 1)
		left -= 1 << j[*runIndex]
		if *runIndex < 31 {
			*runIndex++
		}
	}
	if x+n > width {
		if left > 0 {
			e.w.put(1, 1)
		}
		return n
	}
	order := int32(j[*runIndex])
	e.w.put(0, 1)
	if order > 0 {
		e.w.put(uint32(left), int(order))
	}
	rb := prev[x+n]
	riType, px, sign := int32(0), rb, int32(1)
	if abs(ra-rb) <= e.near {
		riType, px = 1, ra
	} else if ra > rb {
		sign = -1
	}
	diff := e.quantiseError(sign * (cur[x+n] - px))
	cur[x+n] = e.reconstruct(px + sign*diff*(2*e.near+1))
	diff = e.modulo(diff)
	ctx := &e.run[riType]
	k := ctx.golomb(riType)
	m := int32(0)
	if diff > 0 && k == 0 && 2*ctx.nn < ctx.n || diff < 0 && (k != 0 || 2*ctx.nn >= ctx.n) {
		m = 1
	}
	em := 2*abs(diff) - riType - m
	e.w.golomb(em, k, e.limit-order-1, e.qbpp)
	ctx.update(diff, em, riType, e.reset)
	if *runIndex > 0 {
		*runIndex--
	}
	return n + 1
}
