package main

import (
	"io"

	"github.com/spf13/cobra"
)

// ioStreams is where a command reads and writes, so that tests can run it in process.
type ioStreams struct {
	In  io.Reader
	Out io.Writer // results
	Err io.Writer // progress and messages
}

var commands []func(ioStreams) *cobra.Command

// register adds a command to the tree; each command's file calls it from init.
func register(new func(ioStreams) *cobra.Command) { commands = append(commands, new) }

func newRootCmd(io ioStreams) *cobra.Command {
	root := &cobra.Command{
		Use:   "cineloop",
		Short: "From the hospital's images to a model that is tested, explained and reported",
		Long: `cineloop takes an imaging AI project from the archive to the bedside. Start with

  cineloop run RECIPE.yaml     data in, trained and reported model out
  cineloop phantom DIR         a simulated echo cohort to try things on
  cineloop engine              which libtorch is found, and how it is set up

Exit status of every command: 0 done, 1 a defect of the program, 2 wrong usage, 3 unsuitable input, 4 something needed is
not installed, 5 done but some items were quarantined, 6 not found, 7 conflict, 8 out of disk, memory or time, 130 interrupted.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(io.In)
	root.SetOut(io.Out)
	root.SetErr(io.Err)
	for _, new := range commands {
		root.AddCommand(new(io))
	}
	return root
}
