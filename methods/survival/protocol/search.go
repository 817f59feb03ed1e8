package protocol

import (
	"context"
	"math"
	"slices"

	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/methods/survival/tabular"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// draw takes the k-th configuration of a random search over the space of Kvamme, Borgan and Scheel 2019, section 6.1.1 (layers, nodes,
// dropout, decay, batch size; DeepHit's alpha, sigma and durations; shrinkage and log durations of Cox-CC and Cox-Time). The 0-th is the
// row's own settings.
func draw(s tabular.Settings, k int, seed stats.Seed) tabular.Settings {
	if k == 0 {
		return s
	}
	rng := seed.Stream("search", s.Model, k)
	one := func(v ...float64) float64 { return v[rng.IntN(len(v))] }
	nodes := int(one(32, 64, 128, 256))
	s.Hidden = slices.Repeat([]int{nodes}, int(one(1, 2, 4)))
	s.Dropout = 0.7 * rng.Float64()
	s.Decay = one(0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0)
	s.Batch = int(one(64, 128, 256, 512, 1024))
	s.Rate = one(0.01, 0.003, 0.001)
	switch s.Model {
	case tabular.DeepHit:
		s.Alpha, s.Sigma = rng.Float64(), one(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 100)
		s.Cuts, s.Equidistant = int(one(20, 50, 100)), false
	case tabular.CoxCC, tabular.CoxTime:
		s.Shrink = one(0.1, 0.01, 0.001, 0)
		s.LogTime = rng.IntN(2) == 0
	}
	return s
}

// searched fits n configurations and keeps the best on the validation rows: by concordance for DeepHit, whose loss depends on alpha and
// sigma, and by the loss for the others, as the paper does.
func searched(ctx context.Context, e *torch.Engine, s tabular.Settings, n int, train, val tabular.Data) (*tabular.Model, error) {
	var best *tabular.Model
	score := math.Inf(1)
	for k := range n {
		m, err := tabular.Fit(ctx, e, draw(s, k, s.Seed), train, val)
		if err != nil {
			if ctx.Err() != nil || k == 0 {
				return nil, err
			}
			continue // a configuration that does not learn is one that is not chosen
		}
		v := m.Losses[m.Best-1]
		if s.Model == tabular.DeepHit {
			c, err := m.Survival(e, val.X)
			if err != nil {
				return nil, err
			}
			v = -survival.AntoliniConcordance(c, val.Labels, nil).Strict
		}
		if v < score {
			best, score = m, v
		}
	}
	return best, nil
}
