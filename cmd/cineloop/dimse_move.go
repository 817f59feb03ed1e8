package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
)

type dimseMoveOptions struct {
	*dimseOptions
	queryOptions
	Destination string
	DryRun      bool
}

func newDimseMoveCmd(io ioStreams, common *dimseOptions) *cobra.Command {
	opts := dimseMoveOptions{dimseOptions: common}
	cmd := &cobra.Command{
		Use:   "move PEER --to AET --key StudyInstanceUID=...",
		Short: "Ask a peer to send images to a destination (C-MOVE)",
		Long: `Asks PEER to send what the keys name to the AE title --to, which PEER must know by address: cineloop archive serve can be it. The keys
are the unique keys of the level: PatientID, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID. --dry-run prints what would be asked.

Exit status: 0 all arrived, 2 wrong usage, 3 the peer rejected or failed it, 4 it can't be reached, 5 some failed, 6 there was nothing to send, 8
the peer's resources, 130 interrupted.`,
		Example: `  cineloop dimse move PACS@pacs.example:104 --to CINELOOP --key StudyInstanceUID=1.2.3`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Peer = args[0]
			return runDimseMove(cmd.Context(), opts, io)
		},
	}
	opts.flags(cmd, "study or patient")
	cmd.Flags().StringVar(&opts.Destination, "to", "", "AE title of the destination")
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "ask nobody")
	_ = cmd.MarkFlagRequired("to")
	_ = cmd.MarkFlagRequired("key")
	return cmd
}

func runDimseMove(ctx context.Context, opts dimseMoveOptions, io ioStreams) error {
	d, peer, err := opts.dialer()
	if err != nil {
		return err
	}
	m, err := opts.model(false)
	if err != nil {
		return err
	}
	if err := pdu.CheckAE(opts.Destination); err != nil {
		return fault.New(fault.Usage, "--to: %w", err)
	}
	identifier, err := opts.identifier(m)
	if err != nil {
		return err
	}
	if opts.DryRun {
		_, err := fmt.Fprintf(io.Out, "would ask %s to send to %s by %d keys at %s level (dry run: nothing was asked)\n", peer.AETitle, opts.Destination, len(opts.Keys), opts.Level)
		return err
	}
	var r dimse.Retrieval
	err = withPeer(ctx, d, peer, []dimse.Offer{dimse.MoveOffer(m)}, func(c *dimse.Client) error {
		show, done := showRetrieval(io)
		defer done()
		r, err = c.Move(ctx, m, identifier, opts.Destination, show)
		return err
	})
	return endRetrieval(io, opts.JSON, r, err)
}

// showRetrieval is a progress bar of sub-operations.
func showRetrieval(io ioStreams) (show func(dimse.Progress), done func()) {
	var bar *progress.Bar
	show = func(p dimse.Progress) {
		if bar == nil {
			bar = progress.New(io.Err, "objects", int64(p.Remaining+p.Completed+p.Failed+p.Warning))
		}
		bar.Set(int64(p.Completed + p.Failed + p.Warning))
	}
	return show, func() {
		if bar != nil {
			bar.Close()
		}
	}
}

// endRetrieval prints a result and gives it its exit status.
func endRetrieval(io ioStreams, asJSON bool, r dimse.Retrieval, err error) error {
	if _, answered := errors.AsType[*dimse.StatusError](err); err != nil && !answered {
		return err
	}
	if asJSON {
		if jerr := json.NewEncoder(io.Out).Encode(map[string]any{"completed": r.Completed, "failed": r.Failed, "warning": r.Warning, "remaining": r.Remaining}); jerr != nil {
			return jerr
		}
	} else {
		fmt.Fprintf(io.Out, "%d objects sent, %d with a warning, %d failed\n", r.Completed+r.Warning, r.Warning, r.Failed)
	}
	switch {
	case err == nil && r.Completed+r.Warning == 0:
		return fault.New(fault.NotFound, "nothing was there to send")
	case err != nil && r.Completed > 0 && r.Failed > 0:
		return fault.New(fault.Partial, "%w", err)
	}
	return err
}
