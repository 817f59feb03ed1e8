package mask

import (
	"image"
	"testing"
)

func TestGoes(t *testing.T) {
	m := New(20, 10)
	m.Fill(image.Rect(0, 0, 8, 10), Soft)
	m.Fill(image.Rect(10, 2, 12, 3), Hard)
	m.Fill(image.Rect(9, 0, 20, 10), Keep) // weakens nothing
	m.Fill(image.Rect(-5, -5, 0, 0), Hard) // outside
	m.Seal()
	for _, c := range []struct {
		r    image.Rectangle
		want bool
	}{
		{image.Rect(0, 0, 8, 8), true}, {image.Rect(0, 8, 8, 16), true}, {image.Rect(4, 0, 12, 2), false}, {image.Rect(8, 0, 16, 8), true},
		{image.Rect(16, 0, 24, 8), false}, {image.Rect(24, 0, 32, 8), false},
	} {
		if got := m.Goes(c.r); got != c.want {
			t.Errorf("%v goes: %v", c.r, got)
		}
	}
	if m.Count() != 82 || m.Empty() || !New(3, 3).Empty() {
		t.Errorf("%d pixels", m.Count())
	}
}

func TestRectsCoverExactly(t *testing.T) {
	m := New(9, 7)
	m.Fill(image.Rect(1, 1, 4, 5), Hard)
	m.Fill(image.Rect(6, 0, 9, 7), Hard)
	m.Fill(image.Rect(2, 3, 8, 4), Hard)
	m.Fill(image.Rect(0, 6, 1, 7), Soft)
	back := New(9, 7)
	for _, r := range m.Rects(Hard) {
		back.Fill(r, Hard)
	}
	for _, r := range m.Rects(Soft) {
		back.Fill(r, Soft)
	}
	for i, v := range m.Pix {
		if back.Pix[i] != v {
			t.Fatalf("pixel %d: %d, want %d", i, back.Pix[i], v)
		}
	}
	one := New(4, 4)
	one.Fill(image.Rect(1, 1, 3, 3), Hard)
	if r := one.Rects(Hard); len(r) != 1 || r[0] != image.Rect(1, 1, 3, 3) {
		t.Errorf("%v", r)
	}
}
