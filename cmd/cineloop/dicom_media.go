package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom/fileset"
	"github.com/cineloop/cineloop/internal/fault"
)

type dicomMediaOptions struct {
	Dir  string
	From []string
	ID   string
	JSON bool
}

func newDicomMediaCmd(io ioStreams) *cobra.Command {
	var opts dicomMediaOptions
	cmd := &cobra.Command{
		Use:   "media DIR",
		Short: "List what is on a medium with a DICOMDIR, or make one",
		Long: `Lists the instances that the DICOMDIR in DIR has, a line each: the file below DIR ("-" if it is not there), the record's type and the SOP Instance UID.

With --from, it makes a medium in DIR, which must be empty or absent: the files, and everything in folders, are copied byte for byte
under names that media may have, and DICOMDIR is written last. Files that are no instances, or come twice, are left out and named.

Exit status: 0 done, 2 wrong usage, 3 no DICOMDIR that can be read, or nothing to put on the medium, 5 the medium is made and some files were
left out, or listed files are not there, 6 DIR or a file is not there, 7 DIR is not empty, 8 out of disk, 130 interrupted.`,
		Example: `  cineloop dicom media /media/cdrom
  cineloop dicom media cd/ --from study/ --id STUDY_1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Dir = args[0]
			if len(opts.From) > 0 {
				return makeMedia(cmd.Context(), opts, io)
			}
			return listMedia(opts, io)
		},
	}
	cmd.Flags().StringArrayVar(&opts.From, "from", nil, "file or folder to put on a new medium (repeatable)")
	cmd.Flags().StringVar(&opts.ID, "id", "", "File-set ID of the new medium: at most 16 of A-Z, 0-9 and _")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "one JSON object an instance, or the report of a new medium")
	return cmd
}

func listMedia(opts dicomMediaOptions, io ioStreams) error {
	s, err := fileset.Open(opts.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	missing := 0
	enc := json.NewEncoder(io.Out)
	for _, in := range s.Instances {
		if in.Path == "" {
			missing++
		}
		if opts.JSON {
			err = enc.Encode(map[string]string{"file": in.Path, "type": in.Record.Type(), "sopClassUID": in.SOPClassUID, "sopInstanceUID": in.UID})
		} else {
			path := in.Path
			if path == "" {
				path = "-"
			}
			_, err = fmt.Fprintf(io.Out, "%s\t%s\t%s\n", path, in.Record.Type(), strings.Map(noControls, in.UID))
		}
		if err != nil {
			return err
		}
	}
	for _, w := range s.Warnings {
		fmt.Fprintln(io.Err, w)
	}
	fmt.Fprintf(io.Err, "%d instances of %d patients\n", len(s.Instances), len(s.Patients))
	if missing > 0 {
		return fault.New(fault.Partial, "%d of %d listed files are not there", missing, len(s.Instances))
	}
	return nil
}

func makeMedia(ctx context.Context, opts dicomMediaOptions, io ioStreams) error {
	var paths []string
	err := walkFiles(ctx, opts.From, func(path string) error {
		paths = append(paths, path)
		return nil
	})
	if err != nil {
		return err
	}
	rep, err := fileset.Create(ctx, opts.Dir, opts.ID, paths)
	if err != nil {
		return err
	}
	left := []map[string]string{}
	for _, s := range rep.Skipped {
		left = append(left, map[string]string{"file": s.Path, "reason": s.Reason})
		if !opts.JSON {
			fmt.Fprintf(io.Err, "left out: %s: %s\n", s.Path, s.Reason)
		}
	}
	if opts.JSON {
		err = json.NewEncoder(io.Out).Encode(map[string]any{"files": rep.Files, "leftOut": left, "invented": rep.Invented})
	} else {
		_, err = fmt.Fprintf(io.Out, "%d instances in %s, %d files left out\n", rep.Files, filepath.Join(opts.Dir, "DICOMDIR"), len(rep.Skipped))
	}
	if err == nil && len(rep.Skipped) > 0 {
		err = fault.New(fault.Partial, "%d files were left out", len(rep.Skipped))
	}
	return err
}
