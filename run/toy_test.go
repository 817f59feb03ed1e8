package run

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// toyRow is an item of a toy cohort; grade is 0, 1 or 2 and is visible: the brightness of a square.
type toyRow struct {
	file, patient, site, part string
	grade                     int
	broken                    bool
}

// toyRows are n items of n/2 patients at three sites, the last fifth of them marked as test rows.
func toyRows(n int) []toyRow {
	var out []toyRow
	for i := range n {
		part := "train"
		switch {
		case i >= n*4/5:
			part = "test"
		case i >= n*3/5:
			part = "val"
		}
		out = append(out, toyRow{file: fmt.Sprintf("c%02d.npy", i), patient: fmt.Sprintf("p%02d", i/2), site: string(rune('A' + i%3)), part: part, grade: i % 3})
	}
	return out
}

// toyCohort writes clips [4, 16, 16] and index.csv into a folder.
func toyCohort(t *testing.T, rows []toyRow) string {
	t.Helper()
	dir := t.TempDir()
	rng := stats.Seed(3).Stream("toy")
	var table strings.Builder
	table.WriteString("file,patient,site,part,grade,bright,level,bulge,shadow\n")
	for _, r := range rows {
		c := clip.New(clip.Uint8, 4, 16, 16, 1)
		var face [16 * 16]int // every item has a face of its own, so that none looks like a copy of another
		for i := range face {
			face[i] = rng.IntN(110)
		}
		for i := range c.Data {
			c.Data[i] = byte(face[i%len(face)] + rng.IntN(20))
		}
		for f := range 4 {
			for y := 4; y < 12; y++ {
				for x := 4; x < 12; x++ {
					c.Data[(f*16+y)*16+x] += byte(60 * r.grade)
				}
			}
		}
		path := filepath.Join(dir, r.file)
		if err := clip.Save(path, c); err != nil {
			t.Fatal(err)
		}
		if r.broken {
			if err := os.WriteFile(path, []byte("\x93NUMPY\x01\x00 cut short"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprintf(&table, "%s,%s,%s,%s,%s,%d,%d,%d,%d\n", r.file, r.patient, r.site, r.part, []string{"none", "mild", "severe"}[r.grade],
			min(r.grade, 1), 50*r.grade, min(r.grade, 1), r.grade/2)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.csv"), []byte(table.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// toyRecipe writes a recipe for a toy cohort; more is YAML at the top level.
func toyRecipe(t *testing.T, root, targets, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toy.yaml")
	text := fmt.Sprintf(`name: Toy study
seed: 4
data:
  root: %s
  table: index.csv
  file: "{file}"
  patient: patient
  site: site
  subgroups: [site]
  targets: %s
input: {frames: 4, height: 16, width: 16, channels: 1, normalise: unit}
augment: {flip_lr: true}
model: {name: resnet18_mean, width: 2, stem_stride: [1, 1, 1]}
train: {epochs: 2, batch_size: 4, threads: 1, autocast: none, warmup_epochs: 0.1}
evaluate: {bootstrap: 20, min_group: 2}
explain: {examples: -1}
%s
`, root, targets, more)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// do runs a recipe into a new folder.
func do(t *testing.T, opt Options) (*Run, *Metrics, error) {
	t.Helper()
	if opt.Out == "" {
		opt.Out = filepath.Join(t.TempDir(), "run")
	}
	opt.Log = t.Output()
	r, m, err := Do(context.Background(), opt)
	if fault.CodeOf(err) == fault.Missing {
		t.Skip("libtorch is not installed")
	}
	return r, m, err
}
