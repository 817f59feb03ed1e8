package agree

import (
	"context"
	"math"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

func (o *Options) check(r *annotate.Records) error {
	if o.Level == 0 {
		o.Level = 0.95
	}
	if o.Resamples == 0 {
		o.Resamples = 1000
	}
	switch {
	case r.Protocol == nil:
		return fault.New(fault.Input, "the study has no protocol yet")
	case !(o.Level > 0 && o.Level < 1):
		return fault.New(fault.Usage, "the level lies between 0 and 1")
	case o.Resamples < 20:
		return fault.New(fault.Usage, "at least 20 resamples")
	case o.Margin < 0:
		return fault.New(fault.Usage, "a margin is not negative")
	}
	return nil
}

// alpha adds Krippendorff's over the people's table.
func (g *grid) alpha(ctx context.Context, out *Item, name string, table [][]float64, metric stats.AlphaMetric, o Options) error {
	if len(g.people) < 2 {
		return nil
	}
	v, ci, err := stats.AlphaInterval(ctx, table, metric, stats.Clusters(g.patients()), o.bootstrap("agreement/"+g.item.Name+name))
	if err != nil {
		return err
	}
	m := measured(name, v, ci, out.Both)
	if math.IsNaN(v) {
		m.Note = "no unit has two answers, or all answers are the same"
	} else if !ci.Defined() {
		m.Note = "no interval: too few patients, or no disagreement in them"
	}
	out.People = append(out.People, m)
	return nil
}

// labels are choices of one option.
func (g *grid) labels(ctx context.Context, out *Item, o Options) error {
	table, k := g.table(g.people, ""), categories(g.item)
	counts := make([][]float64, len(table))
	agree, pairs := 0.0, 0.0
	for i, row := range table {
		counts[i] = make([]float64, k)
		for j, v := range row {
			if math.IsNaN(v) {
				continue
			}
			counts[i][int(v)]++
			for _, w := range row[:j] {
				if !math.IsNaN(w) {
					pairs++
					if v == w {
						agree++
					}
				}
			}
		}
	}
	if pairs == 0 {
		return nil
	}
	out.People = append(out.People, measured("agreement", agree/pairs, g.share(ctx, table, o), out.Both))
	f := stats.FleissKappa(counts)
	m := measured("Fleiss kappa", f.Value, f.Interval(o.Level), f.N)
	if math.IsNaN(f.Value) {
		m.Note = "all answers are the same: chance would agree too"
	}
	out.People = append(out.People, m)
	metric, name := stats.Nominal, "Krippendorff alpha, nominal"
	if g.item.Kind == protocol.Ordinal {
		metric, name = stats.Ordinal, "Krippendorff alpha, ordinal"
	}
	return g.alpha(ctx, out, name, table, metric, o)
}

// share is the interval of the share of pairs that agree, patients resampled.
func (g *grid) share(ctx context.Context, table [][]float64, o Options) stats.Interval {
	d, err := o.bootstrap("share/"+g.item.Name).Run(ctx, stats.Clusters(g.patients()), len(table), 1, func(weight, out []float64) {
		var agree, pairs float64
		for i, row := range table {
			for j, v := range row {
				for _, w := range row[:j] {
					if !math.IsNaN(v) && !math.IsNaN(w) {
						pairs += weight[i]
						if v == w {
							agree += weight[i]
						}
					}
				}
			}
		}
		out[0] = agree / pairs
	})
	if err != nil {
		return stats.Interval{Low: math.NaN(), High: math.NaN()}
	}
	return d.Interval(0)
}

// options are choices of any: each option is present or absent.
func (g *grid) options(ctx context.Context, out *Item, o Options) error {
	for _, option := range g.item.Options {
		if err := g.alpha(ctx, out, "Krippendorff alpha, "+option.Name, g.table(g.people, option.Name), stats.Nominal, o); err != nil {
			return err
		}
	}
	return nil
}

// numbers are measurements, fractions, frames.
func (g *grid) numbers(ctx context.Context, out *Item, o Options) error {
	if len(g.people) < 2 {
		return nil
	}
	table := g.table(g.people, "")
	c := stats.ICCOf(table, o.Level)
	why := "too few units that every reader measured"
	for _, m := range []struct {
		name string
		v    float64
		ci   stats.Interval
	}{{"ICC(2,1), agreement", c.Agreement, c.AgreementCI}, {"ICC(3,1), consistency", c.Consistency, c.ConsistencyCI}} {
		if math.IsNaN(m.v) {
			out.People = append(out.People, plain(m.name, m.v, c.N, why))
			continue
		}
		out.People = append(out.People, measured(m.name, m.v, m.ci, c.N))
	}
	return g.alpha(ctx, out, "Krippendorff alpha, interval", table, stats.IntervalScale, o)
}

// masks are compared pair by pair; what is stated for all is the mean over pairs and units.
func (g *grid) masks(ctx context.Context, out *Item, r *annotate.Records, o Options) error {
	dice, far := make([][]float64, len(g.units)), make([][]float64, len(g.units))
	unitOfDistance := measure.Millimetre
	for i, u := range g.units {
		for j, a := range g.people {
			for _, b := range g.people[:j] {
				s, unit, ok := compareMasks(g.answers[u][a], g.answers[u][b])
				if !ok {
					continue
				}
				dice[i], far[i] = append(dice[i], s.Dice), append(far[i], s.HD95)
				if unit != measure.Millimetre {
					unitOfDistance = unit
				}
			}
		}
	}
	if out.Both == 0 {
		return nil
	}
	for _, m := range []struct {
		name, unit string
		v          [][]float64
	}{{"Dice", "", dice}, {"HD95", unitOfDistance, far}} {
		d, err := o.bootstrap("masks/"+g.item.Name+m.name).Run(ctx, stats.Clusters(g.patients()), len(g.units), 1, func(weight, res []float64) {
			var sum, n float64
			for i, row := range m.v {
				for _, v := range row {
					if !math.IsNaN(v) {
						sum, n = sum+weight[i]*v, n+weight[i]
					}
				}
			}
			res[0] = sum / n
		})
		if err != nil {
			return err
		}
		x := measured("mean "+m.name, d.Point[0], d.Interval(0), out.Both)
		x.Unit = m.unit
		if !d.Interval(0).Defined() {
			x.Note = "no interval: too few patients, or all alike"
		}
		out.People = append(out.People, x)
	}
	return nil
}

// compareMasks scores b against a, distances in mm where the picture has a scale.
func compareMasks(a, b *annotate.Answer) (evaluate.MaskScore, string, bool) {
	if a == nil || b == nil || a.Mask == nil || b.Mask == nil || a.Mask.Rows != b.Mask.Rows || a.Mask.Columns != b.Mask.Columns {
		return evaluate.MaskScore{}, "", false
	}
	labels := func(m *annotate.Mask) []uint8 {
		out := make([]uint8, 0, m.Rows*m.Columns)
		for _, in := range m.Pixels() {
			v := uint8(0)
			if in {
				v = 1
			}
			out = append(out, v)
		}
		return out
	}
	spacing, unit := [3]float64{1, 1, 1}, measure.Pixels
	if len(a.Results) > 0 && a.Results[0].UnitX == measure.Millimetre && a.Results[0].UnitY == measure.Millimetre {
		spacing, unit = [3]float64{1, a.Results[0].Y, a.Results[0].X}, measure.Millimetre
	}
	return evaluate.ScoreMask(labels(a.Mask), labels(b.Mask), 1, [3]int{1, a.Mask.Rows, a.Mask.Columns}, spacing, 1), unit, true
}

// pair compares two readers.
func (g *grid) pair(a, b string, r *annotate.Records, o Options) Pair {
	p := Pair{A: a, B: b, Measures: []Measure{}}
	switch g.item.Kind {
	case protocol.Choice, protocol.Ordinal, protocol.Prefer:
		var x, y []int
		for _, u := range g.units {
			i, j := category(g.item, g.answers[u][a]), category(g.item, g.answers[u][b])
			if i >= 0 && j >= 0 {
				x, y = append(x, i), append(y, j)
			}
		}
		if p.N = len(x); p.N == 0 {
			return p
		}
		same := 0
		for i := range x {
			if x[i] == y[i] {
				same++
			}
		}
		p.Measures = append(p.Measures, measured("agreement", float64(same)/float64(p.N), stats.Wilson(float64(same), float64(p.N), o.Level), p.N))
		weights := []struct {
			name string
			w    stats.KappaWeight
		}{{"kappa", stats.Unweighted}}
		if g.item.Kind == protocol.Ordinal {
			weights = append(weights, struct {
				name string
				w    stats.KappaWeight
			}{"kappa, quadratic weights", stats.Quadratic})
		}
		for _, w := range weights {
			k := stats.KappaWithError(x, y, categories(g.item), w.w)
			m := measured(w.name, k.Value, k.Interval(o.Level), p.N)
			if !k.Interval(o.Level).Defined() {
				m.Note = "no interval: the answers leave no spread"
			}
			p.Measures = append(p.Measures, m)
		}
	case protocol.Multi:
		same := 0
		for _, u := range g.units {
			x, y := g.answers[u][a], g.answers[u][b]
			if x == nil || y == nil || x.CannotAssess+y.CannotAssess != "" {
				continue
			}
			p.N++
			if equalChoice(x, y) {
				same++
			}
		}
		if p.N > 0 {
			p.Measures = append(p.Measures, measured("same options", float64(same)/float64(p.N), stats.Wilson(float64(same), float64(p.N), o.Level), p.N))
		}
	case protocol.Mask:
		g.pairOfMasks(&p, o)
	default:
		var x, y []float64
		for _, u := range g.units {
			v, w := value(g.item, g.answers[u][a]), value(g.item, g.answers[u][b])
			if !math.IsNaN(v) && !math.IsNaN(w) {
				x, y = append(x, v), append(y, w)
				p.Points = append(p.Points, [2]float64{v, w})
			}
		}
		if p.N = len(x); p.N == 0 {
			return p
		}
		b := stats.BlandAltman(x, y, o.Level)
		low, high := b.ExactLimits(o.Level)
		unit := g.item.Unit
		for _, m := range []Measure{measured("bias", b.Bias, b.BiasCI, p.N), measured("lower limit", b.Lower, low, p.N), measured("upper limit", b.Upper, high, p.N)} {
			m.Unit = unit
			p.Measures = append(p.Measures, m)
		}
		if g.item.Kind == protocol.Frame {
			var sum float64
			for i := range x {
				sum += math.Abs(x[i]-y[i]) / float64(p.N)
			}
			p.Measures = append(p.Measures, plain("mean absolute difference", sum, p.N, "frames"))
		}
	}
	return p
}

func (g *grid) pairOfMasks(p *Pair, o Options) {
	var dice, far []float64
	unit := measure.Millimetre
	for _, u := range g.units {
		s, in, ok := compareMasks(g.answers[u][p.A], g.answers[u][p.B])
		if !ok {
			continue
		}
		p.N++
		dice = append(dice, s.Dice)
		if !math.IsNaN(s.HD95) {
			far = append(far, s.HD95)
		}
		if in != measure.Millimetre {
			unit = in
		}
	}
	for _, m := range []struct {
		name, unit string
		v          []float64
	}{{"mean Dice", "", dice}, {"mean HD95", unit, far}} {
		if len(m.v) == 0 {
			continue
		}
		mean, ci := meanOf(m.v, o)
		x := measured(m.name, mean, ci, len(m.v))
		x.Unit = m.unit
		p.Measures = append(p.Measures, x)
	}
}

// meanOf is a mean with an interval by the bootstrap.
func meanOf(v []float64, o Options) (float64, stats.Interval) {
	d, err := o.bootstrap("mean").Run(context.Background(), stats.Clusters(make([]string, len(v))), len(v), 1, func(weight, out []float64) {
		var sum, n float64
		for i, x := range v {
			sum, n = sum+weight[i]*x, n+weight[i]
		}
		out[0] = sum / n
	})
	if err != nil {
		return math.NaN(), stats.Interval{}
	}
	return d.Point[0], d.Interval(0)
}
