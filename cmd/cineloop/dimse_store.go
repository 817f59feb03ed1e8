package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
)

type dimseStoreOptions struct {
	*dimseOptions
	Paths  []string
	DryRun bool
}

func newDimseStoreCmd(io ioStreams, common *dimseOptions) *cobra.Command {
	opts := dimseStoreOptions{dimseOptions: common}
	cmd := &cobra.Command{
		Use:   "store PEER PATH...",
		Short: "Send DICOM files to a peer (C-STORE)",
		Long: `Sends the instances in files and folders, as they are where the peer takes their transfer syntax, and else transcoded without loss. Files
that are no instances are counted and passed over. --dry-run says what would be sent, and calls nobody.

Exit status: 0 the peer has all of them, 2 wrong usage, 3 the peer rejected the association, 4 it can't be reached, 5 some failed, 6 a path is
not there, 130 interrupted.`,
		Example: `  cineloop dimse store PACS@pacs.example:104 results/ --dry-run`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Peer, opts.Paths = args[0], args[1:]
			return runDimseStore(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "send nothing")
	return cmd
}

// storeSummary is the result of dimse store.
type storeSummary struct {
	Found   int            `json:"found"`
	Sent    int            `json:"sent"`
	Failed  int            `json:"failed"`
	Skipped int            `json:"skipped"`
	Reasons map[string]int `json:"reasons"`
	DryRun  bool           `json:"dryRun"`
}

func runDimseStore(ctx context.Context, opts dimseStoreOptions, io ioStreams) error {
	d, peer, err := opts.dialer()
	if err != nil {
		return err
	}
	sum := storeSummary{Reasons: map[string]int{}, DryRun: opts.DryRun}
	list, err := findInstances(ctx, opts.Paths, &sum)
	if err != nil {
		return err
	}
	if !opts.DryRun {
		bar := progress.New(io.Err, "objects", int64(len(list)))
		err = sendInstances(ctx, d, peer, list, &sum, func() { bar.Add(1) })
		bar.Close()
	}
	if perr := sum.print(io, opts.JSON); err == nil {
		err = perr
	}
	if err == nil && sum.Failed > 0 {
		err = fault.New(fault.Partial, "%d of %d objects were not stored", sum.Failed, len(list))
	}
	return err
}

// findInstances reads the headers of all files.
func findInstances(ctx context.Context, paths []string, sum *storeSummary) ([]dimse.Instance, error) {
	var list []dimse.Instance
	err := walkFiles(ctx, paths, func(path string) error {
		sum.Found++
		in, err := dimse.FileInstance(path)
		if err != nil {
			sum.Skipped++
			return nil
		}
		list = append(list, in)
		return nil
	})
	return list, err
}

// sendInstances sends on as many associations, one after the other, as the kinds of instances need.
func sendInstances(ctx context.Context, d *dimse.Dialer, peer dimse.Peer, list []dimse.Instance, sum *storeSummary, each func()) error {
	var mu sync.Mutex
	for _, batch := range dimse.Batches(list) {
		err := withPeer(ctx, d, peer, dimse.OffersFor(batch), func(c *dimse.Client) error {
			return c.StoreAll(ctx, batch, dimse.StoreOptions{}, func(_ int, status dimse.Status, err error) {
				each()
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					sum.Failed++
					sum.Reasons[err.Error()]++
					return
				case status != dimse.Success:
					sum.Reasons[fmt.Sprintf("stored with a warning (%04XH)", uint16(status))]++
				}
				sum.Sent++
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s storeSummary) print(io ioStreams, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(io.Out)
		enc.SetEscapeHTML(false)
		return enc.Encode(s)
	}
	verb := "sent"
	if s.DryRun {
		verb = "sent (dry run: nothing was sent)"
	}
	fmt.Fprintf(io.Out, "%d files: %d to send, %d %s, %d failed, %d skipped\n", s.Found, s.Found-s.Skipped, s.Sent, verb, s.Failed, s.Skipped)
	reasons := make([]string, 0, len(s.Reasons))
	for r := range s.Reasons {
		reasons = append(reasons, r)
	}
	slices.Sort(reasons)
	for _, r := range reasons {
		fmt.Fprintf(io.Out, "%7d  %s\n", s.Reasons[r], r)
	}
	return nil
}
