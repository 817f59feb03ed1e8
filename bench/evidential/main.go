// Command evidential repeats the experiments of Sensoy, Kaplan and Kandemir, Evidential deep learning to quantify classification
// uncertainty (NeurIPS 2018), on MNIST: a LeNet with 20 and 50 filters of 5×5 and 500 hidden units, trained with softmax, with dropout,
// as an ensemble, and with all nine pairs of evidential loss and evidence; accuracy, uncertainty of right and wrong answers, entropy on
// notMNIST and Fashion, a rotated digit and adversarial steps (FGSM).
//
// One command does all of it and may be stopped at any time: networks are kept after each epoch and results after each method in
// -out, and a repeated command goes on. It writes results.json and evidential.html there, with the published numbers beside ours.
//
//	go run ./bench/evidential -out evidential            all 60,000 images
//	go run ./bench/evidential -out small -n 6000         a few minutes
//	go run ./bench/evidential -out starts -starts 8      which starts let classes die, eight seeds each, 6,000 images;
//	                                                     with -only '^digamma' those rows alone, the others kept
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/torch"
)

type options struct {
	n, judged, members, starts int
	out, only                  string
	epochs                     float64
	pageOnly                   bool
}

func main() {
	var o options
	flag.IntVar(&o.n, "n", 60000, "training images")
	flag.IntVar(&o.judged, "judged", 10000, "pictures of each test set")
	flag.IntVar(&o.members, "members", 3, "networks of the ensemble")
	flag.IntVar(&o.starts, "starts", 0, "instead: so many seeds of each way to start, and how many classes die")
	flag.StringVar(&o.out, "out", "evidential", "folder of networks, results and page")
	flag.StringVar(&o.only, "only", "", "only methods whose key (with -starts: rows whose name) matches this pattern; the others are taken from what is there")
	flag.Float64Var(&o.epochs, "epochs", 1, "factor on the numbers of epochs")
	flag.BoolVar(&o.pageOnly, "page", false, "write the page from results that are there")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/evidential:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	shared := os.Getenv("CINELOOP_SHARED")
	if shared == "" {
		shared = "../shared"
	}
	if err := os.MkdirAll(filepath.Join(o.out, "networks"), 0o755); err != nil {
		return err
	}
	if o.starts > 0 {
		o.n = min(o.n, 6000)
	}
	d, err := readData(filepath.Join(shared, "data", "mnist"), o.n, o.judged)
	if err != nil {
		return err
	}
	say := func(s string) { fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format("15:04:05"), s) }
	methods := methodsFor(o.n, o.members, o.epochs)
	if !o.pageOnly {
		err = torch.Run(context.Background(), torch.Config{Device: "cpu", Threads: 1, Seed: 1, Log: os.Stderr}, func(e *torch.Engine) error {
			if o.starts > 0 {
				return studyStarts(e, d, o, only, say)
			}
			for _, m := range methods {
				path := filepath.Join(o.out, m.Key+".json")
				if _, ok := readResult(path, m.identity()); ok || !only.MatchString(m.Key) {
					continue
				}
				started := time.Now()
				r, err := experiment(e, d, m, filepath.Join(o.out, "networks"), say)
				if err != nil {
					return err
				}
				r.Seconds = time.Since(started).Seconds()
				if err := writeJSON(path, r); err != nil {
					return err
				}
				say(fmt.Sprintf("%s: accuracy %.4f", m.Name, r.Accuracy))
			}
			return nil
		})
		if err != nil || o.starts > 0 {
			return err
		}
	}
	var results []result
	for _, m := range methods {
		if r, ok := readResult(filepath.Join(o.out, m.Key+".json"), m.identity()); ok {
			results = append(results, r)
		}
	}
	table(os.Stdout, results, o.n)
	if err := writeJSON(filepath.Join(o.out, "results.json"), map[string]any{"training_images": o.n, "judged": o.judged, "methods": results}); err != nil {
		return err
	}
	return writePage(filepath.Join(o.out, "evidential.html"), results, d, o)
}

func digest(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:8])
}

// identity says whether a stored result is of the same method.
func (m method) identity() string {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // plain values
	}
	return string(b)
}

func unmarshal(b []byte, v any) bool { return json.Unmarshal(b, v) == nil }

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, append(b, '\n'))
}
