package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/segment"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// TrainMasks trains the network of a plan of kind segment on a fold: what [Train] is for scores. opts.Cache is not used; prepared cases are
// kept in memory as far as they fit.
//
// Errors: as [Train]'s.
func TrainMasks(ctx context.Context, opts TrainOptions) (*TrainResult, error) {
	if err := checkMaskPlan(opts.Plan); err != nil {
		return nil, err
	}
	var result *TrainResult
	cfg := torch.Config{Device: opts.Plan.Train.Device, Threads: opts.Plan.Train.Threads, Seed: opts.Plan.Seed, Log: opts.Progress}
	err := torch.Run(ctx, cfg, func(e *torch.Engine) (err error) {
		t, err := newMaskTrainer(e, opts)
		if err != nil {
			return err
		}
		defer func() { t.end(err) }()
		if err := t.begin(); err != nil {
			return err
		}
		for t.state.Stopped == "" {
			if err := t.epoch(ctx); err != nil {
				return err
			}
		}
		result = t.result()
		return nil
	})
	return result, err
}

// maskTrainer is a training of masks in progress. Its optimiser, schedule, averages, observers and checkpoints are [trainer]'s.
type maskTrainer struct {
	trainer // its net, loss, heads and loaders are not used
	unet    *segment.Net
	patches *cohort.Patches
	cases   *cohort.MaskCases
	val     []int
	bad     []cohort.Quarantine
}

func newMaskTrainer(e *torch.Engine, opts TrainOptions) (*maskTrainer, error) {
	p := opts.Plan
	target, err := p.maskTarget()
	if err != nil {
		return nil, err
	}
	patch, _ := p.Segment.patch()
	planned, err := p.maskNet(patch, p.spacing(), len(opts.Fold.Train))
	if err != nil {
		return nil, err
	}
	if planned.Patch != patch {
		return nil, fault.New(fault.Usage, "segment.patch %v does not divide by the network's strides", patch).WithHint("%v does", planned.Patch)
	}
	t := &maskTrainer{trainer: trainer{opts: opts, plan: p, e: e}, val: withMask(opts.Cohort, opts.Fold.Val, target.Name)}
	if t.cases, err = cohort.NewMaskCases(opts.Cohort, target.Name, p.Input, cacheBytes); err != nil {
		return nil, err
	}
	if t.unet, err = segment.New(planned.Spec); err != nil {
		return nil, err
	}
	rows := withMask(opts.Cohort, opts.Fold.Train, target.Name)
	if len(rows) == 0 {
		return nil, fault.New(fault.Input, "target %q has no mask in any training row", target.Name)
	}
	t.patches = &cohort.Patches{Cases: t.cases, Rows: rows, Size: patch, BatchSize: p.Train.BatchSize,
		Oversample: p.Segment.Oversample, Augment: p.Segment.Augment, Seed: p.Seed}
	nn.Materialise(e, t.unet, p.Seed)
	last := channelsLast(p.Train, e)
	if last {
		nn.ChannelsLast(t.unet)
	}
	e.ReleaseMemory()
	if t.opt, err = newOptimiser(e, t.unet, p.Train); err != nil {
		return nil, err
	}
	t.batches = p.Segment.Iterations
	t.lr = schedule{p.Train, t.batches}
	t.report = newReporter(opts.Progress, opts.Label)
	t.monitor = monitor{name: maskMonitor, target: 0, metric: maskMonitor, higher: true}
	if p.Train.Monitor == "loss" {
		t.monitor = monitor{name: "loss", target: -1}
	}
	ids := func(rows []int) []string {
		out := make([]string, len(rows))
		for i, r := range rows {
			out[i] = opts.Cohort.Rows[r].ID
		}
		return out
	}
	t.state = State{Version: version.String(), Plan: p.Digest(), Rows: rowsDigest(ids(opts.Fold.Train), ids(opts.Fold.Val)), Seed: p.Seed,
		Segment: &MaskNet{Spec: planned.Spec, Patch: patch, Target: target.Name, Labels: target.Classes},
		Input:   p.Input, Threads: e.Threads(), ChannelsLast: last}
	return t, nil
}

