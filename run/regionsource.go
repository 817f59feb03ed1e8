package run

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/explain"
)

// namedRegion is a region of every item of a cohort.
type namedRegion struct {
	regionSpec
	from string // where it comes from, in words
	// mask is a row's mask on the stored grid [T, H, W], other than 0 inside, for a clip of that size; nil where the row has none.
	mask func(ctx context.Context, row int, stored *clip.Clip) ([]uint8, error)
}

// regions makes the regions of a cohort out of their specifications. Segmentation runs label rows now, before an engine is needed for else.
func (r *Run) regions(ctx context.Context, specs []regionSpec, rows []int) ([]namedRegion, error) {
	var out []namedRegion
	for _, s := range specs {
		n := namedRegion{regionSpec: s}
		var err error
		switch {
		case s.Mask != "":
			n.from = "masks " + s.Mask
			n.mask, err = r.maskFiles(s)
		case s.Run != "":
			n.from = "the segmentation run " + filepath.Base(s.Run)
			n.mask, err = r.segmented(ctx, s, rows)
		case s.Phantom != "":
			n.from = "the simulation's own truth"
			n.mask = r.phantomMasks(s)
		case s.Disc != nil:
			n.from = "a disc"
		default:
			n.from = "a drawn shape"
			n.mask, err = drawnMask(s)
		}
		if err != nil {
			return nil, fmt.Errorf("region %q: %w", s.Name, err)
		}
		out = append(out, n)
	}
	return out, nil
}

// at is the region of a row at the network's input; empty where the row has none.
func (n *namedRegion) at(ctx context.Context, r *Run, row int, stored *clip.Clip, in explain.Input) (explain.Region, error) {
	if n.Disc != nil {
		h := float64(in.H)
		return explain.Disc(n.Name, in, n.Disc[0]*h, n.Disc[1]*h, n.Disc[2]*h), nil
	}
	mask, err := n.mask(ctx, row, stored)
	if err != nil || mask == nil {
		return explain.Region{Name: n.Name}, err
	}
	if len(n.Frames) > 0 {
		mask = slices.Clone(mask)
		plane := stored.H * stored.W
		for i := range mask {
			if t := i / plane; t < n.Frames[0] || t > n.Frames[1] {
				mask[i] = 0
			}
		}
	}
	at, err := seenMask(stored, mask, r.Plan.Input)
	return explain.Region{Name: n.Name, At: at}, err
}

// seenMask are the positions of a network's input that show a mask of the stored clip: the clip's own way into the network, nearest sample.
func seenMask(stored *clip.Clip, mask []uint8, in clip.InputSpec) ([]int, error) {
	m := clip.New(clip.Uint8, stored.T, stored.H, stored.W, 1)
	copy(m.Data, mask)
	m.Photometric, m.Spacing, m.Affine, m.TimesMS = clip.Mask, stored.Spacing, stored.Affine, stored.TimesMS
	in.Channels, in.Flow, in.Normalise, in.Window, in.Mean, in.Std, in.Working = 1, false, "none", nil, nil, nil, false
	if in.Crop == "foreground" { // that of the picture
		b := clip.Foreground(stored)
		cut := clip.New(clip.Uint8, b.T1-b.T0, b.Y1-b.Y0, b.X1-b.X0, 1)
		for t := range cut.T {
			for y := range cut.H {
				from := ((t+b.T0)*m.H+y+b.Y0)*m.W + b.X0
				copy(cut.Data[(t*cut.H+y)*cut.W:], m.Data[from:from+cut.W])
			}
		}
		cut.Photometric, cut.Spacing = clip.Mask, m.Spacing
		if m.TimesMS != nil {
			cut.TimesMS = m.TimesMS[b.T0:b.T1]
		}
		m, in.Crop = cut, "none"
	}
	shape := clip.InputShape(m, in)
	x := make([]float32, shape[0]*shape[1]*shape[2]*shape[3])
	if err := clip.Prepare(m, in, x, nil, clip.AugmentSpec{}, 0); err != nil {
		return nil, err
	}
	var at []int
	for i, v := range x {
		if v > 0 {
			at = append(at, i)
		}
	}
	return at, nil
}

// fitted checks a mask's size and keeps the values asked for; a mask of one plane is every frame's.
func fitted(m, stored *clip.Clip, values []int) ([]uint8, error) {
	if m.C != 1 || m.H != stored.H || m.W != stored.W || m.T != stored.T && m.T != 1 {
		return nil, fault.New(fault.Input, "a mask of %d×%d×%d for a clip of %d×%d×%d", m.T, m.H, m.W, stored.T, stored.H, stored.W).
			WithHint("export both on one grid; one plane serves every frame")
	}
	raw := make([]float32, m.T*m.H*m.W)
	if err := clip.Prepare(m, clip.InputSpec{Normalise: "none"}, raw, nil, clip.AugmentSpec{}, 0); err != nil {
		return nil, err
	}
	out := make([]uint8, stored.T*stored.H*stored.W)
	for i := range out {
		v := raw[i%len(raw)]
		if len(values) == 0 && v > 0 || slices.Contains(values, int(v)) && v == float32(int(v)) {
			out[i] = 1
		}
	}
	return out, nil
}

func (r *Run) maskFiles(s regionSpec) (func(context.Context, int, *clip.Clip) ([]uint8, error), error) {
	name, err := r.Cohort.Template(s.Mask, "mask")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, row int, stored *clip.Clip) ([]uint8, error) {
		path := name(row)
		if path == "" {
			return nil, nil
		}
		return openMask(ctx, path, stored, s.Values)
	}, nil
}

