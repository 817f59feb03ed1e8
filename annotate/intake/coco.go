package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// The parts of COCO's form that are read, with those that this program's export adds.
type cocoFile struct {
	Images []struct {
		ID            json.RawMessage `json:"id"`
		Width, Height int
		File          string `json:"file_name"`
		SOP           string `json:"sop_instance_uid"`
		Frame         int    `json:"frame"`
	} `json:"images"`
	Categories []struct {
		ID    json.RawMessage `json:"id"`
		Name  string          `json:"name"`
		Super string          `json:"supercategory"`
	} `json:"categories"`
	Annotations []cocoAnnotation `json:"annotations"`
	Labels      []cocoLabel      `json:"labels"`
}

type cocoAnnotation struct {
	Image        json.RawMessage `json:"image_id"`
	Category     json.RawMessage `json:"category_id"`
	Segmentation json.RawMessage `json:"segmentation"`
	Box          []float64       `json:"bbox"`
	Keypoints    []float64       `json:"keypoints"`
	Attributes   cocoAttributes  `json:"attributes"`
}

type cocoLabel struct {
	SOP        string         `json:"sop_instance_uid"`
	File       string         `json:"file_name"`
	Image      int            `json:"image"`
	Frame      int            `json:"frame"`
	To         int            `json:"to"`
	Item       string         `json:"item"`
	Choice     []string       `json:"choice"`
	Text       string         `json:"text"`
	Attributes cocoAttributes `json:"attributes"`
}

// cocoAttributes are those of this program's export; other programs' are passed over.
type cocoAttributes struct {
	Reader     string
	Reading    string
	Arm        string
	Session    int
	Shape      string
	Role       string
	To         int
	Points     []measure.Point
	Value      *float64
	Unit       string
	Confidence *int
	Cannot     string
}

// UnmarshalJSON takes what is of the right type: other programs have attributes of the same names.
func (a *cocoAttributes) UnmarshalJSON(b []byte) error {
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil {
		return nil
	}
	for name, to := range map[string]any{"reader": &a.Reader, "reading": &a.Reading, "arm": &a.Arm, "session": &a.Session, "shape": &a.Shape, "role": &a.Role, "to": &a.To, "points": &a.Points,
		"value": &a.Value, "unit": &a.Unit, "confidence": &a.Confidence, "cannot_assess": &a.Cannot} {
		if v, ok := m[name]; ok {
			_ = json.Unmarshal(v, to)
		}
	}
	return nil
}

// frame is an image of the file: a picture, or a frame of one.
type cocoFrame struct {
	key           Key
	width, height int
}

// maxAnnotations bounds a file.
const maxAnnotations = 10_000_000

