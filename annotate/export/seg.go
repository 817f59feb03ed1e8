package export

import (
	"context"
	"fmt"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/internal/fault"
)

// writeSegmentations writes a segmentation a loop, or a stack of single images of one series, and reading, a segment an item: seg/CASE_imageN_READING.dcm, where
// N is the loop's number, or that of the stack's first image.
func writeSegmentations(ctx context.Context, w *folder, r *annotate.Records) error {
	return byReading(ctx, r, func(number int, x *annotate.ReadingRecord, c *annotate.Case, im []result.Image) error {
		for _, stack := range stacks(c, im) {
			s, err := segmentationOf(r, x, c, stack, im)
			if err != nil {
				return err
			}
			if s == nil {
				continue
			}
			s.Made = made(r, x, im[stack[0]], "SEG", segmentationSeries, number, "")
			if len(im) > 1 {
				s.SeriesDescription += fmt.Sprintf(": image %d", stack[0]+1)
			}
			ds, err := s.DataSet()
			if err != nil {
				return fmt.Errorf("image %d: %w", stack[0]+1, err)
			}
			if err := writeDICOM(w, fmt.Sprintf("seg/%s_image%d_%s.dcm", c.ID, stack[0]+1, x.ID), ds); err != nil {
				return err
			}
		}
		return nil
	})
}

// stacks are a case's images by what one segmentation is of: loops alone, single images of one series and size together. Numbers are from 0.
func stacks(c *annotate.Case, im []result.Image) (out [][]int) {
	type of struct {
		series        string
		rows, columns int
	}
	at := map[of]int{}
	for i, p := range c.Images {
		k := of{im[i].Series, p.Rows, p.Columns}
		j, known := at[k]
		switch {
		case im[i].Frames > 1:
			out = append(out, []int{i})
		case known:
			out[j] = append(out[j], i)
		default:
			at[k] = len(out)
			out = append(out, []int{i})
		}
	}
	return out
}

// segmentationOf has the masks of a loop or stack; nil if there is none.
func segmentationOf(r *annotate.Records, x *annotate.ReadingRecord, c *annotate.Case, stack []int, im []result.Image) (*result.Segmentation, error) {
	p := c.Images[stack[0]]
	s := &result.Segmentation{Rows: p.Rows, Columns: p.Columns}
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
		if a.Mask == nil || !slices.Contains(stack, a.Image-1) {
			continue
		}
		of := im[a.Image-1]
		it := r.Protocol.Item(a.Item)
		if it == nil {
			return nil, fault.New(fault.Input, "the protocol has no item %s any more", a.Item)
		}
		if numbers[a.Item] == 0 {
			first := *a
			first.Image, first.Frame = stack[0]+1, 0 // one object through all frames
			s.Segments = append(s.Segments, result.Segment{Label: it.Label, Type: concept(it), Algorithm: algorithm, Program: by, TrackingID: it.Name, TrackingUID: trackUID(r, x, &first)})
			numbers[a.Item] = len(s.Segments)
		}
		ref := result.Reference{SOP: of.SOP}
		if of.Frames > 1 {
			ref.Frames = []int{a.Frame}
		}
		s.Planes = append(s.Planes, result.Plane{Segment: numbers[a.Item], Of: ref, Mask: a.Mask.Pixels()})
	}
	for _, i := range stack {
		if slices.ContainsFunc(s.Planes, func(p result.Plane) bool { return p.Of.SOP == im[i].SOP }) {
			s.Images = append(s.Images, im[i])
		}
	}
	if len(s.Planes) == 0 {
		return nil, nil
	}
	return s, nil
}
