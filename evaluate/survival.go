package evaluate

import (
	"math"
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/methods/survival"
)

// TimeToEvent is the kind of target whose truth is a time and whether the event happened then, and whose scores are the probabilities of
// being free of it at each of Cuts.
const TimeToEvent Kind = "time-to-event"

// timeColumns are the names of a time-to-event target's columns: NAME_time, NAME_event, and NAME_surv@T for each cut T.
func (t Target) timeColumns() (truth, score []string) {
	for _, c := range t.Cuts {
		score = append(score, t.Name+"_surv@"+strconv.FormatFloat(c, 'g', -1, 64))
	}
	return []string{t.Name + "_time", t.Name + "_event"}, score
}

// timeTarget reads a time-to-event target off a header; ok is false where name is none.
func timeTarget(header []string, name string) (Target, bool) {
	t := Target{Name: name, Kind: TimeToEvent}
	if !slices.Contains(header, name+"_event") {
		return t, false
	}
	for _, s := range suffixes(header, name+"_surv@") {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || strconv.FormatFloat(v, 'g', -1, 64) != s {
			return t, false
		}
		t.Cuts = append(t.Cuts, v)
	}
	return t, len(t.Cuts) > 1
}

// badTime says whether a truth cannot be [time, event].
func badTime(truth []float64) bool {
	if math.IsNaN(truth[0]) || math.IsNaN(truth[1]) {
		return false
	}
	return math.IsInf(truth[0], 0) || truth[0] < 0 || truth[1] != 0 && truth[1] != 1
}

// timed is the rows of a time-to-event target in the form that metrics are prepared from.
type timed struct {
	labels survival.Labels
	curves survival.Curves
	ipcw   survival.IPCW
	grid   []float64
	middle float64 // the horizon of single-time metrics: the median time of events
}

func newTimed(truth, score [][]float64, cuts []float64) *timed {
	v := &timed{}
	v.curves.Times = cuts
	v.curves.Values = make([][]float64, len(cuts))
	for i, row := range truth {
		v.labels.Time = append(v.labels.Time, row[0])
		v.labels.Event = append(v.labels.Event, int(row[1]))
		for k := range cuts {
			s := score[i][k]
			if k > 0 { // the mean of models, or rounding, must not make survival rise
				s = math.Min(s, v.curves.Values[k-1][i])
			}
			v.curves.Values[k] = append(v.curves.Values[k], s)
		}
	}
	if len(truth) == 0 {
		return v
	}
	v.curves = v.curves.Refine(10, survival.ConstantHazard)
	v.ipcw = survival.IPCW{G: survival.Censoring(v.labels, survival.Reverse), Left: true, MaxWeight: 100}
	high := slices.Max(v.labels.Time)
	v.grid = survival.Grid(0, math.Max(high, 1e-9), 50)
	var times []float64
	for i, e := range v.labels.Event {
		if e != 0 {
			times = append(times, v.labels.Time[i])
		}
	}
	slices.Sort(times)
	if len(times) > 0 {
		v.middle = times[len(times)/2]
	}
	return v
}

func (v *timed) concordance() compute {
	return func(w []float64) float64 {
		if len(v.labels.Time) == 0 {
			return math.NaN()
		}
		return survival.AntoliniConcordance(v.curves, v.labels, w).Adjusted
	}
}

func (v *timed) scores(f func(survival.Scores) float64, times func() []float64) compute {
	return func(w []float64) float64 {
		if v.labels.Events() == 0 {
			return math.NaN()
		}
		s, err := survival.BrierScore(v.curves, v.labels, times(), v.ipcw, w)
		if err != nil {
			return math.NaN()
		}
		return f(s)
	}
}

func (v *timed) ibs() compute {
	return v.scores(survival.Scores.IBS, func() []float64 { return v.grid })
}

func (v *timed) ibll() compute {
	return v.scores(survival.Scores.IBLL, func() []float64 { return v.grid })
}

func (v *timed) brierMiddle() compute {
	return v.scores(func(s survival.Scores) float64 { return s.Brier[0] }, func() []float64 { return []float64{v.middle} })
}

// survivalCentre is the Kaplan–Meier estimate at the cuts: what one curve for everybody is; nil when no row has truth.
func survivalCentre(t Target, truth [][]float64) []float64 {
	var l survival.Labels
	for _, row := range truth {
		if complete(row) {
			l.Time, l.Event = append(l.Time, row[0]), append(l.Event, int(row[1]))
		}
	}
	if l.Len() == 0 {
		return nil
	}
	km := survival.KaplanMeier(l)
	out := make([]float64, len(t.Cuts))
	for k, c := range t.Cuts {
		out[k] = km.At(c)
	}
	return out
}