// COCO reads COCO's JSON (cocodataset.org, "Data format"): polygons, run-length encodings of both forms, boxes, keypoints; of this program's export also labels. A category's
// item is found by its name. Code input where it is none.
func (r *Reader) COCO(name string, in io.Reader) error {
	r.begin(name)
	var f cocoFile
	dec := json.NewDecoder(in)
	if err := dec.Decode(&f); err != nil {
		return fault.New(fault.Input, "%s is no COCO file: its JSON does not have the form", name)
	}
	if len(f.Images) == 0 && len(f.Annotations) > 0 || len(f.Images)+len(f.Annotations)+len(f.Labels) == 0 || len(f.Annotations) > maxAnnotations {
		return fault.New(fault.Input, "%s is no COCO file: it has no images and annotations", name)
	}
	frames := map[string]cocoFrame{}
	for _, im := range f.Images {
		id := ident(im.ID)
		frames[id] = cocoFrame{Key{SOP: im.SOP, Name: im.File, ID: id, Frame: im.Frame}, im.Width, im.Height}
	}
	names := map[string][]string{}
	for _, c := range f.Categories {
		names[ident(c.ID)] = []string{c.Name, c.Super}
	}
	if err := r.oneReader(f); err != nil {
		return err
	}
	beats := map[[2]string]*traces{}
	var order []*traces
	for i, n := range f.Annotations {
		where := fmt.Sprintf("annotation %d", i+1)
		if !r.meant(n.Attributes) {
			r.passed++
			continue
		}
		frame, ok := frames[ident(n.Image)]
		if !ok {
			r.refuse(where, Key{}, fault.New(fault.Input, "it is of no image of the file"))
			continue
		}
		at, err := r.pictures.find(frame.key)
		if err == nil && (frame.width != 0 || frame.height != 0) && (frame.width != at.picture.Columns || frame.height != at.picture.Rows) {
			err = fault.New(fault.Input, "it was drawn on an image of %d × %d pixels, and the picture has %d × %d", frame.width, frame.height, at.picture.Columns, at.picture.Rows)
		}
		it := r.item(func(it *protocol.Item) bool {
			return it.Kind == protocol.Mask || it.Kind == protocol.Measurement || it.Kind == protocol.Ejection
		}, names[ident(n.Category)]...)
		if err == nil && it == nil {
			err = errNoItem()
		}
		if err == nil && it.Kind == protocol.Ejection {
			k := [2]string{at.task.Assignment, it.Name + "\x00" + n.Attributes.Reading}
			if beats[k] == nil {
				beats[k] = &traces{where: where, at: at, item: it}
				order = append(order, beats[k])
			}
			err = beats[k].add(n, at)
		} else if err == nil {
			err = r.annotation(where, at, it, n)
		}
		if err != nil {
			r.refuse(where, frame.key, err)
		}
	}
	for _, b := range order {
		r.keep(b.where, b.at, annotate.Answer{Item: b.item.Name, Shapes: b.shapes, Confidence: b.confidence})
	}
	for i, l := range f.Labels {
		where := fmt.Sprintf("label %d", i+1)
		if !r.meant(l.Attributes) {
			r.passed++
			continue
		}
		k := Key{SOP: l.SOP, Name: l.File}
		if err := r.label(where, k, l); err != nil {
			r.refuse(where, k, err)
		}
	}
	return nil
}

// ident is a number or a text as a text.
func ident(raw json.RawMessage) string { return strings.Trim(string(bytes.TrimSpace(raw)), `"`) }

// oneReader asks for a choice where a file has several readers' answers: they would be given to one.
func (r *Reader) oneReader(f cocoFile) error {
	readers := map[string]bool{}
	for _, n := range f.Annotations {
		readers[n.Attributes.Reader] = true
	}
	for _, l := range f.Labels {
		readers[l.Attributes.Reader] = true
	}
	delete(readers, "")
	if r.set.From == "" && len(readers) > 1 {
		return fault.New(fault.Usage, "the file has answers of %d readers", len(readers)).WithHint("say whose are meant, as the file names them")
	}
	if r.set.From != "" && len(readers) > 0 && !readers[r.set.From] {
		return fault.New(fault.Usage, "the file has no answers of the reader that is meant")
	}
	return nil
}

// meant says that the answer is of the reader, session and arm that are brought.
func (r *Reader) meant(a cocoAttributes) bool {
	return (r.set.From == "" || a.Reader == "" || a.Reader == r.set.From) && (a.Session == 0 || a.Session == max(1, r.set.Session)) && (a.Arm == "" || a.Arm == armOf(r.set.Arm))
}

// annotation keeps a mask or a measurement.
func (r *Reader) annotation(where string, at place, it *protocol.Item, n cocoAnnotation) error {
	if it.Kind == protocol.Mask {
		in, err := cocoMask(n.Segmentation, at.picture.Rows, at.picture.Columns)
		if err != nil {
			return err
		}
		r.keep(where, at, annotate.Answer{Item: it.Name, Image: at.image, Frame: at.frame, Mask: annotate.EncodeMask(in, at.picture.Rows, at.picture.Columns), Confidence: n.Attributes.Confidence})
		return nil
	}
	p, err := n.points(it.Shape)
	if err != nil {
		return err
	}
	s := measure.Shape{Kind: it.Shape, Frame: at.frame, To: n.Attributes.To, Points: p}
	if err := s.Check(); err != nil {
		return err
	}
	a := annotate.Answer{Item: it.Name, Shapes: []annotate.Drawn{{Image: at.image, Shape: s}}, Confidence: n.Attributes.Confidence}
	if it.Scope != protocol.Exam {
		a.Image = at.image
	}
	if it.Scope == protocol.OneFrame {
		a.Frame = at.frame
	}
	var claims []claim
	if v := n.Attributes.Value; v != nil && n.Attributes.Unit != "" {
		claims = []claim{{value: *v, unit: n.Attributes.Unit}}
	}
	r.keep(where, at, a, claims...)
	return nil
}

