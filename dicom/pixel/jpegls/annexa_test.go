package jpegls

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// annexA encodes by the text of T.87's annex A, step by step and with none of this package's code: one scan of all components in any interleave
// mode, with any NEAR and coding parameters. It is slow and plain so that it can be held against the standard.
type annexA struct {
	maxval, near, t1, t2, t3, reset int
	rng, qbpp, limit                int
	a, n                            [367]int
	b, c                            [365]int
	nn                              [2]int
	runIndex                        []int
	bits                            []byte // one a bit
}

var orders = [32]int{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15}

func log2up(v int) int {
	n := 0
	for 1<<n < v {
		n++
	}
	return n
}

// begin is A.2.
func (e *annexA) begin(components int) {
	e.rng = (e.maxval+2*e.near)/(2*e.near+1) + 1
	e.qbpp = log2up(e.rng)
	bpp := max(2, log2up(e.maxval+1))
	e.limit = 2 * (bpp + max(8, bpp))
	for i := range e.a {
		e.a[i] = max(2, (e.rng+32)/64)
		e.n[i] = 1
	}
	e.runIndex = make([]int, components)
}

func (e *annexA) put(v, n int) {
	for i := n - 1; i >= 0; i-- {
		e.bits = append(e.bits, byte(v>>i&1))
	}
}

// golomb is A.5.3.
func (e *annexA) golomb(v, k, limit int) {
	if v>>k < limit-e.qbpp-1 {
		for range v >> k {
			e.put(0, 1)
		}
		e.put(1, 1)
		e.put(v&(1<<k-1), k)
		return
	}
	for range limit - e.qbpp - 1 {
		e.put(0, 1)
	}
	e.put(1, 1)
	e.put(v-1, e.qbpp)
}

// region is figure A.4.
func (e *annexA) region(d int) int {
	sign := 1
	if d < 0 {
		sign, d = -1, -d
	}
	switch {
	case d <= e.near:
		return 0
	case d < e.t1:
		return sign
	case d < e.t2:
		return 2 * sign
	case d < e.t3:
		return 3 * sign
	}
	return 4 * sign
}

func (e *annexA) quantise(err int) int {
	if err > 0 {
		return (err + e.near) / (2*e.near + 1)
	}
	return -((e.near - err) / (2*e.near + 1))
}

func (e *annexA) modulo(err int) int {
	if err < 0 {
		err += e.rng
	}
	if err >= (e.rng+1)/2 {
		err -= e.rng
	}
	return err
}

func clip(v, most int) int { return min(max(v, 0), most) }

// sample is A.4 to A.6: it codes ix and gives what the decoder will have.
func (e *annexA) sample(ix, ra, rb, rc, rd int) int {
	q := [3]int{e.region(rd - rb), e.region(rb - rc), e.region(rc - ra)}
	ctx, sign := 81*q[0]+9*q[1]+q[2], 1
	if ctx < 0 {
		ctx, sign = -ctx, -1
	}
	px := ra + rb - rc
	if rc >= max(ra, rb) {
		px = min(ra, rb)
	} else if rc <= min(ra, rb) {
		px = max(ra, rb)
	}
	px = clip(px+sign*e.c[ctx], e.maxval)
	err := e.quantise(sign * (ix - px))
	rx := clip(px+sign*err*(2*e.near+1), e.maxval)
	err = e.modulo(err)
	k := 0
	for e.n[ctx]<<k < e.a[ctx] {
		k++
	}
	m := 2 * err
	if err < 0 {
		m = -2*err - 1
	}
	if e.near == 0 && k == 0 && 2*e.b[ctx] <= -e.n[ctx] {
		m = 2*err + 1
		if err < 0 {
			m = -2 * (err + 1)
		}
	}
	e.golomb(m, k, e.limit)
	e.b[ctx] += err * (2*e.near + 1)
	e.a[ctx] += max(err, -err)
	if e.n[ctx] == e.reset {
		e.a[ctx] >>= 1
		e.b[ctx] >>= 1
		e.n[ctx] >>= 1
	}
	e.n[ctx]++
	if e.b[ctx] <= -e.n[ctx] {
		e.b[ctx] += e.n[ctx]
		e.c[ctx] = max(e.c[ctx]-1, -128)
		if e.b[ctx] <= -e.n[ctx] {
			e.b[ctx] = -e.n[ctx] + 1
		}
	} else if e.b[ctx] > 0 {
		e.b[ctx] -= e.n[ctx]
		e.c[ctx] = min(e.c[ctx]+1, 127)
		if e.b[ctx] > 0 {
			e.b[ctx] = 0
		}
	}
	return rx
}

