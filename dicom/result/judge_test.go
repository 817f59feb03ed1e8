package result

import (
	"strings"
	"testing"
)

// TestJudgeReport: dicom3tools and dcmtk find nothing wrong, and dcmtk's tree has the numbers with their units.
func TestJudgeReport(t *testing.T) {
	ds, err := sample(t).DataSet()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("dciodvfy", func(t *testing.T) {
		silent(t, judge(t, ds, "dciodvfy", "-new"), "Unrecognized defined term = <99CINELOOP>")
	})
	t.Run("dsrdump", func(t *testing.T) {
		said := judge(t, ds, "dsrdump", "+Pl", "+Pu")
		for _, want := range []string{`"Imaging Measurement Report"`, `="0.75" (mm2,UCUM`, `="55.5" (%,UCUM`, `"R-1^"`, "POLYLINE,1/1,4/5.25"} {
			if !strings.Contains(said, want) {
				t.Errorf("no %s", want)
			}
		}
		said = strings.ReplaceAll(said, "W: The VR checker does not support this Specific Character Set: ISO_IR 192", "")
		if strings.Contains(said, "E: ") || strings.Contains(said, "W: ") || t.Failed() {
			t.Error(said)
		}
	})
}

// TestJudgeSegmentation: dicom3tools finds nothing wrong, with a frame of reference and without.
func TestJudgeSegmentation(t *testing.T) {
	for name, s := range map[string]*Segmentation{"echo": echoMasks(t), "stack": stackMasks(t)} {
		ds, err := s.DataSet()
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			silent(t, judge(t, ds, "dciodvfy", "-new"), "Unrecognized defined term = <99CINELOOP>")
		})
	}
}
