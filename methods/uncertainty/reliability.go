package uncertainty

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/stats"
)

// Binning divides confidences.
type Binning int

const (
	// EqualWidth bins are (lo, hi] of one width; 0 goes to the first.
	EqualWidth Binning = iota
	// EqualMass bins hold equal numbers.
	EqualMass
)

// Reliability is confidence against accuracy by bins, with the expected calibration error (Naeini et al. 2015; Guo et al. 2017).
type Reliability struct {
	Counts         []int
	Conf, Acc      []float64 // mean in each bin; 0 in empty ones
	Low, High      []float64 // consistency band: where Acc would lie 95 % of the time were Conf right (Bröcker and Smith 2007)
	ECE, MCE, RMSE float64
	Debiased       float64 // squared error less its bias from binning, square root (Kumar, Liang and Ma 2019)
}

// ReliabilityOf bins confidences of answers that were right or wrong.
func ReliabilityOf(confidence []float64, right []bool, bins int, how Binning) Reliability {
	n := len(confidence)
	group := make([][]int, bins)
	if how == EqualWidth {
		for i, c := range confidence {
			b := int(math.Ceil(c*float64(bins))) - 1
			// Rounding of c × bins must not move a value over an edge.
			for b >= 0 && b < bins && c <= float64(b)/float64(bins) {
				b--
			}
			for b+1 < bins && c > float64(b+1)/float64(bins) {
				b++
			}
			b = min(max(b, 0), bins-1)
			group[b] = append(group[b], i)
		}
	} else {
		order := stats.Order(confidence)
		size, extra := n/bins, n%bins
		lo := 0
		for b := range group {
			hi := lo + size
			if b < extra {
				hi++
			}
			group[b] = order[lo:hi]
			lo = hi
		}
	}
	r := Reliability{Counts: make([]int, bins), Conf: make([]float64, bins), Acc: make([]float64, bins), Low: make([]float64, bins), High: make([]float64, bins)}
	var squared, debiased float64
	for b, rows := range group {
		if len(rows) == 0 {
			continue
		}
		m := float64(len(rows))
		r.Counts[b] = len(rows)
		for _, i := range rows {
			r.Conf[b] += confidence[i] / m
			if right[i] {
				r.Acc[b] += 1 / m
			}
		}
		spread := 1.96 * math.Sqrt(r.Conf[b]*(1-r.Conf[b])/m)
		r.Low[b], r.High[b] = math.Max(r.Conf[b]-spread, 0), math.Min(r.Conf[b]+spread, 1)
		gap := math.Abs(r.Conf[b] - r.Acc[b])
		r.ECE += m / float64(n) * gap
		r.MCE = math.Max(r.MCE, gap)
		squared += m / float64(n) * gap * gap
		if m > 1 {
			debiased += m / float64(n) * (gap*gap - r.Acc[b]*(1-r.Acc[b])/(m-1))
		}
	}
	r.RMSE = math.Sqrt(squared)
	r.Debiased = math.Sqrt(math.Max(debiased, 0))
	return r
}

// TopLabel are each item's confidence and whether its most probable class is right.
func TopLabel(probs [][]float64, label []int) (confidence []float64, right []bool) {
	for i, p := range probs {
		k := argmax(p)
		confidence = append(confidence, p[k])
		right = append(right, k == label[i])
	}
	return confidence, right
}

// ClasswiseECE is the mean over classes of the calibration error of that class's probability (Kull et al. 2019).
func ClasswiseECE(probs [][]float64, label []int, bins int, how Binning) float64 {
	if len(probs) == 0 {
		return math.NaN()
	}
	k := len(probs[0])
	sum := 0.0
	for c := range k {
		p, is := make([]float64, len(probs)), make([]bool, len(probs))
		for i := range probs {
			p[i], is[i] = probs[i][c], label[i] == c
		}
		sum += ReliabilityOf(p, is, bins, how).ECE
	}
	return sum / float64(k)
}

// NLL is the mean negative log probability of the true class; probabilities below 1e-300 count as that.
func NLL(probs [][]float64, label []int) float64 {
	s := 0.0
	for i, p := range probs {
		s -= math.Log(math.Max(p[label[i]], 1e-300)) / float64(len(probs))
	}
	return s
}

// Brier is the mean squared distance of probabilities from the truth, summed over classes (Brier 1950).
func Brier(probs [][]float64, label []int) float64 {
	s := 0.0
	for i, p := range probs {
		for c, v := range p {
			if c == label[i] {
				v--
			}
			s += v * v / float64(len(probs))
		}
	}
	return s
}

// BrierParts is Murphy's decomposition of a two-class Brier score by bins: Reliability − Resolution + Uncertainty, exact where a bin's
// predictions are equal.
type BrierParts struct {
	Reliability float64 `json:"reliability"`
	Resolution  float64 `json:"resolution"`
	Uncertainty float64 `json:"uncertainty"`
}

// DecomposeBrier takes probabilities of an event and whether it happened.
func DecomposeBrier(p []float64, happened []bool, bins int) BrierParts {
	r := ReliabilityOf(p, happened, bins, EqualWidth)
	n, base := float64(len(p)), 0.0
	for _, h := range happened {
		if h {
			base += 1 / n
		}
	}
	out := BrierParts{Uncertainty: base * (1 - base)}
	for b, m := range r.Counts {
		w := float64(m) / n
		out.Reliability += w * (r.Conf[b] - r.Acc[b]) * (r.Conf[b] - r.Acc[b])
		if m > 0 {
			out.Resolution += w * (r.Acc[b] - base) * (r.Acc[b] - base)
		}
	}
	return out
}

// Accuracy is the share of items whose most probable class is right.
func Accuracy(probs [][]float64, label []int) float64 {
	_, right := TopLabel(probs, label)
	n := 0.0
	for _, r := range right {
		if r {
			n++
		}
	}
	return n / float64(len(right))
}

// Sharpness is the mean confidence: how far from guessing predictions go, right or not.
func Sharpness(probs [][]float64) float64 {
	s := 0.0
	for _, p := range probs {
		s += slices.Max(p) / float64(len(probs))
	}
	return s
}
