package jpeg

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Options for decoding.
type Options struct {
	Rows, Columns int   // if set, what the image must have
	MaxBytes      int64 // limit of the decoded image; 0 is 192 MiB
	GreyOnly      bool  // only the first component of a DCT image, which is its luminance
	RGB           bool  // convert three components from YCbCr to RGB
}

// Decode decodes one image. Samples are interleaved by pixel; 8-bit ones take a byte each, others two, little endian. The result uses
// dst's memory if it is large enough. A stream that ends early gives an image with Truncated set.
func Decode(src, dst []byte, opt Options) (Header, []byte, error) {
	d := pool.Get().(*decoder)
	defer func() {
		d.src, d.out = nil, nil
		pool.Put(d)
	}()
	d.begin(src, dst, opt)
	if err := d.decode(); err != nil {
		return d.Header, nil, err
	}
	return d.Header, d.out, nil
}

func (d *decoder) begin(src, dst []byte, opt Options) {
	planes := d.comps
	*d = decoder{src: src, opt: opt, out: dst, ecs: d.ecs, segments: d.segments, cache: d.cache}
	for i := range planes { // buffers are kept from image to image
		d.comps[i].plane, d.comps[i].wide, d.comps[i].coeffs = planes[i].plane, planes[i].wide, planes[i].coeffs
	}
	d.Adobe = -1
	if d.opt.MaxBytes == 0 {
		d.opt.MaxBytes = 192 << 20
	}
}

func (d *decoder) decode() error {
	for {
		marker, seg, err := d.next()
		switch {
		case err == errShort && d.scans > 0:
			d.Truncated = d.Truncated || d.Progressive
			return d.complete() // no EOI: padding removed it, or the writer forgot it
		case err != nil:
			return err
		case marker == 0xD9:
			if d.scans == 0 {
				return errNoImage
			}
			return d.complete()
		case marker == 0xDA:
			if err := d.scan(seg); err != nil {
				return err
			}
			continue
		case marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC:
			if err := d.startFrame(marker, seg); err != nil {
				return err
			}
			if err := d.allocate(); err != nil {
				return err
			}
			continue
		}
		ok, err := d.tables(marker, seg)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("jpeg: unexpected marker FF%02X", marker)
		}
	}
}

// complete finishes an image all of whose components were in a scan. Another one would show what an earlier image left in memory.
func (d *decoder) complete() error {
	for i := range d.Components {
		if !d.comps[i].scanned {
			return fmt.Errorf("jpeg: component %d of %d is in no scan", i+1, d.Components)
		}
	}
	return d.finish()
}

// allocate checks the frame against limits and takes memory for it.
func (d *decoder) allocate() error {
	if d.opt.Rows != 0 && d.opt.Rows != d.Rows || d.opt.Columns != 0 && d.opt.Columns != d.Columns {
		return fmt.Errorf("%w: %d×%d", errDimension, d.Rows, d.Columns)
	}
	bytes := 1
	if d.Precision > 8 {
		bytes = 2
	}
	size := int64(d.Rows) * int64(d.Columns) * int64(d.Components)
	// A block of 64 samples takes two bits at least, a lossless sample one.
	possible := int64(len(d.src)) * 8 * 32
	if d.Lossless {
		possible = int64(len(d.src)) * 8
	} else if d.Progressive {
		possible *= 1 << 14 // one bit begins a run of up to 32767 empty blocks
	}
	if size*int64(bytes) > d.opt.MaxBytes || size > possible+4096 {
		return errTooLarge
	}
	if d.Lossless {
		if d.Subsampled {
			return errors.New("jpeg: lossless with subsampling")
		}
		d.mcuw, d.mcuh = d.Columns, d.Rows
		d.out = resize(d.out, int(size)*bytes)
		return nil
	}
	d.mcuw = ceil(d.Columns, 8*d.hmax)
	d.mcuh = ceil(d.Rows, 8*d.vmax)
	for i := range d.Components {
		c := &d.comps[i]
		c.width, c.height = ceil(d.Columns*c.h, d.hmax), ceil(d.Rows*c.v, d.vmax)
		c.bw, c.bh = d.mcuw*c.h, d.mcuh*c.v
		c.stride, c.rows = c.bw*8, c.bh*8
		c.skipAtOutput = d.opt.GreyOnly && i > 0
		if d.Progressive {
			c.coeffs = resize(c.coeffs, c.bw*c.bh*64)
			clear(c.coeffs)
		}
		if c.skipAtOutput {
			continue
		}
		if d.Precision == 8 {
			c.plane = resize(c.plane, c.stride*c.rows)
		} else {
			c.wide = resize(c.wide, c.stride*c.rows)
		}
	}
	return nil
}

