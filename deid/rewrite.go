package deid

import (
	"fmt"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/charset"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Result is a data set without what identifies the patient, and what was done to get there.
type Result struct {
	// DataSet has every element that may go out but Bulk: pixel data are moved, not copied through memory.
	DataSet *dicom.DataSet
	// Bulk is the pixel data element of the input, nil if there is none.
	Bulk   *dicom.Element
	Report *Report
	id     *identity
	uids   map[string]bool // original UIDs that were replaced
}

// Report counts what was done. It holds nothing of the patient.
type Report struct {
	Actions  map[string]int `json:"actions"`         // elements by action, at every depth
	Notes    map[string]int `json:"notes,omitempty"` // what else happened, in words
	Withheld string         `json:"quarantine,omitempty"`
	Changes  []Change       `json:"-"` // with [Explain] only
}

// Change is one element's fate, for a dry run.
type Change struct {
	Path   string
	Tag    tag.Tag
	VR     vr.VR
	Rule   Rule
	Before string // as it was: this is patient data
	After  string
}

// PatientCode is the pseudonym that the object's patient got.
func (r *Result) PatientCode() string { return r.id.code }

// ShiftDays is the number of days by which the patient's dates went into the past; 0 where the policy doesn't shift.
func (r *Result) ShiftDays() int { return r.id.days }

// Words are the patient's own words as a device may print them, longest first.
func (r *Result) Words() []string { return r.id.printable }

// Identity is what decides the pseudonym: patient data, for the escrow alone.
func (r *Result) Identity() string { return r.id.key }

// Deidentify makes a data set that may go out of ds, which stays as it is. The same data set, profile and key give the same result, in every
// process. Report.Withheld is set, and DataSet nil, where the object must not go out whatever is removed.
func (pr *Profile) Deidentify(k *Key, ds *dicom.DataSet) (*Result, error) {
	return pr.deidentify(k, ds, false)
}

// Explain is [Profile.Deidentify] with every change in the report.
func (pr *Profile) Explain(k *Key, ds *dicom.DataSet) (*Result, error) {
	return pr.deidentify(k, ds, true)
}

func (pr *Profile) deidentify(k *Key, ds *dicom.DataSet, explain bool) (*Result, error) {
	w := &walker{pr: pr, key: k, explain: explain, report: &Report{Notes: map[string]int{}}, uids: map[string]bool{}}
	res := &Result{Report: w.report, uids: w.uids}
	if why := pr.withhold(ds); why != "" {
		w.report.Withheld = why
		res.id = pr.collect(k, ds)
		return res, nil
	}
	w.id = pr.collect(k, ds)
	res.id = w.id
	out := w.set(ds, nil, "")
	w.finish(ds, out)
	w.report.Actions = map[string]int{}
	for a, n := range w.counts {
		if n > 0 {
			w.report.Actions[Action(a).String()] = n
		}
	}
	res.DataSet, res.Bulk = out, w.bulk
	if w.withheld != "" {
		w.report.Withheld, res.DataSet = w.withheld, nil
	}
	return res, out.Err()
}

// withhold says why an object must not go out, whatever is removed from it.
func (pr *Profile) withhold(ds *dicom.DataSet) string {
	class := ds.String(tag.SOPClassUID)
	switch {
	case class == "":
		return "no SOP class"
	case ds.Has(tag.EncapsulatedDocument) || strings.HasPrefix(class, "1.2.840.10008.5.1.4.1.1.104."):
		return "encapsulated document"
	case class == uid.BasicVoiceAudioWaveformStorage || class == uid.GeneralAudioWaveformStorage:
		return "a sound recording, which may say who the patient is"
	case class == uid.RawDataStorage:
		return "raw data: private content that can't be examined"
	case ds.String(tag.SOPInstanceUID) == "":
		return "no SOP instance UID"
	}
	if _, ok := uid.Lookup(class); !ok && !vendorClass(class) {
		return "unknown SOP class"
	}
	return ""
}

// vendorClass reports whether a UID is below the root of a maker of devices, who name classes of objects there.
func vendorClass(u string) bool {
	for _, root := range []string{"1.2.840.113619.4.", "1.3.12.2.1107.5.9.", "1.3.46.670589.", "1.2.392.200036.9", "1.2.840.113663.1.5.", "1.3.6.1.4.1.19291.", "1.2.276.0.48.5.1.4."} {
		if strings.HasPrefix(u, root) {
			return true
		}
	}
	return false
}

// walker makes one data set.
type walker struct {
	pr       *Profile
	key      *Key
	id       *identity
	report   *Report
	counts   [actionCount]int
	uids     map[string]bool
	bulk     *dicom.Element
	explain  bool
	withheld string
}

func (w *walker) note(format string, args ...any) { w.report.Notes[fmt.Sprintf(format, args...)]++ }

// set is what may go out of a data set, or of an item in parent.
func (w *walker) set(ds, parent *dicom.DataSet, path string) *dicom.DataSet {
	out := dicom.NewDataSet()
	if terms := ds.Strings(tag.SpecificCharacterSet); len(terms) > 0 {
		for i, s := range terms {
			terms[i] = strings.Replace(s, "ISO-IR", "ISO_IR", 1) // a frequent mistake
		}
		if _, err := charset.Parse(terms); err == nil {
			out.SetText(tag.SpecificCharacterSet, vr.CS, terms...)
		} else {
			w.note("undefined character set")
		}
	}
	var block tag.Tag // private creator written last
	for e := range ds.All() {
		t := e.Tag
		switch {
		case t.IsGroupLength() || t == tag.SpecificCharacterSet || t.IsPrivateCreator():
			continue
		case t == tag.PixelData || t == tag.FloatPixelData || t == tag.DoubleFloatPixelData:
			if parent == nil && w.bulk == nil {
				w.bulk = e
				w.counts[Keep]++
			} else {
				w.did(path, e, Rule{Action: Remove, Why: "pixel data inside a sequence"}, "")
			}
			continue
		}
		var rule Rule
		if t.IsPrivate() {
			creator := ""
			if c := t.Creator(); c != 0 {
				creator = ds.String(c)
			}
			rule = w.pr.PrivateRule(creator, t)
			if e.Kind() == vr.UN && rule.Action != Remove && !e.IsSequence() {
				known := w.typed(ds, e, creator)
				if known == nil {
					w.did(path, e, Rule{Action: Remove, Why: "private, and of no form that can be examined"}, "")
					continue
				}
				e = known
			}
			if rule.Action != Remove && block != t.Creator() && creator != "" {
				block = t.Creator()
				out.SetText(block, vr.LO, creator)
			}
		} else {
			rule = w.pr.Rule(t, e.Kind())
		}
		w.element(out, e, rule, path)
	}
	return out
}

func (w *walker) did(path string, e *dicom.Element, rule Rule, after string) {
	w.counts[rule.Action]++
	if !w.explain {
		return
	}
	before := strings.Join(e.Strings(), `\`)
	if e.IsSequence() {
		before = fmt.Sprintf("%d items", len(e.Items()))
	} else if before == "" && e.Len() > 0 {
		before = fmt.Sprintf("%d bytes", e.Len())
	}
	w.report.Changes = append(w.report.Changes, Change{Path: path + e.Tag.String(), Tag: e.Tag, VR: e.Kind(), Rule: rule, Before: before, After: after})
}

// element puts into out what may go out of e.
func (w *walker) element(out *dicom.DataSet, e *dicom.Element, rule Rule, path string) {
	t, v := e.Tag, e.Kind()
	if e.IsSequence() {
		w.sequence(out, e, rule, path)
		return
	}
	if v == vr.SQ { // bytes where a sequence should be
		rule = Rule{Action: Remove, Why: "no sequence where the standard has one"}
	}
	if e.Len() == 0 && rule.Action != Remove && rule.Action != Set && rule.Action != Withhold && rule.Action != Code {
		out.SetBytes(t, outVR(e), nil)
		w.did(path, e, Rule{Action: Keep, Why: "empty"}, "")
		return
	}
	after := ""
	switch rule.Action {
	case Remove:
	case Empty:
		out.SetBytes(t, outVR(e), nil)
	case Dummy:
		w.dummy(out, t, outVR(e), e)
	case Code:
		w.code(out, e)
	case Set:
		value := ""
		for i := range w.pr.Policy.Attributes {
			if r := &w.pr.Policy.Attributes[i]; r.Action == Set {
				if rt, mask, _ := parseTag(r.Tag); uint32(t)&mask == uint32(rt) {
					value = r.Value
					break
				}
			}
		}
		out.SetText(t, outVR(e), value)
	case Withhold:
		w.withheld = "by policy: " + t.String() + " is present"
	case MapUID:
		w.mapUID(out, e, outVR(e))
	case Keep, Clean:
		if !w.keep(out, e, v, rule) {
			if v.IsText() && !t.IsPrivate() { // an empty value is one that every type but 1 allows
				out.SetBytes(t, outVR(e), nil)
			}
			rule = Rule{Action: Empty, Why: rule.Why + "; the value has no valid form, or identifies"}
		}
	}
	if w.explain {
		if got, ok := out.Get(t); ok {
			if after = strings.Join(got.Strings(), `\`); after == "" && got.Len() > 0 {
				after = fmt.Sprintf("%d bytes", got.Len())
			}
		}
	}
	w.did(path, e, rule, after)
}

// outVR is the VR that a value is written with.
func outVR(e *dicom.Element) vr.VR {
	v := e.Kind()
	if !v.Known() || v == vr.UN {
		if d := e.Tag.VR(); d != vr.SQ {
			return d
		}
	}
	return v
}

// sequence puts the items of e into out, each subject to the profile.
func (w *walker) sequence(out *dicom.DataSet, e *dicom.Element, rule Rule, path string) {
	t := e.Tag
	w.did(path, e, rule, "")
	switch rule.Action {
	case Remove, Code, MapUID, Set:
		return
	case Withhold:
		w.withheld = "by policy: " + t.String() + " is present"
		return
	case Empty:
		out.SetSequence(t)
		return
	case Dummy:
		if item := dummyItem(t); item != nil {
			out.SetSequence(t, item)
		}
		return
	}
	items := make([]*dicom.DataSet, 0, len(e.Items()))
	for i, item := range e.Items() {
		sub := path
		if w.explain {
			sub = fmt.Sprintf("%s%v[%d] > ", path, t, i+1)
		}
		if drop, as := w.content(item); drop {
			w.note("content item removed by Table E.3.4-1")
			continue
		} else if as != nil {
			made := w.set(item, e.Items()[i].Parent(), sub)
			as(made)
			items = append(items, made)
			continue
		}
		items = append(items, w.set(item, item.Parent(), sub))
	}
	out.SetSequence(t, items...)
}

// dummyItem is an item that says nothing, for sequences that must not be empty; nil where the sequence is better left out.
func dummyItem(t tag.Tag) *dicom.DataSet {
	code := func(value, meaning string) *dicom.DataSet {
		c := dicom.NewDataSet()
		c.SetText(tag.CodeValue, vr.SH, value)
		c.SetText(tag.CodingSchemeDesignator, vr.SH, "DCM")
		c.SetText(tag.CodeMeaning, vr.LO, meaning)
		return c
	}
	item := dicom.NewDataSet()
	switch t {
	case tag.ContentSequence:
		item.SetText(0x0040A010, vr.CS, "CONTAINS")
		item.SetText(tag.ValueType, vr.CS, "TEXT")
		item.SetSequence(tag.ConceptNameCodeSequence, code("121106", "Comment"))
		item.SetText(tag.TextValue, vr.UT, dummyText)
		return item
	case 0x0040A073: // Verifying Observer Sequence
		item.SetText(0x0040A027, vr.LO, dummyText)
		item.SetText(0x0040A030, vr.DT, "19000101000000")
		item.SetText(0x0040A075, vr.PN, dummyName)
		item.SetSequence(0x0040A088)
		return item
	case 0x00401101: // Person Identification Code Sequence
		return code("121025", "Patient")
	}
	return nil
}

// finish sets what says what was done, and what the patient's objects need to be found again.
func (w *walker) finish(ds, out *dicom.DataSet) {
	out.SetText(tag.PatientID, vr.LO, w.id.code)
	out.SetText(tag.PatientName, vr.PN, w.id.code)
	out.SetText(tag.PatientIdentityRemoved, vr.CS, "YES")
	out.SetText(tag.DeidentificationMethod, vr.LO, "Cineloop, PS3.15 "+Edition, "policy "+w.pr.Digest[:16], "key "+w.key.ID)
	w.methods(out, false)
	dates := "REMOVED"
	switch {
	case w.pr.on[RetainFullDates]:
		dates = "UNMODIFIED"
	case w.pr.on[RetainModifiedDates]:
		dates = "MODIFIED"
	}
	out.SetText(tag.LongitudinalTemporalInformationModified, vr.CS, dates)
	if out.Has(tag.BurnedInAnnotation) { // until the pixels were examined, their kind says what they may show
		burned := "YES"
		if MayCarryText(ds) == "" {
			burned = "NO"
		}
		out.SetText(tag.BurnedInAnnotation, vr.CS, burned)
	}
	if w.pr.on[RetainPatient] && out.String(tag.PatientAge) == "" {
		birth, err1 := dicom.ParseDA(ds.String(tag.PatientBirthDate))
		at, err2 := dicom.ParseDA(ds.String(tag.StudyDate))
		if err1 == nil && err2 == nil {
			if n := ageAt(birth, at); n >= 0 && n < 150 {
				s, _ := capAge(formatAge(n), w.pr.Policy.AgeCap)
				out.SetText(tag.PatientAge, vr.AS, s)
			}
		}
	}
}

// methods writes the codes of what was applied.
func (w *walker) methods(out *dicom.DataSet, pixels bool) { w.pr.setMethods(out, pixels) }

func (pr *Profile) setMethods(out *dicom.DataSet, pixels bool) {
	codes, meanings := pr.Methods(pixels)
	items := make([]*dicom.DataSet, len(codes))
	for i := range codes {
		c := dicom.NewDataSet()
		c.SetText(tag.CodeValue, vr.SH, codes[i])
		c.SetText(tag.CodingSchemeDesignator, vr.SH, "DCM")
		c.SetText(tag.CodeMeaning, vr.LO, meanings[i][:min(len(meanings[i]), 64)])
		items[i] = c
	}
	out.SetSequence(tag.DeidentificationMethodCodeSequence, items...)
}

// MarkPixels records in the output what a masker found.
func (pr *Profile) MarkPixels(out *dicom.DataSet, m Masked) {
	examined := m.Examined > 0 || m.Rule != ""
	if pr.on[CleanPixelData] {
		pr.setMethods(out, examined)
	}
	if examined {
		out.SetText(tag.BurnedInAnnotation, vr.CS, "NO")
	}
	if m.New != nil && m.New.Header != nil {
		for e := range m.New.Header.All() {
			if b, err := e.Bytes(); err == nil {
				out.SetBytes(e.Tag, e.VR, b)
			}
		}
	}
}
