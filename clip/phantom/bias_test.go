package phantom

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// With a bias of 0.7 about 70 % of women's reduced ejection fractions go unrecorded and no man's; marker and gain tell the sex 19 times of
// 20. Without one the record is the truth, and nobody's heart changes.
func TestPlantedBias(t *testing.T) {
	plain, err := New(Config{Seed: 3, Patients: 600, Preset: Uniform})
	if err != nil {
		t.Fatal(err)
	}
	biased, err := New(Config{Seed: 3, Patients: 600, Preset: Uniform, Bias: 0.7})
	if err != nil {
		t.Fatal(err)
	}
	sick, missed, told := 0.0, 0.0, 0.0
	for i := range 600 {
		a, b := plain.Patient(i), biased.Patient(i)
		if a.EF != b.EF || a.Sex != b.Sex || a.Recorded != a.Reduced() {
			t.Fatalf("patient %d differs: EF %v, %v", i, a.EF, b.EF)
		}
		if b.Sex == "M" && b.Recorded != b.Reduced() || b.Recorded && !b.Reduced() {
			t.Fatalf("patient %d: recorded %t, reduced %t", i, b.Recorded, b.Reduced())
		}
		if b.Sex == "F" && b.Reduced() {
			sick++
			if !b.Recorded {
				missed++
			}
		}
		if b.bits[Marker] != b.bits[Gain] {
			t.Fatal("marker and gain disagree")
		}
		if b.bits[Marker] == (b.Sex == "F") {
			told++
		}
	}
	if share := missed / sick; share < 0.6 || share > 0.8 {
		t.Errorf("%.2f of women's are missed", share)
	}
	if share := told / 600; share < 0.92 || share > 0.98 {
		t.Errorf("the picture tells the sex %.3f of the time", share)
	}
	if biased.cfg.pictureDigest() == plain.cfg.pictureDigest() {
		t.Error("pictures with and without a bias have one digest")
	}
	for _, b := range []float64{-0.1, 1.1} {
		if _, err := New(Config{Patients: 1, Bias: b}); fault.CodeOf(err) != fault.Usage {
			t.Errorf("bias %v: %v", b, err)
		}
	}
}

func TestBiasColumns(t *testing.T) {
	dir := t.TempDir()
	if err := Write(t.Context(), dir, Config{Seed: 3, Patients: 2, Frames: 8, Height: 32, Width: 32, Bias: 1}, nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "cohort.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	head := rows[0]
	if n := len(head); head[n-2] != "reduced" || head[n-1] != "reduced_recorded" || len(rows) != 3 || len(rows[1]) != n {
		t.Errorf("columns %q", head)
	}
}
