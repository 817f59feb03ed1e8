package agree

import (
	"context"
	"math"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/stats"
)

// frameUnit is what frames are counted in.
const frameUnit = "frames"

// pairing collects a pair's measures. An error of ctx is kept and given back at the end.
type pairing struct {
	ctx      context.Context
	o        Options
	item     *protocol.Item
	patients []string // of the units that both answered for
	out      *Pair
	err      error
}

// pair compares two readers.
func (g *grid) pair(ctx context.Context, a, b string, o Options) (Pair, error) {
	out := Pair{A: a, B: b, Measures: []Measure{}}
	p := &pairing{ctx: ctx, o: o, item: g.item, out: &out}
	switch g.item.Kind {
	case protocol.Choice, protocol.Ordinal, protocol.Prefer:
		p.labels(g)
	case protocol.Multi:
		p.options(g)
	case protocol.Mask:
		p.masks(g)
	default:
		p.numbers(g)
	}
	return out, p.err
}

// both goes through the units that both answered for and that use takes.
func (p *pairing) both(g *grid, use func(x, y *annotate.Answer) bool) {
	for _, u := range g.units {
		x, y := g.answers[u][p.out.A], g.answers[u][p.out.B]
		if x != nil && y != nil && use(x, y) {
			p.out.N++
			p.patients = append(p.patients, u.patient())
		}
	}
}

// add adds a measure; by a formula where units are independent, else patients are resampled.
func (p *pairing) add(name string, v float64, formula stats.Interval, figure func(weight []float64) float64, why string) *Measure {
	ci := formula
	if ci.Method == "" || clustered(p.patients) {
		var err error
		if ci, err = p.o.resampled(p.ctx, p.item.Name+"/"+name, p.patients, figure); err != nil {
			p.err = err
		}
	}
	p.out.Measures = append(p.out.Measures, measured(name, v, ci, p.out.N).because(why))
	return &p.out.Measures[len(p.out.Measures)-1]
}

const fewOrAlike = "no interval: too few patients, or all alike"

func (p *pairing) labels(g *grid) {
	var x, y []int
	p.both(g, func(a, b *annotate.Answer) bool {
		i, j := category(g.item, a), category(g.item, b)
		if i < 0 || j < 0 {
			return false
		}
		x, y = append(x, i), append(y, j)
		return true
	})
	if p.out.N == 0 {
		return
	}
	p.same(func(i int) bool { return x[i] == y[i] }, "agreement")
	weights := []struct {
		name string
		w    stats.KappaWeight
	}{{"kappa", stats.Unweighted}, {"kappa, linear weights", stats.Linear}, {"kappa, quadratic weights", stats.Quadratic}}
	if g.item.Kind != protocol.Ordinal {
		weights = weights[:1]
	}
	k := categories(g.item)
	for _, w := range weights {
		v := stats.KappaWithError(x, y, k, w.w)
		why := "no interval: the answers leave no spread"
		if math.IsNaN(v.Value) {
			why = "not defined: both gave one and the same answer throughout, and chance would agree too"
		}
		p.add(w.name, v.Value, v.Interval(p.o.Level), func(weight []float64) float64 {
			table := make([]float64, k*k)
			for i := range x {
				table[x[i]*k+y[i]] += weight[i]
			}
			return stats.KappaOfTable(table, k, w.w)
		}, why)
	}
}

// same is the share of units on which both say the same.
func (p *pairing) same(equal func(i int) bool, name string) {
	hits, sum := make([]float64, p.out.N), 0.0
	for i := range hits {
		if equal(i) {
			hits[i] = 1
			sum++
		}
	}
	n := float64(p.out.N)
	p.add(name, sum/n, stats.Wilson(sum, n, p.o.Level), func(weight []float64) float64 { return weighted(hits, weight) }, fewOrAlike)
}

func (p *pairing) options(g *grid) {
	var equal []bool
	p.both(g, func(a, b *annotate.Answer) bool {
		if a.CannotAssess+b.CannotAssess != "" {
			return false
		}
		equal = append(equal, equalChoice(a, b))
		return true
	})
	if p.out.N > 0 {
		p.same(func(i int) bool { return equal[i] }, "same options")
	}
}

