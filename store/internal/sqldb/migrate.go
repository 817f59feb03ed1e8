package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"

	"github.com/cineloop/cineloop/internal/fault"
)

// Migrate brings the schema called name up to the newest of the files NNNNN_what.sql in dir, each in a transaction of its own, or up
// to the version given if it is not 0. A database newer than the program is an error with code fault.Conflict.
func (d *DB) Migrate(ctx context.Context, name string, dir fs.FS, to int64) error {
	steps, newest, err := d.steps(dir)
	if err != nil {
		return err
	}
	if to == 0 {
		to = newest
	}
	opts := []goose.ProviderOption{goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true)}
	dialect := database.DialectSQLite3
	if d.Dialect == PostgreSQL {
		dialect = database.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	versions, err := database.NewStore(dialect, name+"_versions")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider("", d.Write, nil, append(opts, goose.WithStore(versions))...)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		_, err = p.UpTo(ctx, to)
		if err == nil || try == 3 || ctx.Err() != nil {
			break
		}
		time.Sleep(200 * time.Millisecond) // another process may have been first: look again
	}
	if err != nil {
		return Wrap(err, "bringing the %s's schema up to version %d", name, to)
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	if have > newest {
		return fault.New(fault.Conflict, "the %s has schema version %d, this program knows %d", name, have, newest).
			WithHint("use the newer cineloop that wrote it")
	}
	return nil
}

func (d *DB) steps(dir fs.FS) (steps []*goose.Migration, newest int64, err error) {
	names, err := fs.Glob(dir, "*.sql")
	if err != nil {
		return nil, 0, err
	}
	for _, n := range names {
		number, _, _ := strings.Cut(path.Base(n), "_")
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, 0, fmt.Errorf("migration %s has no number", n)
		}
		text, err := fs.ReadFile(dir, n)
		if err != nil {
			return nil, 0, err
		}
		statements := d.statements(string(text))
		steps = append(steps, goose.NewGoMigration(v, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			for _, s := range statements {
				if _, err := tx.ExecContext(ctx, s); err != nil {
					return fmt.Errorf("%s: %w", n, err)
				}
			}
			return nil
		}}, nil))
		newest = max(newest, v)
	}
	return steps, newest, nil
}

// statements splits a schema file at semicolons that end a line and fills in what the dialects spell differently.
func (d *DB) statements(text string) []string {
	kinds := strings.NewReplacer("{{text}}", "TEXT", "{{bytes}}", "BLOB")
	if d.Dialect == PostgreSQL {
		kinds = strings.NewReplacer("{{text}}", `TEXT COLLATE "C"`, "{{bytes}}", "BYTEA")
	}
	var out []string
	for s := range strings.SplitSeq(kinds.Replace(text), ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
