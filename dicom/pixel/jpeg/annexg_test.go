package jpeg

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// annexG writes progressive scans of one component by annex G, with none of the decoder's code: coefficients in zigzag order, quantised.
type annexG struct {
	blocks [][64]int
	w      bitWriter
	eobrun int
	refine []byte // correction bits that wait for the end-of-band run before them
}

// flatEight is a table in which symbol s has the code of eight bits s, but the last, which would be all ones, of nine.
func flatEight(class byte) []byte {
	body := append([]byte{class}, make([]byte, 16)...)
	body[8], body[9] = 255, 1
	for s := range 256 {
		body = append(body, byte(s))
	}
	return segment(0xC4, body...)
}

func (e *annexG) symbol(s int) {
	if s == 255 {
		e.w.put(0x1FE, 9)
		return
	}
	e.w.put(uint32(s), 8)
}

func magnitude(v int) (size int, code uint32) {
	a := max(v, -v)
	for ; a > 0; a >>= 1 {
		size++
	}
	if v < 0 {
		v--
	}
	return size, uint32(v) & (1<<size - 1)
}

// shift is the point transform of AC coefficients: towards zero (G.1.2.2).
func shift(v, al int) int {
	if v < 0 {
		return -(-v >> al)
	}
	return v >> al
}

func (e *annexG) dcFirst(al int) []byte {
	last := 0
	for i := range e.blocks {
		v := e.blocks[i][0] >> al
		size, code := magnitude(v - last)
		e.symbol(size)
		e.w.put(code, size)
		last = v
	}
	return e.w.flush()
}

func (e *annexG) dcRefine(al int) []byte {
	for i := range e.blocks {
		e.w.put(uint32(e.blocks[i][0]>>al)&1, 1)
	}
	return e.w.flush()
}

func (e *annexG) endRun() {
	if e.eobrun > 0 {
		n := 0
		for e.eobrun>>(n+1) > 0 {
			n++
		}
		e.symbol(n << 4)
		e.w.put(uint32(e.eobrun)&(1<<n-1), n)
		e.eobrun = 0
	}
	for _, b := range e.refine {
		e.w.put(uint32(b), 1)
	}
	e.refine = nil
}

func (e *annexG) acFirst(ss, se, al int) []byte {
	for i := range e.blocks {
		zeros := 0
		for k := ss; k <= se; k++ {
			v := shift(e.blocks[i][k], al)
			if v == 0 {
				zeros++
				continue
			}
			e.endRun()
			for ; zeros > 15; zeros -= 16 {
				e.symbol(0xF0)
			}
			size, code := magnitude(v)
			e.symbol(zeros<<4 | size)
			e.w.put(code, size)
			zeros = 0
		}
		if zeros > 0 {
			if e.eobrun++; e.eobrun == 0x7FFF {
				e.endRun()
			}
		}
	}
	e.endRun()
	return e.w.flush()
}

func (e *annexG) acRefine(ss, se, al int) []byte {
	for i := range e.blocks {
		last := 0 // the last coefficient that becomes other than zero now
		for k := ss; k <= se; k++ {
			if a := shift(e.blocks[i][k], al); a == 1 || a == -1 {
				last = k
			}
		}
		zeros := 0
		var wait []byte
		for k := ss; k <= se; k++ {
			v := shift(e.blocks[i][k], al)
			if v == 0 {
				zeros++
				continue
			}
			for zeros > 15 && k <= last {
				e.endRun()
				e.symbol(0xF0)
				zeros -= 16
				for _, b := range wait {
					e.w.put(uint32(b), 1)
				}
				wait = nil
			}
			if v != 1 && v != -1 {
				wait = append(wait, byte(max(v, -v)&1))
				continue
			}
			e.endRun()
			e.symbol(zeros<<4 | 1)
			sign := uint32(0)
			if v > 0 {
				sign = 1
			}
			e.w.put(sign, 1)
			for _, b := range wait {
				e.w.put(uint32(b), 1)
			}
			wait, zeros = nil, 0
		}
		if zeros > 0 || len(wait) > 0 {
			e.eobrun++
			e.refine = append(e.refine, wait...)
			if e.eobrun == 0x7FFF || len(e.refine) > 900 {
				e.endRun()
			}
		}
	}
	e.endRun()
	return e.w.flush()
}

