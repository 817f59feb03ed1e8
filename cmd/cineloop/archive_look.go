package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/export"
)

var lookCommands = []archiveCommand{
	{use: "status", short: "An archive in numbers", run: runArchiveStatus,
		long: `Counts patients, studies, series and instances; bytes and quota; what is in quarantine, in conflict, on hold, damaged or missing (by the last
verify), what gc would remove, and what is not sealed for the archive's recipients.

Exit status: 0 done, 6 not an archive.`},
	{use: "ls", rest: "[STUDY [SERIES]]", short: "List studies, the series of a study, or the instances of a series", run: runArchiveList,
		args: cobra.RangeArgs(1, 3),
		long: `Lists studies from the newest, the series of the study with a StudyInstanceUID, or the instances of one of its series. What is shown are
patients' data.

Exit status: 0 done, 6 not an archive, or no such study or series.`},
	{use: "find", rest: "[KEYWORD=VALUE...]", short: "Find records by DICOM attributes", run: runArchiveFind, args: cobra.MinimumNArgs(1),
		long: `Finds the records of a level whose attributes match, as C-FIND does: a value, a list with backslashes, * and ? as wildcards, dates and times as
ranges (20240101-20241231, -20231231). Names match without regard to case and accents. With --json one object a line.

Exit status: 0 done, also without a match, 2 an unknown keyword, 6 not an archive.`,
		example: `  cineloop archive find archive 'PatientName=MUE*' StudyDate=20240101- Modality=US`,
		flags: func(c *cobra.Command, o *archiveOptions) {
			c.Flags().StringVar(&o.Level, "level", "study", "patient, study, series or instance")
			c.Flags().IntVar(&o.Limit, "limit", 0, "how many at most; 0: all")
		}},
	{use: "export", rest: "OUT [KEYWORD=VALUE...]", short: "Write instances out as files", run: runArchiveExport, args: cobra.MinimumNArgs(2),
		long: `Writes the matching instances, as they came in, into the folder OUT, under names that say nothing; index.json says which is which. With
--dicomdir OUT is a DICOM file-set. Repeated into the same folder it adds what is new. Nothing is ever overwritten.

Exit status: 0 done, 2 an unknown keyword, 5 some contents are damaged (run verify), 6 not an archive, 7 OUT has other files, 8 out of disk.`,
		example: `  cineloop archive export archive cd/ StudyInstanceUID=1.2.3 --dicomdir`,
		flags: func(c *cobra.Command, o *archiveOptions) {
			c.Flags().BoolVar(&o.DICOMDIR, "dicomdir", false, "write a DICOMDIR")
			c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only count")
		}},
	{use: "hold", short: "Keep a study from retirement, or list those that are kept", run: runArchiveHold,
		long: `Puts a study on hold, with a reason: retain passes over it until the hold is lifted. Without --study it lists the studies on hold.

Exit status: 0 done, 2 no reason, 6 not an archive, or no such study.`,
		example: `  cineloop archive hold archive --study 1.2.3 --reason 'trial 17'
  cineloop archive hold archive --study 1.2.3 --lift`,
		flags: func(c *cobra.Command, o *archiveOptions) {
			c.Flags().StringVar(&o.Study, "study", "", "StudyInstanceUID")
			c.Flags().StringVar(&o.Reason, "reason", "", "why")
			c.Flags().BoolVar(&o.Lift, "lift", false, "let it go again")
		}},
	{use: "reseal", short: "Seal contents for other keys", run: runArchiveReseal,
		long: `Seals every content for the archive's recipients that is not yet: after a change of keys, or of an archive that was open. --recipient changes
the recipients first, for new contents too. The key file must hold the identities that open the old seals. Programs that have the archive
open go on with the old recipients until they are started again; run this once more after that. Interrupted, it goes on when repeated.
Backups are sealed for the old keys: make a new one.

Exit status: 0 done, 2 the archive has no recipients, 4 no identity was given, 5 some contents could not be opened, 6 not an archive.`,
		example: `  cineloop archive reseal archive --recipient age1new... --key old-and-new.txt`,
		flags: func(c *cobra.Command, o *archiveOptions) {
			c.Flags().StringSliceVar(&o.Config.Recipients, "recipient", nil, "new age public keys; default: those that the archive has")
			c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only count what is not sealed for them")
		}},
}

