package run

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/stats"
)

// Swap is what one confounder does to a network's score when everything else of a simulated patient stays: the same heart, seen with the
// confounder and without.
type Swap struct {
	Confounder string   `json:"confounder"`
	Items      int      `json:"items"`
	Change     *float64 `json:"mean_change"` // of the score, with it less without
	Low        *float64 `json:"low"`         // interval by patient, at the level that the number of confounders asks for (Bonferroni)
	High       *float64 `json:"high"`
	Move       float64  `json:"mean_move"`                  // mean |change|
	Turned     *float64 `json:"decisions_turned,omitempty"` // share of a binary target's decisions at 0.5 that the swap turns
	Uses       bool     `json:"uses"`                       // the interval is on one side of 0
	Words      string   `json:"words"`
}

// swapper scores simulated patients with their looks swapped.
type swapper struct {
	r        *Run
	looks    []phantom.Confounder
	studies  map[string]*phantom.Cohort
	clips    map[string]map[string]phantomClip
	change   [][]float64 // [confounder][item]
	turned   [][]float64
	patients []string
}

// newSwapper takes names of confounders, or "all".
func newSwapper(r *Run, names []string) (*swapper, error) {
	s := &swapper{r: r, studies: map[string]*phantom.Cohort{}, clips: map[string]map[string]phantomClip{}}
	for _, n := range names {
		k := phantom.Confounder(strings.TrimSpace(n))
		switch {
		case n == "all":
			s.looks = slices.Clone(phantom.Looks)
		case !slices.Contains(phantom.Looks, k):
			return nil, fault.New(fault.Usage, "confounder %q cannot be swapped", n).WithHint("all, or some of %v", phantom.Looks)
		case !slices.Contains(s.looks, k):
			s.looks = append(s.looks, k)
		}
	}
	s.change, s.turned = make([][]float64, len(s.looks)), make([][]float64, len(s.looks))
	return s, nil
}

// add scores an item's counterfactuals. Both sides are simulated, so that what a file's compression does is on both.
func (s *swapper) add(ctx context.Context, ex example, score explain.ScoreFunc) error {
	if len(s.looks) == 0 {
		return nil
	}
	row := s.r.Cohort.Rows[ex.row]
	dir, name := filepath.Dir(filepath.Dir(row.Path)), strings.TrimSuffix(filepath.Base(row.Path), filepath.Ext(row.Path))
	if s.studies[dir] == nil {
		study, err := phantom.Open(dir)
		if err != nil {
			return fault.New(fault.Usage, "looks are swapped in simulated studies alone: %w", err)
		}
		s.studies[dir], s.clips[dir] = study, phantomClips(study)
	}
	at, ok := s.clips[dir][name]
	if !ok {
		return fault.New(fault.Input, "%s is not of the study that its folder was simulated from", name)
	}
	study := s.studies[dir]
	p := study.Patient(at.patient)
	own, err := s.scored(study, p, at.view, score)
	if err != nil {
		return err
	}
	for i, k := range s.looks {
		if err := ctx.Err(); err != nil {
			return err
		}
		q, err := p.With(k, !p.Look(k))
		if err != nil {
			return err
		}
		other, err := s.scored(study, q, at.view, score)
		if err != nil {
			return err
		}
		with, without := own, other
		if !p.Look(k) {
			with, without = other, own
		}
		turned := 0.0
		if (with >= 0.5) != (without >= 0.5) {
			turned = 1
		}
		s.change[i], s.turned[i] = append(s.change[i], with-without), append(s.turned[i], turned)
	}
	s.patients = append(s.patients, row.Patient)
	return nil
}

func (s *swapper) scored(study *phantom.Cohort, p *phantom.Patient, v phantom.View, score explain.ScoreFunc) (float64, error) {
	c, _ := study.ClipOf(p, v)
	in := s.r.Plan.Input
	x := make([]float32, in.Planes()*in.Frames*in.Height*in.Width)
	if err := clip.Prepare(c, in, x, nil, s.r.Plan.Augment, 0); err != nil {
		return 0, err
	}
	out, err := score(x, 1)
	if err != nil {
		return 0, err
	}
	return out[0], nil
}

// finish judges every confounder.
func (s *swapper) finish(ctx context.Context, kind evaluate.Kind) ([]Swap, error) {
	var out []Swap
	for i, k := range s.looks {
		w := Swap{Confounder: string(k), Items: len(s.change[i])}
		for _, v := range s.change[i] {
			w.Move += math.Abs(v) / float64(len(s.change[i]))
		}
		level := 1 - 0.05/float64(len(s.looks))
		d, err := stats.Bootstrap{Resamples: 2000, Level: level, Seed: s.r.Plan.Seed, Name: "swap " + string(k), Workers: 1}.Run(ctx, stats.Clusters(s.patients), w.Items, 2,
			func(weight, out []float64) {
				out[0], out[1] = weightedMean(s.change[i])(weight), weightedMean(s.turned[i])(weight)
			})
		if err != nil {
			return nil, fault.New(fault.Interrupted, "swapping looks: %w", err)
		}
		iv := d.Interval(0)
		w.Change, w.Low, w.High = explain.Finite(d.Point[0]), explain.Finite(iv.Low), explain.Finite(iv.High)
		if kind == evaluate.Binary {
			w.Turned = explain.Finite(d.Point[1])
		}
		w.Uses = w.Items >= fewItems && w.Low != nil && w.High != nil && (*w.Low > 0 || *w.High < 0)
		w.say(level)
		out = append(out, w)
	}
	return out, nil
}

func (w *Swap) say(level float64) {
	if w.Change == nil || w.Low == nil {
		w.Words = fmt.Sprintf("Swapping %s in %d simulated patients tells nothing: the changes have no spread to judge by (mean %.3g).", w.Confounder, w.Items, w.Move)
		return
	}
	w.Words = fmt.Sprintf("With %s instead of without, the same hearts score %+.3g on average (%.4g %% interval by patient %+.3g to %+.3g, %d items; mean move %.3g", w.Confounder, *w.Change,
		100*level, *w.Low, *w.High, w.Items, w.Move)
	if w.Turned != nil {
		w.Words += fmt.Sprintf(", %.0f %% of the decisions turn", 100**w.Turned)
	}
	w.Words += "): "
	switch {
	case w.Items < fewItems:
		w.Words += "too few items to tell whether the score depends on it."
	case w.Uses:
		w.Words += "the score depends on it."
	default:
		w.Words += "nothing shows that the score depends on it in one direction."
	}
}
