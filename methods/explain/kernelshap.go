package explain

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// KernelSHAP fits Shapley values by weighted least squares on coalitions (Lundberg and Lee, "A unified approach to interpreting model
// predictions", NeurIPS 2017, theorem 2), with the sum fixed to the worth of all minus that of nobody. With samples = 0 all coalitions are
// taken and the values are exact; else samples coalitions are drawn by the kernel, each with its complement.
func KernelSHAP(players, samples int, rng *rand.Rand, worth Game) (phi []float64, empty float64, err error) {
	if players < 1 || samples < 0 || samples == 0 && players > MaxExact {
		return nil, 0, fmt.Errorf("explain: Kernel SHAP of %d players with %d samples: all coalitions are for at most %d players", players, samples, MaxExact)
	}
	nobody, all := make([]bool, players), make([]bool, players)
	for i := range all {
		all[i] = true
	}
	if empty, err = worth(nobody); err != nil {
		return nil, 0, err
	}
	full, err := worth(all)
	if err != nil {
		return nil, 0, err
	}
	if players == 1 {
		return []float64{full - empty}, empty, nil
	}
	// Least squares of v(S) − v(∅) = Σ_{i∈S} φ_i subject to Σ φ = v(N) − v(∅), the last φ eliminated.
	n := players - 1
	ata, atb := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	row := make([]float64, n)
	add := func(present []bool, weight float64) error {
		v, err := worth(present)
		if err != nil {
			return err
		}
		last := 0.0
		if present[n] {
			last = 1
		}
		y := v - empty - last*(full-empty)
		for i := range row {
			row[i] = -last
			if present[i] {
				row[i]++
			}
		}
		for i := range row {
			atb.SetVec(i, atb.AtVec(i)+weight*row[i]*y)
			for j := i; j < n; j++ {
				ata.SetSym(i, j, ata.At(i, j)+weight*row[i]*row[j])
			}
		}
		return nil
	}
	present := make([]bool, players)
	if samples == 0 {
		for set := 1; set < 1<<players-1; set++ {
			size := 0
			for i := range present {
				if present[i] = set&(1<<i) != 0; present[i] {
					size++
				}
			}
			if err := add(present, float64(n)/(choose(players, size)*float64(size*(players-size)))); err != nil {
				return nil, 0, err
			}
		}
	} else {
		cumulative := make([]float64, players) // of sizes 1…n, ∝ 1/(s(n+1−s))
		for s := 1; s < players; s++ {
			cumulative[s] = cumulative[s-1] + 1/float64(s*(players-s))
		}
		for range samples {
			u, s := rng.Float64()*cumulative[n], 1
			for s < n && u >= cumulative[s] {
				s++
			}
			for i := range present {
				present[i] = false
			}
			for _, i := range rng.Perm(players)[:s] {
				present[i] = true
			}
			for range 2 {
				if err := add(present, 1); err != nil {
					return nil, 0, err
				}
				for i := range present {
					present[i] = !present[i]
				}
			}
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(ata) {
		return nil, 0, fmt.Errorf("explain: Kernel SHAP: %d samples do not tell %d players apart; take more", samples, players)
	}
	var x mat.VecDense
	if err := chol.SolveVecTo(&x, atb); err != nil {
		return nil, 0, fmt.Errorf("explain: Kernel SHAP: %w", err)
	}
	rest := full - empty
	for i := range n {
		phi = append(phi, x.AtVec(i))
		rest -= x.AtVec(i)
	}
	return append(phi, rest), empty, nil
}
