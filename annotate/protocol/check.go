package protocol

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/internal/fault"
)

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// reserved are columns that a table of answers has anyway.
var reserved = []string{"case", "patient", "file", "image", "frame", "reader", "arm", "session", "method", "readers", "reading", "item"}

// shapes that a measurement may have, with the values that package measure gives them.
var shapes = map[measure.Kind][]string{
	measure.Length: {"length"}, measure.Polyline: {"length"}, measure.Angle: {"angle"}, measure.Bidirectional: {"long axis", "short axis"},
	measure.Rectangle: {"area", "width", "height", "perimeter"}, measure.Ellipse: {"area", "major axis", "minor axis", "perimeter"},
	measure.Polygon: {"area", "perimeter"}, measure.Spline: {"area", "perimeter"}, measure.Freehand: {"area", "perimeter"},
	measure.Caliper: {"time", "depth", "slope", "velocity", "acceleration", "frequency", "rate"}, measure.PointMark: {"velocity"},
	measure.Trace: {"area", "long axis", "volume (discs)", "volume (area-length)"},
}

var unitOf = map[string]string{"length": "mm", "angle": "deg", "long axis": "mm", "short axis": "mm", "area": "mm2", "width": "mm", "height": "mm", "perimeter": "mm",
	"major axis": "mm", "minor axis": "mm", "time": "ms", "depth": "mm", "slope": "cm/s", "velocity": "cm/s", "acceleration": "cm/s2", "frequency": "Hz", "rate": "/min",
	"volume (discs)": "mL", "volume (area-length)": "mL"}

var metrics = map[ItemKind][]string{Choice: {"different"}, Multi: {"different"}, Ordinal: {"different", "steps"}, Number: {"difference", "percent"},
	Measurement: {"difference", "percent"}, Ejection: {"difference", "percent"}, Mask: {"dice", "hd95"}, Frame: {"frames"}, Prefer: {"different"}, Origin: nil}

// Metrics are the ways to tell how far apart two answers to an item of a kind are; the first is the usual one.
func Metrics(k ItemKind) []string { return slices.Clone(metrics[k]) }

func (p *Protocol) check(file string) error {
	var faults []string
	bad := func(format string, args ...any) { faults = append(faults, file+": "+fmt.Sprintf(format, args...)) }
	if p.Version != 1 {
		bad("version: %d; this program knows 1", p.Version)
	}
	if p.Revision < 1 {
		bad("revision: the first is 1")
	}
	d := p.Design
	if !slices.Contains(Designs, d.Kind) {
		bad("design.kind: %q is none of %v", d.Kind, Designs)
	}
	switch d.Kind {
	case Sequential, Crossed, Preference, Assisted:
		if d.AI == "" {
			bad("design.ai: a %s design needs the member whose readings are shown", d.Kind)
		}
	}
	free := d.Kind == Independent || d.Kind == Assisted // who reads what is not fixed by the design
	if free && d.Readers < 1 {
		bad("design.readers: at least 1")
	}
	if d.Order != ByChance && d.Order != ByPriority {
		bad("design.order: chance or priority")
	} else if d.Order == ByPriority && !free {
		bad("design.order: in a %s design an order by what a model is unsure of would tell readers something of it", d.Kind)
	}
	if d.Readers != 0 && !free {
		bad("design.readers: in a %s design every reader reads every case", d.Kind)
	}
	if d.Pool && (d.Kind != Independent && d.Kind != Assisted || d.Repeat > 0) {
		bad("design.pool: in independent and assisted designs without repeats")
	}
	if d.Repeat < 0 || d.Repeat > 100 || d.Repeat > 0 && d.Kind != Independent {
		bad("design.repeat: 0 to 100 per cent, in independent designs")
	}
	if d.WashoutDays < 0 || d.WashoutDays > 0 && d.Kind != Crossed {
		bad("design.washout_days: for crossed designs, not negative")
	}
	if !slices.Contains(Methods, p.Adjudication.Method) {
		bad("adjudication.method: %q is none of %v", p.Adjudication.Method, Methods)
	}
	if len(p.Items) == 0 {
		bad("items: at least one question")
	}
	seen := map[string]bool{}
	prefers := 0
	for i := range p.Items {
		it := &p.Items[i]
		where := fmt.Sprintf("items[%d]", i)
		if nameForm.MatchString(it.Name) {
			where += " (" + it.Name + ")"
		}
		for _, f := range it.faults() {
			bad("%s.%s", where, f)
		}
		if seen[it.Name] {
			bad("%s.name: there is one already", where)
		}
		seen[it.Name] = true
		if it.Kind == Prefer {
			prefers++
		}
		aided := slices.Contains(d.Arms(), Aided)
		if it.Kind == Origin && !aided && d.Kind != Preference {
			bad("%s.kind: where a reading comes from is asked in designs with aided readings or preferences", where)
		}
		if it.Prefill && (!aided || it.Kind == Origin || it.Kind == Prefer) {
			bad("%s.prefill: for what aided readings ask: in sequential, crossed and assisted designs", where)
		}
	}
	for i := range p.Hanging {
		for _, f := range p.Hanging[i].faults() {
			bad("hanging[%d].%s", i, f)
		}
	}
	if (d.Kind == Preference) != (prefers > 0) {
		bad("items: a preference design and items of kind preference go together")
	}
	if len(faults) > 0 {
		return fault.New(fault.Usage, "%s", strings.Join(faults, "\n"))
	}
	return nil
}

