package audit

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// Scores of group B are the true probabilities with their logits halved and moved by 1; a calibration of its own brings them back, and group
// A, whose scores are right, is left about as it is.
func TestGroupCalibration(t *testing.T) {
	rng := stats.Seed(6).Stream("calibration")
	var b strings.Builder
	b.WriteString("split,sex,ill_true,ill_prob\n")
	for i := range 2400 {
		z := 2 * rng.NormFloat64()
		y := 0
		if rng.Float64() < 1/(1+math.Exp(-z)) {
			y = 1
		}
		sex := "A"
		if i%2 == 0 {
			sex, z = "B", z/2+1
		}
		fmt.Fprintf(&b, "%s,%s,%d,%.6f\n", []string{"test", "val"}[i/1200], sex, y, 1/(1+math.Exp(-z)))
	}
	r := audited(t, read(t, b.String(), ReadOptions{Groups: []string{"sex"}}), Options{})
	c := r.Targets["ill"].Calibrated
	if len(c) != 1 {
		t.Fatalf("%d calibrations", len(c))
	}
	if before, after := float64(c[0].Before["gap"].Value), float64(c[0].After["gap"].Value); before < 0.1 || after > 0.06 {
		t.Errorf("gap %v before, %v after", before, after)
	}
	if c[0].After["brier"].Value >= c[0].Before["brier"].Value || len(c[0].Harm) != 0 {
		t.Errorf("%+v", c[0])
	}
	alone := audited(t, read(t, "sex,ill_true,ill_prob\nA,1,0.5\nB,0,0.5\n", ReadOptions{Groups: []string{"sex"}}), Options{MinGroup: 1})
	if alone.Targets["ill"].Calibrated != nil {
		t.Error("a calibration without validation rows")
	}
}
