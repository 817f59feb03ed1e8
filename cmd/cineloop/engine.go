package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/bridge"
)

type engineOptions struct {
	JSON    bool
	Device  string
	Threads int
}

func init() { register(newEngineCmd) }

func newEngineCmd(io ioStreams) *cobra.Command {
	var opts engineOptions
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Show which libtorch is found, and how it is set up",
		Long: `engine looks for libtorch in $LIBTORCH, in the distribution's library folder and in the torch of each python3 on the path, in
that order, compiles the bridge to the first usable one if it is not in the cache ($CINELOOP_CACHE, or cineloop in the user's cache
folder), loads it, and prints what it is. Other commands do the same when they need a network.

Exit status: 0 an engine is ready, 2 wrong flags, 4 none was found or it cannot be compiled or loaded (the reasons are printed).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runEngine(cmd.Context(), opts, io) },
	}
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&opts.Device, "device", "auto", "auto, cpu, cuda or cuda:N")
	cmd.Flags().IntVar(&opts.Threads, "threads", 0, "threads of each operator; 0: all cores")
	return cmd
}

// engineReport is what engine --json prints.
type engineReport struct {
	Engine     *torch.Info        `json:"engine,omitempty"`
	Device     torch.Device       `json:"device,omitempty"`
	Environ    map[string]string  `json:"environment,omitempty"`
	Compiler   bridge.Compiler    `json:"compiler"`
	Candidates []bridge.Candidate `json:"candidates"`
	Error      string             `json:"error,omitempty"`
}

func runEngine(ctx context.Context, opts engineOptions, io ioStreams) error {
	report := engineReport{Candidates: bridge.Survey(ctx)}
	// Without a compiler a bridge that was compiled before still serves; Run says so where there is none.
	report.Compiler, _ = bridge.FindCompiler(ctx)
	err := torch.Run(ctx, torch.Config{Device: opts.Device, Threads: opts.Threads, Log: io.Err}, func(e *torch.Engine) error {
		info := e.Info()
		report.Engine, report.Device, report.Environ = &info, e.Device(), torch.Environment()
		return nil
	})
	if err != nil {
		report.Error = err.Error()
	}
	if opts.JSON {
		return errors.Join(printJSON(io.Out, report), err)
	}
	printEngine(io.Out, report)
	return err
}

func printEngine(w io.Writer, r engineReport) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	if e := r.Engine; e != nil {
		line("libtorch", "%s from %s (%s)", e.Version, e.Installation.Lib, e.Installation.Origin)
		line("bridge", "%s", e.Bridge)
		line("compiler", "%s", r.Compiler.Version)
		line("device", "%s (%d CUDA devices)", r.Device, e.CUDADevices)
		line("threads", "%d, OpenMP %s", e.Threads, has(e.OpenMP))
		for _, key := range []string{"OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS"} {
			line("", "%s=%s", key, r.Environ[key])
		}
		line("processor", "%s kernels", e.CPU)
		line("oneDNN", "%s", strings.TrimSpace(has(e.OneDNN)+" "+e.OneDNNText))
		switch {
		case e.MKL:
			line("BLAS", "MKL")
		case e.OpenBLAS:
			line("BLAS", "OpenBLAS")
		default:
			line("BLAS", "%s: a reference BLAS is many times slower; install libopenblas0-pthread", e.BLAS)
		}
		line("LAPACK", "%s", has(e.LAPACK))
	}
	for _, c := range r.Candidates {
		switch {
		case c.Found == nil:
			line("passed over", "%s %s: %s", c.Origin, c.Path, c.Reason)
		case r.Engine != nil && c.Found.Lib != r.Engine.Installation.Lib:
			line("also there", "%s %s: libtorch %s", c.Origin, c.Path, c.Found.Version)
		}
	}
}

func has(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
