package run

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/uncertainty"
)

func (d *doubter) truth(it doubted, target string) (float64, bool) {
	v := d.r.Cohort.Rows[it.row].Truth[target]
	if len(v) == 0 || math.IsNaN(v[0]) {
		return 0, false
	}
	return v[0], true
}

func (d *doubter) reading(it doubted, t evaluate.Target) uncertainty.Reading {
	row := d.r.Cohort.Rows[it.row]
	nan := math.NaN()
	return uncertainty.Reading{Item: row.ID, Patient: row.Patient, Split: it.part, Fold: it.fold, Target: t.Name, Low: nan, High: nan,
		Total: nan, Data: nan, Model: nan, Scores: it.scores, Strange: it.strange, Like: it.like}
}

// tooStrange is the reason for which an item is not answered whatever it is; empty: none.
func (d *doubter) tooStrange(it doubted) string {
	if a := d.u.Abstain; a != nil && a.OOD > 0 && it.strange > a.OOD {
		return fmt.Sprintf("unlike the training data: stranger (%s) than %.0f %% of usual items, limit %.0f %%", it.by, 100*it.strange, 100*a.OOD)
	}
	return ""
}

// recalibrate learns a map of probabilities from logits and classes.
func recalibrate(u *learn.UncertaintySpec, probs [][]float64, label []int) (apply func([]float64) []float64, name string, temperature float64) {
	if u.Calibrate != "none" && uncertainty.Accuracy(probs, label) == 1 {
		// Without an error the likelihood wants every probability at 1: nothing can be learnt from it.
		return func(p []float64) []float64 { return p }, "left as it is: no error among the rows that would teach it", 1
	}
	logits := make([][]float64, len(probs))
	for i, p := range probs {
		logits[i] = logOf(p)
	}
	yes := func() (x []float64, happened []bool) {
		for i, p := range probs {
			x, happened = append(x, p[1]), append(happened, label[i] == 1)
		}
		return x, happened
	}
	switch u.Calibrate {
	case "none":
		return func(p []float64) []float64 { return p }, "none", 0
	case "vector":
		v := uncertainty.FitVectorScaling(logits, label)
		return func(p []float64) []float64 { return v.Probs(logOf(p)) }, "vector scaling", 0
	case "platt":
		x, happened := yes()
		for i := range x {
			x[i] = logits[i][1] - logits[i][0]
		}
		f := uncertainty.FitPlatt(x, happened)
		return func(p []float64) []float64 {
			z := logOf(p)
			q := f.Prob(z[1] - z[0])
			return []float64{1 - q, q}
		}, "Platt scaling", 0
	case "isotonic":
		x, happened := yes()
		y := make([]float64, len(x))
		for i, h := range happened {
			if h {
				y[i] = 1
			}
		}
		f := uncertainty.FitIsotonic(x, y)
		return func(p []float64) []float64 { q := f.At(p[1]); return []float64{1 - q, q} }, "isotonic regression", 0
	}
	t := uncertainty.FitTemperature(logits, label)
	return func(p []float64) []float64 { return uncertainty.Softmax(logOf(p), t) }, "temperature scaling", t
}

func logOf(p []float64) []float64 {
	z := make([]float64, len(p))
	for i, v := range p {
		z[i] = math.Log(math.Max(v, 1e-12))
	}
	return z
}

func setScore(u *learn.UncertaintySpec) uncertainty.SetScore {
	switch u.Conformal {
	case "aps":
		return uncertainty.APS
	case "raps":
		return uncertainty.RAPS(0.01, 2)
	}
	return uncertainty.LAC
}

// leastProbability is the rule's, learnt from calibrated probabilities of learners.
func leastProbability(a *learn.AbstainSpec, probs [][]float64, label []int) (rule uncertainty.Rule, note string) {
	if a == nil {
		return uncertainty.Rule{}, ""
	}
	conf, right := uncertainty.TopLabel(probs, label)
	switch {
	case a.Wrong > 0:
		rule = uncertainty.ByCost(a.Wrong, 1)
	case a.Coverage > 0:
		rule = uncertainty.ByCoverage(conf, a.Coverage)
	case a.Risk > 0:
		r, ok := uncertainty.ByRisk(conf, right, a.Risk, 0.95)
		if !ok {
			note = fmt.Sprintf("no probability keeps the error rate below %g with 95 %% certainty on %d rows: nothing is answered", a.Risk, len(label))
			r = uncertainty.Rule{Confidence: 2}
		}
		rule = r
	}
	rule.SetSize = a.SetSize
	return rule, note
}

