package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/run"
)

const lusRecipe = `name: doubt on lung ultrasound
description: Healthy or diseased from two sources; are clips of five other sources found to be unlike them?
seed: 1
data:
  root: %s
  table: index.csv
  file: "clips/{clip}"
  patient: group
  site: source_id
  subgroups: [probe]
  where: {source_id: "14|18"}
  targets:
    - {name: diseased, kind: binary, column: label, positive: "covid|bacterial|viral"}
splits: [{name: held-out patients, by: patient, folds: 3, fractions: [1, 0, 0], stratify: diseased}]
input: {frames: 8, height: 64, width: 64, channels: 1}
augment: {flip_lr: true, rotate_deg: 10, scale: [0.9, 1.15], translate: 0.08, brightness: 0.3, contrast: 0.3, gamma: 0.2, temporal_jitter: true}
model: {name: r3d_18, width: 12, dropout: 0.3}
train: {epochs: %d, batch_size: 8, optimizer: adamw, lr: 0.0005, weight_decay: 0.05, balance: true, threads: 1, autocast: none}
evaluate: {bootstrap: 200}
explain: {examples: -1}
uncertainty: {members: %d, dropout_passes: 10, calibrate: platt}
`

func lusStudy(ctx context.Context, o options, dir string) (*study, error) {
	shared := os.Getenv("CINELOOP_SHARED")
	if shared == "" {
		shared = "../shared"
	}
	root, err := filepath.Abs(filepath.Join(shared, "data", "imaging", "lus"))
	if err != nil {
		return nil, err
	}
	recipe := filepath.Join(dir, "recipe.yaml")
	if err := os.WriteFile(recipe, fmt.Appendf(nil, lusRecipe, root, 2*o.epochs, min(o.members, 2)), 0o644); err != nil {
		return nil, err
	}
	r, m, err := run.Do(ctx, run.Options{Recipe: recipe, Out: filepath.Join(dir, "run"), Log: os.Stderr})
	if err != nil {
		return nil, err
	}
	s := &study{Name: "lus", About: "95 clips of lung ultrasound; trained on sources 14 and 18 (58 clips, three folds by patient), the 37 clips of sources 2, 6, 16, 29 and 39 are other"}
	return s, s.fill(ctx, r, m, "source_id", func(v string) bool { return v == "14" || v == "18" })
}
