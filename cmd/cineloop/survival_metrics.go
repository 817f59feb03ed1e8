package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/methods/survival/table"
	"github.com/cineloop/cineloop/report"
	"github.com/cineloop/cineloop/stats"
)

type survivalMetricsOptions struct {
	Path      string
	Train     string
	Horizons  []float64
	Tau       float64
	Resamples int
	Steps     bool
	HTML      string
	Unit      string
	Seed      uint64
	JSON      bool
}

func newSurvivalMetricsCmd(streams ioStreams) *cobra.Command {
	var opts survivalMetricsOptions
	cmd := &cobra.Command{
		Use:   "metrics PREDICTIONS.csv",
		Short: "Judge predicted risks or survival curves against times to an event",
		Long: `Reads a CSV with a row a person (or image) and the columns

  time, event     time of the event or of the end of follow-up; 0 censored, 1 event, or 1, 2, … for competing causes
                  (duration is taken for time)
  entry           time from which the person was watched: late entry             (optional)
  risk            larger means an earlier event                                  (optional)
  surv@T …        predicted probability of being free of the event at time T     (optional)
  cif1@T …        predicted probability of an event of cause 1 by time T         (optional, one set a cause)
  patient         rows of one patient are resampled together                     (optional)

and prints concordance (Harrell, Uno, Antolini), cumulative/dynamic AUC, Brier score and its integral, binomial log likelihood,
D-calibration, 1-calibration and ICI, with 95 % intervals by bootstrap over patients. Scores are weighted for censoring; the censoring
distribution comes from --train where given, else from the rows themselves. With an entry column people count from their entry on, and
weights are of the probability of being watched at all; --train then needs one too. Times that cannot be weighted are left out, and said.
Between the times of its columns a survival curve falls at a constant hazard, and incidence rises straight.

Exit status: 0 done, 2 a wrong flag, 3 a file that cannot be used, 6 no file there, 130 interrupted.`,
		Example: `  cineloop survival metrics predictions.csv
  cineloop survival metrics predictions.csv --train train.csv --horizon 365 --horizon 1825 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Path = args[0]
			return runSurvivalMetrics(cmd.Context(), opts, streams)
		},
	}
	cmd.Flags().StringVar(&opts.Train, "train", "", "CSV with time and event of the training rows, for the censoring distribution")
	cmd.Flags().Float64SliceVar(&opts.Horizons, "horizon", nil, "times of interest (default: the columns' times where there are up to 6, else quartiles of the event times)")
	cmd.Flags().Float64Var(&opts.Tau, "tau", 0, "Uno's C counts events before this time (default: as far as can be weighted)")
	cmd.Flags().BoolVar(&opts.Steps, "steps", false, "take curves as steps between their times")
	cmd.Flags().IntVar(&opts.Resamples, "resamples", 1000, "of the bootstrap; 0 for no intervals")
	cmd.Flags().Uint64Var(&opts.Seed, "seed", 1, "of the bootstrap")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print JSON instead of a table")
	cmd.Flags().StringVar(&opts.HTML, "html", "", "also write a page with curves, strata, numbers at risk, calibration and net benefit")
	cmd.Flags().StringVar(&opts.Unit, "unit", "", "of times, for the page: days, months, years")
	return cmd
}

func runSurvivalMetrics(ctx context.Context, opts survivalMetricsOptions, streams ioStreams) error {
	p, err := readFile(opts.Path, table.Read)
	if err != nil {
		return err
	}
	if opts.Horizons == nil {
		opts.Horizons = ownTimes(p)
	}
	if !opts.Steps {
		p.Curves = p.Curves.Refine(20, survival.ConstantHazard)
		for k := range p.Incidence {
			p.Incidence[k] = p.Incidence[k].Refine(20, survival.ConstantDensity)
		}
	}
	o := survival.EvaluateOptions{Horizons: opts.Horizons, Tau: opts.Tau, Resamples: opts.Resamples, Seed: stats.Seed(opts.Seed)}
	if opts.Resamples == 0 {
		o.Resamples = -1
	}
	if opts.Train != "" {
		train, err := readFile(opts.Train, table.ReadLabels)
		if err != nil {
			return err
		}
		o.Train = &train
	}
	e, err := survival.Evaluate(ctx, p, o)
	if err != nil {
		return err
	}
	if opts.HTML != "" {
		page := report.SurvivalPage{Title: "Predicted times to an event", Unit: opts.Unit, Version: version.String(), Predicted: p, Evaluation: e}
		if err := atomicfile.Write(opts.HTML, func(w io.Writer) error { return report.WriteSurvival(w, page) }); err != nil {
			return err
		}
	}
	if opts.JSON {
		return printJSON(streams.Out, e)
	}
	fmt.Fprintf(streams.Out, "%d rows, %d patients, %d events; censoring: %s\n", e.N, e.Patients, e.Events, e.Censoring)
	w := tabwriter.NewWriter(streams.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "metric\tcause\ttime\tvalue\t95 % interval\tremark")
	show := func(v float64, format string) string {
		if math.IsNaN(v) {
			return "–"
		}
		return fmt.Sprintf(format, v)
	}
	for _, m := range e.Metrics {
		interval, cause := "–", ""
		if !math.IsNaN(m.Low) {
			interval = fmt.Sprintf("%.4f to %.4f", m.Low, m.High)
		}
		if m.Cause > 0 {
			cause = fmt.Sprint(m.Cause)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, cause, show(m.Horizon, "%g"), show(m.Value, "%.4f"), interval, m.Note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range e.Notes {
		fmt.Fprintln(streams.Out, n)
	}
	return nil
}

// ownTimes are the curves' times above 0, where there are few; nil leaves the choice to the event times.
func ownTimes(p survival.Predicted) []float64 {
	c := p.Curves
	if c.Times == nil && len(p.Incidence) > 0 {
		c = p.Incidence[0]
	}
	if len(c.Times) < 2 || len(c.Times) > 7 {
		return nil
	}
	return c.Times[1:]
}

// readFile opens a file for a reader that wants its name.
func readFile[T any](path string, read func(name string, r io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return none, fault.New(fault.NotFound, "no file %s", path)
	}
	if err != nil {
		return none, fault.New(fault.Input, "%w", err)
	}
	defer f.Close()
	return read(path, f)
}
