package agree

import (
	"context"
	"fmt"
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
		m.Note = "not defined: no unit has two answers, or all answers are the same"
	}
	m = m.because("no interval: too few patients, or no disagreement in them")
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
	ci, err := g.share(ctx, table, o)
	if err != nil {
		return err
	}
	out.People = append(out.People, measured("agreement", agree/pairs, ci, out.Both).because(fewOrAlike))
	f := stats.FleissKappa(counts)
	ci = f.Interval(o.Level)
	if p := g.patients(); clustered(p) {
		if ci, err = o.resampled(ctx, "fleiss/"+g.item.Name, p, func(weight []float64) float64 { return stats.FleissKappa(times(counts, weight)).Value }); err != nil {
			return err
		}
	}
	why := "no interval: too few cases, or no disagreement in them"
	if math.IsNaN(f.Value) {
		why = "not defined: all answers are the same, and chance would agree too"
	}
	out.People = append(out.People, measured("Fleiss kappa", f.Value, ci, f.N).because(why))
	metric, name := stats.Nominal, "Krippendorff alpha, nominal"
	if g.item.Kind == protocol.Ordinal {
		metric, name = stats.Ordinal, "Krippendorff alpha, ordinal"
	}
	return g.alpha(ctx, out, name, table, metric, o)
}

// share is the interval of the share of pairs that agree, patients resampled.
func (g *grid) share(ctx context.Context, table [][]float64, o Options) (stats.Interval, error) {
	return o.resampled(ctx, "share/"+g.item.Name, g.patients(), func(weight []float64) float64 {
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
		return agree / pairs
	})
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
	table, patients := g.table(g.people, ""), g.patients()
	c := stats.ICCOf(table, o.Level)
	for _, m := range []struct {
		name string
		v    float64
		ci   stats.Interval
		of   func(stats.ICC) float64
	}{
		{"ICC(2,1), agreement", c.Agreement, c.AgreementCI, func(c stats.ICC) float64 { return c.Agreement }},
		{"ICC(3,1), consistency", c.Consistency, c.ConsistencyCI, func(c stats.ICC) float64 { return c.Consistency }},
	} {
		if clustered(patients) {
			var err error
			if m.ci, err = o.resampled(ctx, m.name+g.item.Name, patients, func(w []float64) float64 { return m.of(stats.ICCOf(times(table, w), o.Level)) }); err != nil {
				return err
			}
		}
		x := measured(m.name, m.v, m.ci, c.N).because(iccWhy(c))
		if c.N > 0 && c.N < out.Both && x.Note == "" {
			x.Note = fmt.Sprintf("of %d units that two measured or more: those that every reader did", out.Both)
		}
		out.People = append(out.People, x)
	}
	if c.N < out.Both { // readers of their own for every case: the model for that needs no full table
		one := stats.ICCOneWay(table, o.Level)
		ci := one.CI
		if clustered(patients) || !ci.Defined() {
			var err error
			if _, ci, err = stats.OneWayInterval(ctx, table, stats.Clusters(patients), o.bootstrap("one way/"+g.item.Name)); err != nil {
				return err
			}
		}
		out.People = append(out.People, measured("ICC(1,1), readers differ by case", one.Value, ci, one.N).because(fewOrAlike))
	}
	return g.alpha(ctx, out, "Krippendorff alpha, interval", table, stats.IntervalScale, o)
}

// masks are compared pair by pair; what is stated for all is the mean over pairs and units.
func (g *grid) masks(ctx context.Context, out *Item, o Options) error {
	dice, far := make([][]float64, len(g.units)), make([][]float64, len(g.units))
	unitOfDistance := measure.Millimetre
	var none [2]int
	for i, u := range g.units {
		for j, a := range g.people {
			for _, b := range g.people[:j] {
				s, unit, ok := compareMasks(g.answers[u][a], g.answers[u][b])
				if !ok {
					continue
				}
				dice[i], far[i] = append(dice[i], s.Dice), append(far[i], s.HD95)
				if math.IsNaN(s.Dice) {
					none[0]++
				}
				if math.IsNaN(s.HD95) {
					none[1]++
				}
				if unit != measure.Millimetre {
					unitOfDistance = unit
				}
			}
		}
	}
	if out.Both == 0 {
		return nil
	}
	for k, m := range []struct {
		name, unit string
		v          [][]float64
	}{{"mean Dice", "", dice}, {"mean HD95", unitOfDistance, far}} {
		mean := func(weight []float64) float64 {
			var sum, n float64
			for i, row := range m.v {
				for _, v := range row {
					if !math.IsNaN(v) {
						sum, n = sum+weight[i]*v, n+weight[i]
					}
				}
			}
			return sum / n
		}
		ci, err := o.resampled(ctx, "masks/"+g.item.Name+m.name, g.patients(), mean)
		if err != nil {
			return err
		}
		once := make([]float64, len(g.units))
		for i := range once {
			once[i] = 1
		}
		x := measured(m.name, mean(once), ci, out.Both).because(fewOrAlike)
		x.Unit = m.unit
		x.leftOut(none[k], m.name)
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
