package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/methods/survival/protocol"
	"github.com/cineloop/cineloop/stats"
)

type survivalBenchOptions struct {
	Data     string
	Folds    string
	Datasets []string
	Models   []string
	Workers  int
	Search   int
	Journal  string
	Seed     uint64
	JSON     bool
}

func newSurvivalBenchCmd(io ioStreams) *cobra.Command {
	var opts survivalBenchOptions
	cmd := &cobra.Command{
		Use:   "bench --data DIR [--folds FILE]",
		Short: "Train and judge every model of the fixed table on given folds",
		Long: `Trains the models of Kvamme, Borgan and Scheel (JMLR 20:129, 2019) and their successors at fixed settings on given folds and
prints mean C-td, integrated Brier score and integrated binomial log likelihood beside what pycox reaches on the same folds.

DIR holds NAME.csv for each data set, with the columns duration and event (0 censored, 1 event) and numeric covariates. The folds
are a CSV with a column a fold and tr, va or te in each row: either one file, whose name says which data set it divides, or a
folder with NAME.csv for several (default DIR/folds).

--search N draws N configurations for each network and fold (the first is the row's own), trains each on the fold's training rows and
keeps the one that is best on its validation rows; test rows are judged once. With --journal FILE an interrupted search goes on, and a
larger N adds to a smaller one.

C-td counts equal predictions as wrong, as the paper does, and beside it as half; discrete models with few cuts differ much between
the two. Brier scores are weighted by the Kaplan–Meier estimate of censoring on the test fold.

Exit status: 0 done, 2 a wrong flag, 3 data that cannot be used, 4 libtorch is not installed, 6 no data there, 130 interrupted.`,
		Example: `  cineloop survival bench --data /data/survival --folds /data/survival/folds
  cineloop survival bench --data /data/survival --folds /data/survival/folds/metabric.csv --model CoxTime --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSurvivalBench(cmd.Context(), opts, io) },
	}
	cmd.Flags().StringVar(&opts.Data, "data", "", "folder with a CSV a data set")
	cmd.Flags().StringVar(&opts.Folds, "folds", "", "folds of one data set, or a folder with those of several (default DIR/folds)")
	cmd.Flags().StringSliceVar(&opts.Datasets, "dataset", nil, "only these data sets")
	cmd.Flags().StringSliceVar(&opts.Models, "model", nil, "only these rows of the table (a name, or its beginning with *)")
	cmd.Flags().IntVar(&opts.Workers, "workers", 2, "engines that run at once, one thread each")
	cmd.Flags().IntVar(&opts.Search, "search", 0, "configurations of a random search for each network and fold, chosen on the validation rows (default: fixed settings)")
	cmd.Flags().StringVar(&opts.Journal, "journal", "", "file that remembers the search's trials, one JSON object a line: the same command goes on after an interruption")
	cmd.Flags().Uint64Var(&opts.Seed, "seed", 1, "seed of initial values, shuffling and dropout")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print every fold as JSON instead of the table")
	return cmd
}

// survivalBench is what --json prints.
type survivalBench struct {
	Results []protocol.Result `json:"results"`
	Seconds float64           `json:"seconds"` // of the whole run
	Workers int               `json:"workers"`
	Seed    uint64            `json:"seed"`
}

func runSurvivalBench(ctx context.Context, opts survivalBenchOptions, io ioStreams) error {
	if opts.Data == "" {
		return fault.New(fault.Usage, "--data names the folder with the data sets")
	}
	rows := protocol.FixedRows()
	if len(opts.Models) > 0 {
		rows = slices.DeleteFunc(rows, func(r protocol.Row) bool {
			return !slices.ContainsFunc(opts.Models, func(m string) bool { return modelMatches(m, r.Name) })
		})
		if len(rows) == 0 {
			return fault.New(fault.Usage, "no row of the table is named %s", strings.Join(opts.Models, ", "))
		}
	}
	inputs, err := readInputs(opts)
	if err != nil {
		return err
	}
	journal, err := openTrials(opts.Journal)
	if err != nil {
		return err
	}
	defer journal.close()
	bar := progress.New(io.Err, "fits", int64(len(inputs)*len(rows)*len(inputs[0].Folds)))
	started := time.Now()
	results, err := protocol.Run(ctx, inputs, protocol.Options{
		Rows: rows, Workers: opts.Workers, Search: opts.Search, Journal: &journal.Journal, Seed: stats.Seed(opts.Seed), Log: io.Err,
		Done: func(int, int, string) { bar.Add(1) },
	})
	bar.Close()
	if err != nil {
		return err
	}
	seconds := time.Since(started).Seconds()
	if opts.JSON {
		return printJSON(io.Out, survivalBench{results, seconds, opts.Workers, opts.Seed})
	}
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "data set\tmodel\tC-td\t(pycox)\tties half\tIBS\t(pycox)\tIBLL\t(pycox)\ts a fold\tepochs")
	for _, r := range results {
		ref := func(v float64) string {
			if math.IsNaN(v) {
				return ""
			}
			return fmt.Sprintf("(%.3f)", v)
		}
		a := protocol.Anchor{CTD: math.NaN(), IBS: math.NaN(), IBLL: math.NaN()}
		if r.Anchor != nil {
			a = *r.Anchor
		}
		m := r.Mean
		fmt.Fprintf(w, "%s\t%s\t%.3f\t%s\t%.3f\t%.3f\t%s\t%.3f\t%s\t%.2f\t%d\n", r.Dataset, r.Model, m.CTD, ref(a.CTD), m.CTDAdjusted, m.IBS, ref(a.IBS), m.IBLL, ref(a.IBLL), m.Seconds, m.Epochs)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(io.Out, "%d data sets, %d models, %.1f s with %d workers\n", len(inputs), len(rows), seconds, opts.Workers)
	return nil
}

// modelMatches says whether pattern is name, or its beginning where it ends with *.
func modelMatches(pattern, name string) bool {
	if head, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(strings.ToLower(name), strings.ToLower(head))
	}
	return strings.EqualFold(pattern, name)
}

// readInputs finds the data sets with their folds.
func readInputs(opts survivalBenchOptions) ([]*protocol.Input, error) {
	folds := opts.Folds
	if folds == "" {
		folds = filepath.Join(opts.Data, "folds")
	}
	info, err := os.Stat(folds)
	if err != nil {
		return nil, fault.New(fault.NotFound, "no folds at %s", folds).WithHint("--folds names a CSV with a column a fold, or a folder of them")
	}
	paths := []string{folds}
	if info.IsDir() {
		if paths, err = filepath.Glob(filepath.Join(folds, "*.csv")); err != nil {
			return nil, err
		}
	}
	rank := func(path string) int {
		i := slices.Index(protocol.Datasets(), datasetName(path))
		if i < 0 {
			return len(protocol.Datasets())
		}
		return i
	}
	slices.SortStableFunc(paths, func(a, b string) int { return rank(a) - rank(b) })
	var inputs []*protocol.Input
	for _, path := range paths {
		name := datasetName(path)
		if len(opts.Datasets) > 0 && !slices.Contains(opts.Datasets, name) {
			continue
		}
		in, err := readInput(name, filepath.Join(opts.Data, name+".csv"), path)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	if len(inputs) == 0 {
		return nil, fault.New(fault.NotFound, "no data sets to run: %s has no folds of them", folds)
	}
	return inputs, nil
}

func datasetName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}

func readInput(name, table, folds string) (*protocol.Input, error) {
	open := func(path string) (*os.File, error) {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.NotFound, "no file %s", path)
		}
		return f, err
	}
	f, err := open(table)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := protocol.ReadTable(name, f)
	if err != nil {
		return nil, err
	}
	g, err := open(folds)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	d, err := protocol.ReadFolds(filepath.Base(folds), g, len(t.X))
	if err != nil {
		return nil, err
	}
	return &protocol.Input{Table: t, Folds: d}, nil
}
