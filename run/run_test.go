package run

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
)

const binary = `[{name: bright, kind: binary, column: bright}]`

// TestEveryKindOfTarget goes from the table to the page with one network for all four kinds.
func TestEveryKindOfTarget(t *testing.T) {
	root := toyCohort(t, toyRows(30))
	recipe := toyRecipe(t, root, `
    - {name: grade, kind: class, column: grade}
    - {name: signs, kind: multilabel, columns: [bulge, shadow]}
    - {name: bright, kind: binary, column: bright}
    - {name: level, kind: regression, column: level, unit: HU}`,
		"splits: [{name: given, by: column, column: part}]")
	r, m, err := do(t, Options{Recipe: recipe, Set: []string{"explain.examples=1", "explain.target=grade"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]evaluate.Kind{"grade": evaluate.Class, "signs": evaluate.MultiLabel, "bright": evaluate.Binary, "level": evaluate.Regression} {
		if tr := m.Targets[name]; tr == nil || tr.Kind != kind || tr.N != 6 {
			t.Errorf("%s: %+v", name, tr)
		}
	}
	if got := m.Targets["grade"].Classes; !slices.Equal(got, []string{"mild", "none", "severe"}) {
		t.Errorf("classes %v", got)
	}
	if x, err := r.explained(); err != nil || len(x.Examples) == 0 || x.Examples[0].Class == "" {
		t.Errorf("examples of a class: %+v, %v", x, err)
	}
	var b bytes.Buffer
	Summarise(&b, m)
	for _, want := range []string{"6 items of 3 patients", "grade auroc", "signs auroc", "bright auroc", "level mae"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, b.String())
		}
	}
	p, err := evaluate.ReadFile(r.Dir.Predictions(), r.targets())
	if err != nil || p.Len() != 12 { // validation and test rows
		t.Errorf("%d predictions, %v", p.Len(), err)
	}
}

// TestQuarantine: files that cannot be read are left out with their reasons, whichever stage finds them, and the run says so at its end.
func TestQuarantine(t *testing.T) {
	rows := toyRows(30)
	for _, i := range []int{1, 20, 27} { // one of each part
		rows[i].broken = true
	}
	root := toyCohort(t, rows)
	table := filepath.Join(root, "index.csv")
	data, _ := os.ReadFile(table)
	data = append(data, "absent.npy,p90,A,train,mild,1,50,1,0\nabsent2.npy,p91,A,train,mild,perhaps,50,1,0\n"...)
	if err := os.WriteFile(table, data, 0o644); err != nil {
		t.Fatal(err)
	}
	r, m, err := do(t, Options{Recipe: toyRecipe(t, root, binary, "splits: [{name: given, by: column, column: part}]")})
	if err != nil {
		t.Fatal(err)
	}
	if m.Targets["bright"].N != 5 {
		t.Errorf("%d test rows were judged, want 5", m.Targets["bright"].N)
	}
	part := r.Partial()
	if fault.CodeOf(part) != fault.Partial || !strings.Contains(part.Error(), "5 of 32") {
		t.Errorf("at the end: %v", part)
	}
	var list []cohort.Quarantine
	if err := readJSON(r.Dir.Quarantine(), &list); err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, q := range list {
		lines = append(lines, q.Line)
		if q.Reason == "" {
			t.Errorf("line %d has no reason", q.Line)
		}
	}
	slices.Sort(lines)
	if !slices.Equal(lines, []int{3, 22, 29, 32, 33}) {
		t.Errorf("lines %v", lines)
	}
	page, _ := os.ReadFile(r.Dir.Report())
	if !strings.Contains(string(page), list[0].Reason) {
		t.Error("the page does not say why items are missing")
	}
}

