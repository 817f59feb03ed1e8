package export

import (
	"context"
	"fmt"
	"image"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/burn"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/internal/fault"
)

// writeCaptures writes a secondary capture an image and reading that has shapes or masks, with the frames that have some:
// sc/CASE_imageN_READING.dcm.
func writeCaptures(ctx context.Context, w *folder, r *annotate.Records) error {
	return byReading(ctx, r, func(number int, x *annotate.ReadingRecord, c *annotate.Case, im []result.Image) error {
		for i, of := range im {
			frames, segmented, err := burnt(r, x, i+1)
			if err != nil {
				return err
			}
			if len(frames) == 0 {
				continue
			}
			s := &result.Capture{Made: made(r, x, of, "SC", captureSeries, number, ""), Image: of, Segmented: segmented}
			if err := capture(ctx, s, frames, pathOf(r, c.Images[i]), by(x)); err != nil {
				return fmt.Errorf("image %d: %w", i+1, err)
			}
			ds, err := s.DataSet()
			if err != nil {
				return fmt.Errorf("image %d: %w", i+1, err)
			}
			if err := writeDICOM(w, fmt.Sprintf("sc/%s_image%d_%s.dcm", c.ID, i+1, x.ID), ds); err != nil {
				return err
			}
		}
		return nil
	})
}

// by is who read, in words under the picture.
func by(x *annotate.ReadingRecord) string {
	if x.Reader == "" {
		return x.Method
	}
	return x.Reader + ", " + x.Arm
}

// capture fills the frames, decoded and drawn one after the other.
func capture(ctx context.Context, s *result.Capture, frames map[int][]burn.Mark, path, by string) error {
	f, err := dicom.Open(path)
	if err != nil {
		return fault.New(fault.NotFound, "the picture can't be read any more")
	}
	defer f.Close()
	im, err := pixel.Open(f)
	if err != nil {
		return err
	}
	for _, n := range slices.Sorted(maps.Keys(frames)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		pic, err := im.Render(n)
		if err != nil {
			return fmt.Errorf("frame %d: %w", n+1, err)
		}
		foot := by
		if s.Image.Frames > 1 {
			foot += fmt.Sprintf(", frame %d of %d", n+1, s.Image.Frames)
		}
		drawn := burn.Draw(pic, frames[n], foot)
		s.Rows, s.Columns = drawn.Rect.Dy(), drawn.Rect.Dx()
		s.Frames = append(s.Frames, result.CaptureFrame{Of: n, RGB: rgb(drawn)})
	}
	return nil
}

func rgb(p *image.NRGBA) []byte {
	out := make([]byte, 0, 3*p.Rect.Dx()*p.Rect.Dy())
	for i := 0; i+3 < len(p.Pix); i += 4 {
		out = append(out, p.Pix[i:i+3]...)
	}
	return out
}

// burnt are the marks of a reading in one image by frame, and whether masks are among them.
func burnt(r *annotate.Records, x *annotate.ReadingRecord, number int) (frames map[int][]burn.Mark, segmented bool, err error) {
	frames = map[int][]burn.Mark{}
	for _, a := range x.Answers {
		it := r.Protocol.Item(a.Item)
		if it == nil {
			return nil, false, fault.New(fault.Input, "the protocol has no item %s any more", a.Item)
		}
		color := slices.IndexFunc(r.Protocol.Items, func(o protocol.Item) bool { return o.Name == a.Item })
		name, value := it.Label, ""
		if !burn.Covers(name) {
			name = it.Name // letters and digits
		}
		if a.Value != nil {
			value = valueWords(*a.Value, a.Unit)
		}
		if a.Mask != nil && a.Image == number {
			frames[a.Frame] = append(frames[a.Frame], burn.Mark{Mask: a.Mask.Pixels(), Name: name, Value: value, Color: color})
			segmented = true
		}
		for _, d := range a.Shapes {
			if d.Image != number {
				continue
			}
			m := burn.Mark{Shape: &d.Shape, Name: name, Value: value, Color: color}
			if d.Role != "" {
				m.Name += " " + strings.ToUpper(strings.ReplaceAll(d.Role, "_", " "))
			}
			if d.To > 0 { // a caliper through the loop: a point in each of two frames
				a, b := m, m
				a.Shape = &measure.Shape{Kind: measure.PointMark, Points: d.Points[:1]}
				b.Shape = &measure.Shape{Kind: measure.PointMark, Points: d.Points[1:]}
				frames[d.Frame], frames[d.To] = append(frames[d.Frame], a), append(frames[d.To], b)
				continue
			}
			frames[d.Frame] = append(frames[d.Frame], m)
		}
	}
	return frames, segmented, nil
}

// valueWords is a number of record to be read by people: three digits or more that count, the unit as it is printed.
func valueWords(v float64, unit string) string {
	digits := 1
	if math.Abs(v) < 10 {
		digits = 2
	}
	s := fmt.Sprintf("%.*f", digits, v)
	switch unit {
	case measure.One, "":
		return s
	case measure.SquareMillimetre:
		return s + " mm²"
	case measure.Pixels:
		return s + " px"
	case measure.SquarePixels:
		return s + " px²"
	case measure.Degree:
		return s + "°"
	case measure.CmPerSecond2:
		return s + " cm/s²"
	}
	return s + " " + unit
}
