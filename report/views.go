package report

import "github.com/cineloop/cineloop/evaluate"

// ViewRow is what one view of studies says of a target alone, and all views of the same studies together.
type ViewRow struct {
	What     string // the view; or the studies that are meant
	Target   string
	Metric   string
	Studies  int
	Weight   *float64          // mean share in what its studies say; nil: not of one view
	Alone    *evaluate.Measure // nil: not of one view
	Together evaluate.Measure
}

func viewTable(rows []ViewRow) *table {
	t := &table{Head: []string{"View", "target", "studies", "weight", "metric", "alone", "together"}}
	for _, r := range rows {
		line := []string{r.What, r.Target, thousands(r.Studies), "–", terms[r.Metric].label, "–", spanned(r.Together, r.Metric)}
		if r.Weight != nil {
			line[3] = number(*r.Weight, true)
		}
		if r.Alone != nil {
			line[5] = spanned(*r.Alone, r.Metric)
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

// spanned is a value with its interval.
func spanned(m evaluate.Measure, metric string) string {
	value, span, _ := printed(m, terms[metric].share)
	if span != "" {
		value += " (" + span + ")"
	}
	return value
}
