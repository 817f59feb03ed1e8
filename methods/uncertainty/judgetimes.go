package uncertainty

import (
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/stats"
)

// Curves are predictions of survival that are to be judged.
type Curves struct {
	Cuts        []float64   // times of the probabilities, ascending
	Survival    [][]float64 // [item][cut]
	Time        []float64
	Event       []int
	Patient     []string            // as in [Items]
	Calibration []bool              // as in [Items]
	Groups      map[string][]string // as in [Items]
}

// HorizonLine is calibration at one time.
type HorizonLine struct {
	Time      float64 `json:"time"`
	Brier     float64 `json:"brier"`
	Predicted float64 `json:"mean_predicted_event"`
	Observed  float64 `json:"observed_event"` // Kaplan–Meier
	Low       float64 `json:"observed_low"`
	High      float64 `json:"observed_high"`
	P         float64 `json:"one_calibration_p"`
}

// BoundLine is how often people live past their lower bound, among those of whom it is known, by inverse probability of censoring.
type BoundLine struct {
	Group    string  `json:"group,omitempty"`
	Value    string  `json:"value,omitempty"`
	N        int     `json:"n"`
	Known    int     `json:"n_known"`
	Coverage float64 `json:"coverage"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Bound    float64 `json:"mean_bound"`
}

// TimeJudgement is what is found about predictions of survival.
type TimeJudgement struct {
	N           int                   `json:"n"`
	Events      int                   `json:"events"`
	Calibrating int                   `json:"n_calibration"`
	Alpha       float64               `json:"alpha"`
	Cutoff      float64               `json:"cutoff"` // bounds are never above it
	DCal        survival.DCalibration `json:"-"`
	DCalP       *float64              `json:"d_calibration_p"`
	DCalHist    []float64             `json:"d_calibration_counts"` // people whose predicted survival at the own time is in each tenth, from 1 down
	Horizons    []HorizonLine         `json:"horizons"`
	Raw         BoundLine             `json:"as_predicted"`
	Bounds      []BoundLine           `json:"conformal"`
	Notes       []string              `json:"notes,omitempty"`
}

// JudgeTimes divides people as [Judge] does, judges calibration over all times and at three horizons, and gives lower bounds of the time
// that hold with probability 1 − alpha, up to a cutoff before which three quarters of censoring has not happened yet.
func JudgeTimes(it Curves, o JudgeOptions) (*TimeJudgement, error) {
	if o.Alpha == 0 {
		o.Alpha = 0.1
	}
	n := len(it.Time)
	if n == 0 || len(it.Event) != n || len(it.Survival) != n || len(it.Cuts) == 0 {
		return nil, fault.New(fault.Input, "%d times, %d events and %d survival curves of %d cuts", n, len(it.Event), len(it.Survival), len(it.Cuts))
	}
	if !(o.Alpha > 0 && o.Alpha < 1) {
		return nil, fault.New(fault.Usage, "alpha is %g; want a miscoverage between 0 and 1", o.Alpha)
	}
	part := Items{Label: make([]int, n), Patient: it.Patient, Calibration: it.Calibration}.divide(o.Seed)
	var cal, test []int
	for i := range n {
		if part[i] {
			cal = append(cal, i)
		} else {
			test = append(test, i)
		}
	}
	if len(cal) == 0 || len(test) == 0 {
		return nil, fault.New(fault.Input, "%d people learn thresholds and %d are judged: both are needed", len(cal), len(test))
	}
	j := &TimeJudgement{N: len(test), Calibrating: len(cal), Alpha: o.Alpha}
	l := survival.Labels{Time: pick(it.Time, test), Event: pick(it.Event, test)}
	j.Events = l.Events()
	if j.Events == 0 {
		return nil, fault.New(fault.Input, "no event among the %d judged people", len(test))
	}
	var own []float64
	for _, i := range test {
		own = append(own, curveAt(it.Cuts, it.Survival[i], it.Time[i]))
	}
	j.DCal = survival.DCalibrationTest(own, l.Event, 10)
	j.DCalP, j.DCalHist = defined(j.DCal.P), j.DCal.Hist
	j.horizons(it, test, l)
	j.bounds(it, cal, test)
	return j, nil
}

func defined(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// horizons judges at the cuts nearest to a quarter, half and three quarters of the events.
func (j *TimeJudgement) horizons(it Curves, test []int, l survival.Labels) {
	var events []float64
	for i, t := range l.Time {
		if l.Event[i] != 0 {
			events = append(events, t)
		}
	}
	slices.Sort(events)
	km := survival.KaplanMeier(l)
	w := survival.GrafIPCW(l)
	for _, q := range []float64{0.25, 0.5, 0.75} {
		t := events[int(q*float64(len(events)-1))]
		var s, risk []float64
		mean := 0.0
		for _, i := range test {
			v := curveAt(it.Cuts, it.Survival[i], t)
			s, risk = append(s, v), append(risk, 1-v)
			mean += (1 - v) / float64(len(test))
		}
		at := survival.Curves{Times: []float64{t}, Values: [][]float64{s}}
		b, err := survival.BrierScore(at, l, []float64{t}, w, nil)
		if err != nil {
			j.Notes = append(j.Notes, err.Error())
			continue
		}
		line := HorizonLine{Time: t, Brier: b.Brier[0], Predicted: mean}
		at1 := func(values []float64, before float64) float64 {
			return survival.Step{Times: km.Times, Values: values, Before: before}.At(t)
		}
		line.Observed, line.Low, line.High = 1-km.At(t), 1-at1(km.Upper, 1), 1-at1(km.Lower, 1)
		line.P = -1
		if one, err := survival.OneCalibrationTest(risk, l, t, 10); err == nil && !math.IsNaN(one.P) {
			line.P = one.P
		}
		j.Horizons = append(j.Horizons, line)
	}
}

func (j *TimeJudgement) bounds(it Curves, cal, test []int) {
	calTime, calEvent := pick(it.Time, cal), pick(it.Event, cal)
	g := survival.Censoring(survival.Labels{Time: calTime, Event: calEvent}, survival.Reverse)
	j.Cutoff = it.Cuts[len(it.Cuts)-1]
	for k, v := range g.Values {
		if v < 0.25 {
			j.Cutoff = math.Min(j.Cutoff, g.Times[k])
			break
		}
	}
	predict := func(rows []int) []float64 {
		var out []float64
		for _, i := range rows {
			out = append(out, math.Min(TimeQuantile(it.Cuts, it.Survival[i], j.Alpha), j.Cutoff))
		}
		return out
	}
	c, kept := SurvivalBoundIPCW(predict(cal), calTime, calEvent, j.Cutoff, j.Alpha)
	j.Raw = j.bound(it, test, predict(test), g)
	if math.IsInf(c.Quantile, 1) {
		j.Notes = append(j.Notes, fmt.Sprintf("%d people with a known time learn the bound: too few for a miscoverage of %g", kept, j.Alpha))
		return
	}
	lowered := func(rows []int) []float64 {
		b := predict(rows)
		for i := range b {
			b[i] = math.Max(0, math.Min(b[i]-c.Quantile, j.Cutoff))
		}
		return b
	}
	j.Bounds = append(j.Bounds, j.bound(it, test, lowered(test), g))
	eachGroup(it.Groups, cal, test, func(name, v string, _, t []int) {
		l := j.bound(it, t, lowered(t), g)
		l.Group, l.Value = name, v
		j.Bounds = append(j.Bounds, l)
	})
}

// bound is the weighted share of people known to reach their bound; its interval is the binomial one of the effective number of them.
func (j *TimeJudgement) bound(it Curves, rows []int, bound []float64, g survival.Step) BoundLine {
	out := BoundLine{N: len(rows)}
	var hit, sum, squares float64
	for k, i := range rows {
		out.Bound += bound[k] / float64(len(rows))
		// The person is known to pass the bound or not if watched until min(T, bound).
		if it.Event[i] == 0 && it.Time[i] < bound[k] {
			continue
		}
		w := g.Left(math.Min(it.Time[i], bound[k]))
		if w <= 0 {
			continue
		}
		out.Known++
		sum += 1 / w
		squares += 1 / (w * w)
		if it.Time[i] >= bound[k] {
			hit += 1 / w
		}
	}
	if sum == 0 {
		return out
	}
	out.Coverage = hit / sum
	effective := sum * sum / squares
	v := stats.ClopperPearson(int(math.Round(out.Coverage*effective)), int(math.Round(effective)), 0.95)
	out.Low, out.High = v.Low, v.High
	return out
}
