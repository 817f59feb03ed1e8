package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/serve"
	"github.com/cineloop/cineloop/web/live"
)

func init() { register(newUICmd) }

type uiOptions struct {
	Dir    string
	Listen string
}

func newUICmd(io ioStreams) *cobra.Command {
	opts := uiOptions{Dir: "runs"}
	cmd := &cobra.Command{
		Use:   "ui [DIR]",
		Short: "Show trainings on a page while they run",
		Long: `Serve a page with the curves, pace and remaining time of the trainings under DIR (default runs): a run's folder, or one of runs. It reads the logs that
trainings write and changes nothing, so it may come and go. The page is served to this computer only, on the address that is printed, which has a token
that only you see. The command ends with Ctrl-C.

Exit status: 0 ended with Ctrl-C, 2 an address that other machines reach, 4 the address is taken, 6 DIR is not there.`,
		Example: `  cineloop ui
  cineloop ui runs/demo --listen 127.0.0.1:8080`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				opts.Dir = args[0]
			}
			return runUI(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().StringVar(&opts.Listen, "listen", "127.0.0.1:0", "loopback address to serve on; port 0 takes a free one")
	return cmd
}

func runUI(ctx context.Context, opts uiOptions, io ioStreams) error {
	host, _, err := net.SplitHostPort(opts.Listen)
	if ip := net.ParseIP(strings.Trim(host, "[]")); err != nil || (ip == nil || !ip.IsLoopback()) && host != "localhost" {
		return fault.New(fault.Usage, "--listen %s: the page is for this computer only", opts.Listen).WithHint("use 127.0.0.1:PORT, and reach it from elsewhere through ssh -L")
	}
	page, err := live.New(opts.Dir)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", opts.Listen)
	if err != nil {
		return fault.New(fault.Missing, "listening on %s: %w", opts.Listen, err).WithHint("choose another port, or 0")
	}
	fmt.Fprintf(io.Out, "http://%s%s\n", ln.Addr(), page.Path())
	return serve.Run(ctx, ln, page, serve.Options{})
}
