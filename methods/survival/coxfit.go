package survival

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/cineloop/cineloop/internal/fault"
)

// CoxOptions are the choices of a proportional hazards fit.
type CoxOptions struct {
	Ties      Ties
	Strata    []int     // nil: one
	Weight    []float64 // of each row; nil: 1
	Ridge     float64   // adds n × Ridge × |β|²/2, β of standardised columns (lifelines' penalizer)
	Lasso     float64   // adds n × Lasso × |β|₁
	Steps     int       // Newton steps at most; default 50
	Tolerance float64   // of the log likelihood's relative change; default 1e-12

	subdistribution *subdistribution
}

// CoxFit is a fitted proportional hazards model (Cox 1972).
type CoxFit struct {
	Coef    []float64
	SE      []float64 // NaN with a lasso penalty
	LogLik0 float64   // at β = 0
	LogLik  float64   // without the penalty
	Steps   int       // taken
	Halved  int       // of them, how many times a step was halved
	Events  int
	options CoxOptions
	info    *mat.SymDense // at the solution, original scale
}

// coxState is the log likelihood with its first two derivatives.
type coxState struct {
	loglik float64
	score  []float64
	info   *mat.SymDense
}

// coxData is the data in the order that the sums run over.
type coxData struct {
	x       [][]float64 // standardised
	l       Labels
	w       []float64
	strata  [][]int // rows of each stratum by descending time
	entries [][]int // by descending entry; nil without truncation
	ties    Ties
	sub     *subdistribution
	centre  []float64
	scale   []float64
	events  int
}

func newCoxData(x [][]float64, l Labels, o CoxOptions) (*coxData, error) {
	if err := l.CheckTrain(); err != nil {
		return nil, err
	}
	if len(x) != l.Len() || len(x) == 0 || len(x[0]) == 0 {
		return nil, fault.New(fault.Internal, "Cox fit: %d rows of covariates for %d labels", len(x), l.Len())
	}
	p := len(x[0])
	d := &coxData{l: l, w: o.Weight, ties: o.Ties, sub: o.subdistribution, events: l.Events(), centre: make([]float64, p), scale: make([]float64, p)}
	if d.w == nil {
		d.w = make([]float64, len(x))
		for i := range d.w {
			d.w[i] = 1
		}
	}
	n := float64(len(x))
	for j := range p {
		for i, row := range x {
			if math.IsNaN(row[j]) || math.IsInf(row[j], 0) {
				return nil, fault.New(fault.Input, "Cox fit: row %d, column %d is not a number", i+1, j+1).WithHint("fill missing values before the fit")
			}
			d.centre[j] += row[j] / n
		}
		v := 0.0
		for _, row := range x {
			v += (row[j] - d.centre[j]) * (row[j] - d.centre[j]) / n
		}
		d.scale[j] = math.Sqrt(v)
		if d.scale[j] < 1e-12*math.Max(1, math.Abs(d.centre[j])) {
			return nil, fault.New(fault.Input, "Cox fit: column %d has one value only", j+1).WithHint("leave the column out")
		}
	}
	for _, row := range x {
		z := make([]float64, p)
		for j := range z {
			z[j] = (row[j] - d.centre[j]) / d.scale[j]
		}
		d.x = append(d.x, z)
	}
	groups := map[int][]int{}
	for i := range x {
		g := 0
		if o.Strata != nil {
			g = o.Strata[i]
		}
		groups[g] = append(groups[g], i)
	}
	var codes []int
	for g := range groups {
		codes = append(codes, g)
	}
	slices.Sort(codes)
	descending := func(rows []int, key []float64) []int {
		out := slices.Clone(rows)
		slices.SortStableFunc(out, func(a, b int) int {
			switch {
			case key[a] > key[b]:
				return -1
			case key[a] < key[b]:
				return 1
			}
			return 0
		})
		return out
	}
	for _, g := range codes {
		d.strata = append(d.strata, descending(groups[g], l.Time))
		if l.Entry != nil {
			d.entries = append(d.entries, descending(groups[g], l.Entry))
		}
	}
	return d, nil
}

// coxSums are Σ w h, Σ w h x and Σ w h x xᵀ (upper triangle, row-major) over a risk set.
type coxSums struct {
	zero float64
	one  []float64
	two  []float64
}

