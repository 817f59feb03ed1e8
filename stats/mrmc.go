package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Sampling says to whom a comparison of readers is to apply.
type Sampling int

// The kinds: to readers and patients like these; to these readers and patients like these; to readers like these and these patients.
const (
	RandomReadersRandomCases Sampling = iota
	FixedReadersRandomCases
	RandomReadersFixedCases
)

// Figure is what a reader's reading of all cases comes to.
type Figure struct {
	Kind      string  // auc, sensitivity or specificity
	Threshold float64 // score from which it is a yes; of sensitivity and specificity
}

// placements of a figure: its structural components, so that one covariance serves all (DeLong et al. 1988; of a proportion, that of a mean).
func (f Figure) placements(score []float64, positive []bool) placements {
	c := components(score, positive)
	if f.Kind == "auc" {
		return c
	}
	var hit []float64
	bad := false
	for i, p := range positive {
		if p != (f.Kind == "sensitivity") {
			continue
		}
		bad = bad || math.IsNaN(score[i])
		v := 0.0
		if (score[i] >= f.Threshold) == p {
			v = 1
		}
		hit = append(hit, v)
	}
	area := mean(hit)
	if bad || len(hit) == 0 {
		area = math.NaN()
	}
	still := []float64{area, area} // the other class adds nothing
	if f.Kind == "sensitivity" {
		return placements{v10: hit, v01: still, area: area}
	}
	return placements{v10: still, v01: hit, area: area}
}

// MRMC is a comparison of modalities (a reader alone, a reader with AI, …) that all readers used on all cases (Obuchowski and Rockette,
// Commun Stat Simul Comput 1995;24:285) with Hillis' degrees of freedom (Stat Med 2007;26:596), which keep the test's size for few readers.
type MRMC struct {
	Sampling    Sampling
	Value       [][]float64 // [modality][reader]: the figure
	Mean        []float64   // [modality], over readers
	MeanCI      []Interval  // [modality]
	Var         float64     // mean variance of a reader's figure, from cases
	Cov1        float64     // mean covariance: same reader, other modality
	Cov2        float64     // same modality, other reader
	Cov3        float64     // other modality, other reader
	MST         float64     // mean square of modalities
	MSTR        float64     // of modality × reader
	F           float64     // test of no difference; χ² over its degrees of freedom where readers are fixed
	DF1, DF2    float64     // of F; DF2 infinite where readers are fixed
	P           float64
	Differences []MRMCDifference
}

// MRMCDifference is one modality's mean minus another's.
type MRMCDifference struct {
	A, B       int
	Difference float64
	SE, DF     float64
	P          float64 // two-sided, of this pair
	CI         Interval
}

// CompareModalities takes score[modality][reader][case] and the truth of each case. NaN where a figure is undefined; fewer than two
// modalities give values and intervals alone. Every reader has to have read every case in every modality: lengths that differ panic.
func CompareModalities(score [][][]float64, positive []bool, f Figure, s Sampling, level float64) MRMC {
	t, r := len(score), 0
	if t > 0 {
		r = len(score[0])
	}
	parts := make([][]placements, t)
	value := matrix(t, r)
	for i := range score {
		mustMatch(len(score[i]), r)
		parts[i] = make([]placements, r)
		for j := range score[i] {
			parts[i][j] = f.placements(score[i][j], positive)
			value[i][j] = parts[i][j].area
		}
	}
	return compare(value, func(i, j, k, l int) float64 { return parts[i][j].covariance(parts[k][l]) }, s, level)
}

// compare is the analysis of figures value[modality][reader], cov being the covariance, from cases, of (modality i, reader j) and (k, l).
func compare(value [][]float64, cov func(i, j, k, l int) float64, s Sampling, level float64) MRMC {
	t := len(value)
	m := MRMC{Sampling: s, Value: value, F: math.NaN(), DF1: float64(t - 1), DF2: math.NaN(), P: math.NaN(), MST: math.NaN(), MSTR: math.NaN()}
	if t == 0 || len(value[0]) == 0 {
		return m
	}
	r := len(value[0])
	R, T := float64(r), float64(t)
	between := make([]float64, t) // mean square of readers within each modality
	within := make([]float64, t)  // Cov2 of each modality
	own := make([]float64, t)     // Var of each modality
	grand := 0.0
	for i := range value {
		m.Mean = append(m.Mean, mean(value[i]))
		grand += m.Mean[i] / T
		for j := range r {
			between[i] += (value[i][j] - m.Mean[i]) * (value[i][j] - m.Mean[i]) / (R - 1)
		}
	}
	var n1, n2, n3 float64
	for i := range t {
		for k := range t {
			for j := range r {
				for l := range r {
					c := cov(i, j, k, l)
					switch {
					case i == k && j == l:
						m.Var += c / (T * R)
						own[i] += c / R
					case j == l:
						m.Cov1, n1 = m.Cov1+c, n1+1
					case i == k:
						m.Cov2, n2 = m.Cov2+c, n2+1
						within[i] += c / (R * (R - 1))
					default:
						m.Cov3, n3 = m.Cov3+c, n3+1
					}
				}
			}
		}
	}
	over := func(sum, n float64) float64 {
		if n == 0 {
			return 0
		}
		return sum / n
	}
	m.Cov1, m.Cov2, m.Cov3 = over(m.Cov1, n1), over(m.Cov2, n2), over(m.Cov3, n3)
	for i := range t {
		variance, df := s.ofMean(between[i], own[i], within[i], R, 1)
		_, ci := around(m.Mean[i], math.Sqrt(variance), df, level)
		m.MeanCI = append(m.MeanCI, ci)
	}
	if t < 2 {
		return m
	}
	m.MST, m.MSTR = 0, 0
	byReader := make([]float64, r)
	for j := range r {
		for i := range t {
			byReader[j] += value[i][j] / T
		}
	}
	for i := range t {
		m.MST += R * (m.Mean[i] - grand) * (m.Mean[i] - grand) / (T - 1)
		for j := range r {
			d := value[i][j] - m.Mean[i] - byReader[j] + grand
			m.MSTR += d * d / ((T - 1) * (R - 1))
		}
	}
	// error is what MST is held against; twice over r it is the variance of a difference.
	variance, df := s.ofMean(m.MSTR, m.Var-m.Cov1, m.Cov2-m.Cov3, R, T-1)
	errorSquare := variance * R
	m.DF2 = df
	if errorSquare > 1e-18 {
		m.F = m.MST / errorSquare
		switch {
		case math.IsInf(df, 1):
			m.P = distuv.ChiSquared{K: m.DF1}.Survival(m.F * m.DF1)
		case df > 0:
			m.P = distuv.F{D1: m.DF1, D2: df}.Survival(m.F)
		}
	}
	for i := range t {
		for k := range i {
			d := MRMCDifference{A: i, B: k, Difference: m.Mean[i] - m.Mean[k], SE: math.Sqrt(2 * errorSquare / R), DF: df}
			d.P, d.CI = around(d.Difference, d.SE, df, level)
			m.Differences = append(m.Differences, d)
		}
	}
	return m
}

