package annotate

import "github.com/cineloop/cineloop/internal/fault"

// Mask are the pixels of one frame, run-length encoded by rows: how many are out, then in, then out, … The first may be 0.
type Mask struct {
	Rows    int   `json:"rows"`
	Columns int   `json:"columns"`
	Runs    []int `json:"runs"`
}

// maxMaskPixels bounds what a mask may unfold to.
const maxMaskPixels = 1 << 26

// EncodeMask makes runs of pixels.
func EncodeMask(in []bool, rows, columns int) *Mask {
	m := &Mask{Rows: rows, Columns: columns}
	run, on := 0, false
	for _, v := range in {
		if v != on {
			m.Runs = append(m.Runs, run)
			run, on = 0, v
		}
		run++
	}
	m.Runs = append(m.Runs, run)
	return m
}

// check says whether the runs fill the picture. Code input.
func (m *Mask) check() error {
	if m.Rows <= 0 || m.Columns <= 0 || m.Rows > maxMaskPixels/m.Columns {
		return fault.New(fault.Input, "a mask of %d × %d pixels", m.Columns, m.Rows)
	}
	left := m.Rows * m.Columns
	for i, n := range m.Runs {
		if n < 0 || n == 0 && i > 0 || n > left {
			return fault.New(fault.Input, "run %d of the mask does not fit its picture", i+1)
		}
		left -= n
	}
	if left != 0 {
		return fault.New(fault.Input, "the runs of the mask leave %d pixels open", left)
	}
	return nil
}

// Pixels unfolds a mask, [rows × columns].
func (m *Mask) Pixels() []bool {
	out := make([]bool, 0, m.Rows*m.Columns)
	on := false
	for _, n := range m.Runs {
		for range n {
			out = append(out, on)
		}
		on = !on
	}
	return out
}

// Area is the number of pixels inside.
func (m *Mask) Area() (n int) {
	for i := 1; i < len(m.Runs); i += 2 {
		n += m.Runs[i]
	}
	return n
}
