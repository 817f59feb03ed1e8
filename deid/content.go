package deid

import (
	"sync"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

type contentKey struct{ scheme, code, valueType string }

// contentRules are the rows of Table E.3.4-1 by code, that of retired schemes included.
var contentRules = sync.OnceValue(func() map[contentKey]*contentRow {
	m := map[contentKey]*contentRow{}
	for i := range contentTable {
		r := &contentTable[i]
		m[contentKey{r.scheme, r.code, r.valueType}] = r
		if r.retired != "" {
			for _, scheme := range []string{"SRT", "SNM3", "99SDM"} {
				m[contentKey{scheme, r.retired, r.valueType}] = r
			}
		}
	}
	return m
})

// contentRow finds the row of Table E.3.4-1 for an item of a content, acquisition context or similar sequence.
func contentRule(item *dicom.DataSet) *contentRow {
	names := item.Sequence(tag.ConceptNameCodeSequence)
	if len(names) == 0 {
		return nil
	}
	valueType := item.String(tag.ValueType)
	for _, value := range []tag.Tag{tag.CodeValue, 0x00080119, 0x00080120} {
		if code := names[0].String(value); code != "" {
			if r := contentRules()[contentKey{names[0].String(tag.CodingSchemeDesignator), code, valueType}]; r != nil {
				return r
			}
		}
	}
	return nil
}

// content says what Table E.3.4-1 does to an item beyond the profile's rules for its attributes: drop it, or change it after those.
func (w *walker) content(item *dicom.DataSet) (drop bool, change func(*dicom.DataSet)) {
	row := contentRule(item)
	if row == nil {
		return false, nil
	}
	action, _ := combine(row.basic, row.options, w.pr.on)
	switch action {
	case "X":
		return true, nil
	case "K", "C":
		return false, nil // dates, names, UIDs and text inside have rules that clean them
	}
	return false, func(out *dicom.DataSet) {
		switch row.valueType {
		case "TEXT":
			if out.Has(tag.TextValue) {
				out.SetText(tag.TextValue, vr.UT, dummyText)
			}
		case "PNAME":
			if out.Has(0x0040A123) {
				out.SetText(0x0040A123, vr.PN, dummyName)
			}
		case "DATE":
			if out.Has(0x0040A121) {
				out.SetText(0x0040A121, vr.DA, "19000101")
			}
		case "TIME":
			if out.Has(0x0040A122) {
				out.SetText(0x0040A122, vr.TM, "000000")
			}
		case "DATETIME":
			if out.Has(0x0040A120) {
				out.SetText(0x0040A120, vr.DT, "19000101000000")
			}
		}
	}
}
