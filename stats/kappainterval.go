package stats

import "math"

// Kappa is an agreement over categories beyond chance with its standard error.
type Kappa struct {
	Value    float64 // NaN where chance agreement is certain or there is nothing to compare
	Observed float64 // share of agreement, weighted where the kappa is
	Expected float64 // by chance
	SE       float64 // for large N, not assuming that there is no agreement
	N        int     // things rated
}

// Interval is Value ± z·SE, cut to −1..1 (below, where things with one reader push Fleiss' kappa under −1, to that). A standard error of 0 (every rating agrees) says nothing: then there is no interval.
func (k Kappa) Interval(level float64) Interval {
	half := NormalQuantile(level) * k.SE
	if !(half > 0) || math.IsNaN(k.Value) {
		return noInterval(level, "delta")
	}
	return Interval{Low: math.Max(math.Min(-1, k.Value), k.Value-half), High: math.Min(1, k.Value+half), Level: level, Method: "delta"}
}

// KappaWithError is [CohenKappa] with the standard error of Fleiss, Cohen and Everitt (Psychol Bull 1969;72:323, equation 15), which the
// unweighted kappa shares with weights of 0 and 1.
func KappaWithError(a, b []int, k int, weight KappaWeight) Kappa {
	mustMatch(len(a), len(b))
	p := make([]float64, k*k)
	n := float64(len(a))
	for i := range a {
		p[a[i]*k+b[i]] += 1 / n
	}
	out := Kappa{N: len(a), Value: CohenKappa(a, b, k, weight), SE: math.NaN()}
	row, col := make([]float64, k), make([]float64, k)
	for i := range k {
		for j := range k {
			row[i] += p[i*k+j]
			col[j] += p[i*k+j]
		}
	}
	farthest := weight.of(0, k-1)
	agree := func(i, j int) float64 {
		if farthest == 0 {
			return 1
		}
		return 1 - weight.of(i, j)/farthest
	}
	byRow, byCol := make([]float64, k), make([]float64, k)
	for i := range k {
		for j := range k {
			w := agree(i, j)
			out.Observed += w * p[i*k+j]
			out.Expected += w * row[i] * col[j]
			byRow[i] += w * col[j]
			byCol[j] += w * row[i]
		}
	}
	if math.IsNaN(out.Value) || n == 0 {
		return out
	}
	po, pe := out.Observed, out.Expected
	var sum float64
	for i := range k {
		for j := range k {
			d := agree(i, j)*(1-pe) - (byRow[i]+byCol[j])*(1-po)
			sum += p[i*k+j] * d * d
		}
	}
	d := po*pe - 2*pe + po
	spread := sum - d*d
	if spread < 1e-12*sum { // nothing but rounding, as where every rating agrees
		spread = 0
	}
	out.SE = math.Sqrt(spread/n) / ((1 - pe) * (1 - pe))
	return out
}

// FleissKappa is the agreement of any readers on nominal categories: counts[i][q] says how many put thing i into category q (Fleiss,
// Psychol Bull 1971;76:378). Numbers of readers may differ from thing to thing; things with fewer than two inform the categories'
// frequencies only. The standard error is the linearised one over things (Gwet, Br J Math Stat Psychol 2008;61:29), which does not take
// for granted that there is no agreement. Where things have fewer than two readers, how many is left to chance as well: Gwet's formula takes that
// for fixed, and is wider.
func FleissKappa(counts [][]float64) Kappa {
	out := Kappa{N: 0, Value: math.NaN(), SE: math.NaN(), Observed: math.NaN(), Expected: math.NaN()}
	if len(counts) == 0 {
		return out
	}
	share := make([]float64, len(counts[0])) // π_q
	var all, paired float64
	agreement := make([]float64, len(counts)) // p_a of each thing
	for i, c := range counts {
		mustMatch(len(c), len(share))
		r, same := 0.0, 0.0
		for _, v := range c {
			r += v
			same += v * (v - 1)
		}
		if r == 0 {
			continue
		}
		all++
		for q, v := range c {
			share[q] += v / r
		}
		if r >= 2 {
			paired++
			agreement[i] = same / (r * (r - 1))
		} else {
			agreement[i] = math.NaN()
		}
	}
	if paired == 0 {
		return out
	}
	out.N, out.Observed, out.Expected = int(paired), 0, 0
	for q := range share {
		share[q] /= all
		out.Expected += share[q] * share[q]
	}
	for i, c := range counts {
		if readers(c) >= 2 {
			out.Observed += agreement[i] / paired
		}
	}
	if out.Expected == 1 {
		return out
	}
	out.Value = (out.Observed - out.Expected) / (1 - out.Expected)
	if all < 2 {
		return out
	}
	var sum float64
	for i, c := range counts {
		r := readers(c)
		if r == 0 {
			continue
		}
		own, chance := 0.0, 0.0
		for q, v := range c {
			chance += share[q] * v / r
		}
		if r >= 2 {
			own = all / paired * ((agreement[i]-out.Expected)/(1-out.Expected) - out.Value)
		}
		d := own - 2*(1-out.Value)*(chance-out.Expected)/(1-out.Expected)
		sum += d * d
	}
	out.SE = math.Sqrt(sum / (all * (all - 1)))
	return out
}

func readers(counts []float64) (n float64) {
	for _, v := range counts {
		n += v
	}
	return n
}
