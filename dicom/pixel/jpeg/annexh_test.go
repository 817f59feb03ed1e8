package jpeg

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// bitWriter packs bits, the highest first, and stuffs a zero after FF.
type bitWriter struct {
	out  []byte
	acc  byte
	held int
}

func (w *bitWriter) put(v uint32, n int) {
	for i := n - 1; i >= 0; i-- {
		w.acc = w.acc<<1 | byte(v>>i&1)
		if w.held++; w.held == 8 {
			w.out = append(w.out, w.acc)
			if w.acc == 0xFF {
				w.out = append(w.out, 0)
			}
			w.acc, w.held = 0, 0
		}
	}
}

func (w *bitWriter) flush() []byte {
	for w.held > 0 {
		w.put(1, 1)
	}
	out := w.out
	*w = bitWriter{}
	return out
}

// segment is a marker with its length and content.
func segment(marker byte, body ...byte) []byte {
	return append([]byte{0xFF, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}, body...)
}

// flatTable is a Huffman table in which categories 0 to 16 have codes of five bits that are their own numbers.
func flatTable() []byte {
	body := []byte{0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for s := range 17 {
		body = append(body, byte(s))
	}
	return segment(0xC4, body...)
}

// annexH encodes without loss by the text of annex H, with none of the encoder's code: any predictor, point transform, restart interval in
// rows, and components in one scan or in scans of their own.
func annexH(rows, columns, n, precision int, value func(y, x, c int) int, predictor, pt, every int, together bool) []byte {
	sof := []byte{byte(precision), byte(rows >> 8), byte(rows), byte(columns >> 8), byte(columns), byte(n)}
	for c := range n {
		sof = append(sof, byte(c+1), 0x11, 0)
	}
	parts := [][]byte{{0xFF, 0xD8}, segment(0xC3, sof...), flatTable()}
	if every > 0 {
		parts = append(parts, segment(0xDD, byte(every*columns>>8), byte(every*columns)))
	}
	scan := func(comps ...int) {
		sos := []byte{byte(len(comps))}
		for _, c := range comps {
			sos = append(sos, byte(c+1), 0)
		}
		parts = append(parts, segment(0xDA, append(sos, byte(predictor), 0, byte(pt))...))
		var w bitWriter
		for y := range rows {
			if every > 0 && y > 0 && y%every == 0 {
				parts = append(parts, w.flush(), []byte{0xFF, byte(0xD0 + (y/every-1)%8)})
			}
			for x := range columns {
				for _, c := range comps {
					at := func(y, x int) int { return value(y, x, c) >> pt }
					top := y == 0 || every > 0 && y%every == 0
					var px int
					switch {
					case top && x == 0:
						px = 1 << (precision - pt - 1)
					case top:
						px = at(y, x-1)
					case x == 0:
						px = at(y-1, x)
					default:
						a, b, c := at(y, x-1), at(y-1, x), at(y-1, x-1)
						px = []int{0, a, b, c, a + b - c, a + (b-c)>>1, b + (a-c)>>1, (a + b) >> 1}[predictor]
					}
					diff := int(int16(at(y, x) - px))
					size, v := 0, diff
					if v < 0 {
						v = -v
					}
					for ; v > 0; v >>= 1 {
						size++
					}
					w.put(uint32(size), 5)
					if size > 0 && size < 16 {
						if diff < 0 {
							diff--
						}
						w.put(uint32(diff)&(1<<size-1), size)
					}
				}
			}
		}
		parts = append(parts, w.flush())
	}
	if together {
		all := make([]int, n)
		for c := range all {
			all[c] = c
		}
		scan(all...)
	} else {
		for c := range n {
			scan(c)
		}
	}
	return slices.Concat(append(parts, []byte{0xFF, 0xD9})...)
}

func TestAnnexH(t *testing.T) {
	for predictor := 1; predictor <= 7; predictor++ {
		for _, c := range []struct {
			rows, columns, n, precision, pt, every int
			together                               bool
		}{
			{7, 11, 1, 8, 0, 0, true}, {7, 11, 3, 8, 0, 0, true}, {7, 11, 3, 8, 0, 0, false}, {7, 11, 1, 16, 0, 0, true}, {7, 11, 1, 12, 3, 0, true},
			{7, 11, 3, 10, 1, 2, true}, {9, 5, 1, 16, 0, 1, true}, {20, 3, 2, 16, 0, 2, false}, {1, 9, 1, 2, 0, 0, true}, {9, 1, 1, 16, 4, 3, true},
		} {
			in := samples(c.rows, c.columns, c.n, c.precision, uint64(predictor))
			width := 1
			if c.precision > 8 {
				width = 2
			}
			value := func(y, x, k int) int {
				i := ((y*c.columns+x)*c.n + k) * width
				if width == 1 {
					return int(in[i])
				}
				return int(in[i]) | int(in[i+1])<<8
			}
			h, got, err := Decode(annexH(c.rows, c.columns, c.n, c.precision, value, predictor, c.pt, c.every, c.together), nil, Options{})
			name := fmt.Sprintf("predictor %d, %+v", predictor, c)
			if err != nil || h.Predictor != predictor || !h.Lossless || h.Truncated {
				t.Errorf("%s: %+v, %v", name, h, err)
				continue
			}
			for y := range c.rows {
				for x := range c.columns {
					for k := range c.n {
						i := ((y*c.columns+x)*c.n + k) * width
						v := int(got[i])
						if width == 2 {
							v |= int(got[i+1]) << 8
						}
						if want := value(y, x, k) >> c.pt << c.pt; v != want {
							t.Fatalf("%s: sample %d,%d,%d is %d, want %d", name, y, x, k, v, want)
						}
					}
				}
			}
		}
	}
}

func TestLosslessRefuses(t *testing.T) {
	value := func(y, x, c int) int { return y*16 + x + c }
	good := annexH(6, 7, 3, 8, value, 4, 0, 2, true)
	if _, _, err := Decode(good, nil, Options{}); err != nil {
		t.Fatal(err)
	}
	one := annexH(6, 7, 1, 8, value, 4, 0, 0, true)
	sos := bytes.Index(one, []byte{0xFF, 0xDA})
	change := func(src []byte, at int, v byte) []byte {
		b := bytes.Clone(src)
		b[at] = v
		return b
	}
	separate := annexH(6, 7, 3, 8, value, 1, 0, 0, false)
	last := bytes.LastIndex(separate, []byte{0xFF, 0xDA})
	sof := bytes.Index(good, []byte{0xFF, 0xC3})
	for name, src := range map[string][]byte{
		"predictor 0": change(one, sos+7, 0), "predictor 8": change(one, sos+7, 8), "a point transform of all bits": change(one, sos+9, 8),
		"an unknown component": change(one, sos+5, 9), "table 3, which is not there": change(one, sos+6, 0x30), "table 9": change(one, sos+6, 0x90),
		"a scan is missing":   append(bytes.Clone(separate[:last]), 0xFF, 0xD9),
		"an interval is cut":  append(bytes.Clone(good[:bytes.LastIndex(good, []byte{0xFF, 0xD1})]), 0xFF, 0xD9),
		"half of a row":       change(good, bytes.Index(good, []byte{0xFF, 0xDD})+5, 9),
		"subsampled":          change(good, sof+11, 0x22),
		"no sampling factor":  change(good, sof+11, 0x01),
		"no data":             append(bytes.Clone(one[:sos+10]), 0xFF, 0xD9),
		"a code of all ones":  append(append(bytes.Clone(one[:sos+10]), bytes.Repeat([]byte{0xFF, 0x00}, 60)...), 0xFF, 0xD9),
		"arithmetic coding":   change(good, sof+1, 0xCB),
		"a frame in a frame":  slices.Concat(good[:sof], good[sof:sof+21], good[sof:]),
		"a scan before all":   slices.Concat([]byte{0xFF, 0xD8}, one[sos:]),
		"one bit a sample":    change(good, sof+4, 1),
		"more than it holds":  change(change(good, sof+5, 0xFF), sof+7, 0xFF),
		"no image":            {0xFF, 0xD8, 0xFF, 0xD9},
		"a length past all":   {0xFF, 0xD8, 0xFF, 0xC3, 0xFF, 0xFF, 8},
		"a short restart":     slices.Concat([]byte{0xFF, 0xD8}, segment(0xDD, 1)),
		"a table of nothing":  slices.Concat([]byte{0xFF, 0xD8}, segment(0xC4, 0), one[2:]),
		"a table in slot 4":   slices.Concat([]byte{0xFF, 0xD8}, segment(0xC4, append([]byte{4, 1}, make([]byte, 16)...)...), one[2:]),
		"too many codes":      slices.Concat([]byte{0xFF, 0xD8}, segment(0xC4, append([]byte{0, 3}, make([]byte, 18)...)...), one[2:]),
		"quantisation 5":      slices.Concat([]byte{0xFF, 0xD8}, segment(0xDB, append([]byte{5}, make([]byte, 64)...)...), one[2:]),
		"a quantiser cut off": slices.Concat([]byte{0xFF, 0xD8}, segment(0xDB, append([]byte{0x10}, make([]byte, 127)...)...), one[2:]),
	} {
		h, b, err := Decode(src, nil, Options{})
		if err == nil && !h.Truncated {
			t.Errorf("%s: %+v, %d bytes", name, h, len(b))
		}
	}
}

// flat12 is an extended sequential stream of 12 bits by hand: blocks of one value each, their DC differences in a table of categories 0 to 15.
func flat12(columns int, subsampled bool, dc ...int) []byte {
	q := []byte{0x10}
	for range 64 {
		q = append(q, 0, 8) // 16-bit steps of 8: a DC of n is a level of n
	}
	table := []byte{0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} // sixteen codes of four bits would use all of them:
	table[4], table[5] = 15, 2                                          // fifteen, and two of five
	for s := range 17 {
		table = append(table, byte(s))
	}
	ac := append([]byte{0x10, 1}, make([]byte, 16)...) // one code of one bit: the end of the block
	sof := []byte{12, 0, 8, 0, byte(columns), 1, 1, 0x11, 0}
	sos := []byte{1, 1, 0, 0, 63, 0}
	if subsampled { // 4:2:2: two blocks of the first, one each of the others
		sof = []byte{12, 0, 8, 0, byte(columns), 3, 1, 0x21, 0, 2, 0x11, 0, 3, 0x11, 0}
		sos = []byte{3, 1, 0, 2, 0, 3, 0, 0, 63, 0}
	}
	var w bitWriter
	for _, d := range dc {
		size, v := category(int32(d)), d
		if size < 15 {
			w.put(uint32(size), 4)
		} else {
			w.put(uint32(30+size-15), 5)
		}
		if d < 0 {
			v--
		}
		w.put(uint32(v)&(1<<size-1), size)
		w.put(0, 1)
	}
	return slices.Concat([]byte{0xFF, 0xD8}, segment(0xDB, q...), segment(0xC1, sof...), segment(0xC4, table...), segment(0xC4, ac...), segment(0xDA, sos...), w.flush(), []byte{0xFF, 0xD9})
}

func TestTwelveBits(t *testing.T) {
	at := func(b []byte, i int) int { return int(b[2*i]) | int(b[2*i+1])<<8 }
	// 2048 + 100, then + 1900 more, then 4095 at most and 0 at least.
	h, b, err := Decode(flat12(32, false, 100, 1800, 1000, -6000), nil, Options{})
	if err != nil || h.Precision != 12 || len(b) != 2*8*32 {
		t.Fatalf("%+v, %v", h, err)
	}
	for x, want := range map[int]int{0: 2148, 7: 2148, 8: 3948, 15: 3948, 16: 4095, 24: 0, 31: 0} {
		if got := at(b, 3*32+x); got != want {
			t.Errorf("sample %d is %d, want %d", x, got, want)
		}
	}
	// Chroma of half the columns is repeated.
	h, b, err = Decode(flat12(16, true, 10, 20, 30, 40), nil, Options{})
	if err != nil || !h.Subsampled || h.Components != 3 {
		t.Fatalf("%+v, %v", h, err)
	}
	for x, want := range map[int][3]int{0: {2058, 2078, 2088}, 9: {2078, 2078, 2088}, 15: {2078, 2078, 2088}} {
		for c := range 3 {
			if got := at(b, (5*16+x)*3+c); got != want[c] {
				t.Errorf("sample %d of component %d is %d, want %d", x, c, got, want[c])
			}
		}
	}
	if h, err := DecodeHeader(flat12(16, true, 1)); err != nil || h.Precision != 12 || h.Lossless || h.Progressive {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestMarks(t *testing.T) {
	adobe := func(v byte) []byte { return segment(0xEE, append([]byte("Adobe\x00\x64\x00\x00\x00\x00"), v)...) }
	plain := flat12(16, true, 1, 1, 1, 1)
	for name, c := range map[string]struct {
		marks []byte
		want  Header
	}{
		"none":              {nil, Header{Adobe: -1}},
		"Adobe RGB":         {adobe(0), Header{Adobe: 0}},
		"Adobe YCbCr":       {adobe(1), Header{Adobe: 1}},
		"a short one":       {segment(0xEE, []byte("Adobe")...), Header{Adobe: -1}},
		"JFIF":              {segment(0xE0, []byte("JFIF\x00\x01\x02")...), Header{Adobe: -1, JFIF: true}},
		"another APP0":      {segment(0xE0, []byte("AVI1\x00")...), Header{Adobe: -1}},
		"a comment, a fill": {append(segment(0xFE, []byte("words")...), 0xFF, 0xFF), Header{Adobe: -1}},
	} {
		src := slices.Concat([]byte{0xFF, 0xD8}, c.marks, plain[2:])
		for _, get := range []func() (Header, error){
			func() (Header, error) { return DecodeHeader(src) },
			func() (Header, error) { h, _, err := Decode(src, nil, Options{}); return h, err },
		} {
			if h, err := get(); err != nil || h.Adobe != c.want.Adobe || h.JFIF != c.want.JFIF || h.ComponentIDs != [4]byte{1, 2, 3} {
				t.Errorf("%s: %+v, %v", name, h, err)
			}
		}
	}
	for name, src := range map[string][]byte{"nothing": nil, "no frame": {0xFF, 0xD8, 0xFF, 0xD9}, "a scan first": slices.Concat([]byte{0xFF, 0xD8}, segment(0xDA, 1, 1, 0, 0, 63, 0))} {
		if h, err := DecodeHeader(src); err == nil {
			t.Errorf("%s: %+v", name, h)
		}
	}
}
