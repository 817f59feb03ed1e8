package match

import (
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// KeyOf is the key in an element of an identifier.
func KeyOf(e *dicom.Element) Key {
	v := e.Kind()
	if e.IsSequence() || v == vr.SQ {
		return Key{Kind: Sequence, VR: vr.SQ}
	}
	return Parse(v, strings.Join(e.Strings(), `\`))
}

// meta are the elements of an identifier that are about the query and not about what is looked for (PS3.4 section C.4.1.1.3).
func meta(t tag.Tag) bool {
	switch t {
	case tag.QueryRetrieveLevel, tag.SpecificCharacterSet, tag.TimezoneOffsetFromUTC, tag.RetrieveAETitle:
		return true
	}
	return t.IsGroupLength() || t.IsPrivate()
}

// Matches reports whether ds matches all keys of the identifier.
func Matches(identifier, ds *dicom.DataSet) bool {
	for e := range identifier.All() {
		if meta(e.Tag) {
			continue
		}
		k := KeyOf(e)
		switch k.Kind {
		case Universal:
		case Sequence:
			if len(e.Items()) == 0 || e.Items()[0].Len() == 0 || universal(e.Items()[0]) {
				continue
			}
			if !someItem(e.Items()[0], ds.Sequence(e.Tag)) {
				return false
			}
		default:
			if !k.Matches(ds.Strings(e.Tag)) {
				return false
			}
		}
	}
	return true
}

func universal(identifier *dicom.DataSet) bool {
	for e := range identifier.All() {
		k := KeyOf(e)
		if k.Kind == Sequence {
			for _, it := range e.Items() {
				if !universal(it) {
					return false
				}
			}
		} else if k.Kind != Universal {
			return false
		}
	}
	return true
}

func someItem(keys *dicom.DataSet, items []*dicom.DataSet) bool {
	for _, it := range items {
		if Matches(keys, it) {
			return true
		}
	}
	return false
}

// Answer is a new data set with the attributes of ds that the identifier names, in ds's character set; what ds lacks is empty. A
// sequence key with an item returns items with that item's attributes, one without returns them whole. ds must have matched.
func Answer(identifier, ds *dicom.DataSet) *dicom.DataSet {
	out := dicom.NewDataSet()
	if e, ok := ds.Get(tag.SpecificCharacterSet); ok {
		if b, err := e.Bytes(); err == nil && len(b) > 0 {
			out.SetBytes(tag.SpecificCharacterSet, vr.CS, b)
		}
	}
	fill(out, identifier, ds)
	return out
}

func fill(out, identifier, ds *dicom.DataSet) {
	for e := range identifier.All() {
		if meta(e.Tag) {
			if e.Tag == tag.QueryRetrieveLevel {
				out.SetString(e.Tag, e.Strings()...)
			}
			continue
		}
		have, ok := ds.Get(e.Tag)
		switch {
		case e.Kind() == vr.SQ && (!ok || !have.IsSequence()):
			out.SetSequence(e.Tag)
		case !ok:
			out.SetBytes(e.Tag, e.Kind(), nil)
		case have.IsSequence():
			var items []*dicom.DataSet
			keys := e.Items()
			for _, it := range have.Items() {
				if len(keys) > 0 && keys[0].Len() > 0 {
					if !Matches(keys[0], it) {
						continue
					}
					small := dicom.NewDataSet()
					fill(small, keys[0], it)
					items = append(items, small)
				} else if c, err := it.Copy(); err == nil {
					items = append(items, c)
				}
			}
			out.SetSequence(e.Tag, items...)
		default:
			if b, err := have.Bytes(); err == nil && !have.BigEndian() {
				out.SetBytes(e.Tag, have.Kind(), b)
			}
		}
	}
}
