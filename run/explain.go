package run

import (
	"cmp"
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/nn/fusion"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// Example is an item chosen to be explained.
type Example struct {
	Item   string  `json:"item"`
	Why    string  `json:"why"` // right | wrong | most uncertain | close | typical | far
	Target string  `json:"target"`
	Class  string  `json:"class,omitempty"` // whose score is explained
	Truth  float64 `json:"truth"`
	Score  float64 `json:"score"`
}

// Explanations is the content of a run's own explain/explain.json.
type Explanations struct {
	PlanDigest string           `json:"plan_digest"`
	Version    string           `json:"version"`
	Criteria   explain.Criteria `json:"criteria"`
	Examples   []TestedExample  `json:"examples"`
}

func (f Folder) explanations() string { return filepath.Join(f.Explain(), "explain.json") }

// Explain maps examples of the judged rows of the primary split, each by the model that did not learn from it, with the tests that
// [ExplainOn] gives maps of other data, and asks of the judged rows what the network goes by. What is finished of this plan is kept.
func (r *Run) Explain(ctx context.Context) error {
	if r.Plan.Kind == kindCatalog || r.Plan.Explain.Examples < 0 {
		return nil
	}
	if r.segments() {
		return r.drawMasks()
	}
	if err := r.maps(ctx); err != nil {
		return err
	}
	return r.testCohort(ctx)
}

// looks says whether the network sees the picture.
func (r *Run) looks() bool {
	f := r.Plan.Model.Fusion
	return f == nil || fusion.Kind(f.Kind) != fusion.Table
}

func (r *Run) maps(ctx context.Context) error {
	var old Explanations
	if exists(r.Dir.explanations()) && readJSON(r.Dir.explanations(), &old) == nil && old.PlanDigest == r.Plan.Digest() && old.Version == version.String() {
		return nil
	}
	if !r.looks() {
		r.say("no maps are drawn: the network does not see the picture")
		return nil
	}
	how, err := r.ownMethods()
	if err != nil {
		return err
	}
	p, err := r.predictions(ctx, 0)
	if err != nil {
		return err
	}
	picks, err := r.pick(p)
	if err != nil {
		return err
	}
	models, err := r.models(0)
	if err != nil {
		return err
	}
	if err := mkdir(r.Dir.Explain()); err != nil {
		return err
	}
	out := Explanations{PlanDigest: r.Plan.Digest(), Version: version.String(), Criteria: explain.DefaultCriteria,
		Examples: make([]TestedExample, len(picks))}
	bar := progress.New(r.log, "explaining", int64(len(picks)*len(how)))
	defer bar.Close()
	job := &explainJob{r: r, how: how, fill: explain.FillMean, bar: bar}
	err = torch.Run(ctx, r.engine(r.log), func(e *torch.Engine) error {
		for k, model := range models {
			byFold := func(ex example) bool { return max(0, ex.fold) == k }
			if !slices.ContainsFunc(picks, byFold) {
				continue
			}
			err := job.with(e, model, func() error { return job.examples(ctx, picks, byFold, out.Examples) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(r.Dir.explanations(), out)
}

// engine is the configuration of an engine that explains.
func (r *Run) engine(log io.Writer) torch.Config {
	return torch.Config{Device: r.Plan.Train.Device, Threads: r.Plan.Train.Threads, Seed: r.Plan.Seed, Log: log}
}

// ownMethods are those that the plan asks for: Grad-CAM unless it says otherwise, and the gradient where no layer has positions.
func (r *Run) ownMethods() ([]method, error) {
	names := r.Plan.Explain.Methods
	if len(names) == 0 {
		names = []string{"gradcam"}
		if r.Plan.Explain.Layer == "" && !video.HasLastStage(r.Plan.Model.Name) {
			names = []string{"gradient"}
		}
	}
	return findMethods(names)
}

// example is such an item with where it is found.
type example struct {
	Example
	row, fold, class int
	kind             evaluate.Kind
}

// pick chooses the examples of each kind, by rank of confidence or error; ties and order by the table's order.
func (r *Run) pick(p *evaluate.Predictions) ([]example, error) {
	part, _ := judgedPart(r.Splits[0])
	all, t, err := r.candidates(p, part)
	if err != nil {
		return nil, err
	}
	n := r.Plan.Explain.Examples
	if n == 0 {
		n = 2
	}
	return choose(all, kindShown(t), n), nil
}

// kindShown is the kind of question that is asked of a target: of a time to an event, whether it had happened.
func kindShown(t evaluate.Target) evaluate.Kind {
	if t.Kind == evaluate.TimeToEvent {
		return evaluate.Binary
	}
	return t.Kind
}

// candidates are the rows of a part ("" is all) with a truth and a score of the explained target.
func (r *Run) candidates(p *evaluate.Predictions, part string) ([]example, evaluate.Target, error) {
	t, err := r.explainedTarget(p)
	if err != nil {
		return nil, t, err
	}
	rowOf := map[string]int{}
	for i := range r.Cohort.Rows {
		rowOf[r.Cohort.Rows[i].ID] = i
	}
	var all []example
	for i := range p.Item {
		truth, score := p.Truth[t.Name][i], p.Score[t.Name][i]
		if part != "" && p.Split[i] != part || math.IsNaN(truth[0]) || math.IsNaN(score[0]) {
			continue
		}
		e := example{Example: Example{Item: p.Item[i], Target: t.Name, Truth: truth[0], Score: score[0]}, row: rowOf[p.Item[i]], fold: p.Fold[i], kind: t.Kind}
		if t.Kind == evaluate.Class {
			e.class = argmax(score)
			e.Score, e.Class = score[e.class], t.Classes[e.class]
		}
		if t.Kind == evaluate.Binary {
			e.Class = "yes"
			if e.Score < 0.5 {
				e.Class = "no"
			}
		}
		if t.Kind == evaluate.TimeToEvent && !e.atMiddle(truth, score, t.Cuts) {
			continue // censored before: nobody knows
		}
		all = append(all, e)
	}
	return all, t, nil
}

// atMiddle turns a time-to-event example into the question whether the event had happened by the middle cut; false where that is unknown.
func (e *example) atMiddle(truth, score, cuts []float64) bool {
	e.class = len(cuts) / 2
	if truth[0] <= cuts[e.class] && truth[1] == 0 {
		return false
	}
	e.kind, e.Score, e.Truth, e.Class = evaluate.Binary, score[e.class], 0, "free of the event"
	if truth[0] > cuts[e.class] {
		e.Truth = 1
	}
	if e.Score < 0.5 {
		e.Class = "event"
	}
	return true
}

func (r *Run) explainedTarget(p *evaluate.Predictions) (evaluate.Target, error) {
	name := r.Plan.Explain.Target
	for _, t := range p.Targets {
		if t.Name == name || name == "" && t.Kind != evaluate.MultiLabel {
			return t, nil
		}
	}
	return evaluate.Target{}, fault.New(fault.Usage, "explain.target: no target %q that can be explained", name)
}

// choose takes n of each kind, without taking an item twice. Class and binary: surest right, surest wrong, least sure. Regression:
// smallest, median and largest error.
func choose(all []example, kind evaluate.Kind, n int) []example {
	type group struct {
		why  string
		keep func(example) bool
		rank func(example) float64 // smallest first
	}
	confidence := func(e example) float64 {
		if kind == evaluate.Binary {
			return math.Abs(e.Score - 0.5)
		}
		return e.Score
	}
	right := func(e example) bool {
		if kind == evaluate.Binary {
			return (e.Score >= 0.5) == (e.Truth == 1)
		}
		return float64(e.class) == e.Truth
	}
	miss := func(e example) float64 { return math.Abs(e.Score - e.Truth) }
	any := func(example) bool { return true }
	groups := []group{
		{"right", right, func(e example) float64 { return -confidence(e) }},
		{"wrong", func(e example) bool { return !right(e) }, func(e example) float64 { return -confidence(e) }},
		{"most uncertain", any, confidence},
	}
	if kind == evaluate.Regression {
		errs := make([]float64, len(all))
		for i, e := range all {
			errs[i] = miss(e)
		}
		slices.Sort(errs)
		median := 0.0
		if len(errs) > 0 {
			median = errs[len(errs)/2]
		}
		groups = []group{
			{"close", any, miss},
			{"far", any, func(e example) float64 { return -miss(e) }},
			{"typical", any, func(e example) float64 { return math.Abs(miss(e) - median) }},
		}
	}
	var out []example
	taken := map[string]bool{}
	for _, g := range groups {
		sorted := slices.Clone(all)
		slices.SortStableFunc(sorted, func(a, b example) int { return cmp.Compare(g.rank(a), g.rank(b)) })
		k := 0
		for _, e := range sorted {
			if k == n {
				break
			}
			if !g.keep(e) || taken[e.Item] {
				continue
			}
			taken[e.Item] = true
			e.Why = g.why
			out = append(out, e)
			k++
		}
	}
	return out
}

func argmax(v []float64) int {
	best := 0
	for i := range v {
		if v[i] > v[best] {
			best = i
		}
	}
	return best
}

// explained reads what Explain wrote; nothing there is no error.
func (r *Run) explained() (*Explanations, error) {
	x := &Explanations{}
	err := readJSON(r.Dir.explanations(), x)
	if os.IsNotExist(err) {
		return nil, nil
	}
	return x, err
}