func newCoxSums(p int) coxSums { return coxSums{one: make([]float64, p), two: make([]float64, p*p)} }

func (s *coxSums) add(h float64, x []float64) {
	s.zero += h
	p := len(x)
	for a, v := range x {
		s.one[a] += h * v
		row := s.two[a*p:]
		hv := h * v
		for b := a; b < p; b++ {
			row[b] += hv * x[b]
		}
	}
}

func (s *coxSums) clear() {
	s.zero = 0
	clear(s.one)
	clear(s.two)
}

// visit calls at for every distinct event time: its rows, the mean weight of its events, and for each of its d terms the risk set's
// weighted mean and covariance (upper triangle).
func (d *coxData) visit(beta []float64, at func(events []int, weight, denominator float64, mean, cov []float64)) {
	p := len(beta)
	risk, tied, past := newCoxSums(p), newCoxSums(p), newCoxSums(p)
	mean, cov := make([]float64, p), make([]float64, p*p)
	eta := make([]float64, len(d.x))
	top := math.Inf(-1)
	for i, row := range d.x {
		for j, b := range beta {
			eta[i] += b * row[j]
		}
		top = math.Max(top, eta[i])
	}
	h := func(i int) float64 { return d.w[i] * math.Exp(eta[i]-top) }
	for g, order := range d.strata {
		risk.clear()
		past.clear()
		if d.sub != nil { // those with another cause's event, weighted as of time 0
			for _, i := range order {
				if w := d.sub.weight[i]; w > 0 {
					past.add(w*h(i), d.x[i])
				}
			}
		}
		next := 0
		var events []int
		for lo := 0; lo < len(order); {
			t := d.l.Time[order[lo]]
			hi := lo
			tied.clear()
			events = events[:0]
			weight := 0.0
			for hi < len(order) && d.l.Time[order[hi]] == t {
				i := order[hi]
				risk.add(h(i), d.x[i])
				if d.sub != nil && d.sub.weight[i] > 0 { // at its own time a person is at risk as everybody
					past.add(-d.sub.weight[i]*h(i), d.x[i])
				}
				if d.l.Event[i] != 0 {
					tied.add(h(i), d.x[i])
					events = append(events, i)
					weight += d.w[i]
				}
				hi++
			}
			if d.entries != nil {
				entries := d.entries[g]
				for next < len(entries) && d.l.Entry[entries[next]] >= t {
					if i := entries[next]; d.l.Time[i] >= t {
						risk.add(-h(i), d.x[i])
					}
					next++
				}
			}
			for k := range events {
				share := 0.0
				if d.ties == Efron {
					share = float64(k) / float64(len(events))
				}
				left := 0.0
				if d.sub != nil {
					left = d.sub.g.Left(t)
				}
				den := risk.zero - share*tied.zero + left*past.zero
				for a := range p {
					mean[a] = (risk.one[a] - share*tied.one[a] + left*past.one[a]) / den
				}
				for a := range p {
					for b := a; b < p; b++ {
						cov[a*p+b] = (risk.two[a*p+b]-share*tied.two[a*p+b]+left*past.two[a*p+b])/den - mean[a]*mean[b]
					}
				}
				at(events[k:k+1], weight/float64(len(events)), math.Log(den)+top, mean, cov)
			}
			lo = hi
		}
	}
}

func (d *coxData) at(beta []float64) coxState {
	p := len(beta)
	s := coxState{score: make([]float64, p), info: mat.NewSymDense(p, nil)}
	raw := s.info.RawSymmetric().Data
	d.visit(beta, func(events []int, weight, logDen float64, mean, cov []float64) {
		for _, i := range events {
			for a, v := range d.x[i] {
				s.score[a] += d.w[i] * v
				s.loglik += d.w[i] * beta[a] * v
			}
		}
		s.loglik -= weight * logDen
		for a := range p {
			s.score[a] -= weight * mean[a]
			for b := a; b < p; b++ {
				raw[a*p+b] += weight * cov[a*p+b]
			}
		}
	})
	return s
}

