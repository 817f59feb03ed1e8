package evaluate

import (
	"math"
	"testing"
)

func TestAUROC(t *testing.T) {
	// Pairs: 0.9 > 0.2 and 0.5; 0.5 > 0.2 and ties 0.5: (2 + 1.5) / 4.
	f := AUROC([]float64{0.9, 0.5, 0.5, 0.2}, []bool{true, true, false, false})
	if got := f(nil); got != 0.875 {
		t.Errorf("%g", got)
	}
	if got := f([]float64{0, 2, 1, 1}); got != 0.75 { // the tied positive alone
		t.Errorf("%g", got)
	}
	if got := f([]float64{1, 1, 0, 0}); !math.IsNaN(got) {
		t.Errorf("%g without negatives", got)
	}
}
