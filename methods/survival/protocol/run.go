package protocol

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/methods/survival/tabular"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// Row is a line of the table: a network with its settings, or a classical model.
type Row struct {
	Name     string
	Classic  string // "cox" or "forest"; empty: a network
	Settings tabular.Settings
}

// FixedRows are the models at the settings of pycox's example notebooks: two hidden layers of 32, batch normalisation, dropout 0.1, Adam
// at 0.01, batches of 256, patience 10; ten equidistant times for discrete models, and again twenty at quantiles.
func FixedRows() []Row {
	base := tabular.Settings{Dropout: 0.1}
	net := func(name string, change func(*tabular.Settings)) Row {
		s := base
		s.Model = name
		if change != nil {
			change(&s)
		}
		return Row{Name: name, Settings: s}
	}
	ten := func(s *tabular.Settings) { s.Cuts, s.Equidistant = 10, true }
	rows := []Row{
		{Name: "ClassicalCox", Classic: "cox"},
		net(tabular.CoxPH, nil), net(tabular.CoxCC, nil), net(tabular.CoxTime, nil),
		net(tabular.LogisticHazard, ten), net(tabular.MTLR, ten), net(tabular.PCHazard, ten), net(tabular.DeepHit, ten),
	}
	for _, name := range []string{tabular.LogisticHazard, tabular.MTLR, tabular.PCHazard, tabular.DeepHit} {
		r := net(name, func(s *tabular.Settings) { s.Cuts = 20 })
		r.Name += " (20 quantile cuts)"
		rows = append(rows, r)
	}
	rows = append(rows, net(tabular.DeSurv, nil))
	return append(rows, Row{Name: "RandomSurvivalForest", Classic: "forest"})
}

// Measured are a model's numbers on a test fold, or their means.
type Measured struct {
	CTD         float64 `json:"c_td"`          // Antolini's, ties wrong: the paper's
	CTDAdjusted float64 `json:"c_td_adjusted"` // ties half
	IBS         float64 `json:"ibs"`
	IBLL        float64 `json:"ibll"` // 0 is best
	Note        string  `json:"note,omitempty"`
	Seconds     float64 `json:"seconds"` // training and prediction, not scoring
	CPU         float64 `json:"cpu"`     // seconds of the worker's thread; a forest's own threads do not count
	Epochs      int     `json:"epochs,omitempty"`
	Eventless   int     `json:"batches_without_event,omitempty"`
}

// MarshalJSON writes null for scores that a test fold does not define.
func (m Measured) MarshalJSON() ([]byte, error) {
	type plain Measured
	null := func(v float64) *float64 {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return &v
	}
	safe := m
	for _, v := range []*float64{&safe.CTD, &safe.CTDAdjusted, &safe.IBS, &safe.IBLL} {
		if null(*v) == nil {
			*v = 0
		}
	}
	return json.Marshal(struct {
		CTD         *float64 `json:"c_td"`
		CTDAdjusted *float64 `json:"c_td_adjusted"`
		IBS         *float64 `json:"ibs"`
		IBLL        *float64 `json:"ibll"`
		plain
	}{null(m.CTD), null(m.CTDAdjusted), null(m.IBS), null(m.IBLL), plain(safe)})
}

// Result is one model on one data set.
type Result struct {
	Dataset string     `json:"dataset"`
	Model   string     `json:"model"`
	Mean    Measured   `json:"mean"` // Seconds and Epochs are means too
	Folds   []Measured `json:"folds"`
	Anchor  *Anchor    `json:"anchor,omitempty"`
}

// Input is a data set with its folds.
type Input struct {
	Table *Table
	Folds []Fold
}

// OneHot says whether the protocol codes a data set's columns of 3 to 10 values one-hot: SUPPORT's, where a linear Cox model gets .570
// otherwise and the paper's .598 with them.
func OneHot(dataset string) bool { return dataset == "support" }

// Options say how a run is done.
type Options struct {
	Rows    []Row
	Search  int      // configurations of a random search for each network and fold; 0 and 1: the row's own settings
	Journal *Journal // of a search; nil: it cannot be resumed
	Workers int      // engines, one thread each; default 2
	Seed    stats.Seed
	Log     io.Writer                     // of the engine's first start
	Done    func(done, all int, r string) // after each job; may be called from several goroutines, one at a time
}

// job is one model on one fold.
type job struct {
	input *Input
	row   Row
	fold  int
	out   *Measured
}

