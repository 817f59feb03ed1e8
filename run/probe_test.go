package run

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
)

// TestLRPicture: the picture of a search stands by itself as well-formed SVG, also of one that found nothing.
func TestLRPicture(t *testing.T) {
	full := &learn.LRCurve{Plan: 1e-3, Suggested: 1e-2, Lowest: 0.1, Diverged: 1, Optimizer: "adamw", Why: "where the loss falls fastest"}
	for i := range 40 {
		x := -5 + float64(i)/8
		full.Points = append(full.Points, learn.LRPoint{LR: math.Pow(10, x), Loss: x * x, Smooth: x * x})
	}
	for _, c := range []*learn.LRCurve{full, {Plan: 1e-3, Why: "none"}} {
		s := lrPicture(c)
		d := xml.NewDecoder(strings.NewReader(s))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v\n%s", err, s)
			}
		}
		if !strings.HasPrefix(s, `<svg xmlns="http://www.w3.org/2000/svg"`) || !strings.Contains(s, "<style>") {
			t.Errorf("not a picture of its own: %.200s", s)
		}
	}
	table := LRTable(full)
	if n := strings.Count(table, "\n"); n < 15 || n > 30 || !strings.Contains(table, "<- suggested") || !strings.Contains(table, "suggested learning rate 0.01") {
		t.Errorf("%d lines:\n%s", n, table)
	}
	if s := LRTable(&learn.LRCurve{Why: "it never falls"}); !strings.Contains(s, "no rate is suggested: it never falls") {
		t.Error(s)
	}
}

func TestProbeRefusals(t *testing.T) {
	r := &Run{Plan: &learn.Plan{Kind: kindCatalog}}
	if _, err := r.FindLR(t.Context(), learn.LRSearch{}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a search: %v", err)
	}
	if _, err := r.OverfitOneBatch(t.Context(), 0); fault.CodeOf(err) != fault.Usage {
		t.Errorf("one batch: %v", err)
	}
}
