package queue

import (
	"context"
	"embed"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/internal/sqldb"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// sqlQueue is a queue in a table. States: ready (due when its pause ends), leased (due when the lease ends), done, dead.
type sqlQueue struct {
	db   *sqldb.DB
	opts Options
}

func openSQL(ctx context.Context, location string, opts Options) (Queue, error) {
	db, err := sqldb.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	dir, err := fs.Sub(schemaFiles, "schema")
	if err == nil {
		err = db.Migrate(ctx, "queue", dir, 0)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return &sqlQueue{db, opts}, nil
}

func (q *sqlQueue) Close() error { return q.db.Close() }

// update runs fn in a transaction with the database's time in milliseconds.
func (q *sqlQueue) update(ctx context.Context, what string, fn func(tx *sqldb.Tx, now int64) error) error {
	return sqldb.Wrap(q.db.Update(ctx, func(tx *sqldb.Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		return fn(tx, now)
	}), "%s", what)
}

func (q *sqlQueue) Push(ctx context.Context, tasks ...Task) (added int, err error) {
	err = q.update(ctx, "pushing tasks", func(tx *sqldb.Tx, now int64) error {
		added = 0
		for _, t := range tasks {
			payload := t.Payload
			if payload == nil {
				payload = []byte{}
			}
			res, err := tx.Exec(ctx, `INSERT INTO tasks (topic, key, payload, state, attempt, due, changed, reason) VALUES (?, ?, ?, 'ready', 0, ?, ?, '')
				ON CONFLICT (topic, key) DO NOTHING`, q.opts.Topic, t.Key, payload, now, now)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			added += int(n)
		}
		return nil
	})
	return added, err
}

func (q *sqlQueue) Pull(ctx context.Context, n int) ([]Delivery, error) {
	var out []Delivery
	err := q.update(ctx, "pulling tasks", func(tx *sqldb.Tx, now int64) error {
		out = nil
		leased, err := q.lease(ctx, tx, n, now)
		if err != nil {
			return err
		}
		for _, d := range leased {
			if d.Attempt <= q.opts.Attempts {
				out = append(out, d)
				continue
			}
			if err := q.bury(ctx, tx, d, d.Attempt-1, now, reasonDied); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// dueWays are the ways in which a task may be leased now, each a range of the index on (topic, state, due, key), so that what is done costs
// the others nothing. Moments are those of a clock, which may have gone back since they were written: a task that was never tried waits for
// nothing, and one that would have to wait longer than any pause or lease is due.
var dueWays = []string{
	`state = 'ready' AND due <= ?`,
	`state = 'leased' AND due <= ?`,
	`state = 'ready' AND due > ? AND (attempt = 0 OR due > ?)`,
	`state = 'leased' AND due > ?`,
}

// dueArgs are the moments of dueWays, way by way.
func (q *sqlQueue) dueArgs(now int64) [][]any {
	const drift = 1000 // ms
	return [][]any{{now}, {now}, {now, now + longestPause.Milliseconds() + drift}, {now + q.opts.Lease.Milliseconds() + drift}}
}

// dueKeys selects the keys of the first n tasks that are due, by due and key.
func (q *sqlQueue) dueKeys(n int, now int64) (query string, args []any) {
	var ways []string
	for i, moments := range q.dueArgs(now) {
		ways = append(ways, `SELECT key, due FROM (SELECT key, due FROM tasks WHERE topic = ? AND `+dueWays[i]+` ORDER BY due, key LIMIT ?`+q.db.SkipLocked()+`) AS way`)
		args = append(append(append(args, q.opts.Topic), moments...), n)
	}
	return `SELECT key FROM (` + strings.Join(ways, ` UNION ALL `) + `) AS ways ORDER BY due, key LIMIT ?`, append(args, n)
}

func (q *sqlQueue) lease(ctx context.Context, tx *sqldb.Tx, n int, now int64) (out []Delivery, err error) {
	started := time.Now()
	keys, args := q.dueKeys(n, now)
	rows, err := tx.Query(ctx, `UPDATE tasks SET state = 'leased', attempt = attempt + 1, due = ?, changed = ?
		WHERE topic = ? AND key IN (`+keys+`) RETURNING key, payload, attempt`,
		append([]any{now + q.opts.Lease.Milliseconds(), now, q.opts.Topic}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		d := Delivery{Deadline: started.Add(q.opts.Lease)}
		if err := rows.Scan(&d.Key, &d.Payload, &d.Attempt); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// owned changes the task of a delivery if its lease is still held.
func (q *sqlQueue) owned(ctx context.Context, tx *sqldb.Tx, d Delivery, now int64, set string, args ...any) error {
	args = append(args, now, q.opts.Topic, d.Key, d.Attempt, now)
	res, err := tx.Exec(ctx, `UPDATE tasks SET `+set+`, changed = ? WHERE topic = ? AND key = ? AND state = 'leased' AND attempt = ? AND due > ?`, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return ErrLeaseLost
	}
	return nil
}

func (q *sqlQueue) bury(ctx context.Context, tx *sqldb.Tx, d Delivery, attempts int, now int64, reason string) error {
	return q.owned(ctx, tx, d, now, `state = 'dead', attempt = ?, reason = ?`, attempts, reason)
}

func (q *sqlQueue) Extend(ctx context.Context, d *Delivery) error {
	started := time.Now()
	err := q.update(ctx, "extending a lease", func(tx *sqldb.Tx, now int64) error {
		return q.owned(ctx, tx, *d, now, `due = ?`, now+q.opts.Lease.Milliseconds())
	})
	if err == nil {
		d.Deadline = started.Add(q.opts.Lease)
	}
	return err
}

func (q *sqlQueue) Done(ctx context.Context, d Delivery) error {
	return q.update(ctx, "finishing a task", func(tx *sqldb.Tx, now int64) error {
		return q.owned(ctx, tx, d, now, `state = 'done'`)
	})
}

func (q *sqlQueue) Retry(ctx context.Context, d Delivery, reason string) error {
	return q.update(ctx, "giving a task back", func(tx *sqldb.Tx, now int64) error {
		if d.Attempt >= q.opts.Attempts {
			return q.bury(ctx, tx, d, d.Attempt, now, reason)
		}
		return q.owned(ctx, tx, d, now, `state = 'ready', due = ?, reason = ?`, now+q.opts.pause(d.Attempt).Milliseconds(), reason)
	})
}

func (q *sqlQueue) Kill(ctx context.Context, d Delivery, reason string) error {
	return q.update(ctx, "giving a task up", func(tx *sqldb.Tx, now int64) error { return q.bury(ctx, tx, d, d.Attempt, now, reason) })
}

func (q *sqlQueue) Dead(ctx context.Context) (out []DeadTask, err error) {
	rows, err := q.db.Read.QueryContext(ctx, q.db.Q(`SELECT key, payload, attempt, reason FROM tasks WHERE topic = ? AND state = 'dead' ORDER BY key`), q.opts.Topic)
	if err != nil {
		return nil, sqldb.Wrap(err, "listing dead letters")
	}
	defer rows.Close()
	for rows.Next() {
		var d DeadTask
		if err := rows.Scan(&d.Key, &d.Payload, &d.Attempts, &d.Reason); err != nil {
			return nil, sqldb.Wrap(err, "listing dead letters")
		}
		out = append(out, d)
	}
	return out, sqldb.Wrap(rows.Err(), "listing dead letters")
}

func (q *sqlQueue) Revive(ctx context.Context, key string) error {
	return q.update(ctx, "reviving a task", func(tx *sqldb.Tx, now int64) error {
		res, err := tx.Exec(ctx, `UPDATE tasks SET state = 'ready', attempt = 0, due = ?, changed = ?, reason = '' WHERE topic = ? AND key = ? AND state = 'dead'`,
			now, now, q.opts.Topic, key)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fault.New(fault.NotFound, "no dead letter has this key")
		}
		return nil
	})
}

func (q *sqlQueue) Forget(ctx context.Context, before time.Time) (n int, err error) {
	err = q.update(ctx, "forgetting tasks", func(tx *sqldb.Tx, _ int64) error {
		res, err := tx.Exec(ctx, `DELETE FROM tasks WHERE topic = ? AND state = 'done' AND changed < ?`, q.opts.Topic, before.UnixMilli())
		if err != nil {
			return err
		}
		k, err := res.RowsAffected()
		n = int(k)
		return err
	})
	return n, err
}

func (q *sqlQueue) Stats(ctx context.Context) (s Stats, err error) {
	err = q.update(ctx, "counting tasks", func(tx *sqldb.Tx, now int64) error {
		due := `((` + strings.Join(dueWays, `) OR (`) + `))`
		moments := slices.Concat(q.dueArgs(now)...)
		return tx.QueryRow(ctx, `SELECT COUNT(CASE WHEN `+due+` THEN 1 END),
			COUNT(CASE WHEN state IN ('ready', 'leased') AND NOT `+due+` THEN 1 END),
			COUNT(CASE WHEN state = 'done' THEN 1 END), COUNT(CASE WHEN state = 'dead' THEN 1 END) FROM tasks WHERE topic = ?`,
			append(append(moments, moments...), q.opts.Topic)...).Scan(&s.Ready, &s.Pending, &s.Done, &s.Dead)
	})
	return s, err
}
