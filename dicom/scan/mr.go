package scan

import (
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// MRContrast is the contrast of an MR image (T1, T2, T2*, PD, FLAIR, DWI, cine SSFP, LGE, angiography, …; empty: unknown), the rule that decided,
// and how sure it is, 0 to 1. Attributes that state it come first (PS3.3 C.8.13.3), then sequence and timing; text is asked only where physics
// says nothing.
func MRContrast(ds *dicom.DataSet) (class, rule string, confidence float64) {
	num := func(t tag.Tag) (float64, bool) {
		if v := Floats(ds, t); len(v) > 0 {
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
