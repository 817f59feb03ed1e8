package result

import (
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/tag"
)

// Relationships of content items (PS3.3 table C.17.3-8).
const (
	contains     = "CONTAINS"
	obsContext   = "HAS OBS CONTEXT"
	conceptMod   = "HAS CONCEPT MOD"
	inferredFrom = "INFERRED FROM"
	selectedFrom = "SELECTED FROM"
)

// item is a content item under construction.
type item struct {
	ds       *dicom.DataSet
	children []*dicom.DataSet
}

// newItem begins a content item; a concept without a value is no name.
func newItem(relation, kind string, name code.Concept) *item {
	ds := dicom.NewDataSet()
	if relation != "" {
		ds.SetString(tag.RelationshipType, relation)
	}
	ds.SetString(tag.ValueType, kind)
	if name.Value != "" {
		ds.SetSequence(tag.ConceptNameCodeSequence, codeItem(name))
	}
	return &item{ds: ds}
}

func (it *item) add(children ...*item) {
	for _, c := range children {
		it.children = append(it.children, c.done())
	}
}

// done closes the item over its children.
func (it *item) done() *dicom.DataSet {
	if len(it.children) > 0 {
		it.ds.SetSequence(tag.ContentSequence, it.children...)
		it.children = nil
	}
	return it.ds
}

// container is one that follows a template of PS3.16, "" none.
func container(relation string, name code.Concept, template string) *item {
	it := newItem(relation, "CONTAINER", name)
	it.ds.SetString(tag.ContinuityOfContent, "SEPARATE")
	if template != "" {
		t := dicom.NewDataSet()
		t.SetString(tag.MappingResource, "DCMR")
		t.SetString(tag.TemplateIdentifier, template)
		it.ds.SetSequence(tag.ContentTemplateSequence, t)
	}
	return it
}

func codeContent(relation string, name, value code.Concept) *item {
	it := newItem(relation, "CODE", name)
	it.ds.SetSequence(tag.ConceptCodeSequence, codeItem(value))
	return it
}

func textContent(relation string, name code.Concept, text string) *item {
	it := newItem(relation, "TEXT", name)
	it.ds.SetString(tag.TextValue, text)
	return it
}

func uidContent(relation string, name code.Concept, u string) *item {
	it := newItem(relation, "UIDREF", name)
	it.ds.SetString(tag.UID, u)
	return it
}

func nameContent(relation string, name code.Concept, text string) *item {
	it := newItem(relation, "PNAME", name)
	it.ds.SetString(tag.PersonName, text)
	return it
}

// isContent reports whether a content item that was read has this kind and name.
func isContent(ds *dicom.DataSet, kind string, name code.Concept) bool {
	return ds.String(tag.ValueType) == kind && same(codeOf(first(ds, tag.ConceptNameCodeSequence)), name)
}

// contentText is the value of a content item of words.
func contentText(ds *dicom.DataSet) string {
	switch ds.String(tag.ValueType) {
	case "TEXT":
		return ds.String(tag.TextValue)
	case "UIDREF":
		return ds.String(tag.UID)
	case "PNAME":
		return ds.String(tag.PersonName)
	}
	return ""
}
