package protocol

import (
	"encoding/json"
	"strings"
	"testing"
)

const hung = good + `hanging:
  - when: {pictures: {min: 2, max: 2}, kind: loop}
    layout: 1x2
    sync: phase
    link: [view]
    tool: trace
    play: true
  - when: {kind: stack, rows: {min: 256}, frames: {min: 10}, colour: false}
    layout: 2x2
    show: [{kind: stack}, {kind: stack}, {kind: still, colour: true}, {kind: stack}]
    sync: position
    window: lung
  - layout: 3x3
`

func TestHanging(t *testing.T) {
	p, err := Read("p.yaml", []byte(hung))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Hanging) != 3 {
		t.Fatalf("%+v", p.Hanging)
	}
	a, b, c := p.Hanging[0], p.Hanging[1], p.Hanging[2]
	if a.When.Pictures != (Range{2, 2}) || a.When.Kind != "loop" || a.When.Colour != nil || a.Sync != "phase" || !a.Play || a.Tool != "trace" {
		t.Errorf("%+v", a)
	}
	if b.When.Colour == nil || *b.When.Colour || b.When.Rows.Min != 256 || b.Window != "lung" {
		t.Errorf("%+v", b)
	}
	for i, want := range []int{1, 2, 1, 3} { // of the same kind the next one
		if b.Show[i].Nth != want {
			t.Errorf("cell %d shows the %d.", i, b.Show[i].Nth)
		}
	}
	if c.Sync != "none" || c.Play || len(c.Show) != 0 {
		t.Errorf("%+v", c)
	}
	if j, err := json.Marshal(c); err != nil || string(j) != `{"when":{"pictures":{},"rows":{},"frames":{}},"layout":"3x3","sync":"none","play":false}` {
		t.Errorf("%s %v", j, err)
	}
}

func TestHangingFaults(t *testing.T) {
	for rule, want := range map[string]string{
		"{}":                                                "hanging[0].layout: \"\" is not of the form 1x2",
		"{layout: 4x1}":                                     "layout: \"4x1\" is not",
		"{layout: 1x2x3}":                                   "is not of the form",
		"{layout: 1x1, show: [{}, {}]}":                     "show: 2 pictures, and 1x1 has 1 cells",
		"{layout: 1x1, sync: heart}":                        "sync: \"heart\" is none of [none time frame phase position]",
		"{layout: 1x1, link: [zoom]}":                       "link: \"zoom\" is none of",
		"{layout: 1x1, tool: knife}":                        "tool: \"knife\" is none of",
		"{layout: 1x1, window: soft}":                       "window: \"soft\" is none of",
		"{layout: 1x1, when: {kind: CT}}":                   "when.kind: \"CT\" is none of",
		"{layout: 1x1, when: {pictures: {min: 3, max: 2}}}": "when.pictures: min and max",
		"{layout: 1x1, when: {rows: {min: -1}}}":            "when.rows: min and max",
		"{layout: 1x1, show: [{nth: -1}]}":                  "show[0].nth: from 1",
		"{layout: 1x1, show: [{kind: film}]}":               "show[0].kind: \"film\"",
		"{layout: 1x1, when: {series: PLAX}}":               "series",
	} {
		_, err := Read("p.yaml", []byte(good+"hanging:\n  - "+rule+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", rule, err, want)
		}
	}
}
