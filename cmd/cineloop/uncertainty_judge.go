package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/report"
)

// known are a target's rows that have a truth and a score, with what goes beside them.
type knownRows struct {
	rows        []int
	patient     []string
	calibration []bool
	groups      map[string][]string
	out         []bool
	says        map[string][]float64 // what columns TARGET_std, _low and _high hold
}

// rowsOf finds a target's rows. Columns of what the model says of itself are taken out of the subgroups.
func rowsOf(p *evaluate.Predictions, t evaluate.Target) (knownRows, error) {
	k := knownRows{groups: map[string][]string{}, says: map[string][]float64{}}
	var val, test bool
	for i := range p.Item {
		truth, score := p.Truth[t.Name][i], p.Score[t.Name][i]
		if slices.ContainsFunc(truth, func(v float64) bool { return v != v }) || score[0] != score[0] {
			continue
		}
		k.rows = append(k.rows, i)
		k.patient = append(k.patient, p.Patient[i])
		val, test = val || p.Split[i] == "val", test || p.Split[i] == "test"
	}
	if val && test {
		for _, i := range k.rows {
			k.calibration = append(k.calibration, p.Split[i] == "val")
		}
	}
	says := map[string]bool{}
	for _, o := range p.Targets {
		for _, s := range []string{"_std", "_low", "_high"} {
			says[o.Name+s] = true
		}
	}
	for _, g := range p.Groups {
		values := make([]string, len(k.rows))
		for n, i := range k.rows {
			values[n] = g.Values[i]
		}
		switch {
		case g.Name == "ood":
			for _, v := range values {
				k.out = append(k.out, v == "1")
			}
		case says[g.Name]:
			if len(g.Name) <= len(t.Name) || g.Name[:len(t.Name)] != t.Name {
				continue
			}
			for n, v := range values {
				x, err := strconv.ParseFloat(v, 64)
				if err != nil {
					return k, fault.New(fault.Input, "column %s, row %d: not a number", g.Name, k.rows[n]+1)
				}
				k.says[g.Name[len(t.Name):]] = append(k.says[g.Name[len(t.Name):]], x)
			}
		default:
			k.groups[g.Name] = values
		}
	}
	return k, nil
}

// judgeTarget judges one target's predictions after its kind.
func judgeTarget(p *evaluate.Predictions, t evaluate.Target, o uncertainty.JudgeOptions) (found, error) {
	f := found{name: t.Name, unit: t.Unit}
	k, err := rowsOf(p, t)
	if err != nil {
		return f, err
	}
	truth := func(column int) []float64 {
		var out []float64
		for _, i := range k.rows {
			out = append(out, p.Truth[t.Name][i][column])
		}
		return out
	}
	switch t.Kind {
	case evaluate.Regression:
		it := uncertainty.Numbers{Truth: truth(0), Patient: k.patient, Calibration: k.calibration, Groups: k.groups, Out: k.out,
			Std: k.says["_std"], Low: k.says["_low"], High: k.says["_high"]}
		if (it.Low == nil) != (it.High == nil) {
			return f, fault.New(fault.Input, "one of the columns %s_low and %s_high is missing", t.Name, t.Name)
		}
		for _, i := range k.rows {
			it.Value = append(it.Value, p.Score[t.Name][i][0])
		}
		f.numbers, err = uncertainty.JudgeNumbers(it, o)
	case evaluate.TimeToEvent:
		it := uncertainty.Curves{Cuts: t.Cuts, Time: truth(0), Patient: k.patient, Calibration: k.calibration, Groups: k.groups}
		for _, e := range truth(1) {
			it.Event = append(it.Event, int(e))
		}
		for _, i := range k.rows {
			it.Survival = append(it.Survival, p.Score[t.Name][i])
		}
		f.times, err = uncertainty.JudgeTimes(it, o)
	default:
		it := uncertainty.Items{Classes: t.Classes, Patient: k.patient, Calibration: k.calibration, Groups: k.groups, Out: k.out}
		if t.Kind == evaluate.Binary {
			it.Classes = []string{"no", "yes"}
		}
		for _, v := range truth(0) {
			it.Label = append(it.Label, int(v))
		}
		for _, i := range k.rows {
			probs := p.Score[t.Name][i]
			if t.Kind == evaluate.Binary {
				probs = []float64{1 - probs[0], probs[0]}
			}
			it.Probs = append(it.Probs, probs)
		}
		f.classes, err = uncertainty.Judge(it, o)
	}
	return f, err
}

