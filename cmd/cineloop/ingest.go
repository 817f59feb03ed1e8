package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/ingest"
	"github.com/cineloop/cineloop/store/queue"
)

type ingestOptions struct {
	Sources []string
	Access  ingest.Access
	Archive string
	Key     string
	JSON    bool
	DryRun  bool
	Reread  bool
	Strict  bool
	Enqueue bool
	Work    bool
}

func newIngestCmd(io ioStreams) *cobra.Command {
	var opts ingestOptions
	cmd := &cobra.Command{
		Use:   "ingest SOURCE... --archive DIR [--enqueue] | ingest --work --archive DIR",
		Short: "Bring DICOM files from folders, archives, buckets and PACS into an archive",
		Long: `Searches every SOURCE to any depth, archives within archives too, and keeps each DICOM object in the archive, which is made if it is
not there. A SOURCE is

  a folder or file; in it .zip, .tar, .tar.gz, .tar.bz2 and .tar.zst files
  s3://bucket/prefix, gs://bucket/prefix, azblob://container/prefix    with the cloud's own credentials
  dicomweb://host/path, dicomweb://host/path/studies/UID, dicomweb://host/path?StudyDate=20240101-&ModalitiesInStudy=US
  dimse://AET@host:port, dimse://AET@host:port/studyUID, dimse://AET@host:port?StudyDate=20240101-

 An object that the archive has is a duplicate; other content under the same SOPInstanceUID is kept beside it as a conflict.
What is not DICOM is skipped; what claims to be and cannot be read is kept in quarantine with the reason. The source is not changed.

A run that was broken off is repeated: files that were dealt with are not read again unless they changed, instances of a DICOMweb or
DIMSE peer not at all. Several runs may go on at once on one archive.

To share the work among processes and machines, --enqueue puts each SOURCE into the archive's queue as a task; one that waits there already is
not added again. --work does tasks until there are none, here or elsewhere: what a process that died has left is taken over when its lease of
a minute ends. A source that fails five times is given up and named, with status 5.

Secrets do not belong into an address. DICOMweb: $CINELOOP_DICOMWEB_TOKEN, or $CINELOOP_DICOMWEB_USER and $CINELOOP_DICOMWEB_PASSWORD.

With --json the last thing printed is one object: found, stored, duplicate, skipped, quarantined (found is their sum), conflict (how many of
stored), reasons with counts, and the files in quarantine, in conflict, and missing although a DICOMDIR names them.

File names may hold names of patients: the output is for people who may see them.

Exit status: 0 done, also with files in quarantine; with --strict 5 if there are any; 2 wrong usage, 3 the archive cannot be read, 4 a remote
source does not answer, 6 a source is not there, 7 the archive is of a newer version, 8 disk full or quota used up, 130 interrupted.`,
		Example: `  cineloop ingest /media/cdrom export.zip --archive archive
  cineloop ingest pacs/ --archive archive --dry-run --json
  cineloop ingest 'dimse://PACS@10.0.0.5:104?StudyDate=20240101-20241231&ModalitiesInStudy=US' --aet CINELOOP --archive archive`,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Sources = args
			if opts.Work == (len(args) > 0) {
				return fault.New(fault.Usage, "name sources, or --work for those in the queue")
			}
			if (opts.Work || opts.Enqueue) && (opts.DryRun || opts.Work && opts.Enqueue) {
				return fault.New(fault.Usage, "--enqueue, --work and --dry-run exclude each other")
			}
			return runIngest(cmd.Context(), opts, io)
		},
	}
	cmd.Flags().StringVar(&opts.Archive, "archive", "", "the archive's folder")
	cmd.Flags().StringVar(&opts.Key, "key", os.Getenv("CINELOOP_ARCHIVE_KEY"), "file with the age identity of a sealed archive; default $CINELOOP_ARCHIVE_KEY")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print the summary as JSON")
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "read and judge everything, write nothing")
	cmd.Flags().BoolVar(&opts.Reread, "reread", false, "read files again that an earlier run dealt with")
	cmd.Flags().StringVar(&opts.Access.AET, "aet", "CINELOOP", "our application entity title, for dimse://")
	cmd.Flags().StringVar(&opts.Access.Listen, "listen", "", "host:port for deliveries of a dimse:// peer by C-MOVE; default C-GET")
	cmd.Flags().BoolVar(&opts.Access.TLS, "tls", false, "speak TLS with dimse:// peers")
	cmd.Flags().StringVar(&opts.Access.TLSFiles.Cert, "tls-cert", "", "PEM certificate to show to dimse:// peers")
	cmd.Flags().StringVar(&opts.Access.TLSFiles.Key, "tls-key", "", "PEM private key of the certificate")
	cmd.Flags().StringVar(&opts.Access.TLSFiles.CA, "tls-ca", "", "PEM certificates that the peer's must come from; default: the system's")
	cmd.Flags().IntVar(&opts.Access.AtOnce, "at-once", 4, "objects on their way from one remote source")
	cmd.Flags().BoolVar(&opts.Enqueue, "enqueue", false, "only put the sources into the archive's queue")
	cmd.Flags().BoolVar(&opts.Work, "work", false, "ingest the sources in the archive's queue, until there are none")
	cmd.Flags().BoolVar(&opts.Strict, "strict", false, "exit with status 5 if anything is in quarantine")
	_ = cmd.MarkFlagRequired("archive")
	return cmd
}

