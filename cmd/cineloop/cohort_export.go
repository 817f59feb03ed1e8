package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/cohort/export"
	"github.com/cineloop/cineloop/run"
)

type cohortExportOptions struct {
	run.Options
	To     export.Options
	Format string
	JSON   bool
}

func newCohortExportCmd(io ioStreams) *cobra.Command {
	var opts cohortExportOptions
	names := make([]string, len(export.Formats))
	for i, f := range export.Formats {
		names[i] = string(f)
	}
	cmd := &cobra.Command{
		Use:   "export RECIPE.yaml --format FORMAT --out DIR",
		Short: "Write a recipe's items at native resolution for other programs: NIfTI, npy, npz, Zarr v3, WebDataset",
		Long: `Write every item of a recipe's data, with every frame and in its own sample type, as

  nifti       items/000001.nii.gz: stacks as volumes with their affine, cines with time as the fourth axis
  npy, npz    items/000001.npy: [T, H, W] or [T, H, W, C]
  zarr        items.zarr: a Zarr v3 group with an array an item, chunked by frames
  webdataset  shard-000000.tar: 000001.npy and 000001.json a sample

beside index.parquet (a row an item: keys, truth, the part in every split, spacing, frame times, the table's columns) and manifest.json
(every file with its SHA-256). Files are named by number; keys stand in the index. An interrupted export goes on when the same command is
given again. docs/reference/cohort-export.md shows how each is loaded.

Exit status: 0 done, 2 a wrong flag or key, 3 data that cannot be used, 5 done but some items cannot be read, 6 a file is not there,
7 the folder holds something else, 130 interrupted.`,
		Example: `  cineloop cohort export examples/adrenal3d.yaml --format zarr --out adrenal
  cineloop cohort export my.yaml --format nifti --out nifti --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Recipe, opts.Log = args[0], io.Err
			opts.To.Format = export.Format(opts.Format)
			return runCohortExport(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().StringArrayVar(&opts.Set, "set", nil, "change a key of the recipe, as in --set data.root=/data/echo (repeatable)")
	cmd.Flags().StringVar(&opts.Format, "format", "", strings.Join(names, ", "))
	cmd.Flags().StringVar(&opts.To.Out, "out", "", "folder of the export")
	cmd.Flags().IntVar(&opts.To.ShardItems, "shard-items", 256, "items a shard of webdataset")
	cmd.Flags().IntVar(&opts.To.Workers, "workers", 0, "items that are decoded at once (default: the cores)")
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "say how much would be written, and write nothing")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print JSON")
	for _, f := range []string{"format", "out"} {
		_ = cmd.MarkFlagRequired(f)
	}
	return cmd
}

func runCohortExport(ctx context.Context, opts cohortExportOptions, io ioStreams) error {
	r, err := run.ExportCohort(ctx, opts.Options, opts.To)
	if err != nil {
		return err
	}
	switch {
	case opts.JSON:
		if err := printJSON(io.Out, r); err != nil {
			return err
		}
	case opts.DryRun:
		fmt.Fprintf(io.Out, "would write %d items as %s, about %d MB of samples\n", r.Items, r.Format, r.Bytes>>20)
	default:
		fmt.Fprintf(io.Out, "%d items as %s in %d files, %d MB", r.Items, r.Format, r.Files, r.Bytes>>20)
		if r.Kept > 0 {
			fmt.Fprintf(io.Out, "; %d of them were there", r.Kept)
		}
		fmt.Fprintf(io.Out, "\nindex: %s\nmanifest: %s\n", r.Index, r.Manifest)
	}
	return r.Partial()
}
