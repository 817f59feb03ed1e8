package survival

import (
	"math"
	"slices"
)

// Baseline is a baseline hazard at the distinct times of the training data.
type Baseline struct {
	Times      []float64
	Hazard     []float64 // increments
	Cumulative []float64
}

// BaselineStream computes Breslow's (or Efron's) baseline hazard from log hazard ratios that come in any order and in pieces, such as
// a loader's batches: only one number a person is kept.
type BaselineStream struct {
	logH   []float64
	labels Labels
	Ties   Ties // of the zero value Efron, R's; [CoxBaseline] uses Breslow as pycox does
}

// Add takes a batch.
func (b *BaselineStream) Add(logH []float64, l Labels) {
	b.logH = append(b.logH, logH...)
	b.labels.Time = append(b.labels.Time, l.Time...)
	b.labels.Event = append(b.labels.Event, l.Event...)
	b.labels.Entry = append(b.labels.Entry, l.Entry...)
}

// Baseline is the estimate from what was added.
func (b *BaselineStream) Baseline() Baseline { return baseline(b.logH, b.labels, b.Ties) }

// CoxBaseline is Breslow's estimate for log hazard ratios logH (Breslow 1972): d / Σ_{at risk} exp(logH) at each distinct time.
func CoxBaseline(logH []float64, l Labels) Baseline { return baseline(logH, l, Breslow) }

func baseline(logH []float64, l Labels, ties Ties) Baseline {
	order := byTime(l.Time)
	var out Baseline
	var sum float64
	var hazards []float64
	left := slices.Clone(order)
	if l.Entry != nil {
		left = byTime(l.Entry)
	}
	for hi := len(order); hi > 0; {
		lo := hi - 1
		t := l.Time[order[lo]]
		for lo > 0 && l.Time[order[lo-1]] == t {
			lo--
		}
		d, tied := 0.0, 0.0
		for _, i := range order[lo:hi] {
			h := math.Exp(logH[i])
			sum += h
			if l.Event[i] != 0 {
				d++
				tied += h
			}
		}
		risk := sum
		if l.Entry != nil {
			for k := len(left) - 1; k >= 0 && l.Entry[left[k]] >= t; k-- {
				if l.Time[left[k]] >= t {
					risk -= math.Exp(logH[left[k]])
				}
			}
		}
		h := 0.0
		switch {
		case d == 0:
		case ties == Breslow:
			h = d / risk
		default:
			for k := range int(d) {
				h += 1 / (risk - float64(k)/d*tied)
			}
		}
		out.Times, hazards = append(out.Times, t), append(hazards, h)
		hi = lo
	}
	slices.Reverse(out.Times)
	slices.Reverse(hazards)
	out.setHazard(hazards)
	return out
}

func (b *Baseline) setHazard(h []float64) {
	b.Hazard = h
	b.Cumulative = make([]float64, len(h))
	sum := 0.0
	for i, v := range h {
		sum += v
		b.Cumulative[i] = sum
	}
}

// Step is the cumulative baseline hazard.
func (b Baseline) Step() Step { return Step{Times: b.Times, Values: b.Cumulative} }

// Curves is survival exp(−H0(t) exp(logH)) of people with these log hazard ratios.
func (b Baseline) Curves(logH []float64) Curves {
	c := newCurves(b.Times, len(logH))
	for i, v := range logH {
		ratio := math.Exp(v)
		for t, h := range b.Cumulative {
			s := 1.0
			if h > 0 {
				s = math.Exp(-h * ratio)
			}
			c.Values[t][i] = s
		}
	}
	return c
}

// PartialLogLikelihood is the mean over events of logH less the log of its risk set's sum, Breslow's at ties: what the validation of a
// Cox model compares. 0 with no event.
func PartialLogLikelihood(logH []float64, l Labels) float64 {
	return -CoxLoss(logH, l, Breslow, nil).Value
}

// RiskScores computes a relative risk function's log hazard ratio g(person, time) for all the given people at one time, into out. The
// labels' rows are the people's numbers.
type RiskScores func(people []int, time float64, out []float64)

