package survival

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// Predicted is what is to be judged: people with labels, and risks, survival curves, or both.
type Predicted struct {
	Labels  Labels
	Patient []string  // resampled together; nil: each row by itself
	Risk    []float64 // larger: earlier; nil: none
	Curves  Curves    // survival; without times: none
	// Incidence of each cause, [cause−1], for labels with several causes; nil: none.
	Incidence []Curves
}

// EvaluateOptions are the choices of [Evaluate].
type EvaluateOptions struct {
	Horizons  []float64 // default: the quartiles of the event times
	Tau       float64   // of Uno's C; 0: the last event that can be weighted
	Train     *Labels   // where the censoring distribution comes from; nil: the judged rows themselves
	Resamples int       // of the bootstrap; default 1000, −1: none
	Seed      stats.Seed
	Bins      int // of the calibration tests; default 10
}

// Metric is one number with its interval. Value, Low and High are null in JSON where they do not exist.
type Metric struct {
	Name      string
	Horizon   float64 // NaN: none
	Cause     int     // 0: any
	Value     float64
	Low, High float64
	Method    string // of the interval
	Note      string
}

// MarshalJSON writes null for numbers that do not exist.
func (m Metric) MarshalJSON() ([]byte, error) {
	null := func(v float64) *float64 {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return &v
	}
	return json.Marshal(struct {
		Name    string   `json:"name"`
		Horizon *float64 `json:"horizon,omitempty"`
		Cause   int      `json:"cause,omitempty"`
		Value   *float64 `json:"value"`
		Low     *float64 `json:"low"`
		High    *float64 `json:"high"`
		Method  string   `json:"interval,omitempty"`
		Note    string   `json:"note,omitempty"`
	}{m.Name, null(m.Horizon), m.Cause, null(m.Value), null(m.Low), null(m.High), m.Method, m.Note})
}

// Evaluation is everything that is known about predictions.
type Evaluation struct {
	N, Events int
	Patients  int
	Censoring string // the censoring model, in words
	Horizons  []float64
	Metrics   []Metric
	Notes     []string
}

// Evaluate computes every metric that the predictions allow, with intervals by bootstrap over patients. The censoring distribution is
// estimated once and held fixed over resamples.
func Evaluate(ctx context.Context, p Predicted, o EvaluateOptions) (*Evaluation, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	l := p.Labels
	out := &Evaluation{N: l.Len(), Events: l.Events(), Horizons: o.Horizons}
	if out.Horizons == nil {
		out.Horizons = quartiles(l)
	}
	keys := p.Patient
	if keys == nil {
		keys = make([]string, l.Len())
	}
	clusters := stats.Clusters(keys)
	out.Patients = len(clusters)
	train := l
	where := "on the judged rows themselves"
	if o.Train != nil {
		train, where = *o.Train, "on the training rows"
	}
	if err := sameEntry("evaluation", l, train); err != nil {
		return nil, err
	}
	g := Watched(train.Any())
	out.Censoring = fmt.Sprintf("%s, %s", Reverse, where)
	if train.Entry != nil {
		out.Censoring = "at risk over n × Kaplan–Meier (late entry), " + where
	}
	var note string
	if out.Horizons, note = horizonsInReach(out.Horizons, l, g); note != "" {
		out.Notes = append(out.Notes, note)
	}
	ev := &evaluator{p: p, g: g, train: train, tau: o.Tau, horizons: out.Horizons}
	ev.prepare()
	if ev.tau > 0 && o.Tau <= 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("Uno's C counts events before %g", ev.tau))
	}
	if o.Resamples == 0 {
		o.Resamples = 1000
	}
	metrics := ev.metrics()
	values := make([]float64, len(metrics))
	if o.Resamples < 0 {
		ones := make([]float64, l.Len())
		for i := range ones {
			ones[i] = 1
		}
		ev.compute(ones, values)
		for k := range metrics {
			metrics[k].Value = values[k]
		}
	} else {
		d, err := stats.Bootstrap{Resamples: o.Resamples, Seed: o.Seed, Name: "survival"}.Run(ctx, clusters, l.Len(), len(metrics), ev.compute)
		if err != nil {
			return nil, err
		}
		for k := range metrics {
			v := d.Interval(k)
			metrics[k].Value, metrics[k].Low, metrics[k].High, metrics[k].Method = d.Point[k], v.Low, v.High, v.Method
		}
	}
	out.Metrics = append(metrics, ev.tests(o.Bins)...)
	return out, nil
}

