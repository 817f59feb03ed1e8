package jpegblocks

import (
	"image"
	"math/bits"

	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/internal/fault"
)

// Fill says what blanked blocks become.
type Fill struct {
	White bool // the highest value instead of the lowest, for MONOCHROME1
	YCC   bool // three components are luminance and two differences of colour, which become neutral
}

type component struct {
	id, h, v, tq int
	bw, bh       int // blocks of the image without padding to whole MCUs
	dc, ac       int // tables of the scan
	in, out      int // DC of the block before, as read and as written
	flat         int // DC of a blanked block
	unitW, unitH int // pixels of the image that a block covers
}

// editor is one pass over one stream.
type editor struct {
	src       []byte
	m         *mask.Mask
	fill      Fill
	out       []byte
	precision int
	w, h      int
	comps     []*component
	hmax      int
	vmax      int
	quant     [4]int   // DC step of each table; 0: not defined
	dc, ac    [4]*code // of the source
	written   [8]*code // what a decoder of the output has at this point: DC, then AC
	restart   int
	changed   int
	scans     int
}

// Blank is src with the blocks that m claims blanked, and how many blocks there were. m must be sealed and of the size of the image. Errors have code input: what is not
// sequential Huffman DCT, not the mask's size, damaged, or cut short.
func Blank(src []byte, m *mask.Mask, f Fill) (out []byte, blocks int, err error) {
	e := &editor{src: src, m: m, fill: f, out: make([]byte, 0, len(src)+1024)}
	if err := e.run(); err != nil {
		return nil, 0, err
	}
	return e.out, e.changed, nil
}

func bad(format string, args ...any) error { return fault.New(fault.Input, "JPEG: "+format, args...) }

// run copies segments and edits scans.
func (e *editor) run() error {
	s := e.src
	if len(s) < 4 || s[0] != 0xFF || s[1] != 0xD8 {
		return bad("no start of image")
	}
	e.out = append(e.out, s[:2]...)
	pos := 2
	for {
		from := pos
		for pos < len(s) && s[pos] != 0xFF { // stray bytes between segments are in real files
			pos++
		}
		for pos+1 < len(s) && s[pos+1] == 0xFF {
			pos++
		}
		if pos+1 >= len(s) {
			if e.scans == 0 {
				return bad("no image")
			}
			e.out = append(e.out, s[from:]...) // a missing end of image stays missing
			return nil
		}
		marker := s[pos+1]
		pos += 2
		if marker == 0xD9 {
			if e.scans == 0 {
				return bad("no image")
			}
			e.out = append(e.out, 0xFF, 0xD9) // what follows the end is not an image
			return nil
		}
		if marker == 0 || marker == 1 || marker >= 0xD0 && marker <= 0xD8 {
			continue
		}
		if pos+2 > len(s) {
			return bad("the stream ends in a segment")
		}
		n := int(s[pos])<<8 | int(s[pos+1])
		if n < 2 || pos+n > len(s) {
			return bad("the stream ends in a segment")
		}
		seg := s[pos+2 : pos+n]
		pos += n
		if marker == 0xDA {
			head := s[pos-n-2 : pos]
			end, err := e.scan(seg, head, pos)
			if err != nil {
				return err
			}
			pos = end
			continue
		}
		if err := e.segment(marker, seg); err != nil {
			return err
		}
		e.out = append(e.out, s[pos-n-2:pos]...)
	}
}

// segment reads what matters here of a marker segment.
func (e *editor) segment(marker byte, seg []byte) error {
	switch {
	case marker == 0xC4:
		for len(seg) > 0 {
			if len(seg) < 17 {
				return bad("a short Huffman table")
			}
			n := 0
			for _, c := range seg[1:17] {
				n += int(c)
			}
			class, id := seg[0]>>4, seg[0]&15
			if class > 1 || id > 3 || n > 256 || len(seg) < 17+n {
				return bad("a bad Huffman table")
			}
			c, err := newCode(seg[1:17], seg[17:17+n])
			if err != nil {
				return err
			}
			if class == 0 {
				e.dc[id], e.written[id] = c, c
			} else {
				e.ac[id], e.written[4+id] = c, c
			}
			seg = seg[17+n:]
		}
	case marker == 0xDB:
		for len(seg) > 0 {
			n, id := 64, seg[0]&15
			if seg[0]>>4 == 1 {
				n = 128
			}
			if seg[0]>>4 > 1 || id > 3 || len(seg) < 1+n {
				return bad("a bad quantisation table")
			}
			e.quant[id] = int(seg[1])
			if n == 128 {
				e.quant[id] = int(seg[1])<<8 | int(seg[2])
			}
			seg = seg[1+n:]
		}
	case marker == 0xDD:
		if len(seg) < 2 {
			return bad("a short restart interval")
		}
		e.restart = int(seg[0])<<8 | int(seg[1])
	case marker == 0xDC:
		return bad("the number of lines comes after the image")
	case marker == 0xC0 || marker == 0xC1:
		return e.frame(seg)
	case marker >= 0xC2 && marker <= 0xCF && marker != 0xC8 && marker != 0xCC:
		return bad("process SOF%d is not sequential Huffman DCT", marker-0xC0)
	case marker == 0xCC:
		return bad("arithmetic coding")
	}
	return nil
}

