package run

import (
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort/export"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
)

// toyStudies gives the items of a toy cohort studies and views: items 3k, 3k+1, 3k+2 would be one study, but every fifth is not there, and
// all clips of a study have one patient, part and grade. Item 7's file is broken.
func toyStudies(t *testing.T) string {
	t.Helper()
	var rows []toyRow
	for i, r := range toyRows(90) {
		if i%5 == 4 {
			continue
		}
		study := i / 3
		r.patient, r.grade, r.broken = "p"+strconv.Itoa(study), study%3, i == 7
		r.part = []string{"train", "train", "val", "test", "test"}[study%5]
		rows = append(rows, r)
	}
	root := toyCohort(t, rows)
	path := filepath.Join(root, "index.csv")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	lines[0] += ",study,view"
	for k, line := range lines[1:] {
		var i int
		if i, err = strconv.Atoi(line[1:3]); err != nil {
			t.Fatal(err)
		}
		lines[k+1] = line + ",s" + strconv.Itoa(i/3) + "," + []string{"A4C", "A2C", "PLAX"}[i%3]
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func viewsRecipe(t *testing.T, root string) string {
	t.Helper()
	path := toyRecipe(t, root, `
    - {name: grade, kind: class, column: grade}
    - {name: level, kind: regression, column: level, unit: HU}
  views: {study: study, column: view}`, "splits: [{name: given, by: column, column: part}]")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A site of each clip is no site of its study.
	if err := os.WriteFile(path, []byte(strings.Replace(strings.Replace(string(text), "  site: site\n", "", 1), "  subgroups: [site]\n", "", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestStudiesEndToEnd: a row a study in every output, what each view says alone beside it, the broken clip left out and not its study.
func TestStudiesEndToEnd(t *testing.T) {
	root := toyStudies(t)
	r, m, err := do(t, Options{Recipe: viewsRecipe(t, root), Set: []string{"explain.examples=1", "explain.target=grade", "train.epochs=3"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Targets["level"]; got.N != 12 || got.Patients != 12 {
		t.Errorf("%d studies of %d patients are judged", got.N, got.Patients)
	}
	if len(r.Cohort.Quarantine) != 1 || r.Cohort.Quarantine[0].ID != "c07.npy" {
		t.Errorf("quarantine %+v", r.Cohort.Quarantine)
	}
	if part := r.Partial(); !strings.Contains(part.Error(), "1 of 72") {
		t.Errorf("at the end: %v", part)
	}
	f, err := os.Open(r.Dir.Views())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(table[0][:7], " "); got != "item patient split fold view weight clips" {
		t.Errorf("columns %s", got)
	}
	sum, seen := map[string]float64{}, map[string]int{}
	for _, rec := range table[1:] {
		w, err := strconv.ParseFloat(rec[5], 64)
		if err != nil || !(w > 0) {
			t.Errorf("weight %s", rec[5])
		}
		sum[rec[0]] += w
		seen[rec[0]+" "+rec[4]]++
		if rec[2] != "test" && rec[2] != "val" {
			t.Errorf("part %s", rec[2])
		}
	}
	for item, w := range sum {
		if math.Abs(w-1) > 3e-4 {
			t.Errorf("%s: weights sum to %v", item, w)
		}
	}
	if len(sum) != 18 || seen["s2 PLAX"] != 1 || seen["s2 A4C"] != 1 || seen["s2 A2C"] != 0 { // item 7 is s2's A2C
		t.Errorf("%d studies, %v", len(sum), seen)
	}
	if m.Views == nil || len(m.Views.Views) != 3 || m.Views.Views[0].Name != "A2C" || m.Views.Views[0].Targets["level"].Alone == nil || m.Views.Views[0].Targets["level"].Metric != "mae" {
		t.Fatalf("%+v", m.Views)
	}
	studies := 0
	for _, c := range m.Views.Clips {
		studies += c.Studies
	}
	if studies != 12 || m.Views.Clips[0].Name != "2" {
		t.Errorf("%+v", m.Views.Clips)
	}
	page, err := os.ReadFile(r.Dir.Report())
	if err != nil || !strings.Contains(string(page), "Each view alone") || !strings.Contains(string(page), "6 studies") {
		t.Errorf("the page says nothing of views (%v)", err)
	}
	if x, err := r.explained(); err != nil || len(x.Examples) == 0 {
		t.Errorf("examples %+v, %v", x, err)
	}
	// The same data again: what training saw in any clip is no test.
	other, om, err := EvaluateOn(context.Background(), string(r.Dir), ExternalOptions{Table: filepath.Join(root, "index.csv"), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if om.Targets["level"].N != 12 || om.Views == nil || !exists(other.Dir.Views()) {
		t.Errorf("%+v", om.Targets["level"])
	}
	p, err := evaluate.ReadFile(other.Dir.Predictions(), r.targets())
	if err != nil || len(p.InSplit(partTrain)) != 12 {
		t.Errorf("%d studies of training, %v", len(p.InSplit(partTrain)), err)
	}
}

// TestStudiesInABundle: a bundle scores studies as the run did; forms that hold one clip are refused.
func TestStudiesInABundle(t *testing.T) {
	root := toyStudies(t)
	r, _, err := do(t, Options{Recipe: viewsRecipe(t, root), Set: []string{"train.epochs=1"}})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "b.cineloop")
	if _, err := Bundle(context.Background(), string(r.Dir), BundleOptions{Out: out, Log: t.Output()}); err != nil {
		t.Fatal(err)
	}
	other, m, err := EvaluateOn(context.Background(), out, ExternalOptions{Table: filepath.Join(root, "index.csv"), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if m.Views == nil || m.Targets["level"].N != 30 {
		t.Errorf("%d studies, views %v", m.Targets["level"].N, m.Views != nil)
	}
	scores := func(path string) map[string]float64 {
		p, err := evaluate.ReadFile(path, r.targets())
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]float64{}
		for i, item := range p.Item {
			out[item] = p.Score["level"][i][0]
		}
		return out
	}
	all := scores(other.Dir.Predictions())
	for item, v := range scores(r.Dir.Predictions()) {
		if math.Abs(all[item]-v) > 1e-4*math.Abs(v) { // other studies share the batch
			t.Errorf("%s: %v from the bundle, %v from the run", item, all[item], v)
		}
	}
	to := filepath.Join(t.TempDir(), "x")
	if err := ExportONNX(context.Background(), string(r.Dir), BundleOptions{Out: to}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("ONNX: %v", err)
	}
	if err := BundleMONAI(context.Background(), string(r.Dir), BundleOptions{Out: to}, nil); fault.CodeOf(err) != fault.Usage {
		t.Errorf("MONAI: %v", err)
	}
}

// TestStudiesWithRepeatedScoring: uncertainty's passes and cross-validation give the same tables.
func TestStudiesWithRepeatedScoring(t *testing.T) {
	recipe := viewsRecipe(t, toyStudies(t))
	r, m, err := do(t, Options{Recipe: recipe, Set: []string{"train.epochs=1", "model.dropout=0.3", "uncertainty.dropout_passes=3", "splits=[{name: cross, by: patient, folds: 2}]"}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := evaluate.ReadFile(r.Dir.Views(), r.targets())
	if err != nil || v.Len() != 71 || m.Targets["level"].N != 30 {
		t.Errorf("%d clips of %d studies, %v", v.Len(), m.Targets["level"].N, err)
	}
	folds := slices.Clone(v.Fold)
	slices.Sort(folds)
	if !slices.Equal(slices.Compact(folds), []int{0, 1}) {
		t.Errorf("folds %v", folds)
	}
	if !exists(r.Dir.Uncertainty()) {
		t.Error("nothing is said of uncertainty")
	}
}

func TestStudiesWhereTheyCannotBe(t *testing.T) {
	root := toyStudies(t)
	for _, set := range []string{"kind=catalog", "kind=segment", "data.subgroups=[view]", "model.views.kind=all", "train.mixup=0.5"} {
		if _, _, err := do(t, Options{Recipe: viewsRecipe(t, root), Set: []string{set}}); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", set, err)
		}
	}
	if _, err := ExportCohort(context.Background(), Options{Recipe: viewsRecipe(t, root)}, export.Options{Out: t.TempDir(), Format: "npz"}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("export: %v", err)
	}
}

// TestEchoViewsRecipe: real echo clips as studies of one to six views, from DICOM headers to the page.
func TestEchoViewsRecipe(t *testing.T) {
	r, m := short(t, "echo-views.yaml", "train.threads=1", "explain.examples=-1", "train.epochs=1", "model.width=2")
	if tr := m.Targets["stressed"]; tr.N != 4 || tr.Patients != 1 {
		t.Errorf("%d studies of %d patients", tr.N, tr.Patients)
	}
	var have []int
	for _, row := range r.Cohort.Rows {
		have = append(have, len(row.Files()))
	}
	slices.Sort(have)
	if !slices.Equal(have, []int{1, 2, 5, 6}) || len(r.Cohort.Slots) != 6 {
		t.Errorf("studies of %v clips in %d slots", have, len(r.Cohort.Slots))
	}
	page, err := os.ReadFile(r.Dir.Report())
	if err != nil || !strings.Contains(string(page), "the scores are no result") {
		t.Errorf("the page does not say that its numbers mean nothing (%v)", err)
	}
}

func TestPhantomViewsShort(t *testing.T) {
	r, m := short(t, "phantom-views.yaml", "phantom.patients=24", "phantom.frames=16", "phantom.height=64", "phantom.width=64", "input.frames=8", "input.height=32", "input.width=32",
		"train.epochs=1", "train.threads=1", "model.width=2", "explain.examples=-1", "evaluate.bootstrap=20")
	if m.Targets["ef"].N < 3 || m.Views == nil || len(m.Views.Views) == 0 || r.Cohort.Rows[0].ID != r.Cohort.Rows[0].Patient {
		t.Errorf("%+v", m.Views)
	}
	whole := 0
	for _, row := range r.Cohort.Rows {
		if len(row.Files()) == 3 {
			whole++
		}
	}
	if whole == 0 || whole == len(r.Cohort.Rows) {
		t.Errorf("%d of %d studies have every view", whole, len(r.Cohort.Rows))
	}
}
