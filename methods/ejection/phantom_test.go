package ejection

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/clip/phantom"
)

// TestPhantom: the simulator's own volume curve gives its ejection fraction at its end-diastoles and end-systoles within half a point, beats
// being found in the curve alone; discs in the four-chamber masks give it within 3 points each (one plane of a heart that is not round, seen
// foreshortened, against two).
func TestPhantom(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: simulates clips")
	}
	c, err := phantom.New(phantom.Config{Seed: 5, Patients: 4, Frames: -1, Tissue: true, Masks: true, Preset: phantom.Healthy})
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Len() {
		cl, truth := c.Clip(i, phantom.A4C)
		var want, pairs float64
		for _, d := range truth.ED {
			for _, s := range truth.ES {
				if s > d {
					want, pairs = want+Fraction(truth.Volumes[d], truth.Volumes[s]), pairs+1
					break
				}
			}
		}
		if pairs == 0 {
			continue
		}
		want /= pairs
		got, beats := MeanFraction(truth.Volumes)
		t.Logf("patient %d: true %.1f, from the curve %.1f of %d beats", i, want, got, beats)
		if math.Abs(got-want) > 0.5 {
			t.Errorf("patient %d: %v of %d beats, true %v", i, got, beats, want)
		}
		volumes := make([]float64, cl.T)
		for f := range volumes {
			p := Plane{In: make([]bool, cl.H*cl.W), H: cl.H, W: cl.W, RowMM: truth.PixelMM, ColumnMM: truth.PixelMM}
			for k := range p.In {
				p.In[k] = truth.Masks[f*cl.H*cl.W+k] == phantom.MaskLV
			}
			volumes[f] = Simpson(p)
		}
		single, _ := MeanFraction(volumes)
		t.Logf("patient %d: from masks of one plane %.1f", i, single)
		if !(math.Abs(single-want) <= 3) {
			t.Errorf("patient %d: one plane gives %v, true %v", i, single, want)
		}
	}
}