// interruption is A.7.2.
func (e *annexA) interruption(ix, ra, rb, runIndex int, sampleMode bool) int {
	ri, sign, px := 0, 1, rb
	if !sampleMode && max(ra-rb, rb-ra) <= e.near {
		ri, px = 1, ra
	} else if ra > rb {
		sign = -1
	}
	err := e.quantise(sign * (ix - px))
	rx := clip(px+sign*err*(2*e.near+1), e.maxval)
	err = e.modulo(err)
	ctx := 365 + ri
	temp := e.a[ctx]
	if ri == 1 {
		temp += e.n[ctx] >> 1
	}
	k := 0
	for e.n[ctx]<<k < temp {
		k++
	}
	mapped := 0
	if k == 0 && err > 0 && 2*e.nn[ri] < e.n[ctx] || err < 0 && 2*e.nn[ri] >= e.n[ctx] || err < 0 && k != 0 {
		mapped = 1
	}
	em := 2*max(err, -err) - ri - mapped
	e.golomb(em, k, e.limit-orders[runIndex]-1)
	if err < 0 {
		e.nn[ri]++
	}
	e.a[ctx] += (em + 1 - ri) >> 1
	if e.n[ctx] == e.reset {
		e.a[ctx] >>= 1
		e.n[ctx] >>= 1
		e.nn[ri] >>= 1
	}
	e.n[ctx]++
	return rx
}

// lines codes lines of the components of group together, sample by sample (several in the group), or a line of one.
func (e *annexA) lines(get func(x, c int) int, cur, prev [][]int, group []int) {
	width := len(cur[0]) - 2
	for _, c := range group {
		prev[c][width+1] = prev[c][width]
		cur[c][0] = prev[c][1]
	}
	for x := 1; x <= width; {
		run := true
		for _, c := range group {
			ra, rb, rc, rd := cur[c][x-1], prev[c][x], prev[c][x-1], prev[c][x+1]
			run = run && e.region(rd-rb) == 0 && e.region(rb-rc) == 0 && e.region(rc-ra) == 0
		}
		if !run {
			for _, c := range group {
				cur[c][x] = e.sample(get(x-1, c), cur[c][x-1], prev[c][x], prev[c][x-1], prev[c][x+1])
			}
			x++
			continue
		}
		index := &e.runIndex[group[0]]
		count := 0
		same := func() bool {
			for _, c := range group {
				if d := get(x-1, c) - cur[c][x-1]; max(d, -d) > e.near {
					return false
				}
			}
			return true
		}
		for x <= width && same() {
			for _, c := range group {
				cur[c][x] = cur[c][x-1]
			}
			count++
			x++
		}
		for count >= 1<<orders[*index] {
			e.put(1, 1)
			count -= 1 << orders[*index]
			*index = min(*index+1, 31)
		}
		if x > width {
			if count > 0 {
				e.put(1, 1)
			}
			break
		}
		e.put(0, 1)
		e.put(count, orders[*index])
		for _, c := range group {
			cur[c][x] = e.interruption(get(x-1, c), cur[c][x-1], prev[c][x], *index, len(group) > 1)
		}
		x++
		*index = max(*index-1, 0)
	}
}

// stuffed are the bits in bytes, with a zero after each byte FF (A.1), the last padded with zeros.
func (e *annexA) stuffed() (out []byte) {
	acc, held, room := 0, 0, 8
	for i := 0; i < len(e.bits) || held > 0; i++ {
		bit := 0
		if i < len(e.bits) {
			bit = int(e.bits[i])
		}
		acc, held = acc<<1|bit, held+1
		if held == room {
			out = append(out, byte(acc))
			room = 8
			if acc == 0xFF {
				room = 7
			}
			acc, held = 0, 0
		}
	}
	if room == 7 {
		out = append(out, 0)
	}
	return out
}

