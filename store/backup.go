package store

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// A backup is a folder with contents, objects/, and one catalog file for each time it was made, catalog-20060102T150405.jsonl.zst
// (.age behind it if the archive is sealed). Contents are added, never replaced: repeated backups cost what is new. A catalog file
// is written last and whole; one that is there can be restored.
const (
	backupObjects = "objects"
	backupForm    = "catalog-20060102T150405.000.jsonl.zst"
)

// BackupObjects opens the contents of a backup.
func BackupObjects(ctx context.Context, dir string, keys Keys) (*object.Store, error) {
	if _, err := os.Stat(filepath.Join(dir, backupObjects)); err != nil {
		return nil, fault.New(fault.NotFound, "%s holds no backup", dir)
	}
	return object.Open(ctx, filepath.Join(dir, backupObjects), object.Options{Identities: keys.Identities})
}

// BackupReport is what Backup did.
type BackupReport struct {
	Catalog string // name of the catalog file
	Copied  int    // contents that were new
	Kept    int    // contents that were there
}

// Backup brings the backup in dir up to date.
func (a *Archive) Backup(ctx context.Context, dir string) (BackupReport, error) {
	var rep BackupReport
	dst, err := object.Open(ctx, filepath.Join(dir, backupObjects), object.Options{})
	if err != nil {
		return rep, err
	}
	defer dst.Close()
	// The catalog first, into memory's stead a temporary: contents recorded later are not in it, those in it are copied below. One that
	// is collected in between was retired in between, and the next backup says so.
	tmp, err := os.CreateTemp(dir, ".tmp-catalog-*")
	if err != nil {
		return rep, fmt.Errorf("backing up: %w", err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := a.export(ctx, tmp); err != nil {
		return rep, fmt.Errorf("backing up the catalog: %w", object.Explain(err))
	}
	var known []catalog.Kept
	for k, err := range a.Catalog.Objects(ctx) {
		if err != nil {
			return rep, err
		}
		known = append(known, k)
	}
	copied := make([]bool, len(known))
	index := make([]int, len(known))
	for i := range index {
		index[i] = i
	}
	err = parallel(ctx, index, func(i int) (err error) {
		if copied[i], err = a.Objects.CopyTo(ctx, dst, known[i].Digest); fault.CodeOf(err) == fault.NotFound || fault.CodeOf(err) == fault.Input {
			return a.lost(ctx, known[i], err)
		}
		return err
	})
	if err != nil {
		return rep, err
	}
	for _, c := range copied {
		if c {
			rep.Copied++
		} else {
			rep.Kept++
		}
	}
	if rep.Catalog, err = nextName(dir, time.Now()); err != nil {
		return rep, err
	}
	if len(a.cfg.Recipients) > 0 {
		rep.Catalog += ".age"
	}
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
		return rep, err
	}
	return rep, object.Explain(atomicfile.Write(filepath.Join(dir, rep.Catalog), func(w io.Writer) error {
		_, err := io.Copy(w, tmp)
		return err
	}))
}

// catalogs are the names of a backup's catalog files, oldest first.
func catalogs(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "catalog-*.jsonl.zst*"))
	slices.Sort(names)
	return names, err
}

// nextName is a name for a catalog file that sorts after all that are there, also when the clock has gone back since they were made:
// the newest is the one that is restored.
func nextName(dir string, now time.Time) (string, error) {
	names, err := catalogs(dir)
	if err != nil {
		return "", err
	}
	now = now.UTC().Truncate(time.Millisecond)
	if len(names) > 0 {
		newest, _, _ := strings.Cut(filepath.Base(names[len(names)-1]), ".age")
		if last, err := time.Parse(backupForm, newest); err == nil && !now.After(last) {
			now = last.Add(time.Millisecond)
		}
	}
	return now.Format(backupForm), nil
}

// lost decides about a content that cannot be copied: garbage may go, damage that is known is known, anything else stops the backup.
func (a *Archive) lost(ctx context.Context, k catalog.Kept, err error) error {
	now, lookErr := a.Catalog.Object(ctx, k.Digest)
	if fault.CodeOf(lookErr) == fault.NotFound || lookErr == nil && now.State != catalog.Good {
		return nil
	}
	return fmt.Errorf("backing up: %w", err)
}

func (a *Archive) export(ctx context.Context, w io.Writer) error {
	recipients, err := a.cfg.recipients()
	if err != nil {
		return err
	}
	var seal io.WriteCloser
	if len(recipients) > 0 {
		if seal, err = age.Encrypt(w, recipients...); err != nil {
			return err
		}
		w = seal
	}
	z, err := zstd.NewWriter(w)
	if err != nil {
		return err
	}
	if err := a.Catalog.Export(ctx, z); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if seal != nil {
		return seal.Close()
	}
	return nil
}

// Restore makes a new archive in dir, with the given configuration, from the newest catalog of a backup and its contents. The new
// archive may use another database or bucket than the old one. A dir that is an archive already is an error with code fault.Conflict.
func Restore(ctx context.Context, backup, dir string, cfg Config, keys Keys) error {
	names, err := catalogs(backup)
	if err != nil || len(names) == 0 {
		return fault.New(fault.NotFound, "%s holds no backup", backup)
	}
	newest := names[len(names)-1]
	if _, err := os.Stat(filepath.Join(dir, ConfigFile)); err == nil {
		return fault.New(fault.Conflict, "%s is an archive already", dir).WithHint("restore into a new folder")
	}
	src, err := BackupObjects(ctx, backup, keys)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	a, err := openConfig(ctx, dir, cfg, keys)
	if err != nil {
		return err
	}
	defer a.Close()
	var list []object.Digest
	for info, err := range src.All(ctx) {
		if err != nil {
			return err
		}
		list = append(list, info.Digest)
	}
	if err := parallel(ctx, list, func(d object.Digest) error {
		_, err := src.CopyTo(ctx, a.Objects, d)
		return err
	}); err != nil {
		return err
	}
	if err := a.importFile(ctx, newest, keys); err != nil {
		return err
	}
	return Init(dir, cfg) // last: only now it is an archive
}

func (a *Archive) importFile(ctx context.Context, path string, keys Keys) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".age") {
		if len(keys.Identities) == 0 {
			return fault.New(fault.Missing, "the backup is sealed and no identity was given").WithHint("name the key file that holds the age identity")
		}
		if r, err = age.Decrypt(f, keys.Identities...); err != nil {
			return fault.New(fault.Input, "opening the backup's catalog: %w", err)
		}
	}
	z, err := zstd.NewReader(r)
	if err != nil {
		return err
	}
	defer z.Close()
	return a.Catalog.Import(ctx, z)
}
