package export

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/clip"
)

// cell is the answer to an item of a case, or of one of its images.
type cell struct {
	id    string
	image int
	item  string
}

// volumes are the masks of images: frames are slices, 1 is inside; a frame that was not drawn in is empty.
type volumes struct {
	of    map[cell]*clip.Clip
	order []cell
}

// add paints an answer's mask into the volume of its image.
func (v *volumes) add(c *annotate.Case, a *annotate.Answer) {
	if a.Mask == nil || a.Image == 0 {
		return
	}
	k := cell{c.ID, a.Image, a.Item}
	m := v.of[k]
	if m == nil {
		p := c.Images[a.Image-1]
		m = clip.New(clip.Uint8, p.Frames, p.Rows, p.Columns, 1)
		m.Photometric = clip.Mask
		if v.of == nil {
			v.of = map[cell]*clip.Clip{}
		}
		v.of[k], v.order = m, append(v.order, k)
	}
	for _, res := range a.Results {
		if res.UnitX == measure.Millimetre && res.UnitY == measure.Millimetre {
			m.Spacing = clip.Spacing{Row: res.Y, Column: res.X}
		}
	}
	frame := m.Data[a.Frame*m.H*m.W:]
	for i, in := range a.Mask.Pixels() {
		if in {
			frame[i] = 1
		}
	}
}

// write writes each volume as masks/CASE_imageN_ITEM and an ending of one's own, and says where they are.
func (v *volumes) write(ctx context.Context, w *folder, ending string) (map[cell]string, error) {
	names := map[cell]string{}
	for _, k := range v.order {
		names[k] = fmt.Sprintf("masks/%s_image%d_%s%s.nii.gz", k.id, k.image, k.item, ending)
		err := w.file(names[k], func(o io.Writer) error {
			z := gzip.NewWriter(o) // without a time: equal masks, equal bytes
			if err := clip.WriteNIfTI(z, v.of[k]); err != nil {
				return err
			}
			return z.Close()
		})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// writeMasks writes a volume an image, item and reading.
func writeMasks(ctx context.Context, w *folder, r *annotate.Records) error {
	for _, x := range r.Readings {
		var v volumes
		for _, a := range x.Answers {
			v.add(r.Case(x.Case), a)
		}
		if _, err := v.write(ctx, w, "_"+x.ID); err != nil {
			return err
		}
	}
	return nil
}
