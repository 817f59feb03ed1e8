package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
)

// term is how a metric is called and explained to a reader who is no statistician.
type term struct {
	label string
	help  string
	share bool // lies between 0 and 1
}

var terms = map[string]term{
	"auroc":                      {"AUROC", "chance that a row with the outcome scores higher than one without; 0.5 is guessing", true},
	"auroc_delong":               {"AUROC, DeLong", "the same area with an analytic interval", true},
	"auroc_weighted":             {"AUROC, weighted", "classes weighted by how common they are", true},
	"auprc":                      {"AUPRC", "average precision; guessing reaches the prevalence", true},
	"accuracy":                   {"Accuracy", "share of right calls", true},
	"balanced_accuracy":          {"Balanced accuracy", "mean over classes of the share found", true},
	"f1":                         {"F1", "harmonic mean of sensitivity and predictive value", true},
	"kappa":                      {"Kappa", "agreement beyond chance", true},
	"sensitivity":                {"Sensitivity", "share of those with the outcome that are called", true},
	"specificity":                {"Specificity", "share of those without the outcome that are not called", true},
	"ppv":                        {"Positive predictive value", "share of those called that have the outcome", true},
	"npv":                        {"Negative predictive value", "share of those not called that do not have it", true},
	"sensitivity_at_specificity": {"Sensitivity at fixed specificity", "share found when few of the others may be called", true},
	"specificity_achieved":       {"Specificity reached", "by the threshold that was chosen on validation rows", true},
	"brier":                      {"Brier score", "mean squared error of the probability; 0 is perfect", true},
	"log_loss":                   {"Log loss", "mean surprise at the truth; 0 is perfect", false},
	"ece":                        {"Calibration error", "mean gap of stated and observed frequency (ECE)", true},
	"ece_mass":                   {"Calibration error, equal bins", "the same with bins of equal size", true},
	"calibration_slope":          {"Calibration slope", "1 is right; below 1, predictions are too extreme", false},
	"calibration_intercept":      {"Calibration intercept", "0 is right; above 0, risks are stated too low", false},
	"mae":                        {"Mean absolute error", "typical distance from the truth", false},
	"rmse":                       {"Root mean squared error", "the same, large errors counting more", false},
	"r2":                         {"R²", "share of the variation explained", true},
	"pearson":                    {"Pearson correlation", "of predicted and true values", true},
	"spearman":                   {"Rank correlation", "of predicted and true values (Spearman)", true},
	"bias":                       {"Bias", "mean of predicted minus true", false},
	"c_td":                       {"Concordance", "how often the one with the earlier event was predicted so (time-dependent)", true},
	"ibs":                        {"Integrated Brier score", "squared error of survival over time, weighted for censoring", true},
	"ibll":                       {"Integrated log likelihood", "of being free of the event over time, weighted for censoring; 0 is best", true},
	"brier_median":               {"Brier score at the median event", "squared error of survival at that time", true},
}

// mainMetrics are shown at once; the rest is folded.
var mainMetrics = map[evaluate.Kind][]string{
	evaluate.Binary:     {"auroc", "auprc", "sensitivity", "specificity", "sensitivity_at_specificity", "brier", "calibration_slope"},
	evaluate.Class:      {"accuracy", "balanced_accuracy", "auroc", "f1", "ece"},
	evaluate.MultiLabel: {"auroc", "auprc", "f1", "brier"},
	evaluate.Regression: {"mae", "rmse", "bias", "r2", "pearson"},

	evaluate.TimeToEvent: {"c_td", "ibs", "brier_median"},
}

// headMetric is the one that stands for a target in a sentence and in subgroups.
func headMetric(k evaluate.Kind) string {
	switch k {
	case evaluate.Class:
		return "accuracy"
	case evaluate.Regression:
		return "mae"
	case evaluate.TimeToEvent:
		return "c_td"
	}
	return "auroc"
}

// inUnit reports whether the metric has the target's unit.
func inUnit(metric string) bool { return metric == "mae" || metric == "rmse" || metric == "bias" }

// number prints v for people: shares with two decimals, three where they tell more; other values with three digits; a real minus sign.
func number(v float64, share bool) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case share && (math.Abs(v) >= 0.995 && math.Abs(v) < 1 || math.Abs(v) < 0.1 && v != 0):
		return minus(strconv.FormatFloat(v, 'f', 3, 64))
	case share:
		return minus(strconv.FormatFloat(v, 'f', 2, 64))
	case math.Abs(v) >= 100:
		return minus(strconv.FormatFloat(v, 'f', 0, 64))
	case math.Abs(v) >= 10 || v == 0:
		return minus(strconv.FormatFloat(v, 'f', 1, 64))
	case math.Abs(v) >= 0.01:
		return minus(strconv.FormatFloat(v, 'f', 2, 64))
	}
	return minus(strconv.FormatFloat(v, 'g', 2, 64))
}

func minus(s string) string {
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return strings.ReplaceAll(s, "-", "−")
}

