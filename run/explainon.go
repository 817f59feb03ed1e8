package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/torch"
)

// ExplainOptions says what of which data is explained.
type ExplainOptions struct {
	ExternalOptions
	Methods  []string
	Examples int      // of each of right, wrong and most uncertain
	Regions  []string // NAME=Y,X,RADIUS in shares of the frame's height
	Fill     string
	Limit    int  // most items of the cohort's tests
	Labels   bool // also train a network on shuffled labels and compare every map with its
}

// TestedMap is one method's map of one item with everything that is known of its worth.
type TestedMap struct {
	Method       string               `json:"method"`
	Verdict      explain.Verdict      `json:"verdict"`
	Cascading    []explain.Similarity `json:"cascading"`                 // with the map after randomising a quarter of the network more each, from the output down
	Independent  []explain.Similarity `json:"independent"`               // with one quarter randomised alone
	Labels       *explain.Similarity  `json:"shuffled_labels,omitempty"` // with the map of the network that learnt shuffled labels
	Stability    explain.Stability    `json:"stability"`
	Faithful     explain.Faithfulness `json:"faithfulness"`
	Gini         *float64             `json:"gini"`
	Complexity   *float64             `json:"complexity"`
	Completeness *float64             `json:"completeness_error,omitempty"` // of methods whose relevance should sum to the score
	OverTime     []float64            `json:"over_time"`
	Picture      string               `json:"picture"`
	Occluded     string               `json:"-"`
}

// TestedExample is one item.
type TestedExample struct {
	Key     string               `json:"key"` // of what it was made from
	Item    string               `json:"item"`
	Why     string               `json:"why"`
	Target  string               `json:"target"`
	Class   string               `json:"class,omitempty"`
	Truth   float64              `json:"truth"`
	Score   float64              `json:"score"`
	Plain   string               `json:"plain"`
	Maps    []TestedMap          `json:"maps"`
	Frames  []float64            `json:"frame_importance"` // fall of the score when a frame becomes the mean frame
	Time    explain.TimeControls `json:"time"`
	Skipped []string             `json:"skipped,omitempty"` // methods that this network has no use for, with the reason
}

// Tested is explain.json of other data.
type Tested struct {
	Run      string           `json:"run"`
	Version  string           `json:"version"`
	Plan     string           `json:"plan_digest"`
	Data     string           `json:"data_digest"`
	Criteria explain.Criteria `json:"criteria"`
	Examples []TestedExample  `json:"examples"`
	Motion   MotionTest       `json:"motion"`
	Regions  []RegionTest     `json:"regions"`
	Hunt     *Hunt            `json:"shortcuts"`
	Page     string           `json:"page"`
	bad      int
}

// Partial is an error where items were quarantined.
func (x *Tested) Partial() error {
	if x.bad == 0 {
		return nil
	}
	return fault.New(fault.Partial, "%d items are quarantined", x.bad)
}

