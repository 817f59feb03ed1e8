package run

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

// toyBundle trains a toy run and bundles it.
func toyBundle(t *testing.T, more, out string, opt BundleOptions) (*Run, string) {
	t.Helper()
	root := toyCohort(t, toyRows(30))
	r, _, err := do(t, Options{Recipe: toyRecipe(t, root, binary, more)})
	if err != nil {
		t.Fatal(err)
	}
	opt.Out = filepath.Join(t.TempDir(), out)
	if _, err := Bundle(context.Background(), string(r.Dir), opt); err != nil {
		t.Fatal(err)
	}
	return r, opt.Out
}

// scores are the scores of other data by item.
func scores(t *testing.T, dir, table string) map[string]float64 {
	t.Helper()
	r, _, err := EvaluateOn(context.Background(), dir, ExternalOptions{Table: table, Log: t.Output(), Out: filepath.Join(t.TempDir(), "e")})
	if err != nil {
		t.Fatal(err)
	}
	p, err := evaluate.ReadFile(r.Dir.Predictions(), r.targets())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for i, item := range p.Item {
		out[item] = p.Score["bright"][i][0]
	}
	return out
}

// TestBundleScoresAsItsRun: of one network, and of folds; in both forms; bit for bit. The same run gives the same bytes.
func TestBundleScoresAsItsRun(t *testing.T) {
	for name, more := range map[string]string{
		"one network": "splits: [{name: given, by: column, column: part}]",
		"folds":       "splits: [{name: given, by: column, column: part, folds: 2, fractions: [1, 0, 0]}]",
		"an ensemble": "splits: [{name: given, by: column, column: part}]\nuncertainty: {members: 2}",
	} {
		t.Run(name, func(t *testing.T) {
			key := signing.FromSeed([32]byte{3})
			r, path := toyBundle(t, more, "toy.cineloop", BundleOptions{Key: key, Log: t.Output()})
			again := filepath.Join(t.TempDir(), "again.zip")
			if _, err := Bundle(context.Background(), string(r.Dir), BundleOptions{Key: key, Out: again}); err != nil {
				t.Fatal(err)
			}
			a, _ := os.ReadFile(path)
			b, _ := os.ReadFile(again)
			if string(a) != string(b) {
				t.Error("the same run gives other bytes")
			}
			table := filepath.Join(r.Cohort.Spec.Root, "index.csv")
			want, got := scores(t, string(r.Dir), table), scores(t, path, table)
			if len(got) != 30 || len(want) != 30 {
				t.Fatalf("%d and %d scores", len(want), len(got))
			}
			for item, w := range want {
				if got[item] != w {
					t.Errorf("the run gives %v, its bundle %v", w, got[item])
				}
			}
		})
	}
}

