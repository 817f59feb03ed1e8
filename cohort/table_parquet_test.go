package cohort

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/cineloop/cineloop/internal/fault"
)

type parquetRow struct {
	File  string    `parquet:"file"`
	EF    *float64  `parquet:"ef,optional"`
	Beats int32     `parquet:"beats"`
	Big   int64     `parquet:"big"`
	Small float32   `parquet:"small"`
	Lead  bool      `parquet:"lead"`
	Day   int32     `parquet:"day,date"`
	At    time.Time `parquet:"at,timestamp(microsecond)"`
	List  []float64 `parquet:"list"`
	Part  string    `parquet:"part,optional"`
}

func parquetBytes(t testing.TB, rows []parquetRow) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetRow](&b, parquet.Compression(&parquet.Zstd))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadParquet(t *testing.T) {
	ef := 55.25
	at := time.Date(2021, 2, 3, 4, 5, 6, 7000, time.UTC)
	b := parquetBytes(t, []parquetRow{
		{File: " a.npy ", EF: &ef, Beats: 60, Big: 1 << 40, Small: 0.1, Lead: true, Day: 18661, At: at, List: []float64{1, 2}, Part: "train"},
		{File: "b.npy", Day: 0, At: at},
	})
	got, err := parseParquet(bytes.NewReader(b), int64(len(b)), "t.parquet")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]string{
		"file": {"a.npy", "b.npy"}, "ef": {"55.25", ""}, "beats": {"60", "0"}, "big": {"1099511627776", "0"}, "small": {"0.1", "0"}, "lead": {"true", "false"},
		"day": {"2021-02-03", "1970-01-01"}, "at": {"2021-02-03T04:05:06.000007Z", "2021-02-03T04:05:06.000007Z"}, "part": {"train", ""},
	}
	if len(got.columns) != len(want) || len(got.records) != 2 || got.records[1].line != 2 {
		t.Fatalf("%v, %d records", got.columns, len(got.records))
	}
	for name, cells := range want {
		i := slices.Index(got.columns, name)
		if i < 0 || got.records[0].cells[i] != cells[0] || got.records[1].cells[i] != cells[1] {
			t.Errorf("%s: column %d of %v", name, i, got.records)
		}
	}
}

// TestParquetCohort: a cohort from Parquet is that of the same table as CSV.
func TestParquetCohort(t *testing.T) {
	dir := t.TempDir()
	ef := 40.0
	for name, b := range map[string][]byte{"a.npy": []byte("x"), "b.npy": []byte("x"), "t.parquet": parquetBytes(t, []parquetRow{{File: "a.npy", EF: &ef}, {File: "b.npy"}}),
		"t.csv": []byte("file,ef\na.npy,40\nb.npy,\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	load := func(table string) *Cohort {
		c, err := Load(t.Context(), Spec{Root: dir, Table: table, File: "{file}", Targets: []TargetSpec{{Name: "ef", Kind: Regression}}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := load("t.parquet"), load("t.csv")
	for i := range b.Rows {
		if a.Rows[i].ID != b.Rows[i].ID || a.Rows[i].Path != b.Rows[i].Path || !(a.Rows[i].Truth["ef"][0] == b.Rows[i].Truth["ef"][0] || i == 1) {
			t.Errorf("row %d: %+v, %+v", i, a.Rows[i], b.Rows[i])
		}
	}
}

func TestParquetRefuses(t *testing.T) {
	whole := parquetBytes(t, []parquetRow{{File: "a"}})
	for name, b := range map[string][]byte{"empty": nil, "text": []byte("file,ef\n"), "cut short": whole[:len(whole)/2], "without its head": whole[8:]} {
		if got, err := parseParquet(bytes.NewReader(b), int64(len(b)), "t.parquet"); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzParquet(f *testing.F) {
	ef := 1.0
	f.Add(parquetBytes(f, []parquetRow{{File: "a", EF: &ef, List: []float64{1}}, {File: "b"}}))
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseParquet(bytes.NewReader(b), int64(len(b)), "t.parquet")
		if err != nil && fault.CodeOf(err) != fault.Input {
			t.Errorf("%v", err)
		}
		for i := 0; err == nil && i < len(got.records); i++ {
			if len(got.records[i].cells) != len(got.columns) {
				t.Errorf("row %d has %d cells of %d", i, len(got.records[i].cells), len(got.columns))
			}
		}
	})
}
