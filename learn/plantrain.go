package learn

import (
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
)

// training chooses the settings of the trainer that do not depend on the network's size.
func (f *planner) training() {
	t, n := &f.p.Train, f.s.Train
	batch := 8
	switch {
	case n >= 1000:
		batch = 32
	case n >= 300:
		batch = 16
	}
	batch = max(1, min(batch, n))
	f.setInt(&t.BatchSize, batch, "train.batch_size = %d: %d training rows", batch, n)
	if t.Optimizer == "" {
		t.Optimizer = "adamw"
		f.because("train.optimizer = adamw: forgiving of the learning rate")
	}
	if t.Autocast == "" {
		t.Autocast = "none"
		why := "this processor has no bfloat16 arithmetic"
		if hasBF16() {
			t.Autocast, why = "bf16", "this processor multiplies bfloat16 about twice as fast"
		}
		f.because("train.autocast = %s: %s", t.Autocast, why)
	}
	effective := float64(t.BatchSize * max(1, t.Accumulate))
	if t.LR == 0 {
		switch {
		case t.Optimizer == "sgd":
			t.LR = round4(0.05 * effective / 32)
		case f.p.Model.Weights != "":
			t.LR = 3e-4
		default:
			t.LR = math.Round(1e-3*math.Sqrt(effective/32)*1e5) / 1e5
		}
		f.because("train.lr = %g: %s at %g rows a step", t.LR, t.Optimizer, effective)
	}
	if t.Optimizer == "sgd" && t.Momentum == 0 {
		t.Momentum = 0.9
		f.because("train.momentum = 0.9")
	}
	if t.WeightDecay == 0 {
		t.WeightDecay = 0.02
		if t.Optimizer == "sgd" {
			t.WeightDecay = 1e-4
		}
		f.because("train.weight_decay = %g: kernels and matrices only", t.WeightDecay)
	}
	if t.Schedule == "" {
		t.Schedule = "cosine"
		f.because("train.schedule = cosine")
	}
	if t.ClipNorm == 0 {
		t.ClipNorm = 5
		f.because("train.clip_norm = 5: a step that leaps cannot ruin the run")
	}
	f.watch()
	if first := f.rarest(); first.share > 0 && first.share < 0.1 && !t.Balance {
		t.Balance = true
		f.because("train.balance = true: %s has %.0f %% of its rarest class; probabilities will be too high for it, discrimination better", first.name, 100*first.share)
	}
}

// watch chooses what picks the best epoch.
func (f *planner) watch() {
	t := &f.p.Train
	if t.Monitor != "" || len(f.p.Data.Targets) == 0 {
		return
	}
	target := f.p.Data.Targets[0]
	rare := f.rarest()
	switch kind := evaluate.Kind(target.Kind); {
	case f.s.Val == 0:
		t.Monitor = "loss"
		f.because("train.monitor = loss: there are no validation rows; the last weights are kept")
	case kind == evaluate.TimeToEvent:
		t.Monitor = "loss"
		f.because("train.monitor = loss: the first target's likelihood, which uses censored rows too")
	case kind == evaluate.Regression:
		t.Monitor = target.Name + ".mae"
		f.because("train.monitor = %s: the first target's error", t.Monitor)
	case rare.share*float64(f.s.Val) >= 10:
		t.Monitor = target.Name + ".auroc"
		f.because("train.monitor = %s: about %.0f validation rows of the rarest class", t.Monitor, rare.share*float64(f.s.Val))
	default:
		t.Monitor = "loss"
		f.because("train.monitor = loss: too few validation rows of each class for a rank metric")
	}
}

// rareClass is the rarest class of the first target.
type rareClass struct {
	name  string
	share float64 // of the rows whose truth is known; 0: no classes
}

func (f *planner) rarest() rareClass {
	if len(f.p.Data.Targets) == 0 {
		return rareClass{}
	}
	first := f.p.Data.Targets[0]
	for _, t := range f.fp.Targets {
		if t.Name != first.Name || t.Known == 0 || len(t.Classes) == 0 || first.Kind == string(evaluate.MultiLabel) {
			continue
		}
		least := slices.MinFunc(t.Classes, func(a, b cohort.Count) int { return a.Rows - b.Rows })
		return rareClass{t.Name, float64(least.Rows) / float64(t.Known)}
	}
	return rareClass{}
}

// widths that are tried, the widest first. Multiples of 16 fill the processor's vectors.
var widths = []int{64, 48, 32, 16, 8}

// useful share of the minutes: the rest is for starting, saving, the estimate's error and a machine that others use too.
const usefulShare = 0.5

// epochRange is how many epochs data of n rows want: fewer than low are too few, more than high bring little.
func epochRange(n int) (low, high int) {
	switch {
	case n < 300:
		return 30, 80
	case n < 3000:
		return 20, 50
	}
	return 10, 30
}

// widest is the width that n rows can feed.
func widest(n int) int {
	switch {
	case n < 400:
		return 16
	case n < 4000:
		return 32
	}
	return 64
}

