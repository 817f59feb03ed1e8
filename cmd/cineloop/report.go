package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

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
	return stage(io, "report", "Write a run's page",
		"Write report.html, one self-contained page, from what the other stages left.",
		func(ctx context.Context, r *run.Run) (string, error) {
			return "report: " + r.Dir.Report(), r.Report(ctx)
		})
}
