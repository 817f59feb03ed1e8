package main

import "github.com/spf13/cobra"

func init() { register(newFairnessCmd) }

func newFairnessCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fairness",
		Short: "Mitigation methods on public tables, and what models trade between performance and gaps",
		Long: `cineloop audit judges predictions group by group; this command checks the methods that reduce gaps. How to use them in a training is
the recipe's section train.fairness.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newFairnessBenchCmd(io), newFairnessFrontierCmd(io))
	return cmd
}
