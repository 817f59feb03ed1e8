package uncertainty

import (
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// Numbers are predictions of a number that are to be judged.
type Numbers struct {
	Value       []float64
	Truth       []float64
	Std         []float64           // predicted standard deviation; nil: nothing said
	Low, High   []float64           // predicted interval, such as quantiles; nil: none
	Patient     []string            // as in [Items]
	Calibration []bool              // as in [Items]
	Groups      map[string][]string // as in [Items]
	Out         []bool              // as in [Items]
}

// IntervalLine is how intervals of one way fare, in all items or in a subgroup.
type IntervalLine struct {
	Group    string  `json:"group,omitempty"`
	Value    string  `json:"value,omitempty"`
	Own      bool    `json:"own_threshold,omitempty"`   // as in [Covered]
	Every    bool    `json:"every_threshold,omitempty"` // as in [Covered]
	N        int     `json:"n"`
	Coverage float64 `json:"coverage"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Width    float64 `json:"mean_width"`
	Score    float64 `json:"interval_score"`
	Error    float64 `json:"mean_absolute_error"`
}

// NumberJudgement is what is found about predictions of a number.
type NumberJudgement struct {
	N           int              `json:"n"`
	Calibrating int              `json:"n_calibration"`
	Alpha       float64          `json:"alpha"`
	Way         string           `json:"interval"` // how intervals were made
	MAE         float64          `json:"mae"`
	RMSE        float64          `json:"rmse"`
	Bias        float64          `json:"bias"` // mean of prediction less truth
	NLL         *float64         `json:"gaussian_nll,omitempty"`
	CRPS        *float64         `json:"gaussian_crps,omitempty"`
	Sharpness   *float64         `json:"mean_std,omitempty"`
	PIT         []int            `json:"pit_counts,omitempty"` // of ten bins
	PITMiss     *float64         `json:"pit_miss,omitempty"`
	Promised    *IntervalLine    `json:"as_predicted,omitempty"` // the predicted interval before calibration
	Intervals   []IntervalLine   `json:"conformal"`              // of all, then of each subgroup
	Quantile    float64          `json:"-"`
	Selective   []SelectivePoint `json:"selective,omitempty"` // risk is the mean absolute error; confidence is minus the interval's width
	Curve       RiskCoverage     `json:"-"`
	AURC        *float64         `json:"aurc,omitempty"`
	EAURC       *float64         `json:"excess_aurc,omitempty"`
	Detection   []NamedDetection `json:"out_of_distribution,omitempty"`
	Promise     string           `json:"promise_by_subgroup,omitempty"` // as in [Judgement]
	Notes       []string         `json:"notes,omitempty"`
}

// JudgeNumbers divides items as [Judge] does and gives conformal intervals: around predicted intervals (CQR) where there are, else
// of a width in proportion to the predicted standard deviation where there is, else of one width.
func JudgeNumbers(it Numbers, o JudgeOptions) (*NumberJudgement, error) {
	if o.Alpha == 0 {
		o.Alpha = 0.1
	}
	n := len(it.Truth)
	if n == 0 || len(it.Value) != n {
		return nil, fault.New(fault.Input, "%d truths and %d predictions", n, len(it.Value))
	}
	if !(o.Alpha > 0 && o.Alpha < 1) {
		return nil, fault.New(fault.Usage, "alpha is %g; want a miscoverage between 0 and 1", o.Alpha)
	}
	for i, v := range it.Std {
		if !(v > 0) {
			return nil, fault.New(fault.Input, "row %d: the standard deviation is %g; want above 0", i+1, v)
		}
	}
	for i := range it.Low {
		if it.Low[i] > it.High[i] {
			return nil, fault.New(fault.Input, "row %d: the interval's low end %g is above its high end %g", i+1, it.Low[i], it.High[i])
		}
	}
	j := &NumberJudgement{Alpha: o.Alpha}
	cal, test, out, err := Items{Label: make([]int, n), Patient: it.Patient, Calibration: it.Calibration}.parts(it.Out, o.Seed)
	if err != nil {
		return nil, err
	}
	j.N, j.Calibrating = len(test), len(cal)
	j.errors(it, test)
	score, around := it.way(&j.Way)
	scores := func(rows []int) []float64 {
		s := make([]float64, len(rows))
		for k, i := range rows {
			s[k] = score(i)
		}
		return s
	}
	groups := CalibrateGroupwise(scores(cal), pickIf(it.Patient, cal), groupsOf(it.Groups, cal), o.Alpha, fewest)
	all := groups.All
	j.Quantile = all.Quantile
	one := func(int) Conformal { return all }
	every := func(i int) Conformal { return groups.For(func(g string) string { return it.Groups[g][i] }) }
	line := func(rows []int, of func(int) Conformal) IntervalLine {
		var y, low, high []float64
		e := 0.0
		for _, i := range rows {
			l, h := around(of(i), i)
			y, low, high = append(y, it.Truth[i]), append(low, l), append(high, h)
			e += math.Abs(it.Value[i]-it.Truth[i]) / float64(len(rows))
		}
		v := JudgeIntervals(y, low, high, o.Alpha)
		return IntervalLine{N: v.N, Coverage: v.Coverage, Low: v.Low, High: v.High, Width: v.Width, Score: v.Score, Error: e}
	}
	if it.Low != nil {
		l := line(test, func(int) Conformal { return Conformal{} })
		j.Promised = &l
	}
	if math.IsInf(all.Quantile, 1) {
		j.Notes = append(j.Notes, fmt.Sprintf("%d calibration items are too few for a miscoverage of %g: every interval is endless", len(cal), o.Alpha))
		return j, nil
	}
	add := func(g, v string, rows []int, of func(int) Conformal, own, every bool) {
		l := line(rows, of)
		l.Group, l.Value, l.Own, l.Every = g, v, own, every
		j.Intervals = append(j.Intervals, l)
	}
	add("", "", test, one, false, false)
	if len(it.Groups) > 0 {
		add("", "", test, every, false, true)
	}
	eachGroup(it.Groups, cal, test, func(g, v string, c, t []int) {
		add(g, v, t, one, false, false)
		if own, ok := groups.Of[g][v]; ok {
			add(g, v, t, func(int) Conformal { return own }, true, false)
		}
		add(g, v, t, every, false, true)
	})
	var lines []lineOf
	for _, l := range j.Intervals {
		lines = append(lines, lineOf{GroupName(l.Group, l.Value, false, false), l.Coverage, l.Low, l.High, l.Own, l.Every, l.Group != ""})
	}
	j.Promise = promiseNote(lines, o.Alpha)
	j.selective(it, test)
	if len(out) > 0 && (it.Std != nil || it.Low != nil) {
		d := Detect(it.widths(test), it.widths(out))
		j.Detection = append(j.Detection, NamedDetection{"predicted width", d.AUROC, d.FPR95})
	}
	return j, nil
}

// eachGroup visits subgroups with enough judged items.
func eachGroup(groups map[string][]string, cal, test []int, visit func(g, v string, cal, test []int)) {
	var names []string
	for g := range groups {
		names = append(names, g)
	}
	slices.Sort(names)
	for _, g := range names {
		for _, v := range slices.Compact(slices.Sorted(slices.Values(groups[g]))) {
			in := func(rows []int) []int {
				return slices.DeleteFunc(slices.Clone(rows), func(i int) bool { return groups[g][i] != v })
			}
			if t := in(test); v != "" && len(t) >= fewest {
				visit(g, v, in(cal), t)
			}
		}
	}
}

// way is the conformal score of an item and its interval.
func (it Numbers) way(name *string) (score func(i int) float64, around func(c Conformal, i int) (low, high float64)) {
	switch {
	case it.Low != nil:
		*name = "predicted intervals, widened (conformalised quantile regression)"
		return func(i int) float64 { return CQRScore(it.Truth[i], it.Low[i], it.High[i]) },
			func(c Conformal, i int) (float64, float64) { return c.Widen(it.Low[i], it.High[i]) }
	case it.Std != nil:
		*name = "in proportion to the predicted standard deviation"
		return func(i int) float64 { return Residual(it.Truth[i], it.Value[i], it.Std[i]) },
			func(c Conformal, i int) (float64, float64) { return c.Around(it.Value[i], it.Std[i]) }
	}
	*name = "of one width"
	return func(i int) float64 { return Residual(it.Truth[i], it.Value[i], 1) },
		func(c Conformal, i int) (float64, float64) { return c.Around(it.Value[i], 1) }
}

func (it Numbers) widths(rows []int) []float64 {
	var out []float64
	for _, i := range rows {
		if it.Std != nil {
			out = append(out, it.Std[i])
		} else {
			out = append(out, it.High[i]-it.Low[i])
		}
	}
	return out
}

func (j *NumberJudgement) errors(it Numbers, test []int) {
	n := float64(len(test))
	var nll, crps, std float64
	for _, i := range test {
		d := it.Value[i] - it.Truth[i]
		j.MAE += math.Abs(d) / n
		j.RMSE += d * d / n
		j.Bias += d / n
		if it.Std != nil {
			nll += GaussianNLL(it.Truth[i], it.Value[i], it.Std[i]*it.Std[i]) / n
			crps += GaussianCRPS(it.Truth[i], it.Value[i], it.Std[i]) / n
			std += it.Std[i] / n
		}
	}
	j.RMSE = math.Sqrt(j.RMSE)
	if it.Std == nil {
		return
	}
	_, counts, miss := PIT(pick(it.Truth, test), pick(it.Value, test), pick(it.Std, test), 10)
	j.NLL, j.CRPS, j.Sharpness, j.PIT, j.PITMiss = &nll, &crps, &std, counts, &miss
}

func (j *NumberJudgement) selective(it Numbers, test []int) {
	if it.Std == nil && it.Low == nil {
		j.Notes = append(j.Notes, "the predictions say nothing of their own uncertainty: every interval is equally wide and no item is surer than another")
		return
	}
	conf := negative(it.widths(test))
	var errors []float64
	for _, i := range test {
		errors = append(errors, math.Abs(it.Value[i]-it.Truth[i]))
	}
	j.Curve = NewRiskCoverage(conf, errors)
	j.AURC, j.EAURC = &j.Curve.AURC, &j.Curve.EAURC
	j.Selective = selectivePoints(j.Curve, conf)
}
