package nn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
	"github.com/google/go-cmp/cmp"
)

func TestInitialisers(t *testing.T) {
	spread := func(init Init, shape ...int64) (mean, sd, largest float64) {
		out := make([]float32, numel(shape))
		init(stats.Seed(5).Stream("x"), shape, out)
		for _, v := range out {
			mean += float64(v) / float64(len(out))
			largest = math.Max(largest, math.Abs(float64(v)))
		}
		for _, v := range out {
			sd += (float64(v) - mean) * (float64(v) - mean) / float64(len(out))
		}
		return mean, math.Sqrt(sd), largest
	}
	// fan_out = 64·27: SD sqrt(2/1728) = 0.03402. With 110,592 draws the SD's own error is 0.2 %.
	if mean, sd, _ := spread(KaimingNormalFanOut, 64, 64, 3, 3, 3); math.Abs(sd/0.03402-1) > 0.01 || math.Abs(mean) > 5e-4 {
		t.Errorf("Kaiming: mean %v, SD %v", mean, sd)
	}
	if mean, sd, _ := spread(Normal(0.01), 100, 512); math.Abs(sd/0.01-1) > 0.01 || math.Abs(mean) > 2e-4 {
		t.Errorf("normal: mean %v, SD %v", mean, sd)
	}
	// U(−1/8, 1/8): SD (1/8)/√3.
	if _, sd, largest := spread(UniformFanIn(64), 200, 64); largest > 0.125 || largest < 0.124 || math.Abs(sd/(0.125/math.Sqrt(3))-1) > 0.02 {
		t.Errorf("uniform: SD %v, largest %v", sd, largest)
	}
}

func TestFold(t *testing.T) {
	// One kernel of two positions, three channels: sums 1+3+5 and 2+4+6.
	got := fold([]float32{1, 2, 3, 4, 5, 6}, []int64{1, 3, 2}, []int64{1, 1, 2})
	if d := cmp.Diff([]float32{9, 12}, got); d != "" {
		t.Error(d)
	}
	// Back: each channel a third, so that their sum is the kernel again.
	back := fold(got, []int64{1, 1, 2}, []int64{1, 3, 2})
	if d := cmp.Diff([]float32{3, 4, 3, 4, 3, 4}, back); d != "" {
		t.Error(d)
	}
	// Two output channels stay apart.
	got = fold([]float32{1, 2, 3, 10, 20, 30}, []int64{2, 3, 1}, []int64{2, 1, 1})
	if d := cmp.Diff([]float32{6, 60}, got); d != "" {
		t.Error(d)
	}
	for _, c := range []struct {
		have, want []int64
		ok         bool
	}{
		{[]int64{8, 3, 3, 7, 7}, []int64{8, 1, 3, 7, 7}, true},
		{[]int64{8, 1, 3, 7, 7}, []int64{8, 3, 3, 7, 7}, true},
		{[]int64{8, 3, 3, 7, 7}, []int64{4, 1, 3, 7, 7}, false},
		{[]int64{8, 3, 3, 7, 7}, []int64{8, 2, 3, 7, 7}, false},
		{[]int64{8, 3, 3, 7, 7}, []int64{8, 1, 7, 7}, false},
		{[]int64{7, 3}, []int64{7, 1}, false},
	} {
		if foldable(c.have, c.want) != c.ok {
			t.Errorf("foldable(%v, %v) is not %v", c.have, c.want, c.ok)
		}
	}
}

func TestCosts(t *testing.T) {
	// A 3×3 convolution from 2 to 4 channels at stride 2 on 7×5: output 4×3. 4·2·9 weights; 4·(4·3)·(2·9) multiply-adds.
	out, c := NewConv(2, 4, []int64{3, 3}, []int64{2, 2}, []int64{1, 1}).Cost([]int64{1, 2, 7, 5})
	if d := cmp.Diff([]int64{1, 4, 4, 3}, out) + cmp.Diff(Cost{Params: 72, MACs: 864, Activations: 48}, c); d != "" {
		t.Error(d)
	}
	out, c = NewLinear(10, 3, nil, nil).Cost([]int64{2, 10})
	if d := cmp.Diff([]int64{2, 3}, out) + cmp.Diff(Cost{Params: 33, MACs: 60, Activations: 6}, c); d != "" {
		t.Error(d)
	}
	if out, _ = (MaxPool2d()).Cost([]int64{1, 2, 7, 1}); !slices.Equal(out, []int64{1, 2, 4, 1}) {
		t.Errorf("pooled shape %v", out)
	}
}

func TestLoadReportWords(t *testing.T) {
	r := LoadReport{Matched: make([]string, 7), Folded: []string{"stem.0.weight"}, Missing: []string{"a", "b", "c", "d", "e"}}
	want := "7 matched, 1 folded (stem.0.weight), 5 missing (a, b, c, d, …)"
	if r.String() != want || r.Exact() {
		t.Errorf("%q, want %q", r, want)
	}
}

