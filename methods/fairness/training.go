package fairness

import (
	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// Pressure is a constraint that a network feels while it is trained in batches. A batch has a few rows of each group, too few to tell a
// gap from chance; so each cell's mean score is remembered over batches, and the gradient comes from the remembered gap.
//
// With Lagrange set, multipliers rise while a gap is above Eps and fall while it is below (the saddle point of Cotter et al. 2019);
// otherwise the penalty is Strength · Σ gap², FairTorch's idea.
type Pressure struct {
	Groups, Events int
	Strength       float64
	Memory         float64 // share of the past in a remembered mean, 0 to 1
	Lagrange       bool
	Step, Eps      float64 // of the multipliers
}

// PressureState is what a [Pressure] remembers. The zero value is the beginning.
type PressureState struct {
	Cell   []float64 `json:"cell,omitempty"`   // remembered mean score of each cell, event-major
	Seen   []float64 `json:"seen,omitempty"`   // how much of the memory is filled, 0 to 1
	Event  []float64 `json:"event,omitempty"`  // of each event
	Filled []float64 `json:"filled,omitempty"` // likewise
	Lambda []float64 `json:"lambda,omitempty"` // multipliers: cells above, then cells below
}

// Apply takes a batch's scores, with the event and group of each row (-1: the row is free), updates the state, and returns the value of
// the pressure and its gradient by the scores. It panics where the slices differ in length.
func (p Pressure) Apply(s *PressureState, score []float64, event, group []int) (value float64, grad []float64) {
	mustMatch(len(score), len(event), len(group))
	cells := p.Groups * p.Events
	if s.Cell == nil {
		s.Cell, s.Seen = make([]float64, cells), make([]float64, cells)
		s.Event, s.Filled = make([]float64, p.Events), make([]float64, p.Events)
		s.Lambda = make([]float64, 2*cells)
	}
	sum, n := make([]float64, cells), make([]float64, cells)
	sumE, nE := make([]float64, p.Events), make([]float64, p.Events)
	for i, e := range event {
		if e < 0 || group[i] < 0 {
			continue
		}
		j := e*p.Groups + group[i]
		sum[j], n[j] = sum[j]+score[i], n[j]+1
		sumE[e], nE[e] = sumE[e]+score[i], nE[e]+1
	}
	remember := func(mean, seen []float64, sum, n []float64) {
		for j := range n {
			if n[j] > 0 {
				mean[j] = p.Memory*mean[j] + (1-p.Memory)*sum[j]/n[j]
				seen[j] = p.Memory*seen[j] + (1 - p.Memory)
			}
		}
	}
	remember(s.Cell, s.Seen, sum, n)
	remember(s.Event, s.Filled, sumE, nE)
	coefficient := make([]float64, cells) // of the cell's gap
	all := make([]float64, p.Events)
	for j := range coefficient {
		e := j / p.Groups
		if s.Seen[j] == 0 {
			continue
		}
		gap := s.Cell[j]/s.Seen[j] - s.Event[e]/s.Filled[e]
		coefficient[j] = 2 * p.Strength * gap
		value += p.Strength * gap * gap
		if p.Lagrange {
			up, down := &s.Lambda[j], &s.Lambda[cells+j]
			coefficient[j] += *up - *down
			value += *up*(gap-p.Eps) + *down*(-gap-p.Eps)
			if n[j] > 0 {
				*up = max(0, *up+p.Step*(gap-p.Eps))
				*down = max(0, *down+p.Step*(-gap-p.Eps))
			}
		}
		if n[j] > 0 {
			all[e] += coefficient[j]
		}
	}
	grad = make([]float64, len(score))
	for i, e := range event {
		if e >= 0 && group[i] >= 0 {
			j := e*p.Groups + group[i]
			grad[i] = coefficient[j]/n[j] - all[e]/nE[e]
		}
	}
	return value, grad
}

// GroupLosses are the means of rows' losses by group, and the rows of each; rows of group -1 belong to none.
func GroupLosses(loss []float64, group []int, k int) (mean, n []float64) {
	mustMatch(len(loss), len(group))
	mean, n = make([]float64, k), make([]float64, k)
	for i, g := range group {
		if g >= 0 {
			mean[g] += loss[i]
			n[g]++
		}
	}
	for g := range mean {
		mean[g] = over(mean[g], n[g])
	}
	return mean, n
}

// UpdateDRO is the step of group weights of Sagawa et al. 2020: q_g grows by exp(eta · (loss_g + c/√n_g)) for the groups that are
// present, and all are scaled to sum to 1. The weighted loss is Σ q_g · adjusted_g.
func UpdateDRO(q, loss, n []float64, eta, c float64) (next, adjusted []float64) {
	mustMatch(len(q), len(loss), len(n))
	next, adjusted = make([]float64, len(q)), make([]float64, len(q))
	total := 0.0
	for g := range q {
		if n[g] > 0 {
			adjusted[g] = loss[g] + c/math.Sqrt(n[g])
		}
		next[g] = q[g] * math.Exp(eta*adjusted[g])
		total += next[g]
	}
	scale(next, 1/total)
	return next, adjusted
}

// UpdateBounds is the step of the multipliers of bounded group loss (Agarwal, Dudík and Wu 2019): each group's mean loss is to stay
// below bound, whatever the loss; a multiplier rises by step times the excess and never falls below 0. Groups that are absent keep theirs.
func UpdateBounds(lambda, loss, n []float64, bound, step float64) []float64 {
	mustMatch(len(lambda), len(loss), len(n))
	out := make([]float64, len(lambda))
	for g, l := range lambda {
		out[g] = l
		if n[g] > 0 {
			out[g] = max(0, l+step*(loss[g]-bound))
		}
	}
	return out
}

// InvariantRisk is the IRMv1 penalty (Arjovsky et al. 2019): Σ over groups of the squared derivative of the group's mean loss by a factor
// on the outputs, at 1. A network that is best for every group at once has none. binary takes logits and the logistic loss; otherwise
// outputs and the squared error. The gradient is by the outputs.
func InvariantRisk(output, y []float64, group []int, k int, binary bool) (value float64, grad []float64) {
	mustMatch(len(output), len(y), len(group))
	slope, each, n := make([]float64, k), make([]float64, len(y)), make([]float64, k)
	for i, z := range output {
		g := group[i]
		if g < 0 || math.IsNaN(y[i]) {
			continue
		}
		if n[g]++; binary {
			p := 1 / (1 + math.Exp(-z))
			slope[g] += (p - y[i]) * z
			each[i] = p - y[i] + p*(1-p)*z
		} else {
			slope[g] += 2 * (z - y[i]) * z
			each[i] = 2 * (2*z - y[i])
		}
	}
	grad = make([]float64, len(y))
	for g := range slope {
		slope[g] = over(slope[g], n[g])
		value += slope[g] * slope[g]
	}
	for i, g := range group {
		if g >= 0 && each[i] != 0 {
			grad[i] = 2 * slope[g] * each[i] / n[g]
		}
	}
	return value, grad
}

// Method is a way to train with an eye on groups.
type Method string

// The methods in training.
const (
	MethodPenalty     Method = "penalty"      // quadratic penalty on a constraint's moments
	MethodLagrangian  Method = "lagrangian"   // multipliers on them
	MethodGroupDRO    Method = "group_dro"    // the worst group's loss
	MethodBounded     Method = "bounded_loss" // every group's loss below a bound
	MethodReweigh     Method = "reweigh"      // label and group made independent by weights
	MethodResample    Method = "resample"     // and by drawing
	MethodAdversarial Method = "adversarial"  // features that a linear adversary cannot tell the group from
	MethodIRM         Method = "irm"
	MethodMMD         Method = "mmd"  // features distributed alike in all groups
	MethodHSIC        Method = "hsic" // features independent of the group
	MethodJTT         Method = "jtt"  // just train twice
)

// Methods are all of them.
func Methods() []Method {
	return []Method{MethodPenalty, MethodLagrangian, MethodGroupDRO, MethodBounded, MethodReweigh, MethodResample, MethodAdversarial,
		MethodIRM, MethodMMD, MethodHSIC, MethodJTT}
}

// ParseConstraint is the constraint of that name; eopp is equal opportunity's other name.
func ParseConstraint(name string) (Constraint, error) {
	if name == "eopp" {
		return EqualOpportunity, nil
	}
	for _, c := range Constraints() {
		if string(c) == name {
			return c, nil
		}
	}
	return "", fault.New(fault.Usage, "fairness: no constraint %q", name).WithHint("there are dp, eo, eopp (or tpr), fpr and err")
}
