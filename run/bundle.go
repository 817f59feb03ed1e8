package run

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/learn"
)

// BundleOptions says how a finished run becomes a bundle.
type BundleOptions struct {
	Out       string           // one file where its name ends in .cineloop or .zip, else a folder
	Statement bundle.Statement // what only people can say of the model
	Key       *signing.Key     // nil: not signed
	Seen      bool             // keep digests of the items that were trained on, so that an evaluation elsewhere can leave them out
	Log       io.Writer
}

// Bundle writes the finished run in dir as a bundle of its primary split's networks. Equal runs give equal bytes.
//
// Errors: notfound (no run, not trained or not evaluated), usage (a catalogue), conflict (Out is there; a key of the data would be given
// away), resource.
func Bundle(ctx context.Context, dir string, opt BundleOptions) (*bundle.Manifest, error) {
	r, err := Open(ctx, dir, opt.Log, "")
	if err != nil {
		return nil, err
	}
	f, err := r.finished(opt.Statement)
	if err != nil {
		return nil, err
	}
	stage, err := os.MkdirTemp("", "cineloop-bundle-*")
	if err != nil {
		return nil, fault.New(fault.Resource, "making a bundle: %w", err)
	}
	defer os.RemoveAll(stage)
	content, err := f.content(stage)
	if err != nil {
		return nil, err
	}
	if opt.Seen {
		seen, err := r.seen()
		if err != nil {
			return nil, err
		}
		c, err := bundle.JSON(bundle.SeenFile, seen)
		if err != nil {
			return nil, err
		}
		content = append(content, c)
	}
	if err := r.nobody(content); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.New(fault.Interrupted, "making a bundle: %w", err)
	}
	m := bundle.Manifest{Name: r.Plan.Name, Kind: f.kind(), Cineloop: version.String(), PlanDigest: f.card.PlanDigest, DataDigest: r.Cohort.Digest}
	for i, fold := range f.folds {
		m.Networks = append(m.Networks, bundle.Network{Dir: networkDir(i), Fold: fold})
	}
	return bundle.Write(opt.Out, m, content, opt.Key)
}

// finishedRun is what bundles of every layout are made of.
type finishedRun struct {
	r       *Run
	plan    *learn.Plan // without this machine's paths
	folders []string    // of the networks whose scores are averaged
	folds   []int
	first   *learn.Portable
	card    *bundle.Card
}

// finished collects what a bundle needs; a run that is not trained and evaluated is an error that says what to do.
func (r *Run) finished(s bundle.Statement) (*finishedRun, error) {
	if r.Plan.Kind == kindCatalog {
		return nil, fault.New(fault.Usage, "%s is a catalogue: it has no model", r.Dir)
	}
	models, err := r.models(0)
	if err != nil {
		return nil, err
	}
	m := &Metrics{}
	if err := readJSON(r.Dir.Metrics(), m); err != nil {
		return nil, fault.New(fault.NotFound, "the run is not evaluated yet: %w", err).WithHint("evaluate it first: cineloop evaluate %s", r.Dir)
	}
	f := &finishedRun{r: r, plan: r.portablePlan()}
	for k, dir := range models {
		dirs := []string{dir}
		if !r.segments() {
			dirs = r.networks([]string{dir})
		}
		f.folders = append(f.folders, dirs...)
		f.folds = append(f.folds, slices.Repeat([]int{k}, len(dirs))...)
	}
	if f.first, err = learn.ReadPortable(f.folders[0]); err != nil {
		return nil, err
	}
	if s.Version == "" {
		s.Version = "0.1.0"
	}
	f.card, err = f.makeCard(s, m)
	return f, err
}

func (f *finishedRun) kind() string {
	if f.r.segments() {
		return learn.KindSegment
	}
	return kindTrain
}

func networkDir(i int) string { return "networks/" + strconv.Itoa(i) }

// preprocessing is preprocessing.json.
type preprocessing struct {
	Layout string  `json:"layout"` // of a network's input
	Shape  []int64 `json:"shape"`  // of one item
	Input  any     `json:"input"`  // as input of a recipe has it; see docs/reference/recipe.md
	Scale  float64 `json:"eval_scale,omitempty"`
	Order  string  `json:"order"`

	Views []string `json:"views,omitempty"` // of each slot V of a study, its view
}