// faults of one item, each beginning with the key that it is about.
func (it *Item) faults() (out []string) {
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if !nameForm.MatchString(it.Name) || slices.Contains(reserved, it.Name) {
		bad("name: lower-case letters, digits and _, at most 40, none of %v", reserved)
	}
	if _, ok := metrics[it.Kind]; !ok && it.Kind != Text {
		bad("kind: %q is not known", it.Kind)
	}
	choice := it.Kind == Choice || it.Kind == Multi || it.Kind == Ordinal
	if choice != (len(it.Options) > 0) || choice && len(it.Options) < 2 {
		bad("options: choices have two or more, others none")
	}
	names := map[string]bool{}
	for _, o := range it.Options {
		if o.Name == "" || names[o.Name] {
			bad("options: empty, or there twice")
		}
		names[o.Name] = true
	}
	for _, p := range it.Positive {
		if !names[p] {
			bad("positive: %q is no option", p)
		}
	}
	if !slices.Contains([]Scope{Exam, Series, Image, OneFrame, Interval}, it.Scope) {
		bad("scope: %q is none of exam, series, image, frame, interval", it.Scope)
	}
	if it.Kind == Mask && it.Scope != Image && it.Scope != OneFrame || (it.Kind == Ejection || it.Kind == Prefer || it.Kind == Origin) && it.Scope != Exam ||
		it.Kind == Measurement && (it.Scope == Interval || it.Scope == Series) || it.Kind == Frame && it.Scope != Image && it.Scope != Exam {
		bad("scope: a %s cannot have %s", it.Kind, it.Scope)
	}
	if (it.Kind == Measurement) != (it.Shape != "") {
		bad("shape: measurements have one, others none")
	}
	if it.Kind == Measurement {
		values, ok := shapes[it.Shape]
		if !ok {
			bad("shape: %q is not known", it.Shape)
		} else {
			if it.Value == "" {
				it.Value = values[0]
			}
			if !slices.Contains(values, it.Value) {
				bad("value: a %s has %v", it.Shape, values)
			} else if it.Unit == "" {
				it.Unit = unitOf[it.Value]
			} else if it.Unit != unitOf[it.Value] {
				bad("unit: package measure gives %s in %s", it.Value, unitOf[it.Value])
			}
		}
	}
	if it.Kind == Ejection && it.Unit != measure.Percent {
		bad("unit: a fraction is in %%")
	}
	if it.Kind == Number && it.Unit == "" {
		bad("unit: a number has one; 1 if it is a count or a ratio")
	}
	if len(it.Unit) > 16 {
		bad("unit: at most 16 characters")
	}
	if it.Min != nil && it.Max != nil && *it.Min > *it.Max {
		bad("min: above max")
	}
	if m := it.Disagreement; m.Metric != "" && !slices.Contains(metrics[it.Kind], m.Metric) {
		bad("disagreement.metric: of a %s it is one of %v", it.Kind, metrics[it.Kind])
	} else if m.Limit < 0 {
		bad("disagreement.limit: not negative")
	}
	for _, c := range append([]Code{it.Code}, codes(it.Options)...) {
		if (c.Scheme == "") != (c.Value == "") || c.Scheme == "" && c.Meaning != "" || len(c.Value) > 16 || len(c.Scheme) > 16 || len(c.Meaning) > 64 {
			bad("code: scheme, value (16 characters at most) and meaning (64)")
		}
	}
	return out
}

func codes(options []Option) (out []Code) {
	for _, o := range options {
		out = append(out, o.Code)
	}
	return out
}
