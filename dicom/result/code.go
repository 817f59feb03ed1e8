package result

import (
	"strings"
	"unicode/utf8"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Scheme is the designator of this program's own codes, for what no standard has a code for (PS3.16 8.2: private ones begin with 99).
const Scheme = "99CINELOOP"

// Concepts that reports are built of, with the meanings of PS3.16's templates.
var (
	measurementReport   = code.Concept{Scheme: "DCM", Value: "126000", Meaning: "Imaging Measurement Report"}
	language            = code.Concept{Scheme: "DCM", Value: "121049", Meaning: "Language of Content Item and Descendants"}
	english             = code.Concept{Scheme: "RFC5646", Value: "en", Meaning: "English"}
	observerType        = code.Concept{Scheme: "DCM", Value: "121005", Meaning: "Observer Type"}
	person              = code.Concept{Scheme: "DCM", Value: "121006", Meaning: "Person"}
	device              = code.Concept{Scheme: "DCM", Value: "121007", Meaning: "Device"}
	personName          = code.Concept{Scheme: "DCM", Value: "121008", Meaning: "Person Observer Name"}
	deviceUID           = code.Concept{Scheme: "DCM", Value: "121012", Meaning: "Device Observer UID"}
	deviceName          = code.Concept{Scheme: "DCM", Value: "121013", Meaning: "Device Observer Name"}
	deviceManufacturer  = code.Concept{Scheme: "DCM", Value: "121014", Meaning: "Device Observer Manufacturer"}
	deviceModel         = code.Concept{Scheme: "DCM", Value: "121015", Meaning: "Device Observer Model Name"}
	deviceSerial        = code.Concept{Scheme: "DCM", Value: "121016", Meaning: "Device Observer Serial Number"}
	procedureReported   = code.Concept{Scheme: "DCM", Value: "121058", Meaning: "Procedure reported"}
	imagingMeasurements = code.Concept{Scheme: "DCM", Value: "126010", Meaning: "Imaging Measurements"}
	measurementGroup    = code.Concept{Scheme: "DCM", Value: "125007", Meaning: "Measurement Group"}
	trackingID          = code.Concept{Scheme: "DCM", Value: "112039", Meaning: "Tracking Identifier"}
	trackingUID         = code.Concept{Scheme: "DCM", Value: "112040", Meaning: "Tracking Unique Identifier"}
	findingCategory     = code.Concept{Scheme: "SCT", Value: "276214006", Meaning: "Finding category"}
	finding             = code.Concept{Scheme: "DCM", Value: "121071", Meaning: "Finding"}
	findingSite         = code.Concept{Scheme: "SCT", Value: "363698007", Meaning: "Finding Site"}
	imageRegion         = code.Concept{Scheme: "DCM", Value: "111030", Meaning: "Image Region"}
	sourceOfMeasurement = code.Concept{Scheme: "DCM", Value: "121112", Meaning: "Source of Measurement"}
	sourceImage         = code.Concept{Scheme: "SCT", Value: "260753009", Meaning: "Source"}

	// ImagingProcedure of CID 100 is what a report is of if nothing narrower is known.
	ImagingProcedure = code.Concept{Scheme: "SCT", Value: "363679005", Meaning: "Imaging procedure"}
	// Comment is for words beside a number.
	Comment = code.Concept{Scheme: "DCM", Value: "121106", Meaning: "Comment"}
	// Undetermined is the value of a judgement that could not be made, Indeterminate the qualifier of a number that could not be given (CID 42).
	Undetermined  = code.Concept{Scheme: "SCT", Value: "373068000", Meaning: "Undetermined"}
	Indeterminate = code.Concept{Scheme: "DCM", Value: "114011", Meaning: "Value indeterminate"}
	// Certainty of what was found, per cent.
	Certainty = code.Concept{Scheme: "DCM", Value: "111012", Meaning: "Certainty of Finding"}
)

// Own is a concept of this program's own scheme: a name where the standard has no code.
func Own(name, meaning string) code.Concept {
	if meaning == "" {
		meaning = name
	}
	return code.Concept{Scheme: Scheme, Value: name, Meaning: meaning}
}

// known concepts of measured values, by the names that package annotate/measure gives them.
var values = map[string]code.Concept{
	"length": {Scheme: "SCT", Value: "410668003", Meaning: "Length"}, "area": {Scheme: "SCT", Value: "42798000", Meaning: "Area"},
	"perimeter": {Scheme: "SCT", Value: "131191004", Meaning: "Perimeter"}, "angle": {Scheme: "SCT", Value: "1483009", Meaning: "Angle"},
	"long axis": {Scheme: "SCT", Value: "103339001", Meaning: "Long axis"}, "short axis": {Scheme: "SCT", Value: "103340004", Meaning: "Short axis"},
	"major axis": {Scheme: "SCT", Value: "131187009", Meaning: "Major Axis"}, "minor axis": {Scheme: "SCT", Value: "131188004", Meaning: "Minor Axis"},
}

// ValueConcept is the concept of a measured value by its name: SNOMED CT's where it has one, else this program's own.
func ValueConcept(name string) code.Concept {
	if c, ok := values[name]; ok {
		return c
	}
	return Own(name, "")
}

// checkCode says whether a concept can be written. Code input.
func checkCode(c code.Concept, what string) error {
	if c.Scheme == "" || c.Value == "" || len(c.Scheme) > 16 || strings.ContainsAny(c.Scheme+c.Value+c.Meaning, "\\\r\n") {
		return fault.New(fault.Input, "the %s has no code that can be written: scheme, value", what)
	}
	return nil
}

// codeItem is a concept as an item of a code sequence; values above 16 bytes are Long Code Values (PS3.3 8.8).
func codeItem(c code.Concept) *dicom.DataSet {
	ds := dicom.NewDataSet()
	if len(c.Value) > 16 {
		ds.SetString(tag.LongCodeValue, c.Value)
	} else {
		ds.SetString(tag.CodeValue, c.Value)
	}
	ds.SetString(tag.CodingSchemeDesignator, c.Scheme)
	if c.Meaning == "" {
		c.Meaning = c.Value
	}
	ds.SetString(tag.CodeMeaning, short(c.Meaning, 64))
	return ds
}

// short cuts text to n characters, as LO has them.
func short(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// codeOf reads an item of a code sequence; nil is no concept.
func codeOf(ds *dicom.DataSet) code.Concept {
	if ds == nil {
		return code.Concept{}
	}
	c := code.Concept{Scheme: ds.String(tag.CodingSchemeDesignator), Value: ds.String(tag.CodeValue), Meaning: ds.String(tag.CodeMeaning)}
	for _, t := range []tag.Tag{tag.LongCodeValue, tag.URNCodeValue} {
		if c.Value == "" {
			c.Value = ds.String(t)
		}
	}
	return c
}

// same compares what codes are, not how they are called.
func same(a, b code.Concept) bool { return a.Scheme == b.Scheme && a.Value == b.Value }

// unitItem is a UCUM unit as a code. A unit that is longer than a code value is refused: cut, it would be another one.
func unitItem(unit string) (*dicom.DataSet, error) {
	if unit == "" || len(unit) > 16 || strings.ContainsAny(unit, "\\ ") {
		return nil, fault.New(fault.Input, "a unit has 1 to 16 characters in a report").WithHint("UCUM has short ones: mm, mm2, mL, ms, {pixels}")
	}
	c := code.Concept{Scheme: "UCUM", Value: unit, Meaning: unit}
	if known, ok := code.Lookup("UCUM", unit); ok {
		c.Meaning = known.Meaning
	}
	return codeItem(c), nil
}

// first is the first item of a sequence; nil if there is none.
func first(ds *dicom.DataSet, t tag.Tag) *dicom.DataSet {
	if items := ds.Sequence(t); len(items) > 0 {
		return items[0]
	}
	return nil
}

// oneCharset gives a data set that has text of any character set in it one for all, UTF-8: programs of others read a set inside of an item
// badly. Of ASCII alone none is named.
func oneCharset(ds *dicom.DataSet) error {
	for _, e := range ds.Walk() {
		if e.Tag == tag.SpecificCharacterSet {
			return ds.ToUTF8()
		}
	}
	return nil
}

// ValueName is the name of a measured value by its concept; "" where it is none that package annotate/measure gives.
func ValueName(c code.Concept) string {
	for name, known := range values {
		if same(c, known) {
			return name
		}
	}
	if c.Scheme == Scheme {
		return c.Value
	}
	return ""
}