// TestReservedRows: with folds over a table that also names test rows, all folds' models score those together, and they are what counts.
func TestReservedRows(t *testing.T) {
	root := toyCohort(t, toyRows(30))
	r, m, err := do(t, Options{Recipe: toyRecipe(t, root, binary, "splits: [{name: given, by: column, column: part, folds: 2, fractions: [1, 0, 0]}]")})
	if err != nil {
		t.Fatal(err)
	}
	if m.Targets["bright"].N != 6 || len(m.Notes) != 1 {
		t.Errorf("judged %d rows; notes %v", m.Targets["bright"].N, m.Notes)
	}
	f, err := os.Open(r.Dir.Predictions())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]int{}
	for _, rec := range records[1:] {
		parts[rec[2]]++
		if (rec[3] == "") != (rec[2] == partTest) {
			t.Errorf("a row of part %s has fold %q", rec[2], rec[3])
		}
	}
	if parts[partTest] != 6 || parts[partFold] != 24 {
		t.Errorf("parts %v", parts)
	}
	_, again, err := EvaluateOn(context.Background(), string(r.Dir), ExternalOptions{Table: filepath.Join(root, "index.csv"), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if again.Targets["bright"].N != 6 || *again.Targets["bright"].Metrics["auroc"].Baseline != 0.5 {
		t.Errorf("on its own table: %+v", again.Targets["bright"])
	}
	if got, want := again.Targets["bright"].Metrics["auroc"].Value, m.Targets["bright"].Metrics["auroc"].Value; got != want {
		t.Errorf("the same rows and models give AUROC %v, then %v", want, got)
	}
}

// TestNoTestRows: validation rows are judged, and it is said that they flatter.
func TestNoTestRows(t *testing.T) {
	root := toyCohort(t, toyRows(24))
	_, m, err := do(t, Options{Recipe: toyRecipe(t, root, binary, "splits: [{by: patient, fractions: [0.7, 0.3, 0]}]")})
	if err != nil {
		t.Fatal(err)
	}
	if m.Split != partVal || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "optimistic") {
		t.Errorf("judged %q, notes %v", m.Split, m.Notes)
	}
}

// TestElsewhere: a finished run scores other tables: other column order, other folder, rows that cannot be used, rows it learnt from.
func TestElsewhere(t *testing.T) {
	root := toyCohort(t, toyRows(30))
	r, _, err := do(t, Options{Recipe: toyRecipe(t, root, binary, "splits: [{name: given, by: column, column: part}]")})
	if err != nil {
		t.Fatal(err)
	}
	other := toyRows(12)
	other[3].broken = true
	for i := range other {
		other[i].grade = (i + 1) % 3
	}
	elsewhere := toyCohort(t, other)
	table := filepath.Join(t.TempDir(), "clinic two.csv")
	text := "bright,site,extra,patient,file\n"
	for _, o := range other {
		text += []string{"0", "1", "1"}[o.grade] + "," + o.site + ",x," + o.patient + "," + o.file + "\n"
	}
	if err := os.WriteFile(table, []byte("\ufeff"+strings.ReplaceAll(text, "\n", "\r\n")), 0o644); err != nil { // as spreadsheets save it
		t.Fatal(err)
	}
	ext, m, err := EvaluateOn(context.Background(), string(r.Dir), ExternalOptions{Table: table, Root: elsewhere, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if m.Targets["bright"].N != 11 || len(m.Notes) != 0 {
		t.Errorf("judged %d rows; notes %v", m.Targets["bright"].N, m.Notes)
	}
	if fault.CodeOf(ext.Partial()) != fault.Partial {
		t.Errorf("one file cannot be read: %v", ext.Partial())
	}
	if want := filepath.Join(string(r.Dir), "evaluations", "clinic-two"); string(ext.Dir) != want {
		t.Errorf("results are in %s, want %s", ext.Dir, want)
	}
	for _, f := range []string{ext.Dir.Plan(), ext.Dir.Metrics(), ext.Dir.Predictions(), ext.Dir.Report()} {
		if !exists(f) {
			t.Errorf("%s is missing", f)
		}
	}
	for name, c := range map[string]struct {
		text string
		code fault.Code
		says string
	}{
		"no such column": {"file,patient,site\nc00.npy,p,A\n", fault.Input, "bright"},
		"no row":         {"file,patient,site,bright\n", fault.Input, ""},
		"nothing usable": {"file,patient,site,bright\nnone.npy,p,A,1\n", fault.Input, ""},
	} {
		path := filepath.Join(t.TempDir(), "bad.csv")
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err := EvaluateOn(context.Background(), string(r.Dir), ExternalOptions{Table: path, Root: elsewhere, Log: t.Output()})
		if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := EvaluateOn(context.Background(), string(r.Dir), ExternalOptions{Table: filepath.Join(root, "none.csv")}); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("an absent table: %v", err)
	}
	if _, _, err := EvaluateOn(context.Background(), t.TempDir(), ExternalOptions{Table: table}); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("an empty folder: %v", err)
	}
}

// TestFolders: a folder is continued by the same recipe, refused to another, moved aside on request, and never changed by a dry run.
func TestFolders(t *testing.T) {
	root := toyCohort(t, toyRows(24))
	recipe := toyRecipe(t, root, binary, "")
	out := filepath.Join(t.TempDir(), "run")
	dry, err := Prepare(context.Background(), Options{Recipe: recipe, Out: out, DryRun: true, Log: t.Output()})
	if err != nil || exists(out) || dry.Plan.Planned == nil {
		t.Fatalf("dry run: %v", err)
	}
	if _, _, err := do(t, Options{Recipe: recipe, Out: out}); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(Folder(out).Predictions())
	if _, _, err := do(t, Options{Recipe: recipe, Out: out}); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(Folder(out).Predictions()); !bytes.Equal(before, after) {
		t.Error("repeating a finished run changed its predictions")
	}
	other := Options{Recipe: recipe, Out: out, Set: []string{"train.epochs=1"}}
	if _, _, err := do(t, other); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("another recipe in the same folder: %v", err)
	}
	other.Restart = true
	if _, _, err := do(t, other); err != nil {
		t.Fatal(err)
	}
	if old, _ := os.ReadFile(Folder(out + ".old-1").Predictions()); !bytes.Equal(before, old) {
		t.Error("the old run is not whole in its new place")
	}
	// Where the data are no longer there, opening says so.
	if err := os.Rename(root, root+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), out, t.Output(), ""); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("without its data: %v", err)
	}
}

