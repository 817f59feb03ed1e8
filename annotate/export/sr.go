package export

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// writeReports writes up to two structured reports a reading: what was drawn, sr/CASE_READING.dcm, and what was judged without a shape, with the areas of masks,
// sr/CASE_READING_judgements.dcm. They are apart, each in a series of its own, because viewers that look for coordinates in every group (OHIF 3.13) open neither where one has none.
func writeReports(ctx context.Context, w *folder, r *annotate.Records) error {
	return byReading(ctx, r, func(number int, x *annotate.ReadingRecord, c *annotate.Case, im []result.Image) error {
		drawn := &result.Report{Made: made(r, x, im[0], "SR", reportSeries, number, ""), Images: im, Observers: observers(r, x)}
		judged := &result.Report{Made: made(r, x, im[0], "SR", reportSeries, number, "judgements"), Images: im, Observers: observers(r, x)}
		for _, a := range x.Answers {
			it := r.Protocol.Item(a.Item)
			if it == nil {
				return fault.New(fault.Input, "the protocol has no item %s any more", a.Item)
			}
			g, err := groupOf(r, x, a, it, im)
			if err != nil {
				return fmt.Errorf("%s: %w", a.Item, err)
			}
			if len(g.Regions) > 0 {
				drawn.Groups = append(drawn.Groups, g)
			} else {
				judged.Groups = append(judged.Groups, g)
			}
		}
		for name, rep := range map[string]*result.Report{"": drawn, "_judgements": judged} {
			if len(rep.Groups) == 0 {
				continue
			}
			ds, err := rep.DataSet()
			if err != nil {
				return err
			}
			if err := writeDICOM(w, fmt.Sprintf("sr/%s_%s%s.dcm", c.ID, x.ID, name), ds); err != nil {
				return err
			}
		}
		return nil
	})
}

// trackUID is the answer's, the same in report and segmentation.
func trackUID(r *annotate.Records, x *annotate.ReadingRecord, a *annotate.Answer) string {
	return uid.Derive("cineloop", "answer", r.Name, x.ID, x.Case, a.Item, strconv.Itoa(a.Image), strconv.Itoa(a.Frame), strconv.Itoa(a.To))
}

// groupOf is an answer as a measurement group.
func groupOf(r *annotate.Records, x *annotate.ReadingRecord, a *annotate.Answer, it *protocol.Item, im []result.Image) (result.Group, error) {
	g := result.Group{TrackingID: it.Name, TrackingUID: trackUID(r, x, a)}
	name := concept(it)
	say := func(c, v code.Concept) {
		g.Evaluations = append(g.Evaluations, result.Evaluation{Concept: c, Value: v})
	}
	words := func(c code.Concept, text string) {
		g.Evaluations = append(g.Evaluations, result.Evaluation{Concept: c, Text: text})
	}
	var roles []string
	for _, d := range a.Shapes {
		if d.Image < 1 || d.Image > len(im) {
			return g, fault.New(fault.Input, "a shape lies in no picture")
		}
		more, err := regions(d.Shape, im[d.Image-1])
		if err != nil {
			return g, err
		}
		g.Regions = append(g.Regions, more...)
		if d.Role != "" {
			roles = append(roles, d.Role)
		}
	}
	if len(roles) > 0 { // which trace is of which view and time, in the order of the regions
		words(result.Own("traces", "Traces"), strings.Join(roles, ", "))
	}
	if a.Image > 0 && len(g.Regions) == 0 {
		if a.Image > len(im) {
			return g, fault.New(fault.Input, "the answer is of no picture")
		}
		for i := range im {
			if i == a.Image-1 || it.Scope == protocol.Series && im[i].Series == im[a.Image-1].Series {
				g.Images = append(g.Images, framesOf(a, it, im[i]))
			}
		}
	}
	switch {
	case a.CannotAssess != "":
		if it.Kind == protocol.Number || it.Kind == protocol.Measurement || it.Kind == protocol.Ejection || it.Kind == protocol.Mask || it.Kind == protocol.Frame {
			g.Numbers = append(g.Numbers, result.Number{Concept: name, Qualifier: result.Indeterminate})
		} else {
			say(name, result.Undetermined)
		}
		words(result.Own("reason", "Reason"), a.CannotAssess)
	case len(a.Choice) > 0:
		for _, v := range a.Choice {
			option := result.Own(v, "")
			if i := it.Option(v); i >= 0 {
				option = coded(it.Options[i].Code, v, "")
			}
			say(name, option)
		}
	case a.Text != "":
		words(name, a.Text)
	case it.Kind == protocol.Frame && a.Value != nil:
		if a.Image > 0 {
			say(name, result.Own("selected_frame", "Selected frame"))
		} else {
			g.Numbers = append(g.Numbers, result.Number{Concept: name, Value: *a.Value + 1, Unit: measure.One}) // DICOM counts frames from 1
		}
	case len(a.Results) > 0:
		if it.Kind == protocol.Mask {
			g.Finding = name
		}
		measured(&g, a, it)
	case a.Value != nil:
		unit := a.Unit
		if unit == "" {
			unit = measure.One
		}
		g.Numbers = append(g.Numbers, result.Number{Concept: name, Value: *a.Value, Unit: unit})
	}
	if a.Confidence != nil {
		g.Numbers = append(g.Numbers, result.Number{Concept: result.Certainty, Value: float64(*a.Confidence), Unit: measure.Percent})
	}
	for _, res := range a.Results {
		if res.Source != "" {
			from := res.Source
			if res.Region > 0 {
				from += fmt.Sprintf(", item %d", res.Region)
			}
			words(result.Own("scale_from", "Scale from"), from)
		}
		for _, n := range res.Notes {
			words(result.Comment, n)
		}
	}
	if len(g.Numbers)+len(g.Evaluations) == 0 {
		words(result.Comment, "no value")
	}
	return g, nil
}

