package svg

import (
	"math"
	"strconv"
	"strings"
)

// Writer builds markup. Coordinates are written with one decimal, which at the size of a page is finer than a pixel.
type Writer struct{ b strings.Builder }

// String is what was written.
func (w *Writer) String() string { return w.b.String() }

// Open writes a start tag with attributes as name, value pairs; a value is a string, int or float64.
func (w *Writer) Open(tag string, attrs ...any) { w.start(tag, attrs); w.b.WriteString(">") }

// Empty writes an element without content.
func (w *Writer) Empty(tag string, attrs ...any) { w.start(tag, attrs); w.b.WriteString("/>") }

// Close writes an end tag.
func (w *Writer) Close(tag string) { w.b.WriteString("</" + tag + ">") }

// Text writes escaped text.
func (w *Writer) Text(s string) { w.b.WriteString(escape(s)) }

// Element writes an element that holds text alone.
func (w *Writer) Element(tag, text string, attrs ...any) {
	w.Open(tag, attrs...)
	w.Text(text)
	w.Close(tag)
}

func (w *Writer) start(tag string, attrs []any) {
	w.b.WriteString("<" + tag)
	for i := 0; i+1 < len(attrs); i += 2 {
		w.b.WriteString(" " + attrs[i].(string) + `="`)
		switch v := attrs[i+1].(type) {
		case string:
			w.b.WriteString(escape(v))
		case int:
			w.b.WriteString(strconv.Itoa(v))
		case float64:
			w.b.WriteString(coordinate(v))
		}
		w.b.WriteString(`"`)
	}
}

// coordinate is v with at most one decimal; what is not finite becomes 0, so that a bad value can spoil one mark, not the page.
func coordinate(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	v = math.Round(v*10) / 10
	if v == 0 {
		return "0" // not −0
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// escape makes text safe between tags and in attributes. Control characters that XML forbids become U+FFFD.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return escaper.Replace(s)
}