func (f found) any() any {
	switch {
	case f.numbers != nil:
		return f.numbers
	case f.times != nil:
		return f.times
	}
	return f.classes
}

func (f found) print(io ioStreams) error {
	switch {
	case f.numbers != nil:
		return writeNumbers(io, f.name, f.numbers)
	case f.times != nil:
		return writeTimes(io, f.name, f.times)
	}
	return writeJudgement(io, f.name, f.classes)
}

func writeUncertaintyPage(path, of string, all []found) error {
	page := report.UncertaintyPage{Title: "Uncertainty of " + filepath.Base(of), Version: version.String()}
	for _, f := range all {
		page.Targets = append(page.Targets, report.Uncertain{Name: f.name, Unit: f.unit, Classes: f.classes, Numbers: f.numbers, Times: f.times})
	}
	return atomicfile.Write(path, func(w io.Writer) error { return page.Write(w) })
}

func writeNumbers(io ioStreams, name string, j *uncertainty.NumberJudgement) error {
	fmt.Fprintf(io.Out, "%s: %d items judged, thresholds from %d others\n\n", name, j.N, j.Calibrating)
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "mean absolute error\t%.4g\nroot mean squared error\t%.4g\nbias\t%.4g\n", j.MAE, j.RMSE, j.Bias)
	for _, r := range []struct {
		name string
		v    *float64
	}{{"NLL, normal", j.NLL}, {"CRPS, normal", j.CRPS}, {"mean predicted deviation", j.Sharpness}, {"PIT, distance from even", j.PITMiss}, {"AURC", j.AURC}} {
		if r.v != nil {
			fmt.Fprintf(w, "%s\t%.4g\n", r.name, *r.v)
		}
	}
	fmt.Fprintf(w, "\nintervals %s, %.0f %% promised\tn\tcoverage\t95 %% interval\tmean width\tinterval score\n", j.Way, 100*(1-j.Alpha))
	line := func(label string, l uncertainty.IntervalLine) {
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f to %.3f\t%.4g\t%.4g\n", label, l.N, l.Coverage, l.Low, l.High, l.Width, l.Score)
	}
	if j.Promised != nil {
		line("all, as predicted", *j.Promised)
	}
	for _, l := range j.Intervals {
		line(uncertainty.GroupName(l.Group, l.Value, l.Own, l.Every), l)
	}
	for _, s := range j.Selective {
		fmt.Fprintf(w, "answered %.0f %%\t\t\tmean absolute error %.4g\n", 100*s.Coverage, s.Risk)
	}
	return finish(io, w, said(j.Promise, j.Notes))
}

func writeTimes(io ioStreams, name string, j *uncertainty.TimeJudgement) error {
	fmt.Fprintf(io.Out, "%s: %d people judged with %d events, thresholds from %d others\n\n", name, j.N, j.Events, j.Calibrating)
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	if j.DCalP != nil {
		fmt.Fprintf(w, "D-calibration, p\t%.3g\n", *j.DCalP)
	}
	fmt.Fprintln(w, "\nhorizon\tpredicted event\tobserved\t95 % interval\tBrier")
	for _, h := range j.Horizons {
		fmt.Fprintf(w, "%.4g\t%.3f\t%.3f\t%.3f to %.3f\t%.4f\n", h.Time, h.Predicted, h.Observed, h.Low, h.High, h.Brier)
	}
	fmt.Fprintf(w, "\nlower bounds, %.0f %% promised, up to %.4g\tn\tlive past it\t95 %% interval\tmean bound\n", 100*(1-j.Alpha), j.Cutoff)
	line := func(label string, l uncertainty.BoundLine) {
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f to %.3f\t%.4g\n", label, l.N, l.Coverage, l.Low, l.High, l.Bound)
	}
	line("all, as predicted", j.Raw)
	for _, l := range j.Bounds {
		line(uncertainty.GroupName(l.Group, l.Value, false, false), l)
	}
	return finish(io, w, j.Notes)
}

// said is what was found of subgroups, then notes.
func said(promise string, notes []string) []string {
	if promise == "" {
		return notes
	}
	return append([]string{promise}, notes...)
}

func finish(io ioStreams, w *tabwriter.Writer, notes []string) error {
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintln(io.Out, n)
	}
	_, err := fmt.Fprintln(io.Out)
	return err
}
