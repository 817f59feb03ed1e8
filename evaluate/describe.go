package evaluate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/stats"
)

// describe fills what needs no resampling: counts, tables, curves, agreement.
func (s *sample) describe(r *TargetReport) {
	t := s.target
	switch t.Kind {
	case Binary:
		c := s.bin.at(nil, s.o.Threshold)
		r.Counts = map[string]int{"0": int(c.tn + c.fp), "1": int(c.tp + c.fn)}
		r.Confusion = &Confusion{Classes: []string{"0", "1"}, Counts: [][]int{{int(c.tn), int(c.fp)}, {int(c.fn), int(c.tp)}}}
		r.Curves = curvesOf(s.bin, s.o.Bins)
	case Class:
		r.Counts = map[string]int{}
		r.Confusion = &Confusion{Classes: t.Classes}
		table := s.multi.table(nil)
		var absent []string
		for c, name := range t.Classes {
			row := make([]int, len(t.Classes))
			for j := range row {
				row[j] = int(table[c*len(row)+j])
				r.Counts[name] += row[j]
			}
			r.Confusion.Counts = append(r.Confusion.Counts, row)
			r.PerClass[name].Curves = curvesOf(s.multi.rest(c), s.o.Bins)
			if r.Counts[name] == 0 {
				absent = append(absent, strconv.Quote(name))
			}
		}
		if len(absent) > 0 && r.N > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("no judged row is of class %s: means over classes leave it out", strings.Join(absent, ", ")))
		}
		prob, right := s.multi.top()
		r.Curves = &Curves{Reliability: Reliability(prob, right, Bins{Count: s.o.Bins})}
	case MultiLabel:
		r.Counts = map[string]int{}
		for c, name := range t.Classes {
			r.Counts[name] = s.members(c)
			r.PerClass[name].Curves = curvesOf(s.labels[c], s.o.Bins)
		}
	case Regression:
		r.Truth = summarise(s.reg.y)
		g := stats.BlandAltman(s.reg.p, s.reg.y, s.o.Level)
		r.Agreement = &Agreement{Bias: Number(g.Bias), SD: Number(g.SD), Lower: Number(g.Lower), Upper: Number(g.Upper), Trend: Number(g.Trend)}
	}
	if r.MissingScore > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d rows have a truth but no score and are not judged", r.MissingScore))
	}
	if op := r.Operating; op != nil && op.ChosenOn == s.o.Split {
		r.Notes = append(r.Notes, "the threshold of sensitivity_at_specificity was chosen on the judged rows themselves, which flatters it")
	}
}

func summarise(y []float64) *Summary {
	nan := Number(math.NaN())
	if len(y) == 0 {
		return &Summary{nan, nan, nan, nan}
	}
	var mean, ss float64
	for _, v := range y {
		mean += v / float64(len(y))
	}
	for _, v := range y {
		ss += (v - mean) * (v - mean)
	}
	sd := nan
	if len(y) > 1 {
		sd = Number(math.Sqrt(ss / float64(len(y)-1)))
	}
	return &Summary{Mean: Number(mean), SD: sd, Min: Number(slices.Min(y)), Max: Number(slices.Max(y))}
}

// curvePoints bounds the points of a stored curve; more cannot be seen.
const curvePoints = 200

func curvesOf(b *binary, bins int) *Curves {
	return &Curves{ROC: thin(b.rocPoints()), PR: thin(b.prPoints()), Reliability: Reliability(b.p, b.y, Bins{Count: bins})}
}

// rocPoints from (0, 0) to (1, 1); nil when a class is absent.
func (b *binary) rocPoints() []Point {
	var tp, fp float64
	points := []Point{{0, 0}}
	b.steps(b.sorted(), nil, true, func(_, p, n float64) {
		tp += p
		fp += n
		points = append(points, Point{Number(fp), Number(tp)})
	})
	if tp == 0 || fp == 0 {
		return nil
	}
	for i := range points {
		points[i].X /= Number(fp)
		points[i].Y /= Number(tp)
	}
	return points
}

// prPoints by rising recall; nil when no row is positive.
func (b *binary) prPoints() []Point {
	var tp, fp float64
	var points []Point
	b.steps(b.sorted(), nil, true, func(_, p, n float64) {
		tp += p
		fp += n
		points = append(points, Point{Number(tp), Number(tp / (tp + fp))})
	})
	if tp == 0 {
		return nil
	}
	for i := range points {
		points[i].X /= Number(tp)
	}
	return points
}

// thin keeps at most curvePoints points: the last of each of as many equal stretches of X + Y travelled, and both ends; numbers are
// rounded to six decimals.
func thin(points []Point) []Point {
	if len(points) == 0 {
		return nil
	}
	travelled := make([]float64, len(points))
	for i := 1; i < len(points); i++ {
		travelled[i] = travelled[i-1] + math.Abs(float64(points[i].X-points[i-1].X)) + math.Abs(float64(points[i].Y-points[i-1].Y))
	}
	total := travelled[len(points)-1]
	stretch := func(i int) int { return int(travelled[i] / total * (curvePoints - 2)) }
	var out []Point
	for i, p := range points {
		if i == 0 || i == len(points)-1 || len(points) <= curvePoints || stretch(i) != stretch(i+1) {
			out = append(out, Point{round6(p.X), round6(p.Y)})
		}
	}
	return out
}

func round6(v Number) Number { return Number(math.Round(float64(v)*1e6) / 1e6) }
