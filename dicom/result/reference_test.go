package result

import (
	"slices"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// TestReferences: frames count from 0 here and from 1 in files, and stand only where an image has several.
func TestReferences(t *testing.T) {
	im, still := cine(t), picture(t, "1.2.840.10008.5.1.4.1.1.6.1", "still", 1)
	images := []Image{im, still}
	for _, c := range []struct {
		ref  Reference
		want []int64
	}{{Reference{SOP: im.SOP}, nil}, {Reference{im.SOP, []int{0}}, []int64{1}}, {Reference{im.SOP, []int{0, 2}}, []int64{1, 3}}, {Reference{SOP: still.SOP}, nil}, {Reference{still.SOP, []int{0}}, nil}} {
		ds, err := c.ref.item(images)
		if err != nil || !slices.Equal(ds.Ints(tag.ReferencedFrameNumber), c.want) || ds.String(tag.ReferencedSOPInstanceUID) != c.ref.SOP {
			t.Errorf("%+v: %v, %v", c.ref, ds, err)
			continue
		}
		back, err := referenceOf(ds)
		if err != nil || back.SOP != c.ref.SOP || c.want != nil && !slices.Equal(back.Frames, c.ref.Frames) {
			t.Errorf("%+v comes back as %+v, %v", c.ref, back, err)
		}
	}
	for name, ref := range map[string]Reference{"no image": {SOP: "2.25.9"}, "before the first": {im.SOP, []int{-1}}, "after the last": {im.SOP, []int{3}}, "of a single frame": {still.SOP, []int{1}}} {
		if _, err := ref.item(images); err == nil {
			t.Errorf("%s is written", name)
		}
	}
	bad := made0()
	bad.SetString(tag.ReferencedSOPInstanceUID, "1.2.3")
	bad.SetInts(tag.ReferencedFrameNumber, 1, 0)
	if _, err := referenceOf(bad); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

// TestClosed: what has an inside, and outlines that are closed once.
func TestClosed(t *testing.T) {
	p := []Point{{0, 0}, {4, 0}, {4, 3}}
	o := Outline(p, Reference{})
	if !o.Closed() || len(o.Points) != 4 || len(p) != 3 || len(Outline(o.Points, Reference{}).Points) != 4 {
		t.Errorf("%+v", o)
	}
	for _, c := range []struct {
		r    Region
		want bool
	}{{Region{Type: Polyline, Points: p}, false}, {Region{Type: Circle, Points: p[:2]}, true}, {Region{Type: Ellipse}, true}, {Region{Type: OnePoint, Points: p[:1]}, false}, {Region{Type: MultiPoint, Points: p}, false}} {
		if c.r.Closed() != c.want {
			t.Errorf("%+v", c.r)
		}
	}
	if e := EllipseOf(Point{3, 2}, Point{3, 4}, Point{1, 3}, Point{5, 3}, Reference{}); e.Points[0] != (Point{1, 3}) || e.Points[3] != (Point{3, 4}) {
		t.Errorf("the longer axis is not the first: %v", e.Points)
	}
}
