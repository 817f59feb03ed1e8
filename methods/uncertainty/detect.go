package uncertainty

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/stats"
)

// Detection says how well a score, larger for the positive, tells two groups apart.
type Detection struct {
	AUROC           float64
	AUPROut, AUPRIn float64 // average precision with the out-of-distribution items positive, and with the others
	FPR95           float64 // false positives at the first threshold that finds 95 %
}

// Detect compares scores of in-distribution and out-of-distribution items.
func Detect(in, out []float64) Detection {
	return Detection{
		AUROC: auroc(out, in), AUPROut: averagePrecision(out, in),
		AUPRIn: averagePrecision(negative(in), negative(out)), FPR95: fprAt(out, in, 0.95),
	}
}

func negative(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = -v
	}
	return y
}

// auroc is the share of pairs in which the positive scores more, ties half.
func auroc(positive, rest []float64) float64 {
	m, n := float64(len(positive)), float64(len(rest))
	if m == 0 || n == 0 {
		return math.NaN()
	}
	rank := stats.Midranks(append(slices.Clone(positive), rest...))
	sum := 0.0
	for _, r := range rank[:len(positive)] {
		sum += r
	}
	return (sum - m*(m+1)/2) / (m * n)
}

// eachThreshold visits distinct scores from the largest with the number of positives and others at or above.
func eachThreshold(positive, rest []float64, visit func(tp, fp float64) bool) {
	p, r := slices.Sorted(slices.Values(positive)), slices.Sorted(slices.Values(rest))
	i, j := len(p), len(r)
	for i > 0 || j > 0 {
		t := math.Inf(-1)
		if i > 0 {
			t = p[i-1]
		}
		if j > 0 {
			t = math.Max(t, r[j-1])
		}
		for i > 0 && p[i-1] == t {
			i--
		}
		for j > 0 && r[j-1] == t {
			j--
		}
		if !visit(float64(len(p)-i), float64(len(r)-j)) {
			return
		}
	}
}

func averagePrecision(positive, rest []float64) float64 {
	ap, before := 0.0, 0.0
	eachThreshold(positive, rest, func(tp, fp float64) bool {
		recall := tp / float64(len(positive))
		ap += (recall - before) * tp / (tp + fp)
		before = recall
		return true
	})
	return ap
}

func fprAt(positive, rest []float64, tpr float64) float64 {
	out := math.NaN()
	eachThreshold(positive, rest, func(tp, fp float64) bool {
		if tp/float64(len(positive)) >= tpr {
			out = fp / float64(len(rest))
			return false
		}
		return true
	})
	return out
}
