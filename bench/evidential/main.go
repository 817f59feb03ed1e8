// Command evidential repeats the experiments of Sensoy, Kaplan and Kandemir (2018) on MNIST: a LeNet with 20 and 50 filters of 5×5 and 500
// hidden units, trained with softmax, with dropout, as an ensemble, and with evidential losses; accuracy, uncertainty of right and wrong
// answers, entropy on notMNIST and Fashion, a rotated digit and adversarial steps (FGSM). It prints one table beside measured and published
// numbers and, with -html, writes the pictures. With -n 60000 it uses all training images.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/torch"
)

func main() {
	n := flag.Int("n", 6000, "training images")
	judged := flag.Int("judged", 10000, "pictures of each test set")
	page := flag.String("html", "", "write pictures to this file")
	members := flag.Int("members", 5, "networks of the ensemble")
	flag.Parse()
	if err := run(*n, *judged, *members, *page); err != nil {
		fmt.Fprintln(os.Stderr, "bench/evidential:", err)
		os.Exit(1)
	}
}

// method is a way to train and to be unsure.
type method struct {
	name    string
	kind    *uncertainty.Evidential // nil: softmax
	epochs  int
	dropout bool // left on when predicting, 10 passes
	members int
}

// result is what a method's predictions say.
type result struct {
	method
	accuracy          float64
	right, wrong      float64 // mean uncertainty of right and wrong answers
	errorAUROC        float64
	notEntropy        float64 // mean on notMNIST
	notSure           float64 // share of it with an entropy below 0.1
	notAUROC, fashion float64
	sureAccuracy      float64 // of answers with uncertainty below 0.5
	sureCoverage      float64
	dead              []int
	seconds           float64
	entropies         []float64    // on notMNIST
	rotated           []rotation   // of a digit 1
	adversarial       [][2]float64 // accuracy and mean entropy by step size
}

type rotation struct {
	degrees     float64
	class       int
	probability float64
	uncertainty float64
}

var steps = []float64{0, 0.05, 0.1, 0.2, 0.3, 0.4}

func run(n, judged, members int, page string) error {
	shared := os.Getenv("CINELOOP_SHARED")
	if shared == "" {
		shared = "../shared"
	}
	dir := filepath.Join(shared, "data", "mnist")
	d, err := readData(dir, n, judged)
	if err != nil {
		return err
	}
	epochs := func(small, large int) int {
		if n >= 30000 {
			return large
		}
		return small
	}
	edl := func(t uncertainty.DataTerm, e uncertainty.Evidence) *uncertainty.Evidential {
		return &uncertainty.Evidential{Term: t, Evidence: e, Annealing: 10}
	}
	methods := []method{
		{name: "softmax", epochs: epochs(5, 4)},
		{name: "EDL log + exp", kind: edl(uncertainty.MarginalLikelihood, uncertainty.Exp), epochs: epochs(8, 8)},
		{name: "EDL mse + relu", kind: edl(uncertainty.SquaredError, uncertainty.ReLU), epochs: epochs(10, 8)},
		{name: fmt.Sprintf("ensemble of %d", members), epochs: epochs(5, 4), members: members},
		{name: "dropout, 10 passes", epochs: epochs(8, 4), dropout: true},
		{name: "EDL digamma + exp", kind: edl(uncertainty.CrossEntropy, uncertainty.Exp), epochs: epochs(8, 8)},
		{name: "EDL mse + softplus", kind: edl(uncertainty.SquaredError, uncertainty.Softplus), epochs: epochs(10, 8)},
	}
	var results []result
	err = torch.Run(context.Background(), torch.Config{Device: "cpu", Threads: 1, Seed: 1, Log: os.Stderr}, func(e *torch.Engine) error {
		for k, m := range methods {
			started := time.Now()
			r := experiment(e, d, m, k)
			r.seconds = time.Since(started).Seconds()
			results = append(results, r)
			table(os.Stderr, results[len(results)-1:], n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	table(os.Stdout, results, n)
	if page == "" {
		return nil
	}
	return writePage(page, results, d, n)
}
