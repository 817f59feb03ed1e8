package report

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate/agree"
	"github.com/cineloop/cineloop/evaluate"
)

// standsAlone fails where a picture is no XML document of its own, or depends on a page's styles.
func standsAlone(t *testing.T, b []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, b)
		}
	}
	s := string(b)
	if !strings.HasPrefix(s, `<svg xmlns="http://www.w3.org/2000/svg"`) || strings.Contains(s, "class=") || strings.Contains(s, "var(") || strings.Contains(s, "style=") {
		t.Errorf("the picture does not stand by itself: %.300s", s)
	}
}

func TestPictures(t *testing.T) {
	pair := agree.Pair{A: "R-1", B: "R-<2>", Points: [][2]float64{{50, 52}, {60, 57}, {40, 41}},
		Measures: []agree.Measure{{Name: "bias", Value: 0}, {Name: "lower limit", Value: -5}, {Name: "upper limit", Value: 5}}}
	for _, night := range []bool{false, true} {
		b := PairPicture("%", pair, night)
		standsAlone(t, b)
		if n := bytes.Count(b, []byte("<circle")); n != 3 {
			t.Errorf("%d dots, want 3", n)
		}
		if ground := bytes.Contains(b, []byte(dark.ground)); ground != night {
			t.Errorf("night %v: the ground is dark: %v", night, ground)
		}
	}
	if PairPicture("%", agree.Pair{Points: pair.Points[:2]}, false) != nil {
		t.Error("a picture of two points")
	}
	h := agree.HeadToHead{Item: "ef & more", Readers: []agree.Performer{{Reader: "R-1", Arm: "unaided", ROC: []agree.ROCPoint{{}, {False: .2, True: .8}, {False: 1, True: 1}}},
		{Reader: "R-2", AI: true, Arm: "unaided", ROC: []agree.ROCPoint{{}, {False: .1, True: .9}, {False: 1, True: 1}}}, {Reader: "R-3", Measures: []agree.Measure{{Value: evaluate.Number(1)}}}}}
	b := ROCPicture(h, false)
	standsAlone(t, b)
	for color, lines := range map[string]int{light.s2: 1, light.s1: 0} { // the model's curve; no mean of one reader is there
		if n := bytes.Count(b, []byte(`stroke-width="2" stroke="`+color+`"`)); n != lines {
			t.Errorf("%d lines of %s, want %d", n, color, lines)
		}
	}
	if ROCPicture(agree.HeadToHead{}, false) != nil {
		t.Error("a picture of nothing")
	}
}
