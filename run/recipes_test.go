package run

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/evaluate/audit"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// short runs a recipe of examples/ with the given changes and returns its folder.
func short(t *testing.T, recipe string, set ...string) (*Run, *Metrics) {
	t.Helper()
	if testing.Short() {
		t.Skip("trains")
	}
	t.Setenv("CINELOOP_SHARED", testdata.SharedRoot(t))
	dir := filepath.Join(t.TempDir(), "run")
	r, m, err := Do(context.Background(), Options{Recipe: filepath.Join(testdata.Root(t), "examples", recipe), Set: set, Out: dir, Log: t.Output()})
	if fault.CodeOf(err) == fault.Missing {
		t.Skip("libtorch is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{r.Dir.Plan(), r.Dir.Metrics(), r.Dir.Report(), r.Dir.Checkpoints()} {
		if !exists(f) {
			t.Errorf("%s is missing", f)
		}
	}
	if m != nil && !exists(r.Dir.Predictions()) {
		t.Error("predictions.csv is missing")
	}
	return r, m
}

func TestDemoShort(t *testing.T) {
	r, m := short(t, "demo.yaml", "phantom.patients=40", "train.epochs=2", "model.width=4", "explain.examples=1", "evaluate.bootstrap=50")
	ef := m.Targets["ef"]
	if ef.Kind != evaluate.Regression || ef.N < 5 || !ef.Metrics["mae"].Value.Defined() || ef.Metrics["mae"].Baseline == nil {
		t.Errorf("ef: %+v", ef)
	}
	if o := m.Targets["outcome"]; o.Kind != evaluate.Binary || len(o.Subgroups["sex"]) == 0 {
		t.Errorf("outcome: %+v", o)
	}
	x, err := r.explained()
	if err != nil || len(x.Examples) == 0 {
		t.Fatalf("explained %v, error %v", x, err)
	}
	for _, e := range x.Examples {
		for _, m := range e.Maps {
			if m.Verdict.Words == "" || len(m.Verdict.Region.Random) < 99 || len(m.Cascading) != randomisedParts || m.Stability.Spearman == nil {
				t.Errorf("a map without its tests: %+v", m)
			}
		}
	}
}

// TestAdrenalShort also evaluates the finished run on another file of the same form.
func TestAdrenalShort(t *testing.T) {
	testdata.Shared(t, "data", "imaging", "adrenal3d")
	r, m := short(t, "adrenal3d.yaml", "train.epochs=1", "model.width=2", "explain.examples=-1", "evaluate.bootstrap=50")
	if got := m.Targets["mass"].N; got != 298 {
		t.Errorf("%d test rows, want 298", got)
	}
	table := testdata.Shared(t, "data", "imaging", "adrenal3d", "adrenalmnist3d.npz")
	_, again, err := EvaluateOn(context.Background(), string(r.Dir), ExternalOptions{Table: table, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	// Training and validation items are recognised by content, so the same test rows are left, with the same scores.
	if again.Targets["mass"].N != 298 || again.Targets["mass"].Metrics["auroc"].Value != m.Targets["mass"].Metrics["auroc"].Value {
		t.Errorf("on the same file: %d rows, AUROC %v, want %v", again.Targets["mass"].N, again.Targets["mass"].Metrics["auroc"].Value, m.Targets["mass"].Metrics["auroc"].Value)
	}
	if len(again.Notes) != 1 {
		t.Errorf("notes %v", again.Notes)
	}
}

func TestLungShort(t *testing.T) {
	testdata.Shared(t, "data", "imaging", "lus")
	r, m := short(t, "lus.yaml", "train.epochs=1", "model.width=2", "splits.0.folds=2", "splits.1.folds=2", "explain.examples=-1", "evaluate.bootstrap=50")
	if len(m.Variants) != 1 || m.Variants["random clips"] == nil {
		t.Fatalf("variants %v", sortedKeys(m.Variants))
	}
	source := func(i int) string { v, _ := r.Cohort.Value(i, "source_id"); return v }
	for _, f := range r.Splits[0].Folds {
		train := map[string]bool{}
		for _, i := range f.Train {
			train[source(i)] = true
		}
		for _, i := range f.Test {
			if train[source(i)] {
				t.Fatalf("source %s is in training and test of a split by source", source(i))
			}
		}
	}
	for k := range 2 {
		if !exists(filepath.Join(r.Dir.Checkpoints(), fmt.Sprintf("fold-%d.safetensors", k))) {
			t.Errorf("the weights of fold %d are not among the checkpoints", k)
		}
	}
}

// TestSunnybrookShort also holds the derived truth against the data's own table.
func TestSunnybrookShort(t *testing.T) {
	testdata.Shared(t, "data", "imaging", "sunnybrook")
	r, m := short(t, "sunnybrook-ef.yaml", "train.epochs=1", "model.width=4", "splits.0.folds=2", "explain.examples=-1", "evaluate.bootstrap=50")
	if m.Derived["ef"] == nil || m.Derived["ef"].N != 30 {
		t.Fatalf("derived %+v", m.Derived["ef"])
	}
	f, err := os.Open(testdata.Shared(t, "data", "imaging", "sunnybrook", "patients.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	published := map[string]float64{}
	for _, rec := range records[1:] {
		if published[rec[0]], err = strconv.ParseFloat(rec[6], 64); err != nil {
			t.Fatal(err)
		}
	}
	p, err := evaluate.ReadFile(r.Dir.Predictions(), r.targets())
	if err != nil {
		t.Fatal(err)
	}
	tables, err := withDerived(r.Cohort, p)
	if err != nil {
		t.Fatal(err)
	}
	ef := tables[1]
	for i, patient := range ef.Patient {
		if want, ok := published[patient]; !ok || math.Abs(ef.Truth["ef"][i][0]-want) > 0.051 {
			t.Errorf("a patient's EF is %.2f from areas and %.1f in the data's table", ef.Truth["ef"][i][0], want)
		}
	}
}

func TestEchoStudy(t *testing.T) {
	testdata.Shared(t, "data", "imaging", "echo_dicom")
	r, _ := short(t, "echo-study.yaml")
	var cat Catalog
	if err := readJSON(r.Dir.Metrics(), &cat); err != nil {
		t.Fatal(err)
	}
	if cat.Items == 0 || cat.Broken != 0 || len(cat.Cells) < 2 {
		t.Errorf("catalogue %+v", cat)
	}
	for _, f := range []string{r.sheetPath(), filepath.Join(string(r.Dir), "catalog.csv")} {
		if !exists(f) {
			t.Errorf("%s is missing", f)
		}
	}
}

// A killed run and a repeated one end with the same predictions; a cancelled one says so and can go on.
func TestCancelAndGoOn(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	opt := Options{Recipe: filepath.Join(testdata.Root(t), "examples", "demo.yaml"), Out: filepath.Join(t.TempDir(), "a"), Log: t.Output(),
		Set: []string{"phantom.patients=24", "train.epochs=3", "model.width=2", "input.frames=8", "train.checkpoint_steps=1", "explain.examples=-1", "evaluate.bootstrap=20", "train.threads=1"}}
	ctx, cancel := context.WithCancel(context.Background())
	r, err := Prepare(ctx, opt)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := r.Train(ctx); !errors.Is(err, context.Canceled) && fault.CodeOf(err) != fault.Missing {
		t.Fatalf("a cancelled training returned %v", err)
	} else if fault.CodeOf(err) == fault.Missing {
		t.Skip("libtorch is not installed")
	}
	if _, _, err := Do(context.Background(), opt); err != nil {
		t.Fatal(err)
	}
	whole := opt
	whole.Out = filepath.Join(t.TempDir(), "b")
	if _, _, err := Do(context.Background(), whole); err != nil {
		t.Fatal(err)
	}
	a, _ := os.ReadFile(Folder(opt.Out).Predictions())
	b, _ := os.ReadFile(Folder(whole.Out).Predictions())
	if len(a) == 0 || string(a) != string(b) {
		t.Error("a run that was stopped and repeated gives other predictions than one in a go")
	}
}

// The recipe with the planted bias trains under its constraint, and its predictions can be audited against the truth.
func TestPhantomBiasShort(t *testing.T) {
	r, m := short(t, "phantom-bias.yaml", "phantom.patients=48", "train.epochs=3", "model.width=4", "evaluate.bootstrap=50")
	if o := m.Targets["reduced_recorded"]; o.Kind != evaluate.Binary || len(o.Subgroups["sex"]) != 2 {
		t.Errorf("reduced_recorded: %+v", o)
	}
	table, err := audit.ReadFile(r.Dir.Predictions(), audit.ReadOptions{Groups: []string{"sex"}, Against: "reduced"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Run(t.Context(), table, audit.Options{MinGroup: 3, Resamples: 50, Permutations: 20}); err != nil {
		t.Error(err)
	}
}