// printed is value, interval ("low to high", or nothing) and baseline of a measure with the same decimals: two for shares, three where
// the interval is narrower than 0.02; else as many as give the interval's width two digits.
func printed(m evaluate.Measure, share bool) (value, span, base string) {
	width := float64(m.High - m.Low)
	if !m.Low.Defined() || !m.High.Defined() || width <= 0 {
		width = 0
	}
	at := func(v float64) string { return number(v, share) }
	if width > 0 {
		decimals := min(max(1-int(math.Floor(math.Log10(width))), 0), 6)
		if share {
			decimals = min(max(decimals, 2), 3)
			if width >= 0.02 {
				decimals = 2
			}
		}
		at = func(v float64) string {
			if math.IsNaN(v) {
				return "–"
			}
			return minus(strconv.FormatFloat(v, 'f', decimals, 64))
		}
		span = at(float64(m.Low)) + "\u00a0to\u00a0" + at(float64(m.High))
	}
	if m.Baseline != nil {
		base = at(float64(*m.Baseline))
	}
	return at(float64(m.Value)), span, base
}

// percent prints a level or share as a percentage without needless decimals.
func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1000)/10, 'f', -1, 64) + "\u00a0%"
}

// thousands sets off groups of three digits by a narrow space.
func thousands(n int) string {
	s := strconv.Itoa(n)
	if n < 10000 {
		return s
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteRune('\u202f')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// full is value with interval in words: "0.84 (95 % interval 0.78 to 0.89)".
func full(m evaluate.Measure, share bool, unit string) string {
	s, span, _ := printed(m, share)
	if unit != "" {
		s += "\u00a0" + unit
	}
	if span != "" {
		s += fmt.Sprintf(" (%s interval %s)", percent(m.Level), span)
	}
	return s
}

// asPercent is a share with its interval in per cent, for sentences.
func asPercent(m evaluate.Measure) string {
	whole := func(v evaluate.Number) string { return strconv.Itoa(int(math.Round(100 * float64(v)))) }
	s := whole(m.Value) + "\u00a0%"
	if m.Low.Defined() && m.High.Defined() {
		s += fmt.Sprintf(" (%s interval %s\u00a0to\u00a0%s\u00a0%%)", percent(m.Level), whole(m.Low), whole(m.High))
	}
	return s
}

// verdict weighs a metric against guessing.
func verdict(m evaluate.Measure) (words, class string) {
	switch g := m.Gain; {
	case g == nil || !g.Low.Defined():
		return "", ""
	case g.Low > 0:
		return "better than guessing", "good"
	case g.High < 0:
		return "worse than guessing", "bad"
	}
	return "not clearly better than guessing", "unsure"
}

// headline says in one sentence how well a target is predicted.
func headline(t *evaluate.TargetReport) string {
	if t.N == 0 {
		return "Could not be judged: no row has both a truth and a prediction."
	}
	key := headMetric(t.Kind)
	m := t.Metrics[key]
	if !m.Value.Defined() {
		return fmt.Sprintf("Could not be judged: %s is %s.", terms[key].label, m.Reason)
	}
	_, _, base := printed(m, terms[key].share)
	if base == "" {
		base = "–"
	}
	var s string
	switch t.Kind {
	case evaluate.Regression:
		s = fmt.Sprintf("The typical error is %s; saying the mean for everyone gives %s", full(m, false, t.Unit), strings.TrimSpace(base+"\u00a0"+t.Unit))
	case evaluate.Class:
		s = fmt.Sprintf("Right in %s of rows", asPercent(m))
		if m.Baseline != nil {
			s += fmt.Sprintf("; always naming the commonest class is right in %.0f\u00a0%%", 100*float64(*m.Baseline))
		}
	case evaluate.MultiLabel:
		s = fmt.Sprintf("Mean AUROC over %d labels is %s; guessing gives 0.50", len(t.Classes), full(m, true, ""))
	case evaluate.TimeToEvent:
		s = fmt.Sprintf("Concordance is %s; guessing gives 0.50", full(m, true, ""))
	default:
		s = fmt.Sprintf("AUROC is %s; guessing gives 0.50", full(m, true, ""))
	}
	if words, _ := verdict(m); words != "" {
		s += ": " + words
	}
	return s + "."
}

// comparison is what is to be said of one metric of a target under two splits.
type comparison struct {
	Target string
	Words  string
	Clear  bool // the intervals do not overlap
}

// compare says how the same metric differs between two variants.
func compare(name, metric string, a, b Variant, x, y evaluate.Measure, unit string) comparison {
	if !x.Value.Defined() || !y.Value.Defined() {
		return comparison{Target: name, Words: "Cannot be compared: the metric is undefined under one of the splits.", Clear: true}
	}
	t := terms[metric]
	unit = unitOf(metric, unit)
	d := float64(y.Value - x.Value)
	s := fmt.Sprintf("%s is %s under “%s” and %s under “%s”. ", t.label, full(x, t.share, unit), a.Name, full(y, t.share, unit), b.Name)
	clear := x.Low > y.High || y.Low > x.High
	worse := d < 0 == (x.Better == "higher") && d != 0
	switch {
	case !x.Low.Defined() || !y.Low.Defined():
		s += "Without intervals the difference cannot be told from chance."
	case !clear:
		s += "The intervals overlap: the difference may be chance."
	case worse && b.HeldOut && !a.HeldOut:
		s += "The intervals do not overlap. At a source that training never saw, expect the second; the rest of the first is likely to be what the network learnt of the sources themselves."
	case !worse && a.HeldOut && !b.HeldOut:
		s += "The intervals do not overlap. At a source that training never saw, expect the first; what the second adds is likely to be what the network learnt of the sources themselves."
	default:
		s += "The intervals do not overlap: the difference is unlikely to be chance."
	}
	return comparison{Target: name, Words: s, Clear: clear}
}

// unitOf is the unit of the metric where it has the target's.
func unitOf(metric, unit string) string {
	if inUnit(metric) {
		return unit
	}
	return ""
}
