package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

type dicomFindOptions struct {
	Paths []string
	Where []string
	Show  []string
	JSON  bool
}

func newDicomFindCmd(io ioStreams) *cobra.Command {
	var opts dicomFindOptions
	cmd := &cobra.Command{
		Use:   "find PATH...",
		Short: "List the files whose attributes match",
		Long: `Reads the headers of files and folders and prints the path of each DICOM file that matches all --where conditions, with the attributes
named by --show after it, separated by tabs. A condition is ATTRIBUTE=PATTERN; the pattern may have * and ?, and an empty one matches
files without a value. Attributes are keywords or tags (gggg,eeee). Files that are not DICOM are passed over.

Exit status: 0 done, 2 an unknown attribute, 6 a path is not there, 130 interrupted.`,
		Example: `  cineloop dicom find /data --where Modality=US --where 'NumberOfFrames=?*' --show StudyDate --show Manufacturer`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Paths = args
			return runDicomFind(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().StringArrayVar(&opts.Where, "where", nil, "condition ATTRIBUTE=PATTERN (repeatable)")
	cmd.Flags().StringArrayVar(&opts.Show, "show", nil, "attribute to print (repeatable)")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "one JSON object a file: file, and values by the names of --show")
	return cmd
}

// dicomFound is one line of --json.
type dicomFound struct {
	File   string              `json:"file"`
	Values map[string][]string `json:"values"`
}

type dicomCondition struct {
	tag     tag.Tag
	pattern string
}

func runDicomFind(ctx context.Context, opts dicomFindOptions, io ioStreams) error {
	var where []dicomCondition
	for _, w := range opts.Where {
		name, pattern, ok := strings.Cut(w, "=")
		t, err := tag.Parse(name)
		if !ok || err != nil {
			return fault.New(fault.Usage, "--where %q: want ATTRIBUTE=PATTERN", w)
		}
		if _, err := path.Match(pattern, ""); err != nil {
			return fault.New(fault.Usage, "--where %q: %w", w, err)
		}
		where = append(where, dicomCondition{t, pattern})
	}
	var show []tag.Tag
	for _, s := range opts.Show {
		t, err := tag.Parse(s)
		if err != nil {
			return fault.New(fault.Usage, "--show: %w", err)
		}
		show = append(show, t)
	}
	enc := json.NewEncoder(io.Out)
	enc.SetEscapeHTML(false)
	return walkFiles(ctx, opts.Paths, func(name string) error {
		f, err := dicom.Open(name, dicom.StopBefore(tag.PixelData))
		if err != nil {
			return nil
		}
		defer f.Close()
		for _, c := range where {
			if !c.matches(f.DataSet) {
				return nil
			}
		}
		if opts.JSON {
			values := map[string][]string{}
			for i, t := range show {
				values[opts.Show[i]] = append([]string{}, f.DataSet.Strings(t)...)
			}
			return enc.Encode(dicomFound{name, values})
		}
		line := []string{name}
		for _, t := range show {
			line = append(line, strings.Map(noControls, strings.Join(f.DataSet.Strings(t), `\`)))
		}
		_, err = fmt.Fprintln(io.Out, strings.Join(line, "\t"))
		return err
	})
}

// noControls keeps a value in its column and away from the terminal's controls.
func noControls(r rune) rune {
	if r < ' ' || r == 0x7F {
		return ' '
	}
	return r
}

func (c dicomCondition) matches(ds *dicom.DataSet) bool {
	values := ds.Strings(c.tag)
	if len(values) == 0 {
		return c.pattern == "" || strings.Trim(c.pattern, "*") == "" && ds.Has(c.tag)
	}
	for _, v := range values {
		// path.Match gives / a meaning of its own; values have it too.
		if ok, _ := path.Match(strings.ReplaceAll(c.pattern, "/", "\x01"), strings.ReplaceAll(v, "/", "\x01")); ok {
			return true
		}
	}
	return false
}
