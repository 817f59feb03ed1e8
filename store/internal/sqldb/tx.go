package sqldb

import (
	"context"
	"database/sql"
	"time"
)

// Tx is a transaction that takes statements with ?.
type Tx struct {
	*sql.Tx
	db    *DB
	plain bool // statements are sent as text
}

// statement is q, parsed once for the life of the connection: parsing is half the cost of a small statement in SQLite. It takes only
// texts that are written in the program, of which there are few. PostgreSQL's driver does the same by itself.
func (t *Tx) statement(ctx context.Context, q string) (*sql.Stmt, error) {
	if s, ok := t.db.prepared.Load(q); ok {
		return t.StmtContext(ctx, s.(*sql.Stmt)), nil
	}
	s, err := t.db.Write.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	if old, loaded := t.db.prepared.LoadOrStore(q, s); loaded {
		s.Close()
		s = old.(*sql.Stmt)
	}
	return t.StmtContext(ctx, s), nil
}

// Exec runs a statement, with ? for parameters.
func (t *Tx) Exec(ctx context.Context, q string, args ...any) (sql.Result, error) {
	if t.plain {
		return t.ExecContext(ctx, t.db.Q(q), args...)
	}
	s, err := t.statement(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

// Query runs a statement that gives rows.
func (t *Tx) Query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	if t.plain {
		return t.QueryContext(ctx, t.db.Q(q), args...)
	}
	s, err := t.statement(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// QueryRow runs a statement that gives one row.
func (t *Tx) QueryRow(ctx context.Context, q string, args ...any) *sql.Row {
	if !t.plain {
		if s, err := t.statement(ctx, q); err == nil {
			return s.QueryRowContext(ctx, args...)
		}
	}
	return t.QueryRowContext(ctx, t.db.Q(q), args...)
}

// tries is how often a transaction is begun anew after meeting another writer.
const tries = 8

// Update runs fn in a transaction and commits it. Where two writers met, fn runs again from the start: it must not have effects
// outside that cannot be repeated.
func (d *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	if d.Dialect == SQLite {
		d.writing.Lock()
		defer d.writing.Unlock()
	}
	var err error
	for i := range tries {
		if err = d.once(ctx, d.Write, nil, fn); err == nil || !retryable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(1<<i) * time.Millisecond):
		}
	}
	return err
}

// Snapshot runs fn on an unchanging view of the database.
func (d *DB) Snapshot(ctx context.Context, fn func(*Tx) error) error {
	return d.once(ctx, d.Read, &sql.TxOptions{ReadOnly: true, Isolation: d.snapshotLevel()}, fn)
}

func (d *DB) snapshotLevel() sql.IsolationLevel {
	if d.Dialect == PostgreSQL {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault // a read transaction of SQLite in WAL mode is a snapshot
}

func (d *DB) once(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(*Tx) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := fn(&Tx{tx, d, d.Dialect != SQLite || db != d.Write}); err != nil {
		return err
	}
	return tx.Commit()
}

// Share and Alone exclude each other between transactions that name the same table: any number share, or one is alone. On SQLite
// every writing transaction is alone already.
func (t *Tx) Share(ctx context.Context, table string) error {
	if t.db.Dialect == SQLite {
		return nil
	}
	_, err := t.ExecContext(ctx, "LOCK TABLE "+table+" IN ROW EXCLUSIVE MODE")
	return err
}

// Alone waits until no other transaction shares the table and keeps them out until this one ends.
func (t *Tx) Alone(ctx context.Context, table string) error {
	if t.db.Dialect == SQLite {
		return nil
	}
	_, err := t.ExecContext(ctx, "LOCK TABLE "+table+" IN SHARE ROW EXCLUSIVE MODE")
	return err
}

// SkipLocked ends a subselect of rows that this transaction takes: others pass over them instead of waiting.
func (d *DB) SkipLocked() string {
	if d.Dialect == SQLite {
		return ""
	}
	return " FOR UPDATE SKIP LOCKED"
}

// Now is the database's clock in milliseconds since 1970: for PostgreSQL the server's, so that all hosts agree.
func (t *Tx) Now(ctx context.Context) (int64, error) {
	if t.db.Dialect == SQLite {
		return time.Now().UnixMilli(), nil
	}
	var ms int64
	err := t.QueryRowContext(ctx, "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)").Scan(&ms)
	return ms, err
}