// TestBundleOfMasks: a network that outlines goes into a bundle, whose masks are the run's, and into ONNX.
func TestBundleOfMasks(t *testing.T) {
	root := discStudy(t)
	recipe := filepath.Join(t.TempDir(), "discs.yaml")
	text := fmt.Sprintf(`name: discs
kind: segment
seed: 4
data: {root: %s, table: index.csv, file: "image_{file}", patient: patient, targets: [{name: disc, kind: mask, file: "mask_{file}", classes: [disc], unit: px}]}
splits: [{name: held-out, by: column, column: part}]
model: {name: unet, width: 4}
segment: {patch: [1, 24, 24], iterations: 4}
train: {epochs: 1, batch_size: 3, lr: 0.01, threads: 1}
evaluate: {bootstrap: 50}
explain: {examples: -1}
`, root)
	if err := os.WriteFile(recipe, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "discs.cineloop")
	r, err := Prepare(ctx, Options{Recipe: recipe, Out: filepath.Join(t.TempDir(), "run"), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Train(ctx); err != nil { // without the audit: discs are alike
		t.Fatal(err)
	}
	if _, err := r.Evaluate(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := Bundle(ctx, string(r.Dir), BundleOptions{Out: path, Seen: true}); err != nil {
		t.Fatal(err)
	}
	var got [2]string
	for i, dir := range []string{string(r.Dir), path} {
		e, _, err := EvaluateOn(ctx, dir, ExternalOptions{Table: filepath.Join(root, "index.csv"), Out: filepath.Join(t.TempDir(), "e")})
		if err != nil {
			t.Fatal(err)
		}
		masks, err := filepath.Glob(filepath.Join(e.Dir.Masks(), "*"))
		if err != nil || len(masks) != 20 {
			t.Fatalf("%d masks, %v", len(masks), err)
		}
		for _, f := range append(masks, e.Dir.Predictions(), e.Dir.MaskTable()) {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got[i] += string(b)
		}
	}
	if got[0] != got[1] {
		t.Error("the bundle's masks are not the run's")
	}
	b, err := bundle.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var c bundle.Card
	if err := b.ReadJSON(bundle.CardFile, &c); err != nil || c.Model.Architecture != "unet" || len(c.Model.Input) != 3 || c.Results[0].Report.Masks["disc"] == nil {
		t.Errorf("card %+v, %v", c.Model, err)
	}
	if page, _ := b.Read(bundle.CardPage); !strings.Contains(string(page), "| disc disc | dice |") {
		t.Errorf("the card does not tell the Dice coefficient:\n%s", page)
	}
	if err := ExportONNX(ctx, string(r.Dir), BundleOptions{Out: path + ".onnx"}); err != nil {
		t.Error(err)
	}
	if err := BundleMONAI(ctx, string(r.Dir), BundleOptions{Out: path + "-monai"}, nil); fault.CodeOf(err) != fault.Usage {
		t.Errorf("MONAI: %v", err)
	}
}

// TestBundleHoldsNobody: no key, no file name and no folder of this machine is in any file of a bundle, weights included.
func TestBundleHoldsNobody(t *testing.T) {
	r, dir := toyBundle(t, "splits: [{name: given, by: column, column: part}]", "toy", BundleOptions{Log: t.Output()})
	words := []string{r.Cohort.Spec.Root, filepath.Dir(string(r.Dir)), "c07.npy", "c29.npy"}
	for _, row := range r.Cohort.Rows {
		words = append(words, row.ID, row.Path, `"`+row.Patient+`"`)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, w := range words {
			if strings.Contains(string(data), w) {
				t.Errorf("%s holds %q", filepath.Base(path), w)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m := bundle.Statement{IntendedUse: "As for c07.npy, in the morning."}
	_, err = Bundle(context.Background(), string(r.Dir), BundleOptions{Statement: m, Out: filepath.Join(t.TempDir(), "b")})
	if fault.CodeOf(err) != fault.Conflict || strings.Contains(err.Error(), "c07") {
		t.Errorf("a file's name in the statement: %v", err)
	}
}

// TestBundleKnowsWhatItLearntFrom: with digests, items of the training are left out of metrics elsewhere; without, it is said.
func TestBundleKnowsWhatItLearntFrom(t *testing.T) {
	r, path := toyBundle(t, "splits: [{name: given, by: column, column: part}]", "toy.cineloop", BundleOptions{Seen: true, Log: t.Output()})
	table := filepath.Join(r.Cohort.Spec.Root, "index.csv")
	_, m, err := EvaluateOn(context.Background(), path, ExternalOptions{Table: table, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if m.Targets["bright"].N != 6 || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "24 of 30") {
		t.Errorf("%d rows judged; %v", m.Targets["bright"].N, m.Notes)
	}
	if !exists(filepath.Join(strings.TrimSuffix(path, ".cineloop")+"-evaluations", "index", "metrics.json")) {
		t.Error("results are not beside the bundle")
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if _, err := Bundle(context.Background(), string(r.Dir), BundleOptions{Out: plain}); err != nil {
		t.Fatal(err)
	}
	_, m, err = EvaluateOn(context.Background(), plain, ExternalOptions{Table: table, Log: t.Output()})
	if err != nil || m.Targets["bright"].N != 30 || !strings.Contains(m.Notes[0], "does not say") {
		t.Errorf("without digests: %v, %v", m.Notes, err)
	}
	if err := os.WriteFile(filepath.Join(plain, "networks/0", bundle.Weights), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := EvaluateOn(context.Background(), plain, ExternalOptions{Table: table}); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "does not hold") {
		t.Errorf("tampered: %v", err)
	}
}

func TestBundleCard(t *testing.T) {
	s := bundle.Statement{IntendedUse: "To try things.", Limits: []string{"Squares only."}}
	r, path := toyBundle(t, "splits: [{name: given, by: column, column: part}]", "toy.cineloop", BundleOptions{Statement: s, Log: t.Output()})
	b, err := bundle.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var c bundle.Card
	if err := b.ReadJSON(bundle.CardFile, &c); err != nil {
		t.Fatal(err)
	}
	if c.Data.Items != 30 || c.Data.Patients != 15 || c.Results[0].Report.Targets["bright"].N != 6 || c.Results[0].Report.Targets["bright"].Curves != nil {
		t.Errorf("card %+v", c)
	}
	if th := c.Thresholds.Targets["bright"]; th.Threshold == nil || *th.Threshold != 0.5 {
		t.Errorf("threshold %+v", th)
	}
	if c.Model.Architecture != r.Plan.Model.Name || c.Model.Parameters == 0 || len(c.Model.Input) != 4 {
		t.Errorf("model %+v", c.Model)
	}
	page, _ := b.Read(bundle.CardPage)
	for _, want := range []string{"To try things.", "Squares only.", "judged on 3 patients", "| bright | auroc |", "fewer than 5 patients share"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the card does not say %q:\n%s", want, page)
		}
	}
	var heads targetsFile
	if err := b.ReadJSON(bundle.TargetsFile, &heads); err != nil || len(heads.Heads) != 1 || heads.Heads[0].Decode != "sigmoid" {
		t.Errorf("heads %+v, %v", heads, err)
	}
	var pre map[string]json.RawMessage
	if err := b.ReadJSON(bundle.PreprocessingFile, &pre); err != nil || pre["input"] == nil {
		t.Errorf("preprocessing %v, %v", pre, err)
	}
}

func TestBundleOfUnfinishedRuns(t *testing.T) {
	root := toyCohort(t, toyRows(30))
	r, err := Prepare(context.Background(), Options{Recipe: toyRecipe(t, root, binary, ""), Out: filepath.Join(t.TempDir(), "r")})
	if err != nil {
		t.Fatal(err)
	}
	out := BundleOptions{Out: filepath.Join(t.TempDir(), "b")}
	if _, err := Bundle(context.Background(), string(r.Dir), out); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("not trained: %v", err)
	}
	if _, err := Bundle(context.Background(), t.TempDir(), out); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no run: %v", err)
	}
}

// TestOtherForms: a small network goes into ONNX and is refused by MONAI's layout; several networks by both.
func TestOtherForms(t *testing.T) {
	ctx := context.Background()
	r, _ := toyBundle(t, "splits: [{name: given, by: column, column: part}]", "toy.cineloop", BundleOptions{Log: t.Output()})
	model := filepath.Join(t.TempDir(), "m.onnx")
	if err := ExportONNX(ctx, string(r.Dir), BundleOptions{Out: model}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cineloop.targets", "bright", "layer4.1.conv2.weight", "batch"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the model does not hold %q", want)
		}
	}
	if err := ExportONNX(ctx, string(r.Dir), BundleOptions{Out: model}); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("over another: %v", err)
	}
	if err := BundleMONAI(ctx, string(r.Dir), BundleOptions{Out: filepath.Join(t.TempDir(), "m")}, nil); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a network that no class fits: %v", err)
	}
	folds, _ := toyBundle(t, "splits: [{name: given, by: column, column: part, folds: 2, fractions: [1, 0, 0]}]", "toy", BundleOptions{Log: t.Output()})
	if err := ExportONNX(ctx, string(folds.Dir), BundleOptions{Out: model + "2"}); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "mean of 2") {
		t.Errorf("two networks: %v", err)
	}
}
