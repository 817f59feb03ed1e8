package phantom

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// TestMissingViews: each view is absent as often as asked for, never all, whatever the disease, and what is there has the pictures of the whole
// cohort.
func TestMissingViews(t *testing.T) {
	all := []View{A4C, A2C, PLAX}
	c := mustNew(t, Config{Seed: 3, Patients: 600, Views: all, Missing: 0.4})
	count := map[View]int{}
	var with, without float64
	n := 0
	for i := range 600 {
		got := c.Taken(i)
		if len(got) == 0 || !slices.IsSortedFunc(got, func(a, b View) int { return slices.Index(all, a) - slices.Index(all, b) }) {
			t.Fatalf("patient %d has %v", i, got)
		}
		for _, v := range got {
			count[v]++
		}
		if i < 300 {
			if ef := c.Patient(i).EF; slices.Contains(got, A4C) {
				with, n = with+ef, n+1
			} else {
				without += ef
			}
		}
	}
	// 0.6 of 600, and a third of the 0.064 who would have none.
	for v, k := range count {
		if math.Abs(float64(k)-600*(0.6+0.064/3)) > 45 {
			t.Errorf("%s: %d of 600", v, k)
		}
	}
	if d := with/float64(n) - without/float64(300-n); math.Abs(d) > 4 {
		t.Errorf("patients with A4C differ by %.1f points of ejection fraction", d)
	}
	if got := mustNew(t, Config{Seed: 3, Patients: 2, Views: all}).Taken(1); !slices.Equal(got, all) {
		t.Errorf("nothing is missing, and yet %v", got)
	}
	if _, err := New(Config{Missing: 0.95}); err == nil {
		t.Error("nearly all views missing is accepted")
	}

	cfg := Config{Seed: 3, Patients: 3, Views: []View{A4C, A2C}, Frames: 8, Height: 48, Missing: 0.5}
	dir, whole := t.TempDir(), t.TempDir()
	write(t, dir, cfg)
	part := digests(t, dir)
	cfg.Missing = 0
	write(t, whole, cfg)
	for f, d := range digests(t, whole) {
		if have, ok := part[f]; ok && have != d && filepath.Dir(f) == "dicom" {
			t.Errorf("%s depends on what is missing", f)
		}
	}
	cfg.Missing = 0.5
	rows := readCSV(t, filepath.Join(dir, "cohort.csv"))
	if len(rows) != mustNew(t, cfg).Clips() || len(rows) == 6 {
		t.Errorf("%d rows, %d clips", len(rows), mustNew(t, cfg).Clips())
	}
	for _, r := range rows {
		mean, _ := strconv.ParseFloat(r["mean_volume"], 64)
		edv, _ := strconv.ParseFloat(r["EDV"], 64)
		esv, _ := strconv.ParseFloat(r["ESV"], 64)
		if !(mean > esv && mean < edv) {
			t.Errorf("a mean volume of %v mL between %v and %v", mean, esv, edv)
		}
	}
}
