package result

import (
	"math"
	"strconv"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Made says which object a result becomes, and when it came about.
type Made struct {
	SOP, Series              string // UIDs
	SeriesNumber, Number     int    // from 1
	SeriesDescription, Label string
	At                       time.Time
	By                       Device // that wrote the file
}

// Device is a program or machine.
type Device struct{ UID, Name, Manufacturer, Model, Serial, Version string }

// Observer is who says something: a person by name, or a device (TID 1003, 1004).
type Observer struct {
	Person string // PN: a name or, of readers who are masked, the mask
	Device Device // where Person is ""; Version is part of Model's words
}

// Report is what was measured and judged in the images of one exam (TID 1500).
type Report struct {
	Made
	Images    []Image
	Observers []Observer
	Procedure code.Concept // of CID 100; default ImagingProcedure
	Groups    []Group
}

// Group is one answer, with what tells that it is the same thing elsewhere.
type Group struct {
	TrackingID, TrackingUID string
	Category, Finding, Site code.Concept // each may be absent
	Regions                 []Region     // where it lies, and what numbers are inferred from
	Images                  []Reference  // where there is no region: what it is said of; none: the exam
	Numbers                 []Number
	Evaluations             []Evaluation
}

// Number is a value with its unit.
type Number struct {
	Concept code.Concept
	Value   float64
	Unit    string // UCUM, at most 16 characters

	Qualifier code.Concept // why there is no value (CID 42), in place of Value and Unit
}

// Evaluation is a judgement: a code, or text where Value is absent.
type Evaluation struct {
	Concept, Value code.Concept
	Text           string
}

// Outlined says that the group is of one closed region or point in an image (TID 1410); others follow TID 1501.
func (g *Group) outlined() bool {
	return len(g.Regions) == 1 && (g.Regions[0].Closed() || g.Regions[0].Type == OnePoint)
}

// class is Comprehensive 3D SR where an image has a frame of reference, else Comprehensive SR, which more programs take: both hold the same tree.
func (r *Report) class() string {
	for _, im := range r.Images {
		if im.Header != nil && im.Header.String(tag.FrameOfReferenceUID) != "" {
			return uid.Comprehensive3DSRStorage
		}
	}
	return uid.ComprehensiveSRStorage
}

// DataSet is the report as Comprehensive 3D SR, or Comprehensive SR of images without a frame of reference. Code input for what can't be written, usage for a report that lacks what it must have.
func (r *Report) DataSet() (*dicom.DataSet, error) {
	if err := oneStudy(r.Images); err != nil {
		return nil, err
	}
	if len(r.Groups) == 0 || len(r.Observers) == 0 {
		return nil, fault.New(fault.Usage, "a report has an observer and something to say")
	}
	root, err := r.content()
	if err != nil {
		return nil, err
	}
	ds := root.done()
	copyIdentity(ds, r.Images[0].Header)
	if err := r.Made.general(ds, r.class(), "SR"); err != nil {
		return nil, err
	}
	ds.SetSequence(tag.ReferencedPerformedProcedureStepSequence)
	ds.SetSequence(tag.PerformedProcedureCodeSequence)
	ds.SetString(tag.CompletionFlag, "COMPLETE")
	ds.SetString(tag.VerificationFlag, "UNVERIFIED") // nobody signs for a reading of a study: it is no clinical report
	ds.SetSequence(tag.CurrentRequestedProcedureEvidenceSequence, evidence(r.Images)...)
	if err := oneCharset(ds); err != nil {
		return nil, err
	}
	return ds, ds.Err()
}

// general sets series, equipment, instance.
func (m Made) general(ds *dicom.DataSet, class, modality string) error {
	if !uid.Valid(m.SOP) || !uid.Valid(m.Series) || m.At.IsZero() {
		return fault.New(fault.Usage, "a result has UIDs and a time")
	}
	ds.SetString(tag.SOPClassUID, class)
	ds.SetString(tag.SOPInstanceUID, m.SOP)
	ds.SetString(tag.SeriesInstanceUID, m.Series)
	ds.SetString(tag.Modality, modality)
	ds.SetInts(tag.SeriesNumber, m.SeriesNumber)
	ds.SetInts(tag.InstanceNumber, m.Number)
	if m.SeriesDescription != "" {
		ds.SetString(tag.SeriesDescription, short(m.SeriesDescription, 64))
	}
	for _, t := range []tag.Tag{tag.ContentDate, tag.SeriesDate, tag.InstanceCreationDate} {
		ds.SetDate(t, m.At)
	}
	for _, t := range []tag.Tag{tag.ContentTime, tag.SeriesTime, tag.InstanceCreationTime} {
		ds.SetClock(t, m.At)
	}
	ds.SetString(tag.Manufacturer, m.By.Manufacturer)
	ds.SetString(tag.ManufacturerModelName, m.By.Model)
	ds.SetString(tag.DeviceSerialNumber, m.By.Serial)
	ds.SetString(tag.SoftwareVersions, m.By.Version)
	own := dicom.NewDataSet()
	own.SetString(tag.CodingSchemeDesignator, Scheme)
	own.SetString(tag.CodingSchemeName, "Cineloop's own codes")
	own.SetString(tag.CodingSchemeResponsibleOrganization, "Cineloop")
	ds.SetSequence(tag.CodingSchemeIdentificationSequence, own)
	return nil
}

// evidence are the images by study and series.
func evidence(images []Image) []*dicom.DataSet {
	type series struct {
		uid  string
		refs []*dicom.DataSet
	}
	type study struct {
		uid    string
		series []*series
	}
	var studies []*study
	for _, im := range images {
		var st *study
		for _, s := range studies {
			if s.uid == im.Study {
				st = s
			}
		}
		if st == nil {
			st = &study{uid: im.Study}
			studies = append(studies, st)
		}
		var se *series
		for _, s := range st.series {
			if s.uid == im.Series {
				se = s
			}
		}
		if se == nil {
			se = &series{uid: im.Series}
			st.series = append(st.series, se)
		}
		se.refs = append(se.refs, sopItem(im.Class, im.SOP))
	}
	var out []*dicom.DataSet
	for _, st := range studies {
		var inside []*dicom.DataSet
		for _, se := range st.series {
			ds := dicom.NewDataSet()
			ds.SetString(tag.SeriesInstanceUID, se.uid)
			ds.SetSequence(tag.ReferencedSOPSequence, se.refs...)
			inside = append(inside, ds)
		}
		ds := dicom.NewDataSet()
		ds.SetString(tag.StudyInstanceUID, st.uid)
		ds.SetSequence(tag.ReferencedSeriesSequence, inside...)
		out = append(out, ds)
	}
	return out
}

// content is the tree of TID 1500.
func (r *Report) content() (*item, error) {
	root := container("", measurementReport, "1500")
	root.add(codeContent(conceptMod, language, english))
	for _, o := range r.Observers {
		if err := o.content(root); err != nil {
			return nil, err
		}
	}
	p := r.Procedure
	if p.Value == "" {
		p = ImagingProcedure
	}
	root.add(codeContent(conceptMod, procedureReported, p))
	all := container(contains, imagingMeasurements, "")
	for i := range r.Groups {
		g, err := r.Groups[i].content(r.Images)
		if err != nil {
			return nil, err
		}
		all.add(g)
	}
	root.add(all)
	return root, nil
}

// content adds an observer to the root (TID 1002).
func (o Observer) content(root *item) error {
	if o.Person != "" {
		root.add(codeContent(obsContext, observerType, person), nameContent(obsContext, personName, o.Person))
		return nil
	}
	if !uid.Valid(o.Device.UID) {
		return fault.New(fault.Usage, "an observer is a person with a name or a device with a UID")
	}
	root.add(codeContent(obsContext, observerType, device), uidContent(obsContext, deviceUID, o.Device.UID))
	model := o.Device.Model
	if o.Device.Version != "" {
		model += " " + o.Device.Version
	}
	for _, x := range []struct {
		name code.Concept
		text string
	}{{deviceName, o.Device.Name}, {deviceManufacturer, o.Device.Manufacturer}, {deviceModel, model}, {deviceSerial, o.Device.Serial}} {
		if x.text != "" {
			root.add(textContent(obsContext, x.name, x.text))
		}
	}
	return nil
}

// content is a measurement group by TID 1410 or 1501.
func (g *Group) content(images []Image) (*item, error) {
	if g.TrackingID == "" || !uid.Valid(g.TrackingUID) {
		return nil, fault.New(fault.Usage, "a group has a tracking identifier and its UID")
	}
	if len(g.Numbers)+len(g.Evaluations) == 0 && !g.outlined() {
		return nil, fault.New(fault.Usage, "a group that says nothing")
	}
	template := "1501"
	if g.outlined() {
		template = "1410"
	}
	it := container(contains, measurementGroup, template)
	it.add(textContent(obsContext, trackingID, g.TrackingID), uidContent(obsContext, trackingUID, g.TrackingUID))
	for _, x := range []struct {
		relation       string
		concept, value code.Concept
	}{{contains, findingCategory, g.Category}, {contains, finding, g.Finding}, {conceptMod, findingSite, g.Site}} {
		if x.value.Value == "" {
			continue
		}
		if err := checkCode(x.value, "finding"); err != nil {
			return nil, err
		}
		it.add(codeContent(x.relation, x.concept, x.value))
	}
	if g.outlined() {
		shape, err := g.Regions[0].content(contains, imageRegion, images)
		if err != nil {
			return nil, err
		}
		it.add(shape)
	}
	for _, ref := range g.Images {
		im, err := imageContent(contains, sourceImage, ref, images)
		if err != nil {
			return nil, err
		}
		it.add(im)
	}
	for _, n := range g.Numbers {
		num, err := n.content(g, images)
		if err != nil {
			return nil, err
		}
		it.add(num)
	}
	for _, e := range g.Evaluations {
		if err := checkCode(e.Concept, "evaluation"); err != nil {
			return nil, err
		}
		if e.Value.Value == "" {
			if e.Text == "" {
				return nil, fault.New(fault.Usage, "an evaluation without a value")
			}
			it.add(textContent(contains, e.Concept, e.Text))
			continue
		}
		if err := checkCode(e.Value, "evaluation"); err != nil {
			return nil, err
		}
		it.add(codeContent(contains, e.Concept, e.Value))
	}
	return it, nil
}

// content is a measurement (TID 300, of regions 1419). A decimal string holds 16 characters: where they are not exact the value stands
// beside it as a float (PS3.3 C.18.1).
func (n Number) content(g *Group, images []Image) (*item, error) {
	if err := checkCode(n.Concept, "number"); err != nil {
		return nil, err
	}
	if n.Qualifier.Value != "" {
		if err := checkCode(n.Qualifier, "qualifier"); err != nil {
			return nil, err
		}
		it := newItem(contains, "NUM", n.Concept)
		it.ds.SetSequence(tag.MeasuredValueSequence) // type 2: empty, and the qualifier says why (PS3.3 C.18.1)
		it.ds.SetSequence(tag.NumericValueQualifierCodeSequence, codeItem(n.Qualifier))
		return it, nil
	}
	if math.IsNaN(n.Value) || math.IsInf(n.Value, 0) {
		return nil, fault.New(fault.Input, "a number that is none")
	}
	unit, err := unitItem(n.Unit)
	if err != nil {
		return nil, err
	}
	v := dicom.NewDataSet()
	v.SetString(tag.NumericValue, dicom.FormatDS(n.Value))
	if back, err := strconv.ParseFloat(dicom.FormatDS(n.Value), 64); err != nil || back != n.Value {
		v.SetFloats(tag.FloatingPointValue, n.Value)
	}
	v.SetSequence(tag.MeasurementUnitsCodeSequence, unit)
	it := newItem(contains, "NUM", n.Concept)
	it.ds.SetSequence(tag.MeasuredValueSequence, v)
	if g.outlined() || n.Concept == Certainty {
		return it, nil
	}
	for _, r := range g.Regions {
		shape, err := r.content(inferredFrom, sourceOfMeasurement, images)
		if err != nil {
			return nil, err
		}
		it.add(shape)
	}
	return it, nil
}
