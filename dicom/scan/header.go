package scan

import (
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// Floats is the value of t at the top, or in the functional groups of an enhanced object.
func Floats(ds *dicom.DataSet, t tag.Tag) []float64 {
	if v := ds.Floats(t); v != nil {
		return v
	}
	for _, g := range []tag.Tag{tag.SharedFunctionalGroupsSequence, tag.PerFrameFunctionalGroupsSequence} {
		items := ds.Sequence(g)
		if len(items) == 0 {
			continue
		}
		for _, e := range items[0].Walk() {
			if e.Tag == t {
				return e.Floats()
			}
		}
	}
	return nil
}

// View is the projection or view that the header names: View Position, else View Name, else the meaning of the view's code; empty: it says none.
func View(ds *dicom.DataSet) string {
	if v := ds.String(tag.ViewPosition); v != "" {
		return v
	}
	if v := ds.String(tag.ViewName); v != "" {
		return v
	}
	if items := ds.Sequence(tag.ViewCodeSequence); len(items) > 0 {
		return items[0].String(tag.CodeMeaning)
	}
	return ""
}

// Laterality is that of the image, else of the series.
func Laterality(ds *dicom.DataSet) string {
	if v := ds.String(tag.ImageLaterality); v != "" {
		return v
	}
	return ds.String(tag.Laterality)
}
