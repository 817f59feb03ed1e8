package evaluate

import (
	"math"

	"github.com/cineloop/cineloop/stats"
)

// Bins says how probabilities are grouped into a reliability curve.
type Bins struct {
	Count int
	Mass  bool // groups of equal size (the first n mod Count hold one more) rather than equal width
	Left  bool // equal-width bins are [low, high), the last closed; default (low, high], the first closed (Guo et al. 2017)
}

// Bin is one group of a reliability curve.
type Bin struct {
	N          float64 `json:"n"`
	Confidence float64 `json:"confidence"` // mean predicted probability; 0 when empty
	Frequency  float64 `json:"frequency"`  // observed share of the outcome; 0 when empty
}

// Reliability groups rows by probability and sets the mean probability of each group beside how often the outcome came true.
// Equal-mass groups split rows that are sorted by probability, ties in row order.
func Reliability(prob []float64, outcome []bool, bins Bins) []Bin {
	return (&reliability{prob: prob, outcome: outcome, bins: bins}).of(nil)
}

// ECE is the expected calibration error of bins: the mean distance of Confidence and Frequency, weighted by N (Naeini et al. 2015).
// NaN without rows.
func ECE(bins []Bin) float64 {
	var sum, n float64
	for _, b := range bins {
		sum += b.N * math.Abs(b.Confidence-b.Frequency)
		n += b.N
	}
	return ratio(sum, n)
}

type reliability struct {
	prob    []float64
	outcome []bool
	bins    Bins
	order   []int
}

func (r *reliability) ece() compute {
	if r.bins.Mass {
		r.order = stats.Order(r.prob)
	}
	return func(w []float64) float64 { return ECE(r.of(w)) }
}

func (r *reliability) of(w []float64) []Bin {
	out := make([]Bin, r.bins.Count)
	add := func(b, i int, v float64) {
		out[b].N += v
		out[b].Confidence += v * r.prob[i]
		if r.outcome[i] {
			out[b].Frequency += v
		}
	}
	if r.bins.Mass {
		r.byMass(w, add)
	} else {
		for i, p := range r.prob {
			if v := weight(w, i); v > 0 {
				add(r.bins.index(p), i, v)
			}
		}
	}
	for i := range out {
		if out[i].N > 0 {
			out[i].Confidence /= out[i].N
			out[i].Frequency /= out[i].N
		}
	}
	return out
}

// byMass fills bins of equal size in ascending order of probability; a row of weight 3 is three rows and may straddle bins.
func (r *reliability) byMass(w []float64, add func(bin, row int, v float64)) {
	order := r.order
	if order == nil {
		order = stats.Order(r.prob)
	}
	var total float64
	for i := range r.prob {
		total += weight(w, i)
	}
	size := math.Floor(total / float64(r.bins.Count))
	extra := int(math.Mod(total, float64(r.bins.Count)))
	room := func(bin int) float64 {
		if bin < extra {
			return size + 1
		}
		return size
	}
	bin, left := 0, room(0)
	for _, i := range order {
		v := weight(w, i)
		for v > 0 {
			for left <= 0 && bin < r.bins.Count-1 {
				bin++
				left = room(bin)
			}
			take := math.Min(v, left)
			if left <= 0 { // fractional weights can leave a rest after the last bin
				take = v
			}
			add(bin, i, take)
			v -= take
			left -= take
		}
	}
}

// index of the equal-width bin of p.
func (b Bins) index(p float64) int {
	// The edges are i/Count in floating point, as NumPy's linspace gives them, so that 0.3 of ten bins falls where a reader of the
	// definition with the same edges puts it.
	edge := func(i int) float64 { return float64(i) / float64(b.Count) }
	i := min(max(int(p*float64(b.Count)), 0), b.Count-1)
	if b.Left {
		for i+1 < b.Count && p >= edge(i+1) {
			i++
		}
		for i > 0 && p < edge(i) {
			i--
		}
		return i
	}
	for i+1 < b.Count && p > edge(i+1) {
		i++
	}
	for i > 0 && p <= edge(i) {
		i--
	}
	return i
}

func (b *binary) ece(bins Bins) compute {
	return (&reliability{prob: b.p, outcome: b.y, bins: bins}).ece()
}

// brier is the mean squared distance of probability and outcome (Brier 1950, the two-class half).
func (b *binary) brier() compute {
	return func(w []float64) float64 {
		var sum, n float64
		for i, p := range b.p {
			v := weight(w, i)
			d := p
			if b.y[i] {
				d = 1 - p
			}
			sum += v * d * d
			n += v
		}
		return ratio(sum, n)
	}
}

// tiny keeps logarithms finite: a float32 softmax gives exact zeros.
const tiny = 1e-7

func clip(p float64) float64 { return math.Min(1-tiny, math.Max(tiny, p)) }

// logLoss is the mean negative log-likelihood, natural logarithm, of probabilities cut to [1e-7, 1 − 1e-7].
func (b *binary) logLoss() compute {
	return func(w []float64) float64 {
		var sum, n float64
		for i, p := range b.p {
			v := weight(w, i)
			q := clip(p)
			if !b.y[i] {
				q = 1 - q
			}
			sum -= v * math.Log(q)
			n += v
		}
		return ratio(sum, n)
	}
}

