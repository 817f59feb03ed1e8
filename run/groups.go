package run

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/evaluate/audit"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/report"
)

// The audit by group, in a run's folder or a variant's.
func (f Folder) Groups() string     { return filepath.Join(string(f), "audit.json") }
func (f Folder) GroupsPage() string { return filepath.Join(string(f), "audit.html") }

// auditGroups judges a variant's predictions group by group where the recipe names groups (data.subgroups, data.site), and writes audit.json
// and audit.html. Derived quantities are judged beside the targets. It is nil where no groups are named or no row can be judged.
func (r *Run) auditGroups(ctx context.Context, dir Folder, v report.Variant) (*audit.Report, error) {
	if len(r.Cohort.Groups) == 0 {
		return nil, nil
	}
	e := r.Plan.Evaluate
	opt := audit.Options{Split: v.Report.Split, Level: e.Level, Resamples: e.Bootstrap, MinGroup: e.MinGroup, Seed: r.Plan.Seed}
	var all *audit.Report
	for _, p := range v.Tables {
		if !slices.Contains(p.Split, opt.Split) || len(p.Groups) == 0 {
			continue
		}
		extra, err := abstentions(dir.Readings(), p)
		if err != nil {
			return nil, err
		}
		found, err := audit.Run(ctx, &audit.Table{Predictions: p, Extra: extra}, opt)
		if err != nil {
			return nil, fmt.Errorf("audit by group: %w", err)
		}
		if all == nil {
			all = found
			continue
		}
		maps.Copy(all.Targets, found.Targets)
		all.Notes = append(all.Notes, found.Notes...)
	}
	if all == nil {
		return nil, nil
	}
	if err := writeJSON(dir.Groups(), all); err != nil {
		return nil, err
	}
	page := report.AuditPage{Title: r.Plan.Name + ": groups of people", Version: version.String(), Report: all}
	return all, atomicfile.Write(dir.GroupsPage(), page.Write)
}

// abstentions reads from uncertainty.csv which items were not answered, for predictions of one target; others, and a run that always answers,
// have none.
func abstentions(path string, p *evaluate.Predictions) (map[string][]float64, error) {
	none := map[string][]float64{}
	if len(p.Targets) != 1 {
		return none, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := csv.NewReader(f)
	head, err := in.Read()
	item, target, answer := slices.Index(head, "item"), slices.Index(head, "target"), slices.Index(head, "answer")
	if err != nil || min(item, target, answer) < 0 {
		return nil, fault.New(fault.Input, "%s is not a table of readings", path).WithHint("remove it and repeat the command")
	}
	silent := map[string]float64{}
	for {
		rec, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fault.New(fault.Input, "%s: a line is damaged", path).WithHint("remove it and repeat the command")
		}
		if rec[target] != p.Targets[0].Name {
			continue
		}
		silent[rec[item]] = 0
		if rec[answer] == "" {
			silent[rec[item]] = 1
		}
	}
	if len(silent) == 0 {
		return none, nil
	}
	out := make([]float64, p.Len())
	for i, id := range p.Item {
		v, known := silent[id]
		if out[i] = v; !known {
			out[i] = math.NaN()
		}
	}
	return map[string][]float64{audit.Abstain: out}, nil
}
