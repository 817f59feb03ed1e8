package stats

import "math"

// CaseSample are the cases of a reader study, of which every reader may have read some (a split plot: Obuchowski, Gallas and Hillis, Acad Radiol
// 2012;19:1508), and of which several may be of one patient (Obuchowski, Biometrics 1997;53:567). Scores are NaN for cases that were not read.
//
// Nothing but the covariances from cases differs from [CompareModalities]: those of two readers come from the patients that both have, so that two
// readers without a case in common have none. With readers who all read everything, one case a patient, results are the same.
type CaseSample struct {
	Positive []bool
	Patient  []string // of each case; "" or nil: a patient of its own
}

// reads is what a reader made of the cases that they read: components of the figure, summed by patient.
type reads struct {
	area                   float64
	positives, negatives   int       // cases read
	byPositive, byNegative []float64 // [patient]: sum of components about the area
	inPositive, inNegative []bool    // [patient]: has such a case
}

func (c CaseSample) patients() []int {
	out := make([]int, len(c.Positive))
	for p, rows := range Clusters(c.keys()) {
		for _, r := range rows {
			out[r] = p
		}
	}
	return out
}

func (c CaseSample) keys() []string {
	if c.Patient == nil {
		return make([]string, len(c.Positive))
	}
	mustMatch(len(c.Patient), len(c.Positive))
	return c.Patient
}

// read is a reader's figure on the cases with a score.
func (c CaseSample) read(score []float64, f Figure, patient []int) reads {
	mustMatch(len(score), len(c.Positive))
	var s []float64
	var y []bool
	var rows []int
	for i, v := range score {
		if !math.IsNaN(v) {
			s, y, rows = append(s, v), append(y, c.Positive[i]), append(rows, i)
		}
	}
	n := len(score) // patients are no more
	out := reads{area: math.NaN(), byPositive: make([]float64, n), byNegative: make([]float64, n), inPositive: make([]bool, n), inNegative: make([]bool, n)}
	for _, p := range y {
		if p {
			out.positives++
		} else {
			out.negatives++
		}
	}
	if out.positives == 0 && f.Kind != "specificity" || out.negatives == 0 && f.Kind != "sensitivity" {
		return out
	}
	parts := f.placements(s, y)
	out.area = parts.area
	var np, nn int
	for k, i := range rows {
		at := patient[i]
		switch {
		case y[k] && f.Kind != "specificity":
			out.byPositive[at] += parts.v10[np] - parts.area
			out.inPositive[at] = true
			np++
		case !y[k] && f.Kind != "sensitivity":
			out.byNegative[at] += parts.v01[nn] - parts.area
			out.inNegative[at] = true
			nn++
		}
	}
	return out
}

// covariance of two readers' figures, from the patients whom both read. Each sum of products is divided by what it would be of its size if
// means were known: 1 − 1/I − 1/J + K/(I·J), K being the patients of both, which is DeLong's (n − 1)/n where both read the same.
func (a reads) covariance(b reads) float64 {
	sum := func(x, y []float64, inX, inY []bool) float64 {
		var products, i, j, shared float64
		for p := range x {
			if inX[p] {
				i++
			}
			if inY[p] {
				j++
			}
			if inX[p] && inY[p] {
				shared++
				products += x[p] * y[p]
			}
		}
		return corrected(products, i, j, shared)
	}
	m, n := float64(a.positives), float64(a.negatives)
	k, l := float64(b.positives), float64(b.negatives)
	over := func(s, d float64) float64 {
		if s == 0 {
			return 0
		}
		return s / d
	}
	return over(sum(a.byPositive, b.byPositive, a.inPositive, b.inPositive), m*k) +
		over(sum(a.byNegative, b.byNegative, a.inNegative, b.inNegative), n*l) +
		over(crossed(a, b), m*l) + over(crossed(b, a), n*k)
}

// crossed is the sum over patients of a's positive components and b's negative ones; patients with cases of one kind add nothing.
func crossed(a, b reads) float64 {
	var products, i, j, shared, some float64
	for p := range a.byPositive {
		inA, inB := a.inPositive[p] || a.inNegative[p], b.inPositive[p] || b.inNegative[p]
		if inA {
			i++
		}
		if inB {
			j++
		}
		if inA && inB {
			shared++
		}
		if a.inPositive[p] && b.inNegative[p] {
			some++
			products += a.byPositive[p] * b.byNegative[p]
		}
	}
	if some == 0 {
		return 0
	}
	return corrected(products, i, j, shared)
}

