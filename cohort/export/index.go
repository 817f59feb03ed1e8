package export

import (
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/atomicfile"
)

// IndexFile is the Parquet table with a row an item. Columns:
//
//	item, id, patient, site, file     number, keys, and the file in the export (for Zarr the array, for WebDataset the shard)
//	member                            for WebDataset: the name of the array in the shard
//	frames, height, width, channels, dtype, photometric
//	slice_mm, row_mm, column_mm, frame_rate_hz       null where unknown
//	times_ms, affine_lps              lists of doubles, empty where unknown
//	source_sha256                     of the bytes that the item was read from
//	scan.NAME                         facts of the header; table.NAME: cells of the cohort's table
//	target.NAME                       class as text, number as double; target.NAME.LABEL for several labels; .time and .event
//	split.NAME                        train, val or test; split.NAME/K in fold K
const IndexFile = "index.parquet"

// column is one of the index: its values row by row, nil for null; []float64 where repeated.
type column struct {
	name   string
	node   parquet.Node
	values []any
}

func indexColumns(c *cohort.Cohort, items []item, splits []string) (out []column) {
	text := func(name string, of func(item) string) {
		col := column{name: name, node: parquet.Optional(parquet.String())}
		for _, it := range items {
			if v := of(it); v != "" {
				col.values = append(col.values, v)
			} else {
				col.values = append(col.values, nil)
			}
		}
		out = append(out, col)
	}
	whole := func(name string, of func(item) int) {
		col := column{name: name, node: parquet.Leaf(parquet.Int64Type)}
		for _, it := range items {
			col.values = append(col.values, int64(of(it)))
		}
		out = append(out, col)
	}
	real := func(name string, of func(item) (float64, bool)) {
		col := column{name: name, node: parquet.Optional(parquet.Leaf(parquet.DoubleType))}
		for _, it := range items {
			if v, ok := of(it); ok {
				col.values = append(col.values, v)
			} else {
				col.values = append(col.values, nil)
			}
		}
		out = append(out, col)
	}
	known := func(name string, of func(item) float64) {
		real(name, func(it item) (float64, bool) { v := of(it); return v, v > 0 })
	}
	list := func(name string, of func(item) []float64) {
		col := column{name: name, node: parquet.Repeated(parquet.Leaf(parquet.DoubleType))}
		for _, it := range items {
			col.values = append(col.values, of(it))
		}
		out = append(out, col)
	}
	whole("item", func(it item) int { return it.Number })
	text("id", func(it item) string { return it.ID })
	text("patient", func(it item) string { return it.Patient })
	text("site", func(it item) string { return it.Site })
	text("file", func(it item) string { return it.File })
	text("member", member)
	for i, name := range []string{"frames", "height", "width", "channels"} {
		whole(name, func(it item) int { return it.Shape[i] })
	}
	text("dtype", func(it item) string { return it.DType })
	text("photometric", func(it item) string { return it.Photometric })
	known("slice_mm", func(it item) float64 { return it.SliceMM })
	known("row_mm", func(it item) float64 { return it.RowMM })
	known("column_mm", func(it item) float64 { return it.ColumnMM })
	known("frame_rate_hz", func(it item) float64 { return it.RateHz })
	list("times_ms", func(it item) []float64 { return it.TimesMS })
	list("affine_lps", func(it item) []float64 { return it.AffineLPS })
	text("source_sha256", func(it item) string { return it.Source })
	var scan []string
	for _, it := range items {
		for name := range it.Scan {
			if !slices.Contains(scan, name) {
				scan = append(scan, name)
			}
		}
	}
	slices.Sort(scan)
	for _, name := range scan {
		text("scan."+name, func(it item) string { return it.Scan[name] })
	}
	for _, name := range c.Columns {
		text("table."+name, func(it item) string { v, _ := c.Value(it.Number-1, name); return v })
	}
	for _, name := range splits {
		text("split."+name, func(it item) string { return it.Split[name] })
	}
	value := func(t cohort.TargetSpec, k int) func(item) (float64, bool) {
		return func(it item) (float64, bool) {
			v := c.Rows[it.Number-1].Truth[t.Name]
			if k >= len(v) {
				return 0, false
			}
			return v[k], v[k] == v[k]
		}
	}
	for _, t := range c.Spec.Targets {
		name := "target." + t.Name
		switch t.Kind {
		case cohort.Class:
			of := value(t, 0)
			text(name, func(it item) string {
				if v, ok := of(it); ok {
					return t.Classes[int(v)]
				}
				return ""
			})
		case cohort.MultiLabel:
			for k, label := range t.Classes {
				real(name+"."+label, value(t, k))
			}
		case cohort.TimeToEvent:
			real(name+".time", value(t, 0))
			real(name+".event", value(t, 1))
		default:
			real(name, value(t, 0))
		}
	}
	return out
}

// member is the array's name within a shard.
func member(it item) string {
	if strings.HasSuffix(it.File, ".tar") {
		return number(it.Number) + ".npy"
	}
	return ""
}

func writeIndex(path string, c *cohort.Cohort, items []item, splits []string) error {
	cols := indexColumns(c, items, splits)
	group := parquet.Group{}
	for _, col := range cols {
		group[col.name] = col.node
	}
	slices.SortFunc(cols, func(a, b column) int { return compare(a.name, b.name) }) // a group's columns stand by name
	return atomicfile.Write(path, func(w io.Writer) error {
		p := parquet.NewGenericWriter[any](w, parquet.NewSchema("items", group), parquet.Compression(&parquet.Zstd), parquet.CreatedBy("cineloop", "1", ""))
		for i := range items {
			var row parquet.Row
			for k, col := range cols {
				row = append(row, leaves(col, k, col.values[i])...)
			}
			if _, err := p.WriteRows([]parquet.Row{row}); err != nil {
				return err
			}
		}
		return p.Close()
	})
}

// leaves are a cell's values with their repetition and definition levels.
func leaves(col column, at int, v any) []parquet.Value {
	list, repeated := v.([]float64)
	switch {
	case repeated && len(list) > 0:
		var out []parquet.Value
		for i, x := range list {
			out = append(out, parquet.DoubleValue(x).Level(min(i, 1), 1, at))
		}
		return out
	case repeated || v == nil:
		return []parquet.Value{parquet.NullValue().Level(0, 0, at)}
	case col.node.Optional():
		return []parquet.Value{parquet.ValueOf(v).Level(0, 1, at)}
	}
	return []parquet.Value{parquet.ValueOf(v).Level(0, 0, at)}
}
