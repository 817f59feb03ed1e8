package jpegls

import (
	"errors"
	"fmt"
	"sync"
)

// Options for decoding.
type Options struct {
	Rows, Columns int   // if set, what the image must have
	MaxBytes      int64 // limit of the decoded image; 0 is 192 MiB
}

type decoder struct {
	Header
	codec
	src      []byte
	pos      int
	opt      Options
	explicit preset
	ids      [4]byte
	frame    bool
	restart  int // lines between restart markers
	r        reader
	out      []byte
	done     int // components decoded
	decoded  [4]bool
}

// Decode decodes one image into interleaved samples: a byte each up to 8 bits, else two, little endian.
func Decode(src []byte, opt Options) (Header, []byte, error) {
	if opt.MaxBytes == 0 {
		opt.MaxBytes = 192 << 20
	}
	d := pool.Get().(*decoder)
	defer func() {
		d.src, d.out = nil, nil
		pool.Put(d)
	}()
	*d = decoder{src: src, opt: opt, codec: d.codec}
	if err := d.decode(); err != nil {
		return d.Header, nil, err
	}
	return d.Header, d.out, nil
}

// pool keeps the tables of a codec from frame to frame.
var pool = sync.Pool{New: func() any { return new(decoder) }}

func (d *decoder) decode() error {
	for {
		for d.pos+1 < len(d.src) && !(d.src[d.pos] == 0xFF && d.src[d.pos+1] >= 0x80 && d.src[d.pos+1] != 0xFF) {
			d.pos++
		}
		if d.pos+1 >= len(d.src) {
			return d.end(errShort)
		}
		marker := d.src[d.pos+1]
		d.pos += 2
		switch {
		case marker == 0xD8 || marker >= 0xD0 && marker <= 0xD7:
			continue
		case marker == 0xD9:
			return d.end(errors.New("jpegls: no image"))
		}
		if d.pos+2 > len(d.src) {
			return errShort
		}
		n := int(d.src[d.pos])<<8 | int(d.src[d.pos+1])
		if n < 2 || d.pos+n > len(d.src) {
			return errShort
		}
		seg := d.src[d.pos+2 : d.pos+n]
		d.pos += n
		var err error
		switch marker {
		case 0xF7:
			err = d.startFrame(seg)
		case 0xF8:
			err = d.parameters(seg)
		case 0xDA:
			err = d.scan(seg)
		case 0xDD:
			d.restart = 0
			for _, b := range seg {
				d.restart = d.restart<<8 | int(b)
			}
			if len(seg) > 4 {
				err = errCorrupt
			}
		case 0xC0, 0xC1, 0xC2, 0xC3:
			err = errors.New("jpegls: another JPEG process")
		}
		if err != nil {
			return err
		}
		if d.frame && d.done == d.Components {
			return nil
		}
	}
}

// end is the result at the end of the stream: err unless all components are there.
func (d *decoder) end(err error) error {
	if d.frame && d.done == d.Components {
		return nil
	}
	return err
}

func (d *decoder) startFrame(seg []byte) error {
	if d.frame {
		return errors.New("jpegls: a second frame header")
	}
	if len(seg) < 6 {
		return errShort
	}
	d.frame = true
	d.Precision = int(seg[0])
	d.Rows, d.Columns = int(seg[1])<<8|int(seg[2]), int(seg[3])<<8|int(seg[4])
	d.Components = int(seg[5])
	switch {
	case d.Components < 1 || d.Components > 4 || len(seg) < 6+3*d.Components:
		return fmt.Errorf("jpegls: %d components", d.Components)
	case d.Precision < 2 || d.Precision > 16:
		return fmt.Errorf("jpegls: %d bits", d.Precision)
	case d.Rows == 0 || d.Columns == 0:
		return errors.New("jpegls: an image without rows or columns")
	case d.opt.Rows != 0 && d.opt.Rows != d.Rows, d.opt.Columns != 0 && d.opt.Columns != d.Columns:
		return fmt.Errorf("jpegls: not the expected dimensions: %d×%d", d.Rows, d.Columns)
	}
	for i := range d.Components {
		d.ids[i] = seg[6+3*i]
		if seg[7+3*i] != 0x11 {
			return errors.New("jpegls: subsampled components")
		}
	}
	size := int64(d.Rows) * int64(d.Columns) * int64(d.Components)
	if d.Precision > 8 {
		size *= 2
	}
	// A line takes one bit at the least, a run segment covers at most 32768 samples.
	if size > d.opt.MaxBytes || int64(d.Rows)*int64(1+d.Columns>>15) > 8*int64(len(d.src)) {
		return errors.New("jpegls: the image is larger than the limit, or than its bytes could hold")
	}
	d.out = make([]byte, size)
	return nil
}

