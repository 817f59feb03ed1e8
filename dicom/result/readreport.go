package result

import (
	"math"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Bounds of what is read.
const (
	maxGroups = 100_000
	maxItems  = 1_000_000
)

// reader counts content items.
type reader struct{ left int }

func (rd *reader) children(ds *dicom.DataSet) ([]*dicom.DataSet, error) {
	list := ds.Sequence(tag.ContentSequence)
	if rd.left -= len(list); rd.left < 0 {
		return nil, fault.New(fault.Input, "a report of more than %d content items", maxItems)
	}
	return list, nil
}

// Refused is a part of an object that can't be read, from 1: a group of a report, a frame of a segmentation.
type Refused struct {
	Part int
	Err  error
}

// ReadReport reads a report of TID 1500 from a structured report of any class that can have one. Its images have no headers; times and equipment are not
// read. Parts that the template doesn't have are passed over. Code input where it is none, or a group can't be read.
func ReadReport(ds *dicom.DataSet) (*Report, error) {
	r, refused, err := ReadReportParts(ds)
	if err == nil && len(refused) > 0 {
		err = refused[0].Err
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// ReadReportParts is [ReadReport] for reports of which some groups can't be read: these are left out, and named.
func ReadReportParts(ds *dicom.DataSet) (*Report, []Refused, error) {
	if m := ds.String(tag.Modality); m != "SR" || !isContent(ds, "CONTAINER", codeOf(first(ds, tag.ConceptNameCodeSequence))) {
		return nil, nil, fault.New(fault.Input, "this is no structured report")
	}
	if t := first(ds, tag.ContentTemplateSequence); t == nil || t.String(tag.TemplateIdentifier) != "1500" {
		return nil, nil, fault.New(fault.Input, "this structured report does not follow TID 1500")
	}
	r := &Report{Made: Made{SOP: ds.String(tag.SOPInstanceUID), Series: ds.String(tag.SeriesInstanceUID), SeriesDescription: ds.String(tag.SeriesDescription)}}
	r.Images = imagesOf(ds)
	rd := &reader{left: maxItems}
	var refused []Refused
	place := 0
	list, err := rd.children(ds)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range list {
		switch {
		case isContent(c, "CODE", observerType):
			r.Observers = append(r.Observers, Observer{})
		case isContent(c, "CODE", procedureReported):
			r.Procedure = codeOf(first(c, tag.ConceptCodeSequence))
		case isContent(c, "CONTAINER", imagingMeasurements):
			groups, err := rd.children(c)
			if err != nil {
				return nil, nil, err
			}
			for _, g := range groups {
				if !isContent(g, "CONTAINER", measurementGroup) {
					continue
				}
				if place == maxGroups {
					return nil, nil, fault.New(fault.Input, "a report of more than %d groups", maxGroups)
				}
				place++
				group, err := rd.group(g)
				if err != nil {
					refused = append(refused, Refused{place, err})
					continue
				}
				r.Groups = append(r.Groups, group)
			}
		default:
			readObserver(r, c)
		}
	}
	return r, refused, nil
}

// readObserver adds what an item says of an observer to the last one; one without a type is a person.
func readObserver(r *Report, c *dicom.DataSet) {
	name := codeOf(first(c, tag.ConceptNameCodeSequence))
	if same(name, personName) && len(r.Observers) == 0 {
		r.Observers = append(r.Observers, Observer{})
	}
	if len(r.Observers) == 0 {
		return
	}
	o := &r.Observers[len(r.Observers)-1]
	for _, x := range []struct {
		name code.Concept
		to   *string
	}{{personName, &o.Person}, {deviceUID, &o.Device.UID}, {deviceName, &o.Device.Name}, {deviceManufacturer, &o.Device.Manufacturer}, {deviceModel, &o.Device.Model},
		{deviceSerial, &o.Device.Serial}} {
		if same(name, x.name) {
			*x.to = contentText(c)
		}
	}
}

// imagesOf are the instances that a report names as its evidence.
func imagesOf(ds *dicom.DataSet) (images []Image) {
	for _, st := range ds.Sequence(tag.CurrentRequestedProcedureEvidenceSequence) {
		for _, se := range st.Sequence(tag.ReferencedSeriesSequence) {
			for _, ref := range se.Sequence(tag.ReferencedSOPSequence) {
				images = append(images, Image{Study: st.String(tag.StudyInstanceUID), Series: se.String(tag.SeriesInstanceUID),
					Class: ref.String(tag.ReferencedSOPClassUID), SOP: ref.String(tag.ReferencedSOPInstanceUID)})
			}
		}
	}
	return images
}

func (rd *reader) group(ds *dicom.DataSet) (Group, error) {
	var g Group
	list, err := rd.children(ds)
	if err != nil {
		return g, err
	}
	for _, c := range list {
		name := codeOf(first(c, tag.ConceptNameCodeSequence))
		value := codeOf(first(c, tag.ConceptCodeSequence))
		switch c.String(tag.ValueType) {
		case "TEXT":
			if same(name, trackingID) {
				g.TrackingID = contentText(c)
			} else {
				g.Evaluations = append(g.Evaluations, Evaluation{Concept: name, Text: contentText(c)})
			}
		case "UIDREF":
			if u := contentText(c); same(name, trackingUID) && uid.Valid(u) {
				g.TrackingUID = u
			}
		case "CODE":
			switch {
			case same(name, findingCategory):
				g.Category = value
			case same(name, finding) && g.Finding.Value == "":
				g.Finding = value
			case same(name, findingSite):
				g.Site = value
			default:
				g.Evaluations = append(g.Evaluations, Evaluation{Concept: name, Value: value})
			}
		case "SCOORD":
			if err := g.addRegion(c); err != nil {
				return g, err
			}
		case "IMAGE":
			if ref := first(c, tag.ReferencedSOPSequence); ref != nil && same(name, sourceImage) {
				r, err := referenceOf(ref)
				if err != nil {
					return g, err
				}
				g.Images = append(g.Images, r)
			}
		case "NUM":
			if err := rd.number(&g, name, c); err != nil {
				return g, err
			}
		}
	}
	return g, nil
}

// addRegion keeps one of each: several numbers are inferred from the same.
func (g *Group) addRegion(ds *dicom.DataSet) error {
	r, err := regionOf(ds)
	if err != nil {
		return err
	}
	for _, o := range g.Regions {
		if r.equal(o) {
			return nil
		}
	}
	if len(g.Regions) == 1000 {
		return fault.New(fault.Input, "a group of more than 1000 regions")
	}
	g.Regions = append(g.Regions, r)
	return nil
}

// number reads a measurement; one without a value has the reason, or is passed over.
func (rd *reader) number(g *Group, name code.Concept, ds *dicom.DataSet) error {
	list, err := rd.children(ds)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.String(tag.ValueType) == "SCOORD" {
			if err := g.addRegion(c); err != nil {
				return err
			}
		}
	}
	v := first(ds, tag.MeasuredValueSequence)
	if v == nil {
		if q := codeOf(first(ds, tag.NumericValueQualifierCodeSequence)); q.Value != "" {
			g.Numbers = append(g.Numbers, Number{Concept: name, Qualifier: q})
		}
		return nil
	}
	n := Number{Concept: name}
	f, ok := v.Float(tag.FloatingPointValue)
	if !ok {
		f, ok = v.Float(tag.NumericValue)
	}
	unit := codeOf(first(v, tag.MeasurementUnitsCodeSequence))
	if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
		return fault.New(fault.Input, "a measurement without a number")
	}
	if unit.Scheme != "UCUM" || unit.Value == "" {
		return fault.New(fault.Input, "a measurement without a unit of UCUM")
	}
	n.Value, n.Unit = f, unit.Value
	g.Numbers = append(g.Numbers, n)
	return nil
}