// spacing is what cases are resampled to; zeros where they are not.
func (p *Plan) spacing() [3]float64 {
	if len(p.Input.SpacingMM) == 3 {
		return [3]float64(p.Input.SpacingMM)
	}
	return [3]float64{}
}

// withMask are the rows that have a mask of the target.
func withMask(c *cohort.Cohort, rows []int, target string) []int {
	return slices.DeleteFunc(slices.Clone(rows), func(i int) bool { return c.Rows[i].Masks[target] == "" })
}

// begin restores the last checkpoint or starts anew, and tells who watches.
func (t *maskTrainer) begin() error {
	dir := filepath.Join(t.opts.Dir, checkpointDir)
	if err := sweep(dir); err != nil {
		return err
	}
	resumed := false
	if t.opts.Resume {
		var err error
		if resumed, err = t.restore(filepath.Join(dir, lastFile)); err != nil {
			return err
		}
	}
	if t.plan.Train.EMA > 0 && t.ema == nil {
		t.ema = newAverager(t.e, t.unet, t.plan.Train.EMA)
	}
	if t.state.Stopped != "" {
		return nil
	}
	return t.open(resumed)
}

func (t *maskTrainer) restore(path string) (bool, error) {
	s, tensors, err := readCheckpoint(path)
	switch {
	case err != nil && fault.CodeOf(err) == fault.NotFound:
		return false, nil
	case err != nil:
		return false, err
	case s.Plan != t.state.Plan || s.Rows != t.state.Rows:
		return false, fault.New(fault.Conflict, "checkpoint %s was made with another plan or other rows", path).
			WithHint("train into another folder, or delete it to begin again")
	}
	report, err := nn.Load(t.e, t.unet, only(tensors, t.unet))
	if err == nil && !report.Exact() {
		err = fault.New(fault.Input, "it does not fit the network: %s", report)
	}
	if err == nil && t.plan.Train.EMA > 0 {
		t.ema = newAverager(t.e, t.unet, t.plan.Train.EMA)
		err = t.fill(tensors, t.ema.visit)
	}
	if err == nil {
		err = t.fill(tensors, t.opt.visit)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	if s.Threads != t.state.Threads || s.ChannelsLast != t.state.ChannelsLast {
		t.report.say("the checkpoint was made with other threads or another memory format: results will agree, but not to the last bit")
	}
	threads, last := t.state.Threads, t.state.ChannelsLast
	t.state, t.opt.steps = s, s.OptimizerSteps
	t.state.Threads, t.state.ChannelsLast = threads, last
	return true, nil
}

// drawn is a batch, or why there is none.
type drawn struct {
	batch *cohort.PatchBatch
	err   error
}

// epoch trains one epoch from where the state stands, then validates.
func (t *maskTrainer) epoch(ctx context.Context) error {
	per := t.batches
	t.opt.thaw(t.state.Epoch)
	ahead, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan drawn, 2) // the next ones are drawn while this one is learnt
	done := make(chan struct{})
	go func(epoch, from int) {
		defer close(done)
		defer close(batches)
		for b := from; b < per; b++ {
			batch, err := t.patches.Batch(ahead, epoch, b, per)
			select {
			case batches <- drawn{batch, err}:
			case <-ahead.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}(t.state.Epoch, t.state.Batch)
	defer func() { cancel(); <-done }()
	overtime := false
	t.stepped = time.Now()
	for t.state.Batch < per && !overtime {
		asked := time.Now()
		var d drawn
		select {
		case d = <-batches:
		case <-ctx.Done():
			return t.halted(ctx.Err())
		}
		t.waited = time.Since(asked).Seconds()
		if d.err != nil {
			return t.halted(d.err)
		}
		if err := t.learn(d.batch); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return t.halted(ctx.Err())
		}
		overtime = t.overtime()
	}
	return t.endEpoch(ctx, overtime)
}

// halted saves and explains.
func (t *maskTrainer) halted(err error) error {
	if serr := t.save(); serr != nil {
		return serr
	}
	if errors.Is(err, context.Canceled) || fault.CodeOf(err) == fault.Interrupted {
		return fault.New(fault.Interrupted, "training stopped in epoch %d after step %d: %w", t.state.Epoch+1, t.state.Step, err).
			WithHint("repeat the command to go on from there")
	}
	return fmt.Errorf("training, epoch %d: %w", t.state.Epoch+1, err)
}

// learn makes a step from a batch, and whatever is due after it.
func (t *maskTrainer) learn(b *cohort.PatchBatch) error {
	for _, q := range b.Bad {
		if !slices.ContainsFunc(t.bad, func(o cohort.Quarantine) bool { return o.Line == q.Line }) {
			t.bad = append(t.bad, q)
		}
	}
	s := t.e.Scope()
	defer s.Close()
	t.e.ManualSeed(stats.Seed(t.plan.Seed.Stream("step", t.state.Epoch, t.state.Batch).Uint64()))
	x := t.e.FromFloat32(b.Image, append([]int64{int64(len(b.Rows)), int64(b.C)}, dims(t.patches.Size)...)...)
	pass := &nn.Pass{E: t.e, Train: true}
	if t.plan.Train.Recompute {
		pass.Recompute()
		defer pass.Release()
	}
	maps := maskMaps(t.e, t.unet, pass, t.plan.Train.Autocast, x)
	loss := maskLoss(t.e, t.plan.Segment.Loss, maps, b.Label)
	value := loss.Item()
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return t.notFinite(fmt.Sprintf("the loss is %v", value), b.Rows, nil)
	}
	pass.Backward(loss, casting(t.e, t.plan.Train.Autocast))
	norm := t.opt.gradNorm(t.plan.Train.ClipNorm)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return t.notFinite(fmt.Sprintf("the gradient's norm is %v", norm), b.Rows, nil)
	}
	lr := t.lr.at(t.state.Step)
	t.opt.step(lr)
	t.opt.zeroGrad()
	if t.ema != nil {
		t.ema.update(t.state.Step)
	}
	now := time.Now()
	took := now.Sub(t.stepped).Seconds()
	t.stepped = now
	t.state.Step, t.state.Batch, t.state.OptimizerSteps = t.state.Step+1, t.state.Batch+1, t.opt.steps
	r := &t.state.Running
	r.Loss, r.Rows, r.Seconds, r.Wait = r.Loss+value*float64(len(b.Rows)), r.Rows+len(b.Rows), r.Seconds+took, r.Wait+t.waited
	t.state.Wait += t.waited
	t.state.Seconds = t.elapsed()
	t.pace = append(t.pace, took)
	if err := t.tell(LogLine{Event: "step", Epoch: t.state.Epoch, Step: t.state.Step, Loss: &value, LR: lr, GradNorm: &norm,
		Seconds: round3(took), Wait: round3(t.waited)}); err != nil {
		return err
	}
	if t.opts.afterStep != nil {
		defer t.opts.afterStep(&t.trainer)
	}
	if every := t.plan.Train.CheckpointSteps; every > 0 && t.state.Step%every == 0 || every == 0 && now.Sub(t.saved) >= saveEvery {
		return t.save()
	}
	return nil
}