// openMask reads a mask; a file that is not there is no mask.
func openMask(ctx context.Context, path string, stored *clip.Clip, values []int) ([]uint8, error) {
	m, err := clip.Open(path, clip.AsMask(), clip.WithContext(ctx), clip.Workers(1), clip.NoDigest())
	if fault.CodeOf(err) == fault.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return fitted(m, stored, values)
}

func drawnMask(s regionSpec) (func(context.Context, int, *clip.Clip) ([]uint8, error), error) {
	shape, err := s.shape()
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, _ int, stored *clip.Clip) ([]uint8, error) {
		plane, err := shape.Mask(stored.H, stored.W)
		if err != nil {
			return nil, err
		}
		out := make([]uint8, stored.T*stored.H*stored.W)
		for i := range out {
			if plane[i%len(plane)] {
				out[i] = 1
			}
		}
		return out, nil
	}, nil
}

// phantomMasks reads the masks that a simulated study was written with, or simulates them again.
func (r *Run) phantomMasks(s regionSpec) func(context.Context, int, *clip.Clip) ([]uint8, error) {
	member, values := "masks", []int(nil)
	if class, ok := phantom.Chamber(s.Phantom); ok {
		values = []int{int(class)}
	} else {
		member = "shortcut"
	}
	var study *phantom.Cohort
	var of map[string]phantomClip
	return func(ctx context.Context, row int, stored *clip.Clip) ([]uint8, error) {
		path := r.Cohort.Rows[row].Path
		dir, name := filepath.Dir(filepath.Dir(path)), strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		if mask, err := openMask(ctx, filepath.Join(dir, "masks", name+".npz#"+member), stored, values); mask != nil || err != nil {
			return mask, err
		}
		if study == nil {
			var err error
			if study, err = phantom.Open(dir); err != nil {
				return nil, err
			}
			of = phantomClips(study)
		}
		at, ok := of[name]
		if !ok {
			return nil, nil
		}
		masks, shortcut := study.Masks(at.patient, at.view)
		if member == "shortcut" {
			masks = shortcut
		}
		m := clip.New(clip.Uint8, len(masks)/(stored.H*stored.W), stored.H, stored.W, 1)
		if len(masks) != len(m.Data) {
			return nil, fault.New(fault.Input, "the simulated mask has another size than the clip")
		}
		copy(m.Data, masks)
		m.Photometric = clip.Mask
		return fitted(m, stored, values)
	}
}

type phantomClip struct {
	patient int
	view    phantom.View
}

// phantomClips finds the patient and view of a study's file names.
func phantomClips(c *phantom.Cohort) map[string]phantomClip {
	of := map[string]phantomClip{}
	for i := range c.Len() {
		p := c.Patient(i)
		for _, v := range c.Config().Views {
			of[c.FileName(p, v)] = phantomClip{i, v}
		}
	}
	return of
}

// segmented labels rows by a segmentation run and keeps the masks, which are made once.
func (r *Run) segmented(ctx context.Context, s regionSpec, rows []int) (func(context.Context, int, *clip.Clip) ([]uint8, error), error) {
	seg, err := Open(ctx, s.Run, r.log, "")
	if err != nil {
		return nil, err
	}
	if !seg.segments() {
		return nil, fault.New(fault.Usage, "%s does not label positions", s.Run).WithHint("name a run of kind: %s", learn.KindSegment)
	}
	target, err := maskTarget(seg.Plan, seg.Cohort)
	if err != nil {
		return nil, err
	}
	class := 0
	if s.Class != "" {
		if class = slices.Index(target.Classes, s.Class); class < 0 {
			return nil, fault.New(fault.Usage, "%s has no class %q", s.Run, s.Class).WithHint("classes are %s", strings.Join(target.Classes, ", "))
		}
	}
	models, err := seg.models(0)
	if err != nil {
		return nil, err
	}
	dir := Folder(filepath.Join(string(r.Dir), "regions", slug(s.Name)))
	if err := mkdir(dir.Masks()); err != nil {
		return nil, err
	}
	type made struct{ Plan, Data, Version string }
	now, before := made{seg.Plan.Digest(), r.Cohort.Digest, version.String()}, made{}
	note := filepath.Join(string(dir), "made.json")
	fresh := exists(note) && readJSON(note, &before) == nil && before == now
	var left []int
	for _, row := range rows {
		if !fresh || !exists(dir.maskFile(r.Cohort.Rows[row].ID)) {
			left = append(left, row)
		}
	}
	if len(left) > 0 {
		c := *r.Cohort
		c.Spec.Targets = []cohort.TargetSpec{target}
		c.Rows = slices.Clone(c.Rows)
		for i := range c.Rows {
			c.Rows[i].Masks = nil
		}
		var bad []cohort.Quarantine // what cannot be read has no region
		keep := func(row int, mc *cohort.MaskCase, label []uint8) error { return seg.saveMask(dir, &c, row, mc, label) }
		err := learn.PredictMasks(ctx, learn.PredictOptions{Plan: seg.Plan, Cohort: &c, Rows: left, CheckpointDirs: models, Progress: r.log, Quarantine: &bad}, keep)
		if err != nil {
			return nil, err
		}
		if err := writeJSON(note, now); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, row int, stored *clip.Clip) ([]uint8, error) {
		return openMask(ctx, dir.maskFile(r.Cohort.Rows[row].ID), stored, []int{class + 1})
	}, nil
}
