package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

type dicomDumpOptions struct {
	Path  string
	JSON  bool
	Width int
}

func newDicomDumpCmd(io ioStreams) *cobra.Command {
	var opts dicomDumpOptions
	cmd := &cobra.Command{
		Use:   "dump FILE",
		Short: "Print the elements of a file",
		Long: `Prints every element with tag, VR, value, length, number of values and keyword, sequences indented, and what is wrong with the file
as comments at the end. FILE may be the address of an object on a web server that gives byte ranges (http://, https://): only what is
printed is transferred. With --json it prints the DICOM JSON model (PS3.18 annex F); bytes above 4 kB are left out of it.

Exit status: 0 done, 3 not DICOM, 6 the file is not there, 8 the server does not answer.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Path = args[0]
			return runDicomDump(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print the DICOM JSON model")
	cmd.Flags().IntVar(&opts.Width, "width", 64, "cut values after so many characters; 0: never")
	return cmd
}

func runDicomDump(ctx context.Context, opts dicomDumpOptions, io ioStreams) error {
	f, err := openDicom(ctx, opts.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	if !opts.JSON {
		return f.Dump(io.Out, opts.Width)
	}
	b, err := f.DataSet.JSON(4096, nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(io.Out, "%s\n", b)
	return err
}
