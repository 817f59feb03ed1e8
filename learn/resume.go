package learn

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/nn/weights"
	"github.com/cineloop/cineloop/torch"
)

// begin restores the last checkpoint or starts anew, and tells who watches.
func (t *trainer) begin() (loaded string, err error) {
	path := filepath.Join(t.opts.Dir, checkpointDir, lastFile)
	if t.lead() {
		if err := sweep(filepath.Dir(path)); err != nil {
			return "", err
		}
	}
	resumed := false
	if t.opts.Resume {
		if resumed, err = t.restore(path); err != nil {
			return "", err
		}
	}
	if !resumed && t.plan.Model.Weights != "" {
		if loaded, err = t.pretrained(t.plan.Model.Weights); err != nil {
			return "", err
		}
	}
	if t.plan.Train.EMA > 0 && t.ema == nil {
		t.ema = newAverager(t.e, t.net, t.plan.Train.EMA)
	}
	if err := t.agree(); err != nil {
		return "", err
	}
	if t.state.Stopped != "" {
		return loaded, nil // done before: nothing will be written
	}
	return loaded, t.open(resumed)
}

// sweep removes half-written checkpoints that a killed training left behind.
func sweep(dir string) error { return removeAll(dir, ".*.safetensors-*") }

// forget removes what an earlier training left in dir, so that one that is killed before its first checkpoint cannot be mistaken for it.
func forget(dir string) error {
	return errors.Join(removeAll(filepath.Join(dir, checkpointDir), lastFile), removeAll(filepath.Join(dir, checkpointDir), bestFile),
		removeAll(dir, "events.out.tfevents.*.cineloop"), removeAll(dir, remoteFile))
}

// removeAll removes the files of dir whose names match; the folder itself may be absent.
func removeAll(dir, pattern string) error {
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("training folder: %w", err)
	}
	for _, f := range found {
		if ok, _ := filepath.Match(pattern, f.Name()); !ok {
			continue
		}
		if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
			return fmt.Errorf("removing what an earlier training left: %w", err)
		}
	}
	return nil
}

// restore loads a checkpoint; false where there is none.
func (t *trainer) restore(path string) (bool, error) {
	s, tensors, err := readCheckpoint(path)
	if fault.CodeOf(err) == fault.NotFound && err != nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if s.Plan != t.state.Plan || s.Rows != t.state.Rows {
		what := "another plan"
		if s.Plan == t.state.Plan {
			what = "other rows"
		}
		return false, fault.New(fault.Conflict, "checkpoint %s was made with %s", path, what).
			WithHint("train into another folder, or delete it to begin again")
	}
	if s.Ranks != t.state.Ranks {
		return false, fault.New(fault.Conflict, "checkpoint %s was made by %d processes, now there are %d: a batch would be of another size", path, max(1, s.Ranks), max(1, t.state.Ranks)).
			WithHint("train with --procs %d, or into another folder", max(1, s.Ranks))
	}
	report, err := nn.Load(t.e, t.net, only(tensors, t.net))
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	if !report.Exact() {
		return false, fault.New(fault.Input, "checkpoint %s does not fit the network: %s", path, report)
	}
	if t.plan.Train.EMA > 0 {
		t.ema = newAverager(t.e, t.net, t.plan.Train.EMA)
		if err := t.fill(tensors, t.ema.visit); err != nil {
			return false, fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := t.fill(tensors, t.loss.weights.visit); err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	if err := t.fill(tensors, t.opt.visit); err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	threads, last := t.state.Threads, t.state.ChannelsLast
	t.state, t.opt.steps = s, s.OptimizerSteps
	if t.fair != nil && s.Fair != nil {
		t.fair.state = s.Fair
	}
	if s.ChannelsLast != last {
		t.report.say("the checkpoint was made in another memory format: results will agree, but not to the last bit")
		t.state.ChannelsLast = last
	}
	if s.Threads != threads {
		t.report.say("the checkpoint was made with %d threads, now there are %d: results will agree, but not to the last bit", s.Threads, threads)
		t.state.Threads = threads
	}
	return true, nil
}

// only is the tensors that belong to the network.
func only(tensors map[string]torch.Array, m nn.Module) map[string]torch.Array {
	out := map[string]torch.Array{}
	m.Visit("", func(name string, _ *nn.Param) {
		if a, ok := tensors[name]; ok {
			out[name] = a
		}
	})
	return out
}

// fill copies saved values into the tensors that visit shows.
func (t *trainer) fill(tensors map[string]torch.Array, visit func(func(string, *torch.Tensor))) error {
	var failed error
	visit(func(name string, x *torch.Tensor) {
		a, ok := tensors[name]
		if !ok || !slices.Equal(a.Shape, x.Shape()) {
			failed = fault.New(fault.Input, "%s is missing or of another shape", name)
			return
		}
		s := t.e.Scope()
		defer s.Close()
		t.e.NoGrad(func() { x.Copy_(t.e.FromArray(a)) })
	})
	return failed
}

// pretrained starts from weights of others.
func (t *trainer) pretrained(path string) (string, error) {
	path, err := cohort.ResolvePath(path, t.plan.Data.Base)
	if err != nil {
		return "", fmt.Errorf("model.weights: %w", err)
	}
	file, err := weights.Read(path)
	if err != nil {
		return "", fmt.Errorf("model.weights: %w", err)
	}
	plain := t.net
	if v := t.net.Spec.Views; v != nil && v.Separate {
		spec := t.net.Spec
		spec.Views = nil
		if plain, err = video.New(spec); err != nil {
			return "", err
		}
	}
	adapted := weights.Adapt(file.Tensors, plain)
	if plain != t.net {
		adapted.Tensors = eachView(adapted.Tensors, t.net)
	}
	report, err := nn.Load(t.e, t.net, adapted.Tensors)
	if err != nil {
		return "", fmt.Errorf("model.weights, %s: %w", filepath.Base(path), err)
	}
	t.report.say("weights of %s, names %s: %s", filepath.Base(path), adapted.Scheme, report)
	return report.String(), nil
}

// save writes checkpoints/last.safetensors.
func (t *trainer) save() error {
	if !t.lead() {
		t.saved = time.Now()
		return nil
	}
	tensors := nn.Export(t.net)
	add := func(name string, x *torch.Tensor) { tensors[name] = x.Array() }
	t.opt.visit(add)
	t.loss.weights.visit(add)
	if t.ema != nil {
		t.ema.visit(add)
	}
	t.saved = time.Now()
	return writeCheckpoint(filepath.Join(t.opts.Dir, checkpointDir, lastFile), t.state, tensors)
}

// saveBest writes checkpoints/best.safetensors: the weights that validation saw.
func (t *trainer) saveBest() error {
	if !t.lead() {
		return nil
	}
	var tensors map[string]torch.Array
	t.evaluated(func() error { tensors = nn.Export(t.net); return nil })
	return writeCheckpoint(filepath.Join(t.opts.Dir, checkpointDir, bestFile), t.state, tensors)
}

// evaluated calls fn with the weights that are judged in the network's place: the averaged ones, where there are.
func (t *trainer) evaluated(fn func() error) error {
	if t.ema == nil {
		return fn()
	}
	return t.ema.with(fn)
}
