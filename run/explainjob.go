package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
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

// TestedMap is one method's map of one item with everything that is known of its worth.
type TestedMap struct {
	Method       string               `json:"method"`
	Verdict      explain.Verdict      `json:"verdict"`
	Cascading    []explain.Similarity `json:"cascading"`                 // with the map after randomising a quarter of the network more each, from the output down
	Independent  []explain.Similarity `json:"independent"`               // with one quarter randomised alone
	Labels       *explain.Similarity  `json:"shuffled_labels,omitempty"` // with the map of the network that learnt shuffled labels
	Data         explain.DataControl  `json:"data_control"`              // with the maps of shuffled pixels and of noise
	Stability    explain.Stability    `json:"stability"`
	Faithful     explain.Faithfulness `json:"faithfulness"`
	Gini         *float64             `json:"gini"`
	Complexity   *float64             `json:"complexity"`
	Completeness *float64             `json:"completeness_error,omitempty"` // of methods whose relevance should sum to the score
	OverTime     []float64            `json:"over_time"`
	Picture      string               `json:"picture"`
}

// TestedExample is one item.
type TestedExample struct {
	Key string `json:"key"` // of what it was made from
	Example
	Plain   string               `json:"plain"`
	Maps    []TestedMap          `json:"maps"`
	Frames  []float64            `json:"frame_importance"` // fall of the score when a frame becomes the mean frame
	Time    explain.TimeControls `json:"time"`
	Skipped []string             `json:"skipped,omitempty"` // methods that this network has no use for, with the reason
}

// explainJob explains items on an engine.
type explainJob struct {
	r                      *Run
	how                    []method
	fill                   explain.Fill
	regions                []namedRegion
	swaps                  []string
	phases                 string
	bar                    *progress.Bar
	e                      *torch.Engine
	trained, control, work *learn.Model
	shuffled               string       // training folder of the network of shuffled labels; empty: none
	relabelled             *learn.Model // that network
	models                 []string     // training folders, one a fold; nil: trained stands for every item
	at                     int          // fold whose network trained is
}

// with loads the model in a training folder, its randomised control and what it is compared with, and does something with them.
func (j *explainJob) with(e *torch.Engine, model string, do func() error) error {
	j.e = e
	j.relabelled = nil
	for _, to := range []struct {
		m   **learn.Model
		dir string
	}{{&j.trained, model}, {&j.control, model}, {&j.work, model}, {&j.relabelled, j.shuffled}} {
		if to.dir == "" {
			continue
		}
		m, err := learn.LoadModel(e, to.dir)
		if err != nil {
			return err
		}
		defer m.Close()
		*to.m = m
	}
	j.control.Randomise(j.r.Plan.Seed)
	return do()
}

// examples explains the picks that are asked for, each into its place.
func (j *explainJob) examples(ctx context.Context, picks []example, asked func(example) bool, into []TestedExample) error {
	for n, ex := range picks {
		if !asked(ex) {
			continue
		}
		var err error
		if into[n], err = j.example(ctx, n, ex); err != nil {
			return fmt.Errorf("explaining example %d: %w", n+1, err)
		}
	}
	return nil
}

// about tells the models whose columns the table's are.
func (j *explainJob) about(row int) {
	for _, m := range []*learn.Model{j.trained, j.control, j.work, j.relabelled} {
		if m != nil {
			m.About(j.r.Cohort, row)
		}
	}
}

// input is an item as it is stored and as the network sees it.
func (r *Run) input(ctx context.Context, row int) (stored *clip.Clip, input explain.Input, err error) {
	in := r.Plan.Input
	c, err := cohort.OpenClip(ctx, r.Cohort.Rows[row], in)
	if err != nil {
		return nil, input, err
	}
	input = explain.Input{C: in.Planes(), T: in.Frames, H: in.Height, W: in.Width, X: make([]float32, in.Planes()*in.Frames*in.Height*in.Width)}
	return c, input, clip.Prepare(c, in, input.X, nil, r.Plan.Augment, 0)
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
	out := TestedExample{Key: j.key(ex), Example: ex.Example, Plain: stem + ".gif"}
	var before TestedExample
	if exists(path) && readJSON(path, &before) == nil && before.Key == out.Key {
		j.bar.Add(int64(len(j.how)))
		return before, nil
	}
	j.about(ex.row)
	_, in, err := j.r.input(ctx, ex.row)
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
	x := j.r.Plan.Explain
	at := func(m *learn.Model) *mapper {
		return &mapper{e: j.e, m: m, view: v, head: head, method: how.name, seed: j.r.Plan.Seed,
			window: [3]int{x.OccludeFrames, x.OccludePixels, x.OccludePixels}}
	}
	p := at(j.trained)
	signed, grid, err := p.draw(ctx, in, how)
	if err != nil {
		return out, nil, err
	}
	out.Completeness = p.delta
	m := p.shown(signed, how)
	signedControl, _, err := at(j.control).draw(ctx, in, how)
	if err != nil {
		return out, nil, err
	}
	compare := func(into *[]explain.Similarity, parts func(int) bool) error {
		mixed(j.e, j.work, j.trained, j.control, parts)
		other, _, err := at(j.work).draw(ctx, in, how)
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
		other, _, err := at(j.relabelled).draw(ctx, in, how)
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
		s, _, err := p.draw(ctx, in, how)
		if err != nil {
			return nil, err
		}
		return p.shown(s, how), nil
	}
	if out.Stability, err = explain.Shake(in, 3, 0.05, rng, draw); err != nil {
		return out, nil, err
	}
	if out.Data, err = explain.ControlData(in, m, rng, draw); err != nil {
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
	out.Verdict.Controlled(out.Data)
	if out.Labels != nil {
		out.Verdict.Relabelled(*out.Labels)
	}
	return out, m, nil
}