func (e *editor) frame(seg []byte) error {
	if e.comps != nil || len(seg) < 6 {
		return bad("a bad frame header")
	}
	e.precision, e.h, e.w = int(seg[0]), int(seg[1])<<8|int(seg[2]), int(seg[3])<<8|int(seg[4])
	n := int(seg[5])
	if e.precision != 8 && e.precision != 12 || n < 1 || n > 4 || len(seg) < 6+3*n {
		return bad("%d bits, %d components", e.precision, n)
	}
	if e.w != e.m.W || e.h != e.m.H {
		return bad("an image of %d × %d where the header has %d × %d", e.w, e.h, e.m.W, e.m.H)
	}
	e.hmax, e.vmax = 1, 1
	for i := range n {
		p := seg[6+3*i:]
		c := &component{id: int(p[0]), h: int(p[1] >> 4), v: int(p[1] & 15), tq: int(p[2])}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.tq > 3 {
			return bad("bad sampling factors")
		}
		if n == 1 { // one component is never interleaved: its factors mean nothing
			c.h, c.v = 1, 1
		}
		e.hmax, e.vmax = max(e.hmax, c.h), max(e.vmax, c.v)
		e.comps = append(e.comps, c)
	}
	for _, c := range e.comps {
		if e.hmax%c.h != 0 || e.vmax%c.v != 0 {
			return bad("sampling factors that do not divide")
		}
		c.unitW, c.unitH = 8*e.hmax/c.h, 8*e.vmax/c.v
		c.bw, c.bh = ceil(ceil(e.w*c.h, e.hmax), 8), ceil(ceil(e.h*c.v, e.vmax), 8)
	}
	return nil
}

func ceil(a, b int) int { return (a + b - 1) / b }

// flatValue is the DC of a blanked block: past the end of the range, where decoders clamp, or neutral.
func (e *editor) flatValue(i int) (int, error) {
	c := e.comps[i]
	q := e.quant[c.tq]
	if q == 0 {
		return 0, bad("no quantisation table")
	}
	if i > 0 && len(e.comps) == 3 && e.fill.YCC {
		return 0, nil
	}
	v := ceil(8<<(e.precision-1), q)
	if !e.fill.White {
		v = -v
	}
	return v, nil
}

// token is a symbol with the bits after it.
type token struct {
	table  uint8 // 0…3 DC, 4…7 AC, 8 the end of a restart interval
	symbol uint8
	extra  uint16
}

const endOfInterval = 8

// scan reads a scan's blocks, blanks, and writes it. It returns where the scan's data end in the source. The spectral selection of a sequential
// scan has one meaning, 0 to 63, whatever writers put there.
func (e *editor) scan(seg, head []byte, pos int) (int, error) {
	if e.scans++; e.comps == nil || len(seg) < 1 || e.scans > 16 {
		return 0, bad("a scan without a frame, or too many")
	}
	n := int(seg[0])
	if n < 1 || n > len(e.comps) || len(seg) < 4+2*n {
		return 0, bad("a short scan header")
	}
	var comps []*component
	for i := range n {
		var c *component
		for k, o := range e.comps {
			if o.id == int(seg[1+2*i]) && !contains(comps, o) {
				v, err := e.flatValue(k)
				if err != nil {
					return 0, err
				}
				c = o
				c.flat = v
				break
			}
		}
		if c == nil {
			return 0, bad("a scan of an unknown component")
		}
		c.dc, c.ac = int(seg[2+2*i]>>4), int(seg[2+2*i]&15)
		if c.dc > 3 || c.ac > 3 || e.dc[c.dc] == nil || e.ac[c.ac] == nil {
			return 0, bad("no Huffman table")
		}
		comps = append(comps, c)
	}
	intervals, end := split(e.src, pos)
	tokens, err := e.read(comps, intervals)
	if err != nil {
		return 0, err
	}
	e.write(tokens, head)
	return end, nil
}

func contains(s []*component, c *component) bool {
	for _, o := range s {
		if o == c {
			return true
		}
	}
	return false
}

// split takes the stuffing out of entropy-coded data that begin at pos and cuts them at restart markers; end is where the next marker is.
func split(src []byte, pos int) (intervals [][]byte, end int) {
	var cur []byte
	for pos < len(src) {
		c := src[pos]
		if c != 0xFF {
			cur = append(cur, c)
			pos++
			continue
		}
		if pos+1 >= len(src) {
			break
		}
		switch m := src[pos+1]; {
		case m == 0:
			cur = append(cur, 0xFF)
			pos += 2
		case m == 0xFF:
			pos++
		case m >= 0xD0 && m <= 0xD7:
			intervals, cur = append(intervals, cur), nil
			pos += 2
		default:
			return append(intervals, cur), pos
		}
	}
	return append(intervals, cur), len(src)
}

