package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/stats"
)

const phantomRecipe = `name: fusion on the phantom
seed: %d
data:
  root: %s
  table: index.csv
  file: "{clip}"
  patient: patient
  targets:
    - {name: outcome, kind: binary}
    - {name: ef, kind: regression, unit: "%%", weight: 0.5}
%ssplits: [{name: held-out patients, by: column, column: part}]
input: {frames: 8, height: 40, width: 40, channels: 1, normalise: unit}
augment: {rotate_deg: 6, scale: [0.93, 1.07], translate: 0.04}
model: {name: r3d_18, width: 8, stem_stride: [1, 2, 2]%s}
train: {epochs: %d, batch_size: 16, optimizer: adamw, lr: 0.002, ema: -1, monitor: loss, threads: 1, autocast: none}
explain: {examples: -1}
`

const phantomColumns = "  tabular: [{column: age}, {column: bmi}, {column: sex}, {column: device}]\n"

// missingShare of the table's values are taken away in index_missing.csv.
const missingShare = 0.3

// logit is the outcome's model: the ejection fraction weighs much in women and less in men, age weighs in both; weight and device
// mean nothing.
func logit(ef float64, age int, sex string) float64 {
	perEF := 0.7
	if sex == "F" {
		perEF = 1.7
	}
	return -0.2 + perEF*(45-ef)/15 + 0.9*float64(age-62)/15
}

func phantomStudy(o options) (*study, error) {
	dir, err := filepath.Abs(filepath.Join(o.out, "phantom"))
	if err != nil {
		return nil, err
	}
	s := &study{Name: "phantom", Target: "outcome", dir: dir, drop: true,
		About: fmt.Sprintf("%d simulated patients to learn from, %d to choose by; outcome by ejection fraction, age and sex; %d seeds, %d with parts dropped", o.train, o.val, o.seeds, o.dropSeeds),
		conditions: []condition{{Name: "everything there"}, {Name: fmt.Sprintf("%.0f %% of the table's values missing", 100*missingShare), table: "index_missing.csv"},
			{Name: "no table", noTable: true}, {Name: "no picture", noPicture: true}},
		Notes: []string{"Rows that begin with \"truth\" are not models: they rank patients by the probability that the outcome was drawn from, given what they name.",
			"A network that was not trained with parts dropped meets missing values for the first time when it is judged."}}
	s.recipe = func(a arm, seed int) string {
		columns := phantomColumns
		if a.Kind == "" {
			columns = ""
		}
		return fmt.Sprintf(phantomRecipe, seed, dir, columns, a.fusion(), o.epochs)
	}
	s.prepare = func(ctx context.Context) error { return s.simulate(ctx, o) }
	return s, nil
}

// simulate writes clips and tables once, and works out what the truth allows.
func (s *study) simulate(ctx context.Context, o options) error {
	seed := stats.Seed(23)
	n := o.train + o.val + o.test
	c, err := phantom.New(phantom.Config{Seed: seed, Patients: n, Frames: 8, Height: 40, Width: 40, Tissue: true, Preset: phantom.Uniform})
	if err != nil {
		return err
	}
	head := []string{"clip", "patient", "part", "outcome", "ef", "age", "bmi", "sex", "device"}
	whole, holes := [][]string{head}, [][]string{head}
	efs, ages, sexes := make([]float64, n), make([]int, n), make([]string, n)
	names := make([]string, n)
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := c.Patient(i)
		part := "test"
		switch {
		case i < o.train:
			part = "train"
		case i < o.train+o.val:
			part = "val"
		}
		names[i] = fmt.Sprintf("%05d.npy", i)
		efs[i], ages[i], sexes[i] = p.EF, p.Age, p.Sex
		rng := seed.Stream("fusion outcome", i)
		outcome := "0"
		if rng.Float64() < sigmoid(logit(p.EF, p.Age, p.Sex)) {
			outcome = "1"
		}
		line := []string{names[i], p.Key, part, outcome, strconv.FormatFloat(p.EF, 'f', 2, 64), strconv.Itoa(p.Age), strconv.FormatFloat(p.BMI, 'f', 1, 64), p.Sex, p.Device}
		whole = append(whole, line)
		gaps := append([]string{}, line...)
		for k := 5; k < len(gaps); k++ {
			if rng.Float64() < missingShare {
				gaps[k] = ""
			}
		}
		holes = append(holes, gaps)
		if path := filepath.Join(s.dir, names[i]); !exists(path) {
			pic, _ := c.ClipOf(p, phantom.A4C)
			if err := clip.Save(path, pic); err != nil {
				return err
			}
		}
	}
	s.truth = oracles(names, efs, ages, sexes)
	if err := writeTable(filepath.Join(s.dir, "index_missing.csv"), holes); err != nil {
		return err
	}
	return writeTable(filepath.Join(s.dir, "index.csv"), whole)
}

// oracles are the outcome's probability given the ejection fraction alone, age and sex alone, and all three; what is not given is averaged over
// the simulated people, in whom ejection fraction is independent of age and sex.
func oracles(names []string, efs []float64, ages []int, sexes []string) map[string]map[string]float64 {
	pic, tab, all := map[string]float64{}, map[string]float64{}, map[string]float64{}
	n := float64(len(names))
	for i, id := range names {
		all[id] = sigmoid(logit(efs[i], ages[i], sexes[i]))
		for j := range names {
			pic[id] += sigmoid(logit(efs[i], ages[j], sexes[j])) / n
			tab[id] += sigmoid(logit(efs[j], ages[i], sexes[i])) / n
		}
	}
	return map[string]map[string]float64{"truth: of the picture": pic, "truth: of the table": tab, "truth: of both": all}
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func writeTable(path string, rows [][]string) error {
	return atomicfile.Write(path, func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) })
}
