package explain

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
)

// Game is the worth of coalitions of players: present[i] says whether player i is there. A player is a column, a group of columns or a
// whole image; who is absent takes a baseline's or a background's values.
type Game func(present []bool) (float64, error)

// MaxExact is the most players that [ExactShapley] takes: 4,096 coalitions.
const MaxExact = 12

// ExactShapley is each player's Shapley value by all 2ⁿ coalitions (Shapley 1953), and the worth of nobody.
func ExactShapley(players int, worth Game) (phi []float64, empty float64, err error) {
	if players < 1 || players > MaxExact {
		return nil, 0, fmt.Errorf("explain: exact Shapley values of %d players: 1 to %d; put columns into groups, or sample", players, MaxExact)
	}
	v, err := coalitions(players, worth)
	if err != nil {
		return nil, 0, err
	}
	// weight[s] = s! (n−s−1)! / n!
	weight := make([]float64, players)
	for s := range weight {
		weight[s] = 1 / (float64(players) * choose(players-1, s))
	}
	phi = make([]float64, players)
	for set := range v {
		for i := range phi {
			if set&(1<<i) == 0 {
				phi[i] += weight[bits.OnesCount(uint(set))] * (v[set|1<<i] - v[set])
			}
		}
	}
	return phi, v[0], nil
}

// coalitions is the worth of every set, bit i of the index being player i.
func coalitions(players int, worth Game) ([]float64, error) {
	v := make([]float64, 1<<players)
	present := make([]bool, players)
	for set := range v {
		for i := range present {
			present[i] = set&(1<<i) != 0
		}
		var err error
		if v[set], err = worth(present); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func choose(n, k int) float64 {
	c := 1.0
	for i := range k {
		c = c * float64(n-i) / float64(i+1)
	}
	return c
}

// Interactions are the Shapley interaction indices of all pairs (Grabisch and Roubens 1999): what two players together are worth beyond
// each alone; symmetric with a zero diagonal.
func Interactions(players int, worth Game) ([][]float64, error) {
	if players < 2 || players > MaxExact {
		return nil, fmt.Errorf("explain: interactions of %d players: 2 to %d", players, MaxExact)
	}
	v, err := coalitions(players, worth)
	if err != nil {
		return nil, err
	}
	out := make([][]float64, players)
	for i := range out {
		out[i] = make([]float64, players)
	}
	for i := range players {
		for j := range i {
			sum := 0.0
			for set := range v {
				if set&(1<<i) == 0 && set&(1<<j) == 0 {
					s := bits.OnesCount(uint(set))
					sum += (v[set|1<<i|1<<j] - v[set|1<<i] - v[set|1<<j] + v[set]) / (float64(players-1) * choose(players-2, s))
				}
			}
			out[i][j], out[j][i] = sum, sum
		}
	}
	return out, nil
}

// SampledShapley are Shapley values by random orders with their reverses (Castro et al. 2009; antithetic as Mitchell et al., JMLR 2022),
// with standard errors over pairs of orders.
func SampledShapley(players, pairs int, rng *rand.Rand, worth Game) (phi, se []float64, err error) {
	if players < 1 || pairs < 2 {
		return nil, nil, fmt.Errorf("explain: Shapley values of %d players by %d pairs of orders: at least 1 and 2", players, pairs)
	}
	phi, se = make([]float64, players), make([]float64, players)
	square := make([]float64, players)
	for range pairs {
		order := rng.Perm(players)
		gain := make([]float64, players)
		for range 2 {
			present := make([]bool, players)
			before, err := worth(present)
			if err != nil {
				return nil, nil, err
			}
			for _, i := range order {
				present[i] = true
				now, err := worth(present)
				if err != nil {
					return nil, nil, err
				}
				gain[i] += (now - before) / 2
				before = now
			}
			for a, b := 0, players-1; a < b; a, b = a+1, b-1 {
				order[a], order[b] = order[b], order[a]
			}
		}
		for i, g := range gain {
			phi[i] += g
			square[i] += g * g
		}
	}
	n := float64(pairs)
	for i := range phi {
		phi[i] /= n
		se[i] = math.Sqrt(max(0, square[i]/n-phi[i]*phi[i]) / (n - 1))
	}
	return phi, se, nil
}