func preprocessingOf(p *learn.Portable) preprocessing {
	out := preprocessing{Layout: "N, C, T, H, W", Shape: p.Shape(), Input: p.Input, Scale: p.EvalScale,
		Order: "frame selection, region crop, resampling, window, normalisation, channel adaptation"}
	if v := p.Network.Views; v != nil {
		out.Layout = "N, V, C, T, H, W, with a mask N, V of the clips that are there"
		out.Shape = append([]int64{int64(len(v.Slots))}, out.Shape...)
		for _, view := range v.Slots {
			out.Views = append(out.Views, v.Names[view])
		}
	}
	switch {
	case p.Segment != nil && p.Segment.Spec.Dims() == 2:
		out.Layout = "N, C, H, W"
	case p.Segment != nil:
		out.Layout = "N, C, D, H, W"
	}
	return out
}

// content is the bundle's files; weights are written into stage first.
func (f *finishedRun) content(stage string) ([]bundle.Content, error) {
	plan, err := learn.EncodePlan(f.plan)
	if err != nil {
		return nil, err
	}
	out := []bundle.Content{{Path: bundle.PlanFile, Data: plan}, {Path: bundle.CardPage, Data: f.card.Markdown()}}
	for path, v := range map[string]any{bundle.CardFile: f.card, bundle.ThresholdsFile: f.card.Thresholds, bundle.TargetsFile: targetsFile{f.first.Outputs, f.first.Segment},
		bundle.PreprocessingFile: preprocessingOf(f.first)} {
		c, err := bundle.JSON(path, v)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if f.first.Table != nil {
		c, err := bundle.JSON(bundle.TabularFile, f.first.Table)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	for i, dir := range f.folders {
		p := f.first
		if i > 0 {
			if p, err = learn.ReadPortable(dir); err != nil {
				return nil, err
			}
		}
		to := filepath.Join(stage, filepath.FromSlash(networkDir(i)))
		if err := os.MkdirAll(to, 0o700); err != nil {
			return nil, fault.New(fault.Resource, "making a bundle: %w", err)
		}
		path, err := p.Write(to)
		if err != nil {
			return nil, err
		}
		out = append(out, bundle.Content{Path: networkDir(i) + "/" + bundle.Weights, From: path})
	}
	return out, nil
}

// targetsFile is targets.json.
type targetsFile struct {
	Heads []learn.PortableHead `json:"heads"`
	Masks *learn.MaskNet       `json:"masks,omitempty"`
}

// portablePlan is the plan without where things lie on this machine and without whom it chose: what is needed to score other data.
func (r *Run) portablePlan() *learn.Plan {
	p := r.Plan.Clone()
	p.Data = unlocated(r.Cohort.Spec) // classes and cuts are filled in
	if p.Model.Weights != "" {
		p.Model.Weights = filepath.Base(p.Model.Weights)
	}
	p.Train.CacheDir, p.Phantom, p.Log = "", nil, nil
	return p
}

// seenItems is seen.json.
type seenItems struct {
	About string   `json:"about"`
	Train []string `json:"train"`
	Val   []string `json:"val"`
}

// seen are digests of the items that the primary split's models learnt from and were chosen by.
func (r *Run) seen() (*seenItems, error) {
	known, err := r.learntFrom(hasher{})
	if err != nil {
		return nil, err
	}
	out := &seenItems{About: "SHA-256 of the SHA-256 of each item's file, with its place in it: who has the very file can tell that it is among these", Train: []string{}, Val: []string{}}
	for d, part := range known {
		if strings.HasPrefix(d, "absent:") {
			continue
		}
		if d = seenDigest(d); part == partTrain {
			out.Train = append(out.Train, d)
		} else {
			out.Val = append(out.Val, d)
		}
	}
	slices.Sort(out.Train)
	slices.Sort(out.Val)
	return out, nil
}

// nobody makes sure that no file that people can read holds a key of an item or a patient or a file's name. Weights are numbers.
func (r *Run) nobody(content []bundle.Content) error {
	for _, c := range content {
		if c.Data == nil {
			continue
		}
		words := tokens(string(c.Data))
		for i := range r.Cohort.Rows {
			if row := &r.Cohort.Rows[i]; names(words, row) {
				return fault.New(fault.Conflict, "%s of the bundle would hold a key or a file name of line %d of the table", c.Path, row.Line).
					WithHint("is it in the recipe's name or description, in the statement, or a value of a subgroup or class?")
			}
		}
	}
	return nil
}

// telling is the length from which a key is looked for: shorter ones are words and numbers of everybody.
const telling = 6

// names says whether one of the words is a key or a file name of the row.
func names(words map[string]bool, row *cohort.Row) bool {
	told := func(key string) bool { return len(key) >= telling && words[strings.ToLower(key)] }
	for _, f := range row.Files() {
		path := f.Path
		if i := strings.LastIndexByte(path, '#'); i > 0 {
			path = path[:i] // an archive's name is not a person's
		} else if told(filepath.Base(path)) {
			return true
		}
		if told(path) || told(f.ID) {
			return true
		}
	}
	return told(row.ID) || told(row.Patient)
}

// tokens are the words of a text, in lower case: what lies between white space and quotes, the same without punctuation around it, and
// its parts between slashes.
func tokens(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return c <= ' ' || strings.ContainsRune("\"'`,;|()[]{}<>=", c) }) {
		out[w] = true
		w = strings.Trim(w, ".:!?*#")
		out[w] = true
		for _, part := range strings.Split(w, "/") {
			out[part] = true
		}
	}
	return out
}

