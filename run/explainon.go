package run

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/torch"
)

// ExplainOptions says what of which data is explained.
type ExplainOptions struct {
	ExternalOptions
	Methods    []string
	Examples   int      // of each of right, wrong and most uncertain
	Regions    []string // NAME=Y,X,RADIUS in shares of the frame's height, or names of RegionFile
	RegionFile string   // names regions and says where each comes from; without Regions all of them are tested
	Fill       string
	Phases     string   // where end-diastoles and end-systoles come from: "truth" of a simulated cohort, or two columns with a comma between
	Swaps      []string // of a simulated cohort: confounders that are swapped while the patient stays; "all"
	Limit      int      // most items of the cohort's tests
	Labels     bool     // also train a network on shuffled labels and compare every map with its
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
	Phases   *PhaseTest       `json:"phases,omitempty"`
	Regions  []RegionTest     `json:"regions"`
	Serial   *SerialTest      `json:"serial,omitempty"` // of several regions
	Hunt     *Hunt            `json:"shortcuts"`
	Swaps    []Swap           `json:"swaps,omitempty"`
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
	specs, err := readRegions(opt.RegionFile, opt.Regions)
	if err != nil {
		return nil, err
	}
	if _, err := newSwapper(nil, opt.Swaps); err != nil {
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
	if _, err := newPhaser(&on, opt.Phases); err != nil {
		return nil, err
	}
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
	x.Examples = make([]TestedExample, len(picks))
	if len(all) > opt.Limit {
		all = all[:opt.Limit]
	}
	rows := make([]int, len(all))
	for i, ex := range all {
		rows[i] = ex.row
	}
	regions, err := on.regions(ctx, specs, rows)
	if err != nil {
		return nil, err
	}
	bar := progress.New(opt.Log, "explaining", int64(len(picks)*len(how)+len(all)))
	defer bar.Close()
	job := &explainJob{r: &on, how: how, fill: fill, regions: regions, swaps: opt.Swaps, phases: opt.Phases, bar: bar, shuffled: shuffled}
	err = torch.Run(ctx, r.engine(opt.Log), func(e *torch.Engine) error {
		return job.with(e, models[0], func() error {
			every := func(example) bool { return true }
			if err := job.examples(ctx, picks, every, x.Examples); err != nil {
				return err
			}
			return job.cohort(ctx, all, x)
		})
	})
	if err != nil {
		return nil, err
	}
	if err := writeJSON(filepath.Join(string(out), "explain.json"), x); err != nil {
		return nil, err
	}
	return x, on.writeExplainPage(x)
}