func runArchiveStatus(ctx context.Context, opts archiveOptions, io ioStreams) error {
	return withArchive(ctx, opts, func(a *store.Archive) error {
		s, err := a.Status(ctx)
		if err != nil || opts.JSON {
			if err == nil {
				err = json.NewEncoder(io.Out).Encode(s)
			}
			return err
		}
		w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
		line := func(name string, n any, note string, args ...any) {
			fmt.Fprintf(w, "%s\t%v\t%s\n", name, n, fmt.Sprintf(note, args...))
		}
		line("patients", s.Patients, "")
		line("studies", s.Studies, "%d on hold", s.Held)
		line("series", s.Series, "")
		line("instances", s.Instances, "%d in conflict beside them", s.Conflicts)
		line("contents", s.Contents, "%s", of(s.QuotaCount))
		line("bytes", s.Bytes, "%s", of(s.Quota))
		line("quarantine", s.Quarantined, "")
		line("damaged", s.Damaged, "and %d missing, by the last verify", s.Missing)
		line("garbage", s.Garbage, "for gc")
		if s.Unsealed > 0 {
			line("unsealed", s.Unsealed, "not sealed for the archive's recipients: run reseal")
		}
		if s.LastRun != nil {
			line("last ingest", s.LastRun.Format(time.RFC3339), "")
		}
		return w.Flush()
	})
}

func of(quota int64) string {
	if quota == 0 {
		return "no quota"
	}
	return fmt.Sprintf("of %d", quota)
}

// matches reads KEYWORD=VALUE arguments.
func matches(args []string) ([]catalog.Match, error) {
	var out []catalog.Match
	for _, a := range args {
		k, v, ok := strings.Cut(a, "=")
		if !ok || !catalog.Searchable(k) {
			return nil, fault.New(fault.Usage, "%q is no attribute that can be searched", k).WithHint("write KEYWORD=VALUE, as StudyDate=20240101-")
		}
		if m, ok := catalog.ParseMatch(k, v); ok {
			out = append(out, m)
		}
	}
	return out, nil
}

func runArchiveList(ctx context.Context, opts archiveOptions, io ioStreams) error {
	q := catalog.Query{Level: catalog.Study}
	for i, k := range []string{"StudyInstanceUID", "SeriesInstanceUID"} {
		if i < len(opts.Rest) {
			q.Level++
			q.Match = append(q.Match, catalog.Match{Keyword: k, OneOf: []string{opts.Rest[i]}})
		}
	}
	return withArchive(ctx, opts, func(a *store.Archive) error {
		found, err := a.Catalog.Find(ctx, q)
		if err == nil && len(found) == 0 && len(opts.Rest) > 0 {
			err = fault.New(fault.NotFound, "the archive has no such %s", (q.Level - 1))
		}
		if err != nil {
			return err
		}
		return showRecords(io, opts, q.Level, found)
	})
}

var levelNames = []string{"patient", "study", "series", "instance"}

func runArchiveFind(ctx context.Context, opts archiveOptions, io ioStreams) error {
	level := slices.Index(levelNames, opts.Level)
	if level < 0 {
		return fault.New(fault.Usage, "%q is no level", opts.Level).WithHint("patient, study, series or instance")
	}
	m, err := matches(opts.Rest)
	if err != nil {
		return err
	}
	return withArchive(ctx, opts, func(a *store.Archive) error {
		found, err := a.Catalog.Find(ctx, catalog.Query{Level: catalog.Level(level), Match: m, Limit: opts.Limit})
		if err != nil {
			return err
		}
		return showRecords(io, opts, catalog.Level(level), found)
	})
}

// shown are the columns of a level: attributes, and counts by a name in brackets.
var shown = map[catalog.Level][]string{
	catalog.Patient: {"PatientID", "PatientName", "PatientBirthDate", "PatientSex", "(studies)"},
	catalog.Study:   {"StudyDate", "PatientID", "PatientName", "(modalities)", "StudyDescription", "(series)", "(instances)", "StudyInstanceUID"},
	catalog.Series:  {"Modality", "SeriesNumber", "SeriesDescription", "(instances)", "SeriesInstanceUID"},
	catalog.Image:   {"InstanceNumber", "NumberOfFrames", "Rows", "Columns", "SOPInstanceUID"},
}

