package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/uid"
)

func newDimseEchoCmd(io ioStreams, common *dimseOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "echo PEER",
		Short: "Ask a peer whether it answers (C-ECHO)",
		Long: `Asks for an association and verifies it.

Exit status: 0 the peer answered, 2 wrong usage, 3 it rejected the association, 4 it can't be reached, 8 no answer in time.`,
		Example: `  cineloop dimse echo PACS@pacs.example:104`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			common.Peer = args[0]
			return runDimseEcho(cmd.Context(), *common, io)
		},
	}
}

func runDimseEcho(ctx context.Context, opts dimseOptions, io ioStreams) error {
	d, peer, err := opts.dialer()
	if err != nil {
		return err
	}
	start := time.Now()
	offer := dimse.Offer{SOPClass: uid.Verification, Syntaxes: []dicom.TransferSyntax{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian}}
	if err := withPeer(ctx, d, peer, []dimse.Offer{offer}, func(c *dimse.Client) error { return c.Echo(ctx) }); err != nil {
		return err
	}
	ms := float64(time.Since(start).Microseconds()) / 1000
	if opts.JSON {
		return json.NewEncoder(io.Out).Encode(map[string]any{"peer": peer.AETitle, "milliseconds": ms})
	}
	_, err = fmt.Fprintf(io.Out, "%s answers, %.1f ms\n", peer.AETitle, ms)
	return err
}
