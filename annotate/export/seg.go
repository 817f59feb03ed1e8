package export

import (
	"context"
	"fmt"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/internal/fault"
)

// writeSegmentations writes a segmentation an image and reading, a segment an item: seg/CASE_imageN_READING.dcm.
func writeSegmentations(ctx context.Context, w *folder, r *annotate.Records) error {
	return byReading(ctx, r, func(number int, x *annotate.ReadingRecord, c *annotate.Case, im []result.Image) error {
		for i, of := range im {
			s, err := segmentationOf(r, x, c, i+1, of)
			if err != nil {
				return err
			}
			if s == nil {
				continue
			}
			s.Made = made(r, x, of, "SEG", segmentationSeries, number, "")
			ds, err := s.DataSet()
			if err != nil {
				return fmt.Errorf("image %d: %w", i+1, err)
			}
			if err := writeDICOM(w, fmt.Sprintf("seg/%s_image%d_%s.dcm", c.ID, i+1, x.ID), ds); err != nil {
				return err
			}
		}
		return nil
	})
}

// segmentationOf has the masks of one image; nil if there is none.
func segmentationOf(r *annotate.Records, x *annotate.ReadingRecord, c *annotate.Case, image int, of result.Image) (*result.Segmentation, error) {
	p := c.Images[image-1]
	s := &result.Segmentation{Images: []result.Image{of}, Rows: p.Rows, Columns: p.Columns}
	algorithm, by := result.Manual, result.Device{}
	switch {
	case x.Reader == "": // a rule made it of what people drew
		algorithm, by = result.SemiAutomatic, result.Device{Name: x.Method, Version: program.Version}
	case x.AI:
		algorithm, by = result.Automatic, result.Device{Name: x.Reader} // the mask: results do not unblind
	default:
		s.Creator = x.Reader + "^"
	}
	numbers := map[string]int{}
	for _, a := range x.Answers {
		if a.Mask == nil || a.Image != image {
			continue
		}
		it := r.Protocol.Item(a.Item)
		if it == nil {
			return nil, fault.New(fault.Input, "the protocol has no item %s any more", a.Item)
		}
		if numbers[a.Item] == 0 {
			first := *a
			first.Frame = 0 // one object through all frames
			s.Segments = append(s.Segments, result.Segment{Label: it.Label, Type: concept(it), Algorithm: algorithm, Program: by, TrackingID: it.Name, TrackingUID: trackUID(r, x, &first)})
			numbers[a.Item] = len(s.Segments)
		}
		ref := result.Reference{SOP: of.SOP}
		if of.Frames > 1 {
			ref.Frames = []int{a.Frame}
		}
		s.Planes = append(s.Planes, result.Plane{Segment: numbers[a.Item], Of: ref, Mask: a.Mask.Pixels()})
	}
	if len(s.Planes) == 0 {
		return nil, nil
	}
	return s, nil
}
