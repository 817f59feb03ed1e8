package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

type dimseCommitOptions struct {
	*dimseOptions
	Paths  []string
	Listen string
	Wait   time.Duration
	DryRun bool
}

func newDimseCommitCmd(io ioStreams, common *dimseOptions) *cobra.Command {
	opts := dimseCommitOptions{dimseOptions: common}
	cmd := &cobra.Command{
		Use:   "commit PEER PATH...",
		Short: "Ask a peer whether it keeps instances safely (storage commitment)",
		Long: `Asks for commitment of the instances in files and folders and waits for the report. It comes on the same association, or, with --listen, on
one that the peer opens to this side's AE title at that address.

Exit status: 0 the peer keeps all of them, 2 wrong usage, 3 the peer rejected or failed it, 4 it can't be reached, 5 some are not kept, 6 a path is
not there, 8 no report in time, 130 interrupted.`,
		Example: `  cineloop dimse commit PACS@pacs.example:104 results/ --listen :11113`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Peer, opts.Paths = args[0], args[1:]
			return runDimseCommit(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().StringVar(&opts.Listen, "listen", "", "address for a report on an association of its own")
	cmd.Flags().DurationVar(&opts.Wait, "wait", 2*time.Minute, "wait for the report")
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "ask nobody")
	return cmd
}

func runDimseCommit(ctx context.Context, opts dimseCommitOptions, io ioStreams) error {
	d, peer, err := opts.dialer()
	if err != nil {
		return err
	}
	var sum storeSummary
	list, err := findInstances(ctx, opts.Paths, &sum)
	if err != nil {
		return err
	}
	refs := make([]dimse.Reference, len(list))
	for i, in := range list {
		refs[i] = dimse.Reference{SOPClassUID: in.SOPClassUID, SOPInstanceUID: in.SOPInstanceUID}
	}
	if len(refs) == 0 {
		return fault.New(fault.NotFound, "no instance among %d files", sum.Found)
	}
	if opts.DryRun {
		_, err := fmt.Fprintf(io.Out, "would ask %s for commitment of %d instances (dry run: nothing was asked)\n", peer.AETitle, len(refs))
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, opts.Wait+opts.Timeout)
	defer cancel()
	transaction := uid.New()
	reports := make(chan *dimse.CommitReport, 1)
	take := dimse.ReportFunc(func(_ context.Context, r *dimse.CommitReport) error {
		if r.TransactionUID != transaction {
			return &dimse.StatusError{Status: dimse.InvalidArgument, Comment: "unknown transaction"}
		}
		select {
		case reports <- r:
		default:
		}
		return nil
	})
	d.Reports = take
	if opts.Listen != "" {
		stop, err := listenForReports(ctx, opts, take)
		if err != nil {
			return err
		}
		defer stop()
	}
	var report *dimse.CommitReport
	err = withPeer(ctx, d, peer, []dimse.Offer{dimse.CommitOffer()}, func(c *dimse.Client) error {
		if err := c.Commit(ctx, transaction, refs); err != nil {
			return err
		}
		if opts.Listen != "" {
			return nil // the peer may wait for the end of this association
		}
		report, err = awaitReport(ctx, reports, opts.Wait)
		return err
	})
	if err == nil && report == nil {
		report, err = awaitReport(ctx, reports, opts.Wait)
	}
	if err != nil {
		return err
	}
	return printReport(io, opts.JSON, report)
}

// listenForReports answers associations that bring reports.
func listenForReports(ctx context.Context, opts dimseCommitOptions, take dimse.Reports) (stop func(), err error) {
	l, err := net.Listen("tcp", opts.Listen)
	if err != nil {
		return nil, fault.New(fault.Missing, "%w", err)
	}
	s := &dimse.Server{AETitle: opts.AET, Strangers: true, Reports: take}
	if opts.TLS.Cert != "" {
		if s.TLS, err = opts.TLS.ServerTLS(); err != nil {
			l.Close()
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(ctx, l) // ends with ctx
	}()
	return func() { cancel(); <-done }, nil
}

func awaitReport(ctx context.Context, reports <-chan *dimse.CommitReport, wait time.Duration) (*dimse.CommitReport, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case r := <-reports:
		return r, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, fault.New(fault.Resource, "no report within %v", wait).WithHint("peers that report on an association of their own need --listen, and to know this side's address")
	}
}

func printReport(io ioStreams, asJSON bool, r *dimse.CommitReport) error {
	reasons := map[string]int{}
	for _, f := range r.Failed {
		reasons[f.Reason.String()]++
	}
	if asJSON {
		if err := json.NewEncoder(io.Out).Encode(map[string]any{"committed": len(r.Committed), "failed": len(r.Failed), "reasons": reasons}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(io.Out, "%d instances committed, %d not\n", len(r.Committed), len(r.Failed))
		for reason, n := range reasons {
			fmt.Fprintf(io.Out, "%7d  %s\n", n, reason)
		}
	}
	if len(r.Failed) > 0 {
		return fault.New(fault.Partial, "%d instances are not committed", len(r.Failed))
	}
	return nil
}
