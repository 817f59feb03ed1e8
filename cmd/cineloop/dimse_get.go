package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	stdio "io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/serve"
)

type dimseGetOptions struct {
	*dimseOptions
	queryOptions
	Out     string
	Archive string
	Key     string
	Classes []string
	DryRun  bool
}

func newDimseGetCmd(io ioStreams, common *dimseOptions) *cobra.Command {
	opts := dimseGetOptions{dimseOptions: common}
	cmd := &cobra.Command{
		Use:   "get PEER --key StudyInstanceUID=... (--out DIR | --archive DIR)",
		Short: "Fetch images from a peer (C-GET)",
		Long: `Fetches what the keys name over the association that asks for it, so the peer need not know this side's address. Objects go to files in
--out, named by a digest of their SOP Instance UID, or into an archive. Without --class the storage SOP classes of the standard that fit into
one association are asked for, the commonest first.

Exit status: 0 all arrived, 2 wrong usage, 3 the peer rejected or failed it, 4 it can't be reached, 5 some failed, 6 there was nothing to fetch, 8
disk full or the peer's resources, 130 interrupted.`,
		Example: `  cineloop dimse get PACS@pacs.example:104 --key StudyInstanceUID=1.2.3 --archive archive`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Peer = args[0]
			return runDimseGet(cmd.Context(), opts, io)
		},
	}
	opts.flags(cmd, "study or patient")
	cmd.Flags().StringVar(&opts.Out, "out", "", "folder for files")
	cmd.Flags().StringVar(&opts.Archive, "archive", "", "archive to store into")
	cmd.Flags().StringVar(&opts.Key, "archive-key", os.Getenv("CINELOOP_ARCHIVE_KEY"), "file with the age identity of a sealed archive; default $CINELOOP_ARCHIVE_KEY")
	cmd.Flags().StringArrayVar(&opts.Classes, "class", nil, "SOP class UID to take (repeatable)")
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "ask nobody")
	_ = cmd.MarkFlagRequired("key")
	return cmd
}

func runDimseGet(ctx context.Context, opts dimseGetOptions, io ioStreams) error {
	d, peer, err := opts.dialer()
	if err != nil {
		return err
	}
	m, err := opts.model(false)
	if err != nil {
		return err
	}
	identifier, err := opts.identifier(m)
	if err != nil {
		return err
	}
	if (opts.Out == "") == (opts.Archive == "") {
		return fault.New(fault.Usage, "give one of --out and --archive")
	}
	if opts.DryRun {
		_, err := fmt.Fprintf(io.Out, "would fetch from %s by %d keys at %s level (dry run: nothing was asked)\n", peer.AETitle, len(opts.Keys), opts.Level)
		return err
	}
	if opts.Out != "" {
		if err := os.MkdirAll(opts.Out, 0o700); err != nil {
			return fault.New(fault.Input, "%w", err)
		}
		d.Store = storeFolder(opts.Out)
	} else {
		archive, err := openForIngest(ctx, ingestOptions{Archive: opts.Archive, Key: opts.Key})
		if err != nil {
			return err
		}
		defer archive.Close()
		d.Store = serve.New(archive, opts.AET)
	}
	var r dimse.Retrieval
	err = withPeer(ctx, d, peer, dimse.GetOffers(m, opts.Classes...), func(c *dimse.Client) error {
		show, done := showRetrieval(io)
		defer done()
		r, err = c.Get(ctx, m, identifier, show)
		return err
	})
	return endRetrieval(io, opts.JSON, r, err)
}

// storeFolder keeps objects as files, whole or not at all. Their names come from digests: a UID that was received names no file.
type storeFolder string

func (dir storeFolder) Store(_ context.Context, o *dimse.Object) error {
	r, err := o.Part10()
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(o.SOPInstanceUID))
	return atomicfile.Write(filepath.Join(string(dir), hex.EncodeToString(sum[:16])+".dcm"), func(w stdio.Writer) error {
		_, err := stdio.Copy(w, r)
		return err
	})
}