// size chooses width and epochs together, and makes the input smaller where nothing else helps.
func (f *planner) size() error {
	m, t := &f.p.Model, &f.p.Train
	low, high := epochRange(f.s.Train)
	if t.Epochs > 0 {
		low, high = t.Epochs, t.Epochs
	}
	given := m.Width > 0
	minutes := t.MaxMinutes / float64(f.s.Fits)
	if t.MaxMinutes == 0 {
		if !given {
			m.Width = widest(f.s.Train)
			if m.Weights != "" {
				m.Width = 64
			}
			f.because("model.width = %d: %d training rows; no time limit is set", m.Width, f.s.Train)
		}
		f.setInt(&t.Epochs, high, "train.epochs = %d: %d training rows", high, f.s.Train)
		return f.finishSize()
	}
	candidates := slices.Clone(widths)
	switch {
	case given:
		candidates = []int{m.Width}
	case m.Weights != "":
		candidates = []int{64}
	default:
		candidates = slices.DeleteFunc(candidates, func(w int) bool { return w > widest(f.s.Train) })
	}
	for {
		last := len(candidates) - 1
		if f.shrinkable() && last > 0 && candidates[last] < 16 {
			last-- // a smaller input costs less than a network that is too narrow for the processor and the task
		}
		for i, w := range candidates[:last+1] {
			m.Width = w
			affordable, err := f.affordable(minutes)
			if err != nil {
				return err
			}
			if affordable < low && (i < last || f.shrinkable()) {
				continue
			}
			if !given {
				f.because("model.width = %d: %s", w, f.widthReason(w, affordable, low, minutes))
			}
			if t.Epochs == 0 {
				t.Epochs = max(1, min(affordable, high))
				f.because("train.epochs = %d: %s", t.Epochs, f.epochReason(affordable, high, minutes))
			} else if affordable < t.Epochs {
				f.because("train.epochs = %d was asked for; about %d fit into %.3g minutes, and training will stop there", t.Epochs, affordable, minutes)
			}
			return f.finishSize()
		}
		f.shrink()
	}
}

func (f *planner) widthReason(w, affordable, low int, minutes float64) string {
	if affordable < low {
		return fmt.Sprintf("the narrowest, and still only %d epochs fit into %.3g minutes", affordable, minutes)
	}
	why := "the widest that the minutes allow"
	if w == widest(f.s.Train) {
		why = fmt.Sprintf("as wide as %d rows can feed", f.s.Train)
	}
	return fmt.Sprintf("%s; %d epochs would fit into %.3g minutes", why, affordable, minutes)
}

func (f *planner) epochReason(affordable, high int, minutes float64) string {
	if affordable >= high {
		return fmt.Sprintf("enough for %d rows", f.s.Train)
	}
	return fmt.Sprintf("what fits into %.3g minutes", minutes)
}

// affordable is the number of epochs that fit into the minutes.
func (f *planner) affordable(minutes float64) (int, error) {
	step, err := f.step()
	if err != nil {
		return 0, err
	}
	return int(usefulShare * 60 * minutes / epochSeconds(f.p, step, f.s)), nil
}

// step is the seconds of a training step of the plan as it stands.
func (f *planner) step() (float64, error) {
	if f.s.Measure != nil {
		q := f.p.Clone()
		if q.Train.Epochs == 0 {
			q.Train.Epochs = 1
		}
		key := fmt.Sprint(q.Model, q.Input.Planes(), q.Input.Frames, q.Input.Height, q.Input.Width, q.Train.BatchSize)
		if _, ok := f.steps[key]; !ok {
			seconds, err := f.s.Measure(q)
			if err != nil {
				return 0, fmt.Errorf("measuring a training step: %w", err)
			}
			f.steps[key] = seconds
		}
		return f.steps[key], nil
	}
	c, err := planCost(f.p, f.targets())
	if err != nil {
		return 0, err
	}
	return stepSeconds(f.p, c, f.cores()), nil
}

// smallest sides that an input is shrunk to.
const (
	leastSide   = 48
	leastFrames = 8
)

// shrinkable says whether the input's size was the planner's choice and has room.
func (f *planner) shrinkable() bool {
	in := f.p.Input
	return f.chose("input.height") && f.chose("input.width") && min(in.Height, in.Width) > leastSide ||
		f.chose("input.frames") && in.Frames > leastFrames
}

// chose says whether the planner set a key.
func (f *planner) chose(key string) bool {
	return slices.ContainsFunc(f.reasons, func(r string) bool { return len(r) > len(key) && r[:len(key)+3] == key+" = " })
}

// shrink makes the input smaller by about a fifth a side, or halves the frames.
func (f *planner) shrink() {
	in := &f.p.Input
	if f.chose("input.height") && f.chose("input.width") && min(in.Height, in.Width) > leastSide {
		in.Height, in.Width = max(leastSide, in.Height*4/5/8*8), max(leastSide, in.Width*4/5/8*8)
		f.because("input.height = %d and width = %d after all: the minutes allow no more", in.Height, in.Width)
		return
	}
	in.Frames = max(leastFrames, in.Frames/2)
	f.because("input.frames = %d after all: the minutes allow no more", in.Frames)
}

// finishSize fills what depends on the number of epochs and bounds memory.
func (f *planner) finishSize() error {
	t := &f.p.Train
	steps := t.Epochs * max(1, f.s.Train/max(1, t.BatchSize)/max(1, t.Accumulate))
	if t.WarmupEpochs == 0 && t.Schedule != "constant" {
		t.WarmupEpochs = math.Min(2, float64(t.Epochs)/10)
		f.because("train.warmup_epochs = %g", t.WarmupEpochs)
	}
	if t.EMA == 0 && steps >= 200 {
		t.EMA = 0.98
		f.because("train.ema = 0.98: averaged weights make small validation parts less of a lottery")
	}
	c, err := planCost(f.p, f.targets())
	if err != nil {
		return err
	}
	if mib := memoryMiB(f.p, c, 0); mib > 64<<10 {
		return fault.New(fault.Resource, "the plan needs about %.0f GiB of memory", mib/1024).WithHint("lower train.batch_size, model.width or the input's size")
	}
	return nil
}
