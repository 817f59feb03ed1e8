package evaluate

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
)

// TestSklearn compares every metric with scikit-learn's (bench/peers/evaluate.py made the file) to 1e-9.
func TestSklearn(t *testing.T) {
	var file struct {
		Cases []struct {
			Name         string
			Kind         Kind
			Classes      int
			Truth, Score json.RawMessage
			Metrics      map[string]float64
		}
	}
	readJSON(t, "testdata/sklearn.json", &file)
	if len(file.Cases) < 9 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	for _, c := range file.Cases {
		target := Target{Name: "x", Kind: c.Kind}
		for k := range c.Classes {
			target.Classes = append(target.Classes, fmt.Sprint(k))
		}
		truth, score := matrixOf(t, c.Truth), matrixOf(t, c.Score)
		col, err := newColumn(target, truth, score)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		for name, want := range c.Metrics {
			m, ok := find(name)
			if !ok || !m.has(c.Kind) {
				t.Fatalf("%s: no metric %s", c.Name, name)
			}
			near(t, c.Name+" "+name, col.prepare(m, defaults())(nil), want, 1e-9)
		}
	}
}

// TestWeightsAreRepeats: a weight of k must be the same as k copies of the row, for every metric, since resampling rests on it.
func TestWeightsAreRepeats(t *testing.T) {
	p := study(60, 9)
	w := make([]float64, p.Len())
	var repeated []int
	for i := range w {
		w[i] = float64(i * 7 % 4)
		for range int(w[i]) {
			repeated = append(repeated, i)
		}
	}
	q := p.Select(repeated)
	for _, target := range p.Targets {
		once, err := newColumn(target, p.Truth[target.Name], p.Score[target.Name])
		if err != nil {
			t.Fatal(err)
		}
		copies, err := newColumn(target, q.Truth[target.Name], q.Score[target.Name])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range MetricNames(target.Kind) {
			m, _ := find(name)
			if f := once.prepare(m, defaults()); f != nil {
				near(t, target.Name+" "+name, f(w), copies.prepare(m, defaults())(nil), 1e-9)
			}
		}
	}
}

// calibrationCase is a case of the family "calibration" of uncertainty.json.
type calibrationCase struct {
	Name   string
	Inputs struct {
		Probs  [][]float64
		Labels []float64
	}
	Params   struct{ Bins int }
	Expected struct {
		Width, Mass struct {
			ECE      float64
			Counts   []float64
			MeanConf []float64 `json:"mean_conf"`
			MeanAcc  []float64 `json:"mean_acc"`
		}
		NLL, Brier, Accuracy float64
	}
	Tol float64
}

// TestGoldenCalibration compares calibration of the called class with the shared golden vectors: both kinds of bins.
func TestGoldenCalibration(t *testing.T) {
	var raw struct{ Cases []json.RawMessage }
	readJSON(t, testdata.Shared(t, "data/golden/uncertainty.json"), &raw)
	var n int
	for _, r := range raw.Cases {
		var head struct{ Name string }
		if err := json.Unmarshal(r, &head); err != nil || !strings.HasPrefix(head.Name, "calibration") {
			continue
		}
		var g calibrationCase
		if err := json.Unmarshal(r, &g); err != nil {
			t.Fatal(err)
		}
		n++
		target := Target{Name: "x", Kind: Class, Classes: make([]string, len(g.Inputs.Probs[0]))}
		col, err := newColumn(target, rows(g.Inputs.Labels...), g.Inputs.Probs)
		if err != nil {
			t.Fatal(err)
		}
		prob, right := col.multi.top()
		for _, mass := range []bool{false, true} {
			bins, want := Reliability(prob, right, Bins{Count: g.Params.Bins, Mass: mass}), g.Expected.Width
			if mass {
				want = g.Expected.Mass
			}
			near(t, g.Name+" ECE", ECE(bins), want.ECE, g.Tol)
			for b := range bins {
				near(t, fmt.Sprintf("%s bin %d n", g.Name, b), bins[b].N, want.Counts[b], 0)
				near(t, fmt.Sprintf("%s bin %d confidence", g.Name, b), bins[b].Confidence, want.MeanConf[b], g.Tol)
				near(t, fmt.Sprintf("%s bin %d frequency", g.Name, b), bins[b].Frequency, want.MeanAcc[b], g.Tol)
			}
		}
		near(t, g.Name+" NLL", col.multi.logLoss()(nil), g.Expected.NLL, g.Tol)
		near(t, g.Name+" Brier", col.multi.brier()(nil), g.Expected.Brier, g.Tol)
		near(t, g.Name+" accuracy", tableAccuracy(col.multi.table(nil), col.multi.k), g.Expected.Accuracy, g.Tol)
	}
	if n == 0 {
		t.Error("no calibration case in the file")
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// matrixOf decodes a list of rows, or a list of numbers as rows of one.
func matrixOf(t *testing.T, raw json.RawMessage) [][]float64 {
	t.Helper()
	var m [][]float64
	if json.Unmarshal(raw, &m) == nil {
		return m
	}
	var v []float64
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return rows(v...)
}
