package run

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/strictyaml"
	"github.com/cineloop/cineloop/learn"
)

// Options says what to run and where.
type Options struct {
	Recipe  string   // path of a recipe or plan
	Set     []string // "key=value" changes to it, dotted keys
	Out     string   // the run's folder; default runs/NAME
	DryRun  bool     // plan and estimate, write nothing
	Restart bool     // move a folder with another plan's run aside instead of refusing
	Log     io.Writer
}

// Run is a planned run: what to do and on what. Its methods are the stages.
type Run struct {
	Dir         Folder
	Plan        *learn.Plan
	Cohort      *cohort.Cohort
	Fingerprint *cohort.Fingerprint
	Splits      []*cohort.Split // in the plan's order
	log         io.Writer
	cache       *cohort.Cache
	bundled     bool // opened from a bundle: there are no data, and models are named one by one

	// Parallel, if set before Train, says which of several processes this is. The fits take ports from Parallel.Port on.
	Parallel *learn.Parallel
}

func (r *Run) say(format string, args ...any) {
	if r.log != nil {
		fmt.Fprintf(r.log, format+"\n", args...)
	}
}

// Prepare reads the recipe, simulates the phantom if the recipe asks for one, loads the cohort, takes its fingerprint, fills the
// plan's gaps and writes the plan into the run's folder. When the folder already holds this run, its plan is used as it stands.
func Prepare(ctx context.Context, opt Options) (*Run, error) {
	plan, err := readRecipe(opt)
	if err != nil {
		return nil, err
	}
	if opt.Out == "" {
		opt.Out = filepath.Join("runs", slug(plan.Name))
	}
	r := &Run{Dir: Folder(opt.Out), Plan: plan, log: opt.Log}
	recipe, err := learn.EncodePlan(plan)
	if err != nil {
		return nil, err
	}
	if done, err := r.resume(ctx, recipe, opt); done || err != nil {
		return r, err
	}
	if plan.Phantom != nil && plan.Data.Root == "" {
		plan.Data.Root = filepath.Join(opt.Out, "phantom")
	}
	if err := r.simulate(ctx, opt.DryRun); err != nil {
		return nil, err
	}
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	r.say("reading the fingerprint of %d items", len(r.Cohort.Rows))
	if r.Fingerprint, err = r.Cohort.Fingerprint(ctx, cohort.FingerprintOptions{Workers: plan.Train.Threads}); err != nil {
		return nil, err
	}
	if err := r.quarantine(r.Fingerprint.Unreadable...); err != nil {
		return nil, err
	}
	if plan.Kind != kindCatalog {
		first := r.Splits[0].Folds[0]
		fill := learn.FillPlan
		if plan.Kind == learn.KindSegment {
			fill = learn.FillMaskPlan
		}
		if r.Plan, err = fill(plan, r.Fingerprint, learn.PlanSizes{Train: len(first.Train), Val: len(first.Val),
			Fits: r.fits()}); err != nil {
			return nil, err
		}
	}
	if opt.DryRun {
		return r, nil
	}
	return r, r.writePlan(recipe)
}

// fits is the number of networks that the plan trains: the minute budget is shared among them.
func (r *Run) fits() int {
	n := 0
	for _, s := range r.Splits {
		n += len(s.Folds)
	}
	n *= r.Plan.Uncertainty.Copies()
	return n
}

// readRecipe decodes the recipe with its changes. Relative data folders are looked for from the working directory, then beside it.
func readRecipe(opt Options) (*learn.Plan, error) {
	plan, err := learn.ReadPlan(opt.Recipe)
	if err != nil {
		return nil, err
	}
	for _, s := range opt.Set {
		if err := strictyaml.Set(plan, s); err != nil {
			return nil, err
		}
	}
	if plan.Name == "" {
		plan.Name = strings.TrimSuffix(filepath.Base(opt.Recipe), filepath.Ext(opt.Recipe))
	}
	switch plan.Kind {
	case "", kindTrain, learn.KindSegment, kindCatalog:
	default:
		return nil, fault.New(fault.Usage, "%s: kind %q", opt.Recipe, plan.Kind).WithHint("%s, %s or %s", kindTrain, learn.KindSegment, kindCatalog)
	}
	if plan.Data.Views != nil && plan.Kind != "" && plan.Kind != kindTrain {
		return nil, fault.New(fault.Usage, "%s: data.views makes studies of clips, and kind %s looks at single clips", opt.Recipe, plan.Kind).WithHint("take data.views out")
	}
	if _, err := findMethods(plan.Explain.Methods); err != nil {
		return nil, fault.New(fault.Usage, "%s: explain.methods: %w", opt.Recipe, err).WithHint("methods are %s", MethodsInWords())
	}
	if plan.Data.Base, err = filepath.Abs(filepath.Dir(opt.Recipe)); err != nil {
		return nil, err
	}
	return plan, nil
}

// The kinds of run.
const (
	kindTrain   = "train"
	kindCatalog = "catalog"
)

// resume takes up the run that the folder already holds; done is false where it holds none.
func (r *Run) resume(ctx context.Context, recipe []byte, opt Options) (done bool, err error) {
	if !exists(r.Dir.Plan()) {
		return false, nil
	}
	old, err := os.ReadFile(filepath.Join(opt.Out, "recipe.yaml"))
	if err != nil || !bytes.Equal(old, recipe) {
		if !opt.Restart {
			return false, fault.New(fault.Conflict, "%s holds a run of another recipe", opt.Out).
				WithHint("use --out for another folder, or --restart to move the old one aside")
		}
		if opt.DryRun {
			return false, nil
		}
		to, err := moveAside(opt.Out)
		if err != nil {
			return false, fmt.Errorf("moving the old run aside: %w", err)
		}
		r.say("moved the old run to %s", to)
		return false, nil
	}
	base := r.Plan.Data.Base
	opened, err := Open(ctx, opt.Out, opt.Log, base)
	if err != nil {
		return false, err
	}
	*r = *opened
	r.say("continuing the run in %s", opt.Out)
	return true, nil
}

