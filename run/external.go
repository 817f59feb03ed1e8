package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
)

// ExternalOptions says on which other data a finished run is scored.
type ExternalOptions struct {
	Table string // CSV (or npz) with the columns of the run's own table
	Root  string // folder that its file names start from; default: the table's folder
	Out   string // default: evaluations/NAME in the run's folder, NAME from the table
	Log   io.Writer
}

// EvaluateOn scores the finished run in dir on other data of the same schema and writes predictions, metrics and a report. With
// several folds, a score is the mean of the folds' models.
//
// Items whose content the models were trained on or chosen by are scored and marked so in predictions.csv, but left out of the metrics.
// Where nothing else is left, the metrics are of all items and a note says that they are worthless as a test.
//
// dir may also be a bundle, whose results go beside it unless opt says where. What its models were trained on is recognised only where the
// bundle holds the digests, and otherwise a note says so.
func EvaluateOn(ctx context.Context, dir string, opt ExternalOptions) (*Run, *Metrics, error) {
	if bundle.Is(dir) {
		return evaluateBundle(ctx, dir, opt)
	}
	r, err := Open(ctx, dir, opt.Log, "")
	if err != nil {
		return nil, nil, err
	}
	if r.Plan.Kind == kindCatalog {
		return nil, nil, fault.New(fault.Usage, "%s is a catalogue: it has no model to score with", dir)
	}
	models, err := r.models(0)
	if err != nil {
		return nil, nil, err
	}
	h := hasher{}
	known, err := r.learntFrom(h)
	if err != nil {
		return nil, nil, err
	}
	if opt.Out == "" {
		opt.Out = string(r.Dir.Evaluation(strings.TrimSuffix(filepath.Base(opt.Table), filepath.Ext(opt.Table))))
	}
	return r.scoreOther(ctx, opt, models, func(d string) string { return known[d] }, h)
}

// scoreOther scores other data with models that learnt from the items whose digests are known.
func (r *Run) scoreOther(ctx context.Context, opt ExternalOptions, models []string, known func(digest string) (part string), h hasher, notes ...string) (*Run, *Metrics, error) {
	other, err := r.otherCohort(ctx, opt)
	if err != nil {
		return nil, nil, err
	}
	rows := other.All()
	parts := repeat(partTest, len(rows))
	seen := 0
	for i, row := range rows {
		for _, f := range other.Rows[row].Files() {
			d, err := h.digest(f.Path)
			if err != nil {
				return nil, nil, err
			}
			if part := known(d); part != "" && parts[i] != partTrain {
				parts[i] = part
			}
		}
		if parts[i] != partTest {
			seen++
		}
	}
	if seen == len(rows) {
		notes = append(notes, "every item was used in training or in choosing the model: these metrics are no test of it")
		parts = repeat(partTest, len(rows))
	} else if seen > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d items were used in training or in choosing the model; the metrics leave them out", seen, len(rows)))
	}
	out := Folder(opt.Out)
	views := viewScores(other)
	p, m, err := r.predict(ctx, out, other, rows, models, views)
	if err != nil {
		return nil, nil, err
	}
	if err := setParts(p, other, rows, parts); err != nil {
		return nil, nil, err
	}
	if m != nil {
		setMaskParts(m, p)
		if err := m.WriteFile(out.MaskTable()); err != nil {
			return nil, nil, err
		}
	}
	if views != nil {
		if err := mkdir(string(out)); err != nil {
			return nil, nil, err
		}
		if err := viewTable(other, p, views).WriteFile(out.Views()); err != nil {
			return nil, nil, err
		}
	}
	return r.finishExternal(ctx, out, other, p, m, notes)
}

