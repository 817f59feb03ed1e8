package run

import (
	"context"
	"fmt"
	"math"
	"path/filepath"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
)

// Masks is the folder of predicted masks, a NIfTI file an item; MaskTable is their scores.
func (f Folder) Masks() string     { return filepath.Join(string(f), "masks") }
func (f Folder) MaskTable() string { return filepath.Join(string(f), "masks.csv") }

// segments says whether the run labels positions.
func (r *Run) segments() bool { return r.Plan.Kind == learn.KindSegment }

// maskTarget is the target of a run that labels positions.
func maskTarget(p *learn.Plan, c *cohort.Cohort) (cohort.TargetSpec, error) {
	for _, t := range c.Spec.Targets {
		if t.Kind == cohort.Mask && (p.Segment.Target == "" || t.Name == p.Segment.Target) {
			return t, nil
		}
	}
	return cohort.TargetSpec{}, fault.New(fault.Usage, "the plan has no mask target %q", p.Segment.Target)
}

// sizeTargets are the regression targets that stand for a mask target in predictions.csv: the size of each class, named TARGET where there is
// one class and TARGET_CLASS where there are several.
func sizeTargets(t cohort.TargetSpec) []evaluate.Target {
	unit := t.Unit
	if unit == "" {
		unit = "mm³"
	}
	if len(t.Classes) == 1 {
		return []evaluate.Target{{Name: t.Name, Kind: evaluate.Regression, Unit: unit}}
	}
	var out []evaluate.Target
	for _, c := range t.Classes {
		out = append(out, evaluate.Target{Name: t.Name + "_" + c, Kind: evaluate.Regression, Unit: unit})
	}
	return out
}

// voxel is the size of a voxel in mm³, mm² where there is one slice of unknown thickness; 1 where nothing is known.
func voxel(mm [3]float64) float64 {
	v := 1.0
	for _, d := range mm {
		if d > 0 {
			v *= d
		}
	}
	return v
}

// sizes are the sizes of the classes in a label array.
func sizes(label []uint8, classes int, mm [3]float64) []float64 {
	out := make([]float64, classes)
	one := voxel(mm)
	for _, l := range label {
		if l > 0 && int(l) <= classes {
			out[l-1] += one
		}
	}
	return out
}

// trueSizes are the sizes of the classes in row i's mask; NaN where it has none or it cannot be read.
func trueSizes(c *cohort.Cohort, t cohort.TargetSpec, i int) []float64 {
	none := make([]float64, len(t.Classes))
	for k := range none {
		none[k] = math.NaN()
	}
	path := c.Rows[i].Masks[t.Name]
	if path == "" {
		return none
	}
	m, err := clip.Open(path, clip.AsMask(), clip.Workers(1))
	if err != nil {
		return none
	}
	label, err := volume.Labels(m, len(t.Classes)+1)
	if err != nil {
		return none
	}
	return sizes(label, len(t.Classes), [3]float64{m.Spacing.Slice, m.Spacing.Row, m.Spacing.Column})
}

// predictMasks labels rows, keeps the masks in dir and returns their sizes and scores.
func (r *Run) predictMasks(ctx context.Context, dir Folder, c *cohort.Cohort, rows []int, models []string, bad *[]cohort.Quarantine) (*evaluate.Predictions, *evaluate.MaskTable, error) {
	t, err := maskTarget(r.Plan, c)
	if err != nil {
		return nil, nil, err
	}
	if err := mkdir(dir.Masks()); err != nil {
		return nil, nil, err
	}
	out := r.emptyPredictions()
	table := &evaluate.MaskTable{Target: t.Name, Classes: t.Classes}
	each := func(row int, mc *cohort.MaskCase, label []uint8) error {
		item := c.Rows[row]
		truth, err := readTruth(c, t, row, mc.Stored)
		if err != nil {
			*bad = append(*bad, cohort.Quarantine{Line: item.Line, ID: item.ID, Reason: "its mask: " + cohort.WithoutPath(err, item.Masks[t.Name])})
			return nil
		}
		var scores []evaluate.MaskScore
		score := map[string][]float64{}
		predicted, actual := sizes(label, len(t.Classes), mc.StoredMM), trueSizes(c, t, row)
		for k := range t.Classes {
			if truth != nil {
				scores = append(scores, evaluate.ScoreMask(truth, label, uint8(k+1), mc.Stored, mc.StoredMM, r.Plan.Segment.NSDTolerance))
			}
			score[out.Targets[k].Name] = []float64{predicted[k]}
		}
		addRow(out, c, row, partTest, score)
		for k, s := range out.Targets {
			out.Truth[s.Name][out.Len()-1] = []float64{actual[k]}
		}
		if table.Unit = "px"; mc.StoredMM[1] > 0 {
			table.Unit = "mm"
		}
		table.Item, table.Patient = append(table.Item, item.ID), append(table.Patient, item.Patient)
		table.Split, table.Score = append(table.Split, partTest), append(table.Score, scores)
		return r.saveMask(dir, c, row, mc, label)
	}
	err = learn.PredictMasks(ctx, learn.PredictOptions{Plan: r.Plan, Cohort: c, Rows: rows, CheckpointDirs: models, Progress: r.log, Quarantine: bad}, each)
	return out, table, err
}

