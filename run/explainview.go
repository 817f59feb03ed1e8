package run

import (
	"math"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/explain"
)

// view is the side from which a score is explained: a class for what speaks for it, a binary target's "no" by what speaks against
// "yes", and a quantity by what moves it either way.
type view struct {
	layer, target string
	class         int
	negate        bool
	either        bool
	effect        string
}

func viewOf(ex example, layer string) view {
	v := view{layer: layer, target: ex.Target, class: ex.class, effect: "lowers the probability by"}
	switch ex.kind {
	case evaluate.Binary:
		v.negate = ex.Score < 0.5
	case evaluate.Regression:
		v.either, v.effect = true, "moves the prediction by"
	}
	return v
}

// scorer is the model's score as the view sees it. Under either, it is minus the distance from the prediction for the whole input.
func (v view) scorer(m *learn.Model, in explain.Input) (explain.ScoreFunc, error) {
	raw := func(x []float32, n int) ([]float64, error) {
		all, err := m.Score(x, n, v.target)
		if err != nil {
			return nil, err
		}
		out := make([]float64, n)
		for i := range out {
			if out[i] = all[i][v.class]; v.negate {
				out[i] = 1 - out[i]
			}
		}
		return out, nil
	}
	if !v.either {
		return raw, nil
	}
	whole, err := raw(in.X, 1)
	if err != nil {
		return nil, err
	}
	return func(x []float32, n int) ([]float64, error) {
		out, err := raw(x, n)
		for i := range out {
			out[i] = -math.Abs(out[i] - whole[0])
		}
		return out, err
	}, nil
}

// shownClip is the picture in the network's input, its first channels, in grey, so that people see exactly what the network saw.
func shownClip(in explain.Input, channels int) (*clip.Clip, error) {
	c := clip.New(clip.Uint8, in.T, in.H, in.W, 1)
	n := in.T * in.H * in.W
	mean := make([]float64, n)
	for i := range n {
		for k := range channels {
			mean[i] += float64(in.X[k*n+i]) / float64(channels)
		}
	}
	sorted := slices.Clone(mean)
	slices.Sort(sorted)
	lo, hi := sorted[n/200], sorted[n-1-n/200]
	px := clip.Samples[uint8](c)
	for i, v := range mean {
		if hi > lo {
			px[i] = uint8(255*min(max((v-lo)/(hi-lo), 0), 1) + 0.5)
		}
	}
	return c, c.Validate()
}

// draw writes an animated picture into the explain folder. A map that failed its tests gets no colours: it is shown in grey, by dimming
// what it does not highlight, so that nobody takes it for an answer at a glance.
func (r *Run) draw(name string, c *clip.Clip, m *explain.Map, failed bool) error {
	opt := clip.PreviewOptions{MaxSide: 224, MaxFrames: 24, Grey: true}
	switch {
	case m != nil && failed:
		dim := clip.New(clip.Uint8, c.T, c.H, c.W, 1)
		shade := m.Normalised().Values
		for i, v := range clip.Samples[uint8](c) {
			clip.Samples[uint8](dim)[i] = uint8(float32(v) * (0.3 + 0.7*shade[i]))
		}
		c = dim
	case m != nil:
		opt.Overlay = m.Normalised().Values
	}
	data, err := clip.AnimatedGIF(c, opt)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(r.Dir.Explain(), name), data)
}
