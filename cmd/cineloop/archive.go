package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/ingest"
	"github.com/cineloop/cineloop/store/object"
)

type archiveOptions struct {
	Archive string
	Key     string
	JSON    bool

	Quick  bool   // verify
	Backup string // repair, backup, restore
	Grace  time.Duration
	Config store.Config // init, restore

	StudyBefore string // retain
	IdleFor     time.Duration
	Reason      string
	DryRun      bool

	Rest     []string // arguments after DIR
	Level    string   // find
	Limit    int
	DICOMDIR bool // export
	Study    string
	Lift     bool
}

func init() { register(newArchiveCmd) }

func newArchiveCmd(io ioStreams) *cobra.Command {
	var opts archiveOptions
	cmd := &cobra.Command{
		Use:   "archive",
		Short: "Look after an archive: status, find, export, verify, repair, gc, backup, restore, retain, hold, reseal, serve",
		Long: `An archive is a folder with an archive.yaml. Contents lie under their SHA-256, records of them in a catalog; cineloop ingest fills it.

  objects    folder, s3://bucket?region=..., gs://bucket, azblob://container
  catalog    SQLite file or postgres://...
  recipients age public keys: new contents are sealed for them (the catalog is not: keep it on an encrypted disk)

Exit status: 0 done, 2 wrong usage, 3 damaged, 4 a key or server is missing, 5 done but problems remain, 6 not found, 7 conflict,
8 out of disk or quota, 130 interrupted.`,
		Args: cobra.NoArgs,
	}
	cmd.PersistentFlags().StringVar(&opts.Key, "key", os.Getenv("CINELOOP_ARCHIVE_KEY"), "file with the age identity of a sealed archive; default $CINELOOP_ARCHIVE_KEY")
	cmd.PersistentFlags().BoolVar(&opts.JSON, "json", false, "print the result as one JSON object")
	for _, sub := range slices.Concat(archiveCommands, lookCommands) {
		c := &cobra.Command{Use: strings.TrimSpace(sub.use + " DIR " + sub.rest), Short: sub.short, Long: sub.long, Example: sub.example, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				opts.Archive, opts.Rest = args[0], args[1:]
				return sub.run(cmd.Context(), opts, io)
			}}
		if sub.args != nil {
			c.Args = sub.args
		}
		if sub.flags != nil {
			sub.flags(c, &opts)
		}
		cmd.AddCommand(c)
	}
	cmd.AddCommand(newArchiveServeCmd(io))
	return cmd
}

// archiveCommand is one command under archive: use DIR rest.
type archiveCommand struct {
	use, rest, short, long, example string
	args                            cobra.PositionalArgs // nil: DIR alone
	flags                           func(*cobra.Command, *archiveOptions)
	run                             func(context.Context, archiveOptions, ioStreams) error
}