// thresholds are those of a fold's items, learnt from scores of the learners with a truth, in their order: with subgroups the largest
// of those of an item's values, unless the plan names one subgroup, or none; without, one for all. label is the learners' class, nil
// of numbers. People count once, however many rows they have.
func (d *doubter) thresholds(fold int, target string, scores []float64, label []int) func(doubted) uncertainty.Conformal {
	var patient []string
	groups := map[string][]string{}
	for _, i := range d.learners(fold) {
		if _, ok := d.truth(d.items[i], target); ok {
			patient = append(patient, d.r.Cohort.Rows[d.items[i].row].Patient)
			if d.u.Mondrian != learn.MondrianNone {
				d.groups(groups, d.items[i])
			}
		}
	}
	for g, values := range groups {
		switch all := d.u.Mondrian == ""; {
		case !all && g != d.u.Mondrian:
			delete(groups, g)
		case label != nil && uncertainty.TellsTruth(values, label):
			delete(groups, g)
			d.note(fmt.Sprintf("target %s: subgroup %s gives the answer away: no threshold is learnt by it", target, g))
		}
	}
	c := uncertainty.CalibrateGroupwise(scores, patient, groups, d.u.Miscoverage(), leastOfGroup)
	d.unpromised(target, groups, c)
	return func(it doubted) uncertainty.Conformal {
		return c.For(func(g string) string {
			return d.r.Cohort.Rows[it.row].Groups[slices.Index(d.r.Cohort.Groups, g)]
		})
	}
}

// leastOfGroup is the fewest rows of a subgroup's value that get a threshold of their own.
const leastOfGroup = 20

// unpromised says for which values of subgroups there are too few people to promise anything.
func (d *doubter) unpromised(target string, groups map[string][]string, c uncertainty.Groupwise) {
	var few []string
	for _, g := range sortedKeys(groups) {
		for _, v := range slices.Compact(slices.Sorted(slices.Values(groups[g]))) {
			if _, ok := c.Of[g][v]; !ok && v != "" {
				few = append(few, g+" = "+v)
			}
		}
	}
	if len(few) > 0 {
		d.note(fmt.Sprintf("target %s: nothing is promised for %s by itself: too few people to learn a threshold from", target, strings.Join(few, ", ")))
	}
}

func (d *doubter) note(s string) {
	if !slices.Contains(d.out.Notes, s) {
		d.out.Notes = append(d.out.Notes, s)
	}
}

// classes judges a binary or class target.
func (d *doubter) classes(t evaluate.Target, of *DoubtsOf) error {
	names, score := classNames(t), setScore(d.u)
	u := *d.u
	if (u.Calibrate == "platt" || u.Calibrate == "isotonic") && len(names) != 2 {
		u.Calibrate = "vector"
		d.out.Notes = append(d.out.Notes, fmt.Sprintf("target %s has %d classes: vector scaling in place of %s, which is for two", t.Name, len(names), d.u.Calibrate))
	}
	raw := make([][]float64, len(d.items))
	for i, it := range d.items {
		raw[i] = classProbs(t, it.from.Of[t.Name].Mean(it.at))
	}
	judge := uncertainty.Items{Classes: names, Groups: map[string][]string{}}
	var hit, covered, answered, wrong, wrongAll, n, size, single, empty int
	for fold := range d.split.Folds {
		var probs [][]float64
		var label []int
		for _, i := range d.learners(fold) {
			if y, ok := d.truth(d.items[i], t.Name); ok {
				probs, label = append(probs, raw[i]), append(label, int(y))
			}
		}
		if len(label) == 0 {
			return fault.New(fault.Input, "no row with a truth to learn thresholds from").WithHint("give the split a validation part")
		}
		apply, name, temperature := recalibrate(&u, probs, label)
		of.Calibrated, of.Temperature = name, temperature
		for i := range probs {
			probs[i] = apply(probs[i])
		}
		scores := make([]float64, len(label))
		for i, y := range label {
			scores[i] = score(probs[i], y)
		}
		threshold := d.thresholds(fold, t.Name, scores, label)
		rule, note := leastProbability(d.u.Abstain, probs, label)
		if note != "" {
			d.out.Notes = append(d.out.Notes, t.Name+": "+note)
		}
		for i, it := range d.items {
			if it.fold != fold {
				continue
			}
			p := apply(raw[i])
			rd := d.classReading(it, t, names, p, threshold(it).Set(p, score), rule)
			y, ok := d.truth(it, t.Name)
			if ok {
				rd.Truth = names[int(y)]
				judge.Probs, judge.Label = append(judge.Probs, p), append(judge.Label, int(y))
				judge.Patient = append(judge.Patient, d.r.Cohort.Rows[it.row].Patient)
				judge.Calibration = append(judge.Calibration, it.part == partVal)
				d.groups(judge.Groups, it)
			}
			d.out.readings = append(d.out.readings, rd)
			if !ok || !d.judged(it) {
				continue
			}
			n++
			size += len(rd.Set)
			switch len(rd.Set) {
			case 0:
				empty++
			case 1:
				single++
			}
			if slices.Contains(rd.Set, rd.Truth) {
				covered++
			}
			right := rd.Class == rd.Truth
			hit += btoi(right)
			wrongAll += btoi(!right)
			if rd.Reason == "" {
				answered++
				wrong += btoi(!right)
			}
		}
	}
	if n == 0 {
		return nil
	}
	of.Answered = share(answered, n)
	of.WrongAll = ptr(share(wrongAll, n))
	if answered > 0 {
		of.Wrong = ptr(share(wrong, answered))
	}
	of.Set = coveredOf(covered, n, size, single, empty, hit)
	if len(d.split.Folds) > 1 {
		judge.Calibration = nil
	}
	var err error
	of.Classes, err = uncertainty.Judge(judge, uncertainty.JudgeOptions{Alpha: d.u.Miscoverage(), Seed: d.r.Plan.Seed})
	return err
}