// validate is the Dice coefficient of each class over all validation voxels taken together, and their mean, with the weights that are
// judged; and the cross-entropy plus one minus that mean as the loss.
func (t *maskTrainer) validate(ctx context.Context) (validation, error) {
	if len(t.val) == 0 {
		return validation{loss: math.NaN()}, nil
	}
	classes := int(t.unet.Spec.Classes)
	both, either := make([]float64, classes), make([]float64, classes)
	var nll, known float64
	err := t.evaluated(func() error {
		for _, row := range t.val {
			c, err := t.cases.Case(ctx, row)
			if err != nil {
				if fault.CodeOf(err) == fault.Input {
					continue // quarantined when the run scores it
				}
				return err
			}
			prob, err := probabilities(ctx, t.e, t.unet, t.patches.Size, c.Volume, t.plan.Segment.Overlap, nil, t.plan.Train.Autocast)
			if err != nil {
				return err
			}
			n := c.Voxels()
			for i, l := range c.Label {
				if l == volume.Unknown {
					continue
				}
				best := 0
				for k := 1; k < classes; k++ {
					if prob[k*n+i] > prob[best*n+i] {
						best = k
					}
				}
				nll -= math.Log(math.Max(float64(prob[int(l)*n+i]), 1e-7))
				known++
				either[best]++
				either[l]++
				if best == int(l) {
					both[l]++
				}
			}
		}
		return nil
	})
	if err != nil {
		return validation{}, err
	}
	v := validation{values: map[string]float64{}, undefined: map[string]string{}}
	var sum, count float64
	for k := 1; k < classes; k++ {
		name := "dice." + t.state.Segment.Labels[k-1]
		if either[k] == 0 {
			v.undefined[name] = "the class is nowhere in the validation rows"
			continue
		}
		v.values[name] = 2 * both[k] / either[k]
		sum, count = sum+v.values[name], count+1
	}
	if count > 0 {
		v.values[maskMonitor] = sum / count
	}
	v.loss = nll/math.Max(known, 1) + 1 - v.values[maskMonitor]
	v.values["loss"] = v.loss
	return v, nil
}

