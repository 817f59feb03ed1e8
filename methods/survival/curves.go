package survival

import (
	"math"
	"slices"
)

// Curves are the survival, or incidence, of many people at the same times: Values[t][person], from each time on.
type Curves struct {
	Times  []float64
	Values [][]float64
}

// Len is the number of people.
func (c Curves) Len() int {
	if len(c.Values) == 0 {
		return 0
	}
	return len(c.Values[0])
}

// index is the row that holds at t: the last at or before it, the first for times ahead of it.
func (c Curves) index(t float64) int {
	i, found := slices.BinarySearch(c.Times, t)
	if found {
		return i
	}
	return max(i-1, 0)
}

// At is one person's value at t.
func (c Curves) At(person int, t float64) float64 { return c.Values[c.index(t)][person] }

// Row is everybody's value at t.
func (c Curves) Row(t float64) []float64 { return c.Values[c.index(t)] }

// Person is one person's curve.
func (c Curves) Person(i int) Step {
	s := Step{Times: c.Times, Values: make([]float64, len(c.Times)), Before: 1}
	for t := range c.Times {
		s.Values[t] = c.Values[t][i]
	}
	return s
}

// newCurves makes an empty grid.
func newCurves(times []float64, people int) Curves {
	flat := make([]float64, len(times)*people)
	c := Curves{Times: times, Values: make([][]float64, len(times))}
	for t := range c.Values {
		c.Values[t] = flat[t*people : (t+1)*people : (t+1)*people]
	}
	return c
}

// Hazards is sigmoid(phi), the discrete hazards of [LogisticHazardLoss].
func Hazards(phi []float64) []float64 {
	out := make([]float64, len(phi))
	for i, v := range phi {
		out[i] = sigmoid(v)
	}
	return out
}

// LogisticHazardSurvival is Π(1 − sigmoid(phi)) at each cut, row-major [N, K].
func LogisticHazardSurvival(phi []float64, k int) []float64 {
	out := make([]float64, len(phi))
	for lo := 0; lo < len(phi); lo += k {
		s := 0.0
		for j := lo; j < lo+k; j++ {
			v, _ := softplus(phi[j]) // −log(1 − sigmoid)
			s -= v
			out[j] = math.Exp(s)
		}
	}
	return out
}

// PMF is softmax([phi, 0]) without its last value, row-major [N, K].
func PMF(phi []float64, k int) []float64 {
	out := make([]float64, len(phi))
	row := make([]float64, k+1)
	for lo := 0; lo < len(phi); lo += k {
		softmaxPadded(phi[lo:lo+k], row)
		copy(out[lo:lo+k], row)
	}
	return out
}

// MTLRPMF is the mass of [MTLRLoss].
func MTLRPMF(phi []float64, k int) []float64 { return PMF(reverseCumsum(phi, k), k) }

// PMFSurvival is 1 − Σ mass at each cut.
func PMFSurvival(mass []float64, k int) []float64 {
	out := make([]float64, len(mass))
	for lo := 0; lo < len(mass); lo += k {
		s := 1.0
		for j := lo; j < lo+k; j++ {
			s -= mass[j]
			out[j] = s
		}
	}
	return out
}

// BCESurvival is sigmoid(phi).
func BCESurvival(phi []float64) []float64 { return Hazards(phi) }

// Scheme is how a discrete model's curve runs between cuts.
type Scheme int

const (
	// ConstantDensity: survival falls linearly.
	ConstantDensity Scheme = iota
	// ConstantHazard: the logarithm of survival falls linearly.
	ConstantHazard
)

// Interpolate turns survival at cuts, row-major [N, K], into curves with sub points an interval (Kvamme and Borgan 2019, section 4.2).
// sub 1 leaves the cuts.
func Interpolate(surv []float64, cuts Cuts, sub int, scheme Scheme) Curves {
	k := len(cuts)
	n := len(surv) / k
	c := newCurves(subgrid(cuts, sub), n)
	for i := range n {
		row := surv[i*k : (i+1)*k]
		for j := 0; j+1 < k; j++ {
			for m := range sub {
				part := float64(m) / float64(sub)
				v := row[j] + part*(row[j+1]-row[j])
				if scheme == ConstantHazard && row[j+1] > 0 {
					v = math.Exp((1-part)*math.Log(row[j]) + part*math.Log(row[j+1]))
				}
				c.Values[j*sub+m][i] = v
			}
		}
		c.Values[len(c.Times)-1][i] = row[k-1]
	}
	return c
}

func subgrid(cuts Cuts, sub int) []float64 {
	times := make([]float64, 0, (len(cuts)-1)*sub+1)
	for j := 0; j+1 < len(cuts); j++ {
		for m := range sub {
			times = append(times, cuts[j]+(cuts[j+1]-cuts[j])*float64(m)/float64(sub))
		}
	}
	return append(times, cuts[len(cuts)-1])
}

// PCHazardCurves are the curves of hazards softplus(phi) [N, K] that are constant between K+1 cuts, with sub points an interval.
func PCHazardCurves(phi []float64, cuts Cuts, sub int) Curves {
	k := len(cuts) - 1
	n := len(phi) / k
	c := newCurves(subgrid(cuts, sub), n)
	for i := range n {
		h := 0.0
		c.Values[0][i] = 1
		for j := range k {
			v, _ := softplus(phi[i*k+j])
			for m := range sub {
				h += v / float64(sub)
				c.Values[j*sub+m+1][i] = math.Exp(-h)
			}
		}
	}
	return c
}

// DeepHitIncidence is the mass and cumulative incidence of a competing-risk output phi [N, R, K], as [risk][time][person].
func DeepHitIncidence(phi []float64, risks, k int) (cif, mass [][][]float64, surv [][]float64) {
	all := risks * k
	n := len(phi) / all
	grid := func() [][]float64 {
		g := make([][]float64, k)
		for j := range g {
			g[j] = make([]float64, n)
		}
		return g
	}
	for range risks {
		cif, mass = append(cif, grid()), append(mass, grid())
	}
	surv = grid()
	row := make([]float64, all+1)
	for i := range n {
		softmaxPadded(phi[i*all:(i+1)*all], row)
		for j := range k {
			surv[j][i] = 1
		}
		for r := range risks {
			sum := 0.0
			for j := range k {
				mass[r][j][i] = row[r*k+j]
				sum += row[r*k+j]
				cif[r][j][i] = sum
				surv[j][i] -= sum
			}
		}
	}
	return cif, mass, surv
}

// Refine adds points between those of a curve that is known at few times, sub points an interval: with constant density on straight lines
// (incidence), with constant hazard on straight lines of its logarithm (survival). Metrics read curves as steps, and few steps tie many
// predictions.
func (c Curves) Refine(sub int, scheme Scheme) Curves {
	if len(c.Times) < 2 || sub < 2 {
		return c
	}
	out := newCurves(subgrid(c.Times, sub), c.Len())
	for t := range c.Times {
		if t+1 == len(c.Times) {
			copy(out.Values[t*sub], c.Values[t])
			break
		}
		for m := range sub {
			part := float64(m) / float64(sub)
			row := out.Values[t*sub+m]
			for i, v := range c.Values[t] {
				next := c.Values[t+1][i]
				row[i] = v + part*(next-v)
				if scheme == ConstantHazard && next > 0 && v > 0 {
					row[i] = math.Exp((1-part)*math.Log(v) + part*math.Log(next))
				}
			}
		}
	}
	return out
}