// ofMean is the variance of a mean over r readers and its degrees of freedom, from the mean square between readers, the variance from
// cases of one reader, and the covariance from cases of two; share multiplies the readers' degrees of freedom.
func (s Sampling) ofMean(square, variance, covariance, r, share float64) (float64, float64) {
	switch s {
	case FixedReadersRandomCases:
		return math.Max(0, variance+(r-1)*covariance) / r, math.Inf(1)
	case RandomReadersFixedCases:
		return square / r, share * (r - 1)
	}
	whole := square + r*math.Max(0, covariance)
	return whole / r, whole * whole / (square * square / (share * (r - 1)))
}

// around is the two-sided P of estimate against 0, and its interval, by Student's t. With no spread there is neither.
func around(estimate, se, df, level float64) (float64, Interval) {
	if !(se > 1e-9) || !(df > 0) || math.IsNaN(estimate) { // figures are shares: less is rounding of equal ones
		return math.NaN(), noInterval(level, "obuchowski-rockette")
	}
	t := NormalQuantile(level)
	if !math.IsInf(df, 1) {
		t = distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile(0.5 + level/2)
	}
	return 2 * studentTail(math.Abs(estimate/se), df),
		Interval{Low: estimate - t*se, High: estimate + t*se, Level: level, Method: "obuchowski-rockette"}
}

// PanelComparison is AI alone against the mean of a panel of readers on the same cases.
type PanelComparison struct {
	Sampling   Sampling
	AI         float64
	Reader     []float64 // figure of each
	Panel      float64   // their mean
	Difference float64   // AI − Panel
	SE, DF     float64
	P          float64
	CI         Interval
}

// CompareWithPanel takes the AI's score[case] and panel[reader][case]. It is Obuchowski and Rockette's analysis of one modality, applied to each
// reader's difference from the AI (Hillis, Obuchowski and Berbaum, Acad Radiol 2011;18:129; Chakraborty 2017, chapter 22): readers, where random,
// are those of the panel, and the AI is one.
func CompareWithPanel(ai []float64, panel [][]float64, positive []bool, f Figure, s Sampling, level float64) PanelComparison {
	a := f.placements(ai, positive)
	out := PanelComparison{Sampling: s, AI: a.area, Panel: math.NaN(), Difference: math.NaN(), SE: math.NaN(), DF: math.NaN(), P: math.NaN(), CI: noInterval(level, "obuchowski-rockette")}
	if len(panel) == 0 {
		return out
	}
	parts, apart := make([]placements, len(panel)), make([]float64, len(panel))
	for j := range panel {
		parts[j] = f.placements(panel[j], positive)
		out.Reader = append(out.Reader, parts[j].area)
		apart[j] = a.area - parts[j].area
	}
	out.Panel, out.Difference = mean(out.Reader), mean(apart)
	own := a.covariance(a)
	m := compare([][]float64{apart}, func(_, j, _, l int) float64 {
		return own - a.covariance(parts[j]) - a.covariance(parts[l]) + parts[j].covariance(parts[l])
	}, s, level)
	var square float64
	for _, d := range apart {
		square += (d - out.Difference) * (d - out.Difference) / float64(len(apart)-1)
	}
	variance, df := s.ofMean(square, m.Var, m.Cov2, float64(len(panel)), 1)
	out.SE, out.DF = math.Sqrt(variance), df
	out.P, out.CI = around(out.Difference, out.SE, df, level)
	return out
}

// NonInferiority is a one-sided test that a new way is worse by less than a margin.
type NonInferiority struct {
	Margin     float64 // > 0, in the unit of the difference
	Difference float64 // new − old, larger being better
	Bound      float64 // the difference is at least this, with confidence 1 − alpha
	P          float64 // of the hypothesis that the new way is worse by the margin or more
	Shown      bool    // Bound > −Margin
}

// NonInferior tests difference, its standard error and degrees of freedom (infinite: normal) against margin at one-sided alpha.
func NonInferior(difference, se, df, margin, alpha float64) NonInferiority {
	out := NonInferiority{Margin: margin, Difference: difference, Bound: math.NaN(), P: math.NaN()}
	_, ci := around(difference, se, df, 1-2*alpha)
	if !ci.Defined() || !(margin > 0) {
		return out
	}
	out.Bound, out.Shown = ci.Low, ci.Low > -margin
	out.P = studentTail((difference+margin)/se, df)
	return out
}
