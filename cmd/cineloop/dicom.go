package main

import (
	"github.com/spf13/cobra"
)

func init() { register(newDicomCmd) }

func newDicomCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dicom",
		Short: "Look into DICOM files, convert them, check them",
		Long: `Commands on single files, folders and media of DICOM. None of them changes its input.

Values are printed as they are in the file, names of patients too: their output is for people who may see them. Errors never
have values in them.`,
		Args: cobra.NoArgs,
	}
	for _, sub := range []func(ioStreams) *cobra.Command{newDicomDigestCmd, newDicomConvertCmd, newDicomDumpCmd, newDicomFindCmd, newDicomFramesCmd, newDicomValidateCmd, newDicomCodecsCmd} {
		cmd.AddCommand(sub(io))
	}
	cmd.AddCommand(newDicomMediaCmd(io))
	return cmd
}