// evaluateBundle is [EvaluateOn] of a bundle.
func evaluateBundle(ctx context.Context, path string, opt ExternalOptions) (*Run, *Metrics, error) {
	r, models, known, done, err := openBundle(path, opt.Log)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	note := ""
	if known == nil {
		known, note = func(string) string { return "" }, "the bundle does not say what its models were trained on: make sure that these data were not among it"
	}
	if opt.Out == "" {
		base := strings.TrimSuffix(strings.TrimRight(path, "/"), filepath.Ext(path))
		opt.Out = filepath.Join(base+"-evaluations", slug(strings.TrimSuffix(filepath.Base(opt.Table), filepath.Ext(opt.Table))))
	}
	return r.scoreOther(ctx, opt, models, known, hasher{}, nonEmpty(note)...)
}

// openBundle unpacks a bundle as a run, and names its networks' folders. known says which part an item of a digest was in, where the bundle says so.
// done removes what was unpacked.
func openBundle(path string, log io.Writer) (r *Run, models []string, known func(string) string, done func(), err error) {
	b, err := bundle.Open(path)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	defer b.Close()
	dir, err := os.MkdirTemp("", "cineloop-bundle-*")
	if err != nil {
		return nil, nil, nil, nil, fault.New(fault.Resource, "unpacking the bundle: %w", err)
	}
	done = func() { os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			done()
		}
	}()
	if err = b.Unpack(dir); err != nil {
		return nil, nil, nil, nil, err
	}
	r = &Run{Dir: Folder(dir), log: log, bundled: true}
	if b.Signature == nil {
		r.say("note: the bundle is not signed: nobody vouches for it")
	}
	if r.Plan, err = learn.ReadPlan(r.Dir.Plan()); err != nil {
		return nil, nil, nil, nil, err
	}
	r.Cohort = &cohort.Cohort{Spec: r.Plan.Data}
	for _, n := range b.Manifest.Networks {
		models = append(models, filepath.Join(dir, filepath.FromSlash(n.Dir)))
	}
	if b.Has(bundle.SeenFile) {
		var s seenItems
		if err = b.ReadJSON(bundle.SeenFile, &s); err != nil {
			return nil, nil, nil, nil, err
		}
		known = s.part()
	}
	return r, models, known, done, nil
}

// part says which part an item of a digest was in.
func (s seenItems) part() func(string) string {
	parts := map[string]string{}
	for _, d := range s.Val {
		parts[d] = partVal
	}
	for _, d := range s.Train {
		parts[d] = partTrain
	}
	return func(d string) string { return parts[seenDigest(d)] }
}
