package learn

import (
	"context"
	"io"
	"slices"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// TrainOptions says what to train and where.
type TrainOptions struct {
	Plan     *Plan // filled, as [FillPlan] leaves it
	Cohort   *cohort.Cohort
	Fold     cohort.Fold // Train and Val are used; without Val the last weights are the best ones
	Dir      string      // of this training: checkpoints/, log.jsonl, TensorBoard's events
	Resume   bool        // go on from checkpoints/last.safetensors where it exists; otherwise begin anew
	Progress io.Writer   // nil: silence
	Label    string      // before every progress line, such as the split's name
	Cache    *cohort.Cache
	Minutes  float64 // budget of this training, resumed parts included; 0: the plan's train.max_minutes

	Observers []Observer // told of the training beside its log, TensorBoard's events, Progress and the plan's server

	Parallel *Parallel // which of several processes that train together this is; nil: one alone

	afterStep func(*trainer) // tests watch and interrupt here
}

// TrainResult is what became of a training.
type TrainResult struct {
	Best           Best
	Stopped        string // finished | patience | max_minutes
	Epochs, Steps  int    // done
	Minutes        float64
	LoadingPercent float64 // of the training time, spent waiting for data
	Parameters     int64
	Loaded         string             // what became of model.weights' keys; empty without
	LossWeights    map[string]float64 // by target, where they are learnt
	Quarantine     []cohort.Quarantine
}

// Train trains the plan's network on a fold. It is over when every epoch is done, the monitored metric has not improved for the
// plan's patience, or the plan's minutes are used up; each is a success.
//
// Errors: usage (a plan that is not complete, a monitor that does not exist), input (a loss that is not a number, a checkpoint that is
// damaged), conflict (a checkpoint of another plan or other rows), missing (no engine), resource (a full disk), interrupted.
func Train(ctx context.Context, opts TrainOptions) (*TrainResult, error) {
	heads, err := opts.heads()
	if err != nil {
		return nil, err
	}
	if err := opts.Parallel.check(opts.Plan); err != nil {
		return nil, err
	}
	var result *TrainResult
	cfg := torch.Config{Groups: opts.Parallel != nil, Device: opts.Plan.Train.Device, Threads: opts.Plan.Train.Threads, Seed: opts.Plan.Seed, Log: opts.Progress}
	err = torch.Run(ctx, cfg, func(e *torch.Engine) (err error) {
		group, err := opts.Parallel.join(e)
		if err != nil {
			return err
		}
		t, err := newTrainer(e, opts, heads, group)
		if err != nil {
			return err
		}
		defer func() { t.end(err) }()
		loaded, err := t.begin()
		if err != nil {
			return err
		}
		if err := t.withGroup(func() error { return t.epochs(ctx) }); err != nil {
			return err
		}
		if err := t.drawSWAG(ctx); err != nil {
			return err
		}
		result = t.result()
		result.Loaded = loaded
		return nil
	})
	return result, err
}

// heads checks the plan and gives its targets as the network sees them.
func (o TrainOptions) heads() ([]head, error) {
	heads, err := newHeads(o.Cohort.Spec.Targets, o.Cohort.Rows, o.Fold.Train)
	if err != nil {
		return nil, err
	}
	if err := checkFilled(o.Plan); err != nil {
		return nil, err
	}
	o.Plan.Uncertainty.mark(heads)
	if o.Plan.Train.ClassWeights {
		weighClasses(heads, o.Cohort.Rows, o.Fold.Train)
	}
	return heads, nil
}

// checkFilled reports what a plan lacks before it can be trained.
func checkFilled(p *Plan) error {
	in, t := p.Input, p.Train
	for _, c := range []struct {
		ok   bool
		what string
	}{
		{in.Frames > 0 && in.Height > 0 && in.Width > 0 && in.Channels > 0, "input.frames, height, width and channels"},
		{p.Model.Name != "", "model.name"},
		{t.Epochs > 0, "train.epochs"},
		{t.BatchSize > 0, "train.batch_size"},
		{t.LR > 0, "train.lr"},
		{slices.Contains([]string{"cosine", "step", "constant"}, t.Schedule), "train.schedule (cosine, step or constant)"},
		{slices.Contains([]string{"", "none", "bf16", "fp16"}, t.Autocast), "train.autocast (none, bf16 or fp16)"},
		{slices.Contains([]string{"", layoutAuto, layoutContiguous, layoutChannelsLast}, t.MemoryFormat), "train.memory_format (auto, contiguous or channels_last)"},
		{t.LayerDecay >= 0 && t.LayerDecay <= 1, "train.layer_decay (above 0, at most 1)"},
		{t.FreezeEpochs >= 0, "train.freeze_epochs"},
		{t.EMA < 1, "train.ema (below 1)"},
		{len(p.Model.StemStride) == 0 || len(p.Model.StemStride) == 3, "model.stem_stride (three numbers)"},
	} {
		if !c.ok {
			return fault.New(fault.Usage, "the plan cannot be trained: %s is not set, or impossible", c.what)
		}
	}
	if err := p.Uncertainty.check(p); err != nil {
		return err
	}
	if err := p.Log.check(); err != nil {
		return err
	}
	if err := checkFusion(p); err != nil {
		return err
	}
	if _, err := p.streams(); err != nil {
		return err
	}
	if err := checkViews(p); err != nil {
		return err
	}
	a, err := video.Find(p.Model.Name)
	if err != nil {
		return err
	}
	for i, n := range []int{in.Frames, in.Height, in.Width} {
		if int64(n) < a.Least[i] {
			return fault.New(fault.Usage, "%s takes clips of at least %d×%d×%d; the plan's are %d×%d×%d", a.Name, a.Least[0], a.Least[1], a.Least[2], in.Frames, in.Height, in.Width).
				WithHint("set input.frames, height and width, or another model.name")
		}
	}
	return nil
}

// networkSpec is the network of a plan for the given heads.
func networkSpec(p *Plan, heads []head) video.Spec {
	s := video.Spec{Name: p.Model.Name, Width: int64(p.Model.Width), Channels: int64(p.Input.Planes()), Dropout: p.Model.Dropout, Views: viewsSpec(p)}
	s.Streams, _ = p.streams()
	for i, v := range p.Model.StemStride {
		s.StemStride[i] = int64(v)
	}
	if p.Model.Weights == "" { // tables of positions are made for these clips; with weights they keep the size that they were trained for
		s.Size = [3]int64{int64(p.Input.Frames), int64(p.Input.Height), int64(p.Input.Width)}
	}
	for _, h := range heads {
		s.Heads = append(s.Heads, video.Head{Name: h.Name, Width: int64(h.outputs())})
	}
	return s
}

// newTrainer builds everything and tells nobody; no file is touched.
func newTrainer(e *torch.Engine, opts TrainOptions, heads []head, group *torch.Group) (*trainer, error) {
	p := opts.Plan
	t := &trainer{opts: opts, plan: p, e: e, heads: heads, group: group}
	if p.Train.Autocast == "fp16" && !e.Device().IsCUDA() {
		return nil, fault.New(fault.Usage, "train.autocast: float16 needs a CUDA device").WithHint("bf16 works on both")
	}
	var err error
	if t.monitor, err = newMonitor(p.Train.Monitor, heads); err != nil {
		return nil, err
	}
	if t.loss, err = newLosses(e, heads, p.Train); err != nil {
		return nil, err
	}
	if t.loss.weights, err = newLossWeights(e, p, heads); err != nil {
		return nil, err
	}
	if t.fair, err = newFair(p.Train.Fairness, opts.Cohort, heads, opts.Fold.Train); err != nil {
		return nil, err
	}
	if t.table, err = newTableCode(opts.Cohort, opts.Fold.Train); err != nil {
		return nil, err
	}
	spec := networkSpec(p, heads)
	if spec.Fusion, err = t.table.spec(p.Model.Fusion); err != nil {
		return nil, err
	}
	if spec.Fusion != nil && (p.Train.Mixup > 0 || p.Train.Cutmix > 0) {
		return nil, fault.New(fault.Usage, "train.mixup and train.cutmix mix pictures; columns of a table beside them cannot be mixed").WithHint("leave out one of the two")
	}
	if t.net, err = video.New(spec); err != nil {
		return nil, err
	}
	if err := t.loaders(); err != nil {
		return nil, err
	}
	nn.Materialise(e, t.net, p.Seed)
	last := channelsLast(p.Train, e)
	if last {
		nn.ChannelsLast(t.net)
	}
	e.ReleaseMemory() // making weights leaves garbage that the training would carry
	if t.opt, err = newOptimiser(e, learnt{t.net, t.loss.weights}, p.Train); err != nil {
		return nil, err
	}
	t.batches = t.train.Steps()
	t.lr = schedule{p.Train, (t.batches + t.accumulate() - 1) / t.accumulate()}
	t.report = newReporter(t.voice(opts.Progress), opts.Label)
	ids := func(rows []int) []string {
		out := make([]string, len(rows))
		for i, r := range rows {
			out[i] = opts.Cohort.Rows[r].ID
		}
		return out
	}
	t.state = State{
		Version: version.String(), Plan: p.Digest(), Rows: rowsDigest(ids(opts.Fold.Train), ids(opts.Fold.Val)), Seed: p.Seed,
		Network: t.net.Spec, Heads: heads, Table: t.table, Input: p.Input, Eval: p.Augment.EvalScale, Threads: e.Threads(), ChannelsLast: last,
	}
	if group != nil {
		t.state.Ranks = group.Size
	}
	if t.fair != nil {
		t.state.Fair = t.fair.state
	}
	if p.Train.Autocast == "fp16" {
		t.state.Scale = firstScale
	}
	return t, nil
}

// loaders makes the training and validation loaders over one cache.
func (t *trainer) loaders() error {
	p, o := t.plan, t.opts
	cache, err := cacheOr(o.Cache)
	if err != nil {
		return err
	}
	t.cache = cache
	cfg := cohort.LoaderConfig{Input: p.Input, Augment: p.Augment, BatchSize: p.Train.BatchSize, Seed: p.Seed, Train: true,
		Weight: p.Train.SampleWeight, Patients: p.Train.PerPatient, ViewDrop: p.viewDrop(),
		Cache: cache, Alloc: t.e.PinnedFloat32}
	if t.group != nil {
		cfg.Rank, cfg.Ranks = t.group.Rank, t.group.Size
	}
	if p.Train.Balance {
		i := slices.IndexFunc(t.heads, func(h head) bool { return h.Kind == evaluate.Binary || h.Kind == evaluate.Class })
		if i < 0 {
			return fault.New(fault.Usage, "train.balance: the plan has no binary or class target")
		}
		cfg.Balance = t.heads[i].Name
	}
	if t.fair != nil && t.fair.method == fairness.MethodResample {
		cfg.Balance, cfg.BalanceBy = "", t.fair.cell(t.heads[t.fair.head])
	}
	if t.train, err = cohort.NewLoader(o.Cohort, o.Fold.Train, cfg); err != nil {
		return err
	}
	if len(o.Fold.Val) == 0 {
		return nil
	}
	cfg.Train, cfg.Balance, cfg.BalanceBy, cfg.Input.EvalClips = false, "", nil, 1
	cfg.Weight, cfg.Patients = "", 0
	t.val, err = cohort.NewLoader(o.Cohort, o.Fold.Val, cfg)
	return err
}

// cacheBytes bounds the cache of decoded clips where the caller brings none.
const cacheBytes = 1 << 30

func cacheOr(c *cohort.Cache) (*cohort.Cache, error) {
	if c != nil {
		return c, nil
	}
	return cohort.NewCache(cohort.CacheConfig{Bytes: cacheBytes})
}

func (t *trainer) result() *TrainResult {
	r := &TrainResult{Stopped: t.state.Stopped, Epochs: t.state.Epoch, Steps: t.state.Step, Minutes: t.state.Seconds / 60,
		Parameters: nn.Count(t.net, 1, int64(t.plan.Input.Planes()), 1, 1, 1).Params}
	if t.state.Best != nil {
		r.Best = *t.state.Best
	}
	if t.state.Seconds > 0 {
		r.LoadingPercent = 100 * t.state.Wait / t.state.Seconds
	}
	r.LossWeights = t.loss.weights.values(t.heads)
	r.Quarantine = t.train.Quarantine()
	if t.val != nil {
		r.Quarantine = append(r.Quarantine, t.val.Quarantine()...)
	}
	return r
}
