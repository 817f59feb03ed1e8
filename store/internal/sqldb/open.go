package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/cineloop/cineloop/internal/fault"
)

// Dialect is one of the two SQLs.
type Dialect string

// The dialects.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// DB is an open database. Writes go through [DB.Update], reads through Read and [DB.Snapshot].
type DB struct {
	Dialect Dialect
	Write   *sql.DB
	Read    *sql.DB
	rebound sync.Map // statement with ? → with $n

	writing  sync.Mutex // SQLite has one writer: in this process they queue here, between processes by its own locks
	prepared sync.Map   // statement → *sql.Stmt of Write
}

// sqlitePragmas: readers never wait for the writer (WAL); a commit is on the disk when it returns (synchronous FULL); LIKE compares
// as PostgreSQL does.
const sqlitePragmas = "_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(15000)&_pragma=foreign_keys(1)" +
	"&_pragma=case_sensitive_like(1)&_time_format=sqlite"

// openTimeout is how long another process may keep a new SQLite file to itself, as busy_timeout is for everything later.
const openTimeout = 15 * time.Second

// Open opens a database by URL: postgres://…, sqlite:///file, or a plain path for SQLite.
func Open(ctx context.Context, location string) (*DB, error) {
	scheme, rest, found := strings.Cut(location, "://")
	switch {
	case !found:
		return openSQLite(ctx, location)
	case scheme == "sqlite":
		return openSQLite(ctx, rest)
	case scheme == "postgres" || scheme == "postgresql":
		return openPostgreSQL(ctx, location)
	}
	return nil, fault.New(fault.Usage, "no database speaks %q", scheme+"://").WithHint("known: sqlite://, postgres:// or a plain file")
}

func openSQLite(ctx context.Context, path string) (*DB, error) {
	if path == "" {
		return nil, fault.New(fault.Usage, "a SQLite database needs a file")
	}
	// The file is made here so that it is for its owner alone; SQLite gives its journals the same rights.
	if f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fault.New(fault.NotFound, "opening the database: %w", err)
	} else {
		f.Close()
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := "file:" + (&url.URL{Path: abs}).EscapedPath() + "?" + sqlitePragmas
	db := &DB{Dialect: SQLite}
	if db.Write, err = sql.Open("sqlite", dsn+"&_txlock=immediate"); err != nil {
		return nil, err
	}
	db.Write.SetMaxOpenConns(2) // one in a transaction; another for Prepare in the meantime
	if err := settle(ctx, db.Write); err != nil {
		db.Write.Close()
		return nil, fault.New(fault.Input, "opening the database: %w", err)
	}
	if db.Read, err = sql.Open("sqlite", dsn+"&_pragma=query_only(1)"); err != nil {
		db.Write.Close()
		return nil, err
	}
	db.Read.SetMaxOpenConns(8)
	return db, nil
}

// settle makes the first connection. A new file becomes one with a write-ahead log then, which needs it for itself for a moment: SQLite does
// not wait there for another process that does the same, whatever the busy timeout.
func settle(ctx context.Context, db *sql.DB) (err error) {
	last := time.Now().Add(openTimeout)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		if err = db.PingContext(ctx); err == nil || !retryable(err) || time.Now().After(last) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func openPostgreSQL(ctx context.Context, location string) (*DB, error) {
	p, err := sql.Open("pgx", location)
	if err != nil {
		return nil, fault.New(fault.Usage, "the PostgreSQL URL cannot be read") // the driver's error may hold the password
	}
	p.SetMaxOpenConns(16)
	p.SetMaxIdleConns(8)
	if err := p.PingContext(ctx); err != nil {
		p.Close()
		return nil, fault.New(fault.Missing, "reaching PostgreSQL: %w", err).WithHint("is the server up, and may this user connect?")
	}
	return &DB{Dialect: PostgreSQL, Write: p, Read: p}, nil
}

// Close closes the database.
func (d *DB) Close() error {
	if d.Dialect == SQLite {
		d.Read.Close()
	}
	return d.Write.Close()
}

// Q is a statement in the database's own parameter style.
func (d *DB) Q(statement string) string {
	if d.Dialect == SQLite {
		return statement
	}
	if v, ok := d.rebound.Load(statement); ok {
		return v.(string)
	}
	var b strings.Builder
	for i, n := 0, 0; i < len(statement); i++ {
		if statement[i] == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
		} else {
			b.WriteByte(statement[i])
		}
	}
	d.rebound.Store(statement, b.String())
	return b.String()
}

// Marks is n parameters in brackets: (?, ?, ?).
func Marks(n int) string { return "(" + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + ")" }

// Wrap says where a database error happened and gives it a code.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	where := fmt.Sprintf(format, args...)
	if full(err) {
		return fault.New(fault.Resource, "%s: %w", where, err).WithHint("free some space and repeat; what was acknowledged is safe")
	}
	return fmt.Errorf("%s: %w", where, err)
}
