package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/stats"
)

func init() { register(newPhantomCmd) }

type phantomOptions struct {
	phantom.Config
	Dir     string
	Seed    uint64
	Views   []string
	Rho     []string
	NoMasks bool
	JSON    bool
}

func newPhantomCmd(io ioStreams) *cobra.Command {
	var opts phantomOptions
	cmd := &cobra.Command{
		Use:   "phantom DIR",
		Short: "Simulate an echocardiography cohort with known truth",
		Long: `Simulate echo studies of made-up patients into DIR: DICOM cine loops with burned-in names, masks and volumes of every frame, and
cohort.csv with ejection fraction, demographics, outcomes and their true risks. The same seed gives the same bytes, whatever the
number of cores. The command can be stopped and repeated: finished files are kept, and more patients are added to fewer.

--rho plants shortcuts: at a strength of 1 every one (logo, marker, gain, framerate, sector, text, lead, flip, bmi) agrees with the
outcome at the training sites and contradicts it at the test site. --rho logo=0.9,gain=0.2 sets single ones.

--bias plants a demographic bias: women's reduced ejection fractions are missing from the record that often, and gain and
the probe marker's side tell the sex. The table then has the columns reduced (the truth) and reduced_recorded.

Exit status: 0 done, 2 a wrong flag, 3 a damaged file in DIR, 7 DIR was made with another seed or configuration, 8 out of disk,
130 interrupted.`,
		Example: `  cineloop phantom study --patients 200 --seed 7
  cineloop phantom big --patients 20 --views A4C,A2C,PLAX --height 600 --width 800 --frames -1
  cineloop phantom trap --patients 400 --rho 0.9`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Dir = args[0]
			return runPhantom(cmd.Context(), opts, io)
		},
	}
	f := cmd.Flags()
	f.IntVar(&opts.Patients, "patients", 100, "number of patients")
	f.Uint64Var(&opts.Seed, "seed", 1, "seed of every random choice")
	f.StringSliceVar(&opts.Views, "views", []string{string(phantom.A4C)}, "views of each patient: A4C, A2C, A3C, PLAX, PSAX-base, PSAX-mid, PSAX-apex, or all")
	f.Float64Var(&opts.Missing, "missing", 0, "how likely each view of a patient was not taken, 0 to 0.9; never all")
	f.IntVar(&opts.Frames, "frames", 32, "frames of each clip, spanning at least one beat; -1: 2 to 4 beats at 30 to 80 frames/s")
	f.IntVar(&opts.Height, "height", 112, "rows, pixels")
	f.IntVar(&opts.Width, "width", 112, "columns, pixels")
	f.StringSliceVar(&opts.Rho, "rho", nil, "strength of the shortcuts, 0 to 1; NAME=VALUE for one")
	f.StringVar(&opts.Preset, "preset", phantom.EchoNet, "distribution of ejection fraction: echonet, uniform, healthy")
	f.Float64Var(&opts.Bias, "bias", 0, "planted demographic bias, 0 to 1: how often a woman's reduced ejection fraction goes unrecorded")
	f.BoolVar(&opts.Tissue, "tissue", false, "leave out text, ECG, ticks, logo and colour")
	f.BoolVar(&opts.NoMasks, "no-masks", false, "leave out masks/")
	f.BoolVar(&opts.AVI, "avi", false, "also write avi/NAME.avi, motion JPEG")
	f.BoolVar(&opts.NPZ, "npz", false, "also write npz/NAME.npz")
	f.IntVar(&opts.Workers, "workers", 0, "clips at a time; 0: one a core")
	f.BoolVar(&opts.JSON, "json", false, "print a summary as JSON")
	return cmd
}

// config turns flags into a configuration. Errors have code usage.
func (o *phantomOptions) config() (phantom.Config, error) {
	cfg := o.Config
	cfg.Seed, cfg.Masks = stats.Seed(o.Seed), !o.NoMasks
	for _, name := range o.Views {
		if strings.EqualFold(name, "all") {
			cfg.Views = phantom.Views
			break
		}
		v, err := phantom.ParseView(name)
		if err != nil {
			return cfg, err
		}
		cfg.Views = append(cfg.Views, v)
	}
	for _, item := range o.Rho {
		name, value, single := strings.Cut(item, "=")
		if !single {
			value = name
		}
		x, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return cfg, fault.New(fault.Usage, "--rho %s: %q is not a number", item, value)
		}
		if !single {
			cfg.Rho = x
			continue
		}
		if cfg.Confounders == nil {
			cfg.Confounders = map[phantom.Confounder]float64{}
		}
		cfg.Confounders[phantom.Confounder(name)] = x
	}
	return cfg, nil
}

func runPhantom(ctx context.Context, opts phantomOptions, io ioStreams) error {
	cfg, err := opts.config()
	if err != nil {
		return err
	}
	start := time.Now()
	clips := 0
	bar := progress.New(io.Err, "clips", int64(cfg.Patients*len(cfg.Views))) // at most
	err = phantom.Write(ctx, opts.Dir, cfg, func(done, _ int) {
		clips = done
		bar.Set(int64(done))
	})
	bar.Close()
	if err != nil {
		return err
	}
	table := filepath.Join(opts.Dir, "cohort.csv")
	if opts.JSON {
		return json.NewEncoder(io.Out).Encode(map[string]any{
			"cohort": table, "patients": cfg.Patients, "clips": clips, "seed": opts.Seed, "seconds": time.Since(start).Seconds(),
		})
	}
	_, err = fmt.Fprintf(io.Out, "%d patients, %d clips: %s\n", cfg.Patients, clips, table)
	return err
}
