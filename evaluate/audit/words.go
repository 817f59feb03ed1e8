package audit

import (
	"fmt"
	"slices"

	"github.com/cineloop/cineloop/evaluate"
)

// verdict says in a few sentences what the audit of a target found.
func verdict(j *judged, t *Target) []string {
	var out []string
	for _, a := range j.attrs {
		if a.cross {
			continue
		}
		gaps := t.Gaps[a.Name]
		if gaps == nil {
			out = append(out, fmt.Sprintf("%s: cannot tell, fewer than two groups have %d patients", a.Name, j.o.MinGroup))
			continue
		}
		name := gapsOf(t.Kind)[0].name
		if t.Kind == evaluate.Binary {
			name = "equalised_odds"
		}
		g := gaps[name]
		what := Words(name)
		switch {
		case !g.Value.Defined():
			out = append(out, fmt.Sprintf("%s: cannot tell, the %s gap is undefined", a.Name, what))
		case g.P.Defined() && float64(g.P) < 1-j.o.Level:
			out = append(out, fmt.Sprintf("%s: the %s gap is %.3f (%.3f to %.3f), between %s and %s; shuffled groups give %.3f (p = %.3f)",
				a.Name, what, g.Value, g.Low, g.High, g.Least, g.Most, g.ByChance, g.P))
		default:
			out = append(out, fmt.Sprintf("%s: the %s gap is %.3f, no more than shuffled groups give (%.3f): no difference is shown, which is not proof of none",
				a.Name, what, g.Value, g.ByChance))
		}
		var small []string
		for _, v := range a.Values {
			if t.Groups[a.Name][v].CannotTell {
				small = append(small, v)
			}
		}
		if len(small) > 0 {
			out = append(out, fmt.Sprintf("%s: cannot tell for %s, too few patients", a.Name, list(small)))
		}
		if slices.Contains(a.Values, Unknown) {
			g := t.Groups[a.Name][Unknown]
			out = append(out, fmt.Sprintf("%s: not known for %d of %d patients, who are a group of their own", a.Name, g.Patients, t.Patients))
		}
	}
	for _, c := range t.Comparisons {
		if c.Worse {
			out = append(out, fmt.Sprintf("%s = %s is worse off than everybody in %s by %.3f (%.3f to %.3f; p = %.3g after correction for %d comparisons)",
				c.Attribute, c.Group, Words(c.Metric), abs(c.Difference.Value), min(abs(c.Difference.Low), abs(c.Difference.High)),
				max(abs(c.Difference.Low), abs(c.Difference.High)), c.Adjusted, len(t.Comparisons)))
		}
	}
	if t.Search != nil && t.Search.Found != "" {
		out = append(out, t.Search.Verdict)
	}
	return out
}

func abs(n evaluate.Number) float64 { return max(float64(n), -float64(n)) }

func list(words []string) string {
	out := words[0]
	for i, w := range words[1:] {
		if i == len(words)-2 {
			out += " and " + w
		} else {
			out += ", " + w
		}
	}
	return out
}

var phrases = map[string]string{
	"demographic_parity": "demographic parity", "equalised_odds": "equalised odds", "equal_opportunity": "equal opportunity",
	"predictive_parity": "predictive parity", "calibration": "calibration", "auroc": "AUROC", "auprc": "AUPRC", "tpr": "sensitivity",
	"fpr": "false-positive rate", "ppv": "positive predictive value", "selection_rate": "share called positive",
	"in_the_large": "calibration in the large", "mae": "mean absolute error", "rmse": "root mean squared error", "c_td": "concordance",
	"ibs": "integrated Brier score", "ece": "calibration error", "brier": "Brier score", "brier_median": "Brier score at the median time",
	"calibration_slope": "calibration slope", "calibration_intercept": "calibration intercept", "r2": "R²",
	"balanced_accuracy": "balanced accuracy", "abstain": "abstention rate", "quality": "image quality",
}

// Words is a metric's or gap's name for people.
func Words(name string) string {
	if w, ok := phrases[name]; ok {
		return w
	}
	return name
}

// Shown are the metrics that a summary shows first.
func Shown(kind evaluate.Kind) []string {
	switch kind {
	case evaluate.Binary:
		return []string{"prevalence", "auroc", "tpr", "fpr", "ppv", "ece"}
	case evaluate.Class:
		return []string{"auroc", "accuracy", "balanced_accuracy"}
	case evaluate.MultiLabel:
		return []string{"auroc", "accuracy", "brier"}
	case evaluate.TimeToEvent:
		return []string{"c_td", "ibs"}
	}
	return []string{"mae", "bias"}
}

// String is the value with its interval, or why there is none.
func (m Measure) String() string {
	switch {
	case !m.Value.Defined():
		return "–"
	case !m.Low.Defined():
		return fmt.Sprintf("%.3f (no interval)", m.Value)
	}
	return fmt.Sprintf("%.3f (%.3f to %.3f)", m.Value, m.Low, m.High)
}
