package stats

import "math"

// AUC is an area under the ROC curve with its DeLong variance.
type AUC struct {
	Area      float64 // P(score of a positive > score of a negative) + half of ties; NaN when a class is absent
	Variance  float64 // of Area; NaN when a class has fewer than two members (clusters, when clustered)
	Positives int     // rows, or clusters that have one
	Negatives int
}

// DeLong is the AUC of score for telling positive rows from others, and its variance (DeLong, DeLong and Clarke-Pearson 1988) by
// midranks in O(n log n) (Sun and Xu 2014). Rows are taken to be independent: for several rows a patient use [DeLongClustered].
// The result is undefined (NaN) when score holds NaN.
func DeLong(score []float64, positive []bool) AUC {
	c := components(score, positive)
	return AUC{Area: c.area, Variance: c.covariance(c), Positives: len(c.v10), Negatives: len(c.v01)}
}

// PairedAUC compares two scores of the same rows.
type PairedAUC struct {
	A, B       AUC
	Covariance float64
	Difference float64 // A − B
	SE         float64 // of Difference
	Z, P       float64 // test of no difference, two-sided; NaN when SE is 0 or undefined
}

// DeLongPaired compares the areas of two scores on the same rows (DeLong et al. 1988, equation 5).
func DeLongPaired(a, b []float64, positive []bool) PairedAUC {
	ca, cb := components(a, positive), components(b, positive)
	p := PairedAUC{
		A:          AUC{ca.area, ca.covariance(ca), len(ca.v10), len(ca.v01)},
		B:          AUC{cb.area, cb.covariance(cb), len(cb.v10), len(cb.v01)},
		Covariance: ca.covariance(cb),
		Difference: ca.area - cb.area,
	}
	p.SE = math.Sqrt(math.Max(0, p.A.Variance+p.B.Variance-2*p.Covariance))
	p.Z, p.P = math.NaN(), math.NaN()
	if p.SE > 0 {
		p.Z = p.Difference / p.SE
		p.P = 2 * upperNormal(math.Abs(p.Z))
	}
	return p
}

// Interval of the difference A − B, normal approximation.
func (p PairedAUC) Interval(level float64) Interval {
	half := NormalQuantile(level) * p.SE
	return Interval{Low: p.Difference - half, High: p.Difference + half, Level: level, Method: "delong-paired"}
}

// DeLongClustered is [DeLong] when rows of one cluster (a patient) are not independent (Obuchowski 1997). With one row a cluster it
// equals DeLong. Positives and Negatives count clusters.
func DeLongClustered(score []float64, positive []bool, clusters [][]int) AUC {
	c := components(score, positive)
	m, n := float64(len(c.v10)), float64(len(c.v01))
	var s10, s01, s11 float64
	var i10, i01, all int
	place := make([]int, len(score)) // of each row within v10 or v01
	var np, nn int
	for i, p := range positive {
		if p {
			place[i] = np
			np++
		} else {
			place[i] = nn
			nn++
		}
	}
	for _, rows := range clusters {
		if len(rows) == 0 {
			continue
		}
		var d10, d01 float64
		var has10, has01 bool
		for _, r := range rows {
			if positive[r] {
				d10 += c.v10[place[r]] - c.area
				has10 = true
			} else {
				d01 += c.v01[place[r]] - c.area
				has01 = true
			}
		}
		all++
		if has10 {
			i10++
		}
		if has01 {
			i01++
		}
		s10 += d10 * d10
		s01 += d01 * d01
		s11 += d10 * d01
	}
	out := AUC{Area: c.area, Variance: math.NaN(), Positives: i10, Negatives: i01}
	if i10 < 2 || i01 < 2 {
		return out
	}
	f := func(k int) float64 { return float64(k) / float64(k-1) }
	out.Variance = math.Max(0, f(i10)*s10/(m*m)+f(i01)*s01/(n*n)+2*f(all)*s11/(m*n))
	return out
}

// Interval is Area ± z·√Variance, cut to 0..1. Where the scores separate the classes wholly the variance is 0 and says nothing: then
// the open end is the exact bound that min(Positives, Negatives) independent pairs in perfect order allow, (α/2)^(1/pairs).
func (a AUC) Interval(level float64) Interval {
	if a.Area == 1 || a.Area == 0 {
		return a.separated(level)
	}
	half := NormalQuantile(level) * math.Sqrt(a.Variance)
	if math.IsNaN(half) {
		return noInterval(level, "delong")
	}
	return Interval{Low: math.Max(0, a.Area-half), High: math.Min(1, a.Area+half), Level: level, Method: "delong"}
}

func (a AUC) separated(level float64) Interval {
	bound := math.Pow((1-level)/2, 1/float64(min(a.Positives, a.Negatives)))
	v := Interval{Low: bound, High: 1, Level: level, Method: "separated-pairs"}
	if a.Area == 0 {
		v.Low, v.High = 0, 1-bound
	}
	return v
}

// placements are DeLong's structural components: v10[i] is the share of negatives below positive i, v01[j] the share of positives
// above negative j, ties counted half.
type placements struct {
	v10, v01 []float64
	area     float64
}

func components(score []float64, positive []bool) placements {
	mustMatch(len(score), len(positive))
	var x, y []float64
	for i, p := range positive {
		if p {
			x = append(x, score[i])
		} else {
			y = append(y, score[i])
		}
	}
	m, n := float64(len(x)), float64(len(y))
	all, px, py := Midranks(score), Midranks(x), Midranks(y)
	c := placements{v10: make([]float64, 0, len(x)), v01: make([]float64, 0, len(y))}
	bad := len(x) == 0 || len(y) == 0
	for i, p := range positive {
		bad = bad || math.IsNaN(score[i])
		if p {
			c.v10 = append(c.v10, (all[i]-px[len(c.v10)])/n)
		} else {
			c.v01 = append(c.v01, 1-(all[i]-py[len(c.v01)])/m)
		}
	}
	// Summed as counts of half pairs, so that 0, ½ and 1 come out exactly.
	var sum float64
	for _, v := range c.v10 {
		sum += math.Round(v * n * 2)
	}
	c.area = sum / (2 * m * n)
	if bad {
		c.area = math.NaN()
	}
	return c
}

// covariance of the areas of c and d, which are of the same rows.
func (c placements) covariance(d placements) float64 {
	part := func(a, b []float64) float64 {
		var sum float64
		for i := range a {
			sum += (a[i] - c.area) * (b[i] - d.area)
		}
		n := float64(len(a))
		if n < 2 {
			return math.NaN()
		}
		return sum / (n - 1) / n
	}
	return part(c.v10, d.v10) + part(c.v01, d.v01)
}
