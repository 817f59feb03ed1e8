package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/evaluate/audit"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/report"
	"github.com/cineloop/cineloop/stats"
)

type fairnessFrontierOptions struct {
	audit.Options
	Files   []string
	Group   string
	Against string
	Gap     string
	Out     string
	Seed    uint64
	JSON    bool
}

func newFairnessFrontierCmd(io ioStreams) *cobra.Command {
	var opts fairnessFrontierOptions
	cmd := &cobra.Command{
		Use:   "frontier --group sex [NAME=]predictions.csv…",
		Short: "What models trade: performance against a gap between groups, with intervals, and harm to any group",
		Long: `Sets the predictions of several models for the same items beside each other: AUROC and the demographic parity or equalised odds
gap, each with an interval; what changed against the first model on the same resampled patients; and each group that is harmed.

Exit status: 0 done, 2 a wrong flag, 3 files that cannot be used or compared, 6 no file there, 130 interrupted.`,
		Example: `  cineloop fairness frontier --group sex plain=runs/plain/predictions.csv fair=runs/fair/predictions.csv --out frontier`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Files = args
			return runFairnessFrontier(cmd.Context(), opts, io)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Group, "group", "", "column of groups; age:50,65 cuts a number into bands")
	f.StringVar(&opts.Gap, "gap", "dp", "dp (demographic parity) or eo (equalised odds)")
	f.StringVar(&opts.Against, "against", "", "column (0 or 1) that is the true answer, where the recorded one is in doubt")
	f.StringVar(&opts.Split, "split", "", "rows to judge (default: test where there are such rows, else all)")
	f.Float64Var(&opts.Threshold, "threshold", 0.5, "probability from which it is a yes")
	f.IntVar(&opts.MinGroup, "min-group", 20, "patients below which a group is left out")
	f.IntVar(&opts.Resamples, "resamples", 1000, "of patients, for intervals")
	f.StringVar(&opts.Out, "out", "", "folder for frontier.json and frontier.html")
	f.Uint64Var(&opts.Seed, "seed", 1, "seed of the resamples")
	f.BoolVar(&opts.JSON, "json", false, "print frontier.json instead of the table")
	return cmd
}

func runFairnessFrontier(ctx context.Context, opts fairnessFrontierOptions, io ioStreams) error {
	if opts.Group == "" {
		return fault.New(fault.Usage, "--group names the column of groups")
	}
	c, err := fairness.ParseConstraint(opts.Gap)
	if err != nil {
		return err
	}
	var names []string
	var tables []*audit.Table
	for _, f := range opts.Files {
		name, path, named := strings.Cut(f, "=")
		if !named {
			name, path = f, f
		}
		t, err := audit.ReadFile(path, audit.ReadOptions{Groups: []string{opts.Group}, Against: opts.Against})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		names, tables = append(names, name), append(tables, t)
	}
	opts.Options.Seed = stats.Seed(opts.Seed)
	group, _, _ := strings.Cut(opts.Group, ":")
	r, err := audit.Compare(ctx, names, tables, group, c, opts.Options)
	if err != nil {
		return err
	}
	if opts.Out != "" {
		if err := writeFrontier(opts.Out, r); err != nil {
			return err
		}
	}
	if opts.JSON {
		return printJSON(io.Out, r)
	}
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "model\tAUROC\t%s gap\tAUROC change\tgap gone\tharm\n", r.Gap)
	for _, m := range r.Models {
		change, gone := "", ""
		if m.AUROCChange != nil {
			change, gone = m.AUROCChange.String(), m.GapReduction.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, m.AUROC, m.Gap, change, gone, strings.Join(m.Harm, "; "))
	}
	return w.Flush()
}

func writeFrontier(dir string, r *audit.Frontier) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(dir, "frontier.json"), func(w io.Writer) error { return printJSON(w, r) }); err != nil {
		return err
	}
	page := report.FrontierPage{Title: "Performance against gap", Date: time.Now().UTC().Format(time.DateOnly), Version: version.String(), Frontier: r}
	return atomicfile.Write(filepath.Join(dir, "frontier.html"), page.Write)
}