// points of an annotation for a shape: this program's own as they were drawn, else of the outline, the box, or the keypoints.
func (n cocoAnnotation) points(kind measure.Kind) ([]measure.Point, error) {
	if n.Attributes.Shape == string(kind) && len(n.Attributes.Points) > 0 {
		return n.Attributes.Points, nil
	}
	switch kind {
	case measure.Rectangle:
		if len(n.Box) != 4 {
			return nil, fault.New(fault.Input, "it has no box")
		}
		return []measure.Point{{X: n.Box[0], Y: n.Box[1]}, {X: n.Box[0] + n.Box[2], Y: n.Box[1] + n.Box[3]}}, nil
	case measure.Polygon, measure.Freehand, measure.Spline, measure.Trace:
		list, err := polygons(n.Segmentation)
		if err != nil {
			return nil, err
		}
		if len(list) != 1 {
			return nil, fault.New(fault.Input, "an outline of %d parts is no %s", len(list), kind)
		}
		return list[0], nil
	}
	if len(n.Keypoints) == 0 || len(n.Keypoints)%3 != 0 {
		return nil, fault.New(fault.Input, "it has no points for a %s", kind)
	}
	var out []measure.Point
	for i := 0; i < len(n.Keypoints); i += 3 {
		if n.Keypoints[i+2] == 0 { // not labelled
			return nil, fault.New(fault.Input, "one of its points was not labelled")
		}
		out = append(out, measure.Point{X: n.Keypoints[i], Y: n.Keypoints[i+1]})
	}
	return out, nil
}

// traces of one ejection fraction, which lie in annotations of their own.
type traces struct {
	where      string
	at         place
	item       *protocol.Item
	shapes     []annotate.Drawn
	confidence *int
}

func (t *traces) add(n cocoAnnotation, at place) error {
	if n.Attributes.Role == "" {
		return fault.New(fault.Input, "nothing says of which view and time the trace is")
	}
	p, err := n.points(measure.Trace)
	if err != nil {
		return err
	}
	t.confidence = n.Attributes.Confidence
	t.shapes = append(t.shapes, annotate.Drawn{Role: n.Attributes.Role, Image: at.image, Shape: measure.Shape{Kind: measure.Trace, Frame: at.frame, Points: p}})
	return nil
}

// label keeps an answer that is no shape.
func (r *Reader) label(where string, k Key, l cocoLabel) error {
	it := r.item(func(*protocol.Item) bool { return true }, l.Item)
	if it == nil {
		return errNoItem()
	}
	at, err := r.pictures.find(k)
	if err != nil {
		return err
	}
	a := annotate.Answer{Item: it.Name, Choice: l.Choice, Text: l.Text, CannotAssess: l.Attributes.Cannot, Confidence: l.Attributes.Confidence}
	if it.Kind == protocol.Number || it.Kind == protocol.Frame {
		a.Number = l.Attributes.Value
		if a.Number != nil && it.Kind == protocol.Number && l.Attributes.Unit != "" && it.Unit != "" {
			v, err := convert(*a.Number, l.Attributes.Unit, it.Unit)
			if err != nil {
				return err
			}
			a.Number = &v
		}
	}
	if it.Scope != protocol.Exam {
		a.Image, a.Frame, a.To = at.image, l.Frame, l.To
	}
	r.keep(where, at, a)
	return nil
}