// measured adds the values of record. The one that counts has the item's code where it has one.
func measured(g *result.Group, a *annotate.Answer, it *protocol.Item) {
	counted := false
	for _, res := range a.Results {
		for _, v := range res.Values {
			n := result.Number{Concept: result.ValueConcept(v.Name), Value: v.Number, Unit: v.Unit}
			if !counted && it.Kind != protocol.Mask && it.Code.Value != "" && a.Value != nil && v.Number == *a.Value && v.Unit == a.Unit && (it.Value == "" || v.Name == it.Value) {
				n.Concept, counted = concept(it), true
			}
			g.Numbers = append(g.Numbers, n)
		}
	}
}

// framesOf is what of a picture an answer is about.
func framesOf(a *annotate.Answer, it *protocol.Item, im result.Image) result.Reference {
	ref := result.Reference{SOP: im.SOP}
	switch {
	case im.Frames == 1:
	case it.Kind == protocol.Frame && a.Value != nil:
		ref.Frames = []int{int(*a.Value)}
	case it.Scope == protocol.Interval:
		for f := a.Frame; f <= a.To; f++ {
			ref.Frames = append(ref.Frames, f)
		}
	case it.Scope == protocol.OneFrame || a.Mask != nil:
		ref.Frames = []int{a.Frame}
	}
	return ref
}

// regions are a shape in the terms of SCOORD.
func regions(s measure.Shape, im result.Image) ([]result.Region, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	in := result.Reference{SOP: im.SOP}
	if im.Frames > 1 {
		in.Frames = []int{s.Frame}
	}
	p := make([]result.Point, len(s.Points))
	for i, q := range s.Points {
		p[i] = result.Point{X: q.X, Y: q.Y}
	}
	line := func(p ...result.Point) result.Region {
		return result.Region{Type: result.Polyline, Points: p, In: in}
	}
	switch s.Kind {
	case measure.Caliper:
		if s.To > 0 { // a point in each of two frames
			last := result.Reference{SOP: im.SOP, Frames: []int{s.To}}
			return []result.Region{{Type: result.OnePoint, Points: p[:1], In: in}, {Type: result.OnePoint, Points: p[1:], In: last}}, nil
		}
	case measure.PointMark:
		return []result.Region{{Type: result.OnePoint, Points: p, In: in}}, nil
	case measure.Rectangle:
		a, b := p[0], p[1]
		return []result.Region{result.Outline([]result.Point{a, {X: b.X, Y: a.Y}, b, {X: a.X, Y: b.Y}}, in)}, nil
	case measure.Ellipse:
		return []result.Region{result.EllipseOf(p[0], p[1], p[2], p[3], in)}, nil
	case measure.Polygon, measure.Freehand:
		return []result.Region{result.Outline(p, in)}, nil
	case measure.Spline:
		var fine []result.Point
		for _, q := range s.Outline() {
			fine = append(fine, result.Point{X: q.X, Y: q.Y})
		}
		return []result.Region{result.Outline(fine, in)}, nil
	case measure.Bidirectional:
		return []result.Region{line(p[:2]...), line(p[2:]...)}, nil
	case measure.Angle:
		if len(p) == 4 {
			return []result.Region{line(p[:2]...), line(p[2:]...)}, nil
		}
	}
	return []result.Region{line(p...)}, nil
}
