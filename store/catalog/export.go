package catalog

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/internal/sqldb"
)

// ExportVersion names the form of an export: a header line, then one line a row, parents before children. Its number is that of the
// schema. Exports of older forms are read too: later columns are at the end and have a default.
const ExportVersion = "cineloop-catalog/4"

// readable are the forms that Import takes.
var readable = []string{"cineloop-catalog/3", ExportVersion}

// tables with their columns, parents first.
var tables = []struct{ name, columns string }{
	{"objects", "digest size state added checked seal"},
	{"studies", "study_uid patient_id patient_name name_key birth_date sex study_date study_time accession_number attrs first_received last_received hold"},
	{"series", "study_uid series_uid modality series_number attrs"},
	{"instances", "sop_instance_uid variant study_uid series_uid sop_class_uid transfer_syntax_uid digest data_set size instance_number attrs run origin rules received"},
	{"disagreements", "study_uid series_uid keyword kept other sop_instance_uid rule"},
	{"quarantine", "digest size code reason run origin rules received"},
	{"runs", "run source rules started finished summary"},
	{"seen", "origin size modified outcome reason digest run"},
	{"retired", "study_uid at instances reason"},
}

type exportHeader struct {
	Form string `json:"form"`
}

type exportFooter struct {
	Rows int `json:"rows"`
}

type exportRow struct {
	Table string `json:"table"`
	Row   []any  `json:"row"`
}

// Export writes the whole catalog, as it is at one moment, as JSON lines that either database can Import.
func (c *Catalog) Export(ctx context.Context, w io.Writer) error {
	out := json.NewEncoder(w)
	if err := out.Encode(exportHeader{ExportVersion}); err != nil {
		return err
	}
	rows := 0
	err := c.db.Snapshot(ctx, func(tx *sqldb.Tx) error {
		for _, t := range tables {
			columns := strings.Fields(t.columns)
			r, err := tx.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.name)
			if err != nil {
				return err
			}
			values, targets := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				targets[i] = &values[i]
			}
			for r.Next() {
				if err := r.Scan(targets...); err != nil {
					r.Close()
					return err
				}
				for i, v := range values {
					if values[i], err = exported(columns[i], v); err != nil {
						r.Close()
						return err
					}
				}
				if err = out.Encode(exportRow{t.name, values}); err != nil {
					r.Close()
					return err
				}
				rows++
			}
			if err := r.Close(); err != nil {
				return err
			}
			if err := r.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return sqldb.Wrap(err, "exporting the catalog")
	}
	return out.Encode(exportFooter{rows})
}

// exported is a value as both databases would write it: PostgreSQL keeps its JSON in an order and spelling of its own.
func exported(column string, v any) (any, error) {
	if b, ok := v.([]byte); ok {
		v = string(b)
	}
	text, ok := v.(string)
	if !ok || column != "attrs" && column != "summary" {
		return v, nil
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return nil, err
	}
	b, err := json.Marshal(m)
	return string(b), err
}

// Import reads what Export wrote into an empty catalog, all of it or nothing.
func (c *Catalog) Import(ctx context.Context, r io.Reader) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 64<<20)
	var head exportHeader
	if !sc.Scan() || json.Unmarshal(sc.Bytes(), &head) != nil || !slices.Contains(readable, head.Form) {
		return fault.New(fault.Input, "not an export of a catalog in a form up to %s", ExportVersion).WithHint("a newer cineloop may have written it")
	}
	columns := map[string][]string{}
	for _, t := range tables {
		columns[t.name] = strings.Fields(t.columns)
	}
	done := false
	err := c.once(ctx, func(tx *sqldb.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM objects) + (SELECT COUNT(*) FROM studies) + (SELECT COUNT(*) FROM runs)`).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fault.New(fault.Conflict, "the catalog is not empty").WithHint("restore into a new archive")
		}
		rows := 0
		for sc.Scan() {
			var line struct {
				exportFooter
				exportRow
			}
			dec := json.NewDecoder(strings.NewReader(sc.Text()))
			dec.UseNumber()
			if err := dec.Decode(&line); err != nil {
				return fault.New(fault.Input, "row %d of the export cannot be read", rows+1)
			}
			if line.Table == "" {
				if line.Rows != rows {
					return fault.New(fault.Input, "the export has %d rows and says %d", rows, line.Rows)
				}
				done = true
				break
			}
			names, ok := columns[line.Table]
			if !ok {
				return fault.New(fault.Input, "the export names an unknown table %q", line.Table)
			}
			if len(line.Row) == 0 || len(line.Row) > len(names) {
				return fault.New(fault.Input, "row %d of the export has %d values", rows+1, len(line.Row))
			}
			statement := "INSERT INTO " + line.Table + " (" + strings.Join(names[:len(line.Row)], ", ") + ") VALUES " + sqldb.Marks(len(line.Row))
			for i, v := range line.Row {
				if num, ok := v.(json.Number); ok {
					k, err := num.Int64()
					if err != nil {
						return fault.New(fault.Input, "row %d of the export has a broken number", rows+1)
					}
					line.Row[i] = k
				}
			}
			if _, err := tx.Exec(ctx, statement, line.Row...); err != nil {
				return fmt.Errorf("row %d: %w", rows+1, err)
			}
			rows++
		}
		if err := sc.Err(); err != nil {
			return err
		}
		if !done {
			return fault.New(fault.Input, "the export ends too early, after %d rows", rows)
		}
		return nil
	})
	return sqldb.Wrap(err, "importing a catalog")
}

// once is Update without a second try: an import's input can be read once only.
func (c *Catalog) once(ctx context.Context, fn func(*sqldb.Tx) error) error {
	ran := false
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		if ran {
			return fault.New(fault.Conflict, "another writer came in between").WithHint("import into a catalog that nobody else uses")
		}
		ran = true
		return fn(tx)
	})
}
