package image

import (
	"context"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// TestBackbones: every network's features, counted and computed, for the smallest picture that it takes, a tall one and one channel.
func TestBackbones(t *testing.T) {
	err := torch.Run(context.Background(), torch.Config{Device: "cpu", Threads: 2, Seed: 1}, func(e *torch.Engine) error {
		for _, a := range All() {
			for _, in := range [][]int64{{1, 3, a.Least, a.Least}, {2, 1, a.Least + 21, a.Least + 3}} {
				b := a.Build(Options{Width: 8, Channels: in[1], Size: [2]int64{64, 64}})
				nn.Materialise(e, b.Trunk, 1)
				s := e.Scope()
				e.NoGrad(func() {
					want, cost := b.Trunk.Cost(in)
					y := b.Trunk.Forward(&nn.Pass{E: e}, e.Randn(torch.Float32, in...))
					if !slices.Equal(y.Shape(), want) || want[1] != b.Features || cost.MACs <= 0 || y.IsFinite().All().Item() != 1 {
						t.Errorf("%s for %v: features %v, counted %v, promised %d", a.Name, in, y.Shape(), want, b.Features)
					}
				})
				s.Close()
				nn.Free(b.Trunk)
			}
		}
		return nil
	})
	if fault.CodeOf(err) == fault.Missing {
		t.Skipf("no libtorch here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDivisible follows the rule by hand: the nearest multiple of 8, but never below nine tenths.
func TestDivisible(t *testing.T) {
	for v, want := range map[float64]int64{32: 32, 35.2: 32, 17.6: 16, 24 * 1.4: 32, 44: 48, 11: 16, 1: 8, 268.8: 272} {
		if got := divisible(v, 8); got != want {
			t.Errorf("%v: %d, want %d", v, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	if a, err := Find("vit_b_16"); err != nil || a.Least != 16 {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := Find("vgg"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("an unknown network: %v", err)
	}
	// Stride 1 leaves the max-pool of a ResNet out: no name has it, and pictures keep their size to the second stage.
	a, _ := Find("resnet18")
	_, small := a.Build(Options{Stride: [2]int64{1, 1}}).Trunk.Cost([]int64{1, 3, 32, 32})
	_, usual := a.Build(Options{}).Trunk.Cost([]int64{1, 3, 32, 32})
	if r := float64(small.MACs) / float64(usual.MACs); r < 14 || r > 17 { // sixteen times the positions in all but the stem
		t.Errorf("stride 1 is %.1f times the work", r)
	}
}