// readTruth is row i's mask as labels; nil where it has none.
func readTruth(c *cohort.Cohort, t cohort.TargetSpec, i int, size [3]int) ([]uint8, error) {
	path := c.Rows[i].Masks[t.Name]
	if path == "" {
		return nil, nil
	}
	m, err := clip.Open(path, clip.AsMask(), clip.Workers(1))
	if err != nil {
		return nil, err
	}
	if got := [3]int{m.T, m.H, m.W}; got != size {
		return nil, fault.New(fault.Input, "it has %v positions, its image %v", got, size)
	}
	return volume.Labels(m, len(t.Classes)+1)
}

// maskFile is where an item's predicted mask lies.
func (f Folder) maskFile(item string) string {
	return filepath.Join(f.Masks(), slug(item)+".nii.gz")
}

func (r *Run) saveMask(dir Folder, c *cohort.Cohort, row int, mc *cohort.MaskCase, label []uint8) error {
	m := clip.New(clip.Uint8, mc.Stored[0], mc.Stored[1], mc.Stored[2], 1)
	copy(m.Data, label)
	m.Photometric = clip.Mask
	m.Spacing = clip.Spacing{Slice: mc.StoredMM[0], Row: mc.StoredMM[1], Column: mc.StoredMM[2]}
	m.Affine = mc.Affine
	if err := clip.Save(dir.maskFile(c.Rows[row].ID), m); err != nil {
		return fmt.Errorf("keeping a mask: %w", err)
	}
	return nil
}

// judgeMasks adds to a report what masks.csv holds.
func (r *Run) judgeMasks(ctx context.Context, rep *evaluate.Report, table *evaluate.MaskTable, o evaluate.Options) error {
	m, err := evaluate.EvaluateMasks(ctx, table, r.Plan.Segment.NSDTolerance, o)
	if err != nil {
		return err
	}
	rep.Masks = map[string]*evaluate.MaskReport{table.Target: m}
	return nil
}

// readMaskTable reads masks.csv of a folder.
func (r *Run) readMaskTable(dir Folder) (*evaluate.MaskTable, error) {
	t, err := maskTarget(r.Plan, r.Cohort)
	if err != nil {
		return nil, err
	}
	return evaluate.ReadMasks(dir.MaskTable(), t.Name, t.Classes)
}

// addSizes gives the last row of a table the true sizes of its mask, in runs that label positions.
func (r *Run) addSizes(p *evaluate.Predictions, row int) {
	if !r.segments() {
		return
	}
	t, err := maskTarget(r.Plan, r.Cohort)
	if err != nil {
		return
	}
	for k, v := range trueSizes(r.Cohort, t, row) {
		p.Truth[sizeTargets(t)[k].Name][p.Len()-1] = []float64{v}
	}
}

// withParts adds a table whose items have the parts of p; nil tables add nothing.
func withParts(all []*evaluate.MaskTable, m *evaluate.MaskTable, p *evaluate.Predictions) []*evaluate.MaskTable {
	if m == nil {
		return all
	}
	setMaskParts(m, p)
	return append(all, m)
}

// setMaskParts gives the table's items the parts that the predictions say.
func setMaskParts(t *evaluate.MaskTable, p *evaluate.Predictions) {
	part := map[string]string{}
	for i, item := range p.Item {
		part[item] = p.Split[i]
	}
	for i, item := range t.Item {
		t.Split[i] = part[item]
	}
}
