package jpegls

// sampleLines decodes a scan interleaved by sample (ILV 2): components share the state, and a run begins where all of them are flat.
func (d *decoder) sampleLines(n int) error {
	width := d.Columns
	prev, cur := make([]int32, (width+2)*n), make([]int32, (width+2)*n)
	line := make([]int32, width)
	for y := range d.Rows {
		if d.restart > 0 && y > 0 && y%d.restart == 0 {
			if err := d.resync(); err != nil {
				return err
			}
			clear(prev)
			clear(cur)
		}
		copy(prev[(width+1)*n:], prev[width*n:(width+1)*n])
		copy(cur[:n], prev[n:2*n])
		for x := 1; x <= width; {
			at := x * n
			flat := true
			for c := range n {
				ra, rb, rc, rd := cur[at-n+c], prev[at+c], prev[at-n+c], prev[at+n+c]
				if d.grad[rd-rb+d.offset]|d.grad[rb-rc+d.offset]|d.grad[rc-ra+d.offset] != 0 {
					flat = false
					break
				}
			}
			if !flat {
				for c := range n {
					v, err := d.regular(cur[at-n+c], prev[at+c], prev[at-n+c], prev[at+n+c])
					if err != nil {
						return err
					}
					cur[at+c] = v
				}
				x++
				continue
			}
			run, err := d.runLength(width-x+1, &d.index[0])
			if err != nil {
				return err
			}
			for i := range run {
				copy(cur[at+i*n:at+(i+1)*n], cur[at-n:at])
			}
			x += run
			if x > width {
				break
			}
			end := x * n
			order := int32(j[d.index[0]])
			for c := range n {
				ra, rb := cur[at-n+c], prev[end+c]
				e, err := d.interruptionError(0, order)
				if err != nil {
					return err
				}
				if ra > rb {
					e = -e
				}
				if cur[end+c], err = d.checked(rb + e*(2*d.near+1)); err != nil {
					return err
				}
			}
			if d.index[0] > 0 {
				d.index[0]--
			}
			x++
		}
		for c := range n {
			for x := range width {
				line[x] = cur[(x+1)*n+c]
			}
			d.store(y, c, line)
		}
		if d.r.exhausted() {
			return errShort
		}
		prev, cur = cur, prev
	}
	return nil
}

// regular decodes one sample in regular mode, also where its own gradients are flat: context 0 then.
func (d *decoder) regular(ra, rb, rc, rd int32) (int32, error) {
	q := int32(d.grad[rd-rb+d.offset])*81 + int32(d.grad[rb-rc+d.offset])*9 + int32(d.grad[rc-ra+d.offset])
	sign := q >> 31
	ctx := &d.ctx[(q^sign)-sign]
	px := predict(ra, rb, rc) + (ctx.c ^ sign) - sign
	px = min(max(px, 0), int32(d.maxval))
	k := ctx.golomb()
	m, err := d.r.golomb(k, d.limit, d.qbpp)
	if err != nil {
		return 0, err
	}
	e := m>>1 ^ -(m & 1)
	if k == 0 && d.near == 0 && 2*ctx.b <= -ctx.n {
		e = ^e
	}
	if abs(e) > 65536 {
		return 0, errCorrupt
	}
	ctx.update(e, d.near, d.reset)
	e = (e ^ sign) - sign
	return d.checked(px + e*(2*d.near+1))
}
