package run

import (
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/report"
	"github.com/cineloop/cineloop/stats"
)

// coveredOf is how often sets hold the truth.
func coveredOf(covered, n, size, single, empty, right int) *uncertainty.Covered {
	v := stats.ClopperPearson(covered, n, 0.95)
	return &uncertainty.Covered{N: n, Coverage: share(covered, n), Low: v.Low, High: v.High, Size: share(size, n), Single: share(single, n),
		Empty: share(empty, n), Accuracy: share(right, n)}
}

// writeReadings writes uncertainty.csv: a row an item and target. Empty fields were not said.
func writeReadings(path string, d *Doubts) error {
	return atomicfile.Write(path, func(out io.Writer) error {
		w := csv.NewWriter(out)
		head := []string{"item", "patient", "split", "fold", "target", "truth", "answer", "reason", "likeliest", "value", "set", "low", "high",
			"uncertainty", "of_data", "of_model", "stranger_than", "like_this"}
		for _, n := range d.OODScores {
			head = append(head, "ood_"+n)
		}
		_ = w.Write(head) // Flush reports
		for _, r := range d.readings {
			row := []string{r.Item, r.Patient, r.Split, strconv.Itoa(r.Fold), r.Target, r.Truth, strings.TrimSpace(r.Answer), r.Reason, r.Class,
				number(r.Value), strings.Join(r.Set, "|"), number(r.Low), number(r.High), number(r.Total), number(r.Data), number(r.Model),
				number(r.Strange), strconv.Itoa(r.Like)}
			for _, s := range r.Scores {
				row = append(row, number(s))
			}
			_ = w.Write(row)
		}
		w.Flush()
		return w.Error()
	})
}

func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', 8, 64)
}

// writeDoubtPage writes uncertainty.html.
func (r *Run) writeDoubtPage(path string, d *Doubts) error {
	page := report.UncertaintyPage{Title: r.Plan.Name, About: "Split " + d.Split + ". Thresholds are learnt from " + d.Learnt + ".", Notes: d.Notes, Targets: d.shown()}
	page.Readings = pickReadings(d.readings)
	return atomicfile.Write(path, func(w io.Writer) error { return page.Write(w) })
}

// pickReadings are some judged readings of each target: answers first, then each reason for none.
func pickReadings(all []uncertainty.Reading) []uncertainty.Reading {
	count := map[string]int{}
	var out []uncertainty.Reading
	for _, r := range all {
		reason := r.Reason
		if len(reason) > 12 {
			reason = reason[:12]
		}
		key := r.Target + "\x00" + reason
		if r.Split == partTest && count[key] < 3 {
			count[key]++
			out = append(out, r)
		}
	}
	return out
}
