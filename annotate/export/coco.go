package export

import (
	"encoding/json"
	"io"
	"math"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
)

// The form of COCO (cocodataset.org, "Data format"), with what it has no place for under attributes. An image is a frame; coordinates are pixels
// from the outer corner of the first one, as both COCO and the reader have them.
type cocoFile struct {
	Info        map[string]any   `json:"info"`
	Images      []cocoImage      `json:"images"`
	Categories  []cocoCategory   `json:"categories"`
	Annotations []cocoAnnotation `json:"annotations"`
	Labels      []cocoLabel      `json:"labels"` // answers that are no shapes
}

type cocoImage struct {
	ID     int    `json:"id"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	File   string `json:"file_name"`
	SOP    string `json:"sop_instance_uid"`
	Frame  int    `json:"frame"` // from 0
	Case   string `json:"case"`
}

type cocoCategory struct {
	ID        int      `json:"id"`
	Name      string   `json:"name"`
	Super     string   `json:"supercategory"`
	Keypoints []string `json:"keypoints,omitempty"`
}

type cocoAnnotation struct {
	ID           int            `json:"id"`
	Image        int            `json:"image_id"`
	Category     int            `json:"category_id"`
	Segmentation any            `json:"segmentation"`
	Area         float64        `json:"area"` // pixels
	Box          [4]float64     `json:"bbox"` // x, y, width, height
	Crowd        int            `json:"iscrowd"`
	Keypoints    []float64      `json:"keypoints,omitempty"`
	NumKeypoints int            `json:"num_keypoints,omitempty"`
	Attributes   map[string]any `json:"attributes"`
}

type cocoLabel struct {
	Case       string         `json:"case"`
	SOP        string         `json:"sop_instance_uid"` // of the image, or the case's first
	File       string         `json:"file_name"`
	Image      int            `json:"image,omitempty"` // of the case, from 1
	Frame      int            `json:"frame,omitempty"` // from 0
	To         int            `json:"to,omitempty"`    // last frame of an interval
	Item       string         `json:"item"`
	Choice     []string       `json:"choice,omitempty"`
	Text       string         `json:"text,omitempty"`
	Attributes map[string]any `json:"attributes"`
}

func coco(o io.Writer, r *annotate.Records) error {
	f := cocoFile{Info: map[string]any{"description": r.Name, "version": "1.0", "protocol_revision": r.Protocol.Revision},
		Images: []cocoImage{}, Categories: []cocoCategory{}, Annotations: []cocoAnnotation{}, Labels: []cocoLabel{}}
	category := map[string]int{}
	for _, it := range r.Protocol.Items {
		if it.Kind == protocol.Mask || it.Kind == protocol.Measurement || it.Kind == protocol.Ejection {
			category[it.Name] = len(category) + 1
			f.Categories = append(f.Categories, cocoCategory{ID: len(category), Name: it.Name, Super: string(it.Kind)})
		}
	}
	type key struct {
		id           string
		image, frame int
	}
	images := map[key]int{}
	imageOf := func(c *annotate.Case, image, frame int) int {
		k := key{c.ID, image, frame}
		if images[k] == 0 {
			p := c.Images[image-1]
			images[k] = len(images) + 1
			f.Images = append(f.Images, cocoImage{ID: images[k], Width: p.Columns, Height: p.Rows, File: p.File, SOP: p.SOP, Frame: frame, Case: c.ID})
		}
		return images[k]
	}
	for _, x := range r.Readings {
		c := r.Case(x.Case)
		for _, a := range x.Answers {
			at := map[string]any{"reader": x.Reader, "ai": x.AI, "arm": x.Arm, "session": x.Session, "reading": x.ID}
			if a.Value != nil {
				at["value"], at["unit"] = *a.Value, a.Unit
			}
			if a.Confidence != nil {
				at["confidence"] = *a.Confidence
			}
			if a.CannotAssess != "" {
				at["cannot_assess"] = a.CannotAssess
			}
			if a.Mask == nil && len(a.Shapes) == 0 {
				p := c.Images[max(1, a.Image)-1]
				f.Labels = append(f.Labels, cocoLabel{Case: x.Case, SOP: p.SOP, File: p.File, Image: a.Image, Frame: a.Frame, To: a.To, Item: a.Item, Choice: a.Choice, Text: a.Text, Attributes: at})
				continue
			}
			if a.Mask != nil {
				n := cocoMask(a.Mask)
				n.ID, n.Image, n.Category, n.Attributes = len(f.Annotations)+1, imageOf(c, a.Image, a.Frame), category[a.Item], at
				f.Annotations = append(f.Annotations, n)
			}
			for _, d := range a.Shapes {
				own := map[string]any{"shape": d.Kind, "points": d.Points} // as they were drawn: outlines of curves have others
				for k, v := range at {
					own[k] = v
				}
				if d.Role != "" {
					own["role"] = d.Role
				}
				if d.To > 0 { // the second point lies in another frame
					own["to"] = d.To
				}
				n := cocoShape(d.Shape)
				n.ID, n.Image, n.Category, n.Attributes = len(f.Annotations)+1, imageOf(c, d.Image, d.Frame), category[a.Item], own
				f.Annotations = append(f.Annotations, n)
			}
		}
	}
	enc := json.NewEncoder(o)
	enc.SetIndent("", " ")
	return enc.Encode(f)
}

// cocoMask is an uncompressed run-length encoding, which in COCO goes down columns.
func cocoMask(m *annotate.Mask) cocoAnnotation {
	in := m.Pixels()
	counts, run, on := []int{}, 0, false
	x0, y0, x1, y1 := m.Columns, m.Rows, -1, -1
	for x := range m.Columns {
		for y := range m.Rows {
			v := in[y*m.Columns+x]
			if v {
				x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
			}
			if v != on {
				counts, run, on = append(counts, run), 0, v
			}
			run++
		}
	}
	n := cocoAnnotation{Segmentation: map[string]any{"counts": append(counts, run), "size": [2]int{m.Rows, m.Columns}}, Area: float64(m.Area()), Crowd: 1}
	if x1 >= 0 {
		n.Box = [4]float64{float64(x0), float64(y0), float64(x1 - x0 + 1), float64(y1 - y0 + 1)}
	}
	return n
}

// cocoShape is a polygon where the shape encloses something, else its points.
func cocoShape(s measure.Shape) cocoAnnotation {
	n := cocoAnnotation{Segmentation: [][]float64{}}
	outline := s.Outline()
	if outline == nil {
		outline = s.Points
		for _, p := range s.Points {
			n.Keypoints = append(n.Keypoints, p.X, p.Y, 2)
		}
		n.NumKeypoints = len(s.Points)
	} else {
		var flat []float64
		var twice float64
		for i, p := range outline {
			q := outline[(i+1)%len(outline)]
			flat = append(flat, p.X, p.Y)
			twice += p.X*q.Y - p.Y*q.X
		}
		n.Segmentation, n.Area = [][]float64{flat}, math.Abs(twice)/2
	}
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range outline {
		x0, x1, y0, y1 = math.Min(x0, p.X), math.Max(x1, p.X), math.Min(y0, p.Y), math.Max(y1, p.Y)
	}
	n.Box = [4]float64{x0, y0, x1 - x0, y1 - y0}
	return n
}
