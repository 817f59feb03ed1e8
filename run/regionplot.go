package run

import (
	"fmt"
	"math"

	"github.com/cineloop/cineloop/report/svg"
)

// plot is a region's curve of performance beside that of other places.
func (t RegionTest) plot(i int) svg.Plot {
	p := svg.Plot{ID: fmt.Sprintf("region-%d", i), Title: "Performance without " + t.Name,
		Desc: "Performance as more of " + t.Name + " is hidden, and as much elsewhere, with 95 % intervals.", X: svg.Axis{Label: "share hidden, %", Min: 0, Max: 100}}
	x := func(_ int, q RegionPoint) float64 { return 100 * q.Share }
	return curves(p, t.Measure, t.Curve, x)
}

// plot is the curve of regions that are hidden one after the other.
func (t *SerialTest) plot() svg.Plot {
	p := svg.Plot{ID: "region-serial", Title: "Performance as regions are hidden one after the other",
		Desc: "Performance as more regions are hidden, and as much elsewhere, with 95 % intervals.",
		X:    svg.Axis{Label: "regions hidden", Min: 0, Max: float64(max(1, len(t.Curve)-1)), Whole: true}}
	return curves(p, t.Measure, t.Curve, func(i int, _ RegionPoint) float64 { return float64(i) })
}

// curves draws both lines with whiskers; the second stands a little to the right so that they can be told apart.
func curves(p svg.Plot, measure string, points []RegionPoint, x func(int, RegionPoint) float64) svg.Plot {
	var values []float64
	side := 0.006 * (p.X.Max - p.X.Min)
	line := func(class string, move float64, of func(RegionPoint) (v, lo, hi *float64)) {
		var xy []svg.XY
		for i, q := range points {
			v, lo, hi := of(q)
			at := x(i, q) + move
			if v == nil {
				xy = append(xy, svg.XY{X: at, Y: math.NaN()})
				continue
			}
			values, xy = append(values, *v), append(xy, svg.XY{X: at, Y: *v})
			if lo != nil && hi != nil {
				values = append(values, *lo, *hi)
				p.Marks = append(p.Marks, svg.Line{Class: class, Dashed: true, Points: []svg.XY{{X: at, Y: *lo}, {X: at, Y: *hi}}})
			}
		}
		p.Marks = append(p.Marks, svg.Line{Class: class, Points: xy}, svg.Dots{Class: class, Points: xy})
	}
	line("s2", side, func(q RegionPoint) (v, lo, hi *float64) { return q.Random, q.RandomLow, q.RandomHigh })
	line("s1", -side, func(q RegionPoint) (v, lo, hi *float64) { return q.Value, q.Low, q.High })
	p.Y = svg.Around(measure, values...)
	return p
}

// timing is how much hiding a region matters during each part of the time.
func (t RegionTest) timing(i int) svg.Plot {
	p := svg.Plot{ID: fmt.Sprintf("region-time-%d", i), Title: "When " + t.Name + " matters",
		Desc: "Mean move of the score when " + t.Name + " is hidden during one part of the time, with 95 % intervals."}
	values := []float64{0}
	var xy []svg.XY
	for _, w := range t.InTime {
		at := float64(w.From+w.To-1) / 2
		values, xy = append(values, w.Move), append(xy, svg.XY{X: at, Y: w.Move})
		if w.Low != nil && w.High != nil {
			values = append(values, *w.Low, *w.High)
			p.Marks = append(p.Marks, svg.Line{Class: "s1", Dashed: true, Points: []svg.XY{{X: at, Y: *w.Low}, {X: at, Y: *w.High}}})
		}
	}
	p.Marks = append(p.Marks, svg.Line{Class: "s1", Points: xy}, svg.Dots{Class: "s1", Points: xy})
	last := 1
	if n := len(t.InTime); n > 0 {
		last = t.InTime[n-1].To
	}
	p.X, p.Y = svg.Axis{Label: "frame of the input", Min: 0, Max: float64(last), Whole: true}, svg.Around("move of the score", values...)
	return p
}
