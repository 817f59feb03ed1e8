package intake

import (
	"fmt"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/internal/fault"
)

// Segmentation reads a segmentation, a frame an answer. A segment's item is found by its tracking identifier, by the code of its type, or by its label. Code
// input where it is none.
func (r *Reader) Segmentation(name string, ds *dicom.DataSet) error {
	r.begin(name)
	s, refused, err := result.ReadSegmentationParts(ds, r.set.Inside)
	if err != nil {
		return err
	}
	items := make([]*protocol.Item, len(s.Segments))
	for i, g := range s.Segments {
		items[i] = r.item(func(it *protocol.Item) bool { return it.Kind == protocol.Mask }, g.TrackingID, g.Type.Scheme+":"+g.Type.Value, g.Label, g.Type.Meaning)
	}
	bad := map[int]bool{}
	for _, x := range refused {
		bad[x.Part] = true
		k := Key{}
		if len(s.Images) > 0 {
			k.SOP = s.Images[0].SOP
		}
		r.refuse(fmt.Sprintf("frame %d", x.Part), k, x.Err)
	}
	part := 0
	for _, p := range s.Planes {
		for part++; bad[part]; part++ {
		}
		where := fmt.Sprintf("frame %d", part)
		k := Key{SOP: p.Of.SOP}
		if len(p.Of.Frames) > 0 {
			k.Frame = p.Of.Frames[0]
		}
		at, err := r.pictures.find(k)
		if it := items[p.Segment-1]; err == nil && it == nil {
			err = errNoItem()
		} else if err == nil {
			err = r.mask(where, at, it, annotate.EncodeMask(p.Mask, s.Rows, s.Columns))
		}
		if err != nil {
			r.refuse(where, k, err)
		}
	}
	return nil
}

// mask keeps a mask as an answer.
func (r *Reader) mask(where string, at place, it *protocol.Item, m *annotate.Mask, claims ...claim) error {
	if m.Rows != at.picture.Rows || m.Columns != at.picture.Columns {
		return fault.New(fault.Input, "a mask of %d × %d pixels for a picture of %d × %d", m.Columns, m.Rows, at.picture.Columns, at.picture.Rows)
	}
	r.keep(where, at, annotate.Answer{Item: it.Name, Image: at.image, Frame: at.frame, Mask: m}, claims...)
	return nil
}