// FitCox fits a proportional hazards model to x [N][P] by Newton's method with step halving (and coordinate descent inside each step
// where there is a lasso penalty). Labels may carry entry times (left truncation). A column without variation, a missing value, or a
// fit that does not converge is an error that says so: nothing is returned that was not a solution.
func FitCox(x [][]float64, l Labels, o CoxOptions) (*CoxFit, error) {
	d, err := newCoxData(x, l, o)
	if err != nil {
		return nil, err
	}
	if o.Steps == 0 {
		o.Steps = 50
	}
	if o.Tolerance == 0 {
		o.Tolerance = 1e-12
	}
	p, n := len(d.scale), float64(len(x))
	ridge, lasso := o.Ridge*n, o.Lasso*n
	penalised := func(s coxState, beta []float64) float64 {
		v := s.loglik
		for _, b := range beta {
			v -= ridge*b*b/2 + lasso*math.Abs(b)
		}
		return v
	}
	beta := make([]float64, p)
	now := d.at(beta)
	fit := &CoxFit{LogLik0: now.loglik, Events: d.events, options: o}
	value := penalised(now, beta)
	converged := false
	for fit.Steps < o.Steps && !converged {
		fit.Steps++
		step, err := coxStep(now, beta, ridge, lasso)
		if err != nil {
			return nil, err
		}
		size := 1.0
		for {
			trial := make([]float64, p)
			for j := range trial {
				trial[j] = beta[j] + size*step[j]
			}
			s := d.at(trial)
			v := penalised(s, trial)
			if !math.IsNaN(v) && !math.IsInf(v, 0) && v >= value-1e-10*math.Abs(value) {
				converged = math.Abs(v-value) <= o.Tolerance*math.Max(1, math.Abs(v))
				beta, now, value = trial, s, math.Max(v, value)
				break
			}
			fit.Halved++
			if size /= 2; size < 1e-10 {
				return nil, fault.New(fault.Input, "Cox fit: no step improves the likelihood after %d steps", fit.Steps).
					WithHint("columns that almost repeat each other do this; use a ridge penalty")
			}
		}
		for _, b := range beta {
			if math.Abs(b) > 50 { // of standardised columns: a hazard ratio of e^50 a standard deviation
				return nil, fault.New(fault.Input, "Cox fit: a coefficient runs to infinity: a column separates the events from the rest").
					WithHint("use a ridge penalty, or leave the column out")
			}
		}
	}
	if !converged {
		return nil, fault.New(fault.Input, "Cox fit: not converged after %d steps", fit.Steps).WithHint("use a ridge penalty")
	}
	fit.LogLik = now.loglik
	fit.Coef, fit.SE = make([]float64, p), make([]float64, p)
	info := mat.NewSymDense(p, nil)
	info.CopySym(now.info)
	for j := range p {
		info.SetSym(j, j, info.At(j, j)+ridge)
	}
	var chol mat.Cholesky
	var inverse mat.SymDense
	singular := !chol.Factorize(info) || chol.InverseTo(&inverse) != nil
	fit.info = mat.NewSymDense(p, nil)
	for j := range p {
		fit.Coef[j] = beta[j] / d.scale[j]
		switch {
		case singular && lasso == 0:
			return nil, fault.New(fault.Input, "Cox fit: the columns depend on each other").WithHint("use a ridge penalty, or leave one out")
		case lasso > 0:
			fit.SE[j] = math.NaN()
		default:
			fit.SE[j] = math.Sqrt(inverse.At(j, j)) / d.scale[j]
		}
		for k := j; k < p; k++ {
			fit.info.SetSym(j, k, info.At(j, k)*d.scale[j]*d.scale[k])
		}
	}
	return fit, nil
}

