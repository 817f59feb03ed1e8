package phantom

import (
	"bytes"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// A swapped look changes pixels where it is drawn and nothing of the patient; swapping back gives the clip's own bytes.
func TestSwapHoldsThePatient(t *testing.T) {
	c, err := New(Config{Seed: 4, Patients: 1, Frames: 8, Height: 64, Width: 64, Masks: true})
	if err != nil {
		t.Fatal(err)
	}
	p := c.Patient(0)
	own, truth := c.ClipOf(p, A4C)
	for _, k := range Looks {
		same, err := p.With(k, p.Look(k))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := c.ClipOf(same, A4C); !bytes.Equal(got.Data, own.Data) {
			t.Errorf("%s: swapped to its own side, the clip differs", k)
		}
		other, err := p.With(k, !p.Look(k))
		if err != nil {
			t.Fatal(err)
		}
		got, now := c.ClipOf(other, A4C)
		if bytes.Equal(got.Data, own.Data) && k != FrameRate {
			t.Errorf("%s: nothing to see of the swap", k)
		}
		if other.EF != p.EF || other.Outcome != p.Outcome || other.Site != p.Site || other.Age != p.Age || p.Look(k) == other.Look(k) {
			t.Errorf("%s: another patient", k)
		}
		if k == Logo || k == Marker || k == Gain || k == Text { // drawn over or after the tissue
			if !bytes.Equal(now.Masks, truth.Masks) {
				t.Errorf("%s: the anatomy moved", k)
			}
		}
		if k == Logo || k == Marker { // the tissue itself is untouched
			for i, m := range truth.Masks {
				if m != MaskBackground && !bytes.Equal(got.Data[3*i:3*i+3], own.Data[3*i:3*i+3]) {
					t.Errorf("%s: a pixel of the heart changed", k)
					break
				}
			}
		}
	}
	if _, err := p.With(BMI, true); fault.CodeOf(err) != fault.Usage {
		t.Errorf("body mass: %v", err)
	}
	if with, _ := p.With(Text, true); with.Device != "Echomax 300" {
		t.Errorf("device %s", with.Device)
	}
}
