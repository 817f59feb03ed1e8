package scan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// CTPhase is when a CT was taken, after contrast medium or in the heart's cycle: native, arterial, portal venous, delayed, "cardiac 70 %";
// empty: unknown. rule decided, and confidence, 0 to 1, says how sure it is. The limits of the delays are those of usual protocols (Bae,
// "Intravenous contrast medium administration and scan timing at CT", Radiology 2010); descriptions come last.
func CTPhase(ds *dicom.DataSet) (phase, rule string, confidence float64) {
	if v := Floats(ds, tag.NominalPercentageOfCardiacPhase); len(v) > 0 && v[0] >= 0 && v[0] <= 100 {
		return fmt.Sprintf("cardiac %.0f %%", v[0]), "NominalPercentageOfCardiacPhase", 0.95
	}
	start, ok := clock(ds.String(tag.ContrastBolusStartTime))
	taken, ok2 := clock(ds.String(tag.AcquisitionTime))
	if ok && ok2 {
		switch delay := taken - start; {
		case delay >= 10 && delay < 45:
			return "arterial", "10 to 45 s after the bolus", 0.7
		case delay >= 45 && delay < 120:
			return "portal venous", "45 to 120 s after the bolus", 0.7
		case delay >= 120 && delay < 1800:
			return "delayed", "2 to 30 min after the bolus", 0.7
		}
	}
	text := strings.ToLower(ds.String(tag.SeriesDescription) + " " + ds.String(tag.ProtocolName))
	for _, p := range []struct{ word, phase string }{
		{"non-con", "native"}, {"noncon", "native"}, {"without contrast", "native"}, {"w/o contrast", "native"}, {"native", "native"}, {"unenhanced", "native"},
		{"arterial", "arterial"}, {"portal", "portal venous"}, {"venous", "portal venous"}, {"delay", "delayed"}, {"late phase", "delayed"},
	} {
		if strings.Contains(text, p.word) {
			return p.phase, "description", 0.4
		}
	}
	return "", "", 0
}

// clock is a DICOM time (HHMMSS.FFFFFF, PS3.5 6.2) in seconds of the day.
func clock(s string) (seconds float64, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) < 6 {
		return 0, false
	}
	h, err := strconv.Atoi(s[:2])
	m, err2 := strconv.Atoi(s[2:4])
	sec, err3 := strconv.ParseFloat(s[4:], 64)
	if err != nil || err2 != nil || err3 != nil || h > 23 || m > 59 || h < 0 || m < 0 || !(sec >= 0 && sec <= 60) {
		return 0, false
	}
	return float64(3600*h+60*m) + sec, true
}
