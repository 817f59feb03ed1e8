package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/run"
)

func init() { register(newCohortCmd) }

type cohortCheckOptions struct {
	run.Options
	JSON bool
}

func newCohortCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cohort",
		Short: "Describe a recipe's data, check it for leaks and shortcuts, export it for other programs",
	}
	var opts cohortCheckOptions
	check := &cobra.Command{
		Use:   "check RECIPE.yaml",
		Short: "Find leaks between the parts of a split, fields that give a target away, and doubtful items",
		Long: `Decode every item of a recipe's data once and report

- leaks: in two parts of a split the same file, nearly the same picture (by perceptual hashes), or one that is the same once it is cropped,
  moved, mirrored or cut in time (by embeddings, and laid over each other);
- shortcuts: how well each column of the table, and each fact of the files (frame size, rate, brightness, header), predicts a target
  alone, out of fold and by patient; a network may learn the field in place of the disease;
- quality: blank, frozen, saturated, blurred clips, too few frames, uneven frame times, missing and uneven slices, a tilted gantry, another
  modality or body part than the recipe's data.expect or almost all items say, and what is unlike the rest of the cohort.

Exit status: 0 done, 2 a wrong flag or key, 3 data that cannot be used, 5 done but some items cannot be read, 6 a file is not there,
7 a leak, 130 interrupted.`,
		Example: `  cineloop cohort check examples/lus.yaml
  cineloop cohort check my.yaml --json > check.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Recipe, opts.Log = args[0], io.Err
			return runCohortCheck(cmd.Context(), opts, io)
		},
	}
	check.Flags().StringArrayVar(&opts.Set, "set", nil, "change a key of the recipe, as in --set data.root=/data/echo (repeatable)")
	check.Flags().StringVar(&opts.Out, "out", "", "where a simulated study is written")
	check.Flags().BoolVar(&opts.JSON, "json", false, "print JSON")
	cmd.AddCommand(check, newCohortDescribeCmd(io), newCohortExportCmd(io))
	return cmd
}

func runCohortCheck(ctx context.Context, opts cohortCheckOptions, io ioStreams) error {
	c, err := run.CheckCohort(ctx, opts.Options)
	if err != nil {
		return err
	}
	if opts.JSON {
		err = printJSON(io.Out, c)
	} else {
		c.Print(io.Out)
	}
	if err != nil {
		return err
	}
	if err := c.Leaks(); err != nil {
		return err
	}
	return c.Unreadable()
}
