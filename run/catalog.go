package run

import (
	"context"
	"encoding/csv"
	"fmt"
	"image/png"
	"io"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/progress"
)

// Catalog is the content of a catalogue run's metrics.json: what a study holds, counted.
type Catalog struct {
	Run     string                    `json:"run"`
	Version string                    `json:"cineloop"`
	Items   int                       `json:"items"`
	Frames  int                       `json:"frames"`
	Cells   map[string]map[string]int `json:"cells"` // row heading -> column heading -> clips
	Rows    string                    `json:"rows"`  // columns of the table that the headings come from
	Columns string                    `json:"columns"`
	Broken  int                       `json:"quarantined"`
}

// Columns of a table that a study is laid out by, the first that exists wins.
var (
	catalogRows    = []string{"view_by_position", "view", "view_no", "ViewName", "ViewNumber"}
	catalogColumns = []string{"stage", "StageName", "phase"}
)

// entry is one item of the catalogue.
type entry struct {
	id, row, column string
	order           string
	clip            *clip.Clip
}

// catalogue reads every clip of the study, writes catalog.csv and contact-sheet.png, and counts. Clips that cannot be read are
// quarantined.
func (r *Run) catalogue(ctx context.Context) (*Catalog, []entry, error) {
	rowCol, colCol := r.firstColumn(catalogRows), r.firstColumn(catalogColumns)
	var entries []entry
	bar := progress.New(r.log, "reading clips", int64(len(r.Cohort.Rows)))
	defer bar.Close()
	for i, row := range r.Cohort.Rows {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		c, err := clip.Open(row.Path, clip.WithContext(ctx))
		bar.Add(1)
		if err != nil {
			if err := r.quarantine(cohort.Quarantine{Line: row.Line, ID: row.ID, Reason: cohort.WithoutPath(err, row.Path)}); err != nil {
				return nil, nil, err
			}
			continue
		}
		e := entry{id: row.ID, row: r.cell(i, rowCol), column: r.cell(i, colCol), clip: c}
		e.order = r.cell(i, "stage_no") + "\x00" + r.cell(i, "StageNumber")
		entries = append(entries, e)
	}
	sort.SliceStable(entries, func(a, b int) bool {
		x, y := entries[a], entries[b]
		if x.row != y.row {
			return x.row < y.row
		}
		if x.order != y.order {
			return x.order < y.order
		}
		return x.column < y.column
	})
	cat := &Catalog{Run: r.Plan.Name, Items: len(entries), Rows: rowCol, Columns: colCol, Cells: map[string]map[string]int{}, Broken: len(r.Cohort.Quarantine)}
	for _, e := range entries {
		cat.Frames += e.clip.T
		if cat.Cells[e.row] == nil {
			cat.Cells[e.row] = map[string]int{}
		}
		cat.Cells[e.row][e.column]++
	}
	if err := r.writeCatalog(entries); err != nil {
		return nil, nil, err
	}
	if err := r.writeSheet(entries, cat); err != nil {
		return nil, nil, err
	}
	return cat, entries, nil
}

func (r *Run) firstColumn(names []string) string {
	for _, n := range names {
		for _, c := range r.Cohort.Columns {
			if c == n {
				return n
			}
		}
	}
	return ""
}

// cell is a row's value, "unknown" where there is none.
func (r *Run) cell(row int, column string) string {
	if v, ok := r.Cohort.Value(row, column); ok {
		return v
	}
	return "unknown"
}

// writeCatalog writes predictions.csv's counterpart of a catalogue: what each clip is.
func (r *Run) writeCatalog(entries []entry) error {
	return atomicfile.Write(filepath.Join(string(r.Dir), "catalog.csv"), func(out io.Writer) error {
		w := csv.NewWriter(out)
		if err := w.Write([]string{"item", "row", "column", "modality", "frames", "height", "width", "channels", "frame_ms", "row_mm", "column_mm", "heart_rate", "manufacturer"}); err != nil {
			return err
		}
		for _, e := range entries {
			c := e.clip
			frameMS := ""
			if rate := c.FrameRate(); rate > 0 {
				frameMS = strconv.FormatFloat(1000/rate, 'f', 2, 64)
			}
			tags := c.Source.Tags
			if err := w.Write([]string{e.id, e.row, e.column, tags["Modality"], strconv.Itoa(c.T), strconv.Itoa(c.H), strconv.Itoa(c.W), strconv.Itoa(c.C), frameMS,
				positive(c.Spacing.Row), positive(c.Spacing.Column), tags["HeartRate"], tags["Manufacturer"]}); err != nil {
				return err
			}
		}
		w.Flush()
		return w.Error()
	})
}

func positive(v float64) string {
	if v <= 0 {
		return ""
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}

// writeSheet draws the contact sheet: a row a view, a column a stage.
func (r *Run) writeSheet(entries []entry, cat *Catalog) error {
	var items []clip.SheetItem
	for _, e := range entries {
		items = append(items, clip.SheetItem{Clip: e.clip, Caption: strings.TrimSpace(fmt.Sprintf("%s · %s", e.row, e.column))})
	}
	if len(items) == 0 {
		return nil
	}
	columns := 0
	for _, cells := range cat.Cells {
		n := 0
		for _, k := range cells {
			n += k
		}
		columns = max(columns, n)
	}
	img, err := clip.ContactSheet(items, clip.SheetOptions{Columns: min(columns, 8), Side: 200})
	if err != nil {
		return err
	}
	return atomicfile.Write(r.sheetPath(), func(w io.Writer) error { return png.Encode(w, img) })
}

func (r *Run) sheetPath() string { return filepath.Join(string(r.Dir), "contact-sheet.png") }
