package intake

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/internal/fault"
)

// Report reads a structured report of TID 1500, a group an answer. A group's item is found by its tracking identifier (of this program's reports the item's name; of
// browser tools' also what stands behind the last colon), by the code or the meaning of its finding, or by the code of a number or a judgement. Code input where
// it is no such report.
func (r *Reader) Report(name string, ds *dicom.DataSet) error {
	r.begin(name)
	rep, refused, err := result.ReadReportParts(ds)
	if err != nil {
		return err
	}
	bad := map[int]bool{}
	for _, x := range refused {
		bad[x.Part] = true
		k := Key{}
		if len(rep.Images) > 0 { // all of one exam
			k.SOP = rep.Images[0].SOP
		}
		r.refuse(fmt.Sprintf("group %d", x.Part), k, x.Err)
	}
	part := 0
	for i := range rep.Groups {
		for part++; bad[part]; part++ {
		}
		item := fmt.Sprintf("group %d", part)
		k := keyOf(&rep.Groups[i], rep)
		if err := r.group(item, k, &rep.Groups[i]); err != nil {
			r.refuse(item, k, err)
		}
	}
	return nil
}

// keyOf is the picture that a group is about: where it was drawn, what it is said of, or any of the exam's.
func keyOf(g *result.Group, rep *result.Report) Key {
	var ref result.Reference
	switch {
	case len(g.Regions) > 0:
		ref = g.Regions[0].In
	case len(g.Images) > 0:
		ref = g.Images[0]
	case len(rep.Images) > 0:
		ref.SOP = rep.Images[0].SOP
	}
	k := Key{SOP: ref.SOP}
	if len(ref.Frames) > 0 {
		k.Frame = ref.Frames[0]
	}
	return k
}

var (
	reason        = result.Own("reason", "")
	selectedFrame = result.Own("selected_frame", "")
	scaleFrom     = result.Own("scale_from", "")
	tracesOf      = result.Own("traces", "")
)

func is(c, o code.Concept) bool { return c.Scheme == o.Scheme && c.Value == o.Value }

// group makes an answer of a group.
func (r *Reader) group(where string, k Key, g *result.Group) error {
	unassessed := textOf(g, reason) != "" && (slices.ContainsFunc(g.Evaluations, func(e result.Evaluation) bool { return is(e.Value, result.Undetermined) }) ||
		slices.ContainsFunc(g.Numbers, func(n result.Number) bool { return n.Qualifier.Value != "" }))
	it := r.item(func(it *protocol.Item) bool {
		drawn := it.Kind == protocol.Measurement || it.Kind == protocol.Ejection
		return unassessed || drawn == (len(g.Regions) > 0)
	}, namesOf(g)...)
	if it == nil {
		if len(g.Regions) == 0 && r.item(func(it *protocol.Item) bool { return it.Kind == protocol.Measurement || it.Kind == protocol.Ejection }, namesOf(g)...) != nil {
			return errors.New("a measurement without points")
		}
		return errNoItem()
	}
	at, err := r.pictures.find(k)
	if err != nil {
		return err
	}
	a := annotate.Answer{Item: it.Name}
	if it.Kind == protocol.Mask && !unassessed { // its pixels are in a segmentation
		r.passed++
		return nil
	}
	if err := put(&a, it, g, at); err != nil {
		return err
	}
	var claims []claim
	for _, n := range g.Numbers {
		if n.Qualifier.Value != "" {
			continue
		}
		if is(n.Concept, result.Certainty) {
			if sure := int(math.Round(n.Value)); it.Confidence {
				a.Confidence = &sure
			}
			continue
		}
		claims = append(claims, claim{result.ValueName(n.Concept), n.Value, n.Unit})
	}
	switch {
	case unassessed:
		a.CannotAssess = textOf(g, reason)
	case len(g.Regions) > 0:
		if a.Shapes, err = r.shapes(it, g, at); err != nil {
			return err
		}
	default:
		if err := say(&a, it, g); err != nil {
			return err
		}
	}
	r.keep(where, at, a, claims...)
	return nil
}

// namesOf are all that a group may be called by.
func namesOf(g *result.Group) []string {
	out := []string{g.TrackingID}
	if i := strings.LastIndexByte(g.TrackingID, ':'); i >= 0 {
		out = append(out, g.TrackingID[i+1:])
	}
	add := func(c code.Concept) {
		if c.Value != "" {
			out = append(out, c.Scheme+":"+c.Value, c.Meaning)
		}
	}
	add(g.Finding)
	for _, n := range g.Numbers {
		add(n.Concept)
	}
	for _, e := range g.Evaluations {
		if e.Value.Value != "" {
			add(e.Concept)
		}
		if is(e.Concept, result.Comment) || e.Value.Value == "" && e.Concept.Scheme != result.Scheme {
			out = append(out, e.Text) // a browser tool's label
		}
	}
	add(g.Site)
	return out
}

func textOf(g *result.Group, concept code.Concept) string {
	for _, e := range g.Evaluations {
		if is(e.Concept, concept) && e.Value.Value == "" {
			return e.Text
		}
	}
	return ""
}