func ceil(a, b int) int { return (a + b - 1) / b }

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// scanHeader is what SOS says.
type scanHeader struct {
	comps          []*component
	ss, se, ah, al int
}

// scan reads SOS and decodes the entropy-coded data after it.
func (d *decoder) scan(seg []byte) error {
	if !d.frame {
		return errNoImage
	}
	if d.scans++; d.scans > 1000 {
		return errors.New("jpeg: too many scans")
	}
	if len(seg) < 1 {
		return errShort
	}
	n := int(seg[0])
	if n < 1 || n > d.Components || len(seg) < 4+2*n {
		return fmt.Errorf("jpeg: a scan of %d components", n)
	}
	var s scanHeader
	blocks := 0
	for i := range n {
		id := seg[1+2*i]
		var found *component
		for j := range d.Components {
			if d.comps[j].id == id {
				found = &d.comps[j]
				for _, before := range s.comps {
					if before == found {
						found = nil // the same identifier again: the next component with it
						break
					}
				}
				if found != nil {
					break
				}
			}
		}
		if found == nil {
			return errors.New("jpeg: a scan of an unknown component")
		}
		found.scanned = true
		found.td, found.ta = int(seg[2+2*i]>>4), int(seg[2+2*i]&15)
		if found.td > 3 || found.ta > 3 {
			return errors.New("jpeg: bad Huffman table number")
		}
		blocks += found.h * found.v
		s.comps = append(s.comps, found)
	}
	if n > 1 && blocks > 10 && !d.Lossless {
		return errors.New("jpeg: too many blocks in an MCU")
	}
	s.ss, s.se, s.ah, s.al = int(seg[1+2*n]), int(seg[2+2*n]), int(seg[3+2*n]>>4), int(seg[3+2*n]&15)
	d.unstuff()
	switch {
	case d.Lossless:
		return d.scanLossless(&s)
	case d.Progressive:
		return d.scanProgressive(&s)
	}
	return d.scanSequential(&s)
}

// forEachMCU calls block for every block of the scan in stream order, with restart intervals; bx and by are in the component's own
// blocks, which may lie in the padding. Once the data have ended, it stops and says so.
func (d *decoder) forEachMCU(s *scanHeader, block func(c *component, bx, by int) error) error {
	w, h := d.mcuw, d.mcuh
	single := len(s.comps) == 1
	if single {
		w, h = ceil(s.comps[0].width, 8), ceil(s.comps[0].height, 8)
	}
	interval, left := 0, d.restart
	if d.restart == 0 {
		// Markers without a defined interval: some writers leave them; they can only be passed over.
		d.segments = d.segments[len(d.segments)-1:]
	}
	d.interval(0)
	for my := range h {
		d.endedAt = my
		if single {
			d.endedAt = my / s.comps[0].v
		}
		for mx := range w {
			if d.restart > 0 {
				if left == 0 {
					interval++
					if !d.interval(interval) {
						d.Truncated = true
						return nil
					}
					left = d.restart
				}
				left--
			}
			if single {
				if err := block(s.comps[0], mx, my); err != nil {
					return d.tolerate(err)
				}
				continue
			}
			for _, c := range s.comps {
				for v := range c.v {
					for u := range c.h {
						if err := block(c, mx*c.h+u, my*c.v+v); err != nil {
							return d.tolerate(err)
						}
					}
				}
			}
		}
		if d.bits.overrun() && interval == len(d.segments)-1 {
			d.Truncated = true
			return nil
		}
	}
	return nil
}

// tolerate makes an error at the end of the data a truncated image.
func (d *decoder) tolerate(err error) error {
	if d.bits.overrun() {
		d.Truncated = true
		return nil
	}
	return err
}

func (d *decoder) scanSequential(s *scanHeader) error {
	for _, c := range s.comps {
		if d.dc[c.td] == nil || d.ac[c.ta] == nil {
			return errors.New("jpeg: no Huffman table")
		}
	}
	err := d.forEachMCU(s, d.block)
	if err == nil && d.Truncated {
		for _, c := range s.comps {
			d.grey(c)
		}
	}
	return err
}

// grey fills a component's plane with the middle value, from the row of MCUs in which the data ended.
func (d *decoder) grey(c *component) {
	if c.skipAtOutput {
		return
	}
	from := min(d.endedAt*8*c.v, c.rows) * c.stride
	if d.Precision == 8 {
		for i := range c.plane[from:] {
			c.plane[from+i] = 128
		}
		return
	}
	for i := range c.wide[from:] {
		c.wide[from+i] = 2048
	}
}