// TestAnnexA holds the decoder against the standard's text in every interleave mode, and wants each sample within NEAR.
func TestAnnexA(t *testing.T) {
	const rows, columns = 19, 37
	for _, c := range []struct {
		n, precision, near, mode int
		params                   [4]int // T1, T2, T3, RESET; zeros: the defaults
	}{
		{1, 8, 0, 0, [4]int{}}, {3, 8, 0, 1, [4]int{}}, {3, 8, 0, 2, [4]int{}}, {4, 8, 0, 2, [4]int{}}, {2, 8, 0, 2, [4]int{}}, {3, 12, 0, 2, [4]int{}}, {3, 16, 0, 1, [4]int{}},
		{1, 8, 3, 0, [4]int{}}, {3, 8, 2, 2, [4]int{}}, {3, 8, 1, 1, [4]int{}}, {1, 16, 7, 0, [4]int{}}, {1, 2, 0, 0, [4]int{}},
		{1, 8, 0, 0, [4]int{5, 9, 40, 31}}, {3, 12, 4, 2, [4]int{30, 80, 300, 63}}, {3, 8, 0, 1, [4]int{1, 1, 1, 3}}, {1, 12, 0, 0, [4]int{20, 60, 280, 255}},
	} {
		for kind := range 4 {
			in := samples(rows, columns, c.n, c.precision, kind)
			width := 1
			if c.precision > 8 {
				width = 2
			}
			at := func(y, x, k int) int {
				i := ((y*columns+x)*c.n + k) * width
				if width == 1 {
					return int(in[i])
				}
				return int(in[i]) | int(in[i+1])<<8
			}
			def, err := preset{}.defaults(c.precision, c.near) // TestParameters has these by hand
			if err != nil {
				t.Fatal(err)
			}
			e := &annexA{maxval: 1<<c.precision - 1, near: c.near, t1: def.t1, t2: def.t2, t3: def.t3, reset: 64}
			parts := [][]byte{frameHeader(c.precision, rows, columns, c.n)}
			if c.params != [4]int{} {
				e.t1, e.t2, e.t3, e.reset = c.params[0], c.params[1], c.params[2], c.params[3]
				lse := []byte{0xFF, 0xF8, 0, 13, 1}
				for _, v := range []int{e.maxval, e.t1, e.t2, e.t3, e.reset} {
					lse = append(lse, byte(v>>8), byte(v))
				}
				parts = append(parts, lse)
			}
			e.begin(c.n)
			ids := make([]byte, c.n)
			all := make([]int, c.n)
			cur, prev := make([][]int, c.n), make([][]int, c.n)
			for k := range c.n {
				ids[k], all[k] = byte(k+1), k
				cur[k], prev[k] = make([]int, columns+2), make([]int, columns+2)
			}
			want := make([]int, 0, rows*columns*c.n)
			for y := range rows {
				get := func(x, k int) int { return at(y, x, k) }
				if c.mode == 2 {
					e.lines(get, cur, prev, all)
				} else {
					for k := range c.n {
						e.lines(get, cur, prev, []int{k})
					}
				}
				for x := range columns {
					for k := range c.n {
						want = append(want, cur[k][x+1])
					}
				}
				cur, prev = prev, cur
			}
			parts = append(parts, scanHeader(byte(c.near), byte(c.mode), ids...), e.stuffed())
			h, got, err := Decode(stream(parts...), Options{Rows: rows, Columns: columns})
			name := fmt.Sprintf("%+v, kind %d", c, kind)
			if err != nil || h.Near != c.near || h.Interleave != c.mode {
				t.Errorf("%s: %+v, %v", name, h, err)
				continue
			}
			out := make([]int, len(want))
			for i := range out {
				out[i] = int(got[i*width])
				if width == 2 {
					out[i] |= int(got[i*width+1]) << 8
				}
				v := int(in[i*width])
				if width == 2 {
					v |= int(in[i*width+1]) << 8
				}
				if d := out[i] - v; max(d, -d) > c.near {
					t.Fatalf("%s: sample %d is off by %d", name, i, d)
				}
			}
			if !slices.Equal(out, want) {
				t.Errorf("%s: not what the encoder reconstructed", name)
			}
			// And the encoder of this package writes the same bits where it has the mode.
			if c.params == [4]int{} && c.mode != 2 {
				b := data(t, Image{Rows: rows, Columns: columns, Components: c.n, Precision: c.precision, Near: c.near, Samples: in})
				if !bytes.Equal(b, e.stuffed()) {
					t.Errorf("%s: other bits than the standard's", name)
				}
			}
		}
	}
}
