// Command phantom times the echo simulator: clips of 32 frames of 112×112 a second of processor time, as tissue, with masks, with an
// overlay, and written as a cohort of DICOM files. Processor time, of every thread, is what a core gives: it does not depend on what
// else the machine does. There is no peer in common use; the limit is what the product promises.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/cineloop/cineloop/clip/phantom"
)

const (
	clips  = 40
	rounds = 5
	limit  = 20 // clips a second of a core
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/phantom:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	runtime.GOMAXPROCS(1)
	for _, b := range []struct {
		name string
		cfg  phantom.Config
	}{
		{"tissue", phantom.Config{Tissue: true}},
		{"tissue and masks", phantom.Config{Tissue: true, Masks: true}},
		{"with overlay", phantom.Config{}},
	} {
		cfg := b.cfg
		cfg.Seed = 1
		c, err := phantom.New(cfg)
		if err != nil {
			return err
		}
		c.Clip(0, phantom.A4C) // tables are made at first use
		row(b.name, func(round int) error {
			for i := range clips {
				c.Clip(round*clips+i, phantom.A4C)
			}
			return nil
		})
	}
	row("DICOM cohort with masks", func(round int) error {
		dir, err := os.MkdirTemp("", "phantom")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		return phantom.Write(ctx, dir, phantom.Config{Seed: 1, Patients: clips, Masks: true, Workers: 1}, nil)
	})
	return nil
}

// processorTime is what this process has used so far, in user and system mode.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // cannot fail for the process itself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// row prints the median rate of work, which makes clips clips.
func row(name string, work func(round int) error) {
	var rates []float64
	for round := range rounds {
		start := processorTime()
		if err := work(round); err != nil {
			fmt.Printf("phantom: %s | failed | | | %v\n", name, err)
			return
		}
		rates = append(rates, clips/(processorTime()-start).Seconds())
	}
	slices.Sort(rates)
	promise := ""
	if name != "DICOM cohort with masks" {
		promise = fmt.Sprintf(">= %d", limit)
	}
	fmt.Printf("phantom: %s, clips/s a core | %.1f | | | %s\n", name, rates[rounds/2], promise)
}
