package learn

import (
	"math"
	"testing"
)

func TestSchedule(t *testing.T) {
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	// 10 epochs of 4 steps, half an epoch (2 steps) of warm-up, so that 38 steps are annealed.
	cos := schedule{TrainSpec{LR: 0.8, Epochs: 10, Schedule: "cosine", WarmupEpochs: 0.5}, 4}
	near("first step", cos.at(0), 0.4)
	near("end of warm-up", cos.at(1), 0.8)
	near("start of the cosine", cos.at(2), 0.8)
	near("half way", cos.at(2+19), 0.4)
	near("a quarter", cos.at(2)*(1+math.Cos(math.Pi/2))/2, 0.4)
	near("after the end", cos.at(99), 0)
	for s := 2; s < 40; s++ {
		if cos.at(s+1) >= cos.at(s) {
			t.Errorf("step %d: the cosine rises", s)
		}
	}

	step := schedule{TrainSpec{LR: 1, Epochs: 10, Schedule: "step", StepEpochs: []int{5, 8}}, 4}
	near("before the first drop", step.at(19), 1)
	near("at the first drop", step.at(20), 0.1)
	near("at the second drop", step.at(32), 0.01)
	step.spec.StepGamma = 0.5
	near("own gamma", step.at(39), 0.25)

	flat := schedule{TrainSpec{LR: 0.3, Epochs: 2, Schedule: "constant", WarmupEpochs: 1}, 3}
	for i, want := range []float64{0.1, 0.2, 0.3, 0.3, 0.3} {
		near("constant", flat.at(i), want)
	}
	// Warm-up longer than training never divides by zero.
	near("all warm-up", schedule{TrainSpec{LR: 1, Epochs: 1, Schedule: "cosine", WarmupEpochs: 2}, 2}.at(4), 1)
}
