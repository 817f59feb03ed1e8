package sqldb

import (
	"context"
	"database/sql"
	"time"
)

// Tx is a transaction that takes statements with ?.
type Tx struct {
	*sql.Tx
	db *DB
}

// Exec, Query and QueryRow are those of database/sql with ? for parameters.
func (t *Tx) Exec(ctx context.Context, q string, args ...any) (sql.Result, error) {
	return t.ExecContext(ctx, t.db.Q(q), args...)
}

// Query runs a statement that gives rows.
func (t *Tx) Query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	return t.QueryContext(ctx, t.db.Q(q), args...)
}

// QueryRow runs a statement that gives one row.
func (t *Tx) QueryRow(ctx context.Context, q string, args ...any) *sql.Row {
	return t.QueryRowContext(ctx, t.db.Q(q), args...)
}

// tries is how often a transaction is begun anew after meeting another writer.
const tries = 8

// Update runs fn in a transaction and commits it. Where two writers met, fn runs again from the start: it must not have effects
// outside that cannot be repeated.
func (d *DB) Update(ctx context.Context, fn func(*Tx) error) error {
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
	if err := fn(&Tx{tx, d}); err != nil {
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