// ExplainOn explains a finished run on other data of the same schema and tests every map; nothing is drawn in colour that failed.
func ExplainOn(ctx context.Context, dir string, opt ExplainOptions) (*Tested, error) {
	how, err := findMethods(opt.Methods)
	if err != nil {
		return nil, err
	}
	if opt.Examples < 1 || opt.Limit < 1 {
		return nil, fault.New(fault.Usage, "--examples and --limit are at least 1")
	}
	fill := explain.Fill(opt.Fill)
	switch fill {
	case explain.FillMean, explain.FillBlur, explain.FillIn, explain.FillNoise, explain.FillZero:
	default:
		return nil, fault.New(fault.Usage, "no fill %q: mean, blur, in-fill, noise or zero", opt.Fill)
	}
	discs, err := parseDiscs(opt.Regions)
	if err != nil {
		return nil, err
	}
	r, err := Open(ctx, dir, opt.Log, "")
	if err != nil {
		return nil, err
	}
	if r.Plan.Kind == kindCatalog {
		return nil, fault.New(fault.Usage, "%s is a catalogue: it has no model to explain", dir)
	}
	if r.segments() {
		return nil, fault.New(fault.Usage, "%s labels positions: its masks are the picture to look at", dir)
	}
	models, err := r.models(0)
	if err != nil {
		return nil, err
	}
	other, err := r.otherCohort(ctx, opt.ExternalOptions)
	if err != nil {
		return nil, err
	}
	p, _, err := r.predict(ctx, r.Dir, other, other.All(), models[:1], nil)
	if err != nil {
		return nil, err
	}
	shuffled := ""
	if opt.Labels {
		if shuffled, err = r.labelControl(ctx); err != nil {
			return nil, fmt.Errorf("training on shuffled labels: %w", err)
		}
	}
	out := Folder(opt.Out)
	if opt.Out == "" {
		out = Folder(filepath.Join(dir, "explanations", slug(strings.TrimSuffix(filepath.Base(opt.Table), filepath.Ext(opt.Table)))))
	}
	if err := mkdir(out.Explain()); err != nil {
		return nil, err
	}
	on := *r
	on.Cohort, on.Dir = other, out
	all, target, err := on.candidates(p, "")
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Input, "%s has no row with a truth of %s", opt.Table, target.Name)
	}
	x := &Tested{Run: r.Plan.Name, Version: version.String(), Plan: r.Plan.Digest(), Data: other.Digest, Criteria: explain.DefaultCriteria,
		Page: filepath.Join(string(out), "index.html"), bad: len(other.Quarantine)}
	picks := choose(all, kindShown(target), opt.Examples)
	if len(all) > opt.Limit {
		all = all[:opt.Limit]
	}
	bar := progress.New(opt.Log, "explaining", int64(len(picks)*len(how)+len(all)))
	defer bar.Close()
	job := &explainJob{r: &on, how: how, fill: fill, discs: discs, bar: bar, log: opt.Log, shuffled: shuffled}
	cfg := torch.Config{Device: r.Plan.Train.Device, Threads: r.Plan.Train.Threads, Seed: r.Plan.Seed, Log: opt.Log}
	err = torch.Run(ctx, cfg, func(e *torch.Engine) error { return job.do(ctx, e, models[0], picks, all, x) })
	if err != nil {
		return nil, err
	}
	if err := writeJSON(filepath.Join(string(out), "explain.json"), x); err != nil {
		return nil, err
	}
	return x, on.writeExplainPage(x)
}

// explainJob is one call of ExplainOn on an engine.
type explainJob struct {
	r                      *Run
	how                    []method
	fill                   explain.Fill
	discs                  []disc
	bar                    *progress.Bar
	log                    io.Writer
	e                      *torch.Engine
	trained, control, work *learn.Model
	shuffled               string       // training folder of the network of shuffled labels; empty: none
	relabelled             *learn.Model // that network
}

func (j *explainJob) do(ctx context.Context, e *torch.Engine, model string, picks, all []example, x *Tested) error {
	j.e = e
	for _, to := range []**learn.Model{&j.trained, &j.control, &j.work} {
		m, err := learn.LoadModel(e, model)
		if err != nil {
			return err
		}
		defer m.Close()
		*to = m
	}
	j.control.Randomise(j.r.Plan.Seed)
	if j.shuffled != "" {
		m, err := learn.LoadModel(e, j.shuffled)
		if err != nil {
			return err
		}
		defer m.Close()
		j.relabelled = m
	}
	for n, ex := range picks {
		done, err := j.example(ctx, n, ex)
		if err != nil {
			return fmt.Errorf("explaining example %d: %w", n+1, err)
		}
		x.Examples = append(x.Examples, done)
	}
	return j.cohort(ctx, all, x)
}

