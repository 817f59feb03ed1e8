package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/iod"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/internal/fault"
)

type dicomValidateOptions struct {
	Paths []string
	JSON  bool
}

func newDicomValidateCmd(io ioStreams) *cobra.Command {
	var opts dicomValidateOptions
	cmd := &cobra.Command{
		Use:   "validate PATH...",
		Short: "Say where files depart from the standard",
		Long: `Checks files, and folders with everything in them: encoding, values against their VR and the dictionary, character sets, UIDs; the
modules and attributes that the information object of the SOP class must have (types 1 and 2, and 1C and 2C where the data themselves
answer the condition); and that all frames can be decoded. One line a finding: path, attribute, rule; with --json one object a file.
Findings never show values.

Exit status: 0 nothing found, 3 findings, 6 a path is not there, 130 interrupted.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Paths = args
			return runDicomValidate(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "one JSON object a file: file, findings")
	return cmd
}

func runDicomValidate(ctx context.Context, opts dicomValidateOptions, io ioStreams) error {
	files, bad := 0, 0
	err := walkFiles(ctx, opts.Paths, func(path string) error {
		files++
		lines := validateFile(path)
		if len(lines) > 0 {
			bad++
		}
		if opts.JSON {
			return json.NewEncoder(io.Out).Encode(map[string]any{"file": path, "findings": append([]string{}, lines...)})
		}
		for _, line := range lines {
			if _, err := fmt.Fprintf(io.Out, "%s: %s\n", path, line); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(io.Err, "%d files, %d with findings\n", files, bad)
	if bad > 0 {
		return fault.New(fault.Input, "%d of %d files depart from the standard", bad, files)
	}
	return nil
}

func validateFile(path string) (lines []string) {
	f, err := dicom.Open(path)
	if err != nil {
		return []string{err.Error()}
	}
	defer f.Close()
	for _, w := range f.Warnings {
		lines = append(lines, w.String())
	}
	if f.Incomplete != nil {
		lines = append(lines, "incomplete: "+f.Incomplete.Error())
	}
	seen := map[string]bool{}
	for _, finding := range f.Validate() {
		seen[finding.Path] = true
		lines = append(lines, finding.String())
	}
	modules, _ := iod.Check(f.DataSet)
	for _, finding := range modules {
		if !seen[finding.Path] { // what every instance must have, Validate has said
			lines = append(lines, finding.String())
		}
	}
	im, err := pixel.Open(f)
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		return lines
	case err != nil:
		return append(lines, "pixel data: "+err.Error())
	}
	lines = append(lines, im.Warnings...)
	if _, partial, err := pixel.Digest(f); err != nil {
		lines = append(lines, "pixel data: "+err.Error())
	} else if partial != nil {
		lines = append(lines, "pixel data: "+partial.Error())
	}
	return lines
}
