package learn

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn/fusion"
	"github.com/cineloop/cineloop/stats"
)

// tabularPlan is the toy whose target is bright XOR treated: neither the picture nor the table says anything alone. age is a DICOM age,
// ward a category with a gap, and noise.
func tabularPlan(t *testing.T, n int, kind fusion.Kind) *Plan {
	t.Helper()
	dir := toyClips(t, n)
	var b strings.Builder
	b.WriteString("clip,patient,answer,treated,age,ward\n")
	rng := stats.Seed(2).Stream("columns")
	for i := range n {
		treated := rng.IntN(2)
		ward := []string{"A", "B", ""}[rng.IntN(3)]
		fmt.Fprintf(&b, "c%02d.npy,p%d,%d,%d,%03dY,%s\n", i, i, i%2^treated, treated, 40+rng.IntN(40), ward)
	}
	if err := os.WriteFile(filepath.Join(dir, "table.csv"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	p := toyPlan(dir)
	p.Data.Targets = []cohort.TargetSpec{{Name: "answer", Kind: cohort.Binary}}
	p.Data.Tabular = []cohort.TabularSpec{{Column: "ward"}, {Column: "treated"}, {Column: "age"}}
	p.Model.Fusion = &FusionSpec{Kind: string(kind)}
	p.Train.Monitor = "answer.auroc"
	return p
}

// auroc trains p and judges the fold's test rows.
func auroc(t *testing.T, p *Plan) float64 {
	t.Helper()
	c := loadToy(t, p)
	f := toyFold(c)
	dir := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: f, Dir: dir})
	got, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{dir}, Plan: p, Cohort: c, Rows: slices.Concat(f.Val, f.Test)})
	if err != nil {
		t.Fatal(err)
	}
	var truth []bool
	var score []float64
	for i := range got.Item {
		truth = append(truth, got.Truth["answer"][i][0] == 1)
		score = append(score, got.Score["answer"][i][0])
	}
	return stats.DeLong(score, truth).Area
}

// TestFusionLearnsFromBoth: the answer needs the picture and the table together.
func TestFusionLearnsFromBoth(t *testing.T) {
	needEngine(t)
	p := tabularPlan(t, 96, fusion.Concat)
	p.Train.Epochs = 10
	if a := auroc(t, p); a < 0.9 {
		t.Errorf("joined: AUROC %.2f", a)
	}
	if testing.Short() {
		return
	}
	p.Model.Fusion.Kind = string(fusion.Table)
	if a := auroc(t, p); a > 0.75 {
		t.Errorf("the table alone: AUROC %.2f", a)
	}
}

// TestEveryFusionTrains and resumes; its checkpoint scores the rows as the training did, and another hospital's table without one of the
// columns is a table of unknowns there.
func TestEveryFusionTrains(t *testing.T) {
	needEngine(t)
	for _, k := range fusion.Kinds {
		p := tabularPlan(t, 16, k)
		p.Train.Epochs = 2
		p.Model.Fusion.ColumnDrop, p.Model.Fusion.TableDrop = 0.1, 0.1
		c := loadToy(t, p)
		f := toyFold(c)
		whole, cut := t.TempDir(), t.TempDir()
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: f, Dir: whole})
		ctx, cancel := context.WithCancel(context.Background())
		_, err := Train(ctx, TrainOptions{Plan: p, Cohort: c, Fold: f, Dir: cut, afterStep: func(tr *trainer) {
			if tr.state.Step == 3 {
				cancel()
			}
		}})
		if fault.CodeOf(err) != fault.Interrupted {
			t.Fatalf("%s: %v", k, err)
		}
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: f, Dir: cut, Resume: true})
		sameRun(t, string(k), cut, whole)
		score := func(c *cohort.Cohort) *evaluate.Predictions {
			got, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{whole}, Plan: p, Cohort: c, Rows: c.All()})
			if err != nil {
				t.Fatalf("%s: %v", k, err)
			}
			return got
		}
		other := *c
		other.Columns = slices.Clone(c.Columns)
		other.Columns[slices.Index(other.Columns, "age")] = "years"
		with, without := score(c), score(&other)
		same := 0
		for i := range with.Item {
			if v := without.Score["answer"][i][0]; v == with.Score["answer"][i][0] {
				same++
			} else if math.IsNaN(v) {
				t.Errorf("%s: NaN without a column", k)
			}
		}
		if same == len(with.Item) {
			t.Errorf("%s: a missing column changes nothing", k)
		}
	}
}