// put says what the answer is about.
func put(a *annotate.Answer, it *protocol.Item, g *result.Group, at place) error {
	if it.Scope == protocol.Exam {
		return nil
	}
	if len(g.Images)+len(g.Regions) == 0 {
		return fault.New(fault.Input, "it is asked of a picture, and the group names none")
	}
	a.Image = at.image
	switch it.Scope {
	case protocol.OneFrame:
		a.Frame = at.frame
	case protocol.Interval:
		frames := []int{0}
		if len(g.Images) > 0 && len(g.Images[0].Frames) > 0 {
			frames = g.Images[0].Frames
		}
		a.Frame, a.To = frames[0], frames[len(frames)-1]
		if a.To-a.Frame != len(frames)-1 {
			return fault.New(fault.Input, "its frames are no interval")
		}
	}
	return nil
}

// say reads an answer in words, codes or a number.
func say(a *annotate.Answer, it *protocol.Item, g *result.Group) error {
	switch it.Kind {
	case protocol.Choice, protocol.Multi, protocol.Ordinal, protocol.Prefer:
		for _, e := range g.Evaluations {
			if e.Value.Value == "" {
				continue
			}
			i := slices.IndexFunc(it.Options, func(o protocol.Option) bool {
				return o.Code.Value != "" && o.Code.Scheme == e.Value.Scheme && o.Code.Value == e.Value.Value || e.Value.Scheme == result.Scheme && o.Name == e.Value.Value
			})
			switch {
			case i >= 0:
				a.Choice = append(a.Choice, it.Options[i].Name)
			case it.Kind == protocol.Prefer && e.Value.Scheme == result.Scheme:
				a.Choice = append(a.Choice, e.Value.Value)
			default:
				return fault.New(fault.Input, "its code is none of the item's options")
			}
		}
	case protocol.Text:
		for _, e := range g.Evaluations {
			if e.Value.Value == "" && !is(e.Concept, scaleFrom) && a.Text == "" {
				a.Text = e.Text
			}
		}
	case protocol.Frame:
		if a.Image > 0 && len(g.Images) > 0 && len(g.Images[0].Frames) == 1 {
			v := float64(g.Images[0].Frames[0])
			a.Number = &v
		} else if a.Image > 0 && slices.ContainsFunc(g.Evaluations, func(e result.Evaluation) bool { return is(e.Value, selectedFrame) }) {
			v := 0.0 // of an image of one frame
			a.Number = &v
		} else if n, ok := number(g); ok {
			v := n.Value - 1 // DICOM counts from 1
			a.Number = &v
		}
	case protocol.Number:
		n, ok := number(g)
		if !ok {
			return fault.New(fault.Input, "the group has no number")
		}
		unit := it.Unit
		if unit == "" {
			unit = measure.One
		}
		v, err := convert(n.Value, n.Unit, unit)
		if err != nil {
			return err
		}
		a.Number = &v
	}
	return nil
}

func number(g *result.Group) (result.Number, bool) {
	for _, n := range g.Numbers {
		if !is(n.Concept, result.Certainty) && n.Qualifier.Value == "" {
			return n, true
		}
	}
	return result.Number{}, false
}

// shapes are the group's regions as what the item asks for.
func (r *Reader) shapes(it *protocol.Item, g *result.Group, first place) ([]annotate.Drawn, error) {
	at := func(reg result.Region) (place, error) {
		if len(reg.In.Frames) > 1 {
			return place{}, fault.New(fault.Input, "a region of several frames")
		}
		k := Key{SOP: reg.In.SOP}
		if len(reg.In.Frames) == 1 {
			k.Frame = reg.In.Frames[0]
		}
		p, err := r.pictures.find(k)
		if err == nil && p.task.Assignment != first.task.Assignment {
			err = fault.New(fault.Input, "its regions lie in several cases")
		}
		return p, err
	}
	if it.Shape == measure.Caliper && len(g.Regions) == 2 { // a point in each of two frames
		p, err := at(g.Regions[1])
		if err != nil {
			return nil, err
		}
		if g.Regions[0].Type != result.OnePoint || g.Regions[1].Type != result.OnePoint || p.image != first.image {
			return nil, fault.New(fault.Input, "its regions are no caliper through a loop")
		}
		s := measure.Shape{Kind: measure.Caliper, Frame: first.frame, To: p.frame, Points: append(points(g.Regions[0].Points), points(g.Regions[1].Points)...)}
		return []annotate.Drawn{{Image: first.image, Shape: s}}, s.Check()
	}
	if it.Kind == protocol.Measurement {
		for _, reg := range g.Regions {
			if p, err := at(reg); err != nil || p.image != first.image || p.frame != first.frame {
				return nil, errors.Join(err, fault.New(fault.Input, "a measurement lies in one frame"))
			}
		}
		s, err := shapeOf(it.Shape, g.Regions)
		s.Frame = first.frame
		return []annotate.Drawn{{Image: first.image, Shape: s}}, err
	}
	roles := strings.Split(textOf(g, tracesOf), ", ")
	if len(roles) != len(g.Regions) {
		return nil, fault.New(fault.Input, "nothing says which of its traces are of diastole and which of systole")
	}
	var out []annotate.Drawn
	for i, reg := range g.Regions {
		p, err := at(reg)
		if err != nil {
			return nil, err
		}
		s, err := shapeOf(measure.Trace, g.Regions[i:i+1])
		if err != nil {
			return nil, err
		}
		s.Frame = p.frame
		out = append(out, annotate.Drawn{Role: roles[i], Image: p.image, Shape: s})
	}
	return out, nil
}
