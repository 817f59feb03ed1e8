package learn

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// Sampled is what repeated scoring says of rows: a sample for each network, augmented view and dropout pass.
type Sampled struct {
	Rows    []int // of the cohort, those that could be read, in the order asked for
	Targets []evaluate.Target
	Of      map[string]*Samples
	Feature [][]float64 // [row], the first network's, of the plain view
	// Layers are means and deviations of each channel over space and time at the ends of the network's stages, of the same: texture
	// and noise that the last features have learnt to leave out. Nil for networks without such stages.
	Layers [][][]float64 // [row][stage][2 × channels]
	// Texture describes the picture and the early ones of these stages, of the same: see [uncertainty.Texture]. Nil for studies.
	Texture [][][]float64 // [row][stage][7 × channels]
}

// Samples are those of one target.
type Samples struct {
	Score    [][][]float64 // [row][sample][score]
	Raw      [][]float64   // [row], outputs of the first network, of the plain view without dropout
	Data     [][]float64   // [row][sample], variance of the data in the target's unit squared; NaN where the head says nothing
	Model    []float64     // [row], variance of the model that one pass says (evidential regression); NaN elsewhere
	Quantile [][]float64   // [row][level], mean over samples, of a quantile head; nil elsewhere
	Evidence [][]float64   // [row][class], mean over samples, of an evidential head; nil elsewhere
	Levels   []float64     // of Quantile
}

// Mean is a row's scores averaged over its samples.
func (s *Samples) Mean(row int) []float64 {
	out := make([]float64, len(s.Score[row][0]))
	for _, x := range s.Score[row] {
		for k, v := range x {
			out[k] += v / float64(len(s.Score[row]))
		}
	}
	return out
}

// Folders are those that hold a fold's networks: the training's own, its further members, and in place of each, where the plan asks for
// SWAG, its draws.
func (u *UncertaintySpec) Folders(dir string) []string {
	var out []string
	for k := range u.Copies() {
		at := MemberDir(dir, k)
		if u.Draws() > 0 {
			out = append(out, SWAGDirs(at, u)...)
		} else {
			out = append(out, at)
		}
	}
	return out
}

// MemberDir is the training folder of member k of an ensemble; the first is the fold's own.
func MemberDir(dir string, k int) string {
	if k == 0 {
		return dir
	}
	return filepath.Join(dir, "members", strconv.Itoa(k))
}

// Member is the plan of member k of an ensemble: the same with another seed.
func (p *Plan) Member(k int) *Plan {
	if k == 0 {
		return p
	}
	q := p.Clone()
	q.Seed = stats.Seed(p.Seed.Stream("member", k).Uint64() >> 1)
	return q
}

