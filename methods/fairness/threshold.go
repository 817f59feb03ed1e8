package fairness

import (
	"cmp"
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// Objective is what a [ThresholdRule] is chosen for.
type Objective string

// The objectives of threshold optimisation.
const (
	Accuracy         Objective = "accuracy"
	BalancedAccuracy Objective = "balanced_accuracy"
)

// ThresholdRule turns scores into yes or no by thresholds of their own for each group (Hardt, Price and Srebro 2016). It needs the group
// of whoever it judges, and randomises between two thresholds where one alone cannot meet the constraint.
type ThresholdRule struct {
	Groups    []GroupRule
	Objective float64 // reached on the table
}

// GroupRule says yes with probability Ignore·Constant + (1−Ignore)·(P0·[score > T0] + (1−P0)·[score > T1]).
type GroupRule struct {
	Ignore, Constant float64
	P0, T0, T1       float64
}

// Probability of a yes.
func (r GroupRule) Probability(score float64) float64 {
	p := 0.0
	if score > r.T0 {
		p += r.P0
	}
	if score > r.T1 {
		p += 1 - r.P0
	}
	return r.Ignore*r.Constant + (1-r.Ignore)*p
}

// Probability of a yes for each row.
func (r *ThresholdRule) Probability(score []float64, group []int) []float64 {
	mustMatch(len(score), len(group))
	mustLie("group", group, 0, len(r.Groups))
	out := make([]float64, len(score))
	for i, s := range score {
		out[i] = r.Groups[group[i]].Probability(s)
	}
	return out
}

// thresholdGrid is the number of steps of the constrained rate, as in the reference implementation.
const thresholdGrid = 1000

// OptimiseThresholds finds the rule of best objective whose groups have equal rates of yes (dp), equal true-positive (tpr) or
// false-positive rates (fpr), or both (eo), over a grid of 1,000 steps of the rate. Every group needs both labels: the error is of code
// input otherwise.
func OptimiseThresholds(score []float64, y, group []int, k int, c Constraint, objective Objective) (*ThresholdRule, error) {
	rules, err := ThresholdTies(score, y, group, k, c, objective, 0)
	if err != nil {
		return nil, err
	}
	return rules[0], nil
}

// ThresholdTies are the rule of [OptimiseThresholds] and, after it, every other step of the grid whose objective is lower by at most slack, the
// best first. With slack a row's worth (1/rows), the data do not tell them apart, and what the constraint does not speak of may differ
// between them: which one is taken is a choice, and gaps that depend on it are known no better than their range. For eo there is one rule.
func ThresholdTies(score []float64, y, group []int, k int, c Constraint, objective Objective, slack float64) ([]*ThresholdRule, error) {
	mustMatch(len(y), len(score), len(group))
	mustLie("label", y, 0, 2)
	mustLie("group", group, 0, k)
	curves, people := make([][]hullPoint, k), make([]float64, k)
	for g := range k {
		var s []float64
		var l []int
		for i := range y {
			if group[i] == g {
				s, l = append(s, score[i]), append(l, y[i])
			}
		}
		if !slices.Contains(l, 0) || !slices.Contains(l, 1) {
			return nil, fault.New(fault.Input, "fairness: group %d has one label only; thresholds cannot be chosen for it", g)
		}
		people[g] = float64(len(l))
		curve, err := tradeOff(s, l, c, objective)
		if err != nil {
			return nil, err
		}
		curves[g] = alongGrid(hull(curve))
	}
	if c == EqualisedOdds {
		return []*ThresholdRule{oddsRule(curves, y, objective)}, nil
	}
	var rules []*ThresholdRule
	best := math.Inf(-1)
	for i := range thresholdGrid + 1 {
		r := &ThresholdRule{}
		for g := range k {
			r.Objective += people[g] / float64(len(y)) * curves[g][i].y
			r.Groups = append(r.Groups, curves[g][i].rule)
		}
		rules, best = append(rules, r), max(best, r.Objective)
	}
	rules = slices.DeleteFunc(rules, func(r *ThresholdRule) bool { return r.Objective < best-slack })
	slices.SortStableFunc(rules, func(a, b *ThresholdRule) int { return cmp.Compare(b.Objective, a.Objective) })
	return rules, nil
}

// oddsRule picks the best point that lies on or under every group's ROC curve; a group whose curve is higher is told the constant often
// enough to come down to it.
func oddsRule(curves [][]hullPoint, y []int, objective Objective) *ThresholdRule {
	positives := 0.0
	for _, v := range y {
		positives += float64(v)
	}
	negatives := float64(len(y)) - positives
	best, at, height := math.Inf(-1), 0, 0.0
	for i := range thresholdGrid + 1 {
		low := math.Inf(1)
		for _, c := range curves {
			low = min(low, c[i].y)
		}
		x := float64(i) / thresholdGrid
		v := (low + 1 - x) / 2
		if objective == Accuracy {
			v = (positives*low + negatives*(1-x)) / (positives + negatives)
		}
		if v > best {
			best, at, height = v, i, low
		}
	}
	r := &ThresholdRule{Objective: best}
	x := float64(at) / thresholdGrid
	for _, c := range curves {
		rule := c[at].rule
		rule.Constant = x
		if c[at].y != x {
			rule.Ignore = (c[at].y - height) / (c[at].y - x)
		}
		r.Groups = append(r.Groups, rule)
	}
	return r
}

// hullPoint is a rate x, the objective y that goes with it, and how to get there.
type hullPoint struct {
	x, y float64
	rule GroupRule
}

// tradeOff is what each threshold of one group gives, from nobody to everybody.
func tradeOff(score []float64, y []int, c Constraint, objective Objective) ([]hullPoint, error) {
	order := make([]int, len(y))
	var positives float64
	for i, v := range y {
		order[i] = i
		positives += float64(v)
	}
	negatives := float64(len(y)) - positives
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	var out []hullPoint
	var tp, fp float64
	for i := 0; i <= len(order); {
		t := math.Inf(1)
		if i > 0 {
			t = math.Inf(-1)
			if i < len(order) {
				t = (score[order[i-1]] + score[order[i]]) / 2
			}
		}
		tpr, fpr := tp/positives, fp/negatives
		var p hullPoint
		switch c {
		case DemographicParity:
			p.x = (tp + fp) / (positives + negatives)
		case EqualOpportunity:
			p.x = tpr
		case EqualFPR, EqualisedOdds:
			p.x = fpr
		default:
			return nil, fault.New(fault.Usage, "fairness: thresholds cannot be chosen for the constraint %q", c).WithHint("dp, eo, tpr and fpr can")
		}
		switch {
		case c == EqualisedOdds:
			p.y = tpr
		case objective == BalancedAccuracy:
			p.y = (tpr + 1 - fpr) / 2
		case objective == Accuracy:
			p.y = (tp + negatives - fp) / (positives + negatives)
		default:
			return nil, fault.New(fault.Usage, "fairness: unknown objective %q", objective).WithHint("accuracy or balanced_accuracy")
		}
		p.rule = GroupRule{P0: 1, T0: t, T1: t}
		out = append(out, p)
		if i == len(order) {
			break
		}
		for s := score[order[i]]; i < len(order) && score[order[i]] == s; i++ {
			if y[order[i]] == 1 {
				tp++
			} else {
				fp++
			}
		}
	}
	return out, nil
}

// hull is the upper convex hull, by x.
func hull(points []hullPoint) []hullPoint {
	slices.SortStableFunc(points, func(a, b hullPoint) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	var out []hullPoint
	for _, p := range points {
		for len(out) > 0 && out[len(out)-1].x == p.x {
			out = out[:len(out)-1] // p is higher
		}
		for len(out) > 1 {
			a, b := out[len(out)-2], out[len(out)-1]
			if (b.y-a.y)*(p.x-a.x) > (p.y-a.y)*(b.x-a.x) {
				break
			}
			out = out[:len(out)-1]
		}
		out = append(out, p)
	}
	return out
}

// alongGrid is the hull at every step of the grid, between two corners by randomising.
func alongGrid(h []hullPoint) []hullPoint {
	out := make([]hullPoint, thresholdGrid+1)
	j := 0
	for i := range out {
		x := float64(i) / thresholdGrid
		for j+2 < len(h) && h[j+1].x < x {
			j++
		}
		if len(h) == 1 {
			out[i] = h[0]
			continue
		}
		a, b := h[j], h[j+1]
		p := (b.x - x) / (b.x - a.x)
		out[i] = hullPoint{x: x, y: p*a.y + (1-p)*b.y, rule: GroupRule{P0: p, T0: a.rule.T0, T1: b.rule.T0}}
	}
	return out
}
