package jpeg

import "errors"

// scanProgressive decodes one scan of a progressive image (annex G) into the coefficients of its components.
func (d *decoder) scanProgressive(s *scanHeader) error {
	switch {
	case s.se > 63 || s.ss > s.se || s.al > 13 || s.ss == 0 && s.se != 0 || s.ss > 0 && len(s.comps) != 1 || s.ah != 0 && s.ah != s.al+1:
		return errors.New("jpeg: bad progressive scan")
	}
	for _, c := range s.comps {
		if s.ss == 0 && s.ah == 0 && d.dc[c.td] == nil || s.ss > 0 && d.ac[c.ta] == nil {
			return errors.New("jpeg: no Huffman table")
		}
	}
	return d.forEachMCU(s, func(c *component, bx, by int) error {
		at := (by*c.bw + bx) * 64
		coeffs := (*[64]int16)(c.coeffs[at : at+64])
		switch {
		case s.ss == 0 && s.ah == 0:
			return d.dcFirst(c, coeffs, s.al)
		case s.ss == 0:
			d.bits.fill()
			if d.bits.bits(1) != 0 {
				coeffs[0] |= 1 << s.al
			}
			return nil
		case s.ah == 0:
			return d.acFirst(c, coeffs, s)
		}
		return d.acRefine(c, coeffs, s)
	})
}

func (d *decoder) dcFirst(c *component, coeffs *[64]int16, al int) error {
	d.bits.fill()
	t, err := d.bits.symbol(d.dc[c.td])
	if err != nil {
		return err
	}
	if t > 15 {
		return errHuffman
	}
	c.pred += d.bits.receive(int(t))
	coeffs[0] = int16(c.pred << al)
	return nil
}

func (d *decoder) acFirst(c *component, coeffs *[64]int16, s *scanHeader) error {
	if d.eobrun > 0 {
		d.eobrun--
		return nil
	}
	b := &d.bits
	for k := s.ss; k <= s.se; {
		b.fill()
		rs, err := b.symbol(d.ac[c.ta])
		if err != nil {
			return err
		}
		r, size := int(rs>>4), int(rs&15)
		if size == 0 {
			if r < 15 {
				d.eobrun = 1<<r - 1
				if r > 0 {
					d.eobrun += int(b.bits(r))
				}
				return nil
			}
			k += 16
			continue
		}
		k += r
		if k > s.se {
			return errHuffman
		}
		coeffs[zigzag[k]] = int16(b.receive(size) << s.al)
		k++
	}
	return nil
}

// acRefine adds one bit to coefficients (G.1.2.3): every one that is not zero reads a correction bit, zeros count down the run.
func (d *decoder) acRefine(c *component, coeffs *[64]int16, s *scanHeader) error {
	b := &d.bits
	one := int16(1) << s.al
	correct := func(p *int16) {
		b.fill()
		if b.bits(1) != 0 && *p&one == 0 {
			if *p >= 0 {
				*p += one
			} else {
				*p -= one
			}
		}
	}
	k := s.ss
	if d.eobrun == 0 {
		for ; k <= s.se; k++ {
			b.fill()
			rs, err := b.symbol(d.ac[c.ta])
			if err != nil {
				return err
			}
			r, size := int(rs>>4), int(rs&15)
			var value int16
			switch {
			case size == 1:
				value = -one
				if b.bits(1) != 0 {
					value = one
				}
			case size != 0:
				return errHuffman
			case r < 15:
				d.eobrun = 1 << r
				if r > 0 {
					d.eobrun += int(b.bits(r))
				}
			}
			if d.eobrun > 0 {
				break
			}
			for ; k <= s.se; k++ {
				p := &coeffs[zigzag[k]]
				if *p != 0 {
					correct(p)
					continue
				}
				if r == 0 {
					break
				}
				r--
			}
			if value != 0 {
				if k > s.se {
					return errHuffman
				}
				coeffs[zigzag[k]] = value
			}
		}
	}
	if d.eobrun > 0 {
		for ; k <= s.se; k++ {
			if p := &coeffs[zigzag[k]]; *p != 0 {
				correct(p)
			}
		}
		d.eobrun--
	}
	return nil
}

// transformAll runs the inverse DCT over every block once all scans are in.
func (d *decoder) transformAll() {
	for i := range d.Components {
		c := &d.comps[i]
		if c.skipAtOutput {
			continue
		}
		q := &d.quant[c.tq]
		for by := range c.bh {
			for bx := range c.bw {
				at := (by*c.bw + bx) * 64
				coeffs := c.coeffs[at : at+64]
				last := 0
				for k, v := range coeffs {
					if v != 0 {
						d.workspace[k] = int32(v) * int32(q[k])
						if k > 0 {
							last = 63
						}
					}
				}
				d.transform(c, bx, by, last)
			}
		}
	}
}