var archiveCommands = []archiveCommand{
	{use: "init", short: "Make an archive", run: runArchiveInit, flags: placeFlags,
		long: `Makes DIR an archive with the places given; without flags everything lies in DIR.

Exit status: 0 done, also if it is there with this configuration, 2 a broken recipient, 7 it is there with another configuration.`,
		example: `  cineloop archive init archive --objects 's3://echo?region=eu-central-1' --catalog postgres://cineloop@db/echo`},
	{use: "verify", short: "Compare every content with its digest and every record with its content", run: runArchiveVerify,
		long: `Reads every content (with --quick only looks at presence and size) and notes in the catalog what is damaged or missing.

Exit status: 0 all is well, 3 the catalog's database is damaged, 5 contents are damaged or missing, 6 not an archive.`,
		flags: func(c *cobra.Command, o *archiveOptions) {
			c.Flags().BoolVar(&o.Quick, "quick", false, "presence and sizes only")
		}},
	{use: "repair", short: "Replace what verify found damaged, and give contents without a record one", run: runArchiveRepair,
		long: `Works on what the last verify noted. Damaged and missing contents are fetched from a backup; contents without a record, as after the
loss of a catalog, are read and recorded again.

Exit status: 0 nothing is left to repair, 5 some contents stay lost, 6 not an archive, or no such backup.`,
		flags: func(c *cobra.Command, o *archiveOptions) {
			c.Flags().StringVar(&o.Backup, "backup", "", "folder of a backup to fetch contents from")
		}},
	{use: "gc", short: "Remove contents that no record refers to", run: runArchiveCollect,
		long: `Removes what retired studies, released quarantine and writers that died left behind. It is safe beside writers.

Exit status: 0 done, 6 not an archive.`,
		flags: func(c *cobra.Command, o *archiveOptions) {
			c.Flags().DurationVar(&o.Grace, "grace", time.Hour, "age below which contents without a record stay")
		}},
	{use: "backup", short: "Bring a backup up to date", run: runArchiveBackup,
		long: `Copies the contents that the backup lacks and adds a dated copy of the catalog, whole and last. A backup of a sealed archive is sealed.

Exit status: 0 done, 3 a content is damaged (run verify), 6 not an archive, 8 out of disk.`,
		flags: func(c *cobra.Command, o *archiveOptions) {
			c.Flags().StringVar(&o.Backup, "to", "", "folder of the backup")
			_ = c.MarkFlagRequired("to")
		}},
	{use: "restore", short: "Make a new archive from a backup", run: runArchiveRestore,
		long: `Makes DIR an archive with the contents and the newest catalog of a backup. The places may differ from those it was made from: this
is also how an archive moves to PostgreSQL or a bucket.

Exit status: 0 done, 3 the backup is damaged, 4 it is sealed and no key was given, 6 no backup there, 7 DIR is an archive already.`,
		flags: func(c *cobra.Command, o *archiveOptions) {
			c.Flags().StringVar(&o.Backup, "from", "", "folder of the backup")
			_ = c.MarkFlagRequired("from")
			placeFlags(c, o)
		}},
	{use: "retain", short: "Retire studies whose time is over", run: runArchiveRetain,
		long: `Takes studies out of the catalog and notes that it did; gc then removes their contents. Studies on hold stay.

Exit status: 0 done, 2 no limit was given, 6 not an archive.`,
		flags: func(c *cobra.Command, o *archiveOptions) {
			c.Flags().StringVar(&o.StudyBefore, "study-before", "", "StudyDate before this day, YYYYMMDD")
			c.Flags().DurationVar(&o.IdleFor, "idle-for", 0, "nothing received for this long, as 8760h")
			c.Flags().StringVar(&o.Reason, "reason", "retention", "noted with each study")
			c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only list them")
		}},
}

func placeFlags(c *cobra.Command, o *archiveOptions) {
	o.Config = store.DefaultConfig()
	c.Flags().StringVar(&o.Config.Objects, "objects", o.Config.Objects, "folder or bucket URL of the contents")
	c.Flags().StringVar(&o.Config.Catalog, "catalog", o.Config.Catalog, "SQLite file or postgres URL")
	c.Flags().StringVar(&o.Config.Queue, "queue", o.Config.Queue, "SQLite file, postgres URL or nats URL")
	c.Flags().StringSliceVar(&o.Config.Recipients, "recipient", nil, "age public key to seal contents for")
	c.Flags().Int64Var(&o.Config.Quota, "quota", 0, "bytes of contents; 0: no limit")
	c.Flags().Int64Var(&o.Config.QuotaCount, "quota-count", 0, "number of contents; 0: no limit")
	c.Flags().Int64Var(&o.Config.Reserve, "reserve", o.Config.Reserve, "bytes that stay free on the disk")
}

// withArchive opens the archive for one piece of work.
func withArchive(ctx context.Context, opts archiveOptions, do func(*store.Archive) error) error {
	keys, err := store.ReadKeys(opts.Key)
	if err != nil {
		return err
	}
	a, err := store.Open(ctx, opts.Archive, keys)
	if err != nil {
		return err
	}
	defer a.Close()
	return do(a)
}

// show prints a result, as JSON or in words.
func (o archiveOptions) show(io ioStreams, result any, words string, args ...any) error {
	if o.JSON {
		return json.NewEncoder(io.Out).Encode(result)
	}
	_, err := fmt.Fprintf(io.Out, words+"\n", args...)
	return err
}

