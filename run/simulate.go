package run

import (
	"context"
	"path/filepath"

	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
)

// simulate writes the phantom cohort that the plan asks for, unless it is there. Files already there and right are kept.
func (r *Run) simulate(ctx context.Context, dry bool) error {
	p := r.Plan.Phantom
	if p == nil {
		return nil
	}
	root := r.Plan.Data.Root
	if dry && !exists(root) {
		return fault.New(fault.NotFound, "the phantom study is not simulated yet, and a dry run writes nothing").
			WithHint("cineloop phantom %s --patients %d --seed %d makes it", root, p.Patients, r.Plan.Seed)
	}
	cfg := phantom.Config{Seed: r.Plan.Seed, Patients: p.Patients, Frames: p.Frames, Height: p.Height, Width: p.Width, Rho: p.Rho, Preset: p.Preset, Bias: p.Bias, Missing: p.Missing}
	for k, v := range p.Confounders {
		if cfg.Confounders == nil {
			cfg.Confounders = map[phantom.Confounder]float64{}
		}
		cfg.Confounders[phantom.Confounder(k)] = v
	}
	for _, name := range p.Views {
		v, err := phantom.ParseView(name)
		if err != nil {
			return err
		}
		cfg.Views = append(cfg.Views, v)
	}
	if !exists(filepath.Join(root, "cohort.csv")) { // written last
		r.say("simulating %d patients", p.Patients)
	}
	c, err := phantom.New(cfg)
	if err != nil {
		return err
	}
	bar := progress.New(r.log, "phantom", int64(c.Clips()))
	defer bar.Close()
	return phantom.Write(ctx, root, cfg, func(done, _ int) { bar.Set(int64(done)) })
}