func (p *pairing) numbers(g *grid) {
	var rows [][]float64
	p.both(g, func(a, b *annotate.Answer) bool {
		v, w := value(g.item, a), value(g.item, b)
		if math.IsNaN(v) || math.IsNaN(w) {
			return false
		}
		rows = append(rows, []float64{v, w})
		p.out.Points = append(p.out.Points, [2]float64{v, w})
		return true
	})
	if p.out.N == 0 {
		return
	}
	unit := g.item.Unit
	if g.item.Kind == protocol.Frame {
		unit = frameUnit
	}
	all := altman(rows, p.o.Level)
	low, high := all.ExactLimits(p.o.Level)
	alone := "no interval: one case, and so no spread"
	again := func(of func(stats.Agreement) float64) func([]float64) float64 {
		return func(weight []float64) float64 { return of(altman(times(rows, weight), p.o.Level)) }
	}
	p.add("bias", all.Bias, all.BiasCI, again(func(a stats.Agreement) float64 { return a.Bias }), alone).Unit = unit
	p.add("lower limit", all.Lower, low, again(func(a stats.Agreement) float64 { return a.Lower }), "not defined: one case, and so no spread").Unit = unit
	p.add("upper limit", all.Upper, high, again(func(a stats.Agreement) float64 { return a.Upper }), "not defined: one case, and so no spread").Unit = unit
	far := make([]float64, len(rows))
	for i, r := range rows {
		far[i] = math.Abs(r[0] - r[1])
	}
	p.add("mean absolute difference", average(far), stats.Interval{}, func(weight []float64) float64 { return weighted(far, weight) }, fewOrAlike).Unit = unit
	c := stats.ICCOf(rows, p.o.Level)
	icc := func(of func(stats.ICC) float64) func([]float64) float64 {
		return func(weight []float64) float64 { return of(stats.ICCOf(times(rows, weight), p.o.Level)) }
	}
	p.add("ICC(2,1), agreement", c.Agreement, c.AgreementCI, icc(func(c stats.ICC) float64 { return c.Agreement }), iccWhy(c))
	p.add("ICC(3,1), consistency", c.Consistency, c.ConsistencyCI, icc(func(c stats.ICC) float64 { return c.Consistency }), iccWhy(c))
}

// iccWhy says why a correlation or its interval is missing.
func iccWhy(c stats.ICC) string {
	switch {
	case c.N < 2:
		return "not defined: fewer than two cases that every reader measured"
	case math.IsNaN(c.Consistency):
		return "not defined: the values are all the same"
	}
	return "no interval: readers differ by a constant, or not at all"
}

func altman(rows [][]float64, level float64) stats.Agreement {
	x, y := make([]float64, len(rows)), make([]float64, len(rows))
	for i, r := range rows {
		x[i], y[i] = r[0], r[1]
	}
	return stats.BlandAltman(x, y, level)
}

func average(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func (p *pairing) masks(g *grid) {
	var dice, far []float64
	var inFar []string
	unit, empty := measure.Millimetre, 0
	p.both(g, func(a, b *annotate.Answer) bool {
		s, in, ok := compareMasks(a, b)
		if !ok {
			return false
		}
		dice = append(dice, s.Dice)
		far = append(far, s.HD95)
		if in != measure.Millimetre {
			unit = in
		}
		return true
	})
	if p.out.N == 0 {
		return
	}
	both := p.patients
	for _, m := range []struct {
		name, unit string
		v          []float64
	}{{"mean Dice", "", dice}, {"mean HD95", unit, far}} {
		var v []float64
		inFar = nil
		for i, x := range m.v {
			if !math.IsNaN(x) {
				v, inFar = append(v, x), append(inFar, both[i])
			}
		}
		empty = len(m.v) - len(v)
		p.patients = inFar
		mean := math.NaN()
		if len(v) > 0 {
			mean = average(v)
		}
		x := p.add(m.name, mean, stats.Interval{}, func(weight []float64) float64 { return weighted(v, weight) }, fewOrAlike)
		x.Unit, x.N = m.unit, len(v)
		x.leftOut(empty, m.name)
	}
	p.patients = both
}

// leftOut says in words that pairs of masks have no such number.
func (m *Measure) leftOut(n int, name string) {
	if n == 0 {
		return
	}
	why := "both masks are empty"
	if name == "mean HD95" {
		why = "a mask is empty"
	}
	if m.Note != "" {
		m.Note += "; "
	}
	m.Note += plural(n, "pair", "pairs") + " left out: " + why
}