func runArchiveInit(_ context.Context, opts archiveOptions, _ ioStreams) error {
	return store.Init(opts.Archive, opts.Config)
}

func runArchiveVerify(ctx context.Context, opts archiveOptions, io ioStreams) error {
	return withArchive(ctx, opts, func(a *store.Archive) error {
		bar := progress.New(io.Err, "contents", -1)
		rep, err := a.Verify(ctx, store.VerifyOptions{Quick: opts.Quick, Progress: func(done int, _ int64) { bar.Set(int64(done)) }})
		bar.Close()
		if err != nil {
			return err
		}
		if err := opts.show(io, rep, "%d contents checked, %d bytes read, %d damaged or missing, %d without a record, %d to collect",
			rep.Checked, rep.Bytes, len(rep.Problems), rep.Orphans, rep.Unwanted); err != nil {
			return err
		}
		return remain(io, opts, rep.Problems)
	})
}

// remain lists what is still wrong, which is a partial success.
func remain(io ioStreams, opts archiveOptions, problems []store.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	if !opts.JSON {
		for _, p := range problems {
			fmt.Fprintf(io.Out, "%-8s %s\n", p.State, p.Digest)
		}
	}
	return fault.New(fault.Partial, "%d contents are damaged or missing", len(problems)).WithHint("cineloop archive repair --backup fetches them from a backup")
}

func runArchiveRepair(ctx context.Context, opts archiveOptions, io ioStreams) error {
	return withArchive(ctx, opts, func(a *store.Archive) error {
		var backup *object.Store
		if opts.Backup != "" {
			keys, err := store.ReadKeys(opts.Key)
			if err != nil {
				return err
			}
			if backup, err = store.BackupObjects(ctx, opts.Backup, keys); err != nil {
				return err
			}
			defer backup.Close()
		}
		rep, err := a.Repair(ctx, ingest.Format, catalog.Provenance{Run: "repair", Origin: "repair", Rules: ingest.Rules}, backup)
		if err != nil {
			return err
		}
		if err := opts.show(io, rep, "%d contents recorded again, %d put in quarantine, %d replaced, %d lost",
			rep.Recorded, rep.Quarantined, rep.Replaced, len(rep.Lost)); err != nil {
			return err
		}
		return remain(io, opts, rep.Lost)
	})
}

func runArchiveCollect(ctx context.Context, opts archiveOptions, io ioStreams) error {
	return withArchive(ctx, opts, func(a *store.Archive) error {
		rep, err := a.Collect(ctx, opts.Grace)
		if err != nil {
			return err
		}
		return opts.show(io, rep, "%d contents removed, %d bytes; %d unfinished", rep.Contents, rep.Bytes, rep.Unfinished)
	})
}

func runArchiveBackup(ctx context.Context, opts archiveOptions, io ioStreams) error {
	return withArchive(ctx, opts, func(a *store.Archive) error {
		rep, err := a.Backup(ctx, opts.Backup)
		if err != nil {
			return err
		}
		return opts.show(io, rep, "%d contents copied, %d were there; %s", rep.Copied, rep.Kept, rep.Catalog)
	})
}

func runArchiveRestore(ctx context.Context, opts archiveOptions, _ ioStreams) error {
	keys, err := store.ReadKeys(opts.Key)
	if err != nil {
		return err
	}
	return store.Restore(ctx, opts.Backup, opts.Archive, opts.Config, keys)
}

func runArchiveRetain(ctx context.Context, opts archiveOptions, io ioStreams) error {
	r := catalog.Retention{StudyBefore: opts.StudyBefore, Reason: opts.Reason}
	if opts.IdleFor > 0 {
		r.ReceivedBefore = time.Now().Add(-opts.IdleFor)
	}
	return withArchive(ctx, opts, func(a *store.Archive) error {
		uids, err := a.Retain(ctx, r, opts.DryRun)
		if err != nil {
			return err
		}
		return opts.show(io, map[string]any{"studies": len(uids)}, "%d studies", len(uids))
	})
}
