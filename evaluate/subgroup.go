package evaluate

import (
	"context"
	"fmt"

	"github.com/cineloop/cineloop/stats"
)

// auditMetrics are the metrics that are repeated within subgroups.
var auditMetrics = map[Kind][]string{
	Binary:     {"auroc", "auprc", "sensitivity", "specificity", "brier", "ece"},
	Class:      {"auroc", "accuracy", "balanced_accuracy", "f1"},
	MultiLabel: {"auroc", "accuracy", "f1", "brier"},
	Regression: {"mae", "rmse", "bias", "r2"},
}

// Unknown is the name under which rows without a group value are audited.
const Unknown = "unknown"

// audit fills r.Subgroups for every group column of q, the judged rows.
func (s *sample) audit(ctx context.Context, q *Predictions, r *TargetReport) error {
	for _, g := range q.Groups {
		members := map[string][]int{}
		for i, row := range s.rows {
			v := g.Values[row]
			if v == "" {
				v = Unknown
			}
			members[v] = append(members[v], i)
		}
		if len(members) == 0 {
			continue
		}
		if r.Subgroups == nil {
			r.Subgroups = map[string]map[string]*Subgroup{}
		}
		r.Subgroups[g.Name] = map[string]*Subgroup{}
		for v, rows := range members {
			sub, err := s.subgroup(ctx, g.Name+"="+v, rows)
			if err != nil {
				return err
			}
			r.Subgroups[g.Name][v] = sub
		}
	}
	return nil
}

// subgroup judges some of the sample's rows by themselves.
func (s *sample) subgroup(ctx context.Context, name string, rows []int) (*Subgroup, error) {
	part := &sample{column: &column{target: s.target, rows: pick(s.rows, rows), truth: pick(s.truth, rows), score: pick(s.score, rows)},
		patient: pick(s.patient, rows), o: s.o, s: s.s}
	part.build(s.o.Threshold)
	part.clusters = stats.Clusters(part.patient)
	out := &Subgroup{N: len(rows), Patients: len(part.clusters)}
	if mean := Number(centre(s.target, part.truth)[0]); s.target.Kind == Binary {
		out.Prevalence = &mean
	} else if s.target.Kind == Regression {
		out.Mean = &mean
	}
	if out.Patients < s.o.MinGroup {
		out.TooFew = true
		out.Reason = fmt.Sprintf("too few to tell: %d patients, fewer than %d", out.Patients, s.o.MinGroup)
		return out, nil
	}
	entries := part.entries(auditMetrics[s.target.Kind])
	d, err := part.bootstrap(ctx, "group/"+s.target.Name+"/"+name, entries)
	if err != nil {
		return nil, err
	}
	out.Metrics = map[string]Measure{}
	for j, e := range entries {
		out.Metrics[e.m.name] = part.measured(d, j, len(entries)+j, e)
	}
	return out, nil
}
