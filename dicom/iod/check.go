package iod

import (
	"fmt"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

const maxFindings = 1000

// Check holds ds against the information object of its SOP class: the attributes of type 1 and 2 of every module that the object must have, and of
// every other module of which ds has an attribute that no other module of the object has; what conditions.go demands of types 1C and 2C; and
// that attributes of type 1C which are there have a value. Findings name modules and attributes, never values. known is false if the
// tables don't have the SOP class.
func Check(ds *dicom.DataSet) (findings []dicom.Finding, known bool) {
	o, ok := ForClass(ds.String(tag.SOPClassUID))
	if !ok {
		return nil, false
	}
	c := checker{said: map[string]bool{}}
	for _, u := range o.Uses {
		if u.Usage == 'M' || o.present(ds, u.Module) {
			c.attributes(ds, ds, u.Module.Attributes, "", u.Module.Name)
		}
	}
	c.groups(ds)
	return c.findings, true
}

// present reports whether ds has an attribute of m that no other module of the object has.
func (o *Object) present(ds *dicom.DataSet, m *Module) bool {
	for _, a := range m.Attributes {
		if ds.Has(a.Tag) && !o.shared(a.Tag, m) {
			return true
		}
	}
	return false
}

func (o *Object) shared(t tag.Tag, m *Module) bool {
	for _, u := range o.Uses {
		if u.Module == m {
			continue
		}
		for _, a := range u.Module.Attributes {
			if a.Tag == t {
				return true
			}
		}
	}
	return false
}

type checker struct {
	findings []dicom.Finding
	said     map[string]bool // modules share attributes: each is said once
}

func (c *checker) add(path string, t tag.Tag, format string, args ...any) {
	key := path + t.String()
	if len(c.findings) >= maxFindings || c.said[key] {
		return
	}
	c.said[key] = true
	c.findings = append(c.findings, dicom.Finding{Path: path + t.String(), Tag: t, Text: fmt.Sprintf(format, args...)})
}

// attributes checks a list against ds, which is the data set root or an item in it. Some attributes of items are looked up in both.
func (c *checker) attributes(root, ds *dicom.DataSet, list []Attribute, path, module string) {
	for _, a := range list {
		e, there := ds.Get(a.Tag)
		empty := there && (e.IsSequence() && len(e.Items()) == 0 || !e.IsSequence() && e.Fragments() == nil && e.Len() == 0)
		demanded := a.Type == Type1 || a.Type == Type2
		if cond, ok := conditions[a.Tag]; ok && (a.Type == Type1C || a.Type == Type2C) {
			demanded = cond(ds)
		}
		switch {
		case demanded && !there:
			c.add(path, a.Tag, "missing, of type %v in module %s", a.Type, module)
		case empty && (a.Type == Type1 || a.Type == Type1C):
			c.add(path, a.Tag, "empty, of type %v in module %s", a.Type, module)
		}
		if !there || a.Items == nil {
			continue
		}
		for i, item := range e.Items() {
			c.attributes(root, item, a.Items, fmt.Sprintf("%s%v[%d]/", path, a.Tag, i), module)
		}
	}
}

// groups checks what the tables can't say of functional groups (PS3.3 C.7.6.16): one item a frame.
func (c *checker) groups(ds *dicom.DataSet) {
	e, ok := ds.Get(tag.PerFrameFunctionalGroupsSequence)
	if !ok {
		return
	}
	frames, ok := ds.Int(tag.NumberOfFrames)
	if ok && frames != len(e.Items()) {
		c.add("", e.Tag, "%d items for %d frames", len(e.Items()), frames)
	}
}
