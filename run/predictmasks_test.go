package run

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

// TestPredictFilesMasks: a network that labels positions hands out the labels that the run itself keeps of the same pictures, at the files' size.
func TestPredictFilesMasks(t *testing.T) {
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
splits:
  - {name: held-out, by: column, column: part}
model: {name: unet, width: 4}
segment: {patch: [1, 24, 24], iterations: 10}
train: {epochs: 1, batch_size: 3, lr: 0.01, ema: 0, threads: 1}
evaluate: {bootstrap: 20, min_group: 2}
explain: {examples: 1}
`, root)
	if err := os.WriteFile(recipe, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r, _, err := do(t, Options{Recipe: recipe})
	if err != nil {
		t.Fatal(err)
	}
	asked, err := ModelTargets(t.Context(), string(r.Dir), t.Output())
	if err != nil || asked.Target != "disc" || len(asked.Classes) != 1 || asked.Targets != nil {
		t.Errorf("%+v, %v", asked, err)
	}
	files := []string{filepath.Join(root, "image_p7_ED.png"), filepath.Join(root, "image_p8_ES.png")}
	seen := map[string]Labelled{}
	a, err := PredictFiles(t.Context(), string(r.Dir), append(files, filepath.Join(root, "absent.png")), t.Output(), func(l Labelled) error {
		seen[l.File] = l
		return nil
	})
	if err != nil || len(a.Left) != 1 || len(a.Learnt) != 2 || len(a.Members) != 0 {
		t.Fatalf("%+v, %v", a, err)
	}
	for i, f := range files {
		l := seen[f]
		if l.Size != [3]int{1, 24, 24} || l.Target != "disc" || len(l.Label) != 24*24 {
			t.Fatalf("%s: %v, %d labels", f, l.Size, len(l.Label))
		}
		kept, err := clip.Open(r.Dir.maskFile([]string{"image_p7_ED.png", "image_p8_ES.png"}[i]), clip.AsMask())
		if err != nil {
			t.Fatal(err)
		}
		differ := 0
		for k, v := range l.Label {
			if v != kept.Data[k] {
				differ++
			}
		}
		if differ > 0 {
			t.Errorf("%s: %d pixels differ from what the run keeps", f, differ)
		}
	}
	stop := fault.New(fault.Usage, "no more")
	if _, err := PredictFiles(t.Context(), string(r.Dir), files, t.Output(), func(Labelled) error { return stop }); fault.CodeOf(err) != fault.Usage {
		t.Errorf("who takes the masks refused: %v", err)
	}
}
