package pixels

import (
	"context"
	"errors"
	"fmt"
	"image"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/deid/pixels/rewrite"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Masker implements deid.Masker. The zero value is ready; several goroutines may use one.
type Masker struct{}

// New is a Masker.
func New() *Masker { return &Masker{} }

var _ deid.Masker = (*Masker)(nil)

// Mask implements deid.Masker.
func (*Masker) Mask(ctx context.Context, in deid.MaskInput) (deid.Masked, error) {
	if !in.Pixels.Clean {
		return deid.Masked{Verdict: deid.Untouched}, nil
	}
	f, err := Examine(ctx, in)
	if err != nil {
		return deid.Masked{}, err
	}
	return f.answer(), nil
}

// Finding is what Examine found in one object, before anything is written.
type Finding struct {
	Verdict  deid.Verdict
	Reason   string // in quarantine
	Doubt    string // why a person should look at the mask, "" if sure
	Rule     string
	Mask     *mask.Mask // nil where nothing was examined
	Regions  []deid.MaskRegion
	Examined int
	Image    *pixel.Image

	writer *rewrite.Writer
}

// Examine judges the pixels of an object. Errors are those of the run: the object's own faults are a verdict.
func Examine(ctx context.Context, in deid.MaskInput) (Finding, error) {
	if in.Pixels.Measurements {
		if _, err := reader(); err != nil {
			return Finding{}, err
		}
	}
	im, err := pixel.Open(in.File)
	var coded *fault.Error
	switch {
	case errors.As(err, &coded) && coded.Code == fault.NotFound:
		return Finding{Verdict: deid.Untouched, Rule: "no pixel data"}, nil
	case err != nil:
		return held("the description of the pixels does not hold together"), nil
	}
	f := Finding{Image: im}
	rule, matched := match(in.Pixels.Devices, in.File.DataSet, im)
	if !matched {
		rule, matched = match(catalogue(), in.File.DataSet, im)
	}
	if matched && rule.Action != "mask" {
		f.Rule = "device " + rule.Name
		if rule.Action == "pass" {
			f.Verdict = deid.Untouched
			return f, nil
		}
		f.Reason = "device rule " + rule.Name
		return f, nil
	}
	if !matched {
		if name, ok := textFree(in.File.DataSet, im); ok {
			f.Verdict, f.Rule = deid.Untouched, name
			if rewrite.OverlayBits(im) {
				f.Mask = mask.New(im.Columns, im.Rows).Seal()
				f.finish(in)
			}
			return f, nil
		}
	}
	f.Mask = mask.New(im.Columns, im.Rows)
	if matched {
		f.Rule = "device " + rule.Name
		for _, r := range rule.Rectangles {
			if len(r) == 4 {
				f.add(image.Rect(r[0], r[1], r[2], r[3]), f.Rule)
			}
		}
	}
	if !matched || !rule.Only {
		c, err := f.search(ctx, in, rule.Keep)
		if err == nil && f.Reason == "" && in.Pixels.Measurements {
			if err := f.keepMeasurements(ctx, c); err != nil {
				return Finding{}, err // of the run: the next object would meet it too
			}
		}
		if err != nil {
			if ctx.Err() != nil {
				return Finding{}, ctx.Err()
			}
			return f.unsure(in, reasonOf(im, err)), nil
		}
	}
	if f.Reason != "" {
		return f.unsure(in, f.Reason), nil
	}
	f.finish(in)
	return f, nil
}

func held(reason string) Finding { return Finding{Verdict: deid.Quarantine, Reason: reason} }

// reasonOf says in words without values why frames could not be examined.
func reasonOf(im *pixel.Image, err error) string {
	switch code := fault.CodeOf(err); {
	case im.TransferSyntax.IsVideo():
		return "video is not examined"
	case code == fault.Missing:
		return "no decoder for " + im.TransferSyntax.Name()
	case code == fault.Resource:
		return "the frames are larger than the limit"
	}
	return "frames could not be decoded (" + im.TransferSyntax.Name() + ")"
}

// unsure is the verdict on what can't be examined: the policy's.
func (f *Finding) unsure(in deid.MaskInput, reason string) Finding {
	f.Doubt = reason
	if in.Pixels.Unsure == "pass" {
		f.Reason = ""
		if f.Examined > 0 {
			f.finish(in)
		} else {
			f.Verdict, f.Mask = deid.Untouched, nil
		}
		return *f
	}
	f.Verdict, f.Reason = deid.Quarantine, reason
	return *f
}

// finish makes the writer and the verdict.
func (f *Finding) finish(deid.MaskInput) {
	f.Mask.Seal()
	if f.Mask.Empty() && !rewrite.OverlayBits(f.Image) {
		f.Verdict = deid.Untouched
		return
	}
	w, err := rewrite.New(f.Image, f.Mask)
	if err != nil {
		f.Verdict, f.Reason = deid.Quarantine, "text was found and can't be taken out of "+f.Image.TransferSyntax.Name()
		return
	}
	f.Verdict, f.writer = deid.Blanked, w
}

// add marks a rectangle that carries text.
func (f *Finding) add(r image.Rectangle, why string) {
	r = r.Intersect(image.Rect(0, 0, f.Mask.W, f.Mask.H))
	if r.Empty() {
		return
	}
	f.Mask.Fill(r, mask.Hard)
	f.note(r, why)
}

// note records a region that is marked.
func (f *Finding) note(r image.Rectangle, why string) {
	f.Regions = append(f.Regions, deid.MaskRegion{X0: r.Min.X, Y0: r.Min.Y, X1: r.Max.X, Y1: r.Max.Y, Last: -1, Why: why})
}

func (f *Finding) answer() deid.Masked {
	out := deid.Masked{Verdict: f.Verdict, Reason: f.Reason, Rule: f.Rule, Examined: f.Examined}
	if f.Verdict != deid.Blanked {
		return out
	}
	out.Regions = f.Regions
	out.New = &deid.NewPixels{TransferSyntax: f.writer.Syntax, Frames: f.Image.Frames, Header: f.writer.Header, Frame: f.writer.Frame}
	return out
}

// ultrasound reports whether the sector stage applies.
func ultrasound(im *pixel.Image) bool {
	m := im.DataSet().String(tag.Modality)
	return m == "US" || m == "IVUS"
}

// search runs the stages on the pixels.
func (f *Finding) search(ctx context.Context, in deid.MaskInput, keep [][]int) (*cine, error) {
	c, err := look(ctx, f.Image)
	if err != nil {
		return nil, err
	}
	f.Examined = len(c.keys)
	if ultrasound(f.Image) && in.Pixels.Outside {
		f.outside(c)
		for _, r := range keep { // writing in them is marked all the same
			if len(r) == 4 {
				f.soften(image.Rect(r[0], r[1], r[2], r[3]))
			}
		}
	}
	f.text(c, in.Tokens)
	if f.Reason == "" {
		f.again(c)
	}
	return c, nil
}

const outsideWhy = "outside the sector"

// outside blanks what is not in the scanning sector.
func (f *Finding) outside(c *cine) {
	s := c.sector()
	f.Doubt = s.Doubt
	if !s.Found() {
		f.Reason = s.Doubt
		return
	}
	out := false
	for y := range f.Mask.H {
		row := f.Mask.Pix[y*f.Mask.W : (y+1)*f.Mask.W]
		for x := range row {
			if !s.Inside(x, y) {
				row[x] = max(row[x], mask.Soft)
				out = true
			}
		}
	}
	if out {
		f.Regions = append(f.Regions, deid.MaskRegion{X1: f.Mask.W, Y1: f.Mask.H, Last: -1, Why: fmt.Sprintf(outsideWhy+" (%s)", s.Describe())})
	}
}