// block decodes one block of a sequential scan (F.2.2) and transforms it into its place. The reader's state is kept in variables of its own:
// this loop is where decoding spends its time.
func (d *decoder) block(c *component, bx, by int) error {
	b := &d.bits
	b.fill()
	t, err := b.symbol(d.dc[c.td])
	if err != nil {
		return err
	}
	if t > 15 {
		return errHuffman
	}
	c.pred += b.receive(int(t))
	if c.skipAtOutput {
		return b.skipAC(d.ac[c.ta])
	}
	w := &d.workspace
	q := &d.quant[c.tq]
	ac := d.ac[c.ta]
	acc, n, pos, buf, end := b.acc, b.n, b.pos, b.buf, b.end
	last := 0
	for k := 1; k < 64; {
		if n <= 32 {
			if pos+4 <= end {
				acc |= uint64(binary.BigEndian.Uint32(buf[pos:])) << (32 - uint(n)&63)
				pos += 4
				n += 32
			} else {
				b.acc, b.n, b.pos = acc, n, pos
				b.fill()
				acc, n, pos = b.acc, b.n, b.pos
			}
		}
		if f := ac.fast[acc>>(64-lookBits)]; f != 0 {
			k += int(f >> 8 & 0xF)
			bits := uint(f & 0x1F)
			acc <<= bits
			n -= int(bits)
			if k > 63 {
				b.acc, b.n, b.pos = acc, n, pos
				return errHuffman
			}
			z := zigzag[k&63] & 63
			w[z] = (f >> 16) * int32(q[z])
			last = k
			k++
			continue
		}
		b.acc, b.n, b.pos = acc, n, pos
		rs, err := b.symbol(ac)
		if err != nil {
			clear(w[:])
			return err
		}
		r, size := int(rs>>4), int(rs&15)
		if size == 0 {
			acc, n = b.acc, b.n
			if r != 15 {
				break
			}
			k += 16
			continue
		}
		k += r
		if k > 63 {
			clear(w[:])
			return errHuffman
		}
		z := zigzag[k&63] & 63
		w[z] = b.receive(size) * int32(q[z])
		acc, n = b.acc, b.n
		last = k
		k++
	}
	b.acc, b.n, b.pos = acc, n, pos
	w[0] = c.pred * int32(q[0])
	d.transform(c, bx, by, last)
	return nil
}

// skipAC passes over the AC coefficients of a block whose samples are not wanted: only the codes' lengths matter.
func (b *bitReader) skipAC(ac *huffman) error {
	acc, n, pos, buf, end := b.acc, b.n, b.pos, b.buf, b.end
	for k := 1; k < 64; {
		if n <= 32 {
			if pos+4 <= end {
				acc |= uint64(binary.BigEndian.Uint32(buf[pos:])) << (32 - uint(n)&63)
				pos += 4
				n += 32
			} else {
				b.acc, b.n, b.pos = acc, n, pos
				b.fill()
				acc, n, pos = b.acc, b.n, b.pos
			}
		}
		f := ac.skip[acc>>(64-lookBits)]
		steps, bits := int(f>>8), uint(f&0x1F)
		if f == 0 {
			b.acc, b.n, b.pos = acc, n, pos
			rs, err := b.slow(ac)
			if err != nil {
				return err
			}
			acc, n = b.acc, b.n
			steps, bits = int(rs>>4)+1, uint(rs&15)
			if bits == 0 && rs != 0xF0 {
				steps = 64
			}
		}
		acc <<= bits
		n -= int(bits)
		if k += steps; k > 64 && steps < 64 && bits > 0 {
			b.acc, b.n, b.pos = acc, n, pos
			return errHuffman
		}
	}
	b.acc, b.n, b.pos = acc, n, pos
	return nil
}

// transform runs the inverse DCT of the workspace into block (bx, by) of c and clears the workspace.
func (d *decoder) transform(c *component, bx, by, last int) {
	w := &d.workspace
	at := by*8*c.stride + bx*8
	if d.Precision == 8 {
		if last == 0 {
			flat8(w[0], c.plane[at:], c.stride)
			w[0] = 0
			return
		}
		inverse8(w, c.plane[at:], c.stride)
		return
	}
	idct12(w, c.wide[at:], c.stride)
	clear(w[:])
}

// finish puts the components together.
func (d *decoder) finish() error {
	if d.Lossless {
		return nil
	}
	if d.Progressive {
		d.transformAll()
	}
	d.output()
	return nil
}
