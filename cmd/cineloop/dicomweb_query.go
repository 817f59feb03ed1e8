package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/fault"
)

type dicomwebQueryOptions struct {
	*dicomwebOptions
	Level string
	In    []string
	Where []string
	Show  []string
	Fuzzy bool
	Limit int
}

func newDicomwebQueryCmd(io ioStreams, common *dicomwebOptions) *cobra.Command {
	opts := dicomwebQueryOptions{dicomwebOptions: common}
	cmd := &cobra.Command{
		Use:   "query URL [STUDY [SERIES]]",
		Short: "List studies, series or instances that match",
		Long: `Asks for what matches all --where conditions, page after page, and prints a line for each: its UID and the values of --show, separated by
tabs; with --json the whole answer as DICOM JSON. Values are as C-FIND has them: wildcards (* and ?), ranges (20240101-20241231), lists of
UIDs with backslashes. STUDY and SERIES narrow a search for series or instances.

Exit status: 0 done, also if nothing matches, 2 an unknown attribute or refused, 3 an answer makes no sense, 4 the service does not answer,
130 interrupted.`,
		Example: `  cineloop dicomweb query https://pacs.example/dicom-web --where ModalitiesInStudy=US --where StudyDate=20240101- --show StudyDate
  cineloop dicomweb query dicomweb://127.0.0.1:8080/dicom-web 1.2.3 --level instances --json`,
		Args: cobra.RangeArgs(1, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.URL, opts.In = args[0], args[1:]
			return runDicomwebQuery(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().StringVar(&opts.Level, "level", "", "studies, series, instances; default: the level below what is named")
	cmd.Flags().StringArrayVar(&opts.Where, "where", nil, "condition ATTRIBUTE=VALUE (repeatable)")
	cmd.Flags().StringArrayVar(&opts.Show, "show", nil, "attribute to ask for and print (repeatable)")
	cmd.Flags().BoolVar(&opts.Fuzzy, "fuzzy", false, "names match word by word, by how they begin")
	cmd.Flags().IntVar(&opts.Limit, "limit", 0, "at most so many; 0: all")
	return cmd
}

// query is the search that the options describe.
func (o dicomwebQueryOptions) query() (web.Query, error) {
	in, err := resourceOfArgs(o.In)
	if err != nil {
		return web.Query{}, err
	}
	q := web.Query{Level: web.Level(len(o.In)), Within: in, Fuzzy: o.Fuzzy, Limit: o.Limit}
	if o.Level != "" {
		if q.Level, err = web.ParseLevel(o.Level); err != nil {
			return q, err
		}
	}
	if int(q.Level) < len(o.In) || o.Limit < 0 {
		return q, fault.New(fault.Usage, "--level is above what is named, or --limit negative")
	}
	for _, w := range o.Where {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return q, fault.New(fault.Usage, "--where wants ATTRIBUTE=VALUE")
		}
		if err := q.Where(name, value); err != nil {
			return q, err
		}
	}
	for _, s := range o.Show {
		a, err := web.ParseAttribute(s)
		if err != nil {
			return q, fault.New(fault.Usage, "--show: %w", err)
		}
		q.Include = append(q.Include, a)
	}
	return q, nil
}

func runDicomwebQuery(ctx context.Context, opts dicomwebQueryOptions, io ioStreams) error {
	q, err := opts.query()
	if err != nil {
		return err
	}
	c, err := opts.client()
	if err != nil {
		return err
	}
	defer c.Close()
	uid := []tag.Tag{tag.StudyInstanceUID, tag.SeriesInstanceUID, tag.SOPInstanceUID}[q.Level]
	for ds, err := range c.Search(ctx, q) {
		if err != nil {
			return err
		}
		if opts.JSON {
			b, err := ds.JSON(1<<20, nil)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(io.Out, "%s\n", b); err != nil {
				return err
			}
			continue
		}
		line := []string{ds.String(uid)}
		for _, a := range q.Include {
			line = append(line, strings.Map(noControls, a.Text(ds)))
		}
		if _, err := fmt.Fprintln(io.Out, strings.Join(line, "\t")); err != nil {
			return err
		}
	}
	return nil
}
