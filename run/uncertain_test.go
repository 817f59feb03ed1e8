package run

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
)

const uncertainTargets = `
    - {name: grade, kind: class, classes: [none, mild, severe]}
    - {name: level, kind: regression, unit: gy}
    - {name: bright, kind: binary}`

func readTable(t *testing.T, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for k, name := range rows[0] {
			m[name] = r[k]
		}
		out = append(out, m)
	}
	return out
}

// TestUncertaintyStage runs an ensemble with dropout and a variance head from a recipe, and reads what it leaves.
func TestUncertaintyStage(t *testing.T) {
	recipe := toyRecipe(t, toyCohort(t, toyRows(60)), uncertainTargets, `
splits: [{name: given, by: column, column: part}]
uncertainty:
  members: 2
  dropout_passes: 2
  views: 1
  regression: heteroscedastic
  abstain: {coverage: 0.5, ood: 0.95}
`)
	out := filepath.Join(t.TempDir(), "run")
	opts := Options{Recipe: recipe, Out: out, Set: []string{"model.dropout=0.2"}}
	r, _, err := do(t, opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(out, "members", "1", "checkpoints", bestWeights)); err != nil {
		t.Errorf("the second network: %v", err)
	}
	var d Doubts
	b, err := os.ReadFile(r.Dir.Uncertainty())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	if d.Networks != 2 || d.Samples != 2*2*2 || d.Learnt != "the validation rows" {
		t.Errorf("%d networks, %d samples, learnt from %s", d.Networks, d.Samples, d.Learnt)
	}
	if d.Targets["grade"].Set == nil || d.Targets["grade"].Set.N != 12 || d.Targets["level"].Numbers.NLL == nil || d.Targets["bright"].Classes == nil {
		t.Errorf("%s", b)
	}
	if d.OODRule != "mahalanobis or texture" {
		t.Errorf("not answering looks at %q", d.OODRule)
	}
	for _, row := range readTable(t, r.Dir.Readings()) {
		if v, err := strconv.ParseFloat(row["stranger_than"], 64); err != nil || v < 0 || v > 1 {
			t.Errorf("stranger than %q", row["stranger_than"])
		}
	}
	rows := readTable(t, r.Dir.Readings())
	if len(rows) != 24*3 {
		t.Fatalf("%d rows: 24 held-out items of three targets", len(rows))
	}
	p, err := evaluate.ReadFile(r.Dir.Predictions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, item := range p.Item {
		at[item] = i
	}
	answered := 0
	for _, row := range rows {
		if (row["answer"] == "") == (row["reason"] == "") {
			t.Errorf("an answer or a reason, not both: %v", row)
		}
		v, err := strconv.ParseFloat(row["value"], 64)
		if err != nil {
			t.Fatal(err)
		}
		switch row["target"] {
		case "level": // the value is the mean of samples, as in predictions.csv
			if want := p.Score["level"][at[row["item"]]][0]; v-want > 1e-3 || want-v > 1e-3 {
				t.Errorf("value %v, predicted %v", v, want)
			}
			low, _ := strconv.ParseFloat(row["low"], 64)
			high, _ := strconv.ParseFloat(row["high"], 64)
			if !(low < v && v < high) || row["of_data"] == "" || row["of_model"] == "" {
				t.Errorf("interval: %v", row)
			}
		case "grade":
			total, _ := strconv.ParseFloat(row["uncertainty"], 64)
			data, _ := strconv.ParseFloat(row["of_data"], 64)
			model, _ := strconv.ParseFloat(row["of_model"], 64)
			if model < -1e-9 || total-data-model > 1e-6 || data+model-total > 1e-6 {
				t.Errorf("uncertainty %v is not that of data %v and model %v", total, data, model)
			}
			if row["split"] == partVal && row["reason"] == "" {
				answered++
			}
		}
		if row["ood_mutual"] == "" || row["ood_mahalanobis"] == "" || row["ood_texture"] == "" {
			t.Errorf("scores: %v", row)
		}
	}
	if answered > 8 {
		t.Errorf("%d of 12 validation rows are answered at a coverage of 0.5", answered)
	}
	page, err := os.ReadFile(r.Dir.UncertaintyPage())
	if err != nil || !strings.Contains(string(page), "What a reader sees") || !strings.Contains(string(page), "Automation bias") {
		t.Errorf("the page: %v", err)
	}
	// Repeated, nothing is made anew.
	before, _ := os.Stat(r.Dir.UncertaintyPage())
	if _, _, err := Do(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(r.Dir.UncertaintyPage()); !after.ModTime().Equal(before.ModTime()) {
		t.Error("the page was written anew")
	}
}

// TestUncertaintyAcrossFolds: without validation rows thresholds come from the other folds, and that is said; evidence gives vacuity.
func TestUncertaintyAcrossFolds(t *testing.T) {
	recipe := toyRecipe(t, toyCohort(t, toyRows(60)), `
    - {name: grade, kind: class, classes: [none, mild, severe]}`, `
splits: [{name: folds, by: patient, folds: 2, fractions: [1, 0, 0]}]
uncertainty:
  evidential: {loss: log, evidence: softplus}
  conformal: aps
  mondrian: site
  calibrate: none
  ood: [vacuity, knn]
  abstain: {wrong: 4}
`)
	r, _, err := do(t, Options{Recipe: recipe})
	if err != nil {
		t.Fatal(err)
	}
	rows := readTable(t, r.Dir.Readings())
	if len(rows) != 60 {
		t.Fatalf("%d rows: each of 60 items once", len(rows))
	}
	for _, row := range rows {
		u, err := strconv.ParseFloat(row["ood_vacuity"], 64)
		if err != nil || !(u > 0 && u <= 1) {
			t.Errorf("vacuity %q", row["ood_vacuity"])
		}
		p, _ := strconv.ParseFloat(row["value"], 64)
		if (p >= 0.75) != (row["reason"] == "") {
			t.Errorf("with wrong answers at four times the cost, answer from 0.75 on: %v", row)
		}
	}
	b, _ := os.ReadFile(r.Dir.Uncertainty())
	if !strings.Contains(string(b), "the other folds") {
		t.Error("where thresholds come from is not said")
	}
}

func TestImpossibleUncertaintyIsSaidFirst(t *testing.T) {
	recipe := toyRecipe(t, t.TempDir(), "[{name: level, kind: regression}]", "\nuncertainty: {memmbers: 2}\n")
	_, err := Prepare(context.Background(), Options{Recipe: recipe, Out: t.TempDir()})
	if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "members") {
		t.Errorf("an unknown key names the nearest: %v", err)
	}
}

func TestRecalibrateMaps(t *testing.T) {
	// At a stated 0.9, "yes" is right 3 of 4 times and "no" 2 of 4.
	var probs [][]float64
	var label []int
	for i := range 400 {
		yes := i%2 == 0
		p := []float64{0.9, 0.1}
		y := 0
		if yes {
			p = []float64{0.1, 0.9}
			y = 1
		}
		if i%4 >= 3 || i%8 == 0 {
			y = 1 - y
		}
		probs, label = append(probs, p), append(label, y)
	}
	for _, way := range []string{"temperature", "vector", "platt", "isotonic", "none"} {
		apply, name, _ := recalibrate(&learn.UncertaintySpec{Calibrate: way}, probs, label)
		got := apply([]float64{0.1, 0.9})[1]
		want := 0.75
		if way == "none" {
			want = 0.9
		}
		if way == "temperature" {
			want = 0.625 // one number for both sides: right 250 of 400
		}
		if got < want-0.01 || got > want+0.01 {
			t.Errorf("%s: 0.9 becomes %.3f, want about %.2f", name, got, want)
		}
	}
}
