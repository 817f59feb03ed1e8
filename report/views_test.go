package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
)

func TestViewsOnThePage(t *testing.T) {
	w := 0.25
	rows := []ViewRow{
		{What: "A4C <1>", Target: "ef", Metric: "mae", Studies: 1200, Weight: &w, Alone: &evaluate.Measure{Value: 5.1, Low: 4.2, High: 6}, Together: evaluate.Measure{Value: 3.2, Low: 2.9, High: 3.6}},
		{What: "studies of 2 clips", Target: "ef", Metric: "mae", Studies: 7, Together: evaluate.Measure{Value: 3, Low: 3, High: 3}},
	}
	var b bytes.Buffer
	page := Page{Title: "x", Views: rows, Variants: []Variant{{Name: "all", Report: &evaluate.Report{}}}}
	if err := page.Write(&b); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(b.String(), "\u00a0", " ")
	for _, want := range []string{"Each view alone", "A4C &lt;1&gt;", "0.25", "5.1 (4.2 to 6.0)", "3.20 (2.90 to 3.60)", "studies of 2 clips"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	b.Reset()
	page.Views = nil
	if err := page.Write(&b); err != nil || strings.Contains(b.String(), "Each view alone") {
		t.Errorf("a page without views speaks of them (%v)", err)
	}
}
