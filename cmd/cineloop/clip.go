package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	stdio "io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

func init() { register(newClipCmd) }

const clipPaths = `PATH is a file of any format that cineloop reads (DICOM, NIfTI, AVI, MP4 and other video, PNG, JPEG, npy, npz), a folder that is one
series, or either with a fragment: 'set.npz#images[12]', 'scan.nii.gz#[0]', 'folder#SERIES-UID'.`

const clipExits = `Exit status: 0 done, 2 wrong usage or an ambiguous path, 3 every path is unreadable, 4 ffmpeg is needed and not installed, 5 some paths
are unreadable, 6 not found, 8 larger than the limit, 130 interrupted.`

func newClipCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clip",
		Short: "Look at clips of any format: what they are, and how they look",
		Long:  "Commands on single clips.\n\n" + clipPaths,
		Args:  cobra.NoArgs,
	}
	for _, sub := range []func(ioStreams) *cobra.Command{newClipInfoCmd, newClipSheetCmd} {
		cmd.AddCommand(sub(io))
	}
	return cmd
}

type clipInfoOptions struct {
	Paths []string
	JSON  bool
}

func newClipInfoCmd(io ioStreams) *cobra.Command {
	var opts clipInfoOptions
	cmd := &cobra.Command{
		Use:   "info PATH…",
		Short: "Print shape, timing, spacing and provenance of clips",
		Long: `Decodes each clip and prints what it is: frames, rows, columns, channels, sample type, meaning of the values, frame times, spacing, where it
came from and what was repaired on reading.

` + clipPaths + "\n\n" + clipExits,
		Example: "  cineloop clip info echo.dcm scan.nii.gz\n  cineloop clip info 'set.npz#train_images[12]' --json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Paths = args
			return runClipInfo(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "one JSON object a clip, one a line")
	return cmd
}

// clipInfo is one line of clip info --json.
type clipInfo struct {
	Path        string       `json:"path"`
	Error       string       `json:"error,omitempty"`
	Code        fault.Code   `json:"code,omitempty"`
	Shape       []int        `json:"shape,omitempty"` // frames, rows, columns, channels
	DType       string       `json:"dtype,omitempty"`
	Photometric string       `json:"photometric,omitempty"`
	FPS         float64      `json:"fps,omitempty"`
	TimesMS     []float64    `json:"times_ms,omitempty"`
	Spacing     clip.Spacing `json:"spacing"`
	Affine      *clip.Affine `json:"affine_lps,omitempty"`
	Source      *clip.Source `json:"source,omitempty"`
}

func runClipInfo(ctx context.Context, opts clipInfoOptions, io ioStreams) error {
	return eachClip(ctx, opts.Paths, io, func(path string, c *clip.Clip, err error) error {
		if opts.JSON {
			return json.NewEncoder(io.Out).Encode(describeClip(path, c, err))
		}
		if err != nil {
			return nil // eachClip has reported it
		}
		return printClip(io.Out, path, c)
	})
}

func describeClip(path string, c *clip.Clip, err error) clipInfo {
	if err != nil {
		return clipInfo{Path: path, Error: err.Error(), Code: fault.CodeOf(err)}
	}
	return clipInfo{Path: path, Shape: []int{c.T, c.H, c.W, c.C}, DType: c.DType.String(), Photometric: string(c.Photometric), FPS: c.FrameRate(), TimesMS: c.TimesMS,
		Spacing: c.Spacing, Affine: c.Affine, Source: &c.Source}
}

func printClip(w stdio.Writer, path string, c *clip.Clip) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-10s "+format+"\n", append([]any{name}, args...)...)
	}
	fmt.Fprintln(&b, path)
	line("samples", "%d × %d × %d × %d %s, %s", c.T, c.H, c.W, c.C, c.DType, c.Photometric)
	if n := len(c.TimesMS); n > 1 {
		line("time", "%.1f ms in %d frames, %.2f frames a second", c.TimesMS[n-1], n, c.FrameRate())
	}
	if s := c.Spacing; s != (clip.Spacing{}) {
		var parts []string
		for _, p := range []struct {
			name string
			mm   float64
		}{{"slices", s.Slice}, {"rows", s.Row}, {"columns", s.Column}} {
			if p.mm > 0 {
				parts = append(parts, fmt.Sprintf("%s %.4g", p.name, p.mm))
			}
		}
		line("spacing", "%s mm", strings.Join(parts, ", "))
	}
	if c.Affine != nil {
		line("origin", "%.2f, %.2f, %.2f mm (LPS)", c.Affine[0][3], c.Affine[1][3], c.Affine[2][3])
	}
	line("source", "%s, sha256 %s", c.Source.Format, c.Source.Digest)
	for _, k := range []string{"Modality", "Manufacturer", "ManufacturerModelName", "ViewName", "StageName", "HeartRate"} {
		if v := c.Source.Tags[k]; v != "" {
			line(k, "%s", v)
		}
	}
	for _, n := range c.Source.Notes {
		line("note", "%s", n)
	}
	_, err := stdio.WriteString(w, b.String())
	return err
}

