package batch

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// Row is what research asks of an object, read from the original header and told in the output's terms: pseudonyms, shifted dates. It is one row of
// the metadata table.
type Row struct {
	Path, Patient, Study, Series, Instance  string
	SOPClass, Modality, BodyPart, View      string
	Laterality, ImageType                   string
	Rows, Columns, Frames, Bits             int
	RowSpacing, ColumnSpacing, Thickness    float64 // mm; 0 is unknown
	FrameRate                               float64 // per second; 0 is unknown, never assumed
	FrameRateFrom                           string  // the attribute that gave it
	Manufacturer, Model, Site               string
	KVP                                     float64
	Contrast                                bool
	MRClass, MRRule                         string
	MRConfidence                            float64 // 0 to 1
	USMode                                  string
	StudyDate, AgeBand, Sex, TransferSyntax string
	SeriesNumber, InstanceNumber            string
}

func newRow(f *dicom.File, res *deid.Result, pr *deid.Profile) *Row {
	ds, out := f.DataSet, res.DataSet
	r := &Row{Patient: res.PatientCode(), Study: out.String(tag.StudyInstanceUID), Series: out.String(tag.SeriesInstanceUID), Instance: out.String(tag.SOPInstanceUID),
		SOPClass: out.String(tag.SOPClassUID), Modality: out.String(tag.Modality), BodyPart: out.String(tag.BodyPartExamined), View: view(out), Laterality: laterality(out),
		ImageType: strings.Join(out.Strings(tag.ImageType), `\`), Manufacturer: out.String(tag.Manufacturer), Model: out.String(tag.ManufacturerModelName), Site: out.String(tag.StationName),
		StudyDate: out.String(tag.StudyDate), Sex: out.String(tag.PatientSex), AgeBand: ageBand(out.String(tag.PatientAge)), TransferSyntax: string(f.TransferSyntax),
		SeriesNumber: out.String(tag.SeriesNumber), InstanceNumber: out.String(tag.InstanceNumber)}
	r.Rows, _ = ds.Int(tag.Rows)
	r.Columns, _ = ds.Int(tag.Columns)
	r.Bits, _ = ds.Int(tag.BitsStored)
	r.Frames = 1
	if n, ok := ds.Int(tag.NumberOfFrames); ok && n > 0 {
		r.Frames = n
	}
	if !ds.Has(tag.Rows) {
		r.Frames = 0
	}
	if s := first(ds, tag.PixelSpacing); len(s) == 2 {
		r.RowSpacing, r.ColumnSpacing = s[0], s[1]
	} else if s := first(ds, tag.ImagerPixelSpacing); len(s) == 2 {
		r.RowSpacing, r.ColumnSpacing = s[0], s[1]
	}
	if s := first(ds, tag.SliceThickness); len(s) > 0 {
		r.Thickness = s[0]
	}
	r.KVP, _ = ds.Float(tag.KVP)
	r.Contrast = ds.String(tag.ContrastBolusAgent) != "" || ds.Has(tag.ContrastBolusAgentSequence)
	r.FrameRate, r.FrameRateFrom = frameRate(ds)
	if r.Modality == "MR" {
		r.MRClass, r.MRRule, r.MRConfidence = mrClass(ds)
	}
	r.USMode = usMode(ds)
	return r
}

// first is the value of t at the top, or in the functional groups of an enhanced object.
func first(ds *dicom.DataSet, t tag.Tag) []float64 {
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

func view(ds *dicom.DataSet) string {
	if v := ds.String(tag.ViewPosition); v != "" {
		return v
	}
	if items := ds.Sequence(tag.ViewCodeSequence); len(items) > 0 {
		return items[0].String(tag.CodeMeaning)
	}
	return ""
}

func laterality(ds *dicom.DataSet) string {
	if v := ds.String(tag.ImageLaterality); v != "" {
		return v
	}
	return ds.String(tag.Laterality)
}

// ageBand is the band of ten years that an age falls into; ages over 89 are one band.
func ageBand(s string) string {
	if len(s) != 4 {
		return ""
	}
	n, err := strconv.Atoi(s[:3])
	if err != nil {
		return ""
	}
	if s[3] != 'Y' {
		n = 0
	}
	if n >= 90 {
		return "90+"
	}
	low := n / 10 * 10
	return strconv.Itoa(low) + "-" + strconv.Itoa(low+9)
}

// frameRate is frames per second and the attribute that says so, in the order of what is most direct. It is never assumed.
func frameRate(ds *dicom.DataSet) (perSecond float64, from string) {
	ok := func(v float64) bool { return v > 0 && v < 1e5 && !math.IsInf(v, 0) }
	for _, t := range []tag.Tag{tag.CineRate, tag.RecommendedDisplayFrameRate} {
		if v, there := ds.Float(t); there && ok(v) {
			return v, t.Keyword()
		}
	}
	if v, there := ds.Float(tag.FrameTime); there && ok(v) {
		return 1000 / v, "FrameTime"
	}
	if v := ds.Floats(tag.FrameTimeVector); len(v) > 1 {
		sum := 0.0
		for _, x := range v[1:] { // the first one is the time to the first frame
			sum += x
		}
		if mean := sum / float64(len(v)-1); ok(mean) {
			return 1000 / mean, "FrameTimeVector"
		}
	}
	n, _ := ds.Float(tag.NumberOfFrames)
	if d, there := ds.Float(tag.EffectiveDuration); there && ok(d) && n > 1 {
		return n / d, "EffectiveDuration"
	}
	return 0, ""
}

// mrClass is the contrast of an MR image, the rule that decided, and how sure it is. Text is asked only where physics says nothing.
func mrClass(ds *dicom.DataSet) (class, rule string, confidence float64) {
	num := func(t tag.Tag) (float64, bool) {
		if v := first(ds, t); len(v) > 0 {
			return v[0], true
		}
		return 0, false
	}
	has := func(t tag.Tag, w string) bool { return slices.Contains(ds.Strings(t), w) }
	if v := ds.String(0x00089209); v != "" { // Acquisition Contrast
		switch v {
		case "T1", "T2", "DIFFUSION", "FLOW_ENCODED", "PROTON_DENSITY", "T2_STAR", "PERFUSION", "STIR", "TAGGING", "TOF":
			names := map[string]string{"DIFFUSION": "DWI", "FLOW_ENCODED": "angiography", "PROTON_DENSITY": "PD", "T2_STAR": "T2*", "TOF": "angiography"}
			if n, ok := names[v]; ok {
				v = n
			}
			return v, "AcquisitionContrast", 1
		}
	}
	if b, ok := num(0x00189087); ok && b > 0 {
		return "DWI", "b-value", 0.95
	}
	for _, p := range []struct {
		group   uint16
		creator string
		low     byte
	}{{0x0019, "SIEMENS MR HEADER", 0x0C}, {0x0043, "GEMS_PARM_01", 0x39}, {0x2001, "Philips Imaging DD 001", 0x03}} {
		if e, ok := ds.GetPrivate(p.group, p.creator, p.low); ok {
			if v := e.Floats(); len(v) > 0 && math.Mod(v[0], 1e6) > 0 {
				return "DWI", "b-value of " + p.creator, 0.9
			}
		}
	}
	if strings.Contains(strings.Join(ds.Strings(tag.ImageType), " "), "DIFFUSION") {
		return "DWI", "ImageType", 0.9
	}
	if has(tag.ScanningSequence, "EP") && has(tag.SequenceVariant, "SK") && strings.Contains(strings.ToUpper(ds.String(tag.SequenceName)), "EP_B") {
		return "DWI", "SequenceName", 0.85
	}
	if ds.String(tag.AngioFlag) == "Y" {
		return "angiography", "AngioFlag", 0.9
	}
	tr, okTR := num(tag.RepetitionTime)
	te, okTE := num(tag.EchoTime)
	ti, okTI := num(tag.InversionTime)
	flip, _ := num(tag.FlipAngle)
	gr, se, ir := has(tag.ScanningSequence, "GR"), has(tag.ScanningSequence, "SE"), has(tag.ScanningSequence, "IR")
	frames, _ := num(tag.CardiacNumberOfImages)
	switch {
	case gr && has(tag.SequenceVariant, "SS") && !has(tag.SequenceVariant, "SP") && okTR && tr < 10 && okTE && te < 4 && flip > 30 && frames > 5:
		return "cine SSFP", "GR, SS, TR < 10 ms, flip > 30°, several phases", 0.85
	case okTI && ti > 1500 && okTE && te > 70:
		return "FLAIR", "TI > 1500 ms, TE > 70 ms", 0.9
	case gr && okTI && ti > 150 && ti < 500 && okTR && tr < 1200 && frames > 0 && flip <= 30:
		return "LGE", "GR, TI 150 to 500 ms, cardiac", 0.7
	case (ir || okTI && ti > 600) && gr && okTE && te < 10:
		return "T1", "inversion-prepared GR, TE < 10 ms", 0.85
	case gr && okTE && te >= 15 && flip < 40:
		return "T2*", "GR, TE >= 15 ms", 0.75
	case gr && okTE && te < 15:
		return "T1", "GR, TE < 15 ms", 0.65
	case (se || !gr) && okTR && okTE && tr < 1000 && te < 30:
		return "T1", "SE, TR < 1000 ms, TE < 30 ms", 0.85
	case (se || !gr) && okTR && okTE && tr >= 1800 && te >= 60:
		return "T2", "SE, TR >= 1800 ms, TE >= 60 ms", 0.85
	case (se || !gr) && okTR && okTE && tr >= 1000 && te < 60:
		return "PD", "SE, TR >= 1000 ms, TE < 60 ms", 0.65
	}
	text := strings.ToLower(ds.String(tag.SeriesDescription) + " " + ds.String(tag.ProtocolName))
	for _, p := range []struct{ word, class string }{{"flair", "FLAIR"}, {"dwi", "DWI"}, {"t2*", "T2*"}, {"t1", "T1"}, {"t2", "T2"}, {"pd", "PD"}, {"lge", "LGE"}, {"cine", "cine SSFP"}, {"mra", "angiography"}} {
		if strings.Contains(text, p.word) {
			return p.class, "description", 0.4
		}
	}
	return "", "", 0
}

// usMode names the modes of an ultrasound image by its regions.
func usMode(ds *dicom.DataSet) string {
	names := map[int]string{1: "2D", 2: "colour", 3: "PW", 4: "CW", 6: "M"} // Region Data Type by Spatial Format, PS3.3 C.8.5.5.1
	var modes []string
	for _, item := range ds.Sequence(tag.SequenceOfUltrasoundRegions) {
		format, _ := item.Int(tag.RegionSpatialFormat)
		kind, _ := item.Int(tag.RegionDataType)
		m := ""
		switch {
		case format == 2:
			m = "M"
		case format == 3 && kind == 4:
			m = "CW"
		case format == 3:
			m = "PW"
		case kind == 2:
			m = "colour"
		case format == 1:
			m = names[1]
		}
		if m != "" && !slices.Contains(modes, m) {
			modes = append(modes, m)
		}
	}
	slices.Sort(modes)
	return strings.Join(modes, "+")
}