// Open reads the run in a folder. base is where a relative data folder of the plan is looked for after the working directory; it may be
// empty.
func Open(ctx context.Context, dir string, log io.Writer, base string) (*Run, error) {
	r := &Run{Dir: Folder(dir), log: log}
	if !exists(r.Dir.Plan()) {
		return nil, fault.New(fault.NotFound, "%s holds no run: there is no plan.yaml", dir).WithHint("start one with cineloop run RECIPE.yaml")
	}
	var err error
	if r.Plan, err = learn.ReadPlan(r.Dir.Plan()); err != nil {
		return nil, err
	}
	r.Plan.Data.Base = base
	r.followVariables()
	if err := r.pin(); err != nil {
		return nil, err
	}
	if err := r.simulate(ctx, false); err != nil {
		return nil, err
	}
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(r.Dir.Fingerprint())
	if err != nil {
		return nil, fmt.Errorf("reading the fingerprint: %w", err)
	}
	r.Fingerprint = &cohort.Fingerprint{}
	if err := json.Unmarshal(data, r.Fingerprint); err != nil {
		return nil, fault.New(fault.Input, "%s: %w", r.Dir.Fingerprint(), err)
	}
	r.sameData()
	var before []cohort.Quarantine
	if err := readJSON(r.Dir.Quarantine(), &before); err != nil {
		return nil, err
	}
	return r, r.quarantine(before...)
}

// followVariables lets the variables in the recipe's data folder and archive, such as CINELOOP_SHARED, decide anew where the data are; the folder that
// they named when the run was planned stays in force where they now lead nowhere.
func (r *Run) followVariables() {
	recipe, err := learn.ReadPlan(filepath.Join(string(r.Dir), "recipe.yaml"))
	if err != nil {
		return
	}
	r.Plan.Data.Root = r.followVariable(recipe.Data.Root, r.Plan.Data.Root)
	r.Plan.Data.Archive = r.followVariable(recipe.Data.Archive, r.Plan.Data.Archive)
}

// load reads the cohort and divides it.
func (r *Run) load(ctx context.Context) error {
	var err error
	if r.Cohort, err = cohort.Load(ctx, r.Plan.Data); err != nil {
		return err
	}
	if err := checkViewColumns(r.Cohort); err != nil {
		return err
	}
	for _, w := range r.Cohort.Warnings {
		r.say("note: %s", w)
	}
	if n := len(r.Cohort.Quarantine); n > 0 {
		r.say("%d rows are quarantined; the first: line %d, %s", n, r.Cohort.Quarantine[0].Line, r.Cohort.Quarantine[0].Reason)
	}
	if r.Plan.Kind == kindCatalog {
		return nil
	}
	if len(r.Plan.Splits) == 0 {
		r.Plan.Splits = []cohort.SplitSpec{{Name: "patients", By: cohort.ByPatient}}
	}
	for i, spec := range r.Plan.Splits {
		if spec.Name == "" {
			spec.Name = "split " + strconv.Itoa(i+1)
			r.Plan.Splits[i] = spec
		}
		s, err := r.Cohort.Split(spec, r.Plan.Seed)
		if err != nil {
			return err // names the split
		}
		for _, w := range s.Warnings {
			r.say("split %q: %s", spec.Name, w)
		}
		r.Splits = append(r.Splits, s)
	}
	return nil
}

// writePlan makes the run's folder. plan.yaml comes last: a folder that has it is complete.
func (r *Run) writePlan(recipe []byte) error {
	if err := mkdir(r.Dir.Checkpoints()); err != nil {
		return err
	}
	plan := r.Plan.Clone()
	plan.Data.Root, plan.Data.Archive = r.Cohort.Spec.Root, r.Cohort.Spec.Archive
	if r.Cohort.Answer != nil {
		if err := writeJSON(r.Dir.Answer(), r.Cohort.Answer); err != nil {
			return err
		}
	}
	data, err := learn.EncodePlan(plan)
	if err != nil {
		return err
	}
	fingerprint, err := json.MarshalIndent(r.Fingerprint, "", "  ")
	if err != nil {
		return err
	}
	if err := r.writeQuarantine(); err != nil {
		return err
	}
	splits, err := r.splitTable()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path string
		data []byte
	}{
		{r.Dir.Fingerprint(), append(fingerprint, '\n')},
		{r.Dir.Splits(), splits},
		{filepath.Join(string(r.Dir), "recipe.yaml"), recipe},
		{r.Dir.Plan(), data},
	} {
		if err := atomicfile.WriteBytes(f.path, f.data); err != nil {
			return err
		}
	}
	return nil
}

// splitTable is splits.csv: item, split, fold, part.
func (r *Run) splitTable() ([]byte, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	_ = w.Write([]string{"item", "split", "fold", "part"}) // a bytes.Buffer does not fail; Flush reports
	for _, s := range r.Splits {
		for k, f := range s.Folds {
			for _, p := range []struct {
				name string
				rows []int
			}{{"train", f.Train}, {"val", f.Val}, {"test", f.Test}} {
				for _, i := range p.rows {
					_ = w.Write([]string{r.Cohort.Rows[i].ID, s.Name, strconv.Itoa(k), p.name})
				}
			}
		}
	}
	w.Flush()
	return buf.Bytes(), w.Error()
}