// read takes the scan apart.
func (e *editor) read(comps []*component, intervals [][]byte) ([]token, error) {
	mw, mh := ceil(e.w, 8*e.hmax), ceil(e.h, 8*e.vmax)
	single := len(comps) == 1
	if single {
		mw, mh = comps[0].bw, comps[0].bh
	}
	if e.restart == 0 && len(intervals) > 1 {
		return nil, bad("restart markers without an interval")
	}
	if e.restart > 0 && len(intervals) < ceil(mw*mh, e.restart) {
		return nil, bad("%d restart intervals of %d", len(intervals), ceil(mw*mh, e.restart))
	}
	var tokens []token
	next := 0
	var r reader
	for mcu := range mw * mh {
		if mcu == 0 || e.restart > 0 && mcu%e.restart == 0 {
			if mcu > 0 {
				tokens = append(tokens, token{table: endOfInterval})
				if r.left() < 0 {
					return nil, bad("the data of a restart interval end too early")
				}
			}
			r = reader{b: intervals[next]}
			next++
			for _, c := range comps {
				c.in, c.out = 0, 0
			}
		}
		mx, my := mcu%mw, mcu/mw
		for _, c := range comps {
			h, v := c.h, c.v
			if single {
				h, v = 1, 1
			}
			for by := my * v; by < (my+1)*v; by++ {
				for bx := mx * h; bx < (mx+1)*h; bx++ {
					var err error
					if tokens, err = e.block(&r, c, bx, by, tokens); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	if r.left() < 0 {
		return nil, bad("the data end before the image does")
	}
	return tokens, nil
}

// block reads one block and appends its tokens, or those of a flat one.
func (e *editor) block(r *reader, c *component, bx, by int, tokens []token) ([]token, error) {
	size, err := r.symbol(e.dc[c.dc])
	if err != nil {
		return nil, err
	}
	if size > 16 {
		return nil, bad("a DC difference of %d bits", size)
	}
	c.in += extend(r.take(size), size)
	blank := e.m.Goes(image.Rect(bx*c.unitW, by*c.unitH, (bx+1)*c.unitW, (by+1)*c.unitH))
	dc := c.in
	if blank {
		dc = c.flat
		e.changed++
	}
	diff := dc - c.out
	c.out = dc
	n := bits.Len(uint(max(diff, -diff)))
	if n > 15 {
		return nil, bad("a DC difference of %d bits", n)
	}
	low := diff
	if diff < 0 {
		low--
	}
	tokens = append(tokens, token{uint8(c.dc), uint8(n), uint16(low & (1<<n - 1))})
	keep := len(tokens)
	table := uint8(4 + c.ac)
	ac := e.ac[c.ac]
	for k := 1; k < 64; {
		rs, err := r.symbol(ac)
		if err != nil {
			return nil, err
		}
		run, size := rs>>4, rs&15
		tokens = append(tokens, token{table, uint8(rs), uint16(r.take(size))})
		if size == 0 && run < 15 {
			if run != 0 {
				return nil, bad("a code of another process")
			}
			break
		}
		if k += run + 1; k > 64 {
			return nil, bad("more than 64 coefficients")
		}
	}
	if blank {
		tokens = append(tokens[:keep], token{table: table})
	}
	return tokens, nil
}

// extend gives the sign to size bits (F.2.2.1).
func extend(v uint32, size int) int {
	if size > 0 && v < 1<<(size-1) {
		return int(v) - 1<<size + 1
	}
	return int(v)
}

// write writes the scan, after new tables where the old ones lack a code.
func (e *editor) write(tokens []token, head []byte) {
	var freq [8][256]int
	for _, t := range tokens {
		if t.table != endOfInterval {
			freq[t.table][t.symbol]++
		}
	}
	for i := range 8 {
		for s, n := range freq[i] {
			if n > 0 && e.written[i].size[s] == 0 {
				// The symbols are 256 at most, so there is always a table.
				e.written[i], _ = makeCode(&freq[i])
				e.out = append(e.out, e.written[i].segment(i/4, i&3)...)
				break
			}
		}
	}
	e.out = append(e.out, head...)
	w := writer{b: e.out}
	interval := byte(0)
	for _, t := range tokens {
		if t.table == endOfInterval {
			w.flush()
			w.b = append(w.b, 0xFF, 0xD0+interval)
			interval = (interval + 1) & 7
			continue
		}
		c := e.written[t.table]
		w.put(uint32(c.bits[t.symbol]), int(c.size[t.symbol]))
		n := int(t.symbol)
		if t.table >= 4 {
			n &= 15
		}
		w.put(uint32(t.extra), n)
	}
	w.flush()
	e.out = w.b
}
