package result

import (
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
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

// TestJudgePresentation: dicom3tools find nothing wrong; dcmtk's checker of presentation states takes the grey one, which it is for.
func TestJudgePresentation(t *testing.T) {
	for photometric, frames := range map[string]int{"MONOCHROME2": 1, "YBR_FULL_422": 3} {
		ds, err := shapes(t, photometric, frames).DataSet()
		if err != nil {
			t.Fatal(err)
		}
		t.Run("dciodvfy "+photometric, func(t *testing.T) {
			silent(t, judge(t, ds, "dciodvfy", "-new"), "Unrecognized defined term = <99CINELOOP>", "Laterality(0020,0060)> - is only permitted to be empty when actually unknown") // it is
		})
		if frames == 1 {
			t.Run("dcmpschk", func(t *testing.T) {
				p := shapes(t, photometric, frames) // it has no UTF-8
				p.Image.Header.SetString(tag.PatientName, "Plain^Name")
				p.Marks[1].Text = "cavity"
				ds, err := p.DataSet()
				if err != nil {
					t.Fatal(err)
				}
				said := judge(t, ds, "dcmpschk")
				if strings.Contains(said, "E: ") || !strings.Contains(said, "Test passed") {
					t.Error(said)
				}
			})
		}
	}
}