// TestAnnexG decodes coefficients that came in spectral bands and by successive bits, and wants the samples that the same coefficients give in a
// sequential scan.
func TestAnnexG(t *testing.T) {
	const across, down = 5, 3
	r := rand.New(rand.NewPCG(11, 12))
	for round, density := range []int{0, 2, 10, 60} {
		e := &annexG{blocks: make([][64]int, across*down)}
		for i := range e.blocks {
			e.blocks[i][0] = r.IntN(120) - 60
			for range density {
				e.blocks[i][1+r.IntN(63)] = r.IntN(31) - 15
			}
		}
		q := append([]byte{0}, bytes.Repeat([]byte{3}, 64)...)
		frame := []byte{8, 0, down * 8, 0, across * 8, 1, 1, 0x11, 0}
		scan := func(ss, se, ah, al int) []byte {
			return segment(0xDA, 1, 1, 0, byte(ss), byte(se), byte(ah<<4|al))
		}
		tables := slices.Concat(segment(0xDB, q...), flatEight(0), flatEight(0x10))
		// Sequential: the bands of a block one after the other, with an end of block of its own.
		last := 0
		for i := range e.blocks {
			size, code := magnitude(e.blocks[i][0] - last)
			e.symbol(size)
			e.w.put(code, size)
			last = e.blocks[i][0]
			zeros := 0
			for k := 1; k < 64; k++ {
				if e.blocks[i][k] == 0 {
					zeros++
					continue
				}
				for ; zeros > 15; zeros -= 16 {
					e.symbol(0xF0)
				}
				size, code := magnitude(e.blocks[i][k])
				e.symbol(zeros<<4 | size)
				e.w.put(code, size)
				zeros = 0
			}
			if zeros > 0 {
				e.symbol(0)
			}
		}
		sequential := slices.Concat([]byte{0xFF, 0xD8}, tables, segment(0xC0, frame...), scan(0, 63, 0, 0), e.w.flush(), []byte{0xFF, 0xD9})
		_, want, err := Decode(sequential, nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for name, scans := range map[string][][]byte{
			"two bands":       {scan(0, 0, 0, 0), e.dcFirst(0), scan(1, 5, 0, 0), e.acFirst(1, 5, 0), scan(6, 63, 0, 0), e.acFirst(6, 63, 0)},
			"successive bits": {scan(0, 0, 0, 1), e.dcFirst(1), scan(1, 63, 0, 2), e.acFirst(1, 63, 2), scan(1, 63, 2, 1), e.acRefine(1, 63, 1), scan(0, 0, 1, 0), e.dcRefine(0), scan(1, 63, 1, 0), e.acRefine(1, 63, 0)},
			"both":            {scan(0, 0, 0, 0), e.dcFirst(0), scan(1, 9, 0, 1), e.acFirst(1, 9, 1), scan(10, 63, 0, 3), e.acFirst(10, 63, 3), scan(1, 9, 1, 0), e.acRefine(1, 9, 0), scan(10, 63, 3, 2), e.acRefine(10, 63, 2), scan(10, 63, 2, 1), e.acRefine(10, 63, 1), scan(10, 63, 1, 0), e.acRefine(10, 63, 0)},
		} {
			src := slices.Concat([]byte{0xFF, 0xD8}, tables, segment(0xC2, frame...), slices.Concat(scans...), []byte{0xFF, 0xD9})
			h, got, err := Decode(src, nil, Options{})
			if err != nil || !h.Progressive || h.Truncated || !bytes.Equal(got, want) {
				t.Errorf("round %d, %s: %+v, %v", round, name, h, err)
			}
		}
		for name, bad := range map[string][]byte{
			"DC and AC together": scan(0, 5, 0, 0), "a band backwards": scan(9, 3, 0, 0), "past the last": scan(1, 64, 0, 0), "14 bits lower": scan(1, 63, 0, 14), "a step of two bits": scan(1, 63, 3, 1),
		} {
			src := slices.Concat([]byte{0xFF, 0xD8}, tables, segment(0xC2, frame...), scan(0, 0, 0, 0), e.dcFirst(0), bad, e.acFirst(1, 63, 0), []byte{0xFF, 0xD9})
			if h, _, err := Decode(src, nil, Options{}); err == nil {
				t.Errorf("round %d: %s was taken: %+v", round, name, h)
			}
		}
	}
}
