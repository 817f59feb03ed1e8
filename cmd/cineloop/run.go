package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/run"
)

func init() { register(newRunCmd) }

type runOptions struct {
	run.Options
	JSON bool
}

func newRunCmd(io ioStreams) *cobra.Command {
	var opts runOptions
	cmd := &cobra.Command{
		Use:   "run RECIPE.yaml",
		Short: "Plan, train, evaluate, explain and report a recipe",
		Long: `Do the main job of a recipe: read the data and take their fingerprint, fill the plan's gaps, train, evaluate on held-out
patients, explain examples, and write one page about all of it. Results go to runs/NAME (or --out). The command can be
stopped at any time and repeated: what is done is kept, training goes on where it was.

Each step is also a command of its own: plan, train, evaluate, explain, report.

Exit status: 0 done, 2 a wrong flag or key, 3 data that cannot be used, 4 libtorch is not installed, 5 done but some items were
quarantined (see quarantine.json), 6 a file is not there, 7 the folder holds another run, 8 out of disk or memory, 130 interrupted.`,
		Example: `  cineloop run examples/demo.yaml
  cineloop run examples/lus.yaml --set train.epochs=5 --out /tmp/lus-short
  cineloop run my.yaml --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Recipe = args[0]
			opts.Log = io.Err
			return runRun(cmd.Context(), opts, io)
		},
	}
	planFlags(cmd, &opts.Options)
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "show the plan with an estimate of time and memory; write nothing")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print metrics.json instead of a summary")
	return cmd
}

// planFlags are the flags of commands that start from a recipe.
func planFlags(cmd *cobra.Command, opt *run.Options) {
	cmd.Flags().StringArrayVar(&opt.Set, "set", nil, "change a key of the recipe, as in --set train.epochs=5 (repeatable)")
	cmd.Flags().StringVar(&opt.Out, "out", "", "folder of the run (default runs/NAME)")
	cmd.Flags().BoolVar(&opt.Restart, "restart", false, "if the folder holds a run of another recipe, move it aside")
}

func runRun(ctx context.Context, opts runOptions, io ioStreams) error {
	if opts.DryRun {
		return runPlan(ctx, planOptions{opts.Options}, io)
	}
	r, m, err := run.Do(ctx, opts.Options)
	if err != nil {
		return err
	}
	where := "report: " + r.Dir.Report()
	if m != nil {
		where += "\ntrust: " + r.Dir.TrustPage()
	}
	return printMetrics(io, r, m, opts.JSON, where)
}