// corrected divides a sum over the patients shared of i and j by what it would be of its size if means were known.
func corrected(products, i, j, shared float64) float64 {
	if shared == 0 {
		return 0
	}
	known := 1 - 1/i - 1/j + shared/(i*j)
	if known <= 0 { // one patient: no spread to judge by
		return math.NaN()
	}
	return products / known
}

// One is a single reader's figure on the cases that they read, with its standard error; NaN where a kind of case is missing.
func (c CaseSample) One(score []float64, f Figure) (value, se float64) {
	r := c.read(score, f, c.patients())
	return r.area, math.Sqrt(math.Max(0, r.covariance(r)))
}

// CompareModalities is [CompareModalities] on the cases that each reader read in every modality. Readers whose figure is not defined there
// are left out; dropped are their numbers.
func (c CaseSample) CompareModalities(score [][][]float64, f Figure, s Sampling, level float64) (m MRMC, dropped []int) {
	if len(score) == 0 {
		return compare(nil, nil, s, level), nil
	}
	patient := c.patients()
	parts, value := make([][]reads, len(score)), make([][]float64, len(score))
	for j := range score[0] {
		one := make([]reads, len(score))
		whole := true
		for i := range score {
			mustMatch(len(score[i]), len(score[0]))
			mine := append([]float64{}, score[i][j]...)
			for k := range score {
				for row, v := range score[k][j] {
					if math.IsNaN(v) {
						mine[row] = v
					}
				}
			}
			one[i] = c.read(mine, f, patient)
			whole = whole && !math.IsNaN(one[i].area)
		}
		if !whole {
			dropped = append(dropped, j)
			continue
		}
		for i := range score {
			parts[i], value[i] = append(parts[i], one[i]), append(value[i], one[i].area)
		}
	}
	return compare(value, func(i, j, k, l int) float64 { return parts[i][j].covariance(parts[k][l]) }, s, level), dropped
}

// CompareWithPanel is [CompareWithPanel] where each reader is set against the AI on the cases that this reader read and the AI too. Readers whose
// figure is not defined there are left out; dropped are their numbers. AI and Panel are means over readers.
func (c CaseSample) CompareWithPanel(ai []float64, panel [][]float64, f Figure, s Sampling, level float64) (out PanelComparison, dropped []int) {
	out = PanelComparison{Sampling: s, AI: math.NaN(), Panel: math.NaN(), Difference: math.NaN(), SE: math.NaN(), DF: math.NaN(), P: math.NaN(), CI: noInterval(level, "obuchowski-rockette")}
	patient := c.patients()
	var mine, machine []reads
	var of, apart []float64
	for j := range panel {
		a, b := append([]float64{}, ai...), append([]float64{}, panel[j]...)
		for row := range a {
			if math.IsNaN(a[row]) || math.IsNaN(b[row]) {
				a[row], b[row] = math.NaN(), math.NaN()
			}
		}
		x, y := c.read(a, f, patient), c.read(b, f, patient)
		if math.IsNaN(x.area) || math.IsNaN(y.area) {
			dropped = append(dropped, j)
			continue
		}
		machine, mine = append(machine, x), append(mine, y)
		of, apart, out.Reader = append(of, x.area), append(apart, x.area-y.area), append(out.Reader, y.area)
	}
	if len(apart) == 0 {
		return out, dropped
	}
	out.AI, out.Panel, out.Difference = mean(of), mean(out.Reader), mean(apart)
	m := compare([][]float64{apart}, func(_, j, _, l int) float64 {
		return machine[j].covariance(machine[l]) - machine[j].covariance(mine[l]) - mine[j].covariance(machine[l]) + mine[j].covariance(mine[l])
	}, s, level)
	square := 0.0
	for _, d := range apart {
		square += (d - out.Difference) * (d - out.Difference) / float64(len(apart)-1)
	}
	variance, df := s.ofMean(square, m.Var, m.Cov2, float64(len(apart)), 1)
	out.SE, out.DF = math.Sqrt(variance), df
	out.P, out.CI = around(out.Difference, out.SE, df, level)
	return out, dropped
}
