package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/stats"
)

func init() { register(newUncertaintyCmd) }

type uncertaintyReportOptions struct {
	Path   string
	Target string
	Alpha  float64
	Seed   uint64
	JSON   bool
	HTML   string
}

func newUncertaintyCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{Use: "uncertainty", Short: "How sure predictions are, and whether that is true", Args: cobra.NoArgs}
	var opts uncertaintyReportOptions
	report := &cobra.Command{
		Use:   "report PREDICTIONS.csv",
		Short: "Calibration, selective risk, conformal sets, intervals and bounds, and their coverage by subgroup",
		Long: `Reads the predictions.csv of a run, or any CSV of its form: item, patient, split, fold, subgroup columns, then the columns of
targets. Of classes (TARGET_true with TARGET_prob or TARGET_prob_CLASS) it prints

  calibration    accuracy, mean confidence, NLL, Brier, calibration errors; and the same after temperature scaling
  selective      the error rate when only the surest are answered, and the confidence that this asks for
  conformal      sets that hold the truth with probability 1 − alpha: coverage with its binomial interval, size, by subgroup with the
                 common threshold, with the group's own, and with the largest of those of an item's groups; where the first falls short
  detection      where a subgroup column ood holds 1 for items unlike the training data: how well confidence finds them

of numbers (TARGET_true, TARGET_pred) errors and conformal intervals with their coverage, width and interval score, also by subgroup;
columns TARGET_std, or TARGET_low and TARGET_high, of a deviation or interval that the model itself says, add its calibration (PIT,
likelihood, CRPS) and selective risk, and make intervals as wide as they are needed. Of times to an event (TARGET_time, TARGET_event,
TARGET_surv@TIME) calibration over all times and at horizons, and lower bounds of the time. --html writes the same as a page.

Thresholds are learnt on rows of split val where both val and test rows are there, else on a random half of the patients, and judged
on the others.

Exit status: 0 done, 2 a wrong flag, 3 a file that cannot be used, 6 no file there, 130 interrupted.`,
		Example: `  cineloop uncertainty report runs/lus/predictions.csv
  cineloop uncertainty report predictions.csv --alpha 0.05 --json
  cineloop uncertainty report predictions.csv --html uncertainty.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Path = args[0]
			return runUncertaintyReport(cmd.Context(), opts, io)
		},
	}
	report.Flags().StringVar(&opts.Target, "target", "", "only this target")
	report.Flags().Float64Var(&opts.Alpha, "alpha", 0.1, "miscoverage of conformal sets")
	report.Flags().Uint64Var(&opts.Seed, "seed", 1, "of the division into halves")
	report.Flags().StringVar(&opts.HTML, "html", "", "also write a page to this file")
	report.Flags().BoolVar(&opts.JSON, "json", false, "print JSON instead of tables")
	cmd.AddCommand(report)
	return cmd
}

// found is what one target's predictions came to; one of the three is set.
type found struct {
	name, unit string
	classes    *uncertainty.Judgement
	numbers    *uncertainty.NumberJudgement
	times      *uncertainty.TimeJudgement
}

func runUncertaintyReport(_ context.Context, opts uncertaintyReportOptions, io ioStreams) error {
	p, err := evaluate.ReadFile(opts.Path, nil)
	if err != nil {
		return err
	}
	var all []found
	for _, t := range p.Targets {
		if opts.Target != "" && t.Name != opts.Target || t.Kind == evaluate.MultiLabel {
			continue
		}
		f, err := judgeTarget(p, t, uncertainty.JudgeOptions{Alpha: opts.Alpha, Seed: stats.Seed(opts.Seed)})
		if err != nil {
			return fault.New(fault.CodeOf(err), "target %s: %w", t.Name, err)
		}
		all = append(all, f)
	}
	if len(all) == 0 {
		return fault.New(fault.Input, "%s: no target that the report reads", opts.Path).WithHint("it reads binary, class, regression and time-to-event targets")
	}
	if opts.HTML != "" {
		if err := writeUncertaintyPage(opts.HTML, opts.Path, all); err != nil {
			return err
		}
	}
	if opts.JSON {
		targets := map[string]any{}
		for _, f := range all {
			targets[f.name] = f.any()
		}
		return printJSON(io.Out, map[string]any{"targets": targets})
	}
	for _, f := range all {
		if err := f.print(io); err != nil {
			return err
		}
	}
	return nil
}

func writeJudgement(io ioStreams, name string, j *uncertainty.Judgement) error {
	fmt.Fprintf(io.Out, "%s: %d items judged, thresholds from %d others\n\n", name, j.N, j.Calibrating)
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "calibration\tas predicted\tat temperature")
	fmt.Fprintf(w, "temperature\t1\t%.3f\n", j.Temperature)
	for _, r := range []struct {
		name string
		a, b float64
	}{
		{"accuracy", j.Raw.Accuracy, j.Scaled.Accuracy}, {"mean confidence", j.Raw.Sharpness, j.Scaled.Sharpness},
		{"NLL", j.Raw.NLL, j.Scaled.NLL}, {"Brier", j.Raw.Brier, j.Scaled.Brier}, {"ECE, equal width", j.Raw.ECE, j.Scaled.ECE},
		{"ECE, equal mass", j.Raw.ECEMass, j.Scaled.ECEMass}, {"calibration error, debiased", j.Raw.Debiased, j.Scaled.Debiased},
		{"ECE, classwise", j.Raw.Classwise, j.Scaled.Classwise}, {"ECE, adaptive", j.Raw.Adaptive, j.Scaled.Adaptive},
	} {
		fmt.Fprintf(w, "%s\t%.4f\t%.4f\n", r.name, r.a, r.b)
	}
	fmt.Fprintln(w, "\nanswered\terror rate\tleast confidence")
	for _, s := range j.Selective {
		fmt.Fprintf(w, "%.0f %%\t%.4f\t%.3f\n", 100*s.Coverage, s.Risk, s.Confidence)
	}
	fmt.Fprintf(w, "AURC\t%.4f\t\nexcess over a perfect order\t%.4f\t\n", j.AURC, j.EAURC)
	fmt.Fprintf(w, "\nconformal sets, %.0f %% promised\tn\tcoverage\t95 %% interval\tmean size\tone class\tempty\n", 100*(1-j.Alpha))
	for _, c := range j.Sets {
		label := uncertainty.GroupName(c.Group, c.Value, c.Own, c.Every)
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f to %.3f\t%.2f\t%.0f %%\t%.0f %%\n", label, c.N, c.Coverage, c.Low, c.High, c.Size, 100*c.Single, 100*c.Empty)
	}
	if len(j.Detection) > 0 {
		fmt.Fprintln(w, "\nout of distribution, by\tAUROC\tfalse alarms at 95 % found")
		for _, d := range j.Detection {
			fmt.Fprintf(w, "%s\t%.4f\t%.4f\n", d.Score, d.AUROC, d.FPR95)
		}
	}
	return finish(io, w, said(j.Promise, j.Notes))
}
