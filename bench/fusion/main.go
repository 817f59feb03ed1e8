// Command fusion sets every way of joining a picture with a table beside the picture alone and the table alone: same rows, same divisions, same
// budget, same seeds. Scores stand with intervals by patient, and each way's difference against the better single one on the same resamples.
//
//	phantom   simulated echo loops with age, sex, weight and device. The outcome is drawn from the ejection fraction, age, and their meaning
//	          for each sex, so that the truth says what picture, table and both can reach at best. Judged with everything there, with a third
//	          of the table's values missing, without the table, and without the picture.
//	lus       95 lung ultrasound clips with sex, age and probe, many of them missing: healthy or diseased.
//
// One command does both; trainings and scores are kept in -out and a repeated command goes on:
//
//	go run ./bench/fusion -out fusion
//
// It writes phantom.json, lus.json and fusion.html there.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cineloop/cineloop/internal/atomicfile"
)

type options struct {
	out, only         string
	train, val, test  int
	seeds, dropSeeds  int
	epochs, lusEpochs int
	resamples         int
}

func main() {
	var o options
	flag.StringVar(&o.out, "out", filepath.Join("bench", "out", "fusion"), "folder of clips, runs and results")
	flag.StringVar(&o.only, "only", "", "phantom or lus")
	flag.IntVar(&o.train, "train", 320, "simulated patients to learn from")
	flag.IntVar(&o.val, "val", 80, "simulated patients to choose and to stack on")
	flag.IntVar(&o.test, "test", 500, "simulated patients that judge")
	flag.IntVar(&o.seeds, "seeds", 2, "trainings of each way")
	flag.IntVar(&o.dropSeeds, "drop-seeds", 1, "trainings of each way with parts dropped")
	flag.IntVar(&o.epochs, "epochs", 10, "of each training on the phantom")
	flag.IntVar(&o.lusEpochs, "lus-epochs", 12, "of each training on lung ultrasound")
	flag.IntVar(&o.resamples, "resamples", 1000, "of patients")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := both(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/fusion:", err)
		os.Exit(1)
	}
}

func both(ctx context.Context, o options) error {
	var all []*study
	for _, make := range []func(options) (*study, error){phantomStudy, lusStudy} {
		s, err := make(o)
		if err != nil {
			return err
		}
		if o.only != "" && o.only != s.Name {
			continue
		}
		started := cpuSeconds()
		if err := s.run(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		s.CPU = cpuSeconds() - started
		b, err := json.MarshalIndent(s, "", " ")
		if err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(filepath.Join(o.out, s.Name+".json"), append(b, '\n')); err != nil {
			return err
		}
		s.print(os.Stdout)
		all = append(all, s)
	}
	return writePage(filepath.Join(o.out, "fusion.html"), all)
}

// cpuSeconds is the processor time of this process so far.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return (time.Duration(u.Utime.Nano()) + time.Duration(u.Stime.Nano())).Seconds()
}
