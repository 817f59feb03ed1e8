package uncertainty

import "math"

// RiskCoverage is what answering only the surest items costs and buys (Geifman and El-Yaniv 2017).
type RiskCoverage struct {
	Coverage []float64 // k/n for the k surest
	Risk     []float64 // mean error among them
	AURC     float64   // mean of Risk
	EAURC    float64   // AURC less that of a perfect order
	// EAURCClosed uses the perfect order's limit r + (1 − r) log(1 − r) instead (Geifman, Uziel and El-Yaniv 2019).
	EAURCClosed float64
	AUROC       float64 // of confidence for telling right from wrong answers; NaN where errors are not 0 and 1 or of one kind
}

// NewRiskCoverage orders items by falling confidence, ties as given. Errors are 0 and 1, or losses.
func NewRiskCoverage(confidence, errors []float64) RiskCoverage {
	order := descending(confidence)
	var r RiskCoverage
	n := float64(len(order))
	sum := 0.0
	for k, i := range order {
		sum += errors[i]
		r.Coverage = append(r.Coverage, float64(k+1)/n)
		r.Risk = append(r.Risk, sum/float64(k+1))
		r.AURC += r.Risk[k] / n
	}
	best, oracle := 0.0, 0.0
	for k, i := range descending(negative(errors)) {
		oracle += errors[i]
		best += oracle / float64(k+1) / n
	}
	r.EAURC = r.AURC - best
	rate := sum / n
	closed := rate
	if rate < 1 {
		closed += (1 - rate) * math.Log(1-rate)
	}
	r.EAURCClosed = r.AURC - closed
	var wrong, right []float64
	r.AUROC = math.NaN()
	for i, e := range errors {
		switch e {
		case 0:
			right = append(right, -confidence[i])
		case 1:
			wrong = append(wrong, -confidence[i])
		default:
			return r
		}
	}
	r.AUROC = auroc(wrong, right)
	return r
}

// CoverageAt is the largest share of items that can be answered with a risk of at most limit; 0 for none.
func (r RiskCoverage) CoverageAt(limit float64) float64 {
	best := 0.0
	for k, v := range r.Risk {
		if v <= limit {
			best = r.Coverage[k]
		}
	}
	return best
}

// RiskAt is the risk among the surest share of items.
func (r RiskCoverage) RiskAt(coverage float64) float64 {
	for k, c := range r.Coverage {
		if c >= coverage {
			return r.Risk[k]
		}
	}
	return math.NaN()
}
