package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/run"
)

// probeOptions are the looks before training that the train command has.
type probeOptions struct {
	FindLR, Overfit bool
	Steps           int
	From, To        float64
	JSON            bool
}

func probeFlags(f *pflag.FlagSet, o *probeOptions) {
	f.BoolVar(&o.Overfit, "overfit-one-batch", false, "look whether the network can learn one batch by heart; train nothing")
	f.BoolVar(&o.FindLR, "find-lr", false, "search for a learning rate; train nothing")
	f.IntVar(&o.Steps, "steps", 0, "of these looks, at most (default 300 and 100)")
	f.Float64Var(&o.From, "from-lr", 1e-7, "learning rate that --find-lr begins at")
	f.Float64Var(&o.To, "to-lr", 10, "learning rate that --find-lr ends at")
	f.BoolVar(&o.JSON, "json", false, "of these looks, print JSON")
}

func runProbe(ctx context.Context, opts trainOptions, io ioStreams) error {
	p := opts.Probe
	switch {
	case p.FindLR && p.Overfit:
		return fault.New(fault.Usage, "--find-lr and --overfit-one-batch: one at a time")
	case opts.Procs != 1 || opts.Nodes != 1 || opts.Rank != "":
		return fault.New(fault.Usage, "--find-lr and --overfit-one-batch look with one process")
	case p.Steps < 0:
		return fault.New(fault.Usage, "--steps %d: want a positive number", p.Steps)
	}
	r, err := run.Open(ctx, opts.Dir, io.Err, "")
	if err != nil {
		return err
	}
	if p.FindLR {
		c, err := r.FindLR(ctx, learn.LRSearch{From: p.From, To: p.To, Steps: p.Steps})
		if err != nil {
			return err
		}
		return show(io, p.JSON, c, run.LRTable(c))
	}
	c, err := r.OverfitOneBatch(ctx, p.Steps)
	if c != nil {
		if serr := show(io, p.JSON, c, c.Words()); serr != nil {
			return serr
		}
	}
	return err
}

// show prints a result as JSON, or in words.
func show(io ioStreams, asJSON bool, v any, words string) error {
	if !asJSON {
		fmt.Fprint(io.Out, words)
		return nil
	}
	return printJSON(io.Out, v)
}