// coxStep is the Newton step of the penalised likelihood.
func coxStep(s coxState, beta []float64, ridge, lasso float64) ([]float64, error) {
	p := len(beta)
	h := mat.NewSymDense(p, nil)
	h.CopySym(s.info)
	g := make([]float64, p)
	for j := range p {
		h.SetSym(j, j, h.At(j, j)+ridge)
		g[j] = s.score[j] - ridge*beta[j]
	}
	if lasso == 0 {
		var chol mat.Cholesky
		for jitter := 0.0; !chol.Factorize(h); jitter = math.Max(2*jitter, 1e-8) {
			if jitter > 1e4 {
				return nil, fault.New(fault.Input, "Cox fit: the information matrix is singular").WithHint("columns depend on each other: use a ridge penalty, or leave one out")
			}
			for j := range p {
				h.SetSym(j, j, h.At(j, j)+math.Max(jitter, 1e-8))
			}
		}
		var step mat.VecDense
		if err := chol.SolveVecTo(&step, mat.NewVecDense(p, g)); err != nil && step.Len() == 0 {
			return nil, fault.New(fault.Internal, "Cox fit: %w", err)
		}
		return step.RawVector().Data, nil
	}
	// Coordinate descent on g·δ − δᵀHδ/2 − lasso·|β+δ|₁.
	delta := make([]float64, p)
	for range 1000 {
		most := 0.0
		for j := range p {
			hj := h.At(j, j)
			if hj <= 0 {
				continue
			}
			r := g[j]
			for k := range p {
				if k != j {
					r -= h.At(j, k) * delta[k]
				}
			}
			z := r + hj*beta[j] // of β_j + δ_j
			next := 0.0
			if math.Abs(z) > lasso {
				next = (z - math.Copysign(lasso, z)) / hj
			}
			most = math.Max(most, math.Abs(next-beta[j]-delta[j]))
			delta[j] = next - beta[j]
		}
		if most < 1e-12 {
			break
		}
	}
	return delta, nil
}

// LogHazard is x·β, not centred.
func (f *CoxFit) LogHazard(x [][]float64) []float64 {
	out := make([]float64, len(x))
	for i, row := range x {
		for j, b := range f.Coef {
			out[i] += b * row[j]
		}
	}
	return out
}

// Baseline is the baseline hazard for covariates of zero, with the fit's treatment of ties (R's basehaz, centered = FALSE).
func (f *CoxFit) Baseline(x [][]float64, l Labels) Baseline {
	return baseline(f.LogHazard(x), l, f.options.Ties)
}

// ZPH is a score test of proportional hazards.
type ZPH struct {
	Chi2 float64
	DF   int
	P    float64
}

// ProportionalHazards tests all coefficients together for a trend with 1 − Kaplan–Meier (Grambsch and Therneau 1994, in the score test
// form of R's cox.zph since survival 3.0).
func (f *CoxFit) ProportionalHazards(x [][]float64, l Labels) (ZPH, error) {
	o := f.options
	d, err := newCoxData(x, l, o)
	if err != nil {
		return ZPH{}, err
	}
	p := len(f.Coef)
	beta := make([]float64, p)
	for j := range p {
		beta[j] = f.Coef[j] * d.scale[j]
	}
	km := KaplanMeier(l.Any())
	mean := 0.0
	for i, t := range l.Time {
		if l.Event[i] != 0 {
			mean += (1 - km.Left(t)) / float64(d.events)
		}
	}
	u := make([]float64, 2*p)
	info := mat.NewSymDense(2*p, nil)
	raw := info.RawSymmetric().Data
	d.visit(beta, func(events []int, weight, _ float64, xbar, cov []float64) {
		g := 1 - km.Left(l.Time[events[0]]) - mean
		for _, i := range events {
			for a, v := range d.x[i] {
				u[p+a] += g * d.w[i] * v
			}
		}
		for a := range p {
			u[p+a] -= g * weight * xbar[a]
			for b := range p {
				v := weight * cov[min(a, b)*p+max(a, b)]
				if b >= a {
					raw[a*2*p+b] += v
					raw[(p+a)*2*p+p+b] += g * g * v
				}
				raw[a*2*p+p+b] += g * v
			}
		}
	})
	var chol mat.Cholesky
	var solved mat.VecDense
	if !chol.Factorize(info) {
		return ZPH{}, fault.New(fault.Input, "test of proportional hazards: the information matrix is singular")
	}
	if err := chol.SolveVecTo(&solved, mat.NewVecDense(2*p, u)); err != nil && solved.Len() == 0 {
		return ZPH{}, err
	}
	z := ZPH{Chi2: mat.Dot(mat.NewVecDense(2*p, u), &solved), DF: p}
	z.P = distuv.ChiSquared{K: float64(p)}.Survival(z.Chi2)
	return z, nil
}