func (p Predicted) check() error {
	if err := p.Labels.Check(); err != nil {
		return err
	}
	if p.Labels.Events() == 0 {
		return fault.New(fault.Input, "none of the %d rows has an event: no metric is defined", p.Labels.Len())
	}
	n := p.Labels.Len()
	if p.Risk == nil && p.Curves.Times == nil && p.Incidence == nil {
		return fault.New(fault.Input, "no predictions: neither risks nor curves")
	}
	if p.Risk != nil && len(p.Risk) != n || p.Curves.Times != nil && p.Curves.Len() != n || p.Patient != nil && len(p.Patient) != n {
		return fault.New(fault.Internal, "predictions and labels differ in length")
	}
	if i := slices.IndexFunc(p.Risk, math.IsNaN); i >= 0 {
		return fault.New(fault.Input, "row %d: the risk is not a number", i+1)
	}
	check := func(c Curves, what string, rising bool) error {
		for t, row := range c.Values {
			for i, v := range row {
				if !(v >= -1e-6 && v <= 1+1e-6) {
					return fault.New(fault.Input, "row %d: the %s at time %g is %g; want 0 to 1", i+1, what, c.Times[t], v)
				}
				if t == 0 {
					continue
				}
				step := v - c.Values[t-1][i]
				if rising {
					step = -step
				}
				if step > 1e-6 {
					return fault.New(fault.Input, "row %d: the %s runs the wrong way at time %g", i+1, what, c.Times[t])
				}
			}
		}
		return nil
	}
	if err := check(p.Curves, "survival", false); err != nil {
		return err
	}
	for _, c := range p.Incidence {
		if err := check(c, "cumulative incidence", true); err != nil {
			return err
		}
	}
	return nil
}

// quartiles of the event times.
func quartiles(l Labels) []float64 {
	var t []float64
	for i, e := range l.Event {
		if e != 0 {
			t = append(t, l.Time[i])
		}
	}
	slices.Sort(t)
	h := []float64{stats.Quantile(t, 0.25), stats.Quantile(t, 0.5), stats.Quantile(t, 0.75)}
	return slices.Compact(h)
}

// evaluator computes metrics on weighted rows.
type evaluator struct {
	p        Predicted
	g        Step
	train    Labels
	tau      float64
	horizons []float64
	ranked   *ranked
	risks    [][]float64 // at horizons, [horizon][person]
	scale    IPCW
	grid     []float64
}

func (v *evaluator) prepare() {
	l := v.p.Labels
	if v.tau <= 0 && l.Entry == nil && !math.IsInf(reach(v.g), 1) {
		v.tau = reach(v.g)
	}
	if v.p.Risk != nil {
		v.ranked = newRanked(v.p.Risk, l.Any())
	}
	v.scale = IPCW{G: v.g, Left: true, Divide: BySumOfWeights, MaxWeight: 1e6}
	if v.p.Curves.Times != nil {
		for _, h := range v.horizons {
			row := v.p.Curves.Row(h)
			risk := make([]float64, len(row))
			for i, s := range row {
				risk[i] = 1 - s
			}
			v.risks = append(v.risks, risk)
		}
		low, high := slices.Min(l.Time), slices.Max(l.Time)
		v.grid, _ = horizonsInReach(Grid(low, math.Max(high, low+1e-9), 100), l, v.g)
	}
}

// metrics names what compute computes, in its order.
func (v *evaluator) metrics() []Metric {
	var m []Metric
	add := func(name string, horizon float64, cause int, note string) {
		m = append(m, Metric{Name: name, Horizon: horizon, Cause: cause, Low: math.NaN(), High: math.NaN(), Note: note})
	}
	nan := math.NaN()
	if v.ranked != nil {
		add("Harrell C", nan, 0, "")
		add("Uno C", nan, 0, "")
	}
	if v.p.Curves.Times != nil {
		add("Antolini C", nan, 0, "equal predictions count as wrong")
		add("Antolini C, ties half", nan, 0, "")
		add("integrated Brier score", nan, 0, "")
		add("integrated binomial log likelihood", nan, 0, "0 is best")
		for _, h := range v.horizons {
			add("AUC", h, 0, "cumulative/dynamic")
			add("Brier score", h, 0, "")
			add("Brier skill", h, 0, "1 − Brier over that of Kaplan–Meier for all")
		}
	}
	for k := range v.p.Incidence {
		for _, h := range v.horizons {
			add("AUC", h, k+1, "cumulative/dynamic, other causes are controls")
			add("Brier score", h, k+1, "")
		}
	}
	return m
}

