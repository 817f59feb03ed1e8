package learn

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/torch"
)

// PredictOptions says which checkpoints score which rows.
type PredictOptions struct {
	CheckpointDirs []string // folders of trainings; the scores of several are averaged
	Plan           *Plan    // for input.eval_clips, the batch size, device, threads and autocast
	Cohort         *cohort.Cohort
	Rows           []int  // indices into Cohort.Rows
	Split          string // written into the rows' Split and Fold
	Fold           int
	Progress       io.Writer
	Cache          *cohort.Cache
	Quarantine     *[]cohort.Quarantine // if not nil, gets the rows that could not be read
	Views          *ViewScores          // if not nil, gets what each clip of a study says; for cohorts of studies
	NoPicture      bool                 // score as if no row had a picture; the network must have been trained with model.fusion.image_drop
}

// ready refuses options that cannot work, and sees to a cache.
func (o *PredictOptions) ready() (err error) {
	if len(o.CheckpointDirs) == 0 {
		return fault.New(fault.Usage, "predicting needs a checkpoint")
	}
	if o.Views != nil {
		o.Views.Slots = o.Cohort.Slots
	}
	o.Cache, err = cacheOr(o.Cache)
	return err
}

// Predict scores rows. A row's score is the mean over its evaluation clips and over the checkpoints, of probabilities or of values in
// the target's unit. Rows that cannot be read are left out. The rows come in the order of opts.Rows.
//
// Errors: notfound (no checkpoint), input (a damaged one; checkpoints of different networks; classes that differ from the cohort's; no
// readable row), missing (no engine), interrupted.
func Predict(ctx context.Context, opts PredictOptions) (*evaluate.Predictions, error) {
	if err := opts.ready(); err != nil {
		return nil, err
	}
	var sum *scores
	cfg := torch.Config{Device: opts.Plan.Train.Device, Threads: opts.Plan.Train.Threads, Seed: opts.Plan.Seed, Log: opts.Progress}
	err := torch.Run(ctx, cfg, func(e *torch.Engine) error {
		for _, dir := range opts.CheckpointDirs {
			s, err := predictOne(ctx, e, opts, dir)
			if err != nil {
				return err
			}
			if sum == nil {
				sum = s
			} else if err := sum.add(s); err != nil {
				return fmt.Errorf("%s: %w", dir, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	opts.Views.finish()
	return sum.table(opts), nil
}

// scores adds up the scores of each row.
type scores struct {
	targets []evaluate.Target
	sum     map[string]map[int][]float64 // target -> row -> scores
	count   map[int]float64              // row -> how many are summed
}

func (s *scores) put(row int, target string, score []float64) {
	have := s.sum[target][row]
	if have == nil {
		s.sum[target][row] = slices.Clone(score)
		return
	}
	for i, v := range score {
		have[i] += v
	}
}

// add joins another checkpoint's scores, each with equal weight.
func (s *scores) add(o *scores) error {
	if !slices.EqualFunc(s.targets, o.targets, sameTarget) {
		return fault.New(fault.Input, "the checkpoint predicts other targets than the first one")
	}
	for row, n := range o.count {
		for _, t := range s.targets {
			s.put(row, t.Name, o.sum[t.Name][row])
		}
		s.count[row] += n
	}
	return nil
}

func sameTarget(a, b evaluate.Target) bool {
	return a.Name == b.Name && a.Kind == b.Kind && slices.Equal(a.Classes, b.Classes)
}

// predictOne scores the rows with one checkpoint.
func predictOne(ctx context.Context, e *torch.Engine, opts PredictOptions, dir string) (*scores, error) {
	m, err := LoadModel(e, dir)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if err := m.fits(opts.Cohort); err != nil {
		return nil, err
	}
	if names := m.State.Table.absent(opts.Cohort); len(names) > 0 && opts.Progress != nil {
		fmt.Fprintf(opts.Progress, "the table has no column %s: it counts as missing in every row\n", strings.Join(names, ", "))
	}
	if f := m.Net.Spec.Fusion; opts.NoPicture && (f == nil || f.ImageDrop == 0) {
		return nil, fault.New(fault.Usage, "%s has not learnt to answer without a picture", dir).WithHint("train it with model.fusion.image_drop")
	}
	in := m.Input
	in.EvalClips = max(1, opts.Plan.Input.EvalClips)
	loader, err := cohort.NewLoader(opts.Cohort, opts.Rows, cohort.LoaderConfig{
		Input: in, Augment: m.Augment, BatchSize: max(1, opts.Plan.Train.BatchSize),
		Seed: m.State.Seed, Cache: opts.Cache, Alloc: e.PinnedFloat32,
	})
	if err != nil {
		return nil, err
	}
	bar := progress.New(opts.Progress, "scoring", int64(loader.Steps()))
	defer bar.Close()
	out := &scores{targets: m.Targets, sum: map[string]map[int][]float64{}, count: map[int]float64{}}
	for _, t := range m.Targets {
		out.sum[t.Name] = map[int][]float64{}
	}
	for b, err := range loader.Epoch(ctx, 0, 0) {
		if err != nil {
			return nil, fmt.Errorf("predicting: %w", err)
		}
		s := e.Scope()
		e.NoGrad(func() {
			heads := opts.Views.scoring(e, m, opts, b)
			for i, h := range m.State.Heads {
				for j, raw := range split(heads[i].Float32s(), h.outputs()) {
					out.put(b.Rows[j], h.Name, h.decode(raw))
				}
			}
		})
		for _, r := range b.Rows {
			out.count[r]++
		}
		s.Close()
		b.Release()
		bar.Add(1)
	}
	if opts.Quarantine != nil {
		*opts.Quarantine = loader.Quarantine()
	}
	return out, nil
}

// fits checks that targets which the cohort has too mean the same there.
func (m *Model) fits(c *cohort.Cohort) error {
	if err := m.fitsViews(c); err != nil {
		return err
	}
	for _, t := range c.Spec.Targets {
		i := slices.IndexFunc(m.Targets, func(o evaluate.Target) bool { return o.Name == t.Name })
		if i < 0 {
			continue
		}
		if o := m.Targets[i]; string(o.Kind) != t.Kind || !slices.Equal(o.Classes, t.Classes) {
			return fault.New(fault.Input, "target %q: the cohort has kind %s and %d classes, the model %s and %d, or other names for them",
				t.Name, t.Kind, len(t.Classes), o.Kind, len(o.Classes)).WithHint("name data.targets' classes as in the training's plan")
		}
	}
	return nil
}

// table lays the mean scores out with the rows' truths.
func (s *scores) table(opts PredictOptions) *evaluate.Predictions {
	c := opts.Cohort
	p := &evaluate.Predictions{Targets: s.targets, Truth: map[string][][]float64{}, Score: map[string][][]float64{}}
	for _, g := range c.Groups {
		p.Groups = append(p.Groups, evaluate.Group{Name: g})
	}
	for _, i := range opts.Rows {
		n := s.count[i]
		if n == 0 {
			continue
		}
		r := c.Rows[i]
		p.Item = append(p.Item, r.ID)
		p.Patient = append(p.Patient, r.Patient)
		p.Split = append(p.Split, opts.Split)
		p.Fold = append(p.Fold, opts.Fold)
		for k := range p.Groups {
			p.Groups[k].Values = append(p.Groups[k].Values, r.Groups[k])
		}
		for _, t := range s.targets {
			mean := s.sum[t.Name][i]
			for k := range mean {
				mean[k] /= n
			}
			truth := r.Truth[t.Name]
			if truth == nil { // a cohort without this target's column
				truth = unknown(t)
			}
			p.Truth[t.Name] = append(p.Truth[t.Name], truth)
			p.Score[t.Name] = append(p.Score[t.Name], mean)
		}
	}
	return p
}

// unknown is a missing truth of the target.
func unknown(t evaluate.Target) []float64 {
	n := 1
	switch t.Kind {
	case evaluate.MultiLabel:
		n = t.Width()
	case evaluate.TimeToEvent:
		n = 2
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}
