package protocol

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/cineloop/cineloop/annotate/measure"
)

// Hanging is one rule of how a case's pictures are laid out before its reader: the first rule that fits is followed, and where none fits the
// browser chooses. What a rule goes by are numbers of the case, no words of a header: the reader may not know these.
type Hanging struct {
	When   HangingWhen `yaml:"when" json:"when"`     // nothing: every case
	Layout string      `yaml:"layout" json:"layout"` // rows x columns, 1x1 to 3x3
	Show   []Showing   `yaml:"show" json:"show,omitempty"`
	Sync   string      `yaml:"sync" json:"sync"`               // none (default), time, frame, phase, position
	Link   []string    `yaml:"link" json:"link,omitempty"`     // view, window
	Tool   string      `yaml:"tool" json:"tool,omitempty"`     // in hand at first; default what the first item asks for
	Window string      `yaml:"window" json:"window,omitempty"` // of grey pictures at first; default the header's
	Play   bool        `yaml:"play" json:"play"`               // loops run at once
}

// HangingWhen is what a case must be like. A picture is a single image, a loop, or a stack of slices, which counts as one.
type HangingWhen struct {
	Pictures Range  `yaml:"pictures" json:"pictures"`       // how many there are
	Kind     string `yaml:"kind" json:"kind,omitempty"`     // of each: loop, stack, still; default any
	Colour   *bool  `yaml:"colour" json:"colour,omitempty"` // of each
	Rows     Range  `yaml:"rows" json:"rows"`               // of each
	Frames   Range  `yaml:"frames" json:"frames"`           // of each; of a stack its slices
}

// Range of whole numbers, both included; 0 is no bound.
type Range struct {
	Min int `yaml:"min" json:"min,omitempty"`
	Max int `yaml:"max" json:"max,omitempty"`
}

// Showing is which picture a cell shows, cells by rows: the Nth, from 1, of those that are like it; default the cell's number.
type Showing struct {
	Kind   string `yaml:"kind" json:"kind,omitempty"`
	Colour *bool  `yaml:"colour" json:"colour,omitempty"`
	Nth    int    `yaml:"nth" json:"nth,omitempty"`
}

// What a hanging may name.
var (
	PictureKinds = []string{"loop", "stack", "still"}
	Syncs        = []string{"none", "time", "frame", "phase", "position"}
	Links        = []string{"view", "window"}
	Windows      = []string{"header", "auto", "lung", "mediastinum", "abdomen", "brain", "bone"}
	tools        = []string{"select", "brush", "erase", "fill", "threshold"} // and every shape
)

var layoutForm = regexp.MustCompile(`^[1-3]x[1-3]$`)

// fill gives a rule its defaults.
func (h *Hanging) fill() {
	if h.Sync == "" {
		h.Sync = "none"
	}
	for i := range h.Show {
		if h.Show[i].Nth == 0 {
			h.Show[i].Nth = 1
			for _, s := range h.Show[:i] { // like the cells before it: the next of them
				if s.alike(h.Show[i]) {
					h.Show[i].Nth = max(h.Show[i].Nth, s.Nth+1)
				}
			}
		}
	}
}

func (s Showing) alike(o Showing) bool {
	return s.Kind == o.Kind && (s.Colour == nil) == (o.Colour == nil) && (s.Colour == nil || *s.Colour == *o.Colour)
}

// faults of one rule, each beginning with the key that it is about.
func (h *Hanging) faults() (out []string) {
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	one := func(key, v string, of []string) {
		if v != "" && !slices.Contains(of, v) {
			bad("%s: %q is none of %v", key, v, of)
		}
	}
	if !layoutForm.MatchString(h.Layout) {
		bad("layout: %q is not of the form 1x2, rows and columns from 1 to 3", h.Layout)
	} else if cells := int(h.Layout[0]-'0') * int(h.Layout[2]-'0'); len(h.Show) > cells {
		bad("show: %d pictures, and %s has %d cells", len(h.Show), h.Layout, cells)
	}
	one("when.kind", h.When.Kind, PictureKinds)
	for key, r := range map[string]Range{"pictures": h.When.Pictures, "rows": h.When.Rows, "frames": h.When.Frames} {
		if r.Min < 0 || r.Max < 0 || r.Max > 0 && r.Min > r.Max {
			bad("when.%s: min and max are not negative, and min is not above max", key)
		}
	}
	for i, s := range h.Show {
		one(fmt.Sprintf("show[%d].kind", i), s.Kind, PictureKinds)
		if s.Nth < 0 {
			bad("show[%d].nth: from 1", i)
		}
	}
	one("sync", h.Sync, Syncs)
	for _, l := range h.Link {
		one("link", l, Links)
	}
	one("window", h.Window, Windows)
	if _, shape := shapes[measure.Kind(h.Tool)]; !shape {
		one("tool", h.Tool, tools)
	}
	slices.Sort(out) // a map's order is by chance
	return out
}
