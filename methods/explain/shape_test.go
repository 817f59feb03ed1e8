package explain

import (
	"math"
	"strings"
	"testing"
)

// drawn shows a mask as rows of # and dots.
func drawn(t *testing.T, s Shape, h, w int) string {
	t.Helper()
	m, err := s.Mask(h, w)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, in := range m {
		if i > 0 && i%w == 0 {
			b.WriteByte('\n')
		}
		b.WriteByte(map[bool]byte{true: '#', false: '.'}[in])
	}
	return b.String()
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		name string
		s    Shape
		want string
	}{
		{"rectangle between samples", Shape{Polygon: Polygon{{0.5, 0.5}, {3.5, 0.5}, {3.5, 2.5}, {0.5, 2.5}}}, ".....\n.###.\n.###.\n....."},
		{"the same the other way round", Shape{Polygon: Polygon{{0.5, 2.5}, {3.5, 2.5}, {3.5, 0.5}, {0.5, 0.5}}}, ".....\n.###.\n.###.\n....."},
		{"triangle", Shape{Polygon: Polygon{{-0.5, -0.5}, {4.5, -0.5}, {-0.5, 4.5}}}, "####.\n###..\n##...\n#...."},
		{"crossing itself: the middle is outside twice round", Shape{Polygon: Polygon{{-0.5, -0.5}, {4.5, -0.5}, {4.5, 3.5}, {-0.5, 3.5}, {-0.5, -0.5}, {0.5, 0.5}, {3.5, 0.5}, {3.5, 2.5}, {0.5, 2.5}, {0.5, 0.5}}}, "#####\n#...#\n#...#\n#####"},
		{"flat ellipse", Shape{Ellipse: &Ellipse{Point{2, 1}, Point{2, 1}, 0}}, "..#..\n#####\n..#..\n....."},
		{"stood upright", Shape{Ellipse: &Ellipse{Point{2, 1}, Point{1.01, 2.01}, 0}}, "..#..\n.###.\n..#..\n..#.."},
		{"turned by a right angle", Shape{Ellipse: &Ellipse{Point{2, 1}, Point{2.01, 1.01}, 90}}, "..#..\n.###.\n..#..\n..#.."},
		{"out of the picture", Shape{Ellipse: &Ellipse{Point{50, 50}, Point{2, 1}, 0}}, ".....\n.....\n.....\n....."},
	} {
		if got := drawn(t, c.s, 4, 5); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestNoShapes(t *testing.T) {
	nan := math.NaN()
	for name, s := range map[string]Shape{
		"nothing":     {},
		"both":        {Polygon: Polygon{{0, 0}, {1, 0}, {0, 1}}, Ellipse: &Ellipse{Radii: Point{1, 1}}},
		"two points":  {Polygon: Polygon{{0, 0}, {1, 0}}},
		"no number":   {Polygon: Polygon{{0, 0}, {1, 0}, {nan, 1}}},
		"endless":     {Polygon: Polygon{{0, 0}, {1, 0}, {math.Inf(1), 1}}},
		"flat":        {Ellipse: &Ellipse{Radii: Point{1, 0}}},
		"inside out":  {Ellipse: &Ellipse{Radii: Point{-1, 1}}},
		"turned away": {Ellipse: &Ellipse{Radii: Point{1, 1}, Degrees: math.Inf(1)}},
	} {
		if _, err := s.Mask(2, 2); err == nil {
			t.Errorf("%s is drawn", name)
		}
	}
}
