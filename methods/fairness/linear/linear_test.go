package linear

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.12g, want %.12g", what, got, want)
	}
}

// Without features only the intercept is left: the log odds of the weighted share of ones.
func TestInterceptByHand(t *testing.T) {
	d := &Design{Rows: make([][]Feature, 4)}
	m, err := Fit(t.Context(), d, []int{1, 0, 0, 0}, []float64{3, 1, 1, 2}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "intercept", m.Intercept, math.Log(3.0/4), 1e-8)
}

// One feature, ±1, one row each way: the optimum solves w = C·2·σ(−w) where the classes separate; at C = 1, w·(1 + e^w) = 2.
func TestSlopeByHand(t *testing.T) {
	d := &Design{Rows: [][]Feature{{{0, 1}}, {{0, -1}}}, Width: 1}
	m, err := Fit(t.Context(), d, []int{1, 0}, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := m.Weight[0]
	near(t, "w·(1 + e^w)", w*(1+math.Exp(w)), 2, 1e-6)
	near(t, "intercept", m.Intercept, 0, 1e-8)
}

// random is a design of a number and a category.
func random(n int) (*Design, []int, []float64) {
	rng := stats.Seed(9).Stream("linear")
	d := &Design{Width: 4}
	y, w := make([]int, n), make([]float64, n)
	for i := range n {
		x := rng.NormFloat64()
		row := []Feature{{0, x}, {1 + rng.IntN(3), 1}}
		d.Rows = append(d.Rows, row)
		if rng.Float64() < 1/(1+math.Exp(-x+float64(row[1].Column)-2)) {
			y[i] = 1
		}
		w[i] = float64(rng.IntN(4))
	}
	return d, y, w
}

// At the optimum the gradient is 0, from any start; a weight of 3 is the row three times, of 0 the row left out.
func TestOptimum(t *testing.T) {
	d, y, w := random(200)
	m, err := Fit(t.Context(), d, y, w, Options{C: 2})
	if err != nil {
		t.Fatal(err)
	}
	grad := make([]float64, d.Width+1)
	p := m.Probability(d.Rows)
	for i, row := range d.Rows {
		g := 2 * w[i] * (p[i] - float64(y[i]))
		for _, f := range row {
			grad[f.Column] += g * f.Value
		}
		grad[d.Width] += g
	}
	for j := range d.Width {
		grad[j] += m.Weight[j]
	}
	for _, g := range grad {
		near(t, "gradient", g, 0, 1e-4)
	}
	var many Design
	many.Width = d.Width
	var labels []int
	for i, row := range d.Rows {
		for range int(w[i]) {
			many.Rows, labels = append(many.Rows, row), append(labels, y[i])
		}
	}
	start := &Model{Weight: []float64{5, -5, 5, -5}, Intercept: 3}
	again, err := Fit(t.Context(), &many, labels, nil, Options{C: 2, Start: start})
	if err != nil {
		t.Fatal(err)
	}
	for j := range m.Weight {
		near(t, "weight of repeated rows", again.Weight[j], m.Weight[j], 1e-6)
	}
}

// A penalty of the standardised features is the same fit as standardised features.
func TestStandardise(t *testing.T) {
	d, y, _ := random(150)
	all := make([]int, len(y))
	for i := range all {
		all[i] = i
	}
	d.Standardise(all)
	m, err := Fit(t.Context(), d, y, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	dense := &Design{Width: d.Width}
	mean := make([]float64, d.Width)
	for _, row := range d.Rows {
		for _, f := range row {
			mean[f.Column] += f.Value / float64(len(y))
		}
	}
	for _, row := range d.Rows {
		x := make([]float64, d.Width)
		for _, f := range row {
			x[f.Column] = f.Value
		}
		var out []Feature
		for j := range x {
			out = append(out, Feature{j, (x[j] - mean[j]) / math.Sqrt(d.Penalty[j])})
		}
		dense.Rows = append(dense.Rows, out)
	}
	n, err := Fit(t.Context(), dense, y, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, b := m.Probability(d.Rows), n.Probability(dense.Rows)
	for i := range a {
		near(t, "probability", a[i], b[i], 1e-6)
	}
}

func TestFitErrors(t *testing.T) {
	d, y, w := random(10)
	for name, c := range map[string]struct {
		y    []int
		w    []float64
		code fault.Code
	}{
		"labels":   {y[:3], nil, fault.Usage},
		"weights":  {y, w[:2], fault.Usage},
		"negative": {y, []float64{-1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, fault.Usage},
		"zero":     {y, make([]float64, 10), fault.Input},
	} {
		if _, err := Fit(t.Context(), d, c.y, c.w, Options{}); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Fit(ctx, d, y, nil, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestEncodeByHand(t *testing.T) {
	table, err := DecodeTable("t", strings.NewReader("age,sex,y\n1,F,0\n3,,1\n,M,1\n"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := Encode(table, Encoding{Numbers: []string{"age", "y"}, Categories: []string{"sex"}}, []int{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	// age: mean 2, SD 1 on the training rows; y: mean ½, SD ½; sex: "", F, M.
	want := [][]Feature{{{0, -1}, {1, -1}, {3, 1}}, {{0, 1}, {1, 1}, {2, 1}}, {{1, 1}, {4, 1}}}
	if d.Width != 5 {
		t.Fatalf("%d features", d.Width)
	}
	for i, row := range want {
		if len(row) != len(d.Rows[i]) {
			t.Fatalf("row %d = %v, want %v", i, d.Rows[i], row)
		}
		for k, f := range row {
			if d.Rows[i][k] != f {
				t.Errorf("row %d = %v, want %v", i, d.Rows[i], row)
			}
		}
	}
	if m := (&Model{Weight: make([]float64, 5), Intercept: 1}); m.Labels(d.Pick([]int{2}).Rows)[0] != 1 {
		t.Error("an intercept above 0 says no")
	}
	for _, e := range []Encoding{{Numbers: []string{"sex"}}, {Numbers: []string{"none"}}, {Categories: []string{"none"}}} {
		if _, err := Encode(table, e, []int{0, 1}); fault.CodeOf(err) != fault.Input {
			t.Errorf("%v: %v", e, err)
		}
	}
	if kept := table.Where(func(i int) bool { return i == 1 }); kept.Len() != 1 || kept.Cells[0][0] != "3" {
		t.Errorf("kept %v", kept)
	}
}

func TestReadTable(t *testing.T) {
	dir := t.TempDir()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte("a,b\n1,2\n")); err != nil {
		t.Fatal(err)
	}
	w.Close()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	table, err := ReadTable(write("a.csv.gz", z.Bytes()))
	if err != nil || table.Len() != 1 || table.Cells[1][0] != "2" {
		t.Errorf("%v, %v", table, err)
	}
	for name, c := range map[string]struct {
		path string
		code fault.Code
		says string
	}{
		"absent":    {filepath.Join(dir, "none.csv"), fault.NotFound, "no table"},
		"no gzip":   {write("b.csv.gz", []byte("plain")), fault.Input, "gzip"},
		"empty":     {write("c.csv", nil), fault.Input, "header"},
		"malformed": {write("d.csv", []byte("a,b\n1,2\n1\n")), fault.Input, "line 3"},
		"cut gzip":  {write("e.csv.gz", z.Bytes()[:20]), fault.Code(""), ""},
	} {
		if _, err := ReadTable(c.path); err == nil || c.code != "" && fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeTable(f *testing.F) {
	f.Add("a,b\n1,2\n")
	f.Add("\"")
	f.Fuzz(func(t *testing.T, s string) {
		table, err := DecodeTable("t", strings.NewReader(s))
		if err != nil {
			return
		}
		for _, c := range table.Cells {
			if len(c) != table.Len() {
				t.Fatal("columns of different lengths")
			}
		}
	})
}

// Order of rows and of features is nothing; a feature that is 0 for everybody keeps a weight of 0; twice the data at half C is the same fit.
func TestFitMetamorphic(t *testing.T) {
	d, y, w := random(120)
	m, err := Fit(t.Context(), d, y, w, Options{})
	if err != nil {
		t.Fatal(err)
	}
	turned := &Design{Width: d.Width + 1} // features in reverse, and one more that nobody has
	var ty []int
	var tw []float64
	for i := len(y) - 1; i >= 0; i-- {
		var row []Feature
		for _, f := range d.Rows[i] {
			row = append(row, Feature{d.Width - 1 - f.Column, f.Value})
		}
		turned.Rows, ty, tw = append(turned.Rows, row), append(ty, y[i]), append(tw, w[i])
	}
	r, err := Fit(t.Context(), turned, ty, tw, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for j := range m.Weight {
		near(t, "weight", r.Weight[d.Width-1-j], m.Weight[j], 1e-7)
	}
	near(t, "weight of nobody's feature", r.Weight[d.Width], 0, 1e-9)
	near(t, "intercept", r.Intercept, m.Intercept, 1e-7)
	twice := &Design{Width: d.Width, Rows: append(append([][]Feature{}, d.Rows...), d.Rows...)}
	h, err := Fit(t.Context(), twice, append(append([]int{}, y...), y...), append(append([]float64{}, w...), w...), Options{C: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	for j := range m.Weight {
		near(t, "weight of twice the data", h.Weight[j], m.Weight[j], 1e-7)
	}
}

// Hard data: classes that a feature separates end finite under the penalty; one label, one row, features of very different size end at a gradient of 0.
func TestFitHardData(t *testing.T) {
	for name, c := range map[string]struct {
		rows [][]Feature
		y    []int
	}{
		"separated":  {[][]Feature{{{0, 1}}, {{0, 2}}, {{0, -1}}, {{0, -3}}}, []int{1, 1, 0, 0}},
		"huge":       {[][]Feature{{{0, 1e6}}, {{0, -1e6}}, {{0, 2e6}}}, []int{1, 0, 0}},
		"collinear":  {[][]Feature{{{0, 1}, {1, 1}}, {{0, 2}, {1, 2}}, {{0, 3}, {1, 3}}}, []int{0, 1, 0}},
		"one row in": {[][]Feature{{{0, 1}}, {{0, 1}}}, []int{1, 0}},
	} {
		width := 0
		for _, r := range c.rows {
			width = max(width, len(r))
		}
		m, err := Fit(t.Context(), &Design{Rows: c.rows, Width: width}, c.y, nil, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, p := range m.Probability(c.rows) {
			if !(p >= 0 && p <= 1) {
				t.Errorf("%s: probability %v", name, p)
			}
		}
		for _, w := range append(m.Weight, m.Intercept) {
			if math.IsNaN(w) || math.IsInf(w, 0) {
				t.Errorf("%s: weight %v", name, w)
			}
		}
	}
}
