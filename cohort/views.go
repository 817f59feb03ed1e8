package cohort

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// ViewsSpec says which rows of the table are clips of one study: the study is then the item that is split, learnt and judged.
type ViewsSpec struct {
	Study  string   `yaml:"study"`            // column whose equal values are one study, or a template over columns, such as "{exam}-{stage}"
	Column string   `yaml:"column,omitempty"` // column that says which view a clip is; default: views are not told apart
	Names  []string `yaml:"names,omitempty"`  // views that are used, "PLAX|LAX" where one has several spellings; default: all there are, by name
	Each   int      `yaml:"each,omitempty"`   // clips of one view that are used at most, in table order; default 1
}

// Slot is a place for a clip in every study.
type Slot struct {
	Name string // of its view; with several slots of a view "A4C", "A4C 2", …
	View int    // index into the views' names
}

// ClipOf is a clip of a study.
type ClipOf struct {
	Path string // empty: the study has none in this slot
	ID   string // of the clip
	Line int    // in the table
}

// unnamedView is the view of all clips where the table does not tell views apart.
const unnamedView = "clip"

// Several says whether items are studies with slots for several clips.
func (c *Cohort) Several() bool { return len(c.Slots) > 0 }

// ViewNames are the views' names, the first spelling of each.
func (s *ViewsSpec) ViewNames() []string {
	var out []string
	for _, n := range s.Names {
		name, _, _ := strings.Cut(n, "|")
		out = append(out, name)
	}
	return out
}

// Slots are the places of a study: view by view.
func (s *ViewsSpec) Slots() []Slot {
	var out []Slot
	for v, name := range s.ViewNames() {
		for k := range max(1, s.Each) {
			slot := Slot{Name: name, View: v}
			if k > 0 {
				slot.Name = fmt.Sprintf("%s %d", name, k+1)
			}
			out = append(out, slot)
		}
	}
	return out
}

// Files are the clips of an item: its one file, or what a study has in its slots.
func (r Row) Files() []ClipOf {
	if len(r.Clips) == 0 {
		return []ClipOf{{r.Path, r.ID, r.Line}}
	}
	return slices.DeleteFunc(slices.Clone(r.Clips), func(c ClipOf) bool { return c.Path == "" })
}

// paths are those of the item's files.
func (r Row) paths() []string {
	var out []string
	for _, f := range r.Files() {
		out = append(out, f.Path)
	}
	return out
}

// FirstSlot is the slot of the study's first clip, the one that Path names; 0 for other items.
func (r Row) FirstSlot() int {
	return max(0, slices.IndexFunc(r.Clips, func(c ClipOf) bool { return c.Path != "" }))
}

// grouping is the making of studies from rows of single clips.
type grouping struct {
	c     *Cohort
	t     *table
	spec  *ViewsSpec
	study []part
	view  int // column; -1: none
	unsay int // clips that say no view, or one that is not asked for
	spare int // clips beyond those of a view that are used
}

// groupViews makes one row of all clips of a study. A study has the value of a column on which all of its clips that have one agree; where
// they differ it has none. A study whose clips name several patients is quarantined.
func (c *Cohort) groupViews(t *table) error {
	if c.Spec.Views == nil {
		return nil
	}
	spec := *c.Spec.Views
	spec.Names = slices.Clone(spec.Names)
	c.Spec.Views = &spec
	g := &grouping{c: c, t: t, spec: &spec, view: -1}
	if err := g.check(); err != nil {
		return err
	}
	c.Slots = spec.Slots()
	c.Rows = g.studies()
	if g.unsay > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("data.views: %d clips are left out: column %s names no view there, or none that is used", g.unsay, spec.Column))
	}
	if g.spare > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("data.views: %d clips are left out: their study has %d of that view before them (data.views.each)", g.spare, spec.Each))
	}
	c.stage("studies of one or more views")
	return nil
}

