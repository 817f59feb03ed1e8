package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/run"
)

func init() {
	register(newReportCmd)
}

// stage makes the command of one stage of a run that is planned already.
func stage(io ioStreams, use, short, long string, do func(context.Context, *run.Run) (done string, err error)) *cobra.Command {
	return &cobra.Command{
		Use:   use + " RUN",
		Short: short,
		Long: long + `

RUN is the folder of a run that cineloop plan or cineloop run made.

Exit status: 0 done, 2 a wrong flag, 3 data that cannot be used, 4 libtorch is not installed, 6 no run there, or an earlier stage is
missing, 8 out of disk or memory, 130 interrupted.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := run.Open(cmd.Context(), args[0], io.Err, "")
			if err != nil {
				return err
			}
			done, err := do(cmd.Context(), r)
			if err != nil {
				return err
			}
			fmt.Fprintln(io.Out, done)
			return nil
		},
	}
}

func newReportCmd(io ioStreams) *cobra.Command {
	cmd := stage(io, "report", "Write a run's pages",
		`Write three self-contained pages from what the other stages left: report.html with everything, audit.html with groups of people where
the recipe names some, and trust.html, which says in five minutes whether the model can be believed, and what these data cannot tell.

With --trust FILE: write one such page about several runs, RUN and those that follow it.`,
		func(ctx context.Context, r *run.Run) (string, error) {
			return "report: " + r.Dir.Report() + "\ntrust: " + r.Dir.TrustPage(), r.Report(ctx)
		})
	cmd.Use = "report RUN [RUN…]"
	cmd.Args = cobra.MinimumNArgs(1)
	cmd.Example = `  cineloop report runs/lus
  cineloop report runs/demo runs/lus runs/sunnybrook-ef --trust trust.html`
	trust := cmd.Flags().String("trust", "", "write one page about all runs into this file")
	one := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *trust == "" && len(args) > 1 {
			return fault.New(fault.Usage, "one run at a time, or --trust FILE for a page about all of them")
		}
		if *trust == "" {
			return one(cmd, args)
		}
		if err := run.Trust(cmd.Context(), args, *trust, io.Err); err != nil {
			return err
		}
		fmt.Fprintln(io.Out, "trust: "+*trust)
		return nil
	}
	return cmd
}