// parameters reads LSE; only preset coding parameters occur in DICOM.
func (d *decoder) parameters(seg []byte) error {
	if len(seg) < 1 {
		return errShort
	}
	if seg[0] != 1 {
		return fmt.Errorf("jpegls: LSE of type %d", seg[0])
	}
	if len(seg) < 11 {
		return errShort
	}
	at := func(i int) int { return int(seg[i])<<8 | int(seg[i+1]) }
	d.explicit = preset{at(1), at(3), at(5), at(7), at(9)}
	return nil
}

func (d *decoder) scan(seg []byte) error {
	if !d.frame {
		return errors.New("jpegls: a scan before the frame")
	}
	if len(seg) < 1 {
		return errShort
	}
	n := int(seg[0])
	if n < 1 || n > d.Components || len(seg) < 4+2*n {
		return fmt.Errorf("jpegls: a scan of %d components", n)
	}
	if d.done+n > d.Components {
		return errors.New("jpegls: too many scans")
	}
	// Components come in the order of the frame, or by their identifiers, which are not always what they should be.
	first := 0
	for first < d.Components && d.decoded[first] {
		first++
	}
	if n == 1 {
		for i := range d.Components {
			if d.ids[i] == seg[1] && !d.decoded[i] {
				first = i
				break
			}
		}
	}
	for i := range n {
		if first+i >= d.Components || d.decoded[first+i] {
			return errors.New("jpegls: a component in two scans")
		}
		d.decoded[first+i] = true
	}
	d.Near, d.Interleave = int(seg[1+2*n]), int(seg[2+2*n])
	if pt := seg[3+2*n] & 15; pt != 0 {
		return errors.New("jpegls: point transform")
	}
	if n == 1 {
		d.Interleave = 0
	} else if d.Interleave != 1 && d.Interleave != 2 {
		return errors.New("jpegls: bad interleave mode")
	}
	p, err := d.explicit.defaults(d.Precision, d.Near)
	if err != nil {
		return err
	}
	d.start(p, d.Near)
	d.r = reader{src: d.src, pos: d.pos}
	if err := d.lines(first, n); err != nil {
		return err
	}
	d.done += n
	// Back to the marker: the reader may have looked ahead.
	d.pos = d.scanEnd()
	return nil
}

// scanEnd is where the marker after the scan's data is.
func (d *decoder) scanEnd() int {
	for i := d.pos; i+1 < len(d.src); i++ {
		if d.src[i] == 0xFF && d.src[i+1] >= 0x80 && !(d.src[i+1] >= 0xD0 && d.src[i+1] <= 0xD7) {
			return i
		}
	}
	return len(d.src)
}

// lines decodes the lines of a scan of n components beginning with component first.
func (d *decoder) lines(first, n int) error {
	width := d.Columns
	if d.Interleave == 2 {
		return d.sampleLines(n)
	}
	prev := make([][]int32, n)
	cur := make([][]int32, n)
	for i := range n {
		prev[i], cur[i] = make([]int32, width+2), make([]int32, width+2)
	}
	for y := range d.Rows {
		if d.restart > 0 && y > 0 && y%d.restart == 0 {
			if err := d.resync(); err != nil {
				return err
			}
			for i := range n {
				clear(prev[i])
				clear(cur[i])
			}
		}
		for i := range n {
			if err := d.line(cur[i], prev[i], &d.index[i]); err != nil {
				return err
			}
			d.store(y, first+i, cur[i][1:width+1])
			prev[i], cur[i] = cur[i], prev[i]
		}
		if d.r.exhausted() {
			return errShort
		}
	}
	return nil
}

// resync begins anew after a restart marker.
func (d *decoder) resync() error {
	i := d.r.pos
	// The reader stops before a marker; stuffing bits may leave it a byte short.
	for i > 1 && !(d.src[i-1] == 0xFF && i < len(d.src) && d.src[i] >= 0xD0 && d.src[i] <= 0xD7) {
		i++
		if i >= len(d.src) {
			return errShort
		}
	}
	d.r = reader{src: d.src, pos: i + 1}
	p, near := d.preset, int(d.near)
	d.start(p, near)
	return nil
}

func (d *decoder) store(y, comp int, line []int32) {
	n := d.Components
	if d.Precision <= 8 {
		out := d.out[y*d.Columns*n:]
		if n == 1 {
			out = out[:len(line)]
			for x, v := range line {
				out[x] = byte(v)
			}
			return
		}
		for x, v := range line {
			out[x*n+comp] = byte(v)
		}
		return
	}
	out := d.out[2*y*d.Columns*n:]
	for x, v := range line {
		at := 2 * (x*n + comp)
		out[at], out[at+1] = byte(v), byte(v>>8)
	}
}

