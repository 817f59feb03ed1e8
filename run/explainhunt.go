package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/stats"
)

// Hunt is what else than the tissue tells the target, in this cohort and to this network.
type Hunt struct {
	Question string            `json:"question"` // what is told from what
	Items    int               `json:"items"`
	Probes   []explain.Probe   `json:"probes"`  // a linear classifier on each view alone, out of fold
	Network  []ShownAlone      `json:"network"` // the network when it sees a view alone; null where its target is of several classes
	Fields   []cohort.Shortcut `json:"fields"`  // columns and facts of files that tell the target
	Named    []string          `json:"named"`   // the shortcuts, in words; empty: none was found
	Words    string            `json:"words"`
}

// ShownAlone is a network's discrimination when everything but a view is hidden.
type ShownAlone struct {
	View  explain.View `json:"view"`
	AUROC float64      `json:"auroc"`
	Low   *float64     `json:"low"`
	High  *float64     `json:"high"`
	Uses  bool         `json:"uses"` // Low is above 0.5
}

// hunted are the views that tissue is not in.
var hunted = []explain.View{explain.Corners, explain.Outside}

// hunt gathers a cohort's views, item by item.
type hunt struct {
	kind     evaluate.Kind
	target   string
	question string
	prober   *explain.Prober
	positive []bool
	patients []string
	whole    []float64
	alone    map[explain.View][]float64
	yes      func(truth float64) bool
}

// newHunt asks the target's yes-no question: yes, above the median, or the most common class against the rest.
func newHunt(all []example) *hunt {
	h := &hunt{kind: all[0].kind, target: all[0].Target, prober: explain.NewProber(), alone: map[explain.View][]float64{}}
	var truth []float64
	count := map[float64]int{}
	for _, ex := range all {
		truth = append(truth, ex.Truth)
		count[ex.Truth]++
	}
	slices.Sort(truth)
	switch h.kind {
	case evaluate.Binary:
		h.question, h.yes = h.target, func(v float64) bool { return v == 1 }
	case evaluate.Class:
		common := truth[0]
		for _, v := range truth {
			if count[v] > count[common] {
				common = v
			}
		}
		h.question, h.yes = fmt.Sprintf("class %d of %s against the rest", int(common), h.target), func(v float64) bool { return v == common }
	default:
		middle := stats.Quantile(truth, 0.5)
		h.question, h.yes = fmt.Sprintf("%s above %.3g", h.target, middle), func(v float64) bool { return v > middle }
	}
	return h
}

// add takes an item with the network's score.
func (h *hunt) add(in explain.Input, ex example, patient string, whole float64, fill explain.Fill, score explain.ScoreFunc) error {
	positive := h.yes(ex.Truth)
	if err := h.prober.Add(in, positive, patient); err != nil {
		return err
	}
	h.positive, h.patients, h.whole = append(h.positive, positive), append(h.patients, patient), append(h.whole, whole)
	if h.kind == evaluate.Class { // its score is that of each item's own class
		return nil
	}
	if fill == explain.FillIn {
		fill = explain.FillMean // growing a corner over the picture would show its colour everywhere
	}
	regions := make([]explain.Region, len(hunted))
	for k, v := range hunted {
		regions[k] = explain.Except(in, v)
	}
	falls, base, err := explain.Ablate(in, regions, fill, nil, score)
	if err != nil {
		return err
	}
	for k, v := range hunted {
		h.alone[v] = append(h.alone[v], base-falls[k])
	}
	return nil
}

// finish judges; nil where there are too few items of either answer.
func (h *hunt) finish(ctx context.Context, r *Run) (*Hunt, error) {
	out := &Hunt{Question: h.question, Items: len(h.positive), Named: []string{}}
	probes, err := h.prober.Probes(r.Plan.Seed)
	if err != nil {
		out.Words = "No hunt for shortcuts: " + strings.TrimPrefix(err.Error(), "explain: ") + "."
		return out, nil
	}
	out.Probes = probes
	clusters := stats.Clusters(h.patients)
	alone := func(v explain.View, score []float64) ShownAlone {
		a := stats.DeLongClustered(score, h.positive, clusters)
		iv := a.Interval(1 - 0.05/float64(len(hunted)))
		return ShownAlone{View: v, AUROC: a.Area, Low: explain.Finite(iv.Low), High: explain.Finite(iv.High), Uses: iv.Defined() && iv.Low > 0.5}
	}
	if h.kind != evaluate.Class {
		out.Network = append(out.Network, alone(explain.Whole, h.whole))
		for _, v := range hunted {
			out.Network = append(out.Network, alone(v, h.alone[v]))
		}
	}
	fields, err := r.fields(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range fields {
		if s.Target == h.target && s.Predicts {
			out.Fields = append(out.Fields, s)
		}
	}
	out.say()
	return out, nil
}

// fields are the columns and facts of files that were asked alone, those of the check before training where it is of just this data.
func (r *Run) fields(ctx context.Context) ([]cohort.Shortcut, error) {
	if c := r.audited(); c != nil {
		return c.Shortcuts, nil
	}
	facts, err := r.inspect(ctx)
	if err != nil {
		return nil, err
	}
	return r.Cohort.Shortcuts(facts, r.Plan.Seed, r.notFields()...), nil
}

// notFields are columns that say where an item is or which part it is in.
func (r *Run) notFields() []string {
	except := []string{r.Plan.Data.File}
	for _, s := range r.Splits {
		if s.Spec.By == cohort.ByColumn {
			except = append(except, s.Spec.Column)
		}
	}
	return except
}

// say names the shortcuts.
func (h *Hunt) say() {
	whole := h.Probes[0].AUROC
	for _, p := range h.Probes[1:] {
		if !p.Tells {
			continue
		}
		s := fmt.Sprintf("%s alone %s %s with an AUROC of %.2f (interval %.2f to %.2f; the whole picture by the same classifier %.2f)",
			p.View, tell(p.View), h.Question, p.AUROC, *p.Low, *p.High, whole)
		for _, n := range h.Network {
			switch {
			case n.View != p.View:
			case n.Uses:
				s += fmt.Sprintf("; the network uses it: shown nothing else it still has %.2f", n.AUROC)
			default:
				s += "; nothing shows that the network uses it"
			}
		}
		h.Named = append(h.Named, s)
	}
	for _, f := range h.Fields {
		if f.Strong {
			h.Named = append(h.Named, fmt.Sprintf("the field %s alone tells it with an AUROC of %.2f (interval %.2f to %.2f)", f.Field, f.AUROC, f.Low, f.High))
		}
	}
	if len(h.Named) == 0 {
		h.Words = fmt.Sprintf("No shortcut was found in %d items: neither the corners, nor what is outside the sector, nor a column or fact of the files tells %s well.",
			h.Items, h.Question)
		return
	}
	h.Words = "Shortcuts that a network can learn in place of the tissue: " + strings.Join(h.Named, "; ") + "."
}

func tell(v explain.View) string {
	if v == explain.Corners {
		return "tell"
	}
	return "tells"
}