func (d *doubter) groups(into map[string][]string, it doubted) {
	for g, name := range d.r.Cohort.Groups {
		into[name] = append(into[name], d.r.Cohort.Rows[it.row].Groups[g])
	}
}

// classReading is an item's, with uncertainty divided into that of data and model.
func (d *doubter) classReading(it doubted, t evaluate.Target, names []string, p []float64, set []bool, rule uncertainty.Rule) uncertainty.Reading {
	rd := d.reading(it, t)
	for k, in := range set {
		if in {
			rd.Set = append(rd.Set, names[k])
		}
	}
	of := it.from.Of[t.Name]
	switch {
	case of.Evidence != nil:
		alpha := slices.Clone(of.Evidence[it.at])
		for k := range alpha {
			alpha[k]++
		}
		s := uncertainty.SummariseDirichlet(alpha)
		rd.Total, rd.Data, rd.Model = s.EntropyOfMean, s.ExpectedEntropy, s.MutualInformation
	default:
		var members [][]float64
		for _, q := range of.Score[it.at] {
			members = append(members, classProbs(t, q))
		}
		c := uncertainty.Decide(members)
		rd.Total = c.Predictive
		if len(members) > 1 {
			rd.Data, rd.Model = c.Expected, c.MutualInformation
		}
	}
	k := slices.Index(p, slices.Max(p))
	rd.Class, rd.Value = names[k], p[k]
	if rd.Reason = d.tooStrange(it); rd.Reason != "" {
		return rd
	}
	if no := rule.Decide(uncertainty.Doubt{Probs: p, SetSize: len(rd.Set), OOD: math.NaN()}); no.Abstain {
		rd.Reason = no.Reason
		return rd
	}
	rd.Answer = rd.Class
	return rd
}