func (v *evaluator) compute(weight, out []float64) {
	l := v.p.Labels
	at := 0
	put := func(x float64) { out[at] = x; at++ }
	if v.ranked != nil {
		put(v.ranked.concordance(ConcordanceOptions{Weight: weight}, false).C)
		put(v.ranked.concordance(ConcordanceOptions{Weight: weight, Tau: v.tau, TimeWeight: func(t float64) float64 {
			g := atEvent(v.g, v.train, t)
			if g <= 0 {
				return 0
			}
			return 1 / (g * g)
		}}, false).C)
	}
	if v.p.Curves.Times != nil {
		a := AntoliniConcordance(v.p.Curves, l.Any(), weight)
		put(a.Strict)
		put(a.Adjusted)
		s, err := BrierScore(v.p.Curves, l.Any(), v.grid, v.scale, weight)
		if err != nil {
			put(math.NaN())
			put(math.NaN())
		} else {
			put(s.IBS())
			put(s.IBLL())
		}
		for k, h := range v.horizons {
			auc, brier, null := v.atHorizon(v.risks[k], l.Any(), 1, h, weight)
			put(auc)
			put(brier)
			if null == 0 { // all or none had the event: there is nothing to be better than
				null = math.NaN()
			}
			put(1 - brier/null)
		}
	}
	for k := range v.p.Incidence {
		for _, h := range v.horizons {
			auc, brier, _ := v.atHorizon(v.p.Incidence[k].Row(h), l, k+1, h, weight)
			put(auc)
			put(brier)
		}
	}
}

// atHorizon are AUC and Brier score of event probabilities at one time, and the Brier score of their weighted mean outcome for all.
func (v *evaluator) atHorizon(risk []float64, l Labels, cause int, h float64, weight []float64) (auc, brier, null float64) {
	n := l.Len()
	cases, controls := make([]float64, n), make([]float64, n)
	gh := math.Max(v.g.At(h), 1e-6)
	var sum, happened float64
	for i, t := range l.Time {
		switch {
		case weight[i] == 0:
		case t > h && l.hasEntered(i, h):
			controls[i] = weight[i] / gh
		case t > h: // not yet watched
		case l.Event[i] != 0:
			w := weight[i] / math.Max(v.g.Left(t), 1e-6)
			if l.Event[i] == cause {
				cases[i] = w
			} else {
				controls[i] = w
			}
		}
		sum += cases[i] + controls[i]
		happened += cases[i]
	}
	if sum == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	for i, p := range risk {
		brier += (cases[i]*(1-p)*(1-p) + controls[i]*p*p) / sum
	}
	rate := happened / sum
	return weightedAUC(risk, cases, controls), brier, rate * (1 - rate)
}

// tests are the calibration summaries, without intervals.
func (v *evaluator) tests(bins int) []Metric {
	if v.p.Curves.Times == nil {
		return nil
	}
	if bins == 0 {
		bins = 10
	}
	l := v.p.Labels.Any()
	nan := math.NaN()
	var m []Metric
	add := func(name string, h, value float64, note string) {
		m = append(m, Metric{Name: name, Horizon: h, Value: value, Low: nan, High: nan, Note: note})
	}
	own := make([]float64, l.Len())
	for i, t := range l.Time {
		own[i] = math.Min(math.Max(v.p.Curves.At(i, t), 0), 1)
		if l.Entry != nil { // given that the person lived to enter
			own[i] = math.Min(own[i]/math.Max(v.p.Curves.At(i, l.Entry[i]), 1e-9), 1)
		}
	}
	d := DCalibrationTest(own, l.Event, bins)
	add("D-calibration p", nan, d.P, fmt.Sprintf("χ² %.2f, %d bins; a small p says that survival is not spread evenly", d.Chi2, bins))
	for k, h := range v.horizons {
		if one, err := OneCalibrationTest(v.risks[k], l, h, bins); err == nil {
			add("1-calibration p", h, one.P, fmt.Sprintf("χ² %.2f", one.Chi2))
		}
		if s, err := SmoothCalibration(v.risks[k], l, h); err == nil {
			add("ICI", h, s.ICI, "mean distance of observed from predicted probability")
			add("E90", h, s.E90, "its 90th percentile")
		} else {
			add("ICI", h, nan, err.Error())
		}
	}
	return m
}
