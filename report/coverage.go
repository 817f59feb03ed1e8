package report

import (
	"fmt"
	"math"

	"github.com/cineloop/cineloop/methods/uncertainty"
)

// coveredLine is how often sets, intervals or bounds hold the truth, in everyone or a subgroup, with thresholds of one way.
type coveredLine struct {
	Group, Value        string
	Every               bool // each item had the largest threshold of its groups
	N                   int
	Coverage, Low, High float64
	Size                string // "1.4 classes"
}

// coverageForests draw coverage by subgroup against the promise, on one scale: with one threshold for all, and, where there are
// subgroups, with the largest of each item's groups.
func coverageForests(what string, lines []coveredLine, promised float64) []forest {
	values := []float64{promised, 1}
	grouped, every := false, false
	for _, l := range lines {
		values = append(values, l.Low, l.High)
		grouped, every = grouped || l.Group != "", every || l.Every
	}
	if !grouped {
		return nil
	}
	s := scaleOver(values)
	s.Min, s.Max = math.Max(s.Min, 0), math.Min(s.Max, 1)
	axis := s.axis()
	if len(axis) == 5 { // two decimals each: five run into each other on a telephone
		axis = []tick{axis[0], axis[2], axis[4]}
	}
	build := func(title, help string, every bool) forest {
		f := forest{Title: title, Help: help, Axis: axis}
		heading := ""
		for _, l := range lines {
			if l.Every != every {
				continue
			}
			if l.Group != heading {
				heading = l.Group
				f.Rows = append(f.Rows, forestRow{Heading: heading})
			}
			r := forestRow{Name: l.Value, N: thousands(l.N) + " items", Value: f3(l.Coverage), Span: f3(l.Low) + " to " + f3(l.High), More: l.Size,
				Bar: s.bar(l.Low, l.Coverage, l.High, promised)}
			if l.Group == "" {
				r.Name, r.Whole = "Everyone", true
			}
			if uncertainty.Verdict(l.Low, l.High, promised) == "missed" {
				r.Bad = "falls short"
			}
			f.Rows = append(f.Rows, r)
		}
		return f
	}
	out := []forest{build(what+", one threshold for all", fmt.Sprintf("Coverage with its 95 %% interval; the line is the promise, %s.", inPercent(promised)), false)}
	if every {
		out = append(out, build(what+", a threshold for each subgroup", "An item gets the largest of its subgroups' thresholds, as a recipe with subgroups does: wider, and it holds in each.", true))
	}
	return out
}

// classesSummary says in a few sentences, for somebody who reads no further, what the numbers of classes mean.
func classesSummary(j *uncertainty.Judgement) []string {
	var out []string
	n := float64(j.N)
	acc, conf := j.Raw.Accuracy, j.Raw.Sharpness
	chance := math.Max(0.02, 2*math.Sqrt(acc*(1-acc)/n)) // less than that nobody needs to hear of
	switch {
	case conf-acc > chance:
		out = append(out, fmt.Sprintf("Too sure: a mean confidence of %.2f, and %.2f are right. After temperature scaling confidence is %.2f.", conf, acc, j.Scaled.Sharpness))
	case acc-conf > chance:
		out = append(out, fmt.Sprintf("Not sure enough: a mean confidence of %.2f, and %.2f are right. After temperature scaling confidence is %.2f.", conf, acc, j.Scaled.Sharpness))
	default:
		out = append(out, fmt.Sprintf("Confidence and accuracy agree on average: %.2f and %.2f.", conf, acc))
	}
	if s := selectiveSummary("error rate", "%.3f", j.Selective); s != "" {
		out = append(out, s)
	}
	for _, c := range j.Sets[:1] {
		out = append(out, promiseSummary("Sets hold the truth", c.Coverage, c.Low, c.High, 1-j.Alpha))
	}
	if j.Promise != "" {
		out = append(out, j.Promise)
	}
	return out
}

func numbersSummary(j *uncertainty.NumberJudgement) []string {
	var out []string
	if len(j.Intervals) > 0 {
		l := j.Intervals[0]
		out = append(out, promiseSummary("Intervals hold the truth", l.Coverage, l.Low, l.High, 1-j.Alpha)+fmt.Sprintf(" They are %.3g wide on average.", l.Width))
	}
	if s := selectiveSummary("mean absolute error", "%.3g", j.Selective); s != "" {
		out = append(out, s)
	}
	if j.Promise != "" {
		out = append(out, j.Promise)
	}
	return out
}

func promiseSummary(what string, coverage, low, high, promised float64) string {
	end := "as promised"
	switch uncertainty.Verdict(low, high, promised) {
	case "missed":
		end = "less than promised"
	case "more":
		end = "more than promised: they could be smaller"
	}
	return fmt.Sprintf("%s for %.3f of items (%.3f to %.3f), %s promised: %s.", what, coverage, low, high, inPercent(promised), end)
}

// selectiveSummary says whether answering fewer helps.
func selectiveSummary(what, format string, points []uncertainty.SelectivePoint) string {
	if len(points) == 0 {
		return ""
	}
	all, half := points[0], points[len(points)-1]
	switch {
	case all.Risk == 0:
		return "Nothing is wrong among the judged items: whether doubt would find errors cannot be said."
	case half.Risk < all.Risk:
		return fmt.Sprintf("Doubt finds errors: the %s is "+format+" when everything is answered and "+format+" when the surest %s are.", what, all.Risk, half.Risk, inPercent(half.Coverage))
	}
	return fmt.Sprintf("Doubt does not find errors: the %s is "+format+" when everything is answered and "+format+" when the surest %s are. Do not abstain by it.", what, all.Risk, half.Risk, inPercent(half.Coverage))
}
