package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/cineloop/cineloop/report/svg"
)

//go:embed style.css
var styleText string

// styles are what every page of this package looks like.
var styles = template.CSS(styleText)

// render prints a page by its template: whole, or not at all.
func render(w io.Writer, t *template.Template, v any) error {
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := w.Write(bytes.Map(printable, b.Bytes()))
	return err
}

// printable drops the control characters that neither HTML nor XML allow, which names of files may hold.
func printable(r rune) rune {
	if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7F && r < 0xA0 || r == 0xFFFE || r == 0xFFFF {
		return -1
	}
	return r
}

// axis are the ticks of a forest's scale, few enough not to run into each other. It settles how many the scale has.
func (s *scale) axis() (ticks []tick) {
	if s.Count = 4; len(s.Ticks()) > 5 {
		s.Count = 3
	}
	labels := s.Labels()
	for i, v := range s.Ticks() {
		ticks = append(ticks, tick{labels[i], s.percent(v)})
	}
	return ticks
}

// scaleOver is a scale that holds the values.
func scaleOver(values []float64) scale { return scale{svg.Around("", values...)} }