// numbers judges a regression target.
func (d *doubter) numbers(t evaluate.Target, of *DoubtsOf) error {
	type number struct{ value, std, low, high, data, model float64 }
	all := make([]number, len(d.items))
	for i, it := range d.items {
		s := it.from.Of[t.Name]
		var means, stds []float64
		for k, v := range s.Score[it.at] {
			means, stds = append(means, v[0]), append(stds, math.Sqrt(s.Data[it.at][k]))
		}
		m := uncertainty.Mix(means, stds)
		x := number{value: m.Mean, std: math.NaN(), low: math.NaN(), high: math.NaN(), data: m.Aleatoric, model: m.Epistemic}
		if extra := s.Model[it.at]; !math.IsNaN(extra) {
			x.model += extra
		}
		switch {
		case !math.IsNaN(x.data):
			x.std = math.Sqrt(x.data + x.model)
		case len(means) > 1 && x.model > 0:
			x.std = math.Sqrt(x.model)
		}
		if s.Quantile != nil {
			q := s.Quantile[it.at]
			x.low, x.high = math.Min(q[0], q[len(q)-1]), math.Max(q[0], q[len(q)-1])
			x.value = q[len(q)/2]
		}
		all[i] = x
	}
	says := func(f func(number) float64) bool {
		return !slices.ContainsFunc(all, func(x number) bool { return math.IsNaN(f(x)) })
	}
	intervals, stds := says(func(x number) float64 { return x.low }), says(func(x number) float64 { return x.std })
	score := func(x number, y float64) float64 {
		switch {
		case intervals:
			return uncertainty.CQRScore(y, x.low, x.high)
		case stds:
			return uncertainty.Residual(y, x.value, x.std)
		}
		return uncertainty.Residual(y, x.value, 1)
	}
	around := func(c uncertainty.Conformal, x number) (float64, float64) {
		switch {
		case intervals:
			return c.Widen(x.low, x.high)
		case stds:
			return c.Around(x.value, x.std)
		}
		return c.Around(x.value, 1)
	}
	judge := uncertainty.Numbers{Groups: map[string][]string{}}
	n, answered := 0, 0
	for fold := range d.split.Folds {
		var scores, widths []float64
		for _, i := range d.learners(fold) {
			if y, ok := d.truth(d.items[i], t.Name); ok {
				scores = append(scores, score(all[i], y))
			}
		}
		if len(scores) == 0 {
			return fault.New(fault.Input, "no row with a truth to learn thresholds from").WithHint("give the split a validation part")
		}
		threshold := d.thresholds(fold, t.Name, scores, nil)
		width := func(it doubted, x number) float64 { l, h := around(threshold(it), x); return h - l }
		for _, i := range d.learners(fold) {
			widths = append(widths, -width(d.items[i], all[i]))
		}
		widest := math.Inf(1)
		if a := d.u.Abstain; a != nil && a.Coverage > 0 && (intervals || stds) {
			widest = -uncertainty.ByCoverage(widths, a.Coverage).Confidence
		}
		for i, it := range d.items {
			if it.fold != fold {
				continue
			}
			x := all[i]
			rd := d.reading(it, t)
			rd.Value, rd.Data, rd.Model = x.value, x.data, x.model
			rd.Total = x.data + x.model
			rd.Low, rd.High = around(threshold(it), x)
			if rd.Reason = d.tooStrange(it); rd.Reason == "" && width(it, x) > widest {
				rd.Reason = strings.Join(strings.Fields(fmt.Sprintf("the interval is %.3g %s wide, limit %.3g", width(it, x), t.Unit, widest)), " ")
			}
			if rd.Reason == "" {
				rd.Answer = fmt.Sprintf("%.4g %s", x.value, t.Unit)
			}
			y, ok := d.truth(it, t.Name)
			if ok {
				rd.Truth = fmt.Sprintf("%.4g", y)
				judge.Value, judge.Truth = append(judge.Value, x.value), append(judge.Truth, y)
				if stds && !intervals {
					judge.Std = append(judge.Std, x.std)
				}
				if intervals {
					judge.Low, judge.High = append(judge.Low, x.low), append(judge.High, x.high)
				}
				judge.Patient = append(judge.Patient, d.r.Cohort.Rows[it.row].Patient)
				judge.Calibration = append(judge.Calibration, it.part == partVal)
				d.groups(judge.Groups, it)
				if d.judged(it) {
					n++
					answered += btoi(rd.Reason == "")
				}
			}
			d.out.readings = append(d.out.readings, rd)
		}
	}
	of.Answered = share(answered, n)
	if len(d.split.Folds) > 1 {
		judge.Calibration = nil
	}
	var err error
	of.Numbers, err = uncertainty.JudgeNumbers(judge, uncertainty.JudgeOptions{Alpha: d.u.Miscoverage(), Seed: d.r.Plan.Seed})
	return err
}

// times judges a time-to-event target.
func (d *doubter) times(t evaluate.Target, of *DoubtsOf) error {
	judge := uncertainty.Curves{Cuts: t.Cuts, Groups: map[string][]string{}}
	n, answered := 0, 0
	for _, it := range d.items {
		rd := d.reading(it, t)
		curve := it.from.Of[t.Name].Mean(it.at)
		rd.Value = uncertainty.TimeQuantile(t.Cuts, curve, 0.5)
		rd.Low = uncertainty.TimeQuantile(t.Cuts, curve, d.u.Miscoverage())
		if rd.Reason = d.tooStrange(it); rd.Reason == "" {
			rd.Answer = fmt.Sprintf("median %.4g %s", rd.Value, t.Unit)
		}
		v := d.r.Cohort.Rows[it.row].Truth[t.Name]
		if len(v) == 2 && !math.IsNaN(v[0]) {
			judge.Survival, judge.Time, judge.Event = append(judge.Survival, curve), append(judge.Time, v[0]), append(judge.Event, int(v[1]))
			judge.Patient = append(judge.Patient, d.r.Cohort.Rows[it.row].Patient)
			judge.Calibration = append(judge.Calibration, it.part == partVal)
			d.groups(judge.Groups, it)
			if d.judged(it) {
				n++
				answered += btoi(rd.Reason == "")
			}
		}
		d.out.readings = append(d.out.readings, rd)
	}
	of.Answered = share(answered, n)
	if len(d.split.Folds) > 1 {
		judge.Calibration = nil
	}
	var err error
	of.Times, err = uncertainty.JudgeTimes(judge, uncertainty.JudgeOptions{Alpha: d.u.Miscoverage(), Seed: d.r.Plan.Seed})
	return err
}

func share(k, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(k) / float64(n)
}

func ptr[T any](v T) *T { return &v }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
