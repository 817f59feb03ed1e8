package explain

import (
	"fmt"
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// fan is a moving triangle on a still background, with or without a mark outside of it.
func fan(seed stats.Seed, i int, mark bool) Input {
	rng := seed.Stream("fan", i)
	in := Input{C: 1, T: 4, H: 32, W: 32, X: make([]float32, 4*32*32)}
	for t := range 4 {
		for y := 4; y < 28; y++ {
			for x := 16 - y/2; x <= 16+y/2; x++ {
				in.X[(t*32+y)*32+min(x, 31)] = float32(1 + 0.5*rng.NormFloat64())
			}
		}
		if mark {
			in.X[(t*32+1)*32+29], in.X[(t*32+2)*32+29] = 2, 2
		}
	}
	return in
}

func hunted(t *testing.T, n int, seed stats.Seed, mark func(i int, positive bool) bool) []Probe {
	t.Helper()
	p := NewProber()
	for i := range n {
		positive := i%2 == 0
		if err := p.Add(fan(seed, i, mark(i, positive)), positive, fmt.Sprint("p", i/2)); err != nil {
			t.Fatal(err)
		}
	}
	out, err := p.Probes(seed)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSector(t *testing.T) {
	in := fan(1, 1, true)
	tissue := in.sector()
	if !tissue[20*32+16] || tissue[1*32+29] || tissue[20*32+1] {
		t.Error("the sector is not the moving triangle")
	}
	still := Input{C: 1, T: 1, H: 4, W: 4, X: make([]float32, 16)}
	if len(RegionOfView(still, Outside).At) != 0 {
		t.Error("a still picture has an outside")
	}
	if n := len(RegionOfView(in, Corners).At); n != 4*4*6*6 {
		t.Errorf("corners have %d positions", n)
	}
}

func TestProbesNameThePlantedMark(t *testing.T) {
	for _, p := range hunted(t, 120, 3, func(i int, positive bool) bool { return positive != (i%10 == 3 || i%10 == 4) }) {
		// The whole picture drowns the mark in noise; the views without tissue must come near to the 0.8 that the mark alone gives.
		if !p.Tells || p.View != Whole && p.AUROC < 0.7 {
			t.Errorf("%s: AUROC %.2f, tells %v; a mark that agrees in 8 of 10 was planted", p.View, p.AUROC, p.Tells)
		}
	}
}

// Without a shortcut a view may be named in no more than 5 % of cohorts.
func TestProbesStaySilent(t *testing.T) {
	alarms := 0
	const trials = 60
	for k := range trials {
		rng := stats.Seed(k).Stream("marks")
		for _, p := range hunted(t, 60, stats.Seed(100+k), func(int, bool) bool { return rng.IntN(2) == 0 })[1:] {
			if p.Tells {
				alarms++
				break
			}
		}
	}
	if alarms > 8 { // binomial(60, 0.05): P(> 8) < 0.003
		t.Errorf("%d false alarms in %d cohorts", alarms, trials)
	}
}

func TestProbeNeedsBothAnswers(t *testing.T) {
	p := NewProber()
	for i := range 30 {
		_ = p.Add(fan(1, i, false), i < 5, fmt.Sprint(i))
	}
	if _, err := p.Probes(1); err == nil {
		t.Error("5 positives were enough")
	}
	if p.Add(Input{C: 1, T: 1, H: 2, W: 2}, true, "x") == nil {
		t.Error("an input without values was taken")
	}
}

func TestSolveByHand(t *testing.T) {
	// [4 2; 2 3]·[1 2] = [8 8]
	x := solve([][]float64{{4, 0}, {2, 3}}, []float64{8, 8})
	if math.Abs(x[0]-1) > 1e-12 || math.Abs(x[1]-2) > 1e-12 {
		t.Errorf("solution %v", x)
	}
}
