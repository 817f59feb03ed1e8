package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg2000"
)

type dicomCodecsOptions struct {
	Build  bool
	Source string
	JSON   bool
}

func newDicomCodecsCmd(io ioStreams) *cobra.Command {
	var opts dicomCodecsOptions
	cmd := &cobra.Command{
		Use:   "codecs",
		Short: "Show which transfer syntaxes can be decoded and written here, and build the JPEG 2000 codec",
		Long: `Prints each transfer syntax with what decodes it. Most need nothing but this program; JPEG 2000 and HTJ2K need OpenJPEG, JPEG XL djxl,
MPEG-2, H.264 and HEVC ffmpeg.

--build makes the JPEG 2000 codec: it fetches OpenJPEG's source package from the distribution's archive (through an apt configuration of its own;
nothing on the machine changes), compiles it to a WebAssembly module, and keeps that in the cache folder ($CINELOOP_CACHE, or cineloop in the
user's cache folder). It needs clang, lld and wasi-libc, and no rights. --source DIR takes an unpacked OpenJPEG 2.5 or later
instead. $CINELOOP_OPENJPEG names a module that was made elsewhere.

Exit status: 0 printed or built, 2 wrong usage, 4 a tool for the build is missing or the source can't be fetched, 8 out of disk, 130 interrupted.`,
		Example: `  cineloop dicom codecs --build`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDicomCodecs(cmd.Context(), opts, io) },
	}
	cmd.Flags().BoolVar(&opts.Build, "build", false, "build the JPEG 2000 codec first")
	cmd.Flags().StringVar(&opts.Source, "source", "", "folder of an unpacked OpenJPEG, for --build")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print JSON")
	return cmd
}

// codecsReport is what codecs --json prints.
type codecsReport struct {
	Codecs   []pixel.Codec        `json:"codecs"`
	OpenJPEG []jpeg2000.Candidate `json:"openjpeg"` // where it was looked for
}

func runDicomCodecs(ctx context.Context, opts dicomCodecsOptions, io ioStreams) error {
	if opts.Build {
		if _, err := jpeg2000.Build(ctx, opts.Source, io.Err); err != nil {
			return err
		}
	}
	report := codecsReport{Codecs: pixel.Codecs()}
	_, report.OpenJPEG, _ = jpeg2000.Find() // its absence is in the codecs
	if opts.JSON {
		return printJSON(io.Out, report)
	}
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	for _, c := range report.Codecs {
		can := "read"
		switch {
		case c.Missing != "":
			can = "–"
		case c.Encode:
			can = "read, write"
		}
		by := c.By
		switch {
		case c.Missing != "":
			by = c.Missing
		case c.Path != "":
			by += " " + c.Path
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.TransferSyntax, can, by, c.Name)
	}
	return w.Flush()
}