func init() { register(newIngestCmd) }

func runIngest(ctx context.Context, opts ingestOptions, io ioStreams) error {
	for _, s := range opts.Sources {
		if strings.Contains(s, "://") {
			continue
		}
		if _, err := os.Stat(s); err != nil {
			return fault.New(fault.NotFound, "%w", err)
		}
	}
	opts.Access.Token = os.Getenv("CINELOOP_DICOMWEB_TOKEN")
	opts.Access.User, opts.Access.Password = os.Getenv("CINELOOP_DICOMWEB_USER"), os.Getenv("CINELOOP_DICOMWEB_PASSWORD")
	archive, err := openForIngest(ctx, opts)
	if err != nil {
		return err
	}
	if archive != nil {
		defer archive.Close()
	}
	if opts.Enqueue {
		return enqueue(ctx, archive, opts, io)
	}
	bar := progress.New(io.Err, "files", -1)
	var mu sync.Mutex
	var most int64
	run := ingest.Options{
		Sources: opts.Sources, Access: opts.Access, DryRun: opts.DryRun, Reread: opts.Reread,
		Progress: func(files, _ int64) {
			mu.Lock()
			defer mu.Unlock()
			if files > most {
				most = files
				bar.Set(files)
			}
		},
	}
	var summary ingest.Summary
	if opts.Work {
		summary, err = work(ctx, archive, run)
	} else {
		summary, err = ingest.Run(ctx, archive, run)
	}
	bar.Close()
	if perr := printIngest(io, opts, summary); err == nil {
		err = perr
	}
	if err == nil && opts.Strict && summary.Quarantined > 0 {
		err = fault.New(fault.Partial, "%d files are in quarantine", summary.Quarantined)
	}
	return err
}

func openQueue(ctx context.Context, archive *store.Archive) (queue.Queue, error) {
	return queue.Open(ctx, archive.Queue(), queue.Options{Topic: ingest.Topic, Lease: ingestLease})
}

const ingestLease = time.Minute

func enqueue(ctx context.Context, archive *store.Archive, opts ingestOptions, io ioStreams) error {
	q, err := openQueue(ctx, archive)
	if err != nil {
		return err
	}
	defer q.Close()
	n, err := ingest.Enqueue(ctx, q, opts.Sources)
	if err != nil {
		return err
	}
	if opts.JSON {
		return json.NewEncoder(io.Out).Encode(map[string]int{"sources": len(opts.Sources), "added": n})
	}
	_, err = fmt.Fprintf(io.Out, "%d sources, %d added to the queue\n", len(opts.Sources), n)
	return err
}

// work does what is in the queue; sources that were given up are a partial success.
func work(ctx context.Context, archive *store.Archive, run ingest.Options) (ingest.Summary, error) {
	q, err := openQueue(ctx, archive)
	if err != nil {
		return ingest.Summary{}, err
	}
	defer q.Close()
	summary, err := ingest.Work(ctx, archive, q, ingest.WorkOptions{Options: run, Lease: ingestLease})
	if err != nil {
		return summary, err
	}
	dead, err := q.Dead(ctx)
	if err != nil || len(dead) == 0 {
		return summary, err
	}
	return summary, fault.New(fault.Partial, "%d sources were given up, the first: %s: %s", len(dead), dead[0].Key, dead[0].Reason).
		WithHint("put them into the queue again once that is mended")
}

// openForIngest opens the archive, making one where there is none; a dry run makes nothing and then has no archive.
func openForIngest(ctx context.Context, opts ingestOptions) (*store.Archive, error) {
	if _, err := os.Stat(filepath.Join(opts.Archive, store.ConfigFile)); err != nil {
		if opts.DryRun {
			return nil, nil
		}
		if err := store.Init(opts.Archive, store.DefaultConfig()); err != nil {
			return nil, err
		}
	}
	keys, err := store.ReadKeys(opts.Key)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, opts.Archive, keys)
}

func printIngest(io ioStreams, opts ingestOptions, s ingest.Summary) error {
	if opts.JSON {
		enc := json.NewEncoder(io.Out)
		enc.SetEscapeHTML(false)
		return enc.Encode(s)
	}
	would := ""
	if opts.DryRun {
		would = " (dry run: nothing was written)"
	}
	fmt.Fprintf(io.Out, "%d files: %d stored, %d duplicate, %d skipped, %d in quarantine, %d in conflict%s\n",
		s.Found, s.Stored, s.Duplicate, s.Skipped, s.Quarantined, s.Conflict, would)
	reasons := make([]string, 0, len(s.Reasons))
	for r := range s.Reasons {
		reasons = append(reasons, r)
	}
	slices.SortFunc(reasons, func(a, b string) int {
		if s.Reasons[a] != s.Reasons[b] {
			return s.Reasons[b] - s.Reasons[a]
		}
		return strings.Compare(a, b)
	})
	for _, r := range reasons {
		fmt.Fprintf(io.Out, "%7d  %s\n", s.Reasons[r], r)
	}
	for _, m := range s.Missing {
		fmt.Fprintf(io.Out, "missing, although a DICOMDIR names it: %s\n", m)
	}
	return nil
}