// Recalibration is the logistic model logit P(y=1) = Intercept + Slope·logit(p) fitted to probabilities and outcomes (Cox 1958).
// A slope below 1 means predictions that are too extreme.
type Recalibration struct {
	Slope     float64
	Intercept float64 // beside Slope
	InLarge   float64 // intercept with the slope held at 1 (calibration in the large): above 0, risks are predicted too low
}

// Recalibrate fits both models by Newton's method; fields are NaN where there is no finite solution (one class, constant
// probabilities, or outcomes that the probabilities separate). Probabilities are cut to [1e-7, 1 − 1e-7].
func Recalibrate(prob []float64, outcome []bool) Recalibration {
	c := newRecalibrator(prob, outcome)
	slope, intercept := c.both(nil)
	return Recalibration{Slope: slope, Intercept: intercept, InLarge: c.inLarge(nil)}
}

type recalibrator struct {
	x []float64 // logit of the probability
	y []bool

	slope, intercept, large float64 // where Newton's method starts: 1, 0, 0, or after warm the solution for all rows
}

// warm solves for all rows and starts from there ever after, which saves resamples half of their steps.
func (c *recalibrator) warm() *recalibrator {
	if slope, intercept := c.both(nil); !math.IsNaN(slope) {
		c.slope, c.intercept = slope, intercept
	}
	if large := c.inLarge(nil); !math.IsNaN(large) {
		c.large = large
	}
	return c
}

func newRecalibrator(prob []float64, outcome []bool) *recalibrator {
	c := &recalibrator{x: make([]float64, len(prob)), y: outcome, slope: 1}
	for i, p := range prob {
		c.x[i] = math.Log(clip(p)) - math.Log1p(-clip(p))
	}
	return c
}

// maxNewton bounds Newton's iterations: the likelihood is concave, and a fit that needs more is running off to infinity.
const maxNewton = 50

func (c *recalibrator) both(w []float64) (slope, intercept float64) {
	if !c.solvable(w) {
		return math.NaN(), math.NaN()
	}
	a, b := c.intercept, c.slope
	last := c.loss(w, a, b)
	for range maxNewton {
		var g0, g1, h00, h01, h11 float64
		for i, x := range c.x {
			v := weight(w, i)
			if v == 0 {
				continue
			}
			p := sigmoid(a + b*x)
			r := v * (indicator(c.y[i]) - p)
			h := v * p * (1 - p)
			g0 += r
			g1 += r * x
			h00 += h
			h01 += h * x
			h11 += h * x * x
		}
		det := h00*h11 - h01*h01
		if !(det > 1e-12*h00*h11) {
			break
		}
		da, db := (h11*g0-h01*g1)/det, (h00*g1-h01*g0)/det
		// Halve until the likelihood rises: far from the optimum a full step can overshoot.
		next := c.loss(w, a+da, b+db)
		for k := 0; k < 30 && !(next <= last+1e-12*math.Abs(last)); k++ {
			da, db = da/2, db/2
			next = c.loss(w, a+da, b+db)
		}
		a, b, last = a+da, b+db, next
		if math.Abs(da) < 1e-10*(1+math.Abs(a)) && math.Abs(db) < 1e-10*(1+math.Abs(b)) {
			return b, a
		}
	}
	return math.NaN(), math.NaN()
}

func (c *recalibrator) inLarge(w []float64) float64 {
	a := c.large
	for range maxNewton {
		var g, h float64
		for i, x := range c.x {
			v := weight(w, i)
			if v == 0 {
				continue
			}
			p := sigmoid(a + x)
			g += v * (indicator(c.y[i]) - p)
			h += v * p * (1 - p)
		}
		if h == 0 {
			break
		}
		// A step of at most 2 in log odds keeps the one-dimensional search from leaping where p is flat.
		d := math.Max(-2, math.Min(2, g/h))
		a += d
		if math.Abs(d) < 1e-11*(1+math.Abs(a)) {
			return a
		}
		if math.Abs(a) > 60 {
			break
		}
	}
	return math.NaN()
}

// solvable reports whether slope and intercept have a finite optimum: the ranges of x in the two classes overlap strictly.
func (c *recalibrator) solvable(w []float64) bool {
	lo := [2]float64{math.Inf(1), math.Inf(1)}
	hi := [2]float64{math.Inf(-1), math.Inf(-1)}
	for i, x := range c.x {
		if weight(w, i) > 0 {
			k := int(indicator(c.y[i]))
			lo[k], hi[k] = math.Min(lo[k], x), math.Max(hi[k], x)
		}
	}
	return lo[0] < hi[1] && lo[1] < hi[0]
}

func (c *recalibrator) loss(w []float64, a, b float64) float64 {
	var sum float64
	for i, x := range c.x {
		if v := weight(w, i); v > 0 {
			z := a + b*x
			if c.y[i] {
				z = -z
			}
			sum += v * softplus(z)
		}
	}
	return sum
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

func softplus(z float64) float64 { return math.Max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) }

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