// line decodes one line of one component. cur and prev have a border sample on each side.
func (d *decoder) line(cur, prev []int32, runIndex *int) error {
	width := len(cur) - 2
	prev[width+1] = prev[width]
	cur[0] = prev[1]
	// Rc of the first sample is what Ra was on the line above: prev[0] keeps it.
	prev = prev[:len(cur)]
	grad, offset := d.grad, d.offset
	r := &d.r
	near, maxval := d.near, int32(d.maxval)
	rc, rb := prev[0], prev[1]
	ra := cur[0]
	for x := 1; x <= width; {
		rd := prev[x+1]
		q1, q2, q3 := grad[rd-rb+offset], grad[rb-rc+offset], grad[rc-ra+offset]
		if q1|q2|q3 == 0 {
			n, err := d.runMode(cur, prev, x, runIndex)
			if err != nil {
				return err
			}
			x += n
			if x <= width {
				ra, rc, rb = cur[x-1], prev[x-1], prev[x]
			}
			continue
		}
		q := int32(q1)*81 + int32(q2)*9 + int32(q3)
		sign := q >> 31 // -1 or 0
		ctx := &d.ctx[(q^sign)-sign]
		px := predict(ra, rb, rc)
		px += (ctx.c ^ sign) - sign
		if px < 0 {
			px = 0
		} else if px > maxval {
			px = maxval
		}
		k := ctx.golomb()
		m, err := r.golomb(k, d.limit, d.qbpp)
		if err != nil {
			return err
		}
		e := m>>1 ^ -(m & 1)
		if k == 0 && near == 0 && 2*ctx.b <= -ctx.n {
			e = ^e
		}
		if e > 65535 || e < -65536 {
			return errCorrupt
		}
		ctx.update(e, near, d.reset)
		e = (e ^ sign) - sign
		if near == 0 {
			// Modulo RANGE; for a full range of bits that is a mask.
			px += e
			if px < 0 {
				px += d.rng
			} else if px > maxval {
				px -= d.rng
			}
			if uint32(px) > uint32(maxval) {
				return errCorrupt
			}
		} else {
			px = d.reconstruct(px + e*(2*near+1))
		}
		cur[x] = px
		ra, rc, rb = px, rb, rd
		x++
	}
	return nil
}

// runMode decodes a run that begins at x and the sample that interrupts it (A.7). It returns how many samples it gave.
func (d *decoder) runMode(cur, prev []int32, x int, runIndex *int) (int, error) {
	width := len(cur) - 2
	ra := cur[x-1]
	n, err := d.runLength(width-x+1, runIndex)
	if err != nil {
		return 0, err
	}
	for i := range n {
		cur[x+i] = ra
	}
	if x+n > width {
		return n, nil
	}
	v, err := d.interruption(ra, prev[x+n], runIndex)
	if err != nil {
		return 0, err
	}
	cur[x+n] = v
	return n + 1, nil
}

// runLength decodes the length of a run of at most left samples (A.7.1). It leaves the run index of the interruption.
func (d *decoder) runLength(left int, runIndex *int) (int, error) {
	n := 0
	for d.r.bit() {
		seg := 1 << j[*runIndex]
		if seg > left-n {
			n = left
			break
		}
		n += seg
		if *runIndex < 31 {
			*runIndex++
		}
		if n == left {
			break
		}
		if d.r.exhausted() {
			return 0, errShort
		}
	}
	if n == left {
		return n, nil
	}
	if b := int32(j[*runIndex]); b > 0 {
		n += int(d.r.bits(b))
	}
	if n > left {
		return 0, errCorrupt
	}
	return n, nil
}

// interruption decodes the sample that ends a run (A.7.2).
func (d *decoder) interruption(ra, rb int32, runIndex *int) (int32, error) {
	riType := int32(0)
	if abs(ra-rb) <= d.near {
		riType = 1
	}
	e, err := d.interruptionError(riType, int32(j[*runIndex]))
	if err != nil {
		return 0, err
	}
	if *runIndex > 0 {
		*runIndex--
	}
	if riType == 1 {
		return d.checked(ra + e*(2*d.near+1))
	}
	if ra > rb {
		e = -e
	}
	return d.checked(rb + e*(2*d.near+1))
}

func (d *decoder) interruptionError(riType, runOrder int32) (int32, error) {
	ctx := &d.run[riType]
	k := ctx.golomb(riType)
	em, err := d.r.golomb(k, d.limit-runOrder-1, d.qbpp)
	if err != nil {
		return 0, err
	}
	t := em + riType
	m := t & 1 // map
	e := (t + m) >> 1
	// Inverse of A.7.2.1: the sign is negative if map agrees with what the context expects.
	if (k != 0 || 2*ctx.nn >= ctx.n) == (m == 1) {
		e = -e
	}
	if abs(e) > 65536 {
		return 0, errCorrupt
	}
	ctx.update(e, em, riType, d.reset)
	return e, nil
}

func (d *decoder) checked(v int32) (int32, error) {
	v = d.reconstruct(v)
	if v < 0 || v > int32(d.maxval) {
		return 0, errCorrupt
	}
	return v, nil
}

func abs(v int32) int32 {
	if v < 0 {
		return -v
	}
	return v
}
