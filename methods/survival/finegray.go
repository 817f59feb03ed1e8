package survival

import (
	"github.com/cineloop/cineloop/internal/fault"
)

// FitFineGray fits a proportional subdistribution hazards model for one cause (Fine and Gray 1999): people with another cause's event
// stay in the risk set with weight G(t−)/G(T−), G the probability of being watched. Breslow ties. Standard errors are the model's own
// and take the weights for known; bootstrap them where they matter.
func FitFineGray(x [][]float64, l Labels, cause int, o CoxOptions) (*CoxFit, error) {
	if l.Entry != nil || o.Strata != nil || o.Lasso != 0 {
		return nil, fault.New(fault.Usage, "subdistribution hazards: entry times, strata and a lasso penalty are not supported")
	}
	if n := l.Cause(cause).Events(); n == 0 {
		return nil, fault.New(fault.Input, "subdistribution hazards: no event of cause %d", cause)
	}
	g := Censoring(l.Any(), Reverse)
	o.Ties = Breslow
	o.subdistribution = &subdistribution{g: g, weight: make([]float64, l.Len())}
	for i, t := range l.Time {
		if e := l.Event[i]; e != 0 && e != cause {
			if gi := g.Left(t); gi > 0 {
				o.subdistribution.weight[i] = 1 / gi
			}
		}
	}
	return FitCox(x, l.Cause(cause), o)
}

// subdistribution keeps those with other causes' events at risk.
type subdistribution struct {
	g      Step
	weight []float64 // 1/G(T−) of people with another cause's event, else 0
}

// FitCauseSpecific fits a Cox model for one cause, other causes being censored (Prentice et al. 1978).
func FitCauseSpecific(x [][]float64, l Labels, cause int, o CoxOptions) (*CoxFit, error) {
	return FitCox(x, l.Cause(cause), o)
}

// CauseSpecificIncidence is the cumulative incidence of a cause from cause-specific fits of every cause (Benichou and Gail 1990): the
// product of survival just before and the cause's hazard, summed. fits, in the order of causes, were fitted on x and l; fresh are the
// people to predict.
func CauseSpecificIncidence(fits []*CoxFit, x [][]float64, l Labels, cause int, fresh [][]float64) Curves {
	bases := make([]Baseline, len(fits))
	ratios := make([][]float64, len(fits))
	for k, f := range fits {
		bases[k] = f.Baseline(x, l.Cause(k+1))
		ratios[k] = expAll(f.LogHazard(fresh))
	}
	c := newCurves(bases[0].Times, len(fresh))
	for i := range fresh {
		s, sum := 1.0, 0.0
		for t := range c.Times {
			sum += s * min(bases[cause-1].Hazard[t]*ratios[cause-1][i], 1)
			all := 0.0
			for k := range fits {
				all += bases[k].Hazard[t] * ratios[k][i]
			}
			s *= max(1-all, 0)
			c.Values[t][i] = min(sum, 1)
		}
	}
	return c
}