// TestRecipeErrors: what is wrong is named before any time is spent.
func TestRecipeErrors(t *testing.T) {
	root := toyCohort(t, toyRows(6))
	for name, c := range map[string]struct {
		targets, more string
		set           []string
		code          fault.Code
		says          string
	}{
		"misspelt key":        {binary, "trian: {epochs: 1}", nil, fault.Usage, "train"},
		"misspelt change":     {binary, "", []string{"train.epoch=1"}, fault.Usage, "epochs"},
		"unknown column":      {`[{name: x, kind: binary, column: brihgt}]`, "", nil, fault.Usage, "bright"},
		"unknown kind":        {binary, "kind: dance", nil, fault.Usage, "segment or catalog"},
		"unknown network":     {binary, "", []string{"model.name=r3d_81"}, fault.Usage, "r3d_18"},
		"split of nothing":    {binary, "splits: [{by: column, column: nowhere}]", nil, fault.Usage, "nowhere"},
		"text for a number":   {`[{name: x, kind: regression, column: site}]`, "", nil, fault.Input, ""},
		"monitor of no thing": {binary, "", []string{"train.monitor=bright.happiness"}, fault.Usage, "happiness"},
	} {
		_, _, err := do(t, Options{Recipe: toyRecipe(t, root, c.targets, c.more), Set: c.set})
		if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: code %v: %v", name, fault.CodeOf(err), err)
		}
	}
}

// TestOtherNetworks: a recipe that names another network runs to its page; one without positions in its last stage has no maps, and one
// that needs larger clips says so before training.
func TestOtherNetworks(t *testing.T) {
	root := toyCohort(t, toyRows(24))
	recipe := toyRecipe(t, root, binary, "")
	for _, name := range []string{"videomae_vit_s", "resnet18_gru", "x3d_xs"} {
		r, m, err := do(t, Options{Recipe: recipe, Set: []string{"model.name=" + name, "train.epochs=1", "explain.examples=1"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := "gradcam"
		if name == "videomae_vit_s" {
			want = "gradient" // no layer of it has positions
		}
		x, err := r.explained()
		if err != nil || m.Targets["bright"].N == 0 || len(x.Examples) == 0 || len(x.Examples[0].Maps) != 1 || x.Examples[0].Maps[0].Method != want {
			t.Errorf("%s: %d rows judged, maps %+v, %v", name, m.Targets["bright"].N, x, err)
		}
	}
	if _, _, err := do(t, Options{Recipe: recipe, Set: []string{"explain.methods=[tealeaves]"}}); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "tealeaves") {
		t.Errorf("an unknown method is found out before anything is trained: %v", err)
	}
	if _, _, err := do(t, Options{Recipe: recipe, Set: []string{"model.name=s3d"}}); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "at least 5×28×28") {
		t.Errorf("clips too small: %v", err)
	}
}
