package fairness

import (
	"math"
	"testing"
)

// Two groups of the same five people, labels 1 0 1 0 0 from the highest score down: no yes is right three times of five, one yes four, two three, three
// four, and then it falls. Between one yes and three every mixture of the two is as good.
func TestThresholdTiesByHand(t *testing.T) {
	var score []float64
	var y, group []int
	for g := range 2 {
		for i, v := range []int{1, 0, 1, 0, 0} { // accuracy for 0…5 yeses: 3, 4, 3, 4, 3, 2 of 5
			score, y, group = append(score, 1-float64(i)/10), append(y, v), append(group, g)
		}
	}
	best, err := OptimiseThresholds(score, y, group, 2, DemographicParity, Accuracy)
	if err != nil || math.Abs(best.Objective-0.8) > 1e-12 {
		t.Fatalf("%+v, %v", best, err)
	}
	// The hull is flat between one yes (rate 0.2) and three (0.6): every step of the grid between them is as good, 401 of them.
	ties, err := ThresholdTies(score, y, group, 2, DemographicParity, Accuracy, 1e-9)
	if err != nil || len(ties) != 401 {
		t.Fatalf("%d rules tie, want 401; %v", len(ties), err)
	}
	for i, r := range ties {
		if i > 0 && r.Objective > ties[i-1].Objective || r.Objective < 0.8-1e-9 {
			t.Fatalf("rule %d reaches %v after %v", i, r.Objective, ties[i-1].Objective)
		}
	}
	// Slack of everything: every step of the grid.
	if all, err := ThresholdTies(score, y, group, 2, DemographicParity, Accuracy, 1); err != nil || len(all) != thresholdGrid+1 {
		t.Errorf("%d rules, %v", len(all), err)
	}
	if odds, err := ThresholdTies(score, y, group, 2, EqualisedOdds, Accuracy, 1); err != nil || len(odds) != 1 {
		t.Errorf("equalised odds: %d rules, %v", len(odds), err)
	}
}
