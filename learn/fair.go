package learn

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/torch"
)

// FairnessSpec asks for a training with an eye on groups of people. Zero values mean the defaults.
type FairnessSpec struct {
	Method     string  `yaml:"method"`               // see [fairness.Methods]
	Group      string  `yaml:"group"`                // one of data.subgroups; rows without a group are free of the constraint
	Target     string  `yaml:"target,omitempty"`     // default the first
	Constraint string  `yaml:"constraint,omitempty"` // of penalty and lagrangian: dp (default) | eo | eopp | fpr
	Strength   float64 `yaml:"strength,omitempty"`   // weight beside the loss; default 1; jtt: how often a mistake counts, default 5
	Eps        float64 `yaml:"eps,omitempty"`        // lagrangian: gap that is allowed; bounded_loss: every group's loss stays below; default 0.01 and 0.5
	Step       float64 `yaml:"step,omitempty"`       // of multipliers, group weights and adversary; default 0.05
	Memory     float64 `yaml:"memory,omitempty"`     // share of the past in a group's remembered mean score; default 0.9
	Adjust     float64 `yaml:"adjust,omitempty"`     // group_dro: added to a group's loss, divided by √rows
	Warmup     int     `yaml:"warmup,omitempty"`     // epochs before it begins; jtt: of the first training, default 1
}

// fairState is what a fair training carries from step to step and into checkpoints.
type fairState struct {
	Pressure  fairness.PressureState `json:"pressure,omitzero"`
	Weights   []float64              `json:"weights,omitempty"` // of groups: shares or multipliers
	Adversary *fairness.Adversary    `json:"adversary,omitempty"`
	Mistakes  []int                  `json:"mistakes,omitempty"` // jtt: training rows that the first network got wrong
	Second    bool                   `json:"second,omitempty"`   // jtt: the second training is on
}

// fair applies a [FairnessSpec] to batches.
type fair struct {
	spec       FairnessSpec
	method     fairness.Method
	constraint fairness.Constraint
	head       int
	column     int      // of the cohort's groups
	groups     []string // of the training rows, sorted
	row        []float64
	state      *fairState
	mistakes   map[int]bool
}

// newFair checks the spec against the cohort; nil where none is asked for. Errors have code usage.
func newFair(spec *FairnessSpec, c *cohort.Cohort, heads []head, train []int) (*fair, error) {
	if spec == nil {
		return nil, nil
	}
	f := &fair{spec: *spec, method: fairness.Method(spec.Method), state: &fairState{}}
	if !slices.Contains(fairness.Methods(), f.method) {
		return nil, fault.New(fault.Usage, "train.fairness.method: no method %q", spec.Method).WithHint("there are %v", fairness.Methods())
	}
	if f.column = slices.Index(c.Groups, spec.Group); f.column < 0 {
		return nil, fault.New(fault.Usage, "train.fairness.group: %q is not among data.subgroups (%s)", spec.Group, nearest.Hint(spec.Group, c.Groups))
	}
	if spec.Target != "" {
		f.head = slices.IndexFunc(heads, func(h head) bool { return h.Name == spec.Target })
	}
	if f.head < 0 {
		return nil, fault.New(fault.Usage, "train.fairness.target: there is no target %q", spec.Target)
	}
	if err := f.defaults(heads[f.head].Kind); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, i := range train {
		if g := c.Rows[i].Groups[f.column]; g != "" && !seen[g] {
			seen[g] = true
			f.groups = append(f.groups, g)
		}
	}
	slices.Sort(f.groups)
	if len(f.groups) < 2 {
		return nil, fault.New(fault.Usage, "train.fairness: the training rows have %d groups of %q; two are needed", len(f.groups), spec.Group)
	}
	if f.method == fairness.MethodReweigh {
		f.reweigh(c, heads[f.head], train)
	}
	return f, nil
}

