package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/run"
)

func init() { register(newTrainCmd) }

type trainOptions struct {
	Dir        string
	Procs      int
	Nodes      int
	Node       int
	Rendezvous string
	Restarts   int
	Rank       string // of a process that train itself started: RANK/SIZE
	Probe      probeOptions
}

func newTrainCmd(io ioStreams) *cobra.Command {
	var opts trainOptions
	cmd := stage(io, "train", "Train a planned run, or go on with one that was stopped",
		`Train every split and fold of the plan. Stopping at any moment, also by kill -9, loses at most the steps since the last checkpoint; repeating the command goes on from there, bit for bit.

With --procs N, N processes of this machine train one network: each takes the plan's batch_size of every step, so that a step is one of N times the batch. On several machines give the
same --rendezvous HOST:PORT and --nodes to all, and to each its --node; the run's folder and the data must be visible to all. When a process dies, all end with its message, or begin again
from the last checkpoint, --restarts times. The processes exchange in the clear: keep them on one machine or a network of their own.

With --overfit-one-batch or --find-lr nothing is trained and no checkpoint is touched. The first looks whether the network can learn one batch, of clips or of patches with masks, by heart and, where it cannot, says what is
likely wrong: input, truths, a dead head, the learning rate (exit status 3). The second raises the learning rate from step to step, prints the losses, and suggests a rate for train.lr.`,
		nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		opts.Dir = args[0]
		if opts.Probe.FindLR || opts.Probe.Overfit {
			return runProbe(cmd.Context(), opts, io)
		}
		return runTrain(cmd.Context(), opts, io)
	}
	cmd.Example = `  cineloop train runs/demo --overfit-one-batch
  cineloop train runs/demo --find-lr
  cineloop train runs/demo
  cineloop train runs/demo --procs 4 --restarts 3
  cineloop train /shared/runs/demo --procs 8 --nodes 2 --node 0 --rendezvous node0:29500`
	f := cmd.Flags()
	f.IntVar(&opts.Procs, "procs", 1, "processes of this machine that train together")
	f.IntVar(&opts.Nodes, "nodes", 1, "machines that train together")
	f.IntVar(&opts.Node, "node", 0, "which of the machines this is, from 0")
	f.StringVar(&opts.Rendezvous, "rendezvous", "", "HOST:PORT of the first machine, where all meet (default: a free port of this machine)")
	f.IntVar(&opts.Restarts, "restarts", 0, "how often all processes begin again from the last checkpoint after one has died")
	f.StringVar(&opts.Rank, "rank", "", "RANK/SIZE, set by the command for its own processes")
	_ = f.MarkHidden("rank")
	probeFlags(f, &opts.Probe)
	return cmd
}

func runTrain(ctx context.Context, opts trainOptions, io ioStreams) error {
	if opts.Rank == "" && (opts.Procs != 1 || opts.Nodes != 1) {
		return launchTrain(ctx, opts, io)
	}
	if opts.Rank == "" && opts.Rendezvous != "" {
		return fault.New(fault.Usage, "--rendezvous is for several processes").WithHint("say how many with --procs and --nodes")
	}
	var part *learn.Parallel
	if opts.Rank != "" {
		part = &learn.Parallel{}
		if _, err := fmt.Sscanf(opts.Rank, "%d/%d", &part.Rank, &part.Size); err != nil {
			return fault.New(fault.Usage, "--rank %q: want RANK/SIZE", opts.Rank)
		}
		var err error
		if part.Host, part.Port, err = run.SplitRendezvous(opts.Rendezvous); err != nil {
			return err
		}
		if part.Rank > 0 {
			io.Out = nil
		}
	}
	r, err := run.Open(ctx, opts.Dir, io.Err, "")
	if err != nil {
		return err
	}
	r.Parallel = part
	if err := r.Train(ctx); err != nil {
		return err
	}
	if io.Out != nil {
		fmt.Fprintln(io.Out, "checkpoints: "+r.Dir.Checkpoints())
	}
	return nil
}

// launchTrain starts this machine's processes, each this command with --rank.
func launchTrain(ctx context.Context, opts trainOptions, io ioStreams) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program to start it again: %w", err)
	}
	if _, err := os.Stat(run.Folder(opts.Dir).Plan()); err != nil {
		return fault.New(fault.NotFound, "%s holds no run: there is no plan.yaml", opts.Dir).WithHint("plan one with cineloop plan RECIPE.yaml")
	}
	threads := strconv.Itoa(max(1, runtime.GOMAXPROCS(0)/max(1, opts.Procs)))
	err = run.Launch(ctx, run.LaunchOptions{
		Procs: opts.Procs, Nodes: opts.Nodes, Node: opts.Node, Rendezvous: opts.Rendezvous, Restarts: opts.Restarts, Log: io.Err,
		Command: func(ctx context.Context, rank, size int, rendezvous string) *exec.Cmd {
			c := exec.CommandContext(ctx, self, "train", opts.Dir, "--rank", fmt.Sprintf("%d/%d", rank, size), "--rendezvous", rendezvous)
			c.Env = append(os.Environ(), "GOMAXPROCS="+threads) // the cores are shared out
			if rank == opts.Node*opts.Procs {
				c.Stdout = io.Out
			}
			return c
		},
	})
	if err != nil {
		return err
	}
	if opts.Node == 0 {
		return os.RemoveAll(run.Folder(opts.Dir).CacheFolder())
	}
	return nil
}