// PredictSampled scores rows with every network of opts.CheckpointDirs, as often as the plan's uncertainty says. Errors are those of
// [Predict].
func PredictSampled(ctx context.Context, opts PredictOptions) (*Sampled, error) {
	if err := opts.ready(); err != nil {
		return nil, err
	}
	g := &gatherer{opts: opts, u: opts.Plan.Uncertainty, rows: map[int]*gathered{}}
	if g.u == nil {
		g.u = &UncertaintySpec{}
	}
	cfg := torch.Config{Device: opts.Plan.Train.Device, Threads: opts.Plan.Train.Threads, Seed: opts.Plan.Seed, Log: opts.Progress}
	err := torch.Run(ctx, cfg, func(e *torch.Engine) error {
		for k, dir := range opts.CheckpointDirs {
			if err := g.network(ctx, e, k, dir); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return g.table(), nil
}

// gatherer adds up what passes say.
type gatherer struct {
	opts  PredictOptions
	u     *UncertaintySpec
	heads []head
	rows  map[int]*gathered
}

// gathered are a row's passes. Clips of a row are averaged within a sample.
type gathered struct {
	samples map[int]*sample
	feature []float64
	layers  [][]float64
	texture [][]float64
	raw     [][]float64 // [head]
	clips   float64     // in feature and raw
}

type sample struct {
	score, raw [][]float64 // [head]
	data       []float64
	model      []float64
	clips      float64
}

// network scores all rows with one network.
func (g *gatherer) network(ctx context.Context, e *torch.Engine, k int, dir string) error {
	m, err := LoadModel(e, dir)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := m.fits(g.opts.Cohort); err != nil {
		return err
	}
	if k == 0 {
		g.heads = m.State.Heads
	} else if len(m.State.Heads) != len(g.heads) {
		return fault.New(fault.Input, "%s predicts other targets than the first network", dir)
	}
	passes := max(1, g.u.DropoutPasses)
	for view := range 1 + g.u.Views {
		in := m.Input
		in.EvalClips = max(1, g.opts.Plan.Input.EvalClips)
		aug := m.Augment
		if view > 0 {
			in.EvalClips, aug = 1, g.opts.Plan.Augment
		}
		loader, err := cohort.NewLoader(g.opts.Cohort, g.opts.Rows, cohort.LoaderConfig{Input: in, Augment: aug, View: view,
			BatchSize: max(1, g.opts.Plan.Train.BatchSize), Seed: m.State.Seed, Cache: g.opts.Cache, Alloc: e.PinnedFloat32})
		if err != nil {
			return err
		}
		bar := progress.New(g.opts.Progress, fmt.Sprintf("scoring, network %d of %d, view %d of %d", k+1, len(g.opts.CheckpointDirs), view+1, 1+g.u.Views), int64(loader.Steps()))
		first := (k*(1+g.u.Views) + view) * passes
		err = g.view(ctx, e, m, loader, first, k == 0 && view == 0, func() { bar.Add(1) })
		bar.Close()
		if err != nil {
			return fmt.Errorf("predicting: %w", err)
		}
		if g.opts.Quarantine != nil && view == 0 {
			*g.opts.Quarantine = loader.Quarantine()
		}
	}
	return nil
}

// view scores all rows as the loader shows them; samples are counted from first.
func (g *gatherer) view(ctx context.Context, e *torch.Engine, m *Model, loader *cohort.Loader, first int, plain bool, step func()) error {
	batch := 0
	for b, err := range loader.Epoch(ctx, 0, 0) {
		if err != nil {
			return err
		}
		e.ManualSeed(stats.Seed(m.State.Seed.Stream("passes", first, batch).Uint64()))
		s := e.Scope()
		e.NoGrad(func() {
			table := m.State.Table.table(e, g.opts.Cohort, b.Rows)
			p := &nn.Pass{E: e, Table: table, Views: viewsOf(b)}
			looks := plain && b.Slots == 0 // of studies the stages see single clips
			if looks {
				p.Capture(stages...)
			}
			x := input(e, b)
			features := m.embed(p, x, g.opts.Plan.Train.Autocast)
			if plain {
				g.plain(b.Rows, features.Float32s(), m.Net.HeadsOf(&nn.Pass{E: e, Table: table}, features))
			}
			if looks {
				g.stages(b.Rows, m, p, x)
			}
			for pass := range max(1, g.u.DropoutPasses) {
				g.add(b.Rows, first+pass, m.State.Heads, m.Net.HeadsOf(&nn.Pass{E: e, Drop: g.u.DropoutPasses > 0, Table: table}, features))
			}
		})
		s.Close()
		b.Release()
		batch++
		step()
	}
	return nil
}

// embed computes features in float32.
func (m *Model) embed(p *nn.Pass, x *torch.Tensor, autocast string) *torch.Tensor {
	var f *torch.Tensor
	casting(m.e, autocast)(func() { f = m.Net.Embed(p, x) })
	if f.DType() != torch.Float32 {
		f = f.To(torch.Float32)
	}
	return f
}

func (g *gatherer) row(i int) *gathered {
	r := g.rows[i]
	if r == nil {
		r = &gathered{samples: map[int]*sample{}, raw: make([][]float64, len(g.heads))}
		g.rows[i] = r
	}
	return r
}

func (g *gatherer) plain(rows []int, features []float32, outs []*torch.Tensor) {
	width := len(features) / len(rows)
	for i, f := range split(features, width) {
		r := g.row(rows[i])
		r.clips++
		r.feature = plus(r.feature, f)
	}
	for h, o := range outs {
		for i, raw := range split(o.Float32s(), g.heads[h].outputs()) {
			r := g.row(rows[i])
			r.raw[h] = plus(r.raw[h], raw)
		}
	}
}

// stages are the modules at whose ends channels are looked at, by torchvision's names.
var stages = []string{"stem", "layer1", "layer2", "layer3"}

// stages adds means and deviations of the channels of captured stages, and the texture of the picture and the early ones.
func (g *gatherer) stages(rows []int, m *Model, p *nn.Pass, x *torch.Tensor) {
	defer p.Release()
	grain := 0
	look := func(v *torch.Tensor) {
		for i, t := range texture(v) {
			r := g.row(rows[i])
			r.texture = plusAt(r.texture, grain, t)
		}
		grain++
	}
	look(x)
	at := 0
	for _, name := range stages {
		c := p.Captured(name)
		if c == nil {
			continue
		}
		v := m.Net.Volume(c, int64(len(rows)))
		if v.Dim() != 5 {
			continue
		}
		if v.DType() != torch.Float32 {
			v = v.To(torch.Float32)
		}
		mean, spread := v.Mean(2, 3, 4), v.Std([]int64{2, 3, 4}, 0, false)
		channels := int(v.Size(1))
		a, b := split(mean.Float32s(), channels), split(spread.Float32s(), channels)
		for i, row := range rows {
			r := g.row(row)
			r.layers = plusAt(r.layers, at, append(a[i], b[i]...))
		}
		at++
		if slices.Contains(grainy, name) {
			look(v)
		}
	}
}

// add takes a pass over rows; heads are the network's own, whose baseline hazards are no other network's.
func (g *gatherer) add(rows []int, at int, heads []head, outs []*torch.Tensor) {
	n := len(heads)
	for h, o := range outs {
		for i, raw := range split(o.Float32s(), heads[h].outputs()) {
			r := g.row(rows[i])
			s := r.samples[at]
			if s == nil {
				s = &sample{score: make([][]float64, n), raw: make([][]float64, n), data: make([]float64, n), model: make([]float64, n)}
				r.samples[at] = s
			}
			if h == 0 {
				s.clips++
			}
			data, model := heads[h].spread(raw)
			s.data[h] += data
			s.model[h] += model
			kept := raw
			if heads[h].Evidence != nil {
				kept = heads[h].evidence(raw)
			}
			s.raw[h] = plus(s.raw[h], kept)
			s.score[h] = plus(s.score[h], heads[h].decode(raw))
		}
	}
}

// plus adds x to sum, which may be nil.
func plus(sum, x []float64) []float64 {
	if sum == nil {
		return append([]float64{}, x...)
	}
	for i, v := range x {
		sum[i] += v
	}
	return sum
}

// plusAt adds x to the sum that is at that place of the list, which may be one short of it.
func plusAt(sums [][]float64, at int, x []float64) [][]float64 {
	if len(sums) <= at {
		sums = append(sums, nil)
	}
	sums[at] = plus(sums[at], x)
	return sums
}

func over(x []float64, n float64) []float64 {
	for i := range x {
		x[i] /= n
	}
	return x
}

func (g *gatherer) table() *Sampled {
	out := &Sampled{Of: map[string]*Samples{}}
	for _, h := range g.heads {
		out.Targets = append(out.Targets, h.Target)
		out.Of[h.Name] = &Samples{Levels: h.Levels}
	}
	count := len(g.opts.CheckpointDirs) * (1 + g.u.Views) * max(1, g.u.DropoutPasses)
	for _, i := range g.opts.Rows {
		r := g.rows[i]
		if r == nil || len(r.samples) < count { // unreadable, at least once
			continue
		}
		out.Rows = append(out.Rows, i)
		out.Feature = append(out.Feature, over(r.feature, r.clips))
		for _, l := range append(slices.Clone(r.layers), r.texture...) {
			over(l, r.clips)
		}
		if r.layers != nil {
			out.Layers = append(out.Layers, r.layers)
		}
		if r.texture != nil {
			out.Texture = append(out.Texture, r.texture)
		}
		for h, hd := range g.heads {
			t := out.Of[hd.Name]
			var score [][]float64
			var data, mean []float64
			model := 0.0
			for k := range count {
				s := r.samples[k]
				score = append(score, over(s.score[h], s.clips))
				data = append(data, s.data[h]/s.clips)
				model += s.model[h] / s.clips / float64(count)
				mean = plus(mean, over(s.raw[h], s.clips*float64(count)))
			}
			t.Score, t.Data, t.Model = append(t.Score, score), append(t.Data, data), append(t.Model, model)
			t.Raw = append(t.Raw, over(r.raw[h], r.clips))
			switch {
			case hd.Evidence != nil:
				t.Evidence = append(t.Evidence, mean)
			case hd.Law == lawQuantile:
				for j := range mean {
					mean[j] = mean[j]*hd.SD + hd.Mean
				}
				t.Quantile = append(t.Quantile, mean)
			}
		}
	}
	return out
}

// Predictions are the mean scores with the rows' truths.
func (s *Sampled) Predictions(opts PredictOptions) *evaluate.Predictions {
	sum := &scores{targets: s.Targets, sum: map[string]map[int][]float64{}, count: map[int]float64{}}
	for _, t := range s.Targets {
		sum.sum[t.Name] = map[int][]float64{}
		for at, row := range s.Rows {
			sum.sum[t.Name][row] = s.Of[t.Name].Mean(at)
		}
	}
	for _, row := range s.Rows {
		sum.count[row] = 1
	}
	return sum.table(opts)
}
