package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/run"
)

func init() { register(newPlanCmd) }

type planOptions struct{ run.Options }

func newPlanCmd(io ioStreams) *cobra.Command {
	var opts planOptions
	cmd := &cobra.Command{
		Use:   "plan RECIPE.yaml",
		Short: "Fill a recipe's gaps from the data's fingerprint",
		Long: `Read the data, take their fingerprint, fill the gaps of the recipe with a reason each, and write plan.yaml into the run's folder.
The plan is printed; it may be edited before cineloop train.

Exit status: 0 done, 2 a wrong flag or key, 3 data that cannot be used, 6 a file is not there, 7 the folder holds another run.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Recipe = args[0]
			opts.Log = io.Err
			return runPlan(cmd.Context(), opts, io)
		},
	}
	planFlags(cmd, &opts.Options)
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "print only")
	return cmd
}

func runPlan(ctx context.Context, opts planOptions, io ioStreams) error {
	r, err := run.Prepare(ctx, opts.Options)
	if err != nil {
		return err
	}
	data, err := learn.EncodePlan(r.Plan)
	if err != nil {
		return err
	}
	fmt.Fprintf(io.Out, "%s", data)
	if p := r.Plan.Planned; p != nil {
		fmt.Fprintf(io.Err, "about %.1f minutes of training and %.0f MiB of memory on this machine\n", p.EstimateMinutes, p.EstimateMiB)
	}
	if !opts.DryRun {
		fmt.Fprintf(io.Err, "plan: %s\n", r.Dir.Plan())
	}
	return nil
}
