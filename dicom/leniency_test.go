package dicom_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/testdata"
)

// TestLenienciesAsDocumented reads the table of docs/reference/dicom-leniency.md and holds each row against the file that it names: it is read, and says what the row says.
func TestLenienciesAsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "reference", "dicom-leniency.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := testdata.Shared(t, "data", "dicom")
	rows, silent, byHand := 0, 0, 0
	for line := range strings.Lines(string(page)) {
		cell := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cell) != 4 || strings.HasPrefix(line, "| what") {
			continue
		}
		rows++
		warning, name := strings.TrimSpace(cell[2]), strings.TrimSpace(cell[3])
		if name == "by hand" {
			byHand++
			continue
		}
		f, err := dicom.Open(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%s: %v", cell[0], err)
			continue
		}
		_, _ = f.Directory()
		var said []string
		for _, w := range f.Warnings {
			said = append(said, w.String())
		}
		if e, ok := f.DataSet.Get(tag.PatientName); ok {
			if _, ok := e.Text(); !ok {
				said = append(said, "bytes outside its declared character set") // what the commands say of it
			}
		}
		all := strings.Join(said, "\n")
		if warning == "–" {
			silent++
			continue
		}
		if !strings.Contains(all, warning) {
			t.Errorf("%s (%s): %q is not said, but\n%s", strings.TrimSpace(cell[0]), name, warning, all)
		}
		f.Close()
	}
	t.Logf("%d rows: %d on files, %d of them without a warning, %d by hand", rows, rows-byHand, silent, byHand)
	if rows < 35 {
		t.Errorf("only %d rows", rows)
	}
}
