package cohort

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/cineloop/cineloop/internal/fault"
)

// readParquet reads the flat columns of a Parquet file as cells of text: numbers in their shortest form, booleans as true and false, dates
// and times as in ISO 8601 (UTC), null as empty. Columns of lists and records are passed over. Lines are rows counted from 1.
func readParquet(path string) (t *table, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openTableError(path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, openTableError(path, err)
	}
	return parseParquet(f, st.Size(), filepath.Base(path))
}

func parseParquet(r io.ReaderAt, size int64, name string) (t *table, err error) {
	defer func() { // the library panics on some malformed pages
		if v := recover(); v != nil {
			t, err = nil, fault.New(fault.Input, "reading %s: the Parquet file is malformed", name)
		}
	}()
	if err := checkFooter(r, size); err != nil {
		return nil, fault.New(fault.Input, "reading %s: %w", name, err)
	}
	file, err := parquet.OpenFile(r, size)
	if err != nil {
		return nil, fault.New(fault.Input, "reading %s: not a Parquet file: %w", name, err)
	}
	t = &table{name: name}
	cell := map[int]parquetCell{} // by leaf
	for _, path := range file.Schema().Columns() {
		leaf, ok := file.Schema().Lookup(path...)
		if !ok || len(path) != 1 || leaf.Node.Repeated() {
			continue
		}
		c := parquetCell{at: len(t.columns)}
		if l := leaf.Node.Type().LogicalType(); l != nil {
			c.logical = l.Value
		}
		cell[leaf.ColumnIndex] = c
		t.columns = append(t.columns, path[0])
	}
	if len(t.columns) == 0 {
		return nil, fault.New(fault.Input, "%s has no flat column", name)
	}
	rows := make([]parquet.Row, 256)
	for _, group := range file.RowGroups() {
		in := group.Rows()
		for {
			n, err := in.ReadRows(rows)
			for _, row := range rows[:n] {
				cells := make([]string, len(t.columns))
				for _, v := range row {
					if c, ok := cell[v.Column()]; ok {
						cells[c.at] = strings.TrimSpace(c.text(v))
					}
				}
				t.records = append(t.records, record{line: len(t.records) + 1, cells: cells})
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				in.Close()
				return nil, fault.New(fault.Input, "reading %s, after row %d: %w", name, len(t.records), err)
			}
		}
		if err := in.Close(); err != nil {
			return nil, fault.New(fault.Input, "reading %s: %w", name, err)
		}
	}
	return t, nil
}

// checkFooter looks at the last eight bytes, the length of the footer and the magic: the library makes room for any length that stands there.
func checkFooter(r io.ReaderAt, size int64) error {
	var end [8]byte
	if size < 12 {
		return fmt.Errorf("not a Parquet file")
	}
	if _, err := r.ReadAt(end[:], size-8); err != nil && err != io.EOF {
		return err
	}
	if string(end[4:]) != "PAR1" || int64(binary.LittleEndian.Uint32(end[:])) > size-12 {
		return fmt.Errorf("not a Parquet file, or cut short")
	}
	return nil
}

// parquetCell says where a leaf's values go and what they mean.
type parquetCell struct {
	at      int
	logical format.LogicalTypeValue // nil: none
}

func (c parquetCell) text(v parquet.Value) string {
	if v.IsNull() {
		return ""
	}
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.FormatBool(v.Boolean())
	case parquet.Int32:
		if _, ok := c.logical.(*format.DateType); ok {
			return time.Unix(int64(v.Int32())*86400, 0).UTC().Format("2006-01-02")
		}
		return strconv.FormatInt(int64(v.Int32()), 10)
	case parquet.Int64:
		if t, ok := c.logical.(*format.TimestampType); ok && t.Unit.Value != nil {
			unit := int64(t.Unit.Value.Duration())
			perSecond := int64(time.Second) / unit
			return time.Unix(v.Int64()/perSecond, v.Int64()%perSecond*unit).UTC().Format(time.RFC3339Nano)
		}
		return strconv.FormatInt(v.Int64(), 10)
	case parquet.Float:
		return strconv.FormatFloat(float64(v.Float()), 'g', -1, 32)
	case parquet.Double:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return string(v.ByteArray())
	}
	return fmt.Sprint(v)
}