// TestTableCode works the code of columns by hand.
func TestTableCode(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "x", "b": "x", "c": "x", "d": "x",
		"t.csv": "file,age,sex,note,ef,y\na,050Y,M,first,1,0\nb,060Y,F,,2,1\nc,999Y,M,second,,1\nd,,X,first,3,0\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	load := func(cols ...cohort.TabularSpec) (*cohort.Cohort, error) {
		return cohort.Load(t.Context(), cohort.Spec{Root: dir, Table: "t.csv", File: "{file}", Tabular: cols, Targets: []cohort.TargetSpec{{Name: "y", Kind: cohort.Binary}}})
	}
	c, err := load(cohort.TabularSpec{Column: "sex"}, cohort.TabularSpec{Column: "age"}, cohort.TabularSpec{Column: "ef"})
	if err != nil {
		t.Fatal(err)
	}
	code, err := newTableCode(c, []int{0, 1}) // mean age 55, SD 5; mean EF 1.5, SD 0.5; F and M
	if err != nil {
		t.Fatal(err)
	}
	numbers, known, levels := code.encode(c, []int{0, 1, 2, 3})
	if want := []float32{-1, -1, 1, 1, 10, 0, 0, 3}; !slices.Equal(numbers, want) { // 999 years are held at ten SDs
		t.Errorf("numbers %v", numbers)
	}
	if want := []float32{1, 1, 1, 1, 1, 0, 0, 1}; !slices.Equal(known, want) {
		t.Errorf("known %v", known)
	}
	if want := []int64{2, 1, 2, 0}; !slices.Equal(levels, want) { // X was never seen in training
		t.Errorf("levels %v", levels)
	}
	s, err := code.spec(&FusionSpec{})
	if err != nil || s.Kind != fusion.Concat || s.Numbers != 2 || !slices.Equal(s.Levels, []int64{2}) {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := (*tableCode)(nil).spec(&FusionSpec{Kind: "concat"}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("fusion without columns: %v", err)
	}
	for name, k := range map[string][]cohort.TabularSpec{
		"no such column": {{Column: "agee"}},
		"twice":          {{Column: "age"}, {Column: "age"}},
		"the truth":      {{Column: "y"}},
		"no such kind":   {{Column: "age", Kind: "ordinal"}},
	} {
		if _, err := load(k...); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range map[string]*Plan{
		"no such way":    {Data: cohort.Spec{Tabular: []cohort.TabularSpec{{Column: "age"}}}, Model: ModelSpec{Fusion: &FusionSpec{Kind: "concatt"}}},
		"of no columns":  {Model: ModelSpec{Fusion: &FusionSpec{}}},
		"a rate above 1": {Data: cohort.Spec{Tabular: []cohort.TabularSpec{{Column: "age"}}}, Model: ModelSpec{Fusion: &FusionSpec{ColumnDrop: 2}}},
	} {
		if err := checkFusion(p); fault.CodeOf(err) != fault.Usage || !strings.HasPrefix(err.Error(), "model.fusion") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err = load(cohort.TabularSpec{Column: "note"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newTableCode(c, []int{1}); fault.CodeOf(err) != fault.Input {
		t.Errorf("known in no training row: %v", err)
	}
}

// TestNoPicture: a network that learnt to do without a picture answers from the table alone, the same for rows whose tables are the same; one that did
// not is refused.
func TestNoPicture(t *testing.T) {
	needEngine(t)
	p := tabularPlan(t, 16, fusion.Concat)
	p.Data.Tabular = []cohort.TabularSpec{{Column: "treated"}}
	p.Train.Epochs = 1
	p.Model.Fusion.ImageDrop = 0.4
	c := loadToy(t, p)
	dir := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: dir})
	score := func(without bool) map[string]map[float64]bool {
		got, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{dir}, Plan: p, Cohort: c, Rows: c.All(), NoPicture: without})
		if err != nil {
			t.Fatal(err)
		}
		said := map[string]map[float64]bool{"0": {}, "1": {}}
		for i := range got.Item {
			treated, _ := c.Value(i, "treated")
			said[treated][math.Round(got.Score["answer"][i][0]*1e6)] = true
		}
		return said
	}
	if with, without := score(false), score(true); len(without["0"]) != 1 || len(without["1"]) != 1 || len(with["0"]) < 2 {
		t.Errorf("different answers by table: %v with the picture, %v without", with, without)
	}
	p.Model.Fusion.ImageDrop = 0
	other := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: other})
	_, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{other}, Plan: p, Cohort: c, Rows: c.All(), NoPicture: true})
	if fault.CodeOf(err) != fault.Usage {
		t.Errorf("a network that needs its picture: %v", err)
	}
}
