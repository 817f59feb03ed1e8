package run

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/stats"
)

// RegionTest says whether a network needs a region: serial occlusion of it over a cohort, against the same shape elsewhere.
type RegionTest struct {
	Name   string  `json:"name"`
	From   string  `json:"from"`  // where the region comes from
	Items  int     `json:"items"` // that have it
	Area   float64 `json:"area"`  // mean share of the input's positions
	Lacks  int     `json:"items_without"`
	Why    string  `json:"why_without,omitempty"` // the first reason
	Hidden Change  `json:"hidden"`
	Random Change  `json:"random"` // the same shape elsewhere in the frame
	// Excess is the mean of |move| when hidden less that elsewhere, with its 95 % interval by patient.
	Excess float64  `json:"excess"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
	// Loss is the performance lost when it is hidden beyond what hiding as much elsewhere costs.
	Loss     *float64 `json:"loss_beyond_elsewhere"`
	LossLow  *float64 `json:"loss_beyond_elsewhere_low"`
	LossHigh *float64 `json:"loss_beyond_elsewhere_high"`

	Measure string        `json:"measure"`
	Curve   []RegionPoint `json:"curve"`
	InTime  []TimePart    `json:"in_time,omitempty"`
	Needed  bool          `json:"needed"`
	Words   string        `json:"words"`
	Shown   string        `json:"shown,omitempty"`        // picture of the region on one item
	Covered string        `json:"shown_hidden,omitempty"` // what the network saw when it was hidden
}

// RegionPoint is the performance when a part of a region, or the first regions of several, are hidden.
type RegionPoint struct {
	Share      float64  `json:"share"`           // of the region that is hidden
	Hides      string   `json:"hides,omitempty"` // the region that is hidden from here on
	Value      *float64 `json:"performance"`     // of the measure
	Low        *float64 `json:"low"`             // 95 % interval by patient
	High       *float64 `json:"high"`            //
	Random     *float64 `json:"random"`          // the same with as much hidden elsewhere
	RandomLow  *float64 `json:"random_low"`      //
	RandomHigh *float64 `json:"random_high"`     //
}

// TimePart is what hiding a region during one part of the time does.
type TimePart struct {
	From int      `json:"from"` // frame of the input
	To   int      `json:"to"`   // the frame after the last
	Move float64  `json:"mean_move"`
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
}

// SerialTest hides several regions one after the other and keeps them hidden.
type SerialTest struct {
	Measure string        `json:"measure"`
	Items   int           `json:"items"` // that have all of them
	Curve   []RegionPoint `json:"curve"`
	Words   string        `json:"words"`
}

const (
	regionSteps  = 4 // parts of a region
	regionPlaces = 5 // other places
	serialPlaces = 2
	timeWindows  = 8
	fewItems     = 10 // below which nothing is said of a cohort
)

// occluder gathers what hiding regions does, item by item.
type occluder struct {
	r       *Run
	kind    evaluate.Kind
	fill    explain.Fill
	regions []namedRegion
	all     []regionColumns
	serial  regionColumns
}

// regionColumns are scores of items, a column a part that is hidden.
type regionColumns struct {
	test              RegionTest
	truth             []float64
	patients          []string
	hidden, elsewhere [][]float64 // [part][item]
	windows           [][]float64 // [part of the time][item], |move|
	frames            int
}

func newOccluder(r *Run, kind evaluate.Kind, fill explain.Fill, regions []namedRegion) *occluder {
	o := &occluder{r: r, kind: kind, fill: fill, regions: regions, all: make([]regionColumns, len(regions))}
	for k, g := range regions {
		o.all[k].test = RegionTest{Name: g.Name, From: g.from, Measure: measureOf(kind), Curve: []RegionPoint{}}
	}
	return o
}

func (c *regionColumns) add(ex example, patient string, hidden, elsewhere []float64) {
	c.truth, c.patients = append(c.truth, ex.Truth), append(c.patients, patient)
	if c.hidden == nil {
		c.hidden, c.elsewhere = make([][]float64, len(hidden)), make([][]float64, len(hidden))
	}
	for k := range hidden {
		c.hidden[k], c.elsewhere[k] = append(c.hidden[k], hidden[k]), append(c.elsewhere[k], elsewhere[k])
	}
}

// add hides the regions of an item. Items without a region are counted.
func (o *occluder) add(ctx context.Context, ex example, stored *clip.Clip, in explain.Input, rng *rand.Rand, score explain.ScoreFunc) error {
	patient := o.r.Cohort.Rows[ex.row].Patient
	var present []explain.Region
	for k := range o.regions {
		g, c := &o.regions[k], &o.all[k]
		region, err := g.at(ctx, o.r, ex.row, stored, in)
		if code := fault.CodeOf(err); err != nil && code != fault.Input {
			return fmt.Errorf("region %q: %w", g.Name, err)
		}
		if err != nil || len(region.At) == 0 {
			if c.test.Lacks++; c.test.Why == "" {
				c.test.Why = "the item has none"
				if err != nil {
					c.test.Why = err.Error()
				}
			}
			continue
		}
		present = append(present, region)
		curve, err := explain.HideByParts(ctx, in, region, regionSteps, regionPlaces, o.fill, rng, score)
		if err != nil {
			return err
		}
		c.add(ex, patient, curve.Hidden, curve.Elsewhere)
		c.test.Area += curve.Area
		if g.EachFrame && in.T > 1 {
			falls, err := explain.HideInTime(in, region, min(timeWindows, in.T), o.fill, score)
			if err != nil {
				return err
			}
			if c.windows == nil {
				c.windows, c.frames = make([][]float64, len(falls)), in.T
			}
			for i, f := range falls {
				c.windows[i] = append(c.windows[i], math.Abs(f))
			}
		}
		if c.test.Shown == "" {
			if err := o.draw(c, in, region); err != nil {
				return err
			}
		}
	}
	if len(o.regions) < 2 || len(present) < len(o.regions) {
		return nil
	}
	after, whole, err := explain.Serial(in, present, o.fill, nil, score)
	if err != nil {
		return err
	}
	other := make([]float64, len(after))
	for range serialPlaces {
		var moved []explain.Region
		for _, p := range present {
			moved = append(moved, explain.Elsewhere(in, p, 1, rng)...)
		}
		s, _, err := explain.Serial(in, moved, o.fill, nil, score)
		if err != nil {
			return err
		}
		for i, v := range s {
			other[i] += v / serialPlaces
		}
	}
	o.serial.add(ex, patient, slices.Concat([]float64{whole}, after), slices.Concat([]float64{whole}, other))
	return nil
}

// draw shows a region on an item, and what the network sees when it is hidden.
func (o *occluder) draw(c *regionColumns, in explain.Input, region explain.Region) error {
	shown, err := shownClip(in, o.r.Plan.Input.Channels)
	if err != nil {
		return err
	}
	tint := explain.NewMap(in.T, in.H, in.W)
	for _, p := range region.At {
		tint.Values[p] = 1
	}
	hidden, err := explain.Hidden(in, region, o.fill)
	if err != nil {
		return err
	}
	covered, err := shownClip(hidden, o.r.Plan.Input.Channels)
	if err != nil {
		return err
	}
	c.test.Shown, c.test.Covered = "region-"+slug(c.test.Name)+".gif", "region-"+slug(c.test.Name)+"-hidden.gif"
	if err := o.r.draw(c.test.Shown, shown, tint, false); err != nil {
		return err
	}
	return o.r.draw(c.test.Covered, covered, nil, false)
}

// finish judges every region, and all of them in turn.
func (o *occluder) finish(ctx context.Context) (tests []RegionTest, serial *SerialTest, err error) {
	for k := range o.all {
		c := &o.all[k]
		if len(c.truth) > 0 {
			c.test.Area /= float64(len(c.truth))
			if err := o.judge(ctx, c); err != nil {
				return nil, nil, err
			}
		}
		c.test.Items = len(c.truth)
		c.test.say(o.fill)
		tests = append(tests, c.test)
	}
	if len(o.serial.truth) == 0 {
		return tests, nil, nil
	}
	points, _, err := o.curve(ctx, &o.serial, "serial")
	if err != nil {
		return nil, nil, err
	}
	serial = &SerialTest{Measure: measureOf(o.kind), Items: len(o.serial.truth), Curve: points}
	for i := range points {
		if points[i].Share = 0; i > 0 {
			points[i].Hides = o.regions[i-1].Name
		}
	}
	serial.say()
	return tests, serial, nil
}

// performance is a column of scores' value of the kind's measure on weighted items.
func performance(kind evaluate.Kind, truth, score []float64) func(w []float64) float64 {
	if kind == evaluate.Binary {
		positive := make([]bool, len(truth))
		for i, v := range truth {
			positive[i] = v == 1
		}
		return evaluate.AUROC(score, positive)
	}
	v := slices.Clone(score)
	if kind == evaluate.Regression {
		for i := range v {
			v[i] = math.Abs(v[i] - truth[i])
		}
	}
	return weightedMean(v)
}

func weightedMean(v []float64) func(w []float64) float64 {
	return func(w []float64) float64 {
		var sum, n float64
		for i, x := range v {
			sum, n = sum+w[i]*x, n+w[i]
		}
		return sum / n
	}
}

// curve bootstraps the performance of all columns together by patient; statistic i of hidden is 2·i, of elsewhere 2·i+1, then more.
func (o *occluder) curve(ctx context.Context, c *regionColumns, name string, more ...func(w []float64) float64) ([]RegionPoint, *stats.Draws, error) {
	var of []func(w []float64) float64
	for k := range c.hidden {
		of = append(of, performance(o.kind, c.truth, c.hidden[k]), performance(o.kind, c.truth, c.elsewhere[k]))
	}
	of = append(of, more...)
	draws, err := stats.Bootstrap{Resamples: 500, Seed: o.r.Plan.Seed, Name: "regions " + name, Workers: 1}.Run(ctx, stats.Clusters(c.patients), len(c.truth), len(of),
		func(w, out []float64) {
			for i, f := range of {
				out[i] = f(w)
			}
		})
	if err != nil {
		return nil, nil, fault.New(fault.Interrupted, "testing regions: %w", err)
	}
	var points []RegionPoint
	for k := range c.hidden {
		h, e := draws.Interval(2*k), draws.Interval(2*k+1)
		points = append(points, RegionPoint{Share: float64(k) / float64(len(c.hidden)-1), Value: explain.Finite(draws.Point[2*k]), Low: explain.Finite(h.Low), High: explain.Finite(h.High),
			Random: explain.Finite(draws.Point[2*k+1]), RandomLow: explain.Finite(e.Low), RandomHigh: explain.Finite(e.High)})
	}
	return points, draws, nil
}

// judge fills in a region's test.
func (o *occluder) judge(ctx context.Context, c *regionColumns) error {
	last := len(c.hidden) - 1
	whole, hidden, elsewhere := c.hidden[0], c.hidden[last], c.elsewhere[last]
	c.test.Hidden, c.test.Random = changeOf(o.kind, c.truth, whole, hidden), changeOf(o.kind, c.truth, whole, elsewhere)
	excess := make([]float64, len(whole))
	for i := range whole {
		excess[i] = math.Abs(hidden[i]-whole[i]) - math.Abs(elsewhere[i]-whole[i])
	}
	more := []func([]float64) float64{weightedMean(excess)}
	for _, w := range c.windows {
		more = append(more, weightedMean(w))
	}
	points, draws, err := o.curve(ctx, c, c.test.Name, more...)
	if err != nil {
		return err
	}
	c.test.Curve = points
	at := 2 * len(c.hidden)
	iv := draws.Interval(at)
	if draws.Degenerate(at) { // every item by the same
		iv.Low, iv.High = draws.Point[at], draws.Point[at]
	}
	c.test.Excess, c.test.Low, c.test.High = draws.Point[at], explain.Finite(iv.Low), explain.Finite(iv.High)
	loss, lost := draws.Difference(2*last+1, 2*last)
	if o.kind == evaluate.Regression { // more of an error is a loss
		loss, lost = draws.Difference(2*last, 2*last+1)
	}
	c.test.Loss, c.test.LossLow, c.test.LossHigh = explain.Finite(loss), explain.Finite(lost.Low), explain.Finite(lost.High)
	for i := range c.windows {
		n, iv := len(c.windows), draws.Interval(at+1+i)
		first := func(k int) int { return (k*c.frames + n - 1) / n }
		c.test.InTime = append(c.test.InTime, TimePart{From: first(i), To: first(i + 1), Move: draws.Point[at+1+i], Low: explain.Finite(iv.Low), High: explain.Finite(iv.High)})
	}
	return nil
}

// say puts a test into words.
func (t *RegionTest) say(fill explain.Fill) {
	lacks := ""
	if t.Lacks > 0 {
		lacks = fmt.Sprintf(" %d items are left out (%s).", t.Lacks, strings.TrimPrefix(t.Why, "explain: "))
	}
	if t.Items == 0 {
		t.Words = fmt.Sprintf("%s could not be hidden in any item.%s", t.Name, lacks)
		return
	}
	t.Words = fmt.Sprintf("Hiding %s moves the score by %.3g, hiding as much elsewhere by %.3g (%.1f %% of the picture, fill %s, %d items", t.Name, t.Hidden.MeanMove, t.Random.MeanMove,
		100*t.Area, fill, t.Items)
	if t.Low != nil && t.High != nil {
		t.Words += fmt.Sprintf("; difference %.3g, 95 %% interval by patient %.3g to %.3g", t.Excess, *t.Low, *t.High)
	}
	t.Words += "): "
	t.Needed = t.Items >= fewItems && t.Low != nil && *t.Low > 0
	switch {
	case t.Items < fewItems || t.Low == nil:
		t.Words += "too few items to tell whether the network relies on it."
	case t.Needed:
		t.Words += "the network relies on it."
	case *t.High < 0:
		t.Words += "it matters less than the rest of the frame."
	default:
		t.Words += "no more than the rest of the frame, as far as these items tell."
	}
	first, last := t.Curve[0], t.Curve[len(t.Curve)-1]
	if first.Value != nil && last.Value != nil && last.Random != nil {
		t.Words += fmt.Sprintf(" The %s goes from %.3g to %.3g without it, and to %.3g without as much elsewhere.", t.Measure, *first.Value, *last.Value, *last.Random)
	}
	t.Words += lacks
}

func (t *SerialTest) say() {
	var steps []string
	for _, p := range t.Curve {
		name := "whole"
		if p.Hides != "" {
			name = "without " + p.Hides
			if len(steps) > 1 {
				name = "and " + p.Hides
			}
		}
		if p.Value == nil || p.Random == nil {
			t.Words = fmt.Sprintf("%d items with all regions are too few to hide them one after the other.", t.Items)
			return
		}
		steps = append(steps, fmt.Sprintf("%s %.3g (as much elsewhere %.3g)", name, *p.Value, *p.Random))
	}
	t.Words = fmt.Sprintf("One after the other, %s over %d items: %s.", t.Measure, t.Items, strings.Join(steps, ", "))
}