// defaults fills gaps and refuses what cannot be.
func (f *fair) defaults(kind evaluate.Kind) error {
	s := &f.spec
	set := func(v *float64, def float64) {
		if *v == 0 {
			*v = def
		}
	}
	if f.method == fairness.MethodJTT {
		set(&s.Strength, 5)
		s.Warmup = max(1, s.Warmup)
	}
	if f.method == fairness.MethodBounded {
		set(&s.Eps, 0.5)
	}
	set(&s.Strength, 1)
	set(&s.Eps, 0.01)
	set(&s.Step, 0.05)
	set(&s.Memory, 0.9)
	if s.Constraint == "" {
		s.Constraint = string(fairness.DemographicParity)
	}
	var err error
	if f.constraint, err = fairness.ParseConstraint(s.Constraint); err != nil {
		return err
	}
	labels := kind == evaluate.Binary || kind == evaluate.Class
	switch {
	case s.Strength < 0 || s.Eps < 0 || s.Step < 0 || !(s.Memory >= 0 && s.Memory < 1) || s.Adjust < 0 || s.Warmup < 0:
		return fault.New(fault.Usage, "train.fairness: strength, eps, step, adjust and warmup are not negative, memory is 0 or more and below 1")
	case f.constraint == fairness.ErrorParity && f.pressed():
		return fault.New(fault.Usage, "train.fairness.constraint: error rates have no gradient").WithHint("dp, eo, eopp or fpr; or method: group_dro")
	case f.pressed() && f.constraint != fairness.DemographicParity && kind != evaluate.Binary:
		return fault.New(fault.Usage, "train.fairness.constraint: %s needs a binary target", f.constraint).WithHint("dp compares mean predictions of any target; bounded_loss and group_dro compare losses")
	case f.pressed() && (kind == evaluate.Class || kind == evaluate.MultiLabel):
		return fault.New(fault.Usage, "train.fairness: %s needs one score a row, and the target is %s", f.method, kind).WithHint("group_dro, bounded_loss, reweigh, mmd, hsic and adversarial take any target")
	case (f.method == fairness.MethodReweigh || f.method == fairness.MethodResample || f.method == fairness.MethodJTT) && !labels:
		return fault.New(fault.Usage, "train.fairness: %s needs a binary or class target", f.method)
	case f.method == fairness.MethodIRM && kind != evaluate.Binary && kind != evaluate.Regression:
		return fault.New(fault.Usage, "train.fairness: irm needs a binary or regression target")
	}
	return nil
}

// pressed says whether the method is a constraint on mean scores.
func (f *fair) pressed() bool {
	return f.method == fairness.MethodPenalty || f.method == fairness.MethodLagrangian
}

// group is the number of a row's group, -1 where it has none.
func (f *fair) group(r cohort.Row) int { return slices.Index(f.groups, r.Groups[f.column]) }

func (f *fair) groupsOf(rows []cohort.Row) []int {
	out := make([]int, len(rows))
	for i, r := range rows {
		out[i] = f.group(r)
	}
	return out
}

// cell numbers group and class of a row, for resampling; -1 where one is unknown.
func (f *fair) cell(h head) func(cohort.Row) int {
	classes := max(2, h.Width())
	return func(r cohort.Row) int {
		g, v := f.group(r), r.Truth[h.Name][0]
		if g < 0 || math.IsNaN(v) {
			return -1
		}
		return g*classes + int(v)
	}
}

// reweigh makes a weight for every row of the cohort, by Kamiran and Calders 2012 on the training rows.
func (f *fair) reweigh(c *cohort.Cohort, h head, train []int) {
	cell := f.cell(h)
	classes := max(2, h.Width())
	n, byCell := 0.0, make([]float64, classes*len(f.groups))
	for _, i := range train {
		if j := cell(c.Rows[i]); j >= 0 {
			byCell[j]++
			n++
		}
	}
	group, class := make([]float64, len(f.groups)), make([]float64, classes)
	for j, v := range byCell {
		group[j/classes] += v
		class[j%classes] += v
	}
	f.row = make([]float64, len(byCell))
	for j, v := range byCell {
		if v > 0 {
			f.row[j] = group[j/classes] * class[j%classes] / (n * v)
		}
	}
}

// apply adds to a batch's loss what the method asks for. loss may be nil (no truth in the batch); so may the result.
func (f *fair) apply(l *losses, loss *torch.Tensor, outs []*torch.Tensor, features *torch.Tensor, rows []int, c *cohort.Cohort, epoch int) *torch.Tensor {
	if f == nil {
		return loss
	}
	batch := pick(c.Rows, rows)
	h, out := l.heads[f.head], outs[f.head]
	var extra *torch.Tensor
	switch f.method {
	case fairness.MethodJTT:
		if !f.state.Second {
			f.identify(h, out, rows, batch, epoch)
			return loss
		}
		extra = f.weighted(l, h, out, batch, f.jttWeights(h, rows, batch))
	case fairness.MethodReweigh:
		extra = f.weighted(l, h, out, batch, f.fixedWeights(h, batch))
	case fairness.MethodGroupDRO, fairness.MethodBounded:
		if epoch >= f.spec.Warmup {
			extra = f.byGroupLoss(l, h, out, batch)
		}
	case fairness.MethodPenalty, fairness.MethodLagrangian, fairness.MethodIRM:
		if epoch >= f.spec.Warmup {
			extra = f.onScores(h, out, batch)
		}
	case fairness.MethodMMD, fairness.MethodHSIC, fairness.MethodAdversarial:
		if epoch >= f.spec.Warmup {
			extra = f.onFeatures(features, batch)
		}
	}
	switch {
	case extra == nil:
		return loss
	case loss == nil:
		return extra
	}
	return loss.Add(extra)
}
