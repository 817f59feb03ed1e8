package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/sources"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
)

// caseRow is a case of a table.
type caseRow struct {
	line    int      // of the table, or number of the case that was found
	Patient string   `json:"patient"`
	Files   []string `json:"files"`
}

// readCases groups a table's rows by case.
func readCases(path string) ([]*caseRow, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.NotFound, "the table: %w", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fault.New(fault.Input, "%s: it can't be read as a table", path)
	}
	file, patient, id := slices.Index(rows[0], "file"), slices.Index(rows[0], "patient"), slices.Index(rows[0], "case")
	if file < 0 || patient < 0 {
		return nil, fault.New(fault.Input, "%s: it has no columns file and patient", path)
	}
	var out []*caseRow
	by := map[string]*caseRow{}
	for i, r := range rows[1:] {
		c := &caseRow{line: i + 2, Patient: r[patient]}
		if id >= 0 && by[r[id]] != nil {
			c = by[r[id]]
			if c.Patient != r[patient] {
				return nil, fault.New(fault.Input, "%s, row %d: the case has another patient above", path, i+2)
			}
		} else {
			out = append(out, c)
			if id >= 0 {
				by[r[id]] = c
			}
		}
		c.Files = append(c.Files, r[file])
	}
	return out, nil
}

// casesOf finds the cases of a table, folder or archive.
func casesOf(ctx context.Context, o annotateOptions, p *annotate.Project, io ioStreams) ([]*caseRow, error) {
	source := o.Rest[0]
	if st, err := os.Stat(source); err != nil {
		return nil, fault.New(fault.NotFound, "there is no %s", source).WithHint("a folder of DICOM files, an archive, or a CSV table")
	} else if !st.IsDir() {
		if len(o.Rest) > 1 {
			return nil, fault.New(fault.Usage, "a table is not queried")
		}
		return readCases(source)
	}
	opts := sources.Options{Each: sources.Each(o.Each), Captures: o.Captures, Alias: p.Pseudonym}
	var found sources.Found
	var err error
	if sources.IsArchive(source) {
		query, e := matches(o.Rest[1:])
		if e != nil {
			return nil, e
		}
		found, err = sources.Archive(ctx, source, query, opts)
	} else if len(o.Rest) > 1 {
		return nil, fault.New(fault.Usage, "%s is no archive: a folder is not queried", source)
	} else {
		found, err = sources.Folder(ctx, source, opts)
	}
	if err != nil {
		return nil, err
	}
	if found.NoPicture > 0 {
		fmt.Fprintf(io.Err, "%d files have no picture to read\n", found.NoPicture)
	}
	if found.Captures > 0 {
		fmt.Fprintf(io.Err, "%d secondary captures are passed over: others may have measured on them (--secondary-captures takes them)\n", found.Captures)
	}
	for reason, n := range found.Broken {
		fmt.Fprintf(io.Err, "%d files are left out: %s\n", n, reason)
	}
	if n := found.Identified(); n > 0 {
		if o.Deidentified {
			return nil, fault.New(fault.Input, "%d of %d cases are not de-identified: their headers do not say Patient Identity Removed", n, len(found.Cases)).
				WithHint("cineloop deid writes copies that are")
		}
		fmt.Fprintf(io.Err, "%d of %d cases are not de-identified: readers will see text that is burned into pictures\n", n, len(found.Cases))
	}
	var out []*caseRow
	for i, c := range found.Cases {
		out = append(out, &caseRow{line: i + 1, Patient: c.Patient, Files: c.Files})
	}
	return out, nil
}

func runAnnotateCases(ctx context.Context, o annotateOptions, io ioStreams) error {
	return withProject(o, func(p *annotate.Project) error {
		cases, err := casesOf(ctx, o, p, io)
		if err != nil {
			return err
		}
		if o.DryRun {
			pictures, patients := 0, map[string]bool{}
			for _, c := range cases {
				pictures, patients[c.Patient] = pictures+len(c.Files), true
			}
			if o.JSON {
				return printJSON(io.Out, map[string]any{"cases": len(cases), "pictures": pictures, "patients": len(patients)})
			}
			fmt.Fprintf(io.Out, "would add %d cases of %d patients with %d pictures\n", len(cases), len(patients), pictures)
			return nil
		}
		added, there := 0, 0
		bar := progress.New(io.Err, "cases", int64(len(cases)))
		defer bar.Close()
		for i, c := range cases {
			switch err := doOp(ctx, p, o.As, annotate.CaseAdded, c); {
			case fault.CodeOf(err) == fault.Conflict:
				there++
			case err != nil:
				return fmt.Errorf("row %d: %w", c.line, err)
			default:
				added++
			}
			bar.Set(int64(i + 1))
		}
		if o.JSON {
			return printJSON(io.Out, map[string]any{"added": added, "there": there})
		}
		fmt.Fprintf(io.Out, "%d cases added, %d were there\n", added, there)
		return nil
	})
}