// about tells the models whose columns the table's are.
func (j *explainJob) about(row int) {
	for _, m := range []*learn.Model{j.trained, j.control, j.work} {
		m.About(j.r.Cohort, row)
	}
	if j.relabelled != nil {
		j.relabelled.About(j.r.Cohort, row)
	}
}

// input is an item as the network sees it.
func (r *Run) input(ctx context.Context, row int) (explain.Input, error) {
	in := r.Plan.Input
	c, err := cohort.OpenClip(ctx, r.Cohort.Rows[row], in)
	if err != nil {
		return explain.Input{}, err
	}
	input := explain.Input{C: in.Planes(), T: in.Frames, H: in.Height, W: in.Width, X: make([]float32, in.Planes()*in.Frames*in.Height*in.Width)}
	return input, clip.Prepare(c, in, input.X, nil, r.Plan.Augment, 0)
}

// key says what an example's results depend on.
func (j *explainJob) key(ex example) string {
	h := sha256.New()
	var names []string
	for _, m := range j.how {
		names = append(names, m.name)
	}
	_ = json.NewEncoder(h).Encode([]any{j.r.Plan.Digest(), j.r.Cohort.Digest, ex.Item, ex.Why, names, j.fill, j.shuffled != "", version.String()})
	return hex.EncodeToString(h.Sum(nil)[:12])
}

func (j *explainJob) example(ctx context.Context, n int, ex example) (TestedExample, error) {
	stem := fmt.Sprintf("example-%d", n+1)
	path := filepath.Join(j.r.Dir.Explain(), stem+".json")
	out := TestedExample{Key: j.key(ex), Item: ex.Item, Why: ex.Why, Target: ex.Target, Class: ex.Class, Truth: ex.Truth, Score: ex.Score, Plain: stem + ".gif"}
	var before TestedExample
	if exists(path) && readJSON(path, &before) == nil && before.Key == out.Key {
		j.bar.Add(int64(len(j.how)))
		return before, nil
	}
	j.about(ex.row)
	in, err := j.r.input(ctx, ex.row)
	if err != nil {
		return out, err
	}
	v := viewOf(ex, j.r.Plan.Explain.Layer)
	if v.layer == "" {
		v.layer = j.trained.Layer("")
	}
	score, err := v.scorer(j.trained, in)
	if err != nil {
		return out, err
	}
	shown, err := shownClip(in, j.r.Plan.Input.Channels)
	if err != nil {
		return out, err
	}
	if err := j.r.draw(out.Plain, shown, nil, false); err != nil {
		return out, err
	}
	for _, how := range j.how {
		if how.layer && v.layer == "" {
			out.Skipped = append(out.Skipped, how.name+": the network's last stage has no positions in space and time")
			continue
		}
		t, m, err := j.tested(ctx, in, ex, v, how, score)
		if fault.CodeOf(err) == fault.Usage {
			out.Skipped = append(out.Skipped, how.name+": "+err.Error())
			continue
		}
		if err != nil {
			return out, fmt.Errorf("%s: %w", how.name, err)
		}
		t.Picture = stem + "-" + slug(strings.ReplaceAll(how.name, "++", "-pp")) + ".gif"
		if err := j.r.draw(t.Picture, shown, m, t.Verdict.Finding != explain.Supported); err != nil {
			return out, err
		}
		out.Maps = append(out.Maps, t)
		j.bar.Add(1)
	}
	if out.Frames, _, err = explain.FrameImportance(in, score); err != nil {
		return out, err
	}
	if out.Time, err = explain.DisturbTime(in, 4, 4, j.r.Plan.Seed.Stream("explain time", ex.Item), score); err != nil {
		return out, err
	}
	return out, writeJSON(path, out)
}

