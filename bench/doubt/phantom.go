package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/run"
	"github.com/cineloop/cineloop/stats"
)

// Views that the network learns, and those that it never sees.
var (
	seenViews   = []phantom.View{phantom.A4C, phantom.A2C, phantom.A3C}
	unseenViews = []phantom.View{phantom.PLAX, phantom.PSAXMid}
)

// change is a way in which a test clip becomes one that the network was not made for. Clips are grey, [T, H, W].
type change struct {
	kind string
	do   func(c *clip.Clip, rng *rand.Rand)
}

var changes = []change{
	{"device: coarse speckle, other grey levels", otherDevice},
	{"corrupt: noise", addNoise},
	{"corrupt: frozen and blank", freeze},
	{"corrupt: half covered", cover},
}

// otherDevice halves the resolution along both sides and compresses grey levels.
func otherDevice(c *clip.Clip, _ *rand.Rand) {
	for t := range c.T {
		f := c.Data[t*c.H*c.W : (t+1)*c.H*c.W]
		for y := 0; y+1 < c.H; y += 2 {
			for x := 0; x+1 < c.W; x += 2 {
				m := (int(f[y*c.W+x]) + int(f[y*c.W+x+1]) + int(f[(y+1)*c.W+x]) + int(f[(y+1)*c.W+x+1])) / 4
				v := byte(255 * math.Pow(float64(m)/255, 0.6))
				f[y*c.W+x], f[y*c.W+x+1], f[(y+1)*c.W+x], f[(y+1)*c.W+x+1] = v, v, v, v
			}
		}
	}
}

func addNoise(c *clip.Clip, rng *rand.Rand) {
	for i, v := range c.Data {
		c.Data[i] = byte(min(max(float64(v)+rng.NormFloat64()*50, 0), 255))
	}
}

// freeze stops the picture after a quarter of the frames and blanks the last half.
func freeze(c *clip.Clip, _ *rand.Rand) {
	n := c.H * c.W
	for t := c.T / 4; t < c.T; t++ {
		f := c.Data[t*n : (t+1)*n]
		if t < c.T/2 {
			copy(f, c.Data[(c.T/4-1)*n:c.T/4*n])
		} else {
			clear(f)
		}
	}
}

// cover blanks the left half of every frame, as a probe without contact does.
func cover(c *clip.Clip, _ *rand.Rand) {
	for i := range c.Data {
		if i%c.W < c.W/2 {
			c.Data[i] = 0
		}
	}
}

// simulate writes clips and index.csv once.
func simulate(dir string, o options) error {
	path := filepath.Join(dir, "index.csv")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	seed := stats.Seed(17)
	c, err := phantom.New(phantom.Config{Seed: seed, Patients: o.patients, Views: seenViews, Frames: 16, Height: 64, Width: 64, Tissue: true})
	if err != nil {
		return err
	}
	table := [][]string{{"clip", "patient", "sex", "weight", "part", "kind", "view", "ef", "low"}}
	for i := range o.patients {
		p := c.Patient(i)
		part := "train"
		switch {
		case i >= o.patients*3/5:
			part = "test"
		case i >= o.patients*2/5:
			part = "val"
		}
		weight := "bmi below 27"
		if p.BMI >= 27 {
			weight = "bmi 27 and above"
		}
		low := "0"
		if p.EF < 50 {
			low = "1"
		}
		add := func(pic *clip.Clip, kind string, n int, view, ef, low string) error {
			name := fmt.Sprintf("%s_%s_%d.npy", p.Key, c.FileName(p, phantom.View(seenViews[0]))[2:8], n)
			table = append(table, []string{name, p.Key, p.Sex, weight, part, kind, view, ef, low})
			return clip.Save(filepath.Join(dir, name), pic)
		}
		for v, view := range seenViews {
			pic, _ := c.ClipOf(p, view)
			if err := add(pic, "in", v, string(view), strconv.FormatFloat(p.EF, 'f', 2, 64), low); err != nil {
				return err
			}
			if part != "test" || v != i%len(seenViews) { // one clip of each test patient is changed
				continue
			}
			for k, ch := range changes {
				other := *pic
				other.Data = append([]byte{}, pic.Data...)
				ch.do(&other, seed.Stream("change", i, k))
				if err := add(&other, ch.kind, 10+k, "", "", ""); err != nil {
					return err
				}
			}
		}
		if part != "test" {
			continue
		}
		for v, view := range unseenViews {
			pic, _ := c.ClipOf(p, view)
			if err := add(pic, "unseen view: "+string(view), 20+v, "", "", ""); err != nil {
				return err
			}
		}
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	if err := csv.NewWriter(f).WriteAll(table); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

const phantomRecipe = `name: doubt on the phantom
description: Which of three apical views, the ejection fraction and whether it is below 50 %%, with an ensemble that knows when not to answer.
seed: 5
data:
  root: %s
  table: index.csv
  file: "{clip}"
  patient: patient
  subgroups: [sex, weight, view]
  where: {kind: in}
  targets:
    - {name: view, kind: class, classes: [A4C, A2C, A3C]}
    - {name: low, kind: binary, weight: 0.5}
    - {name: ef, kind: regression, unit: "%%", weight: 0.5}
splits: [{name: held-out patients, by: column, column: part}]
input: {frames: 8, height: 48, width: 48, channels: 1, normalise: unit}
augment: {rotate_deg: 6, scale: [0.93, 1.07], translate: 0.04}
model: {name: r3d_18, width: 8, dropout: 0.2, stem_stride: [1, 2, 2]}
train: {epochs: %d, batch_size: 16, optimizer: adamw, lr: 0.002, monitor: loss, threads: 1, autocast: none}
evaluate: {bootstrap: 200}
explain: {examples: -1}
uncertainty:
  members: %d
  dropout_passes: 5
  regression: heteroscedastic
  calibrate: temperature
  alpha: 0.1
  abstain: {coverage: 0.9, ood: 0.95}
`

func phantomStudy(ctx context.Context, o options, dir string) (*study, error) {
	if err := simulate(dir, o); err != nil {
		return nil, err
	}
	recipe := filepath.Join(dir, "recipe.yaml")
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(recipe, fmt.Appendf(nil, phantomRecipe, root, o.epochs, o.members), 0o644); err != nil {
		return nil, err
	}
	r, m, err := run.Do(ctx, run.Options{Recipe: recipe, Out: filepath.Join(dir, "run"), Log: os.Stderr})
	if err != nil {
		return nil, err
	}
	s := &study{Name: "phantom", About: fmt.Sprintf("%d simulated patients, three apical views, an ensemble of %d with dropout", o.patients, o.members)}
	for _, t := range []string{"low", "ef"} {
		h, err := readHeldOut(r.Dir.Readings(), t, t == "ef", r.Cohort)
		if err != nil {
			return nil, err
		}
		d, err := h.divide(t, divisions)
		if err != nil {
			return nil, err
		}
		s.Divided = append(s.Divided, d)
	}
	return s, s.fill(ctx, r, m, "kind", func(v string) bool { return v == "in" })
}