// Run trains and judges every row on every fold of every input. Results are in the order of inputs and rows.
func Run(ctx context.Context, inputs []*Input, o Options) ([]Result, error) {
	if o.Workers == 0 {
		o.Workers = 2
	}
	var results []Result
	var jobs []job
	for _, in := range inputs {
		for _, row := range o.Rows {
			r := Result{Dataset: in.Table.Name, Model: row.Name, Folds: make([]Measured, len(in.Folds)), Anchor: AnchorOf(in.Table.Name, row.Name)}
			for f := range in.Folds {
				jobs = append(jobs, job{in, row, f, &r.Folds[f]})
			}
			results = append(results, r)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var first error
	next, done := 0, 0
	take := func() (job, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(jobs) || first != nil {
			return job{}, false
		}
		next++
		return jobs[next-1], true
	}
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil && err != nil {
			first = err
			cancel()
		}
	}
	work := func(e *torch.Engine) {
		for {
			j, ok := take()
			if !ok {
				return
			}
			m, err := j.run(ctx, e, o)
			if err != nil {
				fail(fault.New(fault.CodeOf(err), "%s on %s, fold %d: %w", j.row.Name, j.input.Table.Name, j.fold+1, err))
				return
			}
			mu.Lock()
			*j.out = m
			done++
			if o.Done != nil {
				o.Done(done, len(jobs), j.row.Name+" on "+j.input.Table.Name)
			}
			mu.Unlock()
		}
	}
	needsEngine := slices.ContainsFunc(o.Rows, func(r Row) bool { return r.Classic == "" })
	var wg sync.WaitGroup
	for range min(o.Workers, len(jobs)) {
		wg.Go(func() {
			if !needsEngine {
				work(nil)
				return
			}
			fail(torch.Run(ctx, torch.Config{Device: "cpu", Threads: 1, Seed: o.Seed, Log: o.Log}, func(e *torch.Engine) error {
				work(e)
				return nil
			}))
		})
	}
	wg.Wait()
	if first != nil {
		return nil, first
	}
	for i := range results {
		results[i].Mean = mean(results[i].Folds)
	}
	return results, nil
}

func (j job) run(ctx context.Context, e *torch.Engine, o Options) (Measured, error) {
	seed := o.Seed
	t, f := j.input.Table, j.input.Folds[j.fold]
	started, cpu := time.Now(), threadCPU()
	var curves survival.Curves
	var m Measured
	design := NewDesign(t, f.Train, OneHot(t.Name), false)
	test := t.Labels.Select(f.Test)
	switch j.row.Classic {
	case "cox":
		// The linear model has no use for a validation set and takes its rows as well.
		rows := append(slices.Clone(f.Train), f.Val...)
		design = NewDesign(t, rows, OneHot(t.Name), true)
		x, l := design.Rows(t, rows), t.Labels.Select(rows)
		fit, err := survival.FitCox(x, l, survival.CoxOptions{Ridge: 1e-6})
		if err != nil {
			return m, err
		}
		curves = fit.Baseline(x, l).Curves(fit.LogHazard(design.Rows(t, f.Test)))
	case "forest":
		rows := append(slices.Clone(f.Train), f.Val...)
		forest, err := survival.GrowForest(ctx, design.Rows(t, rows), t.Labels.Select(rows), survival.ForestOptions{Seed: seed})
		if err != nil {
			return m, err
		}
		curves = forest.Survival(design.Rows(t, f.Test))
	default:
		s := j.row.Settings
		s.Seed = seed + stats.Seed(j.fold)
		train, val := design.Data(t, f.Train), design.Data(t, f.Val)
		model, err := j.search(ctx, e, s, o, train, val)
		if err != nil {
			return m, err
		}
		if curves, err = model.Survival(e, design.Data(t, f.Test).X); err != nil {
			return m, err
		}
		m.Epochs, m.Eventless = model.Epochs, model.Eventless
	}
	seconds, used := time.Since(started).Seconds(), threadCPU()-cpu
	s, err := scores(curves, test)
	if err != nil {
		return m, err
	}
	s.Seconds, s.CPU, s.Epochs, s.Eventless = seconds, used, m.Epochs, m.Eventless
	return s, nil
}

// threadCPU is the CPU time of the calling thread, seconds. Workers with an engine stay on one thread.
func threadCPU() float64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func mean(folds []Measured) Measured {
	var out Measured
	n := float64(len(folds))
	epochs := 0.0
	for _, f := range folds {
		out.CTD += f.CTD / n
		out.CTDAdjusted += f.CTDAdjusted / n
		out.IBS += f.IBS / n
		out.IBLL += f.IBLL / n
		out.Seconds += f.Seconds / n
		out.CPU += f.CPU / n
		epochs += float64(f.Epochs) / n
		out.Eventless += f.Eventless
	}
	out.Epochs = int(math.Round(epochs))
	return out
}
