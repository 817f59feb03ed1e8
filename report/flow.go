package report

import (
	"fmt"
	"html/template"
	"strings"
	"unicode/utf8"

	"github.com/cineloop/cineloop/report/svg"
)

// flowWidth is the drawing's width in CSS pixels at the narrowest page.
const flowWidth = 360.0

// box is a frame with centred lines of text; the first is strong.
type box struct {
	x, y, w float64
	lines   []string
	class   string
}

const (
	lineHeight = 16.0
	padding    = 10.0
	// glyph is the mean width of a letter at the drawing's 12 px, on the wide side so that text stays in its box.
	glyph = 6.6
)

func (b box) height() float64 { return lineHeight*float64(len(b.lines)) + 2*padding - 4 }

func (b box) draw(w *svg.Writer) {
	w.Empty("rect", "class", "box "+b.class, "x", b.x, "y", b.y, "width", b.w, "height", b.height(), "rx", 6)
	for i, line := range b.lines {
		class := "flow"
		if i == 0 {
			class = "flow strong"
		}
		w.Element("text", line, "class", class, "x", b.x+b.w/2, "y", b.y+padding+lineHeight*float64(i)+10, "text-anchor", "middle")
	}
}

// wrap breaks text into lines that fit width; a word that is longer than a line is cut.
func wrap(text string, width float64) []string {
	most := max(4, int((width-2*padding)/glyph))
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for utf8.RuneCountInString(word) > most {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			r := []rune(word)
			lines, word = append(lines, string(r[:most-1])+"…"), string(r[most-1:])
		}
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= most:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func (f Flow) noun() string {
	if f.Noun == "" {
		return "items"
	}
	return f.Noun
}

func (c Count) words(noun string) string {
	s := thousands(c.Items) + " " + noun
	if c.Patients > 0 {
		s += ", " + thousands(c.Patients) + " patients"
	}
	return s
}

// reasonsShown bounds the reasons in the drawing; the table beside it has all of them.
const reasonsShown = 4

func exclusionBox(title string, noun string, list []Exclusion, x, w float64) (box, int) {
	var n int
	for _, e := range list {
		n += e.Items
	}
	b := box{x: x, w: w, class: "side", lines: wrap(fmt.Sprintf("%s: %s %s", title, thousands(n), noun), w)}
	for i, e := range list {
		if i == reasonsShown && len(list) > reasonsShown+1 {
			b.lines = append(b.lines, fmt.Sprintf("and %d more reasons", len(list)-i))
			break
		}
		b.lines = append(b.lines, wrap(fmt.Sprintf("%s %s", thousands(e.Items), e.Reason), w)...)
	}
	return b, n
}

// chart draws the flow from top to bottom, what was left out to the right, the parts of the split below.
func (f Flow) chart(id string) chart {
	noun := f.noun()
	t := &table{Caption: "What became of the " + noun, Head: []string{"", noun, "patients"}}
	count := func(name string, c Count) {
		p := "–"
		if c.Patients > 0 {
			p = thousands(c.Patients)
		}
		t.Rows = append(t.Rows, []string{name, thousands(c.Items), p})
	}
	const main, side = 164.0, 172.0
	var body svg.Writer
	y := 2.0
	stage := func(title string, c Count) float64 {
		b := box{x: 2, y: y, w: main, lines: append([]string{title}, wrap(thousands(c.Items)+" "+noun, main)...)}
		if c.Patients > 0 {
			b.lines = append(b.lines, wrap(thousands(c.Patients)+" patients", main)...)
		}
		b.draw(&body)
		count(title, c)
		y += b.height()
		return y
	}
	down := func(to float64) {
		body.Empty("path", "class", "arrow", "d", fmt.Sprintf("M%g %gL%g %g", 2+main/2, y, 2+main/2, to-1))
		body.Empty("path", "class", "head", "d", fmt.Sprintf("M%g %gl-4 -7h8z", 2+main/2, to))
		y = to
	}
	stage("Found", f.Found)
	for _, left := range []struct {
		title string
		list  []Exclusion
	}{{"Quarantined", f.Quarantined}, {"Excluded", f.Excluded}} {
		if len(left.list) == 0 {
			continue
		}
		b, n := exclusionBox(left.title, noun, left.list, flowWidth-side-2, side)
		b.y = y + 12
		b.draw(&body)
		middle := b.y + b.height()/2
		body.Empty("path", "class", "arrow", "d", fmt.Sprintf("M%g %gL%g %g", 2+main/2, middle, b.x-1, middle))
		body.Empty("path", "class", "head", "d", fmt.Sprintf("M%g %gl-7 -4v8z", b.x, middle))
		body.Empty("path", "class", "arrow", "d", fmt.Sprintf("M%g %gL%g %g", 2+main/2, y, 2+main/2, b.y+b.height()))
		y = b.y + b.height()
		t.Rows = append(t.Rows, []string{left.title, thousands(n), "–"})
		for _, e := range left.list {
			t.Rows = append(t.Rows, []string{"· " + e.Reason, thousands(e.Items), "–"})
		}
	}
	down(y + 22)
	stage("Usable", f.Usable)
	if len(f.Parts) > 0 {
		y = f.parts(&body, y, count)
	}
	var w svg.Writer
	w.Open("svg", "class", "plot", "viewBox", fmt.Sprintf("0 0 %g %g", flowWidth, y+4), "role", "img", "aria-labelledby", id+"-t "+id+"-d")
	w.Element("title", "Flow of the data", "id", id+"-t")
	w.Element("desc", fmt.Sprintf("%s found, %s usable.", f.Found.words(noun), f.Usable.words(noun)), "id", id+"-d")
	return chart{Title: "From what was found to what was used", SVG: template.HTML(w.String() + body.String() + "</svg>"), Table: t}
}

// parts draws the boxes of the split, at most three a row, under a bar that joins them to what is usable.
func (f Flow) parts(body *svg.Writer, y float64, count func(string, Count)) float64 {
	const gap = 8.0
	columns := min(3, len(f.Parts))
	w := (flowWidth - 4 - gap*float64(columns-1)) / float64(columns)
	x := func(k int) float64 { return 2 + float64(k)*(w+gap) }
	trunk, bar := 2+164.0/2, y+12
	lo, hi := min(trunk, x(0)+w/2), max(trunk, x(columns-1)+w/2)
	body.Empty("path", "class", "arrow", "d", fmt.Sprintf("M%g %gL%g %gM%g %gL%g %g", trunk, y, trunk, bar, lo, bar, hi, bar))
	y = bar
	for i := 0; i < len(f.Parts); i += columns {
		row := f.Parts[i:min(i+columns, len(f.Parts))]
		tall := 0.0
		for k, p := range row {
			lines := []string{p.Name}
			lines = append(lines, wrap(thousands(p.Items)+" "+f.noun(), w)...)
			if p.Patients > 0 {
				lines = append(lines, wrap(thousands(p.Patients)+" patients", w)...)
			}
			lines = append(lines, wrap(p.Detail, w)...)
			b := box{x: x(k), y: y + 14, w: w, lines: lines, class: "part"}
			if i == 0 {
				body.Empty("path", "class", "arrow", "d", fmt.Sprintf("M%g %gL%g %g", x(k)+w/2, y, x(k)+w/2, y+13))
				body.Empty("path", "class", "head", "d", fmt.Sprintf("M%g %gl-4 -7h8z", x(k)+w/2, y+14))
			}
			b.draw(body)
			count(p.Name, p.Count)
			tall = max(tall, b.height())
		}
		y += 14 + tall
	}
	return y
}
