package main

import (
	"context"
	stdio "io"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

type dicomConvertOptions struct {
	In, Out string
	To      string
}

func newDicomConvertCmd(io ioStreams) *cobra.Command {
	var opts dicomConvertOptions
	cmd := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Write a file again, in another transfer syntax if asked for",
		Long: `Without --to, OUT is IN byte for byte. With --to, OUT is in that transfer syntax: a UID, or one of

  implicit explicit big deflated     native
  rle jpegll jpegls j2k uncompressed deflatedframe     encapsulated, all lossless

Samples stay what they are, unless they were compressed with loss or are a video: then OUT has what decoding gives, and says that it was
lossy. j2k needs the codec that cineloop dicom codecs shows. OUT is whole or not there.

Exit status: 0 done, 2 an unknown or unsupported transfer syntax, 3 not DICOM or pixel data that can't be decoded, 4 a codec is not
installed, 6 IN is not there, 8 out of disk or over a limit, 130 interrupted.`,
		Example: `  cineloop dicom convert in.dcm out.dcm --to jpegls`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.In, opts.Out = args[0], args[1]
			return runDicomConvert(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().StringVar(&opts.To, "to", "", "transfer syntax: UID or short name")
	return cmd
}

var syntaxNames = map[string]dicom.TransferSyntax{
	"implicit": uid.ImplicitVRLittleEndian, "explicit": uid.ExplicitVRLittleEndian, "big": uid.ExplicitVRBigEndian,
	"deflated": uid.DeflatedExplicitVRLittleEndian, "rle": uid.RLELossless, "jpegll": uid.JPEGLosslessSV1, "jpegls": uid.JPEGLSLossless, "j2k": uid.JPEG2000Lossless,
	"uncompressed": uid.EncapsulatedUncompressedExplicitVRLittleEndian, "deflatedframe": uid.DeflatedImageFrameCompression,
}

func runDicomConvert(ctx context.Context, opts dicomConvertOptions, _ ioStreams) error {
	to, short := syntaxNames[opts.To]
	if !short {
		to = dicom.TransferSyntax(opts.To)
	}
	if to != "" && !to.Known() {
		return fault.New(fault.Usage, "%q is not a transfer syntax", opts.To).WithHint("see cineloop dicom convert --help")
	}
	f, err := dicom.Open(opts.In)
	if err != nil {
		return err
	}
	defer f.Close()
	if to == "" {
		to = f.TransferSyntax
	}
	return atomicfile.Write(opts.Out, func(w stdio.Writer) error { return pixel.Transcode(ctx, w, f, to) })
}
