package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/run"
)

type cohortDescribeOptions struct {
	run.Options
	To   string
	JSON bool
}

func newCohortDescribeCmd(io ioStreams) *cobra.Command {
	var opts cohortDescribeOptions
	cmd := &cobra.Command{
		Use:   "describe RECIPE.yaml",
		Short: "Write the data sheet of a recipe's data: flow, balance of splits and subgroups, missing values, files, quality",
		Long: `Decode every item of a recipe's data once and write the data sheet into a folder: datasheet.html for people and datasheet.json.

It shows what became of the items that were found (a flow chart after STARD and CONSORT), how targets lie in every part of every split
and in every subgroup, what is missing where, what the files hold, and items that should be looked at, with contact sheets. Words of the
table that fewer than five patients share are counted and not named.

A recipe that simulates its study does so in the folder that --out names.

Exit status: 0 done, 2 a wrong flag or key, 3 data that cannot be used, 6 a file is not there, 130 interrupted.`,
		Example: `  cineloop cohort describe examples/lus.yaml --to sheet
  cineloop cohort describe my.yaml --json | jq .sheet.parts`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Recipe, opts.Log = args[0], io.Err
			return runCohortDescribe(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().StringArrayVar(&opts.Set, "set", nil, "change a key of the recipe, as in --set data.root=/data/echo (repeatable)")
	cmd.Flags().StringVar(&opts.Out, "out", "", "where a simulated study is written")
	cmd.Flags().StringVar(&opts.To, "to", "", "folder of the data sheet; with --json the page is left out unless this is given (default datasheet)")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print JSON")
	return cmd
}

func runCohortDescribe(ctx context.Context, opts cohortDescribeOptions, io ioStreams) error {
	if opts.To == "" && !opts.JSON {
		opts.To = "datasheet"
	}
	d, err := run.DescribeCohort(ctx, opts.Options, opts.To)
	if err != nil {
		return err
	}
	if opts.JSON {
		return printJSON(io.Out, d)
	}
	fmt.Fprintf(io.Out, "%s: %d items of %d patients, %d left out, %d with a doubt\n", d.Name, d.Sheet.Items, d.Sheet.Patients, leftOut(d), len(d.Quality))
	for _, p := range d.Sheet.Parts {
		fold := ""
		if p.Fold > 0 {
			fold = fmt.Sprintf(" fold %d", p.Fold)
		}
		fmt.Fprintf(io.Out, "  %s%s %s: %d items, %d patients\n", p.Split, fold, p.Part, p.Rows, p.Patients)
	}
	fmt.Fprintf(io.Out, "data sheet: %s\n", d.Page)
	return nil
}

func leftOut(d *run.Description) (n int) {
	for _, r := range d.Sheet.Left {
		n += r.Rows
	}
	return n
}
