package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	stdio "io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
)

type dicomwebRetrieveOptions struct {
	*dicomwebOptions
	In     []string
	Out    string
	To     string
	AtOnce int
}

func newDicomwebRetrieveCmd(io ioStreams, common *dicomwebOptions) *cobra.Command {
	opts := dicomwebRetrieveOptions{dicomwebOptions: common}
	cmd := &cobra.Command{
		Use:   "retrieve URL STUDY [SERIES [INSTANCE]] --out DIR",
		Short: "Fetch a study, a series or an instance into a folder",
		Long: `Fetches instance by instance, some at once, into DIR. A file is whole or not there, and its name is a digest of its UIDs, not the UIDs
themselves. A connection that breaks is taken up again where it broke; a run that was broken off is repeated, and what is there is not
fetched again. Files come as they are stored, or in the transfer syntax that --to names.

Exit status: 0 done, 2 wrong usage or refused, 3 an answer makes no sense, 4 the service does not answer, 6 no such study there, 8 disk full,
130 interrupted.`,
		Example: `  cineloop dicomweb retrieve https://pacs.example/dicom-web 1.2.3.4 --out study/`,
		Args:    cobra.RangeArgs(2, 4),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.URL, opts.In = args[0], args[1:]
			return runDicomwebRetrieve(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().StringVar(&opts.Out, "out", "", "folder for the files")
	cmd.Flags().StringVar(&opts.To, "to", "", "transfer syntax: UID or short name of cineloop dicom convert; default: as stored")
	cmd.Flags().IntVar(&opts.AtOnce, "at-once", 4, "instances fetched at once")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

func runDicomwebRetrieve(ctx context.Context, opts dicomwebRetrieveOptions, io ioStreams) error {
	in, err := resourceOfArgs(opts.In)
	if err != nil {
		return err
	}
	syntax := dicom.TransferSyntax(opts.To)
	if ts, short := syntaxNames[opts.To]; short {
		syntax = ts
	}
	if syntax != "" && !syntax.Known() || opts.AtOnce < 1 || opts.AtOnce > 64 {
		return fault.New(fault.Usage, "--to is no transfer syntax, or --at-once not 1 to 64")
	}
	c, err := opts.client()
	if err != nil {
		return err
	}
	defer c.Close()
	total, err := c.Count(ctx, in)
	if in.Instance != "" {
		total, err = 1, nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(opts.Out, 0o700); err != nil {
		return err
	}
	bar := progress.New(io.Err, "objects", int64(total))
	defer bar.Close()
	g, work := errgroup.WithContext(ctx)
	g.SetLimit(opts.AtOnce)
	n := 0
	for at, err := range instancesOf(work, c, in) {
		if err != nil {
			g.Go(func() error { return err })
			break
		}
		n++
		g.Go(func() error {
			err := fetchInto(work, c, at, string(syntax), filepath.Join(opts.Out, fileNameOf(at)))
			bar.Add(1)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	bar.Close()
	if n == 0 {
		return fault.New(fault.NotFound, "the service has no such study or series")
	}
	if opts.JSON {
		return json.NewEncoder(io.Out).Encode(map[string]int{"objects": n})
	}
	_, err = fmt.Fprintf(io.Out, "%d objects in %s\n", n, opts.Out)
	return err
}

// instancesOf lists what is to be fetched.
func instancesOf(ctx context.Context, c *web.Client, in web.Resource) func(func(web.Resource, error) bool) {
	return func(yield func(web.Resource, error) bool) {
		if in.Instance != "" {
			yield(in, nil)
			return
		}
		for ds, err := range c.Search(ctx, web.Query{Level: web.Instances, Within: in}) {
			at := in
			if err == nil {
				if s := ds.String(tag.SeriesInstanceUID); s != "" {
					at.Series = s
				}
				at.Instance = ds.String(tag.SOPInstanceUID)
				if at.Instance == "" || at.Check() != nil {
					err = fault.New(fault.Input, "the service names an instance without proper UIDs")
				}
			}
			if !yield(at, err) || err != nil {
				return
			}
		}
	}
}

// fileNameOf is a name that no UID from outside can make dangerous, and that tells nothing.
func fileNameOf(at web.Resource) string {
	sum := sha256.Sum256([]byte(at.Path()))
	return hex.EncodeToString(sum[:12]) + ".dcm"
}

func fetchInto(ctx context.Context, c *web.Client, at web.Resource, syntax, path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	o, err := c.Open(ctx, at, syntax)
	if err != nil {
		return err
	}
	defer o.Close()
	return atomicfile.Write(path, func(w stdio.Writer) error {
		_, err := stdio.CopyBuffer(struct{ stdio.Writer }{w}, o, make([]byte, 256<<10))
		return err
	})
}
