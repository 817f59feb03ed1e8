package protocol

import (
	"context"
	"math"
	"slices"
	"sync"

	"github.com/cineloop/cineloop/internal/fault"
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

// Trial is a configuration of a search and how it did on the validation rows: smaller is better.
type Trial struct {
	Dataset  string           `json:"dataset"`
	Model    string           `json:"model"`
	Fold     int              `json:"fold"` // from 1
	Index    int              `json:"index"`
	Seed     stats.Seed       `json:"seed"`
	Score    *float64         `json:"score"` // null: the configuration did not learn
	Epochs   int              `json:"epochs"`
	Settings tabular.Settings `json:"settings"`
}

// key names what a trial's score depends on.
func (t Trial) key() trialKey { return trialKey{t.Dataset, t.Model, t.Fold, t.Index, t.Seed} }

type trialKey struct {
	dataset, model string
	fold, index    int
	seed           stats.Seed
}

// Journal remembers trials, so that a search goes on where it was interrupted, and a longer one begins where a shorter one ended. Its
// zero value is empty. It is safe for use by several goroutines.
type Journal struct {
	// Write, if set, is called with every new trial, one call at a time.
	Write func(Trial) error

	mu    sync.Mutex
	known map[trialKey]Trial
}

// Add takes a trial of an earlier run.
func (j *Journal) Add(t Trial) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.known == nil {
		j.known = map[trialKey]Trial{}
	}
	j.known[t.key()] = t
}

func (j *Journal) find(t Trial) (Trial, bool) {
	if j == nil {
		return t, false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	found, ok := j.known[t.key()]
	return found, ok
}

func (j *Journal) record(t Trial) error {
	if j == nil {
		return nil
	}
	j.Add(t)
	if j.Write == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Write(t)
}

// search fits n configurations and keeps the best on the validation rows: by concordance for DeepHit, whose loss depends on alpha and
// sigma, and by the loss for the others, as the paper does. Trials that the journal knows are not fitted again, but for the best.
func (j job) search(ctx context.Context, e *torch.Engine, s tabular.Settings, o Options, train, val tabular.Data) (*tabular.Model, error) {
	var best *tabular.Model
	var first error
	at, score := -1, math.Inf(1)
	for k := range max(o.Search, 1) {
		t := Trial{Dataset: j.input.Table.Name, Model: j.row.Name, Fold: j.fold + 1, Index: k, Seed: s.Seed, Settings: draw(s, k, s.Seed)}
		known, ok := o.Journal.find(t)
		var m *tabular.Model
		if ok {
			t = known
		} else {
			var err error
			if m, err = tabular.Fit(ctx, e, t.Settings, train, val); err != nil {
				if ctx.Err() != nil {
					return nil, err
				}
				if first == nil {
					first = err
				}
			} else if t.Score, err = validationScore(e, m, val); err != nil {
				return nil, err
			} else {
				t.Epochs = m.Epochs
			}
			if o.Search > 1 {
				if err := o.Journal.record(t); err != nil {
					return nil, err
				}
			}
		}
		if t.Score != nil && *t.Score < score {
			best, at, score = m, k, *t.Score
		}
	}
	switch {
	case best != nil:
		return best, nil
	case at >= 0:
		return tabular.Fit(ctx, e, draw(s, at, s.Seed), train, val)
	case first != nil:
		return nil, first
	}
	return nil, fault.New(fault.Input, "none of %d configurations learnt anything", o.Search)
}

// validationScore is what the search minimises; nil where it is not a number.
func validationScore(e *torch.Engine, m *tabular.Model, val tabular.Data) (*float64, error) {
	v := m.Losses[m.Best-1]
	if m.Settings.Model == tabular.DeepHit {
		c, err := m.Survival(e, val.X)
		if err != nil {
			return nil, err
		}
		v = -survival.AntoliniConcordance(c, val.Labels, nil).Strict
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, nil
	}
	return &v, nil
}
