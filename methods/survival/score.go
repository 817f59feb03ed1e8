package survival

import (
	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// Score are Brier score and AUC of predicted event probabilities at horizons, with standard errors that account for the estimation of
// the censoring distribution (Blanche et al. 2015; R's riskRegression::Score).
type Score struct {
	Times      []float64
	Brier      []float64
	BrierSE    []float64
	BrierNull  []float64 // of one and the same prediction for all: 1 − Kaplan–Meier, or Aalen–Johansen
	AUC        []float64
	AUCSE      []float64
	BrierNotes string
}

// ScoreAt judges predicted [person][time], the probability of an event of the cause by each time. With one cause in the labels it is
// the survival score, else the competing-risks one. The censoring model is the reverse Kaplan–Meier estimate on the same data.
func ScoreAt(predicted [][]float64, l Labels, cause int, times []float64) (Score, error) {
	if err := l.Check(); err != nil {
		return Score{}, err
	}
	if l.Entry != nil {
		return Score{}, fault.New(fault.Usage, "scores with standard errors do not know late entry").WithHint("Brier scores and AUC do: Evaluate gives them with intervals by bootstrap")
	}
	g := Censoring(l.Any(), Reverse)
	n := l.Len()
	var out Score
	var null Step
	if l.Causes() > 1 {
		null = AalenJohansen(l).Cause(cause)
	} else {
		km := KaplanMeier(l)
		null = Step{Times: km.Times}
		for _, s := range km.Values {
			null.Values = append(null.Values, 1-s)
		}
	}
	for k, t := range times {
		gt := g.At(t)
		if gt <= 0 {
			return Score{}, outOfReach("the score", t, g)
		}
		weight, isCase, isControl := make([]float64, n), make([]float64, n), make([]float64, n)
		for i, u := range l.Time {
			switch {
			case u > t:
				weight[i] = 1 / gt
				isControl[i] = 1
			case l.Event[i] != 0:
				gi := g.Left(u)
				if gi <= 0 {
					return Score{}, fault.New(fault.Internal, "score: an event at %g where nobody is watched", u)
				}
				weight[i] = 1 / gi
				if l.Event[i] == cause {
					isCase[i] = 1
				} else {
					isControl[i] = 1
				}
			}
		}
		brier, residual := weightedBrier(func(i int) float64 { return predicted[i][k] }, weight, isCase)
		nullBrier, _ := weightedBrier(func(int) float64 { return null.At(t) }, weight, isCase)
		influence := censoringInfluence(residual, l, t)
		for i := range influence {
			influence[i] = influence[i]/float64(n) + residual[i] - brier
		}
		out.Times = append(out.Times, t)
		out.Brier, out.BrierNull = append(out.Brier, brier), append(out.BrierNull, nullBrier)
		out.BrierSE = append(out.BrierSE, deviation(influence)/math.Sqrt(float64(n)))
		auc, se := aucWithSE(func(i int) float64 { return predicted[i][k] }, weight, isCase, isControl, l, t)
		out.AUC, out.AUCSE = append(out.AUC, auc), append(out.AUCSE, se)
	}
	return out, nil
}

func weightedBrier(p func(int) float64, weight, isCase []float64) (float64, []float64) {
	residual := make([]float64, len(weight))
	sum := 0.0
	for i, w := range weight {
		d := isCase[i] - p(i)
		residual[i] = w * d * d
		sum += residual[i]
	}
	return sum / float64(len(weight)), residual
}

// censoringInfluence is Σ_j v_j f_i(T_j− ∧ t) for each person i, where f_i(s) is person i's influence on the cumulative hazard of
// censoring at s: n·1{censored at T_i ≤ s}/Y(T_i) − Σ_{u ≤ s ∧ T_i} n dN(u)/Y(u)². v are weighted contributions of people with an
// event up to t, or with a time beyond t, for whom s is t itself.
func censoringInfluence(v []float64, l Labels, t float64) []float64 {
	n := float64(l.Len())
	order := byTime(l.Time)
	out := make([]float64, l.Len())
	var beyond, after float64 // Σ v of those past t; Σ v of events in (now, t]
	for i, u := range l.Time {
		if u > t {
			beyond += v[i]
		} else if l.Event[i] != 0 {
			after += v[i]
		}
	}
	hazard, collected := 0.0, 0.0 // Σ n dN/Y² before now; Σ_{events up to now} −v·hazard before each
	atRisk := n
	past := 0.0 // hazard at the last time up to t
	for lo := 0; lo < len(order); {
		hi := lo
		u := l.Time[order[lo]]
		censored := 0.0
		for hi < len(order) && l.Time[order[hi]] == u {
			i := order[hi]
			if l.Event[i] == 0 {
				censored++
			} else if u <= t {
				collected -= v[i] * hazard
				after -= v[i]
			}
			hi++
		}
		here := hazard + n*censored/(atRisk*atRisk)
		if u <= t {
			past = here
		}
		for _, i := range order[lo:hi] {
			f := -past
			if u <= t {
				f = -here
				if l.Event[i] == 0 {
					f += n / atRisk
				}
			}
			out[i] = collected + f*(after+beyond)
		}
		hazard = here
		atRisk -= float64(hi - lo)
		lo = hi
	}
	return out
}

func aucWithSE(p func(int) float64, weight, isCase, isControl []float64, l Labels, t float64) (auc, se float64) {
	n := len(weight)
	nf := float64(n)
	score := make([]float64, n)
	for i := range score {
		score[i] = p(i)
	}
	caseW, controlW := make([]float64, n), make([]float64, n)
	var cases, controls float64
	for i, w := range weight {
		caseW[i], controlW[i] = w*isCase[i], w*isControl[i]
		cases += caseW[i]
		controls += controlW[i]
	}
	auc = weightedAUC(score, caseW, controlW)
	if math.IsNaN(auc) {
		return auc, math.NaN()
	}
	// What each person's pairs weigh: a case's weight times the controls it beats, and the other way round.
	pairs := make([]float64, n)
	order := byTime(score)
	belowControls, belowCases := 0.0, 0.0
	for lo := 0; lo < n; {
		hi := lo
		var c, d float64
		for hi < n && score[order[hi]] == score[order[lo]] {
			c += caseW[order[hi]]
			d += controlW[order[hi]]
			hi++
		}
		for _, i := range order[lo:hi] {
			pairs[i] = caseW[i]*(belowControls+d/2) + controlW[i]*(cases-belowCases-c+c/2)
		}
		belowControls += d
		belowCases += c
		lo = hi
	}
	mu := cases * controls / (nf * nf)
	nu := auc * mu
	byNum := censoringInfluence(pairs, l, t)
	share := make([]float64, n)
	for i := range share {
		share[i] = caseW[i]*controls + controlW[i]*cases
	}
	byDen := censoringInfluence(share, l, t)
	influence := make([]float64, n)
	last := l.Time[0]
	for _, u := range l.Time {
		last = math.Max(last, u)
	}
	for i := range influence {
		num, den := pairs[i]/nf, share[i]/nf
		if t < last {
			num += byNum[i] / (nf * nf)
			den += byDen[i] / (nf * nf)
		}
		influence[i] = (num*mu - den*nu) / (mu * mu)
	}
	return auc, deviation(influence) / math.Sqrt(nf)
}

// deviation is the standard deviation with n − 1.
func deviation(x []float64) float64 {
	n := float64(len(x))
	mean, v := 0.0, 0.0
	for _, a := range x {
		mean += a / n
	}
	for _, a := range x {
		v += (a - mean) * (a - mean)
	}
	return math.Sqrt(v / (n - 1))
}
