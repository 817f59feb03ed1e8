package main

import (
	"fmt"
	"io"
	"math"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/report"
)

// writePage draws the studies as forests: AUROC, and what each way adds to the better single modality, condition by condition.
func writePage(path string, all []*study) error {
	page := report.SectionsPage{Title: "Pictures and a table together", About: "The picture alone, the table alone, and every way of joining them: same rows, divisions, budget and seeds; 95 % intervals by patient."}
	for _, s := range all {
		sec := report.Section{Title: s.Name, Text: fmt.Sprintf("%s. Judged on %d rows of %d patients, %d with the outcome.", s.About, s.N, s.People, s.Events)}
		gain := report.Forest{Title: "What it adds to the better single modality", Help: "AUROC, on the same resamples; the dashed line is nothing", Line: 0}
		area := report.Forest{Title: "AUROC", Help: "mean over seeds", Line: math.NaN()}
		last := ""
		for _, r := range s.Rows {
			if r.Condition != last {
				last = r.Condition
				area.Rows, gain.Rows = append(area.Rows, report.ForestRow{Heading: last}), append(gain.Rows, report.ForestRow{Heading: last})
			}
			area.Rows = append(area.Rows, forestRow(r.Name, fmt.Sprintf("Brier score %.3f", float64(r.Brier.Value)), r.AUROC))
			if r.Gain != nil {
				gain.Rows = append(gain.Rows, forestRow(r.Name, "over "+r.Over, *r.Gain))
			}
		}
		sec.Forests = []report.Forest{area, gain}
		page.Sections = append(page.Sections, sec)
		page.Notes = append(page.Notes, s.Notes...)
	}
	return atomicfile.Write(path, func(w io.Writer) error { return page.Write(w) })
}

func forestRow(name, detail string, v value) report.ForestRow {
	r := report.ForestRow{Name: name, Detail: detail, Value: float64(v.Value), Low: float64(v.Low), High: float64(v.High)}
	if !v.Value.Defined() {
		r.Reason = "undefined"
	}
	return r
}
