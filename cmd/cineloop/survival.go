package main

import "github.com/spf13/cobra"

func init() { register(newSurvivalCmd) }

func newSurvivalCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "survival",
		Short: "Time-to-event models: the published comparison, and metrics of predicted curves",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newSurvivalBenchCmd(io), newSurvivalMetricsCmd(io))
	return cmd
}
