package jpegls

import (
	"errors"
	"math/bits"
)

// Header is what a JPEG-LS stream says about its image.
type Header struct {
	Rows, Columns, Components int
	Precision                 int // bits of a sample
	Near                      int // largest error of a sample; 0 is lossless
	Interleave                int // 0 none, 1 by line, 2 by sample
}

var (
	errShort   = errors.New("jpegls: the stream ends too early")
	errCorrupt = errors.New("jpegls: corrupt data")
)

// preset are the coding parameters of C.2.4.1.1.
type preset struct{ maxval, t1, t2, t3, reset int }

// defaults fills what the stream leaves at 0 (C.2.4.1.1.1).
func (p preset) defaults(precision, near int) (preset, error) {
	limit := 1<<precision - 1
	if p.maxval == 0 {
		p.maxval = limit
	}
	if p.maxval > limit || p.maxval < 1 || near > min(255, p.maxval/2) {
		return p, errors.New("jpegls: bad coding parameters")
	}
	clamp := func(i, j int) int {
		if i > p.maxval || i < j {
			return j
		}
		return i
	}
	var d preset
	if p.maxval >= 128 {
		f := (min(p.maxval, 4095) + 128) / 256
		d.t1 = clamp(f*(3-2)+2+3*near, near+1)
		d.t2 = clamp(f*(7-3)+3+5*near, d.t1)
		d.t3 = clamp(f*(21-4)+4+7*near, d.t2)
	} else {
		f := 256 / (p.maxval + 1)
		d.t1 = clamp(max(2, 3/f+3*near), near+1)
		d.t2 = clamp(max(3, 7/f+5*near), d.t1)
		d.t3 = clamp(max(4, 21/f+7*near), d.t2)
	}
	for _, v := range []struct{ p, d *int }{{&p.t1, &d.t1}, {&p.t2, &d.t2}, {&p.t3, &d.t3}} {
		if *v.p == 0 {
			*v.p = *v.d
		}
	}
	if p.reset == 0 {
		p.reset = 64
	}
	if p.t1 < near+1 || p.t2 < p.t1 || p.t3 < p.t2 || p.t3 > p.maxval || p.reset < 3 || p.reset > max(255, p.maxval) {
		return p, errors.New("jpegls: bad coding parameters")
	}
	return p, nil
}

// context is the state of one of the 365 regular contexts (A.2.1).
type context struct{ a, b, c, n int32 }

// runContext is the state of one of the two run interruption contexts.
type runContext struct{ a, n, nn int32 }

// codec is what decoder and encoder have in common: parameters and adaptive state of a scan.
type codec struct {
	preset
	near   int32
	rng    int32 // RANGE
	qbpp   int32
	limit  int32
	ctx    [365]context
	run    [2]runContext
	grad   []int8 // quantised gradient by value + offset
	offset int32
	index  [4]int // RUNindex of each component
}

// j is the order of run segments (A.2.1).
var j = [32]uint8{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// start sets the state to that of the beginning of a scan or restart interval (A.2).
func (c *codec) start(p preset, near int) {
	if c.grad == nil || c.preset != p || c.near != int32(near) {
		c.preset, c.near = p, int32(near)
		c.rng = (int32(p.maxval)+2*c.near)/(2*c.near+1) + 1
		c.qbpp = int32(bits.Len32(uint32(c.rng - 1)))
		bpp := int32(max(2, bits.Len(uint(p.maxval))))
		c.limit = 2 * (bpp + max(8, bpp))
		c.offset = int32(p.maxval) + 1
		c.grad = make([]int8, 2*c.offset+1)
		for i := range c.grad {
			c.grad[i] = c.quantise(int32(i) - c.offset)
		}
	}
	a := max(2, (c.rng+32)/64)
	for i := range c.ctx {
		c.ctx[i] = context{a: a, n: 1}
	}
	c.run[0] = runContext{a: a, n: 1}
	c.run[1] = runContext{a: a, n: 1}
	c.index = [4]int{}
}

// quantise is code segment A.4.
func (c *codec) quantise(d int32) int8 {
	switch {
	case d <= -int32(c.t3):
		return -4
	case d <= -int32(c.t2):
		return -3
	case d <= -int32(c.t1):
		return -2
	case d < -c.near:
		return -1
	case d <= c.near:
		return 0
	case d < int32(c.t1):
		return 1
	case d < int32(c.t2):
		return 2
	case d < int32(c.t3):
		return 3
	}
	return 4
}

// predict is the median edge detector (A.7): ra left, rb above, rc above left.
func predict(ra, rb, rc int32) int32 {
	if rc >= max(ra, rb) {
		return min(ra, rb)
	}
	if rc <= min(ra, rb) {
		return max(ra, rb)
	}
	return ra + rb - rc
}

// golomb is the parameter k of a context (A.10): the least k with n·2^k ≥ a.
func (q *context) golomb() int32 { return leastShift(q.n, q.a) }

func leastShift(n, a int32) int32 {
	k := bits.Len32(uint32(a)) - bits.Len32(uint32(n))
	if k < 0 {
		return 0
	}
	if n<<k < a {
		k++
	}
	return min(int32(k), maxK)
}

// maxK bounds k against counts that only corrupt data reach.
const maxK = 20

// update adapts a context after an error (A.12, A.13).
func (q *context) update(err, near int32, reset int) {
	q.b += err * (2*near + 1)
	if err < 0 {
		q.a -= err
	} else {
		q.a += err
	}
	if q.n == int32(reset) {
		q.a >>= 1
		q.b >>= 1
		q.n >>= 1
	}
	q.n++
	if q.b <= -q.n {
		q.b += q.n
		if q.c > -128 {
			q.c--
		}
		if q.b <= -q.n {
			q.b = -q.n + 1
		}
	} else if q.b > 0 {
		q.b -= q.n
		if q.c < 127 {
			q.c++
		}
		if q.b > 0 {
			q.b = 0
		}
	}
}

// reconstruct brings prediction plus error back into the range of samples (A.4.4, A.5).
func (c *codec) reconstruct(v int32) int32 {
	if c.near == 0 { // modulo RANGE = MAXVAL+1
		if v < 0 {
			return v + c.rng
		}
		if v > int32(c.maxval) {
			return v - c.rng
		}
		return v
	}
	if v < -c.near {
		v += c.rng * (2*c.near + 1)
	} else if v > int32(c.maxval)+c.near {
		v -= c.rng * (2*c.near + 1)
	}
	return min(max(v, 0), int32(c.maxval))
}

// golomb is the parameter k of a run interruption context (A.7.2).
func (r *runContext) golomb(riType int32) int32 {
	return leastShift(r.n, r.a+(r.n>>1)*riType)
}

// update adapts a run interruption context (A.7.2.2).
func (r *runContext) update(err, emerr, riType int32, reset int) {
	if err < 0 {
		r.nn++
	}
	r.a += (emerr + 1 - riType) >> 1
	if r.n == int32(reset) {
		r.a >>= 1
		r.n >>= 1
		r.nn >>= 1
	}
	r.n++
}
