package svg

import (
	"math"
	"strings"
)

// XY is a point in the units of the axes.
type XY struct{ X, Y float64 }

// Mark is something drawn on the plane of a plot.
type Mark interface{ draw(w *Writer, f frame) }

// Plot is a chart. Its drawing units are CSS pixels at the narrowest page; the page may scale it up.
type Plot struct {
	ID     string // unique on the page; names the title and description
	Title  string
	Desc   string // what is to be seen, in a sentence
	Width  float64
	Height float64
	X, Y   Axis
	Marks  []Mark
}

const (
	left   = 46.0
	right  = 12.0
	top    = 10.0
	bottom = 42.0
)

// frame is the rectangle of the plane.
type frame struct {
	x0, x1, y0, y1 float64 // y0 is the bottom
	x, y           Axis
}

func (f frame) px(v float64) float64 { return f.x.at(v, f.x0, f.x1) }
func (f frame) py(v float64) float64 { return f.y.at(v, f.y0, f.y1) }

// SVG is the plot's markup. Width and Height default to 360 and 270.
func (p Plot) SVG() string {
	if p.Width == 0 {
		p.Width = 360
	}
	if p.Height == 0 {
		p.Height = 270
	}
	f := frame{x0: left, x1: p.Width - right, y0: p.Height - bottom, y1: top, x: p.X, y: p.Y}
	var w Writer
	w.Open("svg", "class", "plot", "viewBox", "0 0 "+coordinate(p.Width)+" "+coordinate(p.Height), "role", "img",
		"aria-labelledby", p.ID+"-t "+p.ID+"-d")
	w.Element("title", p.Title, "id", p.ID+"-t")
	w.Element("desc", p.Desc, "id", p.ID+"-d")
	p.axes(&w, f)
	w.Open("svg", "x", f.x0-5, "y", f.y1-5, "width", f.x1-f.x0+10, "height", f.y0-f.y1+10,
		"viewBox", strings.Join([]string{coordinate(f.x0 - 5), coordinate(f.y1 - 5), coordinate(f.x1 - f.x0 + 10), coordinate(f.y0 - f.y1 + 10)}, " "))
	for _, m := range p.Marks {
		m.draw(&w, f)
	}
	w.Close("svg")
	w.Close("svg")
	return w.String()
}

func (p Plot) axes(w *Writer, f frame) {
	labels := p.X.Labels()
	for i, t := range p.X.Ticks() {
		x := f.px(t)
		w.Empty("line", "class", "grid", "x1", x, "y1", f.y0, "x2", x, "y2", f.y1)
		w.Element("text", labels[i], "class", "tick", "x", x, "y", f.y0+15, "text-anchor", "middle")
	}
	labels = p.Y.Labels()
	for i, t := range p.Y.Ticks() {
		y := f.py(t)
		w.Empty("line", "class", "grid", "x1", f.x0, "y1", y, "x2", f.x1, "y2", y)
		w.Element("text", labels[i], "class", "tick", "x", f.x0-6, "y", y+4, "text-anchor", "end")
	}
	w.Empty("path", "class", "axis", "d", "M"+pair(f.x0, f.y1)+"L"+pair(f.x0, f.y0)+"L"+pair(f.x1, f.y0))
	w.Element("text", p.X.Label, "class", "label", "x", (f.x0+f.x1)/2, "y", f.y0+34, "text-anchor", "middle")
	y := (f.y0 + f.y1) / 2
	w.Element("text", p.Y.Label, "class", "label", "x", 12, "y", y, "text-anchor", "middle", "transform", "rotate(-90 12 "+coordinate(y)+")")
}

func pair(x, y float64) string { return coordinate(x) + " " + coordinate(y) }

// Line joins points; a NaN breaks it.
type Line struct {
	Points []XY
	Class  string // s1…s6, muted
	Dashed bool
}

func (l Line) draw(w *Writer, f frame) {
	var d strings.Builder
	pen := "M"
	for _, p := range l.Points {
		if math.IsNaN(p.X) || math.IsNaN(p.Y) {
			pen = "M"
			continue
		}
		d.WriteString(pen + pair(f.px(p.X), f.py(p.Y)))
		pen = "L"
	}
	class := "line " + l.Class
	if l.Dashed {
		class += " dashed"
	}
	w.Empty("path", "class", class, "d", d.String())
}

// Dots are unconnected points.
type Dots struct {
	Points []XY
	Class  string
	Radius float64 // default 2.5
}

func (d Dots) draw(w *Writer, f frame) {
	if d.Radius == 0 {
		d.Radius = 2.5
	}
	w.Open("g", "class", "dots "+d.Class)
	for _, p := range d.Points {
		if !math.IsNaN(p.X) && !math.IsNaN(p.Y) {
			w.Empty("circle", "cx", f.px(p.X), "cy", f.py(p.Y), "r", d.Radius)
		}
	}
	w.Close("g")
}

// Band fills between two values of Y over the whole width.
type Band struct {
	Low, High float64
	Class     string
}

func (b Band) draw(w *Writer, f frame) {
	w.Empty("rect", "class", "band "+b.Class, "x", f.x0, "width", f.x1-f.x0, "y", f.py(b.High), "height", f.py(b.Low)-f.py(b.High))
}

// Bars stand on the bottom of the plane, each from X to X+Width.
type Bars struct {
	Points []XY
	Width  float64 // in units of X
	Class  string
}

func (b Bars) draw(w *Writer, f frame) {
	w.Open("g", "class", "bars "+b.Class)
	for _, p := range b.Points {
		if p.Y > f.y.Min {
			w.Empty("rect", "x", f.px(p.X)+0.5, "width", f.px(p.X+b.Width)-f.px(p.X)-1, "y", f.py(p.Y), "height", f.y0-f.py(p.Y))
		}
	}
	w.Close("g")
}

// Note is text at a point of the plane.
type Note struct {
	At     XY
	Text   string
	Anchor string // start, middle, end
	Class  string
}

func (n Note) draw(w *Writer, f frame) {
	w.Element("text", n.Text, "class", "note "+n.Class, "x", f.px(n.At.X), "y", f.py(n.At.Y)-4, "text-anchor", n.Anchor)
}