// finishExternal writes the folder of an external evaluation; a run on the other cohort stands for it, so that the report is the same code.
func (r *Run) finishExternal(ctx context.Context, out Folder, other *cohort.Cohort, p *evaluate.Predictions, masks *evaluate.MaskTable, notes []string) (*Run, *Metrics, error) {
	if err := mkdir(string(out)); err != nil {
		return nil, nil, err
	}
	if err := p.WriteFile(out.Predictions()); err != nil {
		return nil, nil, err
	}
	name := "other data"
	protocol := r.protocol(other, p, name, partTest)
	rep, err := evaluate.Evaluate(ctx, p, protocol)
	if err == nil && masks != nil {
		err = r.judgeMasks(ctx, rep, masks, protocol)
	}
	if err != nil {
		return nil, nil, err
	}
	views, err := r.judgeViews(ctx, out, p, protocol)
	if err != nil {
		return nil, nil, err
	}
	m := &Metrics{Report: rep, Run: r.Plan.Name, Version: version.String(), PlanDigest: r.Plan.Digest(), DataDigest: other.Digest, Notes: notes, Views: views}
	if err := writeJSON(out.Metrics(), m); err != nil {
		return nil, nil, err
	}
	ext := &Run{Dir: out, Plan: r.Plan, Cohort: other, Fingerprint: r.Fingerprint, log: r.log, cache: r.cache}
	if err := ext.writePlanCopy(r); err != nil {
		return nil, nil, err
	}
	return ext, m, ext.reportExternal(m, p)
}

// writePlanCopy keeps the plan beside an external evaluation's results.
func (r *Run) writePlanCopy(from *Run) error {
	data, err := os.ReadFile(from.Dir.Plan())
	if err != nil {
		return err
	}
	return os.WriteFile(r.Dir.Plan(), data, 0o644)
}

// otherCohort loads the other data with the plan's columns. Classes are those that the run knows; splits play no part.
func (r *Run) otherCohort(ctx context.Context, opt ExternalOptions) (*cohort.Cohort, error) {
	table, err := filepath.Abs(opt.Table)
	if err != nil {
		return nil, err
	}
	spec := asTable(r.Cohort.Spec) // classes are filled in
	spec.Base = ""
	spec.Root = opt.Root
	if spec.Root == "" {
		spec.Root = filepath.Dir(table)
	}
	spec.Table = table
	c, err := cohort.Load(ctx, spec)
	if err != nil {
		if fault.CodeOf(err) == fault.Usage { // the recipe was right for its own table: it is this one that does not fit
			return nil, fault.New(fault.Input, "%s has not the form of the run's own table: %w", opt.Table, err)
		}
		return nil, fmt.Errorf("%s: %w", opt.Table, err)
	}
	if n := len(c.Quarantine); n > 0 {
		r.say("%d rows are quarantined; the first: line %d, %s", n, c.Quarantine[0].Line, c.Quarantine[0].Reason)
	}
	return c, nil
}

// learntFrom maps the content digest of every item that the primary split's models saw to the part they saw it in.
func (r *Run) learntFrom(h hasher) (map[string]string, error) {
	known := map[string]string{}
	add := func(rows []int, part string) error {
		for _, i := range rows {
			for _, f := range r.Cohort.Rows[i].Files() {
				d, err := h.digest(f.Path)
				if err != nil {
					return err
				}
				if known[d] != partTrain {
					known[d] = part
				}
			}
		}
		return nil
	}
	for _, f := range r.Splits[0].Folds {
		if err := add(f.Train, partTrain); err != nil {
			return nil, err
		}
		if err := add(f.Val, partVal); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// hasher remembers what was hashed: an npz is one file with thousands of items.
type hasher map[string]string

// digest identifies what an item's path holds: the file's SHA-256 with its fragment, or that of a folder's files. A file that is
// not there any more has a digest of its own, equal to no other.
func (digests hasher) digest(path string) (string, error) {
	file, fragment := path, ""
	if i := strings.LastIndexByte(path, '#'); i > 0 && !exists(path) {
		file, fragment = path[:i], path[i:]
	}
	if d, ok := digests[file]; ok {
		return d + fragment, nil
	}
	st, err := os.Stat(file)
	if err != nil {
		return "absent:" + path, nil
	}
	h := sha256.New()
	files := []string{file}
	if st.IsDir() {
		if files, err = filepath.Glob(filepath.Join(file, "*")); err != nil {
			return "", err
		}
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return "", fault.New(fault.Input, "reading an item: %w", err)
		}
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return "", fault.New(fault.Input, "reading an item: %w", err)
		}
	}
	digests[file] = hex.EncodeToString(h.Sum(nil))
	return digests[file] + fragment, nil
}
