package main

import "github.com/spf13/cobra"

func init() { register(newFairnessCmd) }

func newFairnessCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fairness",
		Short: "Mitigation methods on the field's public tables, beside the reference's numbers",
		Long: `cineloop audit judges predictions group by group; this command checks the methods that reduce gaps. How to use them in a training is
the recipe's section train.fairness.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newFairnessBenchCmd(io))
	return cmd
}
