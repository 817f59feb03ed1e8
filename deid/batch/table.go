package batch

import (
	"encoding/csv"
	"io"
	"reflect"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/cineloop/cineloop/internal/atomicfile"
)

// The metadata table, one row an object: as CSV with a head, and as Parquet with the same columns.
const (
	TableFile   = "metadata.csv"
	ParquetFile = "metadata.parquet"
)

// writeParquet writes the rows as Parquet; the names of the columns are those of the CSV.
func writeParquet(path string, rows []*Row) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		t := reflect.TypeFor[Row]()
		group := parquet.Group{}
		for i := range t.NumField() {
			group[snake(t.Field(i).Name)] = parquetNode(t.Field(i).Type.Kind())
		}
		schema := parquet.NewSchema("objects", group)
		p := parquet.NewWriter(w, schema, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("cineloop", "1", ""))
		for _, r := range rows {
			v := reflect.ValueOf(r).Elem()
			row := map[string]any{}
			for i := range t.NumField() {
				row[snake(t.Field(i).Name)] = v.Field(i).Interface()
			}
			if err := p.Write(row); err != nil {
				return err
			}
		}
		return p.Close()
	})
}

func parquetNode(k reflect.Kind) parquet.Node {
	switch k {
	case reflect.Int:
		return parquet.Int(64)
	case reflect.Float64:
		return parquet.Leaf(parquet.DoubleType)
	case reflect.Bool:
		return parquet.Leaf(parquet.BooleanType)
	}
	return parquet.String()
}

// writeTable writes the rows in the order of their paths.
func writeTable(path string, rows []*Row) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		c := csv.NewWriter(w)
		t := reflect.TypeFor[Row]()
		line := make([]string, t.NumField())
		for i := range line {
			line[i] = snake(t.Field(i).Name)
		}
		if err := c.Write(line); err != nil {
			return err
		}
		for _, r := range rows {
			v := reflect.ValueOf(r).Elem()
			for i := range line {
				switch f := v.Field(i); f.Kind() {
				case reflect.Int:
					line[i] = strconv.FormatInt(f.Int(), 10)
				case reflect.Float64:
					line[i] = ""
					if x := f.Float(); x != 0 {
						line[i] = strconv.FormatFloat(x, 'g', 8, 64)
					}
				case reflect.Bool:
					line[i] = strconv.FormatBool(f.Bool())
				default:
					line[i] = f.String()
				}
			}
			if err := c.Write(line); err != nil {
				return err
			}
		}
		c.Flush()
		return c.Error()
	})
}

// snake is a field's name as a column's: FrameRate is frame_rate, KVP kvp, MRClass mr_class.
func snake(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		up := c >= 'A' && c <= 'Z'
		if up && i > 0 {
			prevUp := s[i-1] >= 'A' && s[i-1] <= 'Z'
			nextLow := i+1 < len(s) && s[i+1] >= 'a' && s[i+1] <= 'z'
			if !prevUp || nextLow {
				b = append(b, '_')
			}
		}
		if up {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return string(b)
}
