package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/run"
)

func init() { register(newEvaluateCmd) }

type evaluateOptions struct {
	run.ExternalOptions
	Dir  string
	JSON bool
}

func newEvaluateCmd(io ioStreams) *cobra.Command {
	var opts evaluateOptions
	cmd := &cobra.Command{
		Use:   "evaluate RUN|BUNDLE",
		Short: "Score a trained run on its held-out rows, or on other data of the same schema",
		Long: `Without --cohort: score the rows that the run held out and write predictions.csv and metrics.json into its folder.

With --cohort: score other data, a CSV (or npz) with the columns of the run's own table, and write plan.yaml, predictions.csv,
metrics.json and report.html into RUN/evaluations/NAME (or --out). Items that the model was trained on or chosen by are
recognised by content and left out of the metrics.

In place of a run, --cohort also takes a bundle (see cineloop bundle); its results go to BUNDLE-evaluations/NAME, or --out.

Exit status: 0 done, 2 a wrong flag, 3 data that cannot be used, 4 libtorch is not installed, 5 done but some items were quarantined,
6 no run there, or it is not trained, 130 interrupted.`,
		Example: `  cineloop evaluate runs/lus --cohort /data/new-hospital/index.csv
  cineloop evaluate runs/lus --cohort test.csv --root /data/lus --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Dir = args[0]
			opts.Log = io.Err
			return runEvaluate(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().StringVar(&opts.Table, "cohort", "", "table of other data")
	cmd.Flags().StringVar(&opts.Root, "root", "", "folder that its file names start from (default: the table's folder)")
	cmd.Flags().StringVar(&opts.Out, "out", "", "folder for the results (default RUN/evaluations/NAME)")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print metrics.json instead of a summary")
	return cmd
}

func runEvaluate(ctx context.Context, opts evaluateOptions, io ioStreams) error {
	var r *run.Run
	var m *run.Metrics
	var err error
	if opts.Table != "" {
		r, m, err = run.EvaluateOn(ctx, opts.Dir, opts.ExternalOptions)
	} else {
		if bundle.Is(opts.Dir) {
			return fault.New(fault.Usage, "%s is a bundle: it has no data of its own", opts.Dir).WithHint("name data with --cohort TABLE")
		}
		if opts.Root != "" || opts.Out != "" {
			return fault.New(fault.Usage, "--root and --out go with --cohort")
		}
		if r, err = run.Open(ctx, opts.Dir, opts.Log, ""); err == nil {
			m, err = r.Evaluate(ctx)
		}
	}
	if err != nil {
		return err
	}
	return printMetrics(io, r, m, opts.JSON, "metrics: "+r.Dir.Metrics())
}