// eachClip opens the paths in order and hands them on; those that cannot be read are reported and counted.
func eachClip(ctx context.Context, paths []string, io ioStreams, fn func(path string, c *clip.Clip, err error) error) error {
	var failures []error
	for _, path := range paths {
		c, err := clip.Open(path, clip.WithContext(ctx))
		if fault.CodeOf(err) == fault.Interrupted {
			return err
		}
		if err != nil {
			failures = append(failures, err)
			if len(paths) > 1 {
				fmt.Fprintln(io.Err, "cineloop:", err)
			}
		}
		if err := fn(path, c, err); err != nil {
			return err
		}
	}
	switch {
	case len(failures) == 0:
		return nil
	case len(paths) == 1:
		return failures[0]
	case len(failures) == len(paths):
		return fault.New(fault.CodeOf(failures[0]), "none of %d clips could be read", len(paths))
	}
	return fault.New(fault.Partial, "%d of %d clips could not be read", len(failures), len(paths))
}

type clipSheetOptions struct {
	Paths   []string
	Out     string
	GIF     bool
	Columns int
	Side    int
	Title   string
}

func newClipSheetCmd(io ioStreams) *cobra.Command {
	opts := clipSheetOptions{}
	cmd := &cobra.Command{
		Use:   "sheet PATH…",
		Short: "Draw clips side by side on one PNG, or one clip as an animated GIF",
		Long: `Writes a contact sheet: the most informative frame of each clip, captioned with its file name. With --gif the output is an animation of the
one clip given. Stacks are shown as radiologists read them, whichever way they are stored.

` + clipPaths + "\n\n" + clipExits,
		Example: "  cineloop clip sheet study/*.dcm --out study.png\n  cineloop clip sheet echo.dcm --gif --out echo.gif",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Paths = args
			return runClipSheet(cmd.Context(), opts, io)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&opts.Out, "out", "o", "", "file to write (needed)")
	f.BoolVar(&opts.GIF, "gif", false, "an animated GIF of one clip")
	f.IntVar(&opts.Columns, "columns", 0, "cells in a row; default: a sheet near to a square")
	f.IntVar(&opts.Side, "side", 192, "pixels of the longer side of a picture")
	f.StringVar(&opts.Title, "title", "", "a line above the pictures")
	return cmd
}

func runClipSheet(ctx context.Context, opts clipSheetOptions, io ioStreams) error {
	switch {
	case opts.Out == "":
		return fault.New(fault.Usage, "no output file").WithHint("--out FILE.png")
	case opts.GIF && len(opts.Paths) != 1:
		return fault.New(fault.Usage, "--gif shows one clip, %d were given", len(opts.Paths))
	case opts.Side < 16 || opts.Side > 2048 || opts.Columns < 0:
		return fault.New(fault.Usage, "pictures have 16 to 2048 pixels and rows at least one")
	}
	var items []clip.SheetItem
	read := eachClip(ctx, opts.Paths, io, func(path string, c *clip.Clip, err error) error {
		if err == nil {
			items = append(items, clip.SheetItem{Clip: c, Caption: filepath.Base(path)})
		}
		return nil
	})
	if len(items) == 0 {
		return read
	}
	if err := drawClips(items, opts); err != nil {
		return err
	}
	fmt.Fprintln(io.Out, opts.Out)
	return read
}

func drawClips(items []clip.SheetItem, opts clipSheetOptions) error {
	if opts.GIF {
		b, err := clip.AnimatedGIF(items[0].Clip, clip.PreviewOptions{MaxSide: opts.Side, Caption: opts.Title})
		if err != nil {
			return err
		}
		return atomicfile.WriteBytes(opts.Out, b)
	}
	img, err := clip.ContactSheet(items, clip.SheetOptions{Columns: opts.Columns, Side: opts.Side, Title: opts.Title})
	if err != nil {
		return err
	}
	return atomicfile.Write(opts.Out, func(w stdio.Writer) error { return png.Encode(w, img) })
}