func showRecords(io ioStreams, opts archiveOptions, level catalog.Level, found []catalog.Record) error {
	if opts.JSON {
		enc := json.NewEncoder(io.Out)
		enc.SetEscapeHTML(false)
		for _, r := range found {
			line := map[string]any{"attributes": r.Attributes}
			for k, v := range map[string]string{"studyInstanceUID": r.StudyUID, "seriesInstanceUID": r.SeriesUID, "sopInstanceUID": r.SOPInstanceUID} {
				if v != "" && level > catalog.Patient {
					line[k] = v
				}
			}
			switch level {
			case catalog.Patient:
				line["studies"] = r.Studies
			case catalog.Study:
				line["series"], line["instances"], line["modalities"] = r.Series, r.Instances, r.Modalities
			case catalog.Series:
				line["instances"] = r.Instances
			case catalog.Image:
				line["sopClassUID"], line["transferSyntaxUID"], line["sha256"], line["bytes"] = r.Instance.SOPClassUID, r.Instance.TransferSyntaxUID, r.Instance.Digest, r.Instance.Size
			}
			if err := enc.Encode(line); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.NewReplacer("(", "", ")", "").Replace(strings.Join(shown[level], "\t")))
	for _, r := range found {
		var cells []string
		for _, column := range shown[level] {
			cells = append(cells, cell(r, column))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

func cell(r catalog.Record, column string) string {
	switch column {
	case "(studies)":
		return fmt.Sprint(r.Studies)
	case "(series)":
		return fmt.Sprint(r.Series)
	case "(instances)":
		return fmt.Sprint(r.Instances)
	case "(modalities)":
		return strings.Join(r.Modalities, `\`)
	case "StudyInstanceUID":
		return r.StudyUID
	case "SeriesInstanceUID":
		return r.SeriesUID
	case "SOPInstanceUID":
		return r.SOPInstanceUID
	}
	// A value may hold what moves a terminal's cursor.
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 127 || c >= 128 && c < 160 {
			return '?'
		}
		return c
	}, r.Attributes[column])
}

func runArchiveExport(ctx context.Context, opts archiveOptions, io ioStreams) error {
	m, err := matches(opts.Rest[1:])
	if err != nil {
		return err
	}
	return withArchive(ctx, opts, func(a *store.Archive) error {
		bar := progress.New(io.Err, "instances", -1)
		s, err := export.Run(ctx, a, opts.Rest[0], export.Options{Match: m, DICOMDIR: opts.DICOMDIR, DryRun: opts.DryRun,
			Progress: func(done, _ int) { bar.Set(int64(done)) }})
		bar.Close()
		if err != nil {
			return err
		}
		words := "%d instances of %d studies, %d bytes: %d written, %d were there, %d failed"
		if opts.DryRun {
			words = "%d instances of %d studies, %d bytes (dry run: nothing was written)%.0d%.0d%.0d"
		}
		if err := opts.show(io, s, words, s.Instances, s.Studies, s.Bytes, s.Written, s.Kept, len(s.Failed)); err != nil {
			return err
		}
		if len(s.Failed) > 0 {
			return fault.New(fault.Partial, "%d instances could not be exported", len(s.Failed)).WithHint("cineloop archive verify, then repair")
		}
		return nil
	})
}

func runArchiveHold(ctx context.Context, opts archiveOptions, io ioStreams) error {
	return withArchive(ctx, opts, func(a *store.Archive) error {
		switch {
		case opts.Study == "":
			held, err := a.Catalog.Holds(ctx)
			if err != nil || opts.JSON {
				if err == nil {
					err = json.NewEncoder(io.Out).Encode(held)
				}
				return err
			}
			uids := make([]string, 0, len(held))
			for uid := range held {
				uids = append(uids, uid)
			}
			slices.Sort(uids)
			for _, uid := range uids {
				fmt.Fprintf(io.Out, "%s  %s\n", uid, held[uid])
			}
			return nil
		case opts.Lift:
			return a.Catalog.Hold(ctx, opts.Study, "")
		case opts.Reason == "":
			return fault.New(fault.Usage, "a hold needs a --reason")
		}
		return a.Catalog.Hold(ctx, opts.Study, opts.Reason)
	})
}

func runArchiveReseal(ctx context.Context, opts archiveOptions, io ioStreams) error {
	if len(opts.Config.Recipients) > 0 && !opts.DryRun {
		if err := store.SetRecipients(opts.Archive, opts.Config.Recipients); err != nil {
			return err
		}
	}
	return withArchive(ctx, opts, func(a *store.Archive) error {
		if opts.DryRun {
			s, err := a.Status(ctx)
			if err != nil {
				return err
			}
			return opts.show(io, map[string]int{"unsealed": s.Unsealed}, "%d contents are not sealed for the archive's recipients", s.Unsealed)
		}
		bar := progress.New(io.Err, "contents", -1)
		rep, err := a.Reseal(ctx, func(done, _ int) { bar.Set(int64(done)) })
		bar.Close()
		if err != nil {
			return err
		}
		if err := opts.show(io, rep, "%d contents sealed anew, %d could not be opened", rep.Resealed, len(rep.Problems)); err != nil {
			return err
		}
		if len(rep.Problems) > 0 {
			return fault.New(fault.Partial, "%d contents could not be opened", len(rep.Problems)).
				WithHint("they are damaged (cineloop archive verify), or the key file lacks an identity")
		}
		return nil
	})
}
