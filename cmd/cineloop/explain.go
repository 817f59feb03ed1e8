package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/run"
)

func init() { register(newExplainCmd) }

type explainOptions struct {
	run.ExplainOptions
	Dir  string
	JSON bool
}

func newExplainCmd(io ioStreams) *cobra.Command {
	var opts explainOptions
	cmd := &cobra.Command{
		Use:   "explain RUN",
		Short: "Draw what a trained run looks at, and test every map",
		Long: `Without --cohort: examples of the run's own judged rows that the model got right, got wrong and was most unsure of, by the methods of
its plan (explain.methods; Grad-CAM unless it says otherwise), into the run's own report, with the same tests of every map.

With --cohort: explain other data, a CSV (or npz) with the columns of the run's own table, by the methods asked for, into
RUN/explanations/NAME (or --out): explain.json, index.html and a picture a map. Every map is tested: against the same method on random
weights (all at once, from the output down, and part by part), against an edge detector, under small noise, by hiding what it
highlights and the same shape elsewhere, and by taking the input away in its order. A map that fails is drawn grey and says why. The
cohort's own tests say whether the network uses motion (frozen, reversed, shuffled and dropped frames), which regions it needs, and whether the corners, what is outside the sector, or a
column of the table tells the target without the tissue.

Methods: ` + run.MethodsInWords() + `.

A region is NAME=Y,X,RADIUS, a disc in shares of the frame's height, or a name from the file of --regions: masks, drawn shapes,
segmentation runs and the phantom's own chambers (docs/how-to/explain.md). Names are looked up; free text is not understood. Each is
hidden a quarter more at a time over the cohort, and so is the same shape elsewhere; the page says whether the network relies on it.

Repeating the command keeps what is done.

Exit status: 0 done, 2 a wrong flag, 3 data that cannot be used, 4 libtorch is not installed, 5 done but some items were quarantined,
6 no run there, or it is not trained, 8 out of disk or memory, 130 interrupted.`,
		Example: `  cineloop explain runs/lus --cohort /data/new-hospital/index.csv
  cineloop explain runs/echo --cohort test.csv --methods gradcam,lrp --region valve=0.4,0.5,0.1 --json
  cineloop explain runs/echo --cohort test.csv --regions regions.yaml --region "left ventricle, septum" --fill blur`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Dir = args[0]
			opts.Log = io.Err
			return runExplain(cmd.Context(), opts, io)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Table, "cohort", "", "table of the data to explain")
	f.StringVar(&opts.Root, "root", "", "folder that its file names start from (default: the table's folder)")
	f.StringVar(&opts.Out, "out", "", "folder for the results (default RUN/explanations/NAME)")
	f.StringSliceVar(&opts.Methods, "methods", nil, "methods, with commas between (default "+run.DefaultMethodsInWords()+")")
	f.IntVar(&opts.Examples, "examples", 1, "examples of each of right, wrong and most uncertain")
	f.StringArrayVar(&opts.Regions, "region", nil, "a region whose importance is tested over the cohort: a disc or names, with commas between (repeatable)")
	f.StringVar(&opts.RegionFile, "regions", "", "file (YAML or JSON) that names regions; all of them are tested unless --region names some")
	f.StringVar(&opts.Phases, "phases", "", "columns of the stored frames (from 0) at end-diastole and at end-systole, with a comma between, or truth for a simulated cohort")
	f.StringSliceVar(&opts.Swaps, "swap", nil, "of a simulated cohort: confounders that are swapped while the patient stays (all, or names with commas between)")
	f.StringVar(&opts.Fill, "fill", "mean", "what hidden parts become: mean, blur, in-fill, noise or zero")
	f.IntVar(&opts.Limit, "limit", 100, "most items that the cohort's tests score")
	f.BoolVar(&opts.Labels, "label-control", false, "also train the network on shuffled labels, once, into RUN/label-control, and compare every map with its")
	f.BoolVar(&opts.JSON, "json", false, "print explain.json instead of a summary")
	return cmd
}

func runExplain(ctx context.Context, opts explainOptions, io ioStreams) error {
	if opts.Table == "" {
		if opts.JSON || opts.Out != "" || opts.Root != "" || opts.Labels || len(opts.Methods) > 0 || len(opts.Regions) > 0 || len(opts.Swaps) > 0 || opts.Phases != "" || opts.RegionFile != "" {
			return fault.New(fault.Usage, "these flags go with --cohort")
		}
		r, err := run.Open(ctx, opts.Dir, opts.Log, "")
		if err != nil {
			return err
		}
		if err := r.Explain(ctx); err != nil {
			return err
		}
		fmt.Fprintln(io.Out, "explanations: "+r.Dir.Explain())
		return nil
	}
	x, err := run.ExplainOn(ctx, opts.Dir, opts.ExplainOptions)
	if err != nil {
		return err
	}
	if opts.JSON {
		if err := printJSON(io.Out, x); err != nil {
			return err
		}
	} else {
		for _, e := range x.Examples {
			for _, m := range e.Maps {
				fmt.Fprintf(io.Out, "%s, %s: %s\n", e.Item, m.Method, m.Verdict.Finding)
			}
		}
		fmt.Fprintln(io.Out, x.Motion.Words)
		if x.Phases != nil {
			fmt.Fprintln(io.Out, x.Phases.Words)
		}
		for _, g := range x.Regions {
			fmt.Fprintln(io.Out, g.Words)
		}
		if x.Serial != nil {
			fmt.Fprintln(io.Out, x.Serial.Words)
		}
		fmt.Fprintln(io.Out, x.Hunt.Words)
		for _, w := range x.Swaps {
			fmt.Fprintln(io.Out, w.Words)
		}
		fmt.Fprintln(io.Out, "explanations: "+x.Page)
	}
	return x.Partial()
}
