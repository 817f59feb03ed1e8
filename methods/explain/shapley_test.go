package explain

import (
	"errors"
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// randomGame is a worth for every coalition of n players, drawn once.
func randomGame(n int, seed uint64) Game {
	rng := stats.Seed(seed).Stream("game")
	worth := make([]float64, 1<<n)
	for i := range worth {
		worth[i] = rng.NormFloat64()
	}
	return func(present []bool) (float64, error) {
		set := 0
		for i, in := range present {
			if in {
				set |= 1 << i
			}
		}
		return worth[set], nil
	}
}

// The axioms: efficiency, additivity, a player who adds nothing, players who are alike; and the kernel's least squares give the same values.
func TestShapleyAxioms(t *testing.T) {
	for n := 1; n <= 8; n++ {
		a, b := randomGame(n, uint64(n)), randomGame(n, uint64(100+n))
		all := make([]bool, n)
		for i := range all {
			all[i] = true
		}
		full, _ := a(all)
		pa, empty, err := ExactShapley(n, a)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, v := range pa {
			sum += v
		}
		if math.Abs(sum-(full-empty)) > 1e-10 {
			t.Errorf("%d players share %g of %g", n, sum, full-empty)
		}
		pb, _, _ := ExactShapley(n, b)
		both, _, _ := ExactShapley(n, func(p []bool) (float64, error) {
			x, _ := a(p)
			y, _ := b(p)
			return x + 2*y, nil
		})
		kernel, _, err := KernelSHAP(n, 0, nil, a)
		if err != nil {
			t.Fatal(err)
		}
		for i := range pa {
			if math.Abs(both[i]-pa[i]-2*pb[i]) > 1e-10 {
				t.Errorf("%d players: not additive for %d", n, i)
			}
			if math.Abs(kernel[i]-pa[i]) > 1e-8 {
				t.Errorf("%d players: kernel %g, exact %g", n, kernel[i], pa[i])
			}
		}
	}
	// Player 2 adds nothing; 0 and 1 are alike.
	phi, _, err := ExactShapley(3, func(p []bool) (float64, error) {
		if p[0] && p[1] {
			return 5, nil
		}
		return 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	close(t, "alike, and a bystander", phi, 1e-12, 2.5, 2.5, 0)
}

func TestInteractionsOfAdditiveGames(t *testing.T) {
	add := func(p []bool) (float64, error) {
		sum := 0.0
		for i, in := range p {
			if in {
				sum += float64(i + 1)
			}
		}
		return sum, nil
	}
	got, err := Interactions(5, add)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		for j := range got[i] {
			if math.Abs(got[i][j]) > 1e-12 || got[i][j] != got[j][i] {
				t.Errorf("players %d and %d interact by %g", i, j, got[i][j])
			}
		}
	}
	for _, n := range []int{0, 1, MaxExact + 1} {
		if _, err := Interactions(n, add); err == nil {
			t.Errorf("interactions of %d players", n)
		}
	}
}

func TestGamesThatBreak(t *testing.T) {
	boom := errors.New("boom")
	rng := stats.Seed(1).Stream("x")
	for after := range 6 {
		calls := 0
		game := func([]bool) (float64, error) {
			if calls++; calls > after {
				return 0, boom
			}
			return float64(calls), nil
		}
		for name, f := range map[string]func() error{
			"exact":        func() error { _, _, err := ExactShapley(3, game); return err },
			"kernel":       func() error { _, _, err := KernelSHAP(3, 0, nil, game); return err },
			"drawn kernel": func() error { _, _, err := KernelSHAP(3, 5, rng, game); return err },
			"sampled":      func() error { _, _, err := SampledShapley(3, 2, rng, game); return err },
			"interactions": func() error { _, err := Interactions(3, game); return err },
		} {
			calls = 0
			if err := f(); !errors.Is(err, boom) {
				t.Errorf("%s after %d calls: %v", name, after, err)
			}
		}
	}
	fine := func([]bool) (float64, error) { return 1, nil }
	for name, f := range map[string]func() error{
		"nobody":               func() error { _, _, err := ExactShapley(0, fine); return err },
		"kernel of too many":   func() error { _, _, err := KernelSHAP(MaxExact+1, 0, nil, fine); return err },
		"kernel, few samples":  func() error { _, _, err := KernelSHAP(9, 1, rng, fine); return err },
		"one pair":             func() error { _, _, err := SampledShapley(2, 1, rng, fine); return err },
		"SAGE of nothing":      func() error { _, _, err := SAGE(nil, nil, 1, 2, rng, nil, nil); return err },
		"effects of one edge":  func() error { _, err := AccumulatedEffects(nil, 0, []float64{1}, nil); return err },
		"another permutation":  func() error { _, err := PermutationImportance(make([][]float64, 2), nil, []int{0}, nil); return err },
		"dependence that ends": func() error { _, err := PartialDependence([][]float64{{1}}, 0, []float64{1}, broken); return err },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func broken([][]float64) ([]float64, error) { return nil, errors.New("broken") }

// Sampled values settle at the exact ones, within their own standard errors.
func TestSampledShapleyErrors(t *testing.T) {
	game := randomGame(6, 3)
	exact, _, err := ExactShapley(6, game)
	if err != nil {
		t.Fatal(err)
	}
	phi, se, err := SampledShapley(6, 3000, stats.Seed(4).Stream("x"), game)
	if err != nil {
		t.Fatal(err)
	}
	for i := range phi {
		if math.Abs(phi[i]-exact[i]) > 4.5*se[i] {
			t.Errorf("player %d: %g ± %g, exact %g", i, phi[i], se[i], exact[i])
		}
	}
}

// A bin without rows adds nothing, and rows beyond the edges are left out.
func TestAccumulatedEffectsOfEmptyBins(t *testing.T) {
	rows := [][]float64{{0.5}, {0.6}, {9.5}, {99}}
	double := func(rows [][]float64) ([]float64, error) {
		var out []float64
		for _, r := range rows {
			out = append(out, 2*r[0])
		}
		return out, nil
	}
	got, err := AccumulatedEffects(rows, 0, []float64{0, 1, 9, 10}, double)
	if err != nil {
		t.Fatal(err)
	}
	// Rises 2, 0 (empty), 2; mid values 1 (twice) and 3 (once) centre at 5/3.
	close(t, "effects", got, 1e-12, -5./3, 1./3, 1./3, 7./3)
}
