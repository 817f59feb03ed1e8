package jpeg

import "errors"

// scanLossless decodes a lossless scan (annex H) straight into d.out. Components have no subsampling, so an MCU is one sample of each.
func (d *decoder) scanLossless(s *scanHeader) error {
	predictor, pt := s.ss, s.al
	if predictor < 1 || predictor > 7 || pt >= d.Precision {
		return errors.New("jpeg: bad lossless scan")
	}
	if d.Predictor == 0 {
		d.Predictor = predictor
	}
	width, rows := d.Columns, d.Rows
	if d.restart%width != 0 {
		return errors.New("jpeg: a restart interval that is not whole rows")
	}
	if d.restart == 0 {
		d.segments = d.segments[len(d.segments)-1:]
	}
	every := d.restart / width
	type channel struct {
		offset     int
		h          *huffman
		this, last []uint16
	}
	var chans []channel
	for _, c := range s.comps {
		if d.dc[c.td] == nil {
			return errors.New("jpeg: no Huffman table")
		}
		index := 0
		for i := range d.Components {
			if &d.comps[i] == c {
				index = i
			}
		}
		chans = append(chans, channel{index, d.dc[c.td], make([]uint16, width+1), make([]uint16, width+1)})
	}
	b := &d.bits
	d.interval(0)
	first := true // the row begins an image or an interval: predicted from its left neighbour, or the middle value
	for y := range rows {
		if every > 0 && y > 0 && y%every == 0 {
			if !d.interval(y / every) {
				d.Truncated = true
				return errShort
			}
			first = true
		}
		for i := range chans {
			ch := &chans[i]
			ch.this, ch.last = ch.last, ch.this
			if first {
				ch.this[0] = 1 << (d.Precision - pt - 1)
			} else {
				ch.this[0] = ch.last[1]
			}
		}
		var err error
		if len(chans) == 1 {
			err = losslessRow(b, chans[0].h, chans[0].this, chans[0].last, rowPredictor(predictor, first))
		} else {
			for x := 1; x <= width && err == nil; x++ {
				for i := range chans {
					ch := &chans[i]
					p := rowPredictor(predictor, first)
					if x == 1 {
						p = 1
					}
					var diff int32
					if diff, err = b.difference(ch.h); err != nil {
						break
					}
					ch.this[x] = uint16(predict(p, int32(ch.this[x-1]), int32(ch.last[x]), int32(ch.last[x-1])) + diff)
				}
			}
		}
		if err != nil {
			return d.losslessError(err)
		}
		first = false
		if b.overrun() {
			d.Truncated = true
			return errShort
		}
		for i := range chans {
			d.store(y, chans[i].offset, chans[i].this[1:], pt)
		}
	}
	return nil
}

func (d *decoder) losslessError(err error) error {
	if d.bits.overrun() {
		d.Truncated = true
		return errShort
	}
	return err
}

// rowPredictor is 1 (the left neighbour) in the first row of an image or interval.
func rowPredictor(p int, first bool) int {
	if first {
		return 1
	}
	return p
}

// predict is Px of table H.1: a is the left neighbour, b the one above, c the one above left.
func predict(p int, a, b, c int32) int32 {
	switch p {
	case 1:
		return a
	case 2:
		return b
	case 3:
		return c
	case 4:
		return a + b - c
	case 5:
		return a + (b-c)>>1
	case 6:
		return b + (a-c)>>1
	}
	return (a + b) >> 1
}

// difference reads one difference (H.1.2.2), modulo 65536.
func (b *bitReader) difference(h *huffman) (int32, error) {
	b.fill()
	if f := h.fast[b.acc>>(64-lookBits)]; f != 0 {
		b.take(int(f & 0xFF))
		return f >> 16, nil
	}
	t, err := b.symbol(h)
	if err != nil {
		return 0, err
	}
	switch {
	case t < 16:
		return b.receive(int(t)), nil
	case t == 16:
		return 32768, nil
	}
	return 0, errHuffman
}

// losslessRow decodes a row of one component; this[0] is the prediction of the first sample.
func losslessRow(b *bitReader, h *huffman, this, last []uint16, p int) error {
	last = last[:len(this)]
	left := int32(this[0])
	for x := 1; x < len(this); x++ {
		b.fill()
		var diff int32
		if f := h.fast[b.acc>>(64-lookBits)]; f != 0 {
			b.take(int(f & 0xFF))
			diff = f >> 16
		} else {
			var err error
			if diff, err = b.difference(h); err != nil {
				return err
			}
		}
		pred := left
		if p != 1 && x > 1 {
			pred = predict(p, left, int32(last[x]), int32(last[x-1]))
		}
		left = int32(uint16(pred + diff))
		this[x] = uint16(left)
	}
	return nil
}

// store writes a row of one component.
func (d *decoder) store(y, offset int, row []uint16, pt int) {
	n := d.Components
	if d.Precision <= 8 {
		out := d.out[y*d.Columns*n:]
		for x, v := range row {
			out[x*n+offset] = byte(v << pt)
		}
		return
	}
	out := d.out[2*y*d.Columns*n:]
	for x, v := range row {
		v <<= pt
		at := 2 * (x*n + offset)
		out[at], out[at+1] = byte(v), byte(v>>8)
	}
}
