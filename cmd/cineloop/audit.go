package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/evaluate/audit"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/report"
	"github.com/cineloop/cineloop/stats"
)

func init() { register(newAuditCmd) }

type auditOptions struct {
	audit.ReadOptions
	audit.Options
	Path       string
	Groups     []string
	Population string
	Out        string
	Seed       uint64
	JSON       bool
}

func newAuditCmd(io ioStreams) *cobra.Command {
	var opts auditOptions
	cmd := &cobra.Command{
		Use:   "audit predictions.csv --groups sex,site,…",
		Short: "Judge predictions group by group: how each group is served, how large the gaps are, whether they are more than chance",
		Long: `Reads predictions and the groups of the people they are about, and says for every group and every crossing of two: how many, how
common the outcome, discrimination, rates at the threshold, calibration, survival or regression metrics, abstentions, uncertainty and
image quality where the file has them; then gaps between groups with intervals and beside what shuffled groups give, comparisons
corrected for their number, the worst subgroup that a search finds (confirmed on patients that it did not see), and who is missed.
No engine is needed.

The file is the predictions.csv of a run or evaluation, or any CSV with a header: per target NAME_true with NAME_prob (yes or no),
NAME_pred (a number) or NAME_prob_CLASS… (classes), or NAME_time, NAME_event and NAME_surv@T… (time to an event); the groups'
columns; and where there are any patient, split, abstain, uncertainty, quality. --truth and --score name the columns of a yes-or-no
target whose names say nothing. A number is cut into bands by age:50,65. docs/how-to/audit-your-model.md goes through one audit.

cineloop audit verify PROJECT is about something else: the audit trail of a reading project.

Exit status: 0 done (gaps or not), 2 a wrong flag, 3 a file that cannot be used (the message names line and column), 6 no file there,
130 interrupted.`,
		Example: `  cineloop audit runs/lus/predictions.csv --groups sex,site,age:50,65 --out audit
  cineloop audit theirs.csv --truth died --score risk --groups sex,ethnicity --population census.csv --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Path = args[0]
			return runAudit(cmd.Context(), opts, io)
		},
	}
	cmd.AddCommand(newAuditVerifyCmd(io))
	f := cmd.Flags()
	f.StringSliceVar(&opts.Groups, "groups", nil, "columns of groups; age:50,65 cuts a number into bands")
	f.StringVar(&opts.Out, "out", "", "folder for audit.json and audit.html")
	f.BoolVar(&opts.JSON, "json", false, "print audit.json instead of a summary")
	f.StringVar(&opts.Truth, "truth", "", "column of a yes-or-no truth (0 or 1), with --score")
	f.StringVar(&opts.Score, "score", "", "column of its probability")
	f.StringVar(&opts.Against, "against", "", "column (0 or 1) that is the true answer, where the recorded one is in doubt")
	f.StringVar(&opts.Split, "split", "", "rows to judge (default: test where there are such rows, else all)")
	f.Float64Var(&opts.Threshold, "threshold", 0.5, "probability from which it is a yes")
	f.StringVar(&opts.Population, "population", "", "CSV (group,value,share) of the people that the model is meant for")
	f.IntVar(&opts.MinGroup, "min-group", 20, "patients below which a group gets \"cannot tell\"")
	f.IntVar(&opts.Cross, "cross", 2, "attributes crossed at a time: 1 none, 2 pairs")
	f.IntVar(&opts.Resamples, "resamples", 1000, "of patients, for intervals")
	f.IntVar(&opts.Permutations, "permutations", 200, "of patients' groups, for gaps by chance")
	f.Float64Var(&opts.Level, "level", 0.95, "of intervals")
	f.Uint64Var(&opts.Seed, "seed", 1, "seed of resamples and shuffles")
	return cmd
}

// joinBands puts cut points back to their column: a comma divides columns as well as cut points.
func joinBands(words []string) []string {
	var out []string
	for _, w := range words {
		if _, err := strconv.ParseFloat(w, 64); err == nil && len(out) > 0 && strings.Contains(out[len(out)-1], ":") {
			out[len(out)-1] += "," + w
			continue
		}
		out = append(out, w)
	}
	return out
}

func runAudit(ctx context.Context, opts auditOptions, io ioStreams) error {
	if len(opts.Groups) == 0 {
		return fault.New(fault.Usage, "--groups names the columns to audit by").WithHint("--groups sex,site,age:50,65")
	}
	opts.ReadOptions.Groups, opts.Options.Seed = joinBands(opts.Groups), stats.Seed(opts.Seed)
	t, err := audit.ReadFile(opts.Path, opts.ReadOptions)
	if err != nil {
		return err
	}
	if opts.Population != "" {
		if opts.Options.Population, err = audit.ReadPopulation(opts.Population); err != nil {
			return err
		}
	}
	bar := progress.New(io.Err, "audit", int64(len(t.Targets)*len(t.Groups)))
	opts.Done = func(done, total int) { bar.Set(int64(done * len(t.Targets) * len(t.Groups) / max(1, total))) }
	r, err := audit.Run(ctx, t, opts.Options)
	bar.Close()
	if err != nil {
		return err
	}
	if opts.Out != "" {
		if err := writeAudit(opts, r); err != nil {
			return err
		}
	}
	if opts.JSON {
		return printJSON(io.Out, r)
	}
	printAudit(io, r)
	if opts.Out != "" {
		fmt.Fprintf(io.Out, "page: %s\n", filepath.Join(opts.Out, "audit.html"))
	}
	return nil
}

func writeAudit(opts auditOptions, r *audit.Report) error {
	if err := os.MkdirAll(opts.Out, 0o755); err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(opts.Out, "audit.json"), func(w io.Writer) error { return printJSON(w, r) }); err != nil {
		return err
	}
	page := report.AuditPage{Title: "Audit of " + filepath.Base(opts.Path), Date: time.Now().UTC().Format(time.DateOnly), Version: version.String(), Report: r}
	return atomicfile.Write(filepath.Join(opts.Out, "audit.html"), page.Write)
}

func printAudit(io ioStreams, r *audit.Report) {
	fmt.Fprintf(io.Out, "%d rows of %d patients judged\n", r.Rows, r.Patients)
	for _, n := range r.Notes {
		fmt.Fprintln(io.Out, n)
	}
	names := make([]string, 0, len(r.Targets))
	for n := range r.Targets {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, name := range names {
		t := r.Targets[name]
		fmt.Fprintf(io.Out, "\n%s (%s)\n", name, t.Kind)
		w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
		head := audit.Shown(t.Kind)
		fmt.Fprint(w, "group\tn\tpatients")
		for _, m := range head {
			fmt.Fprint(w, "\t"+audit.Words(m))
		}
		fmt.Fprintln(w)
		row := func(label string, n, patients int, metrics map[string]audit.Measure) {
			fmt.Fprintf(w, "%s\t%d\t%d", label, n, patients)
			for _, m := range head {
				fmt.Fprint(w, "\t"+metrics[m].String())
			}
			fmt.Fprintln(w)
		}
		row("everybody", t.N, t.Patients, t.Overall)
		for _, a := range r.Attributes {
			if strings.Contains(a, " × ") {
				continue
			}
			values := make([]string, 0, len(t.Groups[a]))
			for v := range t.Groups[a] {
				values = append(values, v)
			}
			slices.Sort(values)
			for _, v := range values {
				g := t.Groups[a][v]
				if g.CannotTell {
					fmt.Fprintf(w, "%s = %s\t%d\t%d\tcannot tell\n", a, v, g.N, g.Patients)
					continue
				}
				row(a+" = "+v, g.N, g.Patients, g.Metrics)
			}
		}
		w.Flush()
		for _, v := range t.Verdict {
			fmt.Fprintln(io.Out, "- "+v)
		}
	}
}
