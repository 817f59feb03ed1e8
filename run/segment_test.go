package run

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/stats"
)

// discStudy writes ten patients' pictures at ED and ES, 24×24, with a disc that is smaller at ES, and its mask.
func discStudy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rng := stats.Seed(2).Stream("discs")
	table := "file,patient,phase,part\n"
	for n := range 10 {
		for _, phase := range []string{"ED", "ES"} {
			r := 6.0 + float64(n%3)
			if phase == "ES" {
				r *= 0.7
			}
			image, mask := clip.New(clip.Uint8, 1, 24, 24, 1), clip.New(clip.Uint8, 1, 24, 24, 1)
			for i := range image.Data {
				image.Data[i] = byte(rng.IntN(135)) // each a face of its own, so that none looks like a copy of another
				if math.Hypot(float64(i/24)-11.5, float64(i%24)-11.5) <= r {
					image.Data[i] += 120
					mask.Data[i] = 255
				}
			}
			name := fmt.Sprintf("p%d_%s.png", n, phase)
			for kind, c := range map[string]*clip.Clip{"image_": image, "mask_": mask} {
				if err := clip.Save(filepath.Join(dir, kind+name), c); err != nil {
					t.Fatal(err)
				}
			}
			part := "train"
			if n >= 6 {
				part = "val"
			}
			table += fmt.Sprintf("%s,p%d,%s,%s\n", name, n, phase, part)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "index.csv"), []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestSegmentRun: from a recipe to masks with intervals, an ejection fraction from their sizes, outlines and a page; repeating the command
// does nothing anew; the finished run scores other data and knows what it has seen.
func TestSegmentRun(t *testing.T) {
	root := discStudy(t)
	recipe := filepath.Join(t.TempDir(), "discs.yaml")
	text := fmt.Sprintf(`name: discs
kind: segment
seed: 4
data:
  root: %s
  table: index.csv
  file: "image_{file}"
  patient: patient
  targets:
    - {name: disc, kind: mask, file: "mask_{file}", classes: [disc], unit: px}
  derive:
    - {name: ef, kind: ejection_fraction, from: disc, phase: phase}
splits:
  - {name: held-out, by: column, column: part}
model: {name: unet, width: 4}
segment: {patch: [1, 24, 24], iterations: 25}
train: {epochs: 3, batch_size: 3, lr: 0.01, ema: 0.8, threads: 1}
evaluate: {bootstrap: 50, min_group: 2}
explain: {examples: 1}
`, root)
	if err := os.WriteFile(recipe, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "run")
	r, m, err := do(t, Options{Recipe: recipe, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	disc := m.Masks["disc"]
	if disc == nil || disc.N != 8 || disc.Patients != 4 || disc.Unit != "px" {
		t.Fatalf("masks %+v", m.Masks)
	}
	if d := disc.PerClass["disc"].Metrics["dice"]; !(d.Value > 0.8) {
		t.Errorf("Dice %+v", d)
	}
	if ef := m.Derived["ef"]; ef.N != 4 || !ef.Metrics["mae"].Value.Defined() {
		t.Errorf("ef %+v", ef)
	}
	if b := m.Targets["disc"].Baseline; b == nil || b.From != "train" || !(b.Values[0] > 50) {
		t.Errorf("the baseline does not know the training masks' sizes: %+v", b)
	}
	files, _ := filepath.Glob(filepath.Join(r.Dir.Masks(), "*.nii.gz"))
	if len(files) != 8 {
		t.Errorf("%d masks are kept", len(files))
	}
	page, err := os.ReadFile(r.Dir.Report())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"95 % Hausdorff distance (px)", "true outline green", "Dice coefficient of", "Ejection"} {
		if want != "Ejection" && !strings.Contains(string(page), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	before, _ := os.Stat(filepath.Join(r.Dir.Checkpoints(), bestWeights))
	if _, again, err := do(t, Options{Recipe: recipe, Out: out}); err != nil || again.Masks["disc"].PerClass["disc"].Metrics["dice"].Value != disc.PerClass["disc"].Metrics["dice"].Value {
		t.Errorf("repeated: %v", err)
	}
	if c, err := r.OverfitOneBatch(t.Context(), 0); err != nil || !c.Reached || c.Targets[0].Name != "disc" || !exists(filepath.Join(out, overfitFile)) {
		t.Errorf("one batch by heart: %v, %+v", err, c)
	}
	if c, err := r.FindLR(t.Context(), learn.LRSearch{From: 1e-5, Steps: 20}); err != nil || len(c.Points) < 5 || !exists(filepath.Join(out, lrPictureFile)) {
		t.Errorf("a search for a rate: %v, %+v", err, c)
	}
	if after, _ := os.Stat(filepath.Join(r.Dir.Checkpoints(), bestWeights)); !after.ModTime().Equal(before.ModTime()) {
		t.Error("repeating the command, or a look, trained anew")
	}
	ext, em, err := EvaluateOn(context.Background(), out, ExternalOptions{Table: filepath.Join(root, "index.csv"), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if len(em.Notes) != 1 || em.Masks["disc"].N != 20 || !exists(ext.Dir.MaskTable()) {
		t.Errorf("on its own data: notes %v, %+v", em.Notes, em.Masks["disc"])
	}
	segmentationRegion(t, r)
}

func TestPickMasks(t *testing.T) {
	nan := math.NaN()
	table := &evaluate.MaskTable{Classes: []string{"a"}}
	for i, d := range []float64{0.5, 0.9, nan, 0.7, 0.1} {
		table.Item = append(table.Item, fmt.Sprint(i))
		table.Split = append(table.Split, "test")
		table.Score = append(table.Score, []evaluate.MaskScore{{Dice: d}})
	}
	got := pickMasks(table, "test", 1)
	if len(got) != 3 || got[0] != (maskPick{1, "best"}) || got[1] != (maskPick{4, "worst"}) || got[2] != (maskPick{0, "typical"}) {
		t.Errorf("%+v", got)
	}
	if one := pickMasks(&evaluate.MaskTable{Item: []string{"x"}, Split: []string{"test"}, Score: [][]evaluate.MaskScore{{{Dice: 1}}}}, "test", 2); len(one) != 1 {
		t.Errorf("one item: %+v", one)
	}
}
