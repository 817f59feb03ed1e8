// Package mask says which pixels of an image are to be blanked.
//
// A [Mask] marks pixels as kept, Soft or Hard. Hard pixels carry text: whatever holds one of them goes, also a whole block of a compressed
// image. Soft ones lie outside the scanning sector: a block goes only where all of it is marked, so that tissue at the sector's edge stays.
package mask

import (
	"image"
	"slices"
)

// What a pixel is marked as.
const (
	Keep uint8 = iota
	Soft
	Hard
)

// Mask marks the pixels of an image of H × W. The zero mask of a size keeps everything. Sums for [Mask.AnyHard] and [Mask.All] are made by
// [Mask.Seal], after which the mask is only read.
type Mask struct {
	W, H   int
	Pix    []uint8
	hard   []int32 // sums over rectangles from the origin, (W+1) × (H+1)
	marked []int32
}

// New is a mask that keeps everything.
func New(w, h int) *Mask { return &Mask{W: w, H: h, Pix: make([]uint8, w*h)} }

// Fill marks the part of r that is in the image, without weakening what is marked already.
func (m *Mask) Fill(r image.Rectangle, v uint8) {
	r = r.Intersect(image.Rect(0, 0, m.W, m.H))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := m.Pix[y*m.W+r.Min.X : y*m.W+r.Max.X]
		for i := range row {
			row[i] = max(row[i], v)
		}
	}
}

// Empty reports whether nothing is marked.
func (m *Mask) Empty() bool {
	return m == nil || !slices.ContainsFunc(m.Pix, func(v uint8) bool { return v != Keep })
}

// Count is the number of marked pixels.
func (m *Mask) Count() int {
	n := 0
	for _, v := range m.Pix {
		if v != Keep {
			n++
		}
	}
	return n
}

// Seal makes the sums and returns m.
func (m *Mask) Seal() *Mask {
	m.hard, m.marked = make([]int32, (m.W+1)*(m.H+1)), make([]int32, (m.W+1)*(m.H+1))
	for y := range m.H {
		var h, a int32
		for x := range m.W {
			if v := m.Pix[y*m.W+x]; v == Hard {
				h, a = h+1, a+1
			} else if v == Soft {
				a++
			}
			at := (y+1)*(m.W+1) + x + 1
			m.hard[at] = m.hard[at-m.W-1] + h
			m.marked[at] = m.marked[at-m.W-1] + a
		}
	}
	return m
}

func (m *Mask) sum(s []int32, r image.Rectangle) int {
	w := m.W + 1
	return int(s[r.Max.Y*w+r.Max.X] - s[r.Min.Y*w+r.Max.X] - s[r.Max.Y*w+r.Min.X] + s[r.Min.Y*w+r.Min.X])
}

// Goes reports whether a block that covers r is to be blanked: some pixel is Hard, or all of its pixels in the image are marked. A block
// wholly outside of the image holds nothing to keep or to hide, and stays.
func (m *Mask) Goes(r image.Rectangle) bool {
	r = r.Intersect(image.Rect(0, 0, m.W, m.H))
	if r.Empty() {
		return false
	}
	return m.sum(m.hard, r) > 0 || m.sum(m.marked, r) == r.Dx()*r.Dy()
}

// Rects are rectangles that together cover the pixels marked v and no other, few of them: runs of rows that are equal are joined.
func (m *Mask) Rects(v uint8) []image.Rectangle {
	var done, open []image.Rectangle
	for y := range m.H {
		var next []image.Rectangle
		row := m.Pix[y*m.W : (y+1)*m.W]
		for x := 0; x < m.W; {
			if row[x] != v {
				x++
				continue
			}
			x0 := x
			for x < m.W && row[x] == v {
				x++
			}
			r := image.Rect(x0, y, x, y+1)
			if i := slices.IndexFunc(open, func(o image.Rectangle) bool { return o.Min.X == x0 && o.Max.X == x }); i >= 0 {
				r.Min.Y = open[i].Min.Y
				open = slices.Delete(open, i, i+1)
			}
			next = append(next, r)
		}
		done = append(done, open...)
		open = next
	}
	return append(done, open...)
}
