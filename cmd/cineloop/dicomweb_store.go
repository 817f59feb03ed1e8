package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdio "io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
)

type dicomwebStoreOptions struct {
	*dicomwebOptions
	Paths  []string
	DryRun bool
}

func newDicomwebStoreCmd(io ioStreams, common *dicomwebOptions) *cobra.Command {
	opts := dicomwebStoreOptions{dicomwebOptions: common}
	cmd := &cobra.Command{
		Use:   "store URL PATH...",
		Short: "Send DICOM files and folders to a service",
		Long: `Sends the DICOM files under every PATH by STOW-RS, in batches. What is not DICOM is passed over and counted. An object counts as stored
only when the service confirmed it by its UID. To send a file again does no harm.

With --json the last line is an object: files, stored, warned (among stored), failed, unanswered, skipped, reasons by code.

Exit status: 0 all were stored, 2 wrong usage or refused, 3 an answer makes no sense, 4 the service does not answer, 5 some objects failed,
6 a path is not there, 8 the service is full, 130 interrupted.`,
		Example: `  cineloop dicomweb store https://pacs.example/dicom-web results/ --dry-run`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.URL, opts.Paths = args[0], args[1:]
			return runDicomwebStore(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "list what would be sent, send nothing")
	return cmd
}

// stowSummary is what became of the files.
type stowSummary struct {
	Files      int            `json:"files"`
	Stored     int            `json:"stored"`
	Warned     int            `json:"warned"`
	Failed     int            `json:"failed"`
	Unanswered int            `json:"unanswered"`
	Skipped    int            `json:"skipped"`
	Reasons    map[string]int `json:"reasons"`
}

func runDicomwebStore(ctx context.Context, opts dicomwebStoreOptions, io ioStreams) error {
	sum := stowSummary{Reasons: map[string]int{}}
	if opts.DryRun {
		for u, err := range dicomFiles(ctx, opts.Paths, &sum) {
			if err != nil {
				return err
			}
			fmt.Fprintln(io.Out, u.Name)
		}
		return opts.show(io, sum)
	}
	c, err := opts.client()
	if err != nil {
		return err
	}
	defer c.Close()
	bar := progress.New(io.Err, "objects", -1)
	res, err := c.Store(ctx, dicomFiles(ctx, opts.Paths, &sum), web.StoreOptions{
		Progress: func(sent int, _ int64) { bar.Set(int64(sent)) },
		EachReceipt: func(r web.Receipt) {
			if r.Failure != 0 {
				sum.Reasons[fmt.Sprintf("%04X", r.Failure)]++
			}
		},
	})
	bar.Close()
	sum.Stored, sum.Warned, sum.Failed, sum.Unanswered = res.Stored, res.Warned, res.Failed, res.Unanswered
	err = errors.Join(err, opts.show(io, sum))
	if err == nil && sum.Failed+sum.Unanswered > 0 {
		return fault.New(fault.Partial, "%d objects were not stored", sum.Failed+sum.Unanswered)
	}
	return err
}

func (o dicomwebStoreOptions) show(io ioStreams, s stowSummary) error {
	if o.JSON {
		return json.NewEncoder(io.Out).Encode(s)
	}
	if o.DryRun {
		_, err := fmt.Fprintf(io.Out, "%d files would be sent, %d are not DICOM (dry run: nothing was sent)\n", s.Files, s.Skipped)
		return err
	}
	_, err := fmt.Fprintf(io.Out, "%d files: %d stored (%d with a warning), %d failed, %d without an answer; %d are not DICOM\n",
		s.Files, s.Stored, s.Warned, s.Failed, s.Unanswered, s.Skipped)
	return err
}

// dicomFiles are the files under paths that have a SOPInstanceUID, in no particular order.
func dicomFiles(ctx context.Context, paths []string, sum *stowSummary) func(func(web.Upload, error) bool) {
	return func(yield func(web.Upload, error) bool) {
		stop := errors.New("stopped")
		err := walkFiles(ctx, paths, func(name string) error {
			f, err := dicom.Open(name, dicom.StopBefore(tag.PatientName))
			if err != nil || f.DataSet.String(tag.SOPInstanceUID) == "" {
				if err == nil {
					f.Close()
				}
				sum.Skipped++
				return nil
			}
			size := f.Size()
			f.Close()
			sum.Files++
			u := web.Upload{Name: name, Size: size, Open: func() (stdio.ReadCloser, error) { return os.Open(filepath.Clean(name)) }}
			if !yield(u, nil) {
				return stop
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			yield(web.Upload{}, err)
		}
	}
}
