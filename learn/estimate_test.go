package learn

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/cohort"
)

// TestStepModel compares the model of a step's time with steps that were measured on one core of a Zen 4 (CPU seconds, the least of
// three, SGD with momentum). The model exists to rank plans and to promise minutes: a factor of two either way is its limit, and the
// order of any two steps that differ by more than four must be right.
func TestStepModel(t *testing.T) {
	if !hasBF16() {
		t.Skip("the bfloat16 rate was measured on a processor that has bfloat16 arithmetic; this one has none")
	}
	small, usual, half := []int{1, 1, 1}, []int{1, 2, 2}, []int{2, 2, 2}
	measured := []struct {
		name       string
		batch, w   int
		c, f, h    int
		stem       []int
		fp32, bf16 float64
	}{
		{"r3d_18", 2, 64, 3, 16, 112, usual, 5.125, 2.539},
		{"r3d_18", 2, 32, 1, 16, 112, usual, 1.308, 0.976},
		{"r3d_18", 4, 16, 1, 16, 112, usual, 0.928, 0.496},
		{"r3d_18", 4, 8, 1, 16, 112, usual, 0.636, 0.360},
		{"r3d_18", 8, 8, 1, 16, 56, usual, 0.256, 0.180},
		{"r3d_18", 32, 8, 1, 28, 28, small, 1.938, 1.259},
		{"r3d_18", 32, 16, 1, 28, 28, small, 4.730, 1.436},
		{"r3d_18", 32, 16, 1, 28, 28, half, 0.399, 0.235},
		{"r3d_18", 32, 32, 1, 28, 28, half, 1.307, 0.681},
		{"mc3_18", 4, 16, 1, 16, 112, usual, 0.970, 0.474},
		{"r2plus1d_18", 4, 16, 1, 16, 112, usual, 2.657, 0.771},
		{"resnet18_mean", 4, 16, 1, 16, 112, usual, 0.270, 0.176},
		{"resnet18_mean", 2, 64, 3, 16, 112, usual, 1.352, 0.609},
		{"resnet18_mean", 16, 32, 1, 1, 128, usual, 0.221, 0.131},
	}
	type pair struct{ model, truth float64 }
	var all []pair
	for _, m := range measured {
		p := &Plan{Model: ModelSpec{Name: m.name, Width: m.w, StemStride: m.stem}}
		p.Input.Channels, p.Input.Frames, p.Input.Height, p.Input.Width = m.c, m.f, m.h, m.h
		p.Train.BatchSize = m.batch
		c, err := planCost(p, []cohort.TargetSpec{{Name: "y", Kind: "regression"}})
		if err != nil {
			t.Fatal(err)
		}
		for cast, truth := range map[string]float64{"none": m.fp32, "bf16": m.bf16} {
			p.Train.Autocast = cast
			got := stepSeconds(p, c, 1)
			if r := got / truth; r > 2 || r < 0.5 {
				t.Errorf("%s width %d, %d×%d, %s: model %.3f s, measured %.3f s", m.name, m.w, m.f, m.h, cast, got, truth)
			}
			all = append(all, pair{got, truth})
		}
	}
	for _, a := range all {
		for _, b := range all {
			if a.truth > 4*b.truth && a.model <= b.model {
				t.Errorf("a step of %.3f s is modelled as %.3f, one of %.3f s as %.3f", a.truth, a.model, b.truth, b.model)
			}
		}
	}
}

// TestEstimatesScale: twice the batch takes twice as long and more memory; more cores take less; averages and moments take memory.
func TestEstimatesScale(t *testing.T) {
	base := toyPlan("")
	base.Model.Width, base.Input.Height, base.Input.Width = 16, 64, 64
	cost := func(p *Plan) (step, mib float64) {
		c, err := planCost(p, p.Data.Targets)
		if err != nil {
			t.Fatal(err)
		}
		return stepSeconds(p, c, 1), memoryMiB(p, c, 0)
	}
	step, mib := cost(base)
	twice := base.Clone()
	twice.Train.BatchSize *= 2
	if s, m := cost(twice); math.Abs(s/step-2) > 1e-3 || m <= mib {
		t.Errorf("batch doubled: %v and %v s, %v and %v MiB", step, s, mib, m)
	}
	c, _ := planCost(base, base.Data.Targets)
	if two := stepSeconds(base, c, 2); two >= step || two < step/2 {
		t.Errorf("two cores take %v s, one %v", two, step)
	}
	plain := base.Clone()
	plain.Train.Optimizer, plain.Train.Momentum = "sgd", 0
	averaged := base.Clone()
	averaged.Train.EMA = 0.9
	_, less := cost(plain)
	_, more := cost(averaged)
	weights := float64(4*c.Params) / (1 << 20)
	if math.Abs(mib-less-2*weights) > 1e-6 || math.Abs(more-mib-weights) > 1e-6 {
		t.Errorf("%v MiB with AdamW, %v with plain SGD, %v with averages; weights take %v", mib, less, more, weights)
	}
	// 10 rows in batches of 4: two training steps, and one validation batch at a third.
	if got, want := epochSeconds(base, 3, PlanSizes{Train: 10, Val: 4}), 7.0; math.Abs(got-want) > 1e-9 {
		t.Errorf("an epoch takes %v s, want %v", got, want)
	}
}