func (g *grouping) check() (err error) {
	s := g.spec
	switch {
	case s.Study == "":
		return fault.New(fault.Usage, "data.views.study is not set: the column that says which clips belong together")
	case s.Each < 0:
		return fault.New(fault.Usage, "data.views.each is %d", s.Each)
	case len(g.c.Spec.Derive) > 0:
		return fault.New(fault.Usage, "data.derive sums over items of a patient; with data.views an item is a study")
	case slices.ContainsFunc(g.c.Spec.Targets, func(t TargetSpec) bool { return t.Kind == Mask }):
		return fault.New(fault.Usage, "a mask belongs to one clip; with data.views an item is a study").WithHint("take data.views out")
	}
	if s.Each == 0 {
		s.Each = 1
	}
	study := s.Study
	if !strings.Contains(study, "{") {
		study = "{" + study + "}"
	}
	if g.study, err = parseTemplate(g.t, study, "data.views.study"); err != nil {
		return err
	}
	if s.Column == "" {
		if len(s.Names) > 1 {
			return fault.New(fault.Usage, "data.views.names tells views apart, but data.views.column is not set")
		}
		if len(s.Names) == 0 {
			s.Names = []string{unnamedView}
		}
		return nil
	}
	if g.view, err = g.t.column(s.Column, "data.views.column"); err != nil {
		return err
	}
	if len(s.Names) == 0 {
		all := map[string]bool{}
		for _, r := range g.c.Rows {
			if v := r.Columns[g.view]; !missing(v) {
				all[v] = true
			}
		}
		s.Names = slices.Sorted(maps.Keys(all))
	}
	if n := len(s.Names) * s.Each; n > maxSlots {
		return fault.New(fault.Usage, "data.views: %d views of %d clips each; a study has at most %d", len(s.Names), s.Each, maxSlots).
			WithHint("name the views that matter under data.views.names")
	}
	names := s.ViewNames()
	for i, n := range names {
		if n == "" || slices.Contains(names[:i], n) {
			return fault.New(fault.Usage, "data.views.names: a view is named twice, or not at all")
		}
	}
	if len(names) == 0 {
		return fault.New(fault.Input, "data.views: column %s is empty in every row", s.Column)
	}
	return nil
}

// maxSlots bounds the clips of a study.
const maxSlots = 64

// viewOf is the view of a row's clip; -1: none that is used.
func (g *grouping) viewOf(r Row) int {
	if g.view < 0 {
		return 0
	}
	cell := r.Columns[g.view]
	if missing(cell) {
		return -1
	}
	return slices.IndexFunc(g.spec.Names, func(words string) bool { return anyOf(words, cell) })
}

func (g *grouping) studies() []Row {
	c := g.c
	at := map[string]int{}
	var out []Row
	var bad []string // by study: why it cannot be used
	for _, r := range c.Rows {
		key, ok := fillTemplate(g.study, r.Columns)
		if !ok {
			c.Quarantine = append(c.Quarantine, Quarantine{r.Line, r.ID, "a column of data.views.study is empty"})
			continue
		}
		view := g.viewOf(r)
		if view < 0 {
			g.unsay++
			continue
		}
		i, known := at[key]
		if !known {
			i = len(out)
			at[key] = i
			study := Row{ID: key, Patient: r.Patient, Line: r.Line, Columns: r.Columns, Clips: make([]ClipOf, len(c.Slots))}
			if c.Spec.Patient == "" {
				study.Patient = key
			}
			out, bad = append(out, study), append(bad, "")
		}
		s := &out[i]
		if c.Spec.Patient != "" && s.Patient != r.Patient {
			bad[i] = fmt.Sprintf("column %s differs between the clips of the study", c.Spec.Patient)
		}
		slot := -1
		for k, sl := range c.Slots {
			if sl.View == view && s.Clips[k].Path == "" {
				slot = k
				break
			}
		}
		if slot < 0 {
			g.spare++
			continue
		}
		s.Clips[slot] = ClipOf{r.Path, r.ID, r.Line}
	}
	g.agree(out, at)
	kept := out[:0]
	for i, s := range out {
		if bad[i] != "" {
			for _, f := range s.Files() {
				c.Quarantine = append(c.Quarantine, Quarantine{f.Line, s.ID, bad[i]})
			}
			continue
		}
		s.Path = s.Clips[s.FirstSlot()].Path
		kept = append(kept, s)
	}
	return kept
}

