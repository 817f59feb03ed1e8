package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	stdio "io"
	"math"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/image/draw"

	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

type dicomFramesOptions struct {
	Path  string
	Out   string
	Frame int // -1: all
	Sheet string
	Size  int
	Small bool
}

func newDicomFramesCmd(io ioStreams) *cobra.Command {
	var opts dicomFramesOptions
	cmd := &cobra.Command{
		Use:   "frames FILE",
		Short: "Write frames as PNG files, or a contact sheet",
		Long: `Writes the frames of FILE, as a viewer would first show them, to OUT/frame-0000.png and on; or, with --sheet, up to 64 of them evenly
spaced on one PNG. Without --out and --sheet it prints what the pixel data are. With --thumbnails the frames of OUT are no larger than
--size. FILE may be the address of an object on a web server that gives byte ranges: only the frames that are shown are transferred.

Exit status: 0 done, 3 not DICOM or pixel data that can't be decoded, 4 a decoder is not installed, 6 the file, or pixel data in it, is not
there, 130 interrupted.`,
		Example: `  cineloop dicom frames loop.dcm --sheet loop.png`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Path = args[0]
			return runDicomFrames(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().StringVar(&opts.Out, "out", "", "folder for the frames")
	cmd.Flags().IntVar(&opts.Frame, "frame", -1, "only this frame, from 0")
	cmd.Flags().StringVar(&opts.Sheet, "sheet", "", "file for a contact sheet")
	cmd.Flags().IntVar(&opts.Size, "size", 160, "longer side of a thumbnail, in pixels")
	cmd.Flags().BoolVar(&opts.Small, "thumbnails", false, "write thumbnails instead of whole frames to --out")
	return cmd
}

func runDicomFrames(ctx context.Context, opts dicomFramesOptions, io ioStreams) error {
	f, err := openDicom(ctx, opts.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	im, err := pixel.Open(f)
	if err != nil {
		return err
	}
	if opts.Frame >= im.Frames || opts.Size < 8 || opts.Size > 4096 {
		return fault.New(fault.Usage, "there are %d frames, and thumbnails have 8 to 4096 pixels", im.Frames)
	}
	if opts.Out == "" && opts.Sheet == "" {
		_, err := fmt.Fprintf(io.Out, "%d frames of %d×%d, %d samples of %d/%d bits, %s, %s\n", im.Frames, im.Rows, im.Columns, im.Samples,
			im.BitsStored, im.BitsAllocated, im.Photometric, im.TransferSyntax.Name())
		return err
	}
	if opts.Sheet != "" {
		if err := writeSheet(ctx, im, opts); err != nil {
			return err
		}
	}
	if opts.Out == "" {
		return nil
	}
	if err := os.MkdirAll(opts.Out, 0o755); err != nil {
		return err
	}
	for i := range im.Frames {
		if opts.Frame >= 0 && i != opts.Frame {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		img, err := im.Render(i)
		if err != nil {
			return err
		}
		if opts.Small {
			img = shrink(img, opts.Size)
		}
		if err := writePNG(filepath.Join(opts.Out, fmt.Sprintf("frame-%04d.png", i)), img); err != nil {
			return err
		}
	}
	return nil
}

// shrink is img with its longer side no larger than size.
func shrink(img image.Image, size int) image.Image {
	b := img.Bounds()
	longer := max(b.Dx(), b.Dy())
	if longer <= size {
		return img
	}
	small := image.NewNRGBA(image.Rect(0, 0, max(1, b.Dx()*size/longer), max(1, b.Dy()*size/longer)))
	draw.CatmullRom.Scale(small, small.Bounds(), img, b, draw.Src, nil)
	return small
}

func writePNG(path string, img image.Image) error {
	return atomicfile.Write(path, func(w stdio.Writer) error { return png.Encode(w, img) })
}

// writeSheet puts up to 64 frames on a grid.
func writeSheet(ctx context.Context, im *pixel.Image, opts dicomFramesOptions) error {
	n := min(im.Frames, 64)
	cols := int(math.Ceil(math.Sqrt(float64(n))))
	rows := (n + cols - 1) / cols
	scale := float64(opts.Size) / float64(max(im.Rows, im.Columns))
	w, h := max(1, int(float64(im.Columns)*scale)), max(1, int(float64(im.Rows)*scale))
	const gap = 2
	sheet := image.NewNRGBA(image.Rect(0, 0, cols*(w+gap)+gap, rows*(h+gap)+gap))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.Gray{Y: 32}), image.Point{}, draw.Src)
	for k := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		img, err := im.Render(k * im.Frames / n)
		if err != nil {
			return err
		}
		x, y := gap+k%cols*(w+gap), gap+k/cols*(h+gap)
		draw.CatmullRom.Scale(sheet, image.Rect(x, y, x+w, y+h), img, img.Bounds(), draw.Src, nil)
	}
	return writePNG(opts.Sheet, sheet)
}
