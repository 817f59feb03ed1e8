package uncertainty

import (
	"fmt"
	"math"

	"github.com/cineloop/cineloop/stats"
)

// Rule says when not to answer. Each part that is set can abstain; the first that does gives the reason.
type Rule struct {
	Confidence float64 // least; 0: not looked at
	SetSize    int     // largest conformal set; 0: not looked at
	OOD        float64 // largest out-of-distribution score; 0: not looked at
	Entropy    float64 // largest predictive entropy; 0: not looked at
}

// Doubt is what a rule looks at of one item.
type Doubt struct {
	Probs   []float64
	SetSize int     // 0 where there is no set
	OOD     float64 // NaN where there is no score
}

// Decision is what the reader gets: an answer, or the reason why there is none. Abstention is a result.
type Decision struct {
	Class   int // −1: abstained
	Reason  string
	Abstain bool
}

// Decide applies the rule.
func (r Rule) Decide(d Doubt) Decision {
	no := func(format string, a ...any) Decision {
		return Decision{Class: -1, Abstain: true, Reason: fmt.Sprintf(format, a...)}
	}
	k := argmax(d.Probs)
	switch {
	case r.OOD != 0 && d.OOD > r.OOD:
		return no("unlike the training data: score %.3g, limit %.3g", d.OOD, r.OOD)
	case r.SetSize > 0 && d.SetSize == 0:
		return no("no class is plausible")
	case r.SetSize > 0 && d.SetSize > r.SetSize:
		return no("%d classes are plausible, limit %d", d.SetSize, r.SetSize)
	case r.Confidence > 0 && d.Probs[k] < r.Confidence:
		return no("probability %.2f of the likeliest class is below %.2f", d.Probs[k], r.Confidence)
	case r.Entropy > 0 && Entropy(d.Probs) > r.Entropy:
		return no("entropy %.2f is above %.2f", Entropy(d.Probs), r.Entropy)
	}
	return Decision{Class: k}
}

// ByCost is the rule of least expected cost (Chow 1970): with wrong answers at cost wrong and abstentions at cost abstain, answer where
// the probability is at least 1 − abstain/wrong.
func ByCost(wrong, abstain float64) Rule {
	return Rule{Confidence: math.Max(1-abstain/wrong, math.SmallestNonzeroFloat64)}
}

// ByCoverage is the rule that answers the surest share of calibration items.
func ByCoverage(confidence []float64, coverage float64) Rule {
	sorted := append([]float64{}, confidence...)
	order := stats.Order(sorted)
	k := len(order) - int(math.Ceil(coverage*float64(len(order))))
	return Rule{Confidence: confidence[order[min(max(k, 0), len(order)-1)]]}
}

// ByRisk is the rule with the most answers whose error rate among calibration items is at most limit with the given certainty: the
// Clopper–Pearson bound is what is compared, from the surest downwards (selection with guaranteed risk, Geifman and El-Yaniv 2017).
// ok is false where no share qualifies.
func ByRisk(confidence []float64, right []bool, limit, level float64) (rule Rule, ok bool) {
	errors := 0
	for k, i := range descending(confidence) {
		if !right[i] {
			errors++
		}
		if stats.ClopperPearson(errors, k+1, 2*level-1).High <= limit {
			rule, ok = Rule{Confidence: confidence[i]}, true
		}
	}
	return rule, ok
}

// LikeThis is how many of the training features lie within the distance at which training items have their k-th neighbour half of the
// time: "n like this", for the reader.
func LikeThis(n *KNN, feature []float64) int {
	u := unit(feature)
	radius := n.typical()
	count := 0
	for _, f := range n.train {
		s := 0.0
		for j := range u {
			s += (u[j] - f[j]) * (u[j] - f[j])
		}
		if math.Sqrt(s) <= radius {
			count++
		}
	}
	return count
}

// typical is the median distance of up to 200 training items from their K-th other neighbour.
func (n *KNN) typical() float64 {
	step := max(len(n.train)/200, 1)
	var d []float64
	for i := 0; i < len(n.train); i += step {
		other := &KNN{K: n.K + 1, train: n.train} // the item itself is its first
		if v := other.Score(n.train[i]); !math.IsInf(v, 0) {
			d = append(d, v)
		}
	}
	order := stats.Order(d)
	if len(d) == 0 {
		return 0
	}
	return d[order[len(order)/2]]
}
