package export

import (
	"context"
	"fmt"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/dicom/result"
)

// writePresentations writes a presentation state an image and reading that has shapes: gsps/CASE_imageN_READING.dcm.
func writePresentations(ctx context.Context, w *folder, r *annotate.Records) error {
	return byReading(ctx, r, func(number int, x *annotate.ReadingRecord, c *annotate.Case, im []result.Image) error {
		for i, of := range im {
			p := &result.Presentation{Made: made(r, x, of, "GSPS", presentationSeries, number, ""), Image: of}
			if x.Reader != "" && !x.AI {
				p.Creator = x.Reader + "^"
			}
			for _, a := range x.Answers {
				list, err := marks(a, i+1, of)
				if err != nil {
					return fmt.Errorf("%s: %w", a.Item, err)
				}
				p.Marks = append(p.Marks, list...)
			}
			if len(p.Marks) == 0 {
				continue
			}
			ds, err := p.DataSet()
			if err != nil {
				return fmt.Errorf("image %d: %w", i+1, err)
			}
			if err := writeDICOM(w, fmt.Sprintf("gsps/%s_image%d_%s.dcm", c.ID, i+1, x.ID), ds); err != nil {
				return err
			}
		}
		return nil
	})
}

// marks are an answer's shapes in one image; the first has the item and its value of record in words.
func marks(a *annotate.Answer, image int, of result.Image) (out []result.Mark, err error) {
	text := a.Item
	if a.Value != nil {
		text += fmt.Sprintf(" %.1f %s", *a.Value, a.Unit)
	}
	for _, d := range a.Shapes {
		if d.Image != image {
			continue
		}
		list, err := regions(d.Shape, of)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			out = append(out, result.Mark{Region: r, Text: text})
			text = ""
		}
	}
	return out, nil
}
