// Command survival times training and prediction of survival networks on given folds against a PyTorch loop in Python
// (bench/peers/survival.py) with the same folds, network and hyper-parameters, in turns in one run, and prints both scores.
//
// Both sides use one thread. Times are seconds a fold without scoring; rows end in "cpu" for the thread's CPU time, which a busy machine
// blurs less than wall time. A ratio above 1 says how many times faster ours is. Data sets may be given as arguments (default metabric).
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cineloop/cineloop/methods/survival/protocol"
	"github.com/cineloop/cineloop/methods/survival/tabular"
)

// models are the rows that both sides know: discrete ones at ten even times.
var models = []string{tabular.CoxPH, tabular.CoxCC, tabular.CoxTime, tabular.LogisticHazard, tabular.MTLR, tabular.PCHazard, tabular.DeepHit}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench/survival:", err)
		os.Exit(1)
	}
}

// measured are one model's folds.
type measured struct {
	Seconds []float64 `json:"seconds"`
	CPU     []float64 `json:"cpu"`
	CTD     []float64 `json:"c_td"`
	IBS     []float64 `json:"ibs"`
}

func run(sets []string) error {
	if len(sets) == 0 {
		sets = []string{"metabric"}
	}
	shared := os.Getenv("CINELOOP_SHARED")
	if shared == "" {
		shared = "../shared"
	}
	data := filepath.Join(shared, "data", "survival")
	for _, name := range sets {
		input, err := read(data, name)
		if err != nil {
			return err
		}
		var ourWall, theirWall, ourCPU, theirCPU float64
		for _, model := range models {
			ours, err := us(input, model)
			if err != nil {
				return err
			}
			theirs, err := peer(data, name, model)
			if err != nil {
				return fmt.Errorf("the peer does not run (scripts/setup peers): %w", err)
			}
			line(name+" "+model, mean(ours.Seconds), mean(theirs.Seconds))
			line(name+" "+model+" cpu", mean(ours.CPU), mean(theirs.CPU))
			fmt.Fprintf(os.Stderr, "%s %s: C-td %.3f and %.3f, IBS %.3f and %.3f\n", name, model, mean(ours.CTD), mean(theirs.CTD), mean(ours.IBS), mean(theirs.IBS))
			ourWall, theirWall = ourWall+mean(ours.Seconds), theirWall+mean(theirs.Seconds)
			ourCPU, theirCPU = ourCPU+mean(ours.CPU), theirCPU+mean(theirs.CPU)
		}
		line(name+" all", ourWall, theirWall)
		line(name+" all cpu", ourCPU, theirCPU)
	}
	return nil
}

func line(name string, ours, theirs float64) {
	fmt.Printf("survival %s | %.3f s | %.3f s | %.1f | ≥ 3\n", name, ours, theirs, theirs/ours)
}

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v / float64(len(x))
	}
	return s
}

func read(data, name string) (*protocol.Input, error) {
	f, err := os.Open(filepath.Join(data, name+".csv"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := protocol.ReadTable(name, f)
	if err != nil {
		return nil, err
	}
	g, err := os.Open(filepath.Join(data, "folds", name+".csv"))
	if err != nil {
		return nil, err
	}
	defer g.Close()
	folds, err := protocol.ReadFolds(name, g, len(t.X))
	return &protocol.Input{Table: t, Folds: folds}, err
}

func us(input *protocol.Input, model string) (measured, error) {
	var m measured
	var row protocol.Row
	for _, r := range protocol.FixedRows() {
		if r.Name == model {
			row = r
		}
	}
	results, err := protocol.Run(context.Background(), []*protocol.Input{input}, protocol.Options{Rows: []protocol.Row{row}, Workers: 1, Seed: 1})
	if err != nil {
		return m, err
	}
	for _, f := range results[0].Folds {
		m.Seconds, m.CPU = append(m.Seconds, f.Seconds), append(m.CPU, f.CPU)
		m.CTD, m.IBS = append(m.CTD, f.CTD), append(m.IBS, f.IBS)
	}
	return m, nil
}

func peer(data, name, model string) (measured, error) {
	var m measured
	python := "/usr/bin/python3" // the distribution's, which has torch
	if p := os.Getenv("CINELOOP_PYTHON"); p != "" {
		python = p
	}
	cmd := exec.Command(python, "bench/peers/survival.py", data, filepath.Join(data, "folds"), name, model)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return m, fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return m, json.Unmarshal(out, &m)
}