func TestLoad(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		m := Chain{
			{"stem", NewConv(1, 2, []int64{1, 1}, []int64{1, 1}, []int64{0, 0})},
			{"bn", NewBatchNorm(2)},
			{"fc", NewLinear(2, 3, nil, nil)},
		}
		Materialise(e, m, 1)
		defer Free(m)
		r, err := Load(e, m, map[string]torch.Array{
			"stem.weight":     torch.ArrayOf([]float32{1, 2, 3, 4, 5, 6}, 2, 3, 1, 1),
			"bn.weight":       torch.ArrayOf([]float32{7, 8}, 2),
			"bn.bias":         torch.ArrayOf([]float32{9, 10}, 2),
			"bn.running_mean": torch.ArrayOf([]float32{0, 0}, 2),
			"bn.running_var":  torch.ArrayOf([]float32{1, 1}, 2),
			"fc.weight":       torch.ArrayOf(make([]float32, 20), 10, 2),
			"other":           torch.ArrayOf([]float32{1}, 1),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := LoadReport{
			Matched: []string{"bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"}, Folded: []string{"stem.weight"},
			Resized: []string{"fc.weight"}, Missing: []string{"fc.bias"}, Unexpected: []string{"other"},
		}
		if d := cmp.Diff(want, r); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]float32{6, 15}, values(t, Export(m)["stem.weight"])); d != "" {
			t.Error(d)
		}
		if _, err := Load(e, m, map[string]torch.Array{"other": torch.ArrayOf([]float32{1}, 1)}); err == nil {
			t.Error("weights without a known key were accepted")
		}
		bad := torch.ArrayOf([]float32{1, float32(math.Inf(1))}, 2)
		if _, err := Load(e, m, map[string]torch.Array{"bn.bias": bad}); err == nil || !strings.Contains(err.Error(), "bn.bias") {
			t.Errorf("infinite weights: %v", err)
		}
	})
}

// TestMaterialiseIgnoresOrder: values depend on seed and name, not on what else there is.
func TestMaterialiseIgnoresOrder(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		conv := func() Module { return NewConv(2, 3, []int64{3, 3}, []int64{1, 1}, []int64{1, 1}) }
		a, b := Chain{{"x", conv()}, {"y", conv()}}, Chain{{"y", conv()}}
		other := Chain{{"y", conv()}}
		Materialise(e, a, 7)
		Materialise(e, b, 7)
		Materialise(e, other, 8)
		va, vb, vo := Export(a), values(t, Export(b)["y.weight"]), values(t, Export(other)["y.weight"])
		if !slices.Equal(values(t, va["y.weight"]), vb) {
			t.Error("the same name and seed gave other values")
		}
		if slices.Equal(values(t, va["x.weight"]), vb) || slices.Equal(vo, vb) {
			t.Error("another name or seed gave the same values")
		}
		for _, m := range []Module{a, b, other} {
			Free(m)
		}
	})
}

func values(t *testing.T, a torch.Array) []float32 {
	t.Helper()
	v, err := a.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestInflate: a 2×2 kernel over three frames, each a third of it; and from three colours to grey at once.
func TestInflate(t *testing.T) {
	got := inflate([]float32{3, 6, 9, 12}, []int64{1, 1, 2, 2}, []int64{1, 1, 3, 2, 2})
	want := []float32{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	got = inflate([]float32{1, 2, 3, 4, 5, 6}, []int64{1, 3, 1, 2}, []int64{1, 1, 2, 1, 2})
	if want := []float32{4.5, 6, 4.5, 6}; !slices.Equal(got, want) { // 1+3+5 and 2+4+6, halved
		t.Errorf("colour: %v", got)
	}
	for _, k := range []struct {
		have, want []int64
		fit        fit
	}{
		{[]int64{8, 3, 7, 7}, []int64{8, 3, 5, 7, 7}, fitInflate},
		{[]int64{8, 3, 7, 7}, []int64{8, 1, 5, 7, 7}, fitInflate},
		{[]int64{8, 3, 7, 7}, []int64{8, 3, 5, 5, 5}, fitNone},
		{[]int64{8, 3, 7, 7}, []int64{8, 1, 7, 7}, fitFold},
		{[]int64{8, 4, 1, 1, 1}, []int64{8, 4}, fitSame},
		{[]int64{96}, []int64{96, 1, 1}, fitSame},
		{[]int64{8, 4}, []int64{4, 8}, fitNone},
	} {
		if got := fitOf(k.have, k.want); got != k.fit {
			t.Errorf("%v to %v: %v", k.have, k.want, got)
		}
	}
}
