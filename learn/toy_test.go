package learn

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// toyClips writes n clips [4, 12, 12] of noise with a bright square in half of them, and a table with what is in them. level is the
// square's brightness and has gaps; bright says whether there is one.
func toyClips(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	rng := stats.Seed(11).Stream("toy")
	table := [][]string{{"clip", "patient", "bright", "level"}}
	for i := range n {
		level := 0
		if i%2 == 1 {
			level = 60 + rng.IntN(120)
		}
		name := fmt.Sprintf("c%02d.npy", i)
		if err := os.WriteFile(filepath.Join(dir, name), toyClip(rng, level), 0o644); err != nil {
			t.Fatal(err)
		}
		text := strconv.Itoa(level)
		if i%7 == 3 {
			text = ""
		}
		table = append(table, []string{name, "p" + strconv.Itoa(i), strconv.Itoa(i % 2), text})
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(table); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "table.csv"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// toyClip is an npy file of uint8.
func toyClip(rng *rand.Rand, level int) []byte {
	head := "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 12, 12), }"
	for (10+len(head)+1)%64 != 0 {
		head += " "
	}
	out := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(out[8:], uint16(len(head)+1))
	out = append(append(out, head...), '\n')
	top, left := rng.IntN(7), rng.IntN(7)
	for range 4 {
		for y := range 12 {
			for x := range 12 {
				v := 20 + rng.IntN(30)
				if y >= top && y < top+5 && x >= left && x < left+5 {
					v += level
				}
				out = append(out, byte(min(v, 255)))
			}
		}
	}
	return out
}

// toyPlan trains a network of width 4 on [toyClips] in a second or two.
func toyPlan(dir string) *Plan {
	return &Plan{
		Name: "toy",
		Seed: 3,
		Data: cohort.Spec{Root: dir, Table: "table.csv", File: "{clip}", Patient: "patient", Targets: []cohort.TargetSpec{
			{Name: "bright", Kind: "binary"}, {Name: "level", Kind: "regression", Weight: 0.5},
		}},
		Input: clip.InputSpec{Frames: 4, Height: 12, Width: 12, Channels: 1, Normalise: "unit"},
		Model: ModelSpec{Name: "r3d_18", Width: 4, StemStride: []int{1, 1, 1}},
		Train: TrainSpec{Epochs: 3, BatchSize: 4, Optimizer: "adamw", LR: 5e-3, WeightDecay: 0.01, Schedule: "cosine",
			Monitor: "bright.auroc", Device: "cpu", Threads: 2},
	}
}

func loadToy(t testing.TB, p *Plan) *cohort.Cohort {
	t.Helper()
	c, err := cohort.Load(context.Background(), p.Data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// toyFold trains on all but every fourth row.
func toyFold(c *cohort.Cohort) cohort.Fold {
	var f cohort.Fold
	for i := range c.Rows {
		if i%4 < 2 {
			f.Train = append(f.Train, i)
		} else if i%4 == 2 || i%8 == 3 {
			f.Val = append(f.Val, i)
		} else {
			f.Test = append(f.Test, i)
		}
	}
	return f
}

// train runs a training and fails the test on an error.
func train(t testing.TB, o TrainOptions) *TrainResult {
	t.Helper()
	r, err := Train(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func needEngine(t *testing.T) {
	t.Helper()
	withEngine(t, func(*torch.Engine) {})
}
