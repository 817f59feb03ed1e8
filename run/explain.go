package run

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/nn/fusion"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// Example is one explained item of explain/explain.json.
type Example struct {
	Item     string          `json:"item"`
	Why      string          `json:"why"` // right | wrong | most uncertain | close | typical | far
	Target   string          `json:"target"`
	Class    string          `json:"class,omitempty"` // whose score is explained
	Truth    float64         `json:"truth"`
	Score    float64         `json:"score"`
	Method   string          `json:"method"`
	Verdict  explain.Verdict `json:"verdict"`
	Plain    string          `json:"plain"`     // animated picture, a file in explain/
	Overlay  string          `json:"overlay"`   // the same with the map
	Occluded string          `json:"occlusion"` // the same with the occlusion map
	OverTime []float64       `json:"over_time"` // mean relevance of each frame
}

// Explanations is the content of explain/explain.json.
type Explanations struct {
	PlanDigest string           `json:"plan_digest"`
	Criteria   explain.Criteria `json:"criteria"`
	Examples   []Example        `json:"examples"`
}

func (f Folder) explanations() string { return filepath.Join(f.Explain(), "explain.json") }

// Explain maps examples of the judged rows of the primary split with Grad-CAM and with occlusion, and tests every map. Finished
// explanations of this plan are kept.
func (r *Run) Explain(ctx context.Context) error {
	if r.Plan.Kind == kindCatalog || r.Plan.Explain.Examples < 0 {
		return nil
	}
	if r.segments() {
		return r.drawMasks()
	}
	var old Explanations
	if exists(r.Dir.explanations()) && readJSON(r.Dir.explanations(), &old) == nil && old.PlanDigest == r.Plan.Digest() {
		return nil
	}
	if f := r.Plan.Model.Fusion; f != nil && fusion.Kind(f.Kind) == fusion.Table {
		r.say("no maps are drawn: the network does not see the picture")
		return nil
	}
	if r.Plan.Explain.Layer == "" && !video.HasLastStage(r.Plan.Model.Name) {
		r.say("no maps are drawn: the last stage of %s has no positions in space and time for Grad-CAM", r.Plan.Model.Name)
		return nil
	}
	p, err := r.predictions(ctx, 0)
	if err != nil {
		return err
	}
	picks, err := r.pick(p)
	if err != nil {
		return err
	}
	if err := mkdir(r.Dir.Explain()); err != nil {
		return err
	}
	out := Explanations{PlanDigest: r.Plan.Digest(), Criteria: explain.DefaultCriteria}
	bar := progress.New(r.log, "explaining", int64(len(picks)))
	defer bar.Close()
	models, err := r.models(0)
	if err != nil {
		return err
	}
	for n, ex := range picks {
		e, err := r.explainOne(ctx, n, ex, models[max(0, ex.fold)])
		if err != nil {
			return fmt.Errorf("explaining example %d: %w", n+1, err)
		}
		out.Examples = append(out.Examples, e)
		bar.Add(1)
	}
	return writeJSON(r.Dir.explanations(), out)
}

// example is an item chosen to be explained.
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
		e := example{Example: Example{Item: p.Item[i], Target: t.Name, Truth: truth[0], Score: score[0], Method: "Grad-CAM"}, row: rowOf[p.Item[i]], fold: p.Fold[i], kind: t.Kind}
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

// explainOne maps, tests and draws one item with the model in a training folder.
func (r *Run) explainOne(ctx context.Context, n int, ex example, model string) (Example, error) {
	in := r.Plan.Input
	c, err := cohort.OpenClip(ctx, r.Cohort.Rows[ex.row], in)
	if err != nil {
		return Example{}, err
	}
	input := explain.Input{C: in.Planes(), T: in.Frames, H: in.Height, W: in.Width, X: make([]float32, in.Planes()*in.Frames*in.Height*in.Width)}
	if err := clip.Prepare(c, in, input.X, nil, r.Plan.Augment, 0); err != nil {
		return Example{}, err
	}
	e := ex.Example
	var cam, occlusion *explain.Map
	cfg := torch.Config{Device: r.Plan.Train.Device, Threads: r.Plan.Train.Threads, Seed: r.Plan.Seed, Log: r.log}
	err = torch.Run(ctx, cfg, func(eng *torch.Engine) error {
		m, err := learn.LoadModel(eng, model)
		if err != nil {
			return err
		}
		defer m.Close()
		control, err := learn.LoadModel(eng, model)
		if err != nil {
			return err
		}
		defer control.Close()
		control.Randomise(r.Plan.Seed)
		m.About(r.Cohort, ex.row)
		control.About(r.Cohort, ex.row)
		view := viewOf(ex, r.Plan.Explain.Layer)
		exam := explain.Examination{Input: input, Rand: r.Plan.Seed.Stream("explain", e.Item), Effect: view.effect}
		if exam.Score, err = view.scorer(m, input); err != nil {
			return err
		}
		if cam, exam.Grid, err = view.gradCAM(m, input); err != nil {
			return err
		}
		exam.Map = cam
		if exam.Randomised, _, err = view.gradCAM(control, input); err != nil {
			return err
		}
		window := explain.OcclusionOptions{Window: [3]int{r.Plan.Explain.OccludeFrames, r.Plan.Explain.OccludePixels, r.Plan.Explain.OccludePixels}}
		if occlusion, _, err = explain.Occlusion(ctx, input, window, exam.Score); err != nil {
			return err
		}
		e.Verdict, err = explain.Examine(ctx, exam)
		return err
	})
	if err != nil {
		return Example{}, err
	}
	e.OverTime = cam.OverTime()
	shown, err := shownClip(input, in.Channels)
	if err != nil {
		return Example{}, err
	}
	stem := fmt.Sprintf("example-%d", n+1)
	e.Plain, e.Overlay, e.Occluded = stem+".gif", stem+"-gradcam.gif", stem+"-occlusion.gif"
	for _, f := range []struct {
		name   string
		m      *explain.Map
		failed bool
	}{{e.Plain, nil, false}, {e.Overlay, cam, e.Verdict.Finding != explain.Supported}, {e.Occluded, occlusion, false}} {
		if err := r.draw(f.name, shown, f.m, f.failed); err != nil {
			return Example{}, err
		}
	}
	return e, nil
}

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

// gradCAM is a model's map at the input's resolution, with the layer's own resolution.
func (v view) gradCAM(m *learn.Model, in explain.Input) (*explain.Map, [3]int, error) {
	a, err := m.Activation(in.X, v.layer, v.target, v.class)
	if err != nil {
		return nil, [3]int{}, err
	}
	if v.negate {
		for i := range a.Grad {
			a.Grad[i] = -a.Grad[i]
		}
	}
	cam, err := explain.GradCAM(a.Value, a.Grad, a.Channels, a.T, a.H, a.W, v.either)
	if err != nil {
		return nil, [3]int{}, err
	}
	if v.either {
		cam = cam.Abs()
	}
	return cam.Resize(in.T, in.H, in.W), [3]int{a.T, a.H, a.W}, nil
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

// explained reads what Explain wrote; nothing there is no error.
func (r *Run) explained() (*Explanations, error) {
	x := &Explanations{}
	err := readJSON(r.Dir.explanations(), x)
	if os.IsNotExist(err) {
		return nil, nil
	}
	return x, err
}
