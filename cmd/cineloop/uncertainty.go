package main

import (
	"context"
	"encoding/json"
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
}

func newUncertaintyCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{Use: "uncertainty", Short: "How sure predictions are, and whether that is true", Args: cobra.NoArgs}
	var opts uncertaintyReportOptions
	report := &cobra.Command{
		Use:   "report PREDICTIONS.csv",
		Short: "Calibration, selective risk, conformal sets and their coverage by subgroup",
		Long: `Reads the predictions.csv of a run, or any CSV of its form: item, patient, split, fold, subgroup columns, then TARGET_true with
TARGET_prob (two classes) or TARGET_prob_CLASS. For each target it prints

  calibration    accuracy, mean confidence, NLL, Brier, calibration errors; and the same after temperature scaling
  selective      the error rate when only the surest are answered, and the confidence that this asks for
  conformal      sets that hold the truth with probability 1 − alpha: coverage with its binomial interval, size, by subgroup with the
                 common threshold and with the group's own
  detection      where a subgroup column ood holds 1 for items unlike the training data: how well confidence finds them

Thresholds are learnt on rows of split val where both val and test rows are there, else on a random half of the patients, and judged
on the others.

Exit status: 0 done, 2 a wrong flag, 3 a file that cannot be used, 6 no file there, 130 interrupted.`,
		Example: `  cineloop uncertainty report runs/lus/predictions.csv
  cineloop uncertainty report predictions.csv --alpha 0.05 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Path = args[0]
			return runUncertaintyReport(cmd.Context(), opts, io)
		},
	}
	report.Flags().StringVar(&opts.Target, "target", "", "only this target")
	report.Flags().Float64Var(&opts.Alpha, "alpha", 0.1, "miscoverage of conformal sets")
	report.Flags().Uint64Var(&opts.Seed, "seed", 1, "of the division into halves")
	report.Flags().BoolVar(&opts.JSON, "json", false, "print JSON instead of tables")
	cmd.AddCommand(report)
	return cmd
}

func runUncertaintyReport(_ context.Context, opts uncertaintyReportOptions, io ioStreams) error {
	p, err := evaluate.ReadFile(opts.Path, nil)
	if err != nil {
		return err
	}
	found := map[string]*uncertainty.Judgement{}
	var names []string
	for _, t := range p.Targets {
		if opts.Target != "" && t.Name != opts.Target {
			continue
		}
		items, ok := itemsOf(p, t)
		if !ok {
			continue
		}
		j, err := uncertainty.Judge(items, uncertainty.JudgeOptions{Alpha: opts.Alpha, Seed: stats.Seed(opts.Seed)})
		if err != nil {
			return fault.New(fault.CodeOf(err), "target %s: %w", t.Name, err)
		}
		found[t.Name] = j
		names = append(names, t.Name)
	}
	if len(names) == 0 {
		return fault.New(fault.Input, "%s: no target with class probabilities", opts.Path).WithHint("the report reads binary and class targets")
	}
	if opts.JSON {
		enc := json.NewEncoder(io.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"targets": found})
	}
	for _, name := range names {
		if err := writeJudgement(io, name, found[name]); err != nil {
			return err
		}
	}
	return nil
}

// itemsOf takes a target's rows with a truth; ok is false for targets without classes.
func itemsOf(p *evaluate.Predictions, t evaluate.Target) (uncertainty.Items, bool) {
	it := uncertainty.Items{Groups: map[string][]string{}}
	if t.Kind != evaluate.Binary && t.Kind != evaluate.Class {
		return it, false
	}
	it.Classes = t.Classes
	if t.Kind == evaluate.Binary {
		it.Classes = []string{"no", "yes"}
	}
	var val, test bool
	var rows []int
	for i := range p.Item {
		truth, score := p.Truth[t.Name][i][0], p.Score[t.Name][i]
		if truth != truth || score[0] != score[0] {
			continue
		}
		rows = append(rows, i)
		val, test = val || p.Split[i] == "val", test || p.Split[i] == "test"
		probs := score
		if t.Kind == evaluate.Binary {
			probs = []float64{1 - score[0], score[0]}
		}
		it.Probs = append(it.Probs, probs)
		it.Label = append(it.Label, int(truth))
		it.Patient = append(it.Patient, p.Patient[i])
	}
	if val && test {
		for _, i := range rows {
			it.Calibration = append(it.Calibration, p.Split[i] == "val")
		}
	}
	for _, g := range p.Groups {
		values := make([]string, len(rows))
		for k, i := range rows {
			values[k] = g.Values[i]
		}
		if g.Name == "ood" {
			for _, v := range values {
				it.Out = append(it.Out, v == "1")
			}
			continue
		}
		it.Groups[g.Name] = values
	}
	return it, true
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
		{"ECE, classwise", j.Raw.Classwise, j.Scaled.Classwise},
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
		label := "all"
		if c.Group != "" {
			label = c.Group + " = " + c.Value
			if c.Own {
				label += ", own threshold"
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f to %.3f\t%.2f\t%.0f %%\t%.0f %%\n", label, c.N, c.Coverage, c.Low, c.High, c.Size, 100*c.Single, 100*c.Empty)
	}
	if len(j.Detection) > 0 {
		fmt.Fprintln(w, "\nout of distribution, by\tAUROC\tfalse alarms at 95 % found")
		for _, d := range j.Detection {
			fmt.Fprintf(w, "%s\t%.4f\t%.4f\n", d.Score, d.AUROC, d.FPR95)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range j.Notes {
		fmt.Fprintln(io.Out, n)
	}
	fmt.Fprintln(io.Out)
	return nil
}
