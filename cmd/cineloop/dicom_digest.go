package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

type dicomDigestOptions struct {
	Paths []string
}

// dicomDigest is one line of output. Fields that a file doesn't have are empty or 0.
type dicomDigest struct {
	File           string   `json:"file"`
	TransferSyntax string   `json:"transferSyntax"`
	Modality       string   `json:"modality"`
	Frames         int      `json:"frames"`
	Rows           int      `json:"rows"`
	Columns        int      `json:"columns"`
	Elements       int      `json:"elements"`
	PatientName    string   `json:"patientName"`
	SHA256         string   `json:"sha256"`
	Warnings       []string `json:"warnings"`
	Error          string   `json:"error"`
}

func newDicomDigestCmd(io ioStreams) *cobra.Command {
	var opts dicomDigestOptions
	return &cobra.Command{
		Use:   "digest PATH...",
		Short: "Print one JSON line a file: what it is, and a digest of its decoded frames",
		Long: `Reads files, and folders with everything in them, and prints one JSON object a line with: file, transferSyntax (as declared), modality, frames,
rows, columns, elements (at any depth, without group lengths), patientName (decoded), sha256 (of all decoded frames: stored
samples, interleaved, little endian), warnings, error. A file that is not DICOM, or broken, has its error in the line, with
what could be read of it; the command goes on.

Exit status: 0 all files were judged, 2 wrong usage, 6 a path is not there, 130 interrupted.`,
		Example: `  cineloop dicom digest study/ | jq -r 'select(.error != "") | .file'`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Paths = args
			return runDicomDigest(cmd.Context(), opts, io)
		},
	}
}

func runDicomDigest(ctx context.Context, opts dicomDigestOptions, io ioStreams) error {
	enc := json.NewEncoder(io.Out)
	enc.SetEscapeHTML(false)
	return walkFiles(ctx, opts.Paths, func(path string) error { return enc.Encode(digestFile(path)) })
}

// walkFiles calls fn for each of paths, and for every file in those that are folders, in the order of names.
func walkFiles(ctx context.Context, paths []string, fn func(path string) error) error {
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil && path == root:
				return fault.New(fault.NotFound, "%w", err)
			case err != nil || d.IsDir():
				return nil
			}
			return fn(path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// digestFile judges one file.
func digestFile(path string) (out dicomDigest) {
	out = dicomDigest{File: path, Warnings: []string{}}
	defer func() { // one file must not take the others' lines
		if p := recover(); p != nil {
			out.Error = fmt.Sprintf("a defect of this program: %T while reading", p)
		}
	}()
	f, err := dicom.Open(path)
	if err != nil {
		out.Error = err.Error()
		return out
	}
	defer f.Close()
	ds := f.DataSet
	out.TransferSyntax = strings.Trim(f.Meta.String(tag.TransferSyntaxUID), " \x00") // as declared: a warning says what a bare data set was read as
	out.Modality = ds.String(tag.Modality)
	out.Rows, _ = ds.Int(tag.Rows)
	out.Columns, _ = ds.Int(tag.Columns)
	out.Elements = ds.Count()
	if e, ok := ds.Get(tag.PatientName); ok {
		out.PatientName = strings.Join(e.Strings(), `\`)
		if _, ok := e.Text(); !ok {
			out.Warnings = append(out.Warnings, "PatientName has bytes outside its declared character set")
		}
	}
	for _, w := range f.Warnings {
		out.Warnings = append(out.Warnings, w.String())
	}
	if f.Incomplete != nil {
		out.Warnings = append(out.Warnings, "incomplete: "+f.Incomplete.Error())
	}
	if im, err := pixel.Open(f); err == nil {
		out.Frames = im.Frames
		out.Warnings = append(out.Warnings, im.Warnings...)
	}
	sum, partial, err := pixel.Digest(f)
	out.SHA256 = sum
	if partial != nil {
		out.Warnings = append(out.Warnings, "digest of the pixel data as they are: "+partial.Error())
	}
	if err != nil && fault.CodeOf(err) != fault.NotFound {
		out.Error = err.Error()
	}
	return out
}
