package batch

import (
	"encoding/csv"
	"io"
	"reflect"
	"strconv"

	"github.com/cineloop/cineloop/internal/atomicfile"
)

// TableFile is the metadata table: one row an object, as CSV with a head.
const TableFile = "metadata.csv"

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