// tested draws a map and puts it through all tests.
func (j *explainJob) tested(ctx context.Context, in explain.Input, ex example, v view, how method, score explain.ScoreFunc) (TestedMap, *explain.Map, error) {
	out := TestedMap{Method: how.name}
	rng := j.r.Plan.Seed.Stream("explain", ex.Item, how.name)
	head := 0
	for i, t := range j.trained.Targets {
		if t.Name == ex.Target {
			head = i
		}
	}
	at := func(m *learn.Model) *mapper {
		return &mapper{e: j.e, m: m, view: v, head: head, method: how.name, seed: j.r.Plan.Seed}
	}
	p := at(j.trained)
	signed, grid, err := p.draw(in, how)
	if err != nil {
		return out, nil, err
	}
	out.Completeness = p.delta
	m := p.shown(signed, how)
	signedControl, _, err := at(j.control).draw(in, how)
	if err != nil {
		return out, nil, err
	}
	compare := func(into *[]explain.Similarity, parts func(int) bool) error {
		mixed(j.e, j.work, j.trained, j.control, parts)
		other, _, err := at(j.work).draw(in, how)
		if err != nil {
			return err
		}
		s, err := explain.Compare(signed, other)
		*into = append(*into, s)
		return err
	}
	for k := range randomisedParts {
		if err := compare(&out.Cascading, func(part int) bool { return part <= k }); err != nil {
			return out, nil, err
		}
		if err := compare(&out.Independent, func(part int) bool { return part == k }); err != nil {
			return out, nil, err
		}
	}
	if j.relabelled != nil {
		other, _, err := at(j.relabelled).draw(in, how)
		if err != nil {
			return out, nil, err
		}
		s, err := explain.Compare(p.shown(signed, how), p.shown(other, how))
		if err != nil {
			return out, nil, err
		}
		out.Labels = &s
	}
	draw := func(in explain.Input) (*explain.Map, error) {
		s, _, err := p.draw(in, how)
		if err != nil {
			return nil, err
		}
		return p.shown(s, how), nil
	}
	if out.Stability, err = explain.Shake(in, 3, 0.05, rng, draw); err != nil {
		return out, nil, err
	}
	fill := j.fill
	if fill == explain.FillIn { // orders of single positions have no surroundings to grow from
		fill = explain.FillBlur
	}
	if out.Faithful, err = explain.Flip(ctx, in, m, 10, 3, fill, rng, score); err != nil {
		return out, nil, err
	}
	values := make([]float64, len(m.Values))
	for i, v := range m.Values {
		values[i] = float64(v)
	}
	out.Gini, out.Complexity = explain.Finite(explain.Gini(values)), explain.Finite(explain.Complexity(values))
	out.OverTime = m.OverTime()
	criteria := explain.DefaultCriteria
	criteria.Fill = fill
	out.Verdict, err = explain.Examine(ctx, explain.Examination{Input: in, Map: m, Randomised: p.shown(signedControl, how), Grid: grid,
		Score: score, Rand: rng, Effect: v.effect, Criteria: criteria})
	if err != nil {
		return out, nil, err
	}
	out.Verdict.Shaken(out.Stability)
	if out.Labels != nil {
		out.Verdict.Relabelled(*out.Labels)
	}
	return out, m, nil
}

// disc is a drawn region in shares of the frame's height.
type disc struct {
	name         string
	y, x, radius float64
}

func parseDiscs(texts []string) ([]disc, error) {
	var out []disc
	for _, t := range texts {
		name, rest, ok := strings.Cut(t, "=")
		parts := strings.Split(rest, ",")
		d := disc{name: name}
		if ok = ok && name != "" && len(parts) == 3; ok {
			for i, to := range []*float64{&d.y, &d.x, &d.radius} {
				var err error
				if *to, err = strconv.ParseFloat(parts[i], 64); err != nil || !(*to >= 0 && *to <= 10) {
					ok = false
				}
			}
		}
		if !ok || d.radius <= 0 {
			return nil, fault.New(fault.Usage, "region %q: want NAME=Y,X,RADIUS, such as valve=0.4,0.5,0.1", t)
		}
		out = append(out, d)
	}
	return out, nil
}
