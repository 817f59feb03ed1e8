package linear

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/cineloop/cineloop/internal/fault"
)

// Design is a table of features, [row] sparse.
type Design struct {
	Rows  [][]Feature
	Width int
	// Penalty is each feature's share of the ridge penalty: 1 for features as they are, the variance where the penalty is meant for the
	// standardised feature. nil is 1 for all.
	Penalty []float64
}

// Feature is one non-zero element of a row.
type Feature struct {
	Column int
	Value  float64
}

// Model is a fitted logistic regression.
type Model struct {
	Weight    []float64
	Intercept float64
}

// Options of [Fit]; zero values mean the defaults.
type Options struct {
	C     float64 // inverse of the penalty's strength: C·Σ wᵢ·lossᵢ + ½‖weight‖² is minimised; default 1; the intercept is free
	Start *Model  // where Newton's method starts; nil: at 0
}

// Fit minimises the weighted, penalised negative log likelihood of labels 0 or 1 to a gradient below 1e-8 of its first size. Errors: usage
// (lengths differ, a negative weight), input (no positive weight), interrupted.
func Fit(ctx context.Context, d *Design, y []int, weight []float64, o Options) (*Model, error) {
	if len(y) != len(d.Rows) || weight != nil && len(weight) != len(y) {
		return nil, fault.New(fault.Usage, "logistic regression: %d rows, %d labels, %d weights", len(d.Rows), len(y), len(weight))
	}
	if o.C == 0 {
		o.C = 1
	}
	total := 0.0
	for i := range y {
		w := weightOf(weight, i)
		if w < 0 || math.IsNaN(w) {
			return nil, fault.New(fault.Usage, "logistic regression: the weight of row %d is negative or not a number", i)
		}
		total += w
	}
	if total == 0 {
		return nil, fault.New(fault.Input, "logistic regression: no row has a weight above 0")
	}
	p := &problem{d: d, y: y, weight: weight, c: o.C}
	x := make([]float64, d.Width+1)
	if o.Start != nil {
		copy(x, o.Start.Weight)
		x[d.Width] = o.Start.Intercept
	}
	loss, grad, hess := p.at(x)
	limit := 1e-8 * (1 + o.C*total)
	for range 100 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if largest(grad) <= limit {
			break
		}
		var chol mat.Cholesky
		if !chol.Factorize(hess) {
			for j := range d.Width + 1 { // columns without weight, classes that separate: a whisper of ridge
				hess.SetSym(j, j, hess.At(j, j)+1e-8*(1+hess.At(j, j)))
			}
			if !chol.Factorize(hess) {
				return nil, fmt.Errorf("logistic regression: the Hessian of %d features is not positive definite", d.Width)
			}
		}
		step := mat.NewVecDense(len(x), nil)
		if err := chol.SolveVecTo(step, mat.NewVecDense(len(grad), grad)); err != nil && !nearSingular(err) {
			return nil, fmt.Errorf("logistic regression: %w", err)
		}
		slope := 0.0
		for j, g := range grad {
			slope += g * step.AtVec(j)
		}
		moved := false
		for size := 1.0; size > 1e-10; size /= 2 {
			next := make([]float64, len(x))
			for j := range x {
				next[j] = x[j] - size*step.AtVec(j)
			}
			if p.loss(next) <= loss-1e-4*size*slope {
				x, moved = next, true
				break
			}
		}
		if !moved {
			break // as good as the arithmetic allows
		}
		loss, grad, hess = p.at(x)
	}
	return &Model{Weight: x[:d.Width:d.Width], Intercept: x[d.Width]}, nil
}

func nearSingular(err error) bool {
	_, ok := err.(mat.Condition)
	return ok
}

func largest(x []float64) float64 {
	m := 0.0
	for _, v := range x {
		m = max(m, math.Abs(v))
	}
	return m
}

func weightOf(weight []float64, i int) float64 {
	if weight == nil {
		return 1
	}
	return weight[i]
}

type problem struct {
	d      *Design
	y      []int
	weight []float64
	c      float64
}

func (p *problem) penalty(j int) float64 {
	if p.d.Penalty == nil {
		return 1
	}
	return p.d.Penalty[j]
}

func (p *problem) score(x []float64, i int) float64 {
	z := x[p.d.Width]
	for _, f := range p.d.Rows[i] {
		z += x[f.Column] * f.Value
	}
	return z
}

func (p *problem) loss(x []float64) float64 {
	out := 0.0
	for i := range p.y {
		if w := weightOf(p.weight, i); w != 0 {
			out += p.c * w * softplus(p.score(x, i)*float64(1-2*p.y[i]))
		}
	}
	for j := range p.d.Width {
		out += p.penalty(j) * x[j] * x[j] / 2
	}
	return out
}

func softplus(z float64) float64 { return math.Max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) }

// at is loss, gradient and Hessian at x; the last element is the intercept's.
func (p *problem) at(x []float64) (loss float64, grad []float64, hess *mat.SymDense) {
	n := p.d.Width
	grad = make([]float64, n+1)
	h := make([]float64, (n+1)*(n+1))
	for i := range p.y {
		w := p.c * weightOf(p.weight, i)
		if w == 0 {
			continue
		}
		z := p.score(x, i)
		loss += w * softplus(z*float64(1-2*p.y[i]))
		q := 1 / (1 + math.Exp(-z))
		g, k := w*(q-float64(p.y[i])), w*q*(1-q)
		row := p.d.Rows[i]
		for a, f := range row {
			grad[f.Column] += g * f.Value
			kf := k * f.Value
			h[f.Column*(n+1)+n] += kf
			for _, e := range row[a:] {
				lo, hi := f.Column, e.Column
				if lo > hi {
					lo, hi = hi, lo
				}
				h[lo*(n+1)+hi] += kf * e.Value
			}
		}
		grad[n] += g
		h[n*(n+1)+n] += k
	}
	for j := range n {
		loss += p.penalty(j) * x[j] * x[j] / 2
		grad[j] += p.penalty(j) * x[j]
		h[j*(n+1)+j] += p.penalty(j)
	}
	return loss, grad, mat.NewSymDense(n+1, h)
}

// Probability of label 1 for each row.
func (m *Model) Probability(rows [][]Feature) []float64 {
	out := make([]float64, len(rows))
	for i, row := range rows {
		z := m.Intercept
		for _, f := range row {
			z += m.Weight[f.Column] * f.Value
		}
		out[i] = 1 / (1 + math.Exp(-z))
	}
	return out
}

// Labels are the rows' likelier labels.
func (m *Model) Labels(rows [][]Feature) []int {
	out := make([]int, len(rows))
	for i, p := range m.Probability(rows) {
		if p > 0.5 {
			out[i] = 1
		}
	}
	return out
}
