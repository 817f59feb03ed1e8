package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/agree"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/report"
	"github.com/cineloop/cineloop/stats"
)

func init() { register(newAgreementCmd) }

type agreementOptions struct {
	agree.Options
	Project   string
	TruthFile string
	Out       string
	Page      string
	Seed      uint64
	JSON      bool
}

func newAgreementCmd(io ioStreams) *cobra.Command {
	var opts agreementOptions
	cmd := &cobra.Command{
		Use:   "agreement PROJECT",
		Short: "How well the readers of a project agree, and how AI does against them",
		Long: `Reads the locked readings of a project and says for every question and arm how well people agree: kappa (Cohen's, weighted, Fleiss'),
Krippendorff's alpha, ICC(2,1) and (3,1), bias and limits of agreement, Dice and HD95, each with its interval; for every pair of readers,
models among them; and for readers who read cases twice. Disagreements beyond the protocol's limits are listed. Where the truth of a
question is known, from adjudication or from --truth, readers and models are judged by AUROC, sensitivity and specificity, AI is set against
the mean of the people (Obuchowski–Rockette, for readers like these and for these alone) and against each (DeLong), and aided reading
against unaided; readers may have read different cases, and patients may have several. Readers are masked.

--truth is a CSV with a column file (any picture of the case) and one for each question, with the option that is so.

Exit status: 0 done, 2 a wrong flag, 3 no protocol yet, or a truth that does not fit, 6 no such project, 130 interrupted.`,
		Example: `  cineloop agreement study --json
  cineloop agreement study --truth biopsy.csv --margin 0.05 --report agreement.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Project = args[0]
			return noted("agreement", annotateOptions{Project: opts.Project}, io, func() error { return runAgreement(cmd.Context(), opts, io) })
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opts.JSON, "json", false, "print the report as JSON")
	f.StringVar(&opts.Out, "out", "", "folder for agreement.json and agreement.html")
	f.StringVar(&opts.Page, "report", "", "file for the page alone")
	f.StringVar(&opts.TruthFile, "truth", "", "CSV with what is so, by file")
	f.Float64Var(&opts.Margin, "margin", 0, "of non-inferiority, in the figure's unit; 0: not tested")
	f.Float64Var(&opts.Level, "level", 0.95, "of intervals")
	f.IntVar(&opts.Resamples, "resamples", 1000, "of patients")
	f.Uint64Var(&opts.Seed, "seed", 1, "of resamples")
	return cmd
}

func runAgreement(ctx context.Context, opts agreementOptions, io ioStreams) error {
	p, _, err := annotate.OpenReadOnly(opts.Project)
	if err != nil {
		return err
	}
	records := p.Records()
	opts.Options.Seed = stats.Seed(opts.Seed)
	if opts.TruthFile != "" {
		if opts.Truth, err = readTruth(opts.TruthFile, records); err != nil {
			return err
		}
	}
	r, err := agree.Analyse(ctx, records, opts.Options)
	if err != nil {
		return err
	}
	if opts.Out != "" {
		if err := writeAgreement(opts, r); err != nil {
			return err
		}
	}
	if opts.Page != "" {
		if err := atomicfile.Write(opts.Page, agreementPage(r).Write); err != nil {
			return err
		}
	}
	if opts.JSON {
		return printJSON(io.Out, r)
	}
	printAgreement(io, r)
	if opts.Out != "" {
		fmt.Fprintf(io.Out, "page: %s\n", filepath.Join(opts.Out, "agreement.html"))
	}
	return nil
}

func writeAgreement(opts agreementOptions, r *agree.Report) error {
	if err := os.MkdirAll(opts.Out, 0o755); err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(opts.Out, "agreement.json"), func(w io.Writer) error { return printJSON(w, r) }); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(opts.Out, "agreement.html"), agreementPage(r).Write)
}

func agreementPage(r *agree.Report) report.AgreementPage {
	return report.AgreementPage{Title: r.Project, Date: time.Now().UTC().Format(time.DateOnly), Version: version.String(), Report: r}
}

// readTruth reads what is so of each case, which a row names by one of its files.
func readTruth(path string, r *annotate.Records) (agree.Truth, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.NotFound, "the truth: %w", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 || slices.Index(rows[0], "file") < 0 {
		return nil, fault.New(fault.Input, "%s: it is no table with a column file", path)
	}
	of := map[string]string{}
	for _, c := range r.Cases {
		for _, p := range c.Images {
			of[p.File] = c.ID
		}
	}
	at := slices.Index(rows[0], "file")
	out := agree.Truth{}
	for i, row := range rows[1:] {
		id, ok := of[row[at]]
		if !ok {
			return nil, fault.New(fault.Input, "%s, row %d: its file is of no case of the project", path, i+2)
		}
		if out[id] == nil {
			out[id] = map[string]string{}
		}
		for j, item := range rows[0] {
			it := r.Protocol.Item(item)
			if it == nil || row[j] == "" {
				continue
			}
			if it.Option(row[j]) < 0 {
				return nil, fault.New(fault.Input, "%s, row %d, column %s: it is none of the options", path, i+2, item)
			}
			out[id][item] = row[j]
		}
	}
	return out, nil
}

func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

func printMeasure(w io.Writer, label string, m agree.Measure) {
	span := m.Note
	if m.Low.Defined() {
		span = fmt.Sprintf("%.3g to %.3g", float64(m.Low), float64(m.High))
	}
	v := "not defined"
	if m.Value.Defined() {
		v = fmt.Sprintf("%.3f", float64(m.Value))
	}
	fmt.Fprintf(w, "  %s\t%s\t%s %s\t%s\tn %d\n", label, m.Name, v, m.Unit, span, m.N)
}

func printAgreement(io ioStreams, r *agree.Report) {
	fmt.Fprintf(io.Out, "%s: %d locked readings of %d cases by %d readers\n", r.Project, r.Readings, r.Cases, len(r.Readers))
	for _, n := range r.Notes {
		fmt.Fprintln(io.Out, n)
	}
	for _, it := range r.Items {
		fmt.Fprintf(io.Out, "\n%s (%s%s): %d answered, %d by two or more, %d times not assessable\n", it.Label, it.Kind, armWords(it.Arm), it.Units, it.Both, it.CannotAssess)
		for _, n := range it.Notes {
			fmt.Fprintln(io.Out, "  "+n)
		}
		w := newTable(io.Out)
		for _, m := range it.People {
			printMeasure(w, "people", m)
		}
		for _, p := range slices.Concat(it.Pairs, it.Repeats) {
			label := p.A + " – " + p.B
			if p.AI {
				label = "AI " + label
			}
			for _, m := range p.Measures {
				printMeasure(w, label, m)
			}
		}
		w.Flush()
	}
	for _, h := range r.HeadToHead {
		fmt.Fprintf(io.Out, "\n%s against the truth (%s): %d cases, %d positive\n", h.Item, h.Truth, h.Cases, h.Positives)
		for _, n := range h.Notes {
			fmt.Fprintln(io.Out, "  "+n)
		}
		w := newTable(io.Out)
		for _, p := range h.Readers {
			label := p.Reader + armWords(p.Arm)
			if p.AI {
				label = "AI " + label
			}
			for _, m := range p.Measures {
				printMeasure(w, label, m)
			}
		}
		for _, c := range slices.Concat(h.AgainstAI, h.WithAI, h.EachAgainstAI, h.EachWithAI) {
			name := c.Figure
			if c.Readers != "one" {
				name += ", " + c.Readers + " readers"
			}
			m := c.Difference
			m.Name = name
			printMeasure(w, c.A+" − "+c.B, m)
		}
		w.Flush()
		for _, c := range slices.Concat(h.AgainstAI, h.WithAI) {
			fmt.Fprintf(io.Out, "  %s, %s readers: %s\n", c.Figure, c.Readers, c.Verdict)
		}
	}
	printAssistance(io, r)
	fmt.Fprintln(io.Out)
	printQueue(io, r.Disagreements)
}
