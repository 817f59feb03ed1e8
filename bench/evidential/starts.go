package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"text/tabwriter"

	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/torch"
)

// startRow is what several seeds of one way to start came to.
type startRow struct {
	Name     string    `json:"name"`
	Accuracy []float64 `json:"accuracy"`
	Dead     []int     `json:"dead_classes"` // how many, by seed
}

// studyStarts trains evidential networks on 6,000 images, several seeds for each way to start, and counts classes that died. Rows whose
// name only does not match are taken from the folder's starts.json, or left out where it has none.
func studyStarts(e *torch.Engine, d *data, o options, only *regexp.Regexp, say func(string)) error {
	path := filepath.Join(o.out, "starts.json")
	var rows, before []startRow
	if b, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(b, &before); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, t := range terms {
		for _, ev := range evidences {
			for _, way := range []struct {
				name, start  string
				raw, dropout bool
			}{{"torch's start, standardised pixels", startTorch, false, false}, {"torch's start, pixels 0 to 1", startTorch, true, false},
				{"He's start, standardised pixels", startHe, false, false}, {"He's start, pixels 0 to 1", startHe, true, false},
				{"He's start, pixels 0 to 1, dropout", startHe, true, true}} {
				if ev.evidence != uncertainty.ReLU && (way.start == startHe || way.raw) {
					continue // only ReLU can die: one row each to show it
				}
				row := startRow{Name: fmt.Sprintf("%s + %s, %s", t.name, ev.name, way.name)}
				if !only.MatchString(row.Name) {
					if k := slices.IndexFunc(before, func(r startRow) bool { return r.Name == row.Name }); k >= 0 {
						rows = append(rows, before[k])
					}
					continue
				}
				for seed := range o.starts {
					m := method{Name: row.Name, Kind: edl(t.term, ev.evidence), Start: way.start, Raw: way.raw, Dropout: way.dropout,
						Epochs: max(1, int(10*o.epochs)), Batch: 100, Seed: 1000 + seed, N: o.n}
					n, err := trained(e, d.train, m, 0, filepath.Join(o.out, "networks"), func(string) {})
					if err != nil {
						return err
					}
					var r result
					r.errors(believe([]*lenet{n}, m, d.test), d.test.label)
					row.Accuracy, row.Dead = append(row.Accuracy, r.Accuracy), append(row.Dead, len(deadClasses(n, m, d.train)))
					n.free()
				}
				say(fmt.Sprintf("%s: accuracy %.3f, dead %v", row.Name, row.Accuracy, row.Dead))
				rows = append(rows, row)
			}
		}
	}
	if err := writeJSON(path, rows); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "6,000 images, ten epochs\taccuracy, mean (least to most)\tclasses that died, by seed")
	for _, r := range rows {
		lo, hi := r.Accuracy[0], r.Accuracy[0]
		for _, a := range r.Accuracy {
			lo, hi = min(lo, a), max(hi, a)
		}
		fmt.Fprintf(w, "%s\t%.3f (%.3f to %.3f)\t%v\n", r.Name, mean(r.Accuracy), lo, hi, r.Dead)
	}
	return w.Flush()
}