// agree gives each study the cells on which its clips agree; "" where they differ. Clips that are not used have no say.
func (g *grouping) agree(studies []Row, at map[string]int) {
	c := g.c
	used := map[int]bool{}
	for _, s := range studies {
		for _, f := range s.Files() {
			used[f.Line] = true
		}
	}
	differ := make([]map[int]bool, len(studies))
	first := make([]bool, len(studies))
	for _, r := range c.Rows {
		key, _ := fillTemplate(g.study, r.Columns)
		i, ok := at[key]
		if !ok || !used[r.Line] {
			continue
		}
		s := &studies[i]
		if !first[i] {
			first[i], differ[i] = true, map[int]bool{}
			s.Columns = slices.Clone(r.Columns)
			continue
		}
		for k, cell := range r.Columns {
			switch {
			case missing(cell):
			case missing(s.Columns[k]) && !differ[i][k]:
				s.Columns[k] = cell
			case !sameValue(s.Columns[k], cell):
				s.Columns[k], differ[i][k] = "", true
			}
		}
	}
	if k := slices.Index(c.Columns, c.Spec.Site); k >= 0 {
		for i := range studies {
			if studies[i].Site = studies[i].Columns[k]; missing(studies[i].Site) {
				studies[i].Site = ""
			}
		}
	}
	for _, name := range g.needed() {
		k := slices.Index(c.Columns, name)
		n := 0
		for i := range studies {
			if differ[i][k] {
				n++
			}
		}
		if k >= 0 && n > 0 {
			c.Warnings = append(c.Warnings, fmt.Sprintf("data.views: column %s differs between the clips of %d studies and counts as missing there", name, n))
		}
	}
}

// needed are the columns whose disagreement a person should hear of.
func (g *grouping) needed() []string {
	spec := g.c.Spec
	var out []string
	for _, t := range spec.Targets {
		if t.Column == "" && len(t.Columns) == 0 {
			out = append(out, t.Name)
		}
		out = append(append(out, t.Column, t.Event), t.Columns...)
	}
	for _, t := range spec.Tabular {
		out = append(out, t.Column)
	}
	out = append(out, spec.Site)
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return s == "" })
}

// ViewsSummary counts the clips of studies.
type ViewsSummary struct {
	Names []string    `json:"names"` // of the views, in the order of their slots
	Slots []SlotCount `json:"slots"`
	Clips int         `json:"clips"` // of all studies
	Whole int         `json:"whole"` // studies with a clip in every slot
}

// SlotCount is how many studies have a clip in a slot.
type SlotCount struct {
	Name    string `json:"name"`
	View    int    `json:"view"`
	Studies int    `json:"studies"`
}

func (c *Cohort) summariseViews() *ViewsSummary {
	if !c.Several() {
		return nil
	}
	s := &ViewsSummary{Names: c.Spec.Views.Names}
	for _, slot := range c.Slots {
		s.Slots = append(s.Slots, SlotCount{Name: slot.Name, View: slot.View})
	}
	for _, r := range c.Rows {
		there := 0
		for k, f := range r.Clips {
			if f.Path != "" {
				s.Slots[k].Studies++
				there++
			}
		}
		s.Clips += there
		if there == len(c.Slots) {
			s.Whole++
		}
	}
	return s
}

// Present lists the names of the slots that hold a clip.
func (c *Cohort) Present(row int) []string {
	var out []string
	for k, f := range c.Rows[row].Clips {
		if f.Path != "" {
			out = append(out, c.Slots[k].Name)
		}
	}
	return out
}