// CoxTimeBaseline is the baseline hazard of a model whose log hazard ratio depends on time (Kvamme, Borgan and Scheel 2019, equation
// 7): d / Σ_{at risk} exp(g(x_j, t)) at each distinct time.
func CoxTimeBaseline(l Labels, g RiskScores) Baseline { return coxTimeBaseline(l, g, false) }

// CoxTimeBaselineSorted is pycox's form of [CoxTimeBaseline]: among rows of one time, censored ones that come before the first event are
// left out of the risk set, so that the value depends on the order of rows. It is here for comparison.
func CoxTimeBaselineSorted(l Labels, g RiskScores) Baseline { return coxTimeBaseline(l, g, true) }

// firstEvent is the first of rows with an event.
func firstEvent(l Labels, rows []int) int {
	return max(slices.IndexFunc(rows, func(i int) bool { return l.Event[i] != 0 }), 0)
}

func coxTimeBaseline(l Labels, g RiskScores, sorted bool) Baseline {
	order := byTime(l.Time)
	var out Baseline
	var hazards []float64
	scores := make([]float64, len(order))
	for lo := 0; lo < len(order); {
		t := l.Time[order[lo]]
		d, hi := 0.0, lo
		for hi < len(order) && l.Time[order[hi]] == t {
			if l.Event[order[hi]] != 0 {
				d++
			}
			hi++
		}
		h := 0.0
		if d > 0 {
			people := order[lo:]
			if sorted {
				people = people[firstEvent(l, people):]
			}
			if l.Entry != nil {
				people = slices.DeleteFunc(slices.Clone(people), func(i int) bool { return l.Entry[i] >= t })
			}
			g(people, t, scores[:len(people)])
			sum := 0.0
			for _, v := range scores[:len(people)] {
				sum += math.Exp(v)
			}
			h = d / sum
		}
		out.Times, hazards = append(out.Times, t), append(hazards, h)
		lo = hi
	}
	out.setHazard(hazards)
	return out
}

// CoxTimeCurves is survival exp(−Σ h0(t) exp(g(x, t))) of n people.
func CoxTimeCurves(b Baseline, n int, g RiskScores) Curves {
	c := newCurves(b.Times, n)
	people := allRows(n)
	sum := make([]float64, n)
	scores := make([]float64, n)
	for t, h := range b.Hazard {
		if h > 0 {
			g(people, b.Times[t], scores)
			for i, v := range scores {
				sum[i] += h * math.Exp(v)
			}
		}
		for i, v := range sum {
			c.Values[t][i] = math.Exp(-v)
		}
	}
	return c
}

// CoxTimePartialLogLikelihood is the mean partial log likelihood over events, with full risk sets of those who have entered; 0 with
// no event.
func CoxTimePartialLogLikelihood(l Labels, g RiskScores) float64 { return coxTimePLL(l, g, false) }

// CoxTimePartialLogLikelihoodSorted is pycox's form, with the risk sets of [CoxTimeBaselineSorted].
func CoxTimePartialLogLikelihoodSorted(l Labels, g RiskScores) float64 { return coxTimePLL(l, g, true) }

func coxTimePLL(l Labels, g RiskScores, sorted bool) float64 {
	order := byTime(l.Time)
	if sorted {
		order = numpyOrder(l.Time) // pandas sorts so, and the order of ties matters in that form
	}
	total, events := 0.0, 0.0
	scores := make([]float64, len(order))
	for lo := 0; lo < len(order); {
		t := l.Time[order[lo]]
		hi, d := lo, 0
		for hi < len(order) && l.Time[order[hi]] == t {
			if l.Event[order[hi]] != 0 {
				d++
			}
			hi++
		}
		if d > 0 {
			skip := 0
			if sorted {
				skip = firstEvent(l, order[lo:])
			}
			people := order[lo+skip:]
			if l.Entry != nil {
				people = slices.DeleteFunc(slices.Clone(people), func(i int) bool { return l.Entry[i] >= t })
			}
			g(people, t, scores[:len(people)])
			sum := 0.0
			for _, v := range scores[:len(people)] {
				sum += math.Exp(v)
			}
			for k, i := range people {
				if l.Time[i] > t {
					break // the tied come first
				}
				if l.Event[i] != 0 {
					total += scores[k] - math.Log(sum)
					events++
				}
			}
		}
		lo = hi
	}
	if events == 0 {
		return 0
	}
	return total / events
}