func (t *maskTrainer) endEpoch(ctx context.Context, overtime bool) error {
	v, err := t.validate(ctx)
	if err != nil {
		return t.halted(err)
	}
	r := t.state.Running
	loss := r.Loss / math.Max(1, float64(r.Rows))
	better := t.state.judge(t.monitor, v, len(t.val) > 0, loss)
	if err := t.tellEpoch(LogLine{Loss: &loss, Best: better}, v); err != nil {
		return err
	}
	t.state.next(t.plan.Train, t.elapsed(), overtime || t.overtime())
	if better {
		if err := t.evaluated(func() error { return t.write(bestFile, nn.Export(t.unet)) }); err != nil {
			return err
		}
	}
	if err := t.save(); err != nil {
		return err
	}
	return t.tellStop()
}

// save writes checkpoints/last.safetensors.
func (t *maskTrainer) save() error {
	tensors := nn.Export(t.unet)
	add := func(name string, x *torch.Tensor) { tensors[name] = x.Array() }
	t.opt.visit(add)
	if t.ema != nil {
		t.ema.visit(add)
	}
	t.saved = time.Now()
	return t.write(lastFile, tensors)
}

func (t *maskTrainer) write(file string, tensors map[string]torch.Array) error {
	path := filepath.Join(t.opts.Dir, checkpointDir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fault.New(fault.Resource, "making the folder: %w", err)
	}
	return writeCheckpoint(path, t.state, tensors)
}

func (t *maskTrainer) result() *TrainResult {
	r := &TrainResult{Stopped: t.state.Stopped, Epochs: t.state.Epoch, Steps: t.state.Step, Minutes: t.state.Seconds / 60,
		Parameters: nn.Count(t.unet, append([]int64{1, t.unet.Spec.Channels}, dims(t.state.Segment.Patch)...)...).Params, Quarantine: t.bad}
	if t.state.Best != nil {
		r.Best = *t.state.Best
	}
	if t.state.Seconds > 0 {
		r.LoadingPercent = 100 * t.state.Wait / t.state.Seconds
	}
	return r
}
